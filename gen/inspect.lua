-- inspect: what is wrong in the code of a service, or of a policy, as far as reading tells: names that nothing defines, fields
-- that modules of the host do not have, calls with the wrong number of arguments, handlers nobody wrote yet. A doubt is no
-- finding: what is worked out at run time is left alone. Pure.

local code = require "gen.code"
local keys = require "service.keys"
local lexer = require "gen.lexer"
local report = require "gen.report"
local scope = require "gen.scope"
local service = require "gen.emit.service"

local M = {}

---@class HostModule what a script gets from `require`
---@field trust "all"|"platform"|"trusted"
---@field fields table<string, HostField>

---@class HostField
---@field least integer? arguments that a call has at least; nil of what is no function
---@field most integer? at most; nil: any number

---@class Inspection
---@field files table<string, string> texts by path in the folder
---@field modules table<string, HostModule>
---@field services table<string, boolean|string> the other services, by folder
---@field names { config: table<string, boolean>, metrics: table<string, boolean> }? what is declared
---@field platform boolean? it is a service of the platform

---@class CodeFinding
---@field path string
---@field line integer
---@field column integer
---@field text string

local function set(words)
  local out = {}
  for word in words:gmatch "%S+" do
    out[word] = true
  end
  return out
end

local GLOBALS = set [[
  _G _VERSION assert collectgarbage coroutine debug error getmetatable ipairs load math next os pairs pcall print rawequal
  rawget rawlen rawset require select setmetatable string table tonumber tostring type utf8 warn xpcall
]]
local OF_SPECS = set "describe it before_each after_each setup teardown io package dofile loadfile"

-- Of the libraries with names of their own; what is cut off from services is not in the first list.
local LIBRARIES = {
  coroutine = set "close create isyieldable resume running status wrap yield",
  debug = set "traceback",
  math = set [[
    abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad random randomseed sin
    sqrt tan tointeger type ult
  ]],
  os = set "clock date difftime time",
  string = set "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper",
  table = set "concat insert move pack remove sort unpack",
  utf8 = set "char charpattern codepoint codes len offset",
}

local Run = {}
Run.__index = Run

function Run:add(token, text, ...)
  table.insert(self.findings, {
    path = self.path, line = token.line, column = token.from - code.line_start(self.text, token.from) + 1,
    text = text:format(...),
  })
end

-- Of names of one or two letters any other is near.
local function meant(name, known)
  if #name < 3 then
    return ""
  end
  local nearest = report.nearest(name, keys.sorted(known))
  return nearest and ("; did you mean '%s'?"):format(nearest) or ""
end

-- ---- names ----

local function merged(a, b)
  local out = {}
  for _, from in ipairs { a, b } do
    for name in pairs(from) do
      out[name] = true
    end
  end
  return out
end

local function check_globals(run, found, own, in_spec)
  local known = merged(own, in_spec and merged(GLOBALS, OF_SPECS) or GLOBALS)
  for _, use in ipairs(found.globals) do
    local library = LIBRARIES[use.name]
    if not known[use.name] then
      local hidden = OF_SPECS[use.name] or use.name == "dofile"
      run:add(use.token, hidden and "services have no '%s'%s" or "nothing defines '%s'%s", use.name,
        hidden and "" or meant(use.name, known))
    elseif use.field and library and not own[use.name] and not in_spec and not library[use.field] then
      run:add(use.field_token, "there is no %s.%s%s", use.name, use.field, meant(use.field, library))
    end
  end
end

-- ---- modules ----

local function is_file(run, module)
  return run.input.files[module:gsub("%.", "/") .. ".lua"] ~= nil
end

-- services.NAME.api, where that service is.
local function is_stub(run, module)
  local folder = module:match "^services%.(.+)%.api$"
  return folder and run.input.services[(folder:gsub("%.", "/"))] and true
end

local function check_requires(run, found, in_spec)
  for _, use in ipairs(found.requires) do
    local name = use.module
    local host = run.input.modules[name]
    if host and host.trust ~= "all" and not in_spec and not (host.trust == "platform" and run.input.platform) then
      run:add(use.token, "module '%s' is not for services", name)
    elseif not host and not is_file(run, name) and not is_stub(run, name) then
      local folder = name:match "^services%.(.+)%.api$"
      run:add(use.token, folder and "there is no service '%s'%s" or "there is no module '%s'%s",
        folder and folder:gsub("%.", "/") or name, folder and "" or meant(name, run.input.modules))
    end
  end
end

-- How many arguments a function takes, in words.
local function takes(field)
  local most = field.most
  if not most or most ~= field.least then
    return (most and "%d to %d arguments" or "at least %d arguments"):format(field.least, most)
  end
  return ("%d argument%s"):format(most, most == 1 and "" or "s")
end

