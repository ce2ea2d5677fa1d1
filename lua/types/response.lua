---@meta _
--
-- Generated from core/script/lib_response.c by ./dev fmt; do not edit.

--- The answer that a web handler is to give.
---@class Response
local Response = {}

--- Sets the status of the answer.
---@param status integer
---@return Response
function Response:status(status) end

--- Sets a header of the answer; Set-Cookie is added, others are replaced; nil takes it away.
---@param name string
---@param value string?
---@return Response
function Response:header(name, value) end

--- Whether that header of the answer was set.
---@param name string
---@return boolean
function Response:has(name) end

--- Sends the whole answer.
---@param status? integer
---@param body? string
---@param type? string
function Response:answer(status, body, type) end

--- Sends the value as JSON, as the whole answer.
---@param value any
---@param status? integer
function Response:json(value, status) end

--- Answers as if no service had this path.
function Response:nowhere() end

--- Sends a piece of the body; returns when the client has room.
---@param ... string|number
---@return boolean
function Response:write(...) end

--- Completes an answer that was sent in pieces.
function Response:finish() end

--- Begins a stream of server-sent events. `keep_alive`: seconds of silence after which a comment is sent, 15 unless
--- said, 0 = never.
---@param options? { keep_alive?: number }
---@return Events
function Response:events(options) end

--- Whether any of the answer was sent, or can be sent no more.
---@return boolean
function Response:begun() end

--- Answers with a file of resources/: its type, an Etag, 304 for who has it already, one range of it; raises 404
--- when there is none.
---@param name string
function Response:file(name) end
