// services/examples, called from outside: what each of them is there to show.
import assert from "node:assert/strict";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { after, call, it, startHost, upstream, waitFor } from "./lib/spec.mjs";

const examples = fileURLToPath(new URL("../../services/examples", import.meta.url));
const host = await startHost({ after }, { services: { examples } });

const get = (target, options) => call(host.url, target, options);

/** Sends what a form would. */
const submit = (target, fields) =>
  get(target, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: String(new URLSearchParams(fields)),
  });

it("helloworld: says hello to the world", async () => {
  assert.match((await get("/helloworld.example/hello-world")).text, /Hello, World!/);
});

it("hello: greets, echoes, and lists who is there", async () => {
  assert.equal((await get("/hello.example/hello?name=Ada")).text, "Hello, Ada!\n");
  const echo = await get("/hello.example/echo?arg=12345", { headers: { "X-Location": "CA" } });
  assert.match(echo.text, /^GET \/hello\.example\/echo\?arg=12345 HTTP\/1\.1\r\nHost: /);
  assert.match(echo.text, /\r\nX-Location: CA\r\n/);
  const ping = await get("/hello.example/ping");
  for (const name of ["hello.example", "calculator.example", "user-svc"])
    assert.match(ping.text, new RegExp(`^[0-9a-v]{10}\\.${name}\r$`, "m"));
});

it("hello: a page has another service do the arithmetic", async () => {
  const form = await submit("/hello.example/calculator", { x: 500, op: "+", y: 580 });
  assert.match(form.text, /<td id="result">1080<\/td>/);
  const zero = await get("/hello.example/calculator?x=5&op=/&y=0");
  assert.match(zero.text, /<td id="result">division by zero<\/td>/);
});

it("hello: serves a picture once, and speaks the reader's language", async () => {
  const picture = await get("/hello.example/bus.png");
  assert.equal(picture.headers["content-type"], "image/png");
  const again = await get("/hello.example/bus.png", {
    headers: { "If-None-Match": picture.headers.etag },
  });
  assert.equal(again.status, 304);
  for (const [language, text] of [
    ["en-NZ", "Hello"],
    ["it", "Salve"],
    ["tlh, sv;q=0.5, de;q=0.8", "Guten Tag"],
  ])
    assert.equal(
      (await get("/hello.example/localization", { headers: { "Accept-Language": language } })).text,
      text,
    );
});

it("hello: stands at the root of the site", async () => {
  assert.match((await get("/")).text, /<h1>Moonbus<\/h1>/);
});

it("calculator: takes arguments from the query and from a body", async () => {
  const sum = await get("/calculator.example/arithmetic?x=3&op=%2B&y=4");
  assert.deepEqual(sum.json, { xEcho: 3, opEcho: "+", yEcho: 4, result: 7 });
  const distance = await get("/calculator.example/distance", {
    json: { p1: { x: 0, y: 0 }, p2: { x: 3, y: 4 } },
  });
  assert.deepEqual(distance.json, { d: 5 });
  const refused = await get("/calculator.example/arithmetic?x=15&op=z&y=0");
  assert.equal(refused.status, 400);
  assert.match(refused.text, /invalid operator 'z'/);
});

it("messaging: the one replica is whoever answers", async () => {
  const home = await get("/messaging.example/home");
  const [, id] = /^Processed by: ([0-9a-v]{10})\n/.exec(home.text);
  assert.equal(home.text.match(new RegExp(`^DefaultQueue ${id}$`, "gm")).length, 2);
  assert.equal(home.text.match(new RegExp(`^NoQueue ${id}$`, "gm")).length, 2);
});

it("messaging: what is stored can be loaded", async () => {
  const load = () => get("/messaging.example/cache-load?key=color");
  assert.match((await load()).text, /found: no\n/);
  await get("/messaging.example/cache-store?key=color&value=red");
  assert.match((await load()).text, /found: yes\nvalue: red\n/);
  assert.equal((await get("/messaging.example/cache-load")).status, 400);
});

it("eventsource and eventsink: who registers is asked about, and remembered", async () => {
  const register = (email) => get(`/eventsource.example/register?email=${email}`);
  assert.deepEqual((await register("nancy@hotmail.com")).json, { allowed: false });
  assert.deepEqual((await register("Maria@Example.com")).json, { allowed: true });
  await waitFor(
    async () => (await get("/eventsink.example/registered")).json.emails.length > 0,
    "the registration to be heard of",
  );
  assert.deepEqual((await get("/eventsink.example/registered")).json, {
    emails: ["maria@example.com"],
  });
});

it("directory: creates, finds, updates and deletes persons", async () => {
  const persons = "/directory.example/persons";
  const ada = {
    birthday: "1815-12-10T00:00:00Z",
    email: "Ada@example.com",
    firstName: "Ada",
    lastName: "Lovelace",
  };
  const { key } = (await get(persons, { json: ada })).json;
  assert.deepEqual((await get(`${persons}/key/${key}`)).json, { ...ada, key });
  assert.deepEqual((await get(`${persons}/email/ada@EXAMPLE.com`)).json, { ...ada, key });
  assert.deepEqual((await get(persons)).json, [key]);

  const twin = await get(persons, { json: { ...ada, email: "ada@example.com" } });
  assert.equal(twin.status, 400);
  assert.match(twin.text, /Duplicate key/);

  const married = { ...ada, lastName: "King" };
  assert.equal((await get(`${persons}/key/${key}`, { method: "PUT", json: married })).status, 200);
  const page = await submit("/directory.example/web-ui", {
    method: "GET",
    path: `/persons/key/${key}`,
    body: "",
  });
  assert.match(page.text, /<b id="status">200<\/b>/);
  assert.match(page.text, /King/);

  assert.equal((await get(`${persons}/key/${key}`, { method: "DELETE" })).status, 200);
  assert.equal((await get(`${persons}/key/${key}`)).status, 404);
  assert.deepEqual((await get(persons)).json, []);
});

it("directory: a name with any number of blanks inside is too long, and not an error of the service", async () => {
  const json = { firstName: `A${" ".repeat(30_000)}a`, lastName: "L", email: "a@example.com" };
  const answer = await get("/directory.example/persons", { json });
  assert.equal(answer.status, 400, answer.text);
  assert.match(answer.text, /no more than 254 bytes/);
});

it("directory: persons created at the same time get keys of their own", async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      get("/directory.example/persons", {
        json: { firstName: "P", lastName: String(i), email: `p${i}@example.com` },
      }),
    ),
  );
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
  assert.equal(new Set(answers.map((answer) => answer.json.key)).size, 40);
});

it("browser: shows the source of a page, and why there is none", async (t) => {
  const server = await upstream(t);
  const page = await get(`/browser.example/browse?url=${encodeURIComponent(server.url)}`);
  assert.equal(page.status, 200);
  assert.equal(server.requests.length, 1);
  const nothing = await get("/browser.example/browse?url=gopher://example.com");
  assert.match(nothing.text, /<pre>[^<]+<\/pre>/);
  assert.equal((await get("/browser.example/openapi.json")).status, 404);
});
