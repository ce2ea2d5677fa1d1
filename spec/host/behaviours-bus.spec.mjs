// What is over the bus otherwise than from outside, or only there: ports that are closed, what goes along with calls, errors
// on their way through several services, time and depth, many at once, events.
import assert from "node:assert/strict";
import path from "node:path";

import { caller, order, startGenerated } from "./lib/caller.mjs";
import { probe, sinks } from "./lib/probe.mjs";
import { after, call, describe, it, login, startHost, waitFor, writeFiles } from "./lib/spec.mjs";

const services = {
  probe,
  ...sinks,
  caller: caller("caller.example", ["probe", "control"]),
  relay: caller("relay.example"),
};
const host = await startGenerated({ after }, { services, env: { MOONBUS_WORKERS: "2" } }, [
  "probe",
]);

const request = (url, more = {}) =>
  order(host, { how: "request", message: { method: "GET", url, ...more } });
const stub = (name, args = [], more = {}) =>
  order(host, { how: "stub", client: "probe", name, args, ...more });
const outside = (path, options) => call(host.url, path, options);

describe("ports", () => {
  it("444, 417 and 888 are there over the bus and not from outside", async () => {
    for (const [port, path, method, key] of [
      [444, "/hush", "GET", "hit"],
      [888, "/ping", "GET", "pong"],
    ]) {
      const answer = await request(`https://probe.example:${port}${path}`, { method });
      assert.equal(answer.status, 200, JSON.stringify(answer));
      assert.ok(key in answer.json, answer.text);
      assert.equal((await outside(`/probe.example:${port}${path}`)).status, 404);
    }
    const event = await request("https://probe.example:417/on-asked", {
      method: "POST",
      body: '{"name":"Ann"}',
    });
    assert.equal(event.status, 200, JSON.stringify(event));
    assert.match(event.json.verdict, /Ann/);
    const knock = await outside("/probe.example:417/on-asked", { json: { name: "Ann" } });
    assert.equal(knock.status, 404);
    const sink = await outside("/kind.example:417/on-asked", { json: { name: "Ann" } });
    assert.equal(sink.status, 404);
  });

  it("an event on a port of its own does not come from outside either", async () => {
    const knock = await outside("/probe.example:1417/elsewhere/4", { method: "PUT" });
    assert.equal(knock.status, 404, knock.text);
  });

  it("the control port answers for all with all hosts", async () => {
    const { answers } = await order(host, {
      how: "publish",
      message: { method: "GET", url: "https://all:888/ping" },
    });
    const hosts = answers.map((one) => one.host);
    for (const one of ["probe.example", "caller.example", "user-svc", "configurator.core"])
      assert.ok(hosts.includes(one), one);
    assert.deepEqual(hosts, [...hosts].sort());
    for (const one of answers) {
      assert.equal(one.status, 200);
      assert.deepEqual(one.json, { pong: 0 });
      assert.match(one.id, /^[0-9a-v]{10}$/);
    }
    assert.equal(new Set(answers.map((one) => one.id)).size, answers.length, "ids are unique");
  });

  it("the control port gives strangers among the services nothing but a ping and metrics", async () => {
    for (const path of ["/config-refresh", "/config-list"]) {
      const answer = await request(`https://probe.example:888${path}`);
      assert.equal(answer.status, 403, path);
    }
    assert.equal((await request("https://probe.example:888/nothing")).status, 404);
  });

  it("the control port has the metrics of its service", async () => {
    await outside("/probe.example/sum?x=1");
    const answer = await request("https://probe.example:888/metrics");
    assert.equal(answer.status, 200, JSON.stringify(answer));
    assert.match(answer.text, /microbus_response_duration_seconds_count\{[^}]*"probe\.example"/);
    assert.doesNotMatch(answer.text, /service="user-svc"/);
  });
});

