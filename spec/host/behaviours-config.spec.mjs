// Configs of services in a running host: where their values come from, what happens when they change, and that secrets stay
// secret.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { caller, order } from "./lib/caller.mjs";
import {
  after,
  call,
  it,
  login,
  register,
  runCommand,
  scratch,
  startHost,
  waitFor,
} from "./lib/spec.mjs";

const shop = {
  "service.yaml": `general:
  host: www.shop.example
configs:
  - signature: Greeting() (text string)
    default: Hello
    validation: str ^[A-Z]
    callback: true
  - signature: Count() (n int)
    default: 3
    validation: int [1,10]
    callback: true
  - signature: Ratio() (r float)
    default: 1.5
  - signature: Wait() (d Duration)
    default: 250ms
    validation: dur [0s,1m]
  - signature: Open() (yes bool)
    default: true
  - signature: Odd() (n int)
    default: 2
    validation: int [1,5]
  - signature: Key() (text string)
    secret: true
    callback: true
functions:
  - signature: Values() (greeting string, count int, ratio float, wait Duration, open bool, odd int, keyLength int)
  - signature: SetGreeting(text string)
  - signature: Reset()
`,
  "service.lua": `local log = require "log"
local svc = require "service" (...)

function svc.Values()
  local c = svc.config
  return c.Greeting, c.Count, c.Ratio, c.Wait, c.Open, c.Odd, #c.Key
end

function svc.SetGreeting(_, text) svc.config.Greeting = text end
function svc.Reset() svc.config.Greeting = nil end

function svc.OnChangedGreeting()
  log.info("greeting changed", { to = svc.config.Greeting })
  if svc.config.Greeting == "Fail" then
    error("no failing, please")
  end
end

function svc.OnChangedCount() log.info("count changed", { to = svc.config.Count }) end
function svc.OnChangedKey() log.info("key changed") end

return svc
`,
};

const file = `all:
  Count: 4
  Open: false
example:
  Greeting: From example
  COUNT: 5
shop.example:
  greeting: From the shop
  Ratio: 1.75
other.example:
  Greeting: Not for you
www.shop.example:
  Odd: 99
  Key: sesame-opens-it
`;

const host = await startHost(
  { after },
  {
    files: { "config.yaml": file },
    services: { shop, caller: caller() },
    env: { MOONBUS_WORKERS: "2" },
  },
);
const token = await login(host);
const values = async () => (await call(host.url, "/www.shop.example/values")).json;
const change = (name, json, who = token) =>
  call(host.url, `/configurator.core/${name}`, { json, token: who });
const set = (name, value, who) =>
  change("set", { host: "www.shop.example", name, value: String(value) }, who);
const unset = (name) => change("unset", { host: "www.shop.example", name });

function moonbus(home, ...args) {
  return runCommand(args, { env: { MOONBUS_HOME: home, MOONBUS_SERVER: host.url }, cwd: host.cwd });
}

async function loggedIn(t) {
  const home = scratch(t);
  const done = await moonbus(home, "login", "1backend", "changeme");
  assert.equal(done.status, 0, done.output);
  return home;
}

it("the longest section whose hosts end so counts, and the default where there is none", async () => {
  assert.deepEqual(await values(), {
    greeting: "From the shop",
    count: 5,
    ratio: 1.75,
    wait: 250_000_000,
    open: false,
    odd: 2,
    keyLength: 15,
  });
});

it("a value that the rule does not allow is a warning, and the default counts", async () => {
  const warning = host.logs().find((entry) => entry.msg === "Invalid config value");
  assert.equal(warning.level, "warn");
  assert.equal(warning.name, "Odd");
  assert.equal(warning.value, "99");
  assert.equal(warning.rule, "int [1,5]");
});

