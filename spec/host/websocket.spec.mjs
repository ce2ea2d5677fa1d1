// WebSockets of Lua services: messages both ways, how they are opened and closed, what a client may not do, and that
// nothing is left of them.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { once } from "node:events";
import path from "node:path";

import WebSocket from "ws";

import {
  after,
  call,
  it,
  memoryGrowth,
  metric,
  rawClient,
  startHost,
  waitFor,
} from "./lib/spec.mjs";

const yaml = `general:
  host: talk.example
  description: Talks with those who stay.
webs:
  - signature: Echo()
    method: ANY
  - signature: Small()
  - signature: Speak()
  - signature: End()
  - signature: Wait()
  - signature: Quick()
  - signature: Idle()
  - signature: Flood()
  - signature: Misuse()
  - signature: Outlive()
    method: ANY
  - signature: Bus()
  - signature: Said()
  - signature: Version()
`;

const code = (version = 1) => `local bus = require "bus"
local errors = require "errors"
local json = require "json"
local shared = require "shared"
local task = require "task"
local time = require "time"
local svc = require "service" (...)

function svc.Version()
  return "${version}"
end

-- What a handler has noted under that name.
function svc.Said(_, req)
  return shared.get(req.query.name) or ""
end

function svc.Echo(_, req)
  local ws <close> = req:upgrade()
  local last
  for message, kind in ws:messages() do
    last = message
    if kind == "text" then
      ws:send(message)
    else
      ws:send_binary(message)
    end
  end
  local code, reason = ws:closed()
  shared.set("echo", ("%d %s %s"):format(code, reason, last))
end

function svc.Small(_, req)
  local ws <close> = req:upgrade { max_message = 10 }
  for message in ws:messages() do
    ws:send(message)
  end
end

function svc.Speak(_, req)
  local ws <close> = req:upgrade { protocols = { "v2", "v1" } }
  ws:send(ws:protocol() or "none")
  ws:receive()
end

function svc.End(_, req)
  local ws <close> = req:upgrade()
  local how = ws:receive()
  if how == "return" then
    return
  elseif how == "raise" then
    error("as asked")
  elseif how == "close" then
    ws:close()
  elseif how == "bye" then
    ws:close(4001, "goodbye, Jürgen")
  end
  local message, text, code = ws:receive()
  local sent, _, why = ws:send("too late")
  shared.set("end", json.encode { tostring(message), text, code, tostring(sent), why, (ws:closed()) })
end

function svc.Wait(_, req)
  local ws <close> = req:upgrade()
  ws:send("${version}")
  local message = ws:receive()
  while message do
    ws:send("${version} " .. message)
    message = ws:receive()
  end
  shared.incr("ended", 1)
end

-- Receives nothing at first.
function svc.Quick(_, req)
  local ws <close> = req:upgrade()
  local message, _, code = ws:receive(0.05)
  ws:send(tostring(message) .. " " .. code)
  ws:send(ws:receive(60))
  time.sleep(600)
end

function svc.Idle(_, req)
  local ws <close> = req:upgrade { ping = 0.5 }
  ws:receive()
end

function svc.Flood(_, req)
  local ws <close> = req:upgrade()
  local data = ("x"):rep(10000)
  while ws:send(data) do
  end
end

function svc.Misuse(_, req, res)
  local before = { pcall(req.upgrade, req, { ping = -1 }) }
  local typo = { pcall(req.upgrade, req, { pong = 1 }) }
  local ws <close> = req:upgrade()
  local twice = task.spawn(function()
    return pcall(ws.receive, ws)
  end)
  time.sleep(0.01)
  local results = { before[2], typo[2] }
  for _, try in ipairs {
    function() ws:send("\\xff") end,
    function() ws:close(1005) end,
    function() ws:close(1000, ("x"):rep(124)) end,
    function() ws:ping(("x"):rep(126)) end,
    function() ws:receive() end,
    function() req:upgrade() end,
    function() res:write("x") end,
    function() res:finish() end,
    function() res:events() end,
    function() res:events { keepalive = 1 } end,
  } do
    table.insert(results, (select(2, pcall(try))))
  end
  ws:send(json.encode(results))
  twice:wait()
end

-- A task that goes on waiting when its request is over.
function svc.Outlive(_, req)
  local what = req.method
  local ws = what == "GET" and req:upgrade()
  task.detach(task.spawn(function()
    local _, problem = pcall(function()
      if not ws then
        for _ in req:chunks() do
        end
        return
      end
      local message, text = ws:receive()
      error(tostring(message) .. " " .. text)
    end)
    shared.set("outlived" .. what, tostring(problem))
  end))
  time.sleep(0.05)
end

function svc.Bus(ctx)
  local answer = bus.request(ctx, { method = "GET", url = "https://talk.example/echo" })
  return answer.status, answer.body
end

return svc
`;

