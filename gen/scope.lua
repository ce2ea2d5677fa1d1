-- scope: which names of a Lua file are globals, and what is done with the modules that it requires. A reader of the whole
-- grammar (Lua 5.4, §9 of its manual) that keeps the locals in sight and forgets everything else. The text must compile: the
-- caller has checked that. Pure.

local lexer = require "gen.lexer"

local M = {}

---@class Scope what was found, in the order of the file
---@field globals { name: string, token: Token, assigned: boolean, field: string?, field_token: Token? }[] `field` is
--- what is taken of the global: os.time
---@field requires { module: string, token: Token }[] with a text for a name
---@field uses ModuleUse[]
---@field service ServiceUse[]
---@field final Token? the name that the file returns
---@field keys Token[]? those of the table that the file returns

---@class ModuleUse `json.decode(text)`
---@field module string
---@field name string
---@field token Token of the name
---@field count integer? arguments of the call; nil when it is none, or when only running it tells
---@field method boolean with a colon
---@field assigned boolean

---@class ServiceUse `svc.config.Greeting`
---@field section string "config" or "metrics"
---@field name string
---@field token Token

-- What the reader of a file remembers. A local is { module =, service =, assigned = }.
local Reader = {}
Reader.__index = Reader

function Reader:is(text)
  local token = self.token
  return token.text == text and (token.kind == "symbol" or token.kind == "keyword")
end

function Reader:advance()
  local token = self.token
  self.at = self.at + 1
  self.token = self.tokens[self.at]
  return token
end

function Reader:take(text)
  return self:is(text) and self:advance() or nil
end

-- ---- names ----

function Reader:open()
  self.names = setmetatable({}, { __index = self.names, outer = self.names })
end

function Reader:leave()
  self.names = getmetatable(self.names).outer
end

-- The environment of the file, which globals are fields of: what a local _ENV does not hide.
local function environment(reader)
  return reader.names._ENV == reader.environment and not reader.environment.assigned
end

function Reader:declare(name, value)
  if name == "_ENV" and value and value.variable == self.environment then
    return self.environment
  end
  local variable = { module = value and value.module, service = value and value.service }
  self.names[name] = variable
  return variable
end

-- ---- expressions ----
--
-- The value of an expression is nil, or what is known about it: { module = "json" } after `require "json"`, with `variable`
-- when a local holds it; { service = true } for what `require "service" (...)` gives, { section = "config" } for a part of
-- that; { global = } for the entry of a global.

local read_expression, read_block, read_function

-- How many values a list has; nil when its last one may be several. What is known of each goes into `values`.
local function read_list(reader, values)
  local count = 0
  local value, several
  repeat
    value, several = read_expression(reader)
    count = count + 1
    if values then
      values[count] = value
    end
  until not reader:take ","
  return not several and count or nil
end

-- Arguments, when some stand here: how many (nil: nobody knows), whether there were some, and the text that is the only one.
local function read_arguments(reader)
  local token = reader.token
  if token.kind == "string" then
    reader:advance()
    return 1, true, token
  elseif reader:is "{" then
    reader:read_table()
    return 1, true
  elseif not reader:take "(" then
    return nil, false
  end
  local only = reader.token.kind == "string" and reader.tokens[reader.at + 1].text == ")" and reader.token or nil
  local count = 0
  if not reader:is ")" then
    count = read_list(reader)
  end
  reader:take ")"
  return count, true, only
end

local function use(reader, value, token, method)
  local entry = { module = value.module, name = token.text, token = token, method = method, assigned = false }
  entry.variable = value.variable
  table.insert(reader.uses, entry)
  return entry
end

-- Behind `value.`: what the field is.
local function field_of(reader, value, token)
  if not value then
    return nil
  elseif value.module then
    return { use = use(reader, value, token, false) }
  elseif value.service and (token.text == "config" or token.text == "metrics") then
    return { section = token.text, variable = value.variable }
  elseif value.section then
    table.insert(reader.service,
      { section = value.section, name = token.text, token = token, variable = value.variable })
  elseif value.global and not value.global.field then
    value.global.field, value.global.field_token = token.text, token
  end
  return nil
end

-- Behind the arguments of a call: require "json" is the module.
local function called(reader, value, count, text)
  if value and value.use then
    value.use.count = count
  elseif value and value.module == "service" then
    return { service = true }
  elseif value and value.global and value.global.name == "require" and text then
    table.insert(reader.requires, { module = text.text, token = text })
    return { module = text.text }
  end
  return nil
