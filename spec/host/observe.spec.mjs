// Seeing what runs: which tasks there are, what each waits for, and where an error came from.
import assert from "node:assert/strict";

import { after, call, it, rawUpstream, runCommand, startHost, waitFor } from "./lib/spec.mjs";
import services, { held, place } from "./lib/watched.mjs";

const host = await startHost(
  { after },
  {
    test: false,
    services,
    args: ["--log-format", "json"],
    env: { MOONBUS_WATCH: "false", MOONBUS_DEV: "true" },
  },
);

const moonbus = (...args) => runCommand(args, { env: { MOONBUS_HOME: host.home }, cwd: host.cwd });

/** A command that must succeed; what it printed. */
async function done(...args) {
  const result = await moonbus(...args);
  assert.equal(result.status, 0, result.output);
  return result.stdout;
}

const tasks = async (...args) => JSON.parse(await done("tasks", "--json", ...args)).tasks;
const ask = (name, json) => call(host.url, `/front.example/${name}`, { json });

/** The first task that `test` accepts, as soon as there is one. */
function found(test, what) {
  return waitFor(async () => (await tasks()).find(test), what);
}

/** A server that takes requests and says nothing until it is told. */
async function silent(t) {
  let speak;
  const told = new Promise((resolve) => (speak = resolve));
  const server = await rawUpstream(t, async (wire) => {
    await told;
    await wire.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  return { ...server, speak };
}

it("a task that waits for a silent server is listed with what it waits for", async (t) => {
  const server = await silent(t);
  const answer = ask("fetch", { url: `${server.url}/secret-path?key=secret-key` });
  const task = await found((one) => one.kind === "request" && one.wait, "the request's task");
  assert.equal(task.service, "front.example");
  assert.equal(task.generation, 1);
  assert.equal(task.what, "POST /front.example/fetch");
  assert.equal(task.wait, `http GET ${server.url}`);
  assert.match(task.id, /^\d+-\d+-\d+$/);
  const table = await done("tasks", "-s", "front");
  assert.match(table, /^TASK +SERVICE +GEN +KIND +WHAT +AGE +CPU +WAITS FOR$/m);
  assert.match(table, new RegExp(`^${task.id} .* http GET http://127.0.0.1:\\d+, for \\d+`, "m"));

  const text = await done("trace", task.id);
  assert.match(text, new RegExp(`^${task.id} +front.example, generation 1: request POST /front`));
  assert.ok(text.includes(`${place("front", "fetch")}: in `), text);
  assert.match(text, /> local answer = http\.request \{ url = url, timeout = 60 \} -- fetch/);
  assert.match(text, /resumed from:/);
  assert.doesNotMatch(table + text, /secret/, "no values, and no paths of other servers");

  server.speak();
  assert.equal((await answer).json.n, 204);
  const late = await moonbus("trace", task.id);
  assert.equal(late.status, 1);
  assert.match(late.output, /this task is over, or there never was one/);
});

it("trace shows the callee of a bus call and who called it", async (t) => {
  held(t, host, "ask", { name: "Nap", seconds: 25 });
  const callee = await found((one) => one.service === "back.example" && one.wait, "the callee");
  assert.equal(callee.kind, "call");
  assert.equal(callee.what, "back.example:443/nap");
  assert.equal(callee.wait, "sleep 25 s");
  const caller = (await tasks("-s", "front.example")).find((one) => one.request === callee.request);
  assert.equal(caller.wait, "bus call to back.example, back.example:443/nap");
  assert.equal(caller.request, callee.request, "one request id all the way");

  const down = JSON.parse(await done("trace", caller.id, "--json"));
  assert.deepEqual(
    down.down.map((one) => one.id),
    [callee.id],
  );
  const up = JSON.parse(await done("trace", callee.id, "--json"));
  assert.deepEqual(
    up.up.map((one) => [one.relation, one.id]),
    [["called by", caller.id]],
  );
  const text = await done("trace", caller.id);
  const [asks, naps] = [place("front", "ask"), place("back", "nap")].map((at) => text.indexOf(at));
  assert.ok(asks > 0 && naps > asks, text);
  assert.match(text, /which is answered by \d+-\d+-\d+ +back\.example, generation 1: call/);
});

it("trace shows what a task started, and who started a task", async (t) => {
  held(t, host, "fan", { seconds: 25 });
  const child = await found((one) => one.kind === "child" && one.wait === "sleep 25 s", "a child");
  const trace = JSON.parse(await done("trace", child.parent, "--json"));
  assert.equal(trace.wait, "task.all: 2 of 2 not over");
  assert.equal(trace.children.length, 2);
  assert.ok(
    trace.children.every((one) => one.stack[0].some((f) => f.at === place("front", "fan"))),
  );
  const up = JSON.parse(await done("trace", child.id, "--json"));
  assert.deepEqual(
    up.up.map((one) => [one.relation, one.id]),
    [["started by", child.parent]],
  );
});

it("the list is bounded, and says how much it leaves out", async (t) => {
  await waitFor(async () => (await tasks("-s", "back")).length === 0, "the end of those before");
  for (let i = 0; i < 6; i++) held(t, host, "ask", { name: "Nap", seconds: 25 });
  await waitFor(async () => (await tasks("-s", "back")).length === 6, "all of them");
  const few = JSON.parse(await done("tasks", "--service", "back", "--limit", "2", "--json"));
  assert.equal(few.tasks.length, 2);
  assert.equal(few.total, 6);
  assert.match(
    await done("tasks", "-s", "back", "--limit", "2"),
    /^and 4 younger ones; --limit 6/m,
  );
});

it("wrong names, ids and numbers get an answer that helps", async () => {
  const cases = [
    [
      ["tasks", "-s", "frnot.example"],
      1,
      /no service frnot\.example, do you mean front\.example\?/,
    ],
    [["tasks", "--limit", "0"], 2, /--limit needs a number from 1 to 10000/],
    [["trace"], 2, /which task\? moonbus tasks lists them/],
    [["trace", "lab"], 2, /"lab" is no id of a task; they look like 1-42-7/],
    [["trace", "99-1-1"], 1, /no such task/],
  ];
  for (const [args, status, text] of cases) {
    const result = await moonbus(...args);
    assert.equal(result.status, status, result.output);
    assert.match(result.output, text);
  }
  const nobody = await runCommand(["tasks"], { env: { MOONBUS_HOME: `${host.home}/none` } });
  assert.equal(nobody.status, 1);
  assert.match(nobody.output, /no host runs with the home folder .*; start one with: moonbus run/);
  for (const page of ["/tasks", "/trace?task=0-1-1"])
    assert.equal((await call(host.adminUrl, page)).status, 401, "only for who has the secret");
});

/** How the log tells of the failure of a request to front. */
async function failure(name, json) {
  const from = host.lines.length;
  assert.equal((await ask(name, json)).status, 500);
  return host.waitForLog((entry) => entry.msg === "handler failed", 20_000, from);
}

/** Asserts that the texts are in it, one behind the other. */
function inOrder(text, parts) {
  let at = 0;
  for (const part of parts) {
    const next = text.indexOf(part, at);
    assert.ok(next >= 0, `${part} behind the ones before, in:\n${text}`);
    at = next + part.length;
  }
}

it("an error is told with its way through coroutines and services, and with source lines", async () => {
  const entry = await failure("ask", { name: "Fail", seconds: 3 });
  assert.equal(entry.service, "front.example");
  inOrder(entry.traceback, [
    "the moon is down after 3.0\n",
    "local n = bus.call(",
    `${place("front", "ask")}: in `,
    "resumed from:",
    "services/front/service.lua:8: in ",
    "because of back.example:",
    `${place("back", "deep")}: in `,
    '> error("the moon is down after " .. seconds) -- deep',
    `${place("back", "in coroutine")}: in `,
    "resumed from:",
    `${place("back", "run")}: in `,
  ]);
});

it("the error of a child is told with the child's lines", async () => {
  const entry = await failure("spoil", { n: 3 });
  inOrder(entry.traceback, [
    "child 3 is spoilt\n",
    `${place("front", "spoilt")}: in `,
    "waited for by:",
    `${place("front", "spawn")}: in `,
  ]);
});

it("an error that was caught says nothing about the next one", async () => {
  const entry = await failure("second", {});
  assert.match(entry.traceback, /the second one/);
  assert.ok(!entry.traceback.includes(place("front", "first")), entry.traceback);
});
