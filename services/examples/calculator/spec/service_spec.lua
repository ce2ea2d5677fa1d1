-- Specs of calculator.example: moonbus test examples/calculator
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("calculator.example", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("Arithmetic adds, subtracts, multiplies or divides two integers", function()
    -- local xEcho, opEcho, yEcho, result = service.Arithmetic({}, x, op, y)
    assert.is_function(service.Arithmetic)
  end)

  it("Square multiplies an integer by itself", function()
    -- local xEcho, result = service.Square({}, x)
    assert.is_function(service.Square)
  end)

  it("Distance says how far two points are from each other", function()
    -- local d = service.Distance({}, p1, p2)
    assert.is_function(service.Distance)
  end)
end)
