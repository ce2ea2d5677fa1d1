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

function svc.Register(_, req)
  return token_response(accounts.register(req))
end

function svc.Login(_, req)
  return token_response(accounts.login(req))
end

function svc.ReadSelf(ctx, req)
  local account = caller(ctx)
  local user = errors.check(db.users:get(account.id)) or errors.raise(401, "Unauthorized")
  local contacts = errors.check(db.contacts:find { filters = { db.is("userId", user.id) } })
  local count = req.countTokens and errors.check(db.tokens:count { filters = { db.is("userId", user.id) } }) or 0
  return {
    user = accounts.view(user),
    roles = #account.roles > 0 and account.roles or nil,
    contacts = #contacts > 0 and accounts.contact_views(contacts) or nil,
    activeOrganizationId = account.organization,
    tokenCount = count,
  }
end

function svc.GetPublicKey()
  return { publicKey = bootstrap.public_key() }
end

function svc.RefreshToken(ctx)
  if not ctx.token then
    errors.raise(401, "Unauthorized")
  end
  return token_response(tokens.refresh(ctx.token))
end

function svc.ChangePassword(ctx, req)
  local account = need(ctx, "user-svc:user:password-change")
  accounts.change_password(account.id, req.currentPassword, req.newPassword)
  return {}
end

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

function svc.ListPermissions(ctx, req)
  return { permissions = json.list(permits.of_roles(caller(ctx), req.roles or {})) }
end

function svc.SavePermits(ctx, req)
  permits.save(caller(ctx), req.permits or {})
  return {}
end

function svc.ListPermits(ctx, req)
  need(ctx, "user-svc:permit:view")
  return { permits = json.list(permits.list(req)) }
end

function svc.ListUsers(ctx, req)
  need(ctx, "user-svc:user:view")
  return accounts.list(req)
end

-- ---- for services of the host ----

function svc.Check(_, token, permission)
  local account = tokens.verify(token)
  if not account then
    return false, false, 0.0, nil
  end
  return true, permits.holds(account, permission), account.expires, account
end

function svc.Introduce(ctx, name, list)
  permits.only_platform(ctx)
  accounts.ensure_service(ctx.from.host, name)
  permits.grant(ctx.from.host, list)
end

function svc.Refresh(ctx, token)
  permits.only_platform(ctx)
  return tokens.refresh(token).token
end

function svc.on_start()
  bootstrap.run()
end

return svc
