-- Accounts: registering, logging in, passwords, lists.

local db = require "db"
local errors = require "errors"
local host = require "host"
local logins = require "logins"
local pass = require "pass"
local policies = require "policies"
local reserved = require "reserved"
local seal = require "seal"
local store = require "store"
local time = require "time"
local tokens = require "tokens"

local M = {}

--- The account as callers see it.
function M.view(user)
  return {
    id = user.id,
    createdAt = user.createdAt,
    updatedAt = user.updatedAt,
    name = user.name,
    slug = user.slug,
    thumbnailFileId = user.thumbnailFileId,
    labels = user.labels,
  }
end

function M.contact_views(rows)
  local views = {}
  for i, row in ipairs(rows) do
    views[i] = {
      id = row.id,
      createdAt = row.createdAt,
      updatedAt = row.updatedAt,
      userId = row.userId,
      platform = row.platform,
      handle = row.handle or "",
      verified = row.verified or nil,
      isPrimary = row.isPrimary or nil,
    }
  end
  return views
end

-- An e-mail address in the one spelling that is stored: lower case, without what follows a plus.
local function normalise_contact(id)
  local name, domain, more = id:match("^([^@]*)@([^@]*)(@?)")
  if not name or more ~= "" then
    return id
  end
  return (name:gsub("%+.*$", "") .. "@" .. domain):lower()
end

local function user_by_slug(slug)
  return errors.check(db.users:one { filters = { db.is("slug", slug) } })
end

-- An attempt at a password, for logins.try.
local function attempt(ctx, a)
  a.origin = logins.origin(ctx)
  a.address = ctx.client or a.origin
  return a
end

-- ---- passwords ----

local function hash(password)
  if #password > pass.max() then
    errors.raise(400, ("Password must not be longer than %d bytes"):format(pass.max()))
  end
  return errors.check(pass.hash(password))
end

-- The newest row counts.
local function password_row(user_id)
  return errors.check(db.passwords:one {
    filters = { db.is("userId", user_id) },
    order_by = { "createdAt", desc = true },
  })
end

-- Whether it matches. Without an account or a password it takes as long and does not.
local function matches(password, row)
  if #password > pass.max() then
    return false
  end
  local ok, outdated = errors.check(pass.check(password, row and row.hash))
  if ok and outdated then
    local fresh = hash(password)
    errors.check(db.passwords:update(row.id, function(r)
      r.hash = fresh
    end))
  end
  return ok
end

-- Raises unless an account may have the password: { id, slug, name, contact }.
local function allow_password(password, account)
  if not password or password == "" then
    errors.raise(400, "Password missing")
  end
  local ok, why = policies.ask("password", password, account)
  if not ok then
    errors.raise(400, why or "Password refused")
  end
end

-- What the policy knows of an account that exists.
local function known_account(user)
  local contact = errors.check(db.contacts:one { filters = { db.is("userId", user.id) } })
  return { id = user.id, slug = user.slug, name = user.name, contact = contact and contact.id }
end

--- Replaces the password of the caller, who knows the current one.
---@param ctx Context
---@param account Caller
---@param current string?
---@param new string?
function M.change_password(ctx, account, current, new)
  local user = errors.check(db.users:get(account.id)) or errors.raise(401, "Unauthorized")
  allow_password(new, known_account(user))
  local row = password_row(user.id)
  local right = logins.try(attempt(ctx, { slug = user.slug, user = user, device = account.device }), function()
    return matches(current or "", row)
  end)
  if not right then
    errors.raise(401, "Invalid Password")
  end
  local fresh = hash(new)
  errors.check(db.passwords:update(row.id, function(r)
    if r.hash ~= row.hash then
      errors.raise(401, "Invalid Password") -- somebody was faster: what was checked is not the current one any more
    end
    r.hash = fresh
  end))
end

--- Gives an account another password, whatever the current one is.
---@param user_id string
---@param new string?
function M.reset_password(user_id, new)
  local user = errors.check(db.users:get(user_id)) or errors.raise(404, "User not found")
  allow_password(new, known_account(user))
  local row, fresh = password_row(user.id), hash(new)
  if not row then
    errors.check(db.passwords:create { userId = user.id, hash = fresh })
    return
  end
  errors.check(db.passwords:update(row.id, function(r)
    r.hash = fresh
  end))
end

-- ---- making accounts ----

local function contact_row(input)
  if not input or (input.id or "") == "" then
    return nil
  end
  if host.setting("verify_contacts") then
    errors.raise(400, "Contact verification failed")
  end
  return { id = normalise_contact(input.id), platform = input.platform or "", handle = "" }
end

--- Stores an account with its password, contact and roles: all of it or nothing. Raises 409 when slug or contact are
--- taken.
---@param a { slug: string, name: string?, password: string?, contact: table?, roles: string[]? }
---@return table user
function M.create(a)
  local phc = a.password and a.password ~= "" and hash(a.password)
  local user, message, code = store.transaction(function(tx)
    local made = tx(db.users):create { slug = a.slug, name = a.name ~= "" and a.name or nil }
    if phc then
      tx(db.passwords):create { userId = made.id, hash = phc }
    end
    if a.contact then
      a.contact.userId = made.id
      tx(db.contacts):create(a.contact)
    end
    for _, role in ipairs(a.roles or {}) do
      tx(db.enrolls):create { appId = "*", userId = made.id, role = role }
    end
    return made
  end)
  if not user and code == "exists" then
    local taken = user_by_slug(a.slug) and "Slug is taken" or "Contact is taken"
    errors.raise(409, taken)
  end
  return errors.check(user, message, code)
