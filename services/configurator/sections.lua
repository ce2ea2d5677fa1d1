-- Sections: texts by name, by the host or the end of a host that they are for. Pure.
--
-- Section `all` is for every service, `com` for those whose host ends in .com, and so on to the whole host; the longer one
-- wins. Hosts and names are in lower case.

local names = require "gen.names"
local report = require "gen.report"
local yaml = require "yaml"

local M = {}

---@alias Sections table<string, table<string, string>>

M.VALUE_MAX = 64 * 1024 -- bytes of one value

-- ---- names ----

local function fold(text)
  return text:match("^%s*(.-)%s*$"):lower()
end

--- The name of a section in the form in which it is kept; nil when it is none.
---@param text string a host, the end of one, or "all"
---@return string?
function M.section(text)
  return names.hostname(fold(text))
end

--- The name of a config in the form in which it is kept; nil when it is none.
---@param text string
---@return string?
function M.name(text)
  text = fold(text)
  return names.is_config(text) and text or nil
end

-- ---- the file ----

-- The keys of a map, folded by `form`; what is no key, or is there twice, is reported.
local function keys_of(found, node, form, what)
  local list, first = {}, {}
  for _, key in ipairs(node.keys) do
    local name = form(key.name)
    if not name then
      found:fail(key, "invalid %s '%s'", what, key.name)
    elseif first[name] then
      found:fail(key, "duplicate %s '%s': line %d has it", what, key.name, first[name].line)
    else
      first[name] = key
      table.insert(list, { name = name, value = key.value })
    end
  end
  return list
end

local function read_value(found, node)
  if node.kind == "null" then
    return ""
  elseif node.kind ~= "scalar" then
    found:fail(node, "a value is a text, a number or a boolean, and not a %s", node.kind)
  elseif #node.value > M.VALUE_MAX then
    found:fail(node, "the value is longer than 64 KB")
  else
    return node.value
  end
  return ""
end

local function read_section(found, node)
  local section = {}
  if node.kind == "null" then
    return section
  elseif node.kind ~= "map" then
    found:fail(node, "a section has names of configs and their values, such as Greeting: Hello")
    return section
  end
  for _, key in ipairs(keys_of(found, node, M.name, "config name")) do
    local value = read_value(found, key.value)
    section[key.name] = value ~= "" and value or nil
  end
  return section
end

local function by_place(a, b)
  if a.line ~= b.line then
    return a.line < b.line
  end
  return a.column < b.column
end

--- Reads a file of values: hosts, and names with values below them. A value is its text as it is written; an empty one
--- counts as none.
---@param text string
---@param file string its name, for messages
---@return Sections?
---@return Problem[]? problems why there are none: all that is wrong
function M.parse(text, file)
  local found = report.new(file)
  local root, why = yaml.parse(text)
  if not root then
    local line, column, sentence = why:match("^(%d+):(%d+): (.*)$")
    found:fail({ line = math.tointeger(line), column = math.tointeger(column) }, "%s", sentence)
    return nil, found.errors
  elseif root.kind == "null" then
    return {}
  elseif root.kind ~= "map" then
    found:fail(root, "the file has hosts of services and, below them, names of configs and their values")
    return nil, found.errors
  end
  local sections = {}
  for _, key in ipairs(keys_of(found, root, M.section, "hostname")) do
    sections[key.name] = read_section(found, key.value)
  end
  if #found.errors > 0 then
    table.sort(found.errors, by_place)
    return nil, found.errors
  end
  return sections
end

-- ---- many as one ----

--- What is in both, new tables; `over` wins, and its empty values take entries away.
---@param base Sections
---@param over Sections
---@return Sections
function M.merge(base, over)
  local out = {}
  for _, sections in ipairs { base, over } do
    for section, entries in pairs(sections) do
      out[section] = out[section] or {}
      for name, value in pairs(entries) do
        out[section][name] = value ~= "" and value or nil
      end
    end
  end
  for section, entries in pairs(out) do
    if next(entries) == nil then
      out[section] = nil
    end
  end
  return out
end

local function holds(a, b)
  for section, entries in pairs(a) do
    for name, value in pairs(entries) do
      if not b[section] or b[section][name] ~= value then
        return false
      end
    end
  end
  return true
end

--- Whether both have the same entries.
---@param a Sections
---@param b Sections
---@return boolean
function M.same(a, b)
  return holds(a, b) and holds(b, a)
end

--- The value of a config of a service, and the section that it comes from; nil when no section has it.
---@param sections Sections
---@param host string
---@param name string in any case
---@return string? value
---@return string? section
function M.find(sections, host, name)
  host, name = host:lower(), name:lower()
  local at = host
  while at do -- from the whole host to its last label
    local entries = sections[at]
    if entries and entries[name] then
      return entries[name], at
    end
    at = at:match("^[^.]*%.(.+)$")
  end
  local value = sections.all and sections.all[name]
  return value, value and "all" or nil
end

return M
