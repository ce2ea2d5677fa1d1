// Policies on the way of a request: proxy.request, proxy.response and proxy.limit of policies/proxy.lua, registry.choose of
// policies/registry.lua. What they change, what they cannot, and what becomes of requests when they fail.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

import { lab } from "./lib/lab.mjs";
import {
  SOAK,
  after,
  call,
  deadPort,
  instances,
  it,
  metric,
  proxied,
  rawClient,
  rawUpstream,
  startHost,
  upstream,
  waitFor,
} from "./lib/spec.mjs";

// What a request asks for with X-Policy and X-Response, the functions below do.
const proxyPolicy = (version = 1) => `local json = require "json"
local time = require "time"

local requests = {
  rewrite = function(req)
    req.path = req.path:gsub("/old/", "/new/")
    req.query_string = "a=1&b"
    req.headers["X-Tenant"] = "seven"
    req.headers["x-gone"] = nil
    req.headers["X-LIST"] = { "one", 2 }
    req:add_header("X-Twice", "second")
  end,
  tell = function(req)
    local names = {}
    for name, value in pairs(req.headers) do
      names[name] = value
    end
    return 200, {
      method = req.method, path = req.path, query = req.query, query_string = req.query_string, service = req.service,
      host = req.host, address = req.address, peer = req.peer, account = req.account and req.account.slug, id = req.id,
      length = req.length, one = req.headers["X-ONE"], none = req.headers["x-none"] == nil, names = names,
    }
  end,
  text = function() return 418, "short and stout" end,
  whole = function()
    return { status = 403, headers = { ["X-Why"] = "because", ["Set-Cookie"] = { "a=1", "b=2" } }, body = "<p>no" }
  end,
  body = function() return { body = { fine = true } } end,
  bare = function() return 204 end,
  trespass = function(req)
    local refused = {}
    for _, name in ipairs { "Host", "content-length", "Transfer-Encoding", "Connection", "X-Forwarded-For", "Via", "X-Request-Id" } do
      refused[name] = not pcall(function() req.headers[name] = "1" end)
    end
    for _, value in ipairs { "a\\r\\nX-Evil: 1", "a\\nb", "a\\0b", {}, true } do
      local ok = pcall(function() req.headers["X-Evil"] = value end)
      if type(value) ~= "table" and ok then error("taken: " .. tostring(value)) end
    end
    for _, target in ipairs { "", "x", "/a b", "/a\\r\\nX-Evil: 1", "/a?b", "/\\xff", "http://other/" } do
      if pcall(function() req.path = target end) then error("taken: " .. target) end
    end
    for _, name in ipairs { "method", "service", "account", "nothing" } do
      if pcall(function() req[name] = "x" end) then error("taken: " .. name) end
    end
    req.headers["X-Refused"] = json.encode(refused)
  end,
  wait = function(req)
    time.sleep(0.05)
    req.headers["x-waited"] = "yes"
  end,
  hang = function() time.sleep(60) end,
  raise = function() error("the secret of line 7") end,
  spin = function() while true do end end,
  swallow = function() while true do pcall(function() while true do end end) end end,
  nonsense = function() return "yes" end,
  status = function() return 99 end,
  body_of = function() return 200, print end,
  typo = function() return { code = 403 } end,
  list = function() return { 403, "no" } end,
  empty = function() return {} end,
}

local kept

local responses = {
  change = function(req, res)
    res.headers["Server"] = nil
    res.headers["cache-control"] = "no-store"
    res.headers["X-Saw"] = ("%d %s %s"):format(res.status, req.method, res.headers["x-kind"])
    res:add_header("Set-Cookie", "b=2")
  end,
  wait = function(_, res)
    time.sleep(0.05)
    res.headers["x-waited"] = "yes"
  end,
  hang = function() time.sleep(60) end,
  trespass = function(_, res)
    for _, name in ipairs { "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "X-Request-Id" } do
      if pcall(function() res.headers[name] = "1" end) then error("taken: " .. name) end
    end
    if pcall(function() res.headers["X-Evil"] = "a\\r\\nb" end) then error("taken") end
    if pcall(function() res.status = 500 end) then error("taken") end
    res.headers["x-fine"] = "yes"
  end,
  raise = function(_, res)
    res.headers["x-half"] = "done"
    error("the secret of line 8")
  end,
  spin = function() while true do end end,
  keep = function(req, res)
    local ok, why = true, nil
    if kept then ok, why = pcall(function() return kept.path end) end
    kept = req
    res.headers["x-kept"] = tostring(ok) .. " " .. tostring(why):gsub("%c", " ")
  end,
}

return {
  request = function(req)
    local fn = requests[req.headers["x-policy"] or ""]
    if req.headers["x-version"] then req.headers["x-version"] = "${version}" end
    if fn then return fn(req) end
  end,
  response = function(req, res)
    local fn = responses[req.headers["x-response"] or ""]
    if req.headers["x-version"] then res.headers["x-version"] = "${version}" end
    if fn then return fn(req, res) end
  end,
}
`;

