// Policies of the operator's: files that come and go while requests flow, files that are refused, and
// functions that fail.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import {
  after,
  call,
  it,
  register,
  root,
  runCommand,
  startHost,
  waitFor,
  writeFiles,
} from "./lib/spec.mjs";

// A policy that knows some ports, by what registering with them does.
const mischief = `
local time = require "time"
local default = require "policy"

local function forever()
  while true do end
end

local function deep()
  return 1 + deep()
end

return {
  register = function(account, instance)
    local port = instance.url:match(":(%d+)$")
    if port == "1001" then
      forever()
    elseif port == "1002" then
      table.sort({ 1, 2, 3 }, forever)
    elseif port == "1003" then
      error("boom")
    elseif port == "1004" then
      return 42
    elseif port == "1005" then
      time.sleep(3600)
    elseif port == "1006" then
      return nil, "not on Fridays"
    elseif port == "1007" then
      local hoard = "x"
      while true do
        hoard = hoard .. hoard
      end
    elseif port == "1008" then
      return deep()
    elseif port == "1009" then
      account.slug, account.roles, instance.url = nil, 1, nil
      return true
    end
    return default.register(account, instance)
  end,
}
`;

const quiet = {
  MOONBUS_WATCH: "false",
  MOONBUS_POLICY_CPU: "50ms",
  MOONBUS_POLICY_TIMEOUT: "1500ms",
};

let n = 0;
const put = (host, token, port, more = {}) =>
  call(host.url, "/registry-svc/instance", {
    method: "PUT",
    token,
    json: { url: `http://127.0.0.1:${port}`, ...more },
  });
const account = (host) => register(host, `policies-spec-${++n}`);
const moonbus = (host, ...args) =>
  runCommand(args, { env: { MOONBUS_HOME: host.home }, cwd: host.cwd });

/** The policies folder of a host. */
const folder = (host) => path.join(host.cwd, "policies");
const write = (host, text, name = "registry.lua") => writeFiles(folder(host), { [name]: text });
const denies = (why) => `return { register = function() return nil, "${why}" end }`;

async function inForce(host) {
  const { secret } = JSON.parse(fs.readFileSync(path.join(host.home, "host.json"), "utf8"));
  const headers = { Authorization: `Bearer ${secret}` };
  const services = (await call(host.adminUrl, "/policies", { headers })).json;
  return Object.fromEntries(
    services.flatMap((service) =>
      service.policies.map((policy) => [
        policy.name,
        policy.file && `${policy.file}:${policy.line}`,
      ]),
    ),
  );
}

const broken = await startHost(
  { after },
  {
    test: false,
    env: { ...quiet, MOONBUS_LUA_MEMORY: "16m" },
    files: { "policies/registry.lua": mischief },
  },
);

it("a policy that raises, loops, dawdles or answers nonsense denies, and is reported once", async () => {
  const token = await account(broken);
  const from = broken.logs().length;
  for (const port of [1001, 1001, 1002, 1003, 1003, 1004, 1005, 1007]) {
    const answer = await put(broken, token, port);
    assert.equal(answer.status, 403, `${port}`);
    assert.equal(answer.json.error, "the policy registry.register failed");
  }
  const told = broken
    .logs()
    .slice(from)
    .filter((entry) => entry.msg === "a policy failed");
  assert.equal(told.length, 1);
  assert.equal(told[0].policy, "registry.register");
  assert.equal(told[0].code, "overrun");
  assert.equal(told[0].result, "denied");
  assert.match(told[0].at, /^policies\/registry\.lua:\d+$/);
  assert.match(told[0].traceback, /policies\/registry\.lua:\d+/);
  const text = (await call(broken.adminUrl, "/metrics")).text;
  const counted = text.split("\n").filter((line) => /^moonbus_policy_failures_total/.test(line));
  const counts = counted.map((line) => `${/code="(\w+)"/.exec(line)[1]} ${line.split(" ").at(-1)}`);
  assert.deepEqual(counts.sort(), ["answer 1", "error 2", "memory 1", "overrun 3", "timeout 1"]);
  assert.match(counted[0], /policy="registry\.register"/);
});

it("what a policy does to one request it does to no other", async () => {
  const token = await account(broken);
  const bad = Promise.all([1001, 1001, 1002, 1005].map((port) => put(broken, token, port)));
  for (let i = 0; i < 20; i++) {
    const answer = await put(broken, token, 2000 + i);
    assert.equal(answer.status, 201, answer.text);
  }
  for (const answer of await bad) assert.equal(answer.status, 403);
});

