// What malformed, oversized and slow requests get: a clear status, a closed connection, and never a
// way to an instance. Rules: RFC 9112; each case is a way in which some server once went wrong.
import assert from "node:assert/strict";

import { after, call, it, proxied, rawClient, startHost, upstream } from "./lib/spec.mjs";

const host = await startHost({ after }, { env: { MOONBUS_WORKERS: "1" } });
const server = await upstream({ after });
const { path } = await proxied(host, server.url);

const H = "Host: h\r\n";
const smuggled = `GET ${path}/smuggled HTTP/1.1\r\n${H}\r\n`;

const seen = (server) => server.requests.map(({ method, url }) => `${method} ${url}`);

/** name -> [bytes of the request, statuses that are right] */
const refused = {
  "no host field": [`GET ${path} HTTP/1.1\r\n\r\n`, 400],
  "two host fields": [`GET ${path} HTTP/1.1\r\n${H}${H}\r\n`, 400],
  "a host with a blank": [`GET ${path} HTTP/1.1\r\nHost: a b\r\n\r\n`, 400],
  "a host that is a list": [`GET ${path} HTTP/1.1\r\nHost: a,b\r\n\r\n`, 400],
  "a host with a port out of range": [`GET ${path} HTTP/1.1\r\nHost: a:99999\r\n\r\n`, 400],
  "a host with a port that is no number": [`GET ${path} HTTP/1.1\r\nHost: a:8x\r\n\r\n`, 400],
  "a host with a path": [`GET ${path} HTTP/1.1\r\nHost: a/b\r\n\r\n`, 400],
  "a host with user information": [`GET ${path} HTTP/1.1\r\nHost: u@h\r\n\r\n`, 400],

  "length and transfer coding": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  "transfer coding and length": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    400,
  ],
  "two unequal lengths": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    400,
  ],
  "a list of unequal lengths": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: 5, 6\r\n\r\nhello`,
    400,
  ],
  "a length with a sign": [`POST ${path} HTTP/1.1\r\n${H}Content-Length: +5\r\n\r\nhello`, 400],
  "a negative length": [`POST ${path} HTTP/1.1\r\n${H}Content-Length: -5\r\n\r\nhello`, 400],
  "a hexadecimal length": [`POST ${path} HTTP/1.1\r\n${H}Content-Length: 0x5\r\n\r\nhello`, 400],
  "a length with an exponent": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: 1e1\r\n\r\nhello`,
    400,
  ],
  "a length with an underscore": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: 1_0\r\n\r\nhello`,
    400,
  ],
  "a length with a blank inside": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: 5 5\r\n\r\nhello`,
    400,
  ],
  "an empty length": [`POST ${path} HTTP/1.1\r\n${H}Content-Length: \r\n\r\nhello`, 400],
  "a length beyond 64 bits": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: 18446744073709551621\r\n\r\nhello`,
    400,
  ],
  "a length beyond every machine": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: ${"9".repeat(40)}\r\n\r\nhello`,
    400,
  ],

  "an unknown transfer coding": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: foo\r\n\r\n0\r\n\r\n`,
    400,
    501,
  ],
  "chunked that is not last": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    400,
    501,
  ],
  "chunked twice": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
    400,
    501,
  ],
  "two transfer coding fields": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
    400,
    501,
  ],
  "a misspelt chunked": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    400,
    501,
  ],
  "chunked behind a vertical tab": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n`,
    400,
    501,
  ],
  "an empty transfer coding beside a length": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello`,
    400,
    501,
  ],
  "a transfer coding in HTTP/1.0": [
    `POST ${path} HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    501,
  ],
  "a transfer coding whose name has a blank": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\nhello`,
    400,
  ],

  "a bare LF behind the request line": [`GET ${path} HTTP/1.1\n${H}\r\n`, 400],
  "a bare LF behind a field": [`GET ${path} HTTP/1.1\r\nHost: h\nX: y\r\n\r\n`, 400],
  "bare LFs everywhere": [`GET ${path} HTTP/1.1\nHost: h\n\n`, 400],
  "a bare CR behind a field": [`GET ${path} HTTP/1.1\r\n${H}X: y\rZ: z\r\n\r\n`, 400],
  "a bare CR as the end of the head": [`GET ${path} HTTP/1.1\r\n${H}X: y\r\n\r${smuggled}`, 400],
  "a coding behind a bare CR": [
    `POST ${path} HTTP/1.1\r\n${H}x:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  "a folded field": [`GET ${path} HTTP/1.1\r\n${H}X: a\r\n b\r\n\r\n`, 400],
  "a field folded with a tab": [`GET ${path} HTTP/1.1\r\n${H}X: a\r\n\tb\r\n\r\n`, 400],
  "a blank before the first field": [`GET ${path} HTTP/1.1\r\n ${H}\r\n`, 400],
  "an empty field name": [`GET ${path} HTTP/1.1\r\n${H}: x\r\n\r\n`, 400],
  "a field without a colon": [`GET ${path} HTTP/1.1\r\n${H}nonsense\r\n\r\n`, 400],
  "a blank before the colon": [`GET ${path} HTTP/1.1\r\n${H}X : y\r\n\r\n`, 400],
  "a field name with a bad byte": [`GET ${path} HTTP/1.1\r\n${H}X[]: y\r\n\r\n`, 400],
  "a field name with a byte above 127": [`GET ${path} HTTP/1.1\r\n${H}X\xe4: y\r\n\r\n`, 400],
  "a NUL in a field value": [`GET ${path} HTTP/1.1\r\n${H}X: a\0b\r\n\r\n`, 400],
  "a control byte in a field value": [`GET ${path} HTTP/1.1\r\n${H}X: a\x01b\r\n\r\n`, 400],

  "a target with a NUL": [`GET ${path}/\0 HTTP/1.1\r\n${H}\r\n`, 400],
  "a target with an escaped NUL": [`GET ${path}/%00 HTTP/1.1\r\n${H}\r\n`, 400],
  "a target with an unfinished escape": [`GET ${path}/%7 HTTP/1.1\r\n${H}\r\n`, 400],
  "a target with an escape that is none": [`GET ${path}/%u002e HTTP/1.1\r\n${H}\r\n`, 400],
  "a target with a backslash": [`GET ${path}\\..\\x HTTP/1.1\r\n${H}\r\n`, 400],
  "a target with a control byte": [`GET ${path}/\x01 HTTP/1.1\r\n${H}\r\n`, 400],
  "a target with a blank": [`GET ${path}/a b HTTP/1.1\r\n${H}\r\n`, 400],
  "a target with a byte above 127": [`GET ${path}/\xe4 HTTP/1.1\r\n${H}\r\n`, 400],
  "a target with a fragment": [`GET ${path}#f HTTP/1.1\r\n${H}\r\n`, 400],
  "a target without a slash": [`GET ${path.slice(1)} HTTP/1.1\r\n${H}\r\n`, 400],
  "an asterisk for GET": [`GET * HTTP/1.1\r\n${H}\r\n`, 400],
  "an absolute target without a host": [`GET http:///x HTTP/1.1\r\n${H}\r\n`, 400],
  "an absolute target with user information": [`GET http://u@h${path} HTTP/1.1\r\n${H}\r\n`, 400],
  "an absolute target of another scheme": [`GET ftp://h${path} HTTP/1.1\r\n${H}\r\n`, 400],

  "no version": [`GET ${path}\r\n\r\n`, 400, 505],
  "an unknown version": [`GET ${path} HTTP/1.2\r\n${H}\r\n`, 400, 505],
  "a version of two digits": [`GET ${path} HTTP/1.10\r\n${H}\r\n`, 400, 505],
  "HTTP/2 in words": [`GET ${path} HTTP/2.0\r\n${H}\r\n`, 400, 505],
  "the HTTP/2 preface": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505],
  "a lower-case protocol": [`GET ${path} http/1.1\r\n${H}\r\n`, 400, 505],
  "a method with a bad byte": [`G@T ${path} HTTP/1.1\r\n${H}\r\n`, 400, 501],
  "two blanks in the request line": [`GET  ${path} HTTP/1.1\r\n${H}\r\n`, 400],
  "something that is no HTTP": ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400],
};

