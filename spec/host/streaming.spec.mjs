// Bodies flow through the host as they come, both ways, in bounded memory.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import { once } from "node:events";

import WebSocket, { WebSocketServer } from "ws";

import {
  after,
  call,
  descriptors,
  it,
  memoryGrowth,
  metric,
  proxied,
  rawClient,
  rawUpstream,
  startHost,
  upstream,
  waitFor,
} from "./lib/spec.mjs";

const MB = 1 << 20;
const FLAT = 16 * MB; // how much the host may grow while 100 MB pass

const host = await startHost({ after }, { release: true, env: { MOONBUS_WORKERS: "1" } });

const block = randomBytes(MB);

/** Writes n blocks with back-pressure. */
async function pour(stream, n) {
  for (let i = 0; i < n; i++) if (!stream.write(block)) await once(stream, "drain");
}

function digest(n) {
  const hash = createHash("sha256");
  for (let i = 0; i < n; i++) hash.update(block);
  return hash.digest("hex");
}

async function hashOf(stream) {
  const hash = createHash("sha256");
  let size = 0;
  for await (const part of stream) {
    hash.update(part);
    size += part.length;
  }
  return { size, hash: hash.digest("hex") };
}

function get(url) {
  return new Promise((resolve, reject) =>
    http.get(url, { agent: false }, resolve).on("error", reject),
  );
}

it("server-sent events arrive one by one, each before the next is sent", async (t) => {
  let received;
  const server = await upstream(
    t,
    async (req, res) => {
      res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
      for (let i = 1; i <= 5; i++) {
        const arrived = new Promise((resolve) => (received = resolve));
        res.write(`data: ${i}\n\n`);
        await arrived;
      }
      res.end();
    },
    { stream: true },
  );
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `GET ${path} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n`,
  );
  for (let i = 1; i <= 5; i++) {
    await client.expect(`data: ${i}\n\n`);
    received();
  }
  await client.expect("\r\n0\r\n\r\n");
});

it("an event stream may be silent for longer than any timeout of a response", async (t) => {
  const strict = await startHost(t, {
    env: {
      MOONBUS_UPSTREAM_IDLE_TIMEOUT: "200ms",
      MOONBUS_WRITE_TIMEOUT: "200ms",
      MOONBUS_IDLE_TIMEOUT: "200ms",
    },
  });
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await wire.send("data: 2\n\n");
    wire.end();
  });
  const { path } = await proxied(strict, server.url);
  const answer = await call(strict.url, path);
  assert.equal(answer.text, "data: 1\n\ndata: 2\n\n");
});

it("a request body reaches the instance while it is still being sent", async (t) => {
  const framings = [
    ["Content-Length: 10", (text) => text],
    ["Transfer-Encoding: chunked", (text) => `5\r\n${text}\r\n`, "0\r\n\r\n"],
  ];
  for (const [field, frame, end = ""] of framings) {
    const server = await rawUpstream(t, async (wire) => {
      await wire.request({ body: false });
      await wire.expect("first");
      await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
      await wire.expect("secnd");
      await wire.send("3\r\ntwo\r\n0\r\n\r\n");
    });
    const { path } = await proxied(host, server.url);
    const client = await rawClient(t, host.port);
    await client.send(`POST ${path} HTTP/1.1\r\nHost: h\r\n${field}\r\n\r\n${frame("first")}`);
    await client.expect("one");
    await client.send(frame("secnd") + end);
    await client.expect("two");
    await client.expect("0\r\n\r\n");
    assert.deepEqual(server.errors, []);
  }
});

