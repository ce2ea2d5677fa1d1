-- handler: one entry of a declaration: its fields, what is derived from them, and everything that can be wrong with it
-- alone. Pure.
--
-- Checks come in two parts. Those of the first are for every handler, whatever its section: fields are known to the
-- format as a whole. Those of the second are for its kind.

local duration = require "gen.duration"
local names = require "gen.names"
local path = require "gen.path"
local rule = require "gen.rule"
local scalar = require "gen.scalar"
local signature = require "gen.signature"

local M = {}

---@alias HandlerKind "config"|"function"|"event"|"sink"|"web"|"ticker"|"metric"

---@class Handler
---@field kind HandlerKind
---@field name string
---@field signature string as it is written
---@field inputs Argument[]
---@field outputs Argument[]
---@field description string "" for a metric without one
---@field line integer where its signature is
---@field column integer
---@field method string? of functions, webs, events and sinks: upper case, "ANY" for all
---@field path string? of functions, webs and events: ":443/x/{y}", "//host/x"
---@field url Route? what the path resolves to
---@field arguments PathArgument[]? of the path
---@field queue "default"|"none"|nil of functions, webs and sinks
---@field openApi boolean? of functions and webs
---@field event string? of sinks: the name of the event at its source
---@field source string? of sinks: the package path of the service that fires it
---@field forHost string? of sinks: the host of the source, where it is not its own; lower case
---@field default string? of configs
---@field validation string? of configs
---@field rule Rule? of configs with a validation
---@field callback boolean? of configs
---@field secret boolean? of configs
---@field metric "counter"|"gauge"|"histogram"|nil of metrics
---@field alias string? of metrics: the name that it is published by
---@field buckets number[]? of histograms, ascending
---@field interval integer? of tickers, nanoseconds
---@field seconds number? of tickers, the same
---@field scope "one"|"all"|nil of tickers: once in the whole deployment, or on every replica

-- Our own besides: scope.
local FIELDS = {
  "signature", "description", "method", "path", "queue", "openApi", "event", "source", "forHost", "default",
  "validation", "callback", "secret", "kind", "alias", "buckets", "interval", "scope",
}

-- The fields that mean something, besides signature and description.
local MEANT = {}
for kind, fields in pairs {
  config = "default validation callback secret", ["function"] = "method path queue openApi", event = "method path",
  sink = "method event source forHost queue", web = "method path queue openApi", ticker = "interval scope",
  metric = "kind alias buckets",
} do
  MEANT[kind] = { signature = true, description = true }
  for field in fields:gmatch("%S+") do
    MEANT[kind][field] = true
  end
end

-- Of histograms that name none, in seconds.
local BUCKETS = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 30, 60 }

-- ---- reading one ----

-- What the checks share while one handler is read: the handler, its report, the YAML keys of its fields by name, the
-- texts of those fields, and whether its arguments are known.
local Reading = {}
Reading.__index = Reading

-- Where a field is, or the handler when it is not there.
function Reading:at(field)
  local key = self.keys[field]
  return key and key.value or self.node
end

function Reading:fail(field, text, ...)
  self.report:fail(self:at(field), text, ...)
end

function Reading:warn(field, text, ...)
  self.report:warn(self:at(field), text, ...)
end

-- ---- first part ----

--- A description as it is kept: trimmed, without backquotes and without blanks at the ends of its lines.
---@param text string
---@param default string what it is when nothing is left
---@return string
function M.description(text, default)
  text = text:match("^%s*(.-)%s*$")
  if text == "" then
    return default
  end
  return (text:gsub("`", "'"):gsub("[ \t\r]+\n", "\n"))
end

local function read_signature(reading)
  local h, text = reading.handler, reading.texts.signature
  local key = reading.keys.signature
  if not key or key.value.kind == "null" then
    reading:fail("signature", "the signature of this %s is missing", h.kind)
    return
  elseif key.value.kind ~= "scalar" then
    return -- reported already
  end
  local found, why = signature.parse(text)
  if not found then
    reading.report:fail(key.value, "%s", why)
    return
  end
  h.name, h.inputs, h.outputs = found.name, found.inputs, found.outputs
