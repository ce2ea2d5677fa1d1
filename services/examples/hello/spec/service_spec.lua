-- Run with: moonbus test services/examples/hello

local service = require("spec").service()

describe("hello.example", function()
  it("adds", function()
    assert.equal(3, service.Add({}, 1, 2))
  end)

  it("greets whoever asks, or the world", function()
    assert.contains("Hello, Ada!", service.Hello({}, { query = { name = "Ada" } }))
    assert.contains("Hello, world!", service.Hello({}, { query = {} }))
  end)

  it("counts its ticks", function()
    service.Tick {}
    service.Tick {}
    assert.contains("ticked 2 times", service.Hello({}, { query = {} }))
  end)
end)
