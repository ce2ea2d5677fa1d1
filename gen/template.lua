-- template: the text of a fresh service.yaml, and how the comments of an older one are brought up to date. The comments
-- above the sections are the generator's, everything else in the file is its owner's. Pure.

local code = require "gen.code"
local yaml = require "yaml"

local M = {}

local SECTIONS = {
  { name = "general", comment = [[
# Who the service is.
#
#   host              its hostname, such as shop.example: how others call it, the first segment of its URLs; required
#   description       what it is for, in a sentence
#   integrationTests  false = the generator adds no tests to spec/service_spec.lua
#   openApi           false = /openapi.json answers 404
#
# The comments right above the sections are kept up to date by `moonbus gen`. Yours are safe anywhere else.
]], example = [[
  host: %s
  description:
]] },
  { name = "configs", comment = [[
# Settings. In Lua: svc.config.Name
#
#   signature    Name() (value type), with type string, bool, int, float or Duration
#   description  what it does, in a sentence
#   default      its value when nobody sets it; nothing = the empty text, 0, false
#   validation   what values are allowed, the default among them:
#                  str ^[a-z]+$            a regular expression that must match somewhere in the text
#                  bool
#                  int [1,60]              [ and ] belong to the range, ( and ) do not; a missing bound is none
#                  float [0.0,1.0)
#                  dur (0s,24h]            durations such as 250ms, 1h30m
#                  set Red|Green|Blue      one of these
#                  url
#                  email
#                  json
#   callback     true = svc.OnChangedName(ctx) is called when the value changed
#   secret       true = the value is shown nowhere
]], example = [[
  # - signature: Greeting() (greeting string)
  #   description:
  #   default:
  #   validation:
]] },
  { name = "functions", comment = [[
# Functions: what others can call, through the bus or by HTTP. In Lua: function svc.Name(ctx, input, ...) ... end
#
#   signature    Name(input type, ...) (output type, ...), with the types
#                  string, bool, int, float, any, Time, Duration, []byte
#                  []T and map[string]T, lists and maps of another type
#                  T or *T, a class of types.lua; one that is missing there is added
#                and these arguments, which stand for parts of HTTP:
#                  httpRequestBody as an input    the whole body of the request
#                  httpResponseBody as an output  the whole body of the response
#                  httpStatusCode int, an output  the status of the response
#   description  what it does, in a sentence that begins with its name
#   method       GET, POST, ...; nothing or ANY = all methods
#   path         where it listens:
#                  nothing                 /name-in-kebab-case on port 443
#                  /path                   on port 443
#                  /article/{id}/{part}    segments that are inputs of these names
#                  /files/{path+}          the rest of the path as one input
#                  :1234/path              on another port; :0/path on any
#                  :443/...                the dots stand for the name in kebab-case
#                  //other.example/path    on another hostname; //root is the / of the host
#   queue        default = one replica of the service answers; none = all of them do
#   openApi      false = /openapi.json leaves it out
]], example = [[
  # - signature: Add(x int, y int) (sum int)
  #   description:
]] },
  { name = "events", comment = [[
# Events: what the service tells whoever listens. In Lua: for answer in api.fire.OnName(ctx, input, ...) do ... end
#
#   signature    OnName(input type, ...) (output type, ...); outputs are what sinks answer
#   description  when it happens, in a sentence that begins with its name
#   method       POST unless told; not ANY
#   path         as that of functions, but on port 417 unless told and never on port 0
]], example = [[
  # - signature: OnRegistered(email string)
  #   description:
]] },
  { name = "sinks", comment = [[
# Sinks: events of other services that this one wants to hear of. In Lua: function svc.OnName(ctx, input, ...) ... end
#
#   signature    that of the event; with another name when two sources call their events alike
#   description  what is done about it, in a sentence that begins with its name
#   source       the service that fires it, by its folder: services/user; required
#   event        the event's name at its source, when the sink has another
#   forHost      the source's hostname, when it runs under another than it declares
#   queue        default = one replica of this service hears of it; none = all of them do
]], example = [[
  # - signature: OnRegistered(email string)
  #   description:
  #   source: services/other
]] },
  { name = "webs", comment = [[
# Web handlers: full control over request and response. In Lua: function svc.Name(ctx, req, res) ... end
#
#   signature    Name(), without arguments
#   description  what it answers, in a sentence that begins with its name
#   method       GET, POST, ...; nothing or ANY = all methods
#   path         as that of functions; segments in braces are found in req.args
#   queue        default = one replica of the service answers; none = all of them do
#   openApi      false = /openapi.json leaves it out
]], example = [[
  # - signature: Home()
  #   description:
]] },
  { name = "tickers", comment = [[
# Tickers: what is done again and again. In Lua: function svc.Name(ctx) ... end
#
#   signature    Name(), without arguments
#   description  what it does, in a sentence that begins with its name
#   interval     from one beat to the next, such as 10s, 5m or 1h30m; required
#   scope        all = on every replica of the service; one = once in the whole deployment; nothing = all
]], example = [[
  # - signature: CleanUp()
  #   description:
  #   interval:
]] },
  { name = "metrics", comment = [[
# Metrics: what can be counted and measured. In Lua: svc.metrics.Name(value, label, ...)
#
#   signature    Name(value type, label type, ...), with a value of type int, float or Duration
#   description  what it tells
#   kind         counter, which only grows; gauge, which goes up and down; or histogram; nothing = counter
#   buckets      upper bounds of a histogram's buckets: [0.1, 1, 10]
#   alias        its name for Prometheus; nothing = service_name_in_snake_case
]], example = [[
  # - signature: RequestsCount(count int, domain string)
  #   description:
  #   kind:
]] },
}

