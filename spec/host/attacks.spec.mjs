// Attacks on the sandbox: each of them ends as the table in lua/README.md says, while everybody else is
// served, and leaves nothing behind.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";

import { attackers } from "./lib/attackers.mjs";
import { attacks, isGreedy, table } from "./lib/attacks.mjs";
import {
  after,
  binary,
  call,
  describe,
  it,
  metric,
  metrics,
  proxied,
  releaseBinary,
  root,
  startHost,
  upstream,
  waitFor,
} from "./lib/spec.mjs";

const calm = {
  "service.yaml": `general:
  host: calm.example
  description: Has nothing to do with it.
webs:
  - signature: Hello()
  - signature: Wait()
`,
  "service.lua": `local time = require "time"
local svc = require "service" (...)
function svc.Hello()
  return "hello"
end
function svc.Wait()
  time.sleep(0.001)
  return "hello"
end
return svc
`,
};

// Each has its own service, and attacks one after the other: what one attack takes must not end another.
const LANES = ["lane1", "lane2", "lane3", "lane4"];
const GREEDY = "hog"; // all that end at the memory cap
const LIMIT = /ran too long|out of memory|cannot take another request/;

/** Somebody's service, twice, a platform service, and an instance behind the proxy. */
async function neighbours(host, server) {
  const instance = await proxied(host, server.url);
  return [
    "/calm.example/hello",
    "/calm.example/wait",
    "/user-svc/public-key",
    `${instance.path}/x`,
  ];
}

/** Asks them all the time, until stop(), which gives what went wrong and how often each answered. */
function trickle(host, paths) {
  const wrong = [];
  const answers = new Map(paths.map((one) => [one, 0]));
  let going = true;
  const ask = async (one) => {
    while (going) {
      try {
        const { status } = await call(host.url, one);
        if (status === 200) answers.set(one, answers.get(one) + 1);
        else wrong.push(`${one}: ${status}`);
      } catch (error) {
        wrong.push(`${one}: ${error.message}`);
      }
      await setTimeout(10);
    }
  };
  const asking = paths.map(ask);
  return async () => {
    going = false;
    await Promise.all(asking);
    return { wrong, answers };
  };
}

/** All attacks; what went otherwise than the table says. */
async function run(host, query) {
  const all = [...attacks.entries()];
  const greedy = all.filter(([, one]) => isGreedy(one));
  const others = all.filter(([, one]) => !isGreedy(one) && !one.ends.broken);
  const wrong = [];
  const lane = async (name, queue) => {
    for (let next; (next = queue.shift());) {
      const [number, one] = next;
      const difference = await attack(host, name, number, one.ends, query);
      if (difference) wrong.push(`${one.name}: ${difference}`);
    }
  };
  await Promise.all([lane(GREEDY, greedy), ...LANES.map((name) => lane(name, others))]);
  return wrong;
}

/** One attack: what its caller sees when it is not what the table says. */
async function attack(host, name, number, ends, query) {
  const from = host.lines.length;
  const headers = ends.timeout ? { "Request-Timeout": String(ends.timeout) } : {};
  const url = `/${name}.example/attack/${number}?${query}`;
  let answer;
  try {
    answer = await call(host.url, url, { headers });
  } catch (error) {
    return ends.cut ? null : error.message;
  }
  const got = `${answer.status} ${answer.text.slice(0, 300)}`;
  // A sanitizer is slow: which limit is met first may differ under it.
  if (!host.options.release && answer.status === 503 && LIMIT.test(answer.text)) return null;
  if (ends.cut || answer.status !== ends.status) return got;
  if (ends.answer !== undefined && answer.text !== ends.answer) return got;
  if (ends.text && !answer.text.match(ends.text)) return got;
  if (!ends.logged) return null;
  const id = answer.headers["x-request-id"];
  const entry = await host.waitForLog((line) => line.request_id === id && line.error, 20_000, from);
  return entry.error.includes(ends.logged) ? null : entry.error;
}

const LIMITS = {
  MOONBUS_WORKERS: "2",
  MOONBUS_LUA_CPU: "300ms",
  MOONBUS_LUA_TURN_HARD: "100ms",
  MOONBUS_LUA_MEMORY: "24m",
  MOONBUS_LUA_TASKS: "2500",
};

/** What is alive in a host. */
async function alive(host) {
  const values = await metrics(host.adminUrl);
  return Object.fromEntries(
    ["tasks_open", "ops_open", "states_open"].map((name) => [name, values.get(`moonbus_${name}`)]),
  );
}

/** The same when nobody asks for anything: only what tickers wait for is left. */
const atRest = (host) =>
  waitFor(async () => {
    const now = await alive(host);
    return now.tasks_open === now.ops_open && now;
  }, "rest");

it("the table in lua/README.md is the list that runs here", () => {
  const text = fs.readFileSync(path.join(root, "lua/README.md"), "utf8");
  assert.ok(text.includes(`\n${table()}\n`), "./dev fmt writes it");
});

