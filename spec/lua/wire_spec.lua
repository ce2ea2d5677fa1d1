-- lua/wire.lua: values between JSON, texts, the bus and Lua, by their declared types.

local errors = require "errors"
local json = require "json"
local wire = require "wire"

local CLASSES = {
  Key = { type = "int" },
  Keys = { type = "[]Key" },
  Loop = { type = "*Loop" },
  Nest = { type = "[]Nest" },
  Empty = { fields = {} },
  Owner = {
    fields = {
      { name = "name", type = "string", optional = false },
      { name = "age", type = "int", optional = true },
    },
  },
  Pet = {
    fields = {
      { name = "key", type = "Key", optional = true },
      { name = "name", type = "string", optional = false },
      { name = "owner", type = "Owner", optional = false },
      { name = "tags", type = "[]string", optional = false },
      { name = "ages", type = "map[string]int", optional = false },
      { name = "friend", type = "Pet", optional = false },
      { name = "born", type = "time.Time", optional = true },
    },
  },
}

local function in_json(kind, text)
  local value, message = json.decode(text)
  assert.is_nil(message)
  return wire.decoder(kind, CLASSES)(value, "x")
end

local function from_text(kind, text)
  return wire.text_decoder(kind, CLASSES)(text, "x")
end

local function out(kind, value)
  return json.encode(wire.encoder(kind, CLASSES)(value))
end

local function adopted(kind, value)
  return wire.adopter(kind, CLASSES)(value, "x")
end

local function refuses(kind, text, message)
  assert.has_error(function()
    in_json(kind, text)
  end, { status = 400, message = message })
end

local BLANK = { name = "", owner = { name = "" }, tags = {}, ages = {} } -- the zero of Pet

local function pet(fields)
  local all = { name = "", owner = { name = "" }, tags = {}, ages = {} }
  for name, value in pairs(fields) do
    all[name] = value
  end
  return all
end

describe("a value that was not given", function()
  it("is the zero of its type", function()
    assert.equal("", wire.zero "string")
    assert.equal(0, wire.zero "int")
    assert.is_integer(wire.zero "int")
    assert.is_float(wire.zero "float64")
    assert.is_false(wire.zero "bool")
    assert.equal(0, wire.zero "time.Duration")
    assert.equal("", wire.zero "[]byte")
    assert.is_true(json.is_list(wire.zero "[]int"))
    assert.equal("{}", json.encode(wire.zero "map[string]int"))
    assert.equal(0, wire.zero("Key", CLASSES))
    assert.is_true(json.is_list(wire.zero("Keys", CLASSES)))
  end)

  it("is nil where a type has no zero", function()
    for _, kind in ipairs { "any", "*string", "*Pet", "*[]int", "time.Time", "Unknown", "Loop" } do
      assert.is_nil(wire.zero(kind, CLASSES), kind)
    end
  end)

  it("of a class has the zeros of its fields, but not of optional ones and of itself", function()
    assert.same(BLANK, wire.zero("Pet", CLASSES))
    assert.same({}, wire.zero("Empty", CLASSES))
  end)

  it("is a new one each time", function()
    local decode = wire.decoder("Pet", CLASSES)
    table.insert(decode(nil).tags, "x")
    assert.same(BLANK, decode(nil))
    assert.same(BLANK, decode(json.null))
  end)

  it("says what it is made of before", function()
    assert.equal(0, (wire.zeros "int"))
    local zero, make = wire.zeros("Pet", CLASSES)
    assert.is_nil(zero)
    assert.same(BLANK, make())
  end)
end)

