-- client: what gen/api.lua is made of: a service as those see it who call it. Used by generated code.

local bus = require "bus"
local gen_url = require "gen.url"
local message = require "lazy" "service.message"

local M = {}

---@class WebRequest
---@field method string? that of the declaration when it is left out, GET for any
---@field url string? resolved against the endpoint's: "?q=1", "/other", "https://…"
---@field query table<string, string>|string?
---@field headers table<string, string>?
---@field body string?

---@class WebResponse: BusResponse

local CONTROL = 888 -- the port of what every service answers by itself

-- How a function is called on the bus. Control functions have names that no declaration can have.
local function wire_name(item)
  return item.port == CONTROL and ":control." .. item.name or item.name
end

-- The message that a call of a web handler is. Values of the query whose names are arguments of the path go into the path.
local function web_message(host, item, sent)
  sent = sent or {}
  local base = ("https://%s:%d%s"):format(item.host or host, item.port == 0 and 443 or item.port, item.path)
  local where, why = gen_url.resolve(base, sent.url or "")
  if not where then
    error(("the URL %q leads nowhere: %s"):format(tostring(sent.url), why), 3)
  end
  local query = type(sent.query) == "table" and message.query(sent.query) or sent.query or ""
  if query ~= "" then
    where = where .. (where:find("?", 1, true) and "&" or "?") .. query
  end
  local method = sent.method or item.method
  return {
    method = method == "ANY" and (sent.body and "POST" or "GET") or method,
    url = gen_url.fill(where),
    headers = sent.headers,
    body = sent.body,
  }
end

local function web_caller(host, item)
  return function(ctx, sent)
    return bus.request(ctx, web_message(host, item, sent))
  end
end

local function function_caller(host, item)
  local name = wire_name(item)
  return function(ctx, ...)
    return bus.call(ctx, host, name, ...)
  end
end

-- To all that answer for the host.
local function all_caller(host, item)
  local name = wire_name(item)
  return function(ctx, ...)
    local hosts = host == "all" and bus.hosts() or { host }
    local values = table.pack(...)
    return bus.each(bus.gather(hosts, function(one)
      return bus.call(ctx, one, name, table.unpack(values, 1, values.n))
    end))
  end
end

local function all_web_caller(host, item)
  return function(ctx, sent)
    return bus.each(bus.publish(ctx, web_message(host, item, sent)))
  end
end

--- The topic of an event: what a sink listens to.
---@param host string of the source
---@param event string
---@return string
function M.topic(host, event)
  return ("event %s %s"):format(host, event)
end

local function trigger(host, item)
  local topic = M.topic(host, item.name)
  return function(ctx, ...)
    local values = table.pack(...)
    return bus.each(bus.gather(bus.listeners(topic), function(sink)
      return bus.call(ctx, sink, ":event", topic, table.unpack(values, 1, values.n))
    end))
  end
end

local function only_in_specs(what)
  return function()
    error(("%s is for specs: moonbus test"):format(what), 2)
  end
end

local function unknown(host, what)
  return function(_, name)
    error(("%s has no %s %q"):format(host, what, tostring(name)), 2)
  end
end

local function table_of(host, what, lists)
  local out = {}
  for _, entry in ipairs(lists) do
    for _, item in ipairs(entry[1]) do
      out[item.name] = entry[2](host, item)
    end
  end
  return setmetatable(out, { __index = unknown(host, what) })
end

local hooks = { mock = only_in_specs("mock"), on = only_in_specs("on") }

--- For the runner of specs: mock(host, handlers) and on(host, event, handler).
---@param mock fun(host: string, handlers: table<string, function>)
---@param on fun(topic: string, handler: function)
function M.hook(mock, on)
  hooks.mock, hooks.on = mock, on
end

local bind

local function make(data, host)
  local api = {
    host = host,
    all = table_of(host, "function", { { data.functions, all_caller }, { data.webs, all_web_caller } }),
    fire = table_of(host, "event", { { data.events, trigger } }),
    on = table_of(host, "event", { { data.events, function(source, item)
      return function(handler)
        return hooks.on(M.topic(source, item.name), handler)
      end
    end } }),
  }
  local callers = table_of(host, "function", { { data.functions, function_caller }, { data.webs, web_caller } })

  --- Calls a function or web handler by its name.
  function api.call(name, ctx, ...)
    return callers[name](ctx, ...)
  end

  --- The same service under another host: <id>.<host> is one replica of it.
  function api.for_host(other)
    return setmetatable({}, { __index = bind(data, other, callers) })
  end

  --- In specs: answers in place of the service.
  function api.mock(handlers)
    return hooks.mock(host, handlers)
  end

  return api, callers
end

-- With the functions themselves in it, which a generated module defines on its own.
function bind(data, host)
  local api, callers = make(data, host)
  for _, list in ipairs { data.functions, data.webs } do
    for _, item in ipairs(list) do
      api[item.name] = callers[item.name]
    end
  end
  return api
end

--- The client of a service.
---@param data { host: string, functions: PlumbedEndpoint[], webs: PlumbedEndpoint[], events: PlumbedEndpoint[] }
---@return table api { host, call, all, fire, on, for_host, mock }
function M.bind(data)
  return (make(data, data.host))
end

return M
