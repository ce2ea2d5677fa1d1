-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- user-svc for those who call it:
--
--     local user = require "services.user.api"

local client = require "client"

---@class services.user.api.all
---@field Register fun(ctx: Context, httpRequestBody: RegisterRequest?): fun(): Answer?
---@field Login fun(ctx: Context, httpRequestBody: LoginRequest?): fun(): Answer?
---@field ReadSelf fun(ctx: Context, httpRequestBody: ReadSelfRequest?): fun(): Answer?
---@field GetPublicKey fun(ctx: Context): fun(): Answer?
---@field RefreshToken fun(ctx: Context): fun(): Answer?
---@field ChangePassword fun(ctx: Context, httpRequestBody: ChangePasswordRequest?): fun(): Answer?
---@field ResetPassword fun(ctx: Context, userId: string, httpRequestBody: ResetPasswordRequest?): fun(): Answer?
---@field HasPermission fun(ctx: Context, permission: string): fun(): Answer?
---@field ListPermissions fun(ctx: Context, httpRequestBody: ListPermissionsRequest?): fun(): Answer?
---@field SavePermits fun(ctx: Context, httpRequestBody: SavePermitsRequest?): fun(): Answer?
---@field ListPermits fun(ctx: Context, httpRequestBody: ListPermitsRequest?): fun(): Answer?
---@field ListUsers fun(ctx: Context, httpRequestBody: ListUsersRequest?): fun(): Answer?
---@field Check fun(ctx: Context, token: string, permission: string): fun(): Answer?
---@field Introduce fun(ctx: Context, name: string, grants: table<string, any>): fun(): Answer?
---@field Refresh fun(ctx: Context, token: string): fun(): Answer?

---@class services.user.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.user.api
---@field mock fun(handlers: table<string, function>)
---@field all services.user.api.all
local api = client.bind {
  host = "user-svc",
  functions = {
    { name = "Register", method = "POST", port = 443, path = "/register" },
    { name = "Login", method = "POST", port = 443, path = "/login" },
    { name = "ReadSelf", method = "POST", port = 443, path = "/self" },
    { name = "GetPublicKey", method = "GET", port = 443, path = "/public-key" },
    { name = "RefreshToken", method = "POST", port = 443, path = "/refresh-token" },
    { name = "ChangePassword", method = "POST", port = 443, path = "/change-password" },
    { name = "ResetPassword", method = "POST", port = 443, path = "/{userId}/reset-password" },
    { name = "HasPermission", method = "POST", port = 443, path = "/self/has/{permission}" },
    { name = "ListPermissions", method = "POST", port = 443, path = "/permissions" },
    { name = "SavePermits", method = "PUT", port = 443, path = "/permits" },
    { name = "ListPermits", method = "POST", port = 443, path = "/permits" },
    { name = "ListUsers", method = "POST", port = 443, path = "/users" },
    { name = "Check", method = "ANY", port = 444, path = "/check" },
    { name = "Introduce", method = "ANY", port = 444, path = "/introduce" },
    { name = "Refresh", method = "ANY", port = 444, path = "/refresh" },
  },
  events = {},
  webs = {},
}

--- Register makes an account and logs it in.
---@param ctx Context
---@param httpRequestBody RegisterRequest?
---@return TokenResponse? httpResponseBody
function api.Register(ctx, httpRequestBody)
  return api.call("Register", ctx, httpRequestBody)
end

--- Login gives a token for a slug and its password. The same token comes again while it is valid.
---@param ctx Context
---@param httpRequestBody LoginRequest?
---@return TokenResponse? httpResponseBody
function api.Login(ctx, httpRequestBody)
  return api.call("Login", ctx, httpRequestBody)
end

--- ReadSelf gives the account behind the token, with its roles and contacts.
---@param ctx Context
---@param httpRequestBody ReadSelfRequest?
---@return ReadSelfResponse? httpResponseBody
function api.ReadSelf(ctx, httpRequestBody)
  return api.call("ReadSelf", ctx, httpRequestBody)
end

--- GetPublicKey gives the key that verifies tokens, as PEM.
---@param ctx Context
---@return PublicKeyResponse? httpResponseBody
function api.GetPublicKey(ctx)
  return api.call("GetPublicKey", ctx)
end

--- RefreshToken gives a new token in place of the presented one, which may have expired.
---@param ctx Context
---@return TokenResponse? httpResponseBody
function api.RefreshToken(ctx)
  return api.call("RefreshToken", ctx)
end

--- ChangePassword replaces the password of the account behind the token.
---@param ctx Context
---@param httpRequestBody ChangePasswordRequest?
---@return Empty? httpResponseBody
function api.ChangePassword(ctx, httpRequestBody)
  return api.call("ChangePassword", ctx, httpRequestBody)
end

--- ResetPassword gives an account another password; for admins.
---@param ctx Context
---@param userId string
---@param httpRequestBody ResetPasswordRequest?
---@return Empty? httpResponseBody
function api.ResetPassword(ctx, userId, httpRequestBody)
  return api.call("ResetPassword", ctx, userId, httpRequestBody)
end

--- HasPermission says whether the account behind the token holds a permission, and until when the answer is good.
---@param ctx Context
---@param permission string
---@return HasPermissionResponse? httpResponseBody
function api.HasPermission(ctx, permission)
  return api.call("HasPermission", ctx, permission)
end

--- ListPermissions names the permissions of roles that the caller holds.
---@param ctx Context
---@param httpRequestBody ListPermissionsRequest?
---@return ListPermissionsResponse? httpResponseBody
function api.ListPermissions(ctx, httpRequestBody)
  return api.call("ListPermissions", ctx, httpRequestBody)
end

--- SavePermits grants permissions to slugs and roles. Accounts other than admins grant only their own.
---@param ctx Context
---@param httpRequestBody SavePermitsRequest?
---@return Empty? httpResponseBody
function api.SavePermits(ctx, httpRequestBody)
  return api.call("SavePermits", ctx, httpRequestBody)
end

--- ListPermits lists the permits of all apps.
---@param ctx Context
---@param httpRequestBody ListPermitsRequest?
---@return ListPermitsResponse? httpResponseBody
function api.ListPermits(ctx, httpRequestBody)
  return api.call("ListPermits", ctx, httpRequestBody)
end

--- ListUsers lists accounts, newest first unless told otherwise.
---@param ctx Context
---@param httpRequestBody ListUsersRequest?
---@return ListUsersResponse? httpResponseBody
function api.ListUsers(ctx, httpRequestBody)
  return api.call("ListUsers", ctx, httpRequestBody)
end

--- Check says whether a token counts, whether its account holds a permission, and until when the answer is good.
---@param ctx Context
---@param token string
---@param permission string
---@return boolean valid
---@return boolean authorized
---@return number expires
---@return Caller? account
function api.Check(ctx, token, permission)
  return api.call("Check", ctx, token, permission)
end

--- Introduce makes the account of the platform service that calls, and grants the permissions that it declares.
---@param ctx Context
---@param name string
---@param grants table<string, any>
function api.Introduce(ctx, name, grants)
  return api.call("Introduce", ctx, name, grants)
end

--- Refresh gives a fresh token in place of an expired one, for the front door.
---@param ctx Context
---@param token string
---@return string fresh
function api.Refresh(ctx, token)
  return api.call("Refresh", ctx, token)
end

return api
