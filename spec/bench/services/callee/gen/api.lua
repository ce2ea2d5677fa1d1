-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- callee.example for those who call it:
--
--     local callee = require "services.callee.api"

local client = require "client"

---@class services.callee.api.all
---@field Add fun(ctx: Context, x: integer, y: integer): fun(): Answer?

---@class services.callee.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field all services.callee.api.all
local api = client.bind {
  host = "callee.example",
  functions = {
    {
      name = "Add",
      method = "ANY",
      port = 443,
      path = "/add",
      queue = "default",
      inputs = { { name = "x", type = "int" }, { name = "y", type = "int" } },
      outputs = { { name = "sum", type = "int" } },
    },
  },
  events = {},
  webs = {},
  classes = {},
}

--- Add gives x+y.
---@param ctx Context
---@param x integer
---@param y integer
---@return integer sum
function api.Add(ctx, x, y)
  return api.call("Add", ctx, x, y)
end

return api
