// What a person does when a reload went wrong: check before, look at what there was, go back.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { lab, labCode } from "./lib/lab.mjs";
import { after, call, it, metric, runCommand, scratch, startHost, waitFor } from "./lib/spec.mjs";

const quiet = { MOONBUS_WATCH: "false", MOONBUS_RELOAD_CHECK: "300ms" };
const host = await startHost({ after }, { test: false, services: { lab: lab(1) }, env: quiet });

const moonbus = (on, ...args) => runCommand(args, { env: { MOONBUS_HOME: on.home }, cwd: on.cwd });
const version = async (on = host) => (await call(on.url, "/lab.example/version")).json.n;
const write = (text, on = host, name = "service.lua") => {
  const file = path.join(on.cwd, "services/lab", name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.new~`, text);
  fs.renameSync(`${file}.new~`, file);
};
const remove = (name) => fs.rmSync(path.join(host.cwd, "services/lab", name));

/** A command that must succeed; what it printed. */
async function done(...args) {
  const result = await moonbus(host, ...args);
  assert.equal(result.status, 0, result.output);
  return result.stdout;
}

/** A command that must fail with exit code 1; what it printed. */
async function fails(...args) {
  const result = await moonbus(host, ...args);
  assert.equal(result.status, 1, result.output);
  return result.output;
}

const history = async () => JSON.parse(await done("generations", "lab", "--json"));

it("reload --check says what a reload would say, and does nothing", async () => {
  const failed = await metric(host, "reloads_failed_total");
  assert.match(await done("reload", "--check"), /nothing changed/);
  write(labCode(2));
  assert.match(await done("reload", "--check", "lab"), /^lab: fine$/m);
  assert.equal(await version(), 1);
  write(labCode(2, 'function svc.on_check() error("the moon is down") end'));
  assert.match(
    await fails("reload", "--check"),
    /lab: on_check failed: .*service\.lua:\d+: the moon is down/,
  );
  assert.equal(await version(), 1);
  assert.equal((await history()).failed.length, 0);
  assert.equal(await metric(host, "reloads_failed_total"), failed);
});

it("syntax errors of all files are told at once", async () => {
  write(labCode(2));
  write("local x = = 1\n", host, "one.lua");
  write("return {\n", host, "deep/two.lua");
  const output = await fails("reload", "lab");
  assert.match(output, /services\/lab\/one\.lua:1: /);
  assert.match(output, /services\/lab\/deep\/two\.lua:\d+: /);
  assert.equal(await version(), 1);
  remove("one.lua");
  remove("deep/two.lua");
});

it("a check that does not end in time refuses the reload", async () => {
  write(labCode(2, "function svc.on_check() time.sleep(100) end"));
  const output = await fails("reload");
  assert.match(output, /on_check took longer than the setting reload_check/);
  assert.match(output, /service\.lua:\d+/);
  assert.equal(await version(), 1);
});

it("a generation is rolled back, and its files wait for a change", async () => {
  const before = await metric(host, "rollbacks_total");
  write(labCode(2));
  await done("reload");
  write(labCode(3));
  await done("reload");
  assert.equal(await version(), 3);
  assert.match(await done("rollback", "lab"), /generation 4 in service .* files of generation 2/);
  assert.equal(await version(), 2);
  assert.match(await done("reload"), /--force/);
  assert.equal(await version(), 2);
  await done("reload", "lab", "--force");
  assert.equal(await version(), 3);
  assert.match(await done("rollback", "lab.example", "1"), /files of generation 1/);
  assert.equal(await version(), 1);
  write(labCode(4));
  await done("reload");
  assert.equal(await version(), 4);
  assert.equal(await metric(host, "rollbacks_total"), before + 2);
  assert.ok((await metric(host, "reload_microseconds_total")) > 0);
});

it("generations tells what was in service, and what failed and why", async () => {
  write(labCode(5, 'error("not today")'));
  await fails("reload");
  const { host: name, generations, failed } = await history();
  assert.equal(name, "lab.example");
  assert.equal(generations.length, 3);
  assert.deepEqual(
    generations.map(({ inService }) => inService),
    [true, false, false],
  );
  assert.equal(generations[0].who, "command");
  assert.equal(generations[1].who, "rollback");
  assert.match(generations[0].hash, /^[0-9a-f]{64}$/);
  assert.match(failed[0].error, /service\.lua:\d+: not today/);
  const table = await done("generations", "lab");
  assert.match(table, /^NUMBER +HASH +CAME +BY +TOOK +STATE$/m);
  assert.match(table, new RegExp(`^${generations[0].number} .* in service$`, "m"));
  assert.match(table, /^FAILED +LAST +BY +TIMES +ERROR$/m);
  assert.match(table, /not today/);
});

it("SIGHUP is a reload of everything", async () => {
  const next = (await version()) + 1;
  write(labCode(next));
  host.process.kill("SIGHUP");
  await waitFor(async () => (await version()) === next, "the new version");
  assert.equal((await history()).generations[0].who, "signal");
});

it("what cannot be done is said in a sentence", async () => {
  assert.match(await fails("generations", "nobody"), /there is no service nobody/);
  assert.match(
    await fails("rollback", "nobody"),
    /there is no service nobody; moonbus top lists them all/,
  );
  assert.match(await fails("rollback", "lab", "999"), /generation 999 is not kept; there are \d+/);
  for (const words of [
    ["generations"],
    ["rollback"],
    ["rollback", "lab", "x"],
    ["reload", "--force"],
  ]) {
    const result = await moonbus(host, ...words);
    assert.equal(result.status, 2, result.output);
    assert.equal(result.stdout, "");
  }
});

it("generations and rollbacks are for holders of the secret", async (t) => {
  for (const [method, target] of [
    ["GET", "/generations?service=lab"],
    ["POST", "/rollback?service=lab"],
  ])
    assert.equal((await call(host.adminUrl, target, { method })).status, 401);
  const stranger = { home: scratch(t), cwd: host.cwd };
  for (const command of ["generations", "rollback"]) {
    const result = await moonbus(stranger, command, "lab");
    assert.equal(result.status, 1);
    assert.match(result.stderr, /moonbus run/);
  }
});

it("the watcher leaves files alone that were rolled back from, until they change", async (t) => {
  const watched = await startHost(t, { test: false, services: { lab: lab(1) } });
  write(labCode(2), watched);
  await waitFor(async () => (await version(watched)) === 2, "the new version");
  assert.equal((await moonbus(watched, "rollback", "lab")).status, 0);
  assert.equal(await version(watched), 1);
  write(labCode(2), watched); // the same bytes
  const other = path.join(watched.cwd, "services/other");
  fs.mkdirSync(other);
  fs.writeFileSync(path.join(other, "service.lua"), 'return require "service" (...)\n');
  fs.writeFileSync(path.join(other, "service.yaml"), "general:\n  host: other.example\n");
  const there = async () => (await moonbus(watched, "generations", "other")).status === 0;
  await waitFor(there, "the service beside it");
  assert.equal(await version(watched), 1);
  write(labCode(3), watched);
  await waitFor(async () => (await version(watched)) === 3, "the mended version");
});

it("what on_unload returns gets to on_load of the next generation", async () => {
  const code = (n) =>
    labCode(
      n,
      `local shared = require "shared"
       local seen = 0
       function svc.on_unload() return { seen = seen + 1 } end
       function svc.on_load(_, state) seen = state.seen end
       function svc.on_start() shared.set("seen", seen) end
       function svc.Page() return tostring(shared.get("seen")) end`,
    );
  for (const n of [10, 11, 12]) {
    write(code(n));
    await done("reload");
    const seen = async () => (await call(host.url, "/lab.example/page")).text === String(n - 10);
    await waitFor(seen, `what version ${n} was handed`);
  }
});

it("what on_start and tickers left running ends before the next generation starts", async (t) => {
  const code = (n) =>
    labCode(
      n,
      `local shared = require "shared"
       local task = require "task"
       local function leave(name)
         task.spawn(function()
           task.spawn(function()
             local _ <close> = setmetatable({}, { __close = function() shared.incr("left") end })
             shared.set(name, ${n})
             time.sleep(3600)
           end):detach()
         end)
       end
       local ticked = false
       function svc.on_start()
         shared.set("met", shared.get("left") or 0)
         leave("started")
         time.sleep(0)
       end
       function svc.Tick()
         if not ticked then
           ticked = true
           leave("ticked")
           time.sleep(0)
         end
       end
       function svc.Page()
         return ("%s %s %s"):format(shared.get("met"), shared.get("started"), shared.get("ticked"))
       end`,
    );
  const own = await startHost(t, { test: false, services: { lab: lab(0) }, env: quiet });
  for (const n of [1, 2, 3, 4]) {
    write(code(n), own);
    const { status, output } = await moonbus(own, "reload");
    assert.equal(status, 0, output);
    const begun = async () =>
      (await call(own.url, "/lab.example/page")).text === `${2 * (n - 1)} ${n} ${n}`;
    await waitFor(begun, `what version ${n} found and began`);
  }
  assert.ok(!own.logs().some(({ msg }) => /reload waits/.test(msg)));
});

it("a service whose check fails when the host starts is not served until it is mended", async (t) => {
  const services = { lab: lab(1, 'function svc.on_check() error("no") end') };
  const late = await startHost(t, { test: false, services, env: quiet });
  assert.equal((await call(late.url, "/lab.example/version")).status, 404);
  const told = await moonbus(late, "generations", "lab", "--json");
  const { generations, failed } = JSON.parse(told.stdout);
  assert.deepEqual(generations, []);
  assert.match(failed[0].error, /on_check failed: .*service\.lua:\d+: no/);
  write(labCode(2), late);
  assert.equal((await moonbus(late, "reload")).status, 0);
  assert.equal(await version(late), 2);
});
