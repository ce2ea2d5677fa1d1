-- lua/declaration.lua: service.yaml as a checked model; errors with line and column.

local declaration = require "declaration"

local HEAD = "general:\n  host: ok.host\n"

local function parse(text)
  return declaration.parse(text, "f.yaml")
end

-- The model of a declaration that must be right.
local function model(text)
  local decl, warnings = parse(HEAD .. text)
  assert(decl, warnings)
  return decl, warnings
end

-- One endpoint of these lines, after `  - `.
local function endpoint(lines, section)
  section = section or "functions"
  return model(("%s:\n  - %s\n"):format(section, lines:gsub("\n", "\n    ")))[section][1]
end

local function errors_of(text)
  local decl, message = parse(text)
  assert.is_nil(decl, text)
  return message
end

local function refuses(lines, part, section)
  section = section or "functions"
  local message = errors_of(HEAD .. ("%s:\n  - %s\n"):format(section, (lines:gsub("\n", "\n    "))))
  assert.contains(part, message)
  assert.matches("^f%.yaml:%d+:%d+: ", message)
end

-- "a:int b:[]string" of a list of arguments.
local function text_of(list)
  local parts = {}
  for i, arg in ipairs(list) do
    parts[i] = arg.name .. ":" .. arg.type
  end
  return table.concat(parts, " ")
end

