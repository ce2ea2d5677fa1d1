// Folders that come, go and cannot be read while the host runs: what is deleted goes out of service, what
// cannot be read does not, and what went leaves its folder and its host to whoever comes.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { call, it, root, runCommand, startHost, writeFiles } from "./lib/spec.mjs";

const env = { MOONBUS_WATCH: "false" };

/** The files of a service that answers `n`. */
const tiny = (host, n, extra = "") => ({
  "service.yaml": `general:\n  host: ${host}\nfunctions:\n  - signature: Version() (n int)\n`,
  "service.lua": `local svc = require "service" (...)

function svc.Version()
  return ${n}
end
${extra}
return svc
`,
});

const start = (t, services) => startHost(t, { test: false, services, env });
const at = (on, ...names) => path.join(on.cwd, "services", ...names);
const moonbus = (on, ...args) => runCommand(args, { env: { MOONBUS_HOME: on.home }, cwd: on.cwd });

/** What a service answers, or the status when it does not. */
async function answer(on, host) {
  const reply = await call(on.url, `/${host}/version`);
  return reply.status === 200 ? reply.json.n : reply.status;
}

/** A link that leads to itself: nobody can read it, not even root. */
function tangle(file) {
  fs.renameSync(file, `${file}~`);
  fs.symlinkSync(path.basename(file), file);
  return () => {
    fs.unlinkSync(file);
    fs.renameSync(`${file}~`, file);
  };
}

for (const [what, ...names] of [
  ["a declaration", "one", "service.yaml"],
  ["a file", "one", "service.lua"],
  ["a folder", "one"],
  ["the folder of all services", ""],
])
  it(`${what} that cannot be read is not taken for gone: the service goes on`, async (t) => {
    const host = await start(t, { one: tiny("one.example", 1), two: tiny("two.example", 2) });
    const untangle = tangle(path.resolve(at(host, ...names)));
    const refused = await moonbus(host, "reload");
    assert.equal(refused.status, 1, refused.output);
    assert.match(refused.output, /cannot read .*services/);
    assert.equal(await answer(host, "one.example"), 1);
    assert.equal(await answer(host, "two.example"), 2);
    untangle();
    assert.equal((await moonbus(host, "reload")).status, 0);
    assert.equal(await answer(host, "one.example"), 1);
  });

it("a platform service of yours that cannot be read is not replaced by the one of the binary", async (t) => {
  const host = await start(t, {});
  fs.cpSync(path.join(root, "services/proxy"), at(host, "proxy"), { recursive: true });
  assert.equal((await moonbus(host, "reload")).status, 0);
  const generations = async () =>
    JSON.parse((await moonbus(host, "generations", "proxy-svc", "--json")).stdout).generations;
  const before = await generations();
  tangle(at(host, "proxy", "service.yaml"));
  assert.equal((await moonbus(host, "reload")).status, 1);
  assert.deepEqual(await generations(), before);
});

it("links that lead back up are no services", async (t) => {
  const host = await start(t, { one: tiny("one.example", 1) });
  fs.symlinkSync(".", at(host, "again"));
  fs.symlinkSync(".", at(host, "one", "itself"));
  fs.mkdirSync(at(host, "one", "resources"));
  fs.symlinkSync("../..", at(host, "one", "resources", "up"));
  const { status, output } = await moonbus(host, "reload");
  assert.equal(status, 0, output);
});

it("the folder and the host of a service that went are there for others", async (t) => {
  const host = await start(t, { one: tiny("one.example", 1) });
  const reload = async () => {
    const { status, output } = await moonbus(host, "reload");
    assert.equal(status, 0, output);
  };
  fs.rmSync(at(host, "one"), { recursive: true });
  await reload();
  assert.equal(await answer(host, "one.example"), 404);
  writeFiles(at(host, "one"), tiny("other.example", 2));
  await reload();
  assert.equal(await answer(host, "other.example"), 2);
  writeFiles(at(host, "two"), tiny("one.example", 3));
  await reload();
  assert.equal(await answer(host, "one.example"), 3);
  assert.equal(await answer(host, "other.example"), 2);
  const told = await moonbus(host, "generations", "one", "--json");
  assert.equal(JSON.parse(told.stdout).host, "other.example");
});

it("a service that was refused may come with another host", async (t) => {
  const host = await start(t, {});
  writeFiles(at(host, "one"), tiny("one.example", 1, 'function svc.on_check() error("no") end'));
  assert.equal((await moonbus(host, "reload")).status, 1);
  writeFiles(at(host, "one"), tiny("other.example", 2));
  assert.equal((await moonbus(host, "reload")).status, 0);
  assert.equal(await answer(host, "other.example"), 2);
});

it("of two folders with one host that come at once, one is refused", async (t) => {
  const host = await start(t, {});
  writeFiles(at(host, "one"), tiny("same.example", 1));
  writeFiles(at(host, "two"), tiny("same.example", 2));
  const { status, output } = await moonbus(host, "reload");
  assert.equal(status, 1);
  assert.match(output, /declares host same\.example, which services\/(one|two) has already/);
  const serves = await answer(host, "same.example");
  assert.ok(serves === 1 || serves === 2);
  await moonbus(host, "reload");
  assert.equal(await answer(host, "same.example"), serves);
});