describe("what is behind a type", function()
  it("is its last alias without pointers", function()
    assert.equal("int", wire.underlying("*Key", CLASSES))
    assert.equal("[]Key", wire.underlying("Keys", CLASSES))
    assert.equal("Pet", wire.underlying("*Pet", CLASSES))
    assert.equal("[]byte", wire.underlying("[]byte", CLASSES))
  end)

  it("is any when nobody defines it", function()
    assert.equal("any", wire.underlying("Unknown", CLASSES))
    assert.equal("any", wire.underlying("Loop", CLASSES))
    assert.equal("any", wire.underlying "Pet")
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
    assert.same(pet { name = "Rex", key = 4, tags = { "big" }, friend = pet { name = "Tom" } },
      in_json("Pet", '{"name":"Rex","key":4,"tags":["big"],"friend":{"name":"Tom"},"color":"red"}'))
    assert.same({ pet { name = "a" } }, in_json("[]*Pet", '[{"name":"a"}]'))
  end)

  it("has its fields in any case, the exact one first", function()
    assert.same({ name = "a", age = 1 }, in_json("Owner", '{"NAME":"a","Age":1}'))
    assert.same({ name = "b" }, in_json("Owner", '{"Name":"a","name":"b","NAME":5}'))
    assert.same({ name = "1" }, in_json("Owner", '{"nAME":"3","NAME":"1","Name":"2"}'))
    assert.same({ name = "a" }, in_json("Owner", '{"Name":"a","name":null}'))
  end)

  it("is what an alias stands for", function()
    assert.equal(7, in_json("Key", "7.0"))
    assert.same({ 7, 0 }, in_json("*Keys", "[7,null]"))
    assert.same({ { {} }, {} }, in_json("Nest", "[[[]],[]]"))
    assert.same({ 1 }, in_json("Loop", "[1]"))
  end)

  it("is the zero of its type for null", function()
    for _, kind in ipairs { "string", "int", "bool", "Pet", "[]int", "map[string]Pet", "any", "*Pet", "time.Time" } do
      assert.same(wire.zero(kind, CLASSES), in_json(kind, "null"))
    end
    assert.same(pet {}, in_json("Pet", '{"name":null,"key":null,"friend":null}'))
  end)

  it("is no time when the text is empty", function()
    assert.is_nil(in_json("time.Time", '""'))
    assert.is_nil(in_json("Pet", '{"born":""}').born)
  end)

  it("behind a pointer is what is pointed at", function()
    assert.equal("a", in_json("*string", '"a"'))
    assert.equal(5, in_json("*int", "5"))
    assert.equal(1000000000, in_json("*time.Time", '"2001-09-09T01:46:40Z"'))
    assert.same({ 1 }, in_json("*[]int", "[1]"))
    refuses("*string", "1", "x: expected a string, got an integer")
  end)

  it("that is null in a list or map is the zero of its type, or stays null", function()
    assert.same({ 1, 0, 2 }, in_json("[]int", "[1,null,2]"))
    assert.same({ "" }, in_json("[]string", "[null]"))
    assert.same({ { name = "" } }, in_json("[]Owner", "[null]"))
    assert.same({ json.null }, in_json("[]*int", "[null]"))
    assert.same({ json.null }, in_json("[]time.Time", '[""]'))
    assert.same({ a = 0 }, in_json("map[string]int", '{"a":null}'))
    assert.same({ a = json.null }, in_json("map[string]any", '{"a":null}'))
    assert.equal('[null,{"name":"a"}]', out("[]*Owner", { json.null, { name = "a" } }))
    assert.equal("[null]", out("[]time.Time", { json.null }))
  end)

  it("of another type is refused with its name, what was expected and what came", function()
    refuses("string", "1", "x: expected a string, got an integer")
    refuses("string", "[]", "x: expected a string, got a list")
    refuses("int", '"1"', "x: expected an integer, got a string")
    refuses("int", "1.5", "x: expected an integer, got a number")
    refuses("int", "9223372036854775808", "x: expected an integer, got a number")
    refuses("byte", "256", "x: expected an integer from 0 to 255, got an integer")
    refuses("byte", "-1", "x: expected an integer from 0 to 255, got an integer")
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
    refuses("Pet", '{"owner":{"AGE":"old"}}', "x.owner.age: expected an integer, got a string")
    refuses("map[string]int", '{"' .. ("k"):rep(100) .. '":"a"}',
      "x." .. ("k"):rep(64) .. "...: expected an integer, got a string")
  end)
end)

