-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- messaging.example for those who call it:
--
--     local messaging = require "services.examples.messaging.api"

local client = require "client"

---@class services.examples.messaging.api.all
---@field Home fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field NoQueue fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field DefaultQueue fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field CacheLoad fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field CacheStore fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.examples.messaging.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.examples.messaging.api
---@field mock fun(handlers: table<string, function>)
---@field all services.examples.messaging.api.all
local api = client.bind {
  host = "messaging.example",
  functions = {},
  events = {},
  webs = {
    { name = "Home", method = "ANY", port = 443, path = "/home" },
    { name = "NoQueue", method = "ANY", port = 443, path = "/no-queue" },
    { name = "DefaultQueue", method = "ANY", port = 443, path = "/default-queue" },
    { name = "CacheLoad", method = "ANY", port = 443, path = "/cache-load" },
    { name = "CacheStore", method = "ANY", port = 443, path = "/cache-store" },
  },
}

--- Home reaches replicas in each of the four ways, and prints who answered.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Home(ctx, request)
  return api.call("Home", ctx, request)
end

--- NoQueue is answered by every replica, as there is no queue in front of them.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.NoQueue(ctx, request)
  return api.call("NoQueue", ctx, request)
end

--- DefaultQueue is answered by one replica.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.DefaultQueue(ctx, request)
  return api.call("DefaultQueue", ctx, request)
end

--- CacheLoad looks for a key in the cache.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.CacheLoad(ctx, request)
  return api.call("CacheLoad", ctx, request)
end

--- CacheStore puts a value into the cache.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.CacheStore(ctx, request)
  return api.call("CacheStore", ctx, request)
end

return api
