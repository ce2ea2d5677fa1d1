-- Specs of hello.example: moonbus test examples/hello
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("hello.example", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("Hello greets whoever asks, by name where there is one", function()
    -- service.Hello({}, {}, {})
    assert.is_function(service.Hello)
  end)

  it("Echo answers with the request as it came", function()
    -- service.Echo({}, {}, {})
    assert.is_function(service.Echo)
  end)

  it("Ping lists every service that is there", function()
    -- service.Ping({}, {}, {})
    assert.is_function(service.Ping)
  end)

  it("Calculator is a page with a form", function()
    -- service.Calculator({}, {}, {})
    assert.is_function(service.Calculator)
  end)

  it("BusPNG is a picture from the resources", function()
    -- service.BusPNG({}, {}, {})
    assert.is_function(service.BusPNG)
  end)

  it("Localization says hello in the reader's language", function()
    -- service.Localization({}, {}, {})
    assert.is_function(service.Localization)
  end)

  it("Root is what stands at the root of the whole site", function()
    -- service.Root({}, {}, {})
    assert.is_function(service.Root)
  end)

  it("TickTock ticks, and says so in the log", function()
    -- service.TickTock({})
    assert.is_function(service.TickTock)
  end)
end)
