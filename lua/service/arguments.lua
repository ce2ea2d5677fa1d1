-- service.arguments: the arguments of a function, event or sink, from a request or from the bus, and its results.
--
-- The inputs of an endpoint are the fields of an object, and body, query and path each give some of them: the later one
-- wins, argument by argument. What nobody gives is the zero of its type. Everything that depends on the declaration is
-- made when the endpoint is bound.

local errors = require "errors"
local form = require "service.form"
local gen_url = require "gen.url"
local json = require "json"
local wire = require "wire"

local M = {}

local BODY, RESULT, STATUS = "httpRequestBody", "httpResponseBody", "httpStatusCode"

local MAX_FORM = 10 * 1024 * 1024 -- bytes

---@class ArgumentSource what a request has
---@field method string
---@field query string? as written, without the ?
---@field params table<string, string>? decoded path arguments
---@field content_type string? with its parameters
---@field has_body boolean
---@field body fun(): string reads it whole; called at most once, and only when an argument may be there

---@class ArgumentOptions
---@field platform boolean? a body that does not fit is "Invalid JSON" and no more
---@field optional_body boolean? no body at all is {}

-- ---- bodies ----

local BODILESS = { GET = true, HEAD = true, OPTIONS = true, TRACE = true, CONNECT = true }

local function has_body(source)
  return source.has_body and not BODILESS[source.method]
end

-- "Application/JSON; charset=utf-8" -> "application/json"
local function media_type(source)
  return (source.content_type or ""):match("^%s*([^;%s]*)"):lower()
end

local function is_json(media)
  return media == "application/json" or media:find("^application/.+%+json$") ~= nil
end

-- Clients whose JSON is called a form are many: curl -d is one. No form begins with a brace.
local function is_form(media, text)
  return media == "application/x-www-form-urlencoded" and not text:find("^%s*{")
end

