-- require "errors": error values with an HTTP status.

local errors = require "errors"

describe("errors.new", function()
  it("makes a value with status and message that reads as its message", function()
    local e = errors.new(404, "no such pet")
    assert.equal(404, e.status)
    assert.equal("no such pet", e.message)
    assert.equal("no such pet", tostring(e))
  end)

  it("needs a text, for callers would be told of its absence instead", function()
    assert.equal("42", errors.new(404, 42).message)
    for _, other in ipairs { {}, true, print } do
      assert.error_matches(function()
        errors.new(404, other)
      end, "the message of an error is a text, not a " .. type(other))
    end
    assert.error_matches(function()
      errors.new(404)
    end, "the message of an error is a text, not a nil")
  end)

  it("raises nothing", function()
    assert.has_no_error(function()
      errors.new(500, "x")
    end)
  end)
end)

describe("errors.raise", function()
  it("raises such a value, without a position in its text", function()
    local e = assert.has_error(function()
      errors.raise(409, "taken")
    end)
    assert.is_true(errors.is(e))
    assert.equal(409, e.status)
    assert.equal("taken", e.message)
  end)
end)

describe("errors.is", function()
  it("tells error values from everything else", function()
    assert.is_true(errors.is(errors.new(400, "x")))
    for _, other in ipairs { "x", 1, true, {}, { status = 400, message = "x" } } do
      assert.is_false(errors.is(other))
    end
    assert.is_false(errors.is(nil))
  end)
end)

describe("errors.check", function()
  it("passes results through, all of them", function()
    assert.same({ 1, 2, 3, 4, 5 }, { errors.check(1, 2, 3, 4, 5) })
    assert.equal(false, (errors.check(false)))
  end)

  it("takes nil alone for a result", function()
    assert.is_nil((errors.check(nil)))
  end)

  it("raises the message with the status that belongs to the code", function()
    for code, status in pairs {
      busy = 503, limit = 503, no_memory = 503, timeout = 504, exists = 409, conflict = 409, other = 500,
    } do
      assert.has_error(function()
        errors.check(nil, "why", code)
      end, { status = status, message = "why" })
    end
    assert.has_error(function()
      errors.check(nil, "why")
    end, { status = 500, message = "why" })
  end)
end)
