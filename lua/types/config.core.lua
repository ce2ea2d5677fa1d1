---@meta config.core
--
-- Generated from core/script/lib_config.c by ./dev fmt; do not edit.

local core = {}

--- Grows whenever values of any service change; one atomic load.
---@return integer
function core.version() end

--- The values of this service, nil when none were published, and the version that they belong to (-1 while the
--- service loads: no version). `host` counts in specs only.
---@param host? string
---@return table<string, string>?
---@return integer
function core.values(host) end

--- Replaces the values of this service on all workers; "conflict" when they changed after version `seen`, "limit"
--- when they are larger than 1 MB. `host` counts in specs only.
---@param values table<string, string>
---@param seen? integer
---@param host? string
---@return true?
---@return string?
---@return string?
function core.publish(values, seen, host) end

return core
