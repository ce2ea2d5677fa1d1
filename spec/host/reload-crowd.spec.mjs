// Many who want a reload at once: nobody fails because of the others, and what was saved is served.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { lab, labCode } from "./lib/lab.mjs";
import { call, it, startHost, waitFor } from "./lib/spec.mjs";

const two = (n) => `local svc = require "service" (...)

function svc.Version()
  return ${n}
end

return svc
`;
const services = () => ({
  lab: lab(1),
  two: {
    "service.yaml": "general:\n  host: two.example\nfunctions:\n  - signature: Version() (n int)\n",
    "service.lua": two(1),
  },
});

const version = async (host, name) => (await call(host.url, `/${name}.example/version`)).json.n;
const write = (host, name, text) => {
  const file = path.join(host.cwd, "services", name, "service.lua");
  fs.writeFileSync(`${file}.new~`, text);
  fs.renameSync(`${file}.new~`, file);
};

/** Asks the admin address as the holder of the secret. */
function ask(host, page, method) {
  const { admin, secret } = JSON.parse(fs.readFileSync(path.join(host.home, "host.json"), "utf8"));
  return call(admin, page, { method, token: secret });
}

const post = (host, page) => ask(host, page, "POST");

it("what is saved is served while as many reloads wait as can", async (t) => {
  const host = await startHost(t, { test: false, services: services() });
  const leave = new AbortController();
  const nap = fetch(`${host.url}/lab.example/nap?seconds=100`, { signal: leave.signal });
  nap.catch(() => {});
  await waitFor(
    async () => /\/nap/.test((await ask(host, "/tasks", "GET")).text),
    "the request to be at work",
  );
  assert.equal((await post(host, "/reload?service=lab&force=1")).status, 200);
  let busy = 0;
  const waiting = Array.from({ length: 20 }, () =>
    post(host, "/reload?service=lab&force=1").then((answer) => {
      if (answer.status === 503) busy++;
      return answer;
    }),
  );
  await waitFor(() => busy === 4, "the places to be taken");
  write(host, "two", two(2));
  await waitFor(async () => (await version(host, "two")) === 2, "what was saved");
  write(host, "two", two(3));
  write(host, "lab", labCode(4));
  for (let i = 0; i < 100; i++) host.process.kill("SIGHUP");
  await waitFor(async () => (await version(host, "two")) === 3, "what was saved then");
  assert.equal(await version(host, "lab"), 1);
  leave.abort();
  for (const { status } of await Promise.all(waiting)) assert.ok(status === 200 || status === 503);
  await waitFor(async () => (await version(host, "lab")) === 4, "what waited");
});

it("a check that the end of the host cuts short is no failure", async (t) => {
  const host = await startHost(t, { test: false, services: services() });
  write(host, "lab", labCode(2, 'function svc.on_check() log.info("looking") time.sleep(100) end'));
  await host.waitForLog(({ msg }) => msg === "looking");
  await host.stop();
  assert.deepEqual(
    host.logs().filter(({ level }) => level === "error"),
    [],
  );
});

it("reloads, rollbacks, checks, signals and edits at once: no request fails, and the last edit serves", async (t) => {
  const host = await startHost(t, { test: false, services: services() });
  let over = false;
  const load = async () => {
    for (; !over;) assert.equal((await call(host.url, "/lab.example/version")).status, 200);
  };
  const loads = [load(), load()];
  const again = async (page) => {
    for (let i = 0; i < 8; i++) {
      const { status } = await post(host, page);
      assert.ok([200, 422, 503].includes(status), `${page}: ${status}`);
    }
  };
  const edits = async () => {
    for (let n = 2; n <= 20; n++) {
      write(host, "lab", labCode(n));
      host.process.kill("SIGHUP");
      await call(host.url, "/two.example/version");
    }
  };
  const pages = ["/reload", "/reload?check=1", "/reload?service=lab&force=1"];
  pages.push("/rollback?service=lab", "/rollback?service=lab&number=1");
  await Promise.all([edits(), ...pages.map(again)]);
  assert.equal((await post(host, "/reload?service=lab&force=1")).status, 200);
  assert.equal(await version(host, "lab"), 20);
  over = true;
  await Promise.all(loads);
});
