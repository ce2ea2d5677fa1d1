-- duration: spans of time as Go writes them (1h30m, 250ms, 2.5s), exact to the nanosecond. Pure.

local M = {}

local UNITS = {
  ns = 1, us = 1000, ["\u{b5}s"] = 1000, ["\u{3bc}s"] = 1000, ms = 1000000,
  s = 1000000000, m = 60000000000, h = 3600000000000,
}

-- Nanoseconds of the digits behind the point, cut.
local function fraction_of(digits, unit)
  local sum = 0
  for i = #digits, 1, -1 do
    sum = (digits:byte(i) - 48) * unit + sum
    sum = sum // 10
  end
  return sum
end

-- "1.5", "h" -> nanoseconds, or nil when they are more than 64 bits hold.
local function part_of(whole, fraction, unit)
  local count = whole == "" and 0 or tonumber(whole)
  if math.type(count) ~= "integer" or count > math.maxinteger // unit then
    return nil
  end
  local sum = count * unit + fraction_of(fraction, unit)
  return sum >= 0 and sum or nil
end

--- Nanoseconds of a duration: an optional sign and a sum of decimals with units ns, us, ms, s, m, h; or 0.
---@param text string
---@return integer? nanoseconds
---@return string? message
function M.parse(text)
  local sign, rest = text:match("^([+-]?)(.*)$")
  if rest == "0" then
    return 0
  elseif rest == "" then
    return nil, ("'%s' is no duration: write one such as 10s, 5m or 1h30m"):format(text)
  end
  local total, at = 0, 1
  while at <= #rest do
    local whole, point, fraction, unit, after = rest:match("^([0-9]*)(%.?)([0-9]*)([^0-9.]*)()", at)
    if not UNITS[unit] or whole .. fraction == "" or (point == "" and fraction ~= "") then
      return nil, ("'%s' is no duration: write one such as 10s, 5m or 1h30m"):format(text)
    end
    local part = part_of(whole, fraction, UNITS[unit])
    total = part and total + part or -1
    if total < 0 then
      return nil, ("'%s' is too long a duration"):format(text)
    end
    at = after
  end
  return sign == "-" and -total or total
end

-- "1.5" of 1500 and 1000.
local function decimal(n, unit)
  local digits = #tostring(unit) - 1
  local fraction = digits > 0 and ("%0" .. digits .. "d"):format(n % unit):gsub("0+$", "") or ""
  return n // unit .. (fraction ~= "" and "." .. fraction or "")
end

--- 1h30m0s, 2.5s, 250ms, 0s: the text of so many nanoseconds.
---@param ns integer
---@return string
function M.render(ns)
  if ns == 0 then
    return "0s"
  elseif ns == math.mininteger then -- it has no positive counterpart
    return "-2562047h47m16.854775808s"
  elseif ns < 0 then
    return "-" .. M.render(-ns)
  elseif ns < UNITS.us then
    return ns .. "ns"
  elseif ns < UNITS.ms then
    return decimal(ns, UNITS.us) .. "\u{b5}s"
  elseif ns < UNITS.s then
    return decimal(ns, UNITS.ms) .. "ms"
  end
  local text = decimal(ns % UNITS.m, UNITS.s) .. "s"
  if ns >= UNITS.h then
    return ("%dh%dm%s"):format(ns // UNITS.h, ns % UNITS.h // UNITS.m, text)
  elseif ns >= UNITS.m then
    return ("%dm%s"):format(ns // UNITS.m, text)
  end
  return text
end

--- What is a span of time in Lua: seconds.
---@param ns integer
---@return number
function M.seconds(ns)
  return ns / 1e9
end

return M
