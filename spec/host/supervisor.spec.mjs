// The supervisor: a host that breaks is started again on the same sockets; one that is stuck ends
// itself, says where, and is started again.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

import {
  binary,
  call,
  isAlive,
  it,
  login,
  metric,
  rawClient,
  register,
  root,
  runCommand,
  scratch,
  startHost,
  waitFor,
  writeFiles,
} from "./lib/spec.mjs";

const yaml = `general:
  host: worker.example
functions:
  - signature: Stall(tenths int) (day string)
  - signature: Nap(seconds float64) (rested bool)
  - signature: Version() (n int)
`;

const code = (version = 1) => `local time = require "time"
local svc = require "service" (...)
local FIRST_OF_2222 = 7952342400 -- see programs/stall.c

function svc.Stall(_, tenths)
  return os.date("!%A", FIRST_OF_2222 + tenths)
end

function svc.Nap(_, seconds)
  time.sleep(seconds)
  return true
end

function svc.Version()
  return ${version}
end

return svc
`;

const services = { worker: { "service.yaml": yaml, "service.lua": code() } };

const version = (host, options) => call(host.url, "/worker.example/version", options);

async function answersAs(host, n) {
  const answer = await version(host);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json, { n });
}

/** Ends the host from outside, as the kernel does when memory is short. */
function breakHost(host) {
  const from = host.lines.length;
  process.kill(host.pid, "SIGKILL");
  return from;
}

