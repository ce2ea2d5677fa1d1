-- The runner and its assertions, tested by themselves.

local assertions = require "assertions"
local spec = require "spec"
local task = require "task"
local time = require "time"

-- Runs a spec file with this text; its result, and the steps that it noted with `note "…"`.
local function run(text, filter, timeout)
  local path = os.tmpname()
  local handle = assert(io.open(path, "w"))
  handle:write(text)
  handle:close()
  _G.NOTES = {}
  local result = spec.run(path, "test", filter or "", timeout or 10)
  os.remove(path)
  local notes = table.concat(_G.NOTES, " ")
  _G.NOTES = nil
  return result, notes, path
end

-- The failure of an assertion, as text.
local function failure(fn)
  local err = assert.has_error(fn)
  assert(assertions.is_failure(err), tostring(err))
  return err
end

describe("the runner", function()
  local NOTE = "local function note(text) table.insert(NOTES, text) end\n"

  it("counts tests that pass", function()
    local result = run 'it("one", function() end) it("two", function() end)'
    assert.equal(2, result.passed)
    assert.same({}, result.failures)
  end)

  it("tells where a test failed, what was expected and what was there", function()
    local result, _, path = run 'describe("a", function()\nit("b", function()\nassert.equal(1, 2)\nend) end)'
    assert.equal(0, result.passed)
    assert.equal(1, #result.failures)
    local f = result.failures[1]
    assert.equal("a > b", f.name)
    assert.equal(path .. ":3", f.where)
    assert.same({ "the values differ", "expected: 1", "got:      2" }, f.lines)
  end)

  it("goes on after a failed test", function()
    local result = run 'it("a", function() error "no" end) it("b", function() end)'
    assert.equal(1, result.passed)
    assert.equal(1, #result.failures)
  end)

  it("shows how an assertion in a helper was reached", function()
    local result, _, path = run [[
      local function check(x)
        assert.is_true(x)
      end
      it("a", function()
        check(false)
      end)]]
    local f = result.failures[1]
    assert.equal(path .. ":2", f.where)
    assert.equal(("called from %s:5"):format(path), f.lines[#f.lines])
  end)

  it("shows the text of an error and where it was raised", function()
    local result, _, path = run 'it("a", function()\nlocal t = nil\nreturn t.x\nend)'
    local f = result.failures[1]
    assert.equal(path .. ":3", f.where)
    assert.matches("attempt to index a nil value", f.lines[1])
  end)

  it("shows the status of an error value", function()
    local result = run 'it("a", function() require("errors").raise(404, "no such pet") end)'
    assert.equal("error: no such pet (status 404)", result.failures[1].lines[1])
  end)

  it("runs what surrounds a test from the outside in and back", function()
    local _, notes = run(NOTE .. [[
      setup(function() note "S" end) teardown(function() note "T" end)
      before_each(function() note "b" end) after_each(function() note "a" end)
      it("1", function() note "1" end)
      describe("x", function()
        setup(function() note "s" end) teardown(function() note "t" end)
        before_each(function() note "bb" end) after_each(function() note "aa" end)
        it("2", function() note "2" end)
        it("3", function() note "3" end)
      end)]])
    assert.equal("S b 1 a s b bb 2 aa a b bb 3 aa a t T", notes)
  end)

  it("cleans up after a test that failed", function()
    local result, notes = run(NOTE .. 'after_each(function() note "clean" end) it("a", function() error "x" end)')
    assert.equal("clean", notes)
    assert.equal(1, #result.failures)
  end)

  it("skips the test but not the cleaning up when before_each fails", function()
    local result, notes = run(NOTE .. [[
      before_each(function() error "broken" end)
      after_each(function() note "clean" end)
      it("a", function() note "ran" end)]])
    assert.equal("clean", notes)
    assert.equal(1, #result.failures)
  end)

  it("fails every test of a block whose setup failed", function()
    local result, notes = run(NOTE .. [[
      setup(function() error "broken" end)
      teardown(function() note "down" end)
      it("a", function() note "ran" end)
      describe("b", function() it("c", function() note "ran" end) end)]])
    assert.equal("down", notes)
    assert.equal(2, #result.failures)
    assert.equal("b > c", result.failures[2].name)
  end)

  it("reports a teardown that failed", function()
    local result = run 'teardown(function() error "x" end) it("a", function() end)'
    assert.equal(1, result.passed)
    assert.equal(1, #result.failures)
  end)

  it("runs only tests whose full name contains the filter", function()
    local result, notes = run(NOTE .. [[
      describe("cats", function()
        setup(function() note "cats" end)
        it("purr", function() note "purr" end)
        it("scratch", function() note "scratch" end)
      end)
      describe("dogs", function()
        setup(function() note "dogs" end)
        it("bark", function() note "bark" end)
      end)]], "cats > p")
    assert.equal("cats purr", notes)
    assert.equal(1, result.passed)
  end)

  it("lets a test wait", function()
    local result = run 'it("a", function() require("time").sleep(0.001) end)'
    assert.equal(1, result.passed)
  end)

  it("stops a test that takes too long and cleans up after it", function()
    local result, notes = run(NOTE .. [[
      after_each(function() note "clean" end)
      it("a", function()
        local guard <close> = setmetatable({}, { __close = function() note "closed" end })
        require("time").sleep(3600)
      end)
      it("b", function() note "b" end)]], "", 0.02)
    assert.equal("closed clean b clean", notes)
    assert.equal(1, result.passed)
    assert.matches("longer than 0.02 seconds", result.failures[1].lines[1])
  end)

  it("passes over a byte order mark", function()
    assert.equal(1, run("\xEF\xBB\xBFit('is fine', function() end)").passed)
  end)

  it("stops a test that computes for ever, and tells where it was", function()
    local result = run([[
local function spin()
  while true do
  end
end

it("spins", function()
  spin()
end)

it("catches everything", function()
  while true do
    pcall(spin)
  end
end)

it("is fine", function() end)
]], nil, 0.02)
    assert.equal(1, result.passed)
    local spins, catches = table.unpack(result.failures)
    assert.equal("spins", spins.name)
    assert.matches(":6$", spins.where)
    assert.matches("longer than 0.02 seconds", spins.lines[1])
    assert.matches("^it was at .*:[123]$", spins.lines[2])
    assert.matches("^called from .*:7$", spins.lines[3])
    assert.equal("catches everything", catches.name)
  end)

  it("stops the top level of a file that computes or waits for ever, with the line", function()
    for _, text in ipairs {
      "local n = 0 while true do n = n + 1 end it('a', function() end)",
      "require('time').sleep(3600) it('a', function() end)",
      "describe('a', function() while true do pcall(function() while true do end end) end end)",
    } do
      local result, _, path = run("\n\n" .. text, nil, 0.02)
      local f = result.failures[1]
      assert.equal(path, f.name)
      assert.equal(path .. ":3", f.where)
      assert.equal("the top level of the file took longer than 0.02 seconds", f.lines[1])
      assert.equal(0, result.passed)
      assert.equal(1, #result.failures)
    end
  end)

  it("stops a setup and a teardown that do not end, with the line, and goes on", function()
    local result, notes, path = run(NOTE .. [[
      describe("a", function()
        setup(function() while true do end end)
        teardown(function()
          require("time").sleep(3600)
        end)
        it("b", function() note "ran" end)
      end)
      it("c", function() note "c" end)]], nil, 0.02)
    assert.equal("c", notes)
    assert.equal(1, result.passed)
    local setup, teardown = table.unpack(result.failures)
    assert.same({ name = "a > b", where = path .. ":3", lines = { "in setup:", "it took longer than 0.02 seconds" } }, setup)
    assert.same({ name = "a", where = path .. ":5", lines = { "in teardown:", "it took longer than 0.02 seconds" } }, teardown)
  end)

  it("lets what the top level and a setup start go on until the file ends", function()
    local result = run([[
      local task, time = require "task", require "time"
      local top, inner = 0, 0
      task.spawn(function() while true do top = top + 1 time.sleep(0.001) end end)
      setup(function()
        task.spawn(function() while true do inner = inner + 1 time.sleep(0.001) end end)
      end)
      it("a", function()
        local before, inside = top, inner
        while top == before or inner == inside do time.sleep(0.001) end
      end)]], nil, 20)
    assert.same({}, result.failures)
    assert.equal(1, result.passed)
  end)

  it("stops a service on the bus whose end does not come", function()
    local result = run([[
      local bus = require "spec.bus"
      it("a", function()
        bus.add { host = "shop.example", stop = function() while true do end end }
      end)]], nil, 0.02)
    assert.matches("^shop.example could not stop: it took too long, and was at .*:3$", result.failures[1].lines[1])
  end)

  it("ends the tasks of a test with it", function()
    local result, notes = run(NOTE .. [[
      it("a", function()
        require("task").spawn(function()
          local guard <close> = setmetatable({}, { __close = function() note "ended" end })
          require("time").sleep(3600)
        end)
        require("task").yield()
        note "spawned"
      end)
      it("b", function() note "b" end)]])
    assert.equal("spawned ended b", notes)
    assert.equal(2, result.passed)
  end)

  it("refuses pending, in its own words", function()
    local result = run 'pending("later")'
    assert.matches("pending is not available", result.failures[1].lines[1])
  end)

  it("refuses a test without a function", function()
    assert.matches('it "later" needs a function', run 'it("later")'.failures[1].lines[1])
  end)

  it("refuses two tests of one name", function()
    local result, _, path = run 'it("a", function() end)\nit("a", function() end)'
    assert.equal(('error: there are two tests "a"; the first is at %s:1'):format(path), result.failures[1].lines[1])
    assert.equal(path .. ":2", result.failures[1].where)
  end)

  it("refuses a test inside a test", function()
    local result = run 'it("a", function() it("b", function() end) end)'
    assert.matches('it "b" inside a test', result.failures[1].lines[1])
  end)

  it("fails a file without a test", function()
    assert.same({ "there is no test in this file" }, run("return 1").failures[1].lines)
  end)

  it("fails a file that does not compile, with the line", function()
    local result, _, path = run "\nit("
    assert.equal(path .. ":2", result.failures[1].where)
    assert.equal(0, result.passed)
  end)

  it("fails a file that is not there", function()
    local result = spec.run("/nowhere/a_spec.lua", "x", "", 1)
    assert.matches("No such file", result.failures[1].lines[1])
  end)

  it("runs no test of a file that has a broken block", function()
    local result, notes = run(NOTE .. 'it("a", function() note "ran" end) describe("b", function() error "x" end)')
    assert.equal("", notes)
    assert.equal(1, #result.failures)
    assert.equal("b", result.failures[1].name)
  end)

  it("lets a spec neither read undefined globals nor make new ones", function()
    assert.matches('undefined global "asert"', run 'it("a", function() asert.equal(1, 1) end)'.failures[1].lines[1])
    assert.matches('makes no globals: "x"', run 'it("a", function() x = 1 end)'.failures[1].lines[1])
  end)
end)

describe("assert.equal", function()
  it("holds for equal values and returns them", function()
    assert.equal(1, 1)
    assert.equal("a", "a")
    assert.equal(1, 1.0)
    local t = {}
    assert.equal(t, t)
    assert.equal(5, (assert.equal(5, 5)))
  end)

  it("does not hold for tables that only look the same", function()
    failure(function()
      assert.equal({}, {})
    end)
  end)

  it("puts the spec's own text in front", function()
    local err = failure(function()
      assert.equal(1, 2, "the sum")
    end)
    assert.equal("the sum: the values differ", err.text)
  end)

  it("knows the line that failed", function()
    local err = failure(function()
      assert.equal(1, 2)
    end)
    assert.matches("spec_spec.lua:%d+$", err.where)
  end)

  it("shows long texts where they part", function()
    local long = ("x"):rep(200)
    local err = failure(function()
      assert.equal(long .. "\nabc", long .. "\nabd")
    end)
    assert.equal("byte 204, line 2", err.at)
    assert.matches('abc"$', err.expected)
    assert.matches('abd"$', err.got)
    assert(#err.expected < 80, err.expected)
  end)
end)

describe("assert.same", function()
  local function differs(expected, got, at, e, g)
    local err = failure(function()
      assert.same(expected, got)
    end)
    assert.equal(at, err.at)
    assert.equal(e, err.expected)
    assert.equal(g, err.got)
  end

  it("compares tables by what is in them", function()
    assert.same({}, {})
    assert.same({ 1, { a = { "b" } } }, { 1, { a = { "b" } } })
    assert.same({ [1.5] = true }, { [1.5] = true })
    assert.same(0 / 0, 0 / 0)
  end)

  it("does not care about metatables", function()
    assert.same({ 1 }, setmetatable({ 1 }, { __index = { a = 2 }, __len = error }))
  end)

  it("tells the first place that differs, and both values", function()
    differs({ a = 1 }, { a = 2 }, ".a", "1", "2")
    differs({ a = { { b = "x" } } }, { a = { { b = "y" } } }, ".a[1].b", '"x"', '"y"')
    differs({ ["a-b"] = 1 }, { ["a-b"] = 2 }, '["a-b"]', "1", "2")
  end)

  it("tells what is missing and what is too much", function()
    differs({ 1, 2 }, { 1 }, "[2]", "2", "nil")
    differs({ 1 }, { 1, 2 }, "[2]", "nil", "2")
    differs({}, { a = { 1 } }, ".a", "nil", "{ 1 }")
  end)

  it("tells apart values of different types", function()
    differs({ a = 1 }, { a = "1" }, ".a", "1", '"1"')
    differs({ a = false }, {}, ".a", "false", "nil")
    differs("a", nil, nil, '"a"', "nil")
  end)

  it("ends with tables that contain themselves", function()
    local a, b = {}, {}
    a.self, b.self = a, b
    assert.same(a, b)
    b.x = 1
    differs(a, b, ".x", "nil", "1")
  end)
end)

describe("other assertions", function()
  it("know types and truth", function()
    assert.is_true(true)
    assert.is_false(false)
    assert.is_nil(nil)
    assert.truthy(0)
    assert.falsy(nil)
    assert.is_table {}
    assert.is_string "a"
    assert.is_number(1)
    assert.is_boolean(false)
    assert.is_function(print)
    assert.is_integer(1)
    assert.is_float(1.0)
    for _, name in ipairs { "is_true", "is_false", "is_nil", "is_table", "is_number", "is_function", "is_integer" } do
      failure(function()
        assert[name]("other")
      end)
    end
    failure(function()
      assert.is_integer(1.0)
    end)
  end)

  it("turn around with not and no, wherever it stands", function()
    assert.is_not_nil(1)
    assert.is_not.equal(1, 2)
    assert.are_not.same({}, { 1 })
    assert.not_equal(1, 2)
    assert.does_not_match("b", "a")
    assert.has_no_error(function() end)
    failure(function()
      assert.is_not_nil(nil)
    end)
    failure(function()
      assert.are_not.same({ 1 }, { 1 })
    end)
  end)

  it("match patterns and find parts", function()
    assert.matches("^a.c$", "abc")
    assert.contains("a.c", "xa.cx")
    failure(function()
      assert.contains("a.c", "abc")
    end)
    failure(function()
      assert.matches("^b", "abc")
    end)
    failure(function()
      assert.matches("a", nil)
    end)
  end)

  it("compare numbers with a tolerance", function()
    assert.near(1, 1.05, 0.1)
    failure(function()
      assert.near(1, 1.2, 0.1)
    end)
  end)

  it("that do not exist are refused by name", function()
    local err = assert.has_error(function()
      assert.is_teapot(1)
    end)
    assert.matches("there is no assert.is_teapot", err)
  end)

  it("called as a function returns its arguments, or fails with its text", function()
    local a, b, c = assert(1, "x", false)
    assert.same({ 1, "x", false }, { a, b, c })
    assert.equal("why", failure(function()
      assert(nil, "why")
    end).text)
    assert.equal("the value counts as false", failure(function()
      assert(false)
    end).text)
  end)
end)

describe("assert.has_error", function()
  it("wants an error", function()
    assert.has_error(function()
      error "x"
    end)
    assert.equal("no error was raised", failure(function()
      assert.has_error(function() end)
    end).text)
  end)

  it("compares texts with or without their position", function()
    local function fail()
      error "boom"
    end
    assert.has_error(fail, "boom")
    local err = assert.has_error(fail)
    assert.has_error(fail, err)
    failure(function()
      assert.has_error(fail, "bo")
    end)
  end)

  it("compares error values by text or by the fields named", function()
    local function fail()
      require("errors").raise(404, "no such pet")
    end
    assert.has_error(fail, "no such pet")
    assert.has_error(fail, { status = 404 })
    assert.has_error(fail, { status = 404, message = "no such pet" })
    local err = failure(function()
      assert.has_error(fail, { status = 400 })
    end)
    assert.equal('"no such pet" (status 404)', err.got)
  end)

  it("gives the error back", function()
    local value = {}
    assert.equal(value, assert.has_error(function()
      error(value)
    end))
  end)

  it("matches patterns", function()
    assert.error_matches(function()
      error "number 5"
    end, "number %d")
    failure(function()
      assert.error_matches(function()
        error "number x"
      end, "number %d")
    end)
  end)

  it("takes functions that wait", function()
    assert.has_error(function()
      time.sleep(0.001)
      error "late"
    end, "late")
  end)

  it("tells of an error that should not be", function()
    local err = failure(function()
      assert.has_no_error(function()
        error("boom", 0)
      end)
    end)
    assert.equal("an error was raised", err.text)
    assert.equal('"boom"', err.got)
  end)
end)

describe("a failure in a child task", function()
  it("keeps its line", function()
    local err = failure(function()
      task.all {
        function()
          assert.equal(1, 2)
        end,
      }
    end)
    assert.matches("spec_spec.lua:%d+$", err.where)
  end)
end)

describe("values as text", function()
  it("show lists, names and odd keys in order", function()
    assert.equal("{ 1, 2, a = 3, b = 4 }", assertions.show { 1, 2, b = 4, a = 3 })
    assert.equal('{ ["x y"] = 1 }', assertions.show { ["x y"] = 1 })
    assert.equal("{}", assertions.show {})
  end)

  it("show texts with their control characters", function()
    assert.equal([["a\n\0b\"c"]], assertions.show 'a\n\0b"c')
  end)

  it("are cut where a character ends", function()
    local text = assertions.show(("ä"):rep(1000))
    assert(#text < 500, #text)
    assert.is_not_nil(utf8.len(text))
  end)

  it("bound breadth and depth", function()
    local deep = {}
    for _ = 1, 20 do
      deep = { deep }
    end
    assert.equal("{ { { { { { … } } } } } }", assertions.show(deep))
    local wide = {}
    for i = 1, 100 do
      wide[i] = i
    end
    assert.matches("19, 20, … }$", assertions.show(wide))
  end)
end)
