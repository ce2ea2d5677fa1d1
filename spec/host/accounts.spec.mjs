// user-svc on the wire: accounts, tokens, permits. What existing clients rely on.
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { gzipSync } from "node:zlib";

import jwt from "jsonwebtoken";

import { after, call, it, login, proxied, register, startHost, upstream } from "./lib/spec.mjs";

const host = await startHost({ after });
const post = (path, json, token, on = host) =>
  call(on.url, `/user-svc${path}`, { method: "POST", json, token });
const claimsOf = (token) => jwt.decode(token);
const sleepPast = (exp) =>
  new Promise((resolve) => setTimeout(resolve, exp * 1000 - Date.now() + 50));

/** An answer is this status with exactly this body. */
function assertError(answer, status, text) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.text.trim(), JSON.stringify({ error: text }).replace('":"', '": "'));
  assert.match(answer.headers["content-type"], /^application\/json/);
}

it("registering answers with a token whose shape clients decode", async () => {
  const { status, json, headers } = await post("/register", {
    appHost: "unnamed",
    slug: "alice",
    name: "Alice",
    password: "correct horse",
  });
  assert.equal(status, 200);
  assert.match(headers["content-type"], /^application\/json/);
  const { token } = json;
  const known = [
    "internalId",
    "appId",
    "id",
    "createdAt",
    "updatedAt",
    "deletedAt",
    "userId",
    "token",
    "device",
    "lastRefreshedAt",
    "expiresAt",
    "active",
    "app",
  ];
  for (const key of Object.keys(token)) assert.ok(known.includes(key), `unknown key ${key}`);
  assert.match(token.id, /^tok-[0-9A-Za-z]+$/);
  assert.match(token.userId, /^usr-[0-9A-Za-z]+$/);
  assert.equal(token.updatedAt, "0001-01-01T00:00:00Z");
  assert.equal(token.device, "unknown");
  assert.deepEqual(Object.keys(token.app).sort(), ["host", "id"]);
  assert.equal(token.app.host, "unnamed");
  assert.equal(token.app.id, token.appId);

  const [header] = token.token.split(".");
  assert.equal(Buffer.from(header, "base64url").toString(), '{"alg":"RS256","typ":"JWT"}');
  const claims = claimsOf(token.token);
  assert.deepEqual(Object.keys(claims), ["1ui", "1ai", "1sl", "1ro", "1de", "exp", "iat", "jti"]);
  assert.equal(claims["1sl"], "alice");
  assert.deepEqual(claims["1ro"], ["user-svc:user"]);
  assert.ok(Math.abs(claims.exp - Date.now() / 1000 - 300) < 5);
  assert.equal(claims.exp, Math.floor(Date.parse(token.expiresAt) / 1000));
});

it("tokens verify with the public key, which is an RSA key in PEM", async () => {
  const { json } = await call(host.url, "/user-svc/public-key");
  assert.match(json.publicKey, /^-----BEGIN PUBLIC KEY-----\n[^]*-----END PUBLIC KEY-----\n$/);
  assert.equal(createPublicKey(json.publicKey).asymmetricKeyType, "rsa");
  jwt.verify(await login(host), json.publicKey, { algorithms: ["RS256"] });
});

it("a second login returns the very same token; another device gets its own", async () => {
  await register(host, "bella", "pw of bella");
  const body = { appHost: "unnamed", slug: "bella", password: "pw of bella" };
  const [first, second, phone] = [
    await post("/login", body),
    await post("/login", body),
    await post("/login", { ...body, device: "phone" }),
  ];
  assert.equal(first.json.token.id, second.json.token.id);
  assert.equal(first.json.token.token, second.json.token.token);
  assert.notEqual(phone.json.token.id, first.json.token.id);
  assert.equal(claimsOf(phone.json.token.token)["1de"], "phone");
});

it("wrong credentials are refused, alike for known and unknown accounts", async () => {
  await register(host, "carol", "pw of carol");
  assertError(
    await post("/login", { appHost: "unnamed", slug: "carol", password: "no" }),
    401,
    "Invalid Password",
  );
  for (const body of [
    { appHost: "unnamed", slug: "nobody-here", password: "x" },
    { appHost: "unnamed", slug: "carol", password: "" },
    { appHost: "unnamed", slug: "carol" },
    { appHost: "unnamed", password: "x" },
  ])
    assert.ok((await post("/login", body)).status >= 400, JSON.stringify(body));
});

