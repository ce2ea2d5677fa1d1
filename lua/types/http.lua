---@meta http
--
-- Generated from lua/http.lua by ./dev fmt; do not edit.

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

--- The next piece of the body, nil alone at its end; or nil, message, code. Returns when something has come. Raises what
--- the function of the request's body raised.
---@return string?
---@return string? message
---@return string? code
function HttpStream:read() end

--- Iterates over the body as it comes. What is not read holds the other side back. Raises 502 when it breaks off, 504
--- when nothing came in time.
---@return fun(): string?
function HttpStream:chunks() end

--- Hangs up, unless the answer is complete. Leaving the block of a <close> variable does so, too.
function HttpStream:close() end

local http = {}

--- One HTTP/1.1 request. Every answer is one, whatever its status. With `stream` it is there when its head is, and its body
--- is read in pieces.
---@param request HttpRequest
---@return HttpAnswer|HttpStream|nil
---@return string? message
---@return string? code
function http.request(request) end

return http
