// Server-sent events of Lua services: what is on the wire, who is told what, and how streams end. And the files of a
// service, which res:file() answers with.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { after, call, it, metric, rawClient, startHost, waitFor } from "./lib/spec.mjs";

const yaml = `general:
  host: live.example
  description: Tells things as they happen.
webs:
  - signature: Echo()
    method: ANY
  - signature: Beat()
  - signature: Wait()
  - signature: Flood()
  - signature: Both()
  - signature: Late()
  - signature: File()
  - signature: Bus()
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

-- Sends what the query describes: [["event", name, data, id], ["retry", seconds], ["comment", text]].
function svc.Echo(_, req, res)
  res:header("X-Own", "kept"):header("Content-Type", "text/plain"):status(201)
  local events <close> = res:events()
  for _, step in ipairs(json.decode(req.query.steps or "[]")) do
    local data = step[3]
    local sent = step[1] == "event" and events:send(step[2] ~= json.null and step[2] or nil, data, step[4])
      or step[1] == "retry" and events:retry(step[2])
      or step[1] == "comment" and events:comment(step[2])
    if not sent then
      shared.incr("refused", 1)
    end
  end
  if req.query.last then
    events:send("last", events:last_id() or "none")
  end
end

function svc.Beat(_, req, res)
  local events <close> = res:events { keep_alive = tonumber(req.query.seconds) }
  time.sleep(600)
end

function svc.Wait(_, _, res)
  local events <close> = res:events()
  events:send("ready", "${version}")
  while events:send(nil, time.now()) do
    time.sleep(0.02)
  end
  shared.incr("ended", 1)
end

function svc.Flood(_, _, res)
  local events <close> = res:events()
  local data = ("x"):rep(1000)
  while events:send("flood", data) do
  end
end

-- Several tasks send on one stream.
function svc.Both(_, _, res)
  local events <close> = res:events()
  local data = ("x"):rep(100000)
  local function many(name)
    return function()
      for _ = 1, 50 do
        events:send(name, data)
      end
    end
  end
  task.all { many "a", many "b" }
  events:send("done", "")
end

function svc.Late(_, _, res)
  res:write("begun")
  local ok, err = pcall(res.events, res)
  res:write(" ", tostring(ok), " ", tostring(err))
end

function svc.File(_, req, res)
  res:file(req.query.name)
end

function svc.Bus(ctx, req)
  local answer = bus.request(ctx, { method = "GET", url = "https://live.example" .. req.query.path })
  return answer.status, answer.body
end

return svc
`;

const files = {
  "service.yaml": yaml,
  "service.lua": code(),
  "resources/alphabet.txt": "abcdefghijklmnopqrstuvwxyz",
};

const host = await startHost(
  { after },
  { services: { live: files }, env: { MOONBUS_WORKERS: "1", MOONBUS_LUA_DEADLINE: "1s" } },
);
const get = (rest, options) => call(host.url, `/live.example${rest}`, options);
const echo = (steps, more = "", options) =>
  get(`/echo?steps=${encodeURIComponent(JSON.stringify(steps))}${more}`, options);

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

/** A listener: the raw connection, behind the head of the answer. */
async function listen(t, rest, fields = "", on = host) {
  const client = await rawClient(t, on.port);
  await client.send(`GET /live.example${rest} HTTP/1.1\r\nHost: h\r\n${fields}\r\n`);
  const head = await client.head();
  assert.match(head.line, / 200 /);
  return Object.assign(client, { fields: head.headers });
}

it("a stream is a 200 of its own type that nothing stores; other headers stay", async () => {
  const answer = await echo([["event", null, "x"]]);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "text/event-stream");
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.headers["x-own"], "kept");
  assert.equal(answer.text, "data: x\n\n");
});

