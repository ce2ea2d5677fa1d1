-- gen/duration.lua: Go's durations, exact to the nanosecond.

local duration = require "gen.duration"

local H, M, S, MS, US = 3600000000000, 60000000000, 1000000000, 1000000, 1000

describe("a duration", function()
  for _, row in ipairs {
    { "0", 0 }, { "+0", 0 }, { "-0", 0 }, { "0s", 0 }, { "1ns", 1 }, { "1us", US }, { "1\u{b5}s", US }, { "1\u{3bc}s", US },
    { "1ms", MS }, { "1s", S }, { "1m", M }, { "1h", H }, { "1h30m", H + 30 * M }, { "250ms", 250 * MS },
    { "2.5s", 2500 * MS }, { ".5s", 500 * MS }, { "1.s", S }, { "-2m", -2 * M }, { "+5s", 5 * S }, { "1s1s", 2 * S },
    { "1h2m3.004005006s", H + 2 * M + 3 * S + 4005006 }, { "1.5ns", 1 }, { "0.9999999999s", 999999999 },
    { "0.1h", 6 * M }, { "0.333333333333333333333333333333s", 333333333 }, { "007s", 7 * S }, { "123h", 123 * H },
    { "1.1h", 66 * M }, { "0.3s", 300 * MS },
    { "9223372036854775807ns", math.maxinteger }, { "2562047h47m16.854775807s", math.maxinteger },
    { "-2562047h47m16.854775807s", -math.maxinteger },
  } do
    it(("%s is %d nanoseconds"):format(row[1], row[2]), function()
      local ns = duration.parse(row[1])
      assert.equal("integer", math.type(ns))
      assert.equal(row[2], ns)
    end)
  end

  for _, text in ipairs {
    "", "1", "s", "1d", "1h 2m", "1,5s", ".s", "-", "+", "1s1", "6x", "90", "5 minutes", " 1s", "1s ", "1S", "--1s", "1.2.3s",
    "1e3s", "0x1s", "0.", ".", "1\u{b5}", "s1",
  } do
    it(("is not %q"):format(text), function()
      local ns, message = duration.parse(text)
      assert.is_nil(ns)
      assert.equal(("'%s' is no duration: write one such as 10s, 5m or 1h30m"):format(text), message)
    end)
  end

  for _, text in ipairs {
    "9223372036854775808ns", "2562048h", "3000000h", "99999999999999999999s", "9223372036s855ms", "1h9223372036s",
    "153722867m16.854775808s", "99999999999999999999999999999999999999ns",
  } do
    it(("is too long as %s"):format(text), function()
      local ns, message = duration.parse(text)
      assert.is_nil(ns)
      assert.equal(("'%s' is too long a duration"):format(text), message)
    end)
  end
end)

describe("the text of a duration", function()
  for _, row in ipairs {
    { 0, "0s" }, { 1, "1ns" }, { 999, "999ns" }, { 1000, "1\u{b5}s" }, { 1500, "1.5\u{b5}s" }, { 250 * MS, "250ms" },
    { 1001 * US, "1.001ms" }, { 1000001, "1.000001ms" }, { S, "1s" }, { 2500 * MS, "2.5s" }, { M, "1m0s" }, { H, "1h0m0s" },
    { H + 30 * M, "1h30m0s" }, { -2 * M, "-2m0s" }, { 3 * S + 4005006, "3.004005006s" }, { 61 * S + 500 * MS, "1m1.5s" },
    { 100 * S, "1m40s" }, { 10 * S, "10s" }, { math.maxinteger, "2562047h47m16.854775807s" },
    { math.mininteger, "-2562047h47m16.854775808s" },
  } do
    it(("of %d nanoseconds is %s"):format(row[1], row[2]), function()
      assert.equal(row[2], duration.render(row[1]))
    end)
  end

  it("reads back as what it was", function()
    for i = 0, 62 do
      for _, ns in ipairs { 1 << i, (1 << i) - 1, -(1 << i), (1 << i) // 3 } do
        assert.equal(ns, duration.parse(duration.render(ns)))
      end
    end
  end)
end)

describe("the seconds of a duration", function()
  it("are a number", function()
    assert.equal(2.5, duration.seconds(2500 * MS))
    assert.equal(-120.0, duration.seconds(-2 * M))
  end)
end)
