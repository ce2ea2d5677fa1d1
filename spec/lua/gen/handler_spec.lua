-- gen/handler.lua: the entries of the sections of a declaration. Tests are named by the row of the table they prove (V, D, I),
-- or by what they are about.

local declared = require "declared"

local function accepts(rows)
  for _, row in ipairs(rows) do
    it(("%s: %s: %s"):format(row[1], row[2], row[3]:gsub("\n", ", ")), function()
      local h = declared.handler(row[2], row[3])
      for field, value in pairs(row[4] or {}) do
        assert.same(value, h[field])
      end
    end)
  end
end

-- What is wrong is the message of an error, which has a place.
local function refuses(rows)
  for _, row in ipairs(rows) do
    it(("%s: %s: %s"):format(row[1], row[2], row[3]:gsub("\n", ", ")), function()
      local text, problems = declared.errors(declared.text(row[2], row[3]))
      assert.contains(row[4], text)
      for _, problem in ipairs(problems) do
        assert.equal(declared.FILE, problem.file)
        assert.is_true(problem.line >= 4 and problem.column >= 5, text)
      end
    end)
  end
end

describe("a function", function()
  accepts {
    { "defaults", "functions", "signature: FooBar(x int) (y int)", {
      kind = "function", name = "FooBar", signature = "FooBar(x int) (y int)", description = "FooBar is a function.",
      method = "ANY", path = ":443/foo-bar", url = { port = 443, path = "/foo-bar" }, arguments = {}, queue = "default",
      openApi = true, line = 4, column = 16, inputs = { { name = "x", type = "int", end_type = "int", complex = false } },
      outputs = { { name = "y", type = "int", end_type = "int", complex = false } },
    } },
    { "D11", "functions", "signature: FooBar()\npath: foo/bar", { path = "foo/bar", url = { port = 443, path = "/foo/bar" } } },
    { "D12", "functions", "signature: FooBar()\npath: :1234", { path = ":1234", url = { port = 1234, path = "" } } },
    { "D12", "functions", 'signature: FooBar()\npath: ":1234/..."', { path = ":1234/foo-bar" } },
    { "D13", "functions", "signature: FooBar()\npath: /a/.../b/...", { path = ":443/a/foo-bar/b/..." } },
    { "D14", "functions", "signature: FooBar()\npath: //other.host:99/...",
      { path = "//other.host:99/foo-bar", url = { host = "other.host", port = 99, path = "/foo-bar" } } },
    { "D15", "functions", "signature: FooBar()\npath: http://other.host/x",
      { path = "http://other.host/x", url = { host = "other.host", port = 80, path = "/x" } } },
    { "D15", "functions", "signature: FooBar()\npath: //root", { path = "//root" } },
    { "D15", "functions", "signature: FooBar()\npath: //UPPER.host/x", { path = "//UPPER.host/x" } },
    { "D15", "functions", "signature: FooBar()\npath: :443//x", { path = ":443//x" } },
    { "D15", "functions", "signature: FooBar()\npath: ':0'", { path = ":0", url = { port = 0, path = "" } } },
    { "D15", "functions", "signature: FooBar()\npath: /", { path = ":443/" } },
    { "D17", "functions", 'signature: FooBar()\npath: ""', { path = ":443/foo-bar" } },
    { "D18", "functions", "signature: FooBar()\npath: :70000/x", { path = ":70000/x" } },
    { "D19", "functions", "signature: FooBar()\npath: /x y", { path = ":443/x y" } },
    { "D19", "functions", "signature: FooBar()\npath: /a?b=c", { path = ":443/a?b=c", url = { port = 443, path = "/a" } } },
    { "D23", "functions", "signature: FooBar()\npath: /a/{}/{+}", { arguments = {
      { name = "path1", greedy = false, position = 1 }, { name = "path2", greedy = true, position = 2 },
    } } },
    { "D23", "functions", "signature: FooBar()\npath: /a/{x}/{x}" },
    { "D23", "functions", "signature: FooBar()\npath: /a/{nosucharg}" },
    { "D26", "functions", "signature: FooBar()\nmethod: get\nqueue: NONE", { method = "GET", queue = "none" } },
    { "D26", "functions", "signature: FooBar()\nmethod: any", { method = "ANY" } },
    { "D29", "functions", "method: PUT\n"
      .. "signature: FooBar(httpRequestBody Foo, x int) (httpResponseBody []Foo, httpStatusCode int)", { method = "PUT" } },
    { "D30", "functions", "signature: FooBar() (httpStatusCode int, x int)" },
    { "D30", "functions", "signature: FooBar() (httpStatusCode int64)" },
    { "D57", "functions", 'signature: FooBar()\nqueue: ""', { queue = "default" } },
    { "I", "functions", "signature: FooBar()\nmethod: post", { method = "POST" } },
    { "I", "functions", "signature: FooBar()\nmethod: ANyThinG", { method = "ANYTHING" } },
    { "D51", "functions", "signature: FooBar()\nopenApi: no", { openApi = false } },
    { "body", "functions", "signature: Add(httpRequestBody any)", { method = "ANY" } },
    { "any scalar", "functions", "signature: FooBar()\ndescription: 5", { description = "5" } },
  }

  refuses {
    { "V1", "functions", "signature: Func(s []*int)\npath: :BAD/...", 'invalid port ":BAD" after host' },
    { "V2", "functions", "signature: Func(s string)\nqueue: skip", "invalid queue 'skip' in 'Func'" },
    { "V3", "functions", "signature: Func(s string)\npath: //bad.ho$t", "invalid hostname 'bad.ho$t'" },
    { "V4", "functions", "signature: Func(s string)\npath: /{ }", "must be an identifier" },
    { "V5", "functions", "signature: Func(s string)\npath: /{p$}", "must be an identifier" },
    { "V6", "functions", "signature: Func(s string)\npath: /{p +}", "must be an identifier" },
    { "V7", "functions", "signature: Func(s string)\npath: /{ +}", "must be an identifier" },
    { "V8", "functions", "signature: Func(s string)\npath: /{$+}", "must be an identifier" },
    { "V9", "functions", "signature: Func(s string)\npath: /{+}/hello", "must end path" },
    { "D5", "functions", "signature: F(x error)", "error type not allowed" },
    { "D8", "functions", "signature: F(x, y int)", "invalid argument 'x'" },
    { "D16", "functions", "signature: F()\npath: //", "invalid hostname ''" },
    { "D18", "functions", "signature: F()\npath: :-1/x", 'invalid port ":-1" after host' },
    { "D20", "functions", "signature: F()\npath: /a/{x}y", "must span entire section" },
    { "D20", "functions", "signature: F()\npath: /a/y{x}", "must span entire section" },
    { "D21", "functions", "signature: F()\npath: /a/{", "malformed path argument '{' in '/a/{'" },
    { "D21", "functions", "signature: F()\npath: /a/}", "malformed path argument '}' in '/a/}'" },
    { "D22", "functions", "signature: F()\npath: /a/{X}", "must be an identifier" },
    { "D22", "functions", "signature: F()\npath: /a/{x_y}", "must be an identifier" },
    { "D24", "functions", "signature: F()\npath: /a/{x+}/b", "must end path" },
    { "D25", "functions", "signature: F()\npath: /a`b", "backquote not allowed in path '/a`b' in 'F'" },
    { "D27", "functions", "signature: F()\nmethod: GET1", "invalid method 'GET1'" },
    { "D28", "functions", "signature: F(httpRequestBody Foo)\nmethod: GET",
      "cannot use 'httpRequestBody' in 'F(httpRequestBody Foo)' because method 'GET' has no body" },
    { "D28", "functions", "signature: F(httpRequestBody Foo)\nmethod: DELETE", "because method 'DELETE' has no body" },
    { "body", "functions", "signature: F(httpRequestBody Foo)\nmethod: head", "because method 'HEAD' has no body" },
    { "body", "functions", "signature: F(httpRequestBody Foo)\nmethod: OPTIONS", "has no body" },
    { "body", "functions", "signature: F(httpRequestBody Foo)\nmethod: TRACE", "has no body" },
    { "D50", "functions", "description: x", "the signature of this function is missing" },
    { "D50", "functions", "signature:", "the signature of this function is missing" },
    { "D50", "functions", 'signature: ""', "handler '' must start with uppercase in ''" },
    { "D50", "functions", "~", "the signature of this function is missing" },
    { "D52", "functions", 'signature: F()\nopenApi: "false"', "cannot unmarshal !!str 'false' into bool" },
    { "D67", "functions", "signature: [F()]", "cannot unmarshal !!seq into string" },
    { "a map", "functions", "signature: { a: b }", "cannot unmarshal !!map into string" },
    { "a text", "functions", "F()",
      "cannot unmarshal !!str 'F()' into spec.Handler: each item of 'functions' is a map of fields" },
    { "a list", "functions", "- F()", "cannot unmarshal !!seq into spec.Handler" },
    { "I", "functions", "signature: F()\nmethod: 123", "invalid method '123'" },
    { "I", "functions", "signature: F()\nmethod: A B", "invalid method 'A B'" },
    { "I", "functions", "signature: F()\nmethod: ABC123", "invalid method 'ABC123'" },
    { "I", "functions", "signature: F()\nmethod: '!'", "invalid method '!'" },
    { "I", "functions", "signature: F()\nmethod: '*'", "invalid method '*'" },
    { "metric kind", "functions", "signature: F()\nkind: summary", "invalid metric kind 'summary' in 'F'" },
    { "rule", "functions", "signature: F()\nvalidation: xyz", "invalid validation rule 'xyz' for config 'F'" },
    { "bool", "functions", "signature: F()\nsecret: maybe", "cannot unmarshal !!str 'maybe' into bool" },
    { "bool", "functions", "signature: F()\ncallback: 1", "cannot unmarshal !!int '1' into bool" },
    { "bool", "functions", "signature: F()\ncallback: [true]", "cannot unmarshal !!seq into bool" },
  }

  it("is warned about path arguments that nobody sees", function()
    local _, warnings = declared.handler("functions", "signature: F(x int)\npath: /{x}/{x}/{y}/{}")
    assert.same({
      "path argument 'x' is there twice in ':443/{x}/{x}/{y}/{}'",
      "path argument 'y' in ':443/{x}/{x}/{y}/{}' is no argument of 'F(x int)'",
      "path argument 'path4' in ':443/{x}/{x}/{y}/{}' is no argument of 'F(x int)'",
    }, warnings)
  end)

  it("is warned about a query in its path", function()
    local _, warnings = declared.handler("functions", "signature: F()\npath: /x?y=1")
    assert.same({ "what follows '?' in path '/x?y=1' is ignored" }, warnings)
    _, warnings = declared.handler("functions", "signature: F()\npath: '/x#y'")
    assert.same({ "what follows '#' in path '/x#y' is ignored" }, warnings)
  end)

  it("is warned about fields of other kinds, and does not get them", function()
    local h, warnings = declared.handler("functions", "signature: F()\ninterval: 10s\ndefault: x\ncallback: true\nkind: gauge")
    assert.same({
      "field 'default' means nothing in 'functions'", "field 'callback' means nothing in 'functions'",
      "field 'kind' means nothing in 'functions'", "field 'interval' means nothing in 'functions'",
    }, warnings)
    for _, field in ipairs {
      "default", "validation", "rule", "callback", "secret", "metric", "interval", "seconds", "scope", "event", "source",
      "forHost", "alias", "buckets",
    } do
      assert.is_nil(h[field], field)
    end
  end)
end)

