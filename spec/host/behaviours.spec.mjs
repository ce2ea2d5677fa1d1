// What a declared service does with a request, whichever way the request came: each behaviour here is looked at from outside,
// over HTTP, and over the bus, from another service. What is not the same both ways is in behaviours-bus.
import assert from "node:assert/strict";

import { behaviours, caller, fromOutside, overBus } from "./lib/caller.mjs";
import { probe } from "./lib/probe.mjs";
import { after, call, describe, it, startHost } from "./lib/spec.mjs";

const host = await startHost(
  { after },
  { services: { probe, caller: caller() }, env: { MOONBUS_WORKERS: "2" } },
);

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const body = (type, text) => ({ body: text, headers: { "Content-Type": type } });

describe("arguments", () => {
  const sum = (n) => ({ json: { sum: n } });
  behaviours(host, [
    { name: "they come from the query", path: "/sum?x=1&y=2", expect: sum(3) },
    { name: "they come from a JSON body", path: "/sum", json: { x: 1, y: 2 }, expect: sum(3) },
    { name: "they come from a form", path: "/sum", body: "x=1&y=2", headers: FORM, expect: sum(3) },
    {
      name: "a body without a type is JSON",
      path: "/sum",
      body: '{"x":1,"y":2}',
      expect: sum(3),
    },
    {
      name: "a content type may have parameters, and any case",
      path: "/sum",
      ...body("Application/JSON; charset=UTF-8", '{"x":1,"y":2}'),
      expect: sum(3),
    },
    {
      name: "the type of a form may have parameters, too",
      path: "/sum",
      ...body("application/x-www-form-urlencoded; charset=utf-8", "x=1&y=2"),
      expect: sum(3),
    },
    {
      name: "the query goes before the body, argument by argument",
      path: "/sum?y=20",
      json: { x: 1, y: 2 },
      expect: sum(21),
    },
    {
      name: "the path goes before the query and the body",
      path: "/load/path?key=query",
      json: { key: "body" },
      expect: { json: { found: "path" } },
    },
    {
      name: "a segment that is its own name gives nothing, so that the query counts",
      path: "/load/{key}?key=query",
      expect: { json: { found: "query" } },
    },
    {
      name: "a segment that is its own name lets the body count",
      path: "/load/%7Bkey%7D",
      json: { key: "body" },
      expect: { json: { found: "body" } },
    },
    { name: "what is missing is zero", path: "/sum?x=5", expect: sum(5) },
    { name: "nothing at all is zeros", path: "/sum", expect: sum(0) },
    { name: "null is what is missing", path: "/sum", json: { x: null, y: 3 }, expect: sum(3) },
    { name: "a body that is null gives nothing", path: "/sum?y=3", body: "null", expect: sum(3) },
    {
      name: "names count in any case",
      path: "/sum?Y=2",
      json: { X: 1 },
      expect: sum(3),
    },
    {
      name: "unknown arguments are left aside",
      path: "/sum?z=4&x=1",
      json: { y: 2, other: {} },
      expect: sum(3),
    },
    { name: "of several values the last one counts", path: "/sum?x=1&x=2&x=3", expect: sum(3) },
    {
      name: "objects in a query have their fields in brackets or behind dots",
      path: "/adopt?pet[name]=Rex&pet.age=3&pet[owner][name]=Ann&tags=a&tags=b",
      expect: {
        json: {
          petOut: { name: "Rex", age: 3, tags: [], owner: { name: "Ann" } },
          tagsOut: ["a", "b"],
        },
      },
    },
    {
      name: "objects in a form do as well",
      path: "/adopt",
      body: "pet%5Bname%5D=Rex&pet.Age=3&tags%5B%5D=a",
      headers: FORM,
      expect: { json: { petOut: { name: "Rex", age: 3, tags: [] }, tagsOut: ["a"] } },
    },
    {
      name: "lists and objects in a query may be JSON",
      path: `/adopt?tags=${encodeURIComponent('["a","b"]')}&pet=${encodeURIComponent('{"name":"Rex"}')}`,
      expect: { json: { petOut: { name: "Rex", age: 0, tags: [] }, tagsOut: ["a", "b"] } },
    },
    {
      name: "a query is decoded",
      path: "/load/{key}?key=a+b%2Bc%26d%3D%C3%BC",
      expect: { json: { found: "a b+c&d=ü" } },
    },
    {
      name: "an argument of the path is decoded, and keeps its slash",
      path: "/load/a%2Fb%20c%C3%BC+",
      expect: { json: { found: "a/b cü+" } },
    },
    {
      name: "arguments without a name are counted",
      path: "/un/a/x/7/n/rest/of/it",
      expect: { json: { got: "a|7|n|rest/of/it" } },
    },
    {
      name: "the rest of a path may be empty",
      path: "/tail/",
      expect: { json: { got: "" } },
    },
    {
      name: "an argument of the path of a wrong type is named",
      path: "/un/a/x/seven/n/rest",
      expect: { status: 400, error: /path2/ },
    },
    {
      name: "digits for a text are a text",
      path: "/adopt?pet.name=007&tags=1",
      expect: { json: { petOut: { name: "007", age: 0, tags: [] }, tagsOut: ["1"] } },
    },
    {
      name: "a number may come as JSON with a zero fraction",
      path: "/sum",
      body: '{"x":2.0}',
      expect: sum(2),
    },
    {
      name: "an integer that is none is named",
      path: "/sum?x=one",
      expect: { status: 400, error: /x/ },
    },
    { name: "a fraction is no integer", path: "/sum?y=1.5", expect: { status: 400, error: /y/ } },
    {
      name: "a wrong type in JSON is named",
      path: "/sum",
      json: { x: "one" },
      expect: { status: 400, error: /^x: / },
    },
    {
      name: "a wrong type deep inside is named with the way there",
      path: "/adopt",
      json: { pet: { owner: { name: 5 } } },
      expect: { status: 400, error: /^pet\.owner\.name: / },
    },
    {
      name: "a wrong element of a list is named with its place",
      path: "/adopt",
      json: { tags: ["a", {}] },
      expect: { status: 400, error: /^tags\[2\]: / },
    },
    {
      name: "JSON that is broken is 400",
      path: "/sum",
      body: '{"x":',
      expect: { status: 400, error: /JSON/ },
    },
    {
      name: "JSON that is no object is 400",
      path: "/sum",
      body: "[1]",
      expect: { status: 400, error: /object/ },
    },
    {
      name: "a form that is too large is 413",
      path: "/sum",
      body: "x=",
      fill: 10 * 1024 * 1024,
      headers: FORM,
      expect: { status: 413 },
    },
  ]);
});

