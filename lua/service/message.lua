-- service.message: HTTP-shaped messages in memory, for calls that no socket carries: over the bus, and in specs. A request
-- and a response have the fields, methods and complaints of those that the host makes, so that a handler cannot tell them
-- apart. What only the caller needs (`result`) is not among them on the wire.

local body = require "service.body"
local json = require "json"
local errors = require "errors"
local keys = require "service.keys"
local resources = require "service.resources"
local url = require "url"

local M = {}

local SIZE = 16 << 20 -- bytes of a body
local CHUNK = 64 << 10 -- bytes that `chunks` gives at a time
local FIELDS = 64 -- headers of an answer, as of one over HTTP

local STATE = {} -- key of what an object keeps for itself

-- Refuses what the host's objects refuse, at the line of the handler.
local function misuse(text, ...)
  error(text:format(...), 3)
end

local function is_text(value)
  return type(value) == "string" or type(value) == "number"
end

-- ---- header fields ----

local function is_name(name)
  return is_text(name) and tostring(name):find("^[%w!#$%%&'*+.^_`|~-]+$") ~= nil
end

local function is_value(value)
  return is_text(value) and not tostring(value):find("[\0-\8\10-\31\127]")
end

local function check_field(name, value)
  if not is_name(name) then
    error(("not a header name: %q"):format(tostring(name)), 4)
  elseif not is_value(value) then
    error(("the header %s has a value that is no text, or has control characters"):format(name), 4)
  end
end

-- Given headers by lower-case name, each a list of its values.
local function read_headers(given)
  local lists = {}
  for name, value in pairs(given or {}) do
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      check_field(name, one)
      local key = name:lower()
      lists[key] = lists[key] or {}
      table.insert(lists[key], tostring(one))
    end
  end
  return lists
end

-- ---- the request ----

