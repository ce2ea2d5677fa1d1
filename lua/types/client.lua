---@meta client
--
-- Generated from lua/client.lua by ./dev fmt; do not edit.

---@class WebRequest
---@field method string? that of the declaration when it is left out, GET for any
---@field url string? resolved against the endpoint's: "?q=1", "/other", "https://…"
---@field query table<string, string>|string?
---@field headers table<string, string>?
---@field body string?

---@class WebResponse: BusResponse

local client = {}

--- The topic of an event: what a sink listens to.
---@param host string of the source
---@param event string
---@return string
function client.topic(host, event) end

--- For the runner of specs: mock(host, handlers) and on(host, event, handler).
---@param mock fun(host: string, handlers: table<string, function>)
---@param on fun(topic: string, handler: function)
function client.hook(mock, on) end

--- The client of a service.
---@param data { host: string, functions: PlumbedEndpoint[], webs: PlumbedEndpoint[], events: PlumbedEndpoint[] }
---@return table api { host, call, all, fire, on, for_host, mock }
function client.bind(data) end

return client
