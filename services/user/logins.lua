-- What stands between a login and its password: failures are counted, the policy `login` is asked, and only so many attempts are
-- on their way at a time.
--
-- Everything here is made for strangers who try. What is counted lies in the map of all workers, under as many keys as there
-- are buckets, so that no number of names or addresses makes it grow, and it survives reloads. Names count as they were typed,
-- whether or not there is such an account: what a stranger meets tells nothing. What lets the owner pass, on the other hand, are
-- the addresses from which the account has logged in: those are kept in the store, a few for each account, and nobody gets one
-- there but with the password.
--
-- An attempt needs places, which it gives back when it ends, however it ends: one of all attempts, so that waiting ones do not
-- fill the service; one of its address; unless that is known to the account, one of the account; for a delay one to sleep; and
-- from unknown addresses one to have the password hashed, so that the others find the hashing threads free. Who finds none
-- waits a moment where there is room to wait, and is told to come back otherwise.

local db = require "db"
local errors = require "errors"
local policies = require "policies"
local seal = require "seal"
local shared = require "shared"
local time = require "time"

local M = {}

local BUCKETS = 16384     -- of each kind of counter
local REMEMBERED = 3600   -- seconds after the last failure
local COUNTED = 1000      -- failures, at most: more make no difference
local TRIES = 16          -- at a counter that others change at the same moment

local KNOWN = 8           -- addresses of an account that are remembered, the latest first
local RENEWED = 86400     -- seconds after which the time of the last login is noted again

local PLACE_LIFE = 120    -- seconds after which places are counted anew, should some not have been given back
local ASLEEP = 10         -- seconds that the policy may let an attempt wait; who has to wait longer comes back
local BRIEFLY = 1         -- Retry-After of those that find no room

-- How many places there are, how many may wait for one, and for how many seconds. Together with the delay that is less than a
-- request may take.
local STRANGERS, FRIENDS = { n = 1024 }, { n = 4096 }
local ADDRESS, KNOWN_ADDRESS = { n = 8, room = 32, seconds = 4 }, { n = 32, room = 128, seconds = 12 }
local ACCOUNT = { n = 16, room = 16, seconds = 4 }
local SLEEPERS, SLEEPERS_HERE = { n = 256 }, { n = 2, room = 4, seconds = 4 }
local CHECKS = { n = 64, room = 128, seconds = 4 }

-- ---- buckets ----

-- A number that nobody outside can compute: who could would fill the bucket of somebody else.
local function salt()
  local known = shared.get("login:salt")
  if known then
    return known
  end
  shared.add("login:salt", seal.random(16))
  return shared.get("login:salt") or ""
end

local function bucket(kind, text)
  local n = tonumber(seal.sha256(salt() .. kind .. ":" .. text):sub(1, 8), 16)
  return ("login:%s:%d"):format(kind, n % BUCKETS)
end

-- ---- counters: "failures time-of-the-last" ----

local function read(key)
  local n, at = (shared.get(key) or ""):match("^(%d+) (%S+)$")
  if not n then
    return 0, math.huge
  end
  return math.tointeger(tonumber(n)), math.max(time.monotonic() - tonumber(at), 0)
end

local function add_failure(key)
  for _ = 1, TRIES do
    local text = shared.get(key)
    local n = text and tonumber(text:match("^%d+")) or 0
    local fresh = ("%d %.3f"):format(math.min(n + 1, COUNTED), time.monotonic())
    if text and shared.cas(key, text, fresh, REMEMBERED) or not text and shared.add(key, fresh, REMEMBERED) then
      return
    end
  end
end

-- ---- places ----

local Place = {}

local function leave(key)
  local n = shared.incr(key, -1, PLACE_LIFE)
  if n and n < 0 then
    shared.del(key) -- it was counted anew meanwhile
  end
end

function Place.__close(place)
  leave(place.key)
end

local function enter(key, most)
  local n = shared.incr(key, 1, PLACE_LIFE)
  if n and n <= most then
    return setmetatable({ key = key }, Place)
  end
  leave(key)
end

-- A place to be held in a <close> variable; nil when there is none, and none comes free in time.
local function take(key, kind)
  local place = enter(key, kind.n)
  if place or not kind.room then
    return place
  end
  local waiting <close> = enter(key .. ":waiting", kind.room)
  local deadline, pause = time.monotonic() + (waiting and kind.seconds or 0), 0.005
  while not place and time.monotonic() < deadline do
    time.sleep(pause)
    pause = math.min(pause * 1.5, 0.1)
    place = enter(key, kind.n)
  end
  return place
end

local function refuse(why, seconds)
  seconds = math.max(math.ceil(math.min(seconds, 86400)), 1)
  errors.raise(429, ("%s: try again in %d s"):format(why, seconds), seconds)
end

local function need(key, kind, seconds)
  return take(key, kind) or refuse("Too many logins at once", seconds or BRIEFLY)
end

-- ---- addresses ----

