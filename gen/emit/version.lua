-- emit/version: gen/version.lua: how often a service was generated, and from which sources. A hash that is not that of
-- the files any more tells that somebody changed them since. Pure.

local code = require "gen.code"
local seal = require "seal"

local M = {}

M.PATH = "gen/version.lua"

local MOCK = 7357 -- the version that mocks have; no service gets it

local TEXT = [[
return {
  version = %d,
  sha256 = "%s",
  time = "%s",
}
]]

local IGNORED = { data = true, testdata = true }

local function counts(path)
  for folder in path:gmatch("([^/]+)/") do
    if IGNORED[folder] or folder:sub(1, 1) == "." then
      return false
    end
  end
  local name = path:match("[^/]+$")
  return path ~= M.PATH and not path:find("^spec/") and not name:find("_spec%.lua$") and name:sub(1, 1) ~= "."
end

--- The SHA-256 of a service's files, in the order of their paths: all but specs, data and the version itself. Lua files
--- count from their first line of code on.
---@param files table<string, string>
---@return string
function M.hash(files)
  local paths, texts = {}, {}
  for path in pairs(files) do
    if counts(path) then
      table.insert(paths, path)
    end
  end
  table.sort(paths)
  for i, path in ipairs(paths) do
    texts[i] = path:find("%.lua$") and code.without_header(files[path]) or files[path]
  end
  return seal.sha256(table.concat(texts))
end

---@class Version
---@field version integer
---@field sha256 string
---@field time string RFC 3339

--- Reads a gen/version.lua; nil when it is none.
---@param text string
---@return Version?
function M.parse(text)
  local version = math.tointeger(tonumber(text:match("\n%s*version = (%d+),") or ""))
  local sha256 = text:match('\n%s*sha256 = "(%x+)",')
  local time = text:match('\n%s*time = "([%w:.+-]+)",')
  if version and sha256 and #sha256 == 64 and time then
    return { version = version, sha256 = sha256, time = time }
  end
end

--- The version after another.
---@param version integer 0 = there was none
---@return integer
function M.next(version)
  return version + 1 == MOCK and MOCK + 1 or version + 1
end

--- The text of gen/version.lua.
---@param version Version
---@return string
function M.text(version)
  return TEXT:format(version.version, version.sha256, version.time)
end

return M
