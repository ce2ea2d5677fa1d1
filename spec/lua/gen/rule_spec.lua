-- gen/rule.lua: validation rules of configs. Tests are named by the table that they are in: E for values, F for rules.

local rule = require "gen.rule"

local function compiled(text)
  local found, message = rule.compile(text)
  assert(found, message)
  return found
end

-- Rows: { rule, value, … }
local function values(word, expected, rows)
  for _, row in ipairs(rows) do
    for i = 2, #row do
      it(("E: %q %s %q"):format(row[1], word, row[i]), function()
        assert.equal(expected, (compiled(row[1]):accepts(row[i])))
      end)
    end
  end
end

describe("a rule", function()
  values("accepts", true, {
    { "", "lorem ipsum", "" },
    { "str", "lorem ipsum" }, { "str [a-z]+", "m" },
    { "bool", "true", "TRUE" },
    { "int", "5", "+5", "05" }, { "int (0,10]", "10" }, { "int [0,10)", "0" }, { "int [0,)", "100" },
    { "int (,]", "-9223372036854775808" },
    { "float", "1.6", "nan", "inf", ".5", "0x1p-2", "1_0" }, { "float (0,10.1]", "10.1" },
    { "float [0,10)", "0", "9.99999" }, { "float [0,)", "1e5" }, { "float [,-2)", "-3" },
    { "dur", "1s", "0", "1.5h", "-1s" }, { "dur [1s,1h]", "1m" }, { "dur [1ns,1ms]", "1us" }, { "dur (1s,1h]", "1h" },
    { "dur [1s,1h)", "1s" }, { "dur [1s,)", "123h" },
    { "set x|y|z", "x", "z" }, { "set x||z", "" }, { "set a | b", "a ", " b" },
    { "url", "https://example.com/path", "//host/x", "ftp://h" },
    { "email", "hello@example.com", "<hello@example.com>", "Hello <hello@example.com>", "a@b.co", '"a b"@c.com',
      '"Hello, World" <a.b@c.de>', "hello@example.com (the one)", " a@b.co ", "a@sub.b.co", "J. Doe <j@d.org>" },
    { "json", '{"x":5,"y":10}', "[1,2,3]", "5", '"x"', " 1 ", "null" },
    { "STR ^x", "xy" },
    { "   int [1,5]", "3" },
  })

  values("refuses", false, {
    { "str [a-z]+", "9" },
    { "bool", "maybe", "yes", "tRue", "" },
    { "int", "x", "1.5", "1_000", " 5", "" }, { "int (0,10]", "0" }, { "int [0,10)", "10" }, { "int [0,)", "-5" },
    { "int [5,1]", "1", "3", "5" },
    { "float", "x" }, { "float (1.2,10]", "1.2" }, { "float [0,9.8)", "9.8" }, { "float [0,)", "-5", "nan" },
    { "dur", "6x", "1d", "1h 2m" }, { "dur (0s,10s]", "0s" }, { "dur [0s,10s)", "10s" }, { "dur [0s,)", "-5s" },
    { "set x|y|z", "q", "" }, { "set a|b", "A" },
    { "url", "", "https:///path", "https://", "xyz", "example.com", "mailto:a@b.com", "https://:80/", "https://a b/" },
    { "email", "", "hello", "hello@", "hello@x", "hello <hello>", "hello <hello@>", "hello <hello@x>", "a b@c.com",
      "a@b.co, c@d.co", "a..b@c.de", ".a@c.de", "a@c.de.", "<a@c.de", "a@c.de>", "a@b.c", '"a@b.co', "a@b.co (x", "g: a@b.co;" },
    { "json", "", "foo", '{"x":5,"y":10', "[1,2,]", "[1,2,3", "1 2", "NaN" },
    { "   int [1,5]", "6" },
  })
end)

describe("the text of a rule", function()
  for _, text in ipairs {
    "str", "str [0-9]+", "bool", "int", "int (0,99]", "int (,99]", "int (,]", "float", "float (0,99.9]", "float (0,1e6]", "dur",
    "dur (1ms,5h]", "dur (1ns,5m]", "dur (1us,5s]", "set x|y|z", "url", "email", "json", "int ", "set |",
  } do
    it(("F: %q is one"):format(text), function()
      assert.equal(text, compiled(text).text)
    end)
  end

  for _, row in ipairs {
    { "str [*.", "offset 0: the closing ] of this class is missing" },
    { "str (a)\\1", "backreferences are not supported" },
    { "bool anything", "bool takes nothing behind it, and not 'anything'" },
    { "int 0,99]", "'0,99]' is no range, such as [1,10] or (0,]" },
    { "int [0,99.5]", "'99.5' is no value of type int" },
    { "int [ 1 , 5 ]", "' 1 ' is no value of type int" },
    { "int [1,2,3]", "is no range" },
    { "int [1]", "is no range" },
    { "int  [1,2]", "is no range" },
    { "float (0,xyz]", "'xyz' is no value of type float" },
    { "dur (1x,5s]", "'1x' is no value of type dur" },
    { "set", "a set needs members" },
    { "url example.com", "url takes nothing" },
    { "email anything", "email takes nothing" },
    { "json anything", "json takes nothing" },
    { "xyz", "there is no type 'xyz'; there are str, bool," },
    { "int\t[1,2]", "there is no type 'int\t[1,2]'" },
  } do
    it(("F: %q is none"):format(row[1]), function()
      local found, message = rule.compile(row[1])
      assert.is_nil(found)
      assert.contains(row[2], message)
    end)
  end

  for word, kind in pairs {
    [""] = "str", str = "str", string = "str", text = "str", TeXT = "str", bool = "bool", Boolean = "bool", int = "int",
    integer = "int", long = "int", float = "float", double = "float", decimal = "float", number = "float", dur = "dur",
    duration = "dur", URL = "url", eMail = "email", JSON = "json",
  } do
    it(("F: %q means %s"):format(word, kind), function()
      assert.equal(kind, compiled(word).type)
    end)
  end

  it("F: set means set", function()
    assert.same({ "a", "", "b" }, compiled("SET a||b").members)
  end)
end)

describe("a range", function()
  it("has ends that are in or out, or none", function()
    local found = compiled("dur (1s,1m]")
    assert.same({ 1000000000, 60000000000, true, false }, { found.low, found.high, found.above, found.below })
    found = compiled("int (,5)")
    assert.is_nil(found.low)
    assert.same({ 5, true }, { found.high, found.below })
  end)

  it("is exact for large integers", function()
    local found = compiled("int (9223372036854775806,]")
    assert.is_true(found:accepts("9223372036854775807"))
    assert.is_false(found:accepts("9223372036854775806"))
  end)
end)

describe("a regular expression", function()
  it("that would take too long for a text does not accept it, and says why", function()
    local accepted, message = compiled("str (.*a){200}b|c"):accepts(("a"):rep(10000) .. "b")
    assert.is_false(accepted)
    assert.equal("the pattern is too complex for this text", message)
  end)
end)
