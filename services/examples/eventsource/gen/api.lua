-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- eventsource.example for those who call it:
--
--     local eventsource = require "services.examples.eventsource.api"

local client = require "client"

---@class services.examples.eventsource.api.all
---@field Register fun(ctx: Context, email: string): fun(): Answer?

---@class services.examples.eventsource.api.fire
---@field OnAllowRegister fun(ctx: Context, email: string): fun(): Answer?
---@field OnRegistered fun(ctx: Context, email: string): fun(): Answer?

---@class services.examples.eventsource.api.on
---@field OnAllowRegister fun(handler: fun(ctx: Context, email: string): boolean)
---@field OnRegistered fun(handler: fun(ctx: Context, email: string))

---@class services.examples.eventsource.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.examples.eventsource.api
---@field mock fun(handlers: table<string, function>)
---@field all services.examples.eventsource.api.all
---@field fire services.examples.eventsource.api.fire
---@field on services.examples.eventsource.api.on
local api = client.bind {
  host = "eventsource.example",
  functions = { { name = "Register", method = "ANY", port = 443, path = "/register" } },
  events = {
    { name = "OnAllowRegister", method = "POST", port = 417, path = "/on-allow-register" },
    { name = "OnRegistered", method = "POST", port = 417, path = "/on-registered" },
  },
  webs = {},
}

--- Register registers an address, unless somebody objects.
---@param ctx Context
---@param email string
---@return boolean allowed
function api.Register(ctx, email)
  return api.call("Register", ctx, email)
end

return api
