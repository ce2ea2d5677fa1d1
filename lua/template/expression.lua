-- template.expression: what stands inside tags: paths, literals, comparisons, and/or/not, #. Made once into functions
-- of the rendering; nothing in it can call code.
--
--     or < and < not < == ~= < <= > >= < # < path, literal, ( )

local json = require "json"

local M = {}

local DEPTH = 50 -- parentheses, `not` and [ ] inside each other
local WORDS = {} -- what no variable can be called
for word in ("and or not true false nil in if elseif else end for include"):gmatch("%S+") do
  WORDS[word] = true
end

---@class TemplateTokens a position in the tokens of one tag
---@field reader TemplateReader
---@field list TemplateToken[]
---@field index integer
---@field depth integer
local Tokens = {}
Tokens.__index = Tokens

---@alias TemplateValue fun(rendering: table): any

---@param reader TemplateReader
---@param list TemplateToken[]
---@return TemplateTokens
function M.tokens(reader, list)
  return setmetatable({ reader = reader, list = list, index = 1, depth = 0 }, Tokens)
end

function Tokens:peek()
  return self.list[self.index]
end

function Tokens:fail(token, message, ...)
  self.reader:fail(token.at, message, ...)
end

local function describe(token)
  if token.kind == "close" then
    return "the end of the tag"
  end
  return ("'%s'"):format(token.value or token.kind)
end

--- Whether the next token is that operator or word; if so it is taken.
function Tokens:take(what)
  local token = self:peek()
  if token.kind == what or (token.kind == "name" and token.value == what) then
    self.index = self.index + 1
    return token
  end
end

--- Takes that operator or word; anything else is an error.
function Tokens:need(what)
  local token = self:take(what)
  if not token then
    self:fail(self:peek(), "expected %s, got %s", what == "close" and "the end of the tag" or "'" .. what .. "'",
      describe(self:peek()))
  end
  return token
end

--- Takes a name that a variable may have.
function Tokens:need_name(what)
  local token = self:peek()
  if token.kind ~= "name" or WORDS[token.value] then
    self:fail(token, "expected %s, got %s", what, describe(token))
  end
  self.index = self.index + 1
  return token
end

--- Takes a token of that kind, "text" or "name".
function Tokens:need_kind(kind, what)
  local token = self:peek()
  if token.kind ~= kind then
    self:fail(token, "expected %s, got %s", what, describe(token))
  end
  self.index = self.index + 1
  return token
end

-- ---- values ----

-- null is nothing, as nil is.
local function plain(value)
  if value == json.null then
    return nil
  end
  return value
end

-- What a name means: the innermost loop's, or else the data's.
local function variable(name)
  return function(r)
    local scope = r.scope
    while scope do
      local value = scope[name]
      if value ~= nil then
        return plain(value)
      end
      scope = scope[M.PARENT]
    end
    return plain(r.data[name])
  end
end

M.PARENT = 1 -- key of the scope around a scope: no name

local function field(object, key)
  return function(r)
    local from, name = object(r), key(r)
    if type(from) ~= "table" or name == nil then
      return nil
    end
    return plain(from[name])
  end
end

local function constant(value)
  return function()
    return value
  end
end

local parse

-- Counts what is inside what while `fn` parses.
local function deeper(tokens, fn)
  tokens.depth = tokens.depth + 1
  if tokens.depth > DEPTH then
    tokens:fail(tokens:peek(), "more than %d parts of an expression inside each other", DEPTH)
  end
  local value = fn(tokens)
  tokens.depth = tokens.depth - 1
  return value
end

local function path(tokens)
  local value = variable(tokens:need_name("a value").value)
  while true do
    if tokens:take(".") then
      value = field(value, constant(tokens:need_kind("name", "a name behind '.'").value))
    elseif tokens:take("[") then
      value = field(value, deeper(tokens, parse))
      tokens:need("]")
    else
      return value
    end
  end
end

local LITERALS = { ["true"] = constant(true), ["false"] = constant(false), ["nil"] = constant(nil) }

local function primary(tokens)
  local token = tokens:peek()
  if token.kind == "text" or token.kind == "number" then
    tokens.index = tokens.index + 1
    return constant(token.value)
  elseif token.kind == "name" and LITERALS[token.value] then
    tokens.index = tokens.index + 1
    return LITERALS[token.value]
  elseif tokens:take("-") then
    return constant(-tokens:need_kind("number", "a number behind '-'").value)
  elseif tokens:take("(") then
    local value = deeper(tokens, parse)
    tokens:need(")")
    return value
  end
  return path(tokens)
end

local function length(tokens)
  local token = tokens:take("#")
  if not token then
    return primary(tokens)
  end
  local value, reader = primary(tokens), tokens.reader
  return function(r)
    local v = value(r)
    if v == nil then
      return 0
    elseif type(v) == "string" then
      return utf8.len(v) or #v
    elseif type(v) == "table" then
      return #v
    end
    reader:fail(token.at, "a %s has no length", type(v))
  end
end

-- ---- operators ----

local COMPARE = {
  ["<"] = function(a, b)
    return a < b
  end,
  ["<="] = function(a, b)
    return a <= b
  end,
  [">"] = function(a, b)
    return a > b
  end,
  [">="] = function(a, b)
    return a >= b
  end,
}

local function ordered(tokens, token, left, right)
  local compare, reader = COMPARE[token.kind], tokens.reader
  return function(r)
    local a, b = left(r), right(r)
    local kind = type(a)
    if kind ~= type(b) or (kind ~= "number" and kind ~= "string") then
      reader:fail(token.at, "a %s and a %s have no order: compare two numbers or two texts", kind, type(b))
    end
    return compare(a, b)
  end
end

local function comparison(tokens)
  local left = length(tokens)
  local token = tokens:peek()
  if token.kind == "==" or token.kind == "~=" then
    tokens.index = tokens.index + 1
    local right, same = length(tokens), token.kind == "=="
    return function(r)
      return (left(r) == right(r)) == same
    end
  elseif COMPARE[token.kind] then
    tokens.index = tokens.index + 1
    return ordered(tokens, token, left, length(tokens))
  end
  return left
end

local function negation(tokens)
  if not tokens:take("not") then
    return comparison(tokens)
  end
  local value = deeper(tokens, negation)
  return function(r)
    return not value(r)
  end
end

-- A chain of one operator: the values are tried from left to right.
local function chain(tokens, word, next_level, stops)
  local values = {}
  repeat
    table.insert(values, next_level(tokens))
  until not tokens:take(word)
  if #values == 1 then
    return values[1]
  end
  return function(r)
    local value
    for _, each in ipairs(values) do
      value = each(r)
      if stops(value) then
        return value
      end
    end
    return value
  end
end

local function is_true(value)
  return value
end

local function is_false(value)
  return not value
end

local function conjunction(tokens)
  return chain(tokens, "and", negation, is_false)
end

function parse(tokens)
  return chain(tokens, "or", conjunction, is_true)
end

--- Parses one expression; what comes behind it stays.
---@param tokens TemplateTokens
---@return TemplateValue
function M.parse(tokens)
  return parse(tokens)
end

return M
