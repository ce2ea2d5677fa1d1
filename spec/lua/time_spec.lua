-- require "time": clocks, waiting, RFC 3339 text, durations.

local time = require "time"

describe("clocks", function()
  it("agree with each other", function()
    assert.near(os.time(), time.now(), 2)
    assert.near(time.now(), time.now_ns() / 1e9, 2)
    assert.is_integer(time.now_ns())
    assert.is_float(time.now())
  end)

  it("that are monotonic never run backwards", function()
    local last = time.monotonic()
    for _ = 1, 1000 do
      local now = time.monotonic()
      assert(now >= last)
      last = now
    end
  end)
end)

describe("time.sleep", function()
  it("never wakes early", function()
    for _, seconds in ipairs { 0, 0.001, 0.02 } do
      local before = time.monotonic()
      assert.is_true(time.sleep(seconds))
      assert(time.monotonic() - before >= seconds)
    end
  end)

  it("refuses times that are none", function()
    for _, bad in ipairs { -1, 0 / 0, 1 / 0 } do
      assert.has_error(function()
        time.sleep(bad)
      end)
    end
  end)
end)

describe("RFC 3339", function()
  it("is written in UTC, with as many digits as say something", function()
    assert.equal("1970-01-01T00:00:00Z", time.rfc3339(0))
    assert.equal("2001-09-09T01:46:40Z", time.rfc3339(1000000000))
    assert.equal("2001-09-09T01:46:40.5Z", time.rfc3339(1000000000.5))
    assert.equal("1969-12-31T23:59:59Z", time.rfc3339(-1))
    assert.equal("2000-02-29T00:00:00Z", time.rfc3339(951782400))
    assert.equal("0000-01-01T00:00:00Z", time.rfc3339(-62167219200))
    assert.equal("9999-12-31T23:59:59Z", time.rfc3339(253402300799))
  end)

  it("is cut to the digits asked for, not rounded", function()
    assert.equal("2001-09-09T01:46:40Z", time.rfc3339(1000000000.9, 0))
    assert.equal("2001-09-09T01:46:40.90Z", time.rfc3339(1000000000.9, 2))
    assert.equal("1970-01-01T00:00:00.123456789Z", time.rfc3339_ns(123456789))
    assert.equal("1970-01-01T00:00:00.123Z", time.rfc3339_ns(123456789, 3))
  end)

  it("of now has nanoseconds and reads back", function()
    local text = time.now_rfc3339()
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*Z$", text)
    assert.near(time.now(), time.parse(text), 2)
  end)

  it("is read with offsets and fractions", function()
    assert.equal(0, time.parse "1970-01-01T00:00:00Z")
    assert.equal(1000000000.5, time.parse "2001-09-09T01:46:40.5Z")
    assert.equal(1000000000, time.parse "2001-09-09T03:46:40+02:00")
    assert.equal(1000000000, time.parse "2001-09-08T20:16:40-05:30")
    assert.equal(123456789, time.parse_ns "1970-01-01T00:00:00.123456789Z")
  end)

  it("is refused when it is no time", function()
    local texts = {
      "", "2001-09-09", "2001-09-09T01:46:40", "2001-9-9T01:46:40Z", "2001-13-01T00:00:00Z", "2001-02-29T00:00:00Z",
      "2001-09-09T24:00:00Z", "2001-09-09T00:60:00Z", "2001-09-09T00:00:61Z", "2001-09-09T00:00:00.Z",
      "2001-09-09T00:00:00Zx", " 2001-09-09T00:00:00Z", "2001-09-09T00:00:00+24:00", "12001-09-09T00:00:00Z",
    }
    for _, text in ipairs(texts) do
      local value, _, code = time.parse(text)
      assert.is_nil(value, text)
      assert.equal("invalid", code, text)
    end
  end)

  it("of years that nanoseconds cannot count is out of range", function()
    assert.equal("range", select(3, time.parse_ns "3000-01-01T00:00:00Z"))
  end)

  it("survives the way there and back for every day of four centuries", function()
    for day = -73000, 73000, 97 do
      local seconds = day * 86400 + 12345
      assert.equal(seconds, time.parse(time.rfc3339(seconds)))
    end
  end)
end)

describe("time.duration", function()
  it("reads sums of decimals with units", function()
    local durations = {
      ["0"] = 0, ["1s"] = 1, ["1h30m"] = 5400, ["250ms"] = 0.25, ["1.5s"] = 1.5, ["1m0.5s"] = 60.5, ["100us"] = 0.0001,
    }
    for text, seconds in pairs(durations) do
      assert.near(seconds, time.duration(text), 1e-12)
    end
  end)

  it("refuses what is none", function()
    for _, text in ipairs { "", "1", "s", "1x", "1 s", "1s ", "--1s", "1d" } do
      assert.is_nil((time.duration(text)), text)
    end
  end)
end)
