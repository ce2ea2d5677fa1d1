-- spec.declared: the services of the workspace and what they declare, for specs: the one under test, those that it calls,
-- and those that are only played.

local core = require "spec.core"
local folder = require "folder"
local model = require "gen.model"
local plumbing = require "gen.emit.plumbing"
local settings = require("host").setting
local types = require "gen.types"
local yaml = require "yaml"

local M = {}

local root -- folder of the workspace's services
local hosts -- folders by host, once they were looked for

-- What stands in front of the name of a service in the path of one of its files; nil when there is no such service.
local function root_of(path, name)
  local at = name and path:find("/" .. name .. "/", 1, true)
  while at and folder.kind(path:sub(1, at + #name) .. "/service.yaml") ~= "file" do
    at = path:find("/" .. name .. "/", at + 1, true)
  end
  return at and path:sub(1, at - 1)
end

--- For the runner: where the spec file is.
---@param path string
---@param name? string folder of the service that it belongs to
function M.look_from(path, name)
  root, hosts = root_of(path, name) or path:match "^(.-services)/" or settings("services"):gsub("(.)/+$", "%1"), nil
end

--- The same for who knows the folder of the services.
---@param services string
function M.look_in(services)
  root, hosts = services, nil
end

local function read_disk(path)
  local handle = io.open(path, "rb")
  local text = handle and handle:read("a") -- nil of a folder
  if handle then
    handle:close()
  end
  return text
end

--- A file of a service: of the workspace, or one of the platform's own.
---@param name string folder of the service, below services/
---@param path string
---@return string?
function M.read(name, path)
  if folder.kind(("%s/%s/service.yaml"):format(root, name)) == "file" then
    return read_disk(("%s/%s/%s"):format(root, name, path))
  end
  return core.embedded(("services/%s/%s"):format(name, path))
end

--- A file of a person's, compiled as the host compiles it: what some editors write in front, a byte order mark, is no code.
---@param text string
---@param name string with "@" in front
---@param env? table its globals; those of the state
---@return function?
---@return string? why
function M.compile(text, name, env)
  return load((text:gsub("^\xEF\xBB\xBF", "")), name, "t", env or _G)
end

local function exists(name)
  return M.read(name, "service.yaml") ~= nil
end

--- The folder of a service that was named in one of many ways: "services/examples/hello", "examples/hello", "hello",
--- "hello.example".
---@param word string
---@return string?
function M.find(word)
  local name = word:gsub("/+$", ""):gsub("^%./", ""):gsub("^services/", "")
  if name:find("..", 1, true) then
    return nil
  elseif name ~= "" and exists(name) then
    return name
  end
  local found
  for _, other in ipairs(folder.services(root) or {}) do
    if other:sub(-#name - 1) == "/" .. name then
      if found then
        error(("there are two services %q: %s and %s"):format(word, found, other), 3)
      end
      found = other
    end
  end
  return found or M.at_host(name)
end

-- Looks no further than it must: other services may be declared wrongly.
local function host_of(name)
  local tree = yaml.parse(M.read(name, "service.yaml") or "")
  local general = tree and tree.kind == "map" and tree.at.general
  local host = general and general.kind == "map" and general.at.host
  return host and host.kind == "scalar" and host.value:lower() or nil
end

--- The folder of the service that has a host.
---@param host string
---@return string?
function M.at_host(host)
  if not hosts then
    hosts = {}
    for _, name in ipairs(folder.services(root) or {}) do
      hosts[host_of(name) or ""] = name
    end
  end
  local label = host:match("^[^.]*")
  if not hosts[host] and folder.platform(label) and host_of(label) == host then
    hosts[host] = label
  end
  return hosts[host]
end

local function parse(name)
  local text = M.read(name, "service.yaml")
  if not text then
    return nil, ("there is no service %q"):format(name)
  end
  local declaration, problems = model.parse(text, ("services/%s/service.yaml"):format(name), { folder = name })
  if not declaration then
    return nil, model.render(problems)
  end
  return declaration
end

-- The host that fires what a sink waits for. The source is the longest end of its path that is a service.
local function source_host(sink)
  if sink.forHost then
    return sink.forHost
  end
  local path = sink.source:gsub("^services/", "")
  while path and not exists(path) do
    path = path:match("^[^/]*/(.*)$")
  end
  local declaration = path and parse(path)
  for _, event in ipairs(declaration and declaration.events or {}) do
    if event.name == sink.event then
      return event.url.host or declaration.host
    end
  end
end

--- What a service declares; raises what is wrong with it. Its sinks have the host of their `event_host`.
---@param name string folder
---@return Plumbing
function M.of(name)
  local declaration, why = parse(name)
  if not declaration then
    error(why, 0)
  end
  local others = setmetatable({}, {
    __index = function(_, other)
      return M.read(other, "types.lua")
    end,
  })
  local classes = types.compile(declaration.types, M.read(name, "types.lua") or "", others)
  local out = plumbing.of(declaration, classes)
  for _, sink in ipairs(out.sinks) do
    sink.event_host = source_host(sink)
  end
  return out
end

return M
