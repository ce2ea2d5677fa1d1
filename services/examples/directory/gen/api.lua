-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- directory.example for those who call it:
--
--     local directory = require "services.examples.directory.api"

local client = require "client"

---@class services.examples.directory.api.all
---@field Create fun(ctx: Context, httpRequestBody: Person?): fun(): Answer?
---@field Load fun(ctx: Context, key: PersonKey): fun(): Answer?
---@field Delete fun(ctx: Context, key: PersonKey): fun(): Answer?
---@field Update fun(ctx: Context, key: PersonKey, httpRequestBody: Person?): fun(): Answer?
---@field LoadByEmail fun(ctx: Context, email: string): fun(): Answer?
---@field List fun(ctx: Context): fun(): Answer?
---@field WebUI fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.examples.directory.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.examples.directory.api
---@field mock fun(handlers: table<string, function>)
---@field all services.examples.directory.api.all
local api = client.bind {
  host = "directory.example",
  functions = {
    { name = "Create", method = "POST", port = 443, path = "/persons" },
    { name = "Load", method = "GET", port = 443, path = "/persons/key/{key}" },
    { name = "Delete", method = "DELETE", port = 443, path = "/persons/key/{key}" },
    { name = "Update", method = "PUT", port = 443, path = "/persons/key/{key}" },
    { name = "LoadByEmail", method = "GET", port = 443, path = "/persons/email/{email}" },
    { name = "List", method = "GET", port = 443, path = "/persons" },
  },
  events = {},
  webs = { { name = "WebUI", method = "ANY", port = 443, path = "/web-ui" } },
}

--- Create adds a person and gives it a key.
---@param ctx Context
---@param httpRequestBody Person?
---@return PersonKey key
function api.Create(ctx, httpRequestBody)
  return api.call("Create", ctx, httpRequestBody)
end

--- Load finds a person by key.
---@param ctx Context
---@param key PersonKey
---@return Person? httpResponseBody
function api.Load(ctx, key)
  return api.call("Load", ctx, key)
end

--- Delete removes a person.
---@param ctx Context
---@param key PersonKey
function api.Delete(ctx, key)
  return api.call("Delete", ctx, key)
end

--- Update replaces what is known of a person.
---@param ctx Context
---@param key PersonKey
---@param httpRequestBody Person?
function api.Update(ctx, key, httpRequestBody)
  return api.call("Update", ctx, key, httpRequestBody)
end

--- LoadByEmail finds a person by e-mail address.
---@param ctx Context
---@param email string
---@return Person? httpResponseBody
function api.LoadByEmail(ctx, email)
  return api.call("LoadByEmail", ctx, email)
end

--- List gives the keys of all persons.
---@param ctx Context
---@return PersonKey[] httpResponseBody
function api.List(ctx)
  return api.call("List", ctx)
end

--- WebUI is a form that sends requests to the functions above.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.WebUI(ctx, request)
  return api.call("WebUI", ctx, request)
end

return api
