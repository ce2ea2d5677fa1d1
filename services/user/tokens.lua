-- Tokens: issued once per app, account and device, given again while they are valid, replaced when they expire.
--
-- A row keeps the token's text; `slot` is set only on the active row of a device and is unique, so two logins at the same
-- moment end up with one token. Whoever comes with an older token of a device gets the newest one, so several holders of
-- one account do not throw each other out. The newest is remembered for one life (the replacement cache), even when the
-- rows were revoked meanwhile.

local db = require "db"
local errors = require "errors"
local extras = require "extras"
local host = require "host"
local json = require "json"
local seal = require "seal"
local shared = require "shared"
local store = require "store"
local time = require "time"
local token = require "token"

local M = {}

local TURN = 5 -- seconds that one refresh may take before another request tries
local KEPT = 2 -- tokens of a device that are kept, the latest presented first; the active one always

local function expiration()
  return host.setting("token_expiration")
end

local function device_key(app_id, user_id, device)
  return app_id .. ":" .. user_id .. ":" .. device
end

--- The row as callers see it.
function M.view(row)
  return {
    internalId = db.internal_id(row.appId, row.id),
    appId = row.appId,
    id = row.id,
    createdAt = row.createdAt,
    updatedAt = db.ZERO_TIME,
    userId = row.userId,
    token = row.token,
    device = row.device,
    lastRefreshedAt = row.lastRefreshedAt,
    expiresAt = row.expiresAt,
    active = row.active or nil,
    app = row.app,
  }
end

--- Verified claims of a token that is valid now, else nil.
function M.verify(text)
  local claims, status = token.verify(text)
  return status == "ok" and claims or nil
end

--- The caller of a request: what the front door verified, or a token that came without the word Bearer.
function M.caller(ctx)
  if ctx.account then
    return ctx.account
  end
  return ctx.token and M.verify(ctx.token) or nil
end

-- user-svc:user first, then the roles of this app and of all apps; an admin of any app is an admin everywhere.
local function roles_of(app_id, user_id, contacts)
  local ids = {}
  for _, contact in ipairs(contacts) do
    table.insert(ids, contact.id)
  end
  local mine = { db.is("userId", user_id) }
  if #ids > 0 then
    table.insert(mine, { op = "isInList", fields = { "contactId" }, values = ids })
  end
  local roles, seen = json.list { "user-svc:user" }, { ["user-svc:user"] = true }
  for _, enroll in ipairs(errors.check(db.enrolls:find { filters = { { op = "or", filters = mine } } })) do
    local here = enroll.appId == app_id or enroll.appId == "*" or enroll.role == "user-svc:admin"
    if here and not seen[enroll.role] then
      seen[enroll.role] = true
      table.insert(roles, enroll.role)
    end
  end
  return roles
end

