-- Specs of helloworld.example: moonbus test examples/helloworld
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("helloworld.example", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("HelloWorld answers with the most famous greeting", function()
    -- service.HelloWorld({}, {}, {})
    assert.is_function(service.HelloWorld)
  end)
end)
