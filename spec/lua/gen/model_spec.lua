-- gen/model.lua: whole declarations. Tests are named by the row of the table they prove (B, V, D, G), or by what they are
-- about.

local declared = require "declared"
local model = require "gen.model"

local GENERAL = declared.GENERAL

local function refuses(rows)
  for _, row in ipairs(rows) do
    it(("%s: %s"):format(row[1], row[2]), function()
      assert.contains(row[3], declared.errors(row[2]))
    end)
  end
end

local function texts_of(problems)
  local texts = {}
  for i, problem in ipairs(problems) do
    texts[i] = problem.text
  end
  return texts
end

describe("general", function()
  it("B1: has a hostname", function()
    assert.equal("super.service", declared.good("general:\n  host: super.service\n").host)
  end)

  refuses {
    { "B2", "general:\n  host: $uper.$ervice\n", "services/shop/service.yaml:2:9: invalid hostname '$uper.$ervice'" },
    { "B3", "general:\n  host:\n", "2:3: invalid hostname ''" },
    { "B4", "general:\n  description: x\n", "1:1: invalid hostname ''" },
    { "missing", "functions: []\n", "1:1: invalid hostname ''" },
    { "empty", "general:\n", "1:1: invalid hostname ''" },
    { "an empty file", "", "1:1: invalid hostname ''" },
    { "comments", "# nothing\n", "1:1: invalid hostname ''" },
    { "D54", "general:\n  host: all\n", "2:9: disallowed hostname 'all'" },
    { "D54", "general:\n  host: X.All\n", "disallowed hostname 'X.All'" },
    { "a text", "general: x\n", "cannot unmarshal !!str 'x' into spec.General: 'general' is a map of fields" },
    { "a list", "general: []\n", "1:10: cannot unmarshal !!seq into spec.General" },
    { "a list of hosts", "general:\n  host: [a]\n", "cannot unmarshal !!seq into string: 'host' must be a text" },
    { "D52", 'general:\n  host: a\n  openApi: "false"\n', "3:12: cannot unmarshal !!str 'false' into bool" },
    { "near misses", "general:\n  hosts: a\n", "2:3: unknown field 'hosts'; did you mean 'host'?" },
    { "near misses", "general:\n  host: a\n  integrationTest: no\n", "did you mean 'integrationTests'?" },
  }

  for _, name in ipairs { "hello world", "hello..world", "hello.", ".hello", "~hello", "$", '""' } do
    it(("G: does not take the host %s"):format(name), function()
      assert.contains("invalid hostname", declared.errors(("general:\n  host: %s\n"):format(name)))
    end)
  end

  for _, name in ipairs { "hello", "hello.WORLD", "123.456", "1", "hello_world", "hello-world", "UPPER.Host" } do
    it(("G, D54: takes the host %s"):format(name), function()
      assert.equal(name:lower(), declared.good(("general:\n  host: %s\n"):format(name)).host)
    end)
  end

  it("has defaults", function()
    local declaration = declared.good(GENERAL)
    assert.equal('The "ok.host" microservice.', declaration.description)
    assert.is_true(declaration.integrationTests)
    assert.is_true(declaration.openApi)
    for _, section in ipairs { "configs", "functions", "events", "sinks", "webs", "tickers", "metrics", "types" } do
      assert.same({}, declaration[section])
    end
  end)

  it("D51: has a description and two switches", function()
    local declaration = declared.good(
      "general:\n  host: a\n  description: ' Does `this`. '\n  openApi: no\n  integrationTests: yes\n")
    assert.equal("Does 'this'.", declaration.description)
    assert.is_false(declaration.openApi)
    assert.is_true(declaration.integrationTests)
  end)
end)

