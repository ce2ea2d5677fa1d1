// Reload: edits of a service's files while requests flow. Either the old answers or the new ones, never
// an error, and nothing left behind.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

import { lab, labCode } from "./lib/lab.mjs";
import {
  SOAK,
  after,
  call,
  it,
  metric,
  metrics,
  root,
  rss,
  startHost,
  waitFor,
  writeFiles,
} from "./lib/spec.mjs";

const host = await startHost({ after }, { services: { lab: lab() } });
const file = (host, name = "service.lua") => path.join(host.cwd, "services/lab", name);
const version = async (on = host) => (await call(on.url, "/lab.example/version")).json.n;

/** Replaces a file at once, as careful editors do. */
function replace(name, text) {
  fs.writeFileSync(`${name}.new`, text);
  fs.renameSync(`${name}.new`, name);
}

it("an edit changes the next answer", async () => {
  fs.writeFileSync(file(host), labCode(2));
  await waitFor(async () => (await version()) === 2, "the new version");
  replace(file(host), labCode(3));
  await waitFor(async () => (await version()) === 3, "the new version");
});

it("an editor that empties a file before it writes never has half of it served", async () => {
  fs.writeFileSync(file(host), "");
  fs.appendFileSync(file(host), labCode(4).slice(0, 500));
  fs.appendFileSync(file(host), labCode(4).slice(500));
  let seen = await version();
  await waitFor(async () => {
    seen = await version();
    assert.ok(seen === 3 || seen === 4, `version ${seen}`);
    return seen === 4;
  }, "the new version");
});

it("a syntax error keeps the old code serving and is reported with file and line", async () => {
  const before = await version();
  const failed = await metric(host, "reloads_failed_total");
  const from = host.logs().length;
  const lines = labCode(40).split("\n").length;
  replace(file(host), `${labCode(40)}\nlocal x = = 1\n`);
  const entry = await host.waitForLog(
    (entry) => /service\.lua:\d+/.test(JSON.stringify(entry)),
    20_000,
    from,
  );
  const [, line] = /service\.lua:(\d+)/.exec(JSON.stringify(entry));
  assert.ok(Number(line) >= lines, `line ${line}`);
  assert.equal(await version(), before);
  assert.ok((await metric(host, "reloads_failed_total")) > failed);
  replace(file(host), labCode(5));
  await waitFor(async () => (await version()) === 5, "the repaired version");
});

it("what fails while it loads keeps the old code, too", async () => {
  const bad = [
    labCode(6, 'error("not today")'),
    labCode(6, 'require "no.such.module"'),
    labCode(6, "undefined_global()"),
    labCode(6, "while true do end"),
  ];
  for (const code of bad) {
    const failed = await metric(host, "reloads_failed_total");
    replace(file(host), code);
    await waitFor(async () => (await metric(host, "reloads_failed_total")) > failed, "the refusal");
    assert.equal(await version(), 5);
  }
  replace(file(host), labCode(7));
  await waitFor(async () => (await version()) === 7, "the repaired version");
});

it("who waits while it loads is told the line of the service", async () => {
  const before = await version();
  const failed = await metric(host, "reloads_failed_total");
  replace(file(host), `require("bus").call({}, "x.example", "X")\n${labCode(8)}`);
  await waitFor(async () => (await metric(host, "reloads_failed_total")) > failed, "the refusal");
  const told = host.lines.filter((line) => line.includes("reload refused")).at(-1);
  assert.match(told, /services\/lab\/service\.lua:1: bus\.call: not while a service is loading/);
  replace(file(host), labCode(before));
  await waitFor(async () => (await version()) === before, "the version from before");
});

it("a change of the declaration is a new generation as well", async () => {
  const yaml = fs.readFileSync(file(host, "service.yaml"), "utf8");
  assert.equal((await call(host.url, "/lab.example/added")).status, 404);
  replace(file(host), labCode(8, "function svc.Added() return 42 end"));
  replace(
    file(host, "service.yaml"),
    yaml.replace("webs:", "  - signature: Added() (n int)\nwebs:"),
  );
  await waitFor(
    async () => (await call(host.url, "/lab.example/added")).status === 200,
    "the new function",
  );
  assert.deepEqual((await call(host.url, "/lab.example/added")).json, { n: 42 });
});

