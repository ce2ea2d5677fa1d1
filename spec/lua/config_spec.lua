-- require "service.config": what svc.config is.

local config = require "service.config"
local core = require "config.core"
local log = require "log"

local function declared(list)
  for _, one in ipairs(list) do
    one.default, one.description = one.default or "", one.description or ""
    one.callback, one.secret = one.callback or false, one.secret or false
  end
  return { host = "shop.example", configs = list }
end

local PLUMBING = declared {
  { name = "Greeting", type = "string", default = "Hello" },
  { name = "Count", type = "int", default = "3", validation = "int [1,10]" },
  { name = "Ratio", type = "float64", default = "0.5" },
  { name = "Loud", type = "bool", default = "true" },
  { name = "Patience", type = "time.Duration", default = "1m30s", validation = "dur [1s,1h]" },
  { name = "APIKey", type = "string", secret = true, validation = "str ^[a-z]*$" },
}

local function bind()
  return config.bind(PLUMBING)
end

-- Runs fn and returns the lines that it logged: "warn: Invalid config value name=Count value=99".
local function logged(fn)
  local lines, kept = {}, {}
  for _, level in ipairs { "info", "warn" } do
    kept[level] = log[level]
    log[level] = function(message, fields)
      local parts = {}
      for name, value in pairs(fields or {}) do
        table.insert(parts, ("%s=%s"):format(name, tostring(value)))
      end
      table.sort(parts)
      table.insert(lines, ("%s: %s %s"):format(level, message, table.concat(parts, " ")))
    end
  end
  local ok, why = pcall(fn)
  for level, writer in pairs(kept) do
    log[level] = writer
  end
  assert(ok, why)
  return lines
end

local function giving(values)
  return function()
    return values
  end
end

after_each(function()
  core.publish({}, nil, PLUMBING.host)
end)

describe("reading a config", function()
  it("gives its default, as a value of its type", function()
    local c = bind()
    assert.equal("Hello", c.Greeting)
    assert.equal(3, c.Count)
    assert.equal("integer", math.type(c.Count))
    assert.equal(0.5, c.Ratio)
    assert.is_true(c.Loud)
    assert.equal(90.0, c.Patience)
    assert.equal("", c.APIKey)
  end)

  it("gives what was put in force for the service, by whomever", function()
    local c, other = bind(), bind()
    c.Greeting = "Hi"
    assert.equal("Hi", other.Greeting)
    core.publish({ Greeting = "Hey", Count = "7", Gone = "x" }, nil, PLUMBING.host)
    assert.equal("Hey", c.Greeting)
    assert.equal(7, other.Count)
  end)

  it("gives the zero of the type where the text is none of it", function()
    local c = config.bind(declared {
      { name = "Count", type = "int", default = "many" },
      { name = "Ratio", type = "float64", default = "half" },
      { name = "Loud", type = "bool", default = "yes" },
      { name = "Patience", type = "time.Duration" },
    })
    assert.equal(0, c.Count)
    assert.equal(0.0, c.Ratio)
    assert.is_false(c.Loud)
    assert.equal(0.0, c.Patience)
  end)

  it("raises for a name that is not declared, and says which are", function()
    local c = bind()
    assert.has_error(function()
      return c.Greting
    end, "shop.example has no config 'Greting': did you mean 'Greeting'?")
    assert.has_error(function()
      return c.Colour
    end, "shop.example has no config 'Colour'; there are Greeting, Count, Ratio, Loud, Patience, APIKey")
    assert.has_error(function()
      return config.bind({ host = "bare.example", configs = {} }).Any
    end, "bare.example has no config 'Any'")
  end)

  it("shows all values to a loop", function()
    local seen = {}
    for name, value in pairs(bind()) do
      seen[name] = value
    end
    assert.same({ Greeting = "Hello", Count = 3, Ratio = 0.5, Loud = true, Patience = 90.0, APIKey = "" }, seen)
  end)
end)