it("a policy that calls itself for ever denies, and the host goes on", async (t) => {
  const files = { "policies/registry.lua": mischief };
  const own = await startHost(t, { files, test: false, env: { MOONBUS_LUA_MEMORY: "64m" } });
  const token = await account(own);
  assert.equal((await put(own, token, 1008)).status, 403);
  assert.equal((await put(own, token, 9)).status, 201);
  assert.equal(own.logs().filter((line) => line.msg === "Server started").length, 1);
});

it("what a policy does to its arguments is not what is stored", async () => {
  const token = await account(broken);
  assert.equal((await put(broken, token, 1009)).status, 201);
  const { instances } = (await call(broken.url, "/registry-svc/instances", { token })).json;
  assert.deepEqual(
    instances.map(({ url, slug }) => `${slug} ${url}`),
    [`policies-spec-${n} http://127.0.0.1:1009`],
  );
});

it("a policy's own reason is what the caller is told", async () => {
  const answer = await put(broken, await account(broken), 1006);
  assert.equal(answer.status, 403);
  assert.equal(answer.json.error, "not on Fridays");
});

const host = await startHost({ after }, { test: false, env: quiet });

it("a policy that fails otherwise after a reload is told at once", async (t) => {
  const raises = (text) => `return { register = function() error("${text}") end }`;
  const limits = (text) => `return { limit = function() error("${text}") end }`;
  const files = { "policies/registry.lua": raises("one") };
  const own = await startHost(t, { files, env: quiet, test: false });
  const token = await account(own);
  const told = (text) =>
    own.waitForLog((line) => line.msg === "a policy failed" && line.error.endsWith(text));
  await put(own, token, 9);
  await told(" one");
  write(own, raises("two"));
  assert.equal((await moonbus(own, "reload")).status, 0);
  await put(own, token, 9);
  await told(" two");
  for (const text of ["three", "four"]) {
    write(own, limits(text), "proxy.lua");
    assert.equal((await moonbus(own, "reload")).status, 0);
    assert.equal((await call(own.url, "/")).status, 503);
    await told(` ${text}`);
  }
});

it("a policy comes into force, changes, goes, and comes back by a rollback", async () => {
  const token = await account(host);
  const shipped = (await inForce(host))["registry.register"];
  assert.match(shipped, /^services\/registry\/policy\.lua:\d+$/);
  assert.equal((await put(host, token, 9)).status, 201);
  write(host, denies("first"));
  assert.equal((await moonbus(host, "reload", "registry-svc")).status, 0);
  assert.equal((await put(host, token, 9)).json.error, "first");
  assert.equal((await inForce(host))["registry.register"], "policies/registry.lua:1");
  write(host, denies("second"));
  assert.equal((await moonbus(host, "reload")).status, 0);
  assert.equal((await put(host, token, 9)).json.error, "second");
  fs.rmSync(path.join(folder(host), "registry.lua"));
  process.kill(host.process.pid, "SIGHUP");
  await waitFor(async () => (await put(host, token, 9)).status === 201, "the default");
  assert.equal((await inForce(host))["registry.register"], shipped);
  assert.equal((await moonbus(host, "rollback", "registry")).status, 0);
  assert.equal((await put(host, token, 9)).json.error, "second");
  assert.equal((await moonbus(host, "reload", "registry", "--force")).status, 0);
  assert.equal((await put(host, token, 9)).status, 201);
});

