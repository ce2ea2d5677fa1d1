-- What must exist before the first request: the signing key, the permits of this service, the admin, our own account.

local accounts = require "accounts"
local db = require "db"
local errors = require "errors"
local host = require "host"
local log = require "log"
local permits = require "permits"
local policies = require "policies"
local seal = require "seal"
local token = require "token"

local M = {}

local ADMIN = "1backend"

-- In test mode programs log in with a password that everybody knows; never otherwise.
local TEST_PASSWORD = "changeme"

-- permission = who holds it: "u" every account, "a" admins
local PERMITS = {
  ["user-svc:user:password-change"] = "ua",
  ["user-svc:organization:create"] = "ua",
  ["user-svc:organization:add-user"] = "ua",
  ["user-svc:organization:remove-user"] = "ua",
  ["user-svc:organization:view"] = "a",
  ["user-svc:enroll:edit"] = "ua",
  ["user-svc:enroll:view"] = "ua",
  ["user-svc:user:create"] = "a",
  ["user-svc:user:view"] = "a",
  ["user-svc:user:edit"] = "a",
  ["user-svc:user:delete"] = "a",
  ["user-svc:user:password-reset"] = "a",
  ["user-svc:permit:create"] = "a",
  ["user-svc:permit:view"] = "a",
  ["user-svc:token:revoke"] = "a",
  ["user-svc:app:multi-view"] = "a",
  ["user-svc:app:edit"] = "a",
}

local function signing_key()
  local pair = errors.check(db.keys:one())
  if not pair then
    local private = errors.check(token.make_key())
    local public = errors.check(token.use_key(private))
    errors.check(db.keys:create { privateKey = private, publicKey = public })
    return
  end
  errors.check(token.use_key(pair.privateKey))
end

--- The key that verifies tokens, as PEM.
function M.public_key()
  return errors.check(db.keys:one()).publicKey
end

-- What the operator chose counts, and is told about when nobody else could have it.
local function admin_password()
  local given = host.setting("admin_password")
  if given ~= "" then
    local ok, why = policies.ask("password", given, { slug = ADMIN, name = "Admin" })
    if not ok then
      log.warn("the password of the setting admin_password is a bad one", { slug = ADMIN, why = why })
    end
    return given
  elseif host.setting("test") then
    return TEST_PASSWORD
  end
  local password = seal.token(12)
  errors.check(host.write("admin-password", password .. "\n"))
  return password
end

local function admin()
  if errors.check(db.users:one { filters = { db.is("slug", ADMIN) } }) then
    return
  end
  db.app("unnamed")
  accounts.create { slug = ADMIN, name = "Admin", password = admin_password(), roles = { "user-svc:admin" } }
  log.info("admin account created", { slug = ADMIN })
end

function M.run()
  permits.grant("user-svc", PERMITS)
  signing_key()
  admin()
  accounts.ensure_service("user-svc", "User Svc")
end

return M
