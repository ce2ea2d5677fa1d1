-- literal: data as Lua text, written as a person would: short tables on one line, long ones with a line for each entry,
-- fields in a given order. Pure.

local keys = require "service.keys"
local lexer = require "gen.lexer"

local M = {}

M.WIDTH = 112 -- columns that a line may take

local ESCAPES = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

--- A text in double quotes.
---@param text string
---@return string
function M.quote(text)
  return '"' .. text:gsub('[%c\\"]', function(c)
    return ESCAPES[c] or ("\\x%02X"):format(c:byte())
  end) .. '"'
end

local function key_text(key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") and not lexer.is_keyword(key) then
    return key
  end
  return "[" .. (type(key) == "string" and M.quote(key) or tostring(key)) .. "]"
end

-- Keys that are in `order` first, then the others by name.
local function sorted_keys(value, order)
  return keys.sorted(value, function(a, b)
    local x, y = order[a] or math.huge, order[b] or math.huge
    if x ~= y then
      return x < y
    end
    return tostring(a) < tostring(b)
  end)
end

-- The shortest text that reads back as the same number of the same kind.
local function number_text(value)
  if math.type(value) == "integer" then
    return value == math.mininteger and "math.mininteger" or tostring(value)
  elseif value ~= value or value == math.huge or value == -math.huge then
    return value ~= value and "0/0" or value > 0 and "math.huge" or "-math.huge"
  end
  if math.abs(value) < 1e15 and value == math.floor(value) then
    return ("%.1f"):format(value)
  end
  local text
  for digits = 1, 17 do
    text = ("%." .. digits .. "g"):format(value)
    if tonumber(text) == value then
      break
    end
  end
  return text:find("[.e]") and text or text .. ".0"
end

local write

-- The entries of a table, each with its key; `column` is where the one that holds them stands.
local function entries(value, order, indent)
  local list = {}
  if #value > 0 then
    for _, item in ipairs(value) do
      table.insert(list, write(item, order, indent, 1))
    end
    return list
  end
  for _, key in ipairs(sorted_keys(value, order)) do
    local name = key_text(key) .. " = "
    table.insert(list, name .. write(value[key], order, indent, #name + 1))
  end
  return list
end

local function write_table(value, order, indent, column)
  if next(value) == nil then
    return "{}"
  end
  local list = entries(value, order, indent + 2)
  local line = "{ " .. table.concat(list, ", ") .. " }"
  if not line:find("\n", 1, true) and indent + column + #line <= M.WIDTH then
    return line
  end
  local blanks = (" "):rep(indent + 2)
  return "{\n" .. blanks .. table.concat(list, ",\n" .. blanks) .. ",\n" .. (" "):rep(indent) .. "}"
end

-- `indent` is that of the line, `column` how far into it the value begins.
function write(value, order, indent, column)
  if type(value) == "table" then
    return write_table(value, order, indent, column)
  elseif type(value) == "string" then
    return M.quote(value)
  elseif type(value) == "number" then
    return number_text(value)
  end
  return tostring(value)
end

--- A value as Lua text: texts, numbers, booleans, and lists and maps of them.
---@param value any
---@param order? string[] which keys go first, in any table
---@param indent? integer of the line that it begins on
---@param column? integer how far into that line
---@return string
function M.write(value, order, indent, column)
  local rank = {}
  for i, key in ipairs(order or {}) do
    rank[key] = i
  end
  return write(value, rank, indent or 0, column or 1)
end

--- Joins a call or a definition: all arguments behind `head` on one line when they fit, else on lines of their own.
---@param head string up to the parenthesis
---@param arguments string[]
---@param tail string from the parenthesis on
---@param indent? integer
---@return string
function M.call(head, arguments, tail, indent)
  local line = head .. table.concat(arguments, ", ") .. tail
  if (indent or 0) + #line <= M.WIDTH or #arguments == 0 then
    return line
  end
  local blanks = (" "):rep((indent or 0) + 4)
  local lines, current = { head }, ""
  for i, argument in ipairs(arguments) do
    local piece = argument .. (i < #arguments and "," or "")
    if current ~= "" and #blanks + #current + #piece + 1 > M.WIDTH then
      table.insert(lines, blanks .. current)
      current = ""
    end
    current = current == "" and piece or current .. " " .. piece
  end
  table.insert(lines, blanks .. current)
  return table.concat(lines, "\n") .. "\n" .. (" "):rep(indent or 0) .. tail
end

return M
