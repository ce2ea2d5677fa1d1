-- Specs of calculator.example: moonbus test examples/calculator
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local metric = require "metric"

local test = require("spec").service().test

describe("Arithmetic", function()
  it("adds and subtracts", function()
    test.Arithmetic({}, 3, "-", 8):expect(3, "-", 8, -5)
    test.Arithmetic({}, -9, "+", 9):expect(-9, "+", 9, 0)
  end)

  it("takes a blank for a plus that was not escaped", function()
    test.Arithmetic({}, -9, " ", 9):expect(-9, "+", 9, 0)
  end)

  it("multiplies", function()
    test.Arithmetic({}, 5, "*", 5):expect(5, "*", 5, 25)
    test.Arithmetic({}, 5, "*", -6):expect(5, "*", -6, -30)
  end)

  it("divides, and rounds towards zero", function()
    test.Arithmetic({}, 15, "/", 5):expect(15, "/", 5, 3)
    test.Arithmetic({}, 7, "/", 2):expect(7, "/", 2, 3)
    test.Arithmetic({}, -7, "/", 2):expect(-7, "/", 2, -3)
    test.Arithmetic({}, 7, "/", -2):expect(7, "/", -2, -3)
  end)

  it("refuses to divide by zero", function()
    test.Arithmetic({}, 15, "/", 0):error("zero"):error_code(400)
  end)

  it("refuses other operators", function()
    test.Arithmetic({}, 15, "z", 0):error("invalid operator 'z'"):error_code(400)
  end)
end)

describe("Square", function()
  it("multiplies an integer by itself", function()
    test.Square({}, 0):expect(0, 0)
    test.Square({}, 5):expect(5, 25)
    test.Square({}, -8):expect(-8, 64)
  end)
end)

describe("Distance", function()
  it("is the length of the straight line between two points", function()
    test.Distance({}, { x = 0, y = 0 }, { x = 3, y = 4 }):expect(5)
    test.Distance({}, { x = -5, y = -8 }, { x = 5, y = -8 }):expect(10)
  end)

  it("is zero from a point to itself", function()
    test.Distance({}, { x = 1.5, y = -2 }, { x = 1.5, y = -2 }):expect(0)
  end)
end)

describe("OpCount", function()
  -- How often an operator was counted so far.
  local function count(op)
    for line in metric.render():gmatch("[^\n]+") do
      if line:find("^calculator_op_count{") and line:find(('op="%s"'):format(op), 1, true) then
        return tonumber(line:match("%S+$"))
      end
    end
    return 0
  end

  it("counts what was computed, by operator", function()
    local before = { plus = count "+", square = count "^2" }
    test.Arithmetic({}, 1, "+", 2):no_error()
    test.Arithmetic({}, 1, " ", 2):no_error()
    test.Square({}, 5):no_error()
    assert.equal(before.plus + 2, count "+")
    assert.equal(before.square + 1, count "^2")
  end)

  it("does not count what failed", function()
    local before = count "/"
    test.Arithmetic({}, 1, "/", 0):error()
    assert.equal(before, count "/")
  end)
end)