const files = { "service.yaml": yaml, "service.lua": code() };
const other = {
  "service.yaml": "general:\n  host: other.example\nwebs:\n  - signature: Number()\n",
  "service.lua":
    'local svc = require "service" (...)\nfunction svc.Number()\n  return "0"\nend\nreturn svc\n',
};

const host = await startHost(
  { after },
  { services: { talk: files }, env: { MOONBUS_WORKERS: "1", MOONBUS_LUA_DEADLINE: "2s" } },
);
const get = (rest, options) => call(host.url, `/talk.example${rest}`, options);
const said = async (name) => (await get(`/said?name=${name}`)).text;

/** An open WebSocket of the client library; `messages` has what came. */
async function open(t, rest, { on = host, protocols = [], ...options } = {}) {
  const ws = new WebSocket(
    `${on.url.replace("http", "ws")}/talk.example${rest}`,
    protocols,
    options,
  );
  ws.messages = [];
  ws.closed = new Promise((resolve) =>
    ws.once("close", (code, reason) => resolve([code, reason.toString()])),
  );
  ws.on("message", (data, isBinary) => {
    ws.messages.push(isBinary ? data : data.toString());
    ws.emit("came");
  });
  ws.on("error", () => {});
  t.after(() => ws.terminate());
  await once(ws, "open");
  return ws;
}

/** The next message. */
async function next(ws) {
  while (ws.messages.length === 0) await once(ws, "came");
  return ws.messages.shift();
}

async function echo(ws, message) {
  ws.send(message);
  assert.deepEqual(await next(ws), message);
}

const HANDSHAKE =
  "Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/** A scripted connection behind its handshake; bytes are latin1. */
