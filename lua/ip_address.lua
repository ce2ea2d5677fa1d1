-- ip_address: what the host of a URL is when it is an address, and what kind of address. All spellings count that the
-- system's resolver takes for one: 0x7f.1 and 2130706433 are 127.0.0.1, ::ffff:127.0.0.1 is, too. What a name resolves to is
-- not known here. Pure.

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

--- An IPv4 address of one to four numbers, the last of which fills what is left, as an integer. nil when it is none.
---@param text string
---@return integer?
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

--- The eight groups of an IPv6 address; nil when it is none.
---@param text string without brackets
---@return integer[]?
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

-- ---- carriers ----

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

local NOTHING = { 0, 0, 0, 0, 0, 0, 0 } -- :: and ::1 begin so

-- The IPv4 address inside an IPv6 address; nil when there is none.
local function carried(list)
  if starts(list, NOTHING) and list[8] <= 1 then
    return nil
  end
  for _, carrier in ipairs(CARRIERS) do
    if starts(list, carrier.prefix) then
      return list[carrier.at] << 16 | list[carrier.at + 1]
    end
  end
end

-- ---- kinds ----

---@alias Reachable "public"|"loopback"|"private"|"shared"
---@alias AddressKind Reachable|"unspecified"|"link-local"|"metadata"|"multicast"|"reserved"|"unreadable"

-- Networks by their first bits, of IPv4: RFC 6890.
local NETWORKS = {
  { 0x00000000, 8, "unspecified" },
  { 0x7f000000, 8, "loopback" },
  { 0x0a000000, 8, "private" },
  { 0xac100000, 12, "private" },
  { 0xc0a80000, 16, "private" },
  { 0xc0000000, 24, "private" }, -- of protocols
  { 0xc6120000, 15, "private" }, -- of benchmarks, and of networks that ran out of the others
  { 0x64400000, 10, "shared" }, -- of carriers, RFC 6598
  { 0xa9fe0000, 16, "link-local" },
  { 0xe0000000, 4, "multicast" },
  { 0xf0000000, 4, "reserved" },
}

-- Where clouds have their metadata outside of 169.254.0.0/16: whoever asks from a machine is given its credentials.
local METADATA = {
  [ipv4 "100.100.100.200"] = true,
  [ipv4 "192.0.0.192"] = true,
  [ipv4 "168.63.129.16"] = true,
  ["fd00:ec2:0:0:0:0:0:254"] = true,
  ["fd00:ec2:0:0:0:0:0:23"] = true,
  ["fd20:ce:0:0:0:0:0:254"] = true,
  ["fd00:c1:0:0:0:0:a9fe:a9fe"] = true,
  ["metadata.google.internal"] = true,
  ["metadata.goog"] = true,
}

local function kind4(value)
  if METADATA[value] then
    return "metadata"
  end
  for _, network in ipairs(NETWORKS) do
    local shift = 32 - network[2]
    if value >> shift == network[1] >> shift then
      return network[3]
    end
  end
  return "public"
end

local function kind6(list)
  local text = ("%x:%x:%x:%x:%x:%x:%x:%x"):format(table.unpack(list))
  if METADATA[text] then
    return "metadata"
  elseif text == "0:0:0:0:0:0:0:0" then
    return "unspecified"
  elseif text == "0:0:0:0:0:0:0:1" then
    return "loopback"
  end
  local inner, first = carried(list), list[1]
  if inner then
    return kind4(inner)
  elseif first & 0xffc0 == 0xfe80 then
    return "link-local"
  elseif first & 0xfe00 == 0xfc00 or first & 0xffc0 == 0xfec0 then
    return "private" -- unique local, RFC 4193; site-local, RFC 3879
  elseif first & 0xff00 == 0xff00 then
    return "multicast"
  end
  return "public"
end

local function plain(host)
  return (host:lower():gsub("%.+$", ""):gsub("%%.*$", "")) -- without the zone of a link-local address
end

--- What kind of address the host of a URL is; "loopback" for localhost and the names below it (RFC 6761), "metadata" for the
--- names that clouds give their metadata services. nil for other names, and an IPv6 address that cannot be read is "unreadable".
---@param host string without brackets
---@return AddressKind?
function M.kind(host)
  host = plain(host)
  if host:find(":", 1, true) then
    local list = ipv6(host)
    return list and kind6(list) or "unreadable"
  end
  local value = ipv4(host)
  if value then
    return kind4(value)
  elseif host == "localhost" or host:find("%.localhost$") then
    return "loopback"
  end
  return METADATA[host] and "metadata" or nil
end

--- One spelling for each address: of IPv4 as dotted numbers, also when IPv6 carries it, of IPv6 as eight groups; of a name in
--- lower case without the last dot.
---@param host string without brackets
---@return string
function M.canonical(host)
  host = plain(host)
  local list = host:find(":", 1, true) and ipv6(host)
  local value = list and carried(list) or not list and ipv4(host)
  if value then
    return ("%d.%d.%d.%d"):format(value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255)
  end
  return list and ("%x:%x:%x:%x:%x:%x:%x:%x"):format(table.unpack(list)) or host
end

return M