for (const release of binary === releaseBinary ? [true] : [true, false])
  describe(release ? "the host as it is shipped" : "the host under a sanitizer", async () => {
    const scope = { after };
    const services = { ...attackers(GREEDY, ...LANES), calm };
    const env = release ? LIMITS : { ...LIMITS, MOONBUS_LUA_CPU: "150ms" };
    const host = await startHost(scope, { release, services, env });
    const server = await upstream(scope);
    const breathe = (name) => call(host.url, `/${name}.example/breathe`);

    it("every attack ends as the table says, everybody else is served, and all is given back", async () => {
      const paths = await neighbours(host, server);
      for (const name of [GREEDY, ...LANES]) await breathe(name);
      const before = await atRest(host);
      const loaded = host.logs().filter((line) => line.msg === "service loaded").length;

      const stop = trickle(host, paths);
      const wrong = await run(host, `base=${host.url}&slow=${host.url}${paths[3]}`);
      const { wrong: failed, answers } = await stop();
      assert.deepEqual(wrong, []);
      assert.deepEqual(failed, []);
      for (const [one, n] of answers) assert.ok(n > 0, one);

      await waitFor(async () => {
        const now = await alive(host);
        assert.ok(now.tasks_open <= before.tasks_open, JSON.stringify(now));
        assert.ok(now.ops_open <= before.ops_open, JSON.stringify(now));
        assert.ok(now.states_open <= 2 * loaded, JSON.stringify(now));
        return true;
      }, "their tasks to end");
      const calmedDown = (name) =>
        waitFor(async () => {
          await call(host.url, `/${name}.example/attack/0`); // its end has the collector run
          const left = new Map(); // of each state: when the collector runs next is its own affair
          for (let i = 0; i < 12; i++) {
            const { me, megabytes } = (await breathe(name)).json;
            left.set(me, Math.min(megabytes, left.get(me) ?? Infinity));
          }
          assert.ok(Math.max(...left.values()) < 8, `megabytes left: ${[...left.values()]}`);
          return true;
        }, `the memory of ${name}`);
      await Promise.all([GREEDY, ...LANES].map(calmedDown));
    });

    it("who ran out of memory three times got a fresh state, and the log has the numbers", async () => {
      // Three in a minute are seldom what a slow machine did above.
      const number = attacks.findIndex(isGreedy);
      await waitFor(async () => {
        if ((await metric(host, "states_rebuilt_total")) >= 1) return true;
        await call(host.url, `/${GREEDY}.example/attack/${number}`);
      }, "a fresh state");
      const entry = await host.waitForLog((line) => /was built anew/.test(line.msg));
      assert.equal(entry.service, "hog.example");
      assert.equal(entry.limit, 24 << 20);
      assert.ok(entry.bytes > 0 && entry.bytes <= entry.limit, `${entry.bytes}`);
    });
  });

for (const [number, one] of [...attacks.entries()].filter(([, { ends }]) => ends.broken))
  it(`from outside it is ended with the process, which starts again: ${one.name}`, async (t) => {
    const services = { ...attackers("attacker"), calm };
    const env = { MOONBUS_WORKERS: "2", MOONBUS_STUCK_AFTER: "2s" };
    const host = await startHost(t, { release: true, breaks: true, test: false, services, env });
    const from = host.lines.length;
    const attacking = call(host.url, `/attacker.example/attack/${number}`).catch((error) => error);
    const { broke } = await host.waitForRestart(from);
    assert.match(broke.why, /worker \d did not turn/);
    assert.ok((await attacking) instanceof Error);
    assert.equal((await call(host.url, "/calm.example/hello")).status, 200);
  });

describe("with more time", async () => {
  const scope = { after };
  const services = { ...attackers("attacker"), calm };
  const host = await startHost(scope, {
    release: true,
    services,
    env: { ...LIMITS, MOONBUS_LUA_CPU: "1s" },
  });
  const server = await upstream(scope);
  const number = (name) => {
    const index = attacks.findIndex((one) => one.name === name);
    assert.ok(index >= 0, name);
    return index;
  };

  for (const name of ["one in `pcall`, for ever", "tasks that spin"])
    it(`others are answered while it goes on: ${name}`, async () => {
      const paths = await neighbours(host, server);
      const ended = [];
      const asked = Array.from({ length: 2 }, () =>
        call(host.url, `/attacker.example/attack/${number(name)}`).then((answer) =>
          ended.push(answer),
        ),
      );
      for (const one of paths) assert.equal((await call(host.url, one)).status, 200, one);
      assert.deepEqual(ended, []);
      await Promise.all(asked);
      for (const answer of ended) assert.equal(answer.status, 503, answer.text);
    });

  it("lines of the log that are too many are dropped and counted", async () => {
    const before = await metric(host, "log_dropped_total");
    await call(host.url, `/attacker.example/attack/${number("lines of the log, for ever")}`);
    await host.waitForLog((line) => /writes too much/.test(line.msg));
    assert.ok((await metric(host, "log_dropped_total")) > before);
  });
});