async function raw(t, rest, on = host) {
  const client = await rawClient(t, on.port);
  await client.send(`GET /talk.example${rest} HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  const head = await client.head();
  assert.match(head.line, /^HTTP\/1\.1 101 /);
  return Object.assign(client, { fields: head.headers });
}

/** A frame of a client, with an empty mask. */
function frame(first, payload = "", { mask = true } = {}) {
  const body = Buffer.from(payload, "latin1");
  assert.ok(body.length < 126);
  return Buffer.concat([
    Buffer.from([first, body.length | (mask ? 0x80 : 0)]),
    Buffer.alloc(mask ? 4 : 0),
    body,
  ]).toString("latin1");
}

const closing = (code, reason = "") =>
  `\x88${String.fromCharCode(2 + reason.length)}${String.fromCharCode(code >> 8, code & 255)}${reason}`;

async function counts(on = host) {
  const all = {};
  for (const name of ["tasks_open", "ops_open", "refs_open", "requests_open"])
    all[name] = await metric(on, name);
  return all;
}

/** Runs `work`; afterwards nothing of it is left in the host. */
async function leavesNothing(work) {
  await waitFor(async () => (await metric(host, "requests_open")) === 0, "earlier ones to end");
  await get("/version");
  const before = await counts();
  await work();
  await waitFor(async () => {
    // A beat of a ticker may have been counted before.
    for (const [name, n] of Object.entries(await counts()))
      assert.ok(n <= before[name], `${name}: ${n}, not ${before[name]}`);
    return true;
  }, "everything to be over");
}

// ---- messages ----

it("texts and bytes of any size come back as they were", async (t) => {
  await leavesNothing(async () => {
    const ws = await open(t, "/echo");
    for (const text of [
      "hello",
      "",
      "Jürgen 🌙",
      "x".repeat(125),
      "y".repeat(126),
      "z".repeat(70_000),
    ])
      await echo(ws, text);
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) await echo(ws, randomBytes(size));
    await echo(ws, "m".repeat(1 << 20));
    ws.close();
    assert.deepEqual(await ws.closed, [1005, ""]);
  });
});

it("a message in fragments is one message", async (t) => {
  const ws = await open(t, "/echo");
  ws.send("one ", { fin: false });
  ws.send("two ", { fin: false });
  ws.ping("in between");
  const pong = once(ws, "pong");
  ws.send("three", { fin: true });
  assert.equal(await next(ws), "one two three");
  assert.equal((await pong)[0].toString(), "in between");
});

it("what comes with the handshake is not lost, and bytes may trickle in", async (t) => {
  const client = await rawClient(t, host.port);
  await client.send(`GET /talk.example/echo HTTP/1.1\r\n${HANDSHAKE}\r\n${frame(0x81, "early")}`);
  await client.head();
  await client.expect("\x81\x05early");
  await client.trickle(frame(0x01, "sl") + frame(0x89, "p") + frame(0x80, "ow"));
  await client.expect("\x8a\x01p");
  await client.expect("\x81\x04slow");
});

it("many messages at once keep their order", async (t) => {
  const ws = await open(t, "/echo");
  for (let i = 0; i < 5000; i++) ws.send(`message ${i}`);
  for (let i = 0; i < 5000; i++) assert.equal(await next(ws), `message ${i}`);
});

it("receive gives up after its time, and goes on afterwards", async (t) => {
  const ws = await open(t, "/quick");
  assert.equal(await next(ws), "nil timeout");
  await echo(ws, "now");
});

it("pings are answered also while the handler is busy with something else", async (t) => {
  const ws = await open(t, "/quick");
  await next(ws);
  await echo(ws, "now it sleeps");
  ws.send("nobody receives this");
  ws.ping("still there?");
  const [data] = await once(ws, "pong");
  assert.equal(data.toString(), "still there?");
});

it("what nobody receives is not read without end", async (t) => {
  const fast = await startHost(t, {
    release: true,
    services: { talk: files },
    env: { MOONBUS_WORKERS: "1" },
  });
  const ws = await open(t, "/quick", { on: fast });
  await next(ws);
  await echo(ws, "now it sleeps");
  const block = randomBytes(100_000);
  const growth = await memoryGrowth(fast.pid, async () => {
    for (let i = 0; i < 500; i++) ws.send(block);
    let last;
    await waitFor(async () => {
      const still = ws.bufferedAmount === last && last > 0;
      last = ws.bufferedAmount;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return still;
    }, "the flow to stop");
  });
  assert.ok(growth < 8 << 20, `grew by ${growth} bytes`);
  ws.terminate();
});

it("a slow client slows the handler down", async (t) => {
  await leavesNothing(async () => {
    const client = await raw(t, "/flood");
    client.pause();
    let last = -1;
    await waitFor(async () => {
      const now = await metric(host, "bytes_sent_total");
      const still = now - last < 200_000; // the page of metrics itself counts
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return still;
    }, "the flow to stop");
    client.resume();
    const had = client.received;
    await client.until(() => (client.received > had + 1e6 ? true : undefined), "it to go on");
    client.close();
  });
});

// ---- the handshake ----

it("the answer to a handshake is the one of the protocol", async (t) => {
  const { fields } = await raw(t, "/echo");
  assert.equal(fields["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  assert.equal(fields.upgrade, "websocket");
  assert.match(fields.connection, /upgrade/i);
  assert.equal(fields["sec-websocket-protocol"], undefined);
  assert.equal(fields["sec-websocket-extensions"], undefined);
});

it("the first protocol of the handler that the client offers is spoken", async (t) => {
  for (const [offered, spoken] of [
    [["v1", "v2"], "v2"],
    [["v1"], "v1"],
    [[], "none"],
  ]) {
    const ws = await open(t, "/speak", { protocols: offered });
    assert.equal(await next(ws), spoken);
    assert.equal(ws.protocol, spoken === "none" ? "" : spoken);
  }
  const client = await rawClient(t, host.port);
  await client.send(
    `GET /talk.example/speak HTTP/1.1\r\n${HANDSHAKE}Sec-WebSocket-Protocol: v3\r\n\r\n`,
  );
  const { headers } = await client.head();
  assert.equal(headers["sec-websocket-protocol"], undefined);
  await client.expect("none");
});

it("a request that is no handshake is refused and told what is missing", async (t) => {
  const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
  const version = { "Sec-WebSocket-Version": "13" };
  const key = { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };
  for (const [status, headers, method] of [
    [426, {}],
    [426, { ...upgrade, ...key }],
    [426, { ...upgrade, ...key, "Sec-WebSocket-Version": "8" }],
    [400, { ...upgrade, ...version }],
    [400, { ...upgrade, ...version, "Sec-WebSocket-Key": "short" }],
    [400, { ...upgrade, ...version, ...key }, "POST"],
  ]) {
    const answer = await get("/echo", { headers, method });
    assert.equal(answer.status, status, JSON.stringify([headers, method, answer.text]));
    assert.ok(answer.json.error.length > 10);
    if (status === 426) {
      assert.equal(answer.headers["sec-websocket-version"], "13");
      assert.equal(answer.headers.upgrade, "websocket");
    }
  }
});

it("over the bus there is no WebSocket, and the answer says why", async () => {
  const answer = await get("/bus");
  assert.equal(answer.status, 400, answer.text);
  assert.match(answer.text, /a WebSocket needs an HTTP connection/);
});

it("misuse raises and says how it is used", async (t) => {
  const ws = await open(t, "/misuse");
  const errors = JSON.parse(await next(ws));
  const expected = [
    /ping is a number of seconds/,
    /there is no option pong; there are: protocols max_message ping/,
    /not UTF-8; send_binary/,
    /no code to close with/,
    /a reason is UTF-8 of at most 123 bytes/,
    /at most 125 bytes/,
    /another task receives/,
    /the response has begun/,
    /the response has become a stream/,
    /the response has become a stream/,
    /the response has begun/,
    /there is no option keepalive; there are: keep_alive/,
  ];
  assert.equal(errors.length, expected.length, JSON.stringify(errors));
  expected.forEach((pattern, i) => assert.match(errors[i], pattern));
});

// ---- closing ----

it("a close of the client is answered with its code, and the handler knows it and what came before", async (t) => {
  const ws = await open(t, "/echo");
  ws.send("last words");
  ws.close(4321, "enough");
  assert.deepEqual(await ws.closed, [4321, "enough"]);
  const all = "4321 enough last words";
  await waitFor(async () => (await said("echo")) === all, "the handler to note it");
});

it("a close of the handler reaches the client, and whatever it does then fails", async (t) => {
  for (const [how, code, reason] of [
    ["close", 1000, ""],
    ["bye", 4001, "goodbye, Jürgen"],
  ]) {
    await leavesNothing(async () => {
      const ws = await open(t, "/end");
      ws.send(how);
      assert.deepEqual(await ws.closed, [code, reason]);
    });
    const text = `the WebSocket is closed: ${code}${reason && ` ${reason}`}`;
    assert.deepEqual(JSON.parse(await said("end")), ["nil", text, "closed", "nil", "closed", code]);
  }
});

it("the end of the handler is the end of the WebSocket: 1000, or 1011 when it raised", async (t) => {
  for (const [how, code] of [
    ["return", 1000],
    ["raise", 1011],
  ]) {
    const ws = await open(t, "/end");
    ws.send(how);
    assert.deepEqual(await ws.closed, [code, ""]);
  }
});

it("a client that breaks the protocol is told so with the code that fits", async (t) => {
  await leavesNothing(async () => {
    for (const [name, bytes, code, rest = "/echo"] of [
      ["no mask", frame(0x81, "x", { mask: false }), 1002],
      ["a reserved bit", frame(0xc1, "x"), 1002],
      ["an unknown opcode", frame(0x83, "x"), 1002],
      ["a control frame in fragments", frame(0x09, "x"), 1002],
      ["a continuation of nothing", frame(0x80, "x"), 1002],
      ["a close with a reserved code", frame(0x88, "\x03\xee"), 1002],
      ["a text that is not UTF-8", frame(0x81, "\xff"), 1007],
      ["half a character", frame(0x81, "\xc3"), 1007],
      ["a message that is too large", frame(0x82, "12345678901"), 1009, "/small"],
      [
        "fragments that are too large",
        frame(0x02, "123456") + frame(0x80, "123456"),
        1009,
        "/small",
      ],
    ]) {
      const client = await raw(t, rest);
      await client.send(bytes);
      const text = await client.expectClose();
      const expected = String.fromCharCode(code >> 8, code & 255);
      assert.equal(text[0], "\x88", name);
      assert.equal(text.slice(2, 4), expected, name);
      client.close();
    }
  });
});

it("a large message is refused before it has come", async (t) => {
  const client = await raw(t, "/echo");
  await client.send("\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01"); // 1 MiB and a byte
  await client.expect(closing(1009).slice(2));
});

it("a close with nothing in it is answered alike", async (t) => {
  const client = await raw(t, "/echo");
  await client.send(frame(0x88));
  assert.equal(await client.expectClose(), "\x88\x00");
});

// ---- clients that go away, and many of them ----

it("a client that vanishes ends the task", async (t) => {
  await leavesNothing(async () => {
    for (const rest of ["/echo", "/wait", "/quick", "/flood"]) {
      for (const leave of ["close", "reset", "end"]) {
        const client = await raw(t, rest);
        await client.send(frame(0x01, "half a mess"));
        client[leave]();
        if (leave === "end") await client.expectClose();
      }
    }
  });
});

it("a silent client is asked whether it is there, and let go when it is not", async (t) => {
  await leavesNothing(async () => {
    const alive = await open(t, "/idle");
    const client = await raw(t, "/idle");
    await client.expect("\x89\x00");
    await client.send(frame(0x8a)); // it is
    await client.expect("\x89\x00");
    await client.expectClose(); // it is no more
    assert.equal(alive.readyState, WebSocket.OPEN, "who answers stays");
    alive.close();
    await alive.closed;
  });
});

it("200 at once talk, and nothing of them is left", async (t) => {
  await leavesNothing(async () => {
    const all = await Promise.all(Array.from({ length: 200 }, () => open(t, "/echo")));
    for (let round = 0; round < 5; round++)
      await Promise.all(all.map((ws, i) => echo(ws, `${round} of ${i}`)));
    all.forEach((ws, i) => (i % 2 ? ws.close() : ws.terminate()));
    await Promise.all(all.map((ws) => ws.closed));
  });
});

it("a detached task that outlives its request is told that it is over", async (t) => {
  const ws = await open(t, "/outlive");
  assert.deepEqual(await ws.closed, [1000, ""]);
  await waitFor(async () => /closed/.test(await said("outlivedGET")), "the task to be told");
  const client = await rawClient(t, host.port);
  await client.send(
    "POST /talk.example/outlive HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab",
  );
  await client.response();
  await waitFor(async () => /is over/.test(await said("outlivedPOST")), "the task to be told");
});

// ---- reloads and the end ----

it("a WebSocket survives reloads of other services, and goes on with its old code when its own is reloaded", async (t) => {
  const own = await startHost(t, { services: { talk: files, other } });
  const file = (name) => path.join(own.cwd, "services", name, "service.lua");
  const ws = await open(t, "/wait", { on: own });
  assert.equal(await next(ws), "1");
  for (let i = 1; i <= 20; i++) {
    fs.writeFileSync(file("other"), other["service.lua"].replace('"0"', `"${i}"`));
    const path = "/other.example/number";
    await waitFor(async () => (await call(own.url, path)).text === `${i}`, "the new version");
    ws.send(`${i}`);
    assert.equal(await next(ws), `1 ${i}`);
  }
  fs.writeFileSync(file("talk"), code(2));
  const path2 = "/talk.example/version";
  await waitFor(async () => (await call(own.url, path2)).text === "2", "the new version");
  ws.send("still the old one?");
  assert.equal(await next(ws), "1 still the old one?");
  const young = await open(t, "/wait", { on: own });
  assert.equal(await next(young), "2");
});

it("when the grace of a reload is over, the client is told that the service goes away", async (t) => {
  const own = await startHost(t, {
    services: { talk: files },
    env: { MOONBUS_RELOAD_GRACE: "100ms" },
  });
  const ws = await open(t, "/wait", { on: own });
  fs.writeFileSync(path.join(own.cwd, "services/talk/service.lua"), code(2));
  assert.deepEqual(await ws.closed, [1001, ""]);
});

it("a service that is taken away says 1001, and so does a host that stops", async (t) => {
  const own = await startHost(t, {
    services: { talk: files, more: { ...files, "service.yaml": yaml.replace("talk.", "more.") } },
    env: { MOONBUS_WORKERS: "2" },
  });
  const all = await Promise.all(Array.from({ length: 20 }, () => open(t, "/wait", { on: own })));
  const client = await rawClient(t, own.port);
  await client.send(`GET /more.example/wait HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  await client.head();
  fs.rmSync(path.join(own.cwd, "services/more"), { recursive: true });
  await client.expect(closing(1001));
  client.close();
  await own.stop(); // exit code 0, without a report of a sanitizer
  for (const ws of all) assert.deepEqual(await ws.closed, [1001, ""]);
});
