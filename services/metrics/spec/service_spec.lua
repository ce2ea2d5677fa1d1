-- Specs of metrics.core: moonbus test metrics

-- luacheck: std +busted

local metric = require "metric"
local service = require("spec").service()

-- What Collect answers to a query, as a response that takes everything down.
local function collect(query)
  local answer = { headers = {} }
  local res = {}
  function res.header(_, name, value)
    answer.headers[name] = value
  end
  function res.answer(_, status, body)
    answer.status, answer.body = status, body
  end
  service.Collect({}, { query = query }, res)
  return answer
end

local function assert_hidden(query)
  assert.has_error(function()
    collect(query)
  end, { status = 404, message = "incorrect secret key" })
end

local function configure(secret)
  rawset(service.config, "SecretKey", secret)
end

metric.define { name = "spec_visits_total", kind = "counter", help = "Visits." }
metric.add("spec_visits_total", 3)

describe("metrics.core", function()
  after_each(function()
    configure ""
  end)

  it("Collect is hidden from everybody while no key is configured", function()
    assert_hidden {}
    assert_hidden { secretKey = "" }
    assert_hidden { secretKey = "guess" }
  end)

  it("Collect is hidden from who does not know the key", function()
    configure "open sesame"
    assert_hidden {}
    assert_hidden { secretKey = "" }
    assert_hidden { secretKey = "open sesamE" }
    assert_hidden { secretKey = "open sesame!" }
  end)

  it("Collect gives the metrics of all services as text", function()
    configure "open sesame"
    local answer = collect { secretKey = "open sesame" }
    assert.equal(200, answer.status)
    assert.matches("^text/plain", answer.headers["Content-Type"])
    assert.equal("no-store", answer.headers["Cache-Control"])
    assert.contains("# TYPE spec_visits_total counter\n", answer.body)
    assert.contains("spec_visits_total", collect({ secretkey = "open sesame", service = "all" }).body)
  end)

  it("Collect gives the metrics of one service", function()
    configure "open sesame"
    local own = collect { secretKey = "open sesame", service = "METRICS" } -- specs know a service by its folder
    assert.contains('spec_visits_total{id="",service="metrics",ver=""} 3\n', own.body)
    assert.equal("", collect({ secretKey = "open sesame", service = "nobody.example" }).body)
  end)

  it("Collect refuses what is no hostname", function()
    configure "open sesame"
    assert.has_error(function()
      collect { secretKey = "open sesame", service = "not a host" }
    end, { status = 400, message = "invalid hostname 'not a host'" })
  end)
end)