for (const [name, [bytes, ...statuses]] of Object.entries(refused))
  it(`${name} is refused, and what follows is not read`, async (t) => {
    server.requests.length = 0;
    const client = await rawClient(t, host.port);
    await client.send(bytes + smuggled);
    const answer = await client.response();
    assert.ok(statuses.includes(answer.status), `${answer.status}, not ${statuses}`);
    assert.match(answer.headers.connection ?? "", /close/);
    assert.ok(answer.body.length > 0, "it says why");
    assert.equal(await client.expectClose(), "", "one answer, then the end");
    assert.deepEqual(seen(server), []);
  });

it("well-formed requests for what is not there are refused without harm", async (t) => {
  const cases = [
    [`CONNECT h:443 HTTP/1.1\r\n${H}\r\n`, 400, 405, 501],
    [`TRACE / HTTP/1.1\r\n${H}\r\n`, 404, 405, 501],
    [`GET /%7 HTTP/1.1\r\n${H}\r\n`, 400, 404],
    [`GET /%zz/a HTTP/1.1\r\n${H}\r\n`, 400, 404],
    [`GET /a%00b HTTP/1.1\r\n${H}\r\n`, 400, 404],
    [`GET //${path} HTTP/1.1\r\n${H}\r\n`, 400, 404],
    [`GET ${path}: HTTP/1.1\r\n${H}\r\n`, 404],
    [`GET ${path}:65536 HTTP/1.1\r\n${H}\r\n`, 404],
    [`GET ${path}%20/a HTTP/1.1\r\n${H}\r\n`, 400, 404],
  ];
  for (const [bytes, ...statuses] of cases) {
    server.requests.length = 0;
    const client = await rawClient(t, host.port);
    await client.send(bytes);
    const answer = await client.response();
    assert.ok(statuses.includes(answer.status), `${answer.status}, not ${statuses}: ${bytes}`);
    assert.deepEqual(seen(server), []);
  }
});

