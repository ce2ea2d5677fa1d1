-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- configurator.core for those who call it:
--
--     local configurator = require "services.configurator.api"

local client = require "client"

---@class services.configurator.api.all
---@field Values fun(ctx: Context, names: string[]): fun(): Answer?
---@field Refresh fun(ctx: Context): fun(): Answer?
---@field Sync fun(ctx: Context, timestamp: number, values: table<string, table<string, string>>): fun(): Answer?
---@field Set fun(ctx: Context, host: string, name: string, value: string): fun(): Answer?
---@field Unset fun(ctx: Context, host: string, name: string): fun(): Answer?
---@field List fun(ctx: Context, host: string): fun(): Answer?

---@class services.configurator.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.configurator.api
---@field mock fun(handlers: table<string, function>)
---@field all services.configurator.api.all
local api = client.bind {
  host = "configurator.core",
  functions = {
    { name = "Values", method = "ANY", port = 443, path = "/values" },
    { name = "Refresh", method = "ANY", port = 443, path = "/refresh" },
    { name = "Sync", method = "ANY", port = 443, path = "/sync" },
    { name = "Set", method = "ANY", port = 443, path = "/set" },
    { name = "Unset", method = "ANY", port = 443, path = "/unset" },
    { name = "List", method = "ANY", port = 443, path = "/list" },
  },
  events = {},
  webs = {},
}

--- Values gives what configs of the calling service are set to, by the names as they were asked for. What is set to
--- nothing is left out. Only services may ask, over the bus.
---@param ctx Context
---@param names string[]
---@return table<string, string> values
function api.Values(ctx, names)
  return api.call("Values", ctx, names)
end

--- Refresh makes all services ask for their values again, and reports the last failure.
---@param ctx Context
function api.Refresh(ctx)
  return api.call("Refresh", ctx)
end

--- Sync brings the replicas of this service to the same values, by section and name. The newer ones are kept; who
--- has newer ones sends them back.
---@param ctx Context
---@param timestamp number
---@param values table<string, table<string, string>>
function api.Sync(ctx, timestamp, values)
  return api.call("Sync", ctx, timestamp, values)
end

--- Set sets a config of a service, or of all services whose hosts end in a name (example.com, all), until it is
--- unset. It overrides the file, takes effect before Set answers, and survives restarts. A value that the service
--- refuses is 400; checked tells whether there was a service to ask.
---@param ctx Context
---@param host string
---@param name string
---@param value string
---@return boolean checked
function api.Set(ctx, host, name, value)
  return api.call("Set", ctx, host, name, value)
end

--- Unset takes back what Set has set; removed tells whether there was anything.
---@param ctx Context
---@param host string
---@param name string
---@return boolean removed
function api.Unset(ctx, host, name)
  return api.call("Unset", ctx, host, name)
end

--- List gives all configs of a service and where their values come from; without a host, everything that is set.
--- Secrets, and values that nobody says are none, are asterisks.
---@param ctx Context
---@param host string
---@return ConfigValue[] values
function api.List(ctx, host)
  return api.call("List", ctx, host)
end

return api
