-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of messaging.example, and what editors should know of its `svc`.

---@class services.examples.messaging.config

---@class services.examples.messaging.metrics

---@class services.examples.messaging: Service
---@field config services.examples.messaging.config
---@field metrics services.examples.messaging.metrics
---@field Home fun(ctx: Context, req: Request, res: Response): ...
---@field NoQueue fun(ctx: Context, req: Request, res: Response): ...
---@field DefaultQueue fun(ctx: Context, req: Request, res: Response): ...
---@field CacheLoad fun(ctx: Context, req: Request, res: Response): ...
---@field CacheStore fun(ctx: Context, req: Request, res: Response): ...

return {
  source = "0c49f114cd8d99324e5b4983cb0f87293b4dae6c1caa42c788528afc7230d8ce",
  host = "messaging.example",
  description = "Messaging shows how replicas of a service are reached, and what they share.",
  openApi = true,
  kinds = { CacheLoad = "web", CacheStore = "web", DefaultQueue = "web", Home = "web", NoQueue = "web" },
  configs = {},
  functions = {},
  events = {},
  sinks = {},
  webs = {
    {
      name = "Home",
      description = "Home reaches replicas in each of the four ways, and prints who answered.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/home",
      queue = "default",
    },
    {
      name = "NoQueue",
      description = "NoQueue is answered by every replica, as there is no queue in front of them.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/no-queue",
      queue = "none",
    },
    {
      name = "DefaultQueue",
      description = "DefaultQueue is answered by one replica.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/default-queue",
      queue = "default",
    },
    {
      name = "CacheLoad",
      description = "CacheLoad looks for a key in the cache.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/cache-load",
      queue = "default",
    },
    {
      name = "CacheStore",
      description = "CacheStore puts a value into the cache.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/cache-store",
      queue = "default",
    },
  },
  tickers = {},
  metrics = {},
  classes = {},
}