it("an event has its name, its id and its data; a table is JSON", async () => {
  const { text } = await echo([
    ["event", "tick", "1", "id-1"],
    ["event", null, { a: [1, 2] }],
    ["event", "empty", ""],
    ["event", null, 12],
  ]);
  assert.equal(
    text,
    'event: tick\nid: id-1\ndata: 1\n\ndata: {"a":[1,2]}\n\nevent: empty\ndata: \n\ndata: 12\n\n',
  );
});

it("each line of the data is a field of its own, whatever ends it", async () => {
  const { text } = await echo([
    ["event", null, "a\nb\r\nc\rd\n"],
    ["event", null, "\r\r\n\n"],
  ]);
  assert.equal(
    text,
    "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\ndata: \ndata: \ndata: \ndata: \n\n",
  );
});

it("retry is in milliseconds, and every line of a comment is one", async () => {
  const { text } = await echo([
    ["retry", 1.5],
    ["comment", "one\ntwo"],
  ]);
  assert.equal(text, "retry: 1500\n\n: one\n: two\n\n");
});

it("a line break in a name or an id ends nothing but the handler", async () => {
  const bad = [
    ["event", "a\nb", "x"],
    ["event", "a\rb", "x"],
    ["event", "a", "x", "1\n2"],
    ["event", "a", "x", "1\r2"],
    ["event", "a", "x", "1\u00002"],
    ["retry", -1],
  ];
  for (const step of bad) {
    const from = host.logs().length;
    const { text } = await echo([["event", "good", "1"], step, ["event", "never", "2"]]);
    assert.equal(text, "event: good\ndata: 1\n\n", JSON.stringify(step));
    await host.waitForLog((entry) => entry.msg === "handler failed", 20_000, from);
  }
});

it("a client that comes back says which event it had last", async () => {
  const again = await echo([], "&last=1", { headers: { "Last-Event-ID": "id-7" } });
  assert.equal(again.text, "event: last\ndata: id-7\n\n");
  assert.equal((await echo([], "&last=1")).text, "event: last\ndata: none\n\n");
});

