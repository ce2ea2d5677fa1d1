// The command line: what a person types, what a program reads.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { lab } from "./lib/lab.mjs";
import {
  after,
  binary,
  call,
  deadPort,
  instances,
  it,
  login,
  proxied,
  register,
  runCommand,
  scratch,
  startHost,
  upstream,
  waitFor,
} from "./lib/spec.mjs";

const host = await startHost({ after }, { test: false, services: { lab: lab() } });

/** A command of somebody on this machine, with a home of his own unless `home` says otherwise. */
const moonbus = (home, ...args) =>
  runCommand(args, { env: { MOONBUS_HOME: home, MOONBUS_SERVER: host.url }, cwd: host.cwd });

async function loggedIn(t) {
  const home = scratch(t);
  const done = await moonbus(home, "login", "1backend", "changeme");
  assert.equal(done.status, 0, done.output);
  return home;
}

/** Rows of a printed table, cut at the columns of its head. */
function table(text) {
  const [head, ...rows] = text.trimEnd().split("\n");
  const starts = [...head.matchAll(/(?<=^|\s{2,})\S/g)].map((match) => match.index);
  const cut = (line) => starts.map((from, i) => line.slice(from, starts[i + 1]).trim());
  return { head: cut(head), rows: rows.map(cut) };
}

/** Runs shell words on a terminal of their own, with `moonbus` among them; typed into by the test. */
class Terminal {
  constructor(t, words, env = {}) {
    this.text = "";
    const child = spawn("script", ["-qefc", words, "/dev/null"], {
      env: { ...host.env, PATH: `${path.dirname(binary)}:${process.env.PATH}`, ...env },
      cwd: host.cwd,
    });
    child.stdout.setEncoding("utf8").on("data", (text) => (this.text += text));
    this.child = child;
    this.over = new Promise((resolve) => child.once("close", resolve));
    t.after(() => child.kill("SIGKILL"));
  }

  /** Waits for a text behind the last one that was waited for. */
  async expect(text) {
    const at = this.read ?? 0;
    await waitFor(() => this.text.includes(text, at), `${text} in ${JSON.stringify(this.text)}`);
    this.read = this.text.indexOf(text, at) + text.length;
  }

  type(text) {
    this.child.stdin.write(text);
  }
}

/** What every misuse gets: exit code 2, a sentence, nothing else. */
function misused(done, sentence) {
  assert.equal(done.status, 2, done.output);
  assert.equal(done.stdout, "");
  assert.match(done.stderr, /^moonbus: .+\n$/);
  if (sentence) assert.match(done.stderr, sentence);
}

it("without a command it says what it can do", async () => {
  for (const args of [[], ["help"], ["--help"], ["-h"]]) {
    const done = await runCommand(args);
    assert.equal(done.status, 0, done.output);
    for (const command of [
      "run",
      "login",
      "instance",
      "call",
      "reload",
      "top",
      "tasks",
      "trace",
      "profile",
      "logs",
      "config",
      "version",
    ])
      assert.match(done.stdout, new RegExp(`^ +${command}\\b`, "m"));
    for (const line of done.stdout.split("\n")) assert.ok(line.length <= 120, line);
  }
});

it("every command explains itself", async () => {
  const { stdout } = await runCommand(["help"]);
  const names = [...stdout.matchAll(/^ {2}([a-z]+)\b/gm)].map((match) => match[1]);
  assert.ok(names.length >= 10);
  for (const name of names) {
    const done = await runCommand(["help", name]);
    assert.equal(done.status, 0, name);
    assert.match(done.stdout, new RegExp(`Usage: moonbus ${name}`));
  }
});

it("the version is one line", async () => {
  const done = await runCommand(["version"]);
  assert.equal(done.status, 0);
  assert.match(done.stdout, /^moonbus \d+\.\d+\.\d+\n$/);
  const { stdout } = await runCommand(["version", "--json"]);
  assert.equal(`moonbus ${JSON.parse(stdout).version}\n`, done.stdout);
});