it("bad registrations say what is wrong", async () => {
  assertError(await post("/register", { appHost: "unnamed", password: "x" }), 400, "Slug missing");
  for (const slug of ["Bad_Slug", "UPPER", "-a", "a-", "a b", "a_b", "a.b", "ä"])
    assertError(
      await post("/register", { appHost: "unnamed", slug, password: "x" }),
      400,
      "Slug must be lowercase and can only contain letters, numbers, and dashes",
    );
  await register(host, "taken");
  assert.ok(
    (await post("/register", { appHost: "unnamed", slug: "taken", password: "x" })).status >= 400,
  );
  assert.ok(
    (await post("/register", { appHost: "test.app", slug: "taken", password: "x" })).status >= 400,
  );
});

it("a register without a password yields a token and no way to log in", async () => {
  assert.equal((await post("/register", { appHost: "unnamed", slug: "dora" })).status, 200);
  assert.ok(
    (await post("/login", { appHost: "unnamed", slug: "dora", password: "" })).status >= 400,
  );
});

it("of 20 registrations of one slug at once exactly one wins", async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      post("/register", { appHost: "unnamed", slug: "rush", password: `pw-${i}` }),
    ),
  );
  const winners = answers.flatMap((answer, i) => (answer.status === 200 ? [i] : []));
  assert.equal(winners.length, 1);
  await login(host, "rush", `pw-${winners[0]}`);
});

it("an account reads itself", async () => {
  const token = await register(host, "erin", "pw", "Erin");
  for (const options of [{ method: "POST" }, { method: "POST", body: "null\n" }, { json: {} }]) {
    const { status, json } = await call(host.url, "/user-svc/self", { ...options, token });
    assert.equal(status, 200);
    assert.equal(json.user.slug, "erin");
    assert.equal(json.user.name, "Erin");
    assert.deepEqual(json.roles, ["user-svc:user"]);
    assert.equal(json.tokenCount, 0);
  }
  assert.equal((await post("/self", { countTokens: true }, token)).json.tokenCount, 1);
  assert.ok((await post("/self", {})).status >= 400);
});

