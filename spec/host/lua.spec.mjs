// Lua services in a running host: what handlers get and give, and what happens when they misbehave.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";

import { lab } from "./lib/lab.mjs";
import {
  after,
  call,
  it,
  login,
  memoryGrowth,
  metric,
  rawClient,
  startHost,
  waitFor,
} from "./lib/spec.mjs";

const host = await startHost(
  { after },
  {
    services: { lab: lab() },
    env: {
      MOONBUS_WORKERS: "1",
      MOONBUS_LUA_MEMORY: "32m",
      MOONBUS_LUA_CPU: "1s",
      MOONBUS_LUA_DEADLINE: "5s",
    },
  },
);
const get = (path, options) => call(host.url, `/lab.example${path}`, options);

it("arguments come from the query, from JSON, and from a form", async () => {
  const answers = [
    await get("/add?x=1&y=2"),
    await get("/add", { json: { x: 1, y: 2 } }),
    await get("/add?y=2", { json: { x: 1 } }),
    await get("/add", {
      method: "POST",
      body: "x=1&y=2",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    }),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers["content-type"], /^application\/json/);
    assert.deepEqual(answer.json, { sum: 3 });
  }
});

it("results keep their types: empty lists are lists, integers are integers", async () => {
  const full = await get("/reverse", { json: { text: "abc", list: ["a", "b"] } });
  assert.deepEqual(full.json, { text2: "cba", list2: ["b", "a"] });
  const empty = await get("/reverse", { json: { text: "" } });
  assert.deepEqual(empty.json, { text2: "", list2: [] });
  const big = await get("/add?x=9007199254740992&y=1");
  assert.match(big.text, /"sum":\s*9007199254740993/);
});

it("a wrong type is 400 and names the argument", async () => {
  for (const answer of [
    await get("/add?x=one&y=2"),
    await get("/add", { json: { x: "one", y: 2 } }),
    await get("/add", { json: { x: 1.5 } }),
  ]) {
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json.error, /x/);
  }
  assert.equal((await get("/add", { method: "POST", body: "{" })).status, 400);
});

it("a web handler has the request and writes the response itself", async () => {
  const answer = await get("/page?name=J%C3%BCrgen", { method: "PUT", body: "x" });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
  assert.equal(answer.text, "method PUT, name Jürgen");
});

it("HEAD is answered like GET, without the body", async () => {
  const answer = await get("/page?name=x", { method: "HEAD" });
  assert.equal(answer.status, 201);
  assert.equal(answer.text, "");
});

it("a handler knows who calls", async () => {
  assert.deepEqual((await get("/whoami")).json, {});
  const { json } = await get("/whoami", { token: await login(host) });
  assert.equal(json.slug, "1backend");
  assert.ok(json.roles.includes("user-svc:admin"));
});

it("a path that no handler has is 404, a wrong method 404 or 405", async () => {
  assert.equal((await get("/no-such-function")).status, 404);
});

it("a handler that raises is 500 with the request id, and its traceback is in the log", async () => {
  const from = host.logs().length;
  const answer = await get("/fail?message=kaboom");
  assert.equal(answer.status, 500);
  const id = answer.headers["x-request-id"];
  assert.ok(id, "the answer carries the request id");
  assert.doesNotMatch(answer.text, /kaboom|service\.lua/, "callers see no details");
  const entry = await host.waitForLog(
    (entry) => entry.level === "error" && JSON.stringify(entry).includes("kaboom"),
    20_000,
    from,
  );
  const text = JSON.stringify(entry);
  assert.ok(text.includes(id), "the log line has the request id");
  assert.match(text, /service\.lua:\d+/);
  assert.match(text, /traceback/i);
});

it("in development callers see the error", async (t) => {
  const dev = await startHost(t, { services: { lab: lab() }, env: { MOONBUS_DEV: "true" } });
  const answer = await call(dev.url, "/lab.example/fail?message=kaboom");
  assert.equal(answer.status, 500);
  assert.match(answer.text, /kaboom/);
});

it("a handler chooses the status of its error", async () => {
  for (const status of [400, 404, 409, 418, 503]) {
    const answer = await get(`/refuse?status=${status}`);
    assert.equal(answer.status, status);
    assert.equal(answer.json.error, "refused as asked");
  }
});

