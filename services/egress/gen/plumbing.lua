-- Generated from service.yaml by `moonbus gen`; do not edit.

-- luacheck: no max line length

-- What the host knows of http.egress.core, and what editors should know of its `svc`.

---@class services.egress.config
---@field AllowLinkLocal boolean AllowLinkLocal lets requests go to link-local addresses, where clouds keep their machines' credentials.

---@class services.egress.metrics

---@class services.egress: Service
---@field config services.egress.config
---@field metrics services.egress.metrics
---@field MakeRequest fun(ctx: Context, req: Request, res: Response): ...

return {
  source = "1274583ce55009dcd22861467277f8ad62a3bb75c61755405d765348f81a294b",
  host = "http.egress.core",
  description = "Sends HTTP requests to the world outside.",
  openApi = true,
  kinds = { AllowLinkLocal = "config", MakeRequest = "web" },
  configs = {
    {
      name = "AllowLinkLocal",
      description = "AllowLinkLocal lets requests go to link-local addresses, where clouds keep their machines' credentials.",
      type = "bool",
      default = "false",
      validation = "bool",
      callback = false,
      secret = false,
    },
  },
  functions = {},
  events = {},
  sinks = {},
  webs = {
    {
      name = "MakeRequest",
      description = "MakeRequest sends the HTTP/1.1 request that is the body of this one, and answers with its response.\nThe request line has an absolute URL.",
      openApi = true,
      method = "POST",
      port = 444,
      path = "/make-request",
      queue = "default",
    },
  },
  tickers = {},
  metrics = {},
  classes = {},
}
