-- service.context: what travels with a call, and what does not.

local context = require "service.context"

describe("a frame", function()
  it("is nothing where nothing was set", function()
    local frame, known, seconds = context.frame {}
    assert.is_nil(frame)
    assert.is_false(known)
    assert.is_nil(seconds)
  end)

  it("has what was set: languages, baggage, the clock's shift and the trace", function()
    local ctx = context.new { languages = { "it" }, baggage = { a = "1" }, clock_shift = 5, trace = ("0"):rep(32), other = 1 }
    assert.same({ languages = { "it" }, baggage = { a = "1" }, clock_shift = 5, trace = ("0"):rep(32) }, (context.frame(ctx)))
  end)

  it("has the time that a call may take, of plain tables, too", function()
    local _, _, seconds = context.frame { timeout = 5 }
    assert.near(5, seconds, 0.1)
    _, _, seconds = context.frame(context.new({}):with { timeout = 2 })
    assert.near(2, seconds, 0.1)
    assert.has_error(function()
      context.frame(context.new({}):with { timeout = 0 })
    end, { status = 408, message = "timeout" })
  end)

  it("begins with a context", function()
    local ok, problem = pcall(context.frame, "shop.example")
    assert.is_false(ok)
    assert.contains("a call begins with the context of the caller, not with a string", problem)
  end)
end)

describe("a context of a call", function()
  it("takes from the frame what may travel, and nothing that says who calls", function()
    local ctx = context.of_call("shop.example", false, false, {
      languages = { "it" }, baggage = { a = "1" }, account = { id = "usr-1" }, roles = { "user-svc:admin" }, token = "x",
      from = { host = "user-svc", platform = true }, known = true, http = true, id = "forged",
    })
    assert.same({ "it" }, ctx.languages)
    assert.same({ a = "1" }, ctx.baggage)
    assert.same({ host = "shop.example", platform = false }, ctx.from)
    for _, name in ipairs { "account", "roles", "token", "http", "request" } do
      assert.is_nil(ctx[name], name)
    end
    assert.is_false(ctx.known)
    assert.is_false(ctx.id == "forged")
  end)
end)

describe("with", function()
  it("adds to the baggage and leaves the context as it was", function()
    local ctx = context.new { baggage = { a = "1" } }
    local other = ctx:with { baggage = { b = "2" }, clock_shift = 3600 }
    assert.same({ a = "1", b = "2" }, other.baggage)
    assert.same({ a = "1" }, ctx.baggage)
    assert.near(3600, other:now() - ctx:now(), 1)
  end)

  it("changes nothing that says who calls", function()
    local ok, problem = pcall(context.new({}).with, context.new {}, { account = {} })
    assert.is_false(ok)
    assert.contains('a context has no "account" to change', problem)
  end)
end)
