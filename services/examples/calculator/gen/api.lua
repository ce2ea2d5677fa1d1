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
---@field all services.examples.calculator.api.all
local api = client.bind {
  host = "calculator.example",
  functions = {
    {
      name = "Arithmetic",
      method = "GET",
      port = 443,
      path = "/arithmetic",
      queue = "default",
      inputs = { { name = "x", type = "int" }, { name = "op", type = "string" }, { name = "y", type = "int" } },
      outputs = {
        { name = "xEcho", type = "int" },
        { name = "opEcho", type = "string" },
        { name = "yEcho", type = "int" },
        { name = "result", type = "int" },
      },
    },
    {
      name = "Square",
      method = "GET",
      port = 443,
      path = "/square",
      queue = "default",
      inputs = { { name = "x", type = "int" } },
      outputs = { { name = "xEcho", type = "int" }, { name = "result", type = "int" } },
    },
    {
      name = "Distance",
      method = "ANY",
      port = 443,
      path = "/distance",
      queue = "default",
      inputs = { { name = "p1", type = "Point" }, { name = "p2", type = "Point" } },
      outputs = { { name = "d", type = "float64" } },
    },
  },
  events = {},
  webs = {},
  classes = {
    Point = {
      fields = {
        { name = "x", type = "float64", optional = false },
        { name = "y", type = "float64", optional = false },
      },
    },
  },
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
