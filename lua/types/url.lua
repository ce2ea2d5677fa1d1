---@meta url
--
-- Generated from core/script/lib_url.c by ./dev fmt; do not edit.

local url = {}

--- The parts of an absolute http or https URL (RFC 3986).
---@param text string
---@return { scheme: string, authority: string, host: string, port: integer, path: string, query: string? }?
---@return string?
---@return string?
function url.parse(text) end

--- The names and values of a query or form body; of a repeated name the last one.
---@param text string
---@return table<string, string>
function url.parse_query(text) end

--- The same with a list of values for each name.
---@param text string
---@return table<string, string[]>
function url.parse_query_all(text) end

--- Percent-encodes everything but unreserved characters.
---@param text string
---@return string
function url.encode(text) end

--- Undoes percent-encoding.
---@param text string
---@return string?
---@return string?
---@return string?
function url.decode(text) end

return url
