-- require "token": access tokens, signed by the well-known key that specs get.

local json = require "json"
local seal = require "seal"
local time = require "time"
local token = require "token"

local function claims(more)
  local now = math.floor(time.now())
  local all = {
    ["1ui"] = "usr-1", ["1ai"] = "app-1", ["1sl"] = "ada", ["1de"] = "phone", ["1ao"] = "org-1",
    ["1ro"] = { "user-svc:user", "user-svc:admin" }, exp = now + 60, iat = now, jti = "tok-1",
  }
  for k, v in pairs(more or {}) do
    all[k] = v
  end
  return json.encode(all)
end

describe("token.verify", function()
  it("gives the claims of a token that this host signed", function()
    local text = assert(token.sign(claims()))
    local c, state = token.verify(text)
    assert.equal("ok", state)
    assert.equal("usr-1", c.id)
    assert.equal("app-1", c.app)
    assert.equal("ada", c.slug)
    assert.equal("phone", c.device)
    assert.equal("org-1", c.organization)
    assert.equal("tok-1", c.token)
    assert.same({ "user-svc:user", "user-svc:admin" }, c.roles)
    assert.near(time.now() + 60, c.expires, 5)
    assert.near(time.now(), c.issued, 5)
  end)

  it("tells that one has expired, and gives its claims", function()
    local c, state = token.verify(assert(token.sign(claims { exp = math.floor(time.now()) - 1 })))
    assert.equal("expired", state)
    assert.equal("ada", c.slug)
  end)

  it("has an empty list for no roles", function()
    local c = token.verify(assert(token.sign(claims { ["1ro"] = json.list {} })))
    assert.same({}, c.roles)
    assert.is_true(json.is_list(c.roles))
  end)

  it("refuses a token when any part of it was changed", function()
    local head, body, signature = assert(token.sign(claims())):match "^(.*)%.(.*)%.(.*)$"
    local other = seal.base64(claims { ["1sl"] = "eve" }, true)
    local none = seal.base64('{"alg":"none","typ":"JWT"}', true)
    local flipped = (signature:sub(1, 1) == "A" and "B" or "A") .. signature:sub(2)
    for _, text in ipairs {
      head .. "." .. other .. "." .. signature,
      head .. "." .. body .. "." .. flipped,
      none .. "." .. body .. "." .. signature,
      none .. "." .. body .. ".",
      head .. "." .. body,
      head .. "." .. body .. "." .. signature .. "A",
      head .. "." .. body .. "." .. signature .. ".",
    } do
      local c, message, code = token.verify(text)
      assert.is_nil(c, text)
      assert.is_string(message)
      assert.equal("invalid", code)
    end
  end)

  it("refuses what is no token at all", function()
    for _, text in ipairs { "", ".", "..", "a.b.c", ("x"):rep(10000), "\0" } do
      assert.is_nil((token.verify(text)))
    end
  end)
end)

describe("token.sign", function()
  it("refuses what would be too long to be taken back", function()
    local text, message = token.sign(claims { ["1sl"] = ("x"):rep(10000) })
    assert.is_nil(text)
    assert.is_string(message)
  end)
end)
