// Reload, whatever a service is doing and whatever becomes of the reload. Eight things to be in the middle of, six ways to
// end: what was begun finishes on the code it began with; what comes later meets the new code, or the old one when the
// new one was refused; and nothing is left behind.
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";

import WebSocket from "ws";

import {
  after,
  call,
  it,
  metrics,
  rawClient,
  runCommand,
  startHost,
  upstream,
  waitFor,
} from "./lib/spec.mjs";

const yaml = `general:
  host: moon.example
  description: Is reloaded in the middle of things.
functions:
  - signature: Version() (n int)
  - signature: Store() (n int)
  - signature: Upstream(url string) (n int)
  - signature: Release(name string)
  - signature: Forget(name string)
  - signature: Said(name string) (value int)
webs:
  - signature: Out()
  - signature: In()
  - signature: Socket()
sinks:
  - signature: OnAsked() (n int)
    source: sun
tickers:
  - signature: Beat()
    interval: 10ms
`;

const sun = {
  "service.yaml": `general:
  host: sun.example
  description: Asks whoever listens.
functions:
  - signature: Ask() (n int)
events:
  - signature: OnAsked() (n int)
`,
  "service.lua": `local api = require "services.sun.api"
local svc = require "service" (...)

function svc.Ask(ctx)
  for answer in api.fire.OnAsked(ctx) do
    return answer:get()
  end
end

return svc
`,
};

/** The code of one version; `extra` stands before the last line. */
const moon = (version, extra = "") => `local errors = require "errors"
local http = require "http"
local shared = require "shared"
local store = require "store"
local time = require "time"
local svc = require "service" (...)

local VERSION = ${version}
local kept = store.collection("kept", { id = "kept" })

function svc.Version()
  return VERSION
end

function svc.Release(_, name)
  shared.set("go-" .. name, "yes")
end

function svc.Forget(_, name)
  shared.del("go-" .. name)
  shared.del("begun-" .. name)
end

function svc.Said(_, name)
  return tonumber(shared.get(name)) or 0
end

-- Whether what is called so has been released; notes that it has begun.
local function going(name)
  shared.set("begun-" .. name, VERSION)
  return not shared.get("go-" .. name)
end

function svc.Store()
  while going "store" do
    errors.check(kept:put { id = "kept-1", version = VERSION })
  end
  return VERSION
end

function svc.Upstream(_, url)
  errors.check(http.request { url = url })
  return VERSION
end

function svc.Out(_, _, res)
  while going "out" do
    res:write("more\\n")
    time.sleep(0.005)
  end
  res:write(VERSION)
end

function svc.In(_, req)
  local size = 0
  for chunk in req:chunks() do
    size = size + #chunk
    going "in"
  end
  return { size = size, version = VERSION }
end

function svc.Socket(_, req)
  local ws <close> = req:upgrade()
  for message in ws:messages() do
    ws:send(message .. " " .. VERSION)
  end
end

function svc.OnAsked()
  while going "event" do
    time.sleep(0.005)
  end
  return VERSION
end

function svc.Beat()
  shared.set("beat", VERSION)
  local ended <close> = setmetatable({}, {
    __close = function()
      shared.set("ended", VERSION)
    end,
  })
  time.sleep(600)
end

${extra}
return svc
`;

const host = await startHost(
  { after },
  {
    test: false, // the command must find it
    start: false,
    services: { moon: { "service.yaml": yaml, "service.lua": moon(1) }, sun },
    env: { MOONBUS_WATCH: "false", MOONBUS_RELOAD_CHECK: "200ms", MOONBUS_WORKERS: "2" },
  },
);
const generated = await runCommand(["gen"], { cwd: host.cwd });
assert.equal(generated.status, 0, generated.output);
await host.start();
const file = path.join(host.cwd, "services/moon/service.lua");
const get = (rest, options) => call(host.url, `/moon.example${rest}`, options);
const said = async (name) => (await get(`/said?name=${name}`)).json.value;
const release = (name) => get(`/release?name=${name}`);
const begun = (name, version) =>
  waitFor(async () => (await said(`begun-${name}`)) === version, `${name} to have begun`);

const server = await upstream({ after }, (_, res) => waiting.push(res));
const waiting = []; // answers that an upstream owes

let version = 1;

// Both workers have a state of each: a generation has to be built on both, and nothing is built later.
for (const target of ["/moon.example/version", "/sun.example/openapi.json"])
  await Promise.all(Array.from({ length: 64 }, () => call(host.url, target)));

async function counts() {
  const all = await metrics(host.adminUrl);
  return ["tasks_open", "ops_open", "refs_open", "states_open"].map((name) => [
    name,
    all.get(`moonbus_${name}`),
  ]);
}

// ---- what a service can be in the middle of: begin() resolves when it is, and gives end(), which
// finishes it and resolves to the version that did it.

