-- spec.cases: a handler that was called by a spec, and what is asserted about it:
--
--     service.test.Divide(ctx, 7, 2):expect(3.5):completed_in(1)
--     service.test.Divide(ctx, 7, 0):error("division by zero"):error_code(400)
--
-- The handler runs directly, at once. What it raises is kept until an assertion asks for it; an error that none asks for fails
-- the test at its end.

local assertions = require "assertions"
local context = require "spec.context"
local errors = require "errors"
local time = require "time"

local M = {}

-- ---- what the test has not looked at ----

local watched = {} -- of the test that is running

--- For the runner: a test begins, or one goes on that ran another file.
---@param list table? what an earlier call returned
---@return table before
function M.begin(list)
  local before = watched
  watched = list or {}
  return before
end

--- Has something asked, at the end of the test, for what was wrong and nobody saw.
---@param one { unseen: fun(self: table): Failure? }
function M.watch(one)
  table.insert(watched, one)
end

--- For the runner: raises the first failure that the test has not looked at.
function M.finish()
  for _, one in ipairs(watched) do
    local failure = one:unseen()
    if failure then
      assertions.fail(failure)
    end
  end
end

-- ---- calling ----

---@class Case
---@field name string of the handler
---@field where string? line of the spec
---@field seconds number that it took
---@field results table? what it returned, packed
---@field problem any what it raised
---@field raised_at string?
---@field looked boolean whether something was asserted that a failed call does not pass
local Case = {}
M.Case = Case
Case.__index = Case
Case.__name = "case"

-- Message handler: what was raised, and where.
local function catch(problem)
  return { problem = problem, at = assertions.caller(2) }
end

--- Calls a handler and remembers what came of it.
---@generic T: Case
---@param class T
---@param name string
---@param handler function
---@param ctx Context|table?
---@return T
function M.run(class, name, handler, ctx, ...)
  local case = setmetatable({ name = name, where = assertions.caller(1), looked = false }, class)
  local started = time.monotonic()
  local results = table.pack(xpcall(handler, catch, context.of(ctx), ...))
  case.seconds = time.monotonic() - started
  if results[1] then
    case.results = table.pack(table.unpack(results, 2, results.n))
  else
    case.problem, case.raised_at = results[2].problem, results[2].at
    if assertions.is_failure(case.problem) then -- of a mock that asserts
      error(case.problem, 0)
    end
  end
  M.watch(case)
  return case
end

-- ---- assertions of all handlers ----

-- What was raised, in a line for people.
local function describe(case)
  local text = assertions.show_error(case.problem)
  local at = case.raised_at
  return at and not text:find(at, 1, true) and ("error %s, raised at %s"):format(text, at) or "error " .. text
end

-- A failure of a call that should have succeeded; nil when it did.
local function raised(case, expected)
  return not case.results and { text = case.name .. " raised an error", expected = expected, got = describe(case) } or nil
end

function Case:unseen()
  local failure = not self.looked and raised(self, "an assertion about it, such as :error_code(400)")
  if failure then
    failure.where = self.where
    return failure
  end
end

--- The call succeeded. `expected` says in a failure what was asked for.
---@param expected string?
---@return self
function Case:no_error(expected)
  self.looked = true
  local failure = raised(self, expected or "no error")
  if failure then
    assertions.fail(failure)
  end
  return self
end

-- The call failed; what was raised.
local function problem_of(case, expected)
  case.looked = true
  if case.results then
    local got = case.results.n == 0 and "no error" or "no error, but " .. case:shown()
    assertions.fail { text = case.name .. " raised no error", expected = expected, got = got }
  end
  return case.problem
end

--- What it returned, for people.
---@return string
function Case:shown()
  local parts = {}
  for i = 1, self.results.n do
    parts[i] = assertions.show(self.results[i])
  end
  return table.concat(parts, ", ")
end

--- The call failed, with a text that has the fragment in it.
---@param fragment string?
---@return self
function Case:error(fragment)
  local expected = fragment and ("an error with %s"):format(assertions.show(fragment)) or "an error"
  local problem = problem_of(self, expected)
  if fragment and not assertions.message_of(problem):find(fragment, 1, true) then
    assertions.fail { text = self.name .. " raised another error", expected = expected, got = describe(self) }
  end
  return self
end