describe("a description", function()
  for _, row in ipairs {
    { "D53", '"  a `b`  \\n   c   \\n"', "a 'b'\n   c" },
    { "blank", '"  \\n "', "F is a function." },
    { "null", "~", "F is a function." },
    { "block", "|\n    One.\n\n    Two.  ", "One.\n\nTwo." },
    { "carriage returns", '"a \\t\\r\\nb\\r\\n"', "a\nb" },
  } do
    it(("%s: is kept in a normal form"):format(row[1]), function()
      assert.equal(row[3], declared.handler("functions", "signature: F()\ndescription: " .. row[2]).description)
    end)
  end

  it("says of what kind the handler is, if it says nothing else", function()
    for section, fields in pairs {
      configs = "signature: OnX() (x int)", functions = "signature: OnX()", events = "signature: OnX()",
      sinks = "signature: OnX()\nsource: a", webs = "signature: OnX()", tickers = "signature: OnX()\ninterval: 1s",
    } do
      assert.equal(("OnX is a %s."):format(section:sub(1, -2)), declared.handler(section, fields).description)
    end
    assert.equal("", declared.handler("metrics", "signature: OnX(x int)").description)
  end)
end)

describe("a web", function()
  accepts {
    { "defaults", "webs", "signature: HelloWorld()", {
      kind = "web", method = "ANY", path = ":443/hello-world", queue = "default", openApi = true,
      description = "HelloWorld is a web.",
    } },
    { "arguments of the path", "webs", "signature: Page()\npath: /p/{x}", { arguments = {
      { name = "x", greedy = false, position = 1 },
    } } },
  }

  refuses {
    { "V26", "webs", "signature: func()", "must start with uppercase" },
    { "V26", "webs", "signature: Func(x int)", "arguments or return values not allowed in 'Func(x int)'" },
    { "V26", "webs", "signature: Func() (x int)", "arguments or return values not allowed in 'Func() (x int)'" },
    { "V27", "webs", "signature: Func()\npath: :BAD/...", "invalid port" },
    { "V27", "webs", "signature: Func()\nqueue: skip", "invalid queue 'skip' in 'Func'" },
    { "D63", "webs", "signature: Func()\nmethod: G E", "invalid method 'G E'" },
  }

  it("may have path arguments without a warning", function()
    local _, warnings = declared.handler("webs", "signature: Page()\npath: /p/{x}/{}")
    assert.same({}, warnings)
  end)
end)

