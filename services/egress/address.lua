-- address: which hosts of URLs are link-local addresses. At those, a cloud's metadata service gives a machine's
-- credentials to whoever asks from it. What a name resolves to is not known here. Pure.

local ip_address = require "ip_address"

local M = {}

local LINK_LOCAL = { ["link-local"] = true, metadata = true, unreadable = true }

--- Whether the host of a URL is a link-local address or that of a metadata service. An IPv6 address that cannot be read
--- counts as one.
---@param host string without brackets
---@return boolean
function M.is_link_local(host)
  return LINK_LOCAL[ip_address.kind(host)] == true
end

return M
