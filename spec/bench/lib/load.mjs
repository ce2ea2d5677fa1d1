// load: runs of wrk, with what they cost the server.
import { fileURLToPath } from "node:url";

import { LOAD_CORE, coreBusy, cpuTime, family, run, which } from "./process.mjs";

export const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
export const seconds = Number(process.env.BENCH_SECONDS ?? 4);
export const CONNECTIONS = 64;

const script = fileURLToPath(new URL("../wrk/report.lua", import.meta.url));

/** One run of wrk: { rate, p50, p99, errors, requests }. */
export async function load(
  url,
  { connections = CONNECTIONS, duration = seconds, method, body } = {},
) {
  const args = ["-t1", `-c${connections}`, `-d${duration}s`, "--timeout", "10s", "-s", script, url];
  const env = {
    ...process.env,
    ...(method && { WRK_METHOD: method }),
    ...(body && { WRK_BODY: body }),
  };
  const output = await run(LOAD_CORE, which("wrk"), args, { env });
  const match = /BENCH requests=(\d+) us=(\d+) p50=(\d+) p99=(\d+) errors=(\d+)/.exec(output);
  if (!match) throw new Error(`wrk said nothing:\n${output}`);
  const [requests, us, p50, p99, errors] = match.slice(1).map(Number);
  return { requests, rate: (requests * 1e6) / us, p50, p99, errors };
}

/** A run with the server's processor time: adds cpu (µs per request) and busy (of the load's core). */
export async function measure(server, url, options) {
  const pids = family(server.pid);
  const mark = coreBusy(LOAD_CORE);
  const before = cpuTime(pids);
  const result = await load(url, options);
  result.cpu = (cpuTime(pids) - before) / Math.max(1, result.requests);
  result.busy = coreBusy(LOAD_CORE, mark);
  return result;
}
