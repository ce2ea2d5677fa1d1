---@meta spec.core
--
-- Generated from core/script/lib_spec.c by ./dev fmt; do not edit.

local core = {}

--- The values as another service would get them over the bus; raises for what cannot go there.
---@param ... any
---@return any ...
function core.copy(...) end

--- A file inside the binary: lua/errors.lua.
---@param path string
---@return string?
function core.embedded(path) end

--- Whether a module is one of the host's that are written in C.
---@param name string
---@return boolean
function core.is_library(name) end

--- The spec files (*_spec.lua) at or below a path, sorted.
---@param path string
---@return string[]?
---@return string?
---@return string?
function core.find(path) end

--- The tasks that the running one has started are its parent's from here on: they go on when it ends.
function core.pass_on() end

--- Runs the tests of one file whose names contain the filter, each at most timeout seconds, in a state of its own
--- with an empty store and shared map. `left` counts the tasks, operations and references that the file left
--- behind.
---@param path string
---@param filter? string
---@param timeout? number
---@return SpecResult?
---@return string?
---@return string?
function core.run(path, filter, timeout) end

return core