it("trailers and chunk extensions stay behind; trailers never become fields", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    const request = await wire.request({ body: false });
    await wire.expect("0\r\n");
    await wire.expect("\r\n");
    const seen = JSON.stringify(request.headers) + wire.text;
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${seen.length}\r\n\r\n${seen}`);
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `POST ${path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;evil=1\r\nhello\r\n0\r\nAuthorization: Bearer x\r\n\r\n`,
  );
  const { body } = await client.response();
  assert.doesNotMatch(body, /evil|Bearer/);
});

it("100 MB come down whole, in flat memory", async (t) => {
  const lengths = [{ "Content-Length": 100 * MB }, {}];
  for (const fields of lengths) {
    const server = await upstream(t, async (req, res) => {
      res.writeHead(200, fields);
      await pour(res, 100);
      res.end();
    });
    const { path } = await proxied(host, server.url);
    const growth = await memoryGrowth(host.pid, async () => {
      const response = await get(host.url + path);
      assert.deepEqual(await hashOf(response), { size: 100 * MB, hash: digest(100) });
    });
    assert.ok(growth < FLAT, `grew by ${growth} bytes`);
  }
});

it("100 MB go up whole, in flat memory", async (t) => {
  const server = await upstream(t, async (req, res) => res.end(JSON.stringify(await hashOf(req))), {
    stream: true,
  });
  const { path } = await proxied(host, server.url);
  for (const headers of [{ "Content-Length": 100 * MB }, {}]) {
    const growth = await memoryGrowth(host.pid, async () => {
      const request = http.request(host.url + path, { method: "POST", headers, agent: false });
      const answer = once(request, "response");
      await pour(request, 100);
      request.end();
      const [response] = await answer;
      let text = "";
      for await (const part of response) text += part;
      assert.deepEqual(JSON.parse(text), { size: 100 * MB, hash: digest(100) });
    });
    assert.ok(growth < FLAT, `grew by ${growth} bytes`);
  }
});

it("a slow reader slows the instance down instead of filling the host", async (t) => {
  let socket;
  const server = await upstream(t, (req, res) => {
    socket = req.socket;
    pour(res, 200).then(
      () => res.end(),
      () => {},
    );
  });
  const { path } = await proxied(host, server.url);
  const growth = await memoryGrowth(host.pid, async () => {
    const client = await rawClient(t, host.port);
    await client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
    client.pause();
    // The flow has stopped when the instance's socket takes nothing for a while.
    let last = -1;
    await waitFor(async () => {
      const now = socket?.bytesWritten ?? 0;
      const still = now === last && now > 0;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return still;
    }, "the flow to stop");
    assert.ok(socket.bytesWritten < 64 * MB, `the instance sent ${socket.bytesWritten} bytes`);
    client.resume();
    await client.expect(/HTTP\/1\.1 200/);
    client.close();
  });
  assert.ok(growth < FLAT, `grew by ${growth} bytes`);
});

it("a slow instance slows the sender down instead of filling the host", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    wire.pause();
    await new Promise((resolve) => wire.socket.once("close", resolve));
  });
  const { path } = await proxied(host, server.url);
  const growth = await memoryGrowth(host.pid, async () => {
    const request = http.request(host.url + path, { method: "POST", agent: false });
    request.on("error", () => {});
    pour(request, 200).catch(() => {});
    let last = -1;
    await waitFor(async () => {
      const now = request.socket?.bytesWritten ?? 0;
      const still = now === last && now > 0;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return still;
    }, "the flow to stop");
    request.destroy();
  });
  assert.ok(growth < FLAT, `grew by ${growth} bytes`);
});

it("broken-off transfers leave nothing open", async (t) => {
  const server = await upstream(t, (req, res) => {
    pour(res, 10).then(
      () => res.end(),
      () => {},
    );
  });
  const { path } = await proxied(host, server.url);
  await call(host.url, "/nobody-svc");
  const before = descriptors(host.pid);
  for (let round = 0; round < 10; round++)
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const response = await get(host.url + path);
        await once(response, "data");
        response.destroy();
      }),
    );
  await waitFor(async () => (await metric(host, "requests_open")) === 0, "open requests to end");
  await waitFor(() => descriptors(host.pid) <= before + 2, "descriptors to be closed");
});

/** A WebSocket server behind the host: { url, path, server }. */
async function webSocketService(t, onConnection, options = {}) {
  const server = await upstream(t);
  const sockets = new WebSocketServer({ server: server.server, ...options });
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
  });
  sockets.on("connection", onConnection);
  const { path } = await proxied(host, server.url);
  return { url: host.url.replace("http", "ws") + path, sockets, path };
}

function echo(socket) {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
}

it("a WebSocket carries text, binary data, pings and the closing handshake", async (t) => {
  const { url } = await webSocketService(t, echo, { handleProtocols: () => "moon" });
  const socket = new WebSocket(url, ["moon", "sun"]);
  t.after(() => socket.terminate());
  await once(socket, "open");
  assert.equal(socket.protocol, "moon");
  socket.send("hello");
  assert.equal(String((await once(socket, "message"))[0]), "hello");
  const data = randomBytes(3 * MB);
  socket.send(data);
  assert.ok(data.equals((await once(socket, "message"))[0]));
  socket.ping("are you there");
  assert.equal(String((await once(socket, "pong"))[0]), "are you there");
  socket.close(4001, "done");
  assert.equal((await once(socket, "close"))[0], 4001);
});

it("either side may end a WebSocket, and nothing stays behind", async (t) => {
  const { url, sockets } = await webSocketService(t, echo);
  const open = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = new WebSocket(url);
      socket.on("error", () => {});
      await once(socket, "open");
      return socket;
    }),
  );
  const closed = open.map((socket) => once(socket, "close"));
  open.slice(0, 10).forEach((socket) => socket.terminate());
  await waitFor(() => sockets.clients.size === 10, "the server to notice");
  for (const socket of sockets.clients) socket.terminate();
  await Promise.all(closed);
  await waitFor(async () => (await metric(host, "requests_open")) === 0, "the tunnels to end");
});

it("a WebSocket may be silent for longer than any timeout", async (t) => {
  const strict = await startHost(t, {
    env: {
      MOONBUS_UPSTREAM_TIMEOUT: "200ms",
      MOONBUS_UPSTREAM_IDLE_TIMEOUT: "200ms",
      MOONBUS_IDLE_TIMEOUT: "200ms",
      MOONBUS_BODY_TIMEOUT: "200ms",
      MOONBUS_WRITE_TIMEOUT: "200ms",
    },
  });
  const server = await upstream(t);
  const sockets = new WebSocketServer({ server: server.server });
  t.after(() => sockets.close());
  sockets.on("connection", echo);
  const { path } = await proxied(strict, server.url);
  const socket = new WebSocket(strict.url.replace("http", "ws") + path);
  t.after(() => socket.terminate());
  await once(socket, "open");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  socket.send("still here");
  assert.equal(String((await once(socket, "message"))[0]), "still here");
});

it("a refused upgrade is an ordinary answer", async (t) => {
  const server = await upstream(t);
  server.server.on("upgrade", (req, socket) =>
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: no\r\n\r\nno"),
  );
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const answer = await client.response();
  assert.equal(answer.status, 403);
  assert.equal(answer.headers["x-why"], "no");
  assert.equal(answer.body, "no");
});

it("bytes sent together with the upgrade, and with its answer, are not lost", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    await wire.request({ body: false });
    await wire.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst words",
    );
    await wire.expect("early bytes");
    await wire.send("heard you");
    wire.end();
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly bytes",
  );
  assert.equal((await client.response()).status, 101);
  await client.expect("first words");
  await client.expect("heard you");
  await client.expectClose();
});

it("only a WebSocket is a tunnel: other upgrades are not offered to the instance", async (t) => {
  const server = await upstream(t);
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
  );
  const answer = await client.response();
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.body).headers.upgrade, undefined);
  assert.equal(JSON.parse(answer.body).headers["http2-settings"], undefined);
});

it("when all is done nothing is in use", async () => {
  await waitFor(async () => (await metric(host, "requests_open")) === 0, "open requests to end");
  await waitFor(
    async () =>
      (await metric(host, "upstream_connections_open")) ===
      (await metric(host, "upstream_connections_idle")),
    "upstream connections to be idle",
  );
});
