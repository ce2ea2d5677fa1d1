-- spec: what spec files are written in, and what runs them: describe, it, before_each, after_each, setup, teardown.
--
-- The vocabulary is busted's. The file is read first, which collects its tests; then they run one after the other, in
-- order, each in a task of its own, so that a test may wait, and what it leaves running ends with it. What takes too long
-- is stopped: a test, and as well the top level of the file, a setup and a teardown. There is no way to skip a test:
-- `pending` is refused.
--
-- A spec of a service calls its handlers by `service().test`; other services are played by `mock`, or started by `start`.
-- What does that is in lua/spec/.
--
-- `moonbus test` calls run() in a fresh state for every file.

local assertions = require "assertions"
local bus = require "spec.bus"
local cases = require "spec.cases"
local client = require "client"
local context = require "spec.context"
local core = require "spec.core"
local declared = require "spec.declared"
local files = require "files"
local host = require "host"
local neighbour = require "spec.neighbour"
local real_bus = require "bus"
local runtime = require "service"
local sinks = require "spec.sinks"
local task = require "task"
local testing = require "spec.testing"

local M = {}

---@class SpecFailure
---@field name string the test's name, with those of the blocks around it
---@field where string "file:line"
---@field lines string[] what was wrong

---@class SpecResult
---@field passed integer
---@field failures SpecFailure[]

-- Frames that tell nobody anything.
local SILENT = { "^@lua/spec[./]", "^@lua/assertions%.lua$", "^@lua/errors%.lua$" }
local TRACE = 8 -- frames shown of an error's way
local DAY = 86400

local file -- what is being run: path, folder, timeout, filter, block (the innermost `describe`), problems

-- ---- what went wrong, for people ----

local function is_silent(source)
  for _, pattern in ipairs(SILENT) do
    if source:find(pattern) then
      return true
    end
  end
  return false
end

