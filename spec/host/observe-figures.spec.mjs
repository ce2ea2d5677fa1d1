// Figures of what runs: moonbus top, and each service in /metrics.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { after, call, it, runCommand, startHost, waitFor } from "./lib/spec.mjs";
import services, { held } from "./lib/watched.mjs";

const env = { MOONBUS_WATCH: "false", MOONBUS_WORKERS: "2" };
const host = await startHost({ after }, { test: false, services, env });

const moonbus = (...args) => runCommand(args, { env: { MOONBUS_HOME: host.home }, cwd: host.cwd });

/** A command that must succeed; what it printed. */
async function done(...args) {
  const result = await moonbus(...args);
  assert.equal(result.status, 0, result.output);
  return result.stdout;
}

const ask = (name, json) => call(host.url, `/front.example/${name}`, { json });
const top = async (...args) => JSON.parse(await done("top", "--json", ...args));
const row = async (service) => (await top()).services.find((one) => one.service === service);

/** The value of a series of /metrics; undefined when there is none. */
async function figure(name, labels) {
  const { text } = await call(host.adminUrl, "/metrics");
  const line = text.split("\n").find((one) => one.startsWith(`${name}{${labels}} `));
  return line && Number(line.split(" ")[1]);
}

it("top counts the requests and errors of each service", async () => {
  const before = [await row("front.example"), await row("back.example")];
  for (let i = 0; i < 20; i++) await ask("quick", {});
  for (let i = 0; i < 5; i++) await ask("ask", { name: "Nap", seconds: 0.001 });
  for (let i = 0; i < 3; i++) assert.equal((await ask("second", {})).status, 500);
  const [front, back] = [await row("front.example"), await row("back.example")];
  assert.equal(front.requests - before[0].requests, 28);
  assert.equal(front.errors - before[0].errors, 3);
  assert.equal(back.requests - before[1].requests, 5, "calls over the bus count, too");
  assert.equal(back.errors, before[1].errors);
});

it("top tells what happens while it looks", async () => {
  let looking = true;
  const looked = top().finally(() => (looking = false));
  let sent = 0;
  for (; looking; sent++) assert.equal((await ask("burn", { rounds: 200 })).status, 200);
  const { services: rows, seconds } = await looked;
  const [first] = rows;
  assert.equal(first.service, "front.example", "the busiest comes first");
  assert.ok(first.requestsPerSecond > 0 && first.requestsPerSecond * seconds <= sent);
  assert.ok(first.cpuPercent > 0, "it used processor time");
  assert.ok(first.memory > 10_000 && first.states >= 1 && first.generation === 1);
});

it("top prints a table whose columns line up", async () => {
  const lines = (await done("top", "--once", "--sort", "name")).trimEnd().split("\n");
  assert.match(lines[0], /^up .*, 2 workers, \d+ connections?, /);
  const [header, ...rows] = lines.slice(2);
  assert.match(
    header,
    /^SERVICE +GEN +REQ\/S +ERR\/S +CPU % +MEMORY +TASKS +STATES +REQUESTS +ERRORS$/,
  );
  assert.ok(rows.length > 3);
  for (const one of rows) assert.equal(one.length, header.length, one);
  const names = rows.map((one) => one.split(" ")[0]);
  assert.deepEqual(names, [...names].sort());
  const wrong = await moonbus("top", "--sort", "beauty");
  assert.equal(wrong.status, 2);
  assert.match(wrong.output, /--sort does not know "beauty"; there are requests, cpu, /);
});

it("metrics have each service's processor time, memory, tasks and states", async (t) => {
  const front = 'service="front.example"';
  const before = await figure("moonbus_service_cpu_seconds_total", front);
  await ask("burn", { rounds: 3000 });
  const spent = (await figure("moonbus_service_cpu_seconds_total", front)) - before;
  assert.ok(spent > 0.01, `${spent} s of processor time`);
  assert.ok((await figure("moonbus_service_memory_bytes", front)) > 10_000);
  assert.ok((await figure("moonbus_service_states", front)) >= 1);
  assert.equal(await figure("moonbus_service_generation", front), 1);
  assert.equal(await figure("moonbus_service_tasks", front), 0);
  const leave = held(t, host, "ask", { name: "Nap", seconds: 25 });
  await waitFor(async () => (await figure("moonbus_service_tasks", front)) === 1, "a task");
  assert.equal(await figure("moonbus_service_ops", front), 1);
  leave();
  const { text } = await call(host.adminUrl, "/metrics");
  for (const name of text.match(/^moonbus_service_\w+/gm))
    assert.match(text, new RegExp(`^# HELP ${name} .+\\.\n# TYPE ${name} (counter|gauge)$`, "m"));
});

it("metrics count reloads by result, and generations that are still alive", async (t) => {
  const back = 'service="back.example"';
  const file = path.join(host.cwd, "services/back/service.lua");
  const good = fs.readFileSync(file, "utf8");
  const leave = held(t, host, "ask", { name: "Nap", seconds: 25 });
  await waitFor(async () => (await figure("moonbus_service_tasks", back)) === 1, "a call");
  const spent = await figure("moonbus_service_cpu_seconds_total", back);
  fs.writeFileSync(file, `${good}\n`);
  await done("reload", "back");
  assert.equal(await figure("moonbus_service_reloads_total", `${back},result="ok"`), 2);
  assert.equal(await figure("moonbus_service_generation", back), 2);
  assert.equal(await figure("moonbus_service_generations", back), 2, "the old one has a call");
  assert.equal(await figure("moonbus_service_states_retired", back), 1);
  fs.writeFileSync(file, "this is no Lua\n");
  assert.equal((await moonbus("reload", "back")).status, 1);
  assert.equal(await figure("moonbus_service_reloads_total", `${back},result="failed"`), 1);
  assert.equal(await figure("moonbus_service_generation", back), 2);
  leave();
  await waitFor(async () => (await figure("moonbus_service_generations", back)) === 1, "its end");
  assert.ok((await figure("moonbus_service_cpu_seconds_total", back)) >= spent, "never less");
});
