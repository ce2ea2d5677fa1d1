-- Specs of directory.example: moonbus test examples/directory
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("directory.example", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("Create adds a person and gives it a key", function()
    -- local key = service.Create({}, httpRequestBody)
    assert.is_function(service.Create)
  end)

  it("Load finds a person by key", function()
    -- local httpResponseBody = service.Load({}, key)
    assert.is_function(service.Load)
  end)

  it("Delete removes a person", function()
    -- service.Delete({}, key)
    assert.is_function(service.Delete)
  end)

  it("Update replaces what is known of a person", function()
    -- service.Update({}, key, httpRequestBody)
    assert.is_function(service.Update)
  end)

  it("LoadByEmail finds a person by e-mail address", function()
    -- local httpResponseBody = service.LoadByEmail({}, email)
    assert.is_function(service.LoadByEmail)
  end)

  it("List gives the keys of all persons", function()
    -- local httpResponseBody = service.List({})
    assert.is_function(service.List)
  end)

  it("WebUI is a form that sends requests to the functions above", function()
    -- service.WebUI({}, {}, {})
    assert.is_function(service.WebUI)
  end)
end)
