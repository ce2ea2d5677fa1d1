-- Specs of browser.example: moonbus test examples/browser
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("browser.example", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("Browse shows an address bar, and what is behind the address", function()
    -- service.Browse({}, {}, {})
    assert.is_function(service.Browse)
  end)
end)
