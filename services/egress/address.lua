-- address: which hosts of URLs are link-local addresses. At those, a cloud's metadata service gives a machine's
-- credentials to whoever asks from it. All spellings count that the system's resolver takes for an address:
-- 0xa9.254.43518 is 169.254.169.254. What a name resolves to is not known here. Pure.

local M = {}

-- ---- reading ----

-- One number of an IPv4 address, as inet_aton reads it: 0x = hexadecimal, 0 = octal.
local function number(text)
  local hexadecimal, octal = text:match("^0[xX]0*(%x+)$"), text:match("^0+([0-7]*)$")
  if hexadecimal then
    return #hexadecimal <= 8 and tonumber(hexadecimal, 16) or nil
  elseif octal then
    return #octal <= 11 and (tonumber(octal, 8) or 0) or nil
  end
  return text:find("^[1-9]%d*$") and #text <= 10 and tonumber(text) or nil
end

-- An IPv4 address of one to four numbers, the last of which fills what is left, as an integer. nil when it is none.
local function ipv4(text)
  local value, count = 0, 0
  for part, dot in text:gmatch("([^.]*)(%.?)") do
    local n = number(part)
    count = count + 1
    local room = dot == "" and 256 ^ (5 - count) or 256
    if not n or count > 4 or n >= room then
      return nil
    end
    value = dot == "" and (value << (8 * (5 - count))) + n or (value << 8) + n
    if dot == "" then
      return value
    end
  end
end

-- Groups of 16 bits: "a:b:1.2.3.4" -> { a, b, 0x102, 0x304 }. nil when it is not a part of an IPv6 address.
local function groups(text)
  local list = {}
  for group in (text ~= "" and text .. ":" or ""):gmatch("([^:]*):") do
    local dotted = group:find("^%d+%.%d+%.%d+%.%d+$") and ipv4(group)
    if dotted then
      table.insert(list, dotted >> 16)
      table.insert(list, dotted & 0xffff)
    elseif group:find("^%x%x?%x?%x?$") then
      table.insert(list, tonumber(group, 16))
    else
      return nil
    end
  end
  return list
end

-- The eight groups of an IPv6 address; nil when it is none.
local function ipv6(text)
  local left, right = text:match("^(.-)::(.*)$")
  local list, behind = groups(left or text), groups(right or "")
  if not list or not behind or (left and #list + #behind > 7) then
    return nil
  end
  for _ = 1, left and 8 - #list - #behind or 0 do
    table.insert(list, 0)
  end
  table.move(behind, 1, #behind, #list + 1, list)
  return #list == 8 and list or nil
end

-- ---- judging ----

-- Where clouds have their metadata outside of 169.254.0.0/16.
local METADATA = {
  [ipv4 "100.100.100.200"] = true,
  [ipv4 "192.0.0.192"] = true,
  ["fd00:ec2:0:0:0:0:0:254"] = true,
  ["metadata.google.internal"] = true,
  ["metadata.goog"] = true,
}

local function is_local4(value)
  return value >> 16 == 0xa9fe or METADATA[value] == true
end

local function starts(list, prefix)
  for i, group in ipairs(prefix) do
    if list[i] ~= group then
      return false
    end
  end
  return true
end

-- How IPv6 addresses carry an IPv4 address: what they begin with, and the group where that is.
local CARRIERS = {
  { at = 7, prefix = { 0, 0, 0, 0, 0, 0xffff } }, -- mapped, RFC 4291 section 2.5.5.2
  { at = 7, prefix = { 0, 0, 0, 0, 0, 0 } }, -- compatible, section 2.5.5.1
  { at = 7, prefix = { 0, 0, 0, 0, 0xffff, 0 } }, -- translated, RFC 7915
  { at = 7, prefix = { 0x64, 0xff9b } }, -- translated, RFC 6052 and RFC 8215
  { at = 2, prefix = { 0x2002 } }, -- 6to4, RFC 3056
}

local function is_local6(list)
  if list[1] & 0xffc0 == 0xfe80 then
    return true
  end
  for _, carrier in ipairs(CARRIERS) do
    if starts(list, carrier.prefix) and is_local4(list[carrier.at] << 16 | list[carrier.at + 1]) then
      return true
    end
  end
  return METADATA[("%x:%x:%x:%x:%x:%x:%x:%x"):format(table.unpack(list))] == true
end

--- Whether the host of a URL is a link-local address or that of a metadata service. An IPv6 address that cannot be read
--- counts as one.
---@param host string without brackets
---@return boolean
function M.is_link_local(host)
  host = host:lower():gsub("%.+$", "")
  if host:find(":", 1, true) then
    local list = ipv6(host)
    return not list or is_local6(list)
  end
  local value = ipv4(host)
  if value then
    return is_local4(value)
  end
  return METADATA[host] == true
end

return M