it("what it does not know is exit code 2, with a way out", async () => {
  for (const args of [
    ["nonsense"],
    ["version", "--nonsense"],
    ["instance", "nonsense"],
    ["value", "nonsense"],
    ["value", "set", "shop.example", "Greeting"],
    ["value", "rm", "shop.example"],
    ["call"],
  ]) {
    misused(await runCommand(args));
  }
  for (const args of [["reloadd"], ["help", "reloadd"]]) {
    const { status, stderr } = await runCommand(args);
    assert.equal(status, 2);
    assert.match(stderr, /there is no command "reloadd", do you mean reload\?/);
  }
});

it("config prints every setting with its value and source", async () => {
  const env = { MOONBUS_WORKERS: "3", OB_ENCRYPTION_KEY: "0123456789abcdef0123456789abcdef" };
  const done = await runCommand(["config", "--log-level", "debug"], { env });
  assert.equal(done.status, 0, done.output);
  assert.match(done.stdout, /workers\s+3\b/);
  assert.match(done.stdout, /log_level\s+debug\b/);
  assert.ok(!done.stdout.includes(env.OB_ENCRYPTION_KEY), "secrets are masked");
  const json = JSON.parse((await runCommand(["config", "--json"], { env })).stdout);
  assert.ok(JSON.stringify(json).includes("max_body"));
});

it("logging in keeps a token that only its owner may read", async (t) => {
  const home = await loggedIn(t);
  const file = path.join(home, "credentials.json");
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.ok(fs.readFileSync(file, "utf8").includes(host.url));
  const who = await moonbus(home, "whoami");
  assert.equal(who.status, 0, who.output);
  assert.match(who.stdout, /1backend/);
  const json = JSON.parse((await moonbus(home, "whoami", "--json")).stdout);
  assert.equal(json.user.slug, "1backend");
});

it("a password may come from standard input or the environment", async (t) => {
  for (const options of [{ input: "changeme\n" }, { env: { MOONBUS_PASSWORD: "changeme" } }]) {
    const home = scratch(t);
    const done = await runCommand(["login", "1backend", "--server", host.url], {
      ...options,
      env: { MOONBUS_HOME: home, ...options.env },
    });
    assert.equal(done.status, 0, done.output);
    assert.doesNotMatch(done.output, /changeme/);
  }
});

it("a wrong password, and no login at all, say what to do", async (t) => {
  const home = scratch(t);
  const wrong = await moonbus(home, "login", "1backend", "wrong");
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /password/);
  assert.ok(!fs.existsSync(path.join(home, "credentials.json")));
  const none = await moonbus(home, "instance", "ls");
  assert.equal(none.status, 1);
  assert.match(none.stderr, /moonbus login/);
});

it("a host that is not there is named", async (t) => {
  const server = `http://127.0.0.1:${await deadPort()}`;
  const done = await runCommand(["whoami", "--server", server], {
    env: { MOONBUS_HOME: scratch(t) },
  });
  assert.equal(done.status, 1);
  assert.ok(done.stderr.includes(server));
  assert.match(done.stderr, /moonbus run/);
});

it("instance ls prints the columns of the seed, --json the same for programs", async (t) => {
  const home = await loggedIn(t);
  const server = await upstream(t);
  const { slug, token } = await proxied(host, server.url);
  await waitFor(async () => (await instances(host, token))[0].status === "Healthy", "healthy");
  const [{ id }] = await instances(host, token);
  const done = await moonbus(home, "instance", "ls");
  assert.equal(done.status, 0, done.output);
  const { head, rows } = table(done.stdout);
  assert.deepEqual(head, ["ID", "URL", "STATUS", "OWNER SLUG", "LAST HEARTBEAT"]);
  const row = rows.find((cells) => cells[0] === id);
  assert.deepEqual(row.slice(1, 4), [server.url, "Healthy", slug]);
  assert.match(row[4], /^(\d+[smhd] ago|now|just now)$/);
  const list = JSON.parse((await moonbus(home, "instance", "ls", "--json")).stdout);
  assert.equal(list.find((instance) => instance.id === id).url, server.url);

  const removed = await moonbus(home, "instance", "rm", id);
  assert.equal(removed.status, 0, removed.output);
  assert.deepEqual(await instances(host, token), []);
});