describe("types", () => {
  const given = {
    s: "ü",
    i: 9007199254740993n,
    f: 1.5,
    b: true,
    at: "2024-09-01T12:00:00.25Z",
    wait: 1500000000,
    raw: "AP8=",
    list: [1, 2],
    map: { a: 1 },
    pet: {
      name: "Rex",
      age: 3,
      tags: ["x"],
      owner: { name: "Ann", since: "2020-01-01T00:00:00Z" },
    },
    other: null,
    free: { any: ["thing", 1, null] },
  };
  const out = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`${name}Out`, value]),
  );
  const text = (value) =>
    JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `big${v}` : v)).replaceAll(
      /"big(\d+)"/g,
      "$1",
    );
  const outside = JSON.parse(text({ ...out, otherOut: null }));

  behaviours(host, [
    {
      name: "values of all types come back as they went",
      path: "/types",
      body: text(given),
      expect: { json: outside, match: /9007199254740993/ },
    },
    {
      name: "values of all types may be in a query",
      path: "/types?s=a&i=-3&f=2.5e3&b=true&at=2024-09-01T12:00:00Z&wait=5&raw=AP8%3D&list=[4]&map[k]=6&other.name=Max&free=x",
      expect: {
        json: {
          sOut: "a",
          iOut: -3,
          fOut: 2500,
          bOut: true,
          atOut: "2024-09-01T12:00:00Z",
          waitOut: 5,
          rawOut: "AP8=",
          listOut: [4],
          mapOut: { k: 6 },
          petOut: { name: "", age: 0, tags: [] },
          otherOut: { name: "Max", age: 0, tags: [] },
          freeOut: "x",
        },
      },
    },
    {
      name: "in Lua a time and a duration are seconds, bytes are bytes",
      path: "/units?at=1970-01-01T00:01:00.5Z&wait=250000000&raw=aGk%3D",
      expect: { json: { inLua: "60.500 0.250 hi" } },
    },
    {
      name: "a time that is missing is nil",
      path: "/units",
      expect: { json: { inLua: "-1.000 0.000 " } },
    },
    {
      name: "a time that is none is named",
      path: "/units?at=yesterday",
      expect: { status: 400, error: /at/ },
    },
    {
      name: "bytes that are not base64 are named",
      path: "/units",
      json: { raw: "?" },
      expect: { status: 400, error: /raw/ },
    },
    {
      name: "results that a handler does not give are the zeros of their types",
      path: "/nothing",
      expect: {
        json: {
          list: [],
          map: {},
          lists: [],
          pet: { name: "", age: 0, tags: [] },
          other: null,
          raw: "",
          text: "",
          n: 0,
          free: null,
        },
      },
    },
    {
      name: "a function without results answers with an empty object",
      path: "/silent",
      expect: { text: "{}", headers: { "content-type": /^application\/json/ } },
    },
    {
      name: "the whole body may be one argument, and one result",
      method: "PUT",
      path: "/put/7?note=n",
      json: { name: "Rex", age: 3, id: "no" },
      expect: { status: 201, json: { name: "Rex", age: 3, tags: ["7", "n"] } },
    },
    {
      name: "arguments beside the whole body are not looked for in it",
      method: "PUT",
      path: "/put/7",
      json: { name: "Rex", note: "from the body" },
      expect: { status: 201, json: { name: "Rex", age: 0, tags: ["7", ""] } },
    },
    {
      name: "a whole body that is missing is 400",
      method: "PUT",
      path: "/put/7",
      expect: { status: 400, error: /body/ },
    },
    {
      name: "a whole body of the wrong kind is 400",
      method: "PUT",
      path: "/put/7",
      body: "[1,2]",
      expect: { status: 400, error: /httpRequestBody/ },
    },
    {
      name: "a body of bytes is taken as it is, or as JSON when it says so",
      path: "/upload",
      ...body("application/json", '"aGk="'),
      expect: { json: "aWg=" },
    },
    {
      name: "a body of bytes without a type is taken as it is",
      path: "/upload",
      ...body("application/octet-stream", "hi"),
      expect: { json: "aWg=" },
    },
    {
      name: "a list that is the whole body is a list when it is empty",
      path: "/list",
      expect: { text: "[]" },
    },
    {
      name: "a function chooses the status of its answer",
      path: "/created?code=202",
      expect: { status: 202, json: { note: "noted" } },
    },
    { name: "204 has no body", path: "/created?code=204", expect: { status: 204, text: "" } },
    { name: "a status that is none is 500", path: "/created?code=99", expect: { status: 500 } },
  ]);
});

