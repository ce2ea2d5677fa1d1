---@meta _
--
-- Generated from lua/service/resources.lua by ./dev fmt; do not edit.

---@class Resources: table<string, string?> the bytes by name; names of functions have to be read by `read`
local Resources = {}

--- The bytes of a file; or nil, message and "not_found", or "invalid" when that is no name below resources/.
---@param name string "bus.png", "css/page.css"
---@return string?, string?, string?
function Resources:read(name) end

--- The text of a file, without a byte order mark; nil, message, code also when it is not UTF-8.
---@param name string
---@return string?, string?, string?
function Resources:text(name) end

--- The names of all files, or of those that begin so, sorted.
---@param prefix string? "css/"
---@return string[]
function Resources:list(prefix) end

--- Answers with a file: its type, an Etag, 304 without a body when the client has it already, and with the part of it that
--- the client asks for. Headers that the handler set stay. Raises 404 when there is no such file.
---@param req Request
---@param res Response
---@param name string may come from the request
function Resources:serve(req, res, name) end

--- Renders the template of that name with data. In .html files values are escaped, others are plain text. Templates
--- that it includes are named from resources/ on.
---@param name string "page.html"
---@param data table?
---@return string
function Resources:render(name, data) end

--- The text of a key of strings.yaml, in the language that the caller wants most of those it has; else the default,
--- else English, else "". Raises when there is no such key.
---@param ctx Context
---@param key string upper and lower case are the same
---@return string
function Resources:string(ctx, key) end
