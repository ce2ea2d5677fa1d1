// What a declared service does besides answering: how it begins and ends, what it does by the clock, what it keeps, shows and
// measures, and how it is described to others.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

import { caller, order } from "./lib/caller.mjs";
import { validate } from "./lib/openapi.mjs";
import { probe, sinks } from "./lib/probe.mjs";
import { after, call, describe, it, login, metrics, startHost, waitFor } from "./lib/spec.mjs";

const life = {
  "service.yaml": `general:
  host: life.example
  description: What the specs of behaviours keep, show and measure.
functions:
  - signature: Store(key string, value string) (kept bool)
  - signature: Load(key string) (found bool, value string)
  - signature: Forget(prefix string)
  - signature: Hello(key string) (text string)
  - signature: Measure(n int, label string)
  - signature: Wrong() (problem string)
webs:
  - signature: File()
    path: /file/{name+}
  - signature: Page()
metrics:
  - signature: OpCount(n int, op string)
  - signature: Level(n int)
    kind: gauge
    alias: life_water_level
  - signature: Took(t Duration, op string)
    kind: histogram
    buckets: [0.1, 1, 10]
`,
  "service.lua": `local svc = require "service" (...)

function svc.Store(_, key, value) return svc.cache:store(key, value) end

function svc.Load(_, key)
  local value = svc.cache:load(key)
  return value ~= nil, value
end

function svc.Forget(_, prefix) svc.cache:delete_prefix(prefix) end
function svc.Hello(ctx, key) return svc.resources:string(ctx, key) end

function svc.Measure(_, n, label)
  svc.metrics.OpCount(n, label)
  svc.metrics.Level(n)
  svc.metrics.Took(n / 2, label)
end

function svc.Wrong()
  local ok, problem = pcall(svc.metrics.OpCount, -1, "x")
  return ok and "" or tostring(problem)
end

function svc.File(_, req, res) svc.resources:serve(req, res, req.args.name) end

function svc.Page(_, req, res)
  res:answer(200, svc.resources:render("page.html", req.query), "text/html; charset=utf-8")
end

return svc
`,
  "resources/hello.txt": "hello, world\n",
  "resources/deep/pixel.gif": "GIF89a\x01\x00\x01\x00\x00\x00\x00",
  "resources/page.html": "<h1>{{ title }}</h1>",
  "resources/strings.yaml": `Hello:
  default: Hello
  en: Hello
  en-AU: G'day
  it: Ciao
Bye:
  en: Bye
`,
};

const services = { life, probe, ...sinks, caller: caller() };
const host = await startHost({ after }, { services, env: { MOONBUS_WORKERS: "2" } });
const get = (target, options) => call(host.url, `/life.example${target}`, options);

describe("the cache", () => {
  it("is one for all workers, and forgets what it is told to", async () => {
    assert.deepEqual((await get("/store?key=a:1&value=one")).json, { kept: true });
    await get("/store?key=a:2&value=two");
    await get("/store?key=b:1&value=three");
    for (let i = 0; i < 8; i++)
      assert.deepEqual((await get("/load?key=a:1")).json, { found: true, value: "one" });
    await get("/forget?prefix=a:");
    assert.equal((await get("/load?key=a:1")).json.found, false);
    assert.equal((await get("/load?key=a:2")).json.found, false);
    assert.equal((await get("/load?key=b:1")).json.value, "three");
  });

  it("wants a key", async () => {
    const answer = await get("/load?key=");
    assert.equal(answer.status, 400);
    assert.equal(answer.json.error, "missing key");
  });
});

