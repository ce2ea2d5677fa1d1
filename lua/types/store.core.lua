---@meta store.core
--
-- Generated from core/script/lib_store.c by ./dev fmt; do not edit.

local core = {}

--- Makes a collection and its indexes when they are missing.
---@param name string
---@param indexes? table
---@return true?
---@return string?
---@return string?
function core.ensure(name, indexes) end

--- A document and its revision; nil when there is none.
---@param name string
---@param id string
---@return table?
---@return integer|string?
---@return string?
function core.get(name, id) end

--- Documents, revisions, count without limit (when asked for), digest of the result.
---@param name string
---@param query table
---@return table?
---@return table|string?
---@return integer|string?
---@return integer?
function core.find(name, query) end

--- All steps or none; the result of each, or what failed and at which step.
---@param steps table[]
---@return integer[]?
---@return string?
---@return string?
---@return integer?
function core.write(steps) end

return core
