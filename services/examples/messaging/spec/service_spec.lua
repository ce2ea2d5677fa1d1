-- Specs of messaging.example: moonbus test examples/messaging
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("messaging.example", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("Home reaches replicas in each of the four ways, and prints who answered", function()
    -- service.Home({}, {}, {})
    assert.is_function(service.Home)
  end)

  it("NoQueue is answered by every replica, as there is no queue in front of them", function()
    -- service.NoQueue({}, {}, {})
    assert.is_function(service.NoQueue)
  end)

  it("DefaultQueue is answered by one replica", function()
    -- service.DefaultQueue({}, {}, {})
    assert.is_function(service.DefaultQueue)
  end)

  it("CacheLoad looks for a key in the cache", function()
    -- service.CacheLoad({}, {}, {})
    assert.is_function(service.CacheLoad)
  end)

  it("CacheStore puts a value into the cache", function()
    -- service.CacheStore({}, {}, {})
    assert.is_function(service.CacheStore)
  end)
end)
