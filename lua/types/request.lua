---@meta request
--
-- Generated from core/script/lib_request.c by ./dev fmt; do not edit.

--- A request, as a web handler gets it.
---@class Request
---@field method string In upper case.
---@field path string Of the URL, as it came.
---@field target string Path and query, as they came.
---@field query table<string, string> Of a repeated name the last value.
---@field query_string string? The query as it came.
---@field args table<string, string> The arguments of the path.
---@field headers table<string, string> By lower-case name; several of one name are joined with ", ".
---@field host string? What the client calls the host.
---@field peer string? The address of the client.
---@field id string? The id of the request.
---@field length integer Of the body in bytes; -1 when it comes in chunks.
---@field account table? The verified caller; nil when anonymous.
---@field token string? The bearer token, after a refresh the new one.
local Request = {}

local request = {}

--- The request of the running task and its response.
---@return Request
---@return Response
function request.current() end

--- The verified caller of the running task: id, app, slug, device, organization, roles, expires; nil when
--- anonymous.
---@return table?
function request.account() end

--- The address of the client behind the running task's request, as trusted proxies say; nil when there is none.
---@return string?
function request.client() end

--- The bearer token of the running task's request, after a refresh the new one.
---@return string?
function request.token() end

--- The id of the request that the running task works for.
---@return string?
function request.id() end

--- The first header field of that name, of the request that the running task works for.
---@param name string
---@return string?
function request.field(name) end

--- The query of the running task's request, as it came.
---@return string?
function request.query_string() end

--- For the runtime: what the endpoint that answers is called in metrics.
---@param handler string
---@param port integer
---@param method string
function request.handling(handler, port, method) end

--- For the runtime: a callback has run: startup, shutdown or a ticker.
---@param name string
---@param seconds number
---@param failed boolean
function request.callback(name, seconds, failed) end

--- For the runtime: a policy did not answer: error, overrun, timeout, memory, canceled, answer.
---@param policy string
---@param code string
function request.policy_failed(policy, code) end

--- Seconds until the running task's deadline; nil when it has none.
---@return number?
function request.left() end

--- The names and values of the running task's query.
---@return table<string, string>?
function request.query() end

--- Whether the running task's request has, or may have, a body.
---@return boolean
function request.has_body() end

--- Answers the running task's request with a value as JSON.
---@param value any
---@param status? integer
function request.json(value, status) end

--- Answers the running task's request.
---@param status? integer
---@param body? string
---@param type? string
function request.answer(status, body, type) end

--- For the runtime: answers the running task's request with what its handler returned, unless it has answered by
--- itself; false when that is neither a text nor nothing.
---@param value? any
---@return boolean
function request.settle(value) end

--- For the runtime: the path arguments.
---@param request Request
---@param args table
function request.set_args(request, args) end

--- For the runtime: methods of requests and responses that are written in Lua.
---@param requests table
---@param responses table
function request.extend(requests, responses) end

--- For the runtime: the request that it answers.
---@param response Response
---@return Request
function request.of(response) end

--- The whole request body, once. Raises 413 above the setting max_body.
---@return string
function Request:body() end

--- Iterates over the request body as it arrives.
---@return fun(): string?
function Request:chunks() end

--- Answers a WebSocket handshake. `max_message`: bytes, 1 MiB unless said. `ping`: seconds of silence after which
--- the client is asked whether it is there, 30 unless said, 0 = never. Raises 400 or 426 for a request that asks
--- for no WebSocket.
---@param options? { protocols?: string[], max_message?: integer, ping?: number }
---@return WebSocket
function Request:upgrade(options) end

--- The first field of that name, in any case.
---@param name string
---@return string?
function Request:header(name) end

--- Decodes the whole body as JSON; raises 400 when it is none.
---@return any
function Request:json() end

--- The fields of a form body; of a repeated name the last one.
---@return table<string, string>
function Request:form() end

return request
