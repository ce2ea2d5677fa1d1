-- http: the HTTP client. Connections are kept and used again, by worker; an answer comes whole, or in pieces.
--
--     local answer = errors.check(http.request { url = "http://far.example/" })        -- { status, headers, body }
--
--     local answer <close> = errors.check(http.request { url = …, stream = true })
--     for chunk in answer:chunks() do … end                                             -- holds the other side back
--
-- A request's body may be a function that gives the next piece, or nil at the end: what comes in can go out as it comes,
-- `body = req:chunks()`. A task of the caller's asks it, beside the answer, which may begin, and end, before the body does.
-- What can happen comes back as nil, message, code: "refused", "closed", "timeout", "protocol", "limit".

local core = require "http.core"
local errors = require "errors"
local task = require "task"

local M = {}

---@class HttpRequest
---@field url string absolute, http
---@field method? string GET
---@field headers? table<string, string>
---@field body? string|fun(): string? all of it, or what gives its next piece
---@field timeout? number seconds for all of it (30); with `stream`, or a body in pieces, those in which nothing moves
---@field limit? integer bytes of an answer that comes whole (16 MB)
---@field stream? boolean the answer comes in pieces

---@class HttpAnswer
---@field status integer
---@field headers table<string, string> by lower-case name; several of one name are joined with ", ", Set-Cookie with a line break
---@field body string all of it

---@class HttpStream an answer that comes in pieces
---@field status integer
---@field headers table<string, string> as of HttpAnswer
local HttpStream = {}
HttpStream.__index = HttpStream

local STATUS = { timeout = 504, limit = 503, busy = 503 }

-- A request under way: the exchange, and the task that sends its body, if there is one. Leaving its block hangs up.
local Sending = {}
Sending.__index = Sending

function Sending:__close()
  if self.exchange then
    self:stop()
  end
end

-- Hangs up, unless the answer is complete; what was not sent by then is not asked for.
function Sending:stop()
  self.exchange:close()
  if self.sender then
    self.sender:cancel()
  end
end

-- Why the exchange failed, as nil, message, code. When it was the body that failed, that is the reason: what its function
-- raised is raised here.
function Sending:why(message, code)
  if self.sender and not self.sender:running() then
    local sent, problem, kind = self.sender:join()
    if not sent and kind == "limit" then
      return nil, problem, kind
    end
  end
  return nil, message, code
end

--- The next piece of the body, nil alone at its end; or nil, message, code. Returns when something has come. Raises what
--- the function of the request's body raised.
---@return string?
---@return string? message
---@return string? code
function HttpStream:read()
  local piece, message, code = self.sending.exchange:read()
  if piece then
    return piece
  end
  self:close()
  if code then
    return self.sending:why(message, code)
  end
  return nil
end

--- Iterates over the body as it comes. What is not read holds the other side back. Raises 502 when it breaks off, 504
--- when nothing came in time.
---@return fun(): string?
function HttpStream:chunks()
  return function()
    local piece, message, code = self:read()
    if code then
      errors.raise(STATUS[code] or 502, message)
    end
    return piece
  end
end

--- Hangs up, unless the answer is complete. Leaving the block of a <close> variable does so, too.
function HttpStream:close()
  self.sending:stop()
end

HttpStream.__close = HttpStream.close

-- The body, piece by piece, until the other side has answered and wants no more of it. Unless it was sent to its end it must
-- not look complete: whatever ends it before that hangs up.
local function send(exchange, body)
  local guard <close> = setmetatable({ exchange = exchange }, Sending)
  for piece in body do
    local wanted, message, code = exchange:write(piece)
    if code == "limit" then
      return nil, message, code
    elseif not wanted then
      break
    end
  end
  exchange:finish()
  guard.exchange = nil
  return true
end

-- The rest of the answer, or nil, message, code.
local function collect(exchange, limit)
  local parts, size = {}, 0
  while true do
    local piece, message, code = exchange:read()
    if code then
      return nil, message, code
    elseif not piece then
      return table.concat(parts)
    end
    size = size + #piece
    if size > limit then
      return nil, "the answer is larger than the limit", "limit"
    end
    table.insert(parts, piece)
  end
end

local function in_pieces(request)
  local exchange, message, code = core.open(request)
  if not exchange then
    return nil, message, code
  end
  local guard <close> = setmetatable({ exchange = exchange }, Sending)
  if type(request.body) == "function" then
    guard.sender, message, code = task.spawn(send, exchange, request.body)
    if not guard.sender then
      return nil, message, code
    end
  end
  local status, headers, why = exchange:head()
  if not status then
    return guard:why(headers, why)
  elseif request.stream then
    local sending = setmetatable({ exchange = exchange, sender = guard.sender }, Sending)
    guard.exchange = nil
    return setmetatable({ status = status, headers = headers, sending = sending }, HttpStream)
  end
  local body, problem, kind = collect(exchange, request.limit or 16 << 20)
  if not body then
    return guard:why(problem, kind)
  end
  return { status = status, headers = headers, body = body }
end

--- One HTTP/1.1 request. Every answer is one, whatever its status. With `stream` it is there when its head is, and its body
--- is read in pieces.
---@param request HttpRequest
---@return HttpAnswer|HttpStream|nil
---@return string? message
---@return string? code
function M.request(request)
  if type(request) == "table" and (request.stream or type(request.body) == "function") then
    return in_pieces(request)
  end
  return core.request(request)
end

return M
