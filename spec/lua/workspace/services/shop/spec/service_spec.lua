-- Specs of a service that is there to be tested: what spec(...).service() gives, and the bus around it. Run as any other.

local assertions = require "assertions"
local bus = require "spec.bus"
local errors = require "errors"
local shared = require "shared"
local spec = require "spec"

local service = spec.service()
local test = service.test

-- The failure of an assertion.
local function failure(fn)
  local err = assert.has_error(fn)
  assert(assertions.is_failure(err), tostring(err))
  return err
end

local function line()
  return assertions.caller(1)
end

describe("a function", function()
  it("is called directly, as ever", function()
    assert.equal(3.5, service.Divide({}, 7, 2))
  end)

  it("returns what was expected", function()
    test.Divide({}, 7, 2):expect(3.5):no_error():completed_in(60)
    assert.equal(3.5, test.Divide(nil, 7, 2):get())
    test.Divide({}, 7, 2):assert(function(quotient)
      assert.equal(3.5, quotient)
    end)
  end)

  it("fails where something else was returned, and says what", function()
    local at
    local f = failure(function()
      at = line(); test.Divide({}, 7, 2):expect(3)
    end)
    assert.equal(at, f.where)
    assert.equal("Divide returned something else at quotient\nexpected: 3\ngot:      3.5", tostring(f))
    assert.contains("value 2, which is not declared", failure(function()
      test.Divide({}, 7, 2):expect(3.5, 1)
    end).at)
  end)

  it("compares tables by what is in them, and times by instant", function()
    local function pear(made, peeled)
      return { name = "pear", made = made, parts = { { name = "peel", made = peeled } } }
    end
    test.Find({}, "pear"):expect(pear("2023-11-14T22:13:20Z", 1700000000.5))
    local f = failure(function()
      test.Find({}, "pear"):expect(pear(1700000000, "2023-11-14T22:13:20Z"))
    end)
    assert.equal("item.parts[1].made", f.at)
  end)

  it("raises what was expected", function()
    test.Divide({}, 7, 0):error("by zero"):error_code(400)
    test.Divide({}, 7, -1):error("negative"):error_code(500)
    test.Divide({}, 7, 0):error()
  end)

  it("fails where nothing was raised, or something else", function()
    local f = failure(function()
      test.Divide({}, 7, 2):error("by zero")
    end)
    assert.equal('Divide raised no error\nexpected: an error with "by zero"\ngot:      no error, but 3.5', tostring(f))
    f = failure(function()
      test.Divide({}, 7, 0):error_code(404)
    end)
    assert.equal("Divide raised another error", f.text)
    assert.matches('^error "division by zero" %(status 400%), raised at services/shop/service.lua:%d+$', f.got)
    f = failure(function()
      test.Divide({}, 7, 0):expect(1)
    end)
    assert.equal("Divide raised an error", f.text)
    assert.equal("1", f.expected)
    failure(function()
      test.Divide({}, 7, 0):no_error()
    end)
    failure(function()
      test.Divide({}, 7, 2):completed_in(-1)
    end)
  end)

  it("raises again what it raised to whom asks for its results", function()
    assert.has_error(function()
      test.Divide({}, 7, 0):get()
    end, { status = 400 })
  end)

  it("that is not declared is a mistake of the spec", function()
    assert.has_error(function()
      test.Nothing({})
    end, 'shop.example declares no "Nothing" to be tested')
  end)

  it("may be replaced", function()
    local own = service.Divide
    service.Divide = function()
      return 0.5
    end
    test.Divide({}, 1, 1):expect(0.5)
    service.Divide = own
  end)
end)

describe("a ticker", function()
  it("is called directly", function()
    test.Tick({}):expect():no_error()
  end)
end)