end

local function read_suffixes(reader, value)
  local last
  while true do
    if reader:take "." then
      local token = reader:advance()
      value, last = field_of(reader, value, token), "field"
    elseif reader:take "[" then
      read_expression(reader)
      reader:take "]"
      value, last = nil, "field"
    elseif reader:take ":" then
      local token = reader:advance()
      if value and value.module then
        use(reader, value, token, true)
      end
      read_arguments(reader)
      value, last = nil, "call"
    else
      local count, there, text = read_arguments(reader)
      if not there then
        return value, last
      end
      value, last = called(reader, value, count, text), "call"
    end
  end
end

-- A name, or something in parentheses, with all that follows. Gives what is known of it, whether it is a call, and, when it is
-- a plain name, that name.
local function read_suffixed(reader)
  local token = reader:advance()
  local value
  if token.kind == "name" then
    local variable = reader.names[token.text] or not environment(reader) and {}
    if variable then
      value = { module = variable.module, service = variable.service, variable = variable }
    else
      value = { global = { name = token.text, token = token, assigned = false } }
      table.insert(reader.globals, value.global)
    end
  else
    read_expression(reader)
    reader:take ")"
  end
  local known, last = read_suffixes(reader, value)
  return known, last == "call", not last and token.kind == "name" and { token = token, value = value } or nil
end

function Reader:read_table(keys)
  self:take "{"
  while not self:is "}" do
    if self:take "[" then
      read_expression(self)
      self:take "]"
      self:take "="
    elseif self.token.kind == "name" and self.tokens[self.at + 1].text == "=" then
      local key = self:advance()
      self:take "="
      if keys then
        table.insert(keys, key)
      end
    end
    read_expression(self)
    if not self:take "," then
      self:take ";"
    end
  end
  self:take "}"
end

local UNARY = { ["not"] = true, ["#"] = true, ["-"] = true, ["~"] = true }
local BINARY = {}
for operator in ("+ - * / // % ^ .. == ~= < <= > >= and or & | ~ << >>"):gmatch "%S+" do
  BINARY[operator] = true
end

-- One operand. Which operator binds how does not matter here.
local function read_operand(reader)
  while UNARY[reader.token.text] and (reader.token.kind == "symbol" or reader.token.kind == "keyword") do
    reader:advance()
  end
  local token = reader.token
  if reader:take "function" then
    read_function(reader)
  elseif reader:is "{" then
    reader:read_table()
  elseif token.kind == "name" or reader:is "(" then
    return read_suffixed(reader)
  else
    reader:advance() -- nil, true, false, a number, a text, ...
    return nil, token.kind == "symbol" and token.text == "..."
  end
end

--- What is known of the value, and whether it may be several.
function read_expression(reader)
  local value, several = read_operand(reader)
  while BINARY[reader.token.text] and (reader.token.kind == "symbol" or reader.token.kind == "keyword") do
    reader:advance()
    read_operand(reader)
    value, several = nil, false
  end
  return value, several
end

-- ---- statements ----

-- Behind `function` and its name.
function read_function(reader, with_self)
  reader:open()
  if with_self then
    reader:declare "self"
  end
  reader:take "("
  while not reader:take ")" do
    local token = reader:advance()
    if token.kind == "name" then
      reader:declare(token.text)
    end
  end
  read_block(reader)
  reader:take "end"
  reader:leave()
end

local function read_scope(reader)
  reader:open()
  read_block(reader)
  reader:leave()
end

local STATEMENTS = {}

STATEMENTS["if"] = function(reader)
  repeat
    read_expression(reader)
    reader:take "then"
    read_scope(reader)
  until not reader:take "elseif"
  if reader:take "else" then
    read_scope(reader)
  end
  reader:take "end"
end

STATEMENTS["while"] = function(reader)
  read_expression(reader)
  reader:take "do"
  read_scope(reader)
  reader:take "end"
end

STATEMENTS["do"] = function(reader)
  read_scope(reader)
  reader:take "end"
end

STATEMENTS["for"] = function(reader)
  local names = {}
  repeat
    table.insert(names, reader:advance().text)
  until not reader:take ","
  reader:advance() -- `=` or `in`
  read_list(reader)
  reader:take "do"
  reader:open()
  for _, name in ipairs(names) do
    reader:declare(name)
  end
  read_block(reader)
  reader:leave()
  reader:take "end"
end

