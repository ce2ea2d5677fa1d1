-- Specs of eventsource.example: moonbus test examples/eventsource
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local errors = require "errors"
local eventsource = require "services.examples.eventsource.api"
local spec = require "spec"
local time = require "time"

local test = spec.service().test

describe("Register", function()
  it("allows everybody when nobody listens", function()
    test.Register({}, "maria@example.com"):expect(true)
  end)

  it("asks whoever listens", function()
    local asked = test.OnAllowRegister():expect("maria@example.com"):returns(true)
    test.Register({}, "maria@example.com"):expect(true)
    asked:wait()
  end)

  it("takes one objection for a no", function()
    test.OnAllowRegister():returns(true)
    test.OnAllowRegister():returns(false)
    test.Register({}, "maria@example.com"):expect(false)
  end)

  it("fails when a sink fails", function()
    eventsource.on.OnAllowRegister(function()
      errors.raise(500, "oops")
    end)
    test.Register({}, "maria@example.com"):error("oops")
  end)

  it("tells whoever listens, afterwards", function()
    local told = test.OnRegistered():expect("maria@example.com")
    test.Register({}, "maria@example.com"):expect(true)
    told:wait()
  end)

  it("works together with the eventsink service", function()
    local eventsink = spec.start "eventsink.example"
    test.Register({}, "maria@hotmail.com"):expect(false)
    test.Register({}, "Maria@Example.com"):expect(true)
    while #eventsink.Registered({}) == 0 do -- it is told in the background
      time.sleep(0.01)
    end
    assert.same({ "maria@example.com" }, eventsink.Registered({}))
  end)
end)