local BY_NAME = {}
for _, section in ipairs(SECTIONS) do
  BY_NAME[section.name] = section
end

--- A declaration with all its sections, and nothing in them but a host.
---@param host string "" = to be filled in
---@return string
function M.fresh(host)
  local parts = {}
  for _, section in ipairs(SECTIONS) do
    local example = section.name == "general" and section.example:format(host):gsub(" +\n", "\n") or section.example
    table.insert(parts, ("%s%s:\n%s"):format(section.comment, section.name, example))
  end
  return "---\n" .. table.concat(parts, "\n")
end

-- Whether a YAML tree says the same as another, which may have empty sections more.
local function same(a, b, root)
  if a.kind ~= b.kind or a.value ~= b.value or a.quoted ~= b.quoted then
    return false
  end
  for i, item in ipairs(a.items or {}) do
    if not b.items[i] or not same(item, b.items[i]) then
      return false
    end
  end
  for _, key in ipairs(a.keys or {}) do
    local other = b.at[key.name]
    if not other or not same(key.value, other) then
      return false
    end
  end
  for _, key in ipairs(b.keys or {}) do
    if not a.at[key.name] and not (root and key.value.kind == "null") then
      return false
    end
  end
  return #(a.items or {}) == #(b.items or {})
end

local function section_of(line)
  local name = line:match("^(%a+)%s*:")
  return BY_NAME[name]
end

-- The lines with the block of comments above each section replaced, and the sections that are there.
local function with_comments(lines, eol)
  local out, present = {}, {}
  for _, line in ipairs(lines) do
    local section = section_of(line)
    if section and not present[section.name] then
      present[section.name] = true
      while #out > 0 and out[#out]:find("^#") do
        table.remove(out)
      end
      table.insert(out, (section.comment:gsub("\n", eol)))
    end
    table.insert(out, line)
  end
  return out, present
end

--- A declaration with the comments of today above its sections, and those sections that it lacked. A text that this would
--- change the meaning of stays as it is.
---@param text string
---@return string
function M.refresh(text)
  local eol, lines = code.line_end(text), {}
  for line in text:gmatch("[^\n]*\n?") do
    table.insert(lines, line)
  end
  local out, present = with_comments(lines, eol)
  local fresh = table.concat(out)
  for _, section in ipairs(SECTIONS) do
    if not present[section.name] then
      fresh = fresh .. code.gap(fresh, eol) .. section.comment:gsub("\n", eol) .. section.name .. ":" .. eol
    end
  end
  local before, after = yaml.parse(text), yaml.parse(fresh)
  if before and before.kind ~= "null" and not (after and same(before, after, true)) then
    return text
  end
  return fresh
end

return M