end

local QUEUES = { default = true, none = true }
local METRICS = { counter = true, gauge = true, histogram = true }
local SCOPES = { one = true, all = true }

-- A field that is one of a few words, in any case.
local function read_word(reading, field, words, default, complaint)
  local word = reading.texts[field]:lower()
  if word == "" then
    return default
  elseif not words[word] then
    reading:fail(field, complaint .. " '%s' in '%s'", word, reading:name())
  end
  return word
end

-- What the handler is called in messages.
function Reading:name()
  return self.handler.name or self.texts.signature
end

local function read_method(reading)
  local method = reading.texts.method:upper()
  if method ~= "" and not names.is_method(method) then
    reading:fail("method", "invalid method '%s'", method)
  end
  return method
end

-- Sets path, url and arguments.
local function read_path(reading)
  local h, text = reading.handler, path.expand(reading.texts.path, reading.handler.name or "")
  if text:find("`", 1, true) then
    reading:fail("path", "backquote not allowed in path '%s' in '%s'", text, reading:name())
    return
  end
  local port = h.kind == "event" and path.EVENT_PORT or path.PORT
  local route, arguments, at = path.resolve(text, port)
  if not route then
    reading:fail("path", "%s", arguments)
    return
  end
  h.path, h.url, h.arguments = path.store(text, port), route, arguments
  if at.query or at.fragment then
    reading:warn("path", "what follows '%s' in path '%s' is ignored", at.query and "?" or "#", text)
  end
end

