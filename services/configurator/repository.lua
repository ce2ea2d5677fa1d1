-- The repository: what all configs are set to, from three places. The file, what was set at run time (in the store), and
-- what a peer on another host sent. One copy per host: the shared map has the file as it was last good, the peer's
-- values, and a version; each state puts them together once per version.
--
-- The base is the file, or the peer's values where these are newer. What was set here lies above it: all of it above the
-- own file, above a peer's values what is newer than they are.

local errors = require "errors"
local host = require "host"
local json = require "json"
local log = require "log"
local report = require "gen.report"
local seal = require "seal"
local sections = require "sections"
local shared = require "shared"
local store = require "store"
local time = require "time"

local M = {}

local MOST = 10000 -- values set at run time

local values = store.collection("values", { id = "value", indexes = { "section" } })
local marks = store.collection("marks", { id = "mark" })

---@class Repository
---@field at number seconds since the epoch: when it changed last
---@field sections Sections
---@field origins table<string, table<string, string>> of each entry: "file", "set" or "peer"

-- ---- the version ----

-- It never comes again, even when the map had to let go of it.
local function bump()
  errors.check(shared.incr("version", 1, 0, time.now_ns()))
end

local function version_now()
  local version = shared.get "version"
  while not version do
    bump()
    version = shared.get "version"
  end
  return version
end

-- ---- the file ----

local function keep(key, value)
  errors.check(shared.set(key, json.encode(value)))
end

local function kept(key)
  local text = shared.get(key)
  return text and json.decode(text)
end

-- Whether this state is the first to see the file as it is, and whether it looked otherwise before.
local function claim(digest)
  local seen = shared.get "seen"
  if seen == digest then
    return false, true
  elseif seen then
    return shared.cas("seen", seen, digest) ~= nil, true
  end
  return shared.add("seen", digest) ~= nil, false
end

-- The text and its time; what cannot be read is a problem, what is not there is an empty file.
local function read()
  local text, at, code = host.config_file()
  if text then
    return text, at
  elseif code == "not_found" then
    return "", 0, nil, true
  end
  return nil, 0, at
end

local function tell(problems, missing)
  if missing then
    log.info("no file with values of configs", { file = host.setting "values" })
  end
  for _, problem in ipairs(problems) do
    log.error("the file with values of configs is wrong; what was there before goes on", { problem = problem })
  end
end

local function lines(problems)
  local list = {}
  for i, problem in ipairs(problems) do
    list[i] = report.line(problem)
  end
  return list
end

--- Looks at the file. A good one takes the place of what it was before; what is wrong with another one is logged, once.
---@return boolean changed
function M.look()
  local text, at, why, missing = read()
  local first, before = claim(seal.sha256(text or why) .. (missing and "-" or ""))
  if not first and shared.get "file" then
    return false
  end
  local found, problems
  if text then
    found, problems = sections.parse(text, host.setting "values")
  end
  if first then
    tell(text and lines(problems or {}) or { why }, missing)
  end
  if found then
    -- A file from elsewhere may have an old date. What was seen to change is new.
    keep("file", { sections = found, at = before and time.now() or at })
  elseif not shared.get "file" then
    keep("file", { sections = {}, at = 0 })
  else
    return false
  end
  bump()
  return true
end

local function file()
  local found = kept "file"
  if not found then
    shared.del "seen"
    M.look()
    found = kept "file" or { sections = {}, at = 0 }
  end
  return found
end

-- ---- all of it ----

local function base_of(own, peer)
  if peer and peer.at >= own.at then
    return peer, "peer"
  end
  return own, "file"
end

local function put(origins, list, origin)
  for section, entries in pairs(list) do
    origins[section] = origins[section] or {}
    for name in pairs(entries) do
      origins[section][name] = origin
    end
  end
end

local function build()
  local base, origin = base_of(file(), kept "peer")
  local over, at = {}, base.at
  for _, row in ipairs(errors.check(values:find())) do
    if origin == "file" or row.at > base.at then
      over[row.section] = over[row.section] or {}
      over[row.section][row.name] = row.value
      at = math.max(at, row.at)
    end
  end
  local mark = errors.check(marks:get "unset")
  local origins = {}
  put(origins, base.sections, origin)
  put(origins, over, "set")
  return {
    at = mark and math.max(at, mark.at) or at,
    sections = sections.merge(base.sections, over),
    origins = origins,
  }
end

local cache = {} -- version and repository

--- What configs are set to now. Not to be changed.
---@return Repository
function M.current()
  local version = version_now()
  if cache.version ~= version then
    cache = { version = version, repository = build() }
  end
  return cache.repository
end

-- ---- changes ----

local function id_of(section, name)
  return section .. "/" .. name
end

local function put_row(section, name, value)
  errors.check(values:put {
    id = id_of(section, name), section = section, name = name, value = value, at = time.now(),
  })
end

--- Sets a value above the file. An empty one takes the file's away.
---@param section string
---@param name string
---@param value string
function M.set(section, name, value)
  local known = errors.check(values:get(id_of(section, name)))
  if not known and errors.check(values:count {}) >= MOST then
    errors.raise(429, ("%d values are set already: unset some, or write them into the file"):format(MOST))
  end
  put_row(section, name, value)
  bump()
end

--- Takes back what was set at run time, here or on another host.
---@param section string
---@param name string
---@return boolean removed whether there was anything
function M.unset(section, name)
  local origins = M.current().origins[section] or {}
  local removed = errors.check(values:delete(id_of(section, name)))
  if origins[name] == "peer" then
    put_row(section, name, "")
    removed = true
  end
  if removed then
    errors.check(marks:put { id = "unset", at = time.now() })
    bump()
  end
  return removed
end

--- Takes what a peer on another host has in place of what is older here.
---@param at number
---@param list Sections
function M.adopt(at, list)
  keep("peer", { at = at, sections = list })
  bump()
end

return M