/** Bodies that break after a good head: the instance may see the head, never a complete request. */
const brokenBodies = {
  "a chunk size that is no number": "zz\r\nhello\r\n0\r\n\r\n",
  "a chunk size with a prefix": "0x5\r\nhello\r\n0\r\n\r\n",
  "a chunk size with a sign": "+5\r\nhello\r\n0\r\n\r\n",
  "a chunk size with an underscore": "0_5\r\nhello\r\n0\r\n\r\n",
  "a blank before the chunk size": " 5\r\nhello\r\n0\r\n\r\n",
  "an empty chunk size": "\r\nhello\r\n0\r\n\r\n",
  "a chunk size beyond 64 bits": "10000000000000005\r\nhello\r\n0\r\n\r\n",
  "a chunk longer than it said": "4\r\nhello\r\n0\r\n\r\n",
  "a chunk without its CRLF": "5\r\nhelloxx0\r\n\r\n",
  "a bare LF behind the chunk size": "5\nhello\r\n0\r\n\r\n",
  "a bare LF behind the chunk": "5\r\nhello\n0\r\n\r\n",
  "a bare CR in a chunk extension": "5;a\rb\r\nhello\r\n0\r\n\r\n",
  "a trailer without a colon": "5\r\nhello\r\n0\r\nnonsense\r\n\r\n",
};

for (const [name, body] of Object.entries(brokenBodies))
  it(`${name} ends the request and the connection`, async (t) => {
    const finished = [];
    const server = await upstream(t, (req, res, body) => {
      finished.push(req.url, body.toString());
      res.end("complete");
    });
    const { path } = await proxied(host, server.url);
    const client = await rawClient(t, host.port);
    await client.send(
      `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n${body}GET ${path}/smuggled HTTP/1.1\r\n${H}\r\n`,
    );
    const text = await client.expectClose();
    assert.match(text, /^(HTTP\/1\.1 400 |$)/);
    assert.deepEqual(finished, [], "the instance never sees it complete");
  });

