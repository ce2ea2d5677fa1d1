-- spec.station: what answers for a host on the bus of a spec: a service, or handlers that play one. A call by name runs a
-- function, ":event" a sink, and ":request" whatever is declared at its URL. Pure.

local answer = require "service.answer"
local errors = require "errors"
local gen_url = require "gen.url"
local message = require "service.message"
local url = require "url"

local M = {}

---@class Station
---@field host string
---@field topics table<string, true> what it listens to besides its own host
---@field hidden boolean? no service, but somebody who waits for an event
---@field call fun(ctx: Context, name: string, ...): ... arguments are its own to keep

--- What a sink of an event listens to.
---@param host string of the service that fires it
---@param event string
---@return string
function M.topic(host, event)
  return ("event %s %s"):format(host, event)
end

-- ---- what is at a path ----

-- The path arguments when `path` is one of those that `spec` means, and how many segments are literally the same.
local function match(spec, path)
  local at, position, values, same = 1, 0, {}, 0
  for segment in (spec .. "/"):gmatch("([^/]*)/") do
    if at > #path + 1 then
      return nil
    end
    local found = path:match("^[^/]*", at)
    local name, greedy = gen_url.argument(segment, position + 1)
    if name then
      position = position + 1
      values[name] = url.decode(greedy and path:sub(at) or found)
      if greedy then
        return values, same
      end
    elseif segment ~= found then
      return nil
    else
      same = same + 1
    end
    at = at + #found + 1
  end
  return at > #path + 1 and values or nil, same
end

local function listens(item, own, host, wire)
  local port, method = item.port, item.method
  return (item.host or own) == host and (port == 0 or port == wire.port)
    and (method == "ANY" or method == wire.method or (method == "GET" and wire.method == "HEAD"))
end

-- Of several the most literal one. As <id>.<host>, or as one of all, a service is asked for what it has at its own host.
local function at_path(self, wire)
  local plumbing, best, values, most = self.plumbing, nil, nil, nil
  local host = self.topics["//" .. wire.host] and wire.host or self.host
  for _, section in ipairs { "functions", "webs" } do
    for _, item in ipairs(plumbing[section]) do
      if listens(item, self.host, host, wire) then
        local found, same = match(gen_url.encode_path(item.path), wire.path)
        if found and (not most or same > most) then
          best, values, most = item, found, same
        end
      end
    end
  end
  return best, values
end

--- Runs a web handler on a request in memory.
---@param handler function
---@param ctx Context
---@param req Request
---@return ResultMessage
function M.run_web(handler, ctx, req)
  local res = message.response(req)
  ctx.request = req
  answer.web(res, handler(ctx, req, res))
  return res:result()
end

-- ---- stations ----

local function request(self, ctx, wire)
  local item, args = at_path(self, wire)
  if self.rest and (not item or item.inputs) then
    return self.rest(ctx, ":request", wire)
  elseif not item then
    return nil, 404, ("%s has nothing at %s"):format(self.host, wire.path)
  elseif item.inputs then
    errors.raise(501, ("%s is a function: a mock is called by its name"):format(item.name))
  end
  local req = message.request {
    method = wire.method, path = wire.path ~= "" and wire.path or "/", query = wire.query, headers = wire.headers,
    body = wire.body, host = wire.host, args = args, account = ctx.account, token = ctx.token, id = ctx.id,
  }
  return M.run_web(self.handler(item.name), ctx, req)
end

local function run(self, ctx, name, ...)
  if self.plumbing.kinds[name] ~= "function" then
    if self.rest then
      return self.rest(ctx, name, ...)
    end
    errors.raise(404, ("%s has no function %s"):format(self.host, name))
  end
  return self.handler(name)(ctx, ...)
end

local function event(self, ctx, topic, ...)
  local name = self.sinks[topic] or errors.raise(404, ("%s has no sink for %s"):format(self.host, tostring(topic)))
  return self.handler(name)(ctx, ...)
end

--- What answers for a service.
---@param plumbing Plumbing
---@param handler fun(name: string): function the code of a function, web or sink; raises when there is none
---@param rest? fun(ctx: Context, name: string, ...): ... what the service itself does about any other call
---@return Station
function M.new(plumbing, handler, rest)
  local self = { host = plumbing.host, plumbing = plumbing, handler = handler, rest = rest, sinks = {}, topics = {} }
  for _, sink in ipairs(plumbing.sinks) do
    if sink.event_host then
      local topic = M.topic(sink.event_host, sink.event)
      self.sinks[topic], self.topics[topic] = sink.name, true
    end
  end
  for _, section in ipairs { "functions", "webs" } do
    for _, item in ipairs(plumbing[section]) do
      if item.host and item.host ~= plumbing.host then
        self.topics["//" .. item.host] = true
      end
    end
  end
  function self.call(ctx, name, ...)
    if name == ":request" then
      return request(self, ctx, ...)
    elseif name == ":event" then
      return event(self, ctx, ...)
    end
    return run(self, ctx, name, ...)
  end
  return self
end

return M
