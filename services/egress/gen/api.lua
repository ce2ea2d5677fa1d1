-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- http.egress.core for those who call it:
--
--     local egress = require "services.egress.api"

local client = require "client"

---@class services.egress.api.all
---@field MakeRequest fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.egress.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.egress.api
---@field mock fun(handlers: table<string, function>)
---@field all services.egress.api.all
local api = client.bind {
  host = "http.egress.core",
  functions = {},
  events = {},
  webs = { { name = "MakeRequest", method = "POST", port = 444, path = "/make-request" } },
}

--- MakeRequest sends the HTTP/1.1 request that is the body of this one, and answers with its response.
--- The request line has an absolute URL.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.MakeRequest(ctx, request)
  return api.call("MakeRequest", ctx, request)
end

return api
