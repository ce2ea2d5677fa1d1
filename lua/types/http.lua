---@meta http
--
-- Generated from core/script/lib_http.c by ./dev fmt; do not edit.

local http = {}

--- One HTTP/1.1 request and its whole answer. Header names of the answer are in lower case; several of one name are
--- joined with ", ", Set-Cookie with a line break. timeout in seconds for all of it (30), limit in bytes of the
--- answer (16 MB).
---@param o { url: string, method: string?, headers: table<string, string>?, body: string?, timeout: number?, limit: integer? }
---@return { status: integer, headers: table<string, string>, body: string }?
---@return string?
---@return string?
function http.request(o) end

return http
