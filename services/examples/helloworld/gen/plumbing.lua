-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of helloworld.example, and what editors should know of its `svc`.

---@class services.examples.helloworld.config

---@class services.examples.helloworld.metrics

---@class services.examples.helloworld: Service
---@field config services.examples.helloworld.config
---@field metrics services.examples.helloworld.metrics
---@field HelloWorld fun(ctx: Context, req: Request, res: Response): ...

return {
  source = "4e8a81d223bcf37a56ea1aa8716805a6d734fb5250851dde5de190a96d326f98",
  host = "helloworld.example",
  description = "HelloWorld says hello to everybody, always in the same words.",
  openApi = true,
  kinds = { HelloWorld = "web" },
  configs = {},
  functions = {},
  events = {},
  sinks = {},
  webs = {
    {
      name = "HelloWorld",
      description = "HelloWorld answers with the most famous greeting.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/hello-world",
      queue = "default",
    },
  },
  tickers = {},
  metrics = {},
  classes = {},
}
