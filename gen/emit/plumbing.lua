-- emit/plumbing: a declaration as plain data: all that the runtime needs to know of it, without reading YAML. The runtime may
-- make it itself, by `of`; gen/plumbing.lua is the same, written down, with what editors should know of `svc`. Pure.

local handler = require "gen.emit.handler"
local literal = require "gen.literal"
local luacats = require "gen.luacats"
local names = require "gen.names"
local service = require "gen.emit.service"
local source = require "gen.source"

local M = {}

M.PATH = "gen/plumbing.lua"

-- Which fields go first, in any table.
M.ORDER = {
  "name", "source", "host", "description", "openApi", "kinds", "configs", "functions", "events", "sinks", "webs", "tickers",
  "metrics", "classes", "kind", "alias", "method", "port", "path", "type", "default", "validation", "optional", "queue",
  "event", "forHost", "seconds", "scope", "inputs", "outputs",
}

---@class PlumbedArgument
---@field name string
---@field type string as declared, normalised: int, []*Pet

---@class PlumbedEndpoint a function, web or event
---@field name string
---@field description string
---@field method string upper case; "ANY" of functions and webs that take all
---@field host string? when it is not that of the service
---@field port integer 0 = any
---@field path string of the URL, with {arguments}; "" or beginning with "/"
---@field queue string? "default" or "none"; not of events
---@field openApi boolean? not of events
---@field inputs PlumbedArgument[]? not of webs
---@field outputs PlumbedArgument[]? not of webs

---@class PlumbedConfig
---@field name string
---@field description string
---@field type string string, int, bool, float64 or time.Duration
---@field default string
---@field validation string?
---@field callback boolean
---@field secret boolean

---@class PlumbedSink
---@field name string
---@field description string
---@field event string
---@field source string as it is written
---@field forHost string?
---@field queue string "default" or "none"
---@field inputs PlumbedArgument[]
---@field outputs PlumbedArgument[]

---@class PlumbedTicker
---@field name string
---@field description string
---@field seconds number from one beat to the next
---@field scope string "all" replicas, or "one"

---@class PlumbedMetric
---@field name string
---@field description string?
---@field kind string "counter", "gauge" or "histogram"
---@field alias string its name for Prometheus
---@field buckets number[]?
---@field inputs PlumbedArgument[] the value and its labels

---@class Plumbing
---@field host string
---@field description string
---@field openApi boolean
---@field kinds table<string, string> what each name is: config, function, event, sink, web, ticker or metric
---@field configs PlumbedConfig[]
---@field functions PlumbedEndpoint[]
---@field events PlumbedEndpoint[]
---@field sinks PlumbedSink[]
---@field webs PlumbedEndpoint[]
---@field tickers PlumbedTicker[]
---@field metrics PlumbedMetric[]
---@field classes table<string, CompiledType>

local function arguments(list)
  local out = {}
  for i, argument in ipairs(list) do
    out[i] = { name = argument.name, type = argument.type }
  end
  return out
end

local function given(text)
  return text ~= "" and text or nil
end

local function endpoint(item)
  local out = {
    name = item.name,
    description = item.description,
    method = item.method,
    host = item.url.host,
    port = item.url.port,
    path = item.url.path,
  }
  if item.kind ~= "event" then
    out.queue, out.openApi = item.queue, item.openApi
  end
  if item.kind ~= "web" then
    out.inputs, out.outputs = arguments(item.inputs), arguments(item.outputs)
  end
  return out
end

