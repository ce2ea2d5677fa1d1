-- service: binds a service.lua to its declaration.
--
--     local svc = require "service" (...)
--     function svc.Add(ctx, x, y) return x + y end
--     return svc
--
-- Reads what is declared, collects the handlers as they are assigned, and gives the host the entry points that it calls:
-- dispatch (an HTTP request), call (over the bus), start and stop. Loading declares and does nothing else.

local bus = require "bus"
local client = require "client"
local config = require "service.config"
local context = require "service.context"
local declared = require "service.declared"
local endpoint = require "service.endpoint"
local errors = require "errors"
local files = require "files"
local json = require "json"
local lazy = require "lazy"
local metrics = require "service.metrics"
local request = require "request"
local routes = require "service.routes"
local time = require "time"

local cache, control, message = lazy "service.cache", lazy "service.control", lazy "service.message"
local openapi, resources, tickers = lazy "openapi", lazy "service.resources", lazy "service.tickers"

---@class Service what require "service" (...) gives; what the declaration adds is in its gen/plumbing.lua
---@field host string
---@field id string the replica: ten characters, the same on all workers of a host
---@field cache Cache
---@field resources Resources
---@field on_check? fun(ctx: Context) may raise: this generation does not come into service
---@field on_start? fun(ctx: Context) this generation came into service; on one worker
---@field on_stop? fun(ctx: Context) it went out of service
---@field on_unload? fun(ctx: Context): table? what on_load of the next generation gets
---@field on_load? fun(ctx: Context, state: table)

---@overload fun(folder: string): table
local M = {}

local CONTROL = 888 -- the port of lua/service/control.lua

-- ---- routes ----

local function run_openapi(svc)
  return function(x, _, _, port)
    local req, res = x:pair()
    local base = not x.port and ("http://%s/"):format(req.host) or nil
    local text = openapi.text(svc.plumbing, { port = x.port or port, base = base, version = svc.version() })
    if text then
      res:answer(200, text, "application/json; charset=utf-8")
    else
      res:answer(404)
    end
  end
end

local function endpoints_of(svc)
  local list, plumbing = {}, svc.plumbing
  local function add(item, run)
    table.insert(list, { host = item.host, port = item.port, path = item.path, method = item.method, run = run })
  end
  for _, item in ipairs(plumbing.functions) do
    add(item, endpoint.fn(svc, item, plumbing.classes))
  end
  for _, item in ipairs(plumbing.webs) do
    add(item, endpoint.web(svc, item))
  end
  for _, sink in ipairs(plumbing.sinks) do
    if sink.at then
      local item = { name = sink.name, inputs = sink.inputs, outputs = sink.outputs }
      for key, value in pairs(sink.at) do
        item[key] = value
      end
      add(item, endpoint.fn(svc, item, plumbing.classes))
    end
  end
  add({ port = 0, path = "/openapi.json", method = "GET" }, run_openapi(svc))
  return list
end

-- ---- requests from outside ----

local function names_of(allowed)
  local names = {}
  for name in pairs(allowed) do
    table.insert(names, name)
  end
  if allowed.GET and not allowed.HEAD then
    table.insert(names, "HEAD")
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- Nothing answers here, or not with this method: then `allowed` has those that would.
local function no_route(svc, x, method, path, allowed)
  local _, res = x:pair()
  if svc.platform then
    res:nowhere()
  elseif next(allowed) == nil then
    res:json({ error = ("%s has nothing at %s"):format(svc.host, path) }, 404)
  else
    res:header("Allow", names_of(allowed))
    res:json({ error = ("%s is not allowed for %s"):format(method, path) }, 405)
  end
end

-- Another service that listens at this host may have what this one has not.
local function pass_on(svc, host, port, method, path)
  local others = bus.listeners("//" .. host)
  if #others < 2 then
    return false
  end
  local req, res = request.current()
  local wire = {
    method = method, host = host, port = port, path = path, query = req.query_string, headers = req.headers, body = req:body(),
  }
  for _, other in ipairs(others) do
    local got = other ~= svc.host and bus.call(context.of_request(), other, ":request", wire)
    if got then
      for name, value in pairs(got.headers) do
        for _, one in ipairs(type(value) == "table" and value or { value }) do
          res:header(name, one)
        end
      end
      res:answer(got.status, got.body)
      return true
    end
  end
  return false
