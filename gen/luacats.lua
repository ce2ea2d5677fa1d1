-- luacats: declared types as LuaCATS annotations, and back. Pure.

local M = {}

local NAMES = {
  int = "integer", float64 = "number", bool = "boolean", byte = "integer", ["time.Time"] = "number",
  ["time.Duration"] = "number",
}

--- The annotation of a declared type: []*Pet -> Pet[], map[string]int -> table<string, integer>, *int -> integer?.
---@param kind string as the model has it
---@return string
function M.type(kind)
  if kind == "[]byte" then
    return "string"
  end
  local prefix, rest = kind:match("^(%*)(.*)$")
  if prefix then
    local inner = M.type(rest)
    return inner:sub(-1) == "?" and inner or inner .. "?"
  end
  prefix, rest = kind:match("^(%[%])(.*)$")
  if prefix then
    return (M.type(rest):gsub("%?$", "")) .. "[]"
  end
  prefix, rest = kind:match("^(map%[string%])(.*)$")
  if prefix then
    return ("table<string, %s>"):format((M.type(rest):gsub("%?$", "")))
  end
  return NAMES[kind] or kind
end

--- `fun(ctx: Context, x: integer): integer, string` of inputs and outputs, for fields of classes.
---@param names string[] of the parameters behind ctx
---@param inputs Argument[]
---@param returns string
---@return string
function M.fun(names, inputs, returns)
  local parts = { "ctx: Context" }
  for i, input in ipairs(inputs) do
    table.insert(parts, ("%s: %s"):format(names[i], M.type(input.type)))
  end
  return ("fun(%s)%s"):format(table.concat(parts, ", "), returns ~= "" and ": " .. returns or "")
end

--- The types of outputs, for what is behind the colon of `fun()`.
---@param outputs Argument[]
---@return string
function M.returns(outputs)
  local parts = {}
  for _, output in ipairs(outputs) do
    table.insert(parts, M.type(output.type))
  end
  return table.concat(parts, ", ")
end

-- ---- and back ----

-- As annotations have them, and as signatures do.
local DECLARED = {
  string = "string", integer = "int", number = "float64", boolean = "bool", any = "any",
  int = "int", float64 = "float64", bool = "bool", byte = "byte",
  ["time.Time"] = "time.Time", ["time.Duration"] = "time.Duration",
}

local parse

-- What is behind `table`, at `at`: <string, T>
local function parse_table(text, at)
  local inner = text:match("^<%s*string%s*,%s*()", at)
  if not inner then
    return "any", at
  end
  local kind, after = parse(text, inner)
  local close = kind and text:match("^%s*>()", after)
  if not close then
    return nil
  end
  return "map[string]" .. kind, close
end

local PREFIXES = { "^(%[%])()", "^(%*)()", "^(map%[string%])()" }

-- A type as signatures have it: []Pet, map[string]int. nil when it does not begin like one.
local function parse_prefixed(text, at)
  for _, pattern in ipairs(PREFIXES) do
    local prefix, behind = text:match(pattern, at)
    if prefix then
      local kind, after = parse(text, behind)
      return kind and prefix .. kind, after
    end
  end
end

-- The type that begins at `at`: its declared form, and where the text goes on. nil when it is none of ours.
function parse(text, at)
  local prefixed, behind = parse_prefixed(text, at)
  if prefixed then
    return prefixed, behind
  end
  local name, after = text:match("^([%a_][%w_.]*)()", at)
  if not name then
    return nil
  end
  local kind
  if name == "table" then
    kind, after = parse_table(text, after)
    if not kind then
      return nil
    end
  else
    kind = DECLARED[name] or (name:find("^%u%w*$") and name)
  end
  while kind and text:find("^%[%]", after) do
    kind, after = "[]" .. kind, after + 2
  end
  return kind, after
end

--- The declared type that an annotation begins with, and whether it may be nil. What declarations cannot say is "any".
---@param text string "string[] the names", "integer?", "table<string, Pet>"
---@return string kind
---@return boolean optional
function M.declared(text)
  local kind, after = parse(text, 1)
  if not kind then
    return "any", text:match("^%S-%?") ~= nil
  end
  local optional = text:match("^%?()", after) or text:match("^%s*|%s*nil()", after)
  after = optional or after
  if not text:find("^%s", after) and after <= #text or text:find("^%s*|", after) then
    return "any", optional ~= nil
  end
  return kind, optional ~= nil
end

return M
