-- Generated from service.yaml by `moonbus gen`; do not edit.

-- luacheck: no max line length

-- What the host knows of user-svc, and what editors should know of its `svc`.

---@class services.user.config

---@class services.user.metrics

---@class services.user
---@field host string
---@field config services.user.config
---@field metrics services.user.metrics
---@field resources table<string, string>
---@field Register fun(ctx: Context, httpRequestBody: RegisterRequest?): TokenResponse?
---@field Login fun(ctx: Context, httpRequestBody: LoginRequest?): TokenResponse?
---@field ReadSelf fun(ctx: Context, httpRequestBody: ReadSelfRequest?): ReadSelfResponse?
---@field GetPublicKey fun(ctx: Context): PublicKeyResponse?
---@field RefreshToken fun(ctx: Context): TokenResponse?
---@field ChangePassword fun(ctx: Context, httpRequestBody: ChangePasswordRequest?): Empty?
---@field ResetPassword fun(ctx: Context, userId: string, httpRequestBody: ResetPasswordRequest?): Empty?
---@field HasPermission fun(ctx: Context, permission: string): HasPermissionResponse?
---@field ListPermissions fun(ctx: Context, httpRequestBody: ListPermissionsRequest?): ListPermissionsResponse?
---@field SavePermits fun(ctx: Context, httpRequestBody: SavePermitsRequest?): Empty?
---@field ListPermits fun(ctx: Context, httpRequestBody: ListPermitsRequest?): ListPermitsResponse?
---@field ListUsers fun(ctx: Context, httpRequestBody: ListUsersRequest?): ListUsersResponse?
---@field Check fun(ctx: Context, token: string, permission: string): boolean, boolean, number, Caller?
---@field Introduce fun(ctx: Context, name: string, grants: table<string, any>)
---@field Refresh fun(ctx: Context, token: string): string

return {
  source = "f2e17b6e0d7890aa9a2784216bd948275361bccff9903949f579c22eb1374329",
  host = "user-svc",
  description = "Accounts, roles, permits and tokens of people and services.",
  openApi = true,
  kinds = {
    ChangePassword = "function",
    Check = "function",
    GetPublicKey = "function",
    HasPermission = "function",
    Introduce = "function",
    ListPermissions = "function",
    ListPermits = "function",
    ListUsers = "function",
    Login = "function",
    ReadSelf = "function",
    Refresh = "function",
    RefreshToken = "function",
    Register = "function",
    ResetPassword = "function",
    SavePermits = "function",
  },
  configs = {},
  functions = {
    {
      name = "Register",
      description = "Register makes an account and logs it in.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/register",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*RegisterRequest" } },
      outputs = { { name = "httpResponseBody", type = "*TokenResponse" } },
    },
    {
      name = "Login",
      description = "Login gives a token for a slug and its password. The same token comes again while it is valid.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/login",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*LoginRequest" } },
      outputs = { { name = "httpResponseBody", type = "*TokenResponse" } },
    },
    {
      name = "ReadSelf",
      description = "ReadSelf gives the account behind the token, with its roles and contacts.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/self",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ReadSelfRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ReadSelfResponse" } },
    },
    {
      name = "GetPublicKey",
      description = "GetPublicKey gives the key that verifies tokens, as PEM.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/public-key",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "*PublicKeyResponse" } },
    },
    {
      name = "RefreshToken",
      description = "RefreshToken gives a new token in place of the presented one, which may have expired.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/refresh-token",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "*TokenResponse" } },
    },
    {
      name = "ChangePassword",
      description = "ChangePassword replaces the password of the account behind the token.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/change-password",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ChangePasswordRequest" } },
      outputs = { { name = "httpResponseBody", type = "*Empty" } },
    },
    {
      name = "ResetPassword",
      description = "ResetPassword gives an account another password; for admins.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/{userId}/reset-password",
      queue = "default",
      inputs = {
        { name = "userId", type = "string" },
        { name = "httpRequestBody", type = "*ResetPasswordRequest" },
      },
      outputs = { { name = "httpResponseBody", type = "*Empty" } },
    },
    {
      name = "HasPermission",
      description = "HasPermission says whether the account behind the token holds a permission, and until when the answer is good.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/self/has/{permission}",
      queue = "default",
      inputs = { { name = "permission", type = "string" } },
      outputs = { { name = "httpResponseBody", type = "*HasPermissionResponse" } },
    },
    {
      name = "ListPermissions",
      description = "ListPermissions names the permissions of roles that the caller holds.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/permissions",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ListPermissionsRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ListPermissionsResponse" } },
    },
    {
      name = "SavePermits",
      description = "SavePermits grants permissions to slugs and roles. Accounts other than admins grant only their own.",
      openApi = true,
      method = "PUT",
      port = 443,
      path = "/permits",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*SavePermitsRequest" } },
      outputs = { { name = "httpResponseBody", type = "*Empty" } },
    },
    {
      name = "ListPermits",
      description = "ListPermits lists the permits of all apps.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/permits",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ListPermitsRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ListPermitsResponse" } },
    },
    {
      name = "ListUsers",
      description = "ListUsers lists accounts, newest first unless told otherwise.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/users",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ListUsersRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ListUsersResponse" } },
    },
    {
      name = "Check",
      description = "Check says whether a token counts, whether its account holds a permission, and until when the answer is good.",
      openApi = false,
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
      description = "Introduce makes the account of the platform service that calls, and grants the permissions that it declares.",
      openApi = false,
      method = "ANY",
      port = 444,
      path = "/introduce",
      queue = "default",
      inputs = { { name = "name", type = "string" }, { name = "grants", type = "map[string]any" } },
      outputs = {},
    },
    {
      name = "Refresh",
      description = "Refresh gives a fresh token in place of an expired one, for the front door.",
      openApi = false,
      method = "ANY",
      port = 444,
      path = "/refresh",
      queue = "default",
      inputs = { { name = "token", type = "string" } },
      outputs = { { name = "fresh", type = "string" } },
    },
  },
  events = {},
  sinks = {},
  webs = {},
  tickers = {},
  metrics = {},
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
    ResetPasswordRequest = { fields = { { name = "newPassword", type = "string", optional = true } } },
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
