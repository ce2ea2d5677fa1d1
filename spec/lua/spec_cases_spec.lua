-- lua/spec/: what is not seen from the spec of a service (spec/lua/workspace/services/shop): sinks, callbacks, what a test has
-- not looked at, and where failures are shown.

local bus = require "spec.bus"
local cases = require "spec.cases"
local context = require "spec.context"
local declared = require "spec.declared"
local spec = require "spec"
local station = require "spec.station"
local testing = require "spec.testing"

local HERE = "spec/lua/spec_cases_spec.lua"

-- Runs a spec file with this text.
local function run(text, timeout)
  local path = os.tmpname()
  local handle = assert(io.open(path, "w"))
  handle:write(text)
  handle:close()
  local result = spec.run(path, "test", "", timeout or 10)
  os.remove(path)
  return result, path
end

local CALL = [[
local cases = require "spec.cases"
local function call(fn, ...)
  return cases.caller({ name = "Add", outputs = {} }, {}, function() return fn end)({}, ...)
end
]]

describe("handlers of any kind", function()
  local plumbing

  setup(function()
    declared.look_from("spec/lua/workspace/services/shop/service.yaml")
    plumbing = declared.of("shop")
    declared.look_from(HERE)
  end)

  it("are called directly: sinks and callbacks", function()
    local changed = 0
    local test = testing.of({
      OnSold = function(_, item)
        return item == "pear"
      end,
      OnChangedGreeting = function()
        changed = changed + 1
      end,
    }, plumbing)
    test.OnSold({}, "pear"):expect(true)
    test.OnSold({}, "fig"):expect(false)
    test.OnChangedGreeting({}):no_error()
    assert.equal(1, changed)
  end)

  it("want code", function()
    assert.has_error(function()
      testing.of({}, plumbing).Tick({})
    end, "Tick is declared but has no code")
  end)

  it("get a context that has methods, whatever the spec gives", function()
    for _, given in ipairs { {}, context.new(), { languages = { "de" } } } do
      cases.caller({ name = "X" }, {}, function()
        return function(ctx)
          assert.is_number(ctx:now())
        end
      end)(given)
    end
    assert.error_matches(function()
      context.of("me")
    end, "a context is a table")
  end)

  it("are sinks of what others fire", function()
    assert.equal("calculator.example", plumbing.sinks[1].event_host)
    local heard
    local others = bus.enter("x")
    bus.add(station.new(plumbing, function(name)
      assert.equal("OnSold", name)
      return function(ctx, item)
        heard = { item, ctx.from.host }
        return true
      end
    end))
    local answers = bus.fire({}, "calculator.example", "OnComputed", "pear")
    bus.leave(others)
    assert.is_true(answers[1][1])
    assert.same({ "pear", "x" }, heard)
  end)

  it("are told where the host's bus would find them", function()
    local others = bus.enter("x")
    bus.add(station.new(plumbing, error))
    assert.same({ "shop.example" }, bus.transport.listeners())
    assert.same({ "shop.example" }, bus.transport.listeners(station.topic("calculator.example", "OnComputed")))
    assert.same({}, bus.transport.listeners("other"))
    assert.equal("x", (bus.transport.self()))
    bus.leave(others)
  end)
end)

describe("an error that a test does not look at", function()
  it("fails the test, at the line of the call", function()
    local result, path = run(CALL .. 'it("a", function()\ncall(function() require("errors").raise(400, "no") end)\nend)')
    assert.equal(1, #result.failures)
    local f = result.failures[1]
    assert.equal(path .. ":6", f.where)
    assert.equal("Add raised an error", f.lines[1])
    assert.contains('"no" (status 400)', f.lines[3])
  end)

  it("is looked at by any assertion, and by get", function()
    local result = run(CALL .. [[
      it("a", function() call(error, "x"):error() end)
      it("b", function() call(error, "x"):error_code(500) end)
      it("c", function() assert(not pcall(function() call(error, "x"):get() end)) end)
    ]])
    assert.same({}, result.failures)
  end)

  it("of the test before does not count", function()
    local result = run(CALL .. 'it("a", function() call(error, "x") end)\nit("b", function() end)')
    assert.equal(1, result.passed)
  end)
end)

describe("an event with other inputs", function()
  it("fails a test that did not wait for it", function()
    local result, path = run [[
      local sinks = require "spec.sinks"
      it("a", function()
        local put = sinks.caller({ name = "OnX", inputs = { { name = "n", type = "int" } } }, "x.example", {})
        put():expect(1)
        require("spec.bus").fire({}, "x.example", "OnX", 2)
      end)]]
    assert.equal(path .. ":4", result.failures[1].where)
    assert.same({ "OnX was fired with other inputs at n", "expected: 1", "got:      2" }, result.failures[1].lines)
  end)

  it("is waited for no longer than the test may take", function()
    local result = run([[
      it("a", function()
        require("spec.sinks").caller({ name = "OnX", inputs = {} }, "x.example", {})():wait()
      end)]], 0.3)
    assert.equal("Event sink was not triggered", result.failures[1].lines[1])
  end)
end)

describe("a failure", function()
  it("is shown at the spec's line, not at the host's", function()
    local result, path = run 'it("a", function()\nrequire("service.message").response():status(1)\nend)'
    assert.equal(path .. ":2", result.failures[1].where)
    assert.matches("^in the host at lua/service/message.lua:", result.failures[1].lines[2])
  end)

  it("is shown at the line of the handler that raised it", function()
    local result, path = run 'local function handler()\nerror "no"\nend\nit("a", function()\nhandler()\nend)'
    assert.equal(path .. ":2", result.failures[1].where)
    assert.same({ "error: no", ("called from %s:5"):format(path) }, result.failures[1].lines)
  end)
end)

describe("what a file put on the bus", function()
  it("is there for all its tests, and for no other file", function()
    local result = run [[
      local spec, bus = require "spec", require "spec.bus"
      spec.mock("far.example", { Name = function() return "file" end })
      it("a", function()
        spec.mock("far.example", { Name = function() return "test" end })
        assert.equal("test", bus.call({}, "far.example", "Name"))
      end)
      it("b", function() assert.equal("file", bus.call({}, "far.example", "Name")) end)
      describe("c", function()
        before_each(function() spec.mock("far.example", { Other = function() return "other" end }) end)
        it("d", function()
          assert.equal("other", bus.call({}, "far.example", "Other"))
          assert.equal("file", bus.call({}, "far.example", "Name"))
        end)
      end)]]
    assert.same({}, result.failures)
    assert.has_error(function()
      bus.call({}, "far.example", "Name")
    end, { status = 404 })
  end)
end)
