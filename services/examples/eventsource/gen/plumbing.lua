-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of eventsource.example, and what editors should know of its `svc`.

---@class services.examples.eventsource.config

---@class services.examples.eventsource.metrics

---@class services.examples.eventsource: Service
---@field config services.examples.eventsource.config
---@field metrics services.examples.eventsource.metrics
---@field Register fun(ctx: Context, email: string): boolean

return {
  source = "c0731c2b2bed70e7f19d825c18311ae0f9f60cd64c63a5e880ae6d1a721a351e",
  host = "eventsource.example",
  description = "Eventsource lets people register, and tells whoever wants to know.",
  openApi = true,
  kinds = { OnAllowRegister = "event", OnRegistered = "event", Register = "function" },
  configs = {},
  functions = {
    {
      name = "Register",
      description = "Register registers an address, unless somebody objects.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/register",
      queue = "default",
      inputs = { { name = "email", type = "string" } },
      outputs = { { name = "allowed", type = "bool" } },
    },
  },
  events = {
    {
      name = "OnAllowRegister",
      description = "OnAllowRegister is fired before an address is registered. One objection is enough.",
      method = "POST",
      port = 417,
      path = "/on-allow-register",
      inputs = { { name = "email", type = "string" } },
      outputs = { { name = "allow", type = "bool" } },
    },
    {
      name = "OnRegistered",
      description = "OnRegistered is fired after an address was registered.",
      method = "POST",
      port = 417,
      path = "/on-registered",
      inputs = { { name = "email", type = "string" } },
      outputs = {},
    },
  },
  sinks = {},
  webs = {},
  tickers = {},
  metrics = {},
  classes = {},
}
