-- egress: requests to the world outside, by way of the service that is the door to it (services/egress):
--
--     local answer = egress.get(ctx, "http://example.com/prices")
--     if answer.status == 200 then … answer.body … end
--
-- The time that the caller has is the time that the answer may take. Redirects are followed.

local bus = require "bus"
local errors = require "errors"
local keys = require "service.keys"
local url = require "url"

local M = {}

local DOOR = "https://http.egress.core:444/make-request"
local TOKEN = "^[!#$%%&'*+%-.^_`|~%w]+$"

---@class EgressRequest
---@field url string absolute
---@field method string? GET
---@field headers table<string, string|string[]>? a list is several of that name
---@field body string?

---@class EgressResponse
---@field status integer
---@field headers table<string, string> by lower-case name
---@field body string

-- Of the message itself: nobody else can know them.
local FRAMING = { host = true, ["content-length"] = true, ["transfer-encoding"] = true }

local function header_line(name, value)
  if type(name) ~= "string" or not name:find(TOKEN) then
    errors.raise(400, ("not a header name: %q"):format(tostring(name)))
  elseif type(value) ~= "string" and type(value) ~= "number" or tostring(value):find("[\0-\8\10-\31\127]") then
    errors.raise(400, ("the value of the header %s must be text without control characters"):format(name))
  end
  return ("%s: %s\r\n"):format(name, value)
end

-- In order, so that the same request is the same text.
local function header_lines(headers)
  local lines = {}
  for _, name in ipairs(keys.sorted(headers)) do
    local values = headers[name]
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      local line = header_line(name, value)
      table.insert(lines, not FRAMING[name:lower()] and line or nil)
    end
  end
  return table.concat(lines)
end

--- A request as the text that travels: HTTP/1.1 with an absolute URL. Raises 400 for what cannot be one.
---@param request EgressRequest
---@return string
function M.serialise(request)
  local method, body = request.method or "GET", request.body or ""
  local parts, why = url.parse(request.url or "")
  if not parts then
    errors.raise(400, why)
  elseif not method:find(TOKEN) then
    errors.raise(400, ("not a method: %q"):format(method))
  end
  return ("%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s"):format(
    method, request.url, parts.authority, header_lines(request.headers or {}), #body, body
  )
end

--- Sends a request. Every answer of the other side is one, whatever its status. Without an answer the status is 502,
--- and 504 when there was none in time.
---@param ctx Context
---@param request EgressRequest
---@return EgressResponse
function M.request(ctx, request)
  return bus.request(ctx, {
    method = "POST", url = DOOR, headers = { ["Content-Type"] = "message/http" }, body = M.serialise(request),
  })
end

--- Fetches what is at an address; the answer whatever its status.
---@param ctx Context
---@param address string absolute URL
---@return EgressResponse
function M.get(ctx, address)
  return M.request(ctx, { url = address })
end

--- Sends a body to an address; the answer whatever its status.
---@param ctx Context
---@param address string absolute URL
---@param content_type string? of the body
---@param body string
---@return EgressResponse
function M.post(ctx, address, content_type, body)
  return M.request(ctx, {
    method = "POST", url = address, headers = { ["Content-Type"] = content_type }, body = body,
  })
end

return M
