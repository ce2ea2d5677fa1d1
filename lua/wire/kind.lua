-- wire.kind: what declared types are made of, and their zeros: what is in place of a value that was not given. Pure.

local json = require "json"

local M = {}

local NONE = {}

--- What a type is without pointers and aliases, and whether it may be nil. An alias of itself is any.
---@param kind string
---@param classes Classes
---@return string
---@return boolean
local function resolve(kind, classes)
  local pointer, seen = false, nil
  while true do
    local target = kind:match("^%*+(.*)$")
    local class = classes[kind]
    if target then
      kind, pointer = target, true
    elseif class and class.type then
      seen = seen or {}
      if seen[kind] then
        return "any", true
      end
      seen[kind] = true
      kind = class.type
    else
      return kind, pointer
    end
  end
end
M.resolve = resolve

-- Whether values of class `from` always have one of class `to` inside.
local function holds(from, to, classes, seen)
  if from == to then
    return true
  elseif seen[from] then
    return false
  end
  seen[from] = true
  for _, field in ipairs(classes[from] and classes[from].fields or NONE) do
    local final, pointer = resolve(field.type, classes)
    if not field.optional and not pointer and holds(final, to, classes, seen) then
      return true
    end
  end
  return false
end

local ZERO = {
  string = "", int = 0, byte = 0, float64 = 0.0, bool = false, ["time.Duration"] = 0, ["[]byte"] = "",
}

local function new_table()
  return {}
end

--- Whether a field of class `owner` would always have another `owner` inside, and that one another: its zero could
--- never end.
---@param field TypeField
---@param owner string
---@param classes Classes
---@return boolean
function M.is_endless(field, owner, classes)
  return holds(resolve(field.type, classes), owner, classes, {})
end

local zero_of

local function class_maker(name, classes, null)
  local parts = {}
  for _, field in ipairs(classes[name].fields) do
    if not field.optional then
      local zero, make
      if not M.is_endless(field, name, classes) then
        zero, make = zero_of(field.type, classes, null)
      end
      table.insert(parts, { name = field.name, zero = zero, make = make })
    end
  end
  return function()
    local out = {}
    for _, part in ipairs(parts) do
      if part.make then
        out[part.name] = part.make()
      elseif part.zero == nil then
        out[part.name] = null
      else
        out[part.name] = part.zero
      end
    end
    return out
  end
end

--- The zero of a type, or what makes a new one; neither when it has none.
---@param kind string
---@param classes Classes
---@param null any what stands for those that have none inside classes
---@return any zero
---@return (fun(): table)? make
function zero_of(kind, classes, null)
  local final, pointer = resolve(kind, classes)
  if pointer then
    return nil
  elseif ZERO[final] ~= nil then
    return ZERO[final]
  elseif final:find("^%[%]") then
    return nil, json.list
  elseif final:find("^map%[string%]") then
    return nil, new_table
  elseif classes[final] then
    return nil, class_maker(final, classes, null)
  end
end
M.zero = zero_of

return M
