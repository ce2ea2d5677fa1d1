-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of hello.example, and what editors should know of its `svc`.

---@class services.examples.hello.config

---@class services.examples.hello.metrics

---@class services.examples.hello
---@field host string
---@field config services.examples.hello.config
---@field metrics services.examples.hello.metrics
---@field resources table<string, string>
---@field Add fun(ctx: Context, x: integer, y: integer): integer
---@field Hello fun(ctx: Context, req: Request, res: Response): ...
---@field Tick fun(ctx: Context)

return {
  source = "d385d6787f90cf6c5103d78ff4b310d606191e319ab921c36c714afa2c5b293a",
  host = "hello.example",
  description = "Says hello, adds numbers and counts the seconds.",
  openApi = true,
  kinds = { Add = "function", Hello = "web", Tick = "ticker" },
  configs = {},
  functions = {
    {
      name = "Add",
      description = "Add adds two integers: /hello.example/add?x=1&y=2",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/add",
      queue = "default",
      inputs = { { name = "x", type = "int" }, { name = "y", type = "int" } },
      outputs = { { name = "sum", type = "int" } },
    },
  },
  events = {},
  sinks = {},
  webs = {
    {
      name = "Hello",
      description = "Hello greets whoever asks: /hello.example/hello?name=Ada",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/hello",
      queue = "default",
    },
  },
  tickers = { { name = "Tick", description = "Tick counts.", seconds = 10.0, scope = "all" } },
  metrics = {},
  classes = {},
}
