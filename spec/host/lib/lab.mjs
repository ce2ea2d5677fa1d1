// lab: a small Lua service that does what specs want to see, well and badly.

const yaml = `general:
  host: lab.example
  description: What the specs of the host poke at.
functions:
  - signature: Version() (n int)
  - signature: Add(x int, y int) (sum int)
  - signature: Reverse(text string, list []string) (text2 string, list2 []string)
  - signature: Fail(message string) (n int)
  - signature: Refuse(status int, later int) (n int)
  - signature: Spin(protected bool) (n int)
  - signature: Eat() (n int)
  - signature: Nap(seconds float64) (n int)
  - signature: Keep(value string) (id string)
  - signature: Kept() (count int)
  - signature: Say(text string) (n int)
webs:
  - signature: Page()
  - signature: Lines()
  - signature: Upload()
  - signature: Whoami()
tickers:
  - signature: Tick()
    interval: 100ms
`;

/** The service's code; `version` is what Version answers, `extra` goes before the final return. */
export function labCode(version = 1, extra = "") {
  return `local errors = require "errors"
local log = require "log"
local store = require "store"
local time = require "time"
local svc = require "service" (...)

local kept = store.collection("kept", { id = "kept", indexes = { "value" } })

function svc.Version()
  return ${version}
end

function svc.Add(_, x, y)
  return x + y
end

function svc.Reverse(_, text, list)
  local out = {}
  for i = #(list or {}), 1, -1 do
    table.insert(out, list[i])
  end
  return text:reverse(), out
end

function svc.Fail(_, message)
  error("internal detail: " .. message)
end

function svc.Refuse(_, status, later)
  errors.raise(status, "refused as asked", later)
end

function svc.Spin(_, protected)
  if protected then
    while true do
      pcall(function()
        while true do
        end
      end)
    end
  end
  while true do
  end
end

function svc.Eat()
  local all = {}
  while true do
    table.insert(all, ("x"):rep(100000) .. #all)
  end
end

function svc.Nap(_, seconds)
  time.sleep(seconds)
  return 1
end

function svc.Keep(_, value)
  return errors.check(kept:create { value = value }).id
end

function svc.Kept()
  return #errors.check(kept:find {})
end

function svc.Say(_, text)
  log.info(text)
  return 1
end

function svc.Page(_, req, res)
  res:header("Content-Type", "text/plain; charset=utf-8")
  res:status(201)
  res:write("method " .. req.method .. ", ")
  res:write("name " .. (req.query.name or "nobody"))
end

function svc.Lines(_, req, res)
  res:header("Content-Type", "text/plain")
  local line = ("y"):rep(1023) .. "\\n"
  for _ = 1, tonumber(req.query.n) do
    res:write(line)
  end
end

function svc.Upload(_, req)
  local size = 0
  for chunk in req:chunks() do
    size = size + #chunk
  end
  return { size = size }
end

function svc.Whoami(ctx)
  return { slug = ctx.account and ctx.account.slug, roles = ctx.roles }
end

function svc.Tick()
end

${extra}
return svc
`;
}

/** Files of the service folder. */
export function lab(version = 1, extra = "") {
  return { "service.yaml": yaml, "service.lua": labCode(version, extra) };
}
