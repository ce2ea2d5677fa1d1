-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- hello.example for those who call it:
--
--     local hello = require "services.examples.hello.api"

local client = require "client"

---@class services.examples.hello.api.all
---@field Add fun(ctx: Context, x: integer, y: integer): fun(): Answer?
---@field Hello fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.examples.hello.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field all services.examples.hello.api.all
local api = client.bind {
  host = "hello.example",
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
  webs = { { name = "Hello", method = "GET", port = 443, path = "/hello", queue = "default" } },
  classes = {},
}

--- Add adds two integers: /hello.example/add?x=1&y=2
---@param ctx Context
---@param x integer
---@param y integer
---@return integer sum
function api.Add(ctx, x, y)
  return api.call("Add", ctx, x, y)
end

--- Hello greets whoever asks: /hello.example/hello?name=Ada
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Hello(ctx, request)
  return api.call("Hello", ctx, request)
end

return api
