-- signature: "Add(x int, y int) (sum int)" as a name with inputs and outputs, checked, and back. Pure.

local names = require "gen.names"

local M = {}

---@class Argument
---@field name string
---@field type string int, float64, bool, string, any, byte, time.Time, time.Duration or a class; may begin with [] * map[string]
---@field end_type string the type without its prefixes
---@field complex boolean whether the end type is a class

---@class Signature
---@field name string
---@field inputs Argument[]
---@field outputs Argument[]

local function trim(s)
  return (s:match("^%s*(.-)%s*$"))
end

-- ---- types ----

local TYPES = {}
for stored, spellings in pairs {
  int = "int int64 int32 int16 int8 integer uint uint64 uint32 uint16 uint8",
  float64 = "float float32 float64 double",
  bool = "boolean Boolean bool",
  ["time.Time"] = "Time time",
  ["time.Duration"] = "Duration duration",
  byte = "byte", string = "string", any = "any",
} do
  for spelling in spellings:gmatch("%S+") do
    TYPES[spelling] = stored
  end
end

local WITH_PACKAGE = { ["time.Time"] = true, ["time.Duration"] = true } -- the only ones that may be written time.X

-- "[]*int" -> "[]*", "int"
local function split(text)
  local at = 1
  while true do
    local after = text:match("^%[%]()", at) or text:match("^%*()", at) or text:match("^map%[string%]()", at)
    if not after then
      return text:sub(1, at - 1), text:sub(at)
    end
    at = after
  end
end

-- The stored form of a type and of its end; or nil and what is wrong.
local function normalise(text)
  local prefix, written = split(text)
  if written:sub(1, 4) == "map[" then
    return nil, ("map keys must be strings in '%s'"):format(text)
  end
  local word = written:match("^time%.(.*)$") or written
  if word:find(".", 1, true) then
    return nil, ("dot notation not allowed in type '%s'"):format(text)
  end
  local stored = TYPES[word]
  if stored and (word == written or WITH_PACKAGE[stored]) then
    return prefix .. stored, stored
  elseif not stored and names.is_identifier(word) then
    return nil, ("unknown primitive type '%s'"):format(word)
  elseif not stored and names.is_handler(word) and word == written then
    return prefix .. word, word
  end
  return nil, ("unknown type '%s'"):format(text)
end

--- The same type with another end: "[]*Point", "geo.Point" -> "[]*geo.Point".
---@param kind string
---@param name string
---@return string
function M.replace_end(kind, name)
  return (split(kind)) .. name
end

-- ---- reading ----

local function read_arguments(text)
  local list = {}
  text = trim(text)
  if text == "" then
    return list
  end
  for piece in (text .. ","):gmatch("([^,]*),") do
    piece = trim(piece)
    local name, kind = piece:match("^([^ ]*) [ :]*(.*)$")
    if not name then
      return nil, ("invalid argument '%s'"):format(piece)
    end
    table.insert(list, { name = name, type = trim(kind) })
  end
  return list
end

-- The arguments between the parentheses that begin at `open`, and where they end; or nil and why not.
local function read_parentheses(text, open)
  local close = text:find(")", open, true)
  if not close then
    return nil, "missing closing parenthesis"
  end
  local list, why = read_arguments(text:sub(open + 1, close - 1))
  return list, list and close or why
end

-- Name, inputs and outputs as they are written; what stands between the parentheses, and behind them, is ignored.
local function read(text)
  local open = text:find("(", 1, true)
  if not open then
    return { name = trim(text), inputs = {}, outputs = {} }
  end
  local inputs, close = read_parentheses(text, open)
  if not inputs then
    return nil, close
  end
  local outputs, again = {}, text:find("(", close, true)
  if again then
    local why
    outputs, why = read_parentheses(text, again)
    if not outputs then
      return nil, why
    end
  end
  return { name = trim(text:sub(1, open - 1)), inputs = inputs, outputs = outputs }
end

-- ---- checks: each gives nil, or what is wrong with the signature `text` ----

local function check_name(name, text)
  if not names.is_handler(name) then
    return ("handler '%s' must start with uppercase in '%s'"):format(name, text)
  end
  local start = name:match("^Mock") or name:match("^Test")
  return start and ("handler '%s' must not start with '%s' in '%s'"):format(name, start, text)
end

local function check_duplicates(list, seen, text)
  for _, arg in ipairs(list) do
    if seen[arg.name] then
      return ("duplicate arg name '%s' in '%s'"):format(arg.name, text)
    end
    seen[arg.name] = true
  end
end

-- Normalises the type of the argument.
local function check_argument(arg)
  if arg.name == "ctx" or arg.type == "context.Context" then
    return "context type not allowed"
  elseif arg.name == "err" or arg.type == "error" then
    return "error type not allowed"
  elseif not names.is_identifier(arg.name) then
    return ("name '%s' must start with lowercase"):format(arg.name)
  elseif arg.name == "testingT" then
    return "name 'testingT' is reserved"
  end
  local kind, final = normalise(arg.type)
  if not kind then
    return final
  end
  arg.type, arg.end_type, arg.complex = kind, final, names.is_handler(final)
end

local function check_arguments(list, text)
  for _, arg in ipairs(list) do
    local why = check_argument(arg)
    if why then
      return ("%s in '%s'"):format(why, text)
    end
  end
end

-- The arguments that stand for the whole body and for the status.
local function check_magic(inputs, outputs, text)
  for _, arg in ipairs(inputs) do
    if arg.name == "httpResponseBody" or arg.name == "httpStatusCode" then
      return ("'%s' in '%s' can only be an output argument"):format(arg.name, text)
    end
  end
  local body, others = false, false
  for _, arg in ipairs(outputs) do
    if arg.name == "httpRequestBody" then
      return ("'%s' in '%s' can only be an input argument"):format(arg.name, text)
    elseif arg.name == "httpStatusCode" and arg.type ~= "int" then
      return ("'%s' in '%s' must be of type int"):format(arg.name, text)
    end
    body = body or arg.name == "httpResponseBody"
    others = others or (arg.name ~= "httpResponseBody" and arg.name ~= "httpStatusCode")
  end
  return body and others and ("cannot return other arguments along with 'httpResponseBody' in '%s'"):format(text)
end

--- Parses "Name(a int, b string) (c bool)". The first thing that is wrong is the message.
---@param text string
---@return Signature?
---@return string? message
function M.parse(text)
  local found, message = read(text)
  if not found then
    return nil, message
  end
  local seen, inputs, outputs = {}, found.inputs, found.outputs
  local why = check_name(found.name, text) or check_duplicates(inputs, seen, text)
    or check_duplicates(outputs, seen, text) or check_arguments(inputs, text) or check_arguments(outputs, text)
    or check_magic(inputs, outputs, text)
  if why then
    return nil, why
  end
  return found
end

-- ---- writing ----

--- "x int, y []string": a list of arguments as a signature has it.
---@param list Argument[]
---@return string
function M.render_arguments(list)
  local parts = {}
  for i, arg in ipairs(list) do
    parts[i] = arg.name .. " " .. arg.type
  end
  return table.concat(parts, ", ")
end

--- A signature as text, in stored types: what parse makes the same of again.
---@param signature Signature
---@return string
function M.render(signature)
  local text = ("%s(%s)"):format(signature.name, M.render_arguments(signature.inputs))
  if #signature.outputs > 0 then
    text = ("%s (%s)"):format(text, M.render_arguments(signature.outputs))
  end
  return text
end

return M
