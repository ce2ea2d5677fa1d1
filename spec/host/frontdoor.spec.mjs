// The front door: what it refuses before anybody is asked, which pages may call, and how long a client
// waits.
import assert from "node:assert/strict";

import { lab } from "./lib/lab.mjs";
import {
  after,
  call,
  it,
  proxied,
  register,
  registerInstance,
  runCommand,
  startHost,
  upstream,
} from "./lib/spec.mjs";

const page = { headers: { Origin: "https://app.example" } };
const host = await startHost({ after }, { services: { lab: lab() } });
const server = await upstream({ after });
const { path } = await proxied(host, server.url);

async function nowhere(target, options) {
  server.requests.length = 0;
  const answer = await call(host.url, target, options);
  assert.equal(answer.status, 404, `${target}: ${answer.text}`);
  assert.equal(answer.text, "no instances found");
  assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
  assert.deepEqual(server.requests, []);
}

it("ports that are blocked answer as if nobody were there", async () => {
  for (const port of [417, 444, 888, "%38%38%38", "00888"]) {
    await nowhere(`/lab.example:${port}/add?x=1&y=2`);
    await nowhere(`/user-svc:${port}/login`);
    await nowhere(`${path}:${port}/`);
    await nowhere(`/nobody:${port}/`);
  }
});

it("a blocked port is refused without reading the body", async () => {
  await nowhere("/lab.example:444/add", { method: "POST", body: "x".repeat(100_000) });
});

it("what is no port is nowhere", async () => {
  for (const port of ["", "0", "65536", "http", "-1", "443:443"]) {
    await nowhere(`/lab.example:${port}/add?x=1&y=2`);
    await nowhere(`${path}:${port}/a`);
  }
});

it("an instance is at port 443 and no other, and never sees it", async () => {
  const answer = await call(host.url, `${path}:443/a%20b?c=d`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.url, `${path}/a%20b?c=d`);
  await nowhere(`${path}:80/a`);
  await nowhere(`${path}:1234/a`);
});

it("hosts mean the same in any case", async () => {
  const answer = await call(host.url, `${path.toUpperCase()}/A`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.url, `${path.toUpperCase()}/A`, "the target goes on as it came");
});

it("another list of blocked ports never opens 888", async (t) => {
  const other = await startHost(t, {
    services: { lab: lab() },
    env: { MOONBUS_BLOCKED_PORTS: "1234" },
  });
  for (const port of [888, 1234]) {
    const answer = await call(other.url, `/lab.example:${port}/add?x=1&y=2`);
    assert.equal(answer.status, 404);
    assert.equal(answer.text, "no instances found");
  }
});

it("paths that scanners look for are nowhere", async () => {
  for (const target of ["/.env", "/.env?a=b", "/%2eenv", "/.git/config", "/wp-login.php"])
    await nowhere(target);
  const inside = await call(host.url, `${path}/.env`);
  assert.equal(inside.status, 200, "below a service they are the service's");
});

it("paths and endings that are listed are nowhere, in services, too", async (t) => {
  const other = await startHost(t, {
    files: {
      "moonbus.yaml": `blocked_paths: |
  *.php
  /user-svc/login
`,
    },
  });
  const target = await proxied(other, server.url);
  const status = async (where) => (await call(other.url, where)).status;
  assert.equal(await status("/user-svc/login"), 404);
  assert.equal(await status(`${target.path}/a/b.php?c=d`), 404);
  assert.equal(await status(`${target.path}/a/b%2ephp`), 404);
  assert.equal(await status(`${target.path}/b.php/a`), 200);
  assert.equal(await status(`${target.path}/b.phps`), 200);
});

it("settings that make no sense are refused with what is right", async () => {
  const cases = {
    MOONBUS_BLOCKED_PORTS: ["444,http", /has "http" in it: a port is 1 to 65535/],
    MOONBUS_BLOCKED_PATHS: ["php", /has "php" in it: write a path like/],
    MOONBUS_ALLOWED_ORIGINS: ["https://a/", /has "https:\/\/a\/" in it: write \* or origins/],
  };
  for (const [name, [value, sentence]] of Object.entries(cases)) {
    const { status, stderr } = await runCommand(["run"], { env: { [name]: value } });
    assert.equal(status, 2);
    assert.match(stderr, sentence);
    assert.ok(stderr.includes(name), "it names the source");
  }
});