it("an empty list is an empty list", async (t) => {
  const home = await loggedIn(t);
  for (const [args, json] of [[["instance", "ls", "--slug", "nobody"], []]]) {
    assert.equal((await moonbus(home, ...args)).status, 0);
    assert.deepEqual(JSON.parse((await moonbus(home, ...args, "--json")).stdout), json);
  }
});

it("user ls shows accounts to admins", async (t) => {
  const home = await loggedIn(t);
  const done = await moonbus(home, "user", "ls");
  assert.equal(done.status, 0, done.output);
  assert.match(done.stdout, /\b1backend\b/);
  const [user] = JSON.parse(
    (await moonbus(home, "user", "ls", "--search", "1backend", "--json")).stdout,
  );
  assert.equal(user.slug, "1backend");
});

it("call takes a value for JSON when it is JSON, else for a text", async (t) => {
  const home = await loggedIn(t);
  const sent = async (value) => {
    const done = await moonbus(home, "call", "lab.example/reverse", `text=${value}`, 'list:=["x"]');
    assert.equal(done.status, 0, done.output);
    return [...JSON.parse(done.stdout).text2].reverse().join("");
  };
  for (const [value, text] of [
    ["Ada Lovelace", "Ada Lovelace"],
    ["007", "007"],
    ['"5000"', "5000"],
    ['"\\"a\\""', '"a"'],
    ["'a'", "'a'"],
    ['"a', '"a'],
    ["", ""],
    ["a=b:=c", "a=b:=c"],
  ])
    assert.equal(await sent(value), text, value);
  const number = await moonbus(home, "call", "lab.example/reverse", "text=5000", "list=[]");
  assert.match(number.output, /text: expected a string, got an integer/);
});

it("call calls a service, with a token, arguments, a method, a body", async (t) => {
  const home = await loggedIn(t);
  const sum = await moonbus(home, "call", "lab.example/add", "x=1", "y=2");
  assert.equal(sum.status, 0, sum.output);
  assert.deepEqual(JSON.parse(sum.stdout), { sum: 3 });
  const query = await moonbus(home, "call", "/lab.example/add?x=2", "-X", "GET", "y=5");
  assert.deepEqual(JSON.parse(query.stdout), { sum: 7 });
  const strict = await moonbus(home, "call", "lab.example/add", "x:=3", "y:= 4 ");
  assert.equal(JSON.parse(strict.stdout).sum, 7, strict.output);
  const data = await moonbus(home, "call", "lab.example/add", "-d", '{"x":4,"y":4}');
  assert.deepEqual(JSON.parse(data.stdout), { sum: 8 });
  const who = await moonbus(home, "call", "lab.example/whoami");
  assert.equal(JSON.parse(who.stdout).slug, "1backend");
  const text = await moonbus(home, "call", "lab.example/page?name=you");
  assert.equal(text.stdout, "method GET, name you\n");
  const refused = await moonbus(home, "call", "lab.example/refuse", "status=418");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /418/);
});

it("reload and logs work for the owner of the host's home", async () => {
  const done = await moonbus(host.home, "reload");
  assert.equal(done.status, 0, done.output);
  const file = path.join(host.cwd, "services/lab/service.lua");
  const good = fs.readFileSync(file, "utf8");
  fs.writeFileSync(file, "this is no Lua\n");
  const broken = await moonbus(host.home, "reload", "lab");
  assert.equal(broken.status, 1, broken.output);
  assert.match(broken.output, /service\.lua:1/);
  fs.writeFileSync(file, good);
  assert.equal((await moonbus(host.home, "reload", "lab")).status, 0);
  const logs = await moonbus(host.home, "logs", "-n", "5");
  assert.equal(logs.status, 0, logs.output);
  assert.equal(logs.stdout.trimEnd().split("\n").length, 5);
});

