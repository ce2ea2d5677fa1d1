// Dev: the loop of the person who writes Lua. Save and it is generated, reloaded and told; a prompt
// inside the host; specs that run again.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import {
  after,
  binary,
  call,
  describe,
  it,
  metric,
  runCommand,
  scratch,
  startHost,
  waitFor,
  writeFiles,
} from "./lib/spec.mjs";

const declaration = (host, ...functions) =>
  `general:\n  host: ${host}\n\nfunctions:\n${functions.map((f) => `  - signature: ${f}\n`).join("")}`;

const code = (...functions) =>
  `local svc = require "service" (...)\n\n${functions.join("\n\n")}\n\nreturn svc\n`;

const ADD = "function svc.Add(_, x, y)\n  return x + y\nend";

describe("run --dev", () => {
  const start = (t, services = {}, options = {}) =>
    startHost(t, { services, args: ["--dev"], ...options });
  const file = (host, name) => path.join(host.cwd, "services", name);
  const save = (host, name, text) => writeFiles(path.join(host.cwd, "services"), { [name]: text });
  const read = (host, name) => fs.readFileSync(file(host, name), "utf8");
  const told = (host, text, from = 0) =>
    host.waitForLog((entry) => entry.msg.includes(text), 20_000, from);
  // In test mode the home folder is a temporary one.
  const reload = (host, ...words) => {
    const [home] = fs.readdirSync(host.tmp);
    return runCommand(["reload", ...words, "--home", path.join(host.tmp, home)]);
  };
  const status = async (host, where) => (await call(host.url, where)).status;

  it("says at the start that it is not for production", async (t) => {
    const host = await start(t);
    await told(host, "not for production");
  });

  it("what lies there before the start is generated, too", async (t) => {
    const host = await start(t, {
      shop: { "service.yaml": declaration("shop.example", "Price(item string) (total int)") },
    });
    assert.equal(await status(host, "/shop.example/price"), 501);
    assert.match(read(host, "shop/service.lua"), /function svc\.Price\(ctx, item\)/);
  });

  it("a folder with nothing but a declaration is generated and served at once", async (t) => {
    const host = await start(t);
    save(host, "shop/service.yaml", declaration("shop.example", "Price(item string) (total int)"));
    await waitFor(
      async () => (await status(host, "/shop.example/price")) === 501,
      "the skeleton that answers",
    );
    await told(host, "generated  services/shop: version 1");
    for (const name of ["service.lua", "gen/api.lua", "gen/plumbing.lua", "spec/service_spec.lua"])
      assert.ok(fs.existsSync(file(host, `shop/${name}`)), name);
  });

  it("a function that is declared answers 501, and what its code says once that is there", async (t) => {
    const host = await start(t, {
      sums: {
        "service.yaml": declaration("sums.example", "Add(x int, y int) (sum int)"),
        "service.lua": code(ADD),
      },
    });
    assert.equal((await call(host.url, "/sums.example/add?x=2&y=3")).json.sum, 5);
    const more = ["Add(x int, y int) (sum int)", "Twice(x int) (result int)"];
    save(host, "sums/service.yaml", declaration("sums.example", ...more));
    await waitFor(async () => (await status(host, "/sums.example/twice")) === 501, "the skeleton");
    const skeleton = read(host, "sums/service.lua");
    const written = skeleton.replace(/ {2}require "errors"\.raise\(501.*/, "  return 2 * x");
    assert.notEqual(written, skeleton);
    save(host, "sums/service.lua", written);
    await waitFor(
      async () => (await call(host.url, "/sums.example/twice?x=21")).json.result === 42,
      "what the code says",
    );
    assert.equal((await call(host.url, "/sums.example/add?x=2&y=3")).json.sum, 5);
    assert.equal(read(host, "sums/service.lua"), written);
  });

  it("its own writes start it once more at most, and what it writes stays", async (t) => {
    const host = await start(t);
    save(host, "one/service.yaml", declaration("one.example", "First() (n int)"));
    await told(host, "generated  services/one");
    // Whatever that has set off is over when two other services have come after it.
    for (const name of ["two", "three"]) {
      save(host, `${name}/service.yaml`, declaration(`${name}.example`, "First() (n int)"));
      await told(host, `loaded     ${name}.example`);
    }
    const lines = host.lines.filter((line) => line.includes("generated  services/one"));
    assert.equal(lines.length, 1, lines.join("\n"));
    const loads = host.lines.filter((line) => /(re)?loaded +one\.example/.test(line));
    assert.equal(loads.length, 1, loads.join("\n"));
  });

  it("a file that somebody still writes is left alone, and is not lost", async (t) => {
    const host = await start(t, {
      slow: {
        "service.yaml": declaration("slow.example", "One() (n int)"),
        "service.lua": code("function svc.One()\n  return 1\nend"),
      },
    });
    const text = declaration("slow.example", "One() (n int)", "Two() (n int)");
    const place = file(host, "slow/service.yaml");
    const half = text.length - 20;
    const writing = fs.openSync(place, "w"); // it is empty from here on
    fs.writeSync(writing, text.slice(0, half));
    // The host has looked at all files when another service has come into service.
    save(host, "quick/service.yaml", declaration("quick.example", "First() (n int)"));
    await told(host, "loaded     quick.example");
    assert.equal(fs.readFileSync(place, "utf8"), text.slice(0, half));
    fs.writeSync(writing, text.slice(half));
    assert.equal(fs.fstatSync(writing).ino, fs.statSync(place).ino, "the file was not replaced");
    fs.closeSync(writing);
    await waitFor(
      async () => (await status(host, "/slow.example/two")) === 501,
      "the new function",
    );
    assert.equal((await call(host.url, "/slow.example/one")).json.n, 1);
    assert.match(read(host, "slow/service.yaml"), /Two\(\) \(n int\)/);
  });

  it("a broken declaration is shown with its line, and the old generation serves on", async (t) => {
    const host = await start(t, {
      sums: {
        "service.yaml": declaration("sums.example", "Add(x int, y int) (sum int)"),
        "service.lua": code(ADD),
      },
    });
    const good = read(host, "sums/service.yaml");
    const lua = read(host, "sums/service.lua");
    const from = host.lines.length;
    save(host, "sums/service.yaml", good.replace("Add(x int", "Add(x strang"));
    await told(host, "reload refused; the old generation goes on  service=sums.example", from);
    await told(host, "services/sums/service.yaml:", from);
    const marked = await told(host, ">", from);
    assert.match(marked.msg, /> +\d+ \| {3}- signature: Add\(x strang, y int\) \(sum int\)$/);
    await told(host, "^", from);
    assert.equal((await call(host.url, "/sums.example/add?x=2&y=3")).json.sum, 5);
    assert.equal(read(host, "sums/service.lua"), lua);
    const answer = await reload(host, "sums");
    assert.equal(answer.status, 1);
    assert.match(answer.stdout, /service\.yaml:\d+:\d+: unknown .*strang/);
    const mended = host.lines.length;
    save(host, "sums/service.yaml", good);
    await told(host, "fine again", mended);
    assert.equal((await call(host.url, "/sums.example/add?x=2&y=3")).json.sum, 5);
  });

  it("the first declaration of a service may be wrong: it is shown what is, and who goes is told", async (t) => {
    const host = await start(t);
    const wrong = declaration("shop.example", "Price(item strng) (total int)");
    save(host, "shop/service.yaml", wrong);
    await told(host, "service not loaded  service=shop");
    await told(host, "services/shop/service.yaml:5:16: unknown primitive type 'strng'");
    assert.ok(!host.lines.some((line) => line.includes("service.lua is missing")));
    save(host, "shop/service.yaml", wrong.replace("strng", "string"));
    await told(host, "loaded     shop.example  services/shop");
    fs.rmSync(file(host, "shop"), { recursive: true });
    await told(host, "removed    shop.example  services/shop");
  });

  it("edits of what symbolic links lead to are seen, of a folder and of a file", async (t) => {
    const elsewhere = scratch(t);
    const value = (n) => `function svc.Value()\n  return ${n}\nend`;
    const put = (name, text) => writeFiles(elsewhere, { [name]: text });
    for (const name of ["one", "two"]) {
      put(`${name}/service.yaml`, declaration(`${name}.example`, "Value() (n int)"));
      put(`${name}/service.lua`, code(value(1)));
    }
    const host = await start(t, {});
    const gives = (name, n) =>
      waitFor(
        async () => (await call(host.url, `/${name}.example/value`)).json?.n === n,
        `${name} to give ${n}`,
      );
    fs.mkdirSync(file(host, "two"), { recursive: true });
    fs.symlinkSync(path.join(elsewhere, "one"), file(host, "one"));
    for (const name of ["service.yaml", "service.lua"])
      fs.symlinkSync(path.join(elsewhere, "two", name), file(host, `two/${name}`));
    for (const name of ["one", "two"]) {
      await gives(name, 1);
      put(`${name}/service.lua`, code(value(2)));
      await gives(name, 2);
      put(`${name}/new`, code(value(3)));
      fs.renameSync(path.join(elsewhere, name, "new"), path.join(elsewhere, name, "service.lua"));
      await gives(name, 3);
      assert.ok(
        fs.lstatSync(file(host, name === "one" ? "one" : "two/service.lua")).isSymbolicLink(),
      );
    }
    fs.renameSync(path.join(elsewhere, "one"), path.join(elsewhere, "old"));
    await waitFor(async () => (await status(host, "/one.example/value")) === 404, "one to be gone");
    put("one/service.yaml", declaration("one.example", "Value() (n int)"));
    put("one/service.lua", code(value(4)));
    await gives("one", 4);
  });

  it("syntax errors of all files are told at once, and the next good save is said to be fine", async (t) => {
    const host = await start(t, {
      sums: {
        "service.yaml": declaration("sums.example", "Add(x int, y int) (sum int)"),
        "service.lua": code(ADD),
      },
    });
    const from = host.lines.length;
    const other = file(host, "sums/other.lua");
    fs.writeFileSync(other, "return {\n  a = = 1,\n}\n");
    await told(host, "services/sums/other.lua:2:", from);
    save(host, "sums/service.lua", `${code(ADD)}local x = = 1\n`);
    await told(host, "services/sums/service.lua:", from);
    const answer = await reload(host);
    assert.equal(answer.status, 1);
    assert.match(answer.stdout, /other\.lua:2: .*\n +1 \| return \{\n +> +2 \| {3}a = = 1,\n/);
    assert.match(answer.stdout, /service\.lua:\d+: .*\n(.*\n)*? +> +\d+ \| local x = = 1\n/);
    const mended = host.lines.length;
    fs.rmSync(other);
    save(host, "sums/service.lua", code(ADD.replace("x + y", "x + y + 1")));
    const line = await told(host, "reloaded   sums.example", mended);
    assert.match(line.msg, /reloaded {3}sums\.example {2}generation \d+ {2}\d+ ms {2}fine again$/);
    assert.equal((await call(host.url, "/sums.example/add?x=2&y=3")).json.sum, 6);
  });

  it("each request is one line in columns, each reload another", async (t) => {
    const host = await start(t, {
      sums: {
        "service.yaml": declaration("sums.example", "Add(x int, y int) (sum int)"),
        "service.lua": code(ADD),
      },
    });
    await call(host.url, "/sums.example/add?x=2&y=3");
    await call(host.url, "/sums.example/nothing/of/that/kind");
    const lines = [
      await told(host, "/sums.example/add"),
      await told(host, "/sums.example/nothing"),
    ].map((entry) => entry.msg);
    const form =
      /^\d\d:\d\d:\d\d\.\d{3} GET +\/sums\.example\/\S+ +(200|404) +\d+\.\d ms {2}sums\.example$/;
    for (const line of lines) assert.match(line, form);
    const [column] = lines.map((line) => line.search(/(200|404) +\d/));
    assert.equal(lines[1].search(/404 +\d/), column, lines.join("\n"));
    save(host, "sums/service.lua", code(ADD.replace("x + y", "x - y")));
    const line = await told(host, "reloaded   ");
    assert.match(
      line.msg,
      /^\d\d:\d\d:\d\d\.\d{3} reloaded {3}sums\.example {2}generation 2 {2}\d+ ms$/,
    );
  });

  it("an error is shown with the way through both services and the source of it", async (t) => {
    const host = await start(t, {
      back: {
        "service.yaml": declaration("back.example", "Fail() (n int)"),
        "service.lua": code("function svc.Fail()\n  local nothing\n  return nothing.field\nend"),
      },
      front: {
        "service.yaml": declaration("front.example", "Ask() (n int)"),
        "service.lua": code(
          'function svc.Ask(ctx)\n  local n = require("bus").call(ctx, "back.example", "Fail")\n  return n\nend',
        ),
      },
    });
    assert.equal(await status(host, "/front.example/ask"), 500);
    await told(host, "GET        /front.example/ask");
    const text = host.lines.join("\n");
    assert.match(text, /ERROR +handler failed {2}service=front\.example/);
    assert.match(text, /attempt to index a nil value \(local 'nothing'\)/);
    assert.match(text, /services\/front\/service\.lua:\d+: in/);
    assert.match(text, /> +\d+ \| {3}local n = require\("bus"\)\.call/);
    assert.match(text, /because of back\.example:\n/);
    assert.match(text, /> +\d+ \| {3}return nothing\.field\n/);
    assert.match(text, /services\/back\/service\.lua:\d+: in/);
  });

  it("logs are JSON when that is asked for, and have the quotation, too", async (t) => {
    const host = await start(
      t,
      {
        sums: {
          "service.yaml": declaration("sums.example", "Add(x int, y int) (sum int)"),
          "service.lua": code("function svc.Add()\n  error 'no'\nend"),
        },
      },
      { env: { MOONBUS_LOG_FORMAT: "json" } },
    );
    await call(host.url, "/sums.example/add");
    const entry = await told(host, "handler failed");
    assert.match(entry.traceback, /> +\d+ \| {3}error 'no'\n/);
  });

  it("without the watch nothing is generated", async (t) => {
    const host = await start(
      t,
      { shop: { "service.yaml": declaration("shop.example", "Price(item string) (total int)") } },
      { env: { MOONBUS_WATCH: "false" } },
    );
    await told(host, "not for production: callers see errors in full");
    assert.ok(!fs.existsSync(file(host, "shop/gen")));
  });

  /** What a host says to a terminal; it is stopped once a request was answered. */
  async function onTerminal(t, env) {
    const folder = scratch(t);
    writeFiles(folder, {
      "services/sums/service.yaml": declaration("sums.example", "Add(x int, y int) (sum int)"),
      "services/sums/service.lua": code("function svc.Add()\n  error 'no'\nend"),
    });
    const home = path.join(folder, "home");
    const command = `${binary} run --dev --listen 127.0.0.1:0 --admin 127.0.0.1:0 --home ${home}`;
    const child = spawn("script", ["-qfec", command, "/dev/null"], {
      cwd: folder,
      env: { ...process.env, TERM: "xterm", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const over = new Promise((resolve) => child.once("close", resolve));
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (shown += text));
    await waitFor(() => fs.existsSync(path.join(home, "host.json")), "the host's start", 60_000);
    const here = JSON.parse(fs.readFileSync(path.join(home, "host.json"), "utf8"));
    await call(here.url, "/sums.example/add");
    await waitFor(() => /GET.*sums\.example\/add/.test(shown), "the request's line");
    process.kill(here.pid, "SIGTERM");
    await over;
    return shown;
  }

  it("a terminal gets colours: of the status, of errors and of the line that failed", async (t) => {
    const shown = await onTerminal(t, { NO_COLOR: "" });
    assert.match(shown, /\x1b\[1mGET\x1b\[0m .*\x1b\[31m500\x1b\[0m/);
    assert.match(shown, /\x1b\[31mERROR\x1b\[0m +handler failed/);
    assert.match(shown, /\x1b\[1m +> +\d+ \| {3}error 'no'\x1b\[0m/);
    assert.match(shown, /\x1b\[90mstack traceback:\x1b\[0m/);
    assert.equal(shown.split("error 'no'").length, 2, shown); // once, and of the host no line
    assert.doesNotMatch(shown, /> x:send/);
  });

  it("NO_COLOR is honoured", async (t) => {
    assert.doesNotMatch(await onTerminal(t, { NO_COLOR: "1" }), /\x1b/);
  });
});

describe("repl", () => {
  const COUNTER = 'counter = 0\nlocal svc = require "service" (...)\n\n';
  const lab = {
    "service.yaml": declaration("lab.example", "Add(x int, y int) (sum int)"),
    "service.lua": `${COUNTER}${ADD}\n\nreturn svc\n`,
  };
  let host;
  const ready = startHost(
    { after },
    { services: { lab }, test: false, env: { MOONBUS_LUA_CPU: "300ms" } },
  );
  const run = async (lines, ...words) => {
    host = await ready;
    const input = typeof lines === "string" ? lines : `${lines.join("\n")}\n`;
    return runCommand(["repl", ...words, "--home", host.home], { input });
  };
  const gives = async (lines, ...expected) => {
    const { stdout, output } = await run(lines);
    assert.deepEqual(stdout.split("\n").slice(0, -1), expected, output);
  };

  /** A prompt that stays: send() gives what the host says about a line. */
  async function prompt(t, ...words) {
    host = await ready;
    const child = spawn(binary, ["repl", ...words, "--json", "--home", host.home], {
      env: { ...host.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    t.after(() => child.kill("SIGKILL"));
    const lines = [];
    let [rest, errors] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop();
      lines.push(...parts);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
    const over = new Promise((resolve) =>
      child.once("close", (status) => resolve({ status, errors })),
    );
    return {
      child,
      over,
      type: (line) => child.stdin.write(`${line}\n`),
      async send(line) {
        const n = lines.length;
        child.stdin.write(`${line}\n`);
        await waitFor(() => lines.length > n, `an answer to ${line}`);
        return JSON.parse(lines[n]);
      },
    };
  }

  it("a line that is piped in is run, and its result printed", async () => {
    const { stdout, status } = await run("return 1+1");
    assert.equal(stdout, "2\n");
    assert.equal(status, 0);
  });

  it("values are shown as they are written", async () => {
    await gives(
      ["1, 'two', nil, true", "{ 1, { b = 2, a = 'x' } }", "'line\\n\"'", "1.5", "_ * 2", "{}"],
      "1",
      '"two"',
      "nil",
      "true",
      '{ 1, { a = "x", b = 2 } }',
      '"line\\n\\""',
      "1.5",
      "3.0",
      "{}",
    );
  });

  it("what is large or goes round is bounded", async () => {
    const { stdout } = await run([
      "a = {} a.a = a",
      "a",
      "local t = {} for i = 1, 1000 do t[i] = i end return t",
      "local t = {} for i = 1, 100 do t = { t } end return t",
      "('x'):rep(1e6)",
    ]);
    assert.match(stdout, /^{ a = { itself } }\n/);
    assert.match(stdout, /\.\.\. 950 more/);
    assert.match(stdout, /{ \.\.\. }/);
    assert.match(stdout, /"\.\.\. \(1000000 bytes\)\n$/);
    assert.ok(stdout.length < 10_000);
  });

  it("lines go on until they are complete", async () => {
    await gives(["function twice(x)", "  return 2 * x", "end", "twice(21)"], "42");
    const { status, stderr } = await run(["twice("]);
    assert.equal(status, 1);
    assert.match(stderr, /the last line is not complete/);
  });

  it("lines may wait: for time, the network, the store and other services", async () => {
    host = await ready;
    await gives(
      [
        'require("time").sleep(0.01)',
        `require("http").request{ url = "${host.adminUrl}/healthz" }.body`,
        'pets = require("store").collection("pets", { id = "pet" })',
        'pets:create{ name = "Rex" }.name',
        'require("bus").call(ctx, "lab.example", "Add", 2, 3)',
      ],
      "true",
      '"{\\"status\\":\\"ok\\"}"',
      '"Rex"',
      "5",
    );
  });

  it("what is printed comes to the prompt", async () => {
    await gives(["print('a', 1) print(nil)"], "a\t1", "nil");
  });

  it("errors come with where they happened, and the exit code says so", async () => {
    const { status, stdout, stderr } = await run([
      "function f() error('boom') end",
      "f()",
      "undefined_name",
      "x = = 1",
      "require('errors').raise(404, 'no such pet')",
      "1",
    ]);
    assert.equal(status, 1);
    assert.equal(stdout, "1\n");
    assert.match(stderr, /repl:1: boom\nstack traceback:\n(.*\n)* +repl:1: in function <repl:1>/);
    assert.match(stderr, /undefined global 'undefined_name'/);
    assert.match(stderr, /repl:1: unexpected symbol near '='/);
    assert.match(stderr, /error 404: no such pet/);
    assert.doesNotMatch(stderr, /service\/repl\.lua/);
  });

  it("an error of a called service brings its way along", async () => {
    const { stderr } = await run(['require("bus").call(ctx, "lab.example", "Add", "x", {})']);
    assert.match(stderr, /error 400/);
  });

  it("a line has the budget of a request", async () => {
    const { stderr, stdout } = await run(["while true do end", "'still here'"]);
    assert.match(stderr, /it ran too long/);
    assert.equal(stdout, '"still here"\n');
  });

  it("inside a service its code is at hand, and its globals stay as they are", async () => {
    const { stdout, stderr } = await run(
      [
        "svc.host",
        "svc.Add(ctx, 1, 2)",
        "counter",
        "counter = 10",
        "counter",
        "_G.counter",
        "_G.fresh = 1",
        "string = 5",
        "type(string)",
        "_G.type('')",
      ],
      "lab",
    );
    assert.deepEqual(stdout.split("\n").slice(0, -1), [
      '"lab.example"',
      "3",
      "0",
      "10",
      "0",
      '"number"',
      '"string"',
    ]);
    assert.match(stderr, /read-only/);
    assert.equal((await run(["counter", "type(string)"], "lab.example")).stdout, '0\n"table"\n');
    assert.equal((await call(host.url, "/lab.example/add?x=1&y=1")).json.sum, 2);
  });

  it("two sessions are apart", async (t) => {
    const [one, two] = [await prompt(t, "lab"), await prompt(t, "lab")];
    await one.send("mine = 1");
    assert.match((await two.send("mine")).text, /undefined global 'mine'/);
    await two.send("mine = 2");
    assert.equal((await one.send("mine")).text, "1");
    const [three, four] = [await prompt(t), await prompt(t)];
    await three.send("mine = 3");
    assert.match((await four.send("mine")).text, /undefined global 'mine'/);
  });

  it("a reload gives a session a new state, and says so", async (t) => {
    const one = await prompt(t, "lab");
    assert.equal((await one.send("mine = 1")).fresh, true);
    assert.equal((await one.send("mine")).fresh, false);
    const done = await runCommand(["reload", "lab", "--force", "--home", host.home]);
    assert.equal(done.status, 0, done.output);
    const answer = await one.send("mine");
    assert.equal(answer.fresh, true);
    assert.match(answer.text, /undefined global 'mine'/);
  });

  it("who leaves takes his line along", async (t) => {
    const one = await prompt(t, "lab");
    await one.send("1");
    const before = await metric(host, "tasks_open");
    one.type("require('time').sleep(3600)");
    await waitFor(async () => (await metric(host, "tasks_open")) === before + 1, "the line to run");
    one.child.kill("SIGKILL");
    await waitFor(async () => (await metric(host, "tasks_open")) === before, "the line to end");
    const states = await metric(host, "states_open");
    const two = await prompt(t);
    await two.send("1");
    assert.equal(await metric(host, "states_open"), states + 1);
    two.child.stdin.end();
    await two.over;
    await waitFor(async () => (await metric(host, "states_open")) === states, "its state to go");
  });

  /** A prompt on a terminal: type() keys, wait until it shows() something. */
  async function terminal(t, ...words) {
    host = await ready;
    const command = [binary, "repl", ...words, "--home", host.home].join(" ");
    const child = spawn("script", ["-qfec", command, "/dev/null"], {
      env: { ...host.env, TERM: "xterm" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (shown += text));
    return {
      over: new Promise((resolve) => child.once("close", resolve)),
      type: (keys) => child.stdin.write(keys),
      async shows(what) {
        await waitFor(() => what.test(shown), `${what} on the terminal`);
        const all = shown;
        shown = "";
        return all;
      },
    };
  }

  it("Ctrl-C cancels the line that runs, and the prompt goes on", async (t) => {
    const screen = await terminal(t, "lab");
    await screen.shows(/lab\.example> /);
    const before = await metric(host, "tasks_open");
    screen.type("require('time').sleep(3600)\r");
    await waitFor(async () => (await metric(host, "tasks_open")) === before + 1, "the line to run");
    screen.type("\x03");
    await screen.shows(/canceled/);
    await waitFor(async () => (await metric(host, "tasks_open")) === before, "the line to end");
    screen.type("20 + 22\r");
    await screen.shows(/\r\n42\r\n/);
    screen.type("\x04");
    assert.equal(await screen.over, 0);
  });

  it("the arrow keys edit and bring back what was typed, also the next time", async (t) => {
    const first = await terminal(t);
    await first.shows(/moonbus> /);
    first.type("10 - 3\x1b[D\x1b[D\x7f*\r"); // the minus becomes a times
    await first.shows(/\r\n30\r\n/);
    first.type("\x1b[A + 5\r");
    await first.shows(/\r\n35\r\n/);
    first.type("\x04");
    await first.over;
    const second = await terminal(t);
    await second.shows(/moonbus> /);
    second.type("\x1b[A\x1b[A\r");
    await second.shows(/\r\n30\r\n/);
    second.type("\x04");
    await second.over;
    const mode = fs.statSync(path.join(host.home, "repl-history")).mode & 0o777;
    assert.equal(mode, 0o600);
  });

  it("only who has the secret gets one, for services that are there", async () => {
    host = await ready;
    const bare = await fetch(`${host.adminUrl}/repl`, { method: "POST" });
    assert.equal(bare.status, 401);
    for (const page of ["repl/line", "repl/wait"]) {
      const method = page === "repl/wait" ? "GET" : "POST";
      assert.equal((await fetch(`${host.adminUrl}/${page}?session=x`, { method })).status, 401);
    }
    const none = await run("1", "nobody.example");
    assert.equal(none.status, 1);
    assert.match(none.stderr, /there is no service nobody\.example; moonbus top lists them all/);
  });

  it("a host can refuse prompts", async (t) => {
    const other = await startHost(t, { test: false, env: { MOONBUS_REPL: "false" } });
    const { status, stderr } = await runCommand(["repl", "--home", other.home], { input: "1" });
    assert.equal(status, 1);
    assert.match(stderr, /the setting repl is false/);
  });

  it("a host that stops ends its prompts, whatever they run", async (t) => {
    const other = await startHost(t, { services: { lab }, test: false });
    const command = ["repl", "--home", other.home];
    const both = [[...command, "lab"], command].map((words) =>
      spawn(binary, words, { env: other.env, stdio: ["pipe", "ignore", "pipe"] }),
    );
    for (const child of both) {
      t.after(() => child.kill("SIGKILL"));
      child.stdin.write("require('time').sleep(3600)\n");
    }
    const over = both.map((child) => new Promise((resolve) => child.once("close", resolve)));
    await other.waitForLog((entry) => entry.msg === "prompt opened" && entry.service);
    await other.waitForLog((entry) => entry.msg === "prompt opened" && !entry.service);
    await other.stop();
    assert.deepEqual(await Promise.all(over), [1, 1]);
  });
});

describe("test --watch", () => {
  const spec = (n) =>
    `describe("s", function()\n  it("is ${n}", function()\n    assert.equal(${n}, require("value").n)\n  end)\nend)\n`;
  const service = (n) => ({
    "service.yaml": "general:\n  host: a.example\n",
    "value.lua": `return { n = ${n} }\n`,
    "spec/service_spec.lua": spec(n),
  });

  async function watching(t, ...words) {
    const folder = scratch(t);
    const tmp = path.join(folder, "tmp");
    fs.mkdirSync(tmp);
    for (const name of ["one", "two"]) writeFiles(path.join(folder, "services", name), service(1));
    const child = spawn(binary, ["test", "--watch", ...words], {
      cwd: folder,
      env: { ...process.env, TMPDIR: tmp, HOME: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    t.after(() => child.kill("SIGKILL"));
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (shown += text));
    return {
      folder,
      tmp,
      child,
      save: (name, text) => writeFiles(path.join(folder, "services"), { [name]: text }),
      async shows(what) {
        await waitFor(() => what.test(shown), `${what} in ${shown}`);
        const all = shown;
        shown = "";
        return all;
      },
    };
  }

  it("runs again what changed and what failed, under a ruler, until Ctrl-C", async (t) => {
    const watch = await watching(t);
    await watch.shows(/2 passed, 0 failed\n/);
    watch.save("one/value.lua", "return { n = 2 }\n");
    const broken = await watch.shows(/1 failed\n$/);
    assert.match(broken, /^\n-{40}\n\d\d:\d\d:\d\d {2}one changed; 1 of 2 files run again\n/);
    assert.match(broken, /FAIL services\/one\/spec\/service_spec\.lua/);
    watch.save("two/value.lua", "return { n = 1 } -- the same\n");
    const both = await watch.shows(/1 passed, 1 failed\n$/);
    assert.match(both, /two changed; all run again/);
    watch.save("one/value.lua", "return { n = 1 }\n");
    await watch.shows(/1 passed, 0 failed\n$/);
    const over = new Promise((resolve) =>
      watch.child.once("close", (_, signal) => resolve(signal)),
    );
    watch.child.kill("SIGINT");
    assert.equal(await over, "SIGINT");
    assert.deepEqual(fs.readdirSync(watch.tmp), []);
  });

  it("new specs are found", async (t) => {
    const watch = await watching(t, "one");
    await watch.shows(/1 passed, 0 failed\n/);
    watch.save("one/spec/more_spec.lua", spec(1));
    await watch.shows(/2 passed, 0 failed\n$/);
  });

  it("specs have the settings of specs, also when they run again", async (t) => {
    const watch = await watching(t, "one");
    await watch.shows(/1 passed, 0 failed\n/);
    const settings = `it("is a test", function()
  local setting = require("host").setting
  assert.same({ true, 0 }, { setting "test", setting "slow_turn" })
end)
`;
    watch.save("one/spec/service_spec.lua", settings);
    await watch.shows(/1 passed, 0 failed\n$/);
    fs.rmSync(path.join(watch.folder, "services/one/service.yaml"));
    watch.save("one/spec/service_spec.lua", 'require("spec").service()\n');
    await watch.shows(/no folder around it has a service\.yaml and a service\.lua/);
  });

  it("a file that does not end is stopped with its line, and the others run on", async (t) => {
    const watch = await watching(t, "--timeout", "1");
    await watch.shows(/2 passed, 0 failed\n/);
    watch.save("one/spec/service_spec.lua", `${spec(1)}\nwhile true do\n  require "value"\nend\n`);
    watch.save("two/value.lua", "return { n = 2 }\n");
    const shown = await watch.shows(/0 passed, 2 failed\n$/);
    assert.match(
      shown,
      /one\/spec\/service_spec\.lua:[6-9]: the top level of the file took longer/,
    );
    assert.match(shown, /two\/spec\/service_spec\.lua:3: the values differ/);
    watch.save("one/spec/service_spec.lua", spec(1));
    await watch.shows(/1 passed, 1 failed\n$/);
  });
});
