-- annotation: types as LuaCATS writes them, read: where one ends, which classes it names, what a `fun(…)` takes and gives.
-- Pure.

local M = {}

---@class Annotation a type that was read
---@field text string as it was written
---@field names string[] the classes and plain types in it
---@field fun { params: AnnotatedParameter[], returns: string[] }? when it is a function

---@class AnnotatedParameter
---@field name string "x", "..."
---@field type string
---@field optional boolean

-- A position in a text, and what was found before it.
local Reader = {}
Reader.__index = Reader

local function fail(reader, what)
  error({ annotation = ("%s is missing at %q"):format(what, reader.text:sub(reader.at)) }, 0)
end

function Reader:take(pattern)
  local from, to, capture = self.text:find("^%s*(" .. pattern .. ")", self.at)
  if from then
    self.at = to + 1
    return capture
  end
end

function Reader:need(pattern, what)
  return self:take(pattern) or fail(self, what)
end

local read_type

local function read_parameter(reader)
  local name = reader:take "%.%.%." or reader:need("[%a_][%w_]*", "a parameter")
  local optional = reader:take "%?" ~= nil
  if not reader:take ":" then
    return { name = name, type = "any", optional = optional }
  end
  return { name = name, type = read_type(reader), optional = optional }
end

-- Behind `fun(`.
local function read_fun(reader)
  local fun = { params = {}, returns = {} }
  if not reader:take "%)" then
    repeat
      table.insert(fun.params, read_parameter(reader))
    until not reader:take ","
    reader:need("%)", "')'")
  end
  if reader:take ":" then
    repeat
      local kind = reader:take "%.%.%." or read_type(reader)
      if kind ~= "..." and reader:take "%.%.%." then
        kind = kind .. " ..."
      end
      table.insert(fun.returns, kind)
    until not reader:take ","
  end
  return fun
end

-- Behind `{`: { name: string, [string]: integer }
local function read_record(reader)
  if reader:take "}" then
    return
  end
  repeat
    if reader:take "%[" then
      read_type(reader)
      reader:need("%]", "']'")
    else
      reader:need("[%a_][%w_]*", "a field")
      reader:take "%?"
    end
    reader:need(":", "':'")
    read_type(reader)
  until not reader:take "," or reader.text:find("^%s*}", reader.at)
  reader:need("}", "'}'")
end

local function read_name(reader)
  local name = reader:need("[%a_][%w_.*-]*", "a type")
  table.insert(reader.names, name)
  if reader:take "<" then
    repeat
      read_type(reader)
    until not reader:take ","
    reader:need(">", "'>'")
  end
end

-- One member of a union, without what is behind it. Gives the function that it is.
local function read_member(reader)
  if reader:take "%(" then
    read_type(reader)
    reader:need("%)", "')'")
  elseif reader:take "fun%(" then
    return read_fun(reader)
  elseif reader:take "{" then
    read_record(reader)
  elseif not reader:take "\"[^\"]*\"" and not reader:take "'[^']*'" and not reader:take "%-?%d+" then
    read_name(reader)
  end
end

-- The text of the type at the reader; the function that it is when it is nothing else.
function read_type(reader)
  reader:take ""
  local from, alone = reader.at, true
  while true do
    local fun = read_member(reader)
    while reader.text:find("^%[%]", reader.at) or reader.text:find("^%?", reader.at) do
      reader.at = reader.at + (reader.text:sub(reader.at, reader.at) == "[" and 2 or 1)
      alone = false
    end
    if not reader:take "|" then
      return reader.text:sub(from, reader.at - 1):match("^%s*(.-)%s*$"), alone and fun or nil
    end
    alone = false
  end
end

--- The type that a text begins with, and what is behind it; or nil and what is wrong.
---@param text string "fun(x: integer): string? what it gives"
---@return Annotation?
---@return string rest or why there is none
function M.read(text)
  local reader = setmetatable({ text = text, at = 1, names = {} }, Reader)
  local ok, kind, fun = pcall(read_type, reader)
  if not ok then
    if type(kind) ~= "table" or not kind.annotation then
      error(kind, 0)
    end
    return nil, kind.annotation
  end
  return { text = kind, names = reader.names, fun = fun }, text:sub(reader.at)
end

return M
