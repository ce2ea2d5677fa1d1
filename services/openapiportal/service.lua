-- openapiportal.core: one page with the OpenAPI documents of all services. catalog.lua asks them, page.lua shows them.

local bus = require "bus"
local catalog = require "catalog"
local page = require "page"

---@type services.openapiportal
local svc = require "service" (...)

--- List shows a page with links to the OpenAPI documents of all services.
---@param ctx Context
---@param res Response
function svc.List(ctx, _, res)
  local entries = catalog.collect(bus.hosts(), function(host)
    return bus.request(ctx, { method = "GET", url = ("https://%s:443/openapi.json"):format(host) })
  end)
  res:header("Content-Security-Policy", page.policy())
  res:header("X-Content-Type-Options", "nosniff")
  res:answer(200, page.render(entries), "text/html; charset=utf-8")
end

return svc