--- The call failed, with the status; that of what is no error value is 500.
---@param status integer
---@return self
function Case:error_code(status)
  local expected = ("an error with status %s"):format(status)
  local problem = problem_of(self, expected)
  if (errors.is(problem) and problem.status or 500) ~= status then
    assertions.fail { text = self.name .. " raised another error", expected = expected, got = describe(self) }
  end
  return self
end

--- The call took at most so many seconds.
---@param seconds number
---@return self
function Case:completed_in(seconds)
  if self.seconds > seconds then
    assertions.fail {
      text = self.name .. " took longer",
      expected = ("at most %g s"):format(seconds),
      got = ("%.3g s"):format(self.seconds),
    }
  end
  return self
end

--- Calls fn with what the handler returned; fn asserts.
---@param fn fun(...)
---@return self
function Case:assert(fn)
  self:no_error()
  fn(self:get())
  return self
end

--- What the handler returned; raises what it raised.
---@return any ...
function Case:get()
  self.looked = true
  if not self.results then
    error(self.problem, 0)
  end
  return table.unpack(self.results, 1, self.results.n)
end

-- ---- values of declared types ----

local LEVELS = 64

local instants

local function each(kind, value, classes, level)
  local out = setmetatable({}, getmetatable(value))
  for key, one in pairs(value) do
    out[key] = instants(kind, one, classes, level)
  end
  return out
end

local function of_class(class, value, classes, level)
  local out = each("any", value, classes, level)
  for _, field in ipairs(class.fields) do
    out[field.name] = instants(field.type, value[field.name], classes, level)
  end
  return out
end

-- The value with every time in it as an instant: a text is read, and what is less than a microsecond does not count.
function instants(kind, value, classes, level)
  kind = kind:gsub("^%*+", "")
  if kind == "time.Time" and value ~= nil then
    local seconds = type(value) == "string" and time.parse(value) or value
    return type(seconds) == "number" and math.floor(seconds * 1e6 + 0.5) / 1e6 or value
  elseif type(value) ~= "table" or level > LEVELS or kind == "any" then
    return value
  end
  local inner = kind:match("^%[%](.*)$") or kind:match("^map%[string%](.*)$")
  if inner then
    return each(inner, value, classes, level + 1)
  end
  local class = classes[kind]
  if class and class.fields then
    return of_class(class, value, classes, level + 1)
  end
  return class and instants(class.type, value, classes, level + 1) or value
end

--- A value as it is compared: times by what instant they are.
---@param kind string declared type
---@param value any
---@param classes table<string, CompiledType>
---@return any
function M.comparable(kind, value, classes)
  return instants(kind, value, classes, 1)
end

--- Fails when values are not what was expected of declared arguments.
---@param list PlumbedArgument[] what is compared, by place
---@param classes table<string, CompiledType>
---@param expected table packed
---@param got table packed
---@param text string of the failure
---@param where string? line of the spec, when it is not the one being run
function M.compare(list, classes, expected, got, text, where)
  for i = 1, math.max(#list, expected.n) do
    local item = list[i] or { name = ("value %d, which is not declared"):format(i), type = "any" }
    local e, g = M.comparable(item.type, expected[i], classes), M.comparable(item.type, got[i], classes)
    local failure = assertions.compare(text, item.name, e, g)
    if failure then
      failure.where = where
      assertions.fail(failure)
    end
  end
end

-- ---- functions, sinks, tickers and callbacks ----

---@class FunctionCase: Case
---@field outputs PlumbedArgument[]
---@field classes table<string, CompiledType>
local FunctionCase = setmetatable({ __name = "case" }, { __index = Case })
FunctionCase.__index = FunctionCase

--- The call returned these outputs, all of them, in order. Tables are compared by what is in them, times by instant; a time
--- may be given as RFC 3339.
---@param ... any
---@return self
function FunctionCase:expect(...)
  local expected = table.pack(...)
  self:no_error(FunctionCase.shown { results = expected })
  M.compare(self.outputs, self.classes, expected, self.results, self.name .. " returned something else")
  return self
end

--- What calls a handler and gives a case.
---@param item { name: string, outputs: PlumbedArgument[]? }
---@param classes table<string, CompiledType>
---@param handler fun(): function
---@return fun(ctx: Context|table?, ...): FunctionCase
function M.caller(item, classes, handler)
  return function(ctx, ...)
    local case = M.run(FunctionCase, item.name, handler(), ctx, ...)
    case.outputs, case.classes = item.outputs or {}, classes
    return case
  end
end

return M
