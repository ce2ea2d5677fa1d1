-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- control.core for those who call it:
--
--     local control = require "services.control.api"

local client = require "client"

---@class services.control.api.all
---@field Ping fun(ctx: Context): fun(): Answer?
---@field ConfigRefresh fun(ctx: Context): fun(): Answer?
---@field Trace fun(ctx: Context, id: string): fun(): Answer?

---@class services.control.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.control.api
---@field mock fun(handlers: table<string, function>)
---@field all services.control.api.all
local api = client.bind {
  host = "control.core",
  functions = {
    { name = "Ping", method = "ANY", port = 888, path = "/ping" },
    { name = "ConfigRefresh", method = "ANY", port = 888, path = "/config-refresh" },
    { name = "Trace", method = "ANY", port = 888, path = "/trace" },
  },
  events = {},
  webs = {},
}

--- Ping says that a service is there.
---@param ctx Context
---@return integer pong
function api.Ping(ctx)
  return api.call("Ping", ctx)
end

--- ConfigRefresh has a service ask for the values of its configs again.
---@param ctx Context
function api.ConfigRefresh(ctx)
  return api.call("ConfigRefresh", ctx)
end

--- Trace selects a trace for export; there is no exporter yet, so that nothing follows.
---@param ctx Context
---@param id string
function api.Trace(ctx, id)
  return api.call("Trace", ctx, id)
end

return api
