-- stubs: what an editor has to know of the modules that a service can require: a LuaCATS file for each, made of the tables
-- beside the bindings in C and of the annotations in lua/. Tells what is not documented, or says what cannot be read. Pure.

local annotation = require "gen.annotation"
local exports = require "gen.exports"
local keys = require "service.keys"

local M = {}

---@class HostLibrary a module written in C, as `modules.libraries` gives it
---@field name string
---@field file string
---@field trust "all"|"platform"|"trusted"
---@field module boolean false of classes that other modules hand out
---@field docs { name: string, signature: string, text: string }[]

---@class Stubs
---@field files table<string, string> texts by path below lua/types/
---@field exports StubExport[] everything that a script can call
---@field modules table<string, HostModule> what each module has
---@field problems Problem[] what is missing, or wrong

---@class StubExport
---@field module string? "store"; nil of methods
---@field name string
---@field class string? "Collection", of methods
---@field file string
---@field text string what is said about it

-- Objects that handlers meet and that no module of their own gives.
local OBJECTS = {
  "lua/service/cache.lua", "lua/service/config.lua", "lua/service/context.lua", "lua/service/metrics.lua",
  "lua/service/resources.lua",
}

local BUILTIN = {}
for name in ("any boolean function integer lightuserdata nil number string table thread true false self unknown userdata")
  :gmatch "%S+" do
  BUILTIN[name] = true
end

local HEAD = [[
---@meta %s
--
-- Generated from %s by ./dev fmt; do not edit.
]]

local WIDTH = 116

-- Text as comment lines.
local function comment(text)
  local lines, line = {}, "---"
  for word in text:gmatch "%S+" do
    if #line + 1 + #word > WIDTH then
      table.insert(lines, line)
      line = "---"
    end
    line = line .. " " .. word
  end
  table.insert(lines, line)
  return table.concat(lines, "\n")
end

local function variable(module)
  return module:match "[^.]+$"
end

