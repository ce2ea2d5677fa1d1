---@meta bus.core
--
-- Generated from core/script/lib_bus.c by ./dev fmt; do not edit.

local core = {}

--- Calls a service on this host by its host name or <id>.<host>. Frame, arguments and results are copied. `known`:
--- for whom the caller's own request came from. Raises what it raised, with its status; 404 when there is no such
--- service, 408 when the time is up, 508 above 64 calls inside each other.
---@param host string
---@param known boolean
---@param seconds number?
---@param frame table?
---@param name string
---@param ... any
---@return any
function core.call(host, known, seconds, frame, name, ...) end

--- The hosts of the services that listen to a topic, sorted; of all services without one.
---@param topic? string
---@return string[]
function core.listeners(topic) end

--- The host name of this service, and the id of this replica.
---@return string
---@return string
function core.self() end

return core