describe("an event", function()
  accepts {
    { "defaults", "events", "signature: OnFunc(s string) (ok bool)", {
      kind = "event", method = "POST", path = ":417/on-func", url = { port = 417, path = "/on-func" },
      description = "OnFunc is a event.",
    } },
    { "D33", "events", "signature: OnX()\npath: /y/{z}", { path = ":417/y/{z}", method = "POST", arguments = {
      { name = "z", greedy = false, position = 1 },
    } } },
    { "other ports", "events", "signature: OnX()\npath: :1234/x", { url = { port = 1234, path = "/x" } } },
    { "no slash", "events", "signature: OnX()\npath: x", { path = "x", url = { port = 443, path = "/x" } } },
  }

  refuses {
    { "V10", "events", "signature: Func(s []*int)", "function name must start with 'On' in 'Func(s []*int)'" },
    { "V11", "events", "signature: OnFunc(s []*int)\npath: :BAD/...", "invalid port" },
    { "V12", "events", "signature: OnFunc(s []*int)\npath: :0/...", "invalid port '0'" },
    { "D31", "events", "signature: OnX()\nmethod: any", "invalid method 'ANY'" },
    { "D32", "events", "signature: Only(s string)", "must start with 'On'" },
    { "D32", "events", "signature: On(s string)", "must start with 'On'" },
    { "body", "events", "signature: OnX(httpRequestBody any)\nmethod: GET", "because method 'GET' has no body" },
    { "another host", "events", "signature: OnX()\npath: //h:0/x", "invalid port '0'" },
  }
end)

