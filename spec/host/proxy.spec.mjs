// What the reverse proxy promises: where requests go, what arrives there, and what comes back.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";

import {
  after,
  call,
  deadPort,
  instances,
  it,
  metric,
  proxied,
  rawClient,
  rawUpstream,
  registerInstance,
  startHost,
  upstream,
  waitFor,
} from "./lib/spec.mjs";

const host = await startHost({ after }, { env: { MOONBUS_WORKERS: "1" } });
const server = await upstream({ after });
const service = await proxied(host, server.url);

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

it("an instance is reached from the moment it is registered", async (t) => {
  const { path } = await proxied(host, (await upstream(t)).url);
  assert.equal((await call(host.url, `${path}/hello`)).status, 200);
});

it("a slug without instances is 404 in plain words", async () => {
  for (const path of ["/nobody-svc/x", "/nobody-svc", "/", "/?a=1"]) {
    const answer = await call(host.url, path);
    assert.equal(answer.status, 404, path);
    assert.match(answer.headers["content-type"], /^text\/plain/);
    assert.equal(answer.text.trim(), "no instances found");
  }
});

it("path and query arrive byte for byte", async () => {
  const tails = [
    "",
    "/",
    "?x",
    "/?",
    "/a?b=c&d=e",
    "/a?a=1&a=2&b[]=3",
    "/a%20b?q=%20+%2B&r=a;b",
    "/%E2%82%AC/%c3%a4",
    "/a;b=c/d,e",
    "/~user/!$&'()*+,;=:@-._",
    "/a//b///c",
    "/a?x=/../..//y?z",
    "/a%3Fb%23c%25d",
    "/a%2Fb",
    "/a?|{}^`",
    `/${"long/".repeat(400)}`,
  ];
  for (const tail of tails) {
    server.requests.length = 0;
    const answer = await call(host.url, service.path + tail);
    assert.equal(answer.status, 200, tail);
    assert.equal(server.requests[0].url, service.path + tail);
  }
});

it("a first segment written with escapes is the same slug, and goes on as it was written", async () => {
  const target = `/%73${service.slug.slice(1)}/x`;
  const answer = await call(host.url, target);
  assert.equal(answer.status, 200);
  assert.equal(answer.json.url, target);
});

it("dot segments never lead to another service", async (t) => {
  const other = await upstream(t);
  const { slug } = await proxied(host, other.url);
  for (const dots of ["..", "%2e%2e", ".%2e", "%2E.", "x/../.."]) {
    const client = await rawClient(t, host.port);
    await client.send(
      `GET ${service.path}/${dots}/${slug}/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
    );
    await client.response();
  }
  assert.equal(other.requests.length, 0);
});

it("the path of an instance's URL comes before the request's", async (t) => {
  const server = await upstream(t);
  const { path } = await proxied(host, `${server.url}/base/`);
  assert.equal((await call(host.url, `${path}/x?y=1`)).json.url, `/base${path}/x?y=1`);
});

it("an absolute-form target counts as its path", async (t) => {
  const client = await rawClient(t, host.port);
  await client.send(`GET http://example.com${service.path}/abs?q HTTP/1.1\r\nHost: other\r\n\r\n`);
  const { body } = await client.response();
  const seen = JSON.parse(body);
  assert.equal(seen.url, `${service.path}/abs?q`);
  assert.equal(seen.headers["x-forwarded-host"], "example.com");
});

it("methods pass as they are", async () => {
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "PURGE"]) {
    const answer = await call(host.url, `${service.path}/m`, { method, body: "b" });
    assert.equal(answer.status, 200, method);
    assert.equal(answer.json.method, method);
    assert.equal(answer.json.body, "b");
  }
});

