-- gen/report.lua: problems with places, names that nearly fit, and YAML values of the right type.

local report = require "gen.report"
local yaml = require "yaml"

local KNOWN = { "host", "path", "queue", "method", "callback", "openApi", "forHost", "validation" }

describe("a name that nearly fits", function()
  for name, meant in pairs {
    calback = "callback", callbck = "callback", callbakc = "callback", callbacks = "callback", kallbakk = "callback",
    callbackFn = "callback", Path = "path", paths = "path", apth = "path", openapi = "openApi", open_api = "openApi",
    ["open-api"] = "openApi",
    ["for host"] = "forHost", FORHOST = "forHost", queu = "queue", methd = "method", valdiaton = "validation",
  } do
    it(("%s is meant to be %s"):format(name, meant), function()
      assert.equal(meant, report.nearest(name, KNOWN))
    end)
  end

  for _, name in ipairs { "timeBudget", "port", "tags", "x", "", "patxx", "callbackFun", "qeueu", "description", "call" } do
    it(("%q is none"):format(name), function()
      assert.is_nil(report.nearest(name, KNOWN))
    end)
  end

  it("is the nearest of several", function()
    assert.equal("sources", report.nearest("sourcess", { "source", "sources" }))
    assert.equal("source", report.nearest("sourc", { "sources", "source" }))
  end)
end)

-- The keys of a YAML text, and a report.
local function read(text)
  return report.new("f.yaml"), yaml.parse(text).at, yaml.parse(text).keys
end

local function key_of(text)
  local found, _, keys = read("x: " .. text)
  return found, keys[1]
end

-- Rows: { YAML, value }
local function gives(method, rows)
  for _, row in ipairs(rows) do
    it(("of %s is %s"):format(row[1], tostring(row[2])), function()
      local found, key = key_of(row[1])
      local value
      if method == "bool" then
        value = found:bool(key, row[3])
      else
        value = found[method](found, key)
      end
      assert.same(row[2], value)
      assert.same({}, (found:finish()))
    end)
  end
end

-- Rows: { YAML, message }
local function refuses(method, rows)
  for _, row in ipairs(rows) do
    it(("of %s is refused"):format(row[1]), function()
      local found, key = key_of(row[1])
      found[method](found, key)
      local text = report.render((found:finish()))
      assert.matches("^f%.yaml:1:%d+: ", text)
      assert.contains(row[2], text)
    end)
  end
end

describe("a text", function()
  gives("text", {
    { "a", "a" }, { "'5'", "5" }, { "5", "5" }, { "1.50", "1.50" }, { "yes", "yes" }, { "~", "" }, { "", "" }, { "'~'", "~" },
    { "|\n  a\n  b\n", "a\nb\n" },
  })
  refuses("text", {
    { "[a]", "cannot unmarshal !!seq into string: 'x' must be a text" },
    { "{ a: b }", "cannot unmarshal !!map into string: 'x' must be a text" },
  })
end)

describe("a truth value", function()
  gives("bool", {
    { "true", true }, { "True", true }, { "TRUE", true }, { "yes", true }, { "on", true }, { "y", true },
    { "false", false }, { "False", false }, { "no", false }, { "Off", false }, { "N", false }, { "~", true, true },
    { "", false, false },
  })
  refuses("bool", {
    { "'false'", "cannot unmarshal !!str 'false' into bool: 'x' must be true or false" },
    { "'yes'", "cannot unmarshal !!str 'yes' into bool" },
    { "1", "cannot unmarshal !!int '1' into bool" },
    { "maybe", "cannot unmarshal !!str 'maybe' into bool" },
    { "tRUE", "cannot unmarshal !!bool 'tRUE' into bool" },
    { "[]", "cannot unmarshal !!seq into bool" },
  })
end)

