// The database answers services in turn: one that asks for much waits for itself.
import assert from "node:assert/strict";

import { after, call, it, startHost, waitFor } from "./lib/spec.mjs";

const yaml = (host, signatures) => `general:
  host: ${host}
webs:
${signatures.map((one) => `  - signature: ${one}()\n    method: ANY\n`).join("")}`;

const scanner = `local store = require "store"
local task = require "task"
local svc = require "service" (...)

local documents = store.collection "scanner.documents"
local begun, ended = 0, 0

local function needle()
  return { count = true, filters = { { op = "containsSubstring", fields = { "text" }, value = ("x"):rep(1000) .. "y" } } }
end

function svc.Fill()
  for i = 1, 300 do
    assert(documents:put { id = tostring(i), text = ("x"):rep(8000) })
  end
end

function svc.Progress()
  return ("%d %d"):format(begun, ended)
end

function svc.Scan()
  local scans = {}
  for i = 1, 40 do
    scans[i] = function()
      begun = begun + 1
      assert(documents:find(needle()))
      ended = ended + 1
    end
  end
  task.all(scans)
end

return svc
`;

const other = `local store = require "store"
local svc = require "service" (...)

local documents = store.collection "other.documents"

function svc.Ask()
  return documents:get "nothing" and "something" or "nothing"
end

return svc
`;

const host = await startHost(
  { after },
  {
    release: true,
    services: {
      scanner: {
        "service.yaml": yaml("scanner.example", ["Fill", "Progress", "Scan"]),
        "service.lua": scanner,
      },
      other: { "service.yaml": yaml("other.example", ["Ask"]), "service.lua": other },
    },
    env: { MOONBUS_WORKERS: "1" },
  },
);

it("many long queries of one service do not hold up the query of another", async () => {
  const get = async (rest) => {
    const answer = await call(host.url, rest);
    assert.equal(answer.status, 200, answer.text);
    return answer.text;
  };
  assert.equal(await get("/other.example/ask"), "nothing");
  await get("/scanner.example/fill");
  const progress = async () => (await get("/scanner.example/progress")).split(" ").map(Number);
  const scan = get("/scanner.example/scan");
  await waitFor(async () => (await progress())[0] === 40, "the scans");
  assert.equal(await get("/other.example/ask"), "nothing");
  const [, ended] = await progress();
  assert.ok(ended < 30, `${ended} of 40 had ended`);
  await scan;
});
