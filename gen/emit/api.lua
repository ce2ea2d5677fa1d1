-- emit/api: gen/api.lua: how other services call this one, as a module with a function for each function and web handler.
-- Pure.

local handler = require "gen.emit.handler"
local literal = require "gen.literal"
local luacats = require "gen.luacats"
local names = require "gen.names"
local plumbing = require "gen.emit.plumbing"
local service = require "gen.emit.service"

local M = {}

M.PATH = "gen/api.lua"

local HEAD = [[
-- %s for those who call it:
--
--     local %s = require "%s"
]]

local LOCALS = { api = true, client = true } -- of the file

-- What callers give: ctx and the inputs of a function, ctx and a request of a web handler.
local function parameters(item)
  if item.kind == "web" then
    return { "ctx", "request" }
  end
  local list = handler.parameters(item)
  for i, name in ipairs(list) do
    list[i] = LOCALS[name] and name .. "_" or name
  end
  return list
end

local function annotations(item, list)
  if item.kind ~= "web" then
    return handler.annotations(item, list)
  end
  local lines = handler.description(item.description)
  table.insert(lines, "---@param ctx Context")
  table.insert(lines, "---@param request? WebRequest")
  table.insert(lines, "---@return WebResponse")
  return lines
end

local function function_text(item)
  local list = parameters(item)
  local lines = annotations(item, list)
  table.insert(lines, literal.call(("function api.%s("):format(item.name), list, ")"))
  local arguments = table.move(list, 1, #list, 2, { literal.quote(item.name) })
  table.insert(lines, "  " .. literal.call("return api.call(", arguments, ")", 2))
  table.insert(lines, "end\n")
  return table.concat(lines, "\n")
end

-- ---- classes for editors ----

local function fun(item, returns)
  local list = parameters(item)
  if item.kind == "web" then
    return ("fun(ctx: Context, request?: WebRequest): %s"):format(returns)
  end
  return luacats.fun(table.move(list, 2, #list, 1, {}), item.inputs, returns)
end

local function class(name, fields)
  return #fields > 0 and ("---@class %s\n%s\n"):format(name, table.concat(fields, "\n")) or nil
end

local function fields_of(items, kind_of)
  local fields = {}
  for _, item in ipairs(items) do
    table.insert(fields, ("---@field %s %s"):format(item.name, kind_of(item)))
  end
  return fields
end

-- The parts of the module that the client makes when it runs: { name, fields }.
local function parts_of(declaration)
  local callable = table.move(declaration.functions, 1, #declaration.functions, 1, {})
  table.move(declaration.webs, 1, #declaration.webs, #callable + 1, callable)
  local function answers(item)
    return fun(item, "fun(): Answer?")
  end
  return {
    { "all", fields_of(callable, answers) },
    { "fire", fields_of(declaration.events, answers) },
    { "on", fields_of(declaration.events, function(item)
      return ("fun(handler: %s)"):format(fun(item, luacats.returns(item.outputs)))
    end) },
  }
end

local function class_texts(folder, declaration)
  local name, texts = service.class(folder) .. ".api", {}
  local own = {
    "---@field call fun(name: string, ctx: Context, ...): ...",
    ("---@field for_host fun(host: string): %s"):format(name),
    "---@field mock fun(handlers: table<string, function>)",
  }
  for _, part in ipairs(parts_of(declaration)) do
    local text = class(name .. "." .. part[1], part[2])
    if text then
      table.insert(texts, text)
      table.insert(own, ("---@field %s %s.%s"):format(part[1], name, part[1]))
    end
  end
  table.insert(texts, class(name, own))
  return texts
end

-- ---- data ----

local function pick(list, fields)
  local out = {}
  for i, item in ipairs(list) do
    out[i] = {}
    for _, field in ipairs(fields) do
      out[i][field] = item[field]
    end
  end
  return out
end

-- What a call needs to find its way: values cross as they are, and who answers checks them.
local ENDPOINT = { "name", "method", "host", "port", "path" }

local function data_of(data)
  return {
    host = data.host,
    functions = pick(data.functions, ENDPOINT),
    webs = pick(data.webs, ENDPOINT),
    events = pick(data.events, ENDPOINT),
  }
end

--- The text of gen/api.lua, without the line that says so.
---@param folder string
---@param declaration Declaration
---@param data Plumbing
---@return string
function M.text(folder, declaration, data)
  local variable = folder:match("[^/]+$"):gsub("%W", "_")
  local module = service.class(folder) .. ".api"
  local parts = {
    HEAD:format(declaration.host, names.variable(variable), module),
    'local client = require "client"\n',
  }
  local texts = class_texts(folder, declaration)
  table.move(texts, 1, #texts, #parts + 1, parts)
  parts[#parts] = parts[#parts] .. "local api = client.bind " .. literal.write(data_of(data), plumbing.ORDER, 0, 24) .. "\n"
  for _, section in ipairs { "functions", "webs" } do
    for _, item in ipairs(declaration[section]) do
      table.insert(parts, function_text(item))
    end
  end
  table.insert(parts, "return api\n")
  return table.concat(parts, "\n")
end

return M