describe("routes", () => {
  const hit = (text) => ({ json: { hit: text } });
  behaviours(host, [
    { name: "a literal goes before an argument", path: "/route/fixed", expect: hit("fixed") },
    { name: "an argument goes before the rest", path: "/route/x", expect: hit("argument x") },
    {
      name: "a literal behind an argument goes before the rest",
      path: "/route/x/fixed",
      expect: hit("deep x"),
    },
    { name: "the rest takes what is left", path: "/route/x/y/z", expect: hit("greedy x/y/z") },
    {
      name: "an empty argument is none, but may be the rest",
      path: "/route/",
      expect: hit("greedy "),
    },
    { name: "a method goes before any method", path: "/verb", expect: hit("get") },
    { name: "any method takes the others", method: "POST", path: "/verb", expect: hit("any") },
    {
      name: "methods that nobody knows are taken, too",
      method: "PURGE",
      path: "/verb",
      expect: hit("any"),
    },
    {
      name: "a method goes before any method where there are arguments",
      path: "/verb/1",
      expect: hit("get 1"),
    },
    {
      name: "any method takes the others where there are arguments",
      method: "DELETE",
      path: "/verb/1",
      expect: hit("any 1"),
    },
    {
      name: "a port goes before any port",
      host: "probe.example:1234",
      path: "/port",
      expect: hit("named"),
    },
    {
      name: "any port takes the others",
      host: "probe.example:8088",
      path: "/port",
      expect: hit("any"),
    },
    { name: "any port takes 443", path: "/port", expect: hit("any") },
    {
      name: "443 is the usual port",
      host: "probe.example:443",
      path: "/sum?x=1",
      expect: { json: { sum: 1 } },
    },
    {
      name: "what is on 443 is not on another port",
      host: "probe.example:1234",
      path: "/sum",
      expect: { status: 404 },
    },
    {
      name: "paths have their case",
      path: "/Sum",
      expect: { status: 404, error: /probe\.example has nothing at/ },
    },
    {
      name: "hosts have none",
      host: "PROBE.Example",
      path: "/sum?x=1",
      expect: { json: { sum: 1 } },
    },
    {
      name: "hosts with a port have none either",
      host: "Probe.EXAMPLE:443",
      path: "/load/K",
      expect: { json: { found: "K" } },
    },
    { name: "a slash at the end counts", path: "/sum/", expect: { status: 404 } },
    {
      name: "a slash at the end counts behind an argument, too",
      path: "/load/a/",
      expect: { status: 404 },
    },
    {
      name: "a path that is longer than all routes is nowhere",
      path: "/load/a/b",
      expect: { status: 404 },
    },
    {
      name: "a method that is not declared is 405",
      path: "/only",
      expect: { status: 405, error: /GET is not allowed/ },
    },
    {
      name: "a method that is not declared is 405 where there are arguments",
      path: "/only/1",
      expect: { status: 405 },
    },
    {
      name: "HEAD is GET without the body",
      method: "HEAD",
      path: "/readable",
      expect: { text: "" },
    },
    { name: "HEAD is not POST", method: "HEAD", path: "/only", expect: { status: 405 } },
    {
      name: "another host is answered for, too",
      host: "other.example",
      path: "/hello",
      expect: hit("other"),
    },
    {
      name: "another host has arguments and ports",
      host: "OTHER.example:1234",
      path: "/hello/7",
      expect: hit("other 7"),
    },
    {
      name: "what is at another host is not at the service's own",
      path: "/hello",
      expect: { status: 404 },
    },
    {
      name: "what is at the service's own host is not at the other",
      host: "other.example",
      path: "/sum",
      expect: { status: 404 },
    },
  ]);

  it("405 says from outside what is allowed", async () => {
    const allowed = async (path) =>
      (await call(host.url, `/probe.example${path}`, { method: "DELETE" })).headers.allow;
    assert.equal(await allowed("/only"), "POST");
    assert.equal(await allowed("/only/1"), "PATCH");
    assert.equal(await allowed("/readable"), "GET, HEAD");
  });

  it("//root is the front page of the host", async () => {
    assert.equal((await call(host.url, "/")).text, "the front page");
    assert.equal((await call(host.url, "/?a=b")).text, "the front page");
    assert.equal((await call(host.url, "/root")).text, "the front page");
    assert.equal((await call(host.url, "/root/")).text, "the front page");
  });

  it("a host that nobody has is nowhere", async () => {
    assert.equal((await call(host.url, "/nobody.example/sum")).status, 404);
  });
});

