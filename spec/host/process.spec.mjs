// The process: how it starts, what it says, how it stops, what it does when it cannot start.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";

import {
  after,
  binary,
  call,
  it,
  login,
  proxied,
  rawClient,
  rawUpstream,
  register,
  runCommand,
  scratch,
  startHost,
  waitFor,
} from "./lib/spec.mjs";

const host = await startHost({ after });

const FLAGS = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

/** Starts a host that must refuse: { status, output }. One line says what and what to do. */
async function refused(args, env) {
  const done = await runCommand(["run", ...FLAGS, ...args], { env });
  assert.notEqual(done.status, 0, done.output);
  assert.equal(done.signal, null, done.output);
  assert.ok(done.output.trim().length > 0, "it says why");
  const errors = done.output
    .trim()
    .split("\n")
    .filter((line) => !/"level":"(info|warn|debug)"/.test(line));
  assert.ok(errors.length <= 2, `a line, not a page:\n${done.output}`);
  return done;
}

it("health and readiness answer on the admin address, metrics in Prometheus' format", async () => {
  assert.equal((await call(host.adminUrl, "/healthz")).status, 200);
  assert.equal((await call(host.adminUrl, "/readyz")).status, 200);
  const answer = await call(host.adminUrl, "/metrics");
  assert.equal(answer.status, 200);
  assert.match(answer.headers["content-type"], /^text\/plain/);
  const names = new Set();
  for (const line of answer.text.trimEnd().split("\n")) {
    assert.match(
      line,
      /^(# (HELP|TYPE) [a-z_0-9]+ .+|[a-z_0-9]+(\{.*\})? ([0-9.e+-]+|[+-]Inf|NaN))$/,
    );
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (type) names.add(type[1]);
  }
  assert.ok(names.has("moonbus_requests_total"));
  assert.equal((await call(host.adminUrl, "/no-such-page")).status, 404);
});

it("the admin pages are not on the front door", async () => {
  for (const page of ["/healthz", "/readyz", "/metrics"])
    assert.equal((await call(host.url, page)).status, 404, page);
});

it("every request is one line of the access log, with its request id", async () => {
  const from = host.logs().length;
  const answer = await call(host.url, "/nobody-svc/logged?secret=1", {
    headers: { "X-Request-Id": "log-me-1" },
  });
  assert.equal(answer.status, 404);
  const entry = await host.waitForLog(
    (entry) => JSON.stringify(entry).includes("log-me-1"),
    20_000,
    from,
  );
  assert.equal(entry.level, "info");
  assert.ok(Object.values(entry).includes(404));
  assert.ok(JSON.stringify(entry).includes("/nobody-svc/logged"));
});

it("no log line holds a password or a token", async () => {
  const password = "a-very-secret-password";
  const token = await register(host, "secretive", password);
  await call(host.url, "/user-svc/self", { method: "POST", token });
  await call(host.url, "/user-svc/login", {
    json: { appHost: "unnamed", slug: "secretive", password: "wrong-but-secret" },
  });
  await call(host.url, "/nobody-svc/end-of-secrets", { token });
  await host.waitForLog((entry) => JSON.stringify(entry).includes("end-of-secrets"));
  const log = host.lines.join("\n");
  for (const secret of [password, "wrong-but-secret", token, token.split(".")[2]])
    assert.ok(!log.includes(secret));
});

it("SIGTERM drains: readiness goes, requests in flight finish, the exit is clean", async (t) => {
  const draining = await startHost(t);
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
  });
  const { path } = await proxied(draining, server.url);
  const client = await rawClient(t, draining.port);
  const idle = await rawClient(t, draining.port);
  await client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
  await client.expect("first");
  draining.process.kill("SIGTERM");
  await idle.expectClose();
  await waitFor(
    () =>
      call(draining.adminUrl, "/readyz").then(
        ({ status }) => status === 503,
        (error) => error.code === "ECONNREFUSED",
      ),
    "readiness to go",
  );
  await server.wires[0].send("-last");
  await client.expect("-last");
  await client.expectClose();
  await draining.stop();
  assert.deepEqual(await draining.exited, { code: 0, signal: null });
});

