-- user-svc: accounts of people and services. Handlers only; what they stand on is in accounts.lua, tokens.lua, permits.lua.

local accounts = require "accounts"
local bootstrap = require "bootstrap"
local db = require "db"
local errors = require "errors"
local json = require "json"
local permits = require "permits"
local time = require "time"
local tokens = require "tokens"

local svc = require "service" (...)

svc.optional_body = { ReadSelf = true }

--- The caller behind the token of a request; raises 401 when there is none that counts.
local function caller(ctx)
  local account = tokens.caller(ctx)
  return account or errors.raise(401, "Unauthorized")
end

local function need(ctx, permission)
  local account = caller(ctx)
  if not permits.holds(account, permission) then
    errors.raise(401, "Unauthorized")
  end
  return account
end

local function token_response(row)
  return { token = tokens.view(row) }
end

--- Register makes an account and logs it in.
---@param ctx Context
---@param httpRequestBody RegisterRequest?
---@return TokenResponse? httpResponseBody
function svc.Register(ctx, httpRequestBody)
  return token_response(accounts.register(ctx, httpRequestBody))
end

--- Login gives a token for a slug and its password. The same token comes again while it is valid.
---@param ctx Context
---@param httpRequestBody LoginRequest?
---@return TokenResponse? httpResponseBody
function svc.Login(ctx, httpRequestBody)
  return token_response(accounts.login(ctx, httpRequestBody))
end

--- ReadSelf gives the account behind the token, with its roles and contacts.
---@param ctx Context
---@param httpRequestBody ReadSelfRequest?
---@return ReadSelfResponse? httpResponseBody
function svc.ReadSelf(ctx, httpRequestBody)
  local account = caller(ctx)
  local user = errors.check(db.users:get(account.id)) or errors.raise(401, "Unauthorized")
  local contacts = errors.check(db.contacts:find { filters = { db.is("userId", user.id) } })
  local count = httpRequestBody.countTokens and errors.check(db.tokens:count { filters = { db.is("userId", user.id) } }) or 0
  return {
    user = accounts.view(user),
    roles = #account.roles > 0 and account.roles or nil,
    contacts = #contacts > 0 and accounts.contact_views(contacts) or nil,
    activeOrganizationId = account.organization,
    tokenCount = count,
  }
end

--- GetPublicKey gives the key that verifies tokens, as PEM.
---@return PublicKeyResponse? httpResponseBody
function svc.GetPublicKey(_)
  return { publicKey = bootstrap.public_key() }
end

--- RefreshToken gives a new token in place of the presented one, which may have expired.
---@param ctx Context
---@return TokenResponse? httpResponseBody
function svc.RefreshToken(ctx)
  if not ctx.token then
    errors.raise(401, "Unauthorized")
  end
  return token_response(tokens.refresh(ctx.token))
end

--- ChangePassword replaces the password of the account behind the token.
---@param ctx Context
---@param httpRequestBody ChangePasswordRequest?
---@return Empty? httpResponseBody
function svc.ChangePassword(ctx, httpRequestBody)
  local account = need(ctx, "user-svc:user:password-change")
  accounts.change_password(ctx, account, httpRequestBody.currentPassword, httpRequestBody.newPassword)
  return {}
end

--- ResetPassword gives an account another password; for admins.
---@param ctx Context
---@param userId string
---@param httpRequestBody ResetPasswordRequest?
---@return Empty? httpResponseBody
function svc.ResetPassword(ctx, userId, httpRequestBody)
  need(ctx, "user-svc:user:password-reset")
  accounts.reset_password(userId, httpRequestBody.newPassword)
  return {}
end

--- HasPermission says whether the account behind the token holds a permission, and until when the answer is good.
---@param ctx Context
---@param permission string
---@return HasPermissionResponse? httpResponseBody
function svc.HasPermission(ctx, permission)
  if permission == "" then
    errors.raise(400, "Missing Permission")
  elseif not ctx.token then
    errors.raise(422, "No Auth Header")
  end
  local account = caller(ctx)
  local user = errors.check(db.users:get(account.id)) or errors.raise(401, "Unauthorized")
  local app = errors.check(db.apps:get(account.app)) or errors.raise(401, "Unauthorized")
  return {
    authorized = permits.holds(account, permission),
    appId = account.app,
    ["until"] = time.rfc3339(account.expires),
    user = accounts.view(user),
    app = { id = app.id, host = app.host },
  }
end

--- ListPermissions names the permissions of roles that the caller holds.
---@param ctx Context
---@param httpRequestBody ListPermissionsRequest?
---@return ListPermissionsResponse? httpResponseBody
function svc.ListPermissions(ctx, httpRequestBody)
  return { permissions = json.list(permits.of_roles(caller(ctx), httpRequestBody.roles or {})) }
end

--- SavePermits grants permissions to slugs and roles. Accounts other than admins grant only their own.
---@param ctx Context
---@param httpRequestBody SavePermitsRequest?
---@return Empty? httpResponseBody
function svc.SavePermits(ctx, httpRequestBody)
  permits.save(caller(ctx), httpRequestBody.permits or {})
  return {}
end

--- ListPermits lists the permits of all apps.
---@param ctx Context
---@param httpRequestBody ListPermitsRequest?
---@return ListPermitsResponse? httpResponseBody
function svc.ListPermits(ctx, httpRequestBody)
  need(ctx, "user-svc:permit:view")
  return { permits = json.list(permits.list(httpRequestBody)) }
end

--- ListUsers lists accounts, newest first unless told otherwise.
---@param ctx Context
---@param httpRequestBody ListUsersRequest?
---@return ListUsersResponse? httpResponseBody
function svc.ListUsers(ctx, httpRequestBody)
  need(ctx, "user-svc:user:view")
  return accounts.list(httpRequestBody)
end

-- ---- for services of the host ----

--- Check says whether a token counts, whether its account holds a permission, and until when the answer is good.
---@param token string
---@param permission string
---@return boolean valid
---@return boolean authorized
---@return number expires
---@return Caller? account
function svc.Check(_, token, permission)
  local account = tokens.verify(token)
  if not account then
    return false, false, 0.0, nil
  end
  return true, permits.holds(account, permission), account.expires, account
end

--- Introduce makes the account of the platform service that calls, and grants the permissions that it declares.
---@param ctx Context
---@param name string
---@param grants table<string, any>
function svc.Introduce(ctx, name, grants)
  permits.only_platform(ctx)
  accounts.ensure_service(ctx.from.host, name)
  permits.grant(ctx.from.host, grants)
end

--- Refresh gives a fresh token in place of an expired one, for the front door.
---@param ctx Context
---@param token string
---@return string fresh
function svc.Refresh(ctx, token)
  permits.only_platform(ctx)
  return tokens.refresh(token).token
end

function svc.on_start()
  bootstrap.run()
end

return svc