end

-- `host` and `port` come with requests that named another host than the service's own, or a port; `path` is then what is
-- behind them.
local function make_dispatch(svc)
  local table_of, http, prefix, handling = svc.routes, endpoint.http, #svc.host + 2, request.handling
  local usual = table_of.usual
  return function(method, path, host, port)
    if not host then
      local methods = usual[path]
      local route = methods and (methods[method] or methods.ANY)
      if route then
        handling(route.label, 443, method)
        return route.run(http, nil, method, 443)
      end
      host, port, path = svc.host, 443, path:sub(prefix)
    end
    local route, params = table_of:find(method, host, port, path)
    if route and not (svc.platform and method == "HEAD" and route.method == "GET") then
      handling(route.label, port, method)
      return route.run(http, params, method, port)
    elseif host == svc.host or not pass_on(svc, host, port, method, path) then
      return no_route(svc, http, method, "/" .. host .. path, route and {} or params)
    end
  end
end

-- ---- the bus ----

local function result_of(res)
  local result, _ = res:result(), nil
  _, result.id = bus.self()
  return result
end

local function answer_message(svc, ctx, wire)
  local req = message.request {
    method = wire.method, path = wire.path ~= "" and wire.path or "/", query = wire.query, headers = wire.headers,
    body = wire.body, host = wire.host, id = ctx.id, account = ctx.account, token = ctx.token,
  }
  local res = message.response(req)
  if wire.port == CONTROL and control.answer(svc, ctx, req, res) then
    return result_of(res)
  end
  -- As <id>.<host>, or for all, it is asked for what it has at its own host.
  local host = svc.routes.places[wire.host] and wire.host or svc.host
  local route, params = svc.routes:find(req.method, host, wire.port, wire.path)
  if not route then
    local allowed = next(params) ~= nil and names_of(params)
    return nil, allowed and 405 or 404, allowed and ("%s is not allowed for %s, only %s"):format(req.method, wire.path, allowed)
      or ("%s has nothing at %s"):format(svc.host, wire.path)
  end
  local x = endpoint.message(ctx, req, res)
  x.port = wire.port
  request.handling(route.label, wire.port, req.method)
  route.run(x, params, req.method)
  return result_of(res)
end

local function make_call(svc)
  local functions, labels, events = {}, {}, {}
  for _, item in ipairs(svc.plumbing.functions) do
    functions[item.name] = endpoint.call(svc, item, svc.plumbing.classes)
    labels[item.name] = {
      ("%s:%d%s"):format(item.host or svc.host, item.port, item.path), item.port, item.method == "ANY" and "POST" or item.method,
    }
  end
  for _, sink in ipairs(svc.plumbing.sinks) do
    if sink.at then
      local topic = client.topic(sink.at.host, sink.event)
      events[topic] = endpoint.call(svc, sink, svc.plumbing.classes)
      labels[topic] = { ("%s:%d%s"):format(sink.at.host, sink.at.port, sink.at.path), sink.at.port, sink.at.method }
    end
  end

  local function special(ctx, name, ...)
    if name == ":request" then
      return answer_message(svc, ctx, ...)
    elseif name == ":event" then
      local sink = events[(...)] or errors.raise(404, ("%s has no sink for %s"):format(svc.host, tostring((...))))
      local label = labels[(...)]
      request.handling(label[1], label[2], label[3])
      return sink(ctx, select(2, ...))
    end
    local control_name = name:match("^:control%.(.*)$")
    if control_name then
      return control.call(svc, ctx, control_name, ...)
    end
    return errors.raise(404, ("%s has no function %s"):format(svc.host, name))
  end

  return function(from, platform, known, frame, name, ...)
    local ctx = context.of_call(from, platform, known, frame)
    local fn = functions[name]
    if fn then
      local label = labels[name]
      request.handling(label[1], label[2], label[3])
      return fn(ctx, ...)
    end
    return special(ctx, name, ...)
  end