describe("a text of a declared type", function()
  it("comes as its Lua value", function()
    assert.equal("a b", from_text("string", "a b"))
    assert.equal(-5, from_text("int", "-5"))
    assert.equal(0, from_text("int", "0"))
    assert.equal(0.5, from_text("float64", "0.5"))
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
    assert.same(pet { name = "Rex" }, from_text("Pet", '{"name":"Rex"}'))
    assert.same({ a = 1 }, from_text("map[string]int", '{"a":1}'))
    assert.same(pet {}, from_text("Pet", "null"))
    assert.is_nil(from_text("*Pet", "null"))
  end)

  it("is not there when it is empty and no text", function()
    for _, kind in ipairs { "Pet", "*Pet", "[]int", "map[string]int", "time.Time" } do
      assert.same(wire.zero(kind, CLASSES), from_text(kind, ""))
    end
    assert.equal("", from_text("string", ""))
    assert.equal("", from_text("any", ""))
  end)

  it("alone is a list of one", function()
    assert.same({ "a" }, from_text("[]string", "a"))
    assert.same({ 5 }, from_text("Keys", "5"))
  end)

  it("of any is JSON when it can be, else itself without its quotes", function()
    assert.same({ 1 }, from_text("any", "[1]"))
    assert.equal("hello", from_text("any", "hello"))
    assert.equal(5, from_text("any", "5"))
    assert.is_true(from_text("any", "true"))
    assert.is_nil(from_text("any", "null"))
    assert.equal("5", from_text("any", '"5"'))
    assert.equal('a"b', from_text("any", '"a"b"'))
    assert.equal("007", from_text("any", "007"))
  end)

  it("is the last one of several, where no list is wanted", function()
    assert.equal(2, from_text("int", json.list { "1", "2" }))
    assert.equal("b", from_text("string", json.list { "a", "b" }))
    assert.same({ name = "b" }, from_text("Owner", json.list { "x", '{"name":"b"}' }))
    assert.same({ 1, 2 }, from_text("[]int", json.list { "1", "2" }))
    assert.same({ 1, "b" }, from_text("any", json.list { "1", "b" }))
  end)

  it("may be a tree of texts", function()
    assert.same(pet { name = "Rex", owner = { name = "", age = 3 }, tags = { "a", "b" } }, from_text("Pet",
      { NAME = "Rex", owner = { age = "3" }, tags = json.list { "a", "b" }, color = "red" }))
    assert.same({ "a", "b", "c" }, from_text("[]string", { ["10"] = "c", ["0"] = "a", ["2"] = "b" }))
    assert.same({ k = { 1 } }, from_text("map[string][]int", { k = "[1]" }))
    assert.same({ n = 1, l = { true, "x" }, s = "" }, from_text("any", { n = "1", l = { ["0"] = "true", ["1"] = "x" }, s = "" }))
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
    no("int", "007", "x: expected an integer, got a string")
    no("int", "-01", "x: expected an integer, got a string")
    no("int", "", "x: expected an integer, got a string")
    no("int", "9223372036854775808", "x: expected an integer, got a string")
    no("float64", "01.5", "x: expected a number, got a string")
    no("float64", "nan", "x: expected a number, got a string")
    no("float64", "1,5", "x: expected a number, got a string")
    no("float64", "1e999", "x: expected a number, got a string")
    no("time.Duration", "soon", "x: expected a duration such as 1m30s, or nanoseconds, got a string")
    no("bool", "maybe", "x: expected true or false, got a string")
    no("byte", "256", "x: expected an integer from 0 to 255, got a string")
    no("string", "\xff", "x: expected UTF-8 text, got other bytes")
    no("any", "\xff", "x: expected UTF-8 text, got other bytes")
    no("int", { a = "1" }, "x: expected an integer, got an object")
    no("string", { a = "1" }, "x: expected a string, got an object")
    no("[]int", { a = "1" }, "x: expected a list, got an object")
    no("Owner", json.list { json.list { "1" } }, "x: expected an object, got a list")
    no("map[string]int", { ["k\xff"] = "a" }, "x.k?: expected an integer, got a string")
    no("Pet", { owner = { age = "old" } }, "x.owner.age: expected an integer, got a string")
    no("Pet", "Rex", "x: invalid JSON at line 1 column 1: a value was expected here")
    no("[]int", '["a"]', "x[1]: expected an integer, got a string")
    assert.error_matches(function()
      from_text("[]int", "[1")
    end, "^x: invalid JSON at line 1 column 3")
  end)
end)