describe("resources", () => {
  it("are served with a type and a tag, and 304 to who has them", async () => {
    const first = await get("/file/hello.txt");
    assert.equal(first.status, 200);
    assert.equal(first.text, "hello, world\n");
    assert.match(first.headers["content-type"], /^text\/plain/);
    const sum = createHash("sha256").update(first.buffer).digest("hex");
    assert.ok(first.headers.etag.includes(sum), first.headers.etag);
    assert.equal(
      first.headers["cache-control"],
      "max-age=3600, private, stale-while-revalidate=3600",
    );
    const headers = { "If-None-Match": first.headers.etag };
    const second = await get("/file/hello.txt", { headers });
    assert.equal(second.status, 304);
    assert.equal(second.text, "");
    assert.equal(second.headers.etag, first.headers.etag);
    const stale = await get("/file/hello.txt", { headers: { "If-None-Match": '"other"' } });
    assert.equal(stale.status, 200);
    assert.equal((await get("/file/deep/pixel.gif")).headers["content-type"], "image/gif");
  });

  it("are served over the bus alike", async () => {
    const url = "https://life.example/file/hello.txt";
    const first = await order(host, { how: "request", message: { method: "GET", url } });
    assert.equal(first.text, "hello, world\n");
    const headers = { "If-None-Match": first.headers.etag };
    const second = await order(host, { how: "request", message: { method: "GET", url, headers } });
    assert.equal(second.status, 304);
    assert.equal(second.text, "");
  });

  it("end at their folder", async () => {
    for (const name of ["nothing.txt", "../service.lua", "%2e%2e/service.lua", "deep", ""])
      assert.ok([400, 404].includes((await get(`/file/${name}`)).status), name);
  });

  it("are templates whose values are escaped", async () => {
    const answer = await get("/page?title=%3Cb%3E");
    assert.equal(answer.text, "<h1>&lt;b&gt;</h1>");
  });

  for (const [accepted, text] of [
    ["", "Hello"],
    ["en", "Hello"],
    ["en-CA", "Hello"],
    ["en-AU", "G'day"],
    ["EN-au", "G'day"],
    ["fr;q=0.9", "Hello"],
    ["it", "Ciao"],
    ["en;q=0.8, it", "Ciao"],
    ["en;q=0.8, en-AU;q=0.85", "G'day"],
  ])
    it(`have texts by language: for "${accepted}" it is ${text}`, async () => {
      const headers = { "Accept-Language": accepted };
      assert.equal((await get("/hello?key=hello", { headers })).json.text, text);
      const message = { method: "GET", url: "https://life.example/hello?key=HELLO" };
      const bus = await order(host, { how: "request", message }, { headers });
      assert.equal(bus.json.text, text, "over the bus");
    });

  it("have English where there is no default, and no text that nobody wrote", async () => {
    const headers = { "Accept-Language": "it" };
    assert.equal((await get("/hello?key=bye", { headers })).json.text, "Bye");
    assert.equal((await get("/hello?key=nothing")).status, 500);
  });
});

