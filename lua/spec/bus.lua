-- spec.bus: the bus of a spec. Only those are on it whom the spec put there: the service under test, services that it
-- started (`start`), and handlers that play one (`mock`). Values are copied on their way, as between states: a spec cannot
-- pass what the real bus would refuse. A call runs in the task of its caller.
--
-- What a test put there goes when the test ends; what the file did stays until its end.

local assertions = require "assertions"
local context = require "spec.context"
local core = require "spec.core"
local declared = require "spec.declared"
local endpoint = require "service.endpoint"
local errors = require "errors"
local folder = require "folder"
local gen_url = require "gen.url"
local message = require "service.message"
local neighbour = require "spec.neighbour"
local runtime = require "service"
local station = require "spec.station"
local task = require "task"

local M = {}

local DEPTH = 64 -- calls inside calls
local DAY = 86400

local stations = {} -- by host
local own -- host of the service under test
local depths = setmetatable({}, { __mode = "k" }) -- calls under way, by coroutine
local count = 0 -- of sinks that were made

-- ---- who is there ----

--- For the runner: all that are on the bus, to be given to `restore`.
---@return table
function M.mark()
  local copy = {}
  for host, one in pairs(stations) do
    copy[host] = one
  end
  return copy
end

-- nil, or why one that goes did not come to its end.
local function stop(host, one, seconds)
  local ok, why, trace, code = task.bounded(DAY, seconds, one.stop)
  if ok then
    return nil
  end
  local at = code == "timeout" and trace:match "\n +(%S-:%d+): "
  return ("%s could not stop: %s%s"):format(host, tostring(why), at and ", and was at " .. at or "")
end

--- For the runner: whoever came after `mark` goes, and those that were replaced are back.
---@param mark table
---@param seconds number that each may take
---@return string[] problems of those that were stopped
function M.restore(mark, seconds)
  local problems = {}
  for host, one in pairs(stations) do
    if mark[host] ~= one and one.stop then
      table.insert(problems, stop(host, one, seconds))
    end
  end
  stations = {}
  for host, one in pairs(mark) do
    stations[host] = one
  end
  return problems
end

--- For the runner: a file begins, with nobody there. `name` is what the service under test is called until it is known.
---@param name string folder
---@return table others what `leave` takes
function M.enter(name)
  local others = { own = own, stations = stations }
  own, stations = name, {}
  return others
end

--- For the runner: the file is over.
---@param others table
---@param seconds number that each may take
---@return string[] problems of those that were stopped
function M.leave(others, seconds)
  local problems = M.restore({}, seconds)
  own, stations = others.own, others.stations
  return problems
end

-- The code of a service; handlers may be assigned later. Functions and sinks are called as over the host's bus; what is not
-- called by name is left to the runtime.
local function service_station(plumbing, svc)
  local inner, entry = runtime.inner(svc), runtime.entry(svc, folder.platform(plumbing.host:match("^[^.]*")))
  local calls = {}
  for _, section in ipairs { "functions", "sinks" } do
    for _, item in ipairs(plumbing[section]) do
      calls[item.name] = endpoint.call(inner, item, plumbing.classes)
    end
  end
  return station.new(plumbing, function(name)
    return calls[name] or svc[name] or errors.raise(501, ("%s is declared but has no code"):format(name))
  end, function(ctx, name, ...)
    return entry.call(ctx.from.host, ctx.from.platform, false, context.frame(ctx), name, ...)
  end)
end

--- Puts somebody on the bus.
---@param one Station
function M.add(one)
  stations[one.host] = one
end

--- For the runner: the service under test is on the bus, too.
---@param plumbing Plumbing
---@param svc table
function M.host(plumbing, svc)
  own = plumbing.host
  M.add(service_station(plumbing, svc))
end

-- ---- calls ----

local function find(host)
  local id = host:match("^[0-9a-v]+%.(.+)$") -- of one replica
  return stations[host] or stations[id]
    or errors.raise(404, ("there is no %s on the bus of this spec: mock it, or start it"):format(host))
