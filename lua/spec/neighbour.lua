-- spec.neighbour: runs the code of another service inside the state of a spec. Its `require` finds its own files first, as in
-- a state of its own; what the runtime reads of "this service" is what belongs to the code that asks.

local binding = require "policies.binding"
local core = require "spec.core"
local declared = require "spec.declared"
local files = require "files"
local runtime = require "service"

local M = {}

local running = {} -- folders of services that were started, as keys

local function source_of(folder, path)
  return ("@services/%s/%s"):format(folder, path)
end

-- ---- whose files are meant ----

-- The folder of a chunk, when it belongs to a started service: the longest that fits.
local function owner_of(source)
  local path = source:match("^@services/(.*)$")
  while path do
    path = path:match("^(.*)/[^/]*$")
    if path and running[path] then
      return path
    end
  end
end

-- The started service whose code is nearest on the stack; nil when that is the one under test.
local function asking()
  for level = 3, 200 do
    local info = debug.getinfo(level, "S")
    if not info then
      return nil
    elseif info.source:find("^@services/") then
      return owner_of(info.source)
    end
  end
end

local function share_files()
  local own = files.read
  files.read = function(path)
    local folder = asking()
    if folder then
      return declared.read(folder, path)
    end
    return own(path)
  end
end

-- ---- its modules ----

local function is_host(name, path)
  return core.is_library(name) or core.embedded("lua/" .. path) ~= nil or (path:find("^gen/") and core.embedded(path) ~= nil)
end

-- The globals of a service: those of the state, and a `require` of its own. `policy` is the text of the user's policies for
-- it; nil = it has none.
local function environment(folder, policy)
  local policy_path = ("policies/%s.lua"):format(folder)
  local env, loaded, loading, own = {}, {}, {}, nil
  loaded.service = setmetatable({}, {
    __index = runtime,
    __call = function()
      own = own or runtime.bind(folder)
      return own
    end,
  })
  function env.require(name)
    local path = tostring(name):gsub("%.", "/") .. ".lua"
    if loaded[name] then
      return loaded[name]
    elseif name == "policies" then
      loaded.policies = binding.bind(folder, env.require, policy ~= nil)
      return loaded.policies
    end
    local own_policy = policy and path == policy_path and policy
    local text = own_policy or not is_host(name, path) and declared.read(folder, path)
    if not text then
      return require(name)
    elseif loading[name] then
      error(("modules require each other: %s"):format(name), 2)
    end
    loading[name] = true
    local chunk, why = declared.compile(text, own_policy and "@" .. path or source_of(folder, path), env)
    local module = (chunk or error(why, 0))(name)
    if type(module) ~= "table" then
      error(("module '%s' must return a table, it returned %s"):format(name, module == nil and "nothing" or type(module)), 0)
    end
    loading[name], loaded[name] = nil, module
    return module
  end
  return setmetatable(env, { __index = _G })
end

--- The policies of a service.
---@param folder string below services/
---@param policy string? the text of the user's policies for it
---@return Policies
function M.policies(folder, policy)
  return environment(folder, policy).require "policies"
end

--- Runs the service.lua of another service.
---@param folder string below services/
---@return table svc
function M.load(folder)
  local text = declared.read(folder, "service.lua")
  if not text then
    error(("services/%s has no service.lua"):format(folder), 0)
  end
  if next(running) == nil then
    share_files()
  end
  running[folder] = true
  local chunk, why = declared.compile(text, source_of(folder, "service.lua"), environment(folder))
  local svc = (chunk or error(why, 0))(folder)
  if type(svc) ~= "table" then
    error(("services/%s/service.lua must end with `return svc`"):format(folder), 0)
  end
  return svc
end

return M
