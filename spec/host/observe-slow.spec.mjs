// Where processor time goes: slow turns in the log, and profiles.
import assert from "node:assert/strict";
import fs from "node:fs";

import { after, call, it, metric, runCommand, startHost, waitFor } from "./lib/spec.mjs";
import services, { place } from "./lib/watched.mjs";

const env = {
  MOONBUS_WATCH: "false",
  MOONBUS_LUA_CPU: "20s",
  MOONBUS_LUA_TURN_HARD: "10s",
  MOONBUS_SLOW_TURN: "20ms",
};
const host = await startHost({ after }, { test: false, services, env });

const moonbus = (...args) => runCommand(args, { env: { MOONBUS_HOME: host.home }, cwd: host.cwd });
const ask = (name, json) => call(host.url, `/front.example/${name}`, { json });
const isSlow = (entry) => entry.msg === "slow turn";

/** Requests that compute, one after the other, until `promise` is settled. */
async function busyUntil(promise) {
  let busy = true;
  const over = promise.finally(() => (busy = false));
  while (busy) assert.equal((await ask("burn", { rounds: 500 })).status, 200);
  return over;
}

it("a task that computes for long without waiting is told with its place, once a minute", async () => {
  const before = await metric(host, "slow_turns_total");
  assert.equal((await ask("quick", {})).status, 200);
  assert.ok(!host.logs().some(isSlow), "what is quick is not told");
  assert.equal((await ask("burn", { rounds: 1500 })).status, 200);
  const entry = await host.waitForLog(isSlow);
  assert.equal(entry.level, "warn");
  assert.equal(entry.service, "front.example");
  assert.equal(entry.what, "front.example:443/burn");
  assert.match(entry.where, /^services\/front\/service\.lua:\d+$/);
  assert.ok(entry.ms >= 20 && entry.times === 1);
  assert.match(entry.traceback, /^stack traceback:\n {4}services\/front\/service\.lua:\d+: in /);
  const from = host.lines.length;
  for (let i = 0; i < 5; i++) await ask("burn", { rounds: 1500 });
  assert.ok((await metric(host, "slow_turns_total")) >= before + 6, "but each is counted");
  const places = host
    .logs()
    .slice(from)
    .filter(isSlow)
    .map((one) => one.where);
  assert.ok(places.length <= 1, `the function that calls it, at most: ${places}`);
});

it("a turn that cannot give way is told, too", async () => {
  assert.equal((await ask("sort", { rounds: 1500 })).status, 200);
  const entry = await host.waitForLog((one) => isSlow(one) && one.what?.endsWith("/sort"));
  assert.equal(entry.where.replace(/\d+$/, ""), place("front", "sort").replace(/\d+$/, ""));
  assert.match(entry.traceback, /\[C\]: in [^\n]*sort'/);
});

it("slow_turn=0 tells nothing", async (t) => {
  const other = await startHost(t, { services, env: { ...env, MOONBUS_SLOW_TURN: "0" } });
  assert.equal(
    (await call(other.url, "/front.example/burn", { json: { rounds: 1500 } })).status,
    200,
  );
  assert.equal(await metric(other, "slow_turns_total"), 0);
  assert.ok(!other.logs().some(isSlow));
});

it("a profile has the busy function and its line", async () => {
  const result = await busyUntil(moonbus("profile", "--seconds", "2"));
  assert.equal(result.status, 0, result.output);
  const lines = result.stdout.trimEnd().split("\n");
  for (const line of lines) assert.match(line, /^[^ ]+ \d+$/);
  const [stack, count] = lines.find((line) => line.startsWith("front.example;")).split(" ");
  assert.ok(Number(count) > 0);
  const frames = stack.split(";");
  assert.match(frames[1], /^lua\/service\/endpoint\.lua:/, "the outermost comes first");
  const [file, line] = place("front", "burn").split(":");
  assert.ok(
    lines.some((one) => new RegExp(`;${file}:count:(${line}|${line - 1}) \\d+$`).test(one)),
    result.stdout,
  );
});

// Not every kernel lists timers.
it("no timer of a profile is left behind", { skip: !fs.existsSync("/proc/self/timers") }, () => {
  assert.equal(fs.readFileSync(`/proc/${host.pid}/timers`, "utf8"), "");
});

it("a profile of one service has no other stacks", async () => {
  const result = await busyUntil(moonbus("profile", "back", "--seconds", "1", "--json"));
  assert.equal(result.status, 0, result.output);
  const profile = JSON.parse(result.stdout);
  assert.equal(profile.hertz, 99);
  assert.ok(profile.stacks.every((one) => one.stack.startsWith("back.example;")));
});

it("one profile is taken at a time, and it ends with its client", async () => {
  const { secret } = JSON.parse(fs.readFileSync(`${host.home}/host.json`, "utf8"));
  const headers = { authorization: `Bearer ${secret}` };
  const leave = new AbortController();
  const begin = () =>
    fetch(`${host.adminUrl}/profile?seconds=100`, { headers, signal: leave.signal }).then(
      (answer) => answer.status === 409 && begin(), // the other one was first
      () => {},
    );
  const first = begin();
  const refused = async () => {
    const second = await moonbus("profile", "--seconds", "1");
    return second.status === 1 && second.output;
  };
  const why = await waitFor(refused, "the refusal of a second one");
  assert.match(why, /a profile is being taken already; try again when it is over/);
  leave.abort();
  await first;
  await waitFor(async () => !(await refused()), "the end of the first");
});

it("wrong names and numbers get an answer that helps", async () => {
  const cases = [
    [["profile", "--seconds", "0"], 2, /--seconds needs a number from 1 to 300/],
    [["profile", "frnot.example"], 1, /no service frnot\.example, do you mean front\.example\?/],
  ];
  for (const [args, status, text] of cases) {
    const result = await moonbus(...args);
    assert.equal(result.status, status, result.output);
    assert.match(result.output, text);
  }
});
