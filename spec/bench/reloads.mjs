// reloads: what a reload takes while requests flow, and what those requests notice of it.
import fs from "node:fs";
import path from "node:path";

import { CONNECTIONS, measure, rounds, seconds } from "./lib/load.mjs";
import { startMoonbus } from "./lib/servers.mjs";
import { median, micros, printTable, spread, thousands } from "./lib/table.mjs";

const PAUSE = 200; // ms between reloads

/** Reloads one service until it is told to stop; milliseconds of each, as the one who asked sees it. */
function keepReloading(moonbus, home) {
  const { secret } = JSON.parse(fs.readFileSync(path.join(home, "host.json"), "utf8"));
  const times = [];
  let stop = false;
  const work = (async () => {
    while (!stop) {
      const began = process.hrtime.bigint();
      const answer = await fetch(`${moonbus.adminUrl}/reload?service=bench&force=1`, {
        method: "POST",
        headers: { Authorization: `Bearer ${secret}` },
      });
      if (answer.status !== 200) throw new Error(await answer.text());
      times.push(Number(process.hrtime.bigint() - began) / 1e6);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    return times;
  })();
  return {
    end() {
      stop = true;
      return work;
    },
  };
}

export async function reloads(binary, scratch, filter) {
  if (!"reloads under load".includes(filter)) return false;
  const moonbus = await startMoonbus(binary, scratch);
  const url = `${moonbus.url}/bench.example/hello`;
  const quiet = [];
  const stirred = [];
  const times = [];
  await measure(moonbus, url, { duration: 1 });
  for (let round = 0; round < rounds; round++) {
    quiet.push(await measure(moonbus, url));
    const reloading = keepReloading(moonbus, path.join(scratch, "moonbus/home"));
    stirred.push(await measure(moonbus, url));
    times.push(...(await reloading.end()));
  }
  const rows = Object.entries({ undisturbed: quiet, reloaded: stirred }).map(([label, results]) => {
    const of = (key) => results.map((result) => result[key]);
    return [
      label,
      thousands(median(of("rate"))),
      micros(median(of("p50"))),
      micros(median(of("p99"))),
      median(of("cpu")).toFixed(2),
      of("errors").reduce((sum, n) => sum + n, 0),
    ];
  });
  console.log(
    `A small Lua service under load (${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s), as it is and with ` +
      `a reload ${PAUSE} ms after the last one.`,
  );
  console.log(
    `A reload: ${spread(times, 1)} ms at ${times.length} reloads, at most ${Math.max(...times).toFixed(1)} ms.\n`,
  );
  printTable(["service", "requests/s", "p50", "p99", "CPU µs/request", "errors"], rows);
  await moonbus.stop();
  return true;
}