describe("a result of a declared type", function()
  it("becomes JSON", function()
    assert.equal('"a"', out("string", "a"))
    assert.equal("3", out("int", 3))
    assert.equal("3", out("int", 3.0))
    assert.equal("3", out("float64", 3))
    assert.equal("true", out("bool", true))
    assert.equal('"aGk="', out("[]byte", "hi"))
    assert.equal('"2001-09-09T01:46:40.5Z"', out("time.Time", 1000000000.5))
    assert.equal("1500000000", out("time.Duration", 1.5))
    assert.equal('{"a":[1,null]}', out("any", { a = { 1, json.null } }))
  end)

  it("is the zero of its type when it is missing, or null", function()
    assert.equal('""', out("string", nil))
    assert.equal("0", out("Key", nil))
    assert.equal("[]", out("[]int", json.null))
    assert.equal("{}", out("map[string]int", nil))
    assert.equal('{"name":""}', out("Owner", nil))
    for _, kind in ipairs { "*int", "*Owner", "any", "time.Time" } do
      assert.equal("null", out(kind, nil))
    end
  end)

  it("keeps lists lists, even when they are empty", function()
    assert.equal("[]", out("[]int", {}))
    assert.equal("[1,2]", out("[]int", { 1, 2 }))
    assert.equal("[[],[1]]", out("[][]int", { {}, { 1 } }))
    assert.equal('["aGk="]', out("[][]byte", { "hi" }))
  end)

  it("keeps maps objects, even when they are empty", function()
    assert.equal("{}", out("map[string]int", {}))
    assert.equal("{}", out("map[string]int", json.list {}))
    assert.equal('{"a":[]}', out("map[string][]int", { a = {} }))
  end)

  it("of a class has its declared fields and no others", function()
    local value = { name = "Rex", owner = { name = "Ada", password = "secret" }, born = 0, color = "red" }
    assert.same({
      name = "Rex", owner = { name = "Ada" }, tags = {}, ages = {}, friend = json.null, born = "1970-01-01T00:00:00Z",
    }, json.decode(out("Pet", value)))
    assert.equal("[{}]", out("[]*Empty", { { x = 1 } }))
  end)

  it("leaves the service's own tables as they are", function()
    local value = { name = "Rex", born = 0, tags = {} }
    out("Pet", value)
    assert.same({ name = "Rex", born = 0, tags = {} }, value)
    assert.is_false(json.is_list(value.tags))
  end)

  it("behind a pointer is what is pointed at", function()
    assert.equal('"2001-09-09T01:46:40Z"', out("*time.Time", 1000000000))
    assert.equal("[]", out("*[]int", {}))
  end)

  it("that is of another type is an error that says where", function()
    local function fails(kind, value, message)
      local err = assert.has_error(function()
        out(kind, value)
      end)
      assert.equal(message, err)
    end
    fails("time.Time", "soon", "result: expected seconds between the years 0 and 9999, got a string")
    fails("time.Duration", math.huge, "result: expected seconds, at most 292 years, got a number")
    fails("float64", 0 / 0, "result: expected a finite number, got a number")
    fails("int", 1.5, "result: expected an integer, got a number")
    fails("[]int", { a = 1 }, "result: expected a list, got an object")
    fails("map[string]int", { [1] = 1 }, "result: expected an object, got a list")
    fails("map[string]int", { [true] = 1 }, "result: expected texts as names, got a boolean")
    fails("Pet", { owner = { age = print } }, "result.owner.age: expected an integer, got a function")
  end)

  it("that contains itself is an error", function()
    local loop = { name = "a" }
    loop.friend = loop
    assert.error_matches(function()
      out("Pet", loop)
    end, "goes deeper than 64 levels$")
    local nest = {}
    nest[1], nest[2] = nest, nest
    assert.error_matches(function()
      out("Nest", nest)
    end, "goes deeper than 64 levels$")
  end)
end)