describe("addresses", () => {
  it("one replica is addressed by its id", async () => {
    const { id } = await request("https://probe.example/sum?x=1&y=2");
    const answer = await request(`https://${id}.probe.example/sum?x=1&y=2`);
    assert.deepEqual(answer.json, { sum: 3 });
    const again = await stub("Sum", [1, 2], { host: `${id}.probe.example` });
    assert.deepEqual(again.values, [3]);
    const other = await request("https://0000000000.probe.example/sum");
    assert.equal(other.status, 404);
  });

  it("a service that does not run is 404, and told by name", async () => {
    const answer = await request("https://nobody.example/x");
    assert.equal(answer.status, 404);
    assert.match(answer.error, /nobody\.example/);
    assert.equal(
      (await order(host, { how: "call", host: "nobody.example", name: "X" })).status,
      404,
    );
  });

  it("a function that a service does not have is 404", async () => {
    const answer = await order(host, { how: "call", host: "probe.example", name: "Nope" });
    assert.equal(answer.status, 404);
    assert.match(answer.error, /probe\.example has no function Nope/);
  });

  it("a URL that is none is 400", async () => {
    for (const url of ["/path", "https://bad..example/x", "https://probe.example:x/y"])
      assert.equal((await request(url)).status, 400, url);
  });

  it("an alternative host is answered over the bus by whoever has it", async () => {
    assert.deepEqual((await request("https://other.example/hello")).json, { hit: "other" });
    assert.equal((await request("https://root")).text, "the front page");
    assert.equal((await request("https://root/")).text, "the front page");
  });
});

describe("client stubs", () => {
  it("give arguments and results as Lua has them, without JSON", async () => {
    assert.deepEqual((await stub("Sum", [40, 2])).values, [42]);
    const { values } = await stub("Adopt", [{ name: "Rex", age: 3 }, ["a"]]);
    assert.deepEqual(values, [{ name: "Rex", age: 3, tags: [] }, ["a"]]);
  });

  it("drop what is beyond the signature and fill in what is missing", async () => {
    assert.deepEqual((await stub("Sum", [1])).values, [1]);
    assert.deepEqual((await stub("Sum", [1, 2, 3, 4])).values, [3]);
  });

  it("are refused a wrong type, by the name of the argument", async () => {
    const answer = await stub("Sum", ["one", 2]);
    assert.equal(answer.status, 400);
    assert.match(answer.error, /^x: /);
  });

  it("pass on errors with their status and text", async () => {
    const answer = await stub("Refuse", [409, "not so"]);
    assert.equal(answer.status, 409);
    assert.equal(answer.error, "not so");
    assert.equal(answer.service, "probe.example");
  });

  it("reach functions on closed ports and on other hosts", async () => {
    assert.deepEqual((await stub("Hush")).values, ["hush"]);
    assert.deepEqual((await stub("Other")).values, ["other"]);
    assert.deepEqual((await stub("OtherId", ["7"])).values, ["other 7"]);
  });

  it("answer 501 where there is no code", async () => {
    const bare = await order(host, {
      how: "call",
      host: "probe.example",
      name: "Missing",
      args: [1],
    });
    assert.equal(bare.status, 501, JSON.stringify(bare));
  });

  it("send web requests, with arguments of the path from the query", async () => {
    const sent = { query: { first: "a b", rest: "c/d", q: "1" }, headers: { "X-Mine": "yes" } };
    const answer = await stub("Mirror", [sent], { web: true });
    assert.equal(answer.status, 200, JSON.stringify(answer));
    assert.deepEqual(answer.json.args, { first: "a b", rest: "c/d" });
    assert.deepEqual(answer.json.query, { q: "1" });
    assert.equal(answer.json.method, "GET");
    assert.equal(answer.json.mine, "yes");
    const posted = await stub("Mirror", [{ ...sent, body: "x" }], { web: true });
    assert.equal(posted.json.method, "POST");
    assert.equal(posted.json.body, "x");
  });

  it("call all that answer, each with its result", async () => {
    const { answers } = await order(host, {
      how: "all",
      client: "probe",
      name: "Sum",
      args: [1, 2],
    });
    assert.deepEqual(answers, [{ host: "probe.example", values: [3] }]);
  });

  it("ping all services by the stub of control.core", async () => {
    const { answers } = await order(host, {
      how: "all",
      client: "control",
      host: "all",
      name: "Ping",
    });
    const hosts = answers.map((one) => one.host);
    for (const one of ["probe.example", "caller.example", "user-svc"])
      assert.ok(hosts.includes(one), one);
    for (const one of answers) assert.deepEqual(one.values, [0]);
  });
});