it("an error may say when to try again", async () => {
  for (const status of [429, 503]) {
    const answer = await get(`/refuse?status=${status}&later=7`);
    assert.equal(answer.status, status);
    assert.equal(answer.headers["retry-after"], "7");
    assert.equal(answer.json.error, "refused as asked");
  }
  assert.equal((await get("/refuse?status=429&later=-1")).headers["retry-after"], undefined);
  assert.equal((await get("/refuse?status=429")).headers["retry-after"], undefined);
});

for (const how of ["false", "true"])
  it(`an endless loop fails its own request only (protected: ${how})`, async () => {
    const spinning = get(`/spin?protected=${how}`);
    const others = [];
    for (let i = 0; i < 20; i++) others.push((await get("/add?x=1&y=2")).status);
    assert.deepEqual([...new Set(others)], [200]);
    const { status } = await spinning;
    assert.ok(status >= 500 && status <= 504, `${status}`);
    await waitFor(async () => (await metric(host, "tasks_overrun_total")) > 0, "it to be counted");
    assert.deepEqual((await get("/add?x=1&y=2")).json, { sum: 3 });
  });

it("a handler that eats memory gets 503, and the service goes on", async () => {
  for (let i = 0; i < 3; i++) {
    assert.equal((await get("/eat")).status, 503);
    assert.deepEqual((await get("/add?x=1&y=2")).json, { sum: 3 });
  }
});

it("waiting handlers do not hold each other up", async () => {
  const naps = Array.from({ length: 50 }, () => get("/nap?seconds=0.5"));
  assert.deepEqual((await get("/add?x=1&y=2")).json, { sum: 3 });
  for (const nap of await Promise.all(naps)) assert.equal(nap.status, 200);
});

it("a handler that outlasts its deadline is cancelled", async () => {
  const answer = await get("/nap?seconds=600");
  assert.equal(answer.status, 504);
});

it("a client that leaves takes its task with it", async (t) => {
  const canceled = await metric(host, "tasks_canceled_total");
  const client = await rawClient(t, host.port);
  await client.send("GET /lab.example/nap?seconds=4 HTTP/1.1\r\nHost: h\r\n\r\n");
  await waitFor(async () => (await metric(host, "requests_open")) > 0, "the nap to begin");
  client.reset();
  await waitFor(
    async () => (await metric(host, "tasks_canceled_total")) > canceled,
    "the task to be cancelled",
  );
});

it("a response is streamed with back-pressure: a slow reader costs no memory", async (t) => {
  const release = await startHost(t, {
    release: true,
    services: { lab: lab() },
    env: { MOONBUS_WORKERS: "1", MOONBUS_LUA_CPU: "60s", MOONBUS_LUA_DEADLINE: "60s" },
  });
  const growth = await memoryGrowth(release.pid, async () => {
    const client = await rawClient(t, release.port);
    await client.send("GET /lab.example/lines?n=100000 HTTP/1.1\r\nHost: h\r\n\r\n");
    await client.expect("HTTP/1.1 200 OK");
    client.pause();
    for (let i = 0; i < 20; i++) await call(release.url, "/lab.example/add?x=1&y=2");
    client.close();
    const response = await new Promise((resolve, reject) =>
      http
        .get(`${release.url}/lab.example/lines?n=100000`, { agent: false }, resolve)
        .on("error", reject),
    );
    let size = 0;
    response.on("data", (part) => (size += part.length));
    await once(response, "end");
    assert.equal(size, 100_000 * 1024);
  });
  assert.ok(growth < 16 << 20, `grew by ${growth} bytes`);
});

it("a request body is streamed into the handler", async () => {
  const body = Buffer.alloc(600_000, "z");
  assert.deepEqual((await get("/upload", { method: "POST", body })).json, { size: 600_000 });
});

it("what is stored is there for the next request", async () => {
  const before = (await get("/kept")).json.count;
  const ids = await Promise.all(
    Array.from({ length: 50 }, (_, i) => get("/keep", { json: { value: `v${i}` } })),
  );
  for (const answer of ids) assert.match(answer.json.id, /^kept-/);
  assert.equal((await get("/kept")).json.count, before + 50);
});