it("fields of the request arrive, repeated ones too, without what was meant for one hop", async (t) => {
  const seen = [];
  const server = await rawUpstream(t, async (wire) => {
    seen.push(await wire.request());
    await wire.send(ok);
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `GET ${path} HTTP/1.1\r\nHost: front.example:8080\r\nX-Twice: one\r\nx-twice: two\r\n` +
      "Authorization: Basic Zm9vOmJhcg==\r\nCookie: a=b\r\nAccept-Encoding: br\r\n" +
      "Connection: keep-alive, X-Hop, Authorization, X-Forwarded-For\r\nX-Hop: gone\r\nKeep-Alive: timeout=5\r\n" +
      "Proxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Odd_Name: kept-or-refused\r\n\r\n",
  );
  assert.equal((await client.response()).status, 200);
  const { headers, rawHeaders, version, target } = seen[0];
  assert.equal(version, "1.1");
  assert.equal(target, path);
  assert.deepEqual(
    rawHeaders.filter(([name]) => name.toLowerCase() === "x-twice").map(([, value]) => value),
    ["one", "two"],
  );
  assert.equal(headers.authorization, "Basic Zm9vOmJhcg==");
  assert.equal(headers.cookie, "a=b");
  assert.equal(headers["accept-encoding"], "br");
  assert.equal(headers.host, `127.0.0.1:${server.port}`);
  for (const name of [
    "x-hop",
    "keep-alive",
    "proxy-connection",
    "te",
    "upgrade",
    "transfer-encoding",
  ])
    assert.equal(headers[name], undefined, name);
  assert.match(headers["x-forwarded-for"], /^127\.0\.0\.1$/);
  assert.equal(headers["x-forwarded-proto"], "http");
  assert.equal(headers["x-forwarded-host"], "front.example:8080");
  assert.match(headers.via, /^1\.1 \S+$/);
  assert.match(headers["x-request-id"], /^\S+$/);
});

it("an own X-Request-Id is kept and comes back; an unfit one is replaced", async () => {
  const kept = await call(host.url, service.path, { headers: { "X-Request-Id": "abc-123" } });
  assert.equal(kept.json.headers["x-request-id"], "abc-123");
  const unfit = "x".repeat(500);
  const replaced = await call(host.url, service.path, { headers: { "X-Request-Id": unfit } });
  assert.notEqual(replaced.json.headers["x-request-id"], unfit);
});

it("fields of the response come back in order, without what was meant for one hop", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.send(
      "HTTP/1.1 202 Quite Fine\r\nSet-Cookie: a=1\r\nX-Other: x\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\n" +
        "Connection: close, X-Hop\r\nX-Hop: gone\r\nKeep-Alive: timeout=5\r\nContent-Type: text/x-odd\r\n" +
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nLocation: http://internal:1/x\r\nContent-Length: 2\r\n\r\nhi",
    );
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
  const answer = await client.response();
  assert.equal(answer.status, 202);
  assert.equal(answer.body, "hi");
  assert.deepEqual(
    answer.rawHeaders
      .filter(([name]) => name.toLowerCase() === "set-cookie")
      .map(([, value]) => value),
    ["a=1", "b=2", "c=3"],
  );
  assert.equal(answer.headers["content-type"], "text/x-odd");
  assert.equal(answer.headers.date, "Sun, 06 Nov 1994 08:49:37 GMT");
  assert.equal(answer.headers.location, "http://internal:1/x");
  for (const name of ["x-hop", "keep-alive"]) assert.equal(answer.headers[name], undefined, name);
  await client.send(`GET /nobody-svc HTTP/1.1\r\nHost: h\r\n\r\n`);
  assert.equal((await client.response()).status, 404, "the client's connection goes on");
});

it("a response without a Date gets one", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.send(ok);
  });
  const { path } = await proxied(host, server.url);
  assert.match(
    (await call(host.url, path)).headers.date,
    /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
  );
});

it("statuses and error bodies pass unchanged, and redirects are not followed", async (t) => {
  const server = await upstream(t, (req, res) => {
    const status = Number(req.url.split("/").pop());
    res.writeHead(status, { "Content-Type": "application/json", Location: "/elsewhere" });
    res.end(status === 304 ? undefined : '{"error": "Internal Server Error"}');
  });
  const { path } = await proxied(host, server.url);
  for (const status of [
    200, 201, 301, 302, 303, 307, 308, 400, 401, 404, 409, 418, 422, 429, 500, 502, 503, 599,
  ]) {
    const answer = await call(host.url, `${path}/${status}`);
    assert.equal(answer.status, status);
    assert.equal(answer.text, '{"error": "Internal Server Error"}');
    assert.equal(answer.headers.location, "/elsewhere");
  }
});

it("answers that have no body leave the connection in step", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    for (;;) {
      const { method, target } = await wire.request();
      const status = target.split("/").pop();
      if (method === "HEAD") await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
      else if (status === "204")
        await wire.send("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n");
      else if (status === "304")
        await wire.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
      else await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    }
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  for (const [method, status] of [
    ["GET", 204],
    ["GET", 304],
    ["HEAD", 200],
  ]) {
    await client.send(`${method} ${path}/${status} HTTP/1.1\r\nHost: h\r\n\r\n`);
    const answer = await client.response({ head: method === "HEAD" });
    assert.equal(answer.status, status);
    if (method === "HEAD") assert.equal(answer.headers["content-length"], "5");
    if (status === 204) assert.equal(answer.headers["content-length"], undefined);
    await client.send(`GET ${path}/200 HTTP/1.1\r\nHost: h\r\n\r\n`);
    assert.equal((await client.response()).body, "hello");
  }
});

