-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of openapiportal.core, and what editors should know of its `svc`.

---@class services.openapiportal.config

---@class services.openapiportal.metrics

---@class services.openapiportal: Service
---@field config services.openapiportal.config
---@field metrics services.openapiportal.metrics
---@field List fun(ctx: Context, req: Request, res: Response): ...

return {
  source = "e2f1c74ce8ae921c2369f6d065e13d83ef24d2fbef7a9ad39f9ebc86f01597ee",
  host = "openapiportal.core",
  description = "Shows where the OpenAPI documents of all services are.",
  openApi = true,
  kinds = { List = "web" },
  configs = {},
  functions = {},
  events = {},
  sinks = {},
  webs = {
    {
      name = "List",
      host = "openapi",
      description = "List shows a page with links to the OpenAPI documents of all services.",
      openApi = true,
      method = "ANY",
      port = 0,
      path = "",
      queue = "default",
    },
  },
  tickers = {},
  metrics = {},
  classes = {},
}
