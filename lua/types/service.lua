---@meta service
--
-- Generated from lua/service.lua by ./dev fmt; do not edit.

---@class Service what require "service" (...) gives; what the declaration adds is in its gen/plumbing.lua
---@field host string
---@field id string the replica: ten characters, the same on all workers of a host
---@field cache Cache
---@field resources Resources
---@field on_check? fun(ctx: Context) may raise: this generation does not come into service
---@field on_start? fun(ctx: Context) this generation came into service; on one worker
---@field on_stop? fun(ctx: Context) it went out of service
---@field on_unload? fun(ctx: Context): table? what on_load of the next generation gets
---@field on_load? fun(ctx: Context, state: table)

---@overload fun(folder: string): table
local service = {}

--- The runtime's record of a service. For the runner of specs.
---@param svc table what require "service" (...) returned
---@return table? { host, plumbing, handlers, routes, … }
function service.inner(svc) end

--- Raises unless a service.lua gave back its service; the error is at its last line, where that should stand.
---@param svc any what the file returned
---@param place string of the file
---@param source string its text
function service.check_returned(svc, place, source) end

--- What the host calls after the service's file ran, and gave back its service.
---@param svc table what require "service" (...) returned
---@param platform boolean
function service.entry(svc, platform) end

--- Binds another service than that of the state. For the runner of specs, where several run side by side.
---@param folder string
---@return table svc
function service.bind(folder) end

--- The service of this state; nil before its service.lua has asked.
---@return table? svc
function service.own() end

--- Lets the next file that asks be the service.lua of this state. For the runner of specs, which runs it more than once.
function service.forget() end

return service