it("what outlasts the drain timeout is cut, and the exit is clean all the same", async (t) => {
  const draining = await startHost(t, { env: { MOONBUS_DRAIN_TIMEOUT: "200ms" } });
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.expectClose();
  });
  const { path } = await proxied(draining, server.url);
  const client = await rawClient(t, draining.port);
  await client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
  await waitFor(() => server.wires.length === 1, "the request to arrive");
  await draining.stop();
  await client.expectClose();
});

it("SIGINT stops like SIGTERM", async (t) => {
  const host = await startHost(t);
  host.process.kill("SIGINT");
  assert.deepEqual(await host.exited, { code: 0, signal: null });
});

it("data, keys and passwords survive a restart; what is kept is the owner's alone", async (t) => {
  const kept = await startHost(t, { test: false });
  const token = await register(kept, "survivor", "a lasting password");
  const { publicKey } = (await call(kept.url, "/user-svc/public-key")).json;
  await kept.restart();
  assert.equal((await call(kept.url, "/user-svc/public-key")).json.publicKey, publicKey);
  assert.equal(
    (await call(kept.url, "/user-svc/self", { method: "POST", token })).json.user.slug,
    "survivor",
  );
  await login(kept, "survivor", "a lasting password");
  assert.equal(fs.statSync(kept.home).mode & 0o077, 0, "the home folder is private");
  for (const name of fs.readdirSync(kept.home))
    assert.equal(fs.statSync(path.join(kept.home, name)).mode & 0o077, 0, name);
});

// Keys take from a few hundredths of a second to more than a whole one, as luck has it.
it("a first start with a slow key is not taken for a script that runs too long", async (t) => {
  const args = ["--lua-turn-soft", "5ms", "--lua-turn-hard", "40ms"];
  for (let i = 0; i < 3; i++) await (await startHost(t, { test: false, args })).stop();
});

it("a host that is told to stop while it starts ends in order", async (t) => {
  const cwd = scratch(t);
  for (let delay = 4; delay < 60; delay += 4) {
    const child = spawn(binary, ["run", ...FLAGS], {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, OB_TEST: "true", TMPDIR: cwd },
    });
    let output = "";
    child.stderr.on("data", (data) => (output += data));
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill("SIGTERM");
    const [code, signal] = await once(child, "close");
    // Before the host listens for signals the system ends it.
    assert.ok(code === 0 || signal === "SIGTERM", `${delay} ms: ${code} ${signal}\n${output}`);
    assert.doesNotMatch(output.split('"msg":"stopping"')[1] ?? "", /Server started|error/);
  }
});

it("a first start says the address, the admin's slug and where the password is", async (t) => {
  const fresh = await startHost(t, { test: false, env: { MOONBUS_ADMIN_PASSWORD: "" } });
  const output = () => fresh.lines.join("\n");
  const named = await waitFor(() => {
    const files = fs.readdirSync(fresh.home).map((name) => path.join(fresh.home, name));
    return files.find((file) => output().includes(file));
  }, "the file of the password to be named");
  assert.ok(output().includes(fresh.url));
  assert.match(output(), /1backend/);
  assert.equal(fs.statSync(named).mode & 0o077, 0);
  const password = fs.readFileSync(named, "utf8").trim();
  assert.ok(password.length >= 16);
  await login(fresh, "1backend", password);
  assert.equal(
    (
      await call(fresh.url, "/user-svc/login", {
        json: { appHost: "unnamed", slug: "1backend", password: "changeme" },
      })
    ).status,
    401,
  );
  await fresh.restart();
  assert.ok(!fresh.lines.join("\n").includes(password), "it is not printed again");
  await login(fresh, "1backend", password);
});

it("a port in use is named", async (t) => {
  const taken = net.createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address();
  const done = await refused(["--listen", `127.0.0.1:${port}`], { OB_TEST: "true" });
  assert.ok(done.output.includes(`${port}`), done.output);
  assert.match(done.output, /--listen: .* is in use/);
  const admin = await refused(["--admin", `127.0.0.1:${port}`], { OB_TEST: "true" });
  assert.match(admin.output, /--admin: .* is in use/);
});