-- How many arguments a function takes. What may be nil may be left out.
local function field_of(params)
  local field = { least = 0, most = #params }
  for i, one in ipairs(params) do
    if one.name == "..." then
      field.most = nil
    elseif not (one.optional or one.type == "any" or one.type:find "%?$" or one.type:find "%f[%w]nil%f[%W]") then
      field.least = i
    end
  end
  return field
end

-- ---- one run ----

local Run = {}
Run.__index = Run

function Run:problem(file, line, text, ...)
  table.insert(self.problems, { file = file, line = line or 1, column = 1, text = text:format(...) })
end

-- Reads a type and remembers which classes it needs. `what` is for messages.
function Run:type(text, file, line, what)
  local read, rest = annotation.read(text)
  if not read then
    self:problem(file, line, "%s: %s", what, rest)
    return nil
  end
  for _, name in ipairs(read.names) do
    if not BUILTIN[name] then
      table.insert(self.needed, { name = name, file = file, line = line, what = what })
    end
  end
  return read, rest
end

function Run:define(name, file, line)
  if self.known[name] then
    self:problem(file, line, "class %s is declared twice", name)
  end
  self.known[name] = true
end

-- ---- from C ----

-- `name? type` of a parameter as an annotation, and what stands between the parentheses.
local function parameters(fun, skip_self)
  local lines, names = {}, {}
  for i, one in ipairs(fun.params) do
    if not (skip_self and i == 1) then
      table.insert(lines, ("---@param %s%s %s"):format(one.name, one.optional and "?" or "", one.type))
      table.insert(names, one.name)
    end
  end
  return lines, table.concat(names, ", ")
end

-- A function or a value of a library.
function Run:c_row(library, doc)
  local object, mark, name = doc.name:match "^([%w_]+)([:.])([%w_]+)$"
  local read, rest = self:type(doc.signature, library.file, 1, doc.name)
  if not read then
    return nil
  elseif rest:find "%S" then
    self:problem(library.file, 1, "%s: %q is behind its type", doc.name, rest)
  end
  if #doc.text < 6 then
    self:problem(library.file, 1, "%s: nothing is said about it", doc.name)
  end
  name = name or doc.name
  if mark == "." then
    return ("---@field %s %s %s"):format(name, doc.signature, doc.text), object
  end
  local lines = { comment(doc.text) }
  if not object then
    self.modules[library.name].fields[name] = read.fun and field_of(read.fun.params) or {}
  end
  if not read.fun then
    return ("%s\n---@type %s\n%s.%s = nil"):format(lines[1], read.text, variable(library.name), name)
  end
  local params, list = parameters(read.fun, mark == ":")
  table.move(params, 1, #params, 2, lines)
  for _, kind in ipairs(read.fun.returns) do
    table.insert(lines, "---@return " .. kind)
  end
  table.insert(lines, ("function %s%s%s(%s) end"):format(object or variable(library.name), mark or ".", name, list))
  table.insert(self.exports, {
    module = not object and library.name or nil, class = object, name = name, file = library.file, text = doc.text,
  })
  return table.concat(lines, "\n")
end

-- The class blocks of a library: fields behind their class.
local function class_block(run, library)
  local lines, name = {}, nil
  for _, doc in ipairs(library.docs) do
    if doc.signature == "class" then
      name = doc.name
      run:define(name, library.file)
      lines = { comment(doc.text), "---@class " .. name }
    elseif doc.name:find(".", 1, true) then
      table.insert(lines, (run:c_row(library, doc)))
    end
  end
  return name and table.concat(lines, "\n") .. ("\nlocal %s = {}\n"):format(name)
end

function Run:library(library)
  self.modules[library.name] = library.module and { trust = library.trust, fields = {} } or nil
  local parts = { HEAD:format(library.module and library.name or "_", library.file) }
  local class = class_block(self, library)
  if class then
    table.insert(parts, class)
  end
  if library.module then
    table.insert(parts, ("local %s = {}\n"):format(variable(library.name)))
  end
  for _, doc in ipairs(library.docs) do
    if doc.signature ~= "class" and not doc.name:find(".", 1, true) then
      local text = self:c_row(library, doc)
      table.insert(parts, text and text .. "\n")
    end
  end
  if library.module then
    table.insert(parts, ("return %s\n"):format(variable(library.name)))
  end
  return table.concat(parts, "\n")
end

-- ---- from Lua ----

local TAGS = { param = true, ["return"] = true, field = true, type = true, overload = true, alias = true, class = true }

-- Behind the name of a tag: the type that it has, and the name that it is about.
local function tagged(tag, text)
  if tag == "param" then
    local name, rest = text:match "^([%w_.]+)%??%s+(.+)$"
    return rest, name
  elseif tag == "field" then
    return text:match "^%[.-%]%s+(.+)$" or text:match "^[%w_]+%??%s+(.+)$"
  elseif tag == "alias" then
    return text:match "^[%w_.]+%s+(.+)$"
  elseif tag == "class" then
    return text:match "^[%w_.]+%s*:%s*(.+)$"
  end
  return text
end

-- Checks what a block of comments says; gives the names of its parameters and its first sentence.
function Run:doc(doc, file, line, what)
  local told, sentences = {}, {}
  for _, text in ipairs(doc) do
    local tag, rest = text:match "^%-%-%-@(%a+)%s*(.*)$"
    local generic = tag == "generic" and rest:match "^[%a_]+"
    if generic then
      told[generic] = true
    elseif TAGS[tag] then
      local kind, name = tagged(tag, rest)
      if kind then
        local start = #self.needed
        self:type(kind, file, line, what)
        for i = #self.needed, start + 1, -1 do
          if told[self.needed[i].name] then -- a generic
            table.remove(self.needed, i)
          end
        end
      elseif tag ~= "class" then
        self:problem(file, line, "%s: @%s has no type", what, tag)
      end
      told["(" .. (name or "")] = kind or true
      told["?" .. (name or "")] = rest:find "^[%w_]+%?" ~= nil
    elseif not tag then
      table.insert(sentences, text:match "^%-%-%-%s*(.*)$")
    end
  end
  return told, table.concat(sentences, " ")
end

function Run:lua_row(path, object, export, module)
  local what = ("%s%s%s"):format(object, export.colon and ":" or ".", export.name)
  local told, text = self:doc(export.doc, path, export.line, what)
  if #text < 6 then
    self:problem(path, export.line, "%s: nothing is said about it", what)
  end
  local params = {}
  for i, name in ipairs(export.params or {}) do
    local kind = told["(" .. name]
    if not kind and name ~= "..." then
      self:problem(path, export.line, "%s: parameter %s has no annotation", what, name)
    end
    local read = kind and annotation.read(kind)
    params[i] = { name = name, type = read and read.text or "any", optional = told["?" .. name] }
  end
  if module then
    self.modules[module].fields[export.name] = export.params and field_of(params) or {}
  end
  if not export.params and not told["("] then
    self:problem(path, export.line, "%s: it has no @type", what)
  end
  table.insert(self.exports, { module = module, class = export.class, name = export.name, file = path, text = text })
  local code = export.params and ("function %s(%s) end"):format(what, table.concat(export.params, ", ")) or what .. " = nil"
  return table.concat(export.doc, "\n") .. "\n" .. code
end

-- The stub of a file in Lua; of an object only its classes.
function Run:source(path, text, module)
  local read = exports.read(text)
  if module then
    self.modules[module] = { trust = "all", fields = read.module and {} or nil }
  end
  local parts, with_methods = { HEAD:format(module or "_", path) }, {}
  for _, method in ipairs(read.methods) do
    with_methods[method.class] = true
  end
  for _, class in ipairs(read.classes) do
    if class.name then
      self:define(class.name, path, class.line)
    end
    self:doc(class.doc, path, class.line, class.name or "alias")
    local block = table.concat(class.doc, "\n")
    if class.name and with_methods[class.name] then
      block = ("%s\nlocal %s = {}"):format(block, variable(class.name))
    end
    table.insert(parts, block .. "\n")
  end
  for _, method in ipairs(read.methods) do
    table.insert(parts, self:lua_row(path, variable(method.class), method) .. "\n")
  end
  if module and not read.module then
    if read.gives then
      self:doc({ "---@type " .. read.gives }, path, 1, module)
    else
      self:problem(path, 1, "%s: a ---@type above its return says what it gives", module)
    end
    table.insert(parts, ("---@type %s\nlocal %s\n\nreturn %s\n"):format(read.gives or "table", module, module))
  elseif module then
    local intro = #read.intro > 0 and table.concat(read.intro, "\n") .. "\n" or ""
    self:doc(read.intro, path, 1, module)
    table.insert(parts, ("%slocal %s = {}\n"):format(intro, variable(module)))
    for _, export in ipairs(read.functions) do
      table.insert(parts, self:lua_row(path, variable(module), export, module) .. "\n")
    end
    table.insert(parts, ("return %s\n"):format(variable(module)))
  end
  return table.concat(parts, "\n")
end

-- Classes that modules mention and that are declared inside the host, and those that these mention.
function Run:inner(sources)
  local blocks, parts, i = {}, { HEAD:format("_", "lua/ and gen/") }, 1
  for path, text in pairs(sources) do
    for _, class in ipairs(exports.read(text).classes) do
      if class.name then
        blocks[class.name] = { path = path, class = class }
      end
    end
  end
  while i <= #self.needed do
    local need = self.needed[i]
    local block = blocks[need.name]
    if not self.known[need.name] and block then
      self:define(need.name, block.path, block.class.line)
      self:doc(block.class.doc, block.path, block.class.line, need.name)
      table.insert(parts, table.concat(block.class.doc, "\n") .. "\n")
    elseif not self.known[need.name] then
      self:problem(need.file, need.line, "%s: nobody declares the class %s", need.what, need.name)
    end
    i = i + 1
  end
  return table.concat(parts, "\n")
end

-- Modules that can be required and have no stub.
function Run:more_modules(sources)
  for path in pairs(sources) do
    local module = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", ".")
    self.modules[module] = self.modules[module] or { trust = "all" }
  end
end

-- ---- all of them ----

-- Aliases are types, too.
local function find_aliases(run, text)
  for name in text:gmatch "\n%-%-%-@alias ([%w_.]+)" do
    run.known[name] = true
  end
end

--- The stubs of all modules.
---@param libraries HostLibrary[]
---@param sources table<string, string> the files of lua/ and gen/: texts by path
---@return Stubs
function M.make(libraries, sources)
  local run = setmetatable({ known = {}, needed = {}, exports = {}, modules = {}, problems = {} }, Run)
  local files = {}
  for _, library in ipairs(libraries) do
    files[library.name .. ".lua"] = run:library(library)
  end
  for _, path in ipairs(keys.sorted(sources)) do
    find_aliases(run, sources[path])
    local module = path:match "^lua/([%w_]+)%.lua$"
    if module then
      files[module .. ".lua"] = run:source(path, sources[path], module)
    end
  end
  for _, path in ipairs(OBJECTS) do
    files[path:match "^lua/(.+)%.lua$":gsub("/", ".") .. ".lua"] = run:source(path, sources[path] or "")
  end
  files["inner.lua"] = run:inner(sources)
  run:more_modules(sources)
  return { files = files, exports = run.exports, modules = run.modules, problems = run.problems }
end

return M