it("connections to an instance are kept and used again", async (t) => {
  const server = await upstream(t);
  const { path } = await proxied(host, server.url);
  for (let i = 0; i < 20; i++)
    await call(host.url, path, { method: i % 2 ? "POST" : "GET", body: "x" });
  assert.equal(new Set(server.requests.map((request) => request.port)).size, 1);
});

it("a kept connection that the instance closed costs the client nothing", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.send(ok);
    wire.close();
  });
  const { path } = await proxied(host, server.url);
  for (let i = 0; i < 30; i++) assert.equal((await call(host.url, path)).status, 200);
});

it("a GET whose kept connection dies unanswered is tried again on a fresh one", async (t) => {
  const server = await rawUpstream(t, async (wire, n) => {
    await wire.request();
    await wire.send(ok);
    if (n > 0) return;
    await wire.request();
    wire.reset();
  });
  const { path } = await proxied(host, server.url);
  assert.equal((await call(host.url, path)).status, 200);
  assert.equal((await call(host.url, path)).status, 200);
  assert.equal(server.wires.length, 2);
});

it("a POST that may have arrived is never sent twice", async (t) => {
  let arrived = 0;
  const dying = () =>
    rawUpstream(t, async (wire) => {
      await wire.request({ body: false });
      arrived++;
      wire.reset();
    });
  const { path } = await proxied(host, (await dying()).url, (await dying()).url);
  const answer = await call(host.url, path, { method: "POST", body: "pay" });
  assert.equal(answer.status, 502);
  assert.equal(arrived, 1);
});

it("a dead instance beside a live one is not noticed by callers", async (t) => {
  const live = await upstream(t);
  const { path, token } = await proxied(host, `http://127.0.0.1:${await deadPort()}`, live.url);
  for (let i = 0; i < 20; i++)
    assert.equal((await call(host.url, path, { method: "POST", body: "x" })).status, 200);
  await waitFor(async () => {
    const statuses = (await instances(host, token)).map((instance) => instance.status);
    return statuses.sort().join() === "Healthy,Unreachable";
  }, "the registry to notice");
});

it("an instance that drops every connection beside a live one is not noticed by callers", async (t) => {
  const dropping = net.createServer((socket) => socket.once("data", () => socket.destroy()));
  dropping.listen(0, "127.0.0.1");
  t.after(() => dropping.close());
  await once(dropping, "listening");
  const live = await upstream(t);
  const { path } = await proxied(host, `http://127.0.0.1:${dropping.address().port}`, live.url);
  for (let i = 0; i < 20; i++) assert.equal((await call(host.url, path)).status, 200);
});

it("healthy instances share the work", async (t) => {
  const servers = [await upstream(t), await upstream(t), await upstream(t)];
  const { path, token } = await proxied(host, ...servers.map((server) => server.url));
  await waitFor(
    async () => (await instances(host, token)).every((instance) => instance.status === "Healthy"),
    "three healthy instances",
  );
  for (const server of servers) server.requests.length = 0;
  for (let i = 0; i < 30; i++) await call(host.url, path);
  for (const server of servers) assert.ok(server.requests.length >= 5, "each gets its share");
});

it("when every instance is down the answer says so and names no address", async () => {
  const port = await deadPort();
  const { path } = await proxied(host, `http://127.0.0.1:${port}`);
  const answer = await call(host.url, path);
  assert.ok([502, 503].includes(answer.status), `${answer.status}`);
  assert.ok(!answer.text.includes(`${port}`), answer.text);
  assert.ok(answer.text.length > 0);
});

it("an instance that leads back to the host is noticed as a loop", async (t) => {
  const relay = net.createServer((client) => {
    const back = net.connect(host.port, "127.0.0.1");
    for (const [from, to] of [
      [client, back],
      [back, client],
    ])
      from.on("error", () => to.destroy()).pipe(to);
  });
  t.after(() => relay.close());
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const { path } = await proxied(host, `http://127.0.0.1:${relay.address().port}`);
  assert.equal((await call(host.url, path)).status, 508);
});

