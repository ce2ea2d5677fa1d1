// moonbus logs: filters, and following the host over its restarts.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";

import { after, binary, call, it, runCommand, startHost, waitFor } from "./lib/spec.mjs";
import services from "./lib/watched.mjs";

const env = { MOONBUS_WATCH: "false" };
const host = await startHost({ after }, { test: false, services, env });

const moonbus = (...args) =>
  runCommand(["logs", ...args], { env: { MOONBUS_HOME: host.home }, cwd: host.cwd });

/** The entries that `moonbus logs` prints with these flags. */
async function entries(...args) {
  const result = await moonbus("--json", ...args);
  assert.equal(result.status, 0, result.output);
  return result.stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

const say = (text, headers = {}) =>
  call(host.url, "/back.example/say", { json: { text }, headers });

/** `moonbus logs -f`, to its end with the test. */
function follow(t, ...args) {
  const child = spawn(binary, ["logs", "-f", ...args], {
    env: { PATH: process.env.PATH, MOONBUS_HOME: host.home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const seen = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (seen.out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (seen.err += text));
  const ended = new Promise((resolve) => child.once("close", resolve));
  t.after(() => {
    child.kill();
    return ended;
  });
  return seen;
}

it("filters pick lines by service, level, request and text", async () => {
  await say("one fine thing", { "x-request-id": "observe-1" });
  await say("two fine things", { "x-request-id": "observe-2" });
  await call(host.url, "/front.example/second", { json: {} });
  await host.waitForLog((entry) => entry.msg === "handler failed");

  const back = await entries("-s", "back");
  assert.ok(back.length > 0 && back.every((one) => /^back(\.example)?$/.test(one.service)));
  assert.deepEqual(await entries("-s", "back.example"), back, "by host or folder");
  const warnings = await entries("--level", "warn", "-n", "1000");
  assert.ok(warnings.every((one) => one.level === "warn" || one.level === "error"));
  assert.ok(warnings.some((one) => one.msg === "handler failed"));
  assert.deepEqual(
    (await entries("--level", "error")).map((one) => one.msg),
    ["handler failed"],
  );
  const request = await entries("--request", "observe-1");
  assert.deepEqual(new Set(request.map((one) => one.request_id)), new Set(["observe-1"]));
  assert.ok(request.some((one) => one.msg === "one fine thing"));
  assert.deepEqual(
    (await entries("--grep", "fine thing", "--level", "warn")).map((one) => one.msg),
    ["one fine thing", "two fine things"],
  );
  assert.deepEqual(
    (await entries("--grep", "fine thing", "-n", "1", "--level", "warn")).map((one) => one.msg),
    ["two fine things"],
    "the last of those that pass",
  );
});

it("--since takes a duration or a time", async () => {
  await say("before it");
  const all = await entries("--since", "1h", "--grep", "before it", "-s", "back");
  assert.equal(all.length, 1);
  const later = new Date(Date.now() + 5000).toISOString();
  assert.deepEqual(await entries("--since", later), []);
  assert.deepEqual(await entries("--since", "0s", "--grep", "before it"), []);
});

it("wrong flags get an answer that helps", async () => {
  const cases = [
    [["--level", "loud"], 2, /--level does not know "loud"; there are debug, info, warn and error/],
    [["--since", "tuesday"], 2, /--since does not understand "tuesday"; write 10m, /],
    [["-n", "x"], 2, /--lines needs a number/],
    [["-s", "bakc"], 1, /there is no service bakc, do you mean back\?/],
  ];
  for (const [args, status, text] of cases) {
    const result = await moonbus(...args);
    assert.equal(result.status, status, result.output);
    assert.match(result.output, text);
  }
});

it("what is not on a terminal has no colours", async () => {
  const result = await moonbus("-n", "1000");
  assert.ok(!result.stdout.includes("\x1b"));
  for (const line of result.stdout.trim().split("\n")) JSON.parse(line);
});

it("-f goes on with what passes the filters, over a restart of the host", async (t) => {
  const seen = follow(t, "-s", "back", "--grep", "word");
  await say("a first word");
  await waitFor(() => seen.out.includes("a first word"), "the first line");
  await say("something else");
  await say("a second word");
  await waitFor(() => seen.out.includes("a second word"), "the second line");
  assert.ok(!seen.out.includes("something else"));

  await host.stop();
  await waitFor(() => /the host is gone; waiting until it runs again/.test(seen.err), "a note");
  await host.start();
  await say("a third word");
  await waitFor(() => seen.out.includes("a third word"), "a line of the next host");
  assert.match(seen.err, /the host runs again/);
  assert.equal(seen.out.split("a second word").length, 2, "nothing is told twice");
});

it("-f waits at the host for the next line", async (t) => {
  const seen = follow(t, "--grep", "a quiet word");
  await say("a quiet word");
  await waitFor(() => seen.out.includes("a quiet word"), "a line");
  const { secret } = JSON.parse(fs.readFileSync(`${host.home}/host.json`, "utf8"));
  const headers = { authorization: `Bearer ${secret}` };
  const sequence = (await call(host.adminUrl, "/logs", { headers })).headers["x-log-sequence"];
  const waiting = call(host.adminUrl, `/logs?after=${sequence}&wait=60`, { headers });
  await say("the next word");
  assert.match((await waiting).text, /the next word/, "an answer comes when there is a line");
  const nothing = await call(host.adminUrl, "/logs?after=1&wait=61", { headers });
  assert.equal(nothing.status, 400);
});
