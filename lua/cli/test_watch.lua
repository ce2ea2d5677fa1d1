-- moonbus test --watch: runs specs again when files change: those of the services that changed, of those that mention
-- them, and those that failed. Where it cannot tell whom a change concerns, all run.

local errors = require "errors"
local folder = require "folder"
local keys = require "service.keys"
local output = require "cli.output"
local seal = require "seal"
local watch = require "watch"
local workspace = require "cli.workspace"

local M = {}

local RULER = ("-"):rep(40)

---@class WatchedFolder
---@field name string its path below the root: "shop"
---@field hash string of all of its files
---@field texts table<string, string> by path

-- The service folder that a spec file lies in: the nearest with a service.yaml; else just its folder.
local function home_of(file)
  local at = file:match("^(.*)/[^/]*$") or "."
  local nearest = at
  while at and at ~= "" do
    if folder.kind(at .. "/service.yaml") == "file" then
      return at
    end
    at = at:match("^(.*)/[^/]*$")
  end
  return nearest
end

local function read(place)
  local root, name = place:match("^(.*)/([^/]+)$")
  local texts = folder.read(root or ".", name or place)
  if not texts then
    return nil
  end
  local parts = {}
  for _, path in ipairs(keys.sorted(texts)) do
    table.insert(parts, ("%d:%d:%s%s"):format(#path, #texts[path], path, texts[path]))
  end
  return { name = name or place, hash = seal.sha256(table.concat(parts)), texts = texts }
end

-- All service folders below the root, and those of the spec files, as they are now.
local function survey(files)
  local all, root = {}, workspace.root()
  for _, name in ipairs(folder.services(root) or {}) do
    local place = root .. "/" .. name
    all[place] = read(place)
    if all[place] then
      all[place].name = name
    end
  end
  for _, file in ipairs(files) do
    local place = home_of(file)
    all[place] = all[place] or read(place)
  end
  return all
end

local function changed_places(before, now)
  local list, names = {}, {}
  for place, one in pairs(now) do
    if not before[place] or before[place].hash ~= one.hash then
      list[place] = true
      table.insert(names, one.name)
    end
  end
  for place, one in pairs(before) do
    if not now[place] then
      list[place] = true
      table.insert(names, one.name)
    end
  end
  table.sort(names)
  return list, names
end

-- Whether a folder's Lua code speaks of one of the services: services.shop.api, "shop".
local function mentions(one, names)
  for path, text in pairs(one and one.texts or {}) do
    for _, name in ipairs(names) do
      if path:find("%.lua$") and text:find("services." .. name:gsub("/", "."), 1, true) then
        return true
      end
    end
  end
  return false
end

local function affected(files, now, changed, names, failing)
  local list = {}
  for _, file in ipairs(files) do
    local place = home_of(file)
    if changed[place] or failing[file] or mentions(now[place], names) then
      table.insert(list, file)
    end
  end
  return list
end

-- What is watched: folders, and those around files and named services.
local function folders_of(words)
  local list, seen, root = {}, {}, workspace.root()
  local function add(place)
    if folder.kind(place) == "folder" and not seen[place] then
      seen[place] = true
      table.insert(list, place)
    end
  end
  for _, word in ipairs(words) do
    if folder.kind(word) == "file" then
      add(home_of(word))
    elseif folder.kind(word) == "folder" then
      add(word)
    else
      add(root .. "/" .. word)
    end
  end
  add(root)
  if #list == 0 then
    errors.raise(404, "there is no folder to watch")
  end
  return list
end

local function ruler(names, files, all)
  local what = #names > 0 and table.concat(names, ", ") or "files"
  output.write(("\n%s\n%s  %s changed; %s\n"):format(RULER, os.date "%H:%M:%S", what,
    #files == all and "all run again" or ("%d of %d files run again"):format(#files, all)))
end

local function failures_of(results)
  local failing = {}
  for _, result in ipairs(results) do
    failing[result.file] = #result.failures > 0 or nil
  end
  return failing
end

--- Runs specs, and again when files change, until the process is ended.
---@param words string[] what the person named
---@param find fun(): string[] the spec files
---@param run fun(files: string[]): table[] results
---@param flags table
function M.run(words, find, run, flags)
  local changes <close> = errors.check(watch.open(folders_of(words)))
  local files = find()
  local before = survey(files)
  local failing = failures_of(run(files))
  while changes:wait() do
    files = find()
    local now = survey(files)
    local changed, names = changed_places(before, now)
    before = now
    -- Something changed that is in none of the folders: whom it concerns, nobody knows.
    local again = next(changed) and affected(files, now, changed, names, failing) or files
    if not flags.json then
      ruler(names, again, #files)
    end
    local failed = failures_of(run(again))
    for _, file in ipairs(again) do
      failing[file] = failed[file]
    end
  end
end

return M
