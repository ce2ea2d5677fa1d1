// What one service can make grow outside of its Lua states is bounded, and others do not notice.
import assert from "node:assert/strict";

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

const MB = 1 << 20;
const READERS = 60; // who do not read; each is offered 8 MB, of which the kernel takes about half

const yaml = (host, signatures) => `general:
  host: ${host}
  description: Says a lot.
webs:
${signatures.map((one) => `  - signature: ${one}()\n    method: ANY\n`).join("")}`;

const code = `local errors = require "errors"
local svc = require "service" (...)

local large = ("x"):rep(8 << 20)
local last = "nothing"

function svc.Whole(_, _, res)
  res:answer(200, large)
end

function svc.Pieces(_, _, res)
  res:write(large)
  res:write("end")
end

function svc.Events(_, _, res)
  local events <close> = res:events()
  events:send("large", large)
end

function svc.Socket(_, req)
  local ws <close> = req:upgrade()
  local sent, message, code = ws:send(large)
  if not sent then
    last = message .. " " .. code
  end
end

function svc.Last(_, _, res)
  res:answer(200, last)
end

function svc.Small(_, _, res)
  res:answer(200, "small")
end

function svc.Headers(_, _, res)
  local ok, why
  local n = 0
  repeat
    ok, why = pcall(res.header, res, "X-Large", ("x"):rep(1000))
    n = n + 1
  until not ok
  res:header("X-Large", nil):answer(200, n .. " " .. why)
end

function svc.Upload(_, req, res)
  res:answer(200, tostring(#req:body()))
end

return svc
`;

const keeper = `local store = require "store"
local task = require "task"
local svc = require "service" (...)

-- How many of a hundred, at once, went well, and why one of the others did not.
local function crowd(one)
  local all, good, why = {}, 0, ""
  for i = 1, 100 do
    all[i] = assert(task.spawn(one, i))
  end
  for _, each in ipairs(all) do
    local ok, result, message = pcall(each.join, each)
    good = good + (ok and result and 1 or 0)
    why = ok and (result and why or message) or tostring(result)
  end
  return good .. " " .. why
end

local documents = store.collection("documents", { id = "doc" })
local text = ("t"):rep(1 << 20)

function svc.Write(_, _, res)
  res:answer(200, crowd(function(i)
    return documents:create { id = tostring(i), text = text }
  end))
end

function svc.Read(_, _, res)
  res:answer(200, crowd(function()
    local found, why = documents:find { limit = 4 }
    return found and true, why
  end))
end

return svc
`;

const names = [
  "Whole",
  "Pieces",
  "Events",
  "Socket",
  "Last",
  "Small",
  "Headers",
  "Write",
  "Read",
  "Upload",
];
const host = await startHost(
  { after },
  {
    release: true,
    services: {
      loud: { "service.yaml": yaml("loud.example", names), "service.lua": code },
      keeper: {
        "service.yaml": yaml("keeper.example", ["Write", "Read"]),
        "service.lua": keeper,
      },
      other: { "service.yaml": yaml("other.example", names), "service.lua": code },
    },
    env: { MOONBUS_WORKERS: "1", MOONBUS_LUA_MEMORY: "24m", MOONBUS_MAX_BODY: "3m" },
  },
);

const upgrade =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const small = (service) => call(host.url, `/${service}.example/small`);

/** Many clients ask for much and read nothing of it. */
async function crowd(t, rest, headers = "") {
  const clients = [];
  for (let i = 0; i < READERS; i++) {
    const client = await rawClient(t, host.port);
    client.pause();
    await client.send(`GET /loud.example${rest} HTTP/1.1\r\nHost: h\r\n${headers}\r\n`);
    clients.push(client);
  }
  return clients;
}

async function leave(clients) {
  for (const client of clients) client.close();
  await waitFor(async () => (await metric(host, "requests_open")) === 0, "the readers to be gone");
}

for (const [what, rest, headers] of [
  ["answers", "/whole"],
  ["answers in pieces", "/pieces"],
  ["events", "/events"],
  ["WebSocket messages", "/socket", upgrade],
]) {
  it(`${what} that nobody reads cost no more memory than a service may have`, async (t) => {
    let clients;
    const cut = await metric(host, "answers_cut_total");
    const growth = await memoryGrowth(host.pid, async () => {
      clients = await crowd(t, rest, headers);
      await waitFor(
        async () => (await metric(host, "answers_cut_total")) - cut > READERS / 2,
        "most of them to be refused",
      );
      assert.equal((await small("other")).text, "small");
      assert.equal((await small("loud")).text, "small", "who reads still gets what is small");
    });
    assert.ok(growth < 70 * MB, `grew by ${growth} bytes`);
    await leave(clients);
    assert.equal((await call(host.url, "/loud.example/whole")).text.length, 8 * MB);
  });
}

it("a WebSocket handler learns that its message had no room", async () => {
  const { text } = await call(host.url, "/loud.example/last");
  assert.match(text, /^too many bytes of the service's answers wait for clients.* limit$/);
});

it("the log says once a minute that clients do not read", async () => {
  const lines = host.logs().filter((entry) => entry.msg.includes("clients that do not read"));
  assert.equal(lines.length, 1);
  assert.equal(lines[0].service, "loud.example");
});

it("headers that a handler sets again and again have an end", async () => {
  const { text } = await call(host.url, "/loud.example/headers");
  assert.match(text, /^261 .*the headers of an answer have at most 256 KB/);
});

it("documents on their way to and from the database count as memory of the service", async () => {
  const full = /^\d+ .*too many bytes of store requests under way/;
  const growth = await memoryGrowth(host.pid, async () => {
    const written = (await call(host.url, "/keeper.example/write")).text;
    assert.match(written, full);
    assert.ok(parseInt(written, 10) >= 5, written);
    const read = (await call(host.url, "/keeper.example/read")).text;
    assert.match(read, /^100 |too many bytes of store requests under way/);
    assert.match(
      (await call(host.url, "/keeper.example/write")).text,
      full,
      "nothing is left of it",
    );
    assert.equal((await small("other")).text, "small");
  });
  assert.ok(growth < 100 * MB, `grew by ${growth} bytes`);
});

it("request bodies that come all at once cost no more memory than a service may have", async (t) => {
  const clients = [];
  const growth = await memoryGrowth(host.pid, async () => {
    for (let i = 0; i < READERS; i++) {
      const client = await rawClient(t, host.port);
      await client.send(
        `POST /loud.example/upload HTTP/1.1\r\nHost: h\r\nContent-Length: ${3 * MB}\r\n\r\n`,
      );
      client.send(Buffer.alloc(3 * MB - 1)); // the last byte does not come
      clients.push(client);
    }
    let refused = 0;
    for (const client of clients)
      client
        .until(() => client.text.includes("too many request bodies"), "503")
        .then(
          () => refused++,
          () => {},
        );
    await waitFor(() => refused > READERS / 2, "most of them to be refused");
    assert.equal((await small("other")).text, "small");
  });
  assert.ok(growth < 70 * MB, `grew by ${growth} bytes`);
  await leave(clients);
  const { text } = await call(host.url, "/loud.example/upload", {
    method: "POST",
    body: "x".repeat(3 * MB),
  });
  assert.equal(text, `${3 * MB}`);
});
