-- calculator.example: a service that the shop calls.

local errors = require "errors"
local prices = require "prices"
local shared = require "shared"

local svc = require "service" (...)

local OPERATIONS = {
  ["+"] = function(x, y)
    return x + y
  end,
  ["*"] = function(x, y)
    return x * y
  end,
}

function svc.on_start()
  shared.incr("calculators started")
end

function svc.Arithmetic(_, x, op, y)
  local operation = OPERATIONS[op] or errors.raise(400, "no such operation")
  return operation(x, y)
end

function svc.Name()
  return prices.name .. ": " .. svc.resources["name.txt"]
end

function svc.About(ctx, req)
  return { topic = req.args.topic, q = req.query.q, from = ctx.from.host }
end

function svc.AboutAll()
  return "everything"
end

return svc
