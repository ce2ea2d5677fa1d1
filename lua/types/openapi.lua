---@meta openapi
--
-- Generated from lua/openapi.lua by ./dev fmt; do not edit.

---@class OpenApiOptions
---@field port integer? the endpoints of this port, and those of any (443)
---@field version integer|string? of the service
---@field base string? URL that the paths are below; see `base` (https://localhost/)

---@class PathTemplate the path of an endpoint
---@field text string "/host:443/x/{y}"
---@field arguments { name: string, shown: string, greedy: boolean }[] `shown` is the name in the text

local openapi = {}

--- Below which URL the paths are when nothing else is said.
---@type string
openapi.BASE = nil

--- The document of one port of a service, for json.encode; nil when there is nothing to say.
---@param plumbing Plumbing
---@param options OpenApiOptions?
---@return table?
function openapi.document(plumbing, options) end

--- The same as text, indented, with names in order; nil when there is nothing to say.
---@param plumbing Plumbing
---@param options OpenApiOptions?
---@return string?
function openapi.text(plumbing, options) end

--- What stands before a service in the URL that a client asked for: "https://x.org/api/" of
--- "https://x.org/api/shop.example:443/openapi.json". BASE when the service is not in there.
---@param full_url string
---@param host string
---@return string
function openapi.base(full_url, host) end

return openapi
