-- lua/service/keys.lua: keys in an order that is always the same.

local keys = require "service.keys"

describe("keys.sorted", function()
  it("has numbers by value, then texts by theirs, and the same order every time", function()
    local t = { a = 1, b = 1, ["1"] = 1, [10] = 1, [2] = 1, [1.5] = 1, [-1] = 1 }
    assert.same({ -1, 1.5, 2, 10, "1", "a", "b" }, keys.sorted(t))
    local mixed = keys.sorted { [true] = 1, [false] = 1, a = 1, [1] = 1 }
    assert.same({ false, true, 1, "a" }, mixed)
    assert.same({}, keys.sorted {})
  end)

  it("takes another order", function()
    assert.same({ "b", "a" }, keys.sorted({ a = 1, b = 1 }, function(a, b) return a > b end))
  end)

  it("asks no metamethod", function()
    local guarded = setmetatable({ a = 1 }, { __pairs = error, __index = error })
    assert.same({ "a" }, keys.sorted(guarded))
  end)
end)
