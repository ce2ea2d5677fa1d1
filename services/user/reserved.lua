-- Names that no account gets: those of the platform, and words that people take for its voice.

local bus = require "bus"

local M = {}

local function set(words, suffix)
  local names = {}
  for word in words:gmatch("%S+") do
    names[word .. (suffix or "")] = true
  end
  return names
end

-- Accounts of platform services, present or to come: their permits must not fall to whoever is first.
local SERVICES = set([[
  user registry proxy config secret data file email firehose policy deploy docker container model prompt chat source host
]], "-svc")

-- Folders and hosts of what the binary brings: the first segment of a path, before any instance is asked.
local PLATFORM = set [[
  1backend moonbus user registry configurator egress openapiportal openapi metrics control proxy core http https all
]]

-- What looks like the operator, a page of the platform, or nobody at all.
local WORDS = set [[
  root admin admins administrator administrators superuser sysadmin sysop system operator operators moderator moderators mod owner
  staff team official bot daemon service services platform gateway bus
  host hostmaster webmaster postmaster mailer-daemon abuse noc security ssl-admin noreply no-reply
  support help helpdesk info contact feedback billing sales legal privacy terms about status news blog press
  api apis app apps web www www1 www2 ftp mail email smtp imap pop pop3 ns ns1 ns2 dns mx vpn cdn proxy-internal
  static assets public private images img css js fonts media file files upload uploads download downloads favicon robots
  sitemap well-known
  health healthz healthcheck live livez liveness ready readyz readiness ping trace debug metric probe probes
  login log-in logout log-out signin sign-in signout sign-out signup sign-up register registration password passwords
  reset verify oauth oauth2 sso saml auth authorize token tokens session sessions otp
  account accounts users me self my profile settings setup install config configs configuration dashboard console portal
  home index search docs doc documentation swagger graphql rpc rest ws wss websocket webhook webhooks events
  internal local localhost localdomain example invalid null nil none undefined void true false unknown unnamed anonymous
  anyone anybody everyone everybody nobody someone guest guests default
]]

-- A service that this host runs, whosever it is: its path would be the account's.
local function is_running(slug)
  for _, host in ipairs(bus.hosts()) do
    if host == slug then
      return true
    end
  end
  return false
end

--- Whether a slug belongs to the platform, or to a service that this host runs.
---@param slug string
---@return boolean
function M.is_platform(slug)
  return SERVICES[slug] or PLATFORM[slug] or is_running(slug)
end

--- Whether people would take a slug for the operator's, or for a page of the platform.
---@param slug string
---@return boolean
function M.is_word(slug)
  return WORDS[slug] or false
end

return M
