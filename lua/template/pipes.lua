-- template.pipes: what {{ value | pipe }} can do. A pipe changes a value; an ending, the last one, says what the text
-- is.

local json = require "json"

local M = {}

--- A value as text; nil and null are nothing, and whole numbers have no point. Nil and why for what has no text.
---@param value any
---@return string?, string?
function M.text(value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif value == nil or value == json.null then
    return ""
  elseif math.type(value) == "float" and value == value // 1 and math.abs(value) < 1e15 then
    return ("%d"):format(value)
  elseif kind == "number" or kind == "boolean" then
    return tostring(value)
  end
  local meta = kind == "table" and getmetatable(value)
  if type(meta) == "table" and meta.__tostring then
    return tostring(value)
  end
  return nil, ("a %s is no text: write one of its fields, or use the pipe json"):format(kind)
end

--- What the text is, which decides how it is written. No pipe comes behind it.
M.ENDINGS = {
  attr = true, -- a trusted attribute with its name
  css = true, -- trusted CSS
  json = true, -- any value, as JSON
  safe = true, -- trusted HTML
  url = true, -- a trusted URL
}

local function of_text(change)
  return function(value)
    local text, why = M.text(value)
    if not text then
      return nil, why
    end
    return change(text)
  end
end

local function join(value, separator)
  if value == nil then
    return ""
  elseif type(value) ~= "table" then
    return nil, ("join needs a list, not a %s"):format(type(value))
  end
  local parts = {}
  for i, item in ipairs(value) do
    local text, why = M.text(item)
    if not text then
      return nil, why
    end
    parts[i] = text
  end
  return table.concat(parts, separator)
end

---@class TemplatePipe
---@field run fun(value: any, argument: any): any, string? the new value; or nil and what is wrong
---@field argument boolean? takes one, in parentheses

---@type table<string, TemplatePipe>
M.PIPES = {
  upper = { run = of_text(string.upper) },
  lower = { run = of_text(string.lower) },
  trim = {
    run = of_text(function(text)
      return text:match("^%s*(.*%S)") or ""
    end),
  },
  default = {
    argument = true,
    run = function(value, instead)
      if value == nil or value == "" then
        return instead
      end
      return value
    end,
  },
  join = {
    argument = true,
    run = function(value, separator)
      local text, why = M.text(separator)
      if not text then
        return nil, why
      end
      return join(value, text)
    end,
  },
}

return M
