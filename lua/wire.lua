-- wire: values between JSON and Lua, by their declared types.
--
-- Primitive types and prefixes come from signatures (int, []string, map[string]float64, *Pet); classes come from the
-- LuaCATS annotations in the service's types.lua. Wrong input raises a 400 that names the argument and what was expected.

local errors = require "errors"
local json = require "json"
local seal = require "seal"
local time = require "time"

local M = {}

---@class Classes: table<string, table<string, { type: string, optional: boolean }>>

--- Reads the classes of a types.lua: `---@class Name [: Parent]` followed by `---@field name[?] type` lines.
---@param source string
---@return Classes
function M.classes(source)
  local classes, current = {}, nil
  for line in (source .. "\n"):gmatch("([^\n]*)\n") do
    local name, parent = line:match("^%-%-%-@class%s+(%u%w*)%s*:?%s*(%w*)")
    local field, optional, rest = line:match("^%-%-%-@field%s+([%w_]+)(%??)%s+(.+)$")
    if name then
      current = {}
      for k, v in pairs(classes[parent] or {}) do
        current[k] = v
      end
      classes[name] = current
    elseif field and current then
      current[field] = { type = M.lua_type(rest), optional = optional == "?" }
    elseif not line:match("^%-%-%-") then
      current = nil
    end
  end
  return classes
end

local PRIMITIVES = { string = "string", integer = "int", number = "float64", boolean = "bool", any = "any" }
for name in ("int float64 bool byte time.Time time.Duration"):gmatch("%S+") do
  PRIMITIVES[name] = name -- as signatures write them
end

