-- Specs of user-svc: moonbus test user
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local service = require("spec").service()

describe("user-svc", function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)

  it("Register makes an account and logs it in", function()
    -- local httpResponseBody = service.Register({}, httpRequestBody)
    assert.is_function(service.Register)
  end)

  it("Login gives a token for a slug and its password", function()
    -- local httpResponseBody = service.Login({}, httpRequestBody)
    assert.is_function(service.Login)
  end)

  it("ReadSelf gives the account behind the token, with its roles and contacts", function()
    -- local httpResponseBody = service.ReadSelf({}, httpRequestBody)
    assert.is_function(service.ReadSelf)
  end)

  it("GetPublicKey gives the key that verifies tokens, as PEM", function()
    -- local httpResponseBody = service.GetPublicKey({})
    assert.is_function(service.GetPublicKey)
  end)

  it("RefreshToken gives a new token in place of the presented one, which may have expired", function()
    -- local httpResponseBody = service.RefreshToken({})
    assert.is_function(service.RefreshToken)
  end)

  it("ChangePassword replaces the password of the account behind the token", function()
    -- local httpResponseBody = service.ChangePassword({}, httpRequestBody)
    assert.is_function(service.ChangePassword)
  end)

  it("HasPermission", function()
    -- local httpResponseBody = service.HasPermission({}, permission)
    assert.is_function(service.HasPermission)
  end)

  it("ListPermissions names the permissions of roles that the caller holds", function()
    -- local httpResponseBody = service.ListPermissions({}, httpRequestBody)
    assert.is_function(service.ListPermissions)
  end)

  it("SavePermits grants permissions to slugs and roles", function()
    -- local httpResponseBody = service.SavePermits({}, httpRequestBody)
    assert.is_function(service.SavePermits)
  end)

  it("ListPermits lists the permits of all apps", function()
    -- local httpResponseBody = service.ListPermits({}, httpRequestBody)
    assert.is_function(service.ListPermits)
  end)

  it("ListUsers lists accounts, newest first unless told otherwise", function()
    -- local httpResponseBody = service.ListUsers({}, httpRequestBody)
    assert.is_function(service.ListUsers)
  end)

  it("Check", function()
    -- local valid, authorized, expires, account = service.Check({}, token, permission)
    assert.is_function(service.Check)
  end)

  it("Introduce", function()
    -- service.Introduce({}, name, permits)
    assert.is_function(service.Introduce)
  end)

  it("Refresh gives a fresh token in place of an expired one, for the front door", function()
    -- local fresh = service.Refresh({}, token)
    assert.is_function(service.Refresh)
  end)

  it("ResetPassword gives an account another password; for admins", function()
    -- service.test.ResetPassword({}, userId, httpRequestBody):expect(httpResponseBody)
    assert.is_function(service.ResetPassword)
  end)
end)
