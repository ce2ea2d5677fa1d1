// bus.publish and bus.subscribe between services and workers, and over reloads.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { after, it, startHost, waitFor } from "./lib/spec.mjs";

const TELLER = {
  "service.yaml": `general:
  host: teller.example
webs:
  - signature: Tell()
  - signature: Listeners()
`,
  "service.lua": `local bus = require "bus"
local svc = require "service" (...)
function svc.Tell(ctx, req)
  return tostring(bus.publish("news", { n = tonumber(req.query.n) }))
end
function svc.Listeners()
  return tostring(bus.publish("news", { n = 0 }))
end
return svc
`,
};

const hearer = (version) => `local bus = require "bus"
local shared = require "shared"
local task = require "task"
local svc = require "service" (...)

-- ${version}
function svc.on_start(ctx)
  shared.set("before", tostring(bus.publish("news", { n = 0 })))   -- who of the old generation is left?
  shared.incr "starts"
  for _ = 1, 2 do
    local sub = assert(bus.subscribe("news", { limit = 10000 }))
    task.background(function()
      local own <close> = sub
      for message, from in own:messages() do
        assert(from == "teller.example" or message.n == 0, from)
        shared.incr("sum", message.n)
      end
    end)
  end
end

function svc.Sum()
  return tostring(shared.get "sum" or 0)
end

function svc.Starts()
  return shared.get "before" .. " " .. shared.get "starts"
end

-- Stays on the generation that it began on.
function svc.Stay(ctx, req, res)
  local events <close> = res:events()
  local sub <close> = assert(bus.subscribe "news")
  events:send("here", "1")
  local _, _, code = nil, nil, nil
  repeat
    local message
    message, _, code = sub:receive()
  until message == nil
  events:send("over", code .. " " .. tostring(select(3, bus.subscribe "news")))
end

return svc
`;

const HEARER = {
  "service.yaml": `general:
  host: hearer.example
webs:
  - signature: Sum()
  - signature: Starts()
  - signature: Stay()
`,
  "service.lua": hearer(1),
};

const host = await startHost(
  { after },
  { services: { teller: TELLER, hearer: HEARER }, env: { MOONBUS_WORKERS: "4" } },
);
const get = async (where) => (await fetch(`${host.url}/${where}`)).text();

it("what any worker publishes reaches every subscription, once", async () => {
  assert.equal(await get("teller.example/tell?n=0"), "2");
  const before = Number(await get("hearer.example/sum"));
  const numbers = Array.from({ length: 200 }, (_, i) => i + 1);
  await Promise.all(
    numbers.map(async (n) => assert.equal(await get(`teller.example/tell?n=${n}`), "2")),
  );
  const sum = before + 2 * numbers.reduce((a, b) => a + b);
  await waitFor(async () => Number(await get("hearer.example/sum")) === sum);
});

it("the subscriptions of a generation are gone before the next one starts", async () => {
  const stays = await fetch(`${host.url}/hearer.example/stay`);
  const reader = stays.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("here")) text += (await reader.read()).value;
  assert.equal(await get("teller.example/listeners"), "3");
  fs.writeFileSync(path.join(host.cwd, "services/hearer/service.lua"), hearer(2));
  await waitFor(async () => (await get("hearer.example/starts")).endsWith(" 2"));
  assert.equal(await get("hearer.example/starts"), "0 2");
  for (let part; !(part = await reader.read()).done;) text += part.value;
  assert.match(text, /event: over\ndata: closed closed/);
  assert.equal(await get("teller.example/listeners"), "2");
});