it("HEAD gets the head, and the handler is told that nobody listens", async () => {
  const answer = await echo([["event", null, "x"]], "", { method: "HEAD" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "text/event-stream");
  assert.equal(answer.text, "");
  await leavesNothing(() => call(host.url, "/live.example/wait", { method: "HEAD" }));
});

it("a response that has begun cannot become a stream", async () => {
  const { text } = await get("/late");
  assert.match(text, /^begun false .*the response has begun/);
});

it("a silent stream says so from time to time, and has no deadline", async (t) => {
  const client = await listen(t, "/beat?seconds=0.1");
  for (let i = 0; i < 15; i++) await client.expect("3\r\n:\n\n\r\n"); // longer than a request may take
  client.close();
});

it("a handler ends when its client goes away, also a silent one", async (t) => {
  await leavesNothing(async () => {
    for (const rest of ["/wait", "/beat?seconds=0.05"]) {
      for (const leave of ["close", "reset", "end"]) {
        const client = await listen(t, rest);
        await client.expect(rest === "/wait" ? "ready" : ":\n\n");
        client[leave]();
        if (leave === "end") client.close();
      }
    }
  });
});

it("a slow client slows the handler down", async (t) => {
  await leavesNothing(async () => {
    const client = await listen(t, "/flood");
    client.pause();
    const open = () => metric(host, "bytes_sent_total");
    let last = -1;
    await waitFor(async () => {
      const now = await open();
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

it("several tasks may send on one stream", async () => {
  const { text } = await get("/both");
  assert.equal(text.match(/^event: a$/gm).length, 50);
  assert.equal(text.match(/^event: b$/gm).length, 50);
  assert.match(text, /event: done\ndata: \n\n$/);
});

it("a hundred listen at once, and nothing of them is left", async (t) => {
  await leavesNothing(async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => listen(t, "/wait")));
    for (const client of clients) await client.expect("ready");
    for (const client of clients) client.close();
  });
});

it("over the bus there is no stream, and the answer says why", async () => {
  const answer = await get("/bus?path=/wait");
  assert.equal(answer.status, 400, answer.text);
  assert.match(answer.text, /a stream of events needs an HTTP connection/);
});

it("a stream goes on with its old code when its service is reloaded", async (t) => {
  const client = await listen(t, "/wait");
  await client.expect("ready\ndata: 1");
  fs.writeFileSync(path.join(host.cwd, "services/live/service.lua"), code(2));
  await waitFor(async () => (await get("/version")).text === "2", "the new version");
  client.text = "";
  await client.expect("data: ");
  await client.expect("data: ");
  client.close();
  const next = await listen(t, "/wait");
  await next.expect("ready\ndata: 2");
  next.close();
});

it("streams end in order when the host stops, and when their service is taken away", async (t) => {
  const own = await startHost(t, {
    services: { live: files, other: { ...files, "service.yaml": yaml.replace("live.", "other.") } },
  });
  const open = await listen(t, "/wait", "", own);
  const gone = await rawClient(t, own.port);
  await gone.send("GET /other.example/wait HTTP/1.1\r\nHost: h\r\n\r\n");
  await gone.expect("ready");
  fs.rmSync(path.join(own.cwd, "services/other"), { recursive: true });
  await gone.expect("\r\n0\r\n\r\n");
  await open.expect("data: ");
  const stopped = own.stop();
  await open.expect("\r\n0\r\n\r\n");
  await stopped;
});

// ---- files ----

it("res:file answers with a file of resources/, over HTTP and over the bus", async () => {
  const answer = await get("/file?name=alphabet.txt");
  assert.equal(answer.status, 200);
  assert.equal(answer.text, "abcdefghijklmnopqrstuvwxyz");
  assert.match(answer.headers["content-type"], /^text\/plain/);
  assert.equal(answer.headers["accept-ranges"], "bytes");
  const again = await get("/file?name=alphabet.txt", {
    headers: { "If-None-Match": answer.headers.etag },
  });
  assert.equal(again.status, 304);
  assert.equal((await get("/file?name=../service.lua")).status, 404);
  const bus = await get(`/bus?path=${encodeURIComponent("/file?name=alphabet.txt")}`);
  assert.deepEqual([bus.status, bus.text], [200, answer.text]);
});

it("a range of a file is 206 with where it lies", async () => {
  const { etag } = (await get("/file?name=alphabet.txt")).headers;
  const cases = [
    ["bytes=0-2", "abc", "bytes 0-2/26"],
    ["bytes=23-", "xyz", "bytes 23-25/26"],
    ["bytes=-3", "xyz", "bytes 23-25/26"],
    ["bytes=20-1000", "uvwxyz", "bytes 20-25/26"],
    ["bytes=-1000", "abcdefghijklmnopqrstuvwxyz", "bytes 0-25/26"],
    ["bytes=25-25", "z", "bytes 25-25/26"],
  ];
  for (const [range, text, where] of cases)
    for (const more of [{}, { "If-Range": etag }]) {
      const answer = await get("/file?name=alphabet.txt", { headers: { Range: range, ...more } });
      assert.deepEqual(
        [answer.status, answer.text, answer.headers["content-range"]],
        [206, text, where],
        range,
      );
    }
});

it("a range behind the end is 416, one that makes no sense is the whole file", async () => {
  for (const range of ["bytes=26-", "bytes=99999999999999999999-", "bytes=-0"]) {
    const answer = await get("/file?name=alphabet.txt", { headers: { Range: range } });
    assert.deepEqual([answer.status, answer.headers["content-range"]], [416, "bytes */26"], range);
  }
  const whole = [
    { Range: "bytes=5-2" },
    { Range: "bytes=a-b" },
    { Range: "bytes=-" },
    { Range: "lines=1-2" },
    { Range: "bytes=0-1,3-4" },
    { Range: "bytes=0-1", "If-Range": '"another"' },
  ];
  for (const headers of whole) {
    const answer = await get("/file?name=alphabet.txt", { headers });
    assert.deepEqual([answer.status, answer.text.length], [200, 26], JSON.stringify(headers));
  }
});
