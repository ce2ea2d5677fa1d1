// api: calls of the platform's HTTP API, and ways to look at a running host.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";

/**
 * One request on a connection of its own; the path goes out as it is. Options: method, headers,
 * body (text, Buffer), json (encoded as the body), token (bearer).
 * Resolves to { status, headers, rawHeaders, buffer, text, json }.
 */
export function call(base, path, { method, headers = {}, body, json, token, agent = false } = {}) {
  const url = new URL(base);
  const payload = json !== undefined ? JSON.stringify(json) : body;
  const fields = { ...headers };
  if (json !== undefined) fields["Content-Type"] ??= "application/json";
  if (token) fields.Authorization = `Bearer ${token}`;
  if (payload !== undefined) fields["Content-Length"] = Buffer.byteLength(payload);
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: url.hostname,
        port: url.port,
        path,
        method: method ?? (payload === undefined ? "GET" : "POST"),
        headers: fields,
        agent,
        timeout: 60_000,
      },
      (response) => {
        const parts = [];
        response.on("data", (part) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          const buffer = Buffer.concat(parts);
          resolve({
            status: response.statusCode,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            buffer,
            text: buffer.toString(),
            get json() {
              return JSON.parse(this.text);
            },
          });
        });
      },
    );
    request.on("timeout", () => request.destroy(new Error(`no answer for ${path}`)));
    request.on("error", reject);
    request.end(payload);
  });
}

/** Registers an account; the JWT. */
export async function register(host, slug, password = "moonbus-spec-1", name = slug) {
  const answer = await call(host.url, "/user-svc/register", {
    json: { appHost: "unnamed", slug, password, name },
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.token.token;
}

/** Logs in; the JWT. */
export async function login(host, slug = "1backend", password = "changeme", appHost = "unnamed") {
  const answer = await call(host.url, "/user-svc/login", { json: { appHost, slug, password } });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.token.token;
}

const putInstance = (host, token, json) =>
  call(host.url, "/registry-svc/instance", { method: "PUT", token, json });

export async function registerInstance(host, token, url, more = {}) {
  const answer = await putInstance(host, token, { url, ...more });
  assert.equal(answer.status, 201, answer.text);
  return answer;
}

export async function instances(host, token) {
  const answer = await call(host.url, "/registry-svc/instances", { token });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.instances ?? [];
}

let serial = 0;

/** Takes what is registered at a URL out of the registry: the port of an earlier test may come again. */
async function forget(host, url) {
  const admin = await login(host);
  for (const instance of await instances(host, admin))
    if (instance.url === url)
      await call(host.url, `/registry-svc/instance/${instance.id}`, {
        method: "DELETE",
        token: admin,
      });
}

/** An account with instances at these URLs: { slug, path, token }. */
export async function proxied(host, ...urls) {
  const slug = `spec-${process.pid}-${++serial}`;
  const token = await register(host, slug);
  for (const url of urls)
    if ((await putInstance(host, token, { url })).status !== 201) {
      await forget(host, url);
      await registerInstance(host, token, url);
    }
  return { slug, path: `/${slug}`, token };
}

/** Polls until `test` gives something true; it may throw meanwhile. */
export async function waitFor(test, what, timeout = 20_000) {
  const deadline = Date.now() + timeout;
  for (let last; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    try {
      const value = await test();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      assert.fail(`waited ${timeout} ms for ${what}${last ? `: ${last.message}` : ""}`);
  }
}

/** Prometheus text as a Map: "name{labels}" -> number. */
export async function metrics(adminUrl) {
  const answer = await call(adminUrl, "/metrics");
  assert.equal(answer.status, 200);
  const values = new Map();
  for (const line of answer.text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)(?: \d+)?$/.exec(line);
    if (match) values.set(match[1], Number(match[2]));
  }
  return values;
}

/** One figure of the host, by its name without the prefix. */
export async function metric(host, name) {
  const values = await metrics(host.adminUrl);
  assert.ok(values.has(`moonbus_${name}`), `there is a metric moonbus_${name}`);
  return values.get(`moonbus_${name}`);
}

/** Resident memory of a process in bytes. */
export function rss(pid) {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match[1]) * 1024;
}

/** Runs `work` while sampling the memory of `pid`; the peak above where it began, in bytes. */
export async function memoryGrowth(pid, work) {
  const before = rss(pid);
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, rss(pid))), 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, rss(pid)) - before;
}

/** Open descriptors of a process. */
export function descriptors(pid) {
  return fs.readdirSync(`/proc/${pid}/fd`).length;
}