end

-- What it listens to besides its own host: other hosts, and events.
local function topics_of(svc)
  local topics, seen = {}, {}
  local function add(topic)
    if not seen[topic] then
      seen[topic] = true
      table.insert(topics, topic)
    end
  end
  for _, section in ipairs { "functions", "webs" } do
    for _, item in ipairs(svc.plumbing[section]) do
      if item.host and item.host ~= svc.host then
        add("//" .. item.host)
      end
    end
  end
  for _, sink in ipairs(svc.plumbing.sinks) do
    if sink.at then
      add(client.topic(sink.at.host, sink.event))
      add("events " .. sink.at.host)
    end
  end
  table.sort(topics)
  return topics
end

-- ---- life ----

local function traced(e)
  return type(e) == "string" and debug.traceback(e, 2) or e
end

-- Where it was raised counts more than what else an error value says.
local function traced_text(e)
  return debug.traceback(errors.is(e) and e.message or tostring(e), 2)
end

local function callback(name, fn, handler)
  local began = time.monotonic()
  local ok, problem = xpcall(fn, handler or traced, context.new {})
  request.callback(name, time.monotonic() - began, not ok)
  if not ok then
    error(problem, 0)
  end
end

-- `state` is what the generation before left.
local function make_start(svc)
  local hooks = svc.hooks
  return function(state)
    callback("startup", function(ctx)
      if #svc.plumbing.configs > 0 then
        control.fetch_configs(svc, ctx)
      end
      if state ~= nil and hooks.on_load then
        hooks.on_load(ctx, state)
      end
      if hooks.on_start then
        hooks.on_start(ctx)
      end
    end)
    if #svc.plumbing.tickers > 0 then
      tickers.start(svc.plumbing.tickers, svc.handlers)
    end
  end
end

-- This and the next two: nil when there is nothing to do. Before anything of the service was in service, its configs are
-- fetched for the check; later they are those of the generation in service.
local function make_check(svc)
  local on_check = svc.hooks.on_check
  return on_check and function(first)
    callback("check", function(ctx)
      if first then
        control.fetch_configs(svc, ctx)
      end
      on_check(ctx)
    end, traced_text)
  end
end

local function make_unload(svc)
  local on_unload = svc.hooks.on_unload
  return on_unload and function()
    local state
    callback("unload", function(ctx)
      state = on_unload(ctx)
    end, traced_text)
    if state ~= nil and type(state) ~= "table" then
      error(("it returned a %s, not a table"):format(type(state)), 0)
    end
    return state
  end
end

local function make_stop(svc)
  return svc.hooks.on_stop and function()
    callback("shutdown", svc.hooks.on_stop)
  end
end

-- ---- loading ----

local HOOKS = { on_check = true, on_load = true, on_start = true, on_unload = true, on_stop = true }
local HANDLERS = { ["function"] = true, sink = true, web = true, ticker = true }

-- The names that want code.
local function handler_names(plumbing)
  local names = {}
  for name, kind in pairs(plumbing.kinds) do
    names[name] = HANDLERS[kind]
  end
  for _, item in ipairs(plumbing.configs) do
    if item.callback then
      names["OnChanged" .. item.name] = true
    end
  end
  return names
end

local INNER = {} -- key of what the runtime keeps of a service

-- The version that the generator counts; 0 = it was not generated.
local function version_of()
  local ok, made = pcall(require, "gen.version")
  return ok and type(made) == "table" and made.version or 0
end

local LAZY = {
  id = function()
    local _, id = bus.self()
    return id
  end,
  version = version_of,
  cache = function()
    return cache.bind()
  end,
  resources = function()
    return resources.own()
  end,
}

-- A config was assigned: its callback runs beside whoever did that, with a context of its own.
local function watch_configs(inner)
  config.on_change(inner.config, function(changed)
    control.notify(inner, context.new {}, changed)
  end)
