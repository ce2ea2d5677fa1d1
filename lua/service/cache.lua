-- service.cache: svc.cache, what a service would rather not make twice. One for all workers of the host, and it
-- survives reloads; what is least used goes first when room is needed. A cache forgets: whoever loads must be able to
-- make it again.
--
-- It lives in the map that `shared` is a part of, with keys of its own.

local core = require "cache.core"
local errors = require "errors"
local json = require "json"

local M = {}

local TTL = 3600 -- seconds

---@class Cache svc.cache: texts and values that all workers of the host share, until they are too old
---@field ttl number seconds that store keeps for, unless it is told otherwise
local Cache = {}
Cache.__index = Cache

local function check_key(key)
  if key == nil or key == "" then
    errors.raise(400, "missing key")
  elseif type(key) ~= "string" then
    error(("the key of a cache is a string, not a %s"):format(type(key)), 3)
  end
end

-- level: that of the call to be blamed.
local function check_options(options, level, ...)
  if options == nil then
    return
  end
  for name in pairs(options) do
    local known = false
    for i = 1, select("#", ...) do
      known = known or name == select(i, ...)
    end
    if not known then
      error(("there is no option %s; there are: %s"):format(tostring(name), table.concat({ ... }, ", ")), level)
    end
  end
end

local function check_seconds(name, value)
  if type(value) ~= "number" or not (value > 0 and value < 1e9) then
    error(("%s is a number of seconds, more than 0, not %s"):format(name, tostring(value)), 3)
  end
end

--- How long store keeps what it is given, unless it is told otherwise. For the service's file: every worker runs it.
---@param seconds number
function Cache:set_ttl(seconds)
  check_seconds("the ttl", seconds)
  self.ttl = seconds
end

--- Keeps a text. False when it is too large to be kept: then nothing is under that key.
---@param key string at most 512 bytes
---@param value string
---@param options { ttl: number? }? seconds
---@return boolean
function Cache:store(key, value, options)
  check_key(key)
  if type(value) ~= "string" then
    error(("a cache keeps strings, not a %s: use store_json"):format(type(value)), 2)
  end
  check_options(options, 3, "ttl")
  local ttl = options and options.ttl or self.ttl
  check_seconds("the ttl", ttl)
  return core.store(key, value, ttl)
end

--- The text, or nil. What is loaded is as new, so its ttl begins again, but for `bump = false`. With max_age only what
--- was stored, or last loaded, less than so many seconds ago.
---@param key string
---@param options { bump: boolean?, max_age: number? }?
---@return string?
function Cache:load(key, options)
  check_key(key)
  check_options(options, 3, "bump", "max_age")
  local max_age = options and options.max_age
  if max_age ~= nil then
    check_seconds("max_age", max_age)
  end
  return core.load(key, not (options and options.bump == false), max_age)
end

--- Keeps a value as JSON; see store.
---@param key string
---@param value any
---@param options { ttl: number? }?
---@return boolean
function Cache:store_json(key, value, options)
  check_key(key)
  if value == nil then
    value = json.null
  end
  return self:store(key, errors.check(json.encode(value)), options)
end

--- The value that store_json kept, json.null for null, or nil; see load.
---@param key string
---@param options { bump: boolean?, max_age: number? }?
---@return any
function Cache:load_json(key, options)
  local text = self:load(key, options)
  return text and errors.check(json.decode(text))
end

--- Forgets one; whether it was there.
---@param key string
---@return boolean
function Cache:delete(key)
  check_key(key)
  return core.del(key)
end

local function check_part(what, text)
  if type(text) ~= "string" or text == "" then
    error(("missing %s: clear() forgets everything"):format(what), 3)
  end
end

--- Forgets all whose keys begin so; how many. Looks at all that the host keeps, as the functions below do.
---@param prefix string
---@return integer
function Cache:delete_prefix(prefix)
  check_part("prefix", prefix)
  return core.del_prefix(prefix)
end

--- Forgets all whose keys have that in them; how many.
---@param part string
---@return integer
function Cache:delete_containing(part)
  check_part("text", part)
  return core.del_containing(part)
end

--- Forgets everything but the counts of hits and misses.
function Cache:clear()
  core.del_prefix("")
end

--- How many entries there are.
---@return integer
function Cache:len()
  return (core.measure())
end

--- How many bytes their values have.
---@return integer
function Cache:weight()
  local _, bytes = core.measure()
  return bytes
end

--- How often load found something since the host started.
---@return integer
function Cache:hits()
  return (core.counters())
end

--- How often load found nothing since the host started.
---@return integer
function Cache:misses()
  local _, misses = core.counters()
  return misses
end

--- The cache of the running service.
---@return Cache
function M.bind()
  return setmetatable({ ttl = TTL }, Cache)
end

return M
