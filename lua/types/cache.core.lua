---@meta cache.core
--
-- Generated from core/script/lib_cache.c by ./dev fmt; do not edit.

local core = {}

--- The value, unless it is max_age seconds old. With renew its age and its ttl begin again.
---@param key string
---@param renew boolean
---@param max_age? number
---@return string?
function core.load(key, renew, max_age) end

--- Keeps a value for ttl seconds; false when it is too large to be kept.
---@param key string
---@param value string
---@param ttl number
---@return boolean
function core.store(key, value, ttl) end

--- Deletes; whether it was there.
---@param key string
---@return boolean
function core.del(key) end

--- Deletes all keys that begin so; how many.
---@param prefix string
---@return integer
function core.del_prefix(prefix) end

--- Deletes all keys that have it in them; how many.
---@param part string
---@return integer
function core.del_containing(part) end

--- The number of entries and the bytes of their values.
---@return integer
---@return integer
function core.measure() end

--- How often load found something, and how often not.
---@return integer
---@return integer
function core.counters() end

return core
