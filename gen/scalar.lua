-- scalar: texts of simple values in Go's forms, as the configs of declarations are written. Pure.

local M = {}

--- A decimal integer of 64 bits with an optional sign; nil when the text is none.
---@param text string
---@return integer?
function M.int(text)
  local sign, digits = text:match("^([+-]?)([0-9]+)$")
  local value = digits and tonumber((sign == "-" and "-" or "") .. digits)
  return math.type(value) == "integer" and value or nil
end

-- Underscores stand between digits, or behind the 0x. Returns the number without them; nil when one stands elsewhere.
local function without_underscores(text)
  local digit = text:match("^[+-]?0[xX]") and "%x" or "%d"
  local padded = text:gsub("^([+-]?0[xX])_", "%1")
  while true do
    local next_one, n = padded:gsub(("(%s)_(%s)"):format(digit, digit), "%1%2")
    if n == 0 then
      return not padded:find("_", 1, true) and padded or nil
    end
    padded = next_one
  end
end

local SPECIAL = { inf = math.huge, infinity = math.huge }
local DECIMALS = { "^%d+%.?%d*$", "^%.%d+$" }
local HEXADECIMALS = { "^0x%x+%.?%x*$", "^0x%.%x+$" }

local function fits(text, patterns)
  return text:match(patterns[1]) or text:match(patterns[2])
end

--- A floating-point number: decimal, hexadecimal with exponent (0x1p-2), inf or nan, in any case. nil when the text is
--- none, or is too large.
---@param text string
---@return number?
function M.float(text)
  local sign, body = text:lower():match("^([+-]?)(.*)$")
  local factor = sign == "-" and -1.0 or 1.0
  if SPECIAL[body] then
    return SPECIAL[body] * factor
  elseif body == "nan" then
    return sign == "" and 0 / 0 or nil
  end
  body = without_underscores(body)
  if not body then
    return nil
  end
  local mantissa = body:match("^(.-)p[+-]?%d+$")
  local good
  if mantissa then
    good = fits(mantissa, HEXADECIMALS)
  else
    good = fits(body:match("^(.-)e[+-]?%d+$") or body, DECIMALS)
  end
  local value = good and tonumber(body)
  if not value or value == math.huge then
    return nil
  end
  return factor * value
end

local BOOLS = {}
for word in ("1 t T TRUE true True"):gmatch("%S+") do
  BOOLS[word] = true
end
for word in ("0 f F FALSE false False"):gmatch("%S+") do
  BOOLS[word] = false
end

--- 1 t T TRUE true True, 0 f F FALSE false False; nil for everything else.
---@param text string
---@return boolean?
function M.bool(text)
  return BOOLS[text]
end

local function float_text(value)
  if value ~= value then
    return "NaN"
  elseif math.abs(value) == math.huge then
    return value > 0 and "+Inf" or "-Inf"
  elseif value == math.floor(value) and math.abs(value) < 1e21 then
    return ("%.0f"):format(value)
  end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(value)
    if tonumber(text) == value then
      return text
    end
  end
end

--- A value as text: integers in decimal, floats as short as they read back, nil as nothing.
---@param value string|number|boolean|nil
---@return string
function M.text(value)
  if value == nil then
    return ""
  elseif math.type(value) == "float" then
    return float_text(value)
  end
  return tostring(value)
end

return M
