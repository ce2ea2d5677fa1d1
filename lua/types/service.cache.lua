---@meta _
--
-- Generated from lua/service/cache.lua by ./dev fmt; do not edit.

---@class Cache svc.cache: texts and values that all workers of the host share, until they are too old
---@field ttl number seconds that store keeps for, unless it is told otherwise
local Cache = {}

--- How long store keeps what it is given, unless it is told otherwise. For the service's file: every worker runs it.
---@param seconds number
function Cache:set_ttl(seconds) end

--- Keeps a text. False when it is too large to be kept: then nothing is under that key.
---@param key string at most 512 bytes
---@param value string
---@param options { ttl: number? }? seconds
---@return boolean
function Cache:store(key, value, options) end

--- The text, or nil. What is loaded is as new, so its ttl begins again, but for `bump = false`. With max_age only what
--- was stored, or last loaded, less than so many seconds ago.
---@param key string
---@param options { bump: boolean?, max_age: number? }?
---@return string?
function Cache:load(key, options) end

--- Keeps a value as JSON; see store.
---@param key string
---@param value any
---@param options { ttl: number? }?
---@return boolean
function Cache:store_json(key, value, options) end

--- The value that store_json kept, json.null for null, or nil; see load.
---@param key string
---@param options { bump: boolean?, max_age: number? }?
---@return any
function Cache:load_json(key, options) end

--- Forgets one; whether it was there.
---@param key string
---@return boolean
function Cache:delete(key) end

--- Forgets all whose keys begin so; how many. Looks at all that the host keeps, as the functions below do.
---@param prefix string
---@return integer
function Cache:delete_prefix(prefix) end

--- Forgets all whose keys have that in them; how many.
---@param part string
---@return integer
function Cache:delete_containing(part) end

--- Forgets everything but the counts of hits and misses.
function Cache:clear() end

--- How many entries there are.
---@return integer
function Cache:len() end

--- How many bytes their values have.
---@return integer
function Cache:weight() end

--- How often load found something since the host started.
---@return integer
function Cache:hits() end

--- How often load found nothing since the host started.
---@return integer
function Cache:misses() end