describe("errors", () => {
  // caller -> relay -> probe, and the caller lets it through.
  const crossing = (what, options) =>
    call(host.url, "/caller.example/do", {
      json: { open: true, how: "stub", client: "probe", ...what },
      ...options,
    });

  it("the status and text of a 4xx cross two services to the outside", async () => {
    for (const status of [400, 404, 409, 422]) {
      const answer = await crossing({ name: "Refuse", args: [status, "as told"] });
      assert.equal(answer.status, status);
      assert.deepEqual(answer.json, { error: "as told" });
    }
  });

  it("a chosen 5xx crosses with its status", async () => {
    const answer = await crossing({ name: "Refuse", args: [503, "come back later"] });
    assert.equal(answer.status, 503);
  });

  it("what nobody chose is a 500 without its text outside, and with it in the log", async () => {
    const from = host.lines.length;
    const answer = await crossing({ name: "Explode", args: ["sesame"] });
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.text, /sesame|service\.lua/);
    const entry = await host.waitForLog((e) => JSON.stringify(e).includes("sesame"), 20_000, from);
    const text = JSON.stringify(entry);
    assert.match(text, /probe\/service\.lua:\d+/, text);
    assert.match(text, /caller\/service\.lua:\d+/, text);
    assert.ok(text.includes(answer.headers["x-request-id"]), text);
  });

  it("the caller sees the text and the trace, whichever it is", async () => {
    const answer = await stub("Explode", ["sesame"]);
    assert.equal(answer.status, 500);
    assert.equal(answer.internal, true);
    assert.match(answer.error, /it broke: sesame/);
    assert.match(answer.trace, /probe\/service\.lua:\d+/);
  });

  it("a trace has the files of all services on the way", async () => {
    const answer = await order(host, {
      through: "relay.example",
      open: true,
      how: "call",
      host: "probe.example",
      name: "Explode",
      args: ["sesame"],
    });
    assert.equal(answer.status, 500);
    assert.match(answer.trace, /probe\/service\.lua:\d+/);
    assert.match(answer.trace, /relay\/service\.lua:\d+/);
  });

  it("in development the text is shown outside as well", async (t) => {
    const dev = await startHost(t, {
      services: { probe, caller: caller() },
      env: { MOONBUS_DEV: "true", MOONBUS_WORKERS: "1" },
    });
    const answer = await call(dev.url, "/caller.example/do", {
      json: { open: true, how: "call", host: "probe.example", name: "Explode", args: ["sesame"] },
    });
    assert.equal(answer.status, 500);
    assert.match(answer.text, /it broke: sesame/);
  });
});

describe("time and depth", () => {
  // Each caller has some milliseconds more than who it calls. A machine that takes them away makes
  // the front door answer first, with 504: it is asked again then.
  const timedOut = async (what) => {
    const headers = { "Request-Timeout": "0.5" };
    const answer = await waitFor(() => order(host, what, { headers }), "the caller to answer");
    assert.equal(answer.status, 408);
    assert.equal(answer.error, "timeout");
  };

  it("a callee that is slower than the budget is 408, and the caller can still answer", () =>
    timedOut({ how: "stub", client: "probe", name: "Nap", args: [60] }));

  it("the budget holds through two services", () =>
    timedOut({
      through: "relay.example",
      how: "call",
      host: "probe.example",
      name: "Nap",
      args: [60],
    }));

  it("a caller may give a call less time than it has", async () => {
    const answer = await stub("Nap", [60], { with: { timeout: 0.2 } });
    assert.equal(answer.status, 408);
    assert.equal(answer.error, "timeout");
    assert.deepEqual((await stub("Nap", [0.01], { with: { timeout: 30 } })).values, [true]);
  });

  it("with no time left nothing is called", async () => {
    const answer = await stub("Sum", [1, 2], { with: { timeout: 0 } });
    assert.equal(answer.status, 408);
    assert.equal(answer.error, "timeout");
  });

  it("a message in time is answered, one that is late is not", async () => {
    const message = { method: "GET", url: "https://probe.example/nap?seconds=60" };
    const late = await order(host, { how: "request", message, with: { timeout: 0.2 } });
    assert.equal(late.status, 408);
  });

  it("calls go 64 deep and no deeper", async () => {
    assert.deepEqual((await stub("Dive", [64])).values, [64]);
    const answer = await stub("Dive", [65]);
    assert.equal(answer.status, 508);
    assert.equal(answer.error, "call depth overflow");
    const outside = await call(host.url, "/probe.example/dive?n=66");
    assert.equal(outside.status, 508);
  });
});

