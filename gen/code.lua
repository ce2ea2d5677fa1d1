-- code: what a Lua file of a service says to the generator: which local is the service, which handlers it defines and
-- where, where the file's `return` is. Reads tokens only; changes nothing.

local lexer = require "gen.lexer"

local M = {}

---@class Source a Lua file that was read
---@field text string
---@field tokens Token[]
---@field comments Comment[]
---@field inside (string|false)[] by token: what encloses it most closely: "(", "{", "[", "block" or false
---@field services string[] locals that hold the service: local svc = require "service" (...)
---@field specs string[] locals that hold it in a spec: local service = require("spec").service()
---@field final Token? the `return` at the end of the file
---@field comment_at table<integer, Comment> by line: comments that have a line of their own

---@class Definition of a handler
---@field name string
---@field object string the local in front of it: svc
---@field form "function"|"value"|"method"|"other" function svc.X(), svc.X = function(), function svc:X(), svc.X = …
---@field token integer index of its first token
---@field from integer first byte
---@field line integer
---@field params { from: integer, to: integer, names: string[] }? with the parentheses; of the first two forms

local OPENERS = { ["("] = "(", ["{"] = "{", ["["] = "[", ["function"] = "block", ["if"] = "block", ["do"] = "block",
  ["repeat"] = "block" }
local CLOSERS = { [")"] = true, ["}"] = true, ["]"] = true, ["end"] = true, ["until"] = true }

local function is(token, text)
  return token ~= nil and token.text == text and (token.kind == "symbol" or token.kind == "keyword")
end