/** Environment of a host in which Stall stalls. */
function stalling(t) {
  const library = path.join(scratch(t), "stall.so");
  const source = path.join(root, "spec/host/programs/stall.c");
  execFileSync("cc", ["-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, source]);
  const asan = `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0`;
  return { LD_PRELOAD: library, ASAN_OPTIONS: asan };
}

it("who connects while no host is there waits and is answered by the next one", async (t) => {
  const host = await startHost(t, { services, breaks: true });
  const { pid } = host;
  host.process.kill("SIGSTOP"); // the new one comes as late as we like
  const from = breakHost(host);
  await waitFor(() => !isAlive(pid), "the host to be gone");
  const waiting = Array.from({ length: 64 }, () => version(host));
  const admin = call(host.adminUrl, "/readyz");
  const early = await Promise.race([Promise.allSettled(waiting), admin, pause(300)]);
  assert.equal(early, undefined, "nobody was refused or answered");
  host.process.kill("SIGCONT");
  for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200, answer.text);
  assert.ok([200, 503].includes((await admin).status));

  const { broke, started } = await host.waitForRestart(from);
  assert.equal(broke.level, "error");
  assert.equal(broke.why, "killed by SIGKILL");
  assert.equal(broke.pid, pid);
  assert.notEqual(started.pid, pid);
  assert.deepEqual([started.address, started.admin], [host.url, host.adminUrl]);
});

it("a host that breaks again and again is started after longer and longer pauses", async (t) => {
  const host = await startHost(t, { breaks: true });
  const pauses = [];
  for (let i = 0; i < 3; i++) {
    const { broke } = await host.waitForRestart(breakHost(host));
    assert.equal(broke.restarts, i + 1);
    pauses.push(broke.wait_ms);
  }
  assert.deepEqual(pauses, [0, 1000, 2000]);
  assert.equal(await metric(host, "host_restarts_total"), 3);
  await waitFor(() => call(host.url, "/user-svc/public-key").then(({ status }) => status === 200));
});

it("told to stop while it waits to start the host again, the command ends", async (t) => {
  const host = await startHost(t, { breaks: true });
  await host.waitForRestart(breakHost(host));
  const from = breakHost(host);
  await host.waitForLog((entry) => entry.wait_ms === 1000, 20_000, from);
  await host.stop();
});

it("what was kept is there after a restart, in test mode, too, and logins go on", async (t) => {
  const host = await startHost(t, { breaks: true });
  const token = await register(host, "kept-person", "a lasting password");
  await host.waitForRestart(breakHost(host));
  await login(host, "kept-person", "a lasting password");
  const self = await call(host.url, "/user-svc/self", { method: "POST", token });
  assert.equal(self.json.user.slug, "kept-person", self.text);
  const left = fs.readdirSync(host.tmp);
  assert.equal(left.length, 1, "one temporary home for all of them");
  await host.stop();
  assert.deepEqual(fs.readdirSync(host.tmp), [], "and it goes with the command");
});

it("commands find the host that was started again", async (t) => {
  const host = await startHost(t, { test: false, services, breaks: true });
  const env = { MOONBUS_HOME: host.home };
  const told = () => JSON.parse(fs.readFileSync(path.join(host.home, "host.json"), "utf8"));
  assert.equal(told().pid, host.process.pid, "signals go to the command");
  await host.waitForRestart(breakHost(host));
  assert.equal(told().pid, host.process.pid);
  const reload = await runCommand(["reload"], { env, cwd: host.cwd });
  assert.equal(reload.status, 0, reload.output);
  await host.stop();
  assert.ok(!fs.existsSync(path.join(host.home, "host.json")));
});

it("kill -9 of the command leaves no host, and a new one starts at once", async (t) => {
  const host = await startHost(t, { test: false });
  const { pid } = host;
  assert.notEqual(pid, host.process.pid);
  await host.restart({ kill: true });
  assert.ok(!isAlive(pid));
});

it("the supervisor is small, and neither it nor the host holds what is the other's", async (t) => {
  const host = await startHost(t, { release: true, env: { MOONBUS_WORKERS: "2" }, breaks: true });
  const targets = (pid) =>
    fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [fs.readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
  const command = host.process.pid;
  const rollup = fs.readFileSync(`/proc/${command}/smaps_rollup`, "utf8");
  const dirty = Number(/Private_Dirty:\s+(\d+) kB/.exec(rollup)[1]);
  assert.ok(dirty < 1024, `${dirty} kB of its own`);
  assert.equal(fs.readdirSync(`/proc/${command}/task`).length, 1, "one thread");

  const before = targets(command).length;
  const inside = targets(host.pid).length;
  for (let i = 0; i < 2; i++) await host.waitForRestart(breakHost(host));
  assert.equal(targets(command).length, before, "it does not grow");
  await waitFor(() => targets(host.pid).length <= inside, "no host has more than the one before");
  const children = fs.readFileSync(`/proc/${command}/task/${command}/children`, "utf8");
  assert.deepEqual(children.trim().split(" "), [String(host.pid)], "no zombies");
});

it("SIGHUP to the command reloads services", async (t) => {
  const host = await startHost(t, { services, args: ["--no-watch"] });
  await answersAs(host, 1);
  writeFiles(host.cwd, { "services/worker/service.lua": code(2) });
  host.process.kill("SIGHUP");
  await waitFor(async () => (await version(host)).json.n === 2, "the new code");
});

it("a stop that comes by two ways at once is one: requests in flight finish", async (t) => {
  const host = await startHost(t, { services });
  await answersAs(host, 1);
  const nap = call(host.url, "/worker.example/nap?seconds=1");
  await host.waitForLog((entry) => entry.msg === "Server started");
  await pause(300);
  process.kill(host.pid, "SIGTERM");
  host.process.kill("SIGTERM");
  assert.equal((await nap).status, 200);
  await host.stop();
});

it("Ctrl-C on a terminal drains, a second one cuts", async (t) => {
  for (const times of [1, 2]) {
    const host = await startHost(t, { services, start: false });
    const words = `trap : INT; ${binary} run --listen 127.0.0.1:0 --admin 127.0.0.1:0 --log-format json; echo code=$?`;
    const terminal = spawn("script", ["-qefc", words, "/dev/null"], {
      env: host.env,
      cwd: host.cwd,
    });
    t.after(() => terminal.kill("SIGKILL"));
    let text = "";
    terminal.stdout.setEncoding("utf8").on("data", (data) => (text += data));
    const [, url] = await waitFor(
      () => /Server started.*"address":"([^"]+)"/.exec(text),
      "a start",
    );
    await answersAs({ url }, 1);
    const nap = call(url, `/worker.example/nap?seconds=${times === 1 ? 1 : 20}`);
    nap.catch(() => {});
    await pause(300);
    terminal.stdin.write("\x03");
    await waitFor(() => text.includes('"msg":"stopping"'), "it to stop");
    if (times === 1) {
      assert.equal((await nap).status, 200);
    } else {
      await pause(400);
      terminal.stdin.write("\x03");
      await assert.rejects(nap);
    }
    await waitFor(() => /code=\d/.test(text), "the command to end");
    assert.match(text, /code=0/, text);
  }
});