end

-- Errors cross as on the real bus: the text of one that chose no status is not meant for strangers. What an assertion of the
-- spec raised is the test's.
local function fail(problem, host)
  if assertions.is_failure(problem) then
    error(problem, 0)
  end
  local chosen = errors.is(problem) and not problem.internal
  error(errors.remote(chosen and problem.status or nil, tostring(problem), host, "", chosen and problem.retry_after), 0)
end

local function deliver(to, frame, name, ...)
  local thread = coroutine.running()
  local depth = (depths[thread] or 0) + 1
  if depth > DEPTH then
    errors.raise(508, "calls nested too deeply")
  end
  local ctx = context.of(core.copy(frame or {}))
  ctx.from, ctx.depth = { host = own, platform = false }, depth
  depths[thread] = depth
  local results = table.pack(pcall(to.call, ctx, name, core.copy(...)))
  depths[thread] = depth - 1
  if not results[1] then
    fail(results[2], to.host)
  end
  return core.copy(table.unpack(results, 2, results.n))
end

--- What lua/bus.lua needs of a bus, in the shape of the host's own.
M.transport = {}

function M.transport.call(host, _, _, frame, name, ...)
  return deliver(find(host), frame, name, ...)
end

--- The hosts of those that listen to a topic, of all services without one; sorted.
function M.transport.listeners(topic)
  local hosts = {}
  for host, one in pairs(stations) do
    if topic and one.topics[topic] or (not topic and not one.hidden) then
      table.insert(hosts, host)
    end
  end
  table.sort(hosts)
  return hosts
end

function M.transport.self()
  return own, "spec000000"
end

--- Calls a function by its name.
---@param ctx Context|table
---@param host string
---@param name string
function M.call(ctx, host, name, ...)
  return deliver(find(host), context.frame(ctx), name, ...)
end

-- The message as it travels, and the hosts that it may reach.
local function address(sent)
  local at, why = gen_url.locate(sent.url)
  if not at then
    errors.raise(400, why)
  end
  local parts = { at.query }
  local more = type(sent.query) == "table" and message.query(sent.query) or sent.query or ""
  if more ~= "" then
    table.insert(parts, more)
  end
  local wire = {
    method = (sent.method or "POST"):upper(),
    host = at.host,
    port = at.port,
    path = at.raw_path,
    query = table.concat(parts, "&"),
    headers = sent.headers,
    body = sent.body,
  }
  if at.host == "all" then
    return wire, M.transport.listeners()
  end
  local hosts = M.transport.listeners("//" .. at.host)
  if stations[at.host] then
    table.insert(hosts, 1, at.host)
  end
  return wire, hosts
end

--- Sends a message to the one that listens at its URL.
---@param ctx Context|table
---@param sent { method: string?, url: string, query: table|string|nil, headers: table?, body: string? }
---@return ResultMessage
function M.request(ctx, sent)
  local wire, hosts = address(sent)
  if #hosts == 0 then
    find(wire.host)
  end
  local status, why
  for _, host in ipairs(hosts) do
    local got, code, text = deliver(find(host), context.frame(ctx), ":request", wire)
    if got then
      return got
    end
    status, why = code, text
  end
  return errors.raise(status, why)
end

---@class SpecAnswer
---@field host string
---@field response ResultMessage?
---@field error any when it failed

--- Sends a message to all that listen at its URL.
---@param ctx Context|table
---@param sent table as for `request`
---@return SpecAnswer[]
function M.publish(ctx, sent)
  local wire, hosts = address(sent)
  local answers = {}
  for _, host in ipairs(hosts) do
    local ok, got = pcall(deliver, find(host), context.frame(ctx), ":request", wire)
    if not ok then
      table.insert(answers, { host = host, error = got })
    elseif got then
      table.insert(answers, { host = host, response = got })
    end
  end
  return answers
