// host: starts the built binary for a spec and cleans up after it, whatever happens.
//
// Every host gets free ports, a home, a working folder and a temporary folder of its own. Stopping it
// is a check in itself: SIGTERM must end in exit code 0 without a report of a sanitizer.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));
export const binary = path.resolve(
  process.env.MOONBUS_BIN ?? path.join(root, "build/release/moonbus"),
);
// For specs about memory, where a sanitizer's own bookkeeping would drown what is measured.
export const releaseBinary = path.resolve(
  process.env.MOONBUS_RELEASE_BIN ??
    process.env.MOONBUS_BIN ??
    path.join(root, "build/release/moonbus"),
);

const START_MS = 60_000;
const STOP_MS = 60_000;
const BROKE = "the host broke and is started again";
const SANITIZER = /(ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error: )/;

const alive = new Set(); // processes and folders of this spec file, for the way out
process.on("exit", () => {
  for (const host of alive) host.burn();
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/**
 * @typedef {object} Options
 * @property {Record<string, string>} [env]   settings on top of the clean environment
 * @property {string[]} [args]                flags behind `run --listen … --admin …`
 * @property {Record<string, string>} [files] files of the working folder
 * @property {Record<string, string | Record<string, string>>} [services]
 *   services by folder name: files, or a folder to copy
 * @property {boolean} [test]                 test mode, on by default; off = data survives restarts
 * @property {boolean} [release]              use the release binary
 * @property {boolean} [breaks]               the spec breaks it: being started again is no failure
 * @property {boolean} [start]                false = only prepare the folders
 */

/**
 * Starts a host that ends with the test `t` (or with the file, when `t` is `{ after }` of node:test).
 * @param {{after: (fn: () => unknown) => void}} t
 * @param {Options} [options]
 */
export async function startHost(t, options = {}) {
  const host = new Host(options);
  t.after(() => host.dispose());
  if (options.start !== false) await host.start();
  return host;
}

/** A scratch folder that goes with the test. */
export function scratch(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "moonbus-spec-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeFiles(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

/** Runs a command of the binary to its end: { status, signal, stdout, stderr, output }. */
export function runCommand(
  args,
  { env = {}, cwd = os.tmpdir(), input = "", release = false, timeout = 60_000 } = {},
) {
  return new Promise((resolve, reject) => {
    const child = spawn(release ? releaseBinary : binary, args, {
      cwd,
      env: { ...cleanEnv(), ...env },
      timeout,
      killSignal: "SIGKILL",
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    child.stdin.on("error", () => {}); // it may end without reading
    child.stdin.end(input);
    child.once("error", reject);
    child.once("close", (status, signal) => {
      const output = stdout + stderr;
      if (SANITIZER.test(output)) reject(new Error(output));
      else resolve({ status, signal, stdout, stderr, output });
    });
  });
}

// What a host may see of this machine: no OB_* or MOONBUS_* that happen to be set.
function cleanEnv() {
  const env = { PATH: process.env.PATH, LANG: "C.UTF-8", HOME: os.tmpdir() };
  for (const [name, value] of Object.entries(process.env))
    if (/^(ASAN|UBSAN|TSAN|LSAN)_OPTIONS$/.test(name)) env[name] = value;
  return env;
}

export class Host {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "moonbus-spec-"));
    this.cwd = path.join(this.folder, "work");
    this.home = path.join(this.folder, "home");
    this.tmp = path.join(this.folder, "tmp");
    for (const folder of [this.cwd, this.tmp]) fs.mkdirSync(folder);
    writeFiles(this.cwd, options.files ?? {});
    for (const [name, files] of Object.entries(options.services ?? {})) {
      const target = path.join(this.cwd, "services", name);
      if (typeof files === "string") fs.cpSync(files, target, { recursive: true });
      else writeFiles(target, files);
    }
    this.process = null; // the command: the supervisor of what serves
    this.pid = null; // what serves now
    this.lines = []; // every line of both streams since the last start, raw
    this.waiters = new Set();
    alive.add(this);
  }

  get env() {
    return {
      ...cleanEnv(),
      HOME: this.folder,
      TMPDIR: this.tmp,
      MOONBUS_HOME: this.home,
      MOONBUS_DRAIN_TIMEOUT: "5s",
      MOONBUS_STUCK_AFTER: "60s", // the disks of a busy machine may be slow
      ...(this.options.test === false
        ? { MOONBUS_ADMIN_PASSWORD: "changeme" }
        : { OB_TEST: "true" }),
      ...this.options.env,
    };
  }

  get port() {
    return Number(new URL(this.url).port);
  }
  get adminPort() {
    return Number(new URL(this.adminUrl).port);
  }

  /** Starts the process and waits until it says that it serves. */
  async start() {
    assert.equal(this.process, null, "the host runs already");
    const args = [
      "run",
      "--listen",
      "127.0.0.1:0",
      "--admin",
      "127.0.0.1:0",
      ...(this.options.args ?? []),
    ];
    const child = spawn(this.options.release ? releaseBinary : binary, args, {
      cwd: this.cwd,
      env: this.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.lines = [];
    this.process = child;
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        if (this.process === child) this.process = null;
        this.exit = { code, signal };
        this.wakeWaiters();
        resolve(this.exit);
      });
    });
    child.once("error", (error) => this.lines.push(`cannot be started: ${error.message}`));
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop();
        this.lines.push(...lines);
        this.wakeWaiters();
      });
    }
    const started = await this.waitForLog(
      (entry) => entry.msg.includes("Server started"),
      START_MS,
    );
    this.url = started.address;
    this.adminUrl = started.admin;
    this.pid = started.pid;
    assert.match(this.url, /^http:\/\/127\.0\.0\.1:\d+$/, "the start line carries the address");
    assert.match(
      this.adminUrl,
      /^http:\/\/127\.0\.0\.1:\d+$/,
      "the start line carries the admin address",
    );
    return this;
  }

  /** The log so far, one object per line; { msg } alone where a line is no JSON. */
  logs() {
    return this.lines.map(parseLine);
  }

  /** The first log entry, from index `from` on, that `test` accepts, now or soon. */
  waitForLog(test, timeout = 20_000, from = 0) {
    return new Promise((resolve, reject) => {
      let next = from;
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.waiters.delete(look);
        settle(value);
      };
      const look = () => {
        while (next < this.lines.length) {
          const entry = parseLine(this.lines[next++]);
          if (test(entry)) return finish(resolve, entry);
        }
        if (!this.process)
          finish(
            reject,
            new Error(`the host ended (${JSON.stringify(this.exit)}):\n${this.tail()}`),
          );
      };
      const timer = setTimeout(
        () =>
          finish(reject, new Error(`the log line did not come in ${timeout} ms:\n${this.tail()}`)),
        timeout,
      );
      this.waiters.add(look);
      look();
    });
  }

  wakeWaiters() {
    for (const look of [...this.waiters]) look();
  }

  tail(n = 15) {
    return this.lines.slice(-n).join("\n");
  }

  /** SIGTERM, then a clean end: exit code 0, no report of a sanitizer. */
  async stop() {
    const child = this.process;
    if (!child) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGABRT"), STOP_MS);
    const { code, signal } = await this.exited;
    clearTimeout(timer);
    const report = this.lines.findIndex((line) => SANITIZER.test(line));
    if (report >= 0) assert.fail(this.lines.slice(report, report + 60).join("\n"));
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `a clean stop:\n${this.tail()}`);
    const broke = this.lines.filter((line) => line.includes(BROKE)).length;
    if (!this.options.breaks) assert.equal(broke, 0, `nothing broke it:\n${this.lines.join("\n")}`);
  }

  /** SIGKILL, and nothing of it is left: what serves ends with its supervisor. */
  async kill() {
    const child = this.process;
    if (!child) return;
    const { pid } = this;
    child.kill("SIGKILL");
    await this.exited;
    while (pid !== child.pid && isAlive(pid))
      await new Promise((resolve) => setTimeout(resolve, 2));
  }

  /** What the supervisor said when it had to start the host again, now or soon, and the new start. */
  async waitForRestart(from) {
    const broke = await this.waitForLog((entry) => entry.msg === BROKE, 60_000, from);
    const at = this.logs().findIndex((entry, i) => i >= from && entry.msg === BROKE);
    const started = await this.waitForLog((entry) => entry.msg === "Server started", START_MS, at);
    this.pid = started.pid;
    return { broke, started };
  }

  async restart({ kill = false } = {}) {
    await (kill ? this.kill() : this.stop());
    return this.start();
  }

  async dispose() {
    try {
      await this.stop();
    } finally {
      this.burn();
    }
  }

  // Synchronous: also the last thing before this process ends.
  burn() {
    this.process?.kill("SIGKILL");
    fs.rmSync(this.folder, { recursive: true, force: true });
    alive.delete(this);
  }
}

/** Whether there is such a process that has not ended. */
export function isAlive(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

function parseLine(line) {
  try {
    const entry = JSON.parse(line);
    if (typeof entry?.msg === "string") return entry;
  } catch {
    // a line for people
  }
  return {
    ...Object.fromEntries([...line.matchAll(/ (\w+)=(\S+)/g)].map((m) => m.slice(1))),
    msg: line,
  };
}