it("a broken policy file is refused with file and line, and the old one serves on", async () => {
  const token = await account(host);
  write(host, denies("the old one"));
  assert.equal((await moonbus(host, "reload", "registry")).status, 0);
  for (const [text, why] of [
    ["return {\n  register = function(\n", /policies\/registry\.lua:\d+: /],
    ["local x = nil\nx.y = 1\n", /policies\/registry\.lua:2: /],
    ["while true do end", /too long/],
    [
      "return {\n  registr = function() end,\n}",
      /policies\/registry\.lua:2: there is no policy 'registr'; did you mean 'register'\?/,
    ],
    ["return { register = true }", /register is a boolean; a policy is a function/],
    ["error({})", /policies\/registry\.lua raised a table/],
    ["\x1bLua", /policies\/registry\.lua: attempt to load a binary chunk/],
    ["return true", /policies\/registry\.lua returns boolean: end it with `return \{/],
  ]) {
    write(host, text);
    for (const flags of [["--check"], []]) {
      const result = await moonbus(host, "reload", "registry", ...flags);
      assert.equal(result.status, 1, text);
      assert.match(result.output, why);
    }
    assert.equal((await put(host, token, 9)).json.error, "the old one");
  }
  fs.rmSync(path.join(folder(host), "registry.lua"));
  assert.equal((await moonbus(host, "reload", "registry")).status, 0);
});

it("a policy file that is there and cannot be read is not taken for gone", async (t) => {
  const files = { "policies/registry.lua": denies("the old one") };
  const own = await startHost(t, { files, env: quiet, test: false });
  const token = await account(own);
  const file = path.join(folder(own), "registry.lua");
  const aside = `${folder(own)}-aside`;
  const refused = async (why) => {
    const result = await moonbus(own, "reload", "registry");
    assert.equal(result.status, 1, result.output);
    assert.match(result.output, why);
    assert.equal((await put(own, token, 9)).json.error, "the old one");
  };
  fs.rmSync(file);
  fs.symlinkSync("nowhere.lua", file);
  await refused(/cannot read policies\/registry\.lua: No such file/);
  fs.rmSync(file);
  fs.mkdirSync(file);
  await refused(/cannot read policies\/registry\.lua: it is no file/);
  fs.renameSync(folder(own), aside);
  fs.writeFileSync(folder(own), "a file");
  await refused(/cannot read policies\/registry\.lua: Not a directory/);
  fs.rmSync(folder(own));
  fs.symlinkSync("nowhere", folder(own));
  await refused(/cannot read policies\/registry\.lua: No such file/);
  fs.rmSync(folder(own));
  assert.equal((await moonbus(own, "reload", "registry")).status, 0);
  assert.equal((await put(own, token, 9)).status, 201);
});

it("a file that fits no service is told with the name that was meant", async (t) => {
  write(host, "return {}", "usr.lua");
  write(host, "return {}", "weather.lua");
  write(host, "nonsense", "registry_spec.lua");
  const from = host.logs().length;
  const { output, status } = await moonbus(host, "reload");
  assert.equal(status, 0);
  assert.match(output, /policies\/weather\.lua is not in force: .*there are policies\/proxy\.lua/);
  assert.ok(!output.includes("_spec"));
  await host.waitForLog((entry) => /policies\/weather\.lua/.test(entry.warning), 20_000, from);
  const fresh = await startHost(t, { files: { "policies/registri.lua": "return {}" } });
  await fresh.waitForLog((entry) => /did you mean policies\/registry\.lua\?/.test(entry.warning));
});

it("a folder of policies that was named and is not there is told", async (t) => {
  const own = await startHost(t, { env: { ...quiet, MOONBUS_POLICIES: "polices" }, test: false });
  await own.waitForLog((entry) => /folder of policies polices is not there/.test(entry.warning));
  assert.match((await moonbus(own, "reload")).output, /^warning: the folder of policies polices/m);
  writeFiles(path.join(own.cwd, "polices"), { "registry.lua": denies("it is there") });
  assert.doesNotMatch((await moonbus(own, "reload")).output, /warning/);
  assert.equal((await put(own, await account(own), 9)).json.error, "it is there");
});

it("a host does not start with policies that it cannot read", async (t) => {
  const files = { "policies/registry.lua": "return {\n  nonsense\n" };
  const stillborn = await startHost(t, { start: false, files });
  await assert.rejects(stillborn.start(), (error) => {
    assert.match(`${error}`, /policies\/registry\.lua:\d+/);
    return true;
  });
});

it("policies change while requests flow, and no request fails", async (t) => {
  const watching = await startHost(t, {});
  const token = await account(watching);
  let stop = false;
  const seen = new Set();
  const flow = (async () => {
    while (!stop) {
      const answer = await put(watching, token, watching.port); // what the default refuses, too
      if (answer.json.error.endsWith("is this host itself")) seen.add("default");
      else seen.add(`${answer.status} ${answer.json.error}`);
    }
  })();
  for (let i = 0; i < 5; i++) {
    write(watching, denies(`no ${i}`));
    await waitFor(() => seen.has(`403 no ${i}`), `policy ${i}`);
    if (i !== 2) continue;
    fs.rmSync(folder(watching), { recursive: true });
    seen.delete("default");
    await waitFor(() => seen.has("default"), "the default");
  }
  stop = true;
  await flow;
  assert.deepEqual(
    [...seen].filter((answer) => !/^(default|403 no \d)$/.test(answer)),
    [],
  );
});

it("a user's service in place of the platform's has the user's policies", async (t) => {
  const files = { "policies/registry.lua": denies("mine") };
  const services = { registry: path.join(root, "services/registry") };
  const own = await startHost(t, { files, services });
  assert.equal((await put(own, await account(own), 9)).json.error, "mine");
});

it("moonbus policy ls shows what the host has in force, and what files give without one", async (t) => {
  const files = { "policies/registry.lua": `\n${denies("mine")}` };
  const own = await startHost(t, { files, env: quiet, test: false });
  const list = async () => (await moonbus(own, "policy", "ls")).stdout;
  assert.match(await list(), /^registry\.register .* policies\/registry\.lua:2$/m);
  assert.match(await list(), /^registry\.check .* services\/registry\/policy\.lua \(shipped\)$/m);
  assert.match(await list(), /^registry\.choose .* not defined$/m);
  write(own, denies("another")); // which is not reloaded
  assert.match(await list(), /policies\/registry\.lua:2$/m);
  await own.stop();
  assert.match(await list(), /policies\/registry\.lua:1$/m);
  assert.match(await list(), /no host runs .*\nThis is what the files say\./);
  const { running, policies } = JSON.parse((await moonbus(own, "policy", "ls", "--json")).stdout);
  assert.equal(running, false);
  assert.equal(policies.find(({ name }) => name === "registry.register").line, 1);
  write(own, "return { registr = print }");
  const refused = await moonbus(own, "policy", "ls");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^moonbus: .*did you mean 'register'\?$/m);
});

it("moonbus policy ls tells all that is wrong with the files, a line each", async (t) => {
  const own = await startHost(t, { start: false });
  write(own, "return { registr = print, chose = print }");
  write(own, "", "user.lua");
  const { status, stdout, stderr } = await moonbus(own, "policy", "ls");
  assert.deepEqual([status, stdout], [1, ""]);
  const told = stderr.trim().split("\n");
  assert.equal(told.length, 3, stderr);
  assert.match(told[0], /^moonbus: policies\/registry\.lua.*did you mean 'choose'\?$/);
  assert.match(told[1], /^moonbus: policies\/registry\.lua.*did you mean 'register'\?$/);
  assert.match(told[2], /^moonbus: policies\/user\.lua returns nothing: end it with /);
});

it("moonbus policy new writes a file that changes nothing yet", async (t) => {
  const own = await startHost(t, { start: false });
  const made = await moonbus(own, "policy", "new", "registry");
  assert.equal(made.status, 0, made.output);
  const text = fs.readFileSync(path.join(folder(own), "registry.lua"), "utf8");
  assert.match(text, /^-- function M\.register\(account, instance\)$/m);
  assert.match((await moonbus(own, "policy", "ls")).stdout, /^registry\.register .*\(shipped\)$/m);
  write(own, text.replace(/^-- ?((?:function| {2}return|end).*)$/gm, "$1"));
  assert.match((await moonbus(own, "policy", "ls")).stdout, /policies\/registry\.lua:\d+$/m);
  const again = await moonbus(own, "policy", "new", "registry");
  assert.equal(again.status, 1);
  assert.match(again.stderr, /is there already/);
  assert.match((await moonbus(own, "policy", "new", "registri")).stderr, /did you mean registry\?/);
  assert.equal((await moonbus(own, "policy", "new")).status, 2);
  assert.equal((await moonbus(own, "policy", "old")).status, 2);
});

it("moonbus test policies runs the specs of the user's policies and of the shipped ones", async (t) => {
  const own = await startHost(t, {
    start: false,
    files: {
      "policies/registry.lua": 'return { check = function() return { path = "/mine" } end }',
      "policies/spec/registry_spec.lua": `
local policy = require("spec").policy "registry"

it("the user's function and the shipped one", function()
  assert.equal("/mine", policy.check({}).path)
  assert.is_nil((policy.register({ slug = "s" }, { url = "http://169.254.169.254" })))
  assert.is_nil(policy.choose)
end)
`,
    },
  });
  const run = () => moonbus(own, "test", "policies");
  const fine = await run();
  assert.equal(fine.status, 0, fine.output);
  assert.match(fine.stdout, /^ok +policies\/spec\/registry_spec\.lua +1 passed$/m);
  write(own, "return { chek = function() end }");
  const refused = await run();
  assert.equal(refused.status, 1);
  assert.match(refused.stdout, /policies\/registry\.lua:1: .*did you mean 'check'\?/);
});