-- What may be shown of a value.
local function shown(reading, value)
  return reading.handler.secret and ("*"):rep(math.min(#value, 16)) or value
end

-- Sets validation, rule and default.
local function read_validation(reading)
  local h = reading.handler
  h.default, h.validation = reading.texts.default, reading.texts.validation
  if h.validation == "" then
    return
  end
  local found, why = rule.compile(h.validation)
  if not found then
    reading:fail("validation", "invalid validation rule '%s' for config '%s': %s", h.validation, reading:name(), why)
    return
  end
  h.rule = found
  if h.default ~= "" and not found:accepts(h.default) then
    reading:fail("default", "default value '%s' of config '%s' doesn't validate against rule '%s'",
      shown(reading, h.default), reading:name(), h.validation)
  end
end

-- What every handler goes through, in this order.
local function first_part(reading)
  local h = reading.handler
  read_signature(reading)
  h.queue = read_word(reading, "queue", QUEUES, "default", "invalid queue")
  h.metric = read_word(reading, "kind", METRICS, "counter", "invalid metric kind")
  h.scope = read_word(reading, "scope", SCOPES, "all", "invalid scope")
  h.method = read_method(reading)
  read_path(reading)
  read_validation(reading)
end

-- ---- second part: what the kinds check; each is called only with a good signature ----

local function no_arguments(reading)
  local h = reading.handler
  if #h.inputs > 0 or #h.outputs > 0 then
    reading:fail("signature", "arguments or return values not allowed in '%s'", h.signature)
  end
end

local BODYLESS = { GET = true, DELETE = true, TRACE = true, OPTIONS = true, HEAD = true }

local function check_body(reading)
  local h = reading.handler
  for _, arg in ipairs(h.inputs) do
    if arg.name == "httpRequestBody" and BODYLESS[h.method] then
      reading:fail("signature", "cannot use '%s' in '%s' because method '%s' has no body", arg.name, h.signature, h.method)
    end
  end
end

-- Path arguments that nobody will see.
local function check_path_arguments(reading)
  local h, inputs, seen = reading.handler, {}, {}
  for _, arg in ipairs(h.inputs) do
    inputs[arg.name] = true
  end
  for _, arg in ipairs(h.arguments or {}) do
    if seen[arg.name] then
      reading:warn("path", "path argument '%s' is there twice in '%s'", arg.name, h.path)
    elseif not inputs[arg.name] then
      reading:warn("path", "path argument '%s' in '%s' is no argument of '%s'", arg.name, h.path, h.signature)
    end
    seen[arg.name] = true
  end
end

local CONFIG_TYPES = { string = true, int = true, bool = true, ["time.Duration"] = true, float64 = true }

local READS = {
  int = scalar.int, float64 = scalar.float, bool = scalar.bool, ["time.Duration"] = duration.parse,
}

-- Values that the service cannot use, although no rule forbids them.
local function warn_of_default(reading)
  local h = reading.handler
  local read = READS[h.outputs[1].type]
  if h.default ~= "" and read and read(h.default) == nil then
    reading:warn("default", "default value '%s' of config '%s' is no %s", shown(reading, h.default), h.name,
      h.outputs[1].type)
  elseif h.default == "" and h.rule and not h.rule:accepts("") then
    reading:warn("validation", "config '%s' has no default, and rule '%s' refuses an empty value: it must be set",
      h.name, h.validation)
  end
end

local function check_config(reading)
  local h = reading.handler
  if #h.inputs > 0 then
    reading:fail("signature", "arguments not allowed in '%s'", h.signature)
  end
  if #h.outputs ~= 1 then
    reading:fail("signature", "single return value expected in '%s'", h.signature)
  elseif not CONFIG_TYPES[h.outputs[1].type] then
    reading:fail("signature", "invalid return type '%s' in '%s'", h.outputs[1].type, h.signature)
  else
    warn_of_default(reading)
  end
end

local function check_event_name(reading)
  if not names.is_event(reading.handler.name) then
    reading:fail("signature", "function name must start with 'On' in '%s'", reading.handler.signature)
  end
end

local function check_event(reading)
  local h = reading.handler
  if h.method == "ANY" then
    reading:fail("method", "invalid method 'ANY'")
  end
  if h.url and h.url.port == 0 then
    reading:fail("path", "invalid port '0'")
  end
  check_body(reading)
  check_event_name(reading)
  check_path_arguments(reading)
end

local function check_sink(reading)
  local h, texts = reading.handler, reading.texts
  h.source, h.forHost = texts.source, names.hostname(texts.forHost) or ""
  h.event = texts.event ~= "" and texts.event or h.name
  check_body(reading)
  if not names.is_source(h.source) then
    reading:fail("source", "invalid source '%s' in '%s'", h.source, h.signature)
  end
  if texts.forHost ~= "" and h.forHost == "" then
    reading:fail("forHost", "invalid hostname '%s' in '%s'", texts.forHost, h.signature)
  end
  if not names.is_event(h.event) then
    reading:fail("event", "event name '%s' must start with 'On' in '%s'", h.event, h.signature)
  end
  if h.event ~= h.name or names.is_event(h.event) then -- else it was said of the event
    check_event_name(reading)
  end
end

local function check_ticker(reading)
  local h = reading.handler
  no_arguments(reading)
  h.interval = reading.interval
  if h.interval and h.interval <= 0 then
    reading:fail("interval", "non-positive interval '%s' in '%s'", duration.render(h.interval), h.signature)
  end
  h.seconds = h.interval and duration.seconds(h.interval)
end

local NUMERIC = { int = true, float64 = true, ["time.Duration"] = true }

-- Sets the buckets of a histogram.
local function read_buckets(reading)
  local h, given = reading.handler, reading.buckets
  if h.metric ~= "histogram" then
    if given then
      reading:warn("buckets", "'buckets' means nothing for a %s", h.metric)
    end
    return
  end
  h.buckets = given and #given > 0 and given or { table.unpack(BUCKETS) }
  table.sort(h.buckets)
  for i = 2, #h.buckets do
    if h.buckets[i] == h.buckets[i - 1] then
      reading:fail("buckets", "buckets must be defined in ascending order: %s is there twice",
        scalar.text(h.buckets[i]))
    end
  end
end

local HOST_LABELS = { service = true, ver = true, id = true, le = true } -- what every series has anyway, and buckets

local function check_labels(reading)
  local h = reading.handler
  for i = 2, #h.inputs do
    if HOST_LABELS[h.inputs[i].name] then
      reading:fail("signature", "label '%s' in '%s' needs another name: service, ver, id and le are the host's",
        h.inputs[i].name, h.signature)
    end
  end
end

local function check_metric(reading)
  local h = reading.handler
  h.alias = reading.texts.alias ~= "" and reading.texts.alias or names.snake(reading.folder .. h.name)
  if #h.outputs > 0 then
    reading:fail("signature", "return values not allowed in '%s'", h.signature)
  end
  if #h.inputs == 0 then
    reading:fail("signature", "at least one argument expected in '%s'", h.signature)
  elseif not NUMERIC[h.inputs[1].type] then
    reading:fail("signature", "first argument is of a non-numeric type '%s' in '%s'", h.inputs[1].type, h.signature)
  end
  check_labels(reading)
  if h.alias:find("^moonbus_") or h.alias:find("^microbus_") then
    reading:fail("alias", "the name '%s' is the host's: choose another alias", h.alias)
  elseif not h.alias:match("^[a-zA-Z_:][a-zA-Z0-9_:]*$") then
    reading:warn("alias", "'%s' cannot be published: the name of a metric is letters, digits, '_' and ':'", h.alias)
  end
  read_buckets(reading)
end

local CHECKS = {
  config = check_config, event = check_event, sink = check_sink, ticker = check_ticker, metric = check_metric,
  web = no_arguments,
  ["function"] = function(reading)
    check_body(reading)
    check_path_arguments(reading)
  end,
}

-- ---- all of it ----

local TEXTS = {
  "signature", "description", "method", "path", "queue", "event", "source", "forHost", "default", "validation", "kind",
  "alias", "scope",
}

-- Reads the fields by their types, and notes those of another type.
local function read_fields(reading)
  local report, keys, h = reading.report, reading.keys, reading.handler
  for _, field in ipairs(TEXTS) do
    reading.texts[field] = report:text(keys[field])
  end
  h.openApi = report:bool(keys.openApi, true)
  h.callback = report:bool(keys.callback, false)
  h.secret = report:bool(keys.secret, false)
  reading.buckets = report:numbers(keys.buckets)
  reading.interval = report:duration(keys.interval)
  for _, field in ipairs(FIELDS) do
    if keys[field] and not MEANT[h.kind][field] then
      report:warn(keys[field], "field '%s' means nothing in '%ss'", field, h.kind)
    end
  end
end

-- The field of a handler that a field of the format ends up in, when it is another one.
local KEPT_AS = { path = { "path", "url", "arguments" }, kind = { "metric" }, validation = { "validation", "rule" } }

-- Takes away what other kinds have.
local function keep_own(h)
  for _, field in ipairs(FIELDS) do
    if not MEANT[h.kind][field] then
      for _, name in ipairs(KEPT_AS[field] or { field }) do
        h[name] = nil
      end
    end
  end
end

--- Reads one entry of a section. What is wrong with it goes into the report.
---@param report Report
---@param node table of YAML
---@param kind HandlerKind
---@param folder string the name of the service's folder
---@return Handler? handler nil when it has no good signature
function M.read(report, node, kind, folder)
  report:begin(node)
  if node.kind == "null" then
    report:fail(node, "the signature of this %s is missing", kind)
    return nil
  elseif node.kind ~= "map" then
    report:mismatch(node, "spec.Handler", "each item of '%ss' is a map of fields", kind)
    return nil
  end
  local h = { kind = kind }
  local reading = setmetatable({ report = report, node = node, handler = h, texts = {}, folder = folder }, Reading)
  reading.keys = report:fields(node, FIELDS)
  read_fields(reading)
  h.signature = reading.texts.signature
  first_part(reading)
  if not h.name then
    return nil
  end
  h.line, h.column = reading:at("signature").line, reading:at("signature").column
  if h.method == "" then
    h.method = kind == "event" and "POST" or "ANY"
  end
  h.description = M.description(reading.texts.description,
    kind == "metric" and "" or ("%s is a %s."):format(h.name, kind))
  CHECKS[kind](reading)
  keep_own(h)
  return h
end

return M
