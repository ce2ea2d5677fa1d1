---@meta http.core
--
-- Generated from core/script/lib_http.c by ./dev fmt; do not edit.

--- A request and its answer under way: what open gives.
---@class HttpExchange
local HttpExchange = {}

local core = {}

--- One HTTP/1.1 request and its whole answer; its body is a string. See http.request.
---@param o HttpRequest
---@return HttpAnswer?
---@return string?
---@return string?
function core.request(o) end

--- Begins a request whose answer is read in pieces, and whose body may be written so.
---@param o HttpRequest
---@return HttpExchange?
---@return string?
---@return string?
function core.open(o) end

--- Sends a piece of the body; returns when there is room. false: the answer is complete already.
---@param piece string
---@return boolean?
---@return string?
---@return string?
function HttpExchange:write(piece) end

--- The request's body is complete.
function HttpExchange:finish() end

--- Waits for the head of the answer: its status and headers.
---@return integer?
---@return table<string, string>|string?
---@return string?
function HttpExchange:head() end

--- The next piece of the answer's body; nil alone at its end.
---@return string?
---@return string?
---@return string?
function HttpExchange:read() end

--- Hangs up, unless the answer is complete; leaving its block does so, too.
function HttpExchange:close() end

return core
