// Declarations of whole applications, as people have written them. Generated for, without a line of code added, each is a
// service that loads, describes itself as declared, and answers 501 where nobody has written anything yet.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { after, call, it, root, runCommand, scratch, startHost, writeFiles } from "./lib/spec.mjs";
import { validate } from "./lib/openapi.mjs";

const text = fs.readFileSync(path.join(root, "spec/lua/gen/examples.lua"), "utf8");
const declarations = Object.fromEntries(
  [...text.matchAll(/^M\["([^"]+)"\] = \[\[\n(.*?)^\]\]/gms)].map(([, host, yaml]) => [host, yaml]),
);

// These come with the host. What they declare beyond the originals is theirs.
const OWN = {
  "configurator.core": "configurator",
  "control.core": "control",
  "http.egress.core": "egress",
  "metrics.core": "metrics",
  "openapiportal.core": "openapiportal",
};
const foreign = Object.keys(declarations).filter((host) => !OWN[host]);

// Where they are in the tree that they were declared for: sinks name their source by it.
const folderOf = (host) =>
  host.endsWith(".example") ? `examples/${host.split(".")[0]}` : host.replaceAll(".", "-");

const work = scratch({ after });
for (const host of foreign)
  writeFiles(work, { [`services/${folderOf(host)}/service.yaml`]: declarations[host] });
const generated = await runCommand(["gen"], { cwd: work });
const host = await startHost(
  { after },
  {
    services: Object.fromEntries(
      [...new Set(foreign.map((name) => folderOf(name).split("/")[0]))].map((folder) => [
        folder,
        path.join(work, "services", folder),
      ]),
    ),
  },
);

it("all of them are generated for, without a warning", () => {
  assert.equal(Object.keys(declarations).length, 15);
  assert.deepEqual([generated.status, generated.stderr], [0, ""]);
});

/** The handlers of a section: { signature, path, … } as written. */
function handlers(yaml, section) {
  const body = new RegExp(`^${section}:\\n((?:(?:  .*|)\\n)*)`, "m").exec(yaml)?.[1] ?? "";
  return body
    .split(/^ {2}- /m)
    .slice(1)
    .map((item) =>
      Object.fromEntries(
        [...`    ${item}`.matchAll(/^ {4}(\w+): (.*)$/gm)].map(([, key, value]) => [key, value]),
      ),
    );
}

const kebab = (name) => name.replaceAll(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
const nameOf = ({ signature }) => signature.match(/^\w+/)[0];

for (const name of foreign)
  it(`${name} loads and describes what it declares`, async () => {
    const yaml = declarations[name];
    const endpoints = [...handlers(yaml, "functions"), ...handlers(yaml, "webs")].filter(
      ({ path: at = "" }) => !/^(\/\/[^/]*)?:(?!443|0)/.test(at), // those at other hosts count
    );
    const document = await call(host.url, `/${name}/openapi.json`);
    if (/^ {2}openApi: false/m.test(yaml) || endpoints.length === 0) {
      assert.deepEqual([document.status, document.text], [404, ""]);
      return;
    }
    assert.equal(document.status, 200, document.text);
    validate(document.text);
    assert.equal(document.json.info.title, name);
    const described = Object.values(document.json.paths).flatMap((item) => Object.values(item));
    assert.equal(described.length, endpoints.length);
  });

it("what nobody has written yet is 501 and says so", async () => {
  for (const name of foreign)
    for (const web of handlers(declarations[name], "webs")) {
      const at = web.path ?? `/${kebab(nameOf(web))}`;
      if (/^(\/\/|:(?!443))/.test(at)) continue;
      const answer = await call(host.url, `/${name}${at.replace(/^:443/, "")}`, {
        method: (web.method ?? "ANY") === "ANY" ? "GET" : web.method,
      });
      assert.deepEqual([name, at, answer.status], [name, at, 501]);
      assert.match(answer.text, new RegExp(`${nameOf(web)} is not written yet`));
    }
});

for (const [name, folder] of Object.entries(OWN))
  it(`${name}, which the host brings, declares all that was declared`, () => {
    const own = fs.readFileSync(path.join(root, "services", folder, "service.yaml"), "utf8");
    for (const section of ["configs", "functions", "webs", "tickers"]) {
      const ours = handlers(own, section);
      for (const item of handlers(declarations[name], section)) {
        const same = ours.find((other) => other.signature === item.signature);
        assert.ok(same, `${name} has no ${item.signature}`);
        for (const key of ["method", "queue", "interval", "secret", "validation"])
          assert.equal(same[key] ?? "", item[key] ?? "", `${item.signature}: ${key}`);
      }
    }
  });
