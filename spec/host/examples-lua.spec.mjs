// The examples of lua/README.md, word for word: handlers become a service, the other blocks run in one of its requests.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import WebSocket from "ws";

import { after, it, root, startHost } from "./lib/spec.mjs";

const readme = fs.readFileSync(path.join(root, "lua/README.md"), "utf8");

/** The blocks of that kind: their code, and the heading above. */
function blocks(kind) {
  const list = [];
  let heading = "";
  let code = null;
  for (const line of readme.split("\n")) {
    if (code && line === "```") {
      list.push({ heading, code: code.join("\n") });
      code = null;
    } else if (code) code.push(line);
    else if (line === `\`\`\`lua ${kind}`) code = [];
    else if (/^#+ /.test(line)) heading = line.replace(/^#+ /, "");
  }
  return list;
}

const MODULES =
  "auth bus errors http json log regex seal shared store task template time token url yaml".split(
    " ",
  );
const handlers = blocks("service");
const examples = blocks("run");
const webs = handlers.flatMap(({ code }) =>
  [...code.matchAll(/^function svc\.(\w+)/gm)].map((match) => match[1]),
);

const yaml = `general:
  host: examples.example
  description: The examples of a document.
webs:
${[...webs, ...examples.map((_, i) => `Run${i + 1}`)]
  .map((name) => `  - signature: ${name}()\n    method: ANY\n`)
  .join("")}`;

const requires = MODULES.map((name) => `local ${name} = require "${name}"\n`).join("");
const code = `${requires}local svc = require "service" (...)
${handlers.map((block) => block.code).join("\n")}
${examples
  .map(
    (block, i) => `function svc.Run${i + 1}(ctx, req, res)
local here = "http://" .. req.host .. "/examples.example"
${block.code}
return "it ran"
end`,
  )
  .join("\n")}
return svc
`;

const host = await startHost(
  { after },
  {
    services: { examples: { "service.yaml": yaml, "service.lua": code } },
    env: { MOONBUS_DEV: "true" }, // answers say what was raised
  },
);
const here = `${host.url}/examples.example`;

for (const [i, { heading }] of examples.entries())
  it(`the example of "${heading}" runs as it stands`, async () => {
    const answer = await fetch(`${here}/run${i + 1}`);
    assert.equal(await answer.text(), "it ran");
  });

it("the example of a stream of numbers sends them, and that of counting counts", async () => {
  const text = await (await fetch(`${here}/numbers`)).text();
  assert.equal(text.split("\n").length, 1001);
  const counted = await fetch(`${here}/count`, { method: "POST", body: "x".repeat(100_000) });
  assert.deepEqual(await counted.json(), { bytes: 100_000 });
});

it("the example of server-sent events ticks, from where a client had stopped", async () => {
  const answer = await fetch(`${here}/clock`, { headers: { "Last-Event-ID": "41" } });
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  let text = "";
  for await (const chunk of answer.body) {
    text += Buffer.from(chunk).toString();
    if (text.includes('data: {"n":42}')) break;
  }
  assert.match(text, /event: tick/);
});

it("the example of a WebSocket echoes texts and bytes", async () => {
  const socket = new WebSocket(`${here.replace("http", "ws")}/echo`, ["echo.v1"]);
  const messages = [];
  socket.on("open", () => {
    socket.send("hello");
    socket.send(Buffer.from([1, 2, 3]));
  });
  await new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("message", (data, binary) => {
      messages.push(binary ? [...data] : data.toString());
      if (messages.length === 2) socket.close();
    });
    socket.on("close", resolve);
  });
  assert.equal(socket.protocol, "echo.v1");
  assert.deepEqual(messages, ["hello", [1, 2, 3]]);
});

it("there is an example of each module that services are for", () => {
  const all = examples.map((block) => block.code).join("\n");
  for (const name of MODULES) assert.match(all, new RegExp(`\\b${name}\\.\\w`), name);
});