it("a body cut short never reaches the instance as complete", async (t) => {
  const finished = [];
  const server = await upstream(t, (req, res) => {
    finished.push(req.url);
    res.end();
  });
  const { path } = await proxied(host, server.url);
  for (const head of [
    "Content-Length: 10\r\n\r\nhello",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  ]) {
    const client = await rawClient(t, host.port);
    await client.send(`POST ${path} HTTP/1.1\r\n${H}${head}`);
    client.end();
    await client.expectClose();
  }
  assert.deepEqual(finished, []);
});

const accepted = {
  "equal lengths": [
    `POST ${path} HTTP/1.1\r\n${H}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`,
    "hello",
  ],
  "a chunk extension": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n0\r\n\r\n`,
    "hello",
  ],
  "a trailer": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n`,
    "hello",
  ],
  "a chunk size with leading zeros": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n0\r\n\r\n`,
    "hello",
  ],
  "chunked in other letters": [
    `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    "hello",
  ],
  "an empty line before the request line": [`\r\nGET ${path} HTTP/1.1\r\n${H}\r\n`, ""],
  "an empty host": [`GET ${path} HTTP/1.1\r\nHost:\r\n\r\n`, ""],
  "an IPv6 host": [`GET ${path} HTTP/1.1\r\nHost: [::1]:80\r\n\r\n`, ""],
  "an empty field value": [`GET ${path} HTTP/1.1\r\n${H}X-Empty:\r\n\r\n`, ""],
  "bytes above 127 in a value": [`GET ${path} HTTP/1.1\r\n${H}X-High: \xe4\r\n\r\n`, ""],
  "blanks around a value": [`GET ${path} HTTP/1.1\r\n${H}X-Blank: \t x \t \r\n\r\n`, ""],
  "empty members of a list": [`GET ${path} HTTP/1.1\r\n${H}Connection: ,,keep-alive\r\n\r\n`, ""],
};

for (const [name, [bytes, body]] of Object.entries(accepted))
  it(`${name} is fine, at once and byte by byte`, async (t) => {
    for (const way of ["send", "trickle"]) {
      server.requests.length = 0;
      const client = await rawClient(t, host.port);
      await client[way](bytes);
      assert.equal((await client.response()).status, 200);
      assert.equal(server.requests.length, 1);
      assert.equal(server.requests[0].body.toString(), body);
      assert.equal(server.requests[0].headers["x-sum"], undefined);
      client.close();
    }
  });

it("what is too long gets its own status", async (t) => {
  const cases = [
    [`GET ${path}/${"a".repeat(70_000)} HTTP/1.1\r\n${H}\r\n`, 414],
    [`GET ${path}?${"a".repeat(70_000)} HTTP/1.1\r\n${H}\r\n`, 414],
    [`${"G".repeat(70_000)} ${path} HTTP/1.1\r\n${H}\r\n`, 400, 414, 501],
    [`GET ${path} HTTP/1.1\r\n${H}X: ${"a".repeat(70_000)}\r\n\r\n`, 431],
    [`GET ${path} HTTP/1.1\r\n${H}${"a".repeat(70_000)}: x\r\n\r\n`, 431],
    [`GET ${path} HTTP/1.1\r\n${H}${"X: y\r\n".repeat(200)}\r\n`, 431],
    [`GET ${path} HTTP/1.1\r\n${H}${`X: ${"y".repeat(1000)}\r\n`.repeat(70)}\r\n`, 431],
  ];
  for (const [bytes, ...statuses] of cases) {
    server.requests.length = 0;
    const client = await rawClient(t, host.port);
    await client.send(bytes);
    const answer = await client.response();
    assert.ok(
      statuses.includes(answer.status),
      `${answer.status}, not ${statuses}: ${bytes.slice(0, 40)}`,
    );
    await client.expectClose();
    assert.deepEqual(seen(server), []);
  }
});

it("a body too large for Lua is 413, whether it says so or comes in chunks", async (t) => {
  const big = Buffer.alloc(2 << 20, " ");
  const declared = await rawClient(t, host.port);
  await declared.send(`POST /user-svc/login HTTP/1.1\r\n${H}Content-Length: ${big.length}\r\n\r\n`);
  assert.equal((await declared.response()).status, 413);
  const chunked = await rawClient(t, host.port);
  chunked.send(
    `POST /user-svc/login HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n200000\r\n${big}\r\n0\r\n\r\n`,
  );
  assert.equal((await chunked.response()).status, 413);
});