it("an instance that dies inside its response breaks the client's transfer off", async (t) => {
  const heads = [
    "Content-Length: 1000\r\n\r\npartial",
    "Transfer-Encoding: chunked\r\n\r\n7\r\npartial\r\n",
  ];
  for (const head of heads) {
    const server = await rawUpstream(t, async (wire) => {
      await wire.request();
      await wire.send(`HTTP/1.1 200 OK\r\n${head}`);
      await wire.expect("go on").catch(() => {});
    });
    const { path } = await proxied(host, server.url);
    const client = await rawClient(t, host.port);
    await client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
    await client.expect("partial");
    server.wires[0].reset();
    const rest = await client.expectClose();
    assert.ok(!/\r\n0\r\n\r\n$/.test(rest) && rest.length < 900, "no clean end");
  }
});

it("a response that only the end delimits is passed on whole", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end");
    wire.end();
  });
  const { path } = await proxied(host, server.url);
  const answer = await call(host.url, path);
  assert.equal(answer.text, "until the end");
});

it("a broken response is 502, whatever is wrong with it", async (t) => {
  const broken = [
    "garbage\r\n\r\n",
    "HTTP/1.1 2 OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-Fold: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\n: empty\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
    `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\nContent-Length: 2\r\n\r\nok`,
    "",
  ];
  for (const bytes of broken) {
    const server = await rawUpstream(t, async (wire) => {
      await wire.request();
      await wire.send(bytes);
      wire.end();
    });
    const { path } = await proxied(host, server.url);
    const answer = await call(host.url, path, { method: "POST", body: "x" });
    assert.equal(answer.status, 502, JSON.stringify(bytes.slice(0, 60)));
  }
});

it("bytes behind a response are never taken for the next one", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    for (;;) {
      const { target } = await wire.request();
      await wire.send(`${ok}HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled`);
      if (target.endsWith("last")) break;
    }
  });
  const { path } = await proxied(host, server.url);
  for (const end of ["a", "b", "last"])
    assert.equal((await call(host.url, `${path}/${end}`)).text, "ok");
});