it("reload and logs are refused to everybody else", async (t) => {
  const home = await loggedIn(t);
  for (const command of ["reload", "logs"]) {
    const done = await moonbus(home, command);
    assert.equal(done.status, 1);
    assert.match(done.stderr, /moonbus run/);
  }
});

it("a token that expired is renewed, and the command works", async (t) => {
  const short = await startHost(t, { test: false, env: { OB_TOKEN_EXPIRATION: "1s" } });
  const home = scratch(t);
  const env = { MOONBUS_HOME: home, MOONBUS_SERVER: short.url };
  assert.equal((await runCommand(["login", "1backend", "changeme"], { env })).status, 0);
  await login(short);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  const done = await runCommand(["whoami"], { env });
  assert.equal(done.status, 0, done.output);
});

it("somebody who types slowly is logged in all the same", async (t) => {
  const home = scratch(t);
  const env = { MOONBUS_HOME: home, MOONBUS_SERVER: host.url, MOONBUS_CONNECT_TIMEOUT: "1s" };
  const terminal = new Terminal(t, "moonbus login", env);
  for (const [prompt, answer] of [
    ["Slug: ", "1backend\n"],
    ["Password of 1backend: ", "changeme\n"],
  ]) {
    await terminal.expect(prompt);
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    terminal.type(answer);
  }
  await terminal.expect("Logged in");
  assert.equal(await terminal.over, 0);
  assert.ok(!terminal.text.includes("changeme"), "the password is not shown");
});

it("a signal at the password prompt leaves the terminal as it was", async (t) => {
  const shows = /[^-]echo\b/;
  for (const end of ["\x03", "\x1c", "SIGTERM", "SIGHUP"]) {
    const terminal = new Terminal(
      t,
      `trap : INT QUIT; sh -c 'echo pid=$$; exec moonbus login 1backend'; stty -a; echo end`,
    );
    await terminal.expect("Password of 1backend: ");
    if (end.length > 1) process.kill(Number(/pid=(\d+)/.exec(terminal.text)[1]), end);
    else terminal.type(end);
    await terminal.expect("end");
    assert.match(terminal.text, shows, end);
  }
});

it("stopped at the password prompt and brought back, login asks again", async (t) => {
  const home = scratch(t);
  const env = { MOONBUS_HOME: home, MOONBUS_SERVER: host.url };
  const terminal = new Terminal(t, "set -m; moonbus login 1backend; stty -a; fg; echo end", env);
  await terminal.expect("Password of 1backend: ");
  terminal.type("forgotten\x1a");
  await terminal.expect("speed");
  await terminal.expect("Password of 1backend: ");
  assert.match(terminal.text, /[^-]echo\b/);
  terminal.type("changeme\n");
  await terminal.expect("Logged in");
  await terminal.expect("end");
  assert.ok(!terminal.text.includes("changeme"));
});

it("what strangers wrote reaches no terminal as a command", async (t) => {
  const home = await loggedIn(t);
  const name = "\x1b[31mred\nrow\t\x7f\u009b1m\u202eback";
  await register(host, "evil-svc", undefined, name);
  const done = await moonbus(home, "user", "ls", "--search", "evil-svc");
  assert.equal(done.status, 0, done.output);
  assert.equal(done.stdout.split("\n").length, 3, "a line for the head, one for the account");
  assert.doesNotMatch(done.stdout.replaceAll("\n", ""), /[\p{Cc}\u202e]/u);
  assert.ok(done.stdout.includes("\\x1b[31mred\\x0arow\\x09\\x7f\\u009b1m\\u202eback"));
  const json = await moonbus(home, "user", "ls", "--search", "evil-svc", "--json");
  assert.equal(JSON.parse(json.stdout)[0].name, name);

  const page = "lab.example/page?name=%1b%5b31mred";
  assert.equal((await moonbus(home, "call", page)).stdout, "method GET, name \x1b[31mred\n");
  const terminal = new Terminal(t, `moonbus call '${page}'`, { MOONBUS_SERVER: host.url });
  assert.equal(await terminal.over, 0);
  assert.equal(terminal.text, "method GET, name \\x1b[31mred\r\n");
});

