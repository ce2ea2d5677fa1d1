-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- openapiportal.core for those who call it:
--
--     local openapiportal = require "services.openapiportal.api"

local client = require "client"

---@class services.openapiportal.api.all
---@field List fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.openapiportal.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.openapiportal.api
---@field mock fun(handlers: table<string, function>)
---@field all services.openapiportal.api.all
local api = client.bind {
  host = "openapiportal.core",
  functions = {},
  events = {},
  webs = { { name = "List", host = "openapi", method = "ANY", port = 0, path = "" } },
}

--- List shows a page with links to the OpenAPI documents of all services.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.List(ctx, request)
  return api.call("List", ctx, request)
end

return api
