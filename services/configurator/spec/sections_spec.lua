-- Sections: reading the file, finding a value.

-- luacheck: std +busted

local report = require "gen.report"
local sections = require "sections"

local function problems_of(text)
  local found, problems = sections.parse(text, "config.yaml")
  assert.is_nil(found)
  return report.render(problems)
end

describe("a file of values", function()
  it("has hosts, and names with values below them, folded and trimmed", function()
    assert.same({
      all = { timeout = "5s" },
      ["www.example.com"] = { greeting = "Hello, World", count = "0x10", ratio = "1e5", loud = "True" },
    }, sections.parse([[
ALL:
  " Timeout ": 5s
www.Example.com:
  Greeting: Hello, World
  Count: 0x10
  Ratio: 1e5
  Loud: True
]], "config.yaml"))
  end)

  it("may have values of several lines and quoted ones", function()
    assert.same({ all = { text = "a\nb\n", quoted = "  x # y" } }, sections.parse([[
all:
  text: |
    a
    b
  quoted: "  x # y"
]], "config.yaml"))
  end)

  it("has no entry where a value is empty", function()
    assert.same({ all = { b = "0" }, com = {}, org = {} }, sections.parse([[
all:
  a:
  b: 0
  c: ""
  d: null
com:
org: {}
]], "config.yaml"))
  end)

  it("may be empty", function()
    assert.same({}, sections.parse("", "config.yaml"))
    assert.same({}, sections.parse("# nothing\n", "config.yaml"))
  end)

  it("is refused with all that is wrong, each with its place", function()
    assert.equal(table.concat({
      "config.yaml:2:3: invalid config name 'my-name'",
      "config.yaml:3:10: a value is a text, a number or a boolean, and not a list",
      "config.yaml:5:3: duplicate config name 'GREETING': line 4 has it",
      "config.yaml:6:1: invalid hostname 'a b'",
      "config.yaml:8:6: a section has names of configs and their values, such as Greeting: Hello",
      "config.yaml:9:1: duplicate hostname 'All': line 1 has it",
    }, "\n"), problems_of [[
all:
  my-name: x
  count: [1, 2]
  greeting: Hello
  GREETING: Hi
a b:
  x: 1
com: true
All:
  y: 1
]])
  end)

  it("is refused when it is no YAML, or no map", function()
    assert.matches("^config.yaml:%d+:%d+: ", problems_of "all:\n  x: [\n")
    assert.equal("config.yaml:1:1: the file has hosts of services and, below them, names of configs and their values",
      problems_of "- a\n")
    assert.equal("config.yaml:2:6: the value is longer than 64 KB", problems_of("all:\n  x: " .. ("y"):rep(65537)))
    assert.equal("config.yaml:1:1: larger than 1 MB", problems_of(("# comment\n"):rep(110000)))
  end)
end)

describe("the value of a config", function()
  local list = {
    all = { a = "all", b = "all", c = "all", d = "all" },
    com = { b = "com", c = "com", d = "com" },
    ["example.com"] = { c = "example.com", d = "example.com" },
    ["www.example.com"] = { d = "www.example.com" },
    ["ample.com"] = { a = "no suffix of labels" },
  }

  local function found(host, name)
    local value, section = sections.find(list, host, name)
    assert.equal(value, section)
    return value
  end

  it("comes from the most specific section", function()
    assert.equal("all", found("www.example.com", "a"))
    assert.equal("com", found("www.example.com", "b"))
    assert.equal("example.com", found("www.example.com", "c"))
    assert.equal("www.example.com", found("www.example.com", "d"))
    assert.equal("example.com", found("example.com", "d"))
    assert.equal("com", found("other.com", "d"))
    assert.equal("all", found("org", "d"))
  end)

  it("is found in any case, or not at all", function()
    assert.equal("com", found("WWW.Example.COM", "B"))
    assert.is_nil(found("www.example.com", "e"))
    assert.is_nil((sections.find({}, "www.example.com", "a")))
  end)
end)

describe("sections", function()
  it("are merged into new ones, where empty values take entries away", function()
    local base = { all = { a = "1", b = "1" }, com = { c = "1" } }
    local merged = sections.merge(base, { all = { b = "2" }, com = { c = "" }, org = { d = "2" } })
    assert.same({ all = { a = "1", b = "2" }, org = { d = "2" } }, merged)
    assert.same({ all = { a = "1", b = "1" }, com = { c = "1" } }, base)
  end)

  it("are the same when their entries are", function()
    assert.is_true(sections.same({ all = { a = "1" }, com = {} }, { all = { a = "1" } }))
    assert.is_false(sections.same({ all = { a = "1" } }, { all = { a = "2" } }))
    assert.is_false(sections.same({ all = { a = "1" } }, { all = { a = "1", b = "1" } }))
    assert.is_false(sections.same({ all = { a = "1" }, com = { a = "1" } }, { all = { a = "1" } }))
  end)

  it("and configs have names of a form", function()
    assert.equal("www.example.com", sections.section " WWW.example.com ")
    assert.equal("all", sections.section "ALL")
    assert.is_nil(sections.section "")
    assert.is_nil(sections.section "a..b")
    assert.equal("greeting2", sections.name " Greeting2")
    assert.is_nil(sections.name "2nd")
    assert.is_nil(sections.name "")
  end)
end)
