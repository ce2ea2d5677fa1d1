-- Specs of helloworld.example: moonbus test examples/helloworld
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local test = require("spec").service().test

describe("helloworld.example", function()
  it("HelloWorld says hello to the world", function()
    test.HelloWorld.get({}):status_ok():content_type("text/plain"):body_contains("Hello, World!")
  end)
end)
