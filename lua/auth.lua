-- auth: who calls, and what may they do. Asks the account service, on this host without a socket.

local errors = require "errors"
local users = require "services.user.api"

local M = {}

--- The account behind a request; raises 422 when it carries no token and 401 when the token does not count.
---@param ctx Context
---@return { id: string, slug: string, app: string, roles: string[] }
function M.caller(ctx)
  local _, _, account = M.check(ctx, "")
  return account
end

--- Whether the caller holds a permission, until when that is known (seconds since the epoch), and the caller. Raises 422
--- without a token, 401 when the token does not count.
---@param ctx Context
---@param permission string
---@return boolean, integer, table
function M.check(ctx, permission)
  if not ctx.token then
    errors.raise(422, "422 Unprocessable Entity")
  end
  local valid, authorized, till, account = users.Check(ctx, ctx.token, permission)
  if not valid then
    errors.raise(401, "Unauthorized")
  end
  return authorized, till, account
end

--- The caller, who must hold the permission: else 401.
---@param ctx Context
---@param permission string
---@return table account
function M.need(ctx, permission)
  local authorized, _, account = M.check(ctx, permission)
  if not authorized then
    errors.raise(401, "Unauthorized")
  end
  return account
end

--- Whether an account is an admin of the platform.
---@param account { roles: string[] }
---@return boolean
function M.is_admin(account)
  for _, role in ipairs(account.roles) do
    if role == "user-svc:admin" then
      return true
    end
  end
  return false
end

--- For platform services, in on_start: makes the service's account and grants the permissions it declares.
---@param name string
---@param permits table<string, string|{ who: string, slugs: string[] }>
function M.introduce(name, permits)
  users.Introduce({}, name, permits)
end

return M
