// Endurance: services are reloaded again and again while clients of every kind are at work: quick ones, those that leave in
// the middle, those that stay for long. Nobody's request fails, and at the end the host is as it was at the beginning.
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";

import WebSocket from "ws";

import { SOAK, after, call, it, metrics, rss, startHost, waitFor } from "./lib/spec.mjs";

const names = ["spring", "summer", "autumn", "winter"];

const yaml = (name) => `general:
  host: ${name}.example
  description: One of four that are never left in peace.
functions:
  - signature: Version() (n int)
  - signature: Keep(value string) (id string)
webs:
  - signature: Lines()
  - signature: Upload()
  - signature: Events()
  - signature: Socket()
tickers:
  - signature: Tick()
    interval: 500ms
`;

const code = (version) => `local errors = require "errors"
local shared = require "shared"
local store = require "store"
local time = require "time"
local svc = require "service" (...)

local VERSION = ${version}
local kept = store.collection("kept", { id = "kept" })

function svc.Version()
  return VERSION
end

function svc.Keep(_, value)
  return errors.check(kept:put { id = "kept-1", value = value }).id
end

-- n numbered lines, ms milliseconds apart; the last one tells whose they are.
function svc.Lines(_, req, res)
  for i = 1, tonumber(req.query.n) do
    res:write(i, "\\n")
    time.sleep(tonumber(req.query.ms) / 1000)
  end
  res:write("version ", VERSION, "\\n")
end

function svc.Upload(_, req)
  local size = 0
  for chunk in req:chunks() do
    size = size + #chunk
  end
  return { size = size }
end

function svc.Events(_, req, res)
  local events <close> = res:events()
  for i = 1, tonumber(req.query.n) do
    events:send("tick", i)
    time.sleep(0.02)
  end
  events:send("done", VERSION)
end

function svc.Socket(_, req)
  local ws <close> = req:upgrade()
  for message in ws:messages() do
    ws:send(message .. " " .. VERSION)
  end
end

function svc.Tick()
  shared.incr("ticks-" .. svc.host)
end

return svc
`;

const folders = Object.fromEntries(
  names.map((name) => [name, { "service.yaml": yaml(name), "service.lua": code(1) }]),
);
const options = {
  release: true,
  test: false, // reloads are asked for with the secret of the home folder
  services: folders,
  env: { MOONBUS_WATCH: "false", MOONBUS_LOG_ACCESS: "false" },
};

/** Asks a running host for a reload of one service, with new code. */
function reloader(host) {
  const { secret } = JSON.parse(fs.readFileSync(path.join(host.home, "host.json"), "utf8"));
  let version = 1;
  return async (name) => {
    const file = path.join(host.cwd, "services", name, "service.lua");
    fs.writeFileSync(`${file}.new`, code(++version));
    fs.renameSync(`${file}.new`, file); // an earlier reload may be reading
    const target = `/reload?service=${name}`;
    const answer = await call(host.adminUrl, target, { method: "POST", token: secret });
    assert.equal(answer.status, 200, answer.text);
  };
}

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const socketUrl = (host, name) => `${host.url.replace("http", "ws")}/${name}.example/socket`;

async function openSocket(url) {
  const ws = new WebSocket(url);
  await once(ws, "open");
  return {
    ws,
    async say(text) {
      ws.send(text);
      return String((await once(ws, "message"))[0]);
    },
    async close() {
      ws.close();
      assert.equal((await once(ws, "close"))[0], 1005);
    },
  };
}

it("an open WebSocket and a running download survive 100 reloads of others and one of their own", async (t) => {
  const host = await startHost(t, options);
  const reload = reloader(host);
  const socket = await openSocket(socketUrl(host, "spring"));
  assert.equal(await socket.say("before"), "before 1");
  // It lasts until it is told to end: by closing the connection the client decides, so lines are counted instead.
  const lines = [];
  const download = http.get(`${host.url}/spring.example/lines?n=100000&ms=1`, (response) => {
    assert.equal(response.statusCode, 200);
    let text = "";
    response.setEncoding("utf8").on("data", (part) => {
      const parts = (text + part).split("\n");
      text = parts.pop();
      lines.push(...parts);
    });
    response.on("error", () => {}); // we end it
    response.on("aborted", () => (lines.aborted = true));
  });
  download.on("error", () => {});
  await waitFor(() => lines.length > 10, "the download to run");

  for (let i = 0; i < 100; i++) {
    await reload(names[1 + (i % 3)]);
    if (i === 50) await reload("spring");
    if (i % 10 === 0) assert.equal(await socket.say(`round ${i}`), `round ${i} 1`);
  }
  const { n } = (await call(host.url, "/spring.example/version")).json;
  assert.ok(n > 1, "new requests meet the new code");
  assert.equal(await socket.say("after"), "after 1");
  const so_far = lines.length;
  await waitFor(() => lines.length > so_far + 10, "the download to go on");
  assert.equal(lines.aborted, undefined);
  lines.forEach((line, i) => assert.equal(line, String(i + 1)));
  await socket.close();
  download.destroy();
});

it("a third generation waits until the first one has ended, and nobody waits with it", async (t) => {
  const host = await startHost(t, options);
  const reload = reloader(host);
  const version = async (name) => (await call(host.url, `/${name}.example/version`)).json.n;
  const socket = await openSocket(socketUrl(host, "spring"));
  assert.equal(await socket.say("held by"), "held by 1");
  await reload("spring");
  assert.equal(await version("spring"), 2);
  let over = false;
  const third = reload("spring").then(() => (over = true));
  await host.waitForLog(({ msg }) => /reload waits until/.test(msg));
  await reload("winter");
  assert.equal(await version("winter"), 4);
  assert.equal(over, false);
  assert.equal(await version("spring"), 2);
  assert.equal(await socket.say("still held by"), "still held by 1");
  await socket.close();
  await third;
  assert.equal(await version("spring"), 3);
});

