-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of control.core, and what editors should know of its `svc`.

---@class services.control.config

---@class services.control.metrics

---@class services.control: Service
---@field config services.control.config
---@field metrics services.control.metrics
---@field Ping fun(ctx: Context): integer
---@field ConfigRefresh fun(ctx: Context)
---@field Trace fun(ctx: Context, id: string)

return {
  source = "8beaf415fec378830c6352b984f6b665950dc902315c10899c6e2c3a8b4abc17",
  host = "control.core",
  description = "Stands for what every service answers by itself, so that there is a client stub for it.",
  openApi = false,
  kinds = { ConfigRefresh = "function", Ping = "function", Trace = "function" },
  configs = {},
  functions = {
    {
      name = "Ping",
      description = "Ping says that a service is there.",
      openApi = true,
      method = "ANY",
      port = 888,
      path = "/ping",
      queue = "none",
      inputs = {},
      outputs = { { name = "pong", type = "int" } },
    },
    {
      name = "ConfigRefresh",
      description = "ConfigRefresh has a service ask for the values of its configs again.",
      openApi = true,
      method = "ANY",
      port = 888,
      path = "/config-refresh",
      queue = "none",
      inputs = {},
      outputs = {},
    },
    {
      name = "Trace",
      description = "Trace selects a trace for export; there is no exporter yet, so that nothing follows.",
      openApi = true,
      method = "ANY",
      port = 888,
      path = "/trace",
      queue = "none",
      inputs = { { name = "id", type = "string" } },
      outputs = {},
    },
  },
  events = {},
  sinks = {},
  webs = {},
  tickers = {},
  metrics = {},
  classes = {},
}
