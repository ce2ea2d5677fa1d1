-- require "seal": ids, random bytes, hashes, encodings, sealing.

local seal = require "seal"

describe("ids and random text", function()
  it("carry their prefix and never come twice", function()
    local seen = {}
    for _ = 1, 1000 do
      local id = seal.id "pet"
      assert.matches("^pet%-%w+$", id)
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("grow in the order in which they were made", function()
    local last = seal.id "x"
    for _ = 1, 200 do
      local id = seal.id "x"
      assert(last < id, last .. " before " .. id)
      last = id
    end
  end)

  it("of uuid are random ones as RFC 9562 describes them", function()
    assert.matches("^%x+%-%x+%-4%x%x%x%-[89ab]%x%x%x%-%x+$", seal.uuid())
    assert.equal(36, #seal.uuid())
    assert.is_not.equal(seal.uuid(), seal.uuid())
  end)

  it("of random have the length asked for", function()
    for _, n in ipairs { 1, 7, 65536 } do
      assert.equal(n, #seal.random(n))
    end
    assert.has_error(function()
      seal.random(0)
    end)
    assert.has_error(function()
      seal.random(65537)
    end)
  end)

  it("of token are safe in URLs", function()
    assert.matches("^[%w_-]+$", seal.token())
    assert.equal(22, #seal.token(16))
    assert.has_error(function()
      seal.token(7)
    end)
  end)
end)

describe("seal.sha256", function()
  it("gives the digests of FIPS 180", function()
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", seal.sha256 "")
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", seal.sha256 "abc")
  end)
end)

describe("seal.equal", function()
  it("compares all bytes", function()
    assert.is_true(seal.equal("", ""))
    assert.is_true(seal.equal("a\0b", "a\0b"))
    assert.is_false(seal.equal("a\0b", "a\0c"))
    assert.is_false(seal.equal("a", "aa"))
  end)
end)

describe("base64", function()
  it("has the vectors of RFC 4648", function()
    local vectors = { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", foobar = "Zm9vYmFy" }
    for plain, text in pairs(vectors) do
      assert.equal(text, seal.base64(plain))
      assert.equal(plain, seal.unbase64(text))
    end
  end)

  it("for URLs has another alphabet and no padding", function()
    assert.equal("+/8=", seal.base64 "\xfb\xff")
    assert.equal("-_8", seal.base64("\xfb\xff", true))
    assert.equal("\xfb\xff", seal.unbase64("-_8", true))
  end)

  it("is read strictly", function()
    for _, text in ipairs { "Zg", "Zg=", "Z", "Zg==Zg==", "Zh==", "Zm 9v", "Zm9v\n", "-_8=", "*" } do
      local value, message = seal.unbase64(text)
      assert.is_nil(value, text)
      assert.equal("not base64", message)
    end
    assert.is_nil((seal.unbase64("+/8", true)))
  end)
end)

describe("sealing", function()
  local key = ("k"):rep(32)

  it("opens to what was closed", function()
    for _, plain in ipairs { "", "secret", ("x"):rep(100000) } do
      assert.equal(plain, seal.open(seal.close(plain, key), key))
    end
  end)

  it("never looks the same twice", function()
    assert.is_not.equal(seal.close("a", key), seal.close("a", key))
  end)

  it("does not open with another key, or when a byte was changed", function()
    local sealed = seal.close("secret", key)
    assert.is_nil((seal.open(sealed, ("K"):rep(32))))
    for i = 1, #sealed do
      local byte = string.char(sealed:byte(i) ~ 1)
      local changed = sealed:sub(1, i - 1) .. byte .. sealed:sub(i + 1)
      assert.is_nil((seal.open(changed, key)), "byte " .. i)
    end
    assert.is_nil((seal.open(sealed:sub(1, -2), key)))
    assert.is_nil((seal.open("", key)))
  end)

  it("wants a key of 32 bytes", function()
    assert.error_matches(function()
      seal.close("a", "short")
    end, "a key has 32 bytes")
  end)
end)
