-- wire: values of declared types on their way between JSON, texts, the bus and Lua.
--
-- Types are written as declarations have them (int, []string, map[string]float64, *Pet); what a class or an alias is
-- made of is in `classes`, as gen/types.lua compiles it. For each type there is a converter in each of four directions,
-- made once and then kept: it does not look at the type again while values go through it.
--
--     local decode = wire.decoder("[]Pet", classes)
--     local pets = decode(json.decode(text), "pets")     -- raises 400 "pets[2].age: expected an integer, got a string"
--
-- A value that is missing (nil or null) becomes the zero of its type: "", 0, 0.0, false, an empty list or map, a class
-- with the zeros of its fields. Pointers, any, times and optional fields have none: they stay nil. Nor has a class
-- inside itself.

local container = require "wire.container"
local errors = require "errors"
local json = require "json"
local kinds = require "wire.kind"

local M = {}

---@alias Classes table<string, CompiledType>

local NULL = json.null
local filler = container.filler
local JSON, TEXT, ENCODE = container.families.json, container.families.text, container.families.encode

local NONE = {}

local function new_table()
  return {}
end

-- ---- building ----

---@class Space the converters of one family, by type
---@field family Family
---@field classes Classes
---@field items table<string, Item>

-- By classes and family; they go when the classes go.
local spaces = setmetatable({}, { __mode = "k" })

local function space_of(family, classes)
  classes = classes or NONE
  local of_classes = spaces[classes]
  if not of_classes then
    of_classes = {}
    spaces[classes] = of_classes
  end
  if not of_classes[family] then
    of_classes[family] = { family = family, classes = classes, items = {} }
  end
  return of_classes[family]
end

local item_of

local function field_items(space, fields, owner)
  local items = {}
  for i, field in ipairs(fields) do
    local base = item_of(space, field.type)
    local zero, make = base.zero, base.make
    if owner and kinds.is_endless(field, owner, space.classes) then
      zero, make = nil, nil
    end
    items[i] = { name = field.name, required = not field.optional, convert = base.convert, zero = zero, make = make }
  end
  return items
end

local function make_convert(space, final)
  local family, classes = space.family, space.classes
  if family.leaves[final] then
    return family.leaves[final]
  end
  local own = family == TEXT and item_of(space_of(JSON, classes), final).convert
  local item = final:match("^%[%](.+)$")
  if item then
    return family.list(item_of(space, item), own)
  end
  item = final:match("^map%[string%](.+)$")
  if item then
    return family.map(item_of(space, item), own)
  end
  local class = classes[final]
  return class and family.class(field_items(space, class.fields, final), own) or family.leaves.any
end

-- Zeros are written as values are: with their fields in order.
local function written(item, make)
  return function()
    return (item.convert(make(), 1))
  end
end

-- A type that contains itself gets, while it is being made, a converter that asks for the finished one.
function item_of(space, kind)
  local item = space.items[kind]
  if item then
    return item
  end
  item = {}
  item.zero, item.make = kinds.zero(kind, space.classes, space.family.null)
  if item.make and space.family == ENCODE then
    item.make = written(item, item.make)
  end
  function item.convert(value, depth)
    return item.convert(value, depth)
  end
  space.items[kind] = item
  local final = kinds.resolve(kind, space.classes)
  item.convert = final == kind and make_convert(space, final) or item_of(space, final).convert
  return item
end

-- The item of a type, or of the class that has these fields and no name.
local function build(family, kind, classes)
  local space = space_of(family, classes)
  if type(kind) == "string" then
    return item_of(space, kind)
  end
  return { convert = family.class(field_items(space, kind)), make = new_table }
end

local function place(where, bad)
  return (where and where .. bad.path or bad.path:gsub("^%.", "")) .. ": " .. bad.text
end

-- Values that come in: what is wrong with them is a 400.
local function incoming(family, kind, classes)
  local item = build(family, kind, classes)
  local convert, zero, make = item.convert, item.zero, item.make
  return function(value, where)
    if value == nil or value == NULL then
      if make then
        return make()
      end
      return zero
    end
    local out, bad = convert(value, 1)
    if bad then
      errors.raise(400, place(where, bad))
    elseif out == nil and make then
      return make()
    end
    return out
  end
end

-- ---- the four directions ----

--- Makes what turns decoded JSON into values of a type. The JSON is used up: containers are converted in place. Fields
--- match their names in any case, the exact one first; unknown ones are dropped.
---@param kind string|TypeField[] a type, or the fields of an object whose missing ones stay nil when they are optional
---@param classes Classes?
---@return fun(value: any, where: string?): any convert raises 400 with `where` and the way to what is wrong
function M.decoder(kind, classes)
  return incoming(JSON, kind, classes)
end

--- The same for texts of queries, forms and paths: a string, or a tree of service.form, which is used up. Lists, maps
--- and classes may be JSON; a text alone is a list of one.
---@param kind string|TypeField[]
---@param classes Classes?
---@return fun(value: any, where: string?): any
function M.text_decoder(kind, classes)
  return incoming(TEXT, kind, classes)
end

--- Makes what checks Lua values that come from another service, and completes copies of them: times are seconds, []byte
--- is a string. Whole floats count as integers, integers as floats; unknown fields are dropped.
---@param kind string|TypeField[]
---@param classes Classes?
---@return fun(value: any, where: string?): any
function M.adopter(kind, classes)
  return incoming(container.families.lua, kind, classes)
end

--- Makes what turns values of a type into what json.encode takes: times become text, empty lists stay lists. Of classes
--- only the declared fields go out: missing ones as their zero, or null when there is none; optional ones not at all.
---@param kind string
---@param classes Classes?
---@return fun(value: any, where: string?): any convert raises an error that is the service's fault
function M.encoder(kind, classes)
  local item = build(ENCODE, kind, classes)
  local convert = item.convert
  return function(value, where)
    if value == nil or value == NULL then
      return filler(item)
    end
    local out, bad = convert(value, 1)
    if bad then
      error(place(where or "result", bad), 0)
    end
    return out
  end
end

-- ---- types ----

--- What a type is without pointers and aliases; what nobody defines is any.
---@param kind string
---@param classes Classes?
---@return string
function M.underlying(kind, classes)
  classes = classes or NONE
  local final = kinds.resolve(kind, classes)
  local known = JSON.leaves[final] or classes[final] or final:find("^%[%]") or final:find("^map%[string%]")
  return known and final or "any"
end

--- What is in place of a value that was not given: the zero itself, or what makes a new one each time.
---@param kind string
---@param classes Classes?
---@return any zero
---@return (fun(): table)? make
function M.zeros(kind, classes)
  return kinds.zero(kind, classes or NONE, nil)
end

--- A zero of a type; nil when it has none.
---@param kind string
---@param classes Classes?
function M.zero(kind, classes)
  local zero, make = M.zeros(kind, classes)
  if make then
    return make()
  end
  return zero
end

return M