-- The frames of the spec and of what it called, up to the runner's own.
local function frames(level)
  local list = {}
  for i = level + 1, level + 200 do
    local info = debug.getinfo(i, "Sl")
    if not info or (#list > 0 and info.source == "@lua/spec.lua") then
      break
    elseif info.currentline > 0 and not is_silent(info.source) then
      table.insert(list, { at = ("%s:%d"):format(info.short_src, info.currentline), host = assertions.is_host(info.source) })
    end
  end
  return list
end

-- The innermost frame that is not the host's; without any, the innermost one.
local function own_frame(list)
  for _, frame in ipairs(list) do
    if not frame.host then
      return frame.at
    end
  end
  return list[1] and list[1].at
end

local function split_lines(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    table.insert(lines, line)
  end
  return lines
end

-- An error's text; the line in front of it is not said twice, and those of the host are told by the frames.
local function text_of(err, where)
  if type(err) == "table" and err.message ~= nil then
    local status = err.status and (" (status %s)"):format(err.status) or ""
    return ("error: %s%s"):format(tostring(err.message), status)
  end
  local text = tostring(err)
  if where and text:sub(1, #where + 2) == where .. ": " then
    text = text:sub(#where + 3)
  else
    text = text:gsub("^lua/[%w_/]+%.lua:%d+: ", "")
  end
  return "error: " .. text
end

-- Message handler: { where, lines }, made while the stack is still there.
local function explain(err)
  local list = frames(2)
  local failed = assertions.is_failure(err)
  local where = failed and err.where or own_frame(list)
  local lines = split_lines(failed and tostring(err) or text_of(err, where))
  for i, frame in ipairs(list) do
    if frame.at ~= where and i <= TRACE then
      table.insert(lines, (frame.host and "in the host at " or "called from ") .. frame.at)
    end
  end
  return { where = where or file.path, lines = lines }
end

-- Runs a function; nil, or what was wrong.
local function attempt(fn)
  local ok, problem = xpcall(fn, explain)
  return not ok and problem or nil
end

-- Why something did not get to its end, and where it was: the frames of the traceback that its task left.
local function stopped(what, message, trace, code)
  local lines, first, shown = {}, nil, 0
  if code == "timeout" then
    lines[1] = ("%s took longer than %g %s"):format(what, file.timeout, file.timeout == 1 and "second" or "seconds")
  else
    lines = split_lines("error: " .. tostring(message))
  end
  local function add(at)
    local source = "@" .. at:match "^(.*):"
    if not is_silent(source) and shown < TRACE then
      shown = shown + 1
      local inside = assertions.is_host(source)
      first = first or not inside and at or nil
      table.insert(lines, (inside and "in the host at " or shown == 1 and "it was at " or "called from ") .. at)
    end
  end
  trace = tostring(trace or "")
  local limit = trace:match "over the limit at (%S+:%d+)\n" -- the stack may be gone by then
  if limit then
    add(limit)
  end
  for at in trace:gmatch "\n +(%S-:%d+): " do
    add(at)
  end
  return { where = first or file.path, lines = lines }
end

local function attempt_and_pass_on(fn)
  local problem = attempt(fn)
  core.pass_on()
  return problem
end

-- Runs what is around the tests, which may take as long as one. The tasks that it starts go on when it is over. nil, or what
-- was wrong.
local function attempt_in_time(what, fn)
  local ok, problem, trace, code = task.bounded(DAY, file.timeout, attempt_and_pass_on, fn)
  if ok then
    return problem
  end
  local found = stopped(what, problem, trace, code)
  if found.lines[2] == "it was at " .. found.where then
    table.remove(found.lines, 2) -- once is enough
  end
  return found
end

-- ---- collecting ----

local function new_block(name, parent)
  return {
    name = parent and parent.name and parent.name .. " > " .. name or name,
    parent = parent,
    items = {}, -- tests and blocks, in order
    setup = {}, teardown = {}, before_each = {}, after_each = {},
  }
end

local function here()
  return assertions.caller(2) or file.path
end

local function check_call(word, name, fn)
  if type(name) ~= "string" or name == "" then
    error(("%s needs a name"):format(word), 3)
  elseif type(fn) ~= "function" then
    error(("%s %q needs a function"):format(word, name), 3)
  elseif not file.block then
    error(("%s %q inside a test"):format(word, name), 3)
  end
end

local function describe(name, fn)
  check_call("describe", name, fn)
  local parent = file.block
  local block = new_block(name, parent)
  table.insert(parent.items, block)
  file.block = block
  local problem = attempt(fn)
  file.block = parent
  if problem then
    problem.name = block.name
    table.insert(file.problems, problem)
  end
end

local function it(name, fn)
  check_call("it", name, fn)
  local full = file.block.name and file.block.name .. " > " .. name or name
  if file.names[full] then
    error(("there are two tests %q; the first is at %s"):format(full, file.names[full]), 2)
  end
  file.names[full] = here()
  if full:find(file.filter, 1, true) then
    table.insert(file.block.items, { test = fn, name = full, where = file.names[full] })
  end
end

local function pending()
  error("pending is not available: write the test, or leave it out", 2)
end

local function step(kind)
  return function(fn)
    check_call(kind, kind, fn)
    table.insert(file.block[kind], fn)
  end
end

-- Globals of a spec file: those of Lua and the words above. Others can neither be read nor made.
local function environment()
  local words = {
    assert = assertions.assert,
    describe = describe,
    it = it,
    pending = pending,
    before_each = step "before_each",
    after_each = step "after_each",
    setup = step "setup",
    teardown = step "teardown",
  }
  return setmetatable(words, {
    __index = function(_, name)
      local value = rawget(_G, name)
      if value == nil then
        error(("undefined global %q"):format(tostring(name)), 2)
      end
      return value
    end,
    __newindex = function(_, name)
      error(("a spec makes no globals: %q"):format(tostring(name)), 2)
    end,
  })
end

-- ---- running ----

local function problem_of(list, problem)
  if problem then
    table.insert(list, problem)
  end
  return problem ~= nil
end

local function steps_of(block, kind)
  local list = {}
  while block do
    for i = #block[kind], 1, -1 do
      table.insert(list, 1, block[kind][i])
    end
    block = block.parent
  end
  return list
end

local function clean_up(block, problems)
  while block do
    for _, fn in ipairs(block.after_each) do
      problem_of(problems, attempt(fn))
    end
    block = block.parent
  end
end

-- One test with everything around it, in the test's own task.
local function run_inside(block, test)
  local problems, broken = {}, false
  cases.begin()
  sinks.begin(file.timeout)
  for _, fn in ipairs(steps_of(block, "before_each")) do
    broken = broken or problem_of(problems, attempt(fn))
  end
  if not broken and not problem_of(problems, attempt(test.test)) then
    problem_of(problems, attempt(cases.finish))
  end
  clean_up(block, problems)
  return problems
end

local function leave_bus(mark, where, problems)
  for _, text in ipairs(bus.restore(mark, file.timeout)) do
    table.insert(problems, { where = where, lines = split_lines(text) })
  end
end

local function run_test(block, test, result)
  local mark = bus.mark()
  local ok, problems, trace, code = task.bounded(DAY, file.timeout, run_inside, block, test)
  if not ok then
    local problem = stopped("the test", problems, trace, code)
    problem.where = test.where
    problems = { problem }
    task.bounded(DAY, file.timeout, clean_up, block, problems)
  end
  leave_bus(mark, test.where, problems)
  for _, problem in ipairs(problems) do
    problem.name = test.name
    problem.where = problem.where ~= file.path and problem.where or test.where
    table.insert(result.failures, problem)
  end
  if #problems == 0 then
    result.passed = result.passed + 1
  end
end

local function has_tests(block)
  for _, item in ipairs(block.items) do
    if item.test or has_tests(item) then
      return true
    end
  end
  return false
end

-- Nothing in the block can be tested: each test says so.
local function fail_all(block, problem, result)
  for _, item in ipairs(block.items) do
    if item.test then
      table.insert(result.failures, { name = item.name, where = problem.where, lines = problem.lines })
    else
      fail_all(item, problem, result)
    end
  end
end

local function run_block(block, result)
  if not has_tests(block) then
    return
  end
  local problem
  for _, fn in ipairs(block.setup) do
    problem = problem or attempt_in_time("it", fn)
  end
  if problem then
    table.insert(problem.lines, 1, "in setup:")
    fail_all(block, problem, result)
  else
    for _, item in ipairs(block.items) do
      if item.test then
        run_test(block, item, result)
      else
        run_block(item, result)
      end
    end
  end
  for _, fn in ipairs(block.teardown) do
    local failed = attempt_in_time("it", fn)
    if failed then
      table.insert(failed.lines, 1, "in teardown:")
      failed.name = block.name or file.path
      table.insert(result.failures, failed)
    end
  end
end

local function broken_file(text)
  local where, rest = text:match("^([^\n:]+:%d+): (.*)$")
  return { name = file.path, where = where or file.path, lines = split_lines(rest or text) }
end

local function read(path)
  local handle, why = io.open(path, "rb")
  if not handle then
    return nil, why
  end
  local text = handle:read("a")
  handle:close()
  return text
end

local function run_file(path)
  local result = { passed = 0, failures = file.problems }
  local source, why = read(path)
  local chunk
  if source then
    chunk, why = declared.compile(source, "@" .. path, environment())
  end
  if not chunk then
    table.insert(result.failures, broken_file(why))
    return result
  end
  local root = new_block(nil, nil)
  file.block = root
  local problem = attempt_in_time("the top level of the file", chunk)
  file.block = nil
  if problem then
    problem.name = path
    table.insert(result.failures, problem)
  elseif #result.failures == 0 and next(file.names) == nil then
    table.insert(result.failures, { name = path, where = path, lines = { "there is no test in this file" } })
  end
  if #result.failures == 0 then
    run_block(root, result)
  end
  return result
end

--- Runs the tests of one file. A test may run another file by it.
---@param path string
---@param folder string of the service the file belongs to, below services/; else of the file
---@param filter string run only tests whose full name contains it; "" = all
---@param timeout number seconds for each test
---@return SpecResult
function M.run(path, folder, filter, timeout)
  local outer, others, watched = file, bus.enter(folder), cases.begin()
  file = { path = path, folder = folder, filter = filter, timeout = timeout, problems = {}, names = {} }
  declared.look_from(path, folder)
  local ok, result = pcall(run_file, path)
  local problems = bus.leave(others, timeout)
  cases.begin(watched)
  file = outer
  if outer then
    declared.look_from(outer.path, outer.folder)
  end
  if not ok then
    error(result, 0)
  end
  for _, text in ipairs(problems) do
    table.insert(result.failures, { name = path, where = path, lines = split_lines(text) })
  end
  return result
end

-- ---- services ----

--- The service that the spec belongs to: its service.lua, run and bound to its declaration. Its handlers are called
--- directly, `service.Add({}, 1, 2)`, or through `service.test`, which gives a case: `service.test.Add({}, 1, 2):expect(3)`.
---@return table svc
function M.service()
  local source = files.read("service.lua")
  if not source then
    error("this spec belongs to no service: no folder around it has a service.yaml and a service.lua", 2)
  end
  local chunk, why = declared.compile(source, ("@services/%s/service.lua"):format(file.folder))
  if not chunk then
    error(why, 0)
  end
  runtime.forget()
  local svc = chunk(file.folder)
  runtime.check_returned(svc, ("services/%s/service.lua"):format(file.folder), source)
  local plumbing = declared.of(file.folder)
  rawset(svc, "test", testing.of(svc, plumbing))
  bus.host(plumbing, svc)
  return svc
end

-- Calls of services and client stubs go to the bus of the spec.
real_bus.use(bus.transport)
client.hook(bus.mock, bus.on)

--- Plays another service until the test ends, or all tests of the file when that is not in one: `mock("calculator.example",
--- { Arithmetic = function(ctx, x, op, y) return 7 end })`. Functions and webs that are not given raise 500.
---@type fun(who: string, handlers: table<string, function>)
M.mock = bus.mock

--- Puts the real other service on the bus of the spec, until the test or the file ends: `start("calculator")`.
---@type fun(folder: string): table
M.start = bus.start

--- The policies in force for a platform service, by name: those of policies/<service>.lua, and the shipped ones for the rest.
--- They are called as they are: `spec.policy("user").slug("admin")`. A file that the host would refuse is an error here, too.
---@param folder string the service: "user"
---@return table<string, function>
function M.policy(folder)
  local path = ("%s/%s.lua"):format(host.setting("policies"), folder)
  return neighbour.policies(folder, read(path)).functions
end

--- The context of a caller: `context { languages = { "it" }, account = { id = "usr-1", roles = { "admin" } } }`. Also
--- `baggage`, `clock_shift` in seconds, `token`, `id`, `from`.
---@type fun(fields: table): Context
M.context = context.new

return M
