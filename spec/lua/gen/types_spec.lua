-- gen/types.lua: what types.lua says.

local types = require "gen.types"

local DIRECTORY = [[
-- Types of the directory.

---@alias PersonKey integer

---@class Person
---@field key PersonKey
---@field born? time.Time
---@field address Address
---@field [string] any

---@class Address
---@field street string
]]

local OTHERS = { directory = DIRECTORY, ["team/shop"] = "---@class Item\n", copy = "---@class Item\n" }

local function extend(text, names)
  return types.extend(text, names, "a.example", OTHERS)
end

describe("definitions", function()
  it("are classes with their fields, and aliases", function()
    local list, by_name = types.read [[
---@class (exact) Pet : Animal what it is
---@field public name string
---@field tags string[]?
---@field private owner? Person the owner

local x = 1
---@field lost string
---@alias Color string
---@class lower
]]
    assert.equal(2, #list)
    assert.same({
      name = "Pet", parent = "Animal", line = 1,
      fields = {
        { name = "name", type = "string", optional = false },
        { name = "tags", type = "[]string", optional = true },
        { name = "owner", type = "Person", optional = true },
      },
    }, by_name.Pet)
    assert.same({ name = "Color", alias = "string", fields = {}, line = 8 }, by_name.Color)
  end)

  it("may be another service's", function()
    local _, by_name = types.read "---@class Person\r\n---@source services/directory/types.lua\r\n"
    assert.equal("directory", by_name.Person.source)
  end)
end)

describe("types that are missing", function()
  it("become empty classes", function()
    local text, added = extend("-- mine\n\n---@class Known\n", { "Known", "New", "Other" })
    assert.equal("-- mine\n\n---@class Known\n\n---@class New\n\n---@class Other\n", text)
    assert.same({ "New", "Other" }, added)
  end)

  it("are taken from the one service that defines them", function()
    local text = extend("", { "Person", "PersonKey" })
    assert.equal("---@class Person\n---@source services/directory/types.lua\n\n"
      .. "---@alias PersonKey integer\n---@source services/directory/types.lua\n", text)
  end)

  it("that several services define become empty classes", function()
    assert.equal("---@class Item\n", (extend("", { "Item" })))
  end)

  it("are not taken from a service that has them from elsewhere", function()
    local others = { a = "---@class T\n---@source services/b/types.lua\n", b = "---@class T\n" }
    assert.contains("services/b/types.lua", (types.extend("", { "T" }, "x", others)))
    others.b = nil
    assert.equal("---@class T\n", (types.extend("", { "T" }, "x", others)))
  end)

  it("are added once", function()
    local text = extend(nil, { "Person", "New" })
    local again, added = extend(text, { "Person", "New" })
    assert.equal(text, again)
    assert.same({}, added)
  end)

  it("begin a file that explains itself", function()
    local text = extend(nil, { "New" })
    assert.matches("^%-%- The types of a.example", text)
    assert.same({ "New" }, { types.read(text)[1].name })
    assert.equal(1, #types.read(text))
  end)

  it("leave the bytes that are there alone", function()
    assert.equal("---@class A  \r\n\r\n---@class New\r\n", (extend("---@class A  \r\n", { "New" })))
    assert.equal("---@class A\n\n---@class New\n", (extend("---@class A", { "New" })))
    assert.is_nil((extend(nil, {})))
  end)
end)

describe("compiled types", function()
  it("are those that are used, with all that they use and inherit", function()
    local classes, unknown = types.compile({ "Pet" }, [[
---@class Animal
---@field legs integer
---@field name any
---@class Pet: Animal
---@field name string
---@field friends table<string, Pet>
---@field food Food[]
---@class Food
---@field name string
---@class Unused
]], {})
    assert.same({}, unknown)
    assert.same({
      Pet = { fields = {
        { name = "legs", type = "int", optional = false },
        { name = "name", type = "string", optional = false },
        { name = "friends", type = "map[string]Pet", optional = false },
        { name = "food", type = "[]Food", optional = false },
      } },
      Food = { fields = { { name = "name", type = "string", optional = false } } },
    }, classes)
  end)

  it("look up the types of other services", function()
    local classes = types.compile({ "Person" }, "---@class Person\n---@source services/directory/types.lua\n", OTHERS)
    assert.same({
      Person = { fields = {
        { name = "key", type = "PersonKey", optional = false },
        { name = "born", type = "time.Time", optional = true },
        { name = "address", type = "Address", optional = false },
      } },
      PersonKey = { type = "int" },
      Address = { fields = { { name = "street", type = "string", optional = false } } },
    }, classes)
  end)

  it("of the same name do not get mixed up", function()
    local own = "---@class Person\n---@source services/directory/types.lua\n---@class Address\n---@field mail string\n"
    for _, names in ipairs { { "Person", "Address" }, { "Address", "Person" } } do
      local classes = types.compile(names, own, OTHERS)
      assert.equal("directory.Address", classes.Person.fields[3].type)
      assert.equal("street", classes["directory.Address"].fields[1].name)
      assert.equal("mail", classes.Address.fields[1].name)
    end
  end)

  it("that lead nowhere are told, and any where others use them", function()
    local own = "---@class A\n---@source services/gone/types.lua\n---@class B\n---@field a A\n---@field c Missing[]\n"
    local classes, unknown = types.compile({ "A", "B", "Z" }, own, {})
    assert.same({ "A", "Z" }, unknown)
    assert.equal("any", classes.B.fields[1].type)
    assert.equal("[]any", classes.B.fields[2].type)
  end)

  it("that point or inherit in circles end", function()
    local others = { b = "---@class T\n---@source services/c/types.lua\n", c = "---@class T\n---@source services/b/types.lua\n" }
    local _, unknown = types.compile({ "T" }, "---@class T\n---@source services/b/types.lua\n", others)
    assert.same({ "T" }, unknown)
    local classes = types.compile({ "A" }, "---@class A: B\n---@field a string\n---@class B: A\n---@field b string\n", {})
    assert.equal(2, #classes.A.fields)
  end)
end)
