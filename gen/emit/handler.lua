-- emit/handler: what a declared handler looks like in Lua: its parameters, the annotations above it, and what stands there until
-- somebody writes it. Pure.

local literal = require "gen.literal"
local luacats = require "gen.luacats"
local names = require "gen.names"

local M = {}

local TEXT_WIDTH = 114 -- columns of a line of description, without the dashes

local FIXED = { web = { "ctx", "req", "res" }, ticker = { "ctx" }, callback = { "ctx" } }
local FIXED_TYPES = { "Context", "Request", "Response" }

--- The handlers that a declaration wants code for, in the order in which they are added to service.lua. That of a config's
--- callback has the kind "callback".
---@param declaration Declaration
---@return Handler[]
function M.list(declaration)
  local list = {}
  for _, config in ipairs(declaration.configs) do
    if config.callback then
      table.insert(list, {
        kind = "callback",
        line = config.line,
        column = config.column,
        name = "OnChanged" .. config.name,
        description = ("OnChanged%s is called when the value of the config %s has changed."):format(config.name, config.name),
        inputs = {},
        outputs = {},
      })
    end
  end
  for _, section in ipairs { "functions", "sinks", "webs", "tickers" } do
    table.move(declaration[section], 1, #declaration[section], #list + 1, list)
  end
  return list
end

--- The names of a handler's parameters. Those of functions and sinks are declared; one that would be a keyword, or hide the
--- service, has an underscore behind it.
---@param handler Handler
---@param object? string the local that holds the service
---@return string[]
function M.parameters(handler, object)
  if FIXED[handler.kind] then
    return FIXED[handler.kind]
  end
  local list = { "ctx" }
  for _, input in ipairs(handler.inputs) do
    local name = names.variable(input.name)
    table.insert(list, name == object and name .. "_" or name)
  end
  return list
end

-- ---- annotations ----

-- Cuts a line into lines of a width, between words.
local function wrap(line, out)
  local current, width = nil, 0
  for blanks, word in line:gmatch("(%s*)(%S+)") do
    local columns = utf8.len(blanks .. word) or #blanks + #word
    if current and width + columns > TEXT_WIDTH then
      table.insert(out, current)
      current, width, blanks = nil, 0, ""
    end
    current, width = (current or "") .. blanks .. word, width + columns
  end
  table.insert(out, current or "")
end

--- A description as comment lines. A carriage return would end a comment, too.
---@param text string
---@return string[]
function M.description(text)
  local lines, out = {}, {}
  for line in (text:gsub("\r\n?", "\n") .. "\n"):gmatch("([^\n]*)\n") do
    wrap(line, lines)
  end
  for i, line in ipairs(lines) do
    out[i] = line ~= "" and "--- " .. line or "---"
  end
  return out
end

-- Whether the declaration says nothing about a handler but its name.
local function is_default(handler)
  return handler.description == ("%s is a %s."):format(handler.name, handler.kind)
end

--- The annotation lines above a handler. Of what is there already these stay: texts behind an unchanged `@param` or `@return`,
--- other tags, and a description where the declaration has none.
---@param handler Handler
---@param parameters string[] as they are called in the code; "_" is not spoken of
---@param old? string[] lines that are there
---@return string[]
function M.annotations(handler, parameters, old)
  local texts, tags, rest = {}, {}, {}
  local fixed = FIXED[handler.kind] ~= nil
  for _, line in ipairs(old or {}) do
    if not line:find("^%-%-%-@") then
      table.insert(texts, line)
    elseif line:find("^%-%-%-@param%s") or (not fixed and line:find("^%-%-%-@return%s")) then
      table.insert(tags, line)
    else
      table.insert(rest, line)
    end
  end
  local lines = is_default(handler) and #texts > 0 and texts or M.description(handler.description)
  local function add(line)
    for _, tag in ipairs(tags) do
      if tag == line or tag:sub(1, #line + 1) == line .. " " then
        line = tag
        break
      end
    end
    table.insert(lines, line)
  end
  for i, name in ipairs(parameters) do
    local kind = fixed and FIXED_TYPES[i] or i == 1 and "Context"
      or handler.inputs[i - 1] and luacats.type(handler.inputs[i - 1].type)
    if kind and name ~= "_" and name ~= "..." then
      add(("---@param %s %s"):format(name, kind))
    end
  end
  for _, output in ipairs(handler.outputs) do
    add(("---@return %s %s"):format(luacats.type(output.type), names.variable(output.name)))
  end
  return table.move(rest, 1, #rest, #lines + 1, lines)
end

-- ---- parameters that are there ----

--- The parameters that a handler's code should have. What its owner does not use may be called "_"; the first one may have
--- any name; `...` stands for all that follow.
---@param handler Handler
---@param present string[]
---@param object string the local that holds the service
---@return string[]
function M.refreshed(handler, present, object)
  if FIXED[handler.kind] then
    return present
  end
  local wanted, taken = M.parameters(handler, object), {}
  for _, name in ipairs(wanted) do
    taken[name] = true
  end
  local list = {}
  for i, name in ipairs(wanted) do
    local old = present[i]
    if old == "..." then
      table.insert(list, "...")
      break
    end
    local own = old and (old == "_" or old == "_" .. name or (i == 1 and not taken[old]))
    table.insert(list, own and old or name)
  end
  return list
end

--- A parameter list with its parentheses, on several lines when one is too short for it.
---@param head string what stands before it on its line, without indentation
---@param parameters string[]
---@param indent integer
---@return string
function M.parameter_list(head, parameters, indent)
  return (literal.call(head, parameters, ")", indent):sub(#head))
end

-- ---- skeletons ----

--- A handler that nobody has written yet: it answers 501.
---@param handler Handler
---@param object string the local that holds the service
---@return string
function M.skeleton(handler, object)
  local parameters = M.parameters(handler, object)
  local lines = M.annotations(handler, parameters)
  table.insert(lines, literal.call(("function %s.%s("):format(object, handler.name), parameters, ")"))
  table.insert(lines, ('  require "errors".raise(501, "%s is not written yet")'):format(handler.name))
  table.insert(lines, "end\n")
  return table.concat(lines, "\n")
end

return M