end

local function check_slug(slug)
  if not slug or slug == "" then
    errors.raise(400, "Slug missing")
  elseif slug:find("[^a-z0-9-]") or slug:find("^%-") or slug:find("%-$") or slug:find("--", 1, true) then
    errors.raise(400, "Slug must be lowercase and can only contain letters, numbers, and dashes")
  elseif #slug > 63 then
    errors.raise(400, "Slug must not be longer than 63 characters")
  end
  local ok, why = policies.ask("slug", slug, "account")
  if not ok or reserved.is_platform(slug) then -- the second whatever the policy says: a service must get its own account
    errors.raise(400, why or ("Slug is reserved: %s"):format(slug))
  end
end

--- Makes an account and gives its token.
---@param ctx Context
---@param req RegisterRequest
function M.register(ctx, req)
  check_slug(req.slug)
  local app_host, contact = db.app_host(req.appHost), contact_row(req.contact)
  if req.password and req.password ~= "" then
    allow_password(req.password, { slug = req.slug, name = req.name, contact = contact and contact.id })
  end
  local app = db.app(app_host)
  local user = M.create { slug = req.slug, name = req.name, password = req.password, contact = contact }
  logins.remember(user, logins.origin(ctx))
  return tokens.issue(app, user, req.device)
end

-- What a login names, and the account of that name: by slug or by contact.
local function named_account(req)
  local id = req.contact and req.contact.id
  if id and id ~= "" then
    id = normalise_contact(id)
    local contact = errors.check(db.contacts:get(id))
    return { contact = id, user = contact and errors.check(db.users:get(contact.userId)), device = req.device }
  end
  return { slug = req.slug, user = req.slug and req.slug ~= "" and user_by_slug(req.slug) or nil, device = req.device }
end

--- Checks a password and gives the account's token. An unknown account looks like a wrong password, in time as well.
---@param ctx Context
---@param req LoginRequest
function M.login(ctx, req)
  local app_host = db.app_host(req.appHost)
  local named = named_account(req)
  local app
  local right = logins.try(attempt(ctx, named), function()
    app = db.app(app_host)
    return matches(req.password or "", named.user and password_row(named.user.id))
  end)
  if not right then
    errors.raise(401, "Invalid Password")
  end
  return tokens.issue(app, named.user, req.device)
end

--- The account of a platform service, made at its first start with a password that nobody knows.
function M.ensure_service(slug, name)
  if user_by_slug(slug) then
    return
  end
  db.app("unnamed")
  M.create { slug = slug, name = name, password = seal.uuid() }
end

-- ---- lists ----

local function contact_ids(user_id)
  local ids = {}
  for _, row in ipairs(errors.check(db.contacts:find { filters = { db.is("userId", user_id) } })) do
    table.insert(ids, row.id)
  end
  return #ids > 0 and ids or nil
end

local function owner_filter(contact_id)
  local contact = errors.check(db.contacts:get(normalise_contact(contact_id)))
  return { op = "isInList", fields = { "id" }, values = { contact and contact.userId } }
end

local function user_filters(req)
  local filters = {}
  if req.ids then
    table.insert(filters, { op = "isInList", fields = { "id" }, values = req.ids })
  end
  if req.search and req.search ~= "" then
    table.insert(filters, { op = "or", filters = {
      { op = "equals", fields = { "slug", "name" }, value = req.search },
      owner_filter(req.search),
    } })
  end
  if req.contactId and req.contactId ~= "" then
    table.insert(filters, owner_filter(req.contactId))
  end
  return filters
end

local ORDERS = { createdAt = true, updatedAt = true }

-- Where a page begins, written as times are stored: in UTC, with all digits.
local function after_time(text)
  if not text or text == "" or text == db.ZERO_TIME then
    return nil
  end
  local ns = time.parse_ns(text) or errors.raise(400, "Invalid JSON")
  return { time.rfc3339_ns(ns, 9) }
end

--- Accounts, newest first unless told otherwise, 20 unless told otherwise.
---@param req ListUsersRequest
function M.list(req)
  local by = req.orderBy and req.orderBy ~= "" and req.orderBy or "createdAt"
  if not ORDERS[by] then
    errors.raise(400, "orderBy must be createdAt or updatedAt")
  end
  local after = after_time(req.afterTime)
  local limit = req.limit and req.limit > 0 and req.limit or 20
  local rows, count = errors.check(db.users:find {
    filters = user_filters(req),
    order_by = { by, desc = req.order ~= "asc" },
    after = after,
    limit = limit,
    count = req.count,
  })
  local users = {}
  for i, row in ipairs(rows) do
    users[i] = {
      id = row.id,
      createdAt = row.createdAt,
      updatedAt = row.updatedAt,
      name = row.name,
      slug = row.slug,
      contactIds = contact_ids(row.id),
    }
  end
  return { users = #users > 0 and users or nil, after = db.ZERO_TIME, count = req.count and count or 0 }
end

return M