describe("a value from another service", function()
  it("comes as it is when it is of its type", function()
    local list = {}
    for kind, value in pairs { string = "a", int = 3, float64 = 1.5, bool = true, ["[]byte"] = "\xff", any = list } do
      assert.equal(value, adopted(kind, value))
    end
    assert.equal(1.5, adopted("time.Time", 1.5))
    assert.equal(2, adopted("time.Duration", 2))
  end)

  it("may be a whole float for an integer, and an integer for a float", function()
    assert.is_integer(adopted("int", 3.0))
    assert.is_float(adopted("float64", 3))
  end)

  it("is completed, in a copy", function()
    local value = { name = "Rex", tags = { "a" }, color = "red" }
    local got = adopted("Pet", value)
    assert.same(pet { name = "Rex", tags = { "a" } }, got)
    assert.is_true(json.is_list(got.tags))
    assert.same({ name = "Rex", tags = { "a" }, color = "red" }, value)
    assert.same({}, adopted("map[string]int", json.list {}))
    assert.same({ 0, 1 }, adopted("[]int", { json.null, 1 }))
  end)

  it("has its fields by their exact names", function()
    assert.same({ name = "" }, adopted("Owner", { NAME = "a" }))
  end)

  it("of another type is refused with the way to it", function()
    local function no(kind, value, message)
      assert.has_error(function()
        adopted(kind, value)
      end, { status = 400, message = message })
    end
    no("string", 1, "x: expected a string, got an integer")
    no("int", "1", "x: expected an integer, got a string")
    no("int", 1.5, "x: expected an integer, got a number")
    no("time.Time", "2001-09-09T01:46:40Z", "x: expected seconds, got a string")
    no("[]int", { a = 1 }, "x: expected a list, got an object")
    no("Owner", { "a" }, "x: expected an object, got a list")
    no("Pet", { owner = { age = true } }, "x.owner.age: expected an integer, got a boolean")
    no("[]Owner", { {}, { name = 1 } }, "x[2].name: expected a string, got an integer")
    local loop = {}
    loop[1] = loop
    no("Nest", loop, "x" .. ("[1]"):rep(64) .. ": goes deeper than 64 levels")
  end)
end)

-- ---- any type, any value ----

local SIMPLE = { "string", "int", "float64", "bool", "byte", "[]byte", "time.Time", "time.Duration", "Key", "Owner", "Empty" }
local PREFIXES = { "[]", "map[string]", "*" }

