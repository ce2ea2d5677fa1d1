-- Specs of eventsink.example: moonbus test examples/eventsink
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("eventsink.example", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("Registered lists the addresses that were registered, the first one first", function()
    -- local emails = service.Registered({})
    assert.is_function(service.Registered)
  end)

  it("OnAllowRegister objects to some providers of mail", function()
    -- local allow = service.OnAllowRegister({}, email)
    assert.is_function(service.OnAllowRegister)
  end)

  it("OnRegistered remembers who has registered", function()
    -- service.OnRegistered({}, email)
    assert.is_function(service.OnRegistered)
  end)
end)
