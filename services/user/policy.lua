-- The policies of accounts: what the platform asks, and what it goes by when nobody says otherwise.
--
-- To change an answer, write policies/user.lua. It returns the functions that it replaces; the others stay. `require "policy"`
-- is this file, so that a function of yours can ask the default, before or after it has decided by itself:
--
--     local shipped = require "policy"
--
--     return {
--       password = function(password, account)
--         if utf8.len(password) < 12 then
--           return nil, "Password must have at least 12 characters"
--         end
--         return shipped.password(password, account)
--       end,
--       roles = function(account)
--         return account.slug:find("^acme%-") and { "acme:staff" } or {}
--       end,
--     }

local host = require "host"
local passwords = require "passwords"
local reserved = require "reserved"

local M = {}

-- ---- which passwords may be chosen ----

local SHORTEST, LONGEST = 8, 256 -- characters

--- Whether an account may have a password: asked when it registers, changes its password, or is given another one.
--- The operator's own choice, the setting admin_password, is not refused; a warning says what is wrong with it.
---
--- In test mode accounts are thrown away, and programs make them with passwords like "pw": only the greatest length counts.
---@param password string never empty
---@param account { id: string?, slug: string, name: string?, contact: string? } id: nil while it registers
---@return true? allowed
---@return string? why 400, to the caller
function M.password(password, account)
  local n = passwords.length(password)
  if n > LONGEST then
    return nil, ("Password must have at most %d characters"):format(LONGEST)
  elseif host.setting("test") then
    return true
  elseif n < SHORTEST then
    return nil, ("Password must have at least %d characters"):format(SHORTEST)
  elseif passwords.is_common(password) then
    return nil, "Password is one of those that are guessed first"
  elseif passwords.is_own_name(password, account) then
    return nil, "Password must not be the slug, the name or the contact"
  end
  return true
end

-- ---- which names may be taken ----

--- Whether an account may be called so. That it is lower-case letters, digits and single dashes inside, 63 at most, was
--- checked before, and names of the platform are never given, whatever a policy says: reserved.is_platform.
---@param slug string
---@param kind "account" what is called so
---@return true? allowed
---@return string? why 400, to the caller
function M.slug(slug, kind) -- luacheck: ignore kind
  if reserved.is_platform(slug) or reserved.is_word(slug) then
    return nil, ("Slug is reserved: %s"):format(slug)
  end
  return true
end

-- ---- what a token says besides ----

---@class TokenAccount
---@field id string
---@field slug string
---@field name string?
---@field labels table<string, string>?
---@field device string
---@field roles string[] that it has anyway
---@field contacts { id: string, platform: string, verified: boolean }[] others' claims, unless they are verified

--- Roles that an account has in an app besides those that it was enrolled for: asked whenever a token is made, so that a
--- change shows with the next login or refresh after a token has expired. At most 64, each of 1 to 128 bytes. Those that begin
--- with "user-svc:" are the platform's own, and no policy gives them: enrol the account. Roles that go too far are left out, and
--- the log says which.
---@param account TokenAccount
---@param app { id: string, host: string }
---@return string[] roles
function M.roles(account, app) -- luacheck: ignore account app
  return {}
end

--- Claims of a token besides the platform's: asked like roles. Names that are the platform's (1…, exp, iat, nbf, jti, iss, sub,
--- aud) are left out, and the log says so; when all together they are longer than 2 KB as JSON, none goes in. Whoever holds a
--- token can read them.
---@param account TokenAccount
---@param app { id: string, host: string }
---@return table<string, any> claims
function M.claims(account, app) -- luacheck: ignore account app
  return {}
end

-- ---- who may try to log in ----

local FREE = { here = 5, address = 20, account = 20 } -- failures that cost nothing: people mistype
local FIRST = 0.5   -- seconds after the next one, doubled by each that follows
local HELD = 4      -- seconds that a login is kept waiting, at most
local SENT_OFF = 900 -- seconds for which an address is sent off, at most

-- Seconds that are still to pass since the last failure.
local function left(attempt, where, most)
  local n = attempt.failures[where] - FREE[where]
  return n < 0 and 0 or math.min(FIRST * 2.0 ^ n, most) - attempt.since[where]
end

---@class LoginAttempt
---@field slug string? as it was typed; or
---@field contact string? as it was typed
---@field account string? the id of the account, when there is one
---@field address string of the client; behind trusted proxies the one that they name
---@field device string
---@field known boolean this account has logged in from this address before
---@field failures { here: integer, address: integer, account: integer } by this address at this account; by this address
---   at any; at this account by any. Forgotten an hour after the last one; `here` with a success
---@field since { here: number, address: number, account: number } seconds since the last of them; math.huge when there was none

--- Whether somebody may try a password now: asked before it is looked at.
---
--- Each failure doubles the wait for the next attempt. Who guesses from one address is soon sent off for minutes. Who
--- guesses at one account from many addresses never closes it to its owner: an address that the account has logged in from
--- does not count what others did. Any other waits four seconds at most, and only so many may wait at a time (logins.lua):
--- who keeps trying from hundreds of addresses crowds out other new ones meanwhile, as nothing tells the owner from them.
---
--- Unknown accounts are treated like known ones.
---@param attempt LoginAttempt
---@return true|number|nil allowed true; seconds to wait first (more than ten are not waited for, but answered); or nil
---@return string? why
---@return number? seconds when to try again: 429 with Retry-After. Without it: 403
function M.login(attempt)
  local wait = left(attempt, "here", attempt.known and HELD or SENT_OFF)
  if not attempt.known then
    wait = math.max(wait, left(attempt, "address", SENT_OFF), left(attempt, "account", HELD))
  end
  if wait <= 0 then
    return true
  elseif wait <= HELD then
    return wait
  end
  return nil, "Too many failed logins", wait
end

return M