it("what fails before it ever served is not tried again: the same sentence, the same code", async (t) => {
  const host = await startHost(t, { test: false });
  await host.stop();
  fs.writeFileSync(path.join(host.home, "moonbus.db"), Buffer.alloc(8192, "not a database "));
  const args = ["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  const env = { MOONBUS_HOME: host.home };
  const sentence = ({ stderr }) =>
    stderr.split("\n").filter((line) => line.startsWith("moonbus: "));
  const plain = await runCommand([...args, "--no-supervise"], { env, cwd: host.cwd });
  const supervised = await runCommand(args, { env, cwd: host.cwd });
  assert.equal(plain.status, 1, plain.output);
  assert.equal(supervised.status, 1, supervised.output);
  assert.deepEqual(sentence(supervised), sentence(plain));
  assert.equal(sentence(supervised).length, 1, supervised.output);
  assert.ok(!supervised.output.includes("started again"), supervised.output);
});

it("without a supervisor the command is the host, and its end is the end", async (t) => {
  const host = await startHost(t, { services, args: ["--no-supervise"] });
  assert.equal(host.pid, host.process.pid);
  await answersAs(host, 1);
  process.kill(host.pid, "SIGKILL");
  assert.deepEqual(await host.exited, { code: null, signal: "SIGKILL" });
  await assert.rejects(call(host.url, "/"), { code: "ECONNREFUSED" });
});

it("as process 1 of a container it starts a broken host again, collects orphans and stops", async (t) => {
  const words = ["--pid", "--fork", "--mount-proc"];
  if (spawnSync("unshare", [...words, "true"]).status !== 0) {
    t.skip("unshare is not allowed here");
    return;
  }
  const host = await startHost(t, { services, start: false });
  const run = [binary, "run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  const child = spawn("unshare", [...words, ...run], { env: host.env, cwd: host.cwd });
  t.after(() => child.kill("SIGKILL"));
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (data) => (log += data));
  const exited = new Promise((resolve) => child.once("close", resolve));
  const starts = () => [...log.matchAll(/Server started.*"address":"([^"]+)"/g)];
  const only = (pid) => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  await waitFor(() => starts().length === 1, "a start");
  const command = only(child.pid);
  process.kill(Number(only(command)), "SIGKILL");
  await waitFor(() => starts().length === 2, "another start");
  await answersAs({ url: starts()[1][1] }, 1);
  process.kill(Number(command), "SIGTERM");
  assert.equal(await exited, 0, log);
});

/** Connections that stay, and that spread over the workers. */
function connections(host, n) {
  return Array.from({ length: n }, () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    return { agent, ask: (target, options) => call(host.url, target, { ...options, agent }) };
  });
}

