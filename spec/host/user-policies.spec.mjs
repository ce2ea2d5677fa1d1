// The policies of accounts: what user-svc refuses, what a token says besides, and what becomes of those who guess. Clients are
// told apart by what a trusted proxy says of them: the spec is that proxy.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import jwt from "jsonwebtoken";

import {
  after,
  call,
  describe,
  it,
  login,
  register,
  runCommand,
  startHost,
  waitFor,
} from "./lib/spec.mjs";

// A page of somebody's own, where people log in: a service that calls for its clients.
const DOOR = {
  "service.yaml": `general:
  host: door.example
  description: A door.
functions:
  - signature: Enter(slug string, password string) (slug2 string)
`,
  "service.lua": `local user = require "services.user.api"
local svc = require "service" (...)

function svc.Enter(ctx, slug, password)
  return user.Login(ctx, { appHost = "unnamed", slug = slug, password = password }).token.userId
end

return svc
`,
};

const TRUSTING = { MOONBUS_TRUSTED_PROXIES: "127.0.0.1", MOONBUS_WORKERS: "2" };
const host = await startHost({ after }, { env: TRUSTING, services: { door: DOOR } });

const from = (address) => (address ? { "X-Forwarded-For": address } : {});
const post = (on, route, json, { token, address } = {}) =>
  call(on.url, `/user-svc${route}`, { method: "POST", json, token, headers: from(address) });
const logIn = (slug, password, address, on = host) =>
  post(on, "/login", { appHost: "unnamed", slug, password }, { address });
const enrol = (slug, password, address, on = host) =>
  post(on, "/register", { appHost: "unnamed", slug, password }, { address });

/** An answer is a refusal for its client's sake, and says when to come back. */
function assertSentOff(answer) {
  assert.equal(answer.status, 429, answer.text);
  assert.match(answer.headers["retry-after"], /^[1-9]\d*$/);
  assert.match(answer.json.error, /try again in \d+ s/);
}

/** Fails to log in until that is not even tried; the statuses on the way. */
async function guessUntilSentOff(slug, address) {
  const statuses = [];
  for (let i = 0; i < 20; i++) {
    const answer = await logIn(slug, `wrong ${i}`, address);
    statuses.push(answer.status);
    if (answer.status !== 401) {
      assertSentOff(answer);
      return statuses;
    }
  }
  assert.fail(`nothing stopped ${address} at ${slug}`);
}

it("outside of test mode a common password is refused wherever one is set", async (t) => {
  const strict = await startHost(t, { test: false });
  const refuse = (answer, why) => {
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json.error, why);
  };
  const good = "kitchen stove window";
  const change = (newPassword, token) =>
    post(strict, "/change-password", { currentPassword: good, newPassword }, { token });
  refuse(await enrol("ada", "P@ssw0rd1", undefined, strict), /guessed first/);
  refuse(await enrol("ada", "short", undefined, strict), /at least 8 characters/);
  refuse(await enrol("ada-lovelace", "AdaLovelace1", undefined, strict), /the slug, the name/);
  refuse(await enrol("ada", "x9".repeat(200), undefined, strict), /at most 256 characters/);

  const token = await register(strict, "ada", good);
  refuse(await change("qwerty123456", token), /guessed first/);
  const admin = await login(strict);
  const { userId } = (await logIn("ada", good, undefined, strict)).json.token;
  const reset = (newPassword, by) =>
    post(strict, `/${userId}/reset-password`, { newPassword }, { token: by });
  refuse(await reset("changeme", admin), /guessed first/);
  assert.equal((await logIn("ada", good, undefined, strict)).status, 200, "nothing has changed");

  assert.ok(
    strict.lines.some((line) => /admin_password is a bad one/.test(line)),
    "the operator's own choice counts, and a warning tells",
  );
});

it("admins give accounts another password, and nobody else does", async () => {
  const token = await register(host, "forgetful", "the first one");
  const { userId } = (await logIn("forgetful", "the first one")).json.token;
  const reset = (id, newPassword, by) =>
    post(host, `/${id}/reset-password`, { newPassword }, { token: by });
  const admin = await login(host);
  assert.equal((await reset(userId, "the second one", token)).status, 401);
  assert.equal((await reset(userId, "the second one")).status, 401);
  assert.equal((await reset(userId, "", admin)).status, 400);
  assert.equal((await reset("usr-nobody", "the second one", admin)).status, 404);
  const answer = await reset(userId, "the second one", admin);
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, {});
  assert.equal((await logIn("forgetful", "the first one")).status, 401);
  assert.equal((await logIn("forgetful", "the second one")).status, 200);
});

