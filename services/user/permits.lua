-- Permits say which slugs and roles hold a permission, in one app or in all ("*").

local db = require "db"
local errors = require "errors"
local json = require "json"
local store = require "store"

local M = {}

local ROLE_USER, ROLE_ADMIN = "user-svc:user", "user-svc:admin"

--- Raises unless a platform service of this host calls.
---@param ctx Context
function M.only_platform(ctx)
  if not (ctx.from and ctx.from.platform) then
    errors.raise(401, "Unauthorized")
  end
end

local function contains(list, value)
  for _, v in ipairs(list or {}) do
    if v == value then
      return true
    end
  end
  return false
end

function M.is_admin(account)
  return contains(account.roles, ROLE_ADMIN)
end

local function intersects(a, b)
  for _, v in ipairs(a or {}) do
    if contains(b, v) then
      return true
    end
  end
  return false
end

--- Whether an account holds a permission now.
---@param account { app: string, slug: string, roles: string[] }
---@param permission string
---@return boolean
function M.holds(account, permission)
  local rows = errors.check(db.permits:find { filters = { db.is("permission", permission) } })
  for _, row in ipairs(rows) do
    if row.appId == "*" or row.appId == account.app then
      if contains(row.slugs, account.slug) or intersects(row.roles, account.roles) then
        return true
      end
    end
  end
  return false
end

local function same_set(a, b)
  a, b = a or {}, b or {}
  for _, v in ipairs(a) do
    if not contains(b, v) then
      return false
    end
  end
  for _, v in ipairs(b) do
    if not contains(a, v) then
      return false
    end
  end
  return true
end

local function stored_already(rows, permit)
  for _, row in ipairs(rows:find { filters = { db.is("permission", permit.permission) } }) do
    if row.appId == permit.appId and same_set(row.roles, permit.roles) and same_set(row.slugs, permit.slugs) then
      return true
    end
  end
  return false
end

-- An account owns the permissions that begin with its slug and a colon.
local function owns(account, permission)
  return M.is_admin(account) or permission:sub(1, #account.slug + 1) == account.slug .. ":"
end

local function app_of(account, app_host)
  if not app_host or app_host == "" then
    return account.app
  elseif app_host == "*" then
    return "*"
  end
  local app = errors.check(db.apps:one { filters = { db.is("host", app_host) } })
  return app and app.id or errors.raise(400, "App not found")
end

-- Only what was there before counts as stored: equal permits of one request are all kept. With an id a permit takes the
-- place of the one that has it, which must be the account's, too; nil = the platform itself.
local function store_new(list, account)
  errors.check(store.transaction(function(tx)
    local rows, fresh = tx(db.permits), {}
    for _, permit in ipairs(list) do
      local old = permit.id and rows:get(permit.id)
      if old and account and not owns(account, old.permission) then
        errors.raise(401, "Unauthorized")
      elseif permit.id or not stored_already(rows, permit) then
        table.insert(fresh, permit)
      end
    end
    for _, permit in ipairs(fresh) do
      if permit.id then
        rows:put(permit)
      else
        rows:create(permit)
      end
    end
    return true
  end))
end

--- Saves permits for a caller: all of them, or none when one is not the caller's to give.
function M.save(account, list)
  local rows = {}
  for _, input in ipairs(list) do
    input = input ~= json.null and input or {}
    local permission = input.permission or ""
    if not owns(account, permission) then
      errors.raise(401, "Unauthorized")
    end
    table.insert(rows, {
      id = input.id ~= "" and input.id or nil,
      appId = app_of(account, input.appHost),
      permission = permission,
      slugs = input.slugs,
      roles = input.roles,
    })
  end
  store_new(rows, account)
end

--- Grants what a platform service declares: permission = "u" (every account), "a" (admins) or "ua", or a table with
--- who = "…" and slugs = {…}.
function M.grant(slug, declared)
  local rows = {}
  for permission, who in pairs(declared) do
    local slugs
    if type(who) == "table" then
      who, slugs = who.who, who.slugs
    end
    if permission:sub(1, #slug + 1) ~= slug .. ":" then
      errors.raise(401, "Unauthorized")
    end
    local roles = {}
    if who:find("u", 1, true) then
      table.insert(roles, ROLE_USER)
    end
    if who:find("a", 1, true) then
      table.insert(roles, ROLE_ADMIN)
    end
    table.insert(rows, { appId = "*", permission = permission, roles = roles, slugs = slugs })
  end
  table.sort(rows, function(a, b)
    return a.permission < b.permission
  end)
  store_new(rows)
end

--- Names of the permissions of `roles`, oldest permit first; the caller must hold every role.
function M.of_roles(account, roles)
  local names = {}
  for _, role in ipairs(roles) do
    if not contains(account.roles, role) then
      errors.raise(401, "Unauthorized")
    end
  end
  if #roles == 0 then
    return names
  end
  local rows = errors.check(db.permits:find {
    filters = { { op = "intersects", fields = { "roles" }, values = roles } },
  })
  for _, row in ipairs(rows) do
    table.insert(names, row.permission)
  end
  return names
end

local function view(row)
  return {
    internalId = db.internal_id(row.appId, row.id),
    appId = row.appId,
    id = row.id,
    createdAt = row.createdAt,
    updatedAt = row.updatedAt,
    deletedAt = db.ZERO_TIME,
    permission = row.permission,
    slugs = row.slugs and #row.slugs > 0 and row.slugs or nil,
    roles = row.roles and #row.roles > 0 and row.roles or nil,
  }
end

--- Permits of all apps, oldest first.
---@param req { permission: string?, slug: string? }
function M.list(req)
  local filters = {}
  if req.permission and req.permission ~= "" then
    table.insert(filters, db.is("permission", req.permission))
  end
  if req.slug and req.slug ~= "" then
    table.insert(filters, { op = "intersects", fields = { "slugs" }, values = { req.slug } })
  end
  local views = {}
  for i, row in ipairs(errors.check(db.permits:find { filters = filters })) do
    views[i] = view(row)
  end
  return views
end

return M
