-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- proxy-svc for those who call it:
--
--     local proxy = require "services.proxy.api"

local client = require "client"

---@class services.proxy.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.proxy.api
---@field mock fun(handlers: table<string, function>)
local api = client.bind { host = "proxy-svc", functions = {}, events = {}, webs = {} }

return api
