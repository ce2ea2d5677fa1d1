-- workspace: the service folders of the person who types: finds them, reads them, has their files generated, and writes what
-- changed, all of it or nothing. Used by the commands that work on files.

local errors = require "errors"
local folder = require "folder"
local generate = require "gen.generate"
local model = require "gen.model"
local settings = require("host").setting
local time = require "time"

local M = {}

---@class ServiceFolder
---@field root string the folder around it: "services"
---@field name string its path below that: "calculator", "examples/hello"
---@field place string both: "services/calculator"

--- The folder in which services are looked for: the setting `services`.
---@return string
function M.root()
  return (settings("services"):gsub("(.)/+$", "%1"))
end

-- A service's folder, taken apart: behind the last `services/`; nil when the path has none.
local function split(path, root)
  if path:sub(1, #root + 1) == root .. "/" then
    return root, path:sub(#root + 2)
  end
  local outer, name = ("/" .. path):match("^(.*/services)/(.+)$")
  if outer then
    return path:sub(1, #outer - 1), name
  end
end

-- What a service is called depends on where it is, not on from where one looks at it: "." inside of its folder.
local function service_at(path, root)
  local outer, name = split(path, root)
  if not outer then
    path = folder.absolute(path) or path
    outer, name = split(path, root)
  end
  if not outer then
    outer, name = path:match("^(.*)/([^/]+)$")
    outer = outer and (outer ~= "" and outer or "/") or "."
  end
  return { root = outer, name = name or path, place = path }
end

-- The services at or below a path.
local function services_at(path, root)
  if folder.kind(path .. "/service.yaml") == "file" then
    return { service_at(path, root) }
  end
  local list = {}
  for _, name in ipairs(folder.services(path) or {}) do
    table.insert(list, service_at(path .. "/" .. name, root))
  end
  return list
end

local function normal(path)
  return (path:gsub("/+", "/"):gsub("^(%./)+", ""):gsub("(.)/$", "%1"))
end

-- The services that a word means: a folder, or a name below the root.
local function services_of(word, root)
  local path = normal(word)
  local below = root .. "/" .. path
  if folder.kind(path) ~= "folder" and folder.kind(below) ~= "folder" then
    errors.raise(404, ("there is no folder or service %q"):format(word))
  end
  local list = folder.kind(path) == "folder" and services_at(path, root) or {}
  if #list == 0 and folder.kind(below) == "folder" then
    list = services_at(below, root)
  end
  if #list == 0 then
    errors.raise(404, ("there is no service.yaml in %s; moonbus new makes one"):format(word))
  end
  return list
end

--- The services that words mean, each once, sorted. Without words: all below the root, or the one of the current
--- folder.
---@param words string[]
---@return ServiceFolder[]
function M.find(words)
  local root, list, seen = M.root(), {}, {}
  local function add(found)
    for _, service in ipairs(found) do
      if not seen[service.place] then
        seen[service.place] = true
        table.insert(list, service)
      end
    end
  end
  for _, word in ipairs(words) do
    add(services_of(word, root))
  end
  if #words == 0 and folder.kind(root) == "folder" then
    add(services_at(root, root))
  elseif #words == 0 and folder.kind "service.yaml" == "file" then
    add(services_at(".", root))
  end
  table.sort(list, function(a, b)
    return a.place < b.place
  end)
  return list
end

--- Tells who begins how to do so.
function M.say_none()
  io.stderr:write(("moonbus: there are no services below %s/; moonbus new NAME makes one\n"):format(M.root()))
end

-- ---- reading ----

local function read_file(path)
  local handle <close> = io.open(path, "rb")
  return handle and handle:read("a")
end

-- The services below a root, chosen or not: their types, by name, and who has which host. Of two that declare the same
-- one it belongs to the one that was not chosen: what is wrong is told of what was asked for.
local function neighbours(root, chosen)
  local known, hosts, names = {}, {}, folder.services(root) or {}
  table.sort(names, function(a, b)
    local a_chosen, b_chosen = chosen[root .. "/" .. a] or false, chosen[root .. "/" .. b] or false
    if a_chosen ~= b_chosen then
      return b_chosen
    end
    return a < b
  end)
  for _, name in ipairs(names) do
    local place = root .. "/" .. name
    known[name] = read_file(place .. "/types.lua") or ""
    local host = model.host(read_file(place .. "/service.yaml") or "")
    if host and not hosts[host] then
      hosts[host] = place
    end
  end
  for name, declaration in pairs(folder.platforms()) do
    if not known[name] then -- a folder of that name replaces it
      hosts[model.host(declaration)] = "the platform's service " .. name
    end
  end
  return known, hosts
end

-- Tells the names of the events that a service below a root fires; nil when its declaration cannot be read.
local function events_below(root)
  local events, platforms = {}, folder.platforms()
  return function(name)
    if events[name] == nil then
      local text = read_file(root .. "/" .. name .. "/service.yaml") or platforms[name]
      local declaration = text and model.parse(text, name .. "/service.yaml", { folder = name })
      events[name] = declaration and {} or false
      for i, event in ipairs(declaration and declaration.events or {}) do
        events[name][i] = event.name
      end
    end
    return events[name] or nil
  end
end

local Platform = {} -- a table of services knows those inside the binary, too

function Platform.__index(_, name)
  return folder.platform(name) or nil
end

-- Puts services behind the sources of their sinks, so that types are defined where events come from.
local function in_order(services)
  local by_name, list, state = {}, {}, {}
  for _, service in ipairs(services) do
    by_name[service.name] = service
  end
  local function visit(service)
    if state[service] then
      return
    end
    state[service] = true
    for source in (service.files["service.yaml"] or ""):gmatch("\n[ %-]*source:%s*[\"']?([%w./_-]+)") do
      local name = generate.source(source, by_name)
      if name then
        visit(by_name[name])
      end
    end
    table.insert(list, service)
  end
  for _, service in ipairs(services) do
    visit(service)
  end
  return list
end

--- The types.lua of all services below a root, by folder; those inside the binary are known, too (as true).
---@param root string
---@return table<string, string|boolean>
function M.types(root)
  return setmetatable((neighbours(root, {})), Platform)
end

---@class WorkspaceResult: GenerationResult
---@field service ServiceFolder
---@field before table<string, string> the files as they were read

--- Generates for services, without writing. Returns a result for each, in the order of `services`, or nil and all errors.
---@param services ServiceFolder[]
---@param force boolean?
---@return WorkspaceResult[]?
---@return Problem[]?
function M.generate(services, force)
  local roots, hosts, events, problems, results, chosen = {}, {}, {}, {}, {}, {}
  for _, service in ipairs(services) do
    chosen[service.place] = true
  end
  for _, service in ipairs(services) do
    if not roots[service.root] then
      local known, by_host = neighbours(service.root, chosen)
      roots[service.root], hosts[service.root] = setmetatable(known, Platform), by_host
      events[service.root] = events_below(service.root)
    end
    service.files = errors.check(folder.read(service.root, service.name))
  end
  local now = time.now_rfc3339()
  for _, service in ipairs(in_order(services)) do
    local known, others = roots[service.root], {}
    for name, text in pairs(known) do
      others[name] = name ~= service.name and text or nil
    end
    local result, why = generate.service {
      folder = service.name, place = service.place, files = service.files, others = others, services = known,
      hosts = hosts[service.root], events = events[service.root],
      force = force, time = now,
    }
    if result then
      result.service, result.before = service, service.files
      known[service.name] = result.files["types.lua"] or known[service.name]
      results[service] = result
    else
      table.move(why, 1, #why, #problems + 1, problems)
    end
  end
  if #problems > 0 then
    return nil, problems
  end
  local list = {}
  for i, service in ipairs(services) do
    list[i] = results[service]
  end
  return list
end

-- ---- writing ----

-- Somebody who saves a file while it is being generated must not lose it.
local function check_unchanged(path, before)
  if read_file(path) ~= before then
    errors.raise(409, path .. " was changed meanwhile; nothing was written")
  end
end

--- Writes all files of all results, or none.
---@param results WorkspaceResult[]
function M.write(results)
  local files = {}
  for _, result in ipairs(results) do
    for _, path in ipairs(generate.paths(result.files)) do
      local full = result.service.place .. "/" .. path
      check_unchanged(full, result.before[path])
      table.insert(files, { path = full, text = result.files[path] })
    end
  end
  local done, why = folder.replace(files)
  if not done then
    errors.raise(500, why .. "; nothing was written")
  end
end

return M