end

-- ---- others ----

local PLAYED = { ["function"] = true, web = true, sink = true }

local function check_handlers(host, plumbing, handlers)
  if type(handlers) ~= "table" then
    error("a mock is a table of handlers by name", 3)
  end
  for name, handler in pairs(handlers) do
    if type(handler) ~= "function" then
      error(("the mock of %s has no function for %s"):format(host, tostring(name)), 3)
    elseif plumbing and not PLAYED[plumbing.kinds[name]] then
      error(("%s declares no function, web or sink %q"):format(host, tostring(name)), 3)
    end
  end
end

-- A service that nobody declared here: all that is known of it is who plays it.
local function undeclared(host, handlers)
  local plumbing = { host = host, kinds = {}, functions = {}, webs = {}, sinks = {} }
  for name in pairs(handlers) do
    plumbing.kinds[name] = "function"
  end
  return plumbing
end

--- Plays a service: the handlers answer for it until the test ends, whether it was there or not. Those that were not given
--- raise 500. Given again, handlers are added.
---@param host string of the service, or its folder
---@param handlers table<string, function> functions (ctx, …), webs (ctx, req, res), sinks (ctx, …)
function M.mock(host, handlers)
  local place = declared.at_host(host) or declared.find(host)
  local plumbing = place and declared.of(place)
  host = plumbing and plumbing.host or host
  check_handlers(host, plumbing, handlers)
  local all, before = {}, stations[host]
  for name, handler in pairs(before and before.played or {}) do
    all[name] = handler
  end
  for name, handler in pairs(handlers) do
    all[name] = handler
  end
  local one = station.new(plumbing or undeclared(host, all), function(name)
    return all[name] or errors.raise(500, ("mocked endpoint '%s' not implemented"):format(name))
  end)
  one.played = all
  M.add(one)
end

-- Both hooks of a service get a context of nobody.
local function run_hook(svc, name)
  local hook = svc[name]
  if hook then
    hook(context.new())
  end
end

--- Puts a real service on the bus: its code runs here, with its own files. Its tickers do not beat.
---@param word string its folder or host: "services/examples/hello", "hello", "hello.example"
---@return table svc
function M.start(word)
  local place = declared.find(word)
  if not place then
    error(("there is no service %q to start"):format(word), 2)
  end
  local plumbing = declared.of(place)
  local svc = neighbour.load(place)
  local one = service_station(plumbing, svc)
  function one.stop()
    run_hook(svc, "on_stop")
  end
  M.add(one)
  run_hook(svc, "on_start")
  return svc
end

--- Listens to a topic.
---@param topic string
---@param handler fun(ctx: Context, ...): ...
---@return fun() stop
function M.on(topic, handler)
  count = count + 1
  local host = ("sink%d.spec"):format(count)
  M.add {
    host = host,
    topics = { [topic] = true },
    hidden = true,
    call = function(ctx, _, _, ...)
      return handler(ctx, ...)
    end,
  }
  return function()
    stations[host] = nil
  end
end

--- Listens to an event.
---@param event_host string of the service that fires it
---@param event string
---@param handler fun(ctx: Context, ...): ...
---@return fun() stop
function M.sink(event_host, event, handler)
  return M.on(station.topic(event_host, event), handler)
end

--- Fires an event: every sink hears of it.
---@param ctx Context|table
---@param event_host string
---@param event string
---@return { host: string, n: integer, error: any }[] what the sinks returned
function M.fire(ctx, event_host, event, ...)
  local topic, answers = station.topic(event_host, event), {}
  for _, host in ipairs(M.transport.listeners(topic)) do
    local results = table.pack(pcall(deliver, find(host), context.frame(ctx), ":event", topic, ...))
    local one = { host = host, n = results.n - 1 }
    if results[1] then
      table.move(results, 2, results.n, 1, one)
    else
      one.error = results[2]
    end
    table.insert(answers, one)
  end
  return answers
end

return M
