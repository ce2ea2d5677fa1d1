// attackers: services that have all attacks of attacks.mjs, each a path of its own, and what shows that nothing is left of
// them.
import { attacks } from "./attacks.mjs";

const yaml = (host) => `general:
  host: ${host}
  description: Tries what a service must not be able to do.
webs:
  - signature: Attack()
    path: /attack/{number}
  - signature: Again()
  - signature: Loop()
  - signature: Breathe()
`;

const lua = (host) => `local bus = require "bus"
local http = require "http"
local json = require "json"
local log = require "log"
local metric = require "metric"
local regex = require "regex"
local seal = require "seal"
local shared = require "shared"
local store = require "store"
local task = require "task"
local template = require "template"
local yaml = require "yaml"
local svc = require "service" (...)

local things = store.collection("things", { id = "thing" })
local me = math.random(1 << 50)
local attacks = {}

function svc.Again(ctx)
  return bus.request(ctx, { method = "GET", url = "https://${host}/again" }).body
end

function svc.Loop(ctx)
  while true do
    pcall(bus.request, ctx, { method = "GET", url = "https://${host}/loop" })
  end
end

-- Makes garbage, so that the collector runs, and says how much memory was in use at least, and in which state.
function svc.Breathe()
  local least = math.huge
  for i = 1, 100000 do
    local _ = { i }
    least = i % 100 == 0 and math.min(least, collectgarbage "count") or least
  end
  return { me = me, megabytes = least // 1024 }
end

function svc.Attack(ctx, req, res)
  return attacks[tonumber(req.args.number)](ctx, req, res)
end
`;

/** Services that have all attacks, by the names of their folders; their hosts are <name>.example. */
export function attackers(...names) {
  const code = attacks
    .map((a, i) => `\n-- ${a.name}\nattacks[${i}] = function(ctx, req, res)\n${a.code}\nend\n`)
    .join("");
  const service = (host) => ({
    "service.yaml": yaml(host),
    "service.lua": `${lua(host)}${code}\nreturn svc\n`,
  });
  return Object.fromEntries(names.map((name) => [name, service(`${name}.example`)]));
}
