-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- calculator.example for those who call it:
--
--     local calculator = require "services.deep.calculator.api"

local client = require "client"

---@class services.deep.calculator.api.all
---@field Arithmetic fun(ctx: Context, x: integer, op: string, y: integer): fun(): Answer?
---@field Name fun(ctx: Context): fun(): Answer?
---@field About fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field AboutAll fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.deep.calculator.api.fire
---@field OnComputed fun(ctx: Context, item: string): fun(): Answer?

---@class services.deep.calculator.api.on
---@field OnComputed fun(handler: fun(ctx: Context, item: string): boolean)

---@class services.deep.calculator.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field all services.deep.calculator.api.all
---@field fire services.deep.calculator.api.fire
---@field on services.deep.calculator.api.on
local api = client.bind {
  host = "calculator.example",
  functions = {
    {
      name = "Arithmetic",
      method = "ANY",
      port = 443,
      path = "/arithmetic",
      queue = "default",
      inputs = { { name = "x", type = "int" }, { name = "op", type = "string" }, { name = "y", type = "int" } },
      outputs = { { name = "result", type = "int" } },
    },
    {
      name = "Name",
      method = "ANY",
      port = 443,
      path = "/name",
      queue = "default",
      inputs = {},
      outputs = { { name = "name", type = "string" } },
    },
  },
  events = {
    {
      name = "OnComputed",
      method = "POST",
      port = 417,
      path = "/on-computed",
      inputs = { { name = "item", type = "string" } },
      outputs = { { name = "noted", type = "bool" } },
    },
  },
  webs = {
    { name = "About", method = "GET", port = 443, path = "/about/{topic}", queue = "default" },
    { name = "AboutAll", method = "GET", port = 443, path = "/about/all", queue = "default" },
  },
  classes = {},
}

--- Arithmetic is a function.
---@param ctx Context
---@param x integer
---@param op string
---@param y integer
---@return integer result
function api.Arithmetic(ctx, x, op, y)
  return api.call("Arithmetic", ctx, x, op, y)
end

--- Name is a function.
---@param ctx Context
---@return string name
function api.Name(ctx)
  return api.call("Name", ctx)
end

--- About is a web.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.About(ctx, request)
  return api.call("About", ctx, request)
end

--- AboutAll is a web.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.AboutAll(ctx, request)
  return api.call("AboutAll", ctx, request)
end

return api
