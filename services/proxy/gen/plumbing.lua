-- Generated from service.yaml by `moonbus gen`; do not edit.

-- luacheck: no max line length

-- What the host knows of proxy-svc, and what editors should know of its `svc`.

---@class services.proxy.config

---@class services.proxy.metrics

---@class services.proxy
---@field host string
---@field config services.proxy.config
---@field metrics services.proxy.metrics
---@field resources table<string, string>

return {
  source = "8f4bc1be2ded9018522bf11209585be0ad53420ff05508b80c02597d2b53b834",
  host = "proxy-svc",
  description = "The proxy's policies. Requests are forwarded in C; what policies/proxy.lua defines is asked on the way.",
  openApi = false,
  kinds = {},
  configs = {},
  functions = {},
  events = {},
  sinks = {},
  webs = {},
  tickers = {},
  metrics = {},
  classes = {},
}
