-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- browser.example for those who call it:
--
--     local browser = require "services.examples.browser.api"

local client = require "client"

---@class services.examples.browser.api.all
---@field Browse fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.examples.browser.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.examples.browser.api
---@field mock fun(handlers: table<string, function>)
---@field all services.examples.browser.api.all
local api = client.bind {
  host = "browser.example",
  functions = {},
  events = {},
  webs = { { name = "Browse", method = "ANY", port = 443, path = "/browse" } },
}

--- Browse shows an address bar, and what is behind the address.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Browse(ctx, request)
  return api.call("Browse", ctx, request)
end

return api