local function enclosures(tokens)
  local inside, stack = {}, {}
  for i, token in ipairs(tokens) do
    local plain = token.kind == "symbol" or token.kind == "keyword"
    if plain and CLOSERS[token.text] then
      table.remove(stack)
    end
    inside[i] = stack[#stack] or false
    if plain and OPENERS[token.text] then
      table.insert(stack, OPENERS[token.text])
    end
  end
  return inside
end

-- Behind `require "module"` or `require("module")` at token i; nil when there is something else.
local function after_require(tokens, i, module)
  local token, bracket = tokens[i], is(tokens[i + 1], "(")
  if token.kind ~= "name" or token.text ~= "require" then
    return nil
  end
  local argument = tokens[i + (bracket and 2 or 1)]
  if argument.kind ~= "string" or argument.text ~= module then
    return nil
  end
  return i + (bracket and 4 or 2)
end

-- The name that `local name =` or `local name <const> =` at token i gives, and where its value begins.
local function local_name(tokens, i)
  local name = tokens[i + 1]
  if not is(tokens[i], "local") or name.kind ~= "name" then
    return nil
  end
  local at = i + 2
  if is(tokens[at], "<") then
    at = at + 3
  end
  if is(tokens[at], "=") then
    return name.text, at + 1
  end
end

local function find_locals(source)
  local tokens, makers = source.tokens, {}
  for i = 1, #tokens do
    local name, value = local_name(tokens, i)
    if name then
      local after = after_require(tokens, value, "service")
      local spec = after_require(tokens, value, "spec")
      if after and is(tokens[after], "(") or makers[tokens[value].text] and is(tokens[value + 1], "(") then
        table.insert(source.services, name)
      elseif after then
        makers[name] = true
      elseif spec and is(tokens[spec], ".") and tokens[spec + 1].text == "service" then
        table.insert(source.specs, name)
      end
    end
  end
end

--- Reads a file. Returns nil and "line: why" when it does not compile.
---@param text string
---@return Source? source
---@return string? problem
---@return integer? line
function M.read(text)
  local compiled, why = lexer.compile(text)
  if not compiled then
    local line, rest = why:match("^file:(%d+): (.*)$")
    return nil, rest or why, tonumber(line) or 1
  end
  local tokens, comments = lexer.read(text)
  local source = {
    text = text, tokens = tokens, comments = comments, inside = enclosures(tokens), services = {}, specs = {},
    comment_at = {},
  }
  for i, token in ipairs(tokens) do
    if is(token, "return") and not source.inside[i] then
      source.final = token
    end
  end
  for _, comment in ipairs(comments) do
    if comment.alone and not comment.block then
      source.comment_at[comment.line] = comment
    end
  end
  find_locals(source)
  return source
end

-- The parameter list whose "(" is token i.
local function parameters(tokens, i)
  local names, open = {}, tokens[i]
  while not is(tokens[i], ")") do
    i = i + 1
    if tokens[i].kind == "name" or is(tokens[i], "...") then
      table.insert(names, tokens[i].text)
    end
  end
  return { from = open.from, to = tokens[i].to, names = names }
end

-- Whether the comma at token i goes on with more variables, up to an "=".
local function assigns_list(tokens, i)
  while is(tokens[i], ",") or is(tokens[i], ".") or is(tokens[i], "[") or is(tokens[i], "]") or
    tokens[i].kind == "name" or tokens[i].kind == "string" do
    i = i + 1
  end
  return is(tokens[i], "=")
end

-- `function svc.X(` or `function svc:X(`, where token i is svc.
local function function_at(tokens, i)
  local dot, name, open = tokens[i + 1], tokens[i + 2], tokens[i + 3]
  if name.kind == "name" and is(open, "(") then
    local method = is(dot, ":")
    return {
      name = name.text,
      form = method and "method" or "function",
      token = i - 1,
      params = not method and parameters(tokens, i + 3) or nil,
    }
  end
end

-- `svc.X =`, `svc["X"] =`, `svc.X, … =`, where token i is svc and begins a statement or goes on with its variables.
local function assignment_at(source, i)
  local tokens = source.tokens
  local bracket = is(tokens[i + 1], "[")
  local name, after = tokens[i + 2], tokens[i + (bracket and 4 or 3)]
  if name.kind ~= (bracket and "string" or "name") or (bracket and not is(tokens[i + 3], "]")) then
    return nil
  end
  local value = i + (bracket and 5 or 4)
  if is(after, "=") and not bracket and is(tokens[value], "function") then
    return { name = name.text, form = "value", token = i, params = parameters(tokens, value + 1) }
  elseif is(after, "=") or (is(after, ",") and assigns_list(tokens, value - 1)) then
    return { name = name.text, form = "other", token = i }
  end
end

local function definition_at(source, i)
  local tokens, before, dot = source.tokens, source.tokens[i - 1], source.tokens[i + 1]
  if is(before, "function") then
    return (is(dot, ".") or is(dot, ":")) and function_at(tokens, i) or nil
  end
  local enclosed = source.inside[i] and source.inside[i] ~= "block"
  if enclosed or is(before, ".") or is(before, ":") or not (is(dot, ".") or is(dot, "[")) then
    return nil
  end
  return assignment_at(source, i)
end

--- The handlers that a file defines, in order. Only names that begin with a capital can be handlers.
---@param source Source
---@param objects table<string, boolean> names under which the service is known
---@return Definition[]
function M.definitions(source, objects)
  local list = {}
  for i, token in ipairs(source.tokens) do
    if token.kind == "name" and objects[token.text] then
      local definition = definition_at(source, i)
      if definition and definition.name:find("^%u") then
        local first = source.tokens[definition.token]
        definition.object, definition.from, definition.line = token.text, first.from, first.line
        table.insert(list, definition)
      end
    end
  end
  return list
end

--- What a file speaks of: names of fields, and the words that texts begin with. A spec that speaks of a handler tests it.
---@param source Source
---@param into table<string, boolean>
function M.mentioned(source, into)
  for i, token in ipairs(source.tokens) do
    local before = source.tokens[i - 1]
    if token.kind == "name" and (is(before, ".") or is(before, ":")) then
      into[token.text] = true
    elseif token.kind == "string" then
      into[token.text:match("^%w*")] = true
    end
  end
end

--- A Lua file without the comments above its first line of code: what a licence says changes nothing. Annotations count as
--- code.
---@param text string
---@return string
function M.without_header(text)
  local at = 1
  while true do
    at = text:find("%S", at)
    if not at then
      return ""
    elseif text:sub(at, at + 1) ~= "--" or text:find("^%-%-%-[^-]", at) then
      return text:sub(at)
    end
    local level = text:match("^%-%-%[(=*)%[", at)
    local _, to = text:find(level and "]" .. level .. "]" or "\n", at, true)
    at = (to or #text) + 1
  end
end

--- Where the line of a byte begins.
---@param text string
---@param at integer
function M.line_start(text, at)
  while at > 1 and text:byte(at - 1) ~= 10 do
    at = at - 1
  end
  return at
end

--- How the lines of a text end.
---@param text string
---@return "\n"|"\r\n"
function M.line_end(text)
  return text:find("^[^\n]*\r\n") and "\r\n" or "\n"
end

--- What has to be put behind a text so that the next thing stands after one blank line.
---@param text string
---@param eol string
---@return string
function M.gap(text, eol)
  if text == "" or text:find("\n[ \t]*\r?\n$") then
    return ""
  end
  return text:sub(-1) == "\n" and eol or eol .. eol
end

--- Applies changes that do not overlap.
---@param text string
---@param edits { from: integer, to: integer, text: string }[] from = to + 1 inserts before `from`
---@return string
function M.apply(text, edits)
  table.sort(edits, function(a, b)
    return a.from < b.from or (a.from == b.from and a.to < b.to)
  end)
  local parts, at = {}, 1
  for _, edit in ipairs(edits) do
    table.insert(parts, text:sub(at, edit.from - 1))
    table.insert(parts, edit.text)
    at = edit.to + 1
  end
  table.insert(parts, text:sub(at))
  return table.concat(parts)
end

return M
