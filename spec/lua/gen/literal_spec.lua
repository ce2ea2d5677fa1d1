-- gen/literal.lua: data as Lua text.

local literal = require "gen.literal"

local function back(text)
  return assert(load("return " .. text, "=data", "t", { math = math }))()
end

describe("literals", function()
  it("read back as what they were", function()
    local values = {
      "", 'say "hi"\\', "two\nlines\r\n\t\0\1\200 ü", 0, -7, math.maxinteger, math.mininteger, 0.1, 1.0, -2.5e-300, 1e300,
      123456789.125, 1 / 3, math.huge, -math.huge, true, false,
      { 1, "two", { 3 } }, { a = 1, ["b c"] = { d = { 1, 2 } }, ["end"] = 2, [7] = 3 }, {},
    }
    for _, value in ipairs(values) do
      local got = back(literal.write(value))
      assert.same(value, got)
      assert.equal(math.type(value), math.type(got))
    end
    local nan = back(literal.write(0 / 0))
    assert.is_true(nan ~= nan)
  end)

  it("are the shortest for numbers", function()
    assert.equal("0.1", literal.write(0.1))
    assert.equal("2.0", literal.write(2.0))
    assert.equal("10", literal.write(10))
  end)

  it("have short tables on one line", function()
    assert.equal('{ name = "x", type = "int" }', literal.write({ type = "int", name = "x" }))
    assert.equal('{ "a", "b" }', literal.write { "a", "b" })
    assert.equal("{}", literal.write {})
    assert.equal('{ ["a b"] = 1, ["end"] = 2 }', literal.write { ["end"] = 2, ["a b"] = 1 })
  end)

  it("have a line for each entry of a long table", function()
    local long = ("x"):rep(60)
    assert.equal(('{\n  a = "%s",\n  b = { "%s" },\n}'):format(long, long), literal.write { a = long, b = { long } })
  end)

  it("count what stands before them on their line", function()
    local text = ("x"):rep(80)
    assert.matches("^{ a", literal.write({ a = text }, nil, 0, 20))
    assert.matches("^{\n", literal.write({ a = text }, nil, 0, 30))
    assert.matches("\n  }$", literal.write({ a = text }, nil, 2, 30))
  end)

  it("put the fields in order that have one", function()
    assert.equal("{ z = 1, b = 2, a = 3, c = 4 }", literal.write({ a = 3, b = 2, c = 4, z = 1 }, { "z", "b" }))
  end)
end)

describe("calls", function()
  it("stay on one line when they fit", function()
    assert.equal("f(a, b)", literal.call("f(", { "a", "b" }, ")"))
    assert.equal("f()", literal.call("f(", {}, ")"))
  end)

  it("go over several lines when they do not", function()
    local names = {}
    for i = 1, 30 do
      names[i] = "argument" .. i
    end
    local text = literal.call("function svc.Long(", names, ")", 2)
    for line in text:gmatch("[^\n]+") do
      assert.is_true(#line <= literal.WIDTH, line)
    end
    assert.matches("^function svc.Long%(\n      argument1, ", text)
    assert.matches("argument30\n  %)$", text)
    assert.truthy(load(text .. " end", "=text", "t"), text)
  end)
end)