it("columns line up whatever the script of a name", async (t) => {
  const home = await loggedIn(t);
  const names = { "wide-svc": "日本語", "accent-svc": "e\u0301te\u0301", "plain-svc": "plain" };
  for (const [slug, name] of Object.entries(names)) await register(host, slug, undefined, name);
  const done = await moonbus(home, "user", "ls");
  // Each character that takes two columns or none stands for as many that take one.
  const seen = done.stdout.replace("日本語", "kanji!").replaceAll("\u0301", "");
  const [head, ...lines] = seen.trimEnd().split("\n");
  const at = head.indexOf("CREATED");
  for (const line of lines) {
    assert.equal(line[at - 1], " ", line);
    assert.match(line.slice(at), /^\d+[smhd] ago$/, seen);
  }
  for (const name of ["kanji!", "ete", "plain"]) assert.match(seen, new RegExp(` ${name} `));
});

it("short flags may stand together and have their value attached", async () => {
  for (const flags of [["-n3"], ["-n", "3"], ["--lines=3"], ["--lines", "3"]]) {
    const done = await moonbus(host.home, "logs", ...flags);
    assert.equal(done.status, 0, done.output);
    assert.equal(done.stdout.trimEnd().split("\n").length, 3, flags.join(" "));
  }
  const follower = spawn(binary, ["logs", "-fn1"], {
    env: { ...host.env, MOONBUS_HOME: host.home },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  follower.stdout.setEncoding("utf8").on("data", (more) => (text += more));
  try {
    await waitFor(() => text.includes("\n"), "the last line");
    assert.equal(text.trimEnd().split("\n").length, 1);
    await call(host.url, "/nobody-svc/followed");
    await waitFor(() => text.includes("/nobody-svc/followed"), "the next line");
  } finally {
    follower.kill("SIGKILL");
  }
});

it("a word too many is refused, not swallowed", async (t) => {
  const home = scratch(t);
  for (const words of [
    "whoami extra",
    "version extra",
    "logs extra",
    "help run extra",
    "login a b extra",
    "instance ls extra",
    "user ls extra",
    "value ls a extra",
    "value set a b c extra",
    "value rm a b extra",
    "config extra",
    "run extra",
  ])
    misused(await moonbus(home, ...words.split(" ")), /"extra"/);
  for (const words of ["logs -nx", "logs -n", "logs -fx", "whoami --json=1", "logs --follow=no"])
    misused(await moonbus(home, ...words.split(" ")));
});

it("instance rm takes several and says which of them are not there", async (t) => {
  const home = await loggedIn(t);
  const nobody = await moonbus(home, "instance", "rm", "inst-nope");
  assert.equal(nobody.status, 1);
  assert.equal(nobody.stderr, "moonbus: there is no instance inst-nope\n");
  const [one, two] = [await upstream(t), await upstream(t)];
  const { token } = await proxied(host, one.url, two.url);
  const ids = (await instances(host, token)).map(({ id }) => id);
  assert.equal(ids.length, 2);
  const done = await moonbus(home, "instance", "rm", ids[0], "inst-nope", ids[1], "--json");
  assert.equal(done.status, 1);
  assert.deepEqual(JSON.parse(done.stdout), { removed: ids, missing: ["inst-nope"] });
  assert.deepEqual(await instances(host, token), []);
});

it("flags may stand in front of the command", async (t) => {
  const home = await loggedIn(t);
  for (const words of [
    ["--json", "whoami"],
    ["-e", host.url, "--json", "whoami"],
  ])
    assert.equal(JSON.parse((await moonbus(home, ...words)).stdout).user.slug, "1backend");
  assert.equal((await moonbus(home, "--version")).stdout, (await moonbus(home, "version")).stdout);
  for (const words of ["run --help", "--help run", "run -h", "help run"])
    assert.match((await moonbus(home, ...words.split(" "))).stdout, /^Usage: moonbus run /);
  assert.match((await moonbus(home, "config", "--help")).stdout, /--markdown/);
  misused(await moonbus(home, "--nonsense", "whoami"), /--nonsense/);
});

it("a flag that means nothing to a command is refused", async () => {
  for (const words of ["reload", "logs"])
    misused(await moonbus(host.home, words, "--server", "http://127.0.0.1:1"), /this machine/);
  for (const words of ["version", "help"])
    misused(await moonbus(host.home, words, "--server", "http://127.0.0.1:1"), /--server/);
  misused(await moonbus(host.home, "--server", "http://127.0.0.1:1", "logs"), /this machine/);
});

it("--json is JSON everywhere", async (t) => {
  const home = await loggedIn(t);
  const json = async (home, ...words) =>
    JSON.parse((await moonbus(home, ...words, "--json")).stdout);
  const help = await json(home, "help");
  const flags = help.commands.find(({ name }) => name === "call").flags;
  assert.deepEqual(
    flags.filter(({ short }) => short).map(({ short }) => short),
    ["X", "d", "e", "h"],
  );
  assert.equal((await json(home, "help", "logs")).usage, "logs [-f] [-n N] [filters]");
  assert.equal(await json(home, "call", "lab.example/page"), "method GET, name nobody");
  assert.equal(typeof (await json(home, "call", "nobody-svc/x")), "string");
  assert.deepEqual((await json(home, "whoami")).roles.includes("user-svc:admin"), true);
  assert.equal((await json(host.home, "reload")).ok, true);
  for (const line of (await moonbus(host.home, "logs", "--json")).stdout.trimEnd().split("\n"))
    assert.equal(typeof JSON.parse(line).msg, "string");
  const folder = scratch(t);
  const uses =
    'local store = require "store"\nit("works", function() store.collection("a", {}) end)\n';
  fs.writeFileSync(path.join(folder, "a_spec.lua"), uses);
  for (const words of [
    ["test", folder, "--json"],
    ["--json", "test", folder],
  ]) {
    const { failed, files } = JSON.parse((await moonbus(home, ...words)).stdout);
    assert.deepEqual([failed, files[0].failures], [0, []]);
  }
});

it("services are reloaded by host or folder, several at once", async () => {
  const file = path.join(host.cwd, "services/deep/er/service.yaml");
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, "general:\n  host: deep.example\n");
  fs.writeFileSync(
    file.replace("yaml", "lua"),
    'local svc = require "service" (...)\nreturn svc\n',
  );
  await moonbus(host.home, "reload");
  for (const name of ["deep/er", "deep.example", "lab.example", "lab"]) {
    const done = await moonbus(host.home, "reload", name);
    assert.equal(done.status, 0, done.output);
  }
  const both = await moonbus(host.home, "reload", "lab", "no where", "deep/er");
  assert.equal(both.status, 1);
  assert.match(both.stdout, /^there is no service no where; moonbus top lists them all$/m);
});

it("the home folder is found the way the host finds it", async (t) => {
  const other = await startHost(t, {
    test: false,
    env: { MOONBUS_HOME: "" },
    files: { "moonbus.yaml": "home: data\n" },
  });
  const data = path.join(other.cwd, "data");
  const here = { cwd: other.cwd, env: { MOONBUS_HOME: "" } };
  const elsewhere = { env: { MOONBUS_HOME: "~/data", HOME: other.cwd } };
  for (const [flags, options] of [
    [[], here],
    [[], elsewhere],
    [["--home", data], {}],
    [["--home=~/data"], { env: { HOME: other.cwd } }],
  ]) {
    for (const words of [["logs"], ["login", "1backend", "changeme"], ["whoami"], ["reload"]]) {
      const done = await runCommand([...words, ...flags], options);
      assert.equal(done.status, 0, `${words} ${flags}: ${done.output}`);
    }
  }
  assert.ok(fs.existsSync(path.join(data, "credentials.json")));
});

it("what the first start says to type next works", async (t) => {
  const fresh = await startHost(t, { test: false });
  const next = fresh.lines.find((line) => line.includes("moonbus login"));
  const words = next.slice(next.indexOf("moonbus login")).trim().split(" ").slice(1);
  const done = await runCommand(words, { env: { MOONBUS_PASSWORD: "changeme" } });
  assert.equal(done.status, 0, done.output);
  assert.ok(done.stdout.includes(fresh.url));
});

it("a login outlives the port of its host", async (t) => {
  const moved = await startHost(t, { test: false });
  const env = { MOONBUS_HOME: moved.home };
  assert.equal((await runCommand(["login", "1backend", "changeme"], { env })).status, 0);
  const before = moved.url;
  for (let i = 0; i < 5 && moved.url === before; i++) await moved.restart();
  assert.notEqual(moved.url, before);
  const who = await runCommand(["whoami"], { env });
  assert.equal(who.status, 0, who.output);
  assert.ok(who.stdout.includes(moved.url));

  const other = `http://127.0.0.1:${await deadPort()}`;
  fs.writeFileSync(
    path.join(moved.home, "credentials.json"),
    JSON.stringify({ current: other, servers: { [other]: { slug: "a", token: "b" } } }),
  );
  const lost = await runCommand(["whoami"], { env });
  assert.equal(lost.status, 1);
  assert.ok(lost.stderr.includes(other) && lost.stderr.includes(moved.url), lost.stderr);
  const again = await runCommand(["login", "1backend", "changeme"], { env });
  assert.equal(again.status, 0, again.output);
  assert.ok(again.stdout.includes(moved.url));
});

it("a damaged file of the home folder is named", async (t) => {
  const home = scratch(t);
  const { url } = host;
  for (const text of [
    '{"servers":5}',
    "no JSON",
    "[1]",
    '{"current":5}',
    JSON.stringify({ servers: { [url]: {} } }),
    JSON.stringify({ servers: { [url]: 5 } }),
    JSON.stringify({ servers: { [url]: { token: "a\nb" } } }),
  ]) {
    fs.writeFileSync(path.join(home, "credentials.json"), text);
    for (const words of [["whoami"], ["login", "1backend", "changeme"]]) {
      const done = await moonbus(home, ...words);
      assert.equal(done.status, 1, text);
      assert.match(done.stderr, /^moonbus: .*credentials\.json is damaged: .+\n$/);
    }
  }
  fs.rmSync(path.join(home, "credentials.json"));
  fs.writeFileSync(path.join(home, "host.json"), '{"url":5}');
  const logs = await moonbus(home, "logs");
  assert.match(logs.stderr, /^moonbus: .*host\.json is damaged: .+\n$/);
});

it("a host that makes no sense is told apart from one that does not answer", async (t) => {
  const home = scratch(t);
  const who = (server) => moonbus(home, "whoami", "--server", server);
  for (const server of ["", "http://", "http://a b", "ftp://a", "http://a?b"])
    misused(await who(server), /--server/);
  const unknown = await who("no..host");
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /unknown host no\.\.host/);
  const other = await upstream(t, (request, response) => response.end("hello"));
  const stranger = await who(other.url);
  assert.equal(stranger.status, 1);
  assert.match(stranger.stderr, /^moonbus: .*is it a Moonbus host\?\n$/);
});

