-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- eventsink.example for those who call it:
--
--     local eventsink = require "services.examples.eventsink.api"

local client = require "client"

---@class services.examples.eventsink.api.all
---@field Registered fun(ctx: Context): fun(): Answer?

---@class services.examples.eventsink.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.examples.eventsink.api
---@field mock fun(handlers: table<string, function>)
---@field all services.examples.eventsink.api.all
local api = client.bind {
  host = "eventsink.example",
  functions = { { name = "Registered", method = "ANY", port = 443, path = "/registered" } },
  events = {},
  webs = {},
}

--- Registered lists the addresses that were registered, the first one first.
---@param ctx Context
---@return string[] emails
function api.Registered(ctx)
  return api.call("Registered", ctx)
end

return api
