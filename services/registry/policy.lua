-- policy: what the registry lets into the deployment. These are the defaults; a file policies/registry.lua overrides what it
-- defines, and may call these: `local default = require "policy"`.
--
-- Whoever has an account may register a URL, and the front door sends requests there, from inside the network that it runs
-- in. So a URL is a way to make the host talk to something that its owner cannot reach: to itself, where its admin address
-- believes whoever is on the same machine, or to the metadata service of a cloud, which hands out the machine's credentials.
-- Those are refused. Loopback and private addresses are where most deployments have their instances: only the setting
-- registry_strict refuses them, for hosts whose accounts belong to strangers.

local host = require "host"
local ip_address = require "ip_address"
local net = require "net"
local url = require "url"

local M = {}

local RESOLVE_SECONDS = 1 -- that a name server has

-- ---- registering ----

-- Kinds of addresses at which no instance can be, with what to say about them.
local NEVER = {
  unspecified = "is no address to connect to: name the one that the instance listens on",
  ["link-local"] = "is a link-local address, where clouds keep credentials",
  metadata = "belongs to a cloud's metadata service",
  multicast = "is a multicast address",
  reserved = "is a reserved address",
  unreadable = "cannot be read as an address",
}

-- Those that are inside: only a host that trusts whoever has an account lets them in.
local INSIDE = { loopback = "a loopback", private = "a private", shared = "a carrier's" }

local function has(list, value)
  for _, one in ipairs(list) do
    if one == value then
      return true
    end
  end
  return false
end

-- The machine's own addresses in the one spelling that can be compared.
local function is_own_address(address, kind)
  if kind == "loopback" or kind == "unspecified" then
    return true
  end
  for _, own in ipairs(host.self().addresses) do
    if ip_address.canonical(own) == ip_address.canonical(address) then
      return true
    end
  end
  return false
end

-- As others see the host; what is in front of it may listen on the usual ports.
local function is_own_name(parts)
  local own = url.parse(host.setting("self_url"))
  if not own or ip_address.canonical(own.host) ~= ip_address.canonical(parts.host) then
    return false
  end
  local usual = { [80] = true, [443] = true }
  return own.port == parts.port or (usual[own.port] and usual[parts.port]) or false
end

-- One address, written in the URL or what a name resolves to.
local function check_address(address, port)
  local kind = ip_address.kind(address)
  if has(host.self().ports, port) and is_own_address(address, kind) then
    return nil, ("%s:%d is this host itself"):format(address, port)
  elseif NEVER[kind] then
    return nil, ("%s %s"):format(address, NEVER[kind])
  elseif INSIDE[kind] and host.setting("registry_strict") then
    return nil, ("%s is %s address; this host takes public ones only"):format(address, INSIDE[kind])
  end
  return true
end

-- A name is what it resolves to now. That is no promise: whoever owns the name may let it resolve to something else a minute
-- later. Hosts whose accounts belong to strangers need a network that does not lead where they must not go.
local function check_name(name, port)
  local addresses, why = net.resolve(name, RESOLVE_SECONDS)
  if not addresses then
    if host.setting("registry_strict") then
      return nil, ("%s does not resolve (%s)"):format(name, why)
    end
    return true -- it may come later, as instances do
  end
  for _, address in ipairs(addresses) do
    local ok, problem = check_address(address, port)
    if not ok then
      return nil, ("%s is not allowed: %s"):format(name, problem)
    end
  end
  return true
end

--- Which URLs may be registered.
---@param account { id: string, slug: string, roles: string[] } whose instance it is to be
---@param instance RegisterInstanceRequest its url is an http URL without a query
---@return true?
---@return string? why not
function M.register(account, instance) -- luacheck: no unused args
  local parts = url.parse(instance.url)
  if not parts then
    return nil, "the URL cannot be read"
  elseif is_own_name(parts) then
    return nil, ("%s is this host itself"):format(parts.authority)
  elseif ip_address.kind(parts.host) then
    return check_address(parts.host, parts.port)
  end
  return check_name(parts.host, parts.port)
end

-- ---- health ----

--- How an instance's health is checked. What is left out is as here.
---@param instance Instance
---@return HealthCheck
function M.check(instance) -- luacheck: no unused args
  return {
    kind = "tcp", -- or "http": GET path, which 2xx and 3xx answer well
    path = "/",
    interval = host.setting("health_interval"),
    timeout = host.setting("health_timeout"),
    healthy = 1, -- good probes in a row until an instance that was unreachable gets requests again
    unhealthy = 1, -- bad ones until it gets none
  }
end

return M
