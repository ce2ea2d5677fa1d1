// process: servers pinned to a core, and what the kernel says about them.
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";

export const SERVER_CORE = "0";
export const LOAD_CORE = "1";

const TICK_US = 1_000_000 / 100; // USER_HZ is 100 on every Linux

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Starts a program on one core (or on all, when `core` is null). */
export function start(core, command, args, options = {}) {
  const [file, ...rest] =
    core === null ? [command, ...args] : ["taskset", "-c", core, command, ...args];
  const child = spawn(file, rest, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (output = (output + text).slice(-20_000)));
  running.add(child);
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return {
    pid: child.pid,
    ended,
    get output() {
      return output;
    },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await ended;
    },
  };
}

/** Runs a program to its end; its output. */
export async function run(core, command, args, options) {
  const child = start(core, command, args, options);
  const code = await child.ended;
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${child.output}`);
  return child.output;
}

export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until GET url answers 200; `child` must not end meanwhile. */
export async function answered(url, child, pause = 10) {
  let dead = false;
  child.ended.then(() => (dead = true));
  for (let tries = 0; tries < 20_000 / Math.max(pause, 1); tries++) {
    const status = await new Promise((resolve) => {
      const request = http.get(url, { agent: false }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode));
      });
      request.on("error", () => resolve(0));
    });
    if (status === 200) return;
    if (dead) throw new Error(`the server ended:\n${child.output}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  throw new Error(`${url} never answered 200:\n${child.output}`);
}

/** A process and its descendants. */
export function family(pid) {
  const pids = [pid];
  for (const child of fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" "))
    if (child.trim()) pids.push(...family(Number(child)));
  return pids;
}

/** User and system time of all threads of these processes, in microseconds. */
export function cpuTime(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_US;
}

/** Busy share of a core since `before`, 0 to 1; without `before` a mark for the next call. */
export function coreBusy(core, before) {
  const line = fs
    .readFileSync("/proc/stat", "utf8")
    .split("\n")
    .find((text) => text.startsWith(`cpu${core} `));
  const [user, nice, system, idle, iowait, irq, softirq, steal] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const now = { busy: user + nice + system + irq + softirq + steal, idle: idle + iowait };
  if (!before) return now;
  const busy = now.busy - before.busy;
  return busy / Math.max(1, busy + now.idle - before.idle);
}

/** Proportional set size of these processes in bytes. */
export function memory(pids) {
  let kilobytes = 0;
  for (const pid of pids)
    kilobytes += Number(
      /^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1],
    );
  return kilobytes * 1024;
}

/** The whole path of a program, also where an ordinary user's PATH does not look. */
export function which(name) {
  for (const folder of [...process.env.PATH.split(":"), "/usr/sbin", "/usr/local/sbin"])
    if (fs.existsSync(path.join(folder, name))) return path.join(folder, name);
  throw new Error(`${name} is missing: ./dev setup bench`);
}