describe("a sink", function()
  accepts {
    { "defaults", "sinks", "signature: OnFunc(s string)\nsource: from/somewhere/else", {
      kind = "sink", event = "OnFunc", source = "from/somewhere/else", forHost = "", queue = "default",
    } },
    { "D34", "sinks", "signature: OnX()\nsource: a/b-c.d/e", { source = "a/b-c.d/e" } },
    { "D34", "sinks", "signature: OnX()\nsource: single", { source = "single" } },
    { "D37", "sinks", "signature: OnX()\nsource: a\nforHost: A.B\nqueue: none", { forHost = "a.b", queue = "none" } },
    { "another name", "sinks", "signature: OnMine()\nevent: OnTheirs\nsource: a", { name = "OnMine", event = "OnTheirs" } },
  }

  refuses {
    { "V13", "sinks", "signature: Func(s string)\nsource: from/somewhere/else", "event name 'Func' must start with 'On'" },
    { "V14", "sinks", "signature: OnFunc(s string)", "invalid source '' in 'OnFunc(s string)'" },
    { "V15", "sinks", "signature: OnFunc(s string)\nsource: https://www.example.com",
      "invalid source 'https://www.example.com' in 'OnFunc(s string)'" },
    { "V16", "sinks", "signature: OnFunc(s string)\nsource: a/b\nforHost: invalid.ho$t",
      "invalid hostname 'invalid.ho$t' in 'OnFunc(s string)'" },
    { "D28", "sinks", "signature: OnX(httpRequestBody Foo)\nsource: a\nmethod: GET", "because method 'GET' has no body" },
    { "D35", "sinks", "signature: OnX()\nsource: github.com/Foo/bar", "invalid source 'github.com/Foo/bar'" },
    { "D35", "sinks", "signature: OnX()\nsource: a/b_c", "invalid source 'a/b_c'" },
    { "D36", "sinks", "signature: OnX()\nsource: a\nevent: notOn", "event name 'notOn' must start with 'On' in 'OnX()'" },
    { "D64", "sinks", "signature: OnX()\nsource: a//b", "invalid source 'a//b'" },
    { "D64", "sinks", "signature: OnX()\nsource: a/b/", "invalid source 'a/b/'" },
    { "its own name", "sinks", "signature: X()\nsource: a\nevent: OnX", "function name must start with 'On' in 'X()'" },
  }

  it("that is wrong in several ways says so in this order", function()
    local _, problems = declared.errors(declared.text("sinks", "signature: X()\nevent: Y\nforHost: $\nsource: Z"))
    local texts = {}
    for i, problem in ipairs(problems) do
      texts[i] = problem.text
    end
    assert.same({
      "invalid source 'Z' in 'X()'", "invalid hostname '$' in 'X()'", "event name 'Y' must start with 'On' in 'X()'",
      "function name must start with 'On' in 'X()'",
    }, texts)
  end)

  it("whose name is that of the event is told once", function()
    local text = declared.errors(declared.text("sinks", "signature: Func()\nsource: a"))
    assert.equal("services/shop/service.yaml:4:5: event name 'Func' must start with 'On' in 'Func()'", text)
  end)
end)