describe("a web handler", function()
  it("answers a request below its path", function()
    test.Page.get({}, "?name=Maria&rest=a/b&q=x")
      :status_ok():status_code(200):content_type("text/html"):content_type("text/html; charset=utf-8")
      :body_contains("Maria"):body_not_contains("Josef"):tag_equal("h1", "Maria of a/b"):tag_equal("li", "x")
      :tag_exists("ul > li"):tag_not_exists("table"):tag_contains("h1", "of"):tag_not_equal("li", "y"):tag_not_contains("li", "z")
      :completed_in(60):no_error()
    test.Page.post({}, "/pages/a%20b/c?q=1", "text/plain", "x"):tag_equal("h1", "a b of c"):tag_equal("li", "POST")
    test.Page.request(nil, { method = "PUT", url = "https://shop.example/pages/x/y", query = { q = 2 } }):tag_equal("li", "2")
    test.Page.request({}, { body = "x" }):tag_equal("li", "POST")
    test.Page({}, { method = "PATCH" }):tag_equal("li", "PATCH")
  end)

  it("sets headers", function()
    test.Page.get(spec.context { languages = { "it" } })
      :header_exists("x-language"):header_not_exists("X-Other"):header_equal("X-Language", "it")
      :header_not_equal("X-Language", "en")
      :header_contains("X-Language", "i"):header_not_contains("X-Language", "e"):header_equal("Set-Cookie", "b=2")
  end)

  it("reads bodies", function()
    test.Buy.post({}, "", nil, { item = "pear" }):status_code(201):body_contains('{"item":"pear"}')
    test.Buy.post({}, "", "application/x-www-form-urlencoded", { item = "a b" }):body_contains('{"item":"a b"}')
    test.Buy.post({}, "", nil, '{"item":"fig"}'):body_contains("fig")
    test.Buy.request({}, { body = { item = "pear" } }):status_code(201)
  end)

  it("raises errors", function()
    test.Wrong.get({}):error("sold out"):error_code(409)
    local f = failure(function()
      test.Wrong.get({}):status_ok()
    end)
    assert.equal("Wrong raised an error", f.text)
    assert.equal("status 200", f.expected)
  end)

  it("fails with what it answered instead", function()
    local page = test.Page.get({}, "/pages/n/r")
    for expected, fn in pairs {
      ["status 404"] = function() page:status_code(404) end,
      ['a body with "nope"'] = function() page:body_contains("nope") end,
      ['a body without "n of r"'] = function() page:body_not_contains("n of r") end,
      ["a header X-Other"] = function() page:header_exists("X-Other") end,
      ["no header X-Language"] = function() page:header_not_exists("X-Language") end,
      ['"de"'] = function() page:header_equal("X-Language", "de") end,
      ['anything but "none"'] = function() page:header_not_equal("X-Language", "none") end,
      ['a value with "de"'] = function() page:header_contains("X-Language", "de") end,
      ['a value without "on"'] = function() page:header_not_contains("X-Language", "on") end,
      ['"text/plain"'] = function() page:content_type("text/plain") end,
      ["an element"] = function() page:tag_exists("h2") end,
      ["no element"] = function() page:tag_not_exists("h1") end,
      ['the text "x"'] = function() page:tag_equal("h1", "x") end,
      ['not the text "n of r"'] = function() page:tag_not_equal("h1", "n of r") end,
      ['a text with "x"'] = function() page:tag_contains("h1", "x") end,
      ['no text with "of"'] = function() page:tag_not_contains("h1", "of") end,
      ["an error"] = function() page:error() end,
    } do
      assert.equal(expected, failure(fn).expected)
    end
    assert.contains('elements with the texts { "n of r" }', failure(function()
      page:tag_equal("h1", "x")
    end).got)
    assert.contains("no such element in", failure(function()
      page:tag_exists("h2")
    end).got)
  end)

  it("gives its answer", function()
    assert.same({ "a=1", "b=2" }, test.Page.get({}):get().headers["set-cookie"])
  end)

  it("takes the method that is declared", function()
    assert.has_error(function()
      test.Buy.get({})
    end, "Buy is declared for POST, not for GET")
    assert.has_error(function()
      test.Buy.request({}, { header = {} })
    end, 'a request has no "header": it has method, url, query, headers and body')
    test.Wrong.head({}):error_code(409)
    assert.error_matches(function()
      test.Page.fetch({})
    end, 'Page is a web handler: it has no "fetch", but get')
  end)
end)