it("a service of the user's that does not load is left out, and the log says where it is wrong", async (t) => {
  const broken = await startHost(t, {
    services: {
      lab: lab(),
      syntax: {
        "service.yaml": "general:\n  host: syntax.example\n",
        "service.lua": "local x = \nreturn x\n",
      },
      yaml: {
        "service.yaml": "general:\n  host: [\n",
        "service.lua": 'return require "service" (...)\n',
      },
    },
  });
  assert.equal((await call(broken.url, "/lab.example/version")).status, 200);
  assert.equal((await call(broken.url, "/syntax.example/x")).status, 404);
  const log = broken.lines.join("\n");
  assert.match(log, /syntax\/service\.lua:\d+/);
  assert.match(log, /yaml\/service\.yaml:\d+/);
});

it("JSON that a client calls a form is JSON", async () => {
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  const answer = await get("/add", { method: "POST", body: '{"x":1,"y":2}', headers });
  assert.deepEqual(answer.json, { sum: 3 });
  assert.equal((await get("/add", { method: "POST", body: "{x", headers })).status, 400);
});

it("a path that a service does not have is not sent to the registry", async () => {
  const answer = await get("/nope");
  assert.equal(answer.status, 404);
  assert.deepEqual(answer.json, { error: "lab.example has nothing at /lab.example/nope" });
});

it("what a called service raised unasked is no caller's to see", async (t) => {
  const front = {
    "service.yaml":
      "general:\n  host: front.example\nfunctions:\n  - signature: Ask(name string)\n",
    "service.lua":
      'local bus = require "bus"\nlocal svc = require "service" (...)\n' +
      'function svc.Ask(ctx, name) bus.call(ctx, "lab.example", name, "secret 5") end\nreturn svc\n',
  };
  const two = await startHost(t, { services: { lab: lab(), front } });
  const failed = await call(two.url, "/front.example/ask?name=Fail");
  assert.equal(failed.status, 500);
  assert.equal(failed.json.error, "Internal Server Error");
  const told = () => /internal detail: secret 5/.test(two.lines.join("\n"));
  await waitFor(told, "the log to tell");
});

it("a status that is none is an error with a reason", async (t) => {
  const odd = {
    "service.yaml":
      "general:\n  host: odd.example\nwebs:\n  - signature: Small()\n  - signature: Kind()\n",
    "service.lua":
      'local errors = require "errors"\nlocal svc = require "service" (...)\n' +
      'function svc.Small() return 42 end\nfunction svc.Kind() errors.raise(200, "x") end\nreturn svc\n',
  };
  const one = await startHost(t, { services: { odd } });
  for (const path of ["small", "kind"])
    assert.equal((await call(one.url, `/odd.example/${path}`)).status, 500);
  for (const reason of ["a status from 200 to 599, not 42", "from 400 to 599, not 200"])
    await waitFor(() => one.lines.join("\n").includes(reason), reason);
});

it("all errors of a declaration are told at once, and warnings too", async (t) => {
  const wrong = Array.from({ length: 12 }, (_, i) => `  - signature: wrong${i}()\n`).join("");
  const many = {
    "service.yaml": `general:\n  host: many.example\nfunctions:\n${wrong}`,
    "service.lua": 'return require "service" (...)\n',
  };
  const odd = {
    "service.yaml": "general:\n  host: odd.example\nfunctions:\n  - signature: Missing()\n",
    "service.lua": 'local svc = require "service" (...)\nfunction svc.Extra() end\nreturn svc\n',
  };
  const one = await startHost(t, { services: { many, odd } });
  const log = one.lines.join("\n");
  for (let i = 0; i < 12; i++) assert.ok(log.includes(`handler 'wrong${i}'`), `wrong${i}`);
  assert.equal(log.split("Missing is declared but has no code").length, 2, "once");
  assert.equal(log.split("svc.Extra is not declared").length, 2, "once");
  const missing = await call(one.url, "/odd.example/missing");
  assert.equal(missing.status, 501);
  assert.deepEqual(missing.json, { error: "Missing is declared but has no code" });
});

it("when all is answered no task and no wait is left", async () => {
  await waitFor(async () => (await metric(host, "requests_open")) === 0, "open requests to end");
  // The ticker is the one task and wait that stays, with those of the platform's services.
  const quiet = await metric(host, "tasks_open");
  await Promise.all(Array.from({ length: 100 }, () => get("/add?x=1&y=2")));
  await waitFor(async () => (await metric(host, "tasks_open")) <= quiet, "tasks to end");
});