it("a stuck worker is reported with its stack and ends the host; the others serve until then", async (t) => {
  const host = await startHost(t, {
    test: false,
    services,
    breaks: true,
    env: { ...stalling(t), MOONBUS_WORKERS: "2", MOONBUS_STUCK_AFTER: "5s" },
  });
  await register(host, "before-it", "a lasting password");
  const clients = connections(host, 24);
  t.after(() => clients.forEach(({ agent }) => agent.destroy()));
  for (const { ask } of clients) await ask("/worker.example/version");

  const from = host.lines.length;
  const stuck = clients[0].ask("/worker.example/stall?tenths=3000").catch((error) => error);
  await pause(100);
  const acknowledged = ["before-it"]; // in the end also by those whom the other worker serves
  const write = async ({ ask }, i) => {
    const slug = `during-it-${i}`;
    await ask("/worker.example/version");
    const json = { appHost: "unnamed", slug, password: "a lasting password" };
    if ((await ask("/user-svc/register", { json })).status === 200) acknowledged.push(slug);
  };
  const writes = clients.slice(1).map((client, i) => write(client, i).catch(() => {}));
  const isWarning = ({ msg, thread }) => msg === "a thread does not turn" && /^worker/.test(thread);
  const warning = await host.waitForLog(isWarning, 60_000, from);
  assert.equal(warning.level, "warn");
  assert.equal(warning.service, "worker");
  assert.match(warning.task, /stall/i);
  const health = await call(host.adminUrl, "/healthz");
  assert.equal(health.status, 503);
  assert.equal(health.json.status, "stuck");
  assert.deepEqual(
    health.json.stuck.map(({ worker }) => `worker ${worker}`),
    [warning.thread],
  );
  await waitFor(() => acknowledged.length > 1, "the other worker to serve");

  const { broke } = await host.waitForRestart(from);
  const report = host.logs().find((entry) => entry.msg === "a thread is stuck; leaving");
  assert.equal(report.level, "error");
  assert.equal(report.thread, warning.thread);
  assert.match(report.traceback, /\[C\]: in function 'date'/);
  assert.match(report.traceback, /services\/worker\/service\.lua:6: in function/);
  assert.match(report.backtrace, /stall\.so/);
  assert.match(broke.why, new RegExp(`^exit code 70: ${warning.thread} did not turn for \\d`));
  assert.ok((await stuck) instanceof Error, "its client sees the end of the connection");
  await answersAs(host, 1);
  await Promise.all(writes);
  for (const slug of acknowledged) await login(host, slug, "a lasting password");
  assert.equal((await call(host.adminUrl, "/healthz")).status, 200);
});

it("a worker that turns again in time is told of, and goes on", async (t) => {
  const env = { ...stalling(t), MOONBUS_WORKERS: "1", MOONBUS_STUCK_AFTER: "5s" };
  const host = await startHost(t, { services, env });
  const answer = await call(host.url, "/worker.example/stall?tenths=20");
  assert.equal(answer.status, 200, answer.text);
  await host.waitForLog((entry) => entry.msg === "a thread does not turn");
  await host.waitForLog((entry) => entry.msg === "the thread turns again");
  assert.equal((await call(host.adminUrl, "/healthz")).status, 200);
  await answersAs(host, 1);
});

it("a pause of the whole process is not taken for a stuck thread", async (t) => {
  const env = { ...stalling(t), MOONBUS_WORKERS: "1", MOONBUS_STUCK_AFTER: "2s" };
  const host = await startHost(t, { services, env });
  const answer = call(host.url, "/worker.example/stall?tenths=6");
  await pause(200);
  process.kill(host.pid, "SIGSTOP");
  await pause(3000);
  process.kill(host.pid, "SIGCONT");
  assert.equal((await answer).status, 200);
  await answersAs(host, 1);
});

it("a command that is stopped and continued (Ctrl-Z, fg) takes the host with it", async (t) => {
  const host = await startHost(t, { services });
  const state = (pid) => fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1][0];
  host.process.kill("SIGTSTP");
  await waitFor(() => state(host.pid) === "T" && state(host.process.pid) === "T", "both to stop");
  const client = await rawClient(t, host.port);
  await client.send("GET /worker.example/version HTTP/1.1\r\nHost: h\r\n\r\n");
  host.process.kill("SIGCONT");
  await client.expect('"n"');
});

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
