// run: runs spec files, a process each and two at a time, and prints one line per test.
//
//   node spec/host/run.mjs [FILE…]        all of spec/host when none is named
//
// The last line is "N passed, N failed, N skipped". MOONBUS_BIN names the binary, MOONBUS_RELEASE_BIN
// the one for specs about memory.
import fs from "node:fs";
import path from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const named = process.argv.slice(2).map((file) => path.resolve(file));
const files = named.length
  ? named
  : fs
      .readdirSync(here)
      .filter((name) => name.endsWith(".spec.mjs"))
      .map((name) => path.join(here, name))
      .sort();

// Ended from outside: the test processes end, too, and they end their hosts.
const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => {
    abort.abort();
    setTimeout(() => process.exit(1), 1000);
  });

const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

function runFile(file) {
  const name = path.basename(file).replace(/\.spec\.mjs$/, "");
  let below = 0; // nesting of the event before: a deeper one means that this event is a group
  let seen = 0; // tests of this file

  const report = (kind, event) => {
    const group = below > event.nesting;
    below = event.nesting;
    const error = event.details?.error;
    const whole = path.resolve(event.name) === file;
    // Groups, and the file as a whole, repeat what their tests said, unless they broke by themselves.
    if ((group || whole) && (kind === "pass" || error?.failureType === "subtestsFailed")) return;
    if (whole && kind === "fail" && seen > 0 && /test failed/.test(error?.message) && failed > 0)
      return;
    const title = whole ? name : `${name} › ${event.name}`;
    seen++;
    if (event.skip !== undefined || event.todo !== undefined) {
      totals.skipped++;
      console.log(`skip ${title}${typeof event.skip === "string" ? ` # ${event.skip}` : ""}`);
    } else if (kind === "pass") {
      totals.passed++;
      console.log(`ok ${title} (${Math.round(event.details.duration_ms)} ms)`);
    } else {
      totals.failed++;
      failed++;
      const cause = error?.cause ?? error;
      const why = (whole ? noise : "") + String(cause?.stack ?? cause);
      const text = `not ok ${title}\n    ${why.split("\n").join("\n    ")}`;
      console.log(text);
      failures.push(text);
    }
  };

  let failed = 0;
  let noise = ""; // what the file said on its standard error
  return new Promise((resolve) => {
    const stream = run({ files: [file], timeout: 7_200_000, signal: abort.signal });
    stream.on("test:pass", (event) => report("pass", event));
    stream.on("test:fail", (event) => report("fail", event));
    stream.on("test:stderr", (event) => (noise += event.message));
    stream.on("end", () => {
      if (seen === 0) {
        totals.failed++;
        failures.push(`not ok ${name} ran no test`);
      }
      resolve();
    });
    stream.resume();
  });
}

const queue = [...files];
const lane = async () => {
  while (queue.length) await runFile(queue.shift());
};
await Promise.all([lane(), lane()]);

if (failures.length) console.log(`\n${failures.join("\n")}\n`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