describe("metrics", () => {
  const of = async (name) =>
    [...(await metrics(host.adminUrl))].filter(([key]) => key.startsWith(`${name}{`));
  const value = async (name, ...labels) => {
    const found = (await of(name)).filter(([key]) => labels.every((label) => key.includes(label)));
    return found.length === 1 ? found[0][1] : found;
  };

  it("that are declared are measured, with the labels of service, version and replica", async () => {
    await get("/measure?n=2&label=%2B");
    await get("/measure?n=3&label=%2B");
    await get("/measure?n=1&label=-");
    const mine = 'service="life.example"';
    assert.equal(await value("life_op_count", 'op="+"', mine), 5);
    assert.equal(await value("life_op_count", 'op="-"', mine), 1);
    assert.equal(await value("life_water_level", mine), 1);
    assert.equal(await value("life_took_count", 'op="+"'), 2);
    assert.equal(await value("life_took_sum", 'op="+"'), 2.5);
    assert.equal(await value("life_took_bucket", 'op="+"', 'le="1"'), 1);
    assert.equal(await value("life_took_bucket", 'op="+"', 'le="+Inf"'), 2);
    const [[key]] = await of("life_water_level");
    assert.match(key, /id="[0-9a-v]{10}"/);
    assert.match(key, /ver="\d+"/);
  });

  it("refuse what cannot be", async () => {
    assert.match((await get("/wrong")).json.problem, /can only increase/);
  });

  it("are there of answers, calls, beginnings and the cache", async () => {
    await get("/load?key=metrics");
    await get("/load?key=");
    const url = "https://life.example/load?key=metrics";
    await order(host, { how: "request", message: { method: "GET", url } });
    const mine = 'service="life.example"';
    const handler = 'handler="life.example:443/load"';
    const ok = ['method="GET"', 'port="443"', 'code="200"', 'error="OK"'];
    const count = "microbus_response_duration_seconds_count";
    assert.ok((await value(count, mine, handler, ...ok)) >= 2);
    assert.ok((await value(count, mine, handler, 'code="400"', 'error="ERROR"')) >= 1);
    assert.ok((await value("microbus_response_size_bytes_count", mine, handler, ...ok)) >= 2);
    const asked = ['service="caller.example"', 'host="life.example"', 'code="200"', 'error="OK"'];
    assert.ok((await value("microbus_request_count_total", ...asked)) >= 1);
    const began = ['service="configurator.core"', 'handler="startup"', 'error="OK"'];
    assert.equal(await value("microbus_callback_duration_seconds_count", ...began), 1);
    assert.ok((await value("microbus_uptime_duration_seconds_total", mine)) >= 0);
    await get("/store?key=measured&value=12345678");
    await get("/load?key=measured");
    assert.ok((await value("microbus_cache_misses_total", mine)) >= 1);
    assert.ok((await value("microbus_cache_hits_total", mine)) >= 1);
    assert.ok((await value("microbus_cache_len_total", mine)) >= 1);
    assert.ok((await value("microbus_cache_weight_total", mine)) >= 8);
  });

  it("are given to who knows the key, and only to them", async () => {
    const collect = (query) => call(host.url, `/metrics.core/collect${query}`);
    assert.equal((await collect("?secretKey=")).status, 404, "while there is no key");
    const json = { host: "metrics.core", name: "SecretKey", value: "open sesame" };
    const done = await call(host.url, "/configurator.core/set", { json, token: await login(host) });
    assert.equal(done.status, 200, done.text);
    const wrong = await collect("?secretKey=sesame");
    assert.equal(wrong.status, 404);
    assert.equal(wrong.json.error, "incorrect secret key");
    const all = await collect("?secretKey=open+sesame");
    assert.equal(all.status, 200);
    assert.match(all.headers["content-type"], /^text\/plain/);
    assert.match(all.text, /^life_op_count\{.*op="\+"/m);
    assert.match(all.text, /service="user-svc"/);
    const names = [...all.text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
    assert.equal(new Set(names).size, names.length, "each is described once");
    const one = await collect("?secretKey=open+sesame&service=life.example");
    assert.match(one.text, /^life_op_count\{/m);
    assert.doesNotMatch(one.text, /service="user-svc"/);
    const bad = await collect("?secretKey=open+sesame&service=a..b");
    assert.equal(bad.status, 400);
    assert.doesNotMatch(host.lines.join("\n"), /open sesame/);
  });
});

describe("descriptions", () => {
  it("every service has a valid OpenAPI document, or says that it has none", async () => {
    const { answers } = await order(host, {
      how: "publish",
      message: { method: "GET", url: "https://all:888/ping" },
    });
    let valid = 0;
    for (const { host: name } of answers) {
      const answer = await call(host.url, `/${name}/openapi.json`);
      if (answer.status === 404) continue;
      assert.equal(answer.status, 200, name);
      assert.match(answer.headers["content-type"], /^application\/json/);
      const document = await validate(answer.text);
      assert.equal(document.info.title, name);
      valid++;
    }
    assert.ok(valid >= 3, `${valid}`);
    assert.equal((await call(host.url, "/metrics.core/openapi.json")).status, 404, "it wants none");
  });

  it("a document describes what is on its port", async () => {
    const usual = await validate((await call(host.url, "/probe.example/openapi.json")).text);
    assert.ok(usual.paths["/probe.example:443/sum"].post);
    assert.ok(usual.paths["/probe.example:443/put/{id}"].put);
    assert.ok(usual.paths["/probe.example:443/readable"].get);
    assert.ok(!Object.keys(usual.paths).some((name) => name.includes(":444")));
    const other = await validate((await call(host.url, "/probe.example:1234/openapi.json")).text);
    assert.ok(other.paths["/probe.example:1234/port"]);
    assert.ok(!other.paths["/probe.example:443/sum"]);
    const url = "https://probe.example:444/openapi.json";
    const inside = await order(host, { how: "request", message: { method: "GET", url } });
    assert.ok(inside.json.paths["/probe.example:444/hush"], inside.text);
  });

  it("the portal lists the services that have a document", async () => {
    const answer = await call(host.url, "/openapi");
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers["content-type"], /^text\/html/);
    assert.match(answer.text, /life\.example/);
    assert.match(answer.text, /What the specs of behaviours keep, show and measure\./);
    assert.match(answer.text, /probe\.example/);
    assert.doesNotMatch(answer.text, /metrics\.core/);
  });
});

const clockwork = (version) => ({
  "service.yaml": `general:
  host: clock.example
functions:
  - signature: Beats() (beat int, slow int, once int, together int)
tickers:
  - signature: Beat()
    interval: 50ms
  - signature: Slow()
    interval: 50ms
  - signature: Once()
    interval: 100ms
    scope: one
  - signature: Broken()
    interval: 100ms
  - signature: Forever()
    interval: 50ms
`,
  "service.lua": `local log = require "log"
local shared = require "shared"
local time = require "time"
local svc = require "service" (...)

function svc.Beats()
  local function count(name) return math.tointeger(shared.get(name) or 0) end
  return count "beat", count "slow", count "once", count "together"
end

function svc.Beat() shared.incr("beat", 1) end
function svc.Once() shared.incr("once", 1) end
function svc.Broken() error("the clock is broken") end

function svc.Slow()
  if shared.incr("running", 1) > 1 then shared.incr("together", 1) end
  time.sleep(0.3)
  shared.incr("running", -1)
  shared.incr("slow", 1)
end

function svc.Forever()
  local _ <close> = setmetatable({}, { __close = function() log.info("forever ended ${version}") end })
  log.info("forever began ${version}")
  time.sleep(1e6)
end

function svc.on_start() log.info("started ${version}", { beats = shared.get("beat") or 0 }) end
function svc.on_stop() log.info("stopped ${version}") end

return svc
`,
});

describe("the clock", () => {
  it("tickers beat, one beat at a time, and end with the generation and the host", async (t) => {
    const one = await startHost(t, {
      services: { clock: clockwork(1) },
      env: { MOONBUS_WORKERS: "2" },
    });
    const beats = async () => (await call(one.url, "/clock.example/beats")).json;
    const logged = (text) => one.logs().some((entry) => entry.msg === text);
    await waitFor(async () => {
      const now = await beats();
      return now.beat > 3 && now.slow > 1 && now.once > 1;
    }, "beats");
    assert.equal((await beats()).together, 0, "no beat begins while one runs");
    await one.waitForLog((entry) => entry.msg === "Ticker skipped" && entry.ticker === "Slow");
    const failed = await one.waitForLog((entry) => entry.msg === "ticker failed");
    assert.equal(failed.ticker, "Broken");
    assert.match(JSON.stringify(failed), /the clock is broken/);
    assert.match(JSON.stringify(failed), /service\.lua:\d+/, "the log says where");
    const seen = await metrics(one.adminUrl);
    const count = (handler, error) =>
      [...seen]
        .filter(([key]) => key.startsWith("microbus_callback_duration_seconds_count{"))
        .filter(([key]) => key.includes(`handler="${handler}"`) && key.includes(`error="${error}"`))
        .reduce((sum, [, n]) => sum + n, 0);
    assert.ok(count("beat", "OK") > 0);
    assert.ok(count("broken", "ERROR") > 0);
    await one.waitForLog((entry) => entry.msg === "forever began 1");

    const file = path.join(one.cwd, "services/clock/service.lua");
    fs.writeFileSync(`${file}.new`, clockwork(2)["service.lua"]);
    fs.renameSync(`${file}.new`, file);
    await one.waitForLog((entry) => entry.msg === "forever began 2");
    assert.ok(logged("forever ended 1"), "the beat of the old generation was cancelled");
    const before = (await beats()).beat;
    await waitFor(async () => (await beats()).beat > before + 2, "beats after the reload");
    await one.stop();
    assert.ok(logged("forever ended 2"), "a beat is cancelled at shutdown");
    const order = one
      .logs()
      .map((entry) => entry.msg)
      .filter((text) => /^(started|stopped) \d$/.test(text));
    assert.deepEqual(order, ["started 1", "stopped 1", "started 2", "stopped 2"]);
    const began = one.logs().find((entry) => entry.msg === "started 1");
    assert.equal(began.beats, 0, "no beat goes before on_start");
  });
});

const simple = (host, extra = "") => ({
  "service.yaml": `general:
  host: ${host}
functions:
  - signature: Who() (name string)
${extra}`,
  "service.lua": `local svc = require "service" (...)
function svc.Who() return "${host}" end
function svc.Unheard() end
return svc
`,
});

describe("declarations", () => {
  it("what is odd is a warning that names it, and what is right goes on", async (t) => {
    const odd = simple("odd.example", "  - signature: Absent()\nwebs:\n  - signature: Blank()\n");
    const one = await startHost(t, { services: { odd } });
    const log = one.lines.join("\n");
    for (const text of [
      "services/odd: Absent is declared but has no code",
      "services/odd: Blank is declared but has no code",
      "services/odd: svc.Unheard is not declared in service.yaml",
    ])
      assert.ok(log.includes(text), text);
    assert.deepEqual((await call(one.url, "/odd.example/who")).json, { name: "odd.example" });
    assert.equal((await call(one.url, "/odd.example/absent")).status, 501);
    assert.equal((await call(one.url, "/odd.example/blank")).status, 501);
  });

  it("handlers may be in any file of the folder", async (t) => {
    const spread = simple("spread.example", "  - signature: Far() (name string)\n");
    spread["service.lua"] = spread["service.lua"].replace("\n", '\nrequire "more"\n');
    spread["more.lua"] = `local svc = require "service" (...)
function svc.Far() return svc.Who() .. ", too" end
return svc
`;
    const one = await startHost(t, { services: { spread } });
    assert.deepEqual((await call(one.url, "/spread.example/far")).json, {
      name: "spread.example, too",
    });
    assert.doesNotMatch(one.lines.join("\n"), /Far is declared but has no code/);
  });

  it("a host that another service has is refused", async (t) => {
    const one = await startHost(t, {
      services: { first: simple("same.example"), second: simple("same.example") },
    });
    assert.match(
      one.lines.join("\n"),
      /services\/second declares host same\.example, which services\/first has already/,
    );
    assert.equal((await call(one.url, "/same.example/who")).status, 200);
  });

  it("a host of the platform is refused, and the platform goes on", async (t) => {
    const one = await startHost(t, {
      services: {
        aaa: simple("configurator.core"),
        guest: simple("guest.example", "  - signature: Login()\n    path: //user-svc/other\n"),
        fine: simple("fine.example"),
      },
    });
    const log = one.lines.join("\n");
    assert.match(
      log,
      /services\/aaa declares host configurator\.core, which services\/configurator has/,
    );
    assert.match(log, /services\/guest listens at host user-svc, which services\/user has/);
    assert.equal((await call(one.url, "/configurator.core/who")).status, 404);
    assert.equal((await call(one.url, "/fine.example/who")).status, 200);
  });

  for (const folder of ["aaa", "zzz"])
    it(`an endpoint at the host of another service is refused (services/${folder})`, async (t) => {
      const thief = simple(
        "thief.example",
        "  - signature: Steal() (name string)\n    path: //owner.example/steal\n",
      );
      thief["service.lua"] = thief["service.lua"].replace(
        "return svc",
        'function svc.Steal() return "stolen" end\nreturn svc',
      );
      const one = await startHost(t, {
        services: { [folder]: thief, owner: simple("owner.example"), caller: caller() },
      });
      assert.match(
        one.lines.join("\n"),
        /owner\.example, which services\/owner has|at the host of another service are out of reach/,
        "the log says so",
      );
      assert.equal((await call(one.url, "/owner.example/steal")).status, 404);
      const message = { method: "GET", url: "https://owner.example/steal" };
      assert.equal((await order(one, { how: "request", message })).status, 404);
      assert.deepEqual((await call(one.url, "/owner.example/who")).json, { name: "owner.example" });
    });

  it("hosts that mean everybody are refused", async (t) => {
    const one = await startHost(t, {
      services: { all: simple("all"), more: simple("x.all"), fine: simple("fine.example") },
    });
    assert.match(one.lines.join("\n"), /disallowed hostname 'all'/);
    assert.match(one.lines.join("\n"), /disallowed hostname 'x\.all'/);
    assert.equal((await call(one.url, "/fine.example/who")).status, 200);
  });
});
