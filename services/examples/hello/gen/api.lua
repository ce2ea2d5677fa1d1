-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- hello.example for those who call it:
--
--     local hello = require "services.examples.hello.api"

local client = require "client"

---@class services.examples.hello.api.all
---@field Hello fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field Echo fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field Ping fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field Calculator fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field BusPNG fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field Localization fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field Root fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.examples.hello.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.examples.hello.api
---@field mock fun(handlers: table<string, function>)
---@field all services.examples.hello.api.all
local api = client.bind {
  host = "hello.example",
  functions = {},
  events = {},
  webs = {
    { name = "Hello", method = "ANY", port = 443, path = "/hello" },
    { name = "Echo", method = "ANY", port = 443, path = "/echo" },
    { name = "Ping", method = "ANY", port = 443, path = "/ping" },
    { name = "Calculator", method = "ANY", port = 443, path = "/calculator" },
    { name = "BusPNG", method = "GET", port = 443, path = "/bus.png" },
    { name = "Localization", method = "ANY", port = 443, path = "/localization" },
    { name = "Root", host = "root", method = "ANY", port = 443, path = "" },
  },
}

--- Hello greets whoever asks, by name where there is one.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Hello(ctx, request)
  return api.call("Hello", ctx, request)
end

--- Echo answers with the request as it came.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Echo(ctx, request)
  return api.call("Echo", ctx, request)
end

--- Ping lists every service that is there.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Ping(ctx, request)
  return api.call("Ping", ctx, request)
end

--- Calculator is a page with a form. Another service does the arithmetic.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Calculator(ctx, request)
  return api.call("Calculator", ctx, request)
end

--- BusPNG is a picture from the resources.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.BusPNG(ctx, request)
  return api.call("BusPNG", ctx, request)
end

--- Localization says hello in the reader's language.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Localization(ctx, request)
  return api.call("Localization", ctx, request)
end

--- Root is what stands at the root of the whole site.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Root(ctx, request)
  return api.call("Root", ctx, request)
end

return api
