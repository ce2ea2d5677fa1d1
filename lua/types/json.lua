---@meta json
--
-- Generated from core/script/lib_json.c by ./dev fmt; do not edit.

local json = {}

--- The value of a JSON text. Integers that fit in 64 bits stay integers, null is json.null, lists keep a mark so
--- that they encode as lists again. Bounded: 64 levels, 1,000,000 values, 16 MB unless told otherwise. With `first`
--- whatever follows the value is ignored. Returns nil, "line L column C: why" and "invalid" or "limit".
---@param text string
---@param options? { depth?: integer, nodes?: integer, size?: integer, first?: boolean }
---@return any
---@return string?
---@return string?
function json.decode(text, options) end

--- A value as JSON text. Tables with the keys 1 to n and marked lists become lists, others objects; an empty table
--- is {}. With indent (blanks per level) it has lines and names in order. Raises when something has no JSON form,
--- and says where; returns nil, message and "limit" when it is too deep, too much or too long.
---@param value any
---@param options? { indent?: integer, depth?: integer, nodes?: integer, size?: integer }
---@return string?
---@return string?
---@return string?
function json.encode(value, options) end

--- Marks a table, or a new one, as a list, so that it encodes as [] even when it is empty. Replaces its metatable.
---@param list? table
---@return table
function json.list(list) end

--- A metatable for tables that are written as objects with these members, in this order: setmetatable(value,
--- order). Members that are nil, and others, are left out.
---@param names string[]
---@return table
function json.order(names) end

--- Whether a value carries the mark of json.list.
---@param value any
---@return boolean
function json.is_list(value) end

--- What stands for null. It is true in conditions: compare with ==.
---@type lightuserdata
json.null = nil

return json