it("an error says its status once", async (t) => {
  const home = scratch(t);
  for (const [answer, said] of [
    ["422 Unprocessable Entity\n", "answered 422: Unprocessable Entity"],
    ['{"error":"422 broken"}', "answered 422: broken"],
    ["", "answered 422: no explanation"],
  ]) {
    const server = await upstream(t, (request, response) => {
      response.statusCode = 422;
      response.end(answer);
    });
    const done = await moonbus(home, "whoami", "--server", server.url);
    assert.ok(done.stderr.includes(said), done.stderr);
  }
});

it("call refuses what it could only lose", async (t) => {
  const home = scratch(t);
  misused(await moonbus(home, "call", "lab.example/add", "x=1", "-d", "{}"), /--data/);
  misused(await moonbus(home, "call", "lab.example/add", "x:={a:1}"), /value of x is no JSON: /);
  misused(await moonbus(home, "call", "lab.example/add", "x=1", "x=2"), /twice/);
  misused(await moonbus(home, "call", "lab.example/add", "-X", "BAD METHOD"), /method/);
  misused(await moonbus(home, "call", `${host.url}/lab.example/add`), /--server/);
  const blank = await moonbus(home, "call", "lab.example/page?name=Ada Lovelace");
  assert.equal(blank.stdout, "method GET, name Ada Lovelace\n");
});