it("the admin address cannot be the front door's", async () => {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const both = ["--listen", `127.0.0.1:${port}`, "--admin", `127.0.0.1:${port}`];
  assert.match((await refused(both, { OB_TEST: "true" })).output, /--admin: .* is in use/);
});

it("a second host on the same port is refused too", async (t) => {
  const first = await startHost(t);
  await refused(["--listen", `127.0.0.1:${first.port}`], { OB_TEST: "true" });
});

it("a second host with the same home is refused, and the first one is found all the same", async (t) => {
  const first = await startHost(t, { test: false });
  const env = { MOONBUS_HOME: first.home };
  const second = await refused([], env);
  assert.match(second.output, /another moonbus uses the home folder/);
  const found = await runCommand(["reload"], { env, cwd: first.cwd });
  assert.equal(found.status, 0, found.output);
});

it("a bad setting is named, with its source and what is allowed", async () => {
  const cases = [
    [["--workers", "many"], {}, /workers/],
    [["--workers", "-1"], {}, /workers/],
    [["--no-such-flag", "1"], {}, /no-such-flag/],
    [["--listen", "127.0.0.1:99999"], {}, /listen/],
    [[], { MOONBUS_MAX_BODY: "a lot" }, /MAX_BODY|max_body|max-body/i],
    [[], { OB_TOKEN_EXPIRATION: "soon" }, /OB_TOKEN_EXPIRATION|token_expiration/],
    [[], { MOONBUS_LOG_LEVEL: "loud" }, /log_level|LOG_LEVEL/],
    [[], { OB_ENCRYPTION_KEY: "short" }, /ENCRYPTION_KEY|encryption_key/],
  ];
  for (const [args, env, name] of cases)
    assert.match((await refused(args, { OB_TEST: "true", ...env })).output, name);
});

it("a bad line of moonbus.yaml is named", async (t) => {
  const cwd = scratch(t);
  for (const [text, wanted] of [
    ["workers: many\n", /workers/],
    ["wrokers: 2\n", /wrokers[^]*workers/],
    ["workers: 1\nworkers: 2\n", /2/],
    ["workers: [\n", /moonbus\.yaml/],
  ]) {
    fs.writeFileSync(path.join(cwd, "moonbus.yaml"), text);
    const done = await runCommand(["run", ...FLAGS], { env: { OB_TEST: "true" }, cwd });
    assert.notEqual(done.status, 0, text);
    assert.match(done.output, wanted);
  }
});

it("a home that is a file, or that cannot be made, is named", async (t) => {
  const folder = scratch(t);
  const file = path.join(folder, "file");
  fs.writeFileSync(file, "");
  for (const home of [file, path.join(file, "below"), "/proc/no-such-home"])
    assert.ok((await refused([], { MOONBUS_HOME: home })).output.includes(home));
});

it("a corrupt database is noticed at the start, named, and left as it is", async (t) => {
  const host = await startHost(t, { test: false });
  await host.stop();
  const databases = fs
    .readdirSync(host.home)
    .map((name) => path.join(host.home, name))
    .filter((file) => fs.readFileSync(file).subarray(0, 15).toString() === "SQLite format 3");
  assert.ok(databases.length > 0);
  for (const file of databases) {
    const good = fs.readFileSync(file);
    fs.writeFileSync(file, Buffer.alloc(good.length, "not a database "));
    const done = await refused([], { MOONBUS_HOME: host.home });
    assert.ok(done.output.includes(path.basename(file)), done.output);
    assert.equal(fs.readFileSync(file).subarray(0, 15).toString(), "not a database ");
    fs.writeFileSync(file, good);
  }
});

it("settings come from flags before variables before the file", async (t) => {
  const host = await startHost(t, {
    files: { "moonbus.yaml": "az: from-file\nregion: from-file\nnode_id: node-file\n" },
    env: { OB_REGION: "from-variable", MOONBUS_NODE_ID: "node-variable" },
    args: ["--node-id", "node-flag"],
  });
  const { node } = (await call(host.url, "/registry-svc/node/self", { token: await login(host) }))
    .json;
  assert.equal(node.availabilityZone, "from-file");
  assert.equal(node.region, "from-variable");
  assert.equal(node.id, "node-flag");
});