describe("assigning to a config", function()
  it("takes values of the type, and texts of them", function()
    local c = bind()
    c.Count, c.Ratio, c.Loud, c.Patience = 10, 0.25, false, 2.5
    assert.same({ 10, 0.25, false, 2.5 }, { c.Count, c.Ratio, c.Loud, c.Patience })
    c.Count, c.Ratio, c.Loud, c.Patience = "9", "1e3", "T", "1h"
    assert.same({ 9, 1000.0, true, 3600.0 }, { c.Count, c.Ratio, c.Loud, c.Patience })
    c.Count, c.Greeting = 4.0, 12
    assert.same({ 4, "12" }, { c.Count, c.Greeting })
  end)

  it("resets one to its default with nil", function()
    local c = bind()
    c.Greeting = "Hi"
    c.Greeting = nil
    assert.equal("Hello", c.Greeting)
  end)

  it("refuses what the rule or the type does not allow, and changes nothing", function()
    local c = bind()
    local function refuses(name, value, message)
      assert.has_error(function()
        c[name] = value
      end, { message = message })
    end
    refuses("Count", 11, "invalid value '11' for config property 'Count'")
    refuses("Count", 1.5, "invalid value '1.5' for config property 'Count'")
    refuses("Ratio", "half", "invalid value 'half' for config property 'Ratio'")
    refuses("Loud", "perhaps", "invalid value 'perhaps' for config property 'Loud'")
    refuses("Patience", 0.5, "invalid value '500ms' for config property 'Patience'")
    refuses("Patience", 1 / 0, "invalid value '+Inf' for config property 'Patience'")
    refuses("Patience", 0 / 0, "invalid value 'NaN' for config property 'Patience'")
    refuses("Greeting", {}, "config 'Greeting' is a string and cannot be a table")
    assert.equal(3, c.Count)
    assert.has_error(function()
      c.Cuont = 1
    end, "shop.example has no config 'Cuont': did you mean 'Count'?")
  end)

  it("tells no secret", function()
    local c = bind()
    assert.has_error(function()
      c.APIKey = "Sesame"
    end, { message = "invalid value '******' for config property 'APIKey'" })
  end)

  it("has the hook called when something changed, and raises what that raises", function()
    local c, calls = bind(), {}
    config.on_change(c, function(names)
      table.insert(calls, table.concat(names, " ") .. "=" .. c.Greeting)
      if c.Greeting == "Boo" then
        error("no such greeting", 0)
      end
    end)
    c.Greeting = "Hello"
    c.Greeting = "Hi"
    c.Greeting = "Hi"
    assert.has_error(function()
      c.Greeting = "Boo"
    end, "no such greeting")
    assert.same({ "Greeting=Hi", "Greeting=Boo" }, calls)
  end)
end)

