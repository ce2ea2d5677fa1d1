-- declaration: reads a service.yaml into a checked model. Every error carries file, line and column; all errors of a file
-- are reported at once. Used by the runtime at load; does no I/O of its own.

local yaml = require "yaml"

local M = {}

---@class Argument
---@field name string
---@field type string int, float64, bool, string, any, byte, time.Time, time.Duration or a class; may begin with [] * map[string]
---@field end_type string the type without its prefixes

---@class Endpoint
---@field kind "function"|"web"
---@field name string
---@field description string
---@field method string upper case, "ANY" for all
---@field path string absolute, below the service: "/add", "/article/{id}"
---@field inputs Argument[]
---@field outputs Argument[]

---@class Ticker
---@field name string
---@field interval number seconds

---@class Declaration
---@field host string lower case
---@field description string
---@field functions Endpoint[]
---@field webs Endpoint[]
---@field tickers Ticker[]
---@field configs { name: string, type: string, default: string, secret: boolean }[]

local SECTIONS = {
  general = "map", configs = "list", functions = "list", events = "list", sinks = "list",
  webs = "list", tickers = "list", metrics = "list",
}
local LATER = { events = true, sinks = true, metrics = true }

local INTS = {}
for name in ("int int64 int32 int16 int8 integer uint uint64 uint32 uint16 uint8"):gmatch("%S+") do
  INTS[name] = true
end
local FLOATS = { float = true, float32 = true, float64 = true, double = true }
local BOOLS = { boolean = true, Boolean = true, bool = true }
local TIMES = { Time = true, time = true }
local DURATIONS = { Duration = true, duration = true }
local KEPT = { byte = true, string = true, any = true }

local BODYLESS = { GET = true, DELETE = true, TRACE = true, OPTIONS = true, HEAD = true }

-- A parse collects errors instead of stopping at the first.
local Parse = {}
Parse.__index = Parse

function Parse:fail(node, text, ...)
  local at = node and ("%s:%d:%d"):format(self.file, node.line, node.column) or self.file
  table.insert(self.errors, at .. ": " .. text:format(...))
end

local function trim(s)
  return (s:match("^%s*(.-)%s*$"))
end

--- FooBar -> foo-bar, HTTPServer -> http-server, OnEvent1 -> on-event1.
---@param name string
---@return string
function M.kebab(name)
  local out = { name:sub(1, 1):lower() }
  for i = 2, #name do
    local r, p = name:sub(i, i), name:sub(i - 1, i - 1)
    local n = i < #name and name:sub(i + 1, i + 1) or "a"
    local last = i == #name
    if r:match("%u") then
      local p_lower, p_upper = p:match("%l"), p:match("%u")
      local n_lower, n_upper = n:match("%l"), n:match("%u")
      if (p_lower and (n_lower or n_upper)) or (p_upper and n_lower and not last) then
        table.insert(out, "-")
      end
    end
    table.insert(out, r:lower())
  end
  return table.concat(out)
end

-- ---- signatures ----

