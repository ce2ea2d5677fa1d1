-- report: what is wrong with a file, with places, and the reading of YAML values that finds it. Pure.
--
-- A report collects errors instead of stopping at the first. What belongs to one handler stays together, in the order in
-- which it was found; handlers come in the order of the file.

local duration = require "gen.duration"
local scalar = require "gen.scalar"

local M = {}

---@class Problem
---@field file string
---@field line integer
---@field column integer
---@field text string

---@class Report
---@field file string
---@field errors Problem[]
---@field warnings Problem[]
---@field private group integer line of what is being read
local Report = {}
Report.__index = Report

---@param file string name for messages
---@return Report
function M.new(file)
  return setmetatable({ file = file, errors = {}, warnings = {}, group = 0 }, Report)
end

---@param problem Problem
---@return string "file:line:column: text"
function M.line(problem)
  return ("%s:%d:%d: %s"):format(problem.file, problem.line, problem.column, problem.text)
end

--- Problems as text, a line each.
---@param problems Problem[]
---@return string
function M.render(problems)
  local lines = {}
  for i, problem in ipairs(problems) do
    lines[i] = M.line(problem)
  end
  return table.concat(lines, "\n")
end

-- ---- collecting ----

-- `at` is whatever has line and column: a node, a key.
local function problem(report, at, text, ...)
  return {
    file = report.file, line = at.line, column = at.column, text = select("#", ...) > 0 and text:format(...) or text,
    group = report.group,
  }
end

--- Notes an error; what follows `text` goes into its places.
function Report:fail(at, text, ...)
  table.insert(self.errors, problem(self, at, text, ...))
end

--- Notes a warning.
function Report:warn(at, text, ...)
  table.insert(self.warnings, problem(self, at, text, ...))
end

--- What is noted from now on belongs to the handler or section that begins there.
function Report:begin(at)
  self.group = at.line
end

local function in_order(list)
  for i, item in ipairs(list) do
    item.found = i
  end
  table.sort(list, function(a, b)
    if a.group ~= b.group then
      return a.group < b.group
    end
    return a.found < b.found
  end)
  for _, item in ipairs(list) do
    item.group, item.found = nil, nil
  end
  return list
end

--- The errors and the warnings, in order. Nothing can be noted after that.
---@return Problem[] errors
---@return Problem[] warnings
function Report:finish()
  return in_order(self.errors), in_order(self.warnings)
end

-- ---- names that nearly fit ----