describe("a signature", function()
  local GOOD = {
    { "Ping", "Ping", "", "" },
    { "Ping()", "Ping", "", "" },
    { "  Ping ( ) ", "Ping", "", "" },
    { "Add(x int, y int) (sum int)", "Add", "x:int y:int", "sum:int" },
    { "Add(x int)", "Add", "x:int", "" },
    { "Say() (text string, ok bool)", "Say", "", "text:string ok:bool" },
    { "Say(  a   string ,b  bool )(c any)", "Say", "a:string b:bool", "c:any" },
    { "Say(a : string)", "Say", "a:string", "" },
    { "Say() string", "Say", "", "" }, -- what stands between the parentheses, and behind them, is ignored
    { "Say() -> (a int) and more", "Say", "", "a:int" },
    { "HTTPGet2(a int)", "HTTPGet2", "a:int", "" },
  }

  it("is a name with inputs and outputs", function()
    for _, row in ipairs(GOOD) do
      local name, inputs, outputs = declaration.signature(row[1])
      assert.equal(row[2], name, row[1])
      assert.equal(row[3], text_of(inputs), row[1])
      assert.equal(row[4], text_of(outputs), row[1])
    end
  end)

  local TYPES = {
    int = { "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "integer" },
    float64 = { "float", "float32", "float64", "double" },
    bool = { "bool", "boolean", "Boolean" },
    ["time.Time"] = { "time.Time", "Time", "time", "time.time" },
    ["time.Duration"] = { "time.Duration", "Duration", "duration", "time.duration" },
    string = { "string" }, byte = { "byte" }, any = { "any" },
    Pet = { "Pet" }, URL = { "URL" }, A1 = { "A1" },
  }

  it("knows the spellings of types, behind any prefixes", function()
    for stored, spellings in pairs(TYPES) do
      for _, spelling in ipairs(spellings) do
        for _, prefix in ipairs { "", "[]", "*", "map[string]", "[]*", "map[string][]", "[]map[string]", "*[][]" } do
          local _, inputs = declaration.signature(("F(a %s%s)"):format(prefix, spelling))
          assert.is_table(inputs, spelling)
          assert.equal(prefix .. stored, inputs[1].type)
          assert.equal(stored, inputs[1].end_type)
        end
      end
    end
  end)

  local BAD = {
    { "add(x int)", "handler 'add' must start with uppercase in 'add(x int)'" },
    { "Add_up()", "must start with uppercase" },
    { "()", "must start with uppercase" },
    { "", "must start with uppercase" },
    { "MockAdd()", "handler 'MockAdd' must not start with 'Mock'" },
    { "Mock()", "must not start with 'Mock'" },
    { "TestAdd()", "must not start with 'Test'" },
    { "Testing()", "must not start with 'Test'" },
    { "Add(x int", "missing closing parenthesis" },
    { "Add(x int) (y int", "missing closing parenthesis" },
    { "Add(xint)", "invalid argument 'xint'" },
    { "Add(x, y int)", "invalid argument 'x'" },
    { "Add(x int,)", "invalid argument ''" },
    { "Add() (xint)", "invalid argument 'xint'" },
    { "Add(x int, x bool)", "duplicate arg name 'x'" },
    { "Add(x int) (x int)", "duplicate arg name 'x'" },
    { "Add() (x int, x int)", "duplicate arg name 'x'" },
    { "Add(ctx int)", "context type not allowed" },
    { "Add(c context.Context)", "context type not allowed" },
    { "Add() (err int)", "error type not allowed" },
    { "Add(x error)", "error type not allowed" },
    { "Add(X int)", "name 'X' must start with lowercase" },
    { "Add(x_y int)", "name 'x_y' must start with lowercase" },
    { "Add(x: int)", "name 'x:' must start with lowercase" },
    { "Add() (Y int)", "name 'Y' must start with lowercase" },
    { "Add(testingT int)", "name 'testingT' is reserved" },
    { "Add(m map[int]int)", "map keys must be strings in 'map[int]int'" },
    { "Add(m []map[bool]int)", "map keys must be strings" },
    { "Add(f os.File)", "dot notation not allowed in type 'os.File'" },
    { "Add(m mutex)", "unknown primitive type 'mutex'" },
    { "Add(m time.month)", "unknown primitive type 'month'" },
    { "Add(m time.Month)", "unknown type 'time.Month'" },
    { "Add(m [5]int)", "unknown type" },
    { "Add(m chan int)", "unknown type" },
    { "Add(m struct{})", "unknown type" },
    { "Add(m Foo_bar)", "unknown type" },
    { "Add(m )", "invalid argument 'm'" },
    { "Add(m [])", "unknown type" },
    { "Add(httpResponseBody any)", "'httpResponseBody' in 'Add(httpResponseBody any)' can only be an output argument" },
    { "Add(httpStatusCode int)", "can only be an output argument" },
    { "Add() (httpRequestBody any)", "can only be an input argument" },
    { "Add() (httpStatusCode string)", "must be of type int" },
    { "Add() (httpResponseBody any, x int)", "cannot return other arguments along with 'httpResponseBody'" },
    { "Add() (x int, httpResponseBody any, httpStatusCode int)", "cannot return other arguments" },
  }

  it("that is wrong is refused with what is wrong", function()
    for _, row in ipairs(BAD) do
      local name, message = declaration.signature(row[1])
      assert.is_nil(name, row[1])
      assert.contains(row[2], message, row[1])
    end
  end)

  it("may name status and body of the response", function()
    for _, text in ipairs {
      "Add(httpRequestBody Pet, id string) (httpResponseBody []Pet, httpStatusCode int)",
      "Add() (httpStatusCode int, x int)",
      "Add() (httpStatusCode int64)",
    } do
      assert.equal("Add", (declaration.signature(text)))
    end
  end)
end)

describe("kebab", function()
  local WORDS = {
    [""] = "", a = "a", A = "a", foobar = "foobar", fooBar = "foo-bar", FooBar = "foo-bar", FooBAR = "foo-bar",
    foobarX = "foobar-x", HTTP = "http", URLEncoder = "url-encoder", HTTPServerX = "http-server-x",
    FooIDURL = "foo-idurl", A1B2c3D = "a1b2c3d", OAuth2Token = "o-auth2token", OnEvent1 = "on-event1",
    SubArrayRange = "sub-array-range",
  }

  it("puts dashes between words, not inside of abbreviations", function()
    for word, expected in pairs(WORDS) do
      assert.equal(expected, declaration.kebab(word), word)
    end
  end)
end)

describe("a path", function()
  local GOOD = {
    { nil, "/foo-bar" }, { '""', "/foo-bar" }, { "/", "/" }, { "/a/b", "/a/b" }, { "a/b", "/a/b" },
    { "/a/...", "/a/foo-bar" }, { "/a/.../b/...", "/a/foo-bar/b/..." }, { '":443/a"', "/a" }, { '":0/a"', "/a" },
    { '"/a/{id}"', "/a/{id}" }, { '"/a/{}/{rest+}"', "/a/{}/{rest+}" }, { '"/{+}"', "/{+}" },
    { '"/a/{x}/{x}"', "/a/{x}/{x}" }, { '"/{camelCase1}"', "/{camelCase1}" },
  }

  it("is below the service, by default the name in kebab case", function()
    for _, row in ipairs(GOOD) do
      local ep = endpoint("signature: FooBar()" .. (row[1] and "\npath: " .. row[1] or ""))
      assert.equal(row[2], ep.path, row[1] or "none")
    end
  end)

  local BAD = {
    { "/a/x{id}", "must span entire section" },
    { "/a/{id}x", "must span entire section" },
    { "/a/{", "malformed path argument" },
    { "/a/}", "malformed path argument" },
    { "/{id", "malformed path argument" },
    { "/}{/x", "must span entire section" },
    { "/{Id}", "must be an identifier" },
    { "/{i d}", "must be an identifier" },
    { "/{i_d}", "must be an identifier" },
    { "/{ }", "must be an identifier" },
    { "/{$+}", "must be an identifier" },
    { "/{rest+}/x", "greedy path argument '{rest+}' in '/{rest+}/x' must end path" },
    { "/{+}/x", "must end path" },
    { "/a`b", "backquote not allowed" },
  }

  it("that is wrong is refused with the place", function()
    for _, row in ipairs(BAD) do
      refuses(("signature: Foo()\npath: '%s'"):format(row[1]), row[2])
    end
  end)

  it("on another port or host is refused until it is served", function()
    refuses("signature: Foo()\npath: ':8080/x'", "port 8080 in path")
    refuses("signature: Foo()\npath: //other.host/x", "another host in path")
    refuses("signature: Foo()\npath: https://other.host/x", "another host in path")
  end)
end)

describe("a function", function()
  it("has a name, a method and a description of its own or a default", function()
    local ep = endpoint("signature: Add(x int) (y int)")
    assert.equal("function", ep.kind)
    assert.equal("Add", ep.name)
    assert.equal("ANY", ep.method)
    assert.equal("/add", ep.path)
    assert.equal("Add is a function.", ep.description)
    ep = endpoint("signature: Add()\nmethod: put\ndescription: '  says `hi`   '")
    assert.equal("PUT", ep.method)
    assert.equal("says 'hi'", ep.description)
  end)

  it("keeps the lines of its description, without blanks at their ends", function()
    assert.equal("a 'b'\n   c", endpoint('signature: Add()\ndescription: "  a `b`  \\n   c   \\n"').description)
  end)

  it("knows the queues default and none, in any case", function()
    endpoint("signature: Add()\nqueue: NONE")
    endpoint("signature: Add()\nqueue: default")
    endpoint("signature: Add()\nqueue: ''")
    refuses("signature: Add()\nqueue: skip", "invalid queue 'skip' in 'Add'")
  end)

  it("has a method of letters", function()
    refuses("signature: Add()\nmethod: GET1", "invalid method 'GET1'")
    refuses("signature: Add()\nmethod: 'G E'", "invalid method 'G E'")
  end)

  it("cannot have the request's body with a method that has none", function()
    for _, method in ipairs { "GET", "delete", "HEAD", "OPTIONS", "TRACE" } do
      refuses("signature: Add(httpRequestBody any)\nmethod: " .. method, "has no body")
    end
    endpoint("signature: Add(httpRequestBody any)\nmethod: PUT")
    endpoint("signature: Add(httpRequestBody any)")
  end)

  it("needs a signature that is a text", function()
    refuses("description: x", "a function needs a signature")
    refuses("signature: [a]", "a function needs a signature")
    refuses("signature:", "a function needs a signature")
    refuses("- x", "a function must be a map of fields")
  end)

  it("may not have a name twice, in whatever section", function()
    local message = errors_of(HEAD .. "functions:\n  - signature: Foo()\nconfigs:\n  - signature: Foo() (x int)\n")
    assert.contains("duplicate handler name 'Foo'", message)
    message = errors_of(HEAD .. "functions:\n  - signature: Foo()\nwebs:\n  - signature: Foo()\n")
    assert.matches("^f%.yaml:6:16: duplicate handler name 'Foo'$", message)
  end)
end)

describe("a web", function()
  it("has no arguments", function()
    local ep = endpoint("signature: Page()\nmethod: GET", "webs")
    assert.equal("web", ep.kind)
    assert.equal("Page is a web.", ep.description)
    refuses("signature: Page(x int)", "arguments or return values not allowed in 'Page(x int)'", "webs")
    refuses("signature: Page() (x int)", "not allowed", "webs")
    refuses("signature: page()", "must start with uppercase", "webs")
  end)
end)

describe("a ticker", function()
  it("has an interval in Go's notation", function()
    for text, seconds in pairs { ["10s"] = 10, ["1h30m"] = 5400, ["250ms"] = 0.25, ["1.5s"] = 1.5 } do
      assert.near(seconds, endpoint("signature: Tick()\ninterval: " .. text, "tickers").interval, 1e-9)
    end
  end)

  it("without one, or with one that is none, is refused", function()
    refuses("signature: Tick()", "non-positive interval '0s'", "tickers")
    refuses("signature: Tick()\ninterval: 0s", "non-positive interval '0s'", "tickers")
    refuses("signature: Tick()\ninterval: -2m", "non-positive interval '-2m'", "tickers")
    refuses("signature: Tick()\ninterval: 90", "'90' is no interval", "tickers")
    refuses("signature: Tick()\ninterval: 5 minutes", "'5 minutes' is no interval", "tickers")
  end)

  it("has no arguments", function()
    refuses("signature: Tick(x int)\ninterval: 1s", "not allowed", "tickers")
    refuses("signature: Tick() (x int)\ninterval: 1s", "not allowed", "tickers")
  end)
end)

describe("a config", function()
  it("has one value of a simple type, a default and maybe a secret", function()
    local config = endpoint("signature: Limit() (n integer)\ndefault: 1.50\nsecret: yes", "configs")
    assert.equal("Limit", config.name)
    assert.equal("int", config.type)
    assert.equal("1.50", config.default)
    assert.is_true(config.secret)
    assert.equal("", endpoint("signature: Limit() (n string)", "configs").default)
    assert.equal("yes", endpoint("signature: Limit() (n string)\ndefault: yes", "configs").default)
  end)

  it("of another shape is refused", function()
    refuses("signature: Limit()", "single return value expected in 'Limit()'", "configs")
    refuses("signature: Limit() (x int, y int)", "single return value expected", "configs")
    refuses("signature: Limit(x int) (y int)", "arguments not allowed", "configs")
    refuses("signature: Limit() (x byte)", "invalid return type 'byte'", "configs")
    refuses("signature: Limit() (x time)", "invalid return type 'time.Time'", "configs")
    refuses("signature: Limit() (x *int)", "invalid return type '*int'", "configs")
    refuses("signature: limit() (x int)", "must start with uppercase", "configs")
    refuses("signature: Limit() (x int)\nsecret: maybe", "'secret' must be true or false", "configs")
    refuses("signature: Limit() (x int)\nsecret: 'true'", "'secret' must be true or false", "configs")
  end)
end)

describe("the host name", function()
  it("is letters, digits, dots, dashes and underscores, in lower case", function()
    for _, name in ipairs { "hello", "hello.world", "123.456", "1", "hello_world", "hello-world" } do
      assert.equal(name, parse(("general:\n  host: %s\n"):format(name)).host)
    end
    assert.equal("upper.host", parse("general:\n  host: UPPER.Host\n").host)
  end)

  it("that is none is refused", function()
    for _, name in ipairs { "hello world", "hello..world", "hello.", ".hello", "~hello", "$", '""', "$uper.$ervice" } do
      assert.contains("invalid hostname", errors_of(("general:\n  host: %s\n"):format(name)))
    end
    for _, text in ipairs { "general:\n  host:\n", "general: {}\n", "general:\n", "functions: []\n" } do
      assert.contains("invalid hostname", errors_of(text))
    end
    assert.contains("disallowed hostname", errors_of("general:\n  host: all\n"))
    assert.contains("disallowed hostname", errors_of("general:\n  host: x.all\n"))
  end)

  it("has a description by default", function()
    assert.equal('The "ok.host" microservice.', model("").description)
    assert.equal("Does things.", parse("general:\n  host: a\n  description: Does things.\n").description)
  end)
end)

describe("a file", function()
  it("may have empty sections", function()
    local decl = model("functions: []\nwebs:\ntickers: ~\n")
    assert.same({}, decl.functions)
    assert.same({}, decl.webs)
    assert.same({}, decl.tickers)
  end)

  it("that is no map, or has sections of another shape, is refused", function()
    assert.equal("f.yaml:1:1: a declaration is a map with the section 'general' and lists of handlers",
      errors_of("- a\n"))
    assert.contains("is a map", errors_of(""))
    assert.contains("'functions' must be a list", errors_of(HEAD .. "functions:\n  signature: Foo()\n"))
    assert.contains("general must be a map of fields", errors_of("general: x\n"))
  end)

  it("that is no YAML is refused with the place", function()
    assert.matches("^f%.yaml:%d+:%d+: ", errors_of("a: [1\n"))
  end)

  it("has all of its errors reported at once, each with line and column", function()
    local message = errors_of(HEAD .. [[
functions:
  - signature: add()
  - signature: Fine()
  - signature: Foo(x int
    method: 5x
tickers:
  - signature: Tick()
    interval: soon
]])
    local lines = {}
    for line in message:gmatch "[^\n]+" do
      table.insert(lines, line)
    end
    assert.equal(3, #lines)
    assert.matches("^f%.yaml:4:16: handler 'add'", lines[1])
    assert.matches("^f%.yaml:6:16: missing closing", lines[2])
    assert.matches("^f%.yaml:10:15: 'soon' is no interval", lines[3])
  end)

  it("with a name that nearly fits is refused, and told which was meant", function()
    assert.contains("unknown section 'function'; did you mean 'functions'?", errors_of(HEAD .. "function: []\n"))
    refuses("signatur: Foo()", "unknown field 'signatur'; did you mean 'signature'?")
    refuses("signature: Foo()\nPath: /x", "unknown field 'Path'; did you mean 'path'?")
    refuses("signature: Foo()\nopenapi: no", "unknown field 'openapi'; did you mean 'openApi'?")
    assert.contains("unknown field 'hosts'; did you mean 'host'?", errors_of("general:\n  hosts: a\n"))
  end)

  it("with a name that is far from all is taken with a warning", function()
    local _, warnings = model("functions:\n  - signature: Foo()\n    somethingElse: 1\n")
    assert.same({ "f.yaml:5:5: unknown field 'somethingElse' is ignored" }, warnings)
  end)

  it("with sections of later versions is taken with a warning", function()
    local _, warnings = model("events:\n  - signature: OnX()\n")
    assert.equal(1, #warnings)
    assert.contains("section 'events' does nothing yet", warnings[1])
    _, warnings = model("events: []\nmetrics:\n")
    assert.same({}, warnings)
  end)
end)

describe("durations", function()
  it("are sums of decimals with units", function()
    local good = {
      ["0"] = 0, ["1ns"] = 1e-9, ["1us"] = 1e-6, ["1µs"] = 1e-6, ["1ms"] = 1e-3, ["1s"] = 1, ["1m"] = 60, ["1h"] = 3600,
      ["1h2m3.5s"] = 3723.5, ["-1s"] = -1, ["+1s"] = 1, [".5s"] = 0.5,
    }
    for text, seconds in pairs(good) do
      assert.near(seconds, declaration.duration(text), 1e-9, text)
    end
    for _, text in ipairs { "", "1", "s", "1d", "1h 2m", "1,5s", ".s", "-", "1s1" } do
      assert.is_nil(declaration.duration(text), text)
    end
  end)
end)