local function parse_form(text)
  if #text > MAX_FORM then
    errors.raise(413, ("a form has at most %d MB"):format(MAX_FORM // (1024 * 1024)))
  end
  return form.parse(text)
end

local FIRST = { first = true } -- what follows the first JSON value is ignored

local function parse_json(text, platform)
  local value, message = json.decode(text, FIRST)
  if value == nil then
    errors.raise(400, platform and "Invalid JSON" or "invalid JSON at " .. message)
  end
  return value
end

-- The arguments that a body names.
local function named_in_body(source, inputs, platform)
  local text = source.body()
  if text == "" then
    return {}
  elseif is_form(media_type(source), text) then
    return inputs.from_text(parse_form(text))
  end
  local value = parse_json(text, platform)
  if value == json.null then
    return {}
  elseif type(value) ~= "table" or json.is_list(value) then
    errors.raise(400, platform and "Invalid JSON" or "the body must be a JSON object with the arguments by name")
  end
  return inputs.from_json(value)
end

-- ---- the whole body as one argument ----

local RAW = { string = true, ["[]byte"] = true }

local function is_object(final, classes)
  return classes[final] ~= nil or final:find("^map%[") ~= nil
end

-- Reads httpRequestBody: JSON, or a form that has its fields, or the text as it is.
local function whole_reader(input, classes, options)
  local final = wire.underlying(input.type, classes)
  local object, raw = is_object(final, classes), RAW[final]
  local from_json, from_text = wire.decoder(input.type, classes), wire.text_decoder(input.type, classes)
  local check_text = wire.text_decoder("string")
  local function read(source)
    local text = has_body(source) and source.body() or ""
    local media = media_type(source)
    if raw and not is_json(media) then
      return final == "string" and check_text(text, BODY) or text
    elseif text == "" then
      if not options.optional_body then
        errors.raise(400, "the request needs a body")
      end
      return from_json({}, BODY)
    elseif object and is_form(media, text) and not options.platform then
      return from_text(parse_form(text), BODY)
    end
    local value = parse_json(text)
    if value == json.null and object then
      value = {}
    end
    return from_json(value, BODY)
  end
  if not options.platform then
    return read
  end
  return function(source)
    local ok, value = pcall(read, source)
    if not ok and errors.is(value) and value.status == 400 then
      errors.raise(400, "Invalid JSON")
    elseif not ok then
      error(value, 0)
    end
    return value
  end
end

-- ---- paths ----

-- What a path says where nothing was put in: { id = "{id}" }.
local function placeholders(path)
  local found, position = {}, 0
  for segment in path:gmatch("[^/]+") do
    local name = gen_url.argument(segment, position + 1)
    if name then
      position = position + 1
      found[name] = segment
    end
  end
  return found
end

-- ---- reading ----

---@class CompiledInputs
---@field list CompiledInput[] in the order of the signature
---@field from_json fun(value: table): table by name, those that are there
---@field from_text fun(tree: table): table

---@class CompiledInput
---@field name string
---@field zero any
---@field make (fun(): table)?
---@field from_text fun(text: string, where: string): any
---@field placeholder string? what the path says where it was not given
---@field whole boolean it is httpRequestBody

local function compile(endpoint, classes)
  local list, fields = {}, {}
  local given = placeholders(endpoint.path or "")
  for i, input in ipairs(endpoint.inputs) do
    local zero, make = wire.zeros(input.type, classes)
    list[i] = {
      name = input.name,
      zero = zero,
      make = make,
      from_text = wire.text_decoder(input.type, classes),
      placeholder = given[input.name],
      whole = input.name == BODY,
    }
    if input.name ~= BODY then
      table.insert(fields, { name = input.name, type = input.type, optional = true })
    end
  end
  return { list = list, from_json = wire.decoder(fields, classes), from_text = wire.text_decoder(fields, classes) }
end

-- Values by name from the path. Also whether there are inputs that it does not give.
local function named_in_path(list, params)
  if not params then
    return nil, true
  end
  local values, missing = {}, false
  for i = 1, #list do
    local input = list[i]
    local text = input.placeholder and params[input.name]
    if text and text ~= input.placeholder then
      values[input.name] = input.from_text(text, input.name)
    elseif not input.whole then
      missing = true
    end
  end
  return values, missing
end

local NOTHING = {}

-- Most signatures are short: their values get a table that has room for them from the beginning.
local ROOM = {
  function()
    return { nil, n = 1 }
  end,
  function()
    return { nil, nil, n = 2 }
  end,
  function()
    return { nil, nil, nil, n = 3 }
  end,
}

local function new_values(n)
  local make = ROOM[n]
  return make and make() or { n = n }
end

local function zeros(list)
  local n = #list
  local values = new_values(n)
  for i = 1, n do
    local input = list[i]
    if input.make then
      values[i] = input.make()
    else
      values[i] = input.zero
    end
  end
  return values
end

local function merge(list, by_path, by_query, by_body, whole)
  local values = new_values(#list)
  for i = 1, #list do
    local input = list[i]
    local name = input.name
    local value = by_path[name]
    if value == nil then
      value = by_query[name]
    end
    if value == nil then
      value = by_body[name]
    end
    if input.whole then
      value = whole
    elseif value == nil and input.make then
      value = input.make()
    elseif value == nil then
      value = input.zero
    end
    values[i] = value
  end
  return values
end

--- Makes what reads the arguments of requests to an endpoint; it raises 400 for what does not fit.
---@param endpoint PlumbedEndpoint|PlumbedSink
---@param classes Classes
---@param options ArgumentOptions?
---@return fun(source: ArgumentSource): table read values in the order of the signature, and `n`
function M.reader(endpoint, classes, options)
  options = options or {}
  local inputs = compile(endpoint, classes)
  local list, read_whole = inputs.list, nil
  for _, input in ipairs(endpoint.inputs) do
    if input.name == BODY then
      read_whole = whole_reader(input, classes, options)
    end
  end
  return function(source)
    local params, query = source.params, source.query
    local reads_body = not read_whole and has_body(source)
    if query == "" then
      query = nil
    end
    if not params and not query and not reads_body and not read_whole then
      return zeros(list)
    end
    local by_path, missing = named_in_path(list, params)
    local by_query, by_body, whole = NOTHING, NOTHING, nil
    if read_whole then
      whole = read_whole(source)
    elseif reads_body and missing and #list > 0 then
      by_body = named_in_body(source, inputs, options.platform)
    end
    if query and missing then
      by_query = inputs.from_text(form.parse(query))
    end
    return merge(list, by_path or NOTHING, by_query, by_body, whole)
  end
end

-- ---- results ----

local function check_status(status)
  if status == nil then
    return 200
  elseif math.type(status) ~= "integer" or status < 200 or status > 599 then
    error(("%s must be an integer from 200 to 599, not %s"):format(STATUS, tostring(status)), 0)
  end
  return status
end

-- What messages call a result: an argument may have a name much like it.
local function place_of(output)
  return "result " .. output.name
end

-- One named result: what most functions have.
local function single(output, classes)
  local name, encode, where = output.name, wire.encoder(output.type, classes), place_of(output)
  return function(value)
    return 200, { [name] = encode(value, where) }
  end
end

local NO_CONTENT = { [204] = true, [304] = true }

--- Makes what turns the results of an endpoint's handler into an answer: a status, and a value for json.encode. The
--- value is nil where HTTP allows no body.
---@param endpoint PlumbedEndpoint|PlumbedSink
---@param classes Classes
---@return fun(...): integer, any
function M.results(endpoint, classes)
  local outputs, encoders, names, places = endpoint.outputs, {}, {}, {}
  for i, output in ipairs(outputs) do
    encoders[i], places[i] = wire.encoder(output.type, classes), place_of(output)
    table.insert(names, output.name ~= STATUS and output.name ~= RESULT and output.name or nil)
  end
  local order = json.order(names) -- of the signature
  if #outputs == 1 and outputs[1].name ~= RESULT and outputs[1].name ~= STATUS then
    return single(outputs[1], classes)
  end
  return function(...)
    local status, body = 200, setmetatable({}, order)
    for i, output in ipairs(outputs) do
      local value = (select(i, ...))
      if output.name == STATUS then
        status = check_status(value)
      elseif output.name == RESULT then
        body = encoders[i](value, places[i])
      else
        body[output.name] = encoders[i](value, places[i])
      end
    end
    if NO_CONTENT[status] then
      return status, nil
    end
    return status, body == json.null and {} or body
  end
end

-- ---- over the bus ----

--- Makes what checks and completes the arguments of a call over the bus; it raises 400 for what does not fit. Those
--- beyond the signature are dropped.
---@param endpoint PlumbedEndpoint|PlumbedSink
---@param classes Classes
---@return fun(...): ...
function M.adopter(endpoint, classes)
  local names, adopt = {}, {}
  for i, input in ipairs(endpoint.inputs) do
    names[i], adopt[i] = input.name, wire.adopter(input.type, classes)
  end
  local n = #names
  local a, b, c = table.unpack(adopt)
  local name_a, name_b, name_c = table.unpack(names)
  if n == 0 then
    return function() end
  elseif n == 1 then
    return function(x)
      return a(x, name_a)
    end
  elseif n == 2 then
    return function(x, y)
      return a(x, name_a), b(y, name_b)
    end
  elseif n == 3 then
    return function(x, y, z)
      return a(x, name_a), b(y, name_b), c(z, name_c)
    end
  end
  return function(...)
    local values = { ... }
    for i = 1, n do
      values[i] = adopt[i](values[i], names[i])
    end
    return table.unpack(values, 1, n)
  end
end

return M
