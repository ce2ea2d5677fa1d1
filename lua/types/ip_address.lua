---@meta ip_address
--
-- Generated from lua/ip_address.lua by ./dev fmt; do not edit.

---@alias Reachable "public"|"loopback"|"private"|"shared"
---@alias AddressKind Reachable|"unspecified"|"link-local"|"metadata"|"multicast"|"reserved"|"unreadable"

local ip_address = {}

--- What kind of address the host of a URL is; "loopback" for localhost and the names below it (RFC 6761), "metadata" for the
--- names that clouds give their metadata services. nil for other names, and an IPv6 address that cannot be read is "unreadable".
---@param host string without brackets
---@return AddressKind?
function ip_address.kind(host) end

--- One spelling for each address: of IPv4 as dotted numbers, also when IPv6 carries it, of IPv6 as eight groups; of a name in
--- lower case without the last dot.
---@param host string without brackets
---@return string
function ip_address.canonical(host) end

return ip_address
