-- The collections of the account service and what all of its files need: apps, ids, the zero time.

local errors = require "errors"
local store = require "store"

local M = {}

M.users = store.collection("users", { id = "usr", indexes = { "id", { "slug", unique = true }, "createdAt", "updatedAt" } })
M.passwords = store.collection("passwords", { id = "pw", indexes = { "userId" } })
M.contacts = store.collection("contacts", { id = "contact", indexes = { "userId" } })
M.apps = store.collection("apps", { id = "app", indexes = { { "host", unique = true } } })
M.enrolls = store.collection("enrolls", { id = "enr", indexes = { "userId", "contactId" } })
M.permits = store.collection("permits", { id = "perm", indexes = { "permission" } })
M.keys = store.collection("keyPairs", { id = "keyp" })
-- hash: SHA-256 of the token's text. slot: "app:user:device" while the token is the active one of its device.
M.tokens = store.collection("tokens", { id = "tok", indexes = { "hash", "userId", { "slot", unique = true }, "device_key" } })

-- Where accounts logged in from, by the account's id: addresses = { { mark = hash, at = seconds } }, see logins.lua.
M.logins = store.collection("logins", { id = "login" })

--- What a time is that never happened.
M.ZERO_TIME = "0001-01-01T00:00:00Z"

--- A filter for one field.
function M.is(field, value)
  return { op = "equals", fields = { field }, value = value }
end

--- The storage key of a row that belongs to an app.
function M.internal_id(app_id, id)
  return app_id .. ":" .. id
end

--- The app of that host, made when it is mentioned for the first time.
---@param host string
---@return table app
function M.app(host)
  local query = { filters = { M.is("host", host) } }
  local app = errors.check(M.apps:one(query))
  if app then
    return app
  end
  local message, code
  app, message, code = M.apps:create { host = host }
  if not app and code == "exists" then
    return errors.check(M.apps:one(query))
  end
  return errors.check(app, message, code)
end

--- The app host of a request: left out means "unnamed".
---@param host string?
function M.app_host(host)
  if host == "" then
    errors.raise(400, "AppHost missing")
  end
  return host or "unnamed"
end

return M