it("a value that is set counts at once on all workers, and its callback is called once", async () => {
  const from = host.lines.length;
  const done = await set("Greeting", "Set");
  assert.deepEqual(done.json, { checked: true }, done.text);
  for (let i = 0; i < 8; i++) assert.equal((await values()).greeting, "Set");
  await host.waitForLog((e) => e.msg === "greeting changed" && e.to === "Set", 20_000, from);
  await set("Count", 7);
  await host.waitForLog((e) => e.msg === "count changed" && e.to === 7, 20_000, from);
  const calls = host.logs().slice(from);
  assert.equal(calls.filter((e) => e.msg === "greeting changed").length, 1);
  assert.equal(calls.filter((e) => e.msg === "count changed").length, 1);
  assert.equal((await unset("Count")).json.removed, true);
  assert.equal((await values()).count, 5);
  assert.deepEqual((await unset("Count")).json, { removed: false });
});

it("a value of the same text is no change", async () => {
  const before = host.lines.length;
  await set("Greeting", "Same");
  await host.waitForLog((e) => e.msg === "greeting changed", 20_000, before);
  const from = host.lines.length;
  await set("Greeting", "Same");
  await set("Count", 8);
  await host.waitForLog((e) => e.msg === "count changed", 20_000, from);
  assert.equal(
    host
      .logs()
      .slice(from)
      .filter((e) => e.msg === "greeting changed").length,
    0,
  );
});

it("the command sets values, and names count in any case", async (t) => {
  const home = await loggedIn(t);
  const done = await moonbus(home, "value", "set", "WWW.shop.example", "greeting", "Command");
  assert.equal(done.status, 0, done.output);
  assert.equal((await values()).greeting, "Command");
  const removed = await moonbus(home, "value", "rm", "www.shop.example", "Greeting");
  assert.equal(removed.status, 0, removed.output);
  assert.equal((await values()).greeting, "From the shop");
});

it("a value that the rule does not allow is refused, and nothing changes", async (t) => {
  const before = await values();
  for (const [name, value] of [
    ["Greeting", "lower"],
    ["Count", "11"],
    ["Count", "some"],
    ["Ratio", "x"],
    ["Wait", "2m"],
    ["Open", "maybe"],
  ]) {
    const refused = await set(name, value);
    assert.equal(refused.status, 400, name);
    assert.match(refused.json.error, new RegExp(name));
  }
  const unknown = await set("Gretting", "X");
  assert.equal(unknown.status, 400);
  assert.match(unknown.json.error, /did you mean 'Greeting'/);
  const done = await moonbus(await loggedIn(t), "value", "set", "www.shop.example", "Count", "0");
  assert.equal(done.status, 1, done.output);
  assert.match(done.stderr, /Count/);
  assert.deepEqual(await values(), before);
});

it("names of any length, with any number of blanks inside, are refused as names", async () => {
  const blanks = `a${" ".repeat(30_000)}b`;
  for (const json of [
    { host: blanks, name: "Greeting", value: "X" },
    { host: "www.shop.example", name: blanks, value: "X" },
  ])
    assert.equal((await change("set", json)).status, 400);
});

it("only those who may set values do, and services get their own", async () => {
  const stranger = await register(host, "somebody");
  for (const what of ["set", "unset", "list", "refresh"]) {
    const json = { host: "www.shop.example", name: "Greeting", value: "X" };
    assert.equal((await change(what, json, null)).status, 422, what);
    assert.equal((await change(what, json, stranger)).status, 401, what);
  }
  const outside = await call(host.url, "/configurator.core/values", { json: { names: ["Key"] } });
  assert.equal(outside.status, 403);
  const other = await order(host, {
    how: "call",
    host: "configurator.core",
    name: "Values",
    args: [["Key", "Count"]],
  });
  assert.deepEqual(other.values, [{ Count: "5" }], "the caller's own, which has no Key");
});

it("a callback that fails is told to who set the value", async () => {
  const failed = await set("Greeting", "Fail");
  assert.equal(failed.status, 500);
  await waitFor(() => host.lines.join("\n").includes("no failing, please"), "the log to tell");
  assert.equal((await unset("Greeting")).status, 200);
  assert.equal((await values()).greeting, "From the shop");
});

