// bench: Moonbus beside nginx, in one run, on one core each.
//
//   ./dev bench [FILTER]       BENCH_ROUNDS=5 BENCH_SECONDS=4 by default
//
// The server is pinned to core 0, load and upstream to core 1. Rounds alternate between the two
// servers, so that a machine that grows slower meanwhile is fair to both. Rates drift; processor time
// per request is the steady figure: utime and stime of all threads of the server, from /proc. A ratio
// above 1 means that Moonbus needs less of it than nginx did in the same round. Nothing here passes or
// fails.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { CONNECTIONS, load, measure, rounds, seconds } from "./lib/load.mjs";
import { LOAD_CORE, SERVER_CORE, cpuTime, family, freePort, memory, run } from "./lib/process.mjs";
import { figure, spawnMoonbus, startMoonbus, startPeer, startUpstream } from "./lib/servers.mjs";
import { median, micros, printTable, spread, thousands } from "./lib/table.mjs";
import { policies } from "./policies.mjs";
import { reloads } from "./reloads.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const binary = path.resolve(
  process.env.MOONBUS_BIN ?? path.join(here, "../../build/release/moonbus"),
);
const filter = process.argv[2] ?? "";
const IDLE = 10_000;

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "moonbus-bench-"));
process.on("exit", () => fs.rmSync(scratch, { recursive: true, force: true }));

const cases = [
  { name: "static answer from C", moonbus: (m) => `${m.adminUrl}/healthz`, peer: "/static" },
  { name: "small answer from Lua", moonbus: (m) => `${m.url}/bench.example/hello`, peer: "/hello" },
  {
    name: "1 KB JSON decoded and encoded in Lua",
    moonbus: (m) => `${m.url}/bench.example/json`,
    peer: "/json",
    options: { method: "POST", body: path.join(here, "payload.json") },
  },
  {
    name: "proxy, 200 bytes of JSON",
    moonbus: (m) => `${m.url}/bench-svc/small`,
    peer: "/bench-svc/small",
  },
  {
    name: "proxy, 200 bytes, 512 connections",
    moonbus: (m) => `${m.url}/bench-svc/small`,
    peer: "/bench-svc/small",
    options: { connections: 512 },
  },
  { name: "proxy, 1 MiB", moonbus: (m) => `${m.url}/bench-svc/large`, peer: "/bench-svc/large" },
];

async function compare() {
  const chosen = cases.filter(({ name }) => name.includes(filter));
  if (chosen.length === 0) return false;
  const upstream = await startUpstream(scratch);
  const peer = await startPeer(scratch, upstream);
  const moonbus = await startMoonbus(binary, scratch, { upstream });
  const rows = [];
  for (const { name, moonbus: target, peer: page, options } of chosen) {
    const sides = [
      { label: "moonbus", server: moonbus, url: target(moonbus), results: [] },
      { label: "nginx", server: peer, url: peer.url + page, results: [] },
    ];
    for (const { url } of sides) await load(url, { ...options, duration: 1 });
    for (let round = 0; round < rounds; round++)
      for (const side of sides) side.results.push(await measure(side.server, side.url, options));
    const ratios = sides[0].results.map((result, i) => sides[1].results[i].cpu / result.cpu);
    sides.forEach(({ label, results }, i) => {
      const of = (key) => results.map((result) => result[key]);
      rows.push([
        i === 0 ? name : "",
        label,
        thousands(median(of("rate"))),
        micros(median(of("p50"))),
        micros(median(of("p99"))),
        median(of("cpu")).toFixed(2),
        i === 0 ? spread(ratios) : "1",
        of("errors").reduce((sum, n) => sum + n, 0),
        `${Math.round(100 * median(of("busy")))} %`,
      ]);
    });
    process.stderr.write(`  ${name}: done\n`);
  }
  console.log(
    `\nOne core each, ${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s, alternating; medians.`,
  );
  console.log("CPU ratio: nginx's processor time per request over Moonbus', with its spread.\n");
  printTable(
    [
      "work",
      "server",
      "requests/s",
      "p50",
      "p99",
      "CPU µs/request",
      "CPU ratio",
      "errors",
      "load core",
    ],
    rows,
  );
  await Promise.all([moonbus.stop(), peer.stop(), upstream.stop()]);
  return true;
}