describe("webs", () => {
  behaviours(host, [
    {
      name: "a web handler has the request",
      method: "PATCH",
      path: "/mirror/a%20b/c/d%2Fe?q=1&r=%C3%BC",
      ...body("text/plain", "hello"),
      expect: {
        json: {
          method: "PATCH",
          args: { first: "a b", rest: "c/d/e" },
          query: { q: "1", r: "ü" },
          body: "hello",
          length: 5,
          type: "text/plain",
        },
      },
    },
    {
      name: "a web handler has the header fields",
      path: "/mirror/a/b",
      headers: { "x-mine": "yes" },
      expect: { match: /"mine":\s*"yes"/ },
    },
    {
      name: "a web handler gives status, fields and body",
      path: "/page",
      expect: {
        status: 203,
        text: "<p>one, two</p>",
        headers: { "content-type": "text/html; charset=utf-8", "x-page": "one" },
      },
    },
    {
      name: "HEAD of a web handler has its fields and no body",
      method: "HEAD",
      path: "/page",
      expect: { status: 203, text: "", headers: { "x-page": "one" } },
    },
    {
      name: "a body may be any bytes",
      path: "/bytes",
      expect: { text: "\0\x01\ufffd\n", headers: { "content-type": "application/octet-stream" } },
    },
    {
      name: "a status of the handler's own is an answer like others",
      path: "/teapot",
      expect: { status: 418, json: { error: "short and stout" } },
    },
  ]);
});

describe("what handlers do", () => {
  const lua = probe["service.lua"];
  const names = lua.slice(lua.indexOf("local TRIES"), lua.indexOf("function svc.Try"));
  for (const [, what] of names.matchAll(/^ {2}(\w+) = function/gm))
    it(`has the same outcome both ways: ${what}`, async () => {
      const sent = { method: "POST", path: `/try?what=${what}`, headers: { "x-mine": "1" } };
      const form = what === "form" && FORM;
      const b = { ...sent, headers: { ...sent.headers, ...form }, body: form ? "a=b" : '{"a":1}' };
      const outside = await fromOutside(host, b);
      const bus = await overBus(host, b);
      assert.equal(outside.status, 200, outside.text);
      const [one, other] = [outside.headers["x-result"], bus.headers["x-result"]];
      assert.match(one, /^(true|false)/);
      if (one.startsWith("true")) assert.equal(other, one);
      else assert.match(other, /^false \| ./, one); // the words may be others
    });

  it("several cookies stay several, and another field is replaced", async () => {
    for (const way of [fromOutside, overBus]) {
      const { headers } = await way(host, { path: "/cookies" });
      assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
      assert.equal(headers["x-one"], "2");
    }
  });
});

describe("errors", () => {
  behaviours(host, [
    ...[400, 401, 403, 404, 409, 418, 429].map((status) => ({
      name: `the text of a ${status} is the caller's to see`,
      path: `/refuse?status=${status}&message=as+asked`,
      expect: { status, error: /^as asked$/ },
    })),
    {
      name: "an error of a status that is none is 500",
      path: "/refuse?status=200&message=x",
      expect: { status: 500 },
    },
    {
      name: "what is declared and has no code is 501",
      path: "/missing",
      expect: { status: 501, error: /^Missing is declared but has no code$/ },
    },
    {
      name: "a web that has no code is 501",
      path: "/missing-page",
      expect: { status: 501, error: /^MissingPage is declared but has no code$/ },
    },
  ]);
});