it("an account called root does not get the root path", async (t) => {
  const allowed = 'return { slug = function(slug) return slug == "root" or nil, "no" end }\n';
  const other = await startHost(t, { files: { "policies/user.lua": allowed } });
  const token = await register(other, "root");
  await registerInstance(other, token, server.url);
  assert.equal((await call(other.url, "/root/")).status, 200);
  assert.equal((await call(other.url, "/")).status, 404);
});

it("pages of any origin may call a Lua service, without credentials", async () => {
  const { status, headers } = await call(host.url, "/lab.example/add?x=1&y=2", page);
  assert.equal(status, 200);
  assert.equal(headers["access-control-allow-origin"], "https://app.example");
  assert.equal(headers["access-control-allow-methods"], "*");
  assert.equal(headers["access-control-allow-headers"], "*");
  assert.equal(headers["access-control-expose-headers"], "*");
  assert.equal(headers["access-control-allow-credentials"], undefined);
  assert.match(headers.vary, /Origin/);
});

it("errors of a Lua service have the fields as well", async () => {
  const { status, headers } = await call(host.url, "/lab.example/fail?message=x", page);
  assert.equal(status, 500);
  assert.equal(headers["access-control-allow-origin"], "https://app.example");
});

it("a preflight is answered without the handler", async () => {
  const { status, headers, text } = await call(host.url, "/lab.example/spin?protected=true", {
    method: "OPTIONS",
    headers: {
      ...page.headers,
      "Access-Control-Request-Method": "PUT",
      "Access-Control-Request-Headers": "authorization",
    },
  });
  assert.equal(status, 204);
  assert.equal(text, "");
  assert.equal(headers["access-control-allow-origin"], "https://app.example");
  assert.equal(headers["access-control-allow-methods"], "*, PUT");
  assert.equal(headers["access-control-allow-headers"], "*, authorization");
});

it("origins that are listed may use credentials, others are refused", async (t) => {
  const other = await startHost(t, {
    services: { lab: lab() },
    env: { MOONBUS_ALLOWED_ORIGINS: "https://app.example, https://b.example:8443" },
  });
  const ask = (origin, method = "GET") =>
    call(other.url, "/lab.example/add?x=1&y=2", { method, headers: { Origin: origin } });
  for (const origin of ["https://app.example", "https://b.example:8443"]) {
    const { status, headers } = await ask(origin);
    assert.equal(status, 200);
    assert.equal(headers["access-control-allow-origin"], origin);
    assert.equal(headers["access-control-allow-credentials"], "true");
  }
  for (const origin of ["https://b.example", "http://app.example", "null", '"><script>']) {
    for (const method of ["GET", "POST", "OPTIONS"]) {
      const { status, headers, json } = await ask(origin, method);
      assert.equal(status, 403);
      assert.deepEqual(json, { error: `disallowed origin '${origin}'` });
      assert.equal(headers["access-control-allow-origin"], undefined);
    }
  }
  const platform = await call(other.url, "/user-svc/public-key", {
    headers: { Origin: "https://b.example" },
  });
  assert.equal(platform.status, 200, "the platform's API is for all");
  assert.equal(platform.headers["access-control-allow-origin"], "https://b.example");
});

it("a time budget that is none is refused by its name", async () => {
  for (const target of ["/lab.example/add?x=1&y=2", `${path}/`]) {
    for (const value of ["0", "-1", "1s", "soon"]) {
      const answer = await call(host.url, target, { headers: { "Request-Timeout": value } });
      assert.equal(answer.status, 400);
      assert.match(answer.json.error, /^Request-Timeout must be/);
    }
  }
});

it("a client that waits no longer gets 504 for an instance that is silent", async (t) => {
  const silent = await upstream(t, () => {});
  const target = await proxied(host, silent.url);
  const answer = await call(host.url, `${target.path}/`, { headers: { "Request-Timeout": "0.2" } });
  assert.equal(answer.status, 504);
  assert.deepEqual(answer.json, { error: `${target.slug} did not answer in time` });
  assert.equal(silent.requests[0].headers["request-timeout"], "0.2", "the field goes on");
});