describe("sections", function()
  it("D56: may be empty", function()
    declared.good(GENERAL .. "functions: []\nwebs:\ntickers: ~\nevents: null\n")
  end)

  it("come in any order, and their handlers in that of the file", function()
    local declaration = declared.good([[
---
webs:
  - signature: B()
  - signature: A()
functions:
  - signature: D()
  - signature: C()
general:
  host: ok.host
]])
    assert.same({ "B", "A" }, { declaration.webs[1].name, declaration.webs[2].name })
    assert.same({ "D", "C" }, { declaration.functions[1].name, declaration.functions[2].name })
  end)

  refuses {
    { "D55", GENERAL .. "functions:\n  signature: F()\n", "4:3: cannot unmarshal !!map into []*spec.Handler" },
    { "a text", GENERAL .. "functions: none\n", "3:12: cannot unmarshal !!str 'none' into []*spec.Handler" },
    { "near misses", GENERAL .. "function: []\n", "3:1: unknown section 'function'; did you mean 'functions'?" },
    { "near misses", GENERAL .. "Metrics: []\n", "unknown section 'Metrics'; did you mean 'metrics'?" },
    { "a list", "- a\n", "1:1: a declaration is a map with the section 'general' and lists of handlers" },
    { "a text", "text\n", "1:1: a declaration is a map" },
    { "twice", GENERAL .. "webs: []\nwebs: []\n", "4:1: duplicate key webs: line 3 has it" },
    { "no YAML", "a: [1\n", "did not find expected" },
    { "no YAML", GENERAL .. "functions:\n  - signature: F(x : int)\n", "4:20: mapping values are not allowed in this context" },
    { "tags", GENERAL .. "functions:\n  - signature: !!str F()\n", "4:16: tags are not supported" },
    { "anchors", GENERAL .. "functions: &x\n", "anchors are not supported" },
    { "too large", ("# x\n"):rep(1 << 18) .. GENERAL, "1:1: larger than 1 MB" },
  }

  it("with names that are far from all known ones are taken with a warning", function()
    local _, warnings = declared.good(GENERAL .. "databases: []\nfunctions:\n  - signature: F()\n    timeBudget: 5s\n")
    assert.equal("services/shop/service.yaml:3:1: unknown section 'databases' is ignored\n"
      .. "services/shop/service.yaml:6:5: unknown field 'timeBudget' is ignored", model.render(warnings))
  end)
end)

