-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- helloworld.example for those who call it:
--
--     local helloworld = require "services.examples.helloworld.api"

local client = require "client"

---@class services.examples.helloworld.api.all
---@field HelloWorld fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.examples.helloworld.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.examples.helloworld.api
---@field mock fun(handlers: table<string, function>)
---@field all services.examples.helloworld.api.all
local api = client.bind {
  host = "helloworld.example",
  functions = {},
  events = {},
  webs = { { name = "HelloWorld", method = "ANY", port = 443, path = "/hello-world" } },
}

--- HelloWorld answers with the most famous greeting.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.HelloWorld(ctx, request)
  return api.call("HelloWorld", ctx, request)
end

return api
