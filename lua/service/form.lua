-- service.form: names and values of queries and forms (application/x-www-form-urlencoded), as trees.
--
--     a=1&b=2&b=3                  { a = "1", b = list { "2", "3" } }
--     pet[name]=Rex&pet.age=3      { pet = { name = "Rex", age = "3" } }
--     ids[]=7&ids[]=8              { ids = list { "7", "8" } }
--     ids[0]=7&ids[1]=8            { ids = { ["0"] = "7", ["1"] = "8" } }
--
-- What they mean is for the types to say (wire.text_decoder): of several values the last one counts where no list is
-- wanted. A name that is malformed, such as a[b, is a name like any other. Bounded in values and in depth.

local errors = require "errors"
local json = require "json"
local url = require "url"

local M = {}

local MAX_VALUES = 1000
local MAX_DEPTH = 32

local is_list = json.is_list
local new_list = json.list
local find, gmatch, utf8_length = string.find, string.gmatch, utf8.len

-- A broken escape stands for itself.
local function decode(text)
  text = text:gsub("+", " ")
  return url.decode(text) or text
end

-- "a[b].c[]" -> { "a", "b", "c", "" }; nil when the name is no such.
local function split(name)
  local root, at = name:match("^([^%[.]+)()")
  if not root then
    return nil
  end
  local parts = { root }
  while at <= #name do
    local part, after = name:match("^%[([^%[%]]*)%]()", at)
    if not part then
      part, after = name:match("^%.([^%[%].]+)()", at)
    end
    if not part then
      return nil
    elseif #parts >= MAX_DEPTH then
      errors.raise(400, ("names such as a[b][c] go no deeper than %d levels"):format(MAX_DEPTH))
    end
    table.insert(parts, part)
    at = after
  end
  return parts
end

-- A value beside others of the same name makes a list; what does not go together is replaced.
local function put(parent, name, value)
  local old = parent[name]
  if name == "" and is_list(parent) then
    parent[#parent + 1] = value
  elseif type(old) == "string" then
    parent[name] = new_list { old, value }
  elseif is_list(old) then
    old[#old + 1] = value
  else
    parent[name] = value
  end
end

-- The table below `name`, a list when the part after it is [].
local function descend(parent, name, next_part)
  local wants_list = next_part == ""
  local old
  if name ~= "" then
    old = parent[name]
  end
  if type(old) == "table" and is_list(old) == wants_list then
    return old
  end
  local child = wants_list and new_list { type(old) == "string" and old or nil } or {}
  parent[name == "" and #parent + 1 or name] = child
  return child
end

local function put_deep(root, name, value)
  local parts = split(name)
  if not parts then
    return put(root, name, value)
  end
  local node = root
  for i = 1, #parts - 1 do
    node = descend(node, parts[i], parts[i + 1])
  end
  put(node, parts[#parts], value)
end

--- The values of a query or form by name; raises 400 when there are more than anybody needs, or a name
--- is no text.
---@param text string without the ?
---@return table<string, string|table> tree
function M.parse(text)
  local root, count = {}, 0
  local escaped = find(text, "[%%+]") ~= nil
  local deep = escaped or find(text, "[%[.]") ~= nil
  for name, value in gmatch(text, "([^&=]*)=?([^&]*)&?") do
    if escaped then
      name, value = decode(name), decode(value)
    end
    if name ~= "" then
      count = count + 1
      if count > MAX_VALUES then
        errors.raise(400, ("there are more than %d values"):format(MAX_VALUES))
      elseif not utf8_length(name) then
        errors.raise(400, "a name is no UTF-8 text")
      elseif deep and find(name, "[%[.]") then
        put_deep(root, name, value)
      elseif root[name] == nil then
        root[name] = value
      else
        put(root, name, value)
      end
    end
  end
  return root
end

return M
