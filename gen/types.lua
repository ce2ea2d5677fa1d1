-- types: what types.lua says. Classes and aliases are LuaCATS annotations there; a definition with a `---@source` is one
-- that another service owns:
--
--     ---@class Person
--     ---@source services/directory/types.lua
--
-- Reads them, adds those that a declaration needs, and compiles them for the runtime. Pure.

local code = require "gen.code"
local luacats = require "gen.luacats"

local M = {}

---@class TypeField
---@field name string
---@field type string as declarations write it: int, []Pet, map[string]string
---@field optional boolean

---@class TypeDefinition
---@field name string
---@field line integer
---@field alias string? the declared type that it is another name of
---@field parent string?
---@field fields TypeField[]
---@field source string? folder of the service that owns it, below services/

local SOURCE = "^services/(.+)/types%.lua%s*$"
local VISIBLE = { public = true, private = true, protected = true, package = true }

local function read_field(text)
  local name, optional, rest = text:match("^%-%-%-@field%s+([%a_][%w_]*)(%??)%s+(.+)$")
  if name and VISIBLE[name] then
    name, optional, rest = rest:match("^([%a_][%w_]*)(%??)%s+(.+)$")
  end
  if name then
    local kind, may_be_nil = luacats.declared(rest)
    return { name = name, type = kind, optional = optional == "?" or may_be_nil }
  end
end

local function read_head(line)
  local class = line:match("^%-%-%-@class%s+(.*)$")
  if class then
    class = class:gsub("^%(%w+%)%s*", "")
    local name, parent = class:match("^(%u%w*)%s*:?%s*(%w*)")
    return name and { name = name, parent = parent ~= "" and parent or nil, fields = {} }
  end
  local name, rest = line:match("^%-%-%-@alias%s+(%u%w*)%s*(.*)$")
  return name and { name = name, alias = luacats.declared(rest), fields = {} }
end

--- The definitions of a types.lua, in order; also by name.
---@param text string
---@return TypeDefinition[]
---@return table<string, TypeDefinition>
---@return TypeDefinition[] again those whose name was there before; they do not count
function M.read(text)
  local list, by_name, again, current, number = {}, {}, {}, nil, 0
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    line, number = line:gsub("\r$", ""), number + 1
    local head = read_head(line)
    local field = current and read_field(line)
    if head then
      head.line = number
      current = head
      table.insert(by_name[head.name] and again or list, head)
      by_name[head.name] = by_name[head.name] or head
    elseif field then
      table.insert(current.fields, field)
    elseif current and line:match("^%-%-%-@source%s") then
      current.source = line:match("^%-%-%-@source%s+(.*)$"):match(SOURCE)
    elseif not line:match("^%-%-%-") then
      current = nil
    end
  end
  return list, by_name, again
end

-- ---- adding ----

--- The folder of the one service that defines a type; nil when none does, or several.
---@param name string
---@param others table<string, string> types.lua of the other services, by folder
---@return string?
function M.owner(name, others)
  local owner
  for folder, text in pairs(others) do
    local _, by_name = M.read(text)
    if by_name[name] and not by_name[name].source then
      if owner then
        return nil
      end
      owner = folder
    end
  end
  return owner
end

local HEADER = [[
-- The types of %s that cross the wire, as classes with fields:
--
--     ---@class Pet
--     ---@field name string
--     ---@field born? time.Time
--
-- Yours: the generator adds what the declaration uses and nobody defines, and nothing else.
]]

local function definition_text(name, owner, others)
  if not owner then
    return ("---@class %s\n"):format(name)
  end
  local _, by_name = M.read(others[owner])
  local alias = by_name[name].alias
  local head = alias and ("---@alias %s %s"):format(name, luacats.type(alias)) or "---@class " .. name
  return ("%s\n---@source services/%s/types.lua\n"):format(head, owner)
end

