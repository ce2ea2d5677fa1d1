-- lua/wire.lua: values between JSON and Lua, by their declared types.

local json = require "json"
local wire = require "wire"

local CLASSES = wire.classes [[
---@class Animal
---@field name string
---@field legs integer?

--- A pet is an animal with an owner.
---@class Pet: Animal
---@field owner string  who feeds it
---@field tags string[]
---@field ages table<string, integer>
---@field friend Pet
---@field born? number
]]

local function in_json(kind, text)
  return wire.decode(kind, assert(json.decode(text)), CLASSES, "x")
end

local function refuses(kind, text, message)
  assert.has_error(function()
    in_json(kind, text)
  end, { status = 400, message = message })
end

local function from_text(kind, text)
  return wire.from_text(kind, text, CLASSES, "x")
end

describe("classes", function()
  it("are read from annotations, with what they inherit", function()
    assert.same({
      name = { type = "string", optional = false },
      legs = { type = "int", optional = false },
      owner = { type = "string", optional = false },
      tags = { type = "[]string", optional = false },
      ages = { type = "map[string]int", optional = false },
      friend = { type = "Pet", optional = false },
      born = { type = "float64", optional = true },
    }, CLASSES.Pet)
  end)

  it("end at the first line that is no annotation", function()
    local classes = wire.classes "---@class A\n---@field a string\nlocal x = 1\n---@field b string\n"
    assert.same({ a = { type = "string", optional = false } }, classes.A)
  end)

  it("of what cannot be said are any", function()
    assert.equal("any", wire.lua_type "string|integer")
    assert.equal("any", wire.lua_type "fun(): string")
    assert.equal("any", wire.lua_type "table")
    assert.equal("[]any", wire.lua_type "any[]")
    assert.equal("[]Pet", wire.lua_type "Pet[] all of them")
    assert.equal("bool", wire.lua_type "boolean")
  end)
end)