it(
  `four services under load, one of them reloaded ${SOAK ? "each second, for ten minutes" : "again and again"}`,
  { timeout: 1_200_000 },
  async (t) => {
    const minutes = SOAK ? 10 : 0.2;
    const pace = SOAK ? 1000 : 250; // ms from one reload to the next
    const long = SOAK ? 4000 : 800; // ms that streams and WebSockets last
    const host = await startHost(t, options);
    const reload = reloader(host);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    const done = { quick: 0, stored: 0, streams: 0, events: 0, uploads: 0, sockets: 0, left: 0 };
    const any = () => names[Math.floor(Math.random() * names.length)];

    /** Builds what is built on first use: all states on both workers. */
    const warm = () =>
      Promise.all(
        names.flatMap((name) =>
          Array.from({ length: 64 }, () => call(host.url, `/${name}.example/version`)),
        ),
      );
    const figures = async () => {
      const all = await metrics(host.adminUrl);
      return ["tasks_open", "ops_open", "refs_open", "states_open", "requests_open"].map((name) => [
        name,
        all.get(`moonbus_${name}`),
      ]);
    };

    const get = async (target, options) => {
      const answer = await call(host.url, target, { agent, ...options });
      assert.equal(answer.status, 200, `${target}: ${answer.text}`);
      return answer;
    };
    const jobs = {
      async quick() {
        assert.ok((await get(`/${any()}.example/version`)).json.n >= 1);
      },
      async stored() {
        await get(`/${any()}.example/keep?value=x`);
      },
      async streams() {
        const n = long / 10;
        const { text } = await get(`/${any()}.example/lines?n=${n}&ms=10`);
        assert.match(text, new RegExp(`\n${n}\nversion \\d+\n$`), "a stream came whole");
      },
      async events() {
        const { text } = await get(`/${any()}.example/events?n=${long / 20}`);
        assert.match(text, /event: done\ndata: \d+\n\n$/, "all events came");
      },
      async uploads() {
        const { json } = await get(`/${any()}.example/upload`, { body: "x".repeat(200_000) });
        assert.equal(json.size, 200_000);
      },
      async sockets() {
        const socket = await openSocket(socketUrl(host, any()));
        const [, version] = (await socket.say("0")).split(" ");
        for (let i = 1; i <= long / 50; i++) {
          await rest(50);
          assert.equal(await socket.say(String(i)), `${i} ${version}`, "one generation to the end");
        }
        await socket.close();
      },
      // Clients that leave: before the answer, in the middle of one, in the middle of what they send.
      async left() {
        const requests = [
          `GET /${any()}.example/lines?n=500&ms=5 HTTP/1.1\r\nHost: h\r\n\r\n`,
          `GET /${any()}.example/events?n=500 HTTP/1.1\r\nHost: h\r\n\r\n`,
          `POST /${any()}.example/upload HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nhalf`,
          `GET /${any()}.example/version HTTP/1.1\r\nHost: h\r\n\r\n`,
        ];
        const client = net.connect(host.port, "127.0.0.1");
        client.on("error", () => {});
        await once(client, "connect");
        client.write(requests[Math.floor(Math.random() * requests.length)]);
        await rest(Math.random() * 100);
        if (Math.random() < 0.5) client.resetAndDestroy();
        else client.destroy();
      },
    };
    const crowd = { quick: 8, stored: 2, streams: 4, events: 4, uploads: 2, sockets: 4, left: 4 };

    await warm();
    await waitFor(async () => new Map(await figures()).get("requests_open") === 0, "peace");
    const before = await figures();

    const ends = Date.now() + minutes * 60_000;
    let failed = null;
    const running = () => !failed && Date.now() < ends;
    const work = Object.entries(crowd).flatMap(([kind, n]) =>
      Array.from({ length: n }, async () => {
        while (running()) {
          await jobs[kind]();
          done[kind]++;
        }
      }),
    );
    const reloads = [];
    const memory = [];
    const stir = async () => {
      while (running()) {
        reloads.push(reload(any()).catch((error) => (failed ??= error)));
        memory.push(rss(host.pid));
        await rest(pace);
      }
    };
    await Promise.all([...work, stir()].map((p) => p.catch((error) => (failed ??= error))));
    agent.destroy();
    if (failed) throw failed;
    await Promise.all(reloads);
    for (const [kind, n] of Object.entries(done)) assert.ok(n > 0, `${kind}: ${n}`);

    // Memory: what it was after the first third, and at the end.
    const third = memory.slice(0, Math.ceil(memory.length / 3));
    const grown = Math.max(...memory.slice(-5)) - Math.max(...third);
    t.diagnostic(`${reloads.length} reloads, ${JSON.stringify(done)}, grew by ${grown >> 10} KB`);
    assert.ok(grown < 16 << 20, `grew by ${grown} bytes`);
    await waitFor(
      async () => {
        const now = new Map(await figures());
        for (const [name, n] of before)
          assert.ok(now.get(name) <= n, `${name}: ${now.get(name)}, not ${n}`);
        return true;
      },
      "everything to be as it was",
      60_000,
    );
    assert.ok(!host.logs().some(({ level }) => level === "error"), host.tail());
  },
);
