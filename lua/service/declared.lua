-- declared: what a service's files declare, as plain data: from gen/plumbing.lua while that belongs to them, else from
-- service.yaml itself. Runs while a service loads: reads snapshots of files and nothing else.

local files = require "files"
local source = require "gen.source"

local M = {}

-- Texts of other services, by folder.
local function others_of(path)
  return setmetatable({}, {
    __index = function(_, folder)
      return files.other(folder .. path)
    end,
  })
end

local function outdated(folder, declaration, types)
  local made = files.read("gen/plumbing.lua")
  if not made then
    return nil
  end
  local ok, plumbing = pcall(require, "gen.plumbing")
  if ok and type(plumbing) == "table" and plumbing.source == source.of(declaration, types) then
    return plumbing
  end
  return nil, ("services/%s/gen/plumbing.lua is not what service.yaml says; moonbus gen brings it up to date"):format(folder)
end

local function parse(folder, text)
  local model = require "gen.model"
  local decl, problems = model.parse(text, "services/" .. folder .. "/service.yaml", { folder = folder })
  if not decl then
    error(model.render(problems), 0)
  end
  local warnings = {}
  for i, problem in ipairs(problems) do
    warnings[i] = model.render { problem }
  end
  return decl, warnings
end

local function compile(decl, types)
  local classes, unknown = require("gen.types").compile(decl.types, types, others_of("/types.lua"))
  return require("gen.emit.plumbing").of(decl, classes), unknown
end

-- Which service a sink means: the longest end of the path that is one.
local function source_of(sink)
  local path = sink.source
  while path do
    local text = files.other(path .. "/service.yaml")
    if text then
      return path, text
    end
    path = path:match("^[^/]*/(.*)$")
  end
end

local function event_of(decl, name)
  for _, event in ipairs(decl.events) do
    if event.name == name then
      return event
    end
  end
end

-- The event of a sink at its source: { host, method, port, path }, or nil and why there is none.
local function resolve(sink, parsed)
  local folder, text = source_of(sink)
  if not folder then
    return nil, ("there is no service '%s', the source of '%s'"):format(sink.source, sink.name)
  end
  if parsed[folder] == nil then
    local ok, decl = pcall(parse, folder, text)
    parsed[folder] = ok and decl or false
  end
  local decl = parsed[folder]
  local event = decl and event_of(decl, sink.event)
  if not event then
    return nil, ("services/%s fires no event '%s', which '%s' waits for"):format(folder, sink.event, sink.name)
  end
  return {
    host = sink.forHost or event.url.host or decl.host, method = event.method, port = event.url.port, path = event.url.path,
  }
end

local function resolve_sinks(folder, plumbing, warnings)
  local parsed = {}
  for _, sink in ipairs(plumbing.sinks) do
    local at, why = resolve(sink, parsed)
    if at then
      sink.at = at
    else
      table.insert(warnings, ("services/%s/service.yaml: %s"):format(folder, why))
    end
  end
end

--- Looks at the client stubs that the service's code names, also where it requires them later: all states of a generation
--- are made of the same texts, and those are read while it is tried.
function M.find_stubs()
  for _, path in ipairs(files.list()) do
    local text = path:find("%.lua$") and not path:find("^spec/") and files.read(path) or ""
    for name in text:gmatch("services%.([%w_%-.]+)%.api") do
      files.other(name:gsub("%.", "/") .. "/gen/api.lua")
    end
  end
end

local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local out = {}
  for key, one in pairs(value) do
    out[key] = copy(one)
  end
  return out
end

--- The declaration of a service. Raises all that is wrong with it.
---@param folder string
---@return Plumbing plumbing its sinks have `at` = { host, method, port, path } of their event, when that is known
---@return string[] warnings a line each
function M.load(folder)
  local text = files.read("service.yaml") or error(("services/%s/service.yaml is missing"):format(folder), 0)
  local types = files.read("types.lua") or ""
  local plumbing, stale = outdated(folder, text, types)
  local warnings = {}
  if not plumbing or (files.trial() and not files.embedded()) then -- what the binary brings was looked at when it was made
    local decl
    decl, warnings = parse(folder, text)
    if not plumbing then
      local unknown
      plumbing, unknown = compile(decl, types)
      for _, name in ipairs(unknown) do
        table.insert(warnings, ("services/%s: nothing says what a %s is; types.lua should"):format(folder, name))
      end
    end
  end
  table.insert(warnings, stale)
  plumbing = copy(plumbing)
  resolve_sinks(folder, plumbing, warnings)
  return plumbing, warnings
end

return M