describe("a JSON value of a declared type", function()
  it("comes as its Lua value", function()
    assert.equal("a", in_json("string", '"a"'))
    assert.equal(3, in_json("int", "3"))
    assert.is_integer(in_json("int", "3.0"))
    assert.is_float(in_json("float64", "3"))
    assert.is_true(in_json("bool", "true"))
    assert.equal(255, in_json("byte", "255"))
    assert.equal("hi", in_json("[]byte", '"aGk="'))
    assert.equal(1000000000.5, in_json("time.Time", '"2001-09-09T01:46:40.5Z"'))
    assert.equal(1.5, in_json("time.Duration", "1500000000"))
    assert.same({ a = { 1 } }, in_json("any", '{"a":[1]}'))
  end)

  it("is a list of such values", function()
    local list = in_json("[]int", "[1,2]")
    assert.same({ 1, 2 }, list)
    assert.is_true(json.is_list(list))
    assert.same({}, in_json("[]int", "{}"))
    assert.same({ { "a" }, {} }, in_json("[][]string", '[["a"],[]]'))
  end)

  it("is a map of such values", function()
    assert.same({ a = 1, b = 2 }, in_json("map[string]int", '{"a":1,"b":2}'))
    assert.same({ a = { 1.0 } }, in_json("map[string][]float64", '{"a":[1]}'))
  end)

  it("is a class, of which unknown fields are left out", function()
    assert.same({ name = "Rex", legs = 4, tags = { "big" }, friend = { name = "Tom" } },
      in_json("Pet", '{"name":"Rex","legs":4,"tags":["big"],"friend":{"name":"Tom"},"color":"red"}'))
    assert.same({ { name = "a" } }, in_json("[]*Pet", '[{"name":"a"}]'))
  end)

  it("is nil for null", function()
    for _, kind in ipairs { "string", "int", "bool", "any", "Pet", "*Pet", "[]int", "time.Time" } do
      assert.is_nil(in_json(kind, "null"))
    end
    assert.is_nil(in_json("Pet", '{"name":null}').name)
  end)

  it("behind a pointer is what is pointed at", function()
    assert.equal("a", in_json("*string", '"a"'))
    assert.equal(5, in_json("*int", "5"))
    assert.equal(1000000000, in_json("*time.Time", '"2001-09-09T01:46:40Z"'))
    assert.same({ 1 }, in_json("*[]int", "[1]"))
    refuses("*string", "1", "x: expected a string, got an integer")
  end)

  it("that is null in a list is the zero of its type, or stays null", function()
    assert.same({ 1, 0, 2 }, in_json("[]int", "[1,null,2]"))
    assert.same({ "" }, in_json("[]string", "[null]"))
    assert.same({ json.null, { name = "a" } }, in_json("[]Pet", '[null,{"name":"a"}]'))
    assert.same({ json.null }, in_json("[]*int", "[null]"))
    assert.equal('[null,{"name":"a"}]', json.encode(wire.encode("[]Pet", { json.null, { name = "a" } }, CLASSES)))
    assert.equal("[null]", json.encode(wire.encode("[]time.Time", { json.null }, CLASSES)))
  end)

  it("of another type is refused with its name, what was expected and what came", function()
    refuses("string", "1", "x: expected a string, got an integer")
    refuses("string", "[]", "x: expected a string, got a list")
    refuses("int", '"1"', "x: expected an integer, got a string")
    refuses("int", "1.5", "x: expected an integer, got a number")
    refuses("float64", "true", "x: expected a number, got a boolean")
    refuses("bool", "0", "x: expected true or false, got an integer")
    refuses("[]int", '{"a":1}', "x: expected a list, got an object")
    refuses("map[string]int", "[1]", "x: expected an object, got a list")
    refuses("Pet", "[]", "x: expected an object, got a list")
    refuses("Pet", '"Rex"', "x: expected an object, got a string")
    refuses("[]byte", '"*"', "x: expected base64 text, got a string")
    refuses("time.Time", '"yesterday"', "x: expected a time such as 2006-01-02T15:04:05Z, got a string")
    refuses("time.Duration", '"1s"', "x: expected nanoseconds as an integer, got a string")
  end)

  it("that is wrong deep inside is refused with the way to it", function()
    refuses("[]int", '[1,"a"]', "x[2]: expected an integer, got a string")
    refuses("[]int", "[null,true]", "x[2]: expected an integer, got a boolean")
    refuses("map[string]int", '{"k":"a"}', "x.k: expected an integer, got a string")
    refuses("Pet", '{"friend":{"tags":[1]}}', "x.friend.tags[1]: expected a string, got an integer")
  end)
end)

