-- message: one HTTP/1.1 request as text (RFC 9112), read strictly: what two readers could understand differently is
-- refused. Pure.

local url = require "url"

local M = {}

M.HEAD_MAX = 64 * 1024 -- bytes of request line and headers
M.FIELDS_MAX = 100

local CHUNK_LINE_MAX = 1024
local TOKEN = "^[!#$%%&'*+%-.^_`|~%w]+$" -- RFC 9110 section 5.6.2

---@class Message a request to be sent
---@field method string
---@field url string absolute
---@field headers table<string, string> those for the other end, by lower-case name
---@field body string

-- ---- headers ----

-- Fields of one connection, and those that whoever sends the message makes anew.
local ONE_HOP = {}
for name in ([[connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer
  transfer-encoding upgrade host content-length expect]]):gmatch("%S+") do
  ONE_HOP[name] = true
end

--- Headers without those that concern one connection only, and those that Connection names.
---@param headers table<string, string> by lower-case name
---@return table<string, string>
function M.end_to_end(headers)
  local named, out = {}, {}
  for name in (headers.connection or ""):lower():gmatch("[^%s,]+") do
    named[name] = true
  end
  for name, value in pairs(headers) do
    if not ONE_HOP[name] and not named[name] then
      out[name] = value
    end
  end
  return out
end

local function read_field(line)
  if line:find("^[ \t]") then
    return nil, "a header must not go on in the next line"
  end
  local name, value = line:match("^([^:]*):[ \t]*(.-)[ \t]*$")
  if not name then
    return nil, "a header needs a colon"
  elseif not name:find(TOKEN) then
    return nil, "a header's name has characters that none may have"
  elseif value:find("[\0-\8\10-\31\127]") then
    return nil, ("the value of %s has control characters"):format(name)
  end
  return name:lower(), value
end

local ONCE = { host = true, ["content-length"] = true, ["transfer-encoding"] = true }

-- Several of one name are joined, as they mean the same.
local function read_fields(lines)
  local headers = {}
  for i = 2, #lines do
    local name, value = read_field(lines[i])
    if not name then
      return nil, value
    elseif headers[name] and ONCE[name] then
      return nil, ("there are two headers %s"):format(name)
    end
    headers[name] = headers[name] and headers[name] .. (name == "cookie" and "; " or ", ") .. value or value
  end
  return headers
end

-- ---- request line ----

local function read_request_line(line)
  local method, target = line:match("^([^ ]+) ([^ ]+) HTTP/1%.1$")
  if not method then
    return nil, "the first line must be METHOD URL HTTP/1.1"
  elseif not method:find(TOKEN) then
    return nil, "the method has characters that none may have"
  elseif method == "CONNECT" then
    return nil, "CONNECT is not for single requests"
  end
  return method, target
end

-- The absolute URL of a target; a path is one of the host that the headers name.
local function absolute(target, headers)
  if target:sub(1, 1) == "/" then
    if not headers.host then
      return nil, "there must be an absolute URL in the first line, or a header Host"
    end
    target = "http://" .. headers.host .. target
  end
  local parts, why = url.parse(target)
  if not parts then
    return nil, why
  end
  return target
end

-- ---- body ----

-- A chunk-size line at `at`: the size, and where the line ends.
local function read_size(text, at)
  local stop = text:find("\r\n", at, true)
  local line = stop and stop - at <= CHUNK_LINE_MAX and text:sub(at, stop - 1)
  local digits, rest = (line or ""):match("^(%x+)(.*)$")
  if not digits or #digits > 8 or rest:find("^[^ \t;]") or rest:find("[%c\127]") then
    return nil, "a chunk needs its size, in hexadecimal digits"
  end
  return tonumber(digits, 16), stop + 2
end

-- What is behind the last chunk: headers that nobody asked for, an empty line, and nothing else.
local function skip_trailer(text, at)
  for _ = 0, M.FIELDS_MAX do
    local stop = text:find("\r\n", at, true)
    if not stop then
      return "the body has no end"
    elseif stop == at then
      return stop + 1 < #text and "something follows the body" or nil
    end
    local name, why = read_field(text:sub(at, stop - 1))
    if not name then
      return why
    end
    at = stop + 2
  end
  return "too many headers follow the body"
end

local function read_chunks(text, at)
  local parts = {}
  while true do
    local size, start = read_size(text, at)
    if not size then
      return nil, start
    elseif size == 0 then
      local why = skip_trailer(text, start)
      if why then
        return nil, why
      end
      return table.concat(parts)
    elseif text:sub(start + size, start + size + 1) ~= "\r\n" then
      return nil, "a chunk is not as long as it says"
    end
    table.insert(parts, text:sub(start, start + size - 1))
    at = start + size + 2
  end
end

local function read_body(text, at, headers)
  local coding, length = headers["transfer-encoding"], headers["content-length"]
  if coding and length then
    return nil, "there must not be both Content-Length and Transfer-Encoding"
  elseif coding and coding:lower() ~= "chunked" then
    return nil, "the only Transfer-Encoding is chunked"
  elseif coding then
    return read_chunks(text, at)
  elseif length and not (length:find("^%d+$") and #length <= 15) then
    return nil, "Content-Length must be a number"
  end
  local have, want = #text - at + 1, tonumber(length or 0)
  if have ~= want then
    return nil, length and ("the body has %d bytes, and Content-Length says %d"):format(have, want)
      or "a body needs Content-Length"
  end
  return text:sub(at)
end

-- ---- the whole ----

local function split_lines(head)
  local lines = {}
  for line in (head .. "\r\n"):gmatch("(.-)\r\n") do
    table.insert(lines, line)
  end
  return lines
end

--- Reads a request.
---@param text string
---@return Message?
---@return string? message what is wrong
function M.parse(text)
  local stop = text:sub(1, M.HEAD_MAX + 4):find("\r\n\r\n", 1, true)
  if not stop then
    return nil, #text > M.HEAD_MAX and ("the headers are longer than %d bytes"):format(M.HEAD_MAX)
      or "the headers must end with an empty line, and all lines with CR LF"
  end
  local lines = split_lines(text:sub(1, stop - 1))
  if #lines > M.FIELDS_MAX + 1 then
    return nil, ("there are more than %d headers"):format(M.FIELDS_MAX)
  end
  local method, target = read_request_line(lines[1])
  if not method then
    return nil, target
  end
  local headers, body, where, why
  headers, why = read_fields(lines)
  if headers then
    where, why = absolute(target, headers)
  end
  if where then
    body, why = read_body(text, stop + 4, headers)
  end
  if not body then
    return nil, why
  end
  return { method = method, url = where, headers = M.end_to_end(headers), body = body }
end

return M