describe("another service", function()
  it("is not there unless somebody puts it there", function()
    test.Price({}, "apple", 3):error("there is no calculator.example on the bus of this spec"):error_code(404)
  end)

  it("is played by handlers", function()
    spec.mock("calculator.example", {
      Arithmetic = function(ctx, x, op, y)
        assert.equal("it", ctx.languages[1])
        assert.equal("shop.example", ctx.from.host)
        return tonumber(("%d%d"):format(x, y)) + #op
      end,
    })
    test.Price(spec.context { languages = { "it" } }, "apple", 3):expect(24, "2023-11-14T22:13:20.25Z")
  end)

  it("is played no longer than a test", function()
    test.Price({}, "apple", 3):error_code(404)
  end)

  it("says which handler it was not given", function()
    spec.mock("deep/calculator", { Name = function() end })
    test.Price({}, "apple", 3):error("mocked endpoint 'Arithmetic' not implemented"):error_code(500)
  end)

  it("fails with the status that the played handler raised", function()
    spec.mock("calculator.example", {
      Arithmetic = function()
        errors.raise(418, "teapot")
      end,
    })
    test.Price({}, "apple", 3):error("teapot"):error_code(418)
  end)

  it("fails the test where an assertion in its handler does not hold", function()
    spec.mock("calculator.example", {
      Arithmetic = function(_, x)
        assert.equal(1, x)
      end,
    })
    assert.equal("1", failure(function()
      test.Price({}, "apple", 3)
    end).expected)
  end)

  it("is played by what it declares, and by functions", function()
    assert.has_error(function()
      spec.mock("calculator.example", { Aritmetic = function() end })
    end, 'calculator.example declares no function, web or sink "Aritmetic"')
    assert.has_error(function()
      spec.mock("calculator.example", { Arithmetic = 1 })
    end, "the mock of calculator.example has no function for Arithmetic")
  end)

  it("may be one that nobody declares here", function()
    spec.mock("far.example", {
      Greet = function(_, name)
        return "Hello, " .. name
      end,
    })
    assert.equal("Hello, you", bus.call({}, "far.example", "Greet", "you"))
  end)

  it("answers messages at the paths that it declares, the most literal first", function()
    spec.mock("calculator.example", {
      About = function(_, req, res)
        res:header("X-Topic", req.args.topic):json({ q = req.query.q }, 202)
      end,
      AboutAll = function()
        return "all"
      end,
    })
    local got = bus.request({}, { method = "GET", url = "https://calculator.example/about/a%20b?q=1", query = { r = 2 } })
    local headers = { ["content-type"] = "application/json", ["x-topic"] = "a b" }
    assert.same({ status = 202, headers = headers, body = '{"q":"1"}' }, got)
    assert.equal("all", bus.request({}, { method = "GET", url = "https://calculator.example/about/all" }).body)
    assert.has_error(function()
      bus.request({}, { method = "GET", url = "https://calculator.example/nothing" })
    end, { status = 404, message = "calculator.example has nothing at /nothing" })
    assert.has_error(function()
      bus.request({}, { url = "https://nobody.example/" })
    end, { status = 404 })
    assert.equal(1, #bus.publish({}, { method = "GET", url = "https://all/about/all" }))
  end)

  it("is the real one when it is started, with its own files", function()
    local calculator = spec.start "services/deep/calculator"
    assert.equal("calculator.example", calculator.host)
    assert.equal(1, math.tointeger(shared.get("calculators started")))
    test.Price({}, "apple", 3):expect(6, 1700000000.25)
    assert.equal("calculator: a calculator\n", bus.call({}, "calculator.example", "Name"))
    assert.equal("a shop\n", service.resources["name.txt"])
    assert.has_error(function()
      bus.call({}, "calculator.example", "Arithmetic", 1, "%", 2)
    end, { status = 400, message = "no such operation" })
    assert.equal('"shop.example"', bus.request({}, {
      method = "GET", url = "https://calculator.example/about/x",
    }).body:match('"from":("[^"]*")'))
    assert.has_error(function()
      bus.call({}, "calculator.example", "Nothing")
    end, { status = 404, message = "calculator.example has no function Nothing" })
  end)

  it("is found by its name alone, and is started no longer than a test", function()
    assert.has_error(function()
      bus.call({}, "calculator.example", "Name")
    end, { status = 404 })
    spec.start "calculator"
    bus.call({}, "calculator.example", "Name")
    assert.has_error(function()
      spec.start "nobody"
    end, 'there is no service "nobody" to start')
  end)

  it("gets copies, and nothing that could not travel", function()
    local sent = { 1 }
    spec.mock("calculator.example", {
      Arithmetic = function(_, x)
        x[1] = 2
        return x
      end,
    })
    local got = bus.call({}, "calculator.example", "Arithmetic", sent)
    assert.same({ 1 }, sent)
    assert.same({ 2 }, got)
    for _, value in ipairs { print, coroutine.create(print), io.stdout, { { print } } } do
      assert.error_matches(function()
        bus.call({}, "calculator.example", "Arithmetic", value)
      end, "can be sent to another")
    end
  end)

  it("does not call in circles for ever", function()
    spec.mock("calculator.example", {
      Arithmetic = function(ctx)
        return bus.call(ctx, "calculator.example", "Arithmetic")
      end,
    })
    assert.has_error(function()
      bus.call({}, "calculator.example", "Arithmetic")
    end, { status = 508 })
  end)
end)

describe("an event", function()
  it("is heard by the sink that a spec puts up, once", function()
    local heard = test.OnBought():expect("pear", "2023-11-14T22:13:20Z"):returns(true)
    local answers = bus.fire({}, "shop.example", "OnBought", "pear", 1700000000)
    assert.equal(1, #answers)
    assert.is_true(answers[1][1])
    assert.same({ "pear", 1700000000 }, { heard:wait() })
    assert.equal(0, #bus.fire({}, "shop.example", "OnBought", "pear", 1700000000))
  end)

  it("may be looked at by a function, and afterwards", function()
    local item
    local heard = test.OnBought():assert(function(got)
      item = got
    end)
    bus.fire({}, "shop.example", "OnBought", "fig", 0)
    assert.equal("fig", item)
    heard:expect("fig", 0):wait()
  end)

  it("is waited for", function()
    local task = require "task"
    local heard = test.OnBought()
    local later <close> = task.spawn(function()
      require("time").sleep(0.02)
      bus.fire({}, "shop.example", "OnBought", "late", 0)
    end)
    assert.equal("late", heard:wait())
    later:join()
  end)

  it("fails where its inputs are other ones, or it was not fired", function()
    local at
    at = line(); local heard = test.OnBought():expect("pear", 0)
    bus.fire({}, "shop.example", "OnBought", "fig", 0)
    local f = failure(function()
      heard:wait()
    end)
    assert.equal(at, f.where)
    assert.equal('OnBought was fired with other inputs at item\nexpected: "pear"\ngot:      "fig"', tostring(f))
    assert.equal("Event sink was not triggered", failure(function()
      test.OnBought():wait(0.01)
    end).text)
  end)
end)

describe("a context", function()
  it("knows what it was given", function()
    local ctx = spec.context {
      languages = { "it" }, baggage = { a = "1" }, clock_shift = 3600, account = { id = "usr-1", roles = { "admin" } },
    }
    assert.equal("admin", ctx.roles[1])
    assert.near(require("time").now() + 3600, ctx:now(), 60)
    assert.same({}, spec.context().languages)
  end)

  it("refuses what it does not know", function()
    assert.has_error(function()
      spec.context { lang = "it" }
    end, 'a context has no "lang"')
    assert.has_error(function()
      spec.context { languages = "it" }
    end, "languages of a context is a table, not a string")
  end)

  it("goes along with calls", function()
    local got
    spec.mock("calculator.example", {
      Name = function(ctx)
        got = ctx
        return ""
      end,
    })
    bus.call({ baggage = { a = "1" }, clock_shift = 5, account = { id = "usr-1" } }, "calculator.example", "Name")
    assert.same({ { a = "1" }, 5, "usr-1" }, { got.baggage, got.clock_shift, got.account.id })
  end)
end)
