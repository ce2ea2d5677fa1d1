-- shop.example: what the specs of specs are tried on.

local errors = require "errors"
local prices = require "prices"

local svc = require "service" (...)

-- The bus of the spec that runs this: no other service is declared to be called.
local bus = require "spec.bus"

function svc.Price(ctx, item, amount)
  local price = prices[item] or errors.raise(404, "no such item")
  return bus.call(ctx, "calculator.example", "Arithmetic", price, "*", amount), 1700000000.25
end

function svc.Divide(_, x, y)
  if y == 0 then
    errors.raise(400, "division by zero")
  elseif y < 0 then
    error("negative")
  end
  return x / y
end

function svc.Find(_, name)
  return { name = name, made = 1700000000, parts = { { name = "peel", made = 1700000000.5 } } }
end

function svc.Page(ctx, req, res)
  res:header("Set-Cookie", "a=1"):header("Set-Cookie", "b=2"):header("X-Language", ctx.languages[1] or "none")
  res:answer(200, ("<h1>%s of %s</h1><ul><li>%s<li>%s</ul>"):format(req.args.name, req.args.rest, req.query.q or "", req.method),
    "text/html; charset=utf-8")
end

function svc.Buy(_, req)
  return 201, req:header("content-type") == "application/json" and req:json() or req:form()
end

function svc.Wrong()
  errors.raise(409, "sold out")
end

function svc.Tick() end

return svc