const host = await startHost(
  { after },
  {
    files: { "policies/proxy.lua": proxyPolicy() },
    services: { lab: lab() },
    env: { MOONBUS_WORKERS: "2" },
  },
);
// Where policies fail: they have little time.
const strict = await startHost(
  { after },
  {
    files: { "policies/proxy.lua": proxyPolicy() },
    env: { MOONBUS_WORKERS: "2", MOONBUS_POLICY_TIMEOUT: "300ms", MOONBUS_POLICY_CPU: "50ms" },
  },
);
const server = await upstream({ after }, (req, res, body) => {
  res.setHeader("Server", "theirs");
  res.setHeader("X-Kind", "plain");
  res.setHeader("Set-Cookie", "a=1");
  res.end(JSON.stringify({ url: req.url, headers: req.headers, body: body.toString() }));
});
const service = await proxied(host, server.url);
const watched = await proxied(strict, server.url);

const ask = (headers, more = {}) =>
  call(host.url, more.path ?? `${service.path}/x`, { headers, ...more });
const risk = (headers) => call(strict.url, `${watched.path}/x`, { headers });
const DENIED = "a rule of this host could not be checked; try again later";

/** Puts a policy file in place and waits until its generation is in service. */
async function put(on, name, text, wanted = "reloaded") {
  const file = path.join(on.cwd, "policies", `${name}.lua`);
  const from = on.logs().length;
  if (text === null) fs.rmSync(file);
  else {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  }
  return on.waitForLog(
    (entry) => entry.msg.startsWith(wanted) && entry.service === `${name}-svc`,
    20_000,
    from,
  );
}

/** How often a failure of that policy was told. */
const told = (on, policy) =>
  on.logs().filter((entry) => entry.msg === "a policy failed" && entry.policy === policy).length;

// ---- proxy.request ----