local PLUMB = {
  configs = function(item)
    return {
      name = item.name,
      description = item.description,
      type = item.outputs[1].type,
      default = item.default,
      validation = given(item.validation),
      callback = item.callback,
      secret = item.secret,
    }
  end,
  functions = endpoint,
  events = endpoint,
  webs = endpoint,
  sinks = function(item)
    return {
      name = item.name,
      description = item.description,
      event = item.event,
      source = item.source,
      forHost = given(item.forHost),
      queue = item.queue,
      inputs = arguments(item.inputs),
      outputs = arguments(item.outputs),
    }
  end,
  tickers = function(item)
    return { name = item.name, description = item.description, seconds = item.seconds, scope = item.scope }
  end,
  metrics = function(item)
    return {
      name = item.name,
      description = given(item.description),
      kind = item.metric,
      alias = item.alias,
      buckets = item.buckets,
      inputs = arguments(item.inputs),
    }
  end,
}

--- A declaration as plain data.
---@param declaration Declaration
---@param classes table<string, CompiledType> what its types are made of
---@return Plumbing
function M.of(declaration, classes)
  local out = {
    host = declaration.host,
    description = declaration.description,
    openApi = declaration.openApi,
    kinds = {},
    classes = classes,
  }
  for section, plumb in pairs(PLUMB) do
    out[section] = {}
    for i, item in ipairs(declaration[section]) do
      out[section][i] = plumb(item)
      out.kinds[item.name] = item.kind
    end
  end
  return out
end

M.source = source.of

-- ---- what editors should know ----

-- The first line of a description, for the end of an annotation.
local function remark(text)
  local line = (text or ""):gsub("[%c]+", " "):match("^%s*(.-)%s*$")
  return line ~= "" and " " .. line or ""
end

local function field(name, kind, description)
  return ("---@field %s %s%s"):format(name, kind, remark(description))
end

local function class(name, fields)
  return ("---@class %s\n%s"):format(name, table.concat(fields, "\n"))
end

local FIXED = {
  web = "fun(ctx: Context, req: Request, res: Response): ...",
  ticker = "fun(ctx: Context)",
  callback = "fun(ctx: Context)",
}

local function handler_fields(declaration)
  local fields = {}
  for _, item in ipairs(handler.list(declaration)) do
    local parameters = handler.parameters(item)
    local kind = FIXED[item.kind]
      or luacats.fun(table.move(parameters, 2, #parameters, 1, {}), item.inputs, luacats.returns(item.outputs))
    table.insert(fields, field(item.name, kind))
  end
  return fields
end

local function metric_fields(declaration)
  local fields = {}
  for _, item in ipairs(declaration.metrics) do
    local parts = {}
    for i, input in ipairs(item.inputs) do
      parts[i] = ("%s: %s"):format(names.variable(input.name), luacats.type(input.type))
    end
    local gauge = item.metric == "gauge" and "Gauge|" or "" -- of lua/service/metrics.lua
    table.insert(fields, field(item.name, ("%sfun(%s)"):format(gauge, table.concat(parts, ", ")), item.description))
  end
  return fields
end

local function config_fields(declaration)
  local fields = {}
  for _, item in ipairs(declaration.configs) do
    table.insert(fields, field(item.name, luacats.type(item.outputs[1].type), item.description))
  end
  return fields
end

--- The text of gen/plumbing.lua, without the line that says so.
---@param folder string
---@param declaration Declaration
---@param plumbing Plumbing
---@param made_of string source.of the texts
---@return string
function M.text(folder, declaration, plumbing, made_of)
  local name = service.class(folder)
  local data = { source = made_of }
  for key, value in pairs(plumbing) do
    data[key] = value
  end
  local fields = { field("config", name .. ".config"), field("metrics", name .. ".metrics") }
  local more = handler_fields(declaration)
  table.move(more, 1, #more, #fields + 1, fields)
  return table.concat({
    ("-- What the host knows of %s, and what editors should know of its `svc`.\n"):format(declaration.host),
    class(name .. ".config", config_fields(declaration)):gsub("\n$", "") .. "\n",
    class(name .. ".metrics", metric_fields(declaration)):gsub("\n$", "") .. "\n",
    class(name .. ": Service", fields) .. "\n", -- what every service has: lua/types/service.lua
    "return " .. literal.write(data, M.ORDER, 0, #"return ") .. "\n",
  }, "\n")
end

return M
