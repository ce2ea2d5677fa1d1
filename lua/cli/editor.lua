-- editor: the files that have an editor complete and check services: the stubs of the host's modules in .moonbus/types, and the
-- settings of the language server and of luacheck beside them. Used by the commands that write files.

local cli = require "cli"
local folder = require "folder"
local keys = require "service.keys"
local modules = require "modules"
local seal = require "seal"
local stubs = require "gen.stubs"

local M = {}

--- Where stubs are for the services of the working folder.
M.FOLDER = ".moonbus/types"

local STAMP = M.FOLDER .. "/version" -- which binary wrote the stubs
local IGNORE = M.FOLDER .. "/.gitignore"

local LUARC = [[
{
  "$schema": "https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json",
  "runtime.version": "Lua 5.4",
  "runtime.builtin": {
    "io": "disable",
    "package": "disable"
  },
  "runtime.path": ["?.lua"],
  "workspace.library": [".moonbus/types"],
  "workspace.checkThirdParty": false,
  "diagnostics.globals": [
    "describe", "it", "before_each", "after_each", "setup", "teardown"
  ]
}
]]

local LUACHECKRC = [[
-- What luacheck has to know of services: Lua 5.4 without what they cannot reach. Yours: nothing writes it anew.
std = "lua54"
self = false
not_globals = {
  "io", "package", "dofile", "loadfile", "string.dump", "os.execute", "os.exit", "os.getenv", "os.remove", "os.rename",
  "os.setlocale", "os.tmpname", "debug.debug", "debug.gethook", "debug.getinfo", "debug.getlocal", "debug.getmetatable",
  "debug.getregistry", "debug.getupvalue", "debug.getuservalue", "debug.sethook", "debug.setlocal", "debug.setmetatable",
  "debug.setupvalue", "debug.setuservalue", "debug.upvalueid", "debug.upvaluejoin",
}
exclude_files = { ".moonbus" }

files["**/gen"] = { max_line_length = false }
files["**/spec"] = { std = "lua54+busted" }
]]

-- Files of the working folder, and what somebody who has one already should put there.
local SETTINGS = {
  { path = ".luarc.json", text = LUARC, mark = M.FOLDER, advice = ("\"workspace.library\": [%q]"):format(M.FOLDER) },
  { path = ".luacheckrc", text = LUACHECKRC, mark = ".moonbus",
    advice = "std = \"lua54\" and exclude_files = { \".moonbus\" }" },
}

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

--- The stubs in a folder that are missing or are not those of this binary, and files that are no stubs any more.
---@param place string
---@param made Stubs
---@return string[] paths
function M.stale(place, made)
  local list = {}
  for _, path in ipairs(keys.sorted(made.files)) do
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

-- Says which binary made stubs, and what it made: an unreleased one of the same version may say more.
local function stamp(made)
  local parts = {}
  for _, path in ipairs(keys.sorted(made.files)) do
    table.insert(parts, path .. "\n" .. made.files[path])
  end
  return ("%s %s\n"):format(cli.version(), seal.sha256(table.concat(parts)))
end

-- Puts into `files` what .moonbus/types lacks.
local function add_stubs(files)
  local made = M.stubs()
  local now = stamp(made)
  if read(STAMP) == now then
    return
  end
  for _, path in ipairs(M.stale(M.FOLDER, made)) do
    table.insert(files, { path = path, text = made.files[path:sub(#M.FOLDER + 2)] })
  end
  table.insert(files, { path = IGNORE, text = "*\n" }) -- the folder is nobody's to commit
  table.insert(files, { path = STAMP, text = now })
end

--- What the working folder lacks to have services completed and checked, as files to be written; and sentences about
--- settings that are somebody's own and do not know of the stubs.
---@return { path: string, text: string }[]
---@return string[]
function M.missing()
  local files, advice = {}, {}
  for _, setting in ipairs(SETTINGS) do
    local there = read(setting.path)
    if not there then
      table.insert(files, { path = setting.path, text = setting.text })
    elseif not there:find(setting.mark, 1, true) then
      table.insert(advice, ("%s is there already; add to it: %s"):format(setting.path, setting.advice))
    end
  end
  add_stubs(files)
  return files, advice
end

--- Brings the stubs of the working folder up to date, where moonbus new put some.
function M.refresh()
  local files = {}
  if read(STAMP) then
    add_stubs(files)
  end
  if #files > 0 then
    folder.replace(files) -- in a folder that cannot be written to, the old ones do
  end
end

return M