-- The type without []/*/map[string] in front, and those prefixes.
local function split_type(text)
  local rest, prefix = text, ""
  while true do
    local p = rest:match("^%[%]") or rest:match("^%*") or rest:match("^map%[string%]")
    if not p then
      return prefix, rest
    end
    prefix, rest = prefix .. p, rest:sub(#p + 1)
  end
end

-- Normalises a type, or returns nil and why not.
local function normalise(text)
  local prefix, rest = split_type(text)
  if rest:find("map[", 1, true) == 1 then
    return nil, ("map keys must be strings in '%s'"):format(text)
  end
  local base = rest:match("^time%.(.+)$") or rest
  if base:find(".", 1, true) then
    return nil, ("dot notation not allowed in type '%s'"):format(text)
  end
  local final
  if INTS[base] then
    final = "int"
  elseif FLOATS[base] then
    final = "float64"
  elseif BOOLS[base] then
    final = "bool"
  elseif TIMES[base] then
    final = "time.Time"
  elseif DURATIONS[base] then
    final = "time.Duration"
  elseif KEPT[base] then
    final = base
  elseif base:match("^%l%w*$") then
    return nil, ("unknown primitive type '%s'"):format(base)
  elseif base:match("^%u%w*$") and rest == base then
    final = base
  else
    return nil, ("unknown type '%s'"):format(text)
  end
  return prefix .. final, final
end

local function read_arguments(text)
  local list = {}
  text = trim(text)
  if text == "" then
    return list
  end
  for piece in (text .. ","):gmatch("([^,]*),") do
    piece = trim(piece)
    local name, kind = piece:match("^(%S+)%s[%s:]*(.*)$")
    if not name then
      return nil, ("invalid argument '%s'"):format(piece)
    end
    table.insert(list, { name = name, type = trim(kind) })
  end
  return list
end

local function check_argument(arg)
  if arg.name == "ctx" or arg.type == "context.Context" then
    return "context type not allowed"
  elseif arg.name == "err" or arg.type == "error" then
    return "error type not allowed"
  elseif not arg.name:match("^%l%w*$") then
    return ("name '%s' must start with lowercase"):format(arg.name)
  elseif arg.name == "testingT" then
    return "name 'testingT' is reserved"
  end
  local kind, final = normalise(arg.type)
  if not kind then
    return final
  end
  arg.type, arg.end_type = kind, final
end

local function check_magic(inputs, outputs)
  for _, arg in ipairs(inputs) do
    if arg.name == "httpResponseBody" or arg.name == "httpStatusCode" then
      return "'" .. arg.name .. "' in '%s' can only be an output argument"
    end
  end
  local body, others = false, false
  for _, arg in ipairs(outputs) do
    if arg.name == "httpRequestBody" then
      return "'httpRequestBody' in '%s' can only be an input argument"
    elseif arg.name == "httpStatusCode" then
      if arg.type ~= "int" then
        return "'httpStatusCode' in '%s' must be of type int"
      end
    elseif arg.name == "httpResponseBody" then
      body = true
    else
      others = true
    end
  end
  if body and others then
    return "cannot return other arguments along with 'httpResponseBody' in '%s'"
  end
end

--- Parses "Name(a int, b string) (c bool)". Returns name, inputs, outputs, or nil and the error.
---@param text string
---@return string?, Argument[]|string, Argument[]?
function M.signature(text)
  local name, inputs, outputs = trim(text), {}, {}
  local open = text:find("(", 1, true)
  if open then
    name = trim(text:sub(1, open - 1))
    local close = text:find(")", open, true)
    if not close then
      return nil, "missing closing parenthesis"
    end
    local why
    inputs, why = read_arguments(text:sub(open + 1, close - 1))
    if not inputs then
      return nil, why
    end
    open = text:find("(", close, true)
    if open then
      close = text:find(")", open, true)
      if not close then
        return nil, "missing closing parenthesis"
      end
      outputs, why = read_arguments(text:sub(open + 1, close - 1))
      if not outputs then
        return nil, why
      end
    end
  end
  if not name:match("^%u%w*$") then
    return nil, ("handler '%s' must start with uppercase in '%s'"):format(name, text)
  elseif name:match("^Mock") or name:match("^Test") then
    return nil, ("handler '%s' must not start with '%s' in '%s'"):format(name, name:sub(1, 4), text)
  end
  local seen = {}
  for _, list in ipairs { inputs, outputs } do
    for _, arg in ipairs(list) do
      if seen[arg.name] then
        return nil, ("duplicate arg name '%s' in '%s'"):format(arg.name, text)
      end
      seen[arg.name] = true
    end
  end
  for _, list in ipairs { inputs, outputs } do
    for _, arg in ipairs(list) do
      local why = check_argument(arg)
      if why then
        return nil, ("%s in '%s'"):format(why, text)
      end
    end
  end
  local why = check_magic(inputs, outputs)
  if why then
    return nil, why:format(text)
  end
  return name, inputs, outputs
end

-- ---- paths ----

-- One segment of a path: nil when literal and fine, else an error.
local function check_segment(segment, path, last)
  local open = segment:find("{", 1, true)
  if not open and not segment:find("}", 1, true) then
    return nil
  end
  if open and open ~= 1 then
    return ("path argument '%s' in '%s' must span entire section"):format(segment, path)
  end
  local close = segment:match(".*()}")
  if not open or not close then
    return ("malformed path argument '%s' in '%s'"):format(segment, path)
  end
  if close ~= #segment then
    return ("path argument '%s' in '%s' must span entire section"):format(segment, path)
  end
  local name = segment:sub(2, -2)
  if name:sub(-1) == "+" then
    if not last then
      return ("greedy path argument '%s' in '%s' must end path"):format(segment, path)
    end
    name = name:sub(1, -2)
  end
  if name ~= "" and not name:match("^%l%w*$") then
    return ("name of path argument '%s' in '%s' must be an identifier"):format(name, path)
  end
end

-- The path below the host, "/x/y", from the forms that a declaration may use.
local function read_path(parse, node, text, name)
  local path = text ~= "" and text or "/" .. M.kebab(name)
  path = path:gsub("%.%.%.", (M.kebab(name):gsub("%%", "%%%%")), 1)
  if path:find("`", 1, true) then
    parse:fail(node, "backquote not allowed in path '%s'", path)
    return nil
  end
  local port, rest = path:match("^:(%d+)(.*)$")
  if port then
    if port ~= "443" and port ~= "0" then
      parse:fail(node, "port %s in path '%s' is not served yet: use the default port", port, path)
      return nil
    end
    path = rest
  elseif path:find("://", 1, true) or path:find("^//") then
    parse:fail(node, "another host in path '%s' is not served yet: use a path below this service", path)
    return nil
  elseif path:sub(1, 1) ~= "/" then
    path = "/" .. path
  end
  local segments = {}
  for segment in (path:sub(2) .. "/"):gmatch("([^/]*)/") do
    table.insert(segments, segment)
  end
  for i, segment in ipairs(segments) do
    local why = check_segment(segment, path, i == #segments)
    if why then
      parse:fail(node, "%s", why)
      return nil
    end
  end
  return path
end

-- ---- sections ----

local FIELDS = {
  signature = "string", description = "string", method = "string", path = "string", queue = "string",
  openApi = "bool", event = "string", source = "string", forHost = "string", default = "string",
  validation = "string", callback = "bool", secret = "bool", kind = "string", alias = "string",
  buckets = "list", interval = "string",
  scope = "string",
}

local function distance_is_small(a, b)
  if math.abs(#a - #b) > 2 then
    return false
  end
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
    end
  end
  return row[#b] <= 2
end

local function unknown(parse, key, known, what)
  for name in pairs(known) do
    if distance_is_small(key.name:lower(), name:lower()) then
      parse:fail(key, "unknown %s '%s'; did you mean '%s'?", what, key.name, name)
      return
    end
  end
  table.insert(parse.warnings, ("%s:%d:%d: unknown %s '%s' is ignored"):format(
    parse.file, key.line, key.column, what, key.name))
end

local TRUE = { ["true"] = true, yes = true, on = true }
local FALSE = { ["false"] = true, no = true, off = true }

local function read_bool(parse, key, default)
  if not key then
    return default
  end
  local node = key.value
  if node.kind == "scalar" and not node.quoted then
    local text = node.value:lower()
    if TRUE[text] then
      return true
    elseif FALSE[text] then
      return false
    end
  end
  parse:fail(node, "'%s' must be true or false", key.name)
  return default
end

local function read_text(parse, key)
  if not key or key.value.kind == "null" then
    return ""
  end
  if key.value.kind ~= "scalar" then
    parse:fail(key.value, "'%s' must be a text", key.name)
    return ""
  end
  return key.value.value
end

local function fields_of(parse, node, known, what)
  local at = {}
  if node.kind ~= "map" then
    parse:fail(node, "%s must be a map of fields", what)
    return nil
  end
  for _, key in ipairs(node.keys) do
    if known[key.name] then
      at[key.name] = key
    else
      unknown(parse, key, known, "field")
    end
  end
  return at
end

local function read_description(parse, key, default)
  local text = trim(read_text(parse, key))
  if text == "" then
    return default
  end
  text = text:gsub("`", "'"):gsub("[ \t\r]+\n", "\n")
  return text
end

local function read_handler(parse, node, what)
  local at = fields_of(parse, node, FIELDS, "a " .. what)
  if not at then
    return nil
  end
  if not at.signature or at.signature.value.kind ~= "scalar" then
    parse:fail(node, "a %s needs a signature", what)
    return nil
  end
  local text = at.signature.value.value
  local name, inputs, outputs = M.signature(text)
  if not name then
    parse:fail(at.signature.value, "%s", inputs)
    return nil
  end
  if parse.names[name] then
    parse:fail(at.signature.value, "duplicate handler name '%s'", name)
    return nil
  end
  parse.names[name] = true
  return {
    name = name,
    inputs = inputs,
    outputs = outputs,
    description = read_description(parse, at.description, ("%s is a %s."):format(name, what)),
    node = node,
    at = at,
    signature = text,
  }
end

local function read_endpoint(parse, node, what)
  local h = read_handler(parse, node, what)
  if not h then
    return nil
  end
  h.kind = what
  h.method = read_text(parse, h.at.method):upper()
  if h.method == "" then
    h.method = "ANY"
  elseif not h.method:match("^%u+$") then
    parse:fail(h.at.method.value, "invalid method '%s'", h.method)
  end
  local queue = read_text(parse, h.at.queue):lower()
  if queue ~= "" and queue ~= "default" and queue ~= "none" then
    parse:fail(h.at.queue.value, "invalid queue '%s' in '%s'", queue, h.name)
  end
  h.path = read_path(parse, h.at.path and h.at.path.value or node, read_text(parse, h.at.path), h.name)
  if what == "web" and (#h.inputs > 0 or #h.outputs > 0) then
    parse:fail(h.at.signature.value, "arguments or return values not allowed in '%s'", h.signature)
  end
  for _, arg in ipairs(h.inputs) do
    if arg.name == "httpRequestBody" and BODYLESS[h.method] then
      parse:fail(h.at.signature.value, "cannot use '%s' in '%s' because method '%s' has no body", arg.name,
        h.signature, h.method)
    end
  end
  return h
end

local UNITS = { ns = 1e-9, us = 1e-6, ["µs"] = 1e-6, ms = 1e-3, s = 1, m = 60, h = 3600 }

--- Seconds of a Go duration ("1h30m", "250ms"), or nil.
---@param text string
---@return number?
function M.duration(text)
  local sign, rest = text:match("^([+-]?)(.*)$")
  if rest == "0" then
    return 0
  end
  local total, pos = 0, 1
  if rest == "" then
    return nil
  end
  while pos <= #rest do
    local number, unit, after = rest:match("^(%d*%.?%d*)([%a\xC2\xB5]+)()", pos)
    if not number or not tonumber(number) or not UNITS[unit] then
      return nil
    end
    total = total + tonumber(number) * UNITS[unit]
    pos = after
  end
  return sign == "-" and -total or total
end

local function read_ticker(parse, node)
  local h = read_handler(parse, node, "ticker")
  if not h then
    return nil
  end
  if #h.inputs > 0 or #h.outputs > 0 then
    parse:fail(h.at.signature.value, "arguments or return values not allowed in '%s'", h.signature)
  end
  local text = read_text(parse, h.at.interval)
  h.interval = M.duration(text)
  if not h.interval and text ~= "" then
    parse:fail(h.at.interval.value, "'%s' is no interval: write a duration such as 10s, 5m or 1h30m", text)
  elseif (h.interval or 0) <= 0 then
    parse:fail(h.at.interval and h.at.interval.value or node, "non-positive interval '%s' in '%s'",
      text == "" and "0s" or text, h.signature)
  end
  return h
end

local CONFIG_TYPES = { string = true, int = true, bool = true, ["time.Duration"] = true, float64 = true }

local function read_config(parse, node)
  local h = read_handler(parse, node, "config")
  if not h then
    return nil
  end
  local at = h.at.signature.value
  if #h.inputs > 0 then
    parse:fail(at, "arguments not allowed in '%s'", h.signature)
  elseif #h.outputs ~= 1 then
    parse:fail(at, "single return value expected in '%s'", h.signature)
  elseif not CONFIG_TYPES[h.outputs[1].type] then
    parse:fail(at, "invalid return type '%s' in '%s'", h.outputs[1].type, h.signature)
  else
    h.type = h.outputs[1].type
  end
  h.default = read_text(parse, h.at.default)
  h.secret = read_bool(parse, h.at.secret, false)
  return h
end

local GENERAL = { host = true, description = true, integrationTests = true, openApi = true }

local function read_general(parse, key, out)
  local at = key and fields_of(parse, key.value, GENERAL, "general") or {}
  local host = read_text(parse, at.host):lower()
  out.host = host
  out.description = read_description(parse, at.description, ("The %q microservice."):format(host))
  out.openApi = read_bool(parse, at.openApi, true)
  out.integrationTests = read_bool(parse, at.integrationTests, true)
  local valid = host ~= "" and #host <= 253 and not host:find("..", 1, true) and host:match("^[%w_-][%w_.-]*$")
    and not host:match("%.$")
  if not valid then
    parse:fail(at.host and at.host.value, "invalid hostname '%s'", host)
  elseif host == "all" or host:match("%.all$") then
    parse:fail(at.host.value, "disallowed hostname '%s'", host)
  end
end

local function items(parse, key)
  if not key or key.value.kind == "null" then
    return {}
  end
  if key.value.kind ~= "list" then
    parse:fail(key.value, "'%s' must be a list", key.name)
    return {}
  end
  return key.value.items
end

local function read_section(parse, key, read, what)
  local out = {}
  for _, node in ipairs(items(parse, key)) do
    local h = read(parse, node, what)
    if h then
      table.insert(out, h)
    end
  end
  return out
end

--- Parses a declaration. Returns the model and a list of warnings, or nil and all errors, a line each.
---@param text string
---@param file string name for messages
---@return Declaration?, string[]|string
function M.parse(text, file)
  local root, message = yaml.parse(text)
  if not root then
    return nil, file .. ":" .. message
  end
  local parse = setmetatable({ file = file, errors = {}, warnings = {}, names = {} }, Parse)
  if root.kind ~= "map" then
    return nil, file .. ":1:1: a declaration is a map with the section 'general' and lists of handlers"
  end
  local at = {}
  for _, key in ipairs(root.keys) do
    if not SECTIONS[key.name] then
      unknown(parse, key, SECTIONS, "section")
    else
      at[key.name] = key
      if LATER[key.name] and #items(parse, key) > 0 then
        table.insert(parse.warnings, ("%s:%d:%d: section '%s' does nothing yet"):format(file, key.line,
          key.column, key.name))
      end
    end
  end
  local out = {}
  read_general(parse, at.general, out)
  out.configs = read_section(parse, at.configs, read_config, "config")
  out.functions = read_section(parse, at.functions, read_endpoint, "function")
  out.webs = read_section(parse, at.webs, read_endpoint, "web")
  out.tickers = read_section(parse, at.tickers, read_ticker, "ticker")
  if #parse.errors > 0 then
    return nil, table.concat(parse.errors, "\n")
  end
  return out, parse.warnings
end

return M
