-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of eventsink.example, and what editors should know of its `svc`.

---@class services.examples.eventsink.config

---@class services.examples.eventsink.metrics

---@class services.examples.eventsink: Service
---@field config services.examples.eventsink.config
---@field metrics services.examples.eventsink.metrics
---@field Registered fun(ctx: Context): string[]
---@field OnAllowRegister fun(ctx: Context, email: string): boolean
---@field OnRegistered fun(ctx: Context, email: string)

return {
  source = "0fafa565464e835962a912bd27be8447c2def9a1cc976cf066959980a31bce30",
  host = "eventsink.example",
  description = "Eventsink has a say in who registers, and remembers who did.",
  openApi = true,
  kinds = { OnAllowRegister = "sink", OnRegistered = "sink", Registered = "function" },
  configs = {},
  functions = {
    {
      name = "Registered",
      description = "Registered lists the addresses that were registered, the first one first.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/registered",
      queue = "default",
      inputs = {},
      outputs = { { name = "emails", type = "[]string" } },
    },
  },
  events = {},
  sinks = {
    {
      name = "OnAllowRegister",
      source = "services/examples/eventsource",
      description = "OnAllowRegister objects to some providers of mail.",
      queue = "default",
      event = "OnAllowRegister",
      inputs = { { name = "email", type = "string" } },
      outputs = { { name = "allow", type = "bool" } },
    },
    {
      name = "OnRegistered",
      source = "services/examples/eventsource",
      description = "OnRegistered remembers who has registered.",
      queue = "default",
      event = "OnRegistered",
      inputs = { { name = "email", type = "string" } },
      outputs = {},
    },
  },
  webs = {},
  tickers = {},
  metrics = {},
  classes = {},
}