describe("a config", function()
  accepts {
    { "defaults", "configs", "signature: Limit() (n integer)", {
      kind = "config", default = "", validation = "", callback = false, secret = false, description = "Limit is a config.",
    } },
    { "source text", "configs", "signature: Limit() (n float)\ndefault: 1.50", { default = "1.50" } },
    { "flags", "configs", "signature: Limit() (n int)\ncallback: yes\nsecret: on", { callback = true, secret = true } },
    { "D38", "configs", "signature: C() (x float)\ndefault: 1.5\nvalidation: float [0,2)" },
    { "D39", "configs", "signature: C() (x int32)\ndefault: abc", { default = "abc" } },
    { "D42", "configs", "signature: C() (x string)\nvalidation: int [1,5]\ndefault: 3" },
    { "D59", "configs", "signature: C() (x string)\nvalidation: set a|b", { default = "" } },
    { "D60", "configs", "signature: C() (x string)\ndefault: yes", { default = "yes" } },
    { "null", "configs", "signature: C() (x string)\ndefault: ~", { default = "" } },
    { "types", "configs", "signature: C() (x Duration)\ndefault: 1m" },
    { "types", "configs", "signature: C() (x bool)\ndefault: true" },
  }

  refuses {
    { "V17", "configs", "signature: func() (b bool)", "must start with uppercase" },
    { "V18", "configs", "signature: Func()", "single return value expected in 'Func()'" },
    { "V18", "configs", "signature: Func() (x int, y int)", "single return value expected in 'Func() (x int, y int)'" },
    { "V19", "configs", "signature: Func(x int) (b bool)", "arguments not allowed in 'Func(x int) (b bool)'" },
    { "V20", "configs", "signature: Func() (b byte)", "invalid return type 'byte' in 'Func() (b byte)'" },
    { "V21", "configs", "signature: Func() (b string)\nvalidation: xyz", "invalid validation rule 'xyz' for config 'Func'" },
    { "V22", "configs", "signature: Func() (b string)\nvalidation: str ^[a-z]+$\ndefault: 123",
      "default value '123' of config 'Func' doesn't validate against rule 'str ^[a-z]+$'" },
    { "D40", "configs", "signature: C() (x int)\ndefault: abc\nvalidation: int", "doesn't validate against rule 'int'" },
    { "D41", "configs", "signature: C() (x Duration)\ndefault: 99\nvalidation: dur [0s,1m]", "doesn't validate" },
    { "D43", "configs", "signature: Foo_Bar() (x int)", "must start with uppercase" },
    { "D43", "configs", "signature: Foo()  x string", "single return value expected" },
    { "D43", "configs", "signature: Foo() (x *int)", "invalid return type '*int' in 'Foo() (x *int)'" },
    { "D43", "configs", "signature: Foo() (x time)", "invalid return type 'time.Time' in 'Foo() (x time)'" },
    { "D43", "configs", "signature: MockX() (x int)", "must not start with 'Mock'" },
    { "D58", "configs", "signature: C() (x int)\ndefault: 0\nvalidation: int [1,5]", "doesn't validate" },
    { "list", "configs", "signature: C() (x int)\ndefault: [1]", "cannot unmarshal !!seq into string" },
  }

  it("keeps its rule, which is how values are checked", function()
    local h = declared.handler("configs", "signature: C() (x int)\nvalidation: '  int [1,5]'\ndefault: 3")
    assert.equal("int", h.rule.type)
    assert.is_true(h.rule:accepts("5"))
    assert.is_false(h.rule:accepts("6"))
  end)

  it("is warned about a default that is of another type, and about one that must be set", function()
    local _, warnings = declared.handler("configs", "signature: C() (x int)\ndefault: abc")
    assert.same({ "default value 'abc' of config 'C' is no int" }, warnings)
    _, warnings = declared.handler("configs", "signature: C() (x Duration)\ndefault: 5")
    assert.same({ "default value '5' of config 'C' is no time.Duration" }, warnings)
    _, warnings = declared.handler("configs", "signature: C() (x string)\nvalidation: set a|b")
    assert.same({ "config 'C' has no default, and rule 'set a|b' refuses an empty value: it must be set" }, warnings)
    _, warnings = declared.handler("configs", "signature: C() (x string)\nvalidation: str")
    assert.same({}, warnings)
  end)

  it("that is a secret does not show its default", function()
    local text = declared.errors(declared.text("configs", "signature: C() (x int)\nsecret: true\ndefault: pa55\nvalidation: int"))
    assert.contains("default value '****' of config 'C'", text)
    assert.not_contains("pa55", text)
  end)
end)