/** Opens n connections, each of which has had one answer, and calls `look` while they idle. */
async function idleConnections(url, n, look) {
  const { port, pathname, host } = new URL(url);
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const sockets = [];
  const open = () =>
    new Promise((resolve, reject) => {
      const socket = net.connect(Number(port), "127.0.0.1", () => socket.write(request));
      sockets.push(socket);
      socket.once("error", reject);
      socket.once("data", (data) => {
        socket.resume();
        if (data.includes(" 200 ")) resolve();
        else reject(new Error(`no 200: ${data.subarray(0, 200)}`));
      });
    });
  for (let i = 0; i < n; i += 100)
    await Promise.all(Array.from({ length: Math.min(100, n - i) }, open));
  const result = await look();
  for (const socket of sockets) socket.destroy();
  return result;
}

async function memoryUse() {
  if (!"memory".includes(filter)) return false;
  const upstream = await startUpstream(scratch);
  const rows = [];
  const row = async (label, server) => {
    const pids = family(server.pid);
    const idle = memory(pids);
    const url = `${server.url}/bench-svc/small`;
    // Buffers and pools of the first use belong to the server, not to the connections.
    await idleConnections(url, 200, () => {});
    const before = memory(pids);
    const after = await idleConnections(url, IDLE, () => memory(pids));
    const mb = (bytes) => `${(bytes / (1 << 20)).toFixed(1)} MB`;
    rows.push([label, mb(idle), mb(after), `${Math.round((after - before) / IDLE)} B`]);
  };
  const moonbus = await startMoonbus(binary, scratch, { upstream, workers: "0", core: null });
  await row("moonbus, a worker per core", moonbus);
  await moonbus.stop();
  const peer = await startPeer(scratch, upstream);
  await row("nginx, one worker", peer);
  await peer.stop();
  await upstream.stop();
  console.log(
    `Memory (proportional set size); connections: ${thousands(IDLE)}, each after one proxied request.\n`,
  );
  printTable(["memory", "idle", "with connections", "per connection"], rows);
  return true;
}

async function durableWrites() {
  if (!"durable writes".includes(filter)) return false;
  const moonbus = await startMoonbus(binary, scratch);
  const rows = [];
  const rates = {};
  for (const connections of [1, 64]) {
    const url = `${moonbus.url}/bench.example/keep`;
    await load(url, { connections, duration: 1, method: "POST" });
    const results = [];
    const before = await figure(moonbus, "store_commits_total");
    for (let round = 0; round < rounds; round++)
      results.push(await load(url, { connections, method: "POST" }));
    const commits = (await figure(moonbus, "store_commits_total")) - before;
    const of = (key) => results.map((result) => result[key]);
    rates[connections] = of("rate");
    rows.push([
      `${connections} client${connections > 1 ? "s" : ""}`,
      spread(of("rate"), 0),
      micros(median(of("p50"))),
      micros(median(of("p99"))),
      (of("requests").reduce((sum, n) => sum + n, 0) / commits).toFixed(1),
      of("errors").reduce((sum, n) => sum + n, 0),
    ]);
  }
  console.log("Durable writes: one document each, answered after its commit reached the disk.\n");
  printTable(["writes", "per second", "p50", "p99", "per commit", "errors"], rows);
  await moonbus.stop();
  return true;
}

const CALLS = 1000;

/** Has a server make CALLS calls, again and again: calls, and µs of the clock and the processor for each. */
async function makeCalls(server, url) {
  const pids = family(server.pid);
  const before = cpuTime(pids);
  const began = process.hrtime.bigint();
  let calls = 0;
  let us;
  do {
    const response = await fetch(url);
    const { sum } = await response.json();
    if (sum !== CALLS) throw new Error(`${url} gave ${sum}, not ${CALLS}`);
    calls += CALLS;
    us = Number(process.hrtime.bigint() - began) / 1000;
  } while (us < seconds * 1e6);
  return { wall: us / calls, cpu: (cpuTime(pids) - before) / calls };
}

/** Calls from one Lua service to another, and what else one could do. All on one worker. */
async function calls() {
  if (!"calls between services".includes(filter)) return false;
  const upstream = await startUpstream(scratch);
  const peer = await startPeer(scratch, upstream);
  const moonbus = await startMoonbus(binary, scratch);
  const caller = `${moonbus.url}/caller.example`;
  const own = encodeURIComponent(`${moonbus.url}/callee.example/add`);
  const ways = [
    { name: "over the bus", server: moonbus, url: `${caller}/call?n=${CALLS}` },
    { name: "HTTP to the own door", server: moonbus, url: `${caller}/ask?n=${CALLS}&url=${own}` },
    { name: "nginx, location.capture", server: peer, url: `${peer.url}/calls?n=${CALLS}` },
  ];
  for (const way of ways) {
    way.results = [];
    await (await fetch(way.url)).text();
  }
  for (let round = 0; round < rounds; round++)
    for (const way of ways) way.results.push(await makeCalls(way.server, way.url));
  const rows = ways.map(({ name, results }) => {
    const of = (key) => results.map((result) => result[key]);
    const ratios = results.map((result, i) => result.cpu / ways[0].results[i].cpu);
    return [
      name,
      thousands(1e6 / median(of("wall"))),
      spread(of("wall")),
      spread(of("cpu")),
      spread(ratios, 1),
    ];
  });
  console.log(
    `Calls between two Lua services on one worker, one after the other, ${CALLS} each time.`,
  );
  console.log("CPU ratio: processor time per call over that of a call over the bus.\n");
  printTable(["calls", "per second", "µs/call", "CPU µs/call", "CPU ratio"], rows);
  await Promise.all([moonbus.stop(), peer.stop(), upstream.stop()]);
  return true;
}