-- The condition sees the locals of the block.
STATEMENTS["repeat"] = function(reader)
  reader:open()
  read_block(reader)
  reader:take "until"
  read_expression(reader)
  reader:leave()
end

STATEMENTS["function"] = function(reader)
  local token, method = reader:advance(), false
  local variable = reader.names[token.text] or not environment(reader) and {}
  local plain = true
  while reader:is "." or reader:is ":" do
    method = reader:advance().text == ":"
    local name = reader:advance()
    if plain and not method then
      table.insert(reader.defined, { object = token.text, token = name })
    end
    plain = false
  end
  if variable and plain then
    variable.assigned = true
  elseif not variable then
    table.insert(reader.globals, { name = token.text, token = token, assigned = plain })
  end
  read_function(reader, method)
end

STATEMENTS["local"] = function(reader)
  if reader:take "function" then
    reader:declare(reader:advance().text)
    read_function(reader)
    return
  end
  local names = {}
  repeat
    table.insert(names, reader:advance().text)
    if reader:take "<" then
      reader:advance()
      reader:take ">"
    end
  until not reader:take ","
  local values = {}
  if reader:take "=" then
    read_list(reader, values)
  end
  for i, name in ipairs(names) do
    reader:declare(name, values[i])
  end
end

STATEMENTS["return"] = function(reader)
  if reader.token.kind == "end of file" or reader:is "end" or reader:is "else" or reader:is "elseif" or reader:is "until" then
    return
  end
  local outermost = reader.depth == 1
  if outermost and reader:is "{" then
    reader.keys = {}
    reader:read_table(reader.keys)
  elseif not reader:is ";" then
    local token = reader.token
    read_list(reader)
    if outermost and token.kind == "name" and reader.tokens[reader.at - 1] == token then
      reader.final = token
    end
  end
  reader:take ";"
end

STATEMENTS["goto"] = function(reader)
  reader:advance()
end

STATEMENTS["::"] = function(reader)
  reader:advance()
  reader:take "::"
end

STATEMENTS["break"] = function() end
STATEMENTS[";"] = function() end

-- The target of an assignment: a name, or a field whose use is no reading.
local function assign(target)
  local plain, value = target.plain, target.value
  if plain and plain.value.variable then
    plain.value.variable.assigned = true
  elseif plain then
    plain.value.global.assigned = true
  elseif value and value.use then
    value.use.assigned = true
  end
end

-- A call or an assignment.
local function read_statement(reader)
  local targets, first = {}, reader.at
  repeat
    local from = reader.at
    local value, call, plain = read_suffixed(reader)
    table.insert(targets, { value = value, plain = plain })
    if call and #targets == 1 then
      return
    end
    if reader.at - from == 3 and reader.tokens[from + 1].text == "." then
      table.insert(reader.defined, { object = reader.tokens[from].text, token = reader.tokens[from + 2] })
    end
  until not reader:take ","
  if reader:take "=" then
    read_list(reader)
    for _, target in ipairs(targets) do
      assign(target)
    end
  end
  assert(reader.at > first)
end

local CLOSING = { ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true }

function read_block(reader)
  reader.depth = reader.depth + 1
  while reader.token.kind ~= "end of file" and not (reader.token.kind == "keyword" and CLOSING[reader.token.text]) do
    local token = reader.token
    local statement = (token.kind == "keyword" or token.kind == "symbol") and STATEMENTS[token.text]
    if statement then
      reader:advance()
      statement(reader)
    else
      read_statement(reader)
    end
  end
  reader.depth = reader.depth - 1
end

-- Of locals that are assigned later nobody knows what they hold.
local function settled(list)
  local out = {}
  for _, entry in ipairs(list) do
    if not (entry.variable and entry.variable.assigned) then
      entry.variable = nil
      table.insert(out, entry)
    end
  end
  return out
end

--- Reads a file that compiles.
---@param text string
---@return Scope
function M.read(text)
  local tokens = lexer.read((text:gsub("^#[^\n]*", "")))
  local own = {}
  local reader = setmetatable({
    tokens = tokens, at = 1, token = tokens[1], names = { _ENV = own }, environment = own, depth = 0, globals = {},
    requires = {}, uses = {}, service = {}, defined = {},
  }, Reader)
  read_block(reader)
  return {
    globals = reader.globals, requires = reader.requires, uses = settled(reader.uses), service = settled(reader.service),
    final = reader.final, keys = reader.keys, defined = reader.defined,
  }
end

return M
