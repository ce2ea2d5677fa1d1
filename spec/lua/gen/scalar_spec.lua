-- gen/scalar.lua: numbers and truth values in Go's forms.

local scalar = require "gen.scalar"

local function reads(read, good, bad)
  for _, row in ipairs(good) do
    it(("reads %q"):format(row[1]), function()
      local value = read(row[1])
      assert.equal(math.type(row[2]), math.type(value))
      assert.equal(row[2], value)
    end)
  end
  for _, text in ipairs(bad) do
    it(("refuses %q"):format(text), function()
      assert.is_nil(read(text))
    end)
  end
end

describe("an integer", function()
  reads(scalar.int, {
    { "5", 5 }, { "+5", 5 }, { "-5", -5 }, { "05", 5 }, { "0", 0 }, { "-0", 0 },
    { "9223372036854775807", math.maxinteger }, { "-9223372036854775808", math.mininteger },
    { "00000000000000000000000000000000000001", 1 },
  }, {
    "", "x", "1.5", "1_000", " 5", "5 ", "0x5", "+", "--5", "1e3", "9223372036854775808", "-9223372036854775809",
    "99999999999999999999",
  })
end)

describe("a float", function()
  reads(scalar.float, {
    { "1.6", 1.6 }, { "5", 5.0 }, { "1e5", 1e5 }, { "1E-2", 0.01 }, { ".5", 0.5 }, { "5.", 5.0 }, { "-3", -3.0 }, { "+3", 3.0 },
    { "inf", math.huge }, { "+Inf", math.huge }, { "-Infinity", -math.huge }, { "0x1p-2", 0.25 }, { "0X1.8P1", 3.0 },
    { "0x.8p0", 0.5 }, { "1_0", 10.0 }, { "1_0.0_1e1_0", 10.01e10 }, { "0x_1p0", 1.0 }, { "0x1_fp0", 31.0 }, { "1e-400", 0.0 },
    { "9223372036854775808", 9223372036854775808.0 },
  }, {
    "", "x", ".", "e5", "1e", "1e+", "0x1", "0xp1", "0x.p1", "+nan", "infi", "_1", "1_", "1__0", "1_.0", "1._0", "1e_5", "1e400",
    "0x1p5000", " 1", "1 ", "1,5", "1f", "--1", "0x1p", "1p1",
  })

  it("may be no number", function()
    for _, text in ipairs { "nan", "NaN", "NAN" } do
      local value = scalar.float(text)
      assert.is_true(value ~= value, text)
    end
  end)
end)

describe("a truth value", function()
  reads(scalar.bool, {
    { "1", true }, { "t", true }, { "T", true }, { "TRUE", true }, { "true", true }, { "True", true },
    { "0", false }, { "f", false }, { "F", false }, { "FALSE", false }, { "false", false }, { "False", false },
  }, { "", "maybe", "yes", "no", "on", "tRue", " true", "2" })
end)

describe("the text of a value", function()
  for _, row in ipairs {
    { 5, "5" }, { math.mininteger, "-9223372036854775808" }, { 5.0, "5" }, { 0.1, "0.1" }, { 1 / 3, "0.3333333333333333" },
    { 1e21, "1e+21" }, { 1e20, "100000000000000000000" }, { 1e-7, "1e-07" }, { true, "true" }, { false, "false" },
    { "x y", "x y" }, { math.huge, "+Inf" }, { -math.huge, "-Inf" }, { 0 / 0, "NaN" }, { -2.5, "-2.5" },
  } do
    it(("%s is %q"):format(row[1], row[2]), function()
      assert.equal(row[2], scalar.text(row[1]))
    end)
  end

  it("that is not there is nothing", function()
    assert.equal("", scalar.text(nil))
  end)
end)