-- Prefixes of signatures, and [] behind the name as LuaCATS writes lists.
local function prefixes(word)
  local prefix = ""
  while true do
    local p = word:match("^%[%]") or word:match("^%*") or word:match("^map%[string%]")
    if not p then
      break
    end
    prefix, word = prefix .. p, word:sub(#p + 1)
  end
  while word:sub(-2) == "[]" do
    prefix, word = prefix .. "[]", word:sub(1, -3)
  end
  return prefix, word
end

--- The wire type of a type at the start of `text`, written as in LuaCATS (integer, string[], table<string, Pet>) or as in
--- a signature (int, []byte, map[string]time.Time); what it cannot say is "any".
---@param text string
---@return string
function M.lua_type(text)
  local value = text:match("^table<%s*string%s*,%s*(.-)%s*>")
  if value then
    return "map[string]" .. M.lua_type(value)
  end
  local prefix, base = prefixes((text:match("^%S*"):gsub("%?$", "")))
  local kind = PRIMITIVES[base] or base:match("^%u%w*$")
  return kind and prefix .. kind or "any"
end

local function describe(value)
  if value == nil or value == json.null then
    return "null"
  end
  if type(value) == "table" then
    return json.is_list(value) and "a list" or "an object"
  end
  return math.type(value) == "integer" and "an integer" or "a " .. type(value)
end

local function wrong(where, expected, value)
  errors.raise(400, ("%s: expected %s, got %s"):format(where, expected, describe(value)))
end

-- A pointer is what it points at: nil is a value of every type here.
local function pointed(kind)
  return (kind:gsub("^%*+", ""))
end

local ZERO = { string = "", int = 0, byte = 0, float64 = 0.0, bool = false, ["time.Duration"] = 0 }

--- What an argument that was not given is.
---@param kind string
function M.zero(kind)
  if kind:find("[]", 1, true) == 1 and kind ~= "[]byte" then
    return json.list {}
  end
  return ZERO[kind]
end

local decode

-- A null in a list is the zero of its type; where there is none it stays null, so that the others keep their places.
local function decode_list(item, value, classes, where)
  local out = json.list {}
  for i, v in ipairs(value) do
    if v == json.null then
      v = M.zero(item)
      out[i] = v == nil and json.null or v
    else
      out[i] = decode(item, v, classes, ("%s[%d]"):format(where, i))
    end
  end
  return out
end

local function decode_class(class, value, classes, where)
  if type(value) ~= "table" or json.is_list(value) then
    wrong(where, "an object", value)
  end
  local out = {}
  for name, field in pairs(class) do
    local v = value[name]
    if v ~= nil and v ~= json.null then
      out[name] = decode(field.type, v, classes, where .. "." .. name)
    end
  end
  return out
end

local function decode_text(kind, value, where)
  if kind == "[]byte" then
    local bytes = type(value) == "string" and seal.unbase64(value)
    return bytes or wrong(where, "base64 text", value)
  end
  local seconds = type(value) == "string" and time.parse(value)
  return seconds or wrong(where, "a time such as 2006-01-02T15:04:05Z", value)
end

--- A JSON value as the Lua value of a declared type.
---@param kind string
---@param value any
---@param classes Classes
---@param where string for messages: the argument's name
function decode(kind, value, classes, where)
  kind = pointed(kind)
  if value == nil or value == json.null then
    return nil
  elseif kind == "any" then
    return value
  elseif kind == "string" then
    return type(value) == "string" and value or wrong(where, "a string", value)
  elseif kind == "int" or kind == "byte" then
    return type(value) == "number" and math.tointeger(value) or wrong(where, "an integer", value)
  elseif kind == "float64" then
    return type(value) == "number" and value + 0.0 or wrong(where, "a number", value)
  elseif kind == "bool" then
    if type(value) ~= "boolean" then
      wrong(where, "true or false", value)
    end
    return value
  elseif kind == "time.Time" or kind == "[]byte" then
    return decode_text(kind, value, where)
  elseif kind == "time.Duration" then
    local ns = type(value) == "number" and math.tointeger(value) or wrong(where, "nanoseconds as an integer", value)
    return ns / 1e9
  end
  local item = kind:match("^%[%](.+)$")
  if item then
    if type(value) ~= "table" or not (json.is_list(value) or next(value) == nil) then
      wrong(where, "a list", value)
    end
    return decode_list(item, value, classes, where)
  end
  item = kind:match("^map%[string%](.+)$")
  if item then
    if type(value) ~= "table" or json.is_list(value) then
      wrong(where, "an object", value)
    end
    local out = {}
    for k, v in pairs(value) do
      out[k] = decode(item, v, classes, where .. "." .. k)
    end
    return out
  end
  local class = classes[kind]
  return class and decode_class(class, value, classes, where) or value
end
M.decode = decode

local BOOLS = { ["true"] = true, ["1"] = true, t = true, ["false"] = false, ["0"] = false, f = false }

--- Text of a path, query or form as the Lua value of a declared type.
---@param kind string
---@param text string
---@param classes Classes
---@param where string
function M.from_text(kind, text, classes, where)
  kind = pointed(kind)
  if kind == "string" then
    return text
  elseif kind == "int" or kind == "byte" then
    local n = text:match("^[+-]?%d+$") and math.tointeger(tonumber(text))
    return n or wrong(where, "an integer", text)
  elseif kind == "float64" then
    local n = text:match("^[+-]?[%d.]+[eE]?[+-]?%d*$") and tonumber(text)
    return n and math.abs(n) < math.huge and n + 0.0 or wrong(where, "a number", text)
  elseif kind == "bool" then
    local b = BOOLS[text:lower()]
    if b == nil then
      wrong(where, "true or false", text)
    end
    return b
  elseif kind == "time.Time" or kind == "[]byte" then
    return decode_text(kind, text, where)
  elseif kind == "time.Duration" then
    local ns = text:match("^-?%d+$") and math.tointeger(tonumber(text))
    return ns and ns / 1e9 or time.duration(text) or wrong(where, "a duration such as 1m30s, or nanoseconds", text)
  elseif kind == "any" then
    local value = json.decode(text)
    return value == nil and text or value
  end
  local value, message = json.decode(text)
  if value == nil then
    errors.raise(400, ("%s: %s"):format(where, message))
  end
  return decode(kind, value, classes, where)
end

--- A Lua value as JSON value of a declared type: lists stay lists when empty, times become text.
---@param kind string
---@param value any
---@param classes Classes
function M.encode(kind, value, classes)
  if value == nil or value == json.null then
    return json.null
  end
  kind = pointed(kind)
  if kind == "time.Time" then
    return time.rfc3339(value)
  elseif kind == "time.Duration" then
    return math.floor(value * 1e9 + 0.5)
  elseif kind == "[]byte" then
    return seal.base64(value)
  elseif type(value) ~= "table" then
    return value
  end
  local item = kind:match("^%[%](.+)$")
  if item then
    local out = json.list {}
    for i, v in ipairs(value) do
      out[i] = M.encode(item, v, classes)
    end
    return out
  end
  item = kind:match("^map%[string%](.+)$")
  local class = classes[kind]
  if not item and not class then
    return value
  end
  local out = {}
  for k, v in pairs(value) do
    local field = class and class[k]
    out[k] = M.encode(item or (field and field.type) or "any", v, classes)
  end
  return out
end

return M
