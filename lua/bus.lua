-- bus: how services call each other. A call names the function and takes Lua values; a message looks like an HTTP request and
-- reaches any endpoint of a service by its URL. On one host both are a copy into the callee's state, on the same worker.
--
-- Client stubs (gen/api.lua) are made of this; services need it by itself where they do not know beforehand whom they call.

local context = require "service.context"
local core = require "bus.core"
local errors = require "errors"
local gen_url = require "gen.url"
local json = require "json"
local lazy = require "lazy"
local task = require "task"
local topics = require "topics"

local message_of = lazy "service.message"

local M = {}

local EVENTS = 417 -- the port of events: who answers there are the sinks, not the source

local transport = core -- specs have one of their own

---@class BusMessage
---@field method string? POST when it is left out
---@field url string https://host[:port]/path[?query]
---@field query table<string, string>|string? put behind that of the URL
---@field headers table<string, string>?
---@field body string?

---@class BusResponse
---@field status integer
---@field headers table<string, string> lower-case names
---@field body string
---@field id string of the replica that answered

--- Puts something else in place of the host's bus: `call(host, known, seconds, frame, name, ...)`, `listeners(topic)` and
--- `self()`. For the runner of specs.
---@param other table
function M.use(other)
  transport = other
end

--- Calls a function of another service by its declared name. Arguments and results are copied. Raises what it raised; 404
--- when there is no such service, 408 when the time is up.
---@param ctx Context|table
---@param host string
---@param name string
---@param ... any its arguments
---@return any ... its results
function M.call(ctx, host, name, ...)
  local frame, known, seconds = context.frame(ctx)
  return transport.call(host, known, seconds, frame, name, ...)
end

-- ---- messages ----

local function target(message)
  if type(message) ~= "table" or type(message.url) ~= "string" then
    error("a message has a url: https://host[:port]/path", 3)
  end
  local parts, why = gen_url.locate(message.url)
  if not parts then
    errors.raise(400, why)
  end
  return parts
end

local function query_text(query)
  return type(query) == "table" and message_of.query(query) or query or ""
end

local function packed(message, parts)
  local query = parts.query or ""
  local more = query_text(message.query)
  if more ~= "" then
    query = query ~= "" and query .. "&" .. more or more
  end
  return {
    method = (message.method or "POST"):upper(),
    host = parts.host,
    port = parts.port,
    path = parts.raw_path,
    query = query ~= "" and query or nil,
    headers = message.headers,
    body = message.body,
  }
end

-- The services that answer for a host: the one that it belongs to, and those that listen there as well.
local function audience(host, port)
  if host == "all" then
    return transport.listeners()
  elseif port == EVENTS then
    return transport.listeners("events " .. host)
  end
  local hosts = transport.listeners("//" .. host)
  local id = host:match("^[0-9a-v]+%.(.+)$")
  for _, own in ipairs(transport.listeners()) do
    if own == host or own == id then
      table.insert(hosts, 1, host)
    end
  end
  return hosts
end

-- The answer, or nil, status and message when the service has nothing there.
local function send(ctx, host, wire)
  return M.call(ctx, host, ":request", wire)
end

--- Sends a message to one service and returns its answer, whatever its status. Raises what the endpoint raises; 404 when
--- nobody listens there.
---@param ctx Context|table
---@param message BusMessage
---@return BusResponse
function M.request(ctx, message)
  local parts = target(message)
  local wire = packed(message, parts)
  local status, why = 404, ("nobody listens at %s"):format(parts.host)
  for _, host in ipairs(audience(parts.host, parts.port)) do
    local answer, other, text = send(ctx, host, wire)
    if answer then
      return answer
    end
    status, why = other, text
  end
  return errors.raise(status, why)
end

-- ---- to many ----

---@class Answer what one of several services said
---@field host string
---@field id string? of the replica, of answers to a message
---@field status integer? of the answer to a message, that of the error when it failed
---@field headers table<string, string>? of the answer to a message
---@field body string? the same
---@field error Error? when it failed
local Answer = {}
Answer.__index = Answer

--- What the service returned; raises what it raised.
---@return any ...
function Answer:get()
  if self.error ~= nil then
    error(self.error, 0)
  end
  return table.unpack(self, 1, self.n)
end

local function gather_one(answer, fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then
    answer.n = results.n - 1
    table.move(results, 2, results.n, 1, answer)
  else
    answer.error = results[2]
  end
end

--- Calls fn(host, ...) for several hosts at once and waits for all.
---@param hosts string[]
---@param fn fun(host: string, ...: any): any
---@param ... any for fn
---@return Answer[] in the order of the hosts
function M.gather(hosts, fn, ...)
  local answers, tasks = {}, {}
  for i, host in ipairs(hosts) do
    answers[i] = setmetatable({ host = host, n = 0 }, Answer)
    if #hosts == 1 then
      gather_one(answers[i], fn, host, ...)
    else
      tasks[i] = errors.check(task.spawn(gather_one, answers[i], fn, host, ...))
    end
  end
  for _, one in ipairs(tasks) do
    one:join()
  end
  return answers
end

--- Goes over answers: `for answer in bus.each(answers) do`.
---@param answers Answer[]
---@return fun(): Answer?
function M.each(answers)
  local i = 0
  return function()
    i = i + 1
    return answers[i]
  end
end

--- Hears what is published under a topic, by any service on any worker of this host, from now on. Each subscription gets every
--- message; `limit` of them wait (100), then the oldest go. It ends with its block, and when this generation goes out of service:
--- before the next one starts. nil, message, code when there are too many. Not while a service is loading: in `on_start`, in
--- a handler, or in a task of theirs.
---@param topic string 1 to 256 bytes
---@param options { limit: integer? }?
---@return Subscription?
---@return string? message
---@return string? code
function M.subscribe(topic, options)
  return topics.subscribe(topic, options)
end

--- Publishes a value under a topic: `bus.publish("orders", { id = 5 })` tells how many subscriptions got it, or nil,
--- message, code ("busy", "limit": more than 1 MB). Or, with a context in front, sends a message to every service that listens at
--- its URL; those that do not are left out.
---@param ctx Context|table|string
---@param message BusMessage|any
---@return Answer[]|integer|nil each gives a BusResponse
---@return string? message
---@return string? code
function M.publish(ctx, message)
  if type(ctx) == "string" then
    return topics.publish(ctx, message)
  end
  local parts = target(message)
  local wire = packed(message, parts)
  local answers = M.gather(audience(parts.host, parts.port), function(host)
    return send(ctx, host, wire)
  end)
  local heard = {}
  for _, answer in ipairs(answers) do
    local got = answer[1]
    if got then
      answer.status, answer.headers, answer.body, answer.id = got.status, got.headers, got.body, got.id
    elseif answer.error then
      answer.status = errors.is(answer.error) and answer.error.status or 500
      answer.body = json.encode { error = tostring(answer.error) }
    end
    if got or answer.error then
      table.insert(heard, answer)
    end
  end
  return heard
end

--- The hosts of the services that listen to a topic, sorted.
---@param topic string
---@return string[]
function M.listeners(topic)
  return transport.listeners(topic)
end

--- The hosts of all services, sorted.
---@return string[]
function M.hosts()
  return transport.listeners()
end

--- The host of this service, and the id of this replica.
---@return string host
---@return string id
function M.self()
  return transport.self()
end

return M