it("names of the platform are refused, with the reason: all folders and hosts in the binary", async () => {
  const folder = fileURLToPath(new URL("../../services", import.meta.url));
  const names = new Set(["admin", "root", "api", "deploy-svc", "1backend"]);
  for (const name of fs.readdirSync(folder)) {
    const declaration = path.join(folder, name, "service.yaml");
    if (!fs.existsSync(declaration)) continue;
    names.add(name);
    const [, its] = /^ {2}host: (\S+)$/m.exec(fs.readFileSync(declaration, "utf8"));
    for (const label of its.split(".")) names.add(label);
  }
  assert.ok(names.has("user-svc") && names.has("configurator") && names.has("core"));
  for (const slug of names) {
    const answer = await enrol(slug, "kitchen stove window");
    assert.equal(answer.status, 400, slug);
    assert.equal(answer.json.error, `Slug is reserved: ${slug}`);
  }
});

// Each of these waits a few seconds for delays to grow, on accounts and addresses of its own.
describe("guessing", { concurrency: true }, () => {
  it("who guesses is sent off, and the owner logs in from where they did before", async () => {
    await enrol("target", "the right one", "192.0.2.10");
    const statuses = await guessUntilSentOff("target", "203.0.113.1");
    assert.ok(statuses.length <= 11, `${statuses.length} guesses`);
    assertSentOff(await logIn("target", "the right one", "203.0.113.1"));
    assert.equal((await logIn("target", "the right one", "192.0.2.10")).status, 200);
    assert.equal((await logIn("target", "the right one", "198.51.100.7")).status, 200, "elsewhere");
  });

  it("what a stranger meets is the same whether or not there is such an account", async () => {
    await enrol("real", "the right one", "192.0.2.20");
    const [real, unreal] = await Promise.all([
      guessUntilSentOff("real", "203.0.113.20"),
      guessUntilSentOff("unreal", "203.0.113.21"),
    ]);
    assert.deepEqual(real, unreal);
  });

  it("many addresses that guess at one account do not lock its owner out", async () => {
    await enrol("famous", "the right one", "192.0.2.30");
    const guesses = Array.from({ length: 24 }, (_, i) =>
      logIn("famous", `wrong ${i}`, `203.0.113.${100 + i}`),
    );
    for (const answer of await Promise.all(guesses)) assert.ok([401, 429].includes(answer.status));
    const more = Array.from({ length: 10 }, (_, i) =>
      logIn("famous", `wrong ${i}`, `203.0.113.${200 + i}`),
    );
    assert.equal((await logIn("famous", "the right one", "192.0.2.30")).status, 200);
    await Promise.all(more);
    assert.equal((await logIn("famous", "the right one", "198.51.100.30")).status, 200);
  });

  it("guesses at once are few: the rest is sent off without a look at the password", async () => {
    await enrol("rushed", "the right one", "192.0.2.40");
    const answers = await Promise.all(
      Array.from({ length: 80 }, (_, i) => logIn("rushed", `wrong ${i}`, "203.0.113.40")),
    );
    const looked = answers.filter(({ status }) => status === 401).length;
    assert.ok(looked >= 5 && looked <= 20, `${looked} passwords were looked at`);
    answers.filter(({ status }) => status !== 401).forEach(assertSentOff);
  });

  it("an IPv6 network counts as one address", async () => {
    const statuses = [];
    for (let i = 0; i < 12 && statuses.at(-1) !== 429; i++)
      statuses.push((await logIn("sixty-four", "wrong", `2001:db8:0:1::${i + 1}`)).status);
    assert.equal(statuses.at(-1), 429);
    assert.equal((await logIn("sixty-four", "wrong", "2001:db8:0:2::1")).status, 401);
  });

  it("one account's program may log in many times at once", async () => {
    await enrol("program", "the right one", "192.0.2.50");
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => logIn("program", "the right one", "192.0.2.50")),
    );
    const ids = new Set(
      answers.map(({ status, json }) => (status === 200 ? json.token.id : status)),
    );
    assert.equal(ids.size, 1, [...ids].join());
  });

  it("clients of a service that logs them in are told apart like its own", async () => {
    await enrol("visitor", "the right one", "192.0.2.70");
    const enter = (password, address) =>
      call(host.url, "/door.example/enter", {
        json: { slug: "visitor", password },
        headers: from(address),
      });
    const statuses = [];
    for (let i = 0; i < 12 && statuses.at(-1) !== 429; i++)
      statuses.push((await enter("wrong", "203.0.113.70")).status);
    assert.equal(statuses.at(-1), 429);
    assertSentOff(await enter("the right one", "203.0.113.70"));
    assert.equal((await enter("the right one", "192.0.2.70")).status, 200);
  });

  it("nobody chooses an address: what an untrusted client says of itself does not count", async (t) => {
    const other = await startHost(t);
    const statuses = [];
    for (let i = 0; i < 12 && statuses.at(-1) !== 429; i++)
      statuses.push((await logIn("claimed", "wrong", `203.0.113.${i + 1}`, other)).status);
    assert.equal(statuses.at(-1), 429);
  });

  it("who has a token does not guess the password by changing it", async () => {
    const token = (await enrol("stolen", "the right one", "192.0.2.60")).json.token.token;
    const change = (currentPassword) =>
      post(
        host,
        "/change-password",
        { currentPassword, newPassword: "another one" },
        { token, address: "203.0.113.60" },
      );
    const statuses = [];
    for (let i = 0; i < 12 && statuses.at(-1) !== 429; i++)
      statuses.push((await change("wrong")).status);
    assert.equal(statuses.at(-1), 429);
    assert.equal((await logIn("stolen", "the right one", "192.0.2.60")).status, 200);
  });
});