local function random_type(depth)
  if depth == 0 or math.random() < 0.4 then
    return SIMPLE[math.random(#SIMPLE)]
  end
  local prefix = PREFIXES[math.random(#PREFIXES)]
  local inner = random_type(depth - 1)
  return prefix == "*" and inner:find("^%*") and inner or prefix .. inner
end

local function random_text()
  local chars = {}
  for i = 1, math.random(0, 6) do
    chars[i] = utf8.char(({ 0, 34, 92, 97, 228, 8364, 128512 })[math.random(7)])
  end
  return table.concat(chars)
end

local MAKE = {
  string = random_text,
  ["[]byte"] = random_text,
  int = function()
    return math.random(0)
  end,
  byte = function()
    return math.random(0, 255)
  end,
  float64 = function()
    return math.random(-1000, 1000) / 8
  end,
  bool = function()
    return math.random() < 0.5
  end,
  ["time.Time"] = function()
    return math.random(0, 4000000000) + 0.5
  end,
  ["time.Duration"] = function()
    return math.random(-1000000, 1000000) / 8
  end,
  Empty = function()
    return {}
  end,
}

local random_value

function MAKE.Owner()
  return { name = random_text(), age = math.random() < 0.5 and math.random(0, 99) or nil }
end

function random_value(kind)
  kind = wire.underlying(kind, CLASSES)
  if MAKE[kind] then
    return MAKE[kind]()
  end
  local item, list = kind:match("^%[%](.+)$"), {}
  for i = 1, math.random(0, 3) do
    list[item and i or random_text() .. i] = random_value(item or kind:match("^map%[string%](.+)$"))
  end
  return item and json.list(list) or list
end

local SEED = 20240917

describe("values of any type", function()
  it("come back from JSON as they were", function()
    math.randomseed(SEED)
    for _ = 1, 2000 do
      local kind = random_type(3)
      local value = random_value(kind)
      local text = out(kind, value)
      assert.same(value, in_json(kind, text), kind .. " " .. text)
    end
  end)

  it("come back from texts and from the bus as they were", function()
    math.randomseed(SEED)
    for _ = 1, 2000 do
      local kind = random_type(3)
      local value = random_value(kind)
      assert.same(value, adopted(kind, value), kind)
      local final = wire.underlying(kind, CLASSES)
      if type(value) == "table" then
        assert.same(value, from_text(kind, out(kind, value)), kind)
      elseif final ~= "string" then
        assert.same(value, from_text(kind, (out(kind, value):gsub('^"(.*)"$', "%1"))), kind)
      end
    end
  end)
end)

local function random_tree(depth)
  local roll = math.random(depth == 0 and 6 or 8)
  if roll <= 6 then
    return ({ "", "a", "1.5", "[1]", '{"name":3}', "\xff" })[roll]
  end
  local tree = roll == 7 and json.list {} or {}
  for i = 1, math.random(1, 3) do
    tree[roll == 7 and i or ({ "0", "name", "\xfe" })[i]] = random_tree(depth - 1)
  end
  return tree
end

local function random_json(depth)
  local roll = math.random(depth == 0 and 6 or 8)
  if roll <= 6 then
    return ({ json.null, "a", 1.5, 7, true, -1 })[roll]
  end
  local value = roll == 7 and json.list {} or {}
  for i = 1, math.random(0, 3) do
    value[roll == 7 and i or ({ "name", "OWNER", "tags" })[i]] = random_json(depth - 1)
  end
  return value
end

describe("values of no type in particular", function()
  local function gives_400_at_most(convert, ...)
    local ok, e = pcall(convert, ...)
    assert.is_true(ok or errors.is(e) and e.status == 400, tostring(e))
    assert.is_true(ok or json.encode(e.message) ~= nil)
  end

  it("are taken, or refused with a 400 that can be sent", function()
    math.randomseed(SEED)
    for _ = 1, 3000 do
      local kind = math.random() < 0.3 and "Pet" or random_type(2)
      gives_400_at_most(wire.decoder(kind, CLASSES), random_json(4), "x")
      gives_400_at_most(wire.adopter(kind, CLASSES), random_json(4), "x")
      gives_400_at_most(wire.text_decoder(kind, CLASSES), random_tree(4), "x")
    end
  end)
end)

describe("objects of classes", function()
  it("are written with their fields in the order of the class", function()
    local classes = { Pet = { fields = {
      { name = "zeta", type = "int" }, { name = "alpha", type = "string" }, { name = "mid", type = "[]string", optional = true },
    } } }
    local encode = wire.encoder("Pet", classes)
    assert.equal('{"zeta":1,"alpha":"x","mid":["y"]}', json.encode(encode { alpha = "x", mid = { "y" }, zeta = 1, other = true }))
    assert.equal('{"zeta":0,"alpha":""}', json.encode(encode {}))
  end)

  it("are written in that order where they are missing, too", function()
    local classes = {
      Pet = { fields = {
        { name = "zeta", type = "int" }, { name = "alpha", type = "string" }, { name = "mid", type = "Owner" },
        { name = "beta", type = "bool" },
      } },
      Owner = { fields = {
        { name = "z", type = "[]int" }, { name = "y", type = "string" }, { name = "a", type = "int" },
        { name = "x", type = "time.Time" },
      } },
    }
    local owner = '{"z":[],"y":"","a":0,"x":null}'
    local written = '{"zeta":0,"alpha":"","mid":' .. owner .. ',"beta":false}'
    assert.equal(written, json.encode(wire.encoder("Pet", classes)(nil)))
    assert.equal("[" .. written .. "]", json.encode(wire.encoder("[]Pet", classes)(json.list { json.null })))
    assert.equal(written, json.encode(wire.encoder("Pet", classes) {}))
  end)
end)
