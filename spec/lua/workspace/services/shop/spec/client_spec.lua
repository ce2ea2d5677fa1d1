-- The bus of a spec, as client stubs and the module `bus` see it.

local bus = require "bus"
local calculator = require "services.deep.calculator.api"
local json = require "json"
local shop = require "services.shop.api"
local spec = require "spec"

local service = spec.service()
local test = service.test

describe("a client stub", function()
  it("calls nobody who was not put there", function()
    assert.has_error(function()
      calculator.Name {}
    end, { status = 404 })
  end)

  it("plays its service", function()
    calculator.mock {
      Name = function()
        return "played"
      end,
    }
    assert.equal("played", calculator.Name {})
    test.Price({}, "apple", 3):error("mocked endpoint 'Arithmetic' not implemented")
  end)

  it("calls a service that was started", function()
    spec.start "calculator"
    assert.equal(3, calculator.Arithmetic({}, 1, "+", 2))
    local answer = calculator.About({}, { query = { topic = "x", q = 1 } })
    assert.same({ topic = "x", q = "1", from = "shop.example" }, json.decode(answer.body))
    for one in calculator.all.Name {} do
      assert.matches("^calculator", one:get())
    end
  end)

  it("fires events, which the spec and the service hear", function()
    local heard = test.OnBought():expect("pear", 0):returns(true)
    for answer in shop.fire.OnBought({}, "pear", 0) do
      assert.is_true(answer:get())
    end
    heard:wait()
  end)

  it("hooks sinks of the spec's", function()
    local items = {}
    local function note(_, item)
      table.insert(items, item)
      return true
    end
    calculator.on.OnComputed(note)
    service.OnSold = note
    for answer in calculator.fire.OnComputed({}, "x") do
      assert.is_true(answer:get())
    end
    assert.same({ "x", "x" }, items)
  end)
end)

describe("a message", function()
  it("reaches functions of a started service, too", function()
    spec.start "calculator"
    local answer = bus.request({}, {
      url = "https://calculator.example/arithmetic",
      headers = { ["Content-Type"] = "application/json" },
      body = '{"x":1,"op":"+","y":2}',
    })
    assert.same({ result = 3 }, json.decode(answer.body))
  end)
end)

describe("a context of a spec", function()
  it("has what every context has", function()
    local ctx = spec.context { baggage = { a = "1" } }:with { baggage = { b = "2" } }
    assert.same({ a = "1", b = "2" }, ctx.baggage)
  end)
end)
