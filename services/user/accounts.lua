-- Accounts: registering, logging in, passwords, lists.

local db = require "db"
local errors = require "errors"
local host = require "host"
local pass = require "pass"
local seal = require "seal"
local store = require "store"
local time = require "time"
local tokens = require "tokens"

local M = {}

-- Names of platform services, present or to come: their permits must not fall to whoever is first.
local RESERVED = {}
local NAMES = "user registry proxy config secret data file email firehose policy deploy docker container "
  .. "model prompt chat source host"
for name in NAMES:gmatch("%S+") do
  RESERVED[name .. "-svc"] = true
end

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

local function require_password(password)
  if not password or password == "" then
    errors.raise(400, "Password missing")
  end
end

function M.change_password(user_id, current, new)
  require_password(new)
  local row = password_row(user_id)
  if not matches(current or "", row) then
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
  elseif RESERVED[slug] then
    errors.raise(409, "Slug is reserved")
  end
end

--- Makes an account and gives its token.
---@param req RegisterRequest
function M.register(req)
  check_slug(req.slug)
  local app = db.app(db.app_host(req.appHost))
  local user = M.create {
    slug = req.slug,
    name = req.name,
    password = req.password,
    contact = contact_row(req.contact),
  }
  return tokens.issue(app, user, req.device)
end

-- The account that a login names, by slug or by contact.
local function find_account(req)
  local id = req.contact and req.contact.id
  if id and id ~= "" then
    local contact = errors.check(db.contacts:get(normalise_contact(id)))
    return contact and errors.check(db.users:get(contact.userId))
  end
  return req.slug and req.slug ~= "" and user_by_slug(req.slug) or nil
end

--- Checks a password and gives the account's token. An unknown account looks like a wrong password, in time as well.
---@param req LoginRequest
function M.login(req)
  local app = db.app(db.app_host(req.appHost))
  local user = find_account(req)
  if not matches(req.password or "", user and password_row(user.id)) then
    errors.raise(401, "Invalid Password")
  end
  return tokens.issue(app, user, req.device)
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
