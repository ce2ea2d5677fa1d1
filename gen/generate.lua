-- generate: the files of a service from its declaration. Additive and idempotent: what a person wrote stays, and a second
-- run changes nothing. Pure: gets texts and gives texts; who reads and writes files is
-- lua/cli/workspace.lua.

local api = require "gen.emit.api"
local handler = require "gen.emit.handler"
local handlers = require "gen.emit.service"
local model = require "gen.model"
local plumbing = require "gen.emit.plumbing"
local report = require "gen.report"
local specs = require "gen.emit.spec"
local template = require "gen.template"
local types = require "gen.types"
local version = require "gen.emit.version"

local M = {}

local MARK = "-- Generated from service.yaml by `moonbus gen`; do not edit."
local WIDTH = 120 -- columns of a line before luacheck is told that longer ones are meant

---@class Generation what one run works on
---@field folder string below services/
---@field place string path of the folder, for messages
---@field declaration Declaration
---@field files table<string, string> texts by path in the folder; changed on the way
---@field paths string[] of the files that were there, sorted
---@field errors Problem[]
---@field warnings Problem[]
local Generation = {}
Generation.__index = Generation

function Generation:note(list, path, line, column, text)
  table.insert(list, { file = self.place .. "/" .. path, line = line, column = column, text = text })
end

function Generation:fail(path, line, column, text)
  self:note(self.errors, path, line, column, text)
end

function Generation:warn(path, line, column, text)
  self:note(self.warnings, path, line, column, text)
end

---@class GenerationInput
---@field folder string of the service, below services/: "calculator"
---@field place? string the path of its folder, for messages; services/<folder> unless told
---@field files table<string, string> its files: texts by path in the folder
---@field others? table<string, string> types.lua of the other services, by folder
---@field services? table<string, any> something for each service there is, by folder: what sinks may name as a source
---@field events? fun(folder: string): string[]? names of the events that a service fires; nil when nobody can tell
---@field hosts? table<string, string> who has which host: the place of the service's folder, by host
---@field force? boolean generate although nothing changed
---@field time string RFC 3339, for gen/version.lua

---@class GenerationResult
---@field folder string
---@field files table<string, string> new texts of the files that change, by path in the folder
---@field version integer 0 = it never was generated
---@field warnings Problem[]
---@field added { handlers: string[], tests: string[], types: string[] } names
---@field uncoded Handler[]? declared handlers that the code lacked
---@field blank boolean? the declaration was empty and is now one to be filled in

-- ---- generated files ----

-- The comment at the top of a text, when it claims a copyright.
local function copyright(text)
  local comment = text:match("^(%-%-%[(=*)%[.-%]%2%])")
  if not comment then
    local lines = {}
    for line in text:gmatch("([^\n]*)\n") do
      if line:sub(1, 2) ~= "--" or line == MARK then
        break
      end
      table.insert(lines, line)
    end
    comment = table.concat(lines, "\n")
  end
  return comment:find("Copyright", 1, true) and comment .. "\n\n" or ""
end