it("a policy changes path, query and headers of what an instance gets", async () => {
  const answer = await ask(
    {
      "X-Policy": "rewrite",
      "X-Gone": "1",
      "X-Twice": "first",
      Connection: "X-Tenant",
      "X-List": "0",
    },
    { path: `${service.path}/old/1?c=2`, body: "hello" },
  );
  assert.equal(answer.status, 200);
  const { url, headers, body } = answer.json;
  assert.equal(url, `${service.path}/new/1?a=1&b`);
  assert.equal(headers["x-tenant"], "seven");
  assert.equal(headers["x-gone"], undefined);
  assert.equal(headers["x-list"], "one, 2");
  assert.equal(headers["x-twice"], "first, second");
  assert.equal(headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(body, "hello");
});

it("a policy sees who asks for what", async () => {
  const answer = await ask(
    { "X-Policy": "tell", "X-One": "1", "X-Request-Id": "rid-7", "X-Forwarded-For": "6.6.6.6" },
    {
      path: `${service.path}/a%20b?x=1&y=%C3%A4`,
      token: service.token,
      method: "POST",
      body: "abc",
    },
  );
  const { names, ...rest } = answer.json;
  assert.deepEqual(rest, {
    method: "POST",
    path: `${service.path}/a%20b`,
    query: { x: "1", y: "ä" },
    query_string: "x=1&y=%C3%A4",
    service: service.slug,
    host: new URL(host.url).host,
    address: "127.0.0.1",
    peer: "127.0.0.1",
    account: service.slug,
    id: "rid-7",
    length: 3,
    one: "1",
    none: true,
  });
  assert.equal(names["x-one"], "1");
  assert.equal(names["x-policy"], "tell");
});

it("a policy answers in an instance's place", async () => {
  const before = server.requests.length;
  const text = await ask({ "X-Policy": "text" });
  assert.deepEqual([text.status, text.text], [418, "short and stout"]);
  assert.match(text.headers["content-type"], /^text\/plain/);
  const whole = await ask({ "X-Policy": "whole" });
  assert.deepEqual([whole.status, whole.text], [403, "<p>no"]);
  assert.equal(whole.headers["x-why"], "because");
  assert.deepEqual(whole.headers["set-cookie"].sort(), ["a=1", "b=2"]);
  const body = await ask({ "X-Policy": "body" });
  assert.deepEqual([body.status, body.json], [200, { fine: true }]);
  assert.equal(body.headers["content-type"], "application/json");
  assert.equal((await ask({ "X-Policy": "bare" })).status, 204);
  assert.equal(server.requests.length, before);
});

it("what is the host's cannot be changed, and nothing splits a request", async () => {
  const answer = await ask({ "X-Policy": "trespass" }, { body: "hello" });
  assert.equal(answer.status, 200, answer.text);
  const { headers, body, url } = answer.json;
  assert.equal(url, `${service.path}/x`);
  assert.equal(headers["x-evil"], undefined);
  assert.equal(headers.host, new URL(server.url).host);
  assert.equal(body, "hello");
  for (const [name, refused] of Object.entries(JSON.parse(headers["x-refused"])))
    assert.equal(refused, true, name);
});

it("a policy may wait, and is forgotten when the client leaves", async (t) => {
  const answer = await ask({ "X-Policy": "wait", "X-Response": "wait" }, { body: "hello" });
  assert.equal(answer.json.headers["x-waited"], "yes");
  assert.equal(answer.json.body, "hello");
  assert.equal(answer.headers["x-waited"], "yes");
  const open = await metric(host, "tasks_open");
  for (const field of ["X-Policy", "X-Response"]) {
    const client = await rawClient(t, host.port);
    await client.send(`GET ${service.path} HTTP/1.1\r\nHost: me\r\n${field}: hang\r\n\r\n`);
    await waitFor(async () => (await metric(host, "tasks_open")) > open, "the policy's task");
    client.reset();
    await waitFor(async () => (await metric(host, "tasks_open")) <= open, "its end");
  }
});

it("a policy that raises, runs or waits too long, or answers nonsense denies without a word", async () => {
  const before = server.requests.length;
  const bad = ["raise", "spin", "swallow", "hang", "nonsense", "status", "body_of"];
  bad.push("typo", "list", "empty");
  for (const what of bad) {
    const answer = await risk({ "X-Policy": what });
    assert.equal(answer.status, 503, what);
    assert.match(answer.headers["content-type"], /^text\/plain/);
    assert.equal(answer.text, DENIED, what);
    assert.equal((await risk({})).status, 200, `after ${what}`);
  }
  assert.equal(server.requests.length, before + bad.length);
  assert.equal(told(strict, "proxy.request"), 1, "once a minute");
  const entry = strict.logs().find((one) => one.msg === "a policy failed");
  assert.match(JSON.stringify(entry), /policies\/proxy\.lua:\d+: the secret of line 7/);
});

// ---- proxy.response ----

it("a policy changes the headers of a response, and its framing never", async () => {
  const answer = await ask({ "X-Response": "change" }, { method: "PUT", body: "hello" });
  assert.equal(answer.headers.server, undefined);
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.headers["x-saw"], "200 PUT plain");
  assert.deepEqual(answer.headers["set-cookie"], ["a=1", "b=2"]);
  assert.equal(answer.json.body, "hello");
  const other = await ask({ "X-Response": "trespass" });
  assert.equal(other.headers["x-fine"], "yes");
  assert.equal(other.headers["x-evil"], undefined);
  const head = await ask({ "X-Response": "change" }, { method: "HEAD" });
  assert.equal(head.headers["x-saw"], "200 HEAD plain");
  assert.equal(head.text, "");
});