describe("names of handlers", function()
  local message = declared.errors(GENERAL .. "functions:\n  - signature: Func(x int) (y int)\nwebs:\n  - signature: Func()\n")
  it("V28: are unique", function()
    assert.equal("services/shop/service.yaml:6:16: duplicate handler name 'Func': line 4 has it", message)
  end)

  it("D49: are unique, in whatever order the sections come", function()
    assert.contains("6:16: duplicate handler name 'Foo': line 4 has it",
      declared.errors(GENERAL .. "functions:\n  - signature: Foo()\nconfigs:\n  - signature: Foo() (x string)\n"))
  end)

  it("are unique in one section, and every further one is named", function()
    local _, problems = declared.errors(GENERAL .. "webs:\n  - signature: A()\n  - signature: A()\n  - signature: A()\n")
    assert.equal(2, #problems)
    assert.same({ 5, 6 }, { problems[1].line, problems[2].line })
  end)

  it("D45: are unique for metrics as well", function()
    assert.contains("duplicate handler name 'M'",
      declared.errors(GENERAL .. "metrics:\n  - signature: M(x int)\n  - signature: M(x int)\n    alias: other\n"))
    assert.contains("duplicate handler name 'F'",
      declared.errors(GENERAL .. "functions:\n  - signature: F()\nmetrics:\n  - signature: F(x int)\n"))
  end)
end)

describe("metrics", function()
  local METRIC = GENERAL .. "metrics:\n  - signature: OpCount(x int)\n"

  it("are named after the folder of the service", function()
    for _, row in ipairs {
      { "services/calculator/service.yaml", nil, "calculator_op_count" },
      { "services/examples/my-shop/service.yaml", nil, "my_shop_op_count" },
      { "/tmp/x/service.yaml", "pkgname", "pkgname_op_count" },
      { "service.yaml", "services/examples/pkgname", "pkgname_op_count" },
      { "service.yaml", nil, "op_count" },
    } do
      local declaration = model.parse(METRIC, row[1], { folder = row[2] })
      assert.equal(row[3], declaration.metrics[1].alias)
    end
  end)

  it("are published by different names", function()
    assert.equal("services/shop/service.yaml:5:16: metric 'shop_op_count' already defined: by 'OpCount' in line 4",
      declared.errors(METRIC .. "  - signature: Other(x int)\n    alias: shop_op_count\n"))
  end)
end)

describe("complex types", function()
  it("S28, D2, D61: are those of functions, events and sinks, in the order of their first mention", function()
    local declaration = declared.good(GENERAL .. [[
sinks:
  - signature: OnC(c Sunk, a Foo)
    source: x
functions:
  - signature: A(b []string, m map[string]any, d [][]*Foo) (e map[string][]Bar)
  - signature: B(t Time, d Duration, b Boolean, x Bar) (u URL)
events:
  - signature: OnC2(f Fired) (g Foo)
]])
    assert.same({ "Foo", "Bar", "URL", "Fired", "Sunk" }, declaration.types)
  end)
end)

describe("all errors of a file", function()
  it("are reported at once, in the order of the file, each with line and column", function()
    local text, problems = declared.errors([[
tickers:
  - signature: Tick()
    interval: soon
unknwon: 1
webs: {}
functions:
  - signature: add()
  - signature: Fine()
    calback: yes
  - signature: Foo(x int
    method: 5x
  - signature: Fine()
general:
  host: $
  openApi: "no"
events:
  - oops
webbs: []
]])
    assert.equal(([[
FILE:3:15: cannot unmarshal !!str 'soon' into time.Duration: write a duration such as 10s, 5m or 1h30m
FILE:5:7: cannot unmarshal !!map into []*spec.Handler: 'webs' must be a list, whose items begin with '- signature:'
FILE:7:16: handler 'add' must start with uppercase in 'add()'
FILE:9:5: unknown field 'calback'; did you mean 'callback'?
FILE:10:16: missing closing parenthesis
FILE:11:13: invalid method '5X'
FILE:12:16: duplicate handler name 'Fine': line 8 has it
FILE:14:9: invalid hostname '$'
FILE:15:12: cannot unmarshal !!str 'no' into bool: 'openApi' must be true or false
FILE:17:5: cannot unmarshal !!str 'oops' into spec.Handler: each item of 'events' is a map of fields
FILE:18:1: unknown section 'webbs'; did you mean 'webs'?
]]):gsub("FILE", declared.FILE):sub(1, -2), text)
    assert.same({ file = declared.FILE, line = 7, column = 16, text = "handler 'add' must start with uppercase in 'add()'" },
      problems[3])
  end)

  it("count columns in characters", function()
    assert.contains(":4:26: handler 'add'",
      declared.errors(GENERAL .. "functions:\n  - { \u{e4}\u{e4}\u{e4}: 1, signature: add() }\n"))
  end)
end)

describe("warnings", function()
  it("come with the declaration, in the order of the file", function()
    local declaration, warnings = declared.good([[
metrics:
  - signature: M(x int)
    buckets: [1]
extra: 1
general:
  host: ok.host
  timeout: 5
]])
    assert.equal("ok.host", declaration.host)
    assert.same({
      "'buckets' means nothing for a counter", "unknown section 'extra' is ignored", "unknown field 'timeout' is ignored",
    }, texts_of(warnings))
  end)

  it("are none where nothing is odd", function()
    local _, warnings = declared.good(GENERAL)
    assert.same({}, warnings)
  end)
end)

describe("a large declaration", function()
  it("is read whole", function()
    local parts = { GENERAL, "functions:\n" }
    for i = 1, 1000 do
      table.insert(parts, ([[
  - signature: Function%d(x int, text string, list []Type%d) (result int, ok bool)
    description: Function%d does one thing.
    method: POST
    path: /functions/%d/{x}
]]):format(i, i % 50, i, i))
    end
    local declaration, warnings = declared.good(table.concat(parts))
    assert.equal(1000, #declaration.functions)
    assert.equal(50, #declaration.types)
    assert.same({}, warnings)
  end)
end)
