-- require "shared": the map that all workers share.

local shared = require "shared"
local time = require "time"

local function code_of(_, _, code)
  return code
end

describe("shared", function()
  after_each(function()
    shared.del_prefix ""
  end)

  it("keeps texts until they are deleted", function()
    assert.is_nil(shared.get "a")
    assert.is_true((shared.set("a", "1")))
    assert.equal("1", shared.get "a")
    assert.is_true((shared.set("a", "")))
    assert.equal("", shared.get "a")
    assert.is_true(shared.del "a")
    assert.is_false(shared.del "a")
    assert.is_nil(shared.get "a")
  end)

  it("takes any bytes for key and value", function()
    shared.set("\0\xff", "\0\n\xfe")
    assert.equal("\0\n\xfe", shared.get "\0\xff")
  end)

  it("set to nil deletes", function()
    shared.set("a", "1")
    shared.set("a", nil)
    assert.is_nil(shared.get "a")
  end)

  it("add stores only what is not there", function()
    assert.is_true((shared.add("a", "1")))
    assert.equal("exists", code_of(shared.add("a", "2")))
    assert.equal("1", shared.get "a")
  end)

  it("cas stores only in place of what was expected", function()
    assert.equal("not_found", code_of(shared.cas("a", "1", "2")))
    shared.set("a", "1")
    assert.equal("conflict", code_of(shared.cas("a", "x", "2")))
    assert.is_true((shared.cas("a", "1", "2")))
    assert.equal("2", shared.get "a")
  end)

  it("counts, beginning where it is told", function()
    assert.equal(1, shared.incr "n")
    assert.equal(6, shared.incr("n", 5))
    assert.equal(4, shared.incr("n", -2))
    assert.equal(4, shared.get "n")
    assert.equal(101, shared.incr("m", 1, 0, 100))
  end)

  it("gives numbers back as numbers", function()
    for _, value in ipairs { 1, -0.5, math.mininteger, 2.0, math.huge, "1" } do
      shared.set("a", value)
      assert.equal(value, shared.get "a")
      assert.equal(math.type(value), math.type(shared.get "a"))
    end
    shared.del "a"
    assert.is_true((shared.add("a", 1)))
    assert.equal(2, shared.incr "a")
    assert.equal("conflict", code_of(shared.cas("a", "2", 3)))
    assert.is_true((shared.cas("a", 2.0, 2.5)))
    assert.equal("invalid", code_of(shared.incr "a"))
    assert.is_true((shared.cas("a", 2.5, "two")))
    assert.equal("two", shared.get "a")
  end)

  it("says what a value is", function()
    for _, value in ipairs { true, {}, print } do
      local ok, why = pcall(shared.set, "a", value)
      assert.is_false(ok)
      assert.matches("a value is a text or a number, not a " .. type(value), why)
    end
  end)

  it("does not count texts", function()
    shared.set("a", "x")
    local value, _, code = shared.incr "a"
    assert.is_nil(value)
    assert.equal("invalid", code)
  end)

  it("forgets when the time is over", function()
    shared.set("a", "1", 0.02)
    assert.equal("1", shared.get "a")
    local deadline = time.monotonic() + 10
    while shared.get "a" and time.monotonic() < deadline do
      time.sleep(0.005)
    end
    assert.is_nil(shared.get "a")
    assert.is_true((shared.add("a", "2")))
  end)

  it("deletes by prefix and says how many", function()
    shared.set("a:1", "x")
    shared.set("a:2", "x")
    shared.set("b:1", "x")
    assert.equal(2, shared.del_prefix "a:")
    assert.is_nil(shared.get "a:1")
    assert.equal("x", shared.get "b:1")
  end)

  it("refuses keys that are too long and times that are none", function()
    assert.error_matches(function()
      shared.get(("k"):rep(513))
    end, "longer than 512 bytes")
    assert.error_matches(function()
      shared.set("a", "1", -1)
    end, "0 or more")
  end)
end)
