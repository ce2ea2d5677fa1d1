-- Specs of hello.example: moonbus test examples/hello
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local spec = require "spec"

local service = spec.service()
local test = service.test

describe("Hello", function()
  after_each(function()
    service.config.Greeting, service.config.Repeat = nil, nil -- back to the defaults
  end)

  it("greets the world", function()
    test.Hello.get({}):status_ok():content_type("text/plain"):body_contains("Hello, World!")
  end)

  it("greets by name", function()
    test.Hello.get({}, "?name=Maria"):body_contains("Hello, Maria!"):body_not_contains("World")
  end)

  it("says what is configured, as often as is configured", function()
    service.config.Greeting, service.config.Repeat = "Ciao", 3
    local answer = test.Hello.get({}, "?name=Maria"):get()
    assert.equal("Ciao, Maria!\nCiao, Maria!\nCiao, Maria!\n", answer.body)
  end)
end)

describe("Echo", function()
  it("answers with the request line, headers and body of the request", function()
    test.Echo.get({}, "?arg=12345"):status_ok():content_type("text/plain")
      :body_contains("GET /echo?arg=12345 HTTP/1.1\r\n")
    test.Echo.request({}, { method = "PATCH", headers = { ["X-Location"] = "CA" }, body = "Sunshine" })
      :body_contains("PATCH /echo HTTP/1.1\r\nHost: hello.example\r\n")
      :body_contains("X-Location: CA\r\n")
      :body_contains("\r\n\r\nSunshine")
  end)

  it("is called with all values of a header", function()
    test.Echo.request({}, { headers = { ["X-Location"] = { "CA", "WA" } } }):body_contains("X-Location: CA, WA\r\n")
  end)

  it("may be called by any URL that leads there", function()
    for _, url in ipairs { "?arg=1", "/echo?arg=1", "https://hello.example/echo?arg=1" } do
      test.Echo.get({}, url):body_contains("GET /echo?arg=1 ")
    end
    test.Echo.get({}):body_contains("GET /echo HTTP/1.1\r\n")
  end)

  it("is sent the type of the body", function()
    local form = "application/x-www-form-urlencoded"
    test.Echo.post({}, "", form, { a = 1, b = 2 })
      :body_contains("Content-Type: " .. form)
      :body_contains("\r\n\r\na=1&b=2")
    test.Echo.post({}, "", "text/plain", "a=1")
      :body_contains("Content-Type: text/plain\r\n")
      :body_contains("\r\n\r\na=1")
  end)
end)

describe("Ping", function()
  it("lists this service, too", function()
    test.Ping.get({}):status_ok():body_contains(service.id .. ".hello.example\r\n")
  end)
end)

describe("Calculator", function()
  local FORM = "application/x-www-form-urlencoded"

  before_each(function()
    spec.start "calculator.example"
  end)

  it("is a form", function()
    test.Calculator.get({}):status_ok():content_type("text/html")
      :tag_exists("form input[name=x]")
      :tag_exists("form select[name=op]")
      :tag_exists("form input[name=y]")
      :tag_equal("option", "/")
      :tag_equal("td#result", "")
  end)

  it("computes what the form says", function()
    test.Calculator.post({}, "", FORM, { x = 500, op = "+", y = 580 }):tag_equal("td#result", "1080")
    test.Calculator.post({}, "", FORM, "x=500&op=/&y=5"):tag_equal("td#result", "100")
  end)

  it("computes what the query says", function()
    test.Calculator.get({}, "?x=5&op=*&y=80"):tag_equal("td#result", "400"):tag_exists("input[name=x][value='5']")
  end)

  it("shows why there is no result", function()
    test.Calculator.get({}, "?x=5&op=/&y=0"):status_ok():tag_equal("td#result", "division by zero")
    test.Calculator.get({}, "?x=five&op=/&y=0"):status_ok():tag_equal("td#result", "x and y are integers")
  end)

  it("shows markup as text", function()
    test.Calculator.get({}, "?x=1&y=2&op=%3Cb%3E"):tag_equal("td#result", "invalid operator '<b>'"):tag_not_exists("b")
  end)
end)

describe("BusPNG", function()
  it("serves the picture", function()
    local answer = test.BusPNG.get({}):status_ok():content_type("image/png"):header_exists("Etag"):get()
    assert.equal("\x89PNG", answer.body:sub(1, 4))
  end)

  it("does not send it again to those who have it", function()
    local etag = test.BusPNG.get({}):get().headers.etag
    test.BusPNG.request({}, { headers = { ["If-None-Match"] = etag } }):status_code(304)
  end)
end)

describe("Localization", function()
  local function said(...)
    return test.Localization.get({ languages = { ... } }):status_ok():get().body
  end

  it("speaks the caller's language", function()
    assert.equal("Salve", said "it")
    assert.equal("Hello", said "en")
    assert.equal("Hello", said "en-NZ")
    assert.equal("God dag", said "no")
  end)

  it("takes the first language that it knows", function()
    assert.equal("Bonjour", said("tlh", "fr-CA", "de"))
  end)

  it("speaks English to everybody else", function()
    assert.equal("Hello", said())
    assert.equal("Hello", said "tlh")
  end)
end)

describe("Root", function()
  it("has a headline", function()
    test.Root.get({}):status_ok():content_type("text/html"):tag_equal("h1", "Moonbus")
  end)
end)

describe("TickTock", function()
  it("ticks", function()
    test.TickTock({}):no_error()
  end)
end)
