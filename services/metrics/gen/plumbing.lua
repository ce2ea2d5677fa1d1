-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of metrics.core, and what editors should know of its `svc`.

---@class services.metrics.config
---@field SecretKey string Who knows it may collect; nobody may while it is empty.

---@class services.metrics.metrics

---@class services.metrics: Service
---@field config services.metrics.config
---@field metrics services.metrics.metrics
---@field Collect fun(ctx: Context, req: Request, res: Response): ...

return {
  source = "e5c99f17b6bd5dc4a57337a4fa9f43c68e1b14df7daf8cb7c7f9b1679c956cdd",
  host = "metrics.core",
  description = "Collects the metrics of all services.",
  openApi = false,
  kinds = { Collect = "web", SecretKey = "config" },
  configs = {
    {
      name = "SecretKey",
      description = "Who knows it may collect; nobody may while it is empty.",
      type = "string",
      default = "",
      callback = false,
      secret = true,
    },
  },
  functions = {},
  events = {},
  sinks = {},
  webs = {
    {
      name = "Collect",
      description = "All metrics as text, or those of one service.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/collect",
      queue = "default",
    },
  },
  tickers = {},
  metrics = {},
  classes = {},
}