it("JSON that is none, or of the wrong type, is 400 Invalid JSON", async () => {
  const bodies = [
    "",
    "{",
    "nonsense",
    '{"appHost":"unnamed","slug":1}',
    "[1]",
    '"text"',
    '{"slug":"a"',
    "\xff\xfe",
    '{"slug":"\\ud800"}x{',
  ];
  for (const body of bodies.slice(0, 7)) {
    const answer = await call(host.url, "/user-svc/login", { method: "POST", body });
    assert.equal(answer.status, 400, body);
    assert.deepEqual(answer.json, { error: "Invalid JSON" });
    assert.match(answer.headers["content-type"], /^application\/json/);
  }
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  assert.equal(
    (await call(host.url, "/user-svc/login", { method: "POST", body: `{"x":${deep}}` })).status,
    400,
  );
});

it("every phase has its time limit", async (t) => {
  const strict = await startHost(t, {
    env: {
      MOONBUS_HEADER_TIMEOUT: "300ms",
      MOONBUS_BODY_TIMEOUT: "300ms",
      MOONBUS_IDLE_TIMEOUT: "300ms",
    },
  });
  const server = await upstream(t);
  const { path } = await proxied(strict, server.url);
  const silent = await rawClient(t, strict.port);
  assert.match(await silent.expectClose(), /^(HTTP\/1\.1 408 [^]*)?$/);
  const slowHead = await rawClient(t, strict.port);
  await slowHead.send(`GET ${path} HTTP/1.1\r\nHo`);
  assert.match(await slowHead.expectClose(), /^HTTP\/1\.1 408 /);
  const slowBody = await rawClient(t, strict.port);
  await slowBody.send(`POST ${path} HTTP/1.1\r\n${H}Content-Length: 10\r\n\r\nhello`);
  assert.match(await slowBody.expectClose(), /^(HTTP\/1\.1 408 [^]*)?$/);
  const idle = await rawClient(t, strict.port);
  await idle.send(`GET ${path} HTTP/1.1\r\n${H}\r\n`);
  assert.equal((await idle.response()).status, 200);
  assert.equal(await idle.expectClose(), "", "an idle connection ends without a word");
  assert.equal(
    server.requests.filter((request) => request.method === "POST" && request.body).length,
    0,
  );
});

it("a client that takes no byte of its response is let go", async (t) => {
  const strict = await startHost(t, { env: { MOONBUS_WRITE_TIMEOUT: "500ms" } });
  const server = await upstream(t, (req, res) => res.end(Buffer.alloc(64 << 20)));
  const { path } = await proxied(strict, server.url);
  const client = await rawClient(t, strict.port);
  await client.send(`GET ${path} HTTP/1.1\r\n${H}\r\n`);
  client.pause();
  await strict.waitForLog((entry) => JSON.stringify(entry).includes(path), 30_000).catch(() => {});
  client.resume();
  await client.expectClose();
  assert.ok(client.received < 64 << 20);
});

it("connections beyond the limit are closed, and there is room again afterwards", async (t) => {
  const small = await startHost(t, { env: { MOONBUS_MAX_CONNECTIONS: "10" } });
  const clients = [];
  for (let i = 0; i < 10; i++) {
    const client = await rawClient(t, small.port);
    await client.send(`GET /x HTTP/1.1\r\n${H}\r\n`);
    assert.equal((await client.response()).status, 404);
    clients.push(client);
  }
  const extra = await rawClient(t, small.port);
  extra.send(`GET /x HTTP/1.1\r\n${H}\r\n`);
  assert.doesNotMatch(await extra.expectClose(), / 404 /);
  clients.forEach((client) => client.close());
  for (let tries = 0; ; tries++) {
    const answer = await call(small.url, "/x").catch(() => null);
    if (answer?.status === 404) break;
    assert.ok(tries < 500, "there is room again");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

it("after all of this the host still serves", async () => {
  assert.equal((await call(host.url, path)).status, 200);
  assert.equal((await call(host.adminUrl, "/healthz")).status, 200);
});
