-- Specs of registry-svc: moonbus test registry
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("registry-svc", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("RegisterInstance makes a URL the caller's instance, or updates it", function()
    -- local httpResponseBody, httpStatusCode = service.RegisterInstance({}, httpRequestBody)
    assert.is_function(service.RegisterInstance)
  end)

  it("ListInstances lists the caller's instances, or everybody's for admins", function()
    -- local httpResponseBody = service.ListInstances({}, host, ip, deploymentId, path, slug, id, scheme)
    assert.is_function(service.ListInstances)
  end)

  it("RemoveInstance takes an instance out of the registry", function()
    -- local httpStatusCode = service.RemoveInstance({}, id)
    assert.is_function(service.RemoveInstance)
  end)

  it("SaveDefinition stores what a service is made of, by its id", function()
    -- local httpResponseBody, httpStatusCode = service.SaveDefinition({}, httpRequestBody)
    assert.is_function(service.SaveDefinition)
  end)

  it("ListDefinitions lists all definitions", function()
    -- local httpResponseBody = service.ListDefinitions({})
    assert.is_function(service.ListDefinitions)
  end)

  it("DeleteDefinition removes a definition", function()
    -- local httpStatusCode = service.DeleteDefinition({}, id)
    assert.is_function(service.DeleteDefinition)
  end)

  it("SelfNode describes the node that answers", function()
    -- local httpResponseBody = service.SelfNode({})
    assert.is_function(service.SelfNode)
  end)

  it("ListNodes lists all nodes, or those of the given ids", function()
    -- local httpResponseBody = service.ListNodes({}, httpRequestBody)
    assert.is_function(service.ListNodes)
  end)

  it("DeleteNode removes the node of that URL", function()
    -- local httpStatusCode = service.DeleteNode({}, url)
    assert.is_function(service.DeleteNode)
  end)

  it("EchoGet answers the query as an object", function()
    -- service.EchoGet({}, {}, {})
    assert.is_function(service.EchoGet)
  end)

  it("EchoPost answers the JSON of the request", function()
    -- service.EchoPost({}, {}, {})
    assert.is_function(service.EchoPost)
  end)

  it("EchoPut answers the JSON of the request", function()
    -- service.EchoPut({}, {}, {})
    assert.is_function(service.EchoPut)
  end)

  it("Heartbeat says that this node is alive and how busy it is", function()
    -- service.Heartbeat({})
    assert.is_function(service.Heartbeat)
  end)
end)
