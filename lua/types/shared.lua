---@meta shared
--
-- Generated from core/script/lib_shared.c by ./dev fmt; do not edit.

local shared = {}

--- The value as it was set, or counted.
---@param key string
---@return string|number|nil
function shared.get(key) end

--- Sets a text or a number for ttl seconds (0 = for ever); nil deletes. "evicted" as second result when others had
--- to go.
---@param key string
---@param value string|number|nil
---@param ttl? number
---@return true?
---@return string?
---@return string?
function shared.set(key, value, ttl) end

--- Sets it only when it is not there: else "exists".
---@param key string
---@param value string|number
---@param ttl? number
---@return true?
---@return string?
---@return string?
function shared.add(key, value, ttl) end

--- Adds to an integer; a missing one begins at initial and gets the ttl. The new value.
---@param key string
---@param by? integer
---@param ttl? number
---@param initial? integer
---@return integer?
---@return string?
---@return string?
function shared.incr(key, by, ttl, initial) end

--- Sets it only when it is `expected`, which no text is of a number: else "conflict".
---@param key string
---@param expected string|number
---@param value string|number
---@param ttl? number
---@return true?
---@return string?
---@return string?
function shared.cas(key, expected, value, ttl) end

--- Deletes; whether it was there.
---@param key string
---@return boolean
function shared.del(key) end

--- Deletes all keys that begin so; how many.
---@param prefix string
---@return integer
function shared.del_prefix(prefix) end

return shared