async function begin(name, rest) {
  const answer = get(rest);
  await begun(name, version);
  return async () => {
    await release(name);
    const { status, text, json } = await answer;
    assert.equal(status, 200, text);
    return json.n;
  };
}

const states = {
  "doing nothing": async () => async () => version,

  "streaming out": async (t) => {
    const client = await rawClient(t, host.port);
    await client.send("GET /moon.example/out HTTP/1.1\r\nHost: h\r\n\r\n");
    const head = await client.head();
    await client.expect("5\r\nmore\n\r\n");
    await begun("out", version);
    return async () => {
      await release("out");
      return Number(/(\d+)$/.exec(await client.body(head.headers))[1]);
    };
  },

  "streaming in": async (t) => {
    const client = await rawClient(t, host.port);
    await client.send("POST /moon.example/in HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nfour");
    await begun("in", version);
    return async () => {
      await client.send("more");
      const { size, version } = JSON.parse((await client.response()).body);
      assert.equal(size, 8);
      return version;
    };
  },

  "waiting for the store": () => begin("store", "/store"),

  "waiting for an upstream": async () => {
    const answer = get(`/upstream?url=${encodeURIComponent(server.url)}`);
    await waitFor(() => waiting.length > 0, "the request to arrive");
    return async () => {
      waiting.pop().end("at last");
      return (await answer).json.n;
    };
  },

  "holding a WebSocket": async () => {
    const ws = new WebSocket(`${host.url.replace("http", "ws")}/moon.example/socket`);
    const say = async (text) => {
      ws.send(text);
      return String((await once(ws, "message"))[0]);
    };
    await once(ws, "open");
    assert.equal(await say("before"), `before ${version}`);
    return async () => {
      const answer = await say("after");
      ws.close();
      await once(ws, "close");
      return Number(answer.replace("after ", ""));
    };
  },

  // A beat is not waited for: it ends, and the next one is that of the new code.
  "inside a ticker": async () => {
    await waitFor(async () => (await said("beat")) === version, "a beat");
    const [before, ended] = [version, await said("ended")];
    return async (after) => {
      await waitFor(async () => (await said("beat")) === after, "a beat of the code in service");
      assert.equal(await said("ended"), after === before ? ended : before);
      return before;
    };
  },

  "inside an event": async () => {
    const answer = call(host.url, "/sun.example/ask");
    await begun("event", version);
    return async () => {
      await release("event");
      return (await answer).json.n;
    };
  },
};

// ---- what can become of a reload: the code that is written, and what the command says.

const refused = (said, code) => ({ code, said, good: false });
const outcomes = {
  "goes well": { code: (n) => moon(n), said: /generation \d+ in service after/, good: true },
  "meets a syntax error": refused(
    /services\/moon\/service\.lua:\d+: <eof> expected/,
    (n) => `${moon(n)}local x = = 1\n`,
  ),
  "raises while it loads": refused(/service\.lua:\d+: not today/, (n) =>
    moon(n, 'error("not today")'),
  ),
  "fails its on_check": refused(/on_check failed: .*service\.lua:\d+: no moon/s, (n) =>
    moon(n, 'function svc.on_check() error("no moon") end'),
  ),
  // The first state is the one on trial; of the workers' states one is refused.
  "fails on one worker": refused(/service\.lua:\d+: this worker has no room/, (n) =>
    moon(n, `if shared.incr("builds-${n}") == 2 then error("this worker has no room") end`),
  ),
  "does not end its on_check in time": refused(
    /on_check took longer than the setting reload_check/,
    (n) => moon(n, "function svc.on_check() time.sleep(600) end"),
  ),
};

let written = 1;
async function reload({ code, said, good }) {
  fs.writeFileSync(file, code(++written));
  const result = await runCommand(["reload", "moon"], { env: { MOONBUS_HOME: host.home } });
  assert.match(result.output, said);
  assert.equal(result.status, good ? 0 : 1, result.output);
  return good ? written : version;
}

for (const [doing, state] of Object.entries(states))
  for (const [ending, outcome] of Object.entries(outcomes))
    it(`${doing}, and the reload ${ending}`, async (t) => {
      const before = await counts();
      for (const name of ["out", "in", "store", "event"]) await get(`/forget?name=${name}`);
      const end = await state(t);
      const next = await reload(outcome);
      assert.equal((await get("/version")).json.n, next, "what comes later");
      const old = version;
      version = next;
      assert.equal(await end(next), doing === "doing nothing" ? next : old, "what was begun");
      assert.equal((await get("/version")).json.n, next, "and what comes after that");
      await waitFor(async () => {
        const now = new Map(await counts());
        for (const [name, n] of before)
          assert.ok(now.get(name) <= n, `${name}: ${now.get(name)}, not ${n}`);
        return true;
      }, "nothing to be left");
    });
