-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of browser.example, and what editors should know of its `svc`.

---@class services.examples.browser.config

---@class services.examples.browser.metrics

---@class services.examples.browser: Service
---@field config services.examples.browser.config
---@field metrics services.examples.browser.metrics
---@field Browse fun(ctx: Context, req: Request, res: Response): ...

return {
  source = "159e4ae77c3d2e3f5a5ea5ac95e1712b842693ae894b96b75461a095ad9c16a6",
  host = "browser.example",
  description = "Browser shows the source of web pages.",
  openApi = false,
  kinds = { Browse = "web" },
  configs = {},
  functions = {},
  events = {},
  sinks = {},
  webs = {
    {
      name = "Browse",
      description = "Browse shows an address bar, and what is behind the address.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/browse",
      queue = "default",
    },
  },
  tickers = {},
  metrics = {},
  classes = {},
}