local function copy(list)
  return table.move(list, 1, #list, 1, {})
end

-- The account as policies see it, made anew for each: what they do with it is their own affair.
local function policy_account(user, device, contacts, roles)
  local seen, labels = {}, {}
  for i, contact in ipairs(contacts) do
    seen[i] = { id = contact.id, platform = contact.platform, verified = contact.verified or false }
  end
  for name, value in pairs(user.labels or {}) do
    labels[name] = value
  end
  return {
    id = user.id, slug = user.slug, name = user.name, labels = labels, device = device, contacts = seen, roles = copy(roles),
  }
end

-- The claims in the order that clients have always seen; those of policies come last.
local function claims_text(app, user, device, now, roles, more)
  return ('{"1ui":%s,"1ai":%s,"1sl":%s,"1ro":%s,"1de":%s,"exp":%d,"iat":%d,"jti":%s%s}'):format(
    json.encode(user.id), json.encode(app.id), json.encode(user.slug), json.encode(roles), json.encode(device),
    math.floor(now + expiration()), math.floor(now), json.encode(seal.id("")), more)
end

-- A token with what the policies add; without it when that makes no good token: too long, or nested too deeply.
local function sign(app, user, device, now)
  local contacts = errors.check(db.contacts:find { filters = { db.is("userId", user.id) } })
  local plain = roles_of(app.id, user.id, contacts)
  local roles = copy(plain)
  for _, role in ipairs(extras.roles(policy_account(user, device, contacts, plain), { id = app.id, host = app.host })) do
    table.insert(roles, role)
  end
  local more = extras.claims(policy_account(user, device, contacts, roles), { id = app.id, host = app.host })
  if #roles > #plain or more ~= "" then
    local text, problem, code = token.sign(claims_text(app, user, device, now, roles, more))
    local claims
    if text then
      claims, problem = token.verify(text)
    end
    if claims or code == "busy" then
      return errors.check(text, problem, code)
    end
    extras.too_much(problem)
  end
  return errors.check(token.sign(claims_text(app, user, device, now, plain, "")))
end

local function new_row(app, user, device)
  local now = time.now()
  local text = sign(app, user, device, now)
  local key = device_key(app.id, user.id, device)
  return {
    appId = app.id,
    userId = user.id,
    device = device,
    token = text,
    hash = seal.sha256(text),
    expiresAt = time.rfc3339(now + expiration()),
    active = true,
    app = { id = app.id, host = app.host },
    slot = key,
    device_key = key,
  }
end

local function active_row(app_id, user_id, device)
  return errors.check(db.tokens:one { filters = { db.is("slot", device_key(app_id, user_id, device)) } })
end

local function deactivate(row)
  errors.check(db.tokens:update(row.id, function(r)
    r.active, r.slot = nil, nil
  end))
end

-- Stores a new active row; when another login was faster its row counts.
local function mint(app, user, device)
  local row, message, code = db.tokens:create(new_row(app, user, device))
  if not row and code == "exists" then
    row = active_row(app.id, user.id, device)
  end
  return row or errors.check(row, message, code) or errors.raise(503, "try again")
end

--- The token of an account in an app on a device: the one in force, its replacement, or a new one.
---@param app table
---@param user table
---@param device string?
function M.issue(app, user, device)
  device = device and device ~= "" and device or "unknown"
  local row = active_row(app.id, user.id, device)
  if row then
    local claims, status = token.verify(row.token)
    if claims and status == "ok" then
      return row
    elseif claims then
      return M.refresh(row.token)
    end
    deactivate(row)
  end
  return mint(app, user, device)
end

-- ---- refresh ----

local function refused()
  errors.raise(401, "Unauthorized")
end

-- The newest rows of a device stay, the active one always, the rest goes.
local function prune(key)
  local rows = errors.check(db.tokens:find { filters = { db.is("device_key", key) } })
  table.sort(rows, function(a, b)
    return (a.lastRefreshedAt or "") > (b.lastRefreshedAt or "")
  end)
  for i, row in ipairs(rows) do
    if i > KEPT and not row.active then
      errors.check(db.tokens:delete(row.id))
    end
  end
end

local function valid(row)
  local _, status = token.verify(row.token)
  return status == "ok"
end

-- One transaction: the presented row, and the active one when it is no good any more, give way to the new one.
local function replace(presented, fresh)
  local now = time.now_rfc3339()
  local done, message, code = store.transaction(function(tx)
    local rows = tx(db.tokens)
    local active = rows:one { filters = { db.is("slot", fresh.slot) } }
    local newer = active and active.id ~= presented.id and active
    rows:update(presented.id, function(r)
      r.active, r.slot, r.lastRefreshedAt = nil, nil, now
    end)
    if newer and valid(newer) then
      return newer
    elseif newer then
      rows:update(newer.id, function(r)
        r.active, r.slot = nil, nil
      end)
    end
    return rows:create(fresh)
  end)
  return errors.check(done, message, code)
end

local function really_refresh(claims, text, key)
  local presented = errors.check(db.tokens:one { filters = { db.is("hash", seal.sha256(text)) } }) or refused()
  local user = errors.check(db.users:get(claims.id)) or refused()
  local app = errors.check(db.apps:get(claims.app)) or refused()
  local row = replace(presented, new_row(app, user, claims.device))
  shared.set("replacement:" .. key, json.encode(row), expiration())
  prune(key)
  return row
end

-- What the device got last, unless that is what it comes with.
local function remembered(key, text)
  local cached = shared.get("replacement:" .. key)
  local row = cached and json.decode(cached)
  return row and row.token ~= text and valid(row) and row or nil
end

--- The newest token of the device that the presented one was made for; when that is the presented one itself, or has
--- expired too, a new one. Then the row with exactly this text must exist. Many requests with expired tokens of a device
--- get one replacement. Raises 401 when there is no such row.
---@param text string
function M.refresh(text)
  local claims = token.verify(text)
  if not claims or not claims.app or not claims.device then
    refused()
  end
  local key = device_key(claims.app, claims.id, claims.device)
  local deadline = time.monotonic() + TURN
  repeat
    local row = remembered(key, text)
    if row then
      return row
    end
    if shared.add("refreshing:" .. key, "1", TURN) then
      local ok
      ok, row = pcall(really_refresh, claims, text, key)
      shared.del("refreshing:" .. key)
      return ok and row or error(row, 0)
    end
    time.sleep(0.005)
  until time.monotonic() > deadline
  errors.raise(503, "try again")
end

return M
