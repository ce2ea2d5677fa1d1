-- openapi: what a service offers over HTTP as an OpenAPI 3.1.0 document, made from its plumbing. The host answers
-- /openapi.json with it. Pure: the same declaration gives the same text.
--
-- Paths are those of the front door: /<host>:<port>/<path>. Everything that an operation takes or gives is described
-- below components, by the name of its function: Add_IN, Add_OUT, and Add_IN_Point for a class that occurs in there.

local errors = require "errors"
local gen_url = require "gen.url"
local json = require "json"
local signature = require "gen.signature"

local M = {}

--- Below which URL the paths are when nothing else is said.
---@type string
M.BASE = "https://localhost/"

---@class OpenApiOptions
---@field port integer? the endpoints of this port, and those of any (443)
---@field version integer|string? of the service
---@field base string? URL that the paths are below; see `base` (https://localhost/)

-- ---- schemas: declared types as JSON Schema ----

-- Describes types for one side of one function. Classes become components, so that recursive ones end.
local Schemas = {}
Schemas.__index = Schemas

local function new_schemas(components, classes, prefix)
  return setmetatable({ components = components, classes = classes, prefix = prefix, expanding = {} }, Schemas)
end

local PRIMITIVES = {
  string = { type = "string" },
  int = { type = "integer" },
  byte = { type = "integer" },
  float64 = { type = "number" },
  bool = { type = "boolean" },
  any = {},
  ["time.Time"] = { type = "string", format = "date-time" },
  ["time.Duration"] = { type = "integer", description = "nanoseconds" },
  ["[]byte"] = { type = "string", contentEncoding = "base64" },
}

local function copy(fields)
  local out = {}
  for key, value in pairs(fields) do
    out[key] = value
  end
  return out
end

local function reference(component)
  return { ["$ref"] = "#/components/schemas/" .. component }
end

--- The schema of a declared type.
function Schemas:of(kind)
  kind = kind:gsub("^%*+", "")
  if PRIMITIVES[kind] then
    return copy(PRIMITIVES[kind])
  end
  local item = kind:match("^%[%](.+)$")
  if item then
    return { type = "array", items = self:of(item) }
  end
  item = kind:match("^map%[string%](.+)$")
  if item then
    return { type = "object", additionalProperties = self:of(item) }
  end
  return self:named(kind)
end

-- A type of types.lua. One that nobody defines can be anything, and so can an alias that only leads to itself.
function Schemas:named(name)
  local compiled = self.classes[name]
  if not compiled or self.expanding[name] then
    return {}
  elseif compiled.type then
    self.expanding[name] = true
    local schema = self:of(compiled.type)
    self.expanding[name] = nil
    return schema
  end
  local component = self.prefix .. "_" .. name
  if self.components[component] == nil then
    local outside = self.expanding
    self.components[component], self.expanding = false, {} -- under way: whoever comes back here gets the reference
    self.components[component] = self:record(compiled.fields)
    self.expanding = outside
  end
  return reference(component)
end

--- The schema of an object with these fields or arguments.
function Schemas:record(fields)
  local properties, required = {}, json.list {}
  for _, field in ipairs(fields) do
    if not properties[field.name] and not field.optional then
      table.insert(required, field.name)
    end
    properties[field.name] = self:of(field.type)
  end
  return {
    type = "object",
    properties = properties,
    additionalProperties = false,
    required = #required > 0 and required or nil,
  }
end

-- Keeps the schema of a whole body as the component that carries the prefix's name.
function Schemas:body(schema)
  self.components[self.prefix] = schema
  return { ["application/json"] = { schema = reference(self.prefix) } }
end

-- ---- paths ----

---@class PathTemplate the path of an endpoint
---@field text string "/host:443/x/{y}"
---@field arguments { name: string, shown: string, greedy: boolean }[] `shown` is the name in the text

-- An argument that takes the rest of the path keeps its plus. Names that come again are told apart.
local function shown_name(name, greedy, position, taken)
  local shown = name .. (greedy and "+" or "")
  if taken[shown] then
    shown = ("%s_%d"):format(name, position)
  end
  taken[shown] = true
  return shown
end

local function template(host, port, path)
  local arguments, taken = {}, {}
  local text = path:gsub("[^/]+", function(segment)
    local position = #arguments + 1
    local name, greedy = gen_url.argument(segment, position)
    if not name then
      return gen_url.encode_path(segment)
    end
    local shown = shown_name(name, greedy, position, taken)
    arguments[position] = { name = name, shown = shown, greedy = greedy }
    return "{" .. shown .. "}"
  end)
  return { text = ("/%s:%d%s"):format(host, port, text), arguments = arguments }
end

-- ---- parameters ----

-- Objects in a query are name[field]=value. Lists, and objects in a path, are JSON text.
local function with_schema(parameter, schema)
  local object = schema.type == "object" or schema["$ref"] ~= nil
  if schema.type == "array" or (object and parameter["in"] == "path") then
    parameter.content = { ["application/json"] = { schema = schema } }
  else
    parameter.schema = schema
    if object then
      parameter.style, parameter.explode = "deepObject", true
    end
  end
  return parameter
end

local function path_parameter(argument, schema)
  return with_schema({
    name = argument.shown,
    ["in"] = "path",
    required = true,
    description = argument.greedy and "The rest of the path, with its slashes." or nil,
  }, schema)
end

local function by_name(arguments)
  local index = {}
  for _, argument in ipairs(arguments) do
    index[argument.name] = argument
  end
  return index
end

-- Those inputs that do not come in the body, in the order of the signature; then what else the path has, as text.
local function parameters(endpoint, path, schemas, in_query)
  local list, in_path, done = json.list {}, by_name(path.arguments), {}
  for _, input in ipairs(endpoint.inputs or {}) do
    local argument = in_path[input.name]
    if argument then
      done[argument] = true
      table.insert(list, path_parameter(argument, schemas:of(input.type)))
    elseif in_query and input.name ~= "httpRequestBody" then
      table.insert(list, with_schema({ name = input.name, ["in"] = "query" }, schemas:of(input.type)))
    end
  end
  for _, argument in ipairs(path.arguments) do
    if not done[argument] then
      table.insert(list, path_parameter(argument, { type = "string" }))
    end
  end
  return #list > 0 and list or nil
end

-- ---- operations ----

local NO_BODY = { GET = true, DELETE = true, TRACE = true, OPTIONS = true, HEAD = true }

local function find(arguments, name)
  for _, argument in ipairs(arguments) do
    if argument.name == name then
      return argument
    end
  end
end

-- What a function gives: the output that is the whole body, or an object of all but the status.
local function output_schema(endpoint, schemas)
  local whole = find(endpoint.outputs, "httpResponseBody")
  if whole then
    return schemas:of(whole.type)
  end
  local fields = {}
  for _, output in ipairs(endpoint.outputs) do
    if output.name ~= "httpStatusCode" then
      table.insert(fields, output)
    end
  end
  return schemas:record(fields)
end

-- What a function takes in its body: nil when everything is in path and query.
local function input_schema(endpoint, path, schemas)
  local whole = find(endpoint.inputs, "httpRequestBody")
  if whole then
    return schemas:of(whole.type)
  elseif NO_BODY[endpoint.method] then
    return nil
  end
  local fields, in_path = {}, by_name(path.arguments)
  for _, input in ipairs(endpoint.inputs) do
    if not in_path[input.name] then
      table.insert(fields, input)
    end
  end
  return #fields > 0 and schemas:record(fields) or nil
end

-- Types as they are spoken of: without pointers and package.
local function spoken(list)
  local out = {}
  for i, argument in ipairs(list or {}) do
    out[i] = { name = argument.name, type = argument.type:gsub("%*", ""):gsub("time%.", "") }
  end
  return out
end

local function operation(endpoint)
  return {
    summary = signature.render {
      name = endpoint.name, inputs = spoken(endpoint.inputs), outputs = spoken(endpoint.outputs),
    },
    description = endpoint.description,
  }
end

local function function_operation(endpoint, path, components, classes)
  local takes = new_schemas(components, classes, endpoint.name .. "_IN")
  local gives = new_schemas(components, classes, endpoint.name .. "_OUT")
  local in_query = NO_BODY[endpoint.method] or find(endpoint.inputs, "httpRequestBody") ~= nil
  local body = input_schema(endpoint, path, takes)
  local out = operation(endpoint)
  out.parameters = parameters(endpoint, path, takes, in_query)
  out.requestBody = body and { required = true, content = takes:body(body) }
  out.responses = {
    ["2XX"] = { description = "OK", content = gives:body(output_schema(endpoint, gives)) },
    ["4XX"] = { description = "User error", content = { ["text/plain"] = {} } },
    ["5XX"] = { description = "Server error", content = { ["text/plain"] = {} } },
  }
  return out
end

-- Types of what web handlers give, by the extension of their path.
local MEDIA_TYPES = {
  css = "text/css", csv = "text/csv", gif = "image/gif", htm = "text/html", html = "text/html",
  ico = "image/vnd.microsoft.icon", jpeg = "image/jpeg", jpg = "image/jpeg", js = "text/javascript",
  json = "application/json", md = "text/markdown", mjs = "text/javascript", mp3 = "audio/mpeg", mp4 = "video/mp4",
  pdf = "application/pdf", png = "image/png", svg = "image/svg+xml", txt = "text/plain", wasm = "application/wasm",
  webm = "video/webm", webp = "image/webp", woff2 = "font/woff2", xml = "application/xml", yaml = "application/yaml",
  zip = "application/zip",
}

local function web_operation(endpoint, path, components, classes)
  local extension = endpoint.path:match("%.(%w+)$")
  local media_type = extension and MEDIA_TYPES[extension:lower()]
  local out = operation(endpoint)
  out.parameters = parameters(endpoint, path, new_schemas(components, classes, endpoint.name), false)
  out.responses = { ["200"] = { description = "OK", content = media_type and { [media_type] = {} } } }
  return out
end

-- ---- the document ----

-- The methods that a document can speak of.
local METHODS = {}
for method in ("GET PUT POST DELETE OPTIONS HEAD PATCH TRACE"):gmatch("%S+") do
  METHODS[method] = method:lower()
end

local SECTIONS = {
  { name = "functions", any = "post", describe = function_operation },
  { name = "webs", any = "get", describe = web_operation },
}

-- What is documented of a section: { endpoint, method, path, describe, rank, order }.
local function collect(list, plumbing, section, port)
  for _, endpoint in ipairs(plumbing[section.name]) do
    local any = endpoint.method == "ANY"
    local method = any and section.any or METHODS[endpoint.method]
    if method and endpoint.openApi ~= false and (endpoint.port == port or endpoint.port == 0) then
      local path = template(endpoint.host or plumbing.host, port, endpoint.path)
      local last = path.arguments[#path.arguments]
      table.insert(list, {
        endpoint = endpoint, method = method, path = path, describe = section.describe,
        rank = (last and last.greedy and 2 or 0) + (any and 1 or 0),
        order = #list,
      })
    end
  end
end

-- Where two share a path and a method, the document can have one only: that which says more exactly what it takes.
local function more_exact(a, b)
  if a.rank ~= b.rank then
    return a.rank < b.rank
  end
  return a.order < b.order
end

-- Paths that differ only in the names of their arguments are one path for OpenAPI: it has the names of the first.
local function rename(path, first)
  for i, argument in ipairs(path.arguments) do
    argument.shown = first.arguments[i].shown
  end
end

local function add_paths(list, paths, components, classes)
  local known = {}
  for _, found in ipairs(list) do
    local shape = found.path.text:gsub("{[^{}]*}", "{}")
    local first = known[shape] or found.path
    known[shape] = first
    local item = paths[first.text] or {}
    paths[first.text] = item
    if not item[found.method] then
      rename(found.path, first)
      item[found.method] = found.describe(found.endpoint, found.path, components, classes)
    end
  end
end

--- The document of one port of a service, for json.encode; nil when there is nothing to say.
---@param plumbing Plumbing
---@param options OpenApiOptions?
---@return table?
function M.document(plumbing, options)
  options = options or {}
  local list, paths, components = {}, {}, {}
  for _, section in ipairs(plumbing.openApi ~= false and SECTIONS or {}) do
    collect(list, plumbing, section, options.port or 443)
  end
  table.sort(list, more_exact)
  add_paths(list, paths, components, plumbing.classes)
  if not next(paths) then
    return nil
  end
  return {
    openapi = "3.1.0",
    info = {
      title = plumbing.host,
      description = plumbing.description,
      version = tostring(options.version or 0),
    },
    servers = json.list { { url = options.base or M.BASE } },
    paths = paths,
    components = next(components) and { schemas = components } or nil,
  }
end

--- The same as text, indented, with names in order; nil when there is nothing to say.
---@param plumbing Plumbing
---@param options OpenApiOptions?
---@return string?
function M.text(plumbing, options)
  local document = M.document(plumbing, options)
  return document and errors.check(json.encode(document, { indent = 2 })):gsub("\n*$", "\n", 1)
end

--- What stands before a service in the URL that a client asked for: "https://x.org/api/" of
--- "https://x.org/api/shop.example:443/openapi.json". BASE when the service is not in there.
---@param full_url string
---@param host string
---@return string
function M.base(full_url, host)
  local path_at = full_url:match("^%a[%w+.-]*://[^/?#]+()/")
  local path = path_at and full_url:sub(path_at):match("^[^?#]*"):lower()
  for _, mark in ipairs(path and { "/", ":" } or {}) do
    local at = path:find("/" .. host:lower() .. mark, 1, true)
    if at then
      return full_url:sub(1, path_at + at - 1)
    end
  end
  return M.BASE
end

return M