describe("what goes along", () => {
  const NAMES = ["slug", "roles", "from", "languages", "baggage", "shift", "trace"];
  async function see(what = {}, options) {
    const answer = await order(
      host,
      { how: "call", host: "probe.example", name: "See", ...what },
      options,
    );
    assert.ok(answer.values, JSON.stringify(answer));
    return Object.fromEntries(NAMES.map((name, i) => [name, answer.values[i]]));
  }
  const through = { through: "relay.example" };

  it("baggage, languages and the clock's shift go through two services", async () => {
    const seen = await see({
      ...through,
      with: { baggage: { trip: "7" }, languages: ["it", "en"], clock_shift: 86_400 },
    });
    assert.deepEqual(seen.baggage, { trip: "7" });
    assert.deepEqual(seen.languages, ["it", "en"]);
    assert.equal(seen.shift, 86_400);
    assert.equal(seen.from, "relay.example");
  });

  it("languages are those of the request where nobody changed them", async () => {
    const headers = { "Accept-Language": "da, en-gb;q=0.7, en;q=0.8" };
    assert.deepEqual((await see(through, { headers })).languages, ["da", "en", "en-gb"]);
    assert.deepEqual((await see({}, { headers })).languages, ["da", "en", "en-gb"]);
  });

  it("nothing goes along where nothing was set", async () => {
    const seen = await see(through);
    assert.equal(Object.keys(seen.languages).length, 0);
    assert.deepEqual(seen.baggage, {});
    assert.equal(seen.shift, 0);
  });

  it("the trace stays the same on the way, and is another with the next request", async () => {
    const trace = (await see(through)).trace;
    assert.match(trace, /^[0-9a-f]{32}$/);
    assert.notEqual((await see(through)).trace, trace);
  });

  it("who calls is known in the second and third service", async () => {
    const token = await login(host);
    for (const what of [{}, through]) {
      const seen = await see(what, { token });
      assert.equal(seen.slug, "1backend");
      assert.ok(seen.roles.includes("user-svc:admin"));
    }
    assert.equal((await see(through)).slug, "", "nobody without a token");
  });

  it("who calls is known to a message, too", async () => {
    const token = await login(host);
    const message = { method: "GET", url: "https://probe.example/see" };
    const answer = await order(host, { how: "request", message }, { token });
    assert.equal(answer.json.slug, "1backend");
  });

  it("a token in a message is not who calls", async () => {
    const token = await login(host);
    const message = {
      method: "GET",
      url: "https://probe.example/see",
      headers: { Authorization: `Bearer ${token}` },
    };
    const answer = await order(host, { how: "request", message });
    assert.equal(answer.json.slug, "");
  });

  it("a context of nobody's is nobody's call", async () => {
    const token = await login(host);
    const seen = await see({ as: "nobody" }, { token });
    assert.equal(seen.slug, "");
    assert.equal(seen.from, "caller.example");
  });

  it("work that goes on beside the request acts for nobody, and keeps what was set", async () => {
    const token = await login(host);
    const seen = await see({ as: "detached" }, { token, headers: { "Accept-Language": "it" } });
    assert.equal(seen.slug, "");
    assert.deepEqual(seen.languages, ["it"]);
  });

  it("from outside no service calls, and fields of the bus do not come in", async () => {
    const answer = await outside("/probe.example/see", {
      headers: {
        "Microbus-From-Host": "user-svc",
        "Microbus-Baggage-Trip": "7",
        "Microbus-Clock-Shift": "60",
      },
    });
    assert.equal(answer.json.from, "");
    assert.deepEqual(answer.json.baggage, {});
    assert.equal(answer.json.shift, 0);
  });
});