it("a switch with a value says how it is written", async () => {
  for (const command of ["config", "run"])
    misused(await runCommand([command, "--dev", "false"]), /--no-dev or --dev=false/);
  const done = await runCommand(["config", "--dev=false", "--no-watch"]);
  assert.equal(done.status, 0, done.output);
});

it("login without a terminal needs to be given all", async (t) => {
  misused(await moonbus(scratch(t), "login"), /slug/);
  misused(await moonbus(scratch(t), "login", "1backend"), /password/);
});

it("what cannot be written is a failure", async (t) => {
  const home = await loggedIn(t);
  const shell = (words) =>
    new Promise((resolve) => {
      const env = { ...host.env, MOONBUS_HOME: home, MOONBUS_SERVER: host.url };
      const child = spawn("bash", ["-c", `"${binary}" ${words}`], { env });
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
      child.once("close", (status) => resolve({ status, stderr }));
    });
  for (const command of ["config", "version", "help", "whoami"]) {
    for (const [to, why] of [
      ["> /dev/full", "No space left on device"],
      [">&-", "Bad file descriptor"],
    ]) {
      const done = await shell(`${command} ${to}`);
      assert.equal(done.status, 1, command);
      assert.equal(done.stderr, `moonbus: cannot write the output: ${why}\n`);
    }
  }
  const cut = await shell("config | true; exit ${PIPESTATUS[0]}");
  assert.deepEqual(cut, { status: 1, stderr: "" });
});

it("help shows short forms, and sentences that begin like sentences", async () => {
  const { stdout } = await runCommand(["help", "call"]);
  for (const flag of ["-X, --method METHOD", "-d, --data BODY", "-e, --server URL", "-h, --help"])
    assert.ok(stdout.includes(flag), flag);
  const { commands } = JSON.parse((await runCommand(["help", "--json"])).stdout);
  for (const { name } of commands) {
    const text = (await runCommand(["help", name])).stdout.split("\n")[2];
    assert.match(text, /^[A-Z]/, name);
  }
});

it("log lines of handlers and of the host name the request alike", async () => {
  const headers = { "X-Request-Id": "same-key-1" };
  await call(host.url, "/lab.example/say?text=hello", { headers });
  const mine = async () => {
    const { stdout } = await moonbus(host.home, "logs");
    const entries = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    return entries.filter((entry) => entry.request_id === "same-key-1").map(({ msg }) => msg);
  };
  await waitFor(async () => (await mine()).sort().join() === "hello,request", "both lines");
});
