-- require "json": values as they cross the wire.

local json = require "json"

describe("json.decode", function()
  it("keeps integers of 64 bits as integers and other numbers as floats", function()
    assert.equal("integer", math.type(json.decode "9007199254740993"))
    assert.equal(9007199254740993, json.decode "9007199254740993")
    assert.equal(math.mininteger, json.decode "-9223372036854775808")
    assert.is_float(json.decode "1.0")
    assert.is_float(json.decode "9223372036854775808")
    assert.equal(0.5, json.decode "5e-1")
  end)

  it("gives null a value of its own, at the top and inside", function()
    assert.equal(json.null, json.decode "null")
    assert.equal(json.null, json.decode('{"a":null}').a)
    assert.equal("null", tostring(json.null))
  end)

  it("marks lists, so that they stay lists", function()
    local value = json.decode '{"a":[],"b":{}}'
    assert.is_true(json.is_list(value.a))
    assert.is_false(json.is_list(value.b))
    assert.equal("[]", json.encode(value.a))
    assert.equal("{}", json.encode(value.b))
  end)

  it("reads escapes and pairs of surrogates", function()
    assert.equal("a\n\"\\/\u{1F600}\0", json.decode [["a\n\"\\\/\ud83d\ude00\u0000"]])
  end)

  it("takes the last of several members with one name", function()
    assert.same({ a = 2 }, json.decode '{"a":1,"a":2}')
  end)

  it("says where a text is wrong, with line and column", function()
    local value, message, code = json.decode '{\n  "a": 1,\n}'
    assert.is_nil(value)
    assert.matches("^line 3 column 1: ", message)
    assert.equal("invalid", code)
  end)

  it("refuses what is not JSON", function()
    local texts = {
      "", " ", "nul", "01", "1.", ".5", "+1", "0x1", "1e400", "'a'", "[1,]", '{"a"}', "{a:1}", "[1 2]", "1 2", '"\n"',
      '"\\x"', '"\\ud800"', '"\xff"', "NaN", "[", '{"a":',
    }
    for _, text in ipairs(texts) do
      local value, _, code = json.decode(text)
      assert.is_nil(value, text)
      assert.equal("invalid", code, text)
    end
  end)

  it("with `first` ignores what follows the first value", function()
    assert.same({ 1 }, json.decode("[1] and more", { first = true }))
    assert.is_nil((json.decode "[1] and more"))
  end)

  it("is bounded in depth, values and bytes", function()
    assert.equal("limit", select(3, json.decode(("["):rep(65) .. ("]"):rep(65))))
    assert.is_table(json.decode(("["):rep(64) .. ("]"):rep(64)))
    assert.equal("limit", select(3, json.decode("[1,2,3]", { nodes = 3 })))
    assert.equal("limit", select(3, json.decode("[1,2,3]", { size = 6 })))
  end)
end)

describe("json.encode", function()
  it("writes sequences as lists and other tables as objects", function()
    assert.equal("[1,2]", json.encode { 1, 2 })
    assert.equal('{"a":1}', json.encode { a = 1 })
    assert.equal("{}", json.encode {})
    assert.equal("[]", json.encode(json.list()))
    assert.equal("[[],{}]", json.encode { json.list {}, {} })
  end)

  it("keeps the kind of a number", function()
    assert.equal("1", json.encode(1))
    assert.equal("1.0", json.encode(1.0))
    assert.equal("0.1", json.encode(0.1))
    assert.equal("-9223372036854775808", json.encode(math.mininteger))
  end)

  it("writes floats so that they read back the same", function()
    for _, x in ipairs { 1 / 3, 1e-320, 1.7976931348623157e308, 2 ^ 53 + 2.0, -0.0, math.pi } do
      assert.equal(x, json.decode(json.encode(x)))
    end
  end)

  it("raises for what has no JSON form, and says where", function()
    local function fails(value, pattern)
      assert.error_matches(function()
        json.encode(value)
      end, pattern)
    end
    fails({ a = { print } }, "in a%[1%]: ")
    fails(0 / 0, "cannot encode")
    fails(1 / 0, "cannot encode")
    fails("\xff", "cannot encode")
    fails({ [1] = 1, a = 2 }, "cannot encode")
    fails({ [true] = 1 }, "cannot encode")
  end)

  it("returns nil and limit for what is too deep", function()
    local loop = {}
    loop.self = loop
    local text, message, code = json.encode(loop)
    assert.is_nil(text)
    assert.is_string(message)
    assert.equal("limit", code)
  end)

  it("with an indent writes lines, names in order", function()
    assert.equal('{\n  "a": [\n    1\n  ],\n  "b": {}\n}', json.encode({ b = {}, a = { 1 } }, { indent = 2 }))
  end)

  it("does not ask metamethods", function()
    assert.equal("{}", json.encode(setmetatable({}, { __index = { a = 1 }, __len = function()
      return 9
    end })))
  end)

  it("gives back what it was given", function()
    local value = {
      text = "äöü \u{1F600} \1",
      list = json.list { 1, 2.5, "x", true, json.null },
      nested = { { { a = json.list {} } } },
    }
    local back = json.decode(json.encode(value))
    assert.same(value, back)
    assert.is_true(json.is_list(back.nested[1][1].a))
  end)
end)

describe("json.list", function()
  it("marks the table it is given", function()
    local t = { 1 }
    assert.equal(t, json.list(t))
    assert.is_true(json.is_list(t))
    assert.is_false(json.is_list {})
    assert.is_false(json.is_list "x")
  end)
end)

describe("json.order", function()
  local order = json.order { "zeta", "alpha", "mid" }

  it("writes members in its order, however many there are and whatever is inside", function()
    local value = setmetatable({ alpha = { 1 }, mid = json.null, zeta = { b = true } }, order)
    assert.equal('{"zeta":{"b":true},"alpha":[1],"mid":null}', json.encode(value))
    assert.equal('[{"zeta":1,"alpha":2}]', json.encode { setmetatable({ alpha = 2, zeta = 1 }, order) })
  end)

  it("leaves out what is nil, and what it does not name", function()
    assert.equal('{"alpha":1}', json.encode(setmetatable({ alpha = 1, other = 2 }, order)))
    assert.equal("{}", json.encode(setmetatable({}, order)))
  end)
end)
