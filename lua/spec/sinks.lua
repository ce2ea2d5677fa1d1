-- spec.sinks: a sink that a spec puts up to see whether the service under test fires an event:
--
--     local heard = service.test.OnRegistered():expect("maria@example.com"):returns(true)
--     service.Register({}, "maria@example.com")
--     heard:wait()
--
-- It hears of the event once.

local assertions = require "assertions"
local bus = require "spec.bus"
local cases = require "spec.cases"
local time = require "time"

local M = {}

local LIMIT = 20 -- seconds of waiting, when the test has no limit
local MARGIN = 0.2 -- seconds before the test's own limit
local POLL = 0.005

local until_when -- on the clock of time.monotonic

--- For the runner: how long the test may take.
---@param seconds number
function M.begin(seconds)
  until_when = time.monotonic() + math.max(seconds - MARGIN, seconds / 2)
end

---@class EventSink
---@field item PlumbedEndpoint the event
---@field inputs table? what it was triggered with, packed
---@field checks function[] what is asserted about the inputs
---@field outputs table packed
---@field problem any what a check raised
local EventSink = { __name = "event sink" }
EventSink.__index = EventSink

local function run(sink, check)
  local ok, problem = pcall(check, table.unpack(sink.inputs, 1, sink.inputs.n))
  if not ok then
    sink.problem = sink.problem or problem
  end
end

local function triggered(sink, ...)
  sink.stop()
  sink.inputs = table.pack(...)
  for _, check in ipairs(sink.checks) do
    run(sink, check)
  end
  return table.unpack(sink.outputs, 1, sink.outputs.n)
end

local function add(sink, check)
  table.insert(sink.checks, check)
  if sink.inputs then
    run(sink, check)
  end
  return sink
end

--- The event has these inputs, all of them, in order.
---@param ... any
---@return self
function EventSink:expect(...)
  local expected, where = table.pack(...), assertions.caller(1)
  return add(self, function(...)
    cases.compare(self.item.inputs, self.classes, expected, table.pack(...), self.item.name .. " was fired with other inputs",
      where)
  end)
end

--- Calls fn with the inputs; fn asserts.
---@param fn fun(...)
---@return self
function EventSink:assert(fn)
  return add(self, fn)
end

--- What the sink answers.
---@param ... any
---@return self
function EventSink:returns(...)
  self.outputs = table.pack(...)
  return self
end

function EventSink:unseen()
  return assertions.is_failure(self.problem) and self.problem
    or self.problem ~= nil and { text = assertions.message_of(self.problem), where = self.where } or nil
end

--- Waits until the event was fired, and fails when it was fired with other inputs, or not in time.
---@param seconds number? as long as the test may take, without it
---@return any ... the inputs
function EventSink:wait(seconds)
  local limit = seconds and time.monotonic() + seconds or until_when or time.monotonic() + LIMIT
  while not self.inputs and time.monotonic() < limit do
    time.sleep(POLL)
  end
  if not self.inputs then
    self.stop()
    assertions.fail { text = "Event sink was not triggered", expected = self.item.name .. " to be fired", got = "no such event" }
  end
  local problem = self.problem
  self.problem = nil
  if problem ~= nil then
    error(problem, 0)
  end
  return table.unpack(self.inputs, 1, self.inputs.n)
end

--- What puts up a sink.
---@param item PlumbedEndpoint
---@param host string of the service
---@param classes table<string, CompiledType>
---@return fun(): EventSink
function M.caller(item, host, classes)
  return function()
    local sink = setmetatable({
      item = item, classes = classes, checks = {}, outputs = table.pack(), where = assertions.caller(1),
    }, EventSink)
    sink.stop = bus.sink(item.host or host, item.name, function(_, ...)
      return triggered(sink, ...)
    end)
    cases.watch(sink)
    return sink
  end
end

return M