it("a response goes on as it came when its policy fails", async () => {
  for (const what of ["raise", "spin", "hang"]) {
    const answer = await risk({ "X-Response": what });
    assert.equal(answer.status, 200, what);
    assert.equal(answer.headers["x-half"], undefined);
    assert.equal(answer.headers.server, "theirs");
    assert.equal(answer.headers["x-kind"], "plain");
    assert.equal(answer.json.url, `${watched.path}/x`);
  }
  assert.equal(told(strict, "proxy.response"), 1);
});

it("an object that a policy keeps is of no use later", async () => {
  await ask({ "X-Response": "keep" });
  await waitFor(async () => {
    // on the worker that kept one
    const answer = await ask({ "X-Response": "keep" });
    return /^false .*over/.test(answer.headers["x-kept"]);
  }, "a worker that kept one");
});

it("large bodies and streams pass while policies look on", async (t) => {
  const size = 5_000_000;
  const big = await upstream(
    t,
    (req, res) => {
      let got = 0;
      req.on("data", (part) => (got += part.length));
      req.on("end", () => {
        res.setHeader("X-Got", got);
        for (let i = 0; i < 50; i++) res.write(Buffer.alloc(size / 50, "x"));
        res.end();
      });
    },
    { stream: true },
  );
  const { path: at } = await proxied(host, big.url);
  const headers = { "X-Policy": "wait", "X-Response": "wait" };
  const answer = await call(host.url, at, { headers, body: Buffer.alloc(size, "y") });
  assert.equal(answer.headers["x-got"], String(size));
  assert.equal(answer.buffer.length, size);

  const live = await rawUpstream(t, async (wire) => {
    await wire.request();
    await wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    for (let i = 0; i < 3; i++) {
      await wire.send(`data: ${i}\n\n`);
      await wire.expect("go", 60_000).catch(() => {});
    }
  });
  const events = await proxied(host, live.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `GET ${events.path} HTTP/1.1\r\nHost: me\r\nX-Response: change\r\nX-Policy: wait\r\n\r\n`,
  );
  assert.equal((await client.head()).headers["cache-control"], "no-store");
  await client.expect("data: 0\n\n");
});

