-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- metrics.core for those who call it:
--
--     local metrics = require "services.metrics.api"

local client = require "client"

---@class services.metrics.api.all
---@field Collect fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.metrics.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.metrics.api
---@field mock fun(handlers: table<string, function>)
---@field all services.metrics.api.all
local api = client.bind {
  host = "metrics.core",
  functions = {},
  events = {},
  webs = { { name = "Collect", method = "ANY", port = 443, path = "/collect" } },
}

--- All metrics as text, or those of one service.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Collect(ctx, request)
  return api.call("Collect", ctx, request)
end

return api
