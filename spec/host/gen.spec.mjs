// moonbus new and moonbus gen: a declaration becomes files, and files stay their owner's.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { it, root, runCommand, scratch, writeFiles } from "./lib/spec.mjs";

const SHOP = `general:
  host: shop.example

functions:
  - signature: Add(x int, y int) (sum int)
    description: Add adds two integers.
  - signature: Buy(item *Item)

webs:
  - signature: Home()
`;

const FILES = [
  "gen/api.lua",
  "gen/plumbing.lua",
  "gen/version.lua",
  "service.lua",
  "service.yaml",
  "spec/service_spec.lua",
  "types.lua",
];

/** A working folder with services: files by service, by path. */
function workspace(t, services = {}) {
  const cwd = scratch(t);
  for (const [name, files] of Object.entries(services))
    writeFiles(path.join(cwd, "services", name), files);
  return {
    cwd,
    run: (...args) => runCommand(args, { cwd }),
    read: (file) => fs.readFileSync(path.join(cwd, "services", file), "utf8"),
    write: (file, text) => writeFiles(path.join(cwd, "services"), { [file]: text }),
    exists: (file) => fs.existsSync(path.join(cwd, "services", file)),
  };
}

/** All files below a folder with what is in them and when they were written. */
function snapshot(cwd) {
  return fs
    .readdirSync(cwd, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort()
    .map((file) => {
      const { mtimeMs, ino, mode } = fs.statSync(file);
      return [path.relative(cwd, file), fs.readFileSync(file, "utf8"), mtimeMs, ino, mode];
    });
}

const succeeded = (done) => assert.equal(done.status, 0, done.output);

it("an editor knows the host's modules from the first service on", async (t) => {
  const { cwd, run } = workspace(t);
  const read = (file) => fs.readFileSync(path.join(cwd, file), "utf8");
  succeeded(await run("new", "shop"));
  succeeded(await run("gen"));
  const settings = JSON.parse(read(".luarc.json"));
  assert.deepEqual(settings["workspace.library"], [".moonbus/types"]);
  assert.match(read(".moonbus/types/store.lua"), /function Collection:create\(doc\) end/);
  assert.match(read(".moonbus/types/shared.lua"), /---@meta shared\n/);
  assert.equal(read(".moonbus/types/.gitignore"), "*\n");
  const checked = execFileSync("luacheck", ["--no-color", "."], { cwd, encoding: "utf8" });
  assert.match(checked, /Total: 0 warnings \/ 0 errors in 5 files/);
});

it("what services cannot reach is undefined for luacheck", async (t) => {
  const { cwd, run } = workspace(t, {
    "../bad": { "bad.lua": 'os.execute("ls")\nio.read()\nprint(os.time(), debug.getinfo(1))\n' },
  });
  succeeded(await run("new", "shop"));
  const checked = spawnSync("luacheck", ["--no-color", "bad"], { cwd, encoding: "utf8" });
  assert.match(checked.stdout, /bad\.lua:1:1: .*execute/);
  assert.match(checked.stdout, /bad\.lua:2:1: .*io/);
  assert.match(checked.stdout, /bad\.lua:3:18: .*getinfo/);
  assert.match(checked.stdout, /Total: 3 warnings/);
});

it("settings of an editor that are there stay, and what to add is told", async (t) => {
  const { cwd, run } = workspace(t);
  const own = { ".luarc.json": '{ "mine": true }\n', ".luacheckrc": 'std = "lua54"\n' };
  writeFiles(cwd, own);
  const made = await run("new", "shop");
  succeeded(made);
  assert.match(made.stdout, /\.luarc\.json is there already; add to it: .*\.moonbus\/types/);
  assert.match(made.stdout, /\.luacheckrc is there already; add to it: .*exclude_files/);
  for (const [file, text] of Object.entries(own))
    assert.equal(fs.readFileSync(path.join(cwd, file), "utf8"), text);
  const told = await run("new", "other", "--json");
  assert.equal(JSON.parse(told.stdout).advice.length, 2);
});

it("stubs of another binary are brought up to date by gen, and made by nothing but new", async (t) => {
  const { cwd, run } = workspace(t, { shop: { "service.yaml": SHOP } });
  succeeded(await run("gen"));
  assert.ok(!fs.existsSync(path.join(cwd, ".moonbus")));
  succeeded(await run("new", "other"));
  const stub = path.join(cwd, ".moonbus/types/store.lua");
  const fresh = fs.readFileSync(stub, "utf8");
  writeFiles(cwd, { ".moonbus/types/version": "0.0.1 ffff\n", ".moonbus/types/store.lua": "old" });
  succeeded(await run("gen", "--check", "shop"));
  assert.equal(fs.readFileSync(stub, "utf8"), "old");
  succeeded(await run("gen"));
  assert.equal(fs.readFileSync(stub, "utf8"), fresh);
});

it("a new service is declared, generated and tested in an empty folder", async (t) => {
  const { run, read } = workspace(t);
  const made = await run("new", "shop");
  succeeded(made);
  assert.match(made.stdout, /services\/shop\/service\.yaml/);
  assert.match(made.stdout, /moonbus gen shop/);
  assert.match(read("shop/service.yaml"), /host: shop\.example/);
  const generated = await run("gen");
  succeeded(generated);
  assert.match(
    generated.stdout,
    /^services\/shop: version 1, wrote gen\/api\.lua, .*service\.lua.*\n$/,
  );
  assert.equal(generated.stderr, "");
  const tested = await run("test", "shop");
  succeeded(tested);
  assert.match(tested.stdout, /1 passed, 0 failed/);
});

it("new refuses what is no name, what is there and what is the platform's", async (t) => {
  const { cwd, run } = workspace(t, { shop: { "service.yaml": SHOP } });
  const before = snapshot(cwd);
  for (const name of ["Shop", "1shop", "../shop", "a b", "a//b", "", "x".repeat(64)]) {
    const done = await run("new", name);
    assert.equal(done.status, 2, `${name}: ${done.output}`);
    assert.match(done.stderr, /no name for a service/);
  }
  for (const [name, why] of [
    ["shop", /is there already/],
    ["user", /service of the platform/],
  ]) {
    const done = await run("new", name);
    assert.equal(done.status, 1);
    assert.match(done.stderr, why);
  }
  assert.equal((await run("new")).status, 2);
  assert.equal((await run("new", "a", "b")).status, 2);
  assert.deepEqual(snapshot(cwd), before);
  succeeded(await run("new", "team/inner"));
});

it("without services it says how to begin", async (t) => {
  const { run } = workspace(t);
  for (const command of ["gen", "check"]) {
    const done = await run(command);
    succeeded(done);
    assert.match(done.stderr, /moonbus new NAME/);
  }
});

it("check says what is wrong or odd, where that is, and writes nothing", async (t) => {
  const { cwd, run, read, write } = workspace(t, { shop: { "service.yaml": SHOP } });
  succeeded(await run("gen"));
  const unwritten = await run("check");
  assert.equal(unwritten.status, 1, unwritten.output);
  assert.match(
    unwritten.stdout,
    /service\.lua:\d+:20: Add is declared but has no code: it answers/,
  );
  assert.match(unwritten.stdout, /^3 findings$/m);
  write(
    "shop/service.lua",
    read("shop/service.lua").replace(/require "errors"\.raise.*/g, "return"),
  );
  const fine = await run("check");
  succeeded(fine);
  assert.equal(fine.stdout, "nothing to say\n");
  write(
    "shop/service.lua",
    'local svc = require "service" (...)\nfunction svc.Hoem() end\nreturn svc\n',
  );
  const before = snapshot(cwd);
  const odd = await run("check", "shop");
  assert.equal(odd.status, 1, odd.output);
  const yaml = fs.readFileSync(path.join(cwd, "services/shop/service.yaml"), "utf8").split("\n");
  for (const [name, signature] of [
    ["Add", "Add(x"],
    ["Buy", "Buy(item"],
    ["Home", "Home()\n"],
  ]) {
    const line = yaml.findIndex((text) => `${text}\n`.includes(`- signature: ${signature}`)) + 1;
    const place = `services/shop/service.yaml:${line}:16`;
    assert.ok(odd.stdout.includes(`${place}: ${name} is declared but has no code\n`), odd.stdout);
  }
  assert.match(odd.stdout, /^services\/shop\/service\.lua:2:1: Hoem is not declared/m);
  assert.match(odd.stdout, /^4 findings$/m);
  write("shop/service.lua", 'local svc = require "service" (...)\nfunction svc.Hoem() end\n\n');
  const endless = (await run("check", "shop")).stdout.split("\n");
  assert.match(endless[0], /^services\/shop\/service\.lua:2:1: /);
  assert.match(endless[1], /^services\/shop\/service\.lua:2:1: /);
  assert.match(endless.slice(0, 2).join(), /:2:1: it must end with `return svc`/);
  assert.match(endless[2], /^services\/shop\/service\.yaml:/);
  write(
    "shop/service.lua",
    'local svc = require "service" (...)\nfunction svc.Hoem() end\nreturn svc\n',
  );
  write("shop/service.yaml", "general:\n  hots: x\n");
  const wrong = await run("check");
  assert.equal(wrong.status, 2, wrong.output);
  assert.match(wrong.stdout, /service\.yaml:2:3: unknown field 'hots'; did you mean 'host'\?/);
  write("shop/service.yaml", yaml.join("\n"));
  assert.deepEqual(
    snapshot(cwd).map(([file, text]) => [file, text]),
    before.map(([file, text]) => [file, text]),
  );
});

it("check reads code and policies: names, modules, their fields, and who asks", async (t) => {
  const { cwd, run, write } = workspace(t, {
    shop: { "service.yaml": "general:\n  host: shop.example\n" },
  });
  succeeded(await run("gen"));
  write(
    "shop/service.lua",
    `local json = require "json"
local svc = require "service" (...)
local task = require "taks"
svc.cache = json.encod(task) -- json.encod in a comment
function svc.on_start()
  undefined()
end
return svc
`,
  );
  writeFiles(cwd, {
    "policies/user.lua":
      'local shipped = require "policy"\nreturn { pasword = shipped.password }\n',
    "policies/proxy.lua": "return {\n",
    "policies/user_spec.lua": 'it("is no policy", function() end)\n',
  });
  const broken = await run("check");
  assert.equal(broken.status, 2, broken.output);
  assert.match(broken.stdout, /^policies\/proxy\.lua:2:1: .*near <eof>/m);
  writeFiles(cwd, { "policies/proxy.lua": "return { limit = function() end }\n" });
  const before = snapshot(cwd);
  const found = await run("check");
  assert.equal(found.status, 1, found.output);
  assert.deepEqual(found.stdout.split("\n"), [
    "services/shop/service.lua:3:22: there is no module 'taks'; did you mean 'task'?",
    "services/shop/service.lua:4:18: there is no json.encod; did you mean 'encode'?",
    "services/shop/service.lua:6:3: nothing defines 'undefined'",
    "policies/user.lua:2:10: nobody asks user.pasword; did you mean 'password'?",
    "4 findings",
    "",
  ]);
  const policies = await run("check", "policies", "--json");
  assert.deepEqual(JSON.parse(policies.stdout), {
    findings: [
      {
        file: "policies/user.lua",
        line: 2,
        column: 10,
        text: "nobody asks user.pasword; did you mean 'password'?",
      },
    ],
  });
  assert.equal((await run("check", "policies/proxy.lua")).stdout, "nothing to say\n");
  assert.match((await run("check", "shop")).stdout, /^3 findings$/m);
  assert.deepEqual(snapshot(cwd), before);
});

it("check has nothing to say about what is in the tree", async () => {
  for (const folder of ["services", "services/examples"]) {
    const done = await runCommand(["check", folder], { cwd: root });
    succeeded(done);
    assert.equal(done.stdout, "nothing to say\n");
  }
});

it("an empty declaration becomes one to be filled in, and nothing else", async (t) => {
  const { cwd, run, read } = workspace(t, { shop: { "service.yaml": "" } });
  const done = await run("gen");
  succeeded(done);
  assert.match(done.stdout, /filled in/);
  assert.match(read("shop/service.yaml"), /host: shop\.example/);
  assert.deepEqual(fs.readdirSync(path.join(cwd, "services/shop")), ["service.yaml"]);
});

it("gen writes what is declared, and a second run touches no file", async (t) => {
  const { cwd, run } = workspace(t, { shop: { "service.yaml": SHOP } });
  const done = await run("gen");
  succeeded(done);
  assert.match(done.stdout, /service\.lua \(Add, Buy, Home\)/);
  assert.match(done.stdout, /types\.lua \(Item\)/);
  const before = snapshot(path.join(cwd, "services/shop"));
  assert.deepEqual(
    before.map(([file]) => file),
    FILES,
  );
  const again = await run("gen");
  succeeded(again);
  assert.equal(again.stdout, "services/shop: up to date, version 1\n");
  assert.deepEqual(snapshot(path.join(cwd, "services/shop")), before);
});

it("generated code loads, passes its tests and pleases luacheck", async (t) => {
  const { cwd, run } = workspace(t, { shop: { "service.yaml": SHOP } });
  succeeded(await run("gen"));
  const tested = await run("test", "shop");
  succeeded(tested);
  assert.match(tested.stdout, /4 passed, 0 failed/);
  for (const options of [["--no-config"], ["--config", path.join(root, ".luacheckrc")]])
    execFileSync("luacheck", ["-q", "--no-color", ...options, "services"], { cwd, stdio: "pipe" });
});

it("inside a service's folder, commands find the rest of the project", async (t) => {
  const basket = "general:\n  host: basket.example\nfunctions:\n  - signature: Sum() (n int)\n";
  const { cwd, run, write } = workspace(t, {
    shop: { "service.yaml": SHOP },
    basket: {
      "service.yaml": basket,
      "service.lua": `local shop = require "services.shop.api"
local svc = require "service" (...)

function svc.Sum(ctx)
  return shop.Add(ctx, 1, 2)
end

return svc
`,
      "spec/sum_spec.lua": `local spec = require "spec"
local service = spec.service()

it("asks the shop", function()
  spec.mock("shop.example", { Add = function(_, x, y) return x + y end })
  assert.equal(3, service.Sum(spec.context {}))
end)
`,
    },
  });
  succeeded(await run("gen"));
  const inside = (folder, ...words) => runCommand(words, { cwd: path.join(cwd, folder) });
  const own = /^ok {3}services\/basket\/spec\/sum_spec\.lua +1 passed$/m;
  for (const folder of ["services/basket", "services/basket/spec"])
    for (const words of [[], ["."], ["../basket"], ["basket"]]) {
      if (folder.endsWith("spec") && words[0] === "../basket") continue;
      const tested = await inside(folder, "test", ...words);
      succeeded(tested);
      assert.match(tested.stdout, own);
      const checked = await inside(folder, "check", ...words);
      assert.deepEqual([checked.status, checked.stdout], [0, "nothing to say\n"], checked.output);
    }
  assert.match((await inside("services/basket", "test", "spec/sum_spec.lua")).stdout, own);
  assert.match((await inside("services/basket", "test", "../shop")).stdout, /services\/shop/);
  assert.match((await inside("services", "test")).stdout, /6 passed, 0 failed\n$/);
  write("basket/service.yaml", basket.replace("Sum()", "Sum(")); // told with its place
  const refused = await inside("services/basket", "check", ".");
  assert.match(refused.stdout, /^services\/basket\/service\.yaml:4:/);
  assert.equal(refused.status, 2);
  const gone = await inside("services/basket", "test", "nowhere");
  assert.match(gone.stderr, /there is no file, folder or service "nowhere"/);
});

it("settings of the project count in the folders of its services, wherever these lie", async (t) => {
  const cwd = scratch(t);
  writeFiles(cwd, {
    "moonbus.yaml": "services: code\n",
    "code/shop/service.yaml": "general:\n  host: shop.example\n",
    "code/shop/spec/a_spec.lua": 'it("is found", function() end)\n',
  });
  const inside = (...words) => runCommand(words, { cwd: path.join(cwd, "code/shop") });
  assert.match((await inside("gen")).stdout, /^code\/shop: version 1/);
  assert.match((await inside("test")).stdout, /2 passed, 0 failed\n$/);
  assert.match((await inside("new", "basket")).stdout, /^code\/basket\/service\.yaml declares/m);
});

it("whatever is declared, luacheck finds nothing", async (t) => {
  const many = Array.from({ length: 30 }, (_, i) => `argument${i} map[string][]*Item${i}`).join(
    ", ",
  );
  const words = "word ".repeat(60);
  const everything = `general:
  host: everything.example
  description: "Quotes \\" and \\\\ and ]] and --[[ and a\\rreturn"
configs:
  - signature: Limit() (n int)
    description: ${words}
    default: "12"
    validation: int [0,${"9".repeat(17)}]
    callback: true
functions:
  - signature: Many(${many}) (${many.replaceAll("argument", "result")})
    description: ${words}
    path: /${"long-".repeat(40)}path
  - signature: Words(end int, function string, local bool, api int, client int, svc int, errors int)
events:
  - signature: OnMany(${many}) (ok bool)
sinks:
  - signature: OnOther(x any)
    source: services/other
webs:
  - signature: Home()
    description: "http://${"x".repeat(80)}"
tickers:
  - signature: Tick()
    interval: 1h30m
metrics:
  - signature: Size(d Duration, end string)
    kind: histogram
    buckets: [0.001, 1e-7, 12345678.9, 100]
    description: ${words}
`;
  const { cwd, run, write } = workspace(t, {
    everything: { "service.yaml": everything },
    older: {
      "service.yaml": everything.replaceAll("everything.", "older."),
      "service.lua": 'local app = require "service" (...)\n\nreturn app\n',
      "spec/service_spec.lua":
        '-- luacheck: std +busted\ndescribe("mine", function()\n  it("is", function() end)\nend)\n',
    },
  });
  succeeded(await run("gen"));
  for (const options of [["--no-config"], ["--config", path.join(root, ".luacheckrc")]])
    execFileSync("luacheck", ["-q", "--no-color", ...options, "services"], { cwd, stdio: "pipe" });
  succeeded(await run("gen", "--check"));
  write("older/service.yaml", everything.replaceAll("everything.", "other."));
  succeeded(await run("gen", "older"));
});

it("what is added later joins what was written", async (t) => {
  const { run, read, write } = workspace(t, { shop: { "service.yaml": SHOP } });
  succeeded(await run("gen"));
  const mine = "  -- mine\n  return x + y\n";
  write(
    "shop/service.lua",
    read("shop/service.lua").replace(/ {2}require "errors".*Add is not.*\n/, mine),
  );
  write(
    "shop/service.yaml",
    read("shop/service.yaml").replace(
      "(sum int)",
      "(sum int)\n  - signature: Sub(x int) (y float)",
    ),
  );
  const done = await run("gen", "shop");
  succeeded(done);
  assert.match(done.stdout, /version 2, wrote .*service\.lua \(Sub\)/);
  const text = read("shop/service.lua");
  assert.ok(text.includes(mine));
  assert.match(text, /function svc\.Sub\(ctx, x\)\n[^\n]*\nend\n\nreturn svc\n$/);
  assert.match(read("shop/gen/api.lua"), /function api\.Sub/);
});

it("files keep their mode, and links lead where they led", async (t) => {
  const { cwd, run, read } = workspace(t, { shop: { "service.yaml": SHOP } });
  const real = path.join(cwd, "handlers.lua");
  fs.writeFileSync(real, 'local svc = require "service" (...)\n\nreturn svc\n', { mode: 0o640 });
  fs.symlinkSync(real, path.join(cwd, "services/shop/service.lua"));
  succeeded(await run("gen"));
  assert.ok(fs.lstatSync(path.join(cwd, "services/shop/service.lua")).isSymbolicLink());
  assert.equal(fs.statSync(real).mode & 0o777, 0o640);
  assert.match(read("shop/service.lua"), /function svc\.Add/);
});

it("errors of all services are told with their places, and nothing is written", async (t) => {
  const { cwd, run } = workspace(t, {
    fine: { "service.yaml": SHOP.replaceAll("shop", "fine") },
    broken: {
      "service.yaml":
        "general:\n  host: $\nfunctions:\n  - signature: add()\n    discription: Adds.\n",
    },
    code: { "service.yaml": SHOP, "service.lua": "local x =\nreturn\n" },
  });
  const before = snapshot(cwd);
  for (const flags of [[], ["--check"], ["--diff"], ["--force"]]) {
    const done = await run("gen", ...flags);
    assert.equal(done.status, 2, done.output);
    assert.equal(done.stdout, "");
    assert.match(done.stderr, /^services\/broken\/service\.yaml:2:9: invalid hostname '\$'$/m);
    assert.match(done.stderr, /^services\/broken\/service\.yaml:4:\d+: handler 'add' must start/m);
    assert.match(
      done.stderr,
      /^services\/broken\/service\.yaml:5:5: .*did you mean 'description'/m,
    );
    assert.match(done.stderr, /^services\/code\/service\.lua:2:1: /m);
    assert.match(done.stderr, /^moonbus: 4 errors; nothing was written$/m);
  }
  const { errors } = JSON.parse((await run("gen", "--json")).stdout);
  assert.equal(errors.length, 4);
  assert.deepEqual(Object.keys(errors[0]).sort(), ["column", "file", "line", "text"]);
  assert.deepEqual(snapshot(cwd), before);
});

it("a service is the same one from wherever it is generated", async (t) => {
  const { cwd, run, read } = workspace(t, { "team/shop": { "service.yaml": SHOP } });
  succeeded(await run("gen"));
  const api = read("team/shop/gen/api.lua");
  assert.match(api, /require "services\.team\.shop\.api"/);
  const inside = path.join(cwd, "services/team/shop");
  for (const [from, ...words] of [
    [inside, "."],
    [inside],
    [inside, "../shop"],
    [path.join(cwd, "services/team"), "shop"],
    [path.join(cwd, "services"), "team/shop"],
  ]) {
    const done = await runCommand(["gen", ...words], { cwd: from });
    succeeded(done);
    assert.match(done.stdout, /services\/team\/shop: up to date, version 1\n$/, words.join(" "));
    assert.equal(read("team/shop/gen/api.lua"), api);
  }
});

it("a folder in the place of a file stops all of them", async (t) => {
  const { cwd, run } = workspace(t, {
    ahead: { "service.yaml": SHOP.replaceAll("shop", "ahead") },
    shop: { "service.yaml": SHOP },
  });
  fs.mkdirSync(path.join(cwd, "services/shop/types.lua"));
  const before = snapshot(cwd);
  const done = await run("gen");
  assert.equal(done.status, 1, done.output);
  assert.match(done.stderr, /types\.lua is no file; nothing was written/);
  assert.deepEqual(snapshot(cwd), before);
  assert.ok(!fs.existsSync(path.join(cwd, "services/ahead/gen")));
});

it("--check says whether anything would change", async (t) => {
  const { cwd, run, read, write } = workspace(t, { shop: { "service.yaml": SHOP } });
  const fresh = await run("gen", "--check");
  assert.equal(fresh.status, 1);
  assert.match(fresh.stdout, /^services\/shop: version 1, would write .*gen\/api\.lua/);
  assert.deepEqual(fs.readdirSync(path.join(cwd, "services/shop")), ["service.yaml"]);
  succeeded(await run("gen"));
  succeeded(await run("gen", "--check"));
  write("shop/service.lua", read("shop/service.lua").replace("not written", "not yet written"));
  const stale = await run("gen", "--check");
  assert.equal(stale.status, 1);
  assert.equal(stale.stdout, "services/shop: version 2, would write gen/version.lua\n");
});

it("--diff shows what would change, as patch understands it", async (t) => {
  const { cwd, run, read, write } = workspace(t, { shop: { "service.yaml": SHOP } });
  succeeded(await run("gen"));
  write("shop/service.yaml", read("shop/service.yaml").replace("(sum int)", "(total float)"));
  write("shop/types.lua", "---@class Item");
  const before = snapshot(cwd);
  const done = await run("gen", "--diff");
  succeeded(done);
  assert.deepEqual(snapshot(cwd), before);
  assert.match(done.stdout, /^-{3} a\/services\/shop\/service\.lua$/m);
  assert.match(done.stdout, /^\+---@return number total$/m);
  assert.equal((await run("gen", "--diff", "--check")).status, 1);

  execFileSync("patch", ["-p1", "-s"], { cwd, input: done.stdout });
  const patched = snapshot(cwd).map(([file, text]) => [file, text.replace(/time = .*/, "")]);
  for (const [file, text] of before) fs.writeFileSync(path.join(cwd, file), text);
  succeeded(await run("gen"));
  const written = snapshot(cwd).map(([file, text]) => [file, text.replace(/time = .*/, "")]);
  assert.deepEqual(patched, written);
});

it("--force counts a version more, and -v names each file", async (t) => {
  const { run, read } = workspace(t, { shop: { "service.yaml": SHOP } });
  const first = await run("gen", "-v");
  succeeded(first);
  for (const file of FILES.slice(0, 4))
    assert.match(first.stdout, new RegExp(`^ {2}created ${file}, \\d+ bytes$`, "m"));
  assert.match(first.stdout, /^ {2}changed service\.yaml, /m);
  const forced = await run("gen", "-f");
  assert.equal(forced.stdout, "services/shop: version 2, wrote gen/version.lua\n");
  assert.match(read("shop/gen/version.lua"), /version = 2,/);
});

it("--json tells programs the same", async (t) => {
  const { run } = workspace(t, { shop: { "service.yaml": SHOP } });
  const { services, changing } = JSON.parse((await run("gen", "--json")).stdout);
  assert.equal(changing, 1);
  assert.equal(services[0].service, "shop");
  assert.equal(services[0].folder, "services/shop");
  assert.deepEqual(services[0].added.handlers, ["Add", "Buy", "Home"]);
  assert.deepEqual(
    services[0].files.map((file) => file.path),
    FILES,
  );
  const again = JSON.parse((await run("gen", "--json")).stdout);
  assert.deepEqual(again.services[0].files, []);
  assert.equal(again.changing, 0);
});

it("services are named by folder, by name, or by a folder around them", async (t) => {
  const { cwd, run } = workspace(t, {
    a: { "service.yaml": SHOP },
    "team/b": { "service.yaml": SHOP.replaceAll("shop", "b") },
    "team/c": { "service.yaml": SHOP.replaceAll("shop", "c") },
  });
  const named = async (...args) =>
    JSON.parse((await run("gen", "--check", "--json", ...args)).stdout).services.map(
      ({ service }) => service,
    );
  assert.deepEqual(await named(), ["a", "team/b", "team/c"]);
  assert.deepEqual(await named("team"), ["team/b", "team/c"]);
  for (const word of ["team/b", "services/team/b", "./services/team/b/", `${cwd}/services/team/b`])
    assert.deepEqual(await named(word), ["team/b"], word);
  assert.deepEqual(await named("a", "services/a", "team/c"), ["a", "team/c"]);
  for (const word of ["nowhere", "services/nowhere"]) {
    const done = await run("gen", word);
    assert.equal(done.status, 1);
    assert.match(done.stderr, /there is no folder or service/);
  }
  fs.mkdirSync(path.join(cwd, "services/empty"));
  assert.match((await run("gen", "empty")).stderr, /no service\.yaml in empty; moonbus new/);
});

it("the folder of services is that of the settings", async (t) => {
  const cwd = scratch(t);
  const env = { MOONBUS_SERVICES: "mine" };
  succeeded(await runCommand(["new", "shop"], { cwd, env }));
  const done = await runCommand(["gen"], { cwd, env });
  succeeded(done);
  assert.match(done.stdout, /^mine\/shop: version 1/);
});

it("a sink's types come from its source, also when both are new", async (t) => {
  const { run, read } = workspace(t, {
    buyer: {
      "service.yaml":
        "general:\n  host: buyer.example\nsinks:\n" +
        "  - signature: OnSold(item Item)\n    source: services/shop\n",
    },
    shop: {
      "service.yaml": "general:\n  host: shop.example\nevents:\n  - signature: OnSold(item Item)\n",
    },
  });
  const done = await run("gen");
  succeeded(done);
  assert.equal(done.stderr, "");
  assert.match(read("shop/types.lua"), /\n---@class Item\n$/);
  assert.match(
    read("buyer/types.lua"),
    /\n---@class Item\n---@source services\/shop\/types\.lua\n$/,
  );
  succeeded(await run("gen", "--check"));
});

it("warnings are told and stop nothing", async (t) => {
  const { run } = workspace(t, {
    shop: {
      "service.yaml": "general:\n  host: shop.example\nstale:\n  x: 1\n",
      "service.lua":
        'local svc = require "service" (...)\nfunction svc.Gone(ctx) end\nreturn svc\n',
    },
  });
  const done = await run("gen");
  succeeded(done);
  assert.match(done.stderr, /^warning: services\/shop\/service\.yaml:\d+:1: .*'stale'/m);
  assert.match(done.stderr, /^warning: services\/shop\/service\.lua:2:1: Gone is not declared/m);
});

it("the examples are as they are generated", async () => {
  const done = await runCommand(["gen", "--check", "services/examples"], { cwd: root });
  succeeded(done);
});