local function check_uses(run, found)
  for _, use in ipairs(found.uses) do
    local module = run.input.modules[use.module]
    local field = module and module.fields and module.fields[use.name]
    if module and module.fields and not use.assigned then
      if not field then
        run:add(use.token, "there is no %s.%s%s", use.module, use.name, meant(use.name, module.fields))
      elseif use.method and field.least then
        run:add(use.token, "write %s.%s with a point: with a colon it gets the module as its first argument", use.module,
          use.name)
      elseif use.count and field.least and (use.count < field.least or use.count > (field.most or math.huge)) then
        run:add(use.token, "%s.%s takes %s, not %d", use.module, use.name, takes(field), use.count)
      end
    end
  end
end

local function check_service(run, found)
  for _, use in ipairs(found.service) do
    local names = run.input.names[use.section]
    if not names[use.name] then
      run:add(use.token, "%s '%s' is not declared in service.yaml%s", use.section == "config" and "config" or "metric",
        use.name, meant(use.name, names))
    end
  end
end

-- ---- skeletons ----

-- What the generator leaves: raise(501, "Add is not written yet").
local function find_skeletons(run)
  local source = code.read(run.text)
  local tokens = source and source.tokens or {}
  for i, token in ipairs(tokens) do
    local name = token.kind == "string" and token.text:match "^([%a_][%w_]*) is not written yet$"
    if name and i > 4 and tokens[i - 2].text == "501" and tokens[i - 4].text == "raise" then
      run:add(tokens[i - 4], "%s is declared but has no code: it answers 501 as it was generated", name)
    end
  end
end

-- ---- a service ----

local function looked_at(path)
  return service.is_code(path) or path:find "^spec/[^/]*%.lua$" ~= nil
end

local function read_all(files)
  local scopes, own = {}, {}
  for path, text in pairs(files) do
    if looked_at(path) and lexer.compile(text) then
      scopes[path] = scope.read(text)
      for _, use in ipairs(scopes[path].globals) do
        own[use.name] = own[use.name] or use.assigned or nil
      end
    end
  end
  return scopes, own
end

local function by_place(a, b)
  if a.path ~= b.path then
    return a.path < b.path
  end
  return a.line < b.line or a.line == b.line and a.column < b.column
end

--- What is wrong in the code of a service. Files that do not compile are somebody else's matter.
---@param input Inspection
---@return CodeFinding[]
function M.code(input)
  local run = setmetatable({ input = input, findings = {} }, Run)
  local scopes, own = read_all(input.files)
  for path, found in pairs(scopes) do
    local in_spec = path:find "^spec/" ~= nil
    run.path, run.text = path, input.files[path]
    check_globals(run, found, own, in_spec)
    check_requires(run, found, in_spec)
    check_uses(run, found)
    if input.names and not in_spec then
      check_service(run, found)
      find_skeletons(run)
    end
  end
  table.sort(run.findings, by_place)
  return run.findings
end

-- ---- types ----

-- Whether a text speaks of a class, outside of the line that declares it.
local function speaks_of(text, name)
  for line in text:gmatch "[^\n]+" do
    if line:find("%f[%w_]" .. name .. "%f[^%w_]") and not line:find("^%-%-%-@class%s+" .. name .. "%f[^%w_]") then
      return true
    end
  end
  return false
end

-- The lines of a types.lua that belong to each of its types.
local function parts_of(text, definitions)
  local lines, parts = {}, {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    table.insert(lines, line)
  end
  for i, definition in ipairs(definitions) do
    local last = definitions[i + 1] and definitions[i + 1].line - 1 or #lines
    parts[i] = table.concat(lines, "\n", definition.line, last)
  end
  return parts
end

--- The types of a types.lua that nothing reaches: no signature, no annotation in code, no type that is reached, no other
--- service.
---@param definitions TypeDefinition[]
---@param files table<string, string> of the service
---@param others table<string, string> types.lua of the other services, by folder
---@return TypeDefinition[]
function M.unused_types(definitions, files, others)
  local parts, reached = parts_of(files["types.lua"] or "", definitions), {}
  local texts = { (("\n" .. (files["service.yaml"] or "")):gsub("\n%s*#[^\n]*", "")) }
  for path, text in pairs(files) do
    if path ~= "types.lua" and path:find "%.lua$" and not path:find "^gen/" then
      table.insert(texts, text)
    end
  end
  for _, text in pairs(others) do
    table.insert(texts, text)
  end
  local at = 1
  while at <= #texts do
    for i, definition in ipairs(definitions) do
      if not reached[definition] and speaks_of(texts[at], definition.name) then
        reached[definition] = true
        table.insert(texts, parts[i])
      end
    end
    at = at + 1
  end
  local unused = {}
  for _, definition in ipairs(definitions) do
    if not reached[definition] then
      table.insert(unused, definition)
    end
  end
  return unused
end

return M
