-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of directory.example, and what editors should know of its `svc`.

---@class services.examples.directory.config
---@field SQL string SQL is where the database is, for those that have one. This one has the host's store.

---@class services.examples.directory.metrics

---@class services.examples.directory: Service
---@field config services.examples.directory.config
---@field metrics services.examples.directory.metrics
---@field Create fun(ctx: Context, httpRequestBody: Person?): PersonKey
---@field Load fun(ctx: Context, key: PersonKey): Person?
---@field Delete fun(ctx: Context, key: PersonKey)
---@field Update fun(ctx: Context, key: PersonKey, httpRequestBody: Person?)
---@field LoadByEmail fun(ctx: Context, email: string): Person?
---@field List fun(ctx: Context): PersonKey[]
---@field WebUI fun(ctx: Context, req: Request, res: Response): ...

return {
  source = "d6bb8e8b6fb71d1e1103a5cd8d4f3856b3e02b44605238cc4dfe833b24c79541",
  host = "directory.example",
  description = "Directory keeps persons, and finds them by key or e-mail address.",
  openApi = true,
  kinds = {
    Create = "function",
    Delete = "function",
    List = "function",
    Load = "function",
    LoadByEmail = "function",
    SQL = "config",
    Update = "function",
    WebUI = "web",
  },
  configs = {
    {
      name = "SQL",
      description = "SQL is where the database is, for those that have one. This one has the host's store.",
      type = "string",
      default = "",
      callback = false,
      secret = false,
    },
  },
  functions = {
    {
      name = "Create",
      description = "Create adds a person and gives it a key.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/persons",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*Person" } },
      outputs = { { name = "key", type = "PersonKey" } },
    },
    {
      name = "Load",
      description = "Load finds a person by key.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/persons/key/{key}",
      queue = "default",
      inputs = { { name = "key", type = "PersonKey" } },
      outputs = { { name = "httpResponseBody", type = "*Person" } },
    },
    {
      name = "Delete",
      description = "Delete removes a person.",
      openApi = true,
      method = "DELETE",
      port = 443,
      path = "/persons/key/{key}",
      queue = "default",
      inputs = { { name = "key", type = "PersonKey" } },
      outputs = {},
    },
    {
      name = "Update",
      description = "Update replaces what is known of a person.",
      openApi = true,
      method = "PUT",
      port = 443,
      path = "/persons/key/{key}",
      queue = "default",
      inputs = { { name = "key", type = "PersonKey" }, { name = "httpRequestBody", type = "*Person" } },
      outputs = {},
    },
    {
      name = "LoadByEmail",
      description = "LoadByEmail finds a person by e-mail address.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/persons/email/{email}",
      queue = "default",
      inputs = { { name = "email", type = "string" } },
      outputs = { { name = "httpResponseBody", type = "*Person" } },
    },
    {
      name = "List",
      description = "List gives the keys of all persons.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/persons",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "[]PersonKey" } },
    },
  },
  events = {},
  sinks = {},
  webs = {
    {
      name = "WebUI",
      description = "WebUI is a form that sends requests to the functions above.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/web-ui",
      queue = "default",
    },
  },
  tickers = {},
  metrics = {},
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
