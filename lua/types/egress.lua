---@meta egress
--
-- Generated from lua/egress.lua by ./dev fmt; do not edit.

---@class EgressRequest
---@field url string absolute
---@field method string? GET
---@field headers table<string, string|string[]>? a list is several of that name
---@field body string?

---@class EgressResponse
---@field status integer
---@field headers table<string, string> by lower-case name
---@field body string

local egress = {}

--- A request as the text that travels: HTTP/1.1 with an absolute URL. Raises 400 for what cannot be one.
---@param request EgressRequest
---@return string
function egress.serialise(request) end

--- Sends a request. Every answer of the other side is one, whatever its status. Without an answer the status is 502,
--- and 504 when there was none in time.
---@param ctx Context
---@param request EgressRequest
---@return EgressResponse
function egress.request(ctx, request) end

--- Fetches what is at an address; the answer whatever its status.
---@param ctx Context
---@param address string absolute URL
---@return EgressResponse
function egress.get(ctx, address) end

--- Sends a body to an address; the answer whatever its status.
---@param ctx Context
---@param address string absolute URL
---@param content_type string? of the body
---@param body string
---@return EgressResponse
function egress.post(ctx, address, content_type, body) end

return egress
