-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of hello.example, and what editors should know of its `svc`.

---@class services.examples.hello.config
---@field Greeting string Greeting is what is said to whoever comes.
---@field Repeat integer Repeat is how often it is said.

---@class services.examples.hello.metrics

---@class services.examples.hello: Service
---@field config services.examples.hello.config
---@field metrics services.examples.hello.metrics
---@field Hello fun(ctx: Context, req: Request, res: Response): ...
---@field Echo fun(ctx: Context, req: Request, res: Response): ...
---@field Ping fun(ctx: Context, req: Request, res: Response): ...
---@field Calculator fun(ctx: Context, req: Request, res: Response): ...
---@field BusPNG fun(ctx: Context, req: Request, res: Response): ...
---@field Localization fun(ctx: Context, req: Request, res: Response): ...
---@field Root fun(ctx: Context, req: Request, res: Response): ...
---@field TickTock fun(ctx: Context)

return {
  source = "60e2cca21b9a7ca5c3b8481cd9192dccf723822b41e8060cf1ad99bd76fb46ca",
  host = "hello.example",
  description = "Hello has one handler for each thing that a small service does.",
  openApi = true,
  kinds = {
    BusPNG = "web",
    Calculator = "web",
    Echo = "web",
    Greeting = "config",
    Hello = "web",
    Localization = "web",
    Ping = "web",
    Repeat = "config",
    Root = "web",
    TickTock = "ticker",
  },
  configs = {
    {
      name = "Greeting",
      description = "Greeting is what is said to whoever comes.",
      type = "string",
      default = "Hello",
      callback = false,
      secret = false,
    },
    {
      name = "Repeat",
      description = "Repeat is how often it is said.",
      type = "int",
      default = "1",
      validation = "int [0,100]",
      callback = false,
      secret = false,
    },
  },
  functions = {},
  events = {},
  sinks = {},
  webs = {
    {
      name = "Hello",
      description = "Hello greets whoever asks, by name where there is one.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/hello",
      queue = "default",
    },
    {
      name = "Echo",
      description = "Echo answers with the request as it came.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/echo",
      queue = "default",
    },
    {
      name = "Ping",
      description = "Ping lists every service that is there.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/ping",
      queue = "default",
    },
    {
      name = "Calculator",
      description = "Calculator is a page with a form. Another service does the arithmetic.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/calculator",
      queue = "default",
    },
    {
      name = "BusPNG",
      description = "BusPNG is a picture from the resources.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/bus.png",
      queue = "default",
    },
    {
      name = "Localization",
      description = "Localization says hello in the reader's language.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/localization",
      queue = "default",
    },
    {
      name = "Root",
      host = "root",
      description = "Root is what stands at the root of the whole site.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "",
      queue = "default",
    },
  },
  tickers = {
    {
      name = "TickTock",
      description = "TickTock ticks, and says so in the log.",
      seconds = 10.0,
      scope = "all",
    },
  },
  metrics = {},
  classes = {},
}