local function is_wide(text)
  for line in text:gmatch("[^\n]+") do
    if (utf8.len(line) or #line) > WIDTH then
      return true
    end
  end
  return false
end

-- A generated file as a whole: what it keeps of the one before, the line that says what it is, its text.
local function generated(old, text)
  local wide = is_wide(text) and "-- luacheck: no max line length\n" or ""
  local gap = text:find("^%-%-[^-]") and "--\n" or "\n"
  return copyright(old or "") .. MARK .. "\n" .. (wide ~= "" and "\n" .. wide .. "\n" .. text or gap .. text)
end

-- ---- sinks ----

--- The folder of the service that a sink names as its source: the longest end of the path that is one. nil when there is none.
---@param source string "services/user", "example.com/fabric/examples/eventsource"
---@param services table<string, any> by folder
---@return string?
function M.source(source, services)
  local path = source
  while path do
    if services[path] then
      return path
    end
    path = path:match("^[^/]*/(.*)$")
  end
end

-- What is odd about where a sink's event comes from, or nil.
local function odd_source(sink, services, events)
  local source = M.source(sink.source, services)
  if not source then
    return ("there is no service '%s', the source of '%s'"):format(sink.source, sink.name)
  end
  local known = events and events(source)
  for _, name in ipairs(known or {}) do
    if name == sink.event then
      return nil
    end
  end
  local meant = known and report.nearest(sink.event, known)
  return known and ("services/%s fires no event '%s', which '%s' waits for%s"):format(source, sink.event, sink.name,
    meant and ("; did you mean '%s'?"):format(meant) or "")
end

local function check_sources(run, services, events)
  for _, sink in ipairs(services and run.declaration.sinks or {}) do
    local text = odd_source(sink, services, events)
    if text then
      run:warn("service.yaml", sink.line, sink.column, text)
    end
  end
end

-- ---- a run ----

--- The paths of files, sorted.
---@param files table<string, string>
---@return string[]
function M.paths(files)
  local paths = {}
  for path in pairs(files) do
    table.insert(paths, path)
  end
  table.sort(paths)
  return paths
end

local function names_of(list)
  local out = {}
  for i, item in ipairs(list) do
    out[i] = item.name
  end
  return out
end

local function recorded_version(run)
  local text = run.files[version.PATH]
  if not text then
    return { version = 0, sha256 = "", time = "" }
  end
  local recorded = version.parse(text)
  if not recorded then
    run:fail(version.PATH, 1, 1, "unable to parse gen/version.lua; without it, versions begin with 1 again")
  end
  return recorded
end

local function write_generated(run)
  local text = run.files["types.lua"]
  local classes, unknown = types.compile(run.declaration.types, text or "", run.others)
  local _, defined, again = types.read(text or "")
  for _, other in ipairs(again) do
    run:warn("types.lua", other.line, 1, ("'%s' is defined twice: line %d has it, and counts")
      :format(other.name, defined[other.name].line))
  end
  for _, name in ipairs(unknown) do
    run:warn("types.lua", defined[name].line, 1, ("'%s' is taken from a service that does not define it"):format(name))
  end
  local data = plumbing.of(run.declaration, classes)
  local source = plumbing.source(run.files["service.yaml"], text)
  local function write(path, body)
    run.files[path] = generated(run.files[path], body)
  end
  write(api.PATH, api.text(run.folder, run.declaration, data))
  write(plumbing.PATH, plumbing.text(run.folder, run.declaration, data, source))
end

-- What differs from `before`; without specs when only they do: a test that was taken out comes back with the next change.
local function changed(run, before, effective)
  local out, beyond_specs = {}, effective
  for path, text in pairs(run.files) do
    if before[path] ~= text then
      out[path] = text
      beyond_specs = beyond_specs or not path:find("^spec/")
    end
  end
  return beyond_specs and out or {}
end

local function blank(run)
  local host = run.folder:match("[^/]+$"):lower() .. ".example"
  if not host:find("^[a-z0-9_-]+%.example$") then
    host = ""
  end
  return {
    folder = run.folder,
    files = { ["service.yaml"] = template.fresh(host) },
    version = 0,
    warnings = {},
    added = { handlers = {}, tests = {}, types = {} },
    blank = true,
  }
end

-- A config's callback needs a name of its own, too.
local function check_callbacks(run, declaration)
  local taken = {}
  for _, item in ipairs(handler.list(declaration)) do
    if taken[item.name] then
      local text = "duplicate handler name '%s': the callback of the config in line %d has it"
      run:fail("service.yaml", item.line, item.column, text:format(item.name, taken[item.name].line))
    end
    taken[item.name] = item
  end
end

-- A host belongs to one service; a path cannot be at that of another one either.
local function check_hosts(run, declaration, hosts)
  local function check(host, at)
    local owner = hosts and host and hosts[host]
    if owner and owner ~= run.place then
      run:fail("service.yaml", at.line, at.column, ("host '%s' is that of %s"):format(host, owner))
    end
  end
  check(declaration.host, declaration)
  for _, section in ipairs { "functions", "webs", "events" } do
    for _, item in ipairs(declaration[section]) do
      check(item.url.host, item)
    end
  end
end

local function read_declaration(run, hosts)
  local text = run.files["service.yaml"]
  local file = run.place .. "/service.yaml"
  local declaration, problems = model.parse(text, file, { folder = run.folder })
  if not declaration then
    run.errors = problems
    return
  end
  check_callbacks(run, declaration)
  check_hosts(run, declaration, hosts)
  local fresh = template.refresh(text)
  if fresh ~= text then -- the places of warnings are those of the text that will be there
    run.files["service.yaml"] = fresh
    declaration, problems = model.parse(fresh, file, { folder = run.folder })
  end
  run.declaration = declaration
  table.move(problems, 1, #problems, #run.warnings + 1, run.warnings)
end

local function generate(run, input)
  local added = {}
  read_declaration(run, input.hosts)
  local recorded = recorded_version(run)
  if #run.errors > 0 then
    return nil, run.errors
  end
  check_sources(run, input.services, input.events)
  local text, new_types = types.extend(run.files["types.lua"], run.declaration.types, run.declaration.host, run.others)
  run.files["types.lua"] = text
  added.types = new_types
  local uncoded = handlers.update(run)
  added.handlers = names_of(uncoded)
  added.tests = run.declaration.integrationTests and names_of(specs.update(run)) or {}
  if #run.errors > 0 then
    return nil, run.errors
  end
  write_generated(run)
  local effective = input.force or version.hash(input.files) ~= recorded.sha256
  local files = changed(run, input.files, effective)
  if effective or next(files) then
    recorded = { version = version.next(recorded.version), sha256 = version.hash(run.files), time = input.time }
    files[version.PATH] = generated(input.files[version.PATH], version.text(recorded))
  else
    added = { handlers = {}, tests = {}, types = {} }
  end
  return {
    folder = run.folder, files = files, version = recorded.version, warnings = run.warnings, added = added,
    uncoded = uncoded,
  }
end

--- The files of one service as they should be. Returns nil and all errors when that cannot be said.
---@param input GenerationInput
---@return GenerationResult?
---@return Problem[]?
function M.service(input)
  local run = setmetatable({
    folder = input.folder,
    place = input.place or "services/" .. input.folder,
    files = {},
    paths = M.paths(input.files),
    others = input.others or {},
    errors = {},
    warnings = {},
  }, Generation)
  for path, text in pairs(input.files) do
    run.files[path] = text
  end
  if not run.files["service.yaml"] then
    run:fail("service.yaml", 1, 1, "there is no service.yaml; moonbus new makes one")
    return nil, run.errors
  elseif not run.files["service.yaml"]:find("%S") then
    return blank(run)
  end
  return generate(run, input)
end

return M
