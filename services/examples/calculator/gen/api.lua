-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- calculator.example for those who call it:
--
--     local calculator = require "services.examples.calculator.api"

local client = require "client"

---@class services.examples.calculator.api.all
---@field Arithmetic fun(ctx: Context, x: integer, op: string, y: integer): fun(): Answer?
---@field Square fun(ctx: Context, x: integer): fun(): Answer?
---@field Distance fun(ctx: Context, p1: Point, p2: Point): fun(): Answer?

---@class services.examples.calculator.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.examples.calculator.api
---@field mock fun(handlers: table<string, function>)
---@field all services.examples.calculator.api.all
local api = client.bind {
  host = "calculator.example",
  functions = {
    { name = "Arithmetic", method = "GET", port = 443, path = "/arithmetic" },
    { name = "Square", method = "GET", port = 443, path = "/square" },
    { name = "Distance", method = "ANY", port = 443, path = "/distance" },
  },
  events = {},
  webs = {},
}

--- Arithmetic adds, subtracts, multiplies or divides two integers.
---@param ctx Context
---@param x integer
---@param op string
---@param y integer
---@return integer xEcho
---@return string opEcho
---@return integer yEcho
---@return integer result
function api.Arithmetic(ctx, x, op, y)
  return api.call("Arithmetic", ctx, x, op, y)
end

--- Square multiplies an integer by itself.
---@param ctx Context
---@param x integer
---@return integer xEcho
---@return integer result
function api.Square(ctx, x)
  return api.call("Square", ctx, x)
end

--- Distance says how far two points are from each other.
---@param ctx Context
---@param p1 Point
---@param p2 Point
---@return number d
function api.Distance(ctx, p1, p2)
  return api.call("Distance", ctx, p1, p2)
end

return api
