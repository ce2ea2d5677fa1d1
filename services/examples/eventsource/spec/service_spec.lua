-- Specs of eventsource.example: moonbus test examples/eventsource
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("eventsource.example", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("Register registers an address, unless somebody objects", function()
    -- local allowed = service.Register({}, email)
    assert.is_function(service.Register)
  end)

  it("OnAllowRegister is fired before an address is registered", function()
    assert.equal("event", require("gen.plumbing").kinds.OnAllowRegister)
  end)

  it("OnRegistered is fired after an address was registered", function()
    assert.equal("event", require("gen.plumbing").kinds.OnRegistered)
  end)
end)