-- What one client has of an address: all of IPv4, of IPv6 the 64 bits that a network is given.
local function network(address)
  local v4 = address:match("^::[fF][fF][fF][fF]:(%d+%.%d+%.%d+%.%d+)$")
  if v4 or not address:find(":", 1, true) then
    return v4 or address
  end
  local front, back = address:match("^(.-)::(.*)$")
  local groups = {}
  for group in (front or address):gmatch("%x+") do
    table.insert(groups, ("%x"):format(tonumber(group, 16)))
  end
  local _, behind = (back or ""):gsub("%x+", "")
  for _ = 1, front and 8 - #groups - behind or 0 do
    table.insert(groups, "0")
  end
  for group in (back or ""):gmatch("%x+") do
    table.insert(groups, ("%x"):format(tonumber(group, 16)))
  end
  return table.concat(groups, ":", 1, math.min(#groups, 4)) .. "::/64"
end

--- The network of the client that a call is for. A service that calls for nobody is its own client.
---@param ctx Context
---@return string
function M.origin(ctx)
  if ctx.client then
    return network(ctx.client)
  end
  return ctx.from and "service " .. ctx.from.host or "nowhere"
end

-- Addresses are kept as hashes of their own for each account: the database need not tell who was where.
local function mark(user, origin)
  return seal.sha256(user.id .. " " .. origin)
end

local function addresses_of(user)
  local row = errors.check(db.logins:get(user and user.id or "nobody"))
  return row and row.addresses or {}
end

local function is_known(user, origin)
  local addresses = addresses_of(user)
  local own = mark(user or { id = "nobody" }, origin)
  for _, entry in ipairs(addresses) do
    if entry.mark == own then
      return true
    end
  end
  return false
end

local function with_address(addresses, own, now)
  local list = { { mark = own, at = now } }
  for _, entry in ipairs(addresses) do
    if entry.mark ~= own and #list < KNOWN then
      table.insert(list, entry)
    end
  end
  return list
end

--- Remembers that an account logged in from there. Costs a write when that is news, or the first time in a day.
---@param user { id: string }
---@param origin string
function M.remember(user, origin)
  local own, now = mark(user, origin), math.floor(time.now())
  for _, entry in ipairs(addresses_of(user)) do
    if entry.mark == own and now - entry.at < RENEWED then
      return
    end
  end
  local created, message, code = db.logins:create { id = user.id, addresses = with_address({}, own, now) }
  if not created and code ~= "exists" then
    errors.check(created, message, code)
  elseif not created then
    errors.check(db.logins:update(user.id, function(row)
      row.addresses = with_address(row.addresses, own, now)
    end))
  end
end

-- ---- an attempt ----

-- Where failures of an attempt are counted. At known addresses only they themselves can raise the count.
local function counters_of(named, origin, known)
  return {
    here = bucket(known and "known" or "here", named .. "\n" .. origin),
    address = bucket("address", origin),
    account = bucket("account", named),
  }
end

local function question(a, keys, known)
  local attempt = {
    slug = a.slug, contact = a.contact, account = a.user and a.user.id, address = a.address, device = a.device, known = known,
    failures = {}, since = {},
  }
  for where, key in pairs(keys) do
    attempt.failures[where], attempt.since[where] = read(key)
  end
  return attempt
end

-- Sleeps as long as the policy wants.
local function wait(seconds, keys)
  if seconds > ASLEEP then
    refuse("Too many failed logins", seconds)
  end
  local here <close> = need(keys.here .. ":asleep", SLEEPERS_HERE, seconds) -- luacheck: ignore here
  local all <close> = need("login:asleep", SLEEPERS, seconds) -- luacheck: ignore all
  time.sleep(seconds)
end

local function ask(a, keys, known)
  local answer, why, seconds = policies.ask("login", question(a, keys, known))
  if math.type(answer) then
    if answer > 0 then
      wait(answer, keys)
    end
  elseif not answer and math.type(seconds) and seconds > 0 then
    refuse(why, seconds)
  elseif not answer then
    errors.raise(403, why or "Login refused")
  end
end

---@class Attempt
---@field slug string? what was typed
---@field contact string?
---@field user table? the account, when there is one
---@field device string
---@field origin string of M.origin
---@field address string

--- Runs `check` (does the password match?) when the policy `login` lets it, and counts what comes of it. Raises 429 or 403.
---@param a Attempt
---@param check fun(): boolean
---@return boolean
function M.try(a, check)
  local known = is_known(a.user, a.origin)
  local named = a.contact and "contact " .. a.contact or "slug " .. (a.slug or "")
  local keys = counters_of(named, a.origin, known)
  -- luacheck: push ignore inside address account checking
  local inside <close> = known and need("login:friends", FRIENDS) or need("login:strangers", STRANGERS)
  local address <close> = known and need(keys.address .. ":known", KNOWN_ADDRESS) or need(keys.address .. ":places", ADDRESS)
  local account <close> = not known and need(keys.account .. ":places", ACCOUNT) or nil
  ask(a, keys, known)
  local checking <close> = not known and need("login:checking", CHECKS) or nil
  -- luacheck: pop
  if not check() then
    for _, key in pairs(keys) do
      add_failure(key)
    end
    return false
  end
  shared.del(keys.here)
  M.remember(a.user, a.origin)
  return true
end

return M
