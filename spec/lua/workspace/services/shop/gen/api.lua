-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- shop.example for those who call it:
--
--     local shop = require "services.shop.api"

local client = require "client"

---@class services.shop.api.all
---@field Price fun(ctx: Context, item: string, amount: integer): fun(): Answer?
---@field Divide fun(ctx: Context, x: integer, y: integer): fun(): Answer?
---@field Find fun(ctx: Context, name: string): fun(): Answer?
---@field Page fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field Buy fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field Wrong fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.shop.api.fire
---@field OnBought fun(ctx: Context, item: string, at: number): fun(): Answer?

---@class services.shop.api.on
---@field OnBought fun(handler: fun(ctx: Context, item: string, at: number): boolean)

---@class services.shop.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field all services.shop.api.all
---@field fire services.shop.api.fire
---@field on services.shop.api.on
local api = client.bind {
  host = "shop.example",
  functions = {
    {
      name = "Price",
      method = "ANY",
      port = 443,
      path = "/price",
      queue = "default",
      inputs = { { name = "item", type = "string" }, { name = "amount", type = "int" } },
      outputs = { { name = "price", type = "float64" }, { name = "at", type = "time.Time" } },
    },
    {
      name = "Divide",
      method = "ANY",
      port = 443,
      path = "/divide",
      queue = "default",
      inputs = { { name = "x", type = "int" }, { name = "y", type = "int" } },
      outputs = { { name = "quotient", type = "float64" } },
    },
    {
      name = "Find",
      method = "ANY",
      port = 443,
      path = "/find",
      queue = "default",
      inputs = { { name = "name", type = "string" } },
      outputs = { { name = "item", type = "*Item" } },
    },
  },
  events = {
    {
      name = "OnBought",
      method = "POST",
      port = 417,
      path = "/on-bought",
      inputs = { { name = "item", type = "string" }, { name = "at", type = "time.Time" } },
      outputs = { { name = "welcome", type = "bool" } },
    },
  },
  webs = {
    { name = "Page", method = "ANY", port = 443, path = "/pages/{name}/{rest+}", queue = "default" },
    { name = "Buy", method = "POST", port = 443, path = "/buy", queue = "default" },
    { name = "Wrong", method = "GET", port = 443, path = "/wrong", queue = "default" },
  },
  classes = {
    Item = {
      fields = {
        { name = "name", type = "string", optional = false },
        { name = "made", type = "time.Time", optional = false },
        { name = "parts", type = "[]Item", optional = true },
      },
    },
  },
}

--- Price asks the calculator.
---@param ctx Context
---@param item string
---@param amount integer
---@return number price
---@return number at
function api.Price(ctx, item, amount)
  return api.call("Price", ctx, item, amount)
end

--- Divide is a function.
---@param ctx Context
---@param x integer
---@param y integer
---@return number quotient
function api.Divide(ctx, x, y)
  return api.call("Divide", ctx, x, y)
end

--- Find is a function.
---@param ctx Context
---@param name string
---@return Item? item
function api.Find(ctx, name)
  return api.call("Find", ctx, name)
end

--- Page is a web.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Page(ctx, request)
  return api.call("Page", ctx, request)
end

--- Buy is a web.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Buy(ctx, request)
  return api.call("Buy", ctx, request)
end

--- Wrong is a web.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.Wrong(ctx, request)
  return api.call("Wrong", ctx, request)
end

return api