it("a services folder that is made while the host runs is found and followed", async (t) => {
  const bare = await startHost(t);
  const answers = async () => {
    const answer = await call(bare.url, "/lab.example/version");
    return answer.status === 200 ? answer.json.n : answer.status;
  };
  assert.equal(await answers(), 404);
  writeFiles(path.join(bare.cwd, "services/lab"), lab(1));
  await waitFor(async () => (await answers()) === 1, "the first version");
  fs.writeFileSync(file(bare), labCode(2));
  await waitFor(async () => (await answers()) === 2, "the next version");
});

it("a request in flight finishes on the code it began with", async () => {
  replace(
    file(host),
    labCode(
      20,
      "function svc.Nap(_, seconds) time.sleep(seconds) return 20 end\nfunction svc.Added() return 1 end",
    ),
  );
  await waitFor(async () => (await version()) === 20, "the new version");
  const nap = call(host.url, "/lab.example/nap?seconds=2");
  await waitFor(async () => (await metric(host, "requests_open")) > 0, "the nap to begin");
  replace(
    file(host),
    labCode(
      21,
      "function svc.Nap(_, seconds) time.sleep(seconds) return 21 end\nfunction svc.Added() return 1 end",
    ),
  );
  await waitFor(async () => (await version()) === 21, "the new version");
  assert.equal((await nap).json.n, 20);
});

it("edits under load: no failed request, no growth, nothing left behind", async (t) => {
  const edits = SOAK ? 1000 : 60;
  const busy = await startHost(t, { release: true, services: { lab: lab(0) } });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  t.after(() => agent.destroy());

  let current = 0; // the newest version written
  let confirmed = 0; // the newest version seen
  let requests = 0;
  let stop = false;
  const client = async () => {
    while (!stop) {
      const answer = await call(busy.url, "/lab.example/version", { agent });
      assert.equal(answer.status, 200, answer.text);
      assert.ok(answer.json.n <= current, "nobody answers from the future");
      confirmed = Math.max(confirmed, answer.json.n);
      requests++;
    }
  };
  const clients = Promise.all(Array.from({ length: 16 }, client));
  clients.catch(() => (stop = true));

  const figures = ["tasks_open", "ops_open", "refs_open", "states_open"];
  const look = async () => {
    const values = await metrics(busy.adminUrl);
    return Object.fromEntries(figures.map((name) => [name, values.get(`moonbus_${name}`)]));
  };
  const edit = async () => {
    const next = ++current;
    if (next % 2) replace(file(busy), labCode(next));
    else fs.writeFileSync(file(busy), labCode(next));
    await waitFor(() => stop || confirmed >= next, `version ${next} to serve`);
  };

  for (let i = 0; i < 20 && !stop; i++) await edit();
  const memory = rss(busy.pid);
  while (current < edits && !stop) await edit();
  stop = true;
  await clients;
  assert.ok(requests > edits, `${requests} requests`);
  assert.ok(rss(busy.pid) - memory < 16 << 20, `grew by ${rss(busy.pid) - memory} bytes`);

  // What a host holds that has just started and served the same service once.
  const fresh = await startHost(t, { release: true, services: { lab: lab(0) } });
  await Promise.all(Array.from({ length: 64 }, () => call(fresh.url, "/lab.example/version")));
  const values = await metrics(fresh.adminUrl);
  await waitFor(
    async () => {
      const now = await look();
      // Workers may have built a few states that the fresh host did not need; each holds three references.
      for (const name of figures) {
        const most = values.get(`moonbus_${name}`) + (name === "refs_open" ? 12 : 4);
        assert.ok(now[name] <= most, `${name}: ${now[name]}, not ${most}`);
      }
      return true;
    },
    "tasks, waits and states to be as few as at the start",
    60_000,
  );
});

it("the example services answer, and follow their files", async (t) => {
  const examples = (name) => path.join(root, "services/examples", name);
  const host = await startHost(t, {
    services: { calculator: examples("calculator"), helloworld: examples("helloworld") },
  });
  const sum = await call(host.url, "/calculator.example/arithmetic?x=3&op=%2B&y=4");
  assert.equal(sum.status, 200, sum.text);
  assert.deepEqual(sum.json, { xEcho: 3, opEcho: "+", yEcho: 4, result: 7 });
  const before = await call(host.url, "/helloworld.example/hello-world");
  assert.equal(before.status, 200);
  assert.match(before.text, /Hello/);
  const source = path.join(host.cwd, "services/helloworld/service.lua");
  replace(source, fs.readFileSync(source, "utf8").replaceAll("Hello,", "Servus,"));
  await waitFor(
    async () => /Servus/.test((await call(host.url, "/helloworld.example/hello-world")).text),
    "the new greeting",
  );
});
