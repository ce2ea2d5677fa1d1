-- wire.container: lists, maps and classes in the four directions of lua/wire.lua; each direction is a family of
-- converters that have their simple values from wire.leaf. Pure.

local json = require "json"
local leaf = require "wire.leaf"

local M = {}

local NULL = json.null
local is_list = json.is_list
local new_list = json.list
local mismatch = leaf.mismatch

local MAX_DEPTH = 64 -- what json allows; ends values that contain themselves

---@class Item the converter of a type, as containers use it
---@field convert Convert
---@field zero any
---@field make (fun(): table)?

---@class FieldItem: Item a field of a class
---@field name string
---@field required boolean a missing one becomes its zero

local SHOWN = 64 -- bytes of a name in messages

-- A name from outside as a message can have it.
local function shown(name)
  name = tostring(name)
  local cut = #name > SHOWN
  name = cut and name:sub(1, SHOWN) or name
  if not utf8.len(name) then
    name = name:gsub("[\x80-\xff]", "?")
  end
  return cut and name .. "..." or name
end

-- A mismatch, seen from the container around it.
local function inside(bad, place)
  bad.path = place .. bad.path
  return bad
end

local function too_deep()
  return nil, { path = "", text = ("goes deeper than %d levels"):format(MAX_DEPTH) }
end

--- What stands for null in a list or map: the zero, or null itself, so that the others keep their places.
---@param item Item
local function filler(item)
  if item.make then
    return item.make()
  elseif item.zero == nil then
    return NULL
  end
  return item.zero
end
M.filler = filler

local function convert_list(item, convert, value, out, depth)
  if depth > MAX_DEPTH then
    return too_deep()
  end
  for i = 1, #value do
    local v = value[i]
    local bad
    if v == nil or v == NULL then
      v = filler(item)
    else
      v, bad = convert(v, depth + 1)
      if bad then
        return nil, inside(bad, ("[%d]"):format(i))
      elseif v == nil then
        v = filler(item)
      end
    end
    out[i] = v
  end
  return out
end

local function convert_map(item, convert, value, out, depth)
  if depth > MAX_DEPTH then
    return too_deep()
  end
  for name, v in next, value do
    local bad
    if type(name) ~= "string" then
      return nil, mismatch("texts as names", name)
    elseif v == NULL then
      v = filler(item)
    else
      v, bad = convert(v, depth + 1)
      if bad then
        return nil, inside(bad, "." .. shown(name))
      elseif v == nil then
        v = filler(item)
      end
    end
    out[name] = v
  end
  return out
end

local function fill(value, fields, null)
  for i = 1, #fields do
    local field = fields[i]
    if field.required and value[field.name] == nil then
      if field.make then
        value[field.name] = field.make()
      elseif field.zero == nil then
        value[field.name] = null
      else
        value[field.name] = field.zero
      end
    end
  end
  return value
end

-- Names that are none of a class but for their case. Of several for one field the first by the alphabet counts.
local function convert_strays(strays, value, folded, depth)
  table.sort(strays)
  for _, name in ipairs(strays) do
    local field, v = folded[name:lower()], strays[name]
    if field and value[field.name] == nil and v ~= NULL then
      local out, bad = field.convert(v, depth + 1)
      if bad then
        return inside(bad, "." .. field.name)
      end
      value[field.name] = out
    end
  end
end

-- Converts the fields of an object in place. Returns a mismatch when one is of another type.
local function convert_fields(value, named, folded, depth)
  local strays
  for name, v in next, value do
    local field = named[name]
    if not field then
      strays = strays or {}
      if type(name) == "string" and folded[name:lower()] then
        table.insert(strays, name)
        strays[name] = v
      end
      value[name] = nil
    elseif v == NULL then
      value[name] = nil
    else
      local out, bad = field.convert(v, depth + 1)
      if bad then
        return inside(bad, "." .. field.name)
      end
      value[name] = out
    end
  end
  return strays and convert_strays(strays, value, folded, depth)
end

-- ---- families: what differs between the directions ----

---@class Family
---@field null any stands for what is missing and has no zero, in fields of classes
---@field leaves table<string, Convert>
---@field list fun(item: Item, own: Convert): Convert `own` is from JSON, of the same type
---@field map fun(item: Item, own: Convert): Convert
---@field class fun(fields: FieldItem[], own: Convert?): Convert

-- By name, and by name in lower case.
local function index(fields)
  local named, folded = {}, {}
  for _, field in ipairs(fields) do
    named[field.name] = field
    folded[field.name:lower()] = folded[field.name:lower()] or field
  end
  return named, folded
end

-- Decoded JSON is nobody else's: it is converted in place.
local JSON = { null = nil, leaves = leaf.json }

function JSON.list(item)
  local convert = item.convert
  return function(value, depth)
    if is_list(value) then
      return convert_list(item, convert, value, value, depth)
    elseif type(value) == "table" and next(value) == nil then
      return new_list(value)
    end
    return nil, mismatch("a list", value)
  end
end

function JSON.map(item)
  local convert = item.convert
  return function(value, depth)
    if type(value) ~= "table" or is_list(value) then
      return nil, mismatch("an object", value)
    end
    return convert_map(item, convert, value, value, depth)
  end
