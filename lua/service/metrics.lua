-- service.metrics: what a service declares to measure, as functions: svc.metrics.
--
--     svc.metrics.OpCount(1, "+")           -- a counter adds
--     svc.metrics.QueueLength(5)            -- a gauge is set …
--     svc.metrics.QueueLength:add(-1)       -- … or goes up and down
--     svc.metrics.JobTime(2.5, "nightly")   -- a histogram observes
--
-- The first argument is the value, spans of time in seconds; the values of the labels follow. Binding happens while a service
-- loads and touches nothing outside of its state.

local lazy = require "lazy"
local metric = require "metric"
local time = require "time"

local duration, report = lazy "gen.duration", lazy "gen.report"

local M = {}

---@class Gauge
---@overload fun(value: number, ...: string|number|boolean|nil) sets it
---@field add fun(self: Gauge, value: number, ...: string|number|boolean|nil) goes up, or down

---@alias Recorder fun(value: number, ...: string|number|boolean|nil)

local RECORD = { counter = metric.add, gauge = metric.set, histogram = metric.observe }

-- ---- the values of labels ----

-- Types that are numbers in Lua and shall not look like them.
local TEXT = {
  ["time.Duration"] = function(seconds)
    return duration.render(math.floor(seconds * 1e9 + 0.5))
  end,
  ["time.Time"] = function(seconds)
    return time.rfc3339(seconds)
  end,
}

-- What turns the arguments of an item into what the host takes; nil when they are that.
local function converter(item)
  local converts = {}
  for i = 2, #item.inputs do
    converts[i] = TEXT[item.inputs[i].type]
  end
  if next(converts) == nil then
    return nil
  end
  return function(...)
    local values = table.pack(...)
    for i, text in pairs(converts) do
      if type(values[i]) == "number" then
        values[i] = text(values[i])
      end
    end
    return table.unpack(values, 1, values.n)
  end
end

-- ---- recorders ----

local function usage(item)
  local names = {}
  for i, input in ipairs(item.inputs) do
    names[i] = input.name
  end
  return ("%s(%s)"):format(item.name, table.concat(names, ", "))
end

local function plural(n, word)
  return ("%d %s%s"):format(n, word, n == 1 and "" or "s")
end

-- fun(value, labels...), which hands them to one of the host's functions when they are as many as declared.
local function recorder(item, record)
  local alias, count, convert = item.alias, #item.inputs, converter(item)
  return function(...)
    local given = select("#", ...)
    if given ~= count then
      error(("metric %s takes %s, not %d"):format(usage(item), plural(count, "argument"), given), 2)
    elseif type((...)) ~= "number" then
      error(("metric %s takes a number, not a %s"):format(usage(item), type((...))), 2)
    elseif convert then
      return record(alias, convert(...))
    end
    return record(alias, ...)
  end
end

-- Called it is set, by its method it goes up and down.
local function gauge(item)
  local set, add = recorder(item, metric.set), recorder(item, metric.add)
  return setmetatable({}, {
    __call = function(_, ...)
      return set(...)
    end,
    __index = {
      add = function(_, ...)
        return add(...)
      end,
    },
  })
end

-- ---- binding ----

local function definition(item, host)
  local labels = {}
  for i = 2, #item.inputs do
    labels[i - 1] = item.inputs[i].name
  end
  local help = item.description or ("%s of %s."):format(item.name, host) -- tools look for one
  return { name = item.alias, kind = item.kind, help = help, labels = labels, buckets = item.buckets }
end

local function unknown(name, known)
  local meant = type(name) == "string" and report.nearest(name, known)
  return ("unknown metric '%s'%s"):format(tostring(name), meant and ("; did you mean '%s'?"):format(meant) or "")
end

--- Defines the metrics of a declaration for this service and gives a function for each, by its name.
---@param plumbing Plumbing
---@return table<string, Recorder|Gauge>
function M.bind(plumbing)
  local definitions, recorders, names = {}, {}, {}
  for i, item in ipairs(plumbing.metrics) do
    definitions[i], names[i] = definition(item, plumbing.host), item.name
    recorders[item.name] = item.kind == "gauge" and gauge(item) or recorder(item, RECORD[item.kind])
  end
  metric.declare(definitions)
  return setmetatable({}, {
    __index = function(_, name)
      return recorders[name] or error(unknown(name, names), 2)
    end,
    __newindex = function(_, name)
      error(("metrics are declared in service.yaml: svc.metrics.%s cannot be set"):format(tostring(name)), 2)
    end,
    __pairs = function()
      return pairs(recorders)
    end,
  })
end

return M
