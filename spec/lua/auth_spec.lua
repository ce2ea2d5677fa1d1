-- require "auth": what the account service says about a caller, and how it is told.

local auth = require "auth"
local spec = require "spec"

local ADA = { id = "usr-1", slug = "ada", app = "unnamed", roles = { "user-svc:admin" } }

local function refused(status, fn, ...)
  local ok, problem = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal(status, problem.status)
end

-- A caller whose token counts, and who may read.
local function caller()
  return spec.context { token = "good" }
end

describe("auth", function()
  before_each(function()
    spec.mock("user-svc", {
      Check = function(_, token, permission)
        return token == "good", permission == "pets:read", 1.5, token == "good" and ADA or nil
      end,
    })
  end)

  it("gives the account of the caller", function()
    assert.equal("ada", auth.caller(caller()).slug)
  end)

  it("says whether the caller holds a permission, and until when that is known", function()
    local authorized, till, account = auth.check(caller(), "pets:write")
    assert.is_false(authorized)
    assert.equal(1.5, till)
    assert.equal("usr-1", account.id)
    assert.is_true((auth.check(caller(), "pets:read")))
  end)

  it("refuses who lacks the permission with 401", function()
    assert.equal("usr-1", auth.need(caller(), "pets:read").id)
    refused(401, auth.need, caller(), "pets:write")
  end)

  it("refuses a token that does not count with 401, and none with 422", function()
    refused(401, auth.caller, spec.context { token = "bad" })
    refused(422, auth.caller, spec.context {})
  end)

  it("knows who is an admin", function()
    assert.is_true(auth.is_admin(ADA))
    assert.is_false(auth.is_admin { roles = { "user-svc:user" } })
  end)
end)