it("a WebSocket opens through a policy", async (t) => {
  const tunnel = await rawUpstream(t, async (wire) => {
    const request = await wire.request({ body: false });
    assert.equal(request.headers["x-tenant"], "seven");
    assert.equal(request.headers.upgrade, "websocket");
    await wire.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    await wire.expect("ping");
    await wire.send("pong");
  });
  const { path: at } = await proxied(host, tunnel.url);
  const client = await rawClient(t, host.port);
  await client.send(
    `GET ${at} HTTP/1.1\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `X-Policy: rewrite\r\nX-Response: raise\r\n\r\n`,
  );
  assert.match((await client.head()).line, / 101 /);
  await client.send("ping");
  await client.expect("pong");
  assert.deepEqual(tunnel.errors, []);
});

it("requests that no instance answers meet no policy of the proxy", async () => {
  for (const at of ["/lab.example/version", "/registry-svc/instances", "/nobody-svc"]) {
    const answer = await call(host.url, at, { headers: { "X-Policy": "raise" } });
    assert.notEqual(answer.status, 503, at);
  }
});

// ---- reload ----

it("a policy is replaced under load, whole and without a failed request", async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const rounds = SOAK ? 200 : 5;
  let running = true;
  let requests = 0;
  const load = Array.from({ length: 8 }, async () => {
    while (running) {
      const headers = { "X-Version": "0", "X-Policy": "wait", "X-Response": "wait" };
      const answer = await ask(headers, { agent });
      requests++;
      assert.equal(answer.status, 200, answer.text);
      // the generation that saw the request sees its response
      assert.equal(answer.json.headers["x-version"], answer.headers["x-version"]);
    }
  });
  try {
    for (let round = 2; round < rounds + 2; round++) await put(host, "proxy", proxyPolicy(round));
  } finally {
    running = false;
    await Promise.all(load);
    agent.destroy();
  }
  assert.ok(requests > rounds);
  assert.equal((await ask({ "X-Version": "0" })).headers["x-version"], String(rounds + 1));
});

it("a policy that does not load leaves the one before, and one that goes asks nobody", async () => {
  await put(host, "proxy", "return { requst = function() end }", "reload refused");
  assert.equal((await ask({ "X-Policy": "text" })).status, 418);
  await put(host, "proxy", null);
  await waitFor(async () => (await ask({ "X-Policy": "text" })).status === 200, "no policy");
  assert.equal((await ask({ "X-Response": "change" })).headers.server, "theirs");
  await put(host, "proxy", proxyPolicy());
  await waitFor(async () => (await ask({ "X-Policy": "text" })).status === 418, "the policy");
});

// ---- proxy.limit ----

const limitPolicy = `local limits = {
  raise = function() error("not today") end,
  spin = function() while true do end end,
  zero = function() return "k", 0, 1 end,
  text = function() return "k", "many", 1 end,
  table = function() return {}, 1, 1 end,
  huge = function() return ("x"):rep(513), 1, 1 end,
  small = function() return "k", 1, 0.5 end,
  dear = function() return "k", 1, 1, 2 end,
  never = function() return "k", 1e-12, 1 end,
}

return {
  limit = function(req)
    local fn = limits[req.headers["x-limit"] or ""]
    if fn then return fn() end
    local key = req.headers["x-key"]
    if key then
      local rate, burst = key:match("^(%d+)/(%d+)")
      return key, tonumber(rate) / 10, tonumber(burst), tonumber(req.headers["x-cost"])
    end
  end,
}
`;

const limited = await startHost(
  { after },
  {
    files: { "policies/proxy.lua": limitPolicy },
    services: { lab: lab() },
    env: { MOONBUS_WORKERS: "3", MOONBUS_POLICY_CPU: "50ms" },
  },
);
const behind = await proxied(limited, server.url);

it("a limit lets its burst pass and then says when to come again", async () => {
  for (const at of [behind.path, "/lab.example/version", "/registry-svc/instances", "/nobody"]) {
    const key = `1/4 at ${at}`;
    const from = Date.now();
    for (let left = 3; left >= 0; left--) {
      const answer = await call(limited.url, at, { headers: { "X-Key": key } });
      assert.notEqual(answer.status, 429, at);
      assert.equal(answer.headers["ratelimit-limit"], "4", at);
      if (Date.now() - from < 10_000)
        assert.equal(answer.headers["ratelimit-remaining"], String(left), at);
      assert.ok(Number(answer.headers["ratelimit-reset"]) <= 40);
    }
    const answer = await call(limited.url, at, { headers: { "X-Key": key } });
    if (Date.now() - from > 10_000) continue; // a token has come
    assert.equal(answer.status, 429, at);
    assert.equal(answer.headers["ratelimit-remaining"], "0");
    assert.match(answer.headers["retry-after"], /^[1-9]|10$/);
    assert.match(answer.json.error, /^too many requests; try again in \d+ s$/);
  }
  const answer = await call(limited.url, behind.path);
  assert.equal(answer.headers["ratelimit-limit"], undefined);
});

it("a request may cost more than one", async () => {
  const headers = { "X-Key": "1/10 dear", "X-Cost": "4" };
  const first = await call(limited.url, behind.path, { headers });
  assert.equal(first.headers["ratelimit-remaining"], "6");
  assert.equal((await call(limited.url, behind.path, { headers })).status, 200);
  assert.equal((await call(limited.url, behind.path, { headers })).status, 429);
});

it("a limit is exact however many workers and connections there are", async () => {
  const [rate, burst] = [20, 40];
  const headers = { "X-Key": `${rate * 10}/${burst} crowd` };
  const from = process.hrtime.bigint();
  let passed = 0;
  let all = 0;
  const agents = Array.from(
    { length: 24 },
    () => new http.Agent({ keepAlive: true, maxSockets: 1 }),
  );
  const until = Date.now() + (SOAK ? 60_000 : 1500);
  await Promise.all(
    agents.map(async (agent) => {
      while (Date.now() < until) {
        const { status } = await call(limited.url, "/lab.example/version", { headers, agent });
        assert.ok(status === 200 || status === 429, String(status));
        if (status === 200) passed++;
        all++;
      }
      agent.destroy();
    }),
  );
  const seconds = Number(process.hrtime.bigint() - from) / 1e9;
  assert.ok(passed >= burst, `${passed}`);
  assert.ok(passed <= burst + rate * seconds + 1e-6, `${passed} in ${seconds} s`);
  assert.ok(all > passed, "some were refused");
});

it("a limit that fails denies, whoever answers", async () => {
  const bad = ["raise", "spin", "zero", "text", "table", "huge", "small", "dear", "never"];
  for (const what of bad) {
    const answer = await call(limited.url, "/lab.example/version", {
      headers: { "X-Limit": what },
    });
    assert.deepEqual([answer.status, answer.text], [503, DENIED], what);
  }
  assert.equal((await call(limited.url, "/lab.example/version")).status, 200);
  assert.equal(told(limited, "proxy.limit"), 1);
});

it("a limit that is mended lets those pass at once whom it kept out for hours", async (t) => {
  const limit = (rate) => `return { limit = function() return "all", ${rate}, 1 end }`;
  const own = await startHost(t, { files: { "policies/proxy.lua": limit(0.0001) } });
  const status = async () => (await call(own.url, "/nobody")).status;
  assert.deepEqual([await status(), await status()], [404, 429]);
  await put(own, "proxy", limit(1000));
  assert.equal(await status(), 404);
});

// ---- registry.choose, and the built-in choosers ----

const choosePolicy = `local choices = {
  first = function(list) return list[1] end,
  second = function() return 2 end,
  id = function(list) return list[3].id end,
  busiest = function(list)
    table.sort(list, function(a, b) return a.outstanding > b.outstanding end)
    return list[1]
  end,
  round_robin = function() return "round_robin" end,
  least = function() return "least_outstanding" end,
  hash = function(_, req) return "hash", req.headers["x-key"] end,
  address = function() return "hash" end,
  raise = function() error("no idea") end,
  spin = function() while true do end end,
  nonsense = function() return "whoever" end,
  stranger = function() return { id = "none" } end,
  beyond = function() return 99 end,
  changes = function(_, req) req.path = "/other" end,
}

return {
  choose = function(list, req)
    local fn = choices[req.headers["x-choose"] or ""]
    if fn then return fn(list, req) end
  end,
}
`;

/** Instances that say who they are; requests to /hang are never answered. */
async function trio(t, on, n = 3) {
  const servers = await Promise.all(
    Array.from({ length: n }, (_, i) =>
      upstream(t, (req, res) => (req.url.endsWith("/hang") ? undefined : res.end(String(i)))),
    ),
  );
  const service = await proxied(on, ...servers.map((one) => one.url));
  // In the order in which a policy gets them.
  const order = (await instances(on, service.token)).map((one) => one.url);
  const who = async (headers, at = "") =>
    Number((await call(on.url, service.path + at, { headers })).text);
  return { ...service, servers, order, who };
}

const choosing = await startHost(
  { after },
  {
    files: { "policies/registry.lua": choosePolicy },
    env: { MOONBUS_WORKERS: "2", MOONBUS_POLICY_CPU: "50ms" },
  },
);

it("a policy chooses the instance: by itself, its place or its id", async (t) => {
  const service = await trio(t, choosing);
  const first = await service.who({ "X-Choose": "first" });
  const second = await service.who({ "X-Choose": "second" });
  const third = await service.who({ "X-Choose": "id" });
  assert.deepEqual([first, second, third].sort(), [0, 1, 2]);
  for (let i = 0; i < 6; i++) {
    assert.equal(await service.who({ "X-Choose": "first" }), first);
    assert.equal(await service.who({ "X-Choose": "second" }), second);
  }
});

it("a built-in chooser takes over when a policy fails, or has no answer", async (t) => {
  const service = await trio(t, choosing);
  const choices = ["", "raise", "spin", "nonsense", "stranger", "beyond", "changes"];
  for (const choice of choices) {
    const seen = new Set();
    for (let i = 0; i < 12 && seen.size < 3; i++)
      seen.add(await service.who({ "X-Choose": choice }));
    assert.equal(seen.size, 3, choice);
  }
  assert.equal(told(choosing, "registry.choose"), 1);
});

it("another instance is tried when the chosen one refuses", async (t) => {
  const one = await upstream(t, (req, res) => res.end("alive"));
  const dead = `http://127.0.0.1:${await deadPort()}`;
  const service = await proxied(choosing, dead, one.url);
  for (const choice of ["first", "second", "hash"]) {
    const headers = { "X-Choose": choice, "X-Key": "k" };
    assert.equal((await call(choosing.url, service.path, { headers })).text, "alive", choice);
  }
});

it("least outstanding prefers the idle, whichever worker the others came to", async (t) => {
  const service = await trio(t, choosing);
  const seen = () => service.servers.map((one) => one.requests.length);
  const hang = async (choice) => {
    const before = seen().reduce((a, b) => a + b);
    const client = await rawClient(t, choosing.port);
    await client.send(
      `GET ${service.path}/hang HTTP/1.1\r\nHost: me\r\nX-Choose: ${choice}\r\n\r\n`,
    );
    await waitFor(() => seen().reduce((a, b) => a + b) > before, "the request");
    return client;
  };
  const hanging = [];
  for (let i = 0; i < 6; i++) hanging.push(await hang("first")); // one is busy
  const busy = seen().findIndex((n) => n >= 6);
  for (let i = 0; i < 12; i++) assert.notEqual(await service.who({ "X-Choose": "least" }), busy);
  assert.equal(await service.who({ "X-Choose": "busiest" }), busy);
  for (const client of hanging) client.reset();
  await waitFor(async () => (await service.who({ "X-Choose": "least" })) === busy, "its turn");
});

it("a hash is sticky, and moves only the keys of the instance that goes", async (t) => {
  const service = await trio(t, choosing, 4);
  const keys = Array.from({ length: 48 }, (_, i) => `key-${i}`);
  const place = async () => {
    const places = [];
    for (const key of keys) places.push(await service.who({ "X-Choose": "hash", "X-Key": key }));
    return places;
  };
  const before = await place();
  assert.deepEqual(await place(), before);
  assert.ok(new Set(before).size >= 3, "keys spread");
  assert.equal(
    new Set(await Promise.all(keys.map(() => service.who({ "X-Choose": "address" })))).size,
    1,
  );
  const goes = before[0];
  service.servers[goes].server.closeAllConnections();
  service.servers[goes].server.close();
  const later = await place();
  for (const [i, was] of before.entries())
    if (was === goes) assert.notEqual(later[i], goes);
    else assert.equal(later[i], was, keys[i]);
});

it("settings choose for the host and for one service", async (t) => {
  const host = await startHost(t, {
    env: {
      MOONBUS_PROXY_CHOOSE: "hash,nobody-svc=round_robin",
      MOONBUS_PROXY_HASH: "header:X-Tenant, other-svc=path",
    },
  });
  const service = await trio(t, host);
  for (const tenant of ["a", "b", "c", "d"]) {
    const first = await service.who({ "X-Tenant": tenant });
    for (let i = 0; i < 5; i++)
      assert.equal(await service.who({ "X-Tenant": tenant }, `/${i}`), first);
  }
  const seen = new Set();
  for (let i = 0; i < 24 && seen.size < 3; i++) seen.add(await service.who({}));
  assert.equal(seen.size, 3, "what has no key goes in turn");
});