it("interim responses pass to HTTP/1.1 clients and to no HTTP/1.0 client", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    for (;;) {
      await wire.request();
      await wire.send(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${ok}`);
    }
  });
  const { path } = await proxied(host, server.url);
  const modern = await rawClient(t, host.port);
  await modern.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
  const answer = await modern.response();
  assert.equal(answer.status, 200);
  assert.deepEqual(
    answer.interim.map(({ status }) => status),
    [103],
  );
  assert.equal(answer.interim[0].headers.link, "</a.css>");
  const old = await rawClient(t, host.port);
  await old.send(`GET ${path} HTTP/1.0\r\nHost: h\r\n\r\n`);
  assert.deepEqual((await old.response()).interim, []);
});

it("a client that waits for 100 Continue gets it before it sends its body", async (t) => {
  const client = await rawClient(t, host.port);
  await client.send(
    `POST ${service.path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
  );
  await client.expect("HTTP/1.1 100 Continue\r\n\r\n");
  await client.send("hello");
  assert.equal(JSON.parse((await client.response()).body).body, "hello");
});

it("an HTTP/1.0 client gets an unframed answer and the end of the connection", async (t) => {
  const server = await upstream(t, (req, res) => {
    res.write("streamed ");
    res.end("answer");
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(`GET ${path} HTTP/1.0\r\n\r\n`);
  const answer = await client.response();
  assert.equal(answer.headers["transfer-encoding"], undefined);
  assert.equal(answer.body, "streamed answer");
  await client.expectClose();
});

it("pipelined requests are answered in order, however long each takes", async (t) => {
  const server = await upstream(t, (req, res) => {
    const n = Number(req.url.split("/").pop());
    setTimeout(() => res.end(`answer ${n}`), n % 3 ? 0 : 30);
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  const order = [...Array(20).keys()];
  await client.send(order.map((n) => `GET ${path}/${n} HTTP/1.1\r\nHost: h\r\n\r\n`).join(""));
  for (const n of order) assert.equal((await client.response()).body, `answer ${n}`);
});

it("nothing behind Connection: close is answered", async (t) => {
  const client = await rawClient(t, host.port);
  const before = server.requests.length;
  await client.send(
    `GET ${service.path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET ${service.path} HTTP/1.1\r\nHost: h\r\n\r\n`,
  );
  const answer = await client.response();
  assert.equal(answer.status, 200);
  assert.match(answer.headers.connection, /close/);
  assert.equal(await client.expectClose(), "");
  assert.equal(server.requests.length, before + 1);
});

it("an instance may answer before it read the body", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    await wire.request({ body: false });
    await wire.send(
      "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
    );
    wire.end();
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n${"x".repeat(1000)}`,
  );
  const answer = await client.response();
  assert.equal(answer.status, 413);
  assert.equal(answer.body, "big");
});

it("a client that goes away takes its request to the instance with it", async (t) => {
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.expectClose();
  });
  const { path } = await proxied(host, server.url);
  const client = await rawClient(t, host.port);
  await client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
  await waitFor(() => server.wires.length === 1, "the request to arrive");
  client.reset();
  await waitFor(() => server.wires[0].ended, "the instance to be let go");
});

it("an instance that stays silent is given up with 504", async (t) => {
  const strict = await startHost(t, { env: { MOONBUS_UPSTREAM_TIMEOUT: "300ms" } });
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.expectClose();
  });
  const { path } = await proxied(strict, server.url);
  assert.equal((await call(strict.url, path)).status, 504);
});

it("an instance that falls silent inside its response breaks the client's transfer off", async (t) => {
  const strict = await startHost(t, { env: { MOONBUS_UPSTREAM_IDLE_TIMEOUT: "300ms" } });
  const server = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    await wire.expectClose();
  });
  const { path } = await proxied(strict, server.url);
  const client = await rawClient(t, strict.port);
  await client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
  await client.expect("some");
  await client.expectClose();
});

it("removing an instance closes its route at once", async (t) => {
  const server = await upstream(t);
  const { path, token } = await proxied(host, server.url);
  assert.equal((await call(host.url, path)).status, 200);
  const [{ id }] = await instances(host, token);
  const admin = (
    await call(host.url, "/user-svc/login", {
      json: { appHost: "unnamed", slug: "1backend", password: "changeme" },
    })
  ).json.token.token;
  const removed = await call(host.url, `/registry-svc/instance/${id}`, {
    method: "DELETE",
    token: admin,
  });
  assert.equal(removed.status, 204);
  assert.equal((await call(host.url, path)).status, 404);
});

it("registering the same URL again changes nothing for callers", async (t) => {
  const server = await upstream(t);
  const { path, token } = await proxied(host, server.url);
  const [{ id }] = await instances(host, token);
  await registerInstance(host, token, server.url);
  const after = await instances(host, token);
  assert.deepEqual(
    after.map((instance) => instance.id),
    [id],
  );
  assert.equal((await call(host.url, path)).status, 200);
});

it("a query is forwarded whatever its percent signs mean", async (t) => {
  const server = await upstream(t);
  const { path } = await proxied(host, server.url);
  for (const query of ["q=100%", "q=%zz", "q=%00", "a=/../b&c=%2e%2e"]) {
    assert.equal((await call(host.url, `${path}?${query}`)).status, 200, query);
    assert.equal(server.requests.at(-1).url, `${path}?${query}`);
  }
});

it("what a trusted proxy says of a client goes on, and nobody else's word", async (t) => {
  const said = {
    "X-Forwarded-For": "9.9.9.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
    "X-Real-IP": "9.9.9.9",
  };
  const seen = async (on) => {
    const server = await upstream(t);
    const { path } = await proxied(on, server.url);
    return (await call(on.url, path, { headers: said })).json.headers;
  };
  const doubted = await seen(host);
  assert.equal(doubted["x-forwarded-for"], "127.0.0.1");
  assert.equal(doubted["x-forwarded-proto"], "http");
  assert.equal(doubted["x-real-ip"], undefined);
  const behind = await startHost(t, {
    env: { MOONBUS_TRUSTED_PROXIES: "10.0.0.0/8, 127.0.0.0/8" },
  });
  const trusted = await seen(behind);
  assert.equal(trusted["x-forwarded-for"], "9.9.9.9, 127.0.0.1");
  assert.equal(trusted["x-forwarded-proto"], "https");
  assert.equal(trusted["x-forwarded-host"], "shop.example");
  assert.equal(trusted["x-real-ip"], "9.9.9.9");
});

it("an OPTIONS that nobody can answer is answered, so that the request itself shows why", async () => {
  const down = await proxied(host, `http://127.0.0.1:${await deadPort()}`);
  for (const path of ["/nobody-at-all/x", down.path]) {
    const answer = await call(host.url, path, { method: "OPTIONS" });
    assert.equal(answer.status, 200, path);
    assert.equal(answer.text, "");
  }
});

it("when all is answered no request and no upstream connection is left in use", async () => {
  await waitFor(async () => (await metric(host, "requests_open")) === 0, "open requests to end");
  await waitFor(
    async () =>
      (await metric(host, "upstream_connections_open")) ===
      (await metric(host, "upstream_connections_idle")),
    "upstream connections to be idle",
  );
});