--- Adds to a types.lua what is not defined there: types of another service, where exactly one defines them, else empty
--- classes. Returns the new text, and the names that were added.
---@param text string? nil when there is no file yet
---@param names string[] complex types of the declaration
---@param host string
---@param others table<string, string>
---@return string?
---@return string[]
function M.extend(text, names, host, others)
  local _, by_name = M.read(text or "")
  local parts, added = {}, {}
  for _, name in ipairs(names) do
    if not by_name[name] then
      table.insert(parts, definition_text(name, M.owner(name, others), others))
      table.insert(added, name)
    end
  end
  if #added == 0 then
    return text, added
  end
  local base = text or HEADER:format(host)
  local eol = code.line_end(base)
  return base .. code.gap(base, eol) .. table.concat(parts, "\n"):gsub("\n", eol), added
end

-- ---- compiling ----

---@class CompiledType
---@field fields TypeField[]? of a class
---@field type string? what an alias stands for

-- Compiles the types of one declaration: `keys` are the names under which the result has them, by owner and name.
local Compiler = {}
Compiler.__index = Compiler

function Compiler:definitions(folder)
  local known = self.read[folder]
  if not known then
    local text = folder == "" and self.own or self.others[folder]
    known = text and select(2, M.read(text)) or {}
    self.read[folder] = known
  end
  return known
end

-- Follows `---@source` to whoever owns a type. nil when nobody does.
function Compiler:owner(folder, name)
  local seen = {}
  while not seen[folder] do
    seen[folder] = true
    local definition = self:definitions(folder)[name]
    if not definition then
      return nil
    elseif not definition.source then
      return folder, definition
    end
    folder = definition.source
  end
end

local function split_prefix(kind)
  local at = kind:match("^.*[%]*]()") or 1
  return kind:sub(1, at - 1), kind:sub(at)
end

-- A type as it is written in a folder, with the name that the result has for its class.
function Compiler:rename(folder, kind)
  local prefix, final = split_prefix(kind)
  if not final:find("^%u") then
    return kind
  end
  return prefix .. (self:add(folder, final) or "any")
end

function Compiler:fields(folder, definition, seen)
  local list, at = {}, {}
  local parent_folder, parent
  if definition.parent and not seen[definition] then
    seen[definition] = true
    parent_folder, parent = self:owner(folder, definition.parent)
  end
  for _, field in ipairs(parent and self:fields(parent_folder, parent, seen) or {}) do
    table.insert(list, field)
    at[field.name] = #list
  end
  for _, field in ipairs(definition.fields) do
    local compiled = { name = field.name, type = self:rename(folder, field.type), optional = field.optional }
    if at[field.name] then
      list[at[field.name]] = compiled
    else
      table.insert(list, compiled)
    end
  end
  return list
end

-- Puts a type into the result; returns its name there, nil when nobody defines it.
function Compiler:add(folder, name)
  local owner, definition = self:owner(folder, name)
  if not definition then
    return nil
  end
  local id = owner .. ":" .. name
  if self.keys[id] then
    return self.keys[id]
  end
  local mine_folder = self:owner("", name)
  local free = not self.classes[name] and (not mine_folder or mine_folder == owner)
  local key = free and name or owner:gsub("/", ".") .. "." .. name
  self.keys[id] = key
  local compiled = {}
  self.classes[key] = compiled
  if definition.alias then
    compiled.type = self:rename(owner, definition.alias)
  else
    compiled.fields = self:fields(owner, definition, {})
  end
  return key
end

--- The types that a declaration uses and what they are made of, with inherited fields, types of other services looked up.
--- A name that two services define differently is that of this service; the other is called folder.Name.
---@param names string[] complex types of the declaration
---@param own string the service's types.lua
---@param others table<string, string>
---@return table<string, CompiledType>
---@return string[] unknown names that lead nowhere
function M.compile(names, own, others)
  local compiler = setmetatable({ own = own, others = others, read = {}, keys = {}, classes = {} }, Compiler)
  local unknown = {}
  for _, name in ipairs(names) do
    if not compiler:add("", name) then
      table.insert(unknown, name)
    end
  end
  return compiler.classes, unknown
end

return M