it("a token that is none, or not ours, is 401 before any service sees it", async () => {
  const good = await login(host);
  const [header, payload, signature] = good.split(".");
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
  const { publicKey } = (await call(host.url, "/user-svc/public-key")).json;
  const hmac = jwt.sign({ ...claimsOf(good), "1ro": ["user-svc:admin"] }, publicKey, {
    algorithm: "HS256",
    allowInvalidAsymmetricKeyTypes: true,
    allowInsecureKeySizes: true,
  });
  const forged = Buffer.from(JSON.stringify({ ...claimsOf(good), "1sl": "other" })).toString(
    "base64url",
  );
  const bad = [
    "nonsense",
    "a.b",
    "a.b.c.d",
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${none}.${payload}.`,
    `${header}.${forged}.${signature}`,
    `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
    hmac,
    `${header}.${payload}.${"A".repeat(signature.length)}`,
  ];
  for (const token of bad) {
    const answer = await post("/self", {}, token);
    assert.equal(answer.status, 401, token);
    assert.match(answer.text, /^\{"error": "Unauthorized/);
  }
});

it("permission checks answer 200 with yes or no, and 422 without a token", async () => {
  const token = await register(host, "fred");
  const path = (permission) => `/self/has/${permission}`;
  const mine = await post(path("user-svc:user:password-change"), undefined, token);
  assert.equal(mine.status, 200);
  assert.equal(mine.json.authorized, true);
  assert.deepEqual(Object.keys(mine.json).sort(), ["app", "appId", "authorized", "until", "user"]);
  assert.equal(Date.parse(mine.json.until) / 1000, claimsOf(token).exp);
  assert.equal((await post(path("user-svc:user:create"), undefined, token)).json.authorized, false);
  assert.equal(
    (await post(path("user-svc%3Auser%3Acreate"), undefined, await login(host))).json.authorized,
    true,
  );
  assertError(await post(path("x"), undefined), 422, "No Auth Header");
  const bare = await call(host.url, "/user-svc/self/has/x", {
    method: "POST",
    headers: { Authorization: "Bearer " },
  });
  assertError(bare, 422, "No Auth Header");
});

it("permits an account saves for itself work at once, others' are refused", async () => {
  const owner = await register(host, "perm-svc");
  const user = await register(host, "perm-user");
  const put = (token, permits) =>
    call(host.url, "/user-svc/permits", { method: "PUT", token, json: { permits } });
  const allowed = async () =>
    (await post("/self/has/perm-svc:pet:edit", undefined, user)).json.authorized;
  assert.equal(await allowed(), false);
  const saved = await put(owner, [{ permission: "perm-svc:pet:edit", slugs: ["perm-user"] }]);
  assert.equal(saved.status, 200);
  assert.deepEqual(saved.json, {});
  assert.equal(await allowed(), true);
  assert.equal(
    (await put(owner, [{ permission: "other-svc:pet:edit", slugs: ["perm-user"] }])).status,
    401,
  );
  assert.equal(
    (await put(user, [{ permission: "user-svc:user:create", roles: ["user-svc:user"] }])).status,
    401,
  );
  assert.equal((await post("/permits", {}, user)).status, 401);
  const { json } = await post("/permits", { permission: "perm-svc:pet:edit" }, await login(host));
  assert.equal(json.permits.length, 1);
  assert.deepEqual(json.permits[0].slugs, ["perm-user"]);
});

it("an equal stored permit is not stored again", async () => {
  const token = await register(host, "twice-svc");
  const permits = [{ permission: "twice-svc:a", roles: ["r"] }];
  for (let i = 0; i < 3; i++)
    await call(host.url, "/user-svc/permits", { method: "PUT", token, json: { permits } });
  const { json } = await post("/permits", { permission: "twice-svc:a" }, await login(host));
  assert.equal(json.permits.length, 1);
});

it("a password changes with the old one only", async () => {
  const token = await register(host, "gina", "first password");
  const change = (currentPassword, newPassword) =>
    post("/change-password", { currentPassword, newPassword }, token);
  assert.ok((await change("wrong", "second password")).status >= 400);
  assert.ok((await change("", "second password")).status >= 400);
  assert.deepEqual((await change("first password", "second password")).json, {});
  assert.equal(
    (await post("/login", { appHost: "unnamed", slug: "gina", password: "first password" })).status,
    401,
  );
  await login(host, "gina", "second password");
});

it("users are listed for admins only", async () => {
  const token = await register(host, "hugo", "pw", "Hugo");
  assert.equal((await post("/users", {}, token)).status, 401);
  const admin = await login(host);
  const { json } = await post("/users", { search: "hugo", count: true }, admin);
  assert.equal(json.count, 1);
  assert.equal(json.users[0].slug, "hugo");
  assert.equal(json.after, "0001-01-01T00:00:00Z");
  assert.equal((await post("/users", { search: "no-such-slug" }, admin)).json.users, undefined);
  const all = await post("/users", { limit: 3, count: true }, admin);
  assert.equal(all.json.users.length, 3);
  assert.ok(all.json.count > 3);
  for (const order of ["asc", "desc"]) {
    const { json } = await post("/users", { order, orderBy: "createdAt", limit: 100 }, admin);
    const times = json.users.map(({ createdAt }) => Date.parse(createdAt));
    const sorted = [...times].sort((a, b) => (order === "asc" ? a - b : b - a));
    assert.deepEqual(times, sorted);
  }
});

it("API routes carry CORS fields, and OPTIONS ends there", async () => {
  const preflight = await call(host.url, "/user-svc/login", {
    method: "OPTIONS",
    headers: { Origin: "http://a.b" },
  });
  assert.equal(preflight.status, 200);
  assert.equal(preflight.text, "");
  assert.equal(preflight.headers["access-control-allow-origin"], "http://a.b");
  assert.match(preflight.headers["access-control-allow-methods"], /PUT/);
  assert.match(preflight.headers["access-control-allow-headers"], /Authorization/);
  assert.match(preflight.headers.vary, /Origin/);
  const answer = await call(host.url, "/user-svc/public-key");
  assert.equal(answer.headers["access-control-allow-origin"], "*");
});

it("what no API route takes is nobody's", async () => {
  const cases = [
    ["GET", "/user-svc/login"],
    ["POST", "/user-svc/login/"],
    ["POST", "/user-svc/no-such-thing"],
    ["GET", "/user-svc"],
    ["DELETE", "/user-svc/public-key"],
  ];
  for (const [method, path] of cases) {
    const answer = await call(host.url, path, { method });
    assert.equal(answer.status, 404, `${method} ${path}`);
    assert.equal(answer.text.trim(), "no instances found");
  }
});

it("an expired token is renewed on the way, for the platform and for services behind it", async (t) => {
  const short = await startHost(t, { env: { OB_TOKEN_EXPIRATION: "1s" } });
  const token = await register(short, "ivy", "pw");
  const server = await upstream(t);
  const { path } = await proxied(short, server.url);
  const claims = claimsOf(token);
  await sleepPast(claims.exp);
  assert.equal((await post("/self", {}, token, short)).json.user.slug, "ivy");
  const { json } = await call(short.url, path, { token });
  const forwarded = json.headers.authorization.replace(/^Bearer /, "");
  assert.notEqual(forwarded, token);
  assert.equal(claimsOf(forwarded)["1sl"], "ivy");
  assert.ok(claimsOf(forwarded).exp > claims.exp);
  const again = await post(
    "/login",
    { appHost: "unnamed", slug: "ivy", password: "pw" },
    undefined,
    short,
  );
  assert.ok(Date.parse(again.json.token.expiresAt) > Date.now() + 300);
});

it("with automatic refresh off an expired token is refused", async (t) => {
  const short = await startHost(t, {
    env: { OB_TOKEN_EXPIRATION: "1s", OB_TOKEN_AUTO_REFRESH_OFF: "true" },
  });
  const token = await register(short, "jack", "pw");
  await sleepPast(claimsOf(token).exp);
  assert.ok((await post("/self", {}, token, short)).status >= 400);
  const fresh = await post("/refresh-token", undefined, token, short);
  assert.equal(fresh.status, 200);
  assert.ok(claimsOf(fresh.json.token.token).exp > claimsOf(token).exp);
  assert.equal((await post("/self", {}, fresh.json.token.token, short)).status, 200);
});

it("a refreshed token lives longer, and old rows do not pile up", async (t) => {
  const short = await startHost(t, { env: { OB_TOKEN_EXPIRATION: "1s" } });
  let token = await register(short, "kate", "pw");
  const first = token;
  for (let i = 0; i < 5; i++) {
    await sleepPast(claimsOf(token).exp);
    const { status, json } = await post("/refresh-token", undefined, token, short);
    assert.equal(status, 200);
    assert.ok(claimsOf(json.token.token).exp > claimsOf(token).exp);
    token = json.token.token;
  }
  const { json } = await post("/self", { countTokens: true }, token, short);
  assert.ok(json.tokenCount <= 3, `${json.tokenCount} rows`);
  assert.notEqual(token, first);
  assert.equal((await post("/refresh-token", undefined)).status, 401);
});

it("holders of one account do not throw each other out", async (t) => {
  const short = await startHost(t, { env: { OB_TOKEN_EXPIRATION: "1s" } });
  const oldest = await register(short, "shared", "pw");
  await sleepPast(claimsOf(oldest).exp);
  let newest = (await post("/refresh-token", undefined, oldest, short)).json.token.token;
  for (let round = 0; round < 4; round++) {
    await sleepPast(claimsOf(newest).exp);
    // One goes on with the token it began with, the other always with its newest.
    assert.equal((await post("/self", {}, oldest, short)).status, 200, `round ${round}`);
    const answer = await post("/refresh-token", undefined, newest, short);
    assert.equal(answer.status, 200, `round ${round}`);
    newest = answer.json.token.token;
  }
});

it("every token that an account got leads to a good one", async (t) => {
  const short = await startHost(t, { env: { OB_TOKEN_EXPIRATION: "1s" } });
  const tokens = [await register(short, "often", "pw")];
  for (let i = 0; i < 2; i++) {
    await sleepPast(claimsOf(tokens.at(-1)).exp);
    tokens.push(await login(short, "often", "pw"));
  }
  await sleepPast(claimsOf(tokens.at(-1)).exp);
  for (const token of tokens) assert.equal((await post("/self", {}, token, short)).status, 200);
});

it("with automatic refresh off a service decides about any token", async (t) => {
  const off = await startHost(t, { env: { OB_TOKEN_AUTO_REFRESH_OFF: "true" } });
  const server = await upstream(t);
  const { path } = await proxied(off, server.url);
  const answer = await call(off.url, path, { token: "junk" });
  assert.equal(answer.status, 200);
  assert.equal(answer.json.headers.authorization, "Bearer junk");
  assert.equal((await post("/self", {}, "junk", off)).status, 401);
});

it("nobody takes a permit that is not theirs, whatever its id", async () => {
  const admin = await login(host);
  const thief = await register(host, "thief");
  const { permits } = (await post("/permits", {}, admin)).json;
  const view = permits.find(({ permission }) => permission === "registry-svc:instance:view");
  const mine = { id: view.id, permission: "thief:steal", slugs: ["thief"] };
  const save = (json, token) => call(host.url, "/user-svc/permits", { method: "PUT", json, token });
  assert.equal((await save({ permits: [mine] }, thief)).status, 401);
  const after = (await post("/permits", {}, admin)).json.permits;
  assert.deepEqual(
    after.find(({ id }) => id === view.id),
    view,
  );
  assert.equal((await save({ permits: [null] }, thief)).status, 401);
});

it("of equal permits saved at once one is stored", async () => {
  const token = await register(host, "eager");
  const json = { permits: [{ permission: "eager:do", slugs: ["eager"] }] };
  const save = () => call(host.url, "/user-svc/permits", { method: "PUT", json, token });
  for (const answer of await Promise.all(Array.from({ length: 8 }, save)))
    assert.equal(answer.status, 200, answer.text);
  const listed = await post("/permits", { permission: "eager:do" }, await login(host));
  assert.equal(listed.json.permits.length, 1);
});

it("of password changes at once with one old password one counts", async () => {
  const token = await register(host, "hasty", "first");
  const change = (i) =>
    post("/change-password", { currentPassword: "first", newPassword: `next ${i}` }, token);
  const answers = await Promise.all(Array.from({ length: 5 }, (_, i) => change(i)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401, 401, 401]);
  const won = answers.findIndex(({ status }) => status === 200);
  await login(host, "hasty", `next ${won}`);
});

it("pages of users begin strictly behind a time, however it is written", async () => {
  const admin = await login(host);
  for (const slug of ["page-a", "page-b", "page-c"]) await register(host, slug);
  const list = (more) => post("/users", { order: "asc", limit: 1000, ...more }, admin);
  const slugs = ({ json }) =>
    (json.users ?? []).map(({ slug }) => slug).filter((s) => /^page-/.test(s));
  const all = (await list({})).json.users;
  const at = all.find(({ slug }) => slug === "page-a").createdAt;
  assert.deepEqual(slugs(await list({ afterTime: at })), ["page-b", "page-c"]);
  const local = (hours) => {
    const moved = new Date(Date.parse(at) + hours * 3600e3).toISOString().slice(0, 19);
    const fraction = at.slice(19, -1);
    const sign = hours < 0 ? "-" : "+";
    return `${moved}${fraction}${sign}${String(Math.abs(hours)).padStart(2, "0")}:00`;
  };
  for (const hours of [2, -5])
    assert.deepEqual(slugs(await list({ afterTime: local(hours) })), ["page-b", "page-c"]);
  const second = `${at.slice(0, 19)}Z`;
  assert.ok(slugs(await list({ afterTime: second })).includes("page-a"), "later in that second");
  for (const afterTime of ["garbage", "5", "2026-13-45T99:99:99Z"])
    assertError(await list({ afterTime }), 400, "Invalid JSON");
});

it("text that cannot be kept is the client's fault", async () => {
  const json = { appHost: "unnamed", slug: "zero", password: "p", name: "a\0b" };
  assert.equal((await post("/register", json)).status, 400);
  assert.equal((await post("/login", { ...json, device: "a\0b" })).status >= 400, true);
});

it("an endpoint that takes nothing from a body does not read it", async () => {
  const token = await register(host, "bodiless");
  const has = (body) => call(host.url, "/user-svc/self/has/x", { method: "POST", body, token });
  for (const body of ["{{{", "[1]", "", '{"permission":"y"}'])
    assert.equal((await has(body)).status, 200, body);
});

it("a compressed request is understood, a broken one is 400, an unknown coding 415", async () => {
  const text = JSON.stringify({ appHost: "unnamed", slug: "zipped", password: "p" });
  const send = (body, coding) =>
    call(host.url, "/user-svc/register", {
      method: "POST",
      body,
      headers: { "Content-Encoding": coding },
    });
  const whole = gzipSync(text);
  assert.equal((await send(whole.subarray(0, whole.length - 4), "gzip")).status, 400);
  assert.equal((await send(Buffer.from("no gzip"), "gzip")).status, 400);
  assert.equal((await send(whole, "br")).status, 415);
  assert.equal((await send(gzipSync(Buffer.alloc(64 << 20, " ")), "gzip")).status, 413);
  assert.equal((await send(whole, "gzip")).status, 200);
  await login(host, "zipped", "p");
});