-- How many letters must be inserted, removed, replaced or swapped with their neighbour.
local function distance(a, b)
  local before, row = nil, {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local last, older = row, before
    row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if older and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], older[j - 2] + 1)
      end
    end
    before = last
  end
  return row[#b]
end

local function plain(name)
  return (name:lower():gsub("[_ -]", ""))
end

--- The known name that was probably meant: one letter may be wrong in short names, two in long ones; case, '_' and '-' do
--- not count.
---@param name string
---@param known string[]
---@return string?
function M.nearest(name, known)
  local best, least
  local word = plain(name)
  for _, candidate in ipairs(known) do
    local other = plain(candidate)
    local allowed = math.min(#word, #other) < 6 and 1 or 2
    local d = math.abs(#word - #other) <= allowed and distance(word, other)
    if d and d <= allowed and (not least or d < least) then
      best, least = candidate, d
    end
  end
  return best
end

--- A name that is not known: an error where it is nearly one, a warning otherwise.
---@param key table of a YAML map
---@param known string[]
---@param what string "field", "section"
function Report:unknown(key, known, what)
  local meant = M.nearest(key.name, known)
  if meant then
    self:fail(key, "unknown %s '%s'; did you mean '%s'?", what, key.name, meant)
  else
    self:warn(key, "unknown %s '%s' is ignored", what, key.name)
  end
end

-- ---- YAML values ----

local TRUE, FALSE = {}, {}
for word in ("true True TRUE yes Yes YES on On ON y Y"):gmatch("%S+") do
  TRUE[word] = true
end
for word in ("false False FALSE no No NO off Off OFF n N"):gmatch("%S+") do
  FALSE[word] = true
end

local INTS = { "^[+-]?%d[%d_]*$", "^[+-]?0x[%x_]+$", "^[+-]?0o[0-7_]+$", "^[+-]?0b[01_]+$" }
local FLOATS = {
  "^[+-]?%d+%.%d*$", "^[+-]?%d+%.?%d*[eE][+-]?%d+$", "^[+-]?%.%d+$", "^[+-]?%.%d+[eE][+-]?%d+$",
  "^[+-]?%.[iI][nN][fF]$", "^%.[nN][aA][nN]$",
}

local function fits(text, patterns)
  for _, pattern in ipairs(patterns) do
    if text:match(pattern) then
      return true
    end
  end
  return false
end

-- What a value is by itself, and how it is written.
local function kind_of(node)
  if node.kind == "list" then
    return "!!seq"
  elseif node.kind == "map" then
    return "!!map"
  elseif node.kind == "null" then
    return "!!null"
  end
  local text, tag = node.value, "!!str"
  if node.quoted then
    tag = "!!str"
  elseif text:lower() == "true" or text:lower() == "false" then
    tag = "!!bool"
  elseif fits(text, INTS) then
    tag = "!!int"
  elseif fits(text, FLOATS) then
    tag = "!!float"
  end
  return ("%s '%s'"):format(tag, #text > 60 and text:sub(1, 57) .. "..." or text)
end

--- A value of another kind than its place takes.
---@param node table
---@param into string the kind that was expected
---@param text string what to do instead
function Report:mismatch(node, into, text, ...)
  self:fail(node, "cannot unmarshal %s into %s: %s", kind_of(node), into, text:format(...))
end

--- A text; any scalar is taken as it is written. "" when there is none.
---@param key table? of a YAML map
---@return string
function Report:text(key)
  local node = key and key.value
  if not node or node.kind == "null" then
    return ""
  elseif node.kind ~= "scalar" then
    self:mismatch(node, "string", "'%s' must be a text", key.name)
    return ""
  end
  return node.value
end

--- A truth value, in the words of YAML and without quotes.
---@param key table?
---@param default boolean
---@return boolean
function Report:bool(key, default)
  local node = key and key.value
  if not node or node.kind == "null" then
    return default
  elseif node.kind == "scalar" and not node.quoted then
    if TRUE[node.value] then
      return true
    elseif FALSE[node.value] then
      return false
    end
  end
  self:mismatch(node, "bool", "'%s' must be true or false", key.name)
  return default
end

--- A duration as nanoseconds; 0 when there is none, nil when it is wrong.
---@param key table?
---@return integer?
function Report:duration(key)
  local node = key and key.value
  if not node or node.kind == "null" then
    return 0
  end
  local is_text = node.kind == "scalar" and (node.quoted or not (fits(node.value, INTS) or fits(node.value, FLOATS)))
  local ns = is_text and duration.parse(node.value)
  if not ns then
    self:mismatch(node, "time.Duration", "write a duration such as 10s, 5m or 1h30m")
  end
  return ns or nil
end

local function number_of(node)
  local is_number = node.kind == "scalar" and not node.quoted and (fits(node.value, INTS) or fits(node.value, FLOATS))
  return is_number and (scalar.float(node.value) or tonumber(node.value))
end

--- A list of numbers; nil when there is none, or it is wrong.
---@param key table?
---@return number[]?
function Report:numbers(key)
  local node = key and key.value
  if not node or node.kind == "null" then
    return nil
  elseif node.kind ~= "list" then
    self:mismatch(node, "[]float64", "'%s' must be a list of numbers", key.name)
    return nil
  end
  local list = {}
  for i, item in ipairs(node.items) do
    list[i] = number_of(item)
    if not list[i] then
      self:mismatch(item, "float64", "'%s' must be a list of finite numbers", key.name)
      return nil
    end
  end
  return list
end

--- The items of a section; nothing at all is an empty one.
---@param key table?
---@return table[] nodes
function Report:items(key)
  local node = key and key.value
  if not node or node.kind == "null" then
    return {}
  elseif node.kind ~= "list" then
    self:mismatch(node, "[]*spec.Handler", "'%s' must be a list, whose items begin with '- signature:'", key.name)
    return {}
  end
  return node.items
end

--- The fields of a map by their names. Unknown ones are reported.
---@param node table a YAML map
---@param known string[]
---@return table<string, table> keys
function Report:fields(node, known)
  local at = {}
  for _, name in ipairs(known) do
    at[name] = false
  end
  for _, key in ipairs(node.keys) do
    if at[key.name] == nil then
      self:unknown(key, known, "field")
    else
      at[key.name] = key
    end
  end
  return at
end

return M
