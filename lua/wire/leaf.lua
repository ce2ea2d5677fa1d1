-- wire.leaf: simple values of declared types, in the four directions of lua/wire.lua. What a converter gets is never
-- null; it returns the value, or nil and a mismatch. Pure.

local duration = require "gen.duration"
local json = require "json"
local seal = require "seal"
local time = require "time"

local M = {}

---@class Mismatch why a value is not of its type; it travels up, and each level puts its own name in front
---@field path string from the value that was to be converted to the wrong one: ".owner.age", "[3]", or ""
---@field text string "expected an integer, got a string"

---@alias Convert fun(value: any, depth: integer): any, Mismatch?

local NULL = json.null
local is_list = json.is_list
local math_type = math.type
local tointeger = math.tointeger
local find = string.find
local utf8_length = utf8.len

local function describe(value)
  if value == nil or value == NULL then
    return "null"
  elseif type(value) == "table" then
    return (is_list(value) or value[1] ~= nil) and "a list" or "an object"
  end
  return math_type(value) == "integer" and "an integer" or "a " .. type(value)
end

--- For the second result of a converter.
---@param expected string "an integer"
---@param value any what came
---@return Mismatch
function M.mismatch(expected, value)
  return { path = "", text = ("expected %s, got %s"):format(expected, describe(value)) }
end

local function wrong(expected, value)
  return nil, M.mismatch(expected, value)
end

local INTEGER, NUMBER, BOOL, BYTE = "an integer", "a number", "true or false", "an integer from 0 to 255"
local TIME = "a time such as 2006-01-02T15:04:05Z"

local function is_finite(value)
  return type(value) == "number" and value - value == 0
end

-- ---- values that are the same on both sides ----

local function string(value)
  if type(value) == "string" then
    return value
  end
  return wrong("a string", value)
end

local function int(value)
  if math_type(value) == "integer" then
    return value
  end
  local whole = math_type(value) == "float" and tointeger(value)
  if whole then
    return whole
  end
  return wrong(INTEGER, value)
end

local function byte(value)
  local whole = int(value)
  if whole and whole >= 0 and whole <= 255 then
    return whole
  end
  return wrong(BYTE, value)
end

local function float64(value)
  if type(value) == "number" then
    return value + 0.0
  end
  return wrong(NUMBER, value)
end

local function bool(value)
  if type(value) == "boolean" then
    return value
  end
  return wrong(BOOL, value)
end

local function any(value)
  return value
end

-- ---- from JSON, and from texts ----

local function time_of(value)
  if value == "" then
    return nil
  end
  local seconds = type(value) == "string" and time.parse(value)
  if seconds then
    return seconds
  end
  return wrong(TIME, value)
end

local function bytes_of(value)
  local bytes = type(value) == "string" and seal.unbase64(value)
  if bytes then
    return bytes
  end
  return wrong("base64 text", value)
end

local function duration_of(value)
  local ns = int(value)
  if ns then
    return duration.seconds(ns)
  end
  return wrong("nanoseconds as an integer", value)
end

---@type table<string, Convert>
M.json = {
  string = string, int = int, byte = byte, float64 = float64, bool = bool, any = any,
  ["time.Time"] = time_of, ["time.Duration"] = duration_of, ["[]byte"] = bytes_of,
}

-- A converter of texts from `parse`, which returns nil for what it does not take, or a mismatch of its own. Of a name
-- that came several times the last value counts.
local function text(expected, parse)
  local function convert(value)
    if type(value) == "string" then
      local out, bad = parse(value)
      if out ~= nil or bad then
        return out, bad
      end
    elseif type(value) == "table" and is_list(value) then
      return convert(value[#value])
    end
    return wrong(expected, value)
  end
  return convert
end

local NO_TEXT = "expected UTF-8 text, got other bytes"

local function utf8_text(value)
  if utf8_length(value) then
    return value
  end
  return nil, { path = "", text = NO_TEXT }
end

-- No number of JSON begins so, and who writes it means a name: 007.
local LEADING_ZERO = "^[+-]?0%d"

local function integer_in(value)
  local number = find(value, "^[+-]?%d+$") and not find(value, LEADING_ZERO) and tonumber(value)
  return math_type(number) == "integer" and number or nil
end

local function byte_in(value)
  local whole = integer_in(value)
  return whole and whole >= 0 and whole <= 255 and whole or nil
end

local function float_in(value)
  local number = find(value, "^[+-]?[%d.]+[eE]?[+-]?%d*$") and not find(value, LEADING_ZERO) and tonumber(value)
  return number and is_finite(number) and number + 0.0 or nil
end

local BOOLS = { ["true"] = true, ["1"] = true, t = true, ["false"] = false, ["0"] = false, f = false }

local function bool_in(value)
  return BOOLS[value:lower()]
end

local function duration_in(value)
  local ns = integer_in(value) or duration.parse(value)
  return ns and duration.seconds(ns) or nil
end

local function bytes_in(value)
  return (seal.unbase64(value))
end

local function text_time(value)
  if type(value) == "table" and is_list(value) then
    value = value[#value]
  end
  return time_of(value)
end

---@type table<string, Convert>
M.text = {
  string = text("a string", utf8_text),
  int = text(INTEGER, integer_in),
  byte = text(BYTE, byte_in),
  float64 = text(NUMBER, float_in),
  bool = text(BOOL, bool_in),
  ["time.Time"] = text_time,
  ["time.Duration"] = text("a duration such as 1m30s, or nanoseconds", duration_in),
  ["[]byte"] = text("base64 text", bytes_in),
}

--- A text that may be anything: JSON when it is that, or else itself, without the quotes around it.
---@param value string
function M.guess(value)
  if value == "" then
    return value
  end
  local guessed = json.decode(value)
  if guessed ~= nil then
    return guessed
  end
  return utf8_text(value:match('^"(.*)"$') or value)
end

-- ---- from Lua, as it comes over the bus ----

local function seconds(value)
  if is_finite(value) then
    return value
  end
  return wrong("seconds", value)
end

---@type table<string, Convert>
M.lua = {
  string = string, int = int, byte = byte, float64 = float64, bool = bool, any = any,
  ["time.Time"] = seconds, ["time.Duration"] = seconds, ["[]byte"] = string,
}

-- ---- to JSON ----

local function finite(value)
  if is_finite(value) then
    return value
  end
  return wrong("a finite number", value)
end

local YEAR_0, YEAR_10000 = -62167219200, 253402300800 -- RFC 3339 has no others

local function time_text(value)
  if is_finite(value) and value >= YEAR_0 and value < YEAR_10000 then
    return time.rfc3339(value)
  end
  return wrong("seconds between the years 0 and 9999", value)
end

local function nanoseconds(value)
  local ns = is_finite(value) and tointeger(math.floor(value * 1e9 + 0.5))
  if ns then
    return ns
  end
  return wrong("seconds, at most 292 years", value)
end

local function base64(value)
  if type(value) == "string" then
    return seal.base64(value)
  end
  return wrong("a string", value)
end

---@type table<string, Convert>
M.encode = {
  string = string, int = int, byte = byte, float64 = finite, bool = bool, any = any,
  ["time.Time"] = time_text, ["time.Duration"] = nanoseconds, ["[]byte"] = base64,
}

return M
