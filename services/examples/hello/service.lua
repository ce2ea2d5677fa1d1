-- hello.example: edit this file while the host runs, and look at the next answer.

local shared = require "shared"

---@type services.examples.hello
local svc = require "service" (...)

--- Add adds two integers: /hello.example/add?x=1&y=2
---@param x integer
---@param y integer
---@return integer sum
function svc.Add(_, x, y)
  return x + y
end

--- Hello greets whoever asks: /hello.example/hello?name=Ada
---@param req Request
function svc.Hello(_, req)
  local name = req.query.name or "world"
  return ("Hello, %s! I have ticked %s times.\n"):format(name, shared.get("ticks") or "0")
end

--- Tick counts.
function svc.Tick()
  shared.incr("ticks")
end

return svc