async function startUp() {
  if (!"start-up".includes(filter)) return false;
  const times = [];
  const first = await startMoonbus(binary, scratch); // makes the key and the database
  await first.stop();
  for (let i = 0; i < 10; i++) {
    const [port, adminPort] = [await freePort(), await freePort()];
    const began = process.hrtime.bigint();
    const server = spawnMoonbus(binary, scratch, port, adminPort, "0", null);
    await firstAnswer(port, server);
    times.push(Number(process.hrtime.bigint() - began) / 1e6);
    await server.stop();
  }
  console.log(
    `Start-up with an existing key, from spawn to the first answered request: ${spread(times, 1)} ms, 10 starts.\n`,
  );
  return true;
}

/** Asks again and again without a pause, so that the answer is not late by one. */
async function firstAnswer(port, server) {
  let ended = false;
  server.ended.then(() => (ended = true));
  while (!ended) {
    const ok = await new Promise((resolve) => {
      http
        .get(
          { port, host: "127.0.0.1", path: "/user-svc/public-key", agent: false },
          (response) => {
            response.resume().on("end", () => resolve(response.statusCode === 200));
          },
        )
        .on("error", () => setImmediate(resolve, false));
    });
    if (ok) return;
  }
  throw new Error(`the host ended:\n${server.output}`);
}

/** A declaration of n functions with an argument of each common kind. */
function declarationOf(n) {
  const functions = Array.from(
    { length: n },
    (_, i) =>
      `  - signature: Handle${i}(id string, count int, item *Item${i % 10}) (items []Item${i % 10}, ok bool)\n` +
      `    description: Handle${i} does what it is called for, and says so in a sentence.\n` +
      `    path: /items/{id}/handle-${i}\n`,
  );
  return `general:\n  host: gen.example\n\nfunctions:\n${functions.join("")}`;
}

/** Milliseconds of one `moonbus gen`, from spawn to end. */
async function generate(cwd) {
  const began = process.hrtime.bigint();
  await run(SERVER_CORE, binary, ["gen"], { cwd });
  return Number(process.hrtime.bigint() - began) / 1e6;
}

async function generator() {
  if (!"generator".includes(filter)) return false;
  const rows = [];
  for (const n of [10, 100, 1000]) {
    const cwd = path.join(scratch, `gen-${n}`);
    const service = path.join(cwd, "services/gen");
    const times = { fresh: [], more: [], same: [] };
    for (let round = 0; round < rounds; round++) {
      fs.rmSync(service, { recursive: true, force: true });
      fs.mkdirSync(service, { recursive: true });
      fs.writeFileSync(path.join(service, "service.yaml"), declarationOf(n));
      times.fresh.push(await generate(cwd));
      fs.writeFileSync(path.join(service, "service.yaml"), declarationOf(n + 1));
      times.more.push(await generate(cwd));
      times.same.push(await generate(cwd));
    }
    rows.push([`${n} functions`, ...Object.values(times).map((list) => spread(list, 0))]);
  }
  console.log("Generator: milliseconds of `moonbus gen` on one core, from spawn to end.\n");
  printTable(["generator", "fresh", "one more", "unchanged"], rows);
  return true;
}

if (os.cpus().length < 2)
  throw new Error("the bench needs two cores: one for the server, one for the load");
execFileSync("taskset", ["-p", "-c", LOAD_CORE, String(process.pid)], { stdio: "ignore" });
console.log(
  `${os.cpus()[0].model.trim()}, ${os.cpus().length} cores; server on core ${SERVER_CORE}, load and upstream on core ${LOAD_CORE}`,
);
const done = [
  await compare(),
  await memoryUse(),
  await durableWrites(),
  await calls(),
  await startUp(),
  await generator(),
  await policies(binary, scratch, filter),
  await reloads(binary, scratch, filter),
];
if (!done.some(Boolean)) throw new Error(`nothing matches '${filter}'`);