describe("a duration", function()
  gives("duration", { { "10s", 10000000000 }, { "'1h'", 3600000000000 }, { "-2m", -120000000000 }, { "'0'", 0 }, { "~", 0 } })
  refuses("duration", {
    { "90", "cannot unmarshal !!int '90' into time.Duration: write a duration such as 10s, 5m or 1h30m" },
    { "0", "cannot unmarshal !!int '0' into time.Duration" },
    { "0x10", "!!int '0x10'" }, { "0b11", "!!int '0b11'" }, { "0o17", "!!int '0o17'" }, { "1_000", "!!int '1_000'" },
    { "1.5", "!!float '1.5'" }, { "1e3", "!!float '1e3'" }, { ".5", "!!float '.5'" }, { ".nan", "!!float '.nan'" },
    { "true", "!!bool 'true'" }, { "''", "!!str ''" }, { "1-2", "!!str '1-2'" }, { "5 minutes", "!!str '5 minutes'" },
    { "{}", "!!map" },
    { ("x"):rep(100), "!!str '" .. ("x"):rep(57) .. "...'" },
  })
end)

describe("a list of numbers", function()
  gives("numbers", {
    { "[5, 1, 3]", { 5.0, 1.0, 3.0 } }, { "[.5, 1e2, -0.25, 0x10, 1_000]", { 0.5, 100.0, -0.25, 16, 1000.0 } }, { "[]", {} },
    { "~", nil },
  })
  refuses("numbers", {
    { "5", "cannot unmarshal !!int '5' into []float64: 'x' must be a list of numbers" },
    { "[a]", "cannot unmarshal !!str 'a' into float64" },
    { "[1, '2']", "cannot unmarshal !!str '2' into float64" },
    { "[.inf]", "'x' must be a list of finite numbers" },
    { "[[1]]", "cannot unmarshal !!seq into float64" },
  })
end)

describe("a section", function()
  gives("items", { { "~", {} }, { "[]", {} }, { "", {} } })
  refuses("items", {
    { "{ signature: F() }", "cannot unmarshal !!map into []*spec.Handler: 'x' must be a list" },
    { "F()", "cannot unmarshal !!str 'F()' into []*spec.Handler" },
  })
end)

describe("a value that is not there", function()
  it("is what stands for nothing", function()
    local found = report.new("f.yaml")
    assert.equal("", found:text(nil))
    assert.equal("", found:text(false))
    assert.is_true(found:bool(nil, true))
    assert.equal(0, found:duration(false))
    assert.is_nil(found:numbers(nil))
    assert.same({}, found:items(false))
    assert.same({}, (found:finish()))
  end)
end)

describe("the fields of a map", function()
  it("are found by name; unknown ones are errors where they nearly fit, warnings otherwise", function()
    local found = report.new("f.yaml")
    local keys = found:fields(yaml.parse("host: a\nPath: b\ntimeBudget: c\n"), KNOWN)
    assert.equal("a", keys.host.value.value)
    assert.is_false(keys.path)
    local errors, warnings = found:finish()
    assert.equal("f.yaml:2:1: unknown field 'Path'; did you mean 'path'?", report.render(errors))
    assert.equal("f.yaml:3:1: unknown field 'timeBudget' is ignored", report.render(warnings))
  end)
end)

describe("a report", function()
  it("keeps what belongs together, and brings the rest in the order of the file", function()
    local found = report.new("f.yaml")
    found:begin({ line = 10 })
    found:fail({ line = 12, column = 1 }, "third %d", 3)
    found:fail({ line = 11, column = 2 }, "fourth, 100%")
    found:begin({ line = 2 })
    found:fail({ line = 2, column = 9 }, "first")
    found:fail({ line = 2, column = 3 }, "second")
    assert.equal("f.yaml:2:9: first\nf.yaml:2:3: second\nf.yaml:12:1: third 3\nf.yaml:11:2: fourth, 100%",
      report.render((found:finish())))
  end)

  it("has problems with nothing but place and text", function()
    local found = report.new("f.yaml")
    found:warn({ line = 1, column = 2 }, "odd")
    local errors, warnings = found:finish()
    assert.same({}, errors)
    assert.same({ { file = "f.yaml", line = 1, column = 2, text = "odd" } }, warnings)
  end)
end)
