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
---@field all services.examples.directory.api.all
local api = client.bind {
  host = "directory.example",
  functions = {
    {
      name = "Create",
      method = "POST",
      port = 443,
      path = "/persons",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*Person" } },
      outputs = { { name = "key", type = "PersonKey" } },
    },
    {
      name = "Load",
      method = "GET",
      port = 443,
      path = "/persons/key/{key}",
      queue = "default",
      inputs = { { name = "key", type = "PersonKey" } },
      outputs = { { name = "httpResponseBody", type = "*Person" } },
    },
    {
      name = "Delete",
      method = "DELETE",
      port = 443,
      path = "/persons/key/{key}",
      queue = "default",
      inputs = { { name = "key", type = "PersonKey" } },
      outputs = {},
    },
    {
      name = "Update",
      method = "PUT",
      port = 443,
      path = "/persons/key/{key}",
      queue = "default",
      inputs = { { name = "key", type = "PersonKey" }, { name = "httpRequestBody", type = "*Person" } },
      outputs = {},
    },
    {
      name = "LoadByEmail",
      method = "GET",
      port = 443,
      path = "/persons/email/{email}",
      queue = "default",
      inputs = { { name = "email", type = "string" } },
      outputs = { { name = "httpResponseBody", type = "*Person" } },
    },
    {
      name = "List",
      method = "GET",
      port = 443,
      path = "/persons",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "[]PersonKey" } },
    },
  },
  events = {},
  webs = { { name = "WebUI", method = "ANY", port = 443, path = "/web-ui", queue = "default" } },
  classes = {
    Person = {
      fields = {
        { name = "birthday", type = "time.Time", optional = true },
        { name = "email", type = "string", optional = true },
        { name = "firstName", type = "string", optional = true },
        { name = "key", type = "PersonKey", optional = true },
        { name = "lastName", type = "string", optional = true },
      },
    },
    PersonKey = { type = "int" },
  },
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
