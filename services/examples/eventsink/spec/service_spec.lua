-- Specs of eventsink.example: moonbus test examples/eventsink
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local test = require("spec").service().test

describe("OnAllowRegister", function()
  it("objects to some providers, in whatever case", function()
    test.OnAllowRegister({}, "nancy@gmail.com"):expect(false)
    test.OnAllowRegister({}, "nancy@hotmail.com"):expect(false)
    test.OnAllowRegister({}, "Nancy@GMail.com"):expect(false)
  end)

  it("objects to what is too long for an address", function()
    test.OnAllowRegister({}, ("n"):rep(300) .. "@example.com"):expect(false)
  end)

  it("has nothing against all others", function()
    test.OnAllowRegister({}, "nancy@example.com"):expect(true)
    test.OnAllowRegister({}, "gmail.com@example.com"):expect(true)
  end)
end)

describe("Registered", function()
  it("lists what OnRegistered heard of, in order and in lower case", function()
    test.Registered({}):expect({})
    test.OnRegistered({}, "Maria@Example.com"):no_error()
    test.OnRegistered({}, "nancy@example.com"):no_error()
    test.Registered({}):expect({ "maria@example.com", "nancy@example.com" })
  end)
end)