describe("a ticker", function()
  accepts {
    { "defaults", "tickers", "signature: TickTock()\ninterval: 10s", {
      kind = "ticker", interval = 10000000000, seconds = 10.0, scope = "all", description = "TickTock is a ticker.",
    } },
    { "D44", "tickers", "signature: T()\ninterval: 1h30m", { interval = 5400000000000, seconds = 5400.0 } },
    { "scope", "tickers", "signature: T()\ninterval: 250ms\nscope: One", { interval = 250000000, scope = "one" } },
    { "scope", "tickers", "signature: T()\ninterval: '1s'\nscope: all", { scope = "all" } },
  }

  refuses {
    { "V23", "tickers", "signature: func()\ninterval: 1s", "must start with uppercase" },
    { "V24", "tickers", "signature: Func(x int)\ninterval: 1s", "arguments or return values not allowed in 'Func(x int)'" },
    { "V24", "tickers", "signature: Func() (x int)\ninterval: 1s", "arguments or return values not allowed" },
    { "V25", "tickers", "signature: Func()", "non-positive interval '0s' in 'Func()'" },
    { "V25", "tickers", 'signature: Func()\ninterval: "-2m"', "non-positive interval '-2m0s' in 'Func()'" },
    { "D44", "tickers", "signature: T()\ninterval: 90", "cannot unmarshal !!int '90' into time.Duration" },
    { "D44", "tickers", "signature: T()\ninterval: 5 minutes", "cannot unmarshal !!str '5 minutes' into time.Duration" },
    { "D65", "tickers", "signature: T()\ninterval: 0s", "non-positive interval '0s' in 'T()'" },
    { "quoted", "tickers", "signature: T()\ninterval: '90'", "cannot unmarshal !!str '90' into time.Duration" },
    { "float", "tickers", "signature: T()\ninterval: 1.5", "cannot unmarshal !!float '1.5' into time.Duration" },
    { "null", "tickers", "signature: T()\ninterval: ~", "non-positive interval '0s'" },
    { "list", "tickers", "signature: T()\ninterval: [1s]", "cannot unmarshal !!seq into time.Duration" },
    { "too long", "tickers", "signature: T()\ninterval: 3000000h", "cannot unmarshal !!str '3000000h' into time.Duration" },
    { "scope", "tickers", "signature: T()\ninterval: 1s\nscope: some", "invalid scope 'some' in 'T'" },
  }

  it("says what is wrong with its interval once", function()
    local _, problems = declared.errors(declared.text("tickers", "signature: T()\ninterval: 90"))
    assert.equal(1, #problems)
  end)
end)

describe("a metric", function()
  accepts {
    { "defaults", "metrics", "signature: OpCount(num int, op string)", {
      kind = "metric", metric = "counter", alias = "shop_op_count", description = "",
    } },
    { "D48", "metrics", 'signature: M(x int)\nkind: Histogram\nbuckets: [5,1,3]\nalias: "my alias!"',
      { metric = "histogram", buckets = { 1.0, 3.0, 5.0 }, alias = "my alias!" } },
    { "gauge", "metrics", "signature: M(x float)\nkind: GAUGE\nalias: a_b", { metric = "gauge", alias = "a_b" } },
    { "duration", "metrics", "signature: M(d Duration, who string)" },
    { "numbers", "metrics", "signature: M(x int)\nkind: histogram\nbuckets: [.5, 1e2, -1]", { buckets = { -1.0, 0.5, 100.0 } } },
    { "no buckets", "metrics", "signature: M(x int)\nkind: histogram",
      { buckets = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 30, 60 } } },
  }

  refuses {
    { "D45", "metrics", "signature: M()", "at least one argument expected in 'M()'" },
    { "D45", "metrics", "signature: M() (x int)", "return values not allowed in 'M() (x int)'" },
    { "D46", "metrics", "signature: M(x string)\nkind: summary", "invalid metric kind 'summary' in 'M'" },
    { "D46", "metrics", "signature: M(x string)", "first argument is of a non-numeric type 'string' in 'M(x string)'" },
    { "host's label", "metrics", "signature: M(x int, a int, id string)",
      "label 'id' in 'M(x int, a int, id string)' needs another name: service, ver, id and le are the host's" },
    { "host's name", "metrics", "signature: M(x int)\nalias: microbus_uptime",
      "the name 'microbus_uptime' is the host's: choose another alias" },
    { "D47", "metrics", "signature: Bad(map[int]int)", "invalid argument 'map[int]int'" },
    { "D66", "metrics", "signature: M(x int)\nbuckets: 5", "cannot unmarshal !!int '5' into []float64" },
    { "D66", "metrics", "signature: M(x int)\nbuckets: [a]", "cannot unmarshal !!str 'a' into float64" },
    { "quoted", "metrics", "signature: M(x int)\nbuckets: ['1']", "cannot unmarshal !!str '1' into float64" },
    { "infinite", "metrics", "signature: M(x int)\nbuckets: [.inf]", "cannot unmarshal !!float '.inf' into float64" },
    { "null", "metrics", "signature: M(x int)\nbuckets: [~]", "cannot unmarshal !!null into float64" },
    { "twice", "metrics", "signature: M(x int)\nkind: histogram\nbuckets: [1, 2, 1]",
      "buckets must be defined in ascending order: 1 is there twice" },
  }

  it("D45: may have labels of any type", function()
    declared.handler("metrics", "signature: Foo(x int, l []string)")
  end)

  it("is warned about a name that cannot be published, and about buckets that mean nothing", function()
    local _, warnings = declared.handler("metrics", 'signature: M(x int)\nalias: "my alias!"\nbuckets: [1]')
    assert.same({
      "'my alias!' cannot be published: the name of a metric is letters, digits, '_' and ':'",
      "'buckets' means nothing for a counter",
    }, warnings)
  end)
end)

describe("a handler that is wrong in several ways", function()
  it("says so in the order of the checks, each with its place", function()
    local text = declared.errors(declared.text("functions",
      "path: /{X}\nsignature: f()\nqueue: skip\nmethod: 5\nvalidation: set\nopenApi: 1\nkind: summary\nscope: some"))
    assert.equal(([[
FILE:9:14: cannot unmarshal !!int '1' into bool: 'openApi' must be true or false
FILE:5:16: handler 'f' must start with uppercase in 'f()'
FILE:6:12: invalid queue 'skip' in 'f()'
FILE:10:11: invalid metric kind 'summary' in 'f()'
FILE:11:12: invalid scope 'some' in 'f()'
FILE:7:13: invalid method '5'
FILE:4:11: name of path argument 'X' in '/{X}' must be an identifier
FILE:8:17: invalid validation rule 'set' for config 'f()': a set needs members, such as set a|b|c
]]):gsub("FILE", declared.FILE):sub(1, -2), text)
  end)
end)
