-- Specs of messaging.example: moonbus test examples/messaging
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()
local test = service.test

describe("Home", function()
  it("says who answered in each of the four ways", function()
    local answer = test.Home.get({}):status_ok():content_type("text/plain"):get()
    assert.contains("Processed by: " .. service.id, answer.body)
    local _, unicasts = answer.body:gsub("DefaultQueue " .. service.id, "")
    local _, multicasts = answer.body:gsub("NoQueue " .. service.id, "")
    assert.equal(2, unicasts)
    assert.equal(2, multicasts)
  end)
end)

describe("NoQueue", function()
  it("says who answers", function()
    test.NoQueue.get({}):status_ok():body_contains("NoQueue " .. service.id)
  end)
end)

describe("DefaultQueue", function()
  it("says who answers", function()
    test.DefaultQueue.get({}):status_ok():body_contains("DefaultQueue " .. service.id)
  end)
end)

describe("the cache", function()
  it("CacheLoad finds what CacheStore stored", function()
    test.CacheLoad.get({}, "?key=color"):status_ok():body_contains("found: no")
    test.CacheStore.get({}, "?key=color&value=red"):status_ok():body_contains("value: red"):body_contains(service.id)
    test.CacheLoad.get({}, "?key=color"):status_ok():body_contains("found: yes\nvalue: red"):body_contains(service.id)
  end)

  it("CacheStore replaces what was there", function()
    test.CacheStore.get({}, "?key=color&value=red"):status_ok()
    test.CacheStore.get({}, "?key=color&value=blue"):status_ok()
    test.CacheLoad.get({}, "?key=color"):body_contains("value: blue")
  end)

  it("needs a key and a value", function()
    test.CacheLoad.get({}):error("missing key"):error_code(400)
    test.CacheStore.get({}, "?value=red"):error("missing key"):error_code(400)
    test.CacheStore.get({}, "?key=color"):error("missing value"):error_code(400)
  end)
end)