const POLICIES = `local shipped = require "policy"

return {
  roles = function(account, app)
    if account.slug == "greedy" then
      table.insert(account.roles, "user-svc:admin")
      return { "user-svc:admin", "user-svc:user", "", ("x"):rep(129), "greedy:fine" }
    elseif account.slug == "huge" then
      local roles = {}
      for i = 1, 100 do
        roles[i] = ("r"):rep(120) .. i
      end
      return roles
    elseif account.slug == "broken" then
      error "roles are broken"
    end
    return { "staff:" .. app.host, "device:" .. account.device }
  end,

  claims = function(account, app)
    if account.slug == "greedy" then
      return { exp = 1, ["1ui"] = "usr-other", ["1zz"] = 1, iss = "me", ["a b"] = 1, fine = true }
    elseif account.slug == "huge" then
      return { text = ("x"):rep(3000) }
    elseif account.slug == "odd" then
      local deep = {}
      for _ = 1, 40 do
        deep = { deep }
      end
      return { deep = deep }
    elseif account.slug == "broken" then
      return nil + 1
    end
    return { plan = "gold", quota = { disk = 5 }, who = account.name, mail = (account.contacts[1] or {}).id, app = app.host }
  end,

  slug = function(slug, kind)
    if slug == "boom" then
      error "slugs are broken"
    elseif slug == "proxy-svc" then
      return true
    end
    return shipped.slug(slug, kind)
  end,

  password = function(password, account)
    if password == "boom" then
      error "passwords are broken"
    elseif #password < 4 then
      return nil, account.slug .. " wants a longer one"
    end
    return shipped.password(password, account)
  end,

  login = function(attempt)
    if attempt.device == "boom" then
      error "logins are broken"
    elseif attempt.device == "closed" then
      return nil, "closed on Sundays"
    elseif attempt.device == "later" then
      return false, "not yet", 41.5
    elseif attempt.device == "patient" then
      return 3600
    elseif attempt.device == "quick" then
      return 0.01
    end
    return shipped.login(attempt)
  end,
}
`;

const own = await startHost(
  { after },
  { files: { "policies/user.lua": POLICIES }, env: { OB_TOKEN_EXPIRATION: "2s" } },
);
const key = (await call(own.url, "/user-svc/public-key")).json.publicKey;
const claimsOf = (answer) => {
  assert.equal(answer.status, 200, answer.text);
  return jwt.verify(answer.json.token.token, key, { algorithms: ["RS256"] });
};
const enter = (slug, more) =>
  post(own, "/register", { appHost: "shop", slug, password: "the right one", ...more });
const device = (device, slug = "member") =>
  post(own, "/login", { appHost: "shop", slug, password: "the right one", device });
const told = (text) =>
  waitFor(() => own.lines.some((line) => line.includes(text)), `the log to say: ${text}`);

