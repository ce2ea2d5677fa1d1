-- endpoint: runs the handler behind a declared function, sink or web, whichever way the request came: over HTTP, as a message
-- over the bus, or as a call with Lua values.

local answer = require "service.answer"
local body = require "service.body"
local context = require "service.context"
local errors = require "errors"
local lazy = require "lazy"
local request = require "request"
local resources = require "service.resources"

local arguments, message = lazy "service.arguments", lazy "service.message"

local M = {}

-- ---- the two kinds of exchange ----

---@class Exchange
---@field ctx fun(x: Exchange): Context
---@field source fun(x: Exchange, method: string, params: table?): ArgumentSource
---@field send fun(x: Exchange, status: integer, value: any) as JSON; nil = no body
---@field pair fun(x: Exchange, params: table?): Request, Response
---@field settle fun(value: any): boolean the usual answers of a web, at once; false = it is for service.answer

-- What is only looked at when somebody asks: most requests have no body and many no query.
local HTTP_SOURCE = {
  query = request.query_string,
  has_body = request.has_body,
  content_type = function()
    return request.field("content-type")
  end,
  body = function()
    return function()
      return (request.current()):body()
    end
  end,
}

local HttpSource = {}

function HttpSource.__index(source, key)
  local get = HTTP_SOURCE[key]
  if not get then
    return nil
  end
  local value = get()
  if value == nil then
    value = false
  end
  rawset(source, key, value)
  return value
end

--- The exchange of the running task, which came over HTTP.
M.http = {
  ctx = context.of_request,
  source = function(_, method, params)
    return setmetatable({ method = method, params = params or false }, HttpSource)
  end,
  send = function(_, status, value)
    if value == nil then
      request.answer(status)
    else
      request.json(value, status)
    end
  end,
  pair = function(_, params)
    local req, res = request.current()
    if params then
      request.set_args(req, params)
    end
    return req, res
  end,
  settle = request.settle,
}

local Message = {}
Message.__index = Message

function Message:ctx()
  return self.context
end

function Message:source(method, params)
  local req = self.req
  return {
    method = method,
    query = req.query_string,
    params = params,
    content_type = req:header("content-type"),
    has_body = req.length > 0,
    body = function()
      return req:body()
    end,
  }
end

function Message:send(status, value)
  if value == nil then
    self.res:answer(status)
  else
    self.res:json(value, status)
  end
end

function Message:pair(params)
  if params then
    message.set_args(self.req, params)
  end
  return self.req, self.res
end

function Message.settle()
  return false
end

--- The exchange of a message that came over the bus.
---@param ctx Context
---@param req Request
---@param res Response
---@return Exchange
function M.message(ctx, req, res)
  return setmetatable({ context = ctx, req = req, res = res }, Message)
end

-- ---- handlers ----

local function no_code(item)
  return ("%s is declared but has no code"):format(item.name)
end

--- Runs a function or sink for an exchange.
---@param svc table the service's inner record: handlers, platform, optional_body
---@param item table a plumbed function or sink, with `method` and `path`
---@param classes table
---@return fun(x: Exchange, params: table?, method: string)
function M.fn(svc, item, classes)
  local n, handlers, name = #item.inputs, svc.handlers, item.name
  local results, reader
  return function(x, params, method)
    local handler = handlers[name]
    results = results or arguments.results(item, classes)
    if not handler then
      x:send(501, { error = no_code(item) })
    elseif n == 0 then
      x:send(results(handler(x:ctx())))
    else
      reader = reader
        or arguments.reader(item, classes, { platform = svc.platform, optional_body = svc.optional_body[name] })
      x:send(results(handler(x:ctx(), table.unpack(reader(x:source(method, params)), 1, n))))
    end
  end
end

--- Runs a web handler for an exchange.
---@param svc table
---@param item table
---@return fun(x: Exchange, params: table?)
function M.web(svc, item)
  return function(x, params)
    local handler = svc.handlers[item.name]
    local req, res = x:pair(params)
    if not handler then
      res:json({ error = no_code(item) }, 501)
    else
      local first, second = handler(x:ctx(), req, res)
      if not x.settle(first) then
        answer.web(res, first, second)
      end
    end
  end
end

--- Runs a function or sink for a call with Lua values.
---@param svc table
---@param item table
---@param classes table
---@return fun(ctx: Context, ...): any ...
function M.call(svc, item, classes)
  local handlers, name = svc.handlers, item.name
  local adopt
  return function(ctx, ...)
    local handler = handlers[name]
    if not handler then
      errors.raise(501, no_code(item))
    end
    adopt = adopt or arguments.adopter(item, classes)
    return handler(ctx, adopt(...))
  end
end

request.extend(body.methods, {
  --- Answers with a file of resources/.
  ---@param res Response
  ---@param name string
  file = function(res, name)
    resources.own():serve(request.of(res), res, name)
  end,
})

return M