end

local function bind(folder)
  local plumbing, warnings = declared.load(folder)
  local inner = {
    warnings = warnings,
    folder = folder,
    host = plumbing.host,
    plumbing = plumbing,
    names = handler_names(plumbing),
    handlers = {},
    hooks = {},
    optional_body = {},
    config = config.bind(plumbing),
    version = version_of,
    undeclared = {},
  }
  watch_configs(inner)
  local svc = {
    [INNER] = inner,
    host = plumbing.host,
    config = inner.config,
    metrics = metrics.bind(plumbing),
  }
  return setmetatable(svc, {
    __newindex = function(_, name, value)
      if name == "optional_body" then
        inner.optional_body = value
      elseif HOOKS[name] then
        inner.hooks[name] = value
      elseif inner.names[name] then
        inner.handlers[name] = value
      else
        table.insert(inner.undeclared, tostring(name))
      end
    end,
    __index = function(self, name)
      local value = inner.handlers[name] or inner.hooks[name]
      if value == nil and LAZY[name] then
        value = LAZY[name]()
        rawset(self, name, value)
      end
      return value
    end,
  })
end

-- What is odd about a service and does not stop it, a sentence each.
local function oddities(inner)
  local list = table.move(inner.warnings, 1, #inner.warnings, 1, {})
  local missing = {}
  for name in pairs(inner.names) do
    if not inner.handlers[name] then
      table.insert(missing, name)
    end
  end
  table.sort(missing)
  for _, name in ipairs(missing) do
    table.insert(list, ("services/%s: %s is declared but has no code"):format(inner.folder, name))
  end
  for _, name in ipairs(inner.undeclared) do
    table.insert(list, ("services/%s: svc.%s is not declared in service.yaml"):format(inner.folder, name))
  end
  return list
end

-- Which policies a platform service asks, as JSON. Reading them finds what is wrong with the user's, whoever asks them when.
local function rules_of(platform)
  if platform and files.read "policy.lua" then
    return json.encode(require("policies").list())
  end
end

--- The runtime's record of a service. For the runner of specs.
---@param svc table what require "service" (...) returned
---@return table? { host, plumbing, handlers, routes, … }
function M.inner(svc)
  return type(svc) == "table" and rawget(svc, INNER) or nil
end

--- Raises unless a service.lua gave back its service; the error is at its last line, where that should stand.
---@param svc any what the file returned
---@param place string of the file
---@param source string its text
function M.check_returned(svc, place, source)
  if not M.inner(svc) then
    local _, above = source:gsub("%s+$", ""):gsub("\n", "")
    error(("%s:%d: it must end with `return svc`, what require \"service\" (...) gave it"):format(place, above + 1), 0)
  end
end

--- What the host calls after the service's file ran, and gave back its service.
---@param svc table what require "service" (...) returned
---@param platform boolean
function M.entry(svc, platform)
  local inner = M.inner(svc)
  inner.platform = platform
  if files.trial() then
    declared.find_stubs()
  end
  inner.routes = routes.new(inner.host, endpoints_of(inner))
  return {
    warnings = oddities(inner),
    topics = topics_of(inner),
    rules = rules_of(platform),
    host = inner.host,
    version = inner.version(),
    api = platform,
    dispatch = make_dispatch(inner),
    call = make_call(inner),
    start = make_start(inner),
    check = make_check(inner),
    unload = make_unload(inner),
    stop = make_stop(inner),
  }
end

local own -- the service of this state

--- Binds another service than that of the state. For the runner of specs, where several run side by side.
---@param folder string
---@return table svc
function M.bind(folder)
  return bind(folder)
end

--- The service of this state; nil before its service.lua has asked.
---@return table? svc
function M.own()
  return own
end

--- Lets the next file that asks be the service.lua of this state. For the runner of specs, which runs it more than once.
function M.forget()
  own = nil
end

-- Its service.lua asks first; other files of the folder that ask may have handlers, too.
return setmetatable(M, {
  __call = function(_, folder)
    own = own or bind(folder)
    return own
  end,
})
