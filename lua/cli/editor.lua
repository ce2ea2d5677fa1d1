-- editor: the files that have an editor complete and check services: the stubs of the host's modules in .moonbus/types, and the
-- settings of the language server and of luacheck beside them. Used by the commands that write files.

local cli = require "cli"
local folder = require "folder"
local modules = require "modules"
local stubs = require "gen.stubs"

local M = {}

--- Where stubs are for the services of the working folder.
M.FOLDER = ".moonbus/types"

local VERSION = "version" -- the file that says which binary wrote the stubs

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

--- The stubs of this binary's modules.
---@return Stubs
function M.stubs()
  local sources = modules.embedded "lua/"
  for path, text in pairs(modules.embedded "gen/") do
    sources[path] = text
  end
  return stubs.make(modules.libraries(), sources)
end

local function sorted(files)
  local paths = {}
  for path in pairs(files) do
    table.insert(paths, path)
  end
  table.sort(paths)
  return paths
end

--- The stubs in a folder that are missing or are not those of this binary, and files that are no stubs any more.
---@param place string
---@param made Stubs
---@return string[] paths
function M.stale(place, made)
  local list = {}
  for _, path in ipairs(sorted(made.files)) do
    if read(place .. "/" .. path) ~= made.files[path] then
      table.insert(list, place .. "/" .. path)
    end
  end
  return list
end

--- Writes the stubs that differ. Returns how many, or nil and why not.
---@param place string
---@param made Stubs
---@return integer?
---@return string?
function M.write(place, made)
  local files = {}
  for _, path in ipairs(M.stale(place, made)) do
    table.insert(files, { path = path, text = made.files[path:sub(#place + 2)] })
  end
  if #files == 0 then
    return 0
  end
  local done, why = folder.replace(files)
  if not done then
    return nil, why
  end
  return #files
end

return M