--- Names and values as the text of a query, in the order of the names. A list is a name several times.
---@param values table<string, string|number|boolean|table>
---@return string
function M.query(values)
  local parts = {}
  for _, name in ipairs(keys.sorted(values)) do
    local value = values[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      table.insert(parts, url.encode(tostring(name)) .. "=" .. url.encode(tostring(one)))
    end
  end
  return table.concat(parts, "&")
end

local Request = { json = body.methods.json, form = body.methods.form }

-- Fields that are made when somebody asks for them.
local LAZY = {
  query = function(state)
    return url.parse_query(state.query_string or "")
  end,
  headers = function(state)
    local headers = {}
    for name, values in pairs(state.fields) do
      headers[name] = table.concat(values, name == "set-cookie" and "\n" or ", ")
    end
    return headers
  end,
}

local RequestClass = { __name = "request", __metatable = "locked" }

function RequestClass.__index(req, key)
  local method = Request[key]
  if method then
    return method
  end
  local state = rawget(req, STATE)
  local value = state[key]
  if value == nil and LAZY[key] then
    value = LAZY[key](state)
    state[key] = value
  end
  return value
end

function RequestClass.__newindex(_, key)
  misuse("a request has no field %q to be set", tostring(key))
end

function RequestClass.__tostring()
  return "request"
end

local function state_of(object)
  local state = type(object) == "table" and rawget(object, STATE)
  if not state then
    error("this is called as a method of a request or response: with a colon", 3)
  end
  return state
end

--- The first field of that name, in any case.
---@param name string
---@return string?
function Request:header(name)
  local state = state_of(self)
  if not is_text(name) then
    misuse("bad argument #1 to 'header' (string expected, got %s)", type(name))
  end
  local values = state.fields[tostring(name):lower()]
  return values and values[1]
end

local function take_body(state)
  if state.taken then
    error("the request body was read already", 3)
  end
  state.taken = true
end

--- All of the body, once.
---@return string
function Request:body()
  local state = state_of(self)
  take_body(state)
  local coding = self:header("content-encoding")
  if coding and not coding:lower():find("^%s*identity%s*$") and coding:find("%S") then
    errors.raise(415, "the body of a message has no Content-Encoding")
  end
  return state.body
end

--- Iterates over the body in pieces.
---@return fun(): string?
function Request:chunks()
  local state = state_of(self)
  take_body(state)
  local at = 1
  return function()
    local piece = state.body:sub(at, at + CHUNK - 1)
    at = at + #piece
    return piece ~= "" and piece or nil
  end
end

---@class RequestMessage
---@field method string? GET without it
---@field path string? escaped, as it travels; "/" without it
---@field query table<string, string|number|boolean|table>|string|nil
---@field headers table<string, string|string[]>? names in any case
---@field body string?
---@field args table<string, string>? of the path
---@field id string?
---@field host string?
---@field peer string?
---@field account table?
---@field token string?

local KNOWN = {}
for name in ("method path query headers body args id host peer account token"):gmatch("%S+") do
  KNOWN[name] = true
end

local function check_request(given)
  for name in pairs(given) do
    if not KNOWN[name] then
      error(("a request has no %q"):format(tostring(name)), 3)
    end
  end
  local path = given.path or "/"
  if not is_name(given.method or "GET") then
    error(("not a method: %q"):format(tostring(given.method)), 3)
  elseif type(path) ~= "string" or path:sub(1, 1) ~= "/" or path:find("[?#%c ]") then
    error(("not the path of a request: %q"):format(tostring(path)), 3)
  elseif given.body ~= nil and not is_text(given.body) then
    error(("the body of a request is a text, not a %s"):format(type(given.body)), 3)
  elseif #tostring(given.body or "") > SIZE then
    errors.raise(413, "the request body is too large")
  end
end

--- A request that nobody sent.
---@param given RequestMessage
---@return Request
function M.request(given)
  check_request(given)
  local query = given.query
  if type(query) == "table" then
    query = M.query(query)
  end
  query = query ~= "" and query or nil
  local path, text = given.path or "/", tostring(given.body or "")
  return setmetatable({
    [STATE] = {
      method = (given.method or "GET"):upper(),
      path = path,
      query_string = query,
      target = path .. (query and "?" .. query or ""),
      fields = read_headers(given.headers),
      body = text,
      length = #text,
      args = given.args,
      id = given.id or "",
      host = given.host or "",
      peer = given.peer or "",
      account = given.account,
      token = given.token,
    },
  }, RequestClass)
end

--- A WebSocket is for clients that stay.
function Request:upgrade()
  state_of(self)
  errors.raise(400, "a WebSocket needs an HTTP connection: this request came over the bus")
end

--- For the runtime: the path arguments.
---@param req Request
---@param args table<string, string>
function M.set_args(req, args)
  rawget(req, STATE).args = args
end

-- ---- the response ----

local Response = {}
local ResponseClass = { __name = "response", __metatable = "locked", __index = Response }

function ResponseClass.__newindex(_, key)
  misuse("a response has no field %q to be set", tostring(key))
end

function ResponseClass.__tostring()
  return "response"
end

-- The state of a response that is not complete yet.
local function open_of(res)
  local state = type(res) == "table" and rawget(res, STATE)
  if not state then
    error("this is called as a method of a request or response: with a colon", 3)
  elseif state.over then
    error("this request is over", 3)
  end
  return state
end

-- The status as an integer; as elsewhere in Lua a text that is one will do.
local function status_of(given, method, position)
  local status = math.tointeger(tonumber(given))
  if not status then
    error(("bad argument #%d to '%s' (a status is an integer)"):format(position, method), 3)
  elseif status < 200 or status > 599 then
    error(("bad argument #%d to '%s' (a status is 200 to 599)"):format(position, method), 3)
  end
  return status
end

--- Sets the status of the answer.
---@param status integer
---@return Response
function Response:status(status)
  local state = open_of(self)
  status = status_of(status, "status", 1)
  if state.begun then
    misuse("the response has begun: its status is sent")
  end
  state.status = status
  return self
end

local function position_of(fields, name)
  if name ~= "set-cookie" then
    for i, field in ipairs(fields) do
      if field.name == name then
        return i
      end
    end
  end
  return #fields + 1
end

--- Sets a header of the answer; Set-Cookie is added, others are replaced; nil takes it away.
---@param name string
---@param value string?
---@return Response
function Response:header(name, value)
  local state = open_of(self)
  if not is_name(name) then
    misuse("bad argument #1 to 'header' (not a header name)")
  elseif value ~= nil and not is_text(value) then
    misuse("bad argument #2 to 'header' (string expected, got %s)", type(value))
  elseif value ~= nil and not is_value(value) then
    misuse("bad argument #2 to 'header' (a header value has no control characters)")
  elseif state.begun then
    misuse("the response has begun: its headers are sent")
  end
  local at = position_of(state.fields, tostring(name):lower())
  if value == nil then
    table.remove(state.fields, at)
  elseif at > FIELDS then
    misuse("more than %d headers", FIELDS)
  else
    state.fields[at] = { name = tostring(name):lower(), value = tostring(value) }
  end
  return self
end

--- Whether the answer has a header of that name, in any case.
---@param name string
---@return boolean
function Response:has(name)
  local wanted = tostring(name):lower()
  for _, field in ipairs(state_of(self).fields) do
    if field.name == wanted then
      return true
    end
  end
  return false
end

local function default_type(state, kind)
  if kind ~= "" and position_of(state.fields, "content-type") > #state.fields and #state.fields < FIELDS then
    table.insert(state.fields, { name = "content-type", value = kind })
  end
end

local function add(state, text)
  state.size = state.size + #text
  if state.size > SIZE then
    error(("the body of an answer is at most %d bytes"):format(SIZE), 3)
  end
  table.insert(state.parts, text)
end

local function complete(state, status, kind, text)
  default_type(state, kind)
  add(state, text)
  state.status, state.begun, state.over = status, true, true
end

--- Gives the whole answer.
---@param status integer?
---@param text string?
---@param kind string? Content-Type, unless there is one
function Response:answer(status, text, kind)
  local state = open_of(self)
  status = status_of(status or state.status, "answer", 1)
  if text ~= nil and not is_text(text) then
    misuse("bad argument #2 to 'answer' (string expected, got %s)", type(text))
  elseif kind ~= nil and not is_text(kind) then
    misuse("bad argument #3 to 'answer' (string expected, got %s)", type(kind))
  elseif state.begun then
    misuse("the response has begun")
  end
  text = tostring(text or "")
  complete(state, status, kind or (text ~= "" and "text/plain; charset=utf-8" or ""), text)
end

local function encode(value)
  local ok, text, why = pcall(json.encode, value)
  if ok and text then
    return text
  end
  return nil, tostring(ok and why or text):gsub("^[^\n:]+:%d+: ", "", 1)
end

--- Gives the value as JSON, as the whole answer.
---@param value any
---@param status integer?
function Response:json(value, status)
  local state = open_of(self)
  status = status_of(status or state.status, "json", 2)
  if state.begun then
    misuse("the response has begun")
  end
  local text, why = encode(value)
  if not text then
    misuse("the answer cannot be JSON: %s", why)
  end
  complete(state, status, "application/json", text)
end

--- Answers as if no service had this path.
function Response:nowhere()
  local state = open_of(self)
  if state.begun then
    misuse("the response has begun")
  end
  state.fields = {}
  complete(state, 404, "text/plain; charset=utf-8", "no instances found")
end

--- Gives a piece of the body.
---@param ... string|number
---@return boolean
function Response:write(...)
  local state = open_of(self)
  for i = 1, select("#", ...) do
    if not is_text((select(i, ...))) then
      misuse("bad argument #%d to 'write' (string expected, got %s)", i, type((select(i, ...))))
    end
  end
  state.begun = true
  for i = 1, select("#", ...) do
    add(state, tostring((select(i, ...))))
  end
  return true
end

--- Completes an answer that was given in pieces.
function Response:finish()
  local state = open_of(self)
  state.begun, state.over = true, true
end

--- Whether any of the answer was given, or can be given no more.
---@return boolean
function Response:begun()
  return state_of(self).begun
end

--- Server-sent events are for clients that stay.
function Response:events()
  open_of(self)
  errors.raise(400, "a stream of events needs an HTTP connection: this request came over the bus")
end

--- Answers with a file of resources/.
---@param name string
function Response:file(name)
  local state = open_of(self)
  if state.begun then
    misuse("the response has begun")
  end
  resources.own():serve(state.req, self, name)
end

---@class ResultMessage
---@field status integer
---@field headers table<string, string|string[]> by lower-case name; set-cookie is a list
---@field body string

local BODYLESS = { [204] = true, [205] = true, [304] = true }

--- What the answer has come to. For who made the response: over HTTP there is none.
---@return ResultMessage
function Response:result()
  local state = state_of(self)
  local headers = {}
  for _, field in ipairs(state.fields) do
    if field.name == "set-cookie" then
      headers[field.name] = headers[field.name] or {}
      table.insert(headers[field.name], field.value)
    else
      headers[field.name] = field.value
    end
  end
  local silent = state.is_head or BODYLESS[state.status]
  return { status = state.status, headers = headers, body = silent and "" or table.concat(state.parts) }
end

--- The response to a request, to be filled by a handler.
---@param req Request?
---@return Response
function M.response(req)
  return setmetatable({
    [STATE] = {
      status = 200,
      fields = {},
      parts = {},
      size = 0,
      begun = false,
      over = false,
      is_head = req ~= nil and req.method == "HEAD",
      req = req or M.request {},
    },
  }, ResponseClass)
end

return M
