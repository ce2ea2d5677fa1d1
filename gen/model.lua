-- model: a service.yaml as a checked declaration. Pure.
--
-- All errors of a file are reported at once, each with line and column. The runtime reads declarations through it when a
-- service loads, the generator before it writes anything.

local handler = require "gen.handler"
local names = require "gen.names"
local report = require "gen.report"
local yaml = require "yaml"

local M = {}

---@class Declaration
---@field host string lower case
---@field description string
---@field integrationTests boolean
---@field openApi boolean
---@field configs Handler[] in the order of the file, like the other lists
---@field functions Handler[]
---@field events Handler[]
---@field sinks Handler[]
---@field webs Handler[]
---@field tickers Handler[]
---@field metrics Handler[]
---@field types string[] complex types in the order in which they are first mentioned

---@class ModelOptions
---@field folder string? the service's folder, which its metrics are named after (that of the file)

-- The lists of handlers in the order in which a declaration goes through them, and what one of them is called.
local LISTS = {
  { "configs", "config" }, { "functions", "function" }, { "events", "event" }, { "sinks", "sink" }, { "webs", "web" },
  { "tickers", "ticker" }, { "metrics", "metric" },
}

local SECTIONS = { "general" }
for _, list in ipairs(LISTS) do
  table.insert(SECTIONS, list[1])
end

local GENERAL = { "host", "description", "integrationTests", "openApi" }
local START = { line = 1, column = 1 }

-- ---- general ----

local function check_host(found, at, text)
  local host = names.hostname(text)
  if not host then
    found:fail(at, "invalid hostname '%s'", text)
  elseif names.is_reserved_host(host) then
    found:fail(at, "disallowed hostname '%s'", text)
  end
  return host or ""
end

local function read_general(found, key)
  found:begin(key or { line = 0 })
  local node = key and key.value or START
  if key and node.kind ~= "map" and node.kind ~= "null" then
    found:mismatch(node, "spec.General", "'general' is a map of fields")
    node = START
  end
  local keys = node.keys and found:fields(node, GENERAL) or {}
  local host = keys.host and keys.host.value.kind ~= "null" and keys.host.value
  local out = {}
  if not host or host.kind == "scalar" then
    out.host = check_host(found, host or keys.host or key or START, found:text(keys.host))
  else
    out.host = found:text(keys.host)
  end
  local at = host or keys.host or key or START
  out.line, out.column = at.line, at.column
  out.description = handler.description(found:text(keys.description), ('The "%s" microservice.'):format(out.host))
  out.integrationTests = found:bool(keys.integrationTests, true)
  out.openApi = found:bool(keys.openApi, true)
  return out
end

-- ---- what concerns several handlers ----

local function by_place(a, b)
  if a.line ~= b.line then
    return a.line < b.line
  end
  return a.column < b.column
end

-- All handlers in the order of the file: the second of two with one name is the one to change.
local function check_names(found, declaration)
  local all, first = {}, {}
  for _, list in ipairs(LISTS) do
    table.move(declaration[list[1]], 1, #declaration[list[1]], #all + 1, all)
  end
  table.sort(all, by_place)
  for _, h in ipairs(all) do
    local other = first[h.name]
    if other then
      found:begin(h)
      found:fail(h, "duplicate handler name '%s': line %d has it", h.name, other.line)
    end
    first[h.name] = other or h
  end
end

local function check_aliases(found, metrics)
  local first = {}
  for _, h in ipairs(metrics) do
    if first[h.alias] then
      found:begin(h)
      found:fail(h, "metric '%s' already defined: by '%s' in line %d", h.alias, first[h.alias].name, first[h.alias].line)
    end
    first[h.alias] = first[h.alias] or h
  end
end

-- Path arguments and the like are simple types: only arguments of signatures count.
local function types_of(declaration)
  local types, seen = {}, {}
  local function collect(arguments)
    for _, arg in ipairs(arguments) do
      if arg.complex and not seen[arg.end_type] then
        seen[arg.end_type] = true
        table.insert(types, arg.end_type)
      end
    end
  end
  for _, section in ipairs { "functions", "events", "sinks" } do
    for _, h in ipairs(declaration[section]) do
      collect(h.inputs)
      collect(h.outputs)
    end
  end
  return types
end

-- ---- the file ----

-- The root of the file as a map; nil when it is none, which is noted.
local function read_root(found, text)
  local root, message = yaml.parse(text)
  if not root then
    local line, column, why = message:match("^(%d+):(%d+): (.*)$")
    found:fail({ line = math.tointeger(tonumber(line)), column = math.tointeger(tonumber(column)) }, "%s", why)
    return nil
  elseif root.kind == "null" then
    return { keys = {} }
  elseif root.kind ~= "map" then
    found:fail(root, "a declaration is a map with the section 'general' and lists of handlers")
    return nil
  end
  return root
end

local function read(found, root, folder)
  local at = {}
  for _, name in ipairs(SECTIONS) do
    at[name] = false
  end
  for _, key in ipairs(root.keys) do
    found:begin(key)
    if at[key.name] == nil then
      found:unknown(key, SECTIONS, "section")
    else
      at[key.name] = key
    end
  end
  local declaration = read_general(found, at.general or nil)
  for _, list in ipairs(LISTS) do
    local section, kind = list[1], list[2]
    local handlers = {}
    found:begin(at[section] or START)
    for _, node in ipairs(found:items(at[section])) do
      table.insert(handlers, handler.read(found, node, kind, folder))
    end
    declaration[section] = handlers
  end
  check_names(found, declaration)
  check_aliases(found, declaration.metrics)
  declaration.types = types_of(declaration)
  return declaration
end

--- Reads a declaration.
---@param text string
---@param file string name for messages
---@param options ModelOptions?
---@return Declaration?
---@return Problem[] problems warnings, or all errors when there is no declaration
function M.parse(text, file, options)
  local found = report.new(file)
  local folder = options and options.folder or file:match("([^/]+)/[^/]*$") or ""
  local root = read_root(found, text)
  local declaration = root and read(found, root, folder:match("[^/]*$"))
  local errors, warnings = found:finish()
  if #errors > 0 then
    return nil, errors
  end
  return declaration, warnings
end

--- The host that a declaration names, in lower case, without looking at anything else; nil when it names none.
---@param text string
---@return string?
function M.host(text)
  local root = yaml.parse(text)
  for _, key in ipairs(root and root.keys or {}) do
    for _, field in ipairs(key.name == "general" and key.value.keys or {}) do
      if field.name == "host" and field.value.kind == "scalar" then
        return names.hostname(field.value.value)
      end
    end
  end
end

--- Problems as text, "file:line:column: text" each.
---@param problems Problem[]
---@return string
function M.render(problems)
  return report.render(problems)
end

return M