describe("events", () => {
  const fire = (name, args) => order(host, { how: "fire", client: "probe", name, args });

  it("all sinks answer", async () => {
    const { answers } = await fire("OnAsked", ["Ann", { name: "Rex", age: 3 }]);
    assert.deepEqual(answers, [
      { host: "kind.example", values: ["kind to Ann, aged 3"] },
      { host: "strict.example", values: ["strict with Ann"] },
    ]);
  });

  it("a sink that fails does not keep the others from answering", async () => {
    const { answers } = await fire("OnAsked", ["bad", {}]);
    assert.deepEqual(answers[0], { host: "kind.example", values: ["kind to bad, aged 0"] });
    assert.equal(answers[1].status, 409);
    assert.equal(answers[1].error, "strict with bad");
    const broken = (await fire("OnAsked", ["worse", {}])).answers[1];
    assert.equal(broken.status, 500);
  });

  it("an event that nobody listens to has no answers", async () => {
    assert.deepEqual((await fire("OnNothing", ["x"])).answers, []);
  });

  it("a sink may have another name than its event, which may have a path of its own", async () => {
    const { answers } = await fire("OnElsewhere", [4]);
    assert.deepEqual(
      answers.map((one) => one.values),
      [[8], [80]],
    );
  });

  it("an event is a message to the source's host as well", async () => {
    const { answers } = await order(host, {
      how: "publish",
      message: {
        method: "POST",
        url: "https://probe.example:417/on-asked",
        body: JSON.stringify({ name: "bad", pet: { age: 1 } }),
      },
    });
    assert.deepEqual(
      answers.map((one) => [one.host, one.status]),
      [
        ["kind.example", 200],
        ["strict.example", 409],
      ],
    );
    assert.deepEqual(answers[0].json, { verdict: "kind to bad, aged 1" });
  });

  it("a sink is not a function of its service", async () => {
    assert.equal((await outside("/kind.example/on-asked")).status, 404);
    const answer = await order(host, { how: "call", host: "kind.example", name: "OnAsked" });
    assert.equal(answer.status, 404);
  });

  it("a sink without a source is a warning and no failure", async (t) => {
    const lonely = {
      "service.yaml": `general:
  host: lonely.example
functions:
  - signature: Here() (yes bool)
sinks:
  - signature: OnAsked(name string)
    source: nowhere/to/be/found
  - signature: OnNever()
    source: services/probe
`,
      "service.lua":
        'local svc = require "service" (...)\nfunction svc.Here() return true end\n' +
        "function svc.OnAsked() end\nfunction svc.OnNever() end\nreturn svc\n",
    };
    const one = await startHost(t, { services: { lonely, probe } });
    assert.deepEqual((await call(one.url, "/lonely.example/here")).json, { yes: true });
    const log = one.lines.join("\n");
    assert.match(log, /there is no service 'nowhere\/to\/be\/found', the source of 'OnAsked'/);
    assert.match(log, /services\/probe fires no event 'OnNever', which 'OnNever' waits for/);
  });

  it("a sink that comes with a reload hears of the next event", async (t) => {
    const deaf = {
      "service.yaml": "general:\n  host: kind.example\n",
      "service.lua": 'return require "service" (...)\n',
    };
    const one = await startGenerated(
      t,
      { services: { probe, kind: deaf, caller: caller("caller.example", ["probe"]) } },
      ["probe"],
    );
    const ask = () =>
      order(one, { how: "fire", client: "probe", name: "OnAsked", args: ["Ann", {}] });
    assert.deepEqual((await ask()).answers, []);
    writeFiles(path.join(one.cwd, "services/kind"), sinks.kind);
    await waitFor(async () => (await ask()).answers.length === 1, "the sink to be there");
  });
});