describe("a text of a declared type", function()
  it("comes as its Lua value", function()
    assert.equal("a b", from_text("string", "a b"))
    assert.equal(-5, from_text("int", "-5"))
    assert.equal(5, from_text("int", "+5"))
    assert.equal(9007199254740993, from_text("int", "9007199254740993"))
    assert.equal(1.5, from_text("float64", "1.5"))
    assert.equal(1500.0, from_text("float64", "1.5e3"))
    assert.is_float(from_text("float64", "1"))
    for _, yes in ipairs { "true", "TRUE", "1", "t" } do
      assert.is_true(from_text("bool", yes))
    end
    for _, no in ipairs { "false", "0", "f" } do
      assert.is_false(from_text("bool", no))
    end
    assert.equal(1000000000, from_text("time.Time", "2001-09-09T01:46:40Z"))
    assert.equal("hi", from_text("[]byte", "aGk="))
  end)

  it("of a list, map or class is JSON", function()
    assert.same({ 1, 2 }, from_text("[]int", "[1,2]"))
    assert.same({ name = "Rex" }, from_text("Pet", '{"name":"Rex"}'))
  end)

  it("of any is JSON when it can be, else itself", function()
    assert.same({ 1 }, from_text("any", "[1]"))
    assert.equal("hello", from_text("any", "hello"))
  end)

  it("of a duration is written as people write it, or as nanoseconds", function()
    assert.equal(90, from_text("time.Duration", "1m30s"))
    assert.equal(1.5, from_text("time.Duration", "1500000000"))
  end)

  it("behind a pointer is what is pointed at", function()
    assert.equal("a b", from_text("*string", "a b"))
    assert.equal(5, from_text("*int", "5"))
  end)

  it("that does not fit is refused", function()
    local function no(kind, text, message)
      assert.has_error(function()
        from_text(kind, text)
      end, { status = 400, message = message })
    end
    no("int", "1.5", "x: expected an integer, got a string")
    no("int", "0x10", "x: expected an integer, got a string")
    no("int", "", "x: expected an integer, got a string")
    no("int", "9223372036854775808", "x: expected an integer, got a string")
    no("float64", "nan", "x: expected a number, got a string")
    no("float64", "1,5", "x: expected a number, got a string")
    no("float64", "1e999", "x: expected a number, got a string")
    no("time.Duration", "soon", "x: expected a duration such as 1m30s, or nanoseconds, got a string")
    no("bool", "maybe", "x: expected true or false, got a string")
    no("[]int", '["a"]', "x[1]: expected an integer, got a string")
    assert.error_matches(function()
      from_text("[]int", "[1")
    end, "^x: line 1 column 3")
  end)
end)

describe("an argument that was not given", function()
  it("is the zero of its type", function()
    assert.equal("", wire.zero "string")
    assert.equal(0, wire.zero "int")
    assert.is_integer(wire.zero "int")
    assert.is_float(wire.zero "float64")
    assert.is_false(wire.zero "bool")
    assert.equal(0, wire.zero "time.Duration")
    assert.is_true(json.is_list(wire.zero "[]int"))
    for _, kind in ipairs { "any", "Pet", "*string", "*Pet", "time.Time", "[]byte", "map[string]int" } do
      assert.is_nil(wire.zero(kind), kind)
    end
  end)
end)

describe("a result of a declared type", function()
  local function out(kind, value)
    return json.encode(wire.encode(kind, value, CLASSES))
  end

  it("becomes JSON", function()
    assert.equal('"a"', out("string", "a"))
    assert.equal("3", out("int", 3))
    assert.equal("true", out("bool", true))
    assert.equal("null", out("string", nil))
    assert.equal('"aGk="', out("[]byte", "hi"))
    assert.equal('"2001-09-09T01:46:40.5Z"', out("time.Time", 1000000000.5))
    assert.equal("1500000000", out("time.Duration", 1.5))
  end)

  it("keeps lists lists, even when they are empty", function()
    assert.equal("[]", out("[]int", {}))
    assert.equal("[1,2]", out("[]int", { 1, 2 }))
    assert.equal("[[],[1]]", out("[][]int", { {}, { 1 } }))
    assert.equal('["aGk="]', out("[][]byte", { "hi" }))
  end)

  it("keeps maps objects, even when they are empty", function()
    assert.equal("{}", out("map[string]int", {}))
    assert.equal('{"a":[]}', out("map[string][]int", { a = {} }))
  end)

  it("of a class encodes its fields by their types", function()
    assert.equal('{"tags":[]}', out("Pet", { tags = {} }))
    assert.equal('{"friend":{"ages":{}}}', out("*Pet", { friend = { ages = {} } }))
    assert.equal('[{"tags":[]}]', out("[]Pet", { { tags = {} } }))
  end)

  it("behind a pointer is what is pointed at", function()
    assert.equal('"2001-09-09T01:46:40Z"', out("*time.Time", 1000000000))
    assert.equal("[]", out("*[]int", {}))
  end)

  it("says where it does not fit instead of sending something else", function()
    local err = assert.has_error(function()
      out("time.Time", "soon")
    end)
    assert.is_not_nil(err)
  end)
end)