end

function JSON.class(fields)
  local named, folded = index(fields)
  return function(value, depth)
    if type(value) ~= "table" or is_list(value) then
      return nil, mismatch("an object", value)
    elseif depth > MAX_DEPTH then
      return too_deep()
    end
    local bad = convert_fields(value, named, folded, depth)
    if bad then
      return nil, bad
    end
    return fill(value, fields, nil)
  end
end

-- Texts are those of queries, forms and paths: a string, or what service.form makes of names with brackets and of names
-- that come again. A container is one of these, or JSON.
local TEXT = { null = nil, leaves = leaf.text }

-- A text as a container, by way of JSON; empty is like not there.
local function parse(value, own, depth)
  local decoded, message = json.decode(value)
  if decoded == nil then
    return nil, { path = "", text = "invalid JSON at " .. message }
  elseif decoded == NULL then
    return nil
  end
  return own(decoded, depth)
end

-- "0", "2", "10" as names: the values in that order. nil when there are other names.
local function sequence(value)
  local keys = {}
  for key in next, value do
    if not key:find("^%d+$") then
      return nil
    end
    table.insert(keys, key)
  end
  table.sort(keys, function(a, b)
    return tonumber(a) < tonumber(b)
  end)
  local out = new_list()
  for i, key in ipairs(keys) do
    out[i] = value[key]
  end
  return out
end

function TEXT.list(item, own)
  local convert = item.convert
  return function(value, depth)
    if value == "" then
      return nil
    elseif type(value) == "string" then
      if value:find("^%s*%[") then
        return parse(value, own, depth)
      end
      value = new_list { value }
    end
    local values = is_list(value) and value or sequence(value)
    if not values then
      return nil, mismatch("a list", value)
    end
    return convert_list(item, convert, values, values, depth)
  end
end

-- Both kinds of objects: the last text of several, as JSON, or names with brackets.
local function text_object(own, convert)
  return function(value, depth)
    if is_list(value) then
      value = value[#value]
    end
    if value == "" then
      return nil
    elseif type(value) == "string" then
      return parse(value, own, depth)
    elseif is_list(value) then
      return nil, mismatch("an object", value)
    end
    return convert(value, depth)
  end
end

function TEXT.map(item, own)
  return text_object(own, JSON.map(item))
end

function TEXT.class(fields, own)
  local convert = JSON.class(fields)
  return own and text_object(own, convert) or convert
end

local function guess(value)
  if type(value) == "string" then
    return leaf.guess(value)
  end
  local out = is_list(value) and value or sequence(value) or value
  for key, v in next, out do
    local guessed, bad = guess(v)
    if bad then
      return nil, inside(bad, type(key) == "string" and "." .. shown(key) or ("[%d]"):format(key))
    end
    out[key] = guessed
  end
  return out
end

function TEXT.leaves.any(value)
  if is_list(value) and #value == 1 then
    value = value[1]
  end
  local guessed, bad = guess(value)
  if guessed == NULL then
    return nil
  end
  return guessed, bad
end

-- Lua values belong to somebody: containers are copied. A table that is empty may be a list or a map.
local LUA = { null = nil, leaves = leaf.lua }

function LUA.list(item)
  local convert = item.convert
  return function(value, depth)
    if type(value) ~= "table" or not is_list(value) and value[1] == nil and next(value) ~= nil then
      return nil, mismatch("a list", value)
    end
    return convert_list(item, convert, value, new_list(), depth)
  end
end

function LUA.map(item)
  local convert = item.convert
  return function(value, depth)
    if type(value) ~= "table" or value[1] ~= nil then
      return nil, mismatch("an object", value)
    end
    return convert_map(item, convert, value, {}, depth)
  end
end

-- The known fields of a table, by their exact names; what is missing is `null` when it has no zero.
local function copies(null)
  return function(fields)
    return function(value, depth)
      if type(value) ~= "table" or value[1] ~= nil then
        return nil, mismatch("an object", value)
      elseif depth > MAX_DEPTH then
        return too_deep()
      end
      local out = {}
      for i = 1, #fields do
        local field = fields[i]
        local v = value[field.name]
        local bad
        if v ~= nil and v ~= NULL then
          out[field.name], bad = field.convert(v, depth + 1)
          if bad then
            return nil, inside(bad, "." .. field.name)
          end
        end
      end
      return fill(out, fields, null)
    end
  end
end

-- The same for what becomes JSON: its members are written in the order of the class.
local function ordered(fields)
  local names, convert = {}, copies(NULL)(fields)
  for i, field in ipairs(fields) do
    names[i] = field.name
  end
  local order = json.order(names)
  return function(value, depth)
    local out, bad = convert(value, depth)
    return out and setmetatable(out, order), bad
  end
end

LUA.class = copies(nil)

---@type table<string, Family>
M.families = {
  json = JSON,
  text = TEXT,
  lua = LUA,
  encode = { null = NULL, leaves = leaf.encode, list = LUA.list, map = LUA.map, class = ordered },
}

return M
