-- Generated from service.yaml by `moonbus gen`; do not edit.

-- luacheck: no max line length

-- What the host knows of configurator.core, and what editors should know of its `svc`.

---@class services.configurator.config

---@class services.configurator.metrics

---@class services.configurator: Service
---@field config services.configurator.config
---@field metrics services.configurator.metrics
---@field Values fun(ctx: Context, names: string[]): table<string, string>
---@field Refresh fun(ctx: Context)
---@field Sync fun(ctx: Context, timestamp: number, values: table<string, table<string, string>>)
---@field Set fun(ctx: Context, host: string, name: string, value: string): boolean
---@field Unset fun(ctx: Context, host: string, name: string): boolean
---@field List fun(ctx: Context, host: string): ConfigValue[]
---@field PeriodicRefresh fun(ctx: Context)
---@field WatchFile fun(ctx: Context)

return {
  source = "c0ad696f590f4176c76674becce5514eee5ebfe18728499b90a5938ebeb3f350",
  host = "configurator.core",
  description = "Keeps what the configs of all services are set to.",
  openApi = true,
  kinds = {
    List = "function",
    PeriodicRefresh = "ticker",
    Refresh = "function",
    Set = "function",
    Sync = "function",
    Unset = "function",
    Values = "function",
    WatchFile = "ticker",
  },
  configs = {},
  functions = {
    {
      name = "Values",
      description = "Values gives what configs of the calling service are set to, by the names as they were asked for. What is set to\nnothing is left out. Only services may ask, over the bus.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/values",
      queue = "default",
      inputs = { { name = "names", type = "[]string" } },
      outputs = { { name = "values", type = "map[string]string" } },
    },
    {
      name = "Refresh",
      description = "Refresh makes all services ask for their values again, and reports the last failure.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/refresh",
      queue = "default",
      inputs = {},
      outputs = {},
    },
    {
      name = "Sync",
      description = "Sync brings the replicas of this service to the same values, by section and name. The newer ones are kept; who\nhas newer ones sends them back.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/sync",
      queue = "none",
      inputs = {
        { name = "timestamp", type = "time.Time" },
        { name = "values", type = "map[string]map[string]string" },
      },
      outputs = {},
    },
    {
      name = "Set",
      description = "Set sets a config of a service, or of all services whose hosts end in a name (example.com, all), until it is\nunset. It overrides the file, takes effect before Set answers, and survives restarts. A value that the service\nrefuses is 400; checked tells whether there was a service to ask.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/set",
      queue = "default",
      inputs = {
        { name = "host", type = "string" },
        { name = "name", type = "string" },
        { name = "value", type = "string" },
      },
      outputs = { { name = "checked", type = "bool" } },
    },
    {
      name = "Unset",
      description = "Unset takes back what Set has set; removed tells whether there was anything.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/unset",
      queue = "default",
      inputs = { { name = "host", type = "string" }, { name = "name", type = "string" } },
      outputs = { { name = "removed", type = "bool" } },
    },
    {
      name = "List",
      description = "List gives all configs of a service and where their values come from; without a host, everything that is set.\nSecrets, and values that nobody says are none, are asterisks.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/list",
      queue = "default",
      inputs = { { name = "host", type = "string" } },
      outputs = { { name = "values", type = "[]ConfigValue" } },
    },
  },
  events = {},
  sinks = {},
  webs = {},
  tickers = {
    {
      name = "PeriodicRefresh",
      description = "PeriodicRefresh makes all services ask for their values again, now and then.",
      seconds = 1200.0,
      scope = "all",
    },
    {
      name = "WatchFile",
      description = "WatchFile puts changes of the file into effect.",
      seconds = 2.0,
      scope = "all",
    },
  },
  metrics = {},
  classes = {
    ConfigValue = {
      fields = {
        { name = "host", type = "string", optional = false },
        { name = "name", type = "string", optional = false },
        { name = "value", type = "string", optional = false },
        { name = "source", type = "string", optional = false },
        { name = "section", type = "string", optional = true },
        { name = "secret", type = "bool", optional = false },
        { name = "type", type = "string", optional = true },
        { name = "validation", type = "string", optional = true },
        { name = "description", type = "string", optional = true },
      },
    },
  },
}