it("a service sets its own configs, checked and with the callback, until the next refresh", async () => {
  const from = host.lines.length;
  const own = (text) => call(host.url, "/www.shop.example/set-greeting", { json: { text } });
  assert.equal((await own("Own")).status, 200);
  for (let i = 0; i < 8; i++) assert.equal((await values()).greeting, "Own");
  await host.waitForLog((e) => e.msg === "greeting changed" && e.to === "Own", 20_000, from);
  assert.equal((await own("own")).status, 500);
  assert.equal((await values()).greeting, "Own");
  await call(host.url, "/www.shop.example/reset");
  assert.equal((await values()).greeting, "Hello", "nil is the default");
  const refreshed = await change("refresh", {});
  assert.equal(refreshed.status, 200, refreshed.text);
  assert.equal((await values()).greeting, "From the shop");
});

it("a secret is asterisks in lists and nowhere in the log", async (t) => {
  await set("Key", "another-secret");
  assert.equal((await values()).keyLength, 14);
  const home = await loggedIn(t);
  for (const args of [["ls", "www.shop.example"], ["ls"]]) {
    const listed = await moonbus(home, "value", ...args);
    assert.equal(listed.status, 0, listed.output);
    assert.doesNotMatch(listed.stdout, /sesame|another-secret/);
    assert.match(listed.stdout, /\*{14}/);
  }
  const list = await change("list", { host: "www.shop.example" });
  const key = list.json.values.find((one) => one.name === "Key");
  assert.deepEqual([key.value, key.secret, key.source], ["*".repeat(14), true, "set"]);
  await waitFor(() => host.logs().some((e) => e.msg === "key changed"), "the callback");
  const updated = host.logs().filter((e) => e.msg === "Config updated" && e.name === "Key");
  assert.ok(updated.length > 0 && updated.every((e) => /^\*+$/.test(e.value)));
  assert.doesNotMatch(host.lines.join("\n"), /sesame-opens-it|another-secret/);
});

it("the list tells where values come from", async () => {
  const { json } = await change("list", { host: "www.shop.example" });
  const source = Object.fromEntries(json.values.map((v) => [v.name, [v.source, v.section]]));
  assert.deepEqual(source.Greeting, ["file", "shop.example"]);
  assert.deepEqual(source.Open, ["file", "all"]);
  assert.deepEqual(source.Wait, ["default", undefined]);
});

it("an edit of the file takes effect by itself", async () => {
  const from = host.lines.length;
  const name = path.join(host.cwd, "config.yaml");
  fs.writeFileSync(`${name}.new`, file.replace("From the shop", "Edited"));
  fs.renameSync(`${name}.new`, name);
  await waitFor(async () => (await values()).greeting === "Edited", "the new value");
  await host.waitForLog((e) => e.msg === "greeting changed" && e.to === "Edited", 20_000, from);
});

it("a service whose default is needed and not allowed does not start, and says why", async (t) => {
  const picky = {
    "service.yaml": `general:
  host: picky.example
configs:
  - signature: Mode() (mode string)
    validation: set red|green
functions:
  - signature: Mode2() (mode string)
    path: /mode
`,
    "service.lua": `local log = require "log"
local svc = require "service" (...)
function svc.Mode2() return svc.config.Mode end
function svc.on_start() log.info("picky started", { mode = svc.config.Mode }) end
return svc
`,
  };
  const one = await startHost(t, { services: { picky } });
  const why = /value '' of config 'Mode' doesn't validate against rule 'set red\|green'/;
  await waitFor(() => why.test(one.lines.join("\n")), "the reason in the log");
  assert.ok(!one.logs().some((e) => e.msg === "picky started"), "on_start was not called");
  const refused = await call(one.url, "/picky.example/mode");
  assert.equal(refused.status, 503);
  assert.match(refused.json.error, /not in service now; try again later/);

  // It is tried again: what it needs may come.
  fs.writeFileSync(path.join(one.cwd, "config.yaml"), "picky.example:\n  Mode: red\n");
  await waitFor(
    async () => (await call(one.url, "/picky.example/mode")).json.mode === "red",
    "a start",
  );
  assert.ok(one.logs().some((e) => e.msg === "picky started" && e.mode === "red"));
});
