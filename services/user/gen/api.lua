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
---@field all services.user.api.all
local api = client.bind {
  host = "user-svc",
  functions = {
    {
      name = "Register",
      method = "POST",
      port = 443,
      path = "/register",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*RegisterRequest" } },
      outputs = { { name = "httpResponseBody", type = "*TokenResponse" } },
    },
    {
      name = "Login",
      method = "POST",
      port = 443,
      path = "/login",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*LoginRequest" } },
      outputs = { { name = "httpResponseBody", type = "*TokenResponse" } },
    },
    {
      name = "ReadSelf",
      method = "POST",
      port = 443,
      path = "/self",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ReadSelfRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ReadSelfResponse" } },
    },
    {
      name = "GetPublicKey",
      method = "GET",
      port = 443,
      path = "/public-key",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "*PublicKeyResponse" } },
    },
    {
      name = "RefreshToken",
      method = "POST",
      port = 443,
      path = "/refresh-token",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "*TokenResponse" } },
    },
    {
      name = "ChangePassword",
      method = "POST",
      port = 443,
      path = "/change-password",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ChangePasswordRequest" } },
      outputs = { { name = "httpResponseBody", type = "*Empty" } },
    },
    {
      name = "HasPermission",
      method = "POST",
      port = 443,
      path = "/self/has/{permission}",
      queue = "default",
      inputs = { { name = "permission", type = "string" } },
      outputs = { { name = "httpResponseBody", type = "*HasPermissionResponse" } },
    },
    {
      name = "ListPermissions",
      method = "POST",
      port = 443,
      path = "/permissions",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ListPermissionsRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ListPermissionsResponse" } },
    },
    {
      name = "SavePermits",
      method = "PUT",
      port = 443,
      path = "/permits",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*SavePermitsRequest" } },
      outputs = { { name = "httpResponseBody", type = "*Empty" } },
    },
    {
      name = "ListPermits",
      method = "POST",
      port = 443,
      path = "/permits",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ListPermitsRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ListPermitsResponse" } },
    },
    {
      name = "ListUsers",
      method = "POST",
      port = 443,
      path = "/users",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ListUsersRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ListUsersResponse" } },
    },
    {
      name = "Check",
      method = "ANY",
      port = 444,
      path = "/check",
      queue = "default",
      inputs = { { name = "token", type = "string" }, { name = "permission", type = "string" } },
      outputs = {
        { name = "valid", type = "bool" },
        { name = "authorized", type = "bool" },
        { name = "expires", type = "float64" },
        { name = "account", type = "*Caller" },
      },
    },
    {
      name = "Introduce",
      method = "ANY",
      port = 444,
      path = "/introduce",
      queue = "default",
      inputs = { { name = "name", type = "string" }, { name = "grants", type = "map[string]any" } },
      outputs = {},
    },
    {
      name = "Refresh",
      method = "ANY",
      port = 444,
      path = "/refresh",
      queue = "default",
      inputs = { { name = "token", type = "string" } },
      outputs = { { name = "fresh", type = "string" } },
    },
  },
  events = {},
  webs = {},
  classes = {
    App = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "host", type = "string", optional = false },
      },
    },
    Caller = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "slug", type = "string", optional = false },
        { name = "app", type = "string", optional = false },
        { name = "device", type = "string", optional = false },
        { name = "roles", type = "[]string", optional = false },
        { name = "expires", type = "int", optional = false },
        { name = "organization", type = "string", optional = true },
      },
    },
    ChangePasswordRequest = {
      fields = {
        { name = "currentPassword", type = "string", optional = true },
        { name = "newPassword", type = "string", optional = true },
      },
    },
    Contact = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "createdAt", type = "string", optional = false },
        { name = "updatedAt", type = "string", optional = false },
        { name = "userId", type = "string", optional = false },
        { name = "platform", type = "string", optional = false },
        { name = "handle", type = "string", optional = false },
        { name = "verified", type = "bool", optional = true },
        { name = "isPrimary", type = "bool", optional = true },
      },
    },
    ContactInput = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "platform", type = "string", optional = false },
        { name = "otpId", type = "string", optional = true },
        { name = "otpCode", type = "string", optional = true },
      },
    },
    Empty = { fields = {} },
    HasPermissionResponse = {
      fields = {
        { name = "authorized", type = "bool", optional = false },
        { name = "appId", type = "string", optional = false },
        { name = "until", type = "string", optional = false },
        { name = "user", type = "User", optional = false },
        { name = "app", type = "App", optional = false },
      },
    },
    ListPermissionsRequest = { fields = { { name = "roles", type = "[]string", optional = true } } },
    ListPermissionsResponse = { fields = { { name = "permissions", type = "[]string", optional = false } } },
    ListPermitsRequest = {
      fields = {
        { name = "permission", type = "string", optional = true },
        { name = "slug", type = "string", optional = true },
      },
    },
    ListPermitsResponse = { fields = { { name = "permits", type = "[]Permit", optional = false } } },
    ListUsersRequest = {
      fields = {
        { name = "ids", type = "[]string", optional = true },
        { name = "search", type = "string", optional = true },
        { name = "contactId", type = "string", optional = true },
        { name = "limit", type = "int", optional = true },
        { name = "afterTime", type = "string", optional = true },
        { name = "order", type = "string", optional = true },
        { name = "orderBy", type = "string", optional = true },
        { name = "count", type = "bool", optional = true },
      },
    },
    ListUsersResponse = {
      fields = {
        { name = "users", type = "[]UserRecord", optional = true },
        { name = "after", type = "string", optional = false },
        { name = "count", type = "int", optional = false },
      },
    },
    LoginRequest = {
      fields = {
        { name = "appHost", type = "string", optional = true },
        { name = "slug", type = "string", optional = true },
        { name = "password", type = "string", optional = true },
        { name = "device", type = "string", optional = true },
        { name = "contact", type = "ContactInput", optional = true },
      },
    },
    Permit = {
      fields = {
        { name = "internalId", type = "string", optional = false },
        { name = "appId", type = "string", optional = false },
        { name = "id", type = "string", optional = false },
        { name = "createdAt", type = "string", optional = false },
        { name = "updatedAt", type = "string", optional = false },
        { name = "deletedAt", type = "string", optional = false },
        { name = "permission", type = "string", optional = false },
        { name = "slugs", type = "[]string", optional = true },
        { name = "roles", type = "[]string", optional = true },
      },
    },
    PermitInput = {
      fields = {
        { name = "id", type = "string", optional = true },
        { name = "appHost", type = "string", optional = true },
        { name = "permission", type = "string", optional = true },
        { name = "slugs", type = "[]string", optional = true },
        { name = "roles", type = "[]string", optional = true },
      },
    },
    PublicKeyResponse = { fields = { { name = "publicKey", type = "string", optional = false } } },
    ReadSelfRequest = { fields = { { name = "countTokens", type = "bool", optional = true } } },
    ReadSelfResponse = {
      fields = {
        { name = "user", type = "User", optional = false },
        { name = "roles", type = "[]string", optional = true },
        { name = "contacts", type = "[]Contact", optional = true },
        { name = "activeOrganizationId", type = "string", optional = true },
        { name = "tokenCount", type = "int", optional = false },
      },
    },
    RegisterRequest = {
      fields = {
        { name = "appHost", type = "string", optional = true },
        { name = "slug", type = "string", optional = true },
        { name = "name", type = "string", optional = true },
        { name = "password", type = "string", optional = true },
        { name = "device", type = "string", optional = true },
        { name = "contact", type = "ContactInput", optional = true },
      },
    },
    SavePermitsRequest = { fields = { { name = "permits", type = "[]PermitInput", optional = true } } },
    Token = {
      fields = {
        { name = "internalId", type = "string", optional = false },
        { name = "appId", type = "string", optional = false },
        { name = "id", type = "string", optional = false },
        { name = "createdAt", type = "string", optional = false },
        { name = "updatedAt", type = "string", optional = false },
        { name = "userId", type = "string", optional = false },
        { name = "token", type = "string", optional = false },
        { name = "device", type = "string", optional = false },
        { name = "lastRefreshedAt", type = "string", optional = true },
        { name = "expiresAt", type = "string", optional = false },
        { name = "active", type = "bool", optional = true },
        { name = "app", type = "App", optional = false },
      },
    },
    TokenResponse = { fields = { { name = "token", type = "Token", optional = false } } },
    User = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "createdAt", type = "string", optional = false },
        { name = "updatedAt", type = "string", optional = false },
        { name = "name", type = "string", optional = true },
        { name = "slug", type = "string", optional = false },
        { name = "thumbnailFileId", type = "string", optional = true },
        { name = "labels", type = "map[string]string", optional = true },
      },
    },
    UserRecord = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "createdAt", type = "string", optional = false },
        { name = "updatedAt", type = "string", optional = false },
        { name = "name", type = "string", optional = true },
        { name = "slug", type = "string", optional = false },
        { name = "contactIds", type = "[]string", optional = true },
      },
    },
  },
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