describe("refreshing", function()
  it("asks for all names, and says which configs changed", function()
    local c, asked = bind(), nil
    local changed = config.refresh(c, { id = "r" }, function(ctx, names)
      asked = { ctx.id, table.unpack(names) }
      return { greeting = "Hi", LOUD = "0", Count = "3", Other = "x", Ratio = 7 }
    end)
    assert.same({ "r", "Greeting", "Count", "Ratio", "Loud", "Patience", "APIKey" }, asked)
    assert.same({ "Greeting", "Loud" }, changed)
    assert.same({ "Hi", false, 3 }, { c.Greeting, c.Loud, c.Count })
    assert.same({}, config.refresh(c, {}, giving { Greeting = "Hi", Loud = "0" }))
  end)

  it("puts back the default of what is not there any more, assigned or fetched", function()
    local c = bind()
    config.refresh(c, {}, giving { Greeting = "Hi" })
    c.Count = 5
    assert.same({ "Greeting", "Count" }, config.refresh(c, {}, giving {}))
    assert.same({ "Hello", 3 }, { c.Greeting, c.Count })
  end)

  it("takes the default in place of a value that may not be, and warns", function()
    local c = bind()
    local lines = logged(function()
      assert.same({}, config.refresh(c, {}, giving { Count = "99", APIKey = "Sesame" }))
    end)
    assert.same({
      "warn: Invalid config value name=Count rule=int [1,10] value=99",
      "warn: Invalid config value name=APIKey rule=str ^[a-z]*$ value=******",
    }, lines)
    assert.equal(3, c.Count)
  end)

  it("fails, and changes nothing, when the default may not be either", function()
    local c = config.bind(declared {
      { name = "Greeting", type = "string" },
      { name = "Key", type = "string", default = "Sesame", secret = true, validation = "str ^[a-z]$" },
    })
    assert.has_error(function()
      config.refresh(c, {}, giving { Greeting = "Hi" })
    end, { message = "value '******' of config 'Key' doesn't validate against rule 'str ^[a-z]$'" })
    assert.equal("", c.Greeting)
    assert.same({ "Greeting", "Key" }, config.refresh(c, {}, giving { Greeting = "Hi", Key = "k" }))
  end)

  it("fails, and changes nothing, when fetching fails", function()
    local c = bind()
    c.Greeting = "Hi"
    assert.has_error(function()
      config.refresh(c, {}, function()
        error("ack timeout", 0)
      end)
    end, "ack timeout")
    assert.equal("Hi", c.Greeting)
  end)

  it("logs what changed, without secrets and not at length", function()
    local lines = logged(function()
      config.refresh(bind(), {}, giving { Greeting = ("ä"):rep(41), APIKey = ("k"):rep(30), Count = "3" })
    end)
    assert.same({
      "info: Config updated name=Greeting value=" .. ("ä"):rep(40) .. "...",
      "info: Config updated name=APIKey value=" .. ("*"):rep(16),
    }, lines)
  end)

  it("does not call the hook: whoever refreshes knows what changed", function()
    local c, called = bind(), false
    config.on_change(c, function()
      called = true
    end)
    config.refresh(c, {}, giving { Greeting = "Hi" })
    assert.is_false(called)
  end)

  it("checks what is in force when nobody can be asked", function()
    local c = bind()
    c.Greeting = "Hi"
    assert.same({}, config.refresh(c, {}))
    assert.equal("Hi", c.Greeting)
    local unset = config.bind(declared { { name = "Mode", type = "string", validation = "set a|b" } })
    assert.has_error(function()
      config.refresh(unset, {})
    end, { message = "value '' of config 'Mode' doesn't validate against rule 'set a|b'" })
  end)

  it("asks nobody where there are no configs", function()
    assert.same({}, config.refresh(config.bind { host = "bare.example", configs = {} }, {}, function()
      error("asked")
    end))
  end)

  it("loses no change of another state that comes in between", function()
    local c, other = bind(), bind()
    local publish, first = core.publish, true
    core.publish = function(...)
      if first then
        first = false
        other.Greeting = "Hey"
      end
      return publish(...)
    end
    c.Count = 8
    core.publish = publish
    assert.same({ "Hey", 8 }, { c.Greeting, c.Count })
  end)
end)

describe("what administrators see", function()
  it("is whether a value may be, by a name in any case", function()
    local c = bind()
    assert.is_true((config.check(c, "count", "10")))
    assert.is_true((config.check(c, "RATIO", "")))
    local function says(message, name, text)
      local fine, why = config.check(c, name, text)
      assert.is_false(fine)
      assert.equal(message, why)
    end
    says("invalid value '11' for config property 'Count': int [1,10] is expected", "count", "11")
    says("invalid value 'x' for config property 'Ratio': float64 is expected", "Ratio", "x")
    says("invalid value '******' for config property 'APIKey': str ^[a-z]*$ is expected", "apikey", "Sesame")
    says("shop.example has no config 'cuont': did you mean 'Count'?", "cuont", "1")
  end)

  it("is a description of each config, with secrets masked", function()
    local c = bind()
    c.APIKey, c.Count = "sesame", 5
    local list = config.describe(c)
    assert.equal(6, #list)
    assert.same({
      name = "Count", description = "", type = "int", validation = "int [1,10]", secret = false, value = "5", default = "3",
    }, list[2])
    assert.same({
      name = "APIKey", description = "", type = "string", validation = "str ^[a-z]*$", secret = true, value = "******",
      default = "",
    }, list[6])
  end)
end)

describe("a value for people", function()
  it("is cut behind forty characters, a secret is sixteen stars at most", function()
    assert.equal(("x"):rep(40), config.shown(("x"):rep(40), false))
    assert.equal(("x"):rep(40) .. "...", config.shown(("x"):rep(41)))
    assert.equal(("\xff"):rep(40) .. "...", config.shown(("\xff"):rep(41)))
    assert.equal("", config.shown("", true))
    assert.equal("**", config.shown("äö", true))
    assert.equal(("*"):rep(16), config.shown(("x"):rep(500), true))
  end)
end)
