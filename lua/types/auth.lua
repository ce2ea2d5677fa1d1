---@meta auth
--
-- Generated from lua/auth.lua by ./dev fmt; do not edit.

local auth = {}

--- The account behind a request; raises 422 when it carries no token and 401 when the token does not count.
---@param ctx Context
---@return { id: string, slug: string, app: string, roles: string[] }
function auth.caller(ctx) end

--- Whether the caller holds a permission, until when that is known (seconds since the epoch), and the caller. Raises 422
--- without a token, 401 when the token does not count.
---@param ctx Context
---@param permission string
---@return boolean, integer, table
function auth.check(ctx, permission) end

--- The caller, who must hold the permission: else 401.
---@param ctx Context
---@param permission string
---@return table account
function auth.need(ctx, permission) end

--- Whether an account is an admin of the platform.
---@param account { roles: string[] }
---@return boolean
function auth.is_admin(account) end

--- For platform services, in on_start: makes the service's account and grants the permissions it declares.
---@param name string
---@param permits table<string, string|{ who: string, slugs: string[] }>
function auth.introduce(name, permits) end

return auth