it("a user's policies add roles and claims to a token, when one registers, logs in and refreshes", async () => {
  const contact = { id: "member@example.com", platform: "email" };
  const expect = (claims, device) => {
    assert.deepEqual(claims["1ro"], ["user-svc:user", "staff:shop", `device:${device}`]);
    const { plan, quota, who, mail, app } = claims;
    assert.deepEqual([plan, quota, who, mail, app], ["gold", { disk: 5 }, "M", contact.id, "shop"]);
  };
  const first = await enter("member", { contact, name: "M" });
  expect(claimsOf(first), "unknown");
  expect(claimsOf(await device("phone")), "phone");
  const { token } = first.json.token;
  const { exp } = jwt.decode(token);
  await new Promise((resolve) => setTimeout(resolve, exp * 1000 - Date.now() + 50));
  const fresh = await post(own, "/refresh-token", undefined, { token });
  assert.ok(claimsOf(fresh).exp > exp);
  expect(claimsOf(fresh), "unknown");
  const self = await post(own, "/self", {}, { token: fresh.json.token.token });
  assert.deepEqual(self.json.roles, ["user-svc:user", "staff:shop", "device:unknown"]);
});

it("a user's policies give neither the platform's roles nor its claims, and the log says so", async () => {
  const claims = claimsOf(await enter("greedy"));
  assert.deepEqual(claims["1ro"], ["user-svc:user", "greedy:fine"]);
  assert.match(claims["1ui"], /^usr-/);
  assert.ok(claims.exp > Date.now() / 1000);
  assert.deepEqual(
    [claims.fine, claims["1zz"], claims.iss, claims["a b"]],
    [true, undefined, undefined, undefined],
  );
  await told("roles that begin with user-svc: are the platform's own");
  await told("claims that begin with a digit");
  await told("policies/user.lua:");
});

it("a user's policies make no token too large, or one that cannot be read", async () => {
  const huge = claimsOf(await enter("huge"));
  assert.deepEqual(huge["1ro"], ["user-svc:user"]);
  assert.equal(huge.text, undefined);
  assert.equal(claimsOf(await enter("odd")).deep, undefined);
  await told("left out of tokens");
});

it("a user's policies that raise add nothing to a token", async () => {
  const claims = claimsOf(await enter("broken"));
  assert.deepEqual(claims["1ro"], ["user-svc:user"]);
  assert.deepEqual(Object.keys(claims).length, 8);
  await told("roles are broken");
});

it("a user's policies that raise deny registering, changing and logging in", async () => {
  const refuse = (answer, status, why) => {
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.json.error, why);
  };
  refuse(await enter("boom"), 400, /policy user\.slug failed/);
  refuse(await enter("fuse", { password: "boom" }), 400, /policy user\.password failed/);
  refuse(await device("boom"), 403, /policy user\.login failed/);
  refuse(await enter("short", { password: "abc" }), 400, /^short wants a longer one$/);
  refuse(await enter("admin"), 400, /^Slug is reserved: admin$/);
  refuse(await enter("proxy-svc"), 400, /^Slug is reserved: proxy-svc$/);
});

it("a user's policy may deny a login, for a time or for good, and let it wait", async () => {
  const closed = await device("closed");
  assert.deepEqual([closed.status, closed.json.error], [403, "closed on Sundays"]);
  assert.equal(closed.headers["retry-after"], undefined);
  const later = await device("later");
  assert.deepEqual([later.status, later.headers["retry-after"]], [429, "42"]);
  const patient = await device("patient");
  assert.deepEqual([patient.status, patient.headers["retry-after"]], [429, "3600"]);
  assert.equal((await device("quick")).status, 200);
});

it("what was counted outlives a reload, and the policies of the new generation are asked", async (t) => {
  const file = "policies/user.lua";
  const reloading = await startHost(t, {
    test: false,
    files: { [file]: "return { login = function() return true end }\n" },
  });
  const fail = () => logIn("nobody", "wrong", undefined, reloading);
  for (let i = 0; i < 7; i++) assert.equal((await fail()).status, 401);
  const text = "return { login = function(a) return nil, 'f' .. a.failures.here, 1 end }\n";
  fs.writeFileSync(path.join(reloading.cwd, file), text);
  const { status, output } = await runCommand(["reload", "user", "--home", reloading.home]);
  assert.equal(status, 0, output);
  assert.match((await fail()).json.error, /^f7: try again/);
});
