-- exports: what a Lua module of the host gives to those that require it, and what is said about it: its functions, its classes
-- and their methods, each with the annotations above it. Reads lines as this tree lays them out: what counts begins in the
-- first column. Pure.

local M = {}

---@class Export a function that a module gives, or a method of one of its classes
---@field name string "collection"
---@field class string? of a method
---@field colon boolean whether it gets `self` in front
---@field params string[]? without self; nil of values
---@field doc string[] the lines above it, "---" included
---@field line integer

---@class ExportedClass
---@field name string? nil of aliases
---@field doc string[]
---@field line integer

---@class Exports
---@field intro string[] the lines above `local M = {}`
---@field module boolean whether there is that line
---@field gives string? the type of what a file without it returns: `---@type` above its `return`
---@field functions Export[]
---@field classes ExportedClass[]
---@field methods Export[]

local function names_of(parameters)
  local list = {}
  for name in parameters:gmatch "[^%s,]+" do
    table.insert(list, name)
  end
  return list
end

-- "M", "." and "name" of `function M.name(a, b)`, and its parameters.
local function definition(line)
  local object, mark, name, parameters = line:match "^function ([%a_][%w_.]*)([.:])([%a_][%w_]*)(%b())"
  if object then
    return object, mark, name, parameters:sub(2, -2)
  end
end

-- The class that a block of annotations declares.
local function class_of(doc)
  for _, line in ipairs(doc) do
    local name = line:match "^%-%-%-@class ([%a_][%w_.]*)"
    if name then
      return name
    end
  end
end

local function declares(doc)
  for _, line in ipairs(doc) do
    if line:find "^%-%-%-@class " or line:find "^%-%-%-@alias " then
      return true
    end
  end
  return false
end

--- What a file exports. Its module is called M, as everywhere here; a class is the local below its annotation.
---@param text string
---@return Exports
function M.read(text)
  local out = { intro = {}, module = false, functions = {}, classes = {}, methods = {} }
  local doc, number, class_at = {}, 0, {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local object, mark, name, parameters = definition(line)
    local variable = line:match "^local ([%a_][%w_]*) = "
    if line:find "^%-%-%-[^-]" or line == "---" then
      table.insert(doc, line)
    else
      local value = line:match "^M%.([%a_][%w_]*) = "
      if object and name:sub(1, 2) ~= "__" then
        local class = class_at[object]
        local export = {
          name = name, class = class, colon = mark == ":", params = names_of(parameters), doc = doc, line = number,
        }
        if object == "M" then
          table.insert(out.functions, export)
        elseif class then
          table.insert(out.methods, export)
        end
      elseif value then
        table.insert(out.functions, { name = value, colon = false, doc = doc, line = number })
      elseif declares(doc) then
        local class = class_of(doc)
        table.insert(out.classes, { name = class, doc = doc, line = number - #doc })
        if variable then
          class_at[variable] = class
        end
      elseif variable == "M" then
        out.intro, out.module = doc, true
      elseif line:find "^return " and doc[1] then
        out.gives = doc[#doc]:match "^%-%-%-@type (.+)$"
      end
      doc = {}
    end
  end
  return out
end

return M
