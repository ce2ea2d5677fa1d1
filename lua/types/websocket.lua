---@meta _
--
-- Generated from core/script/lib_websocket.c by ./dev fmt; do not edit.

--- What req:upgrade() gives.
---@class WebSocket
local WebSocket = {}

--- The next message and its kind, "text" or "binary"; or nil, message and "closed" or "timeout".
---@param timeout? number
---@return string?
---@return string?
---@return string?
function WebSocket:receive(timeout) end

--- Iterates over messages and their kinds until the WebSocket is closed.
---@return fun(): string?, string?
function WebSocket:messages() end

--- Sends a text, which is UTF-8. Returns when the client has room; nil, message, "closed".
---@param text string
---@return true?
---@return string?
---@return string?
function WebSocket:send(text) end

--- Sends any bytes, otherwise as send.
---@param bytes string
---@return true?
---@return string?
---@return string?
function WebSocket:send_binary(bytes) end

--- Sends a ping of at most 125 bytes. Pongs are not seen; the host sends pings by itself.
---@param data? string
---@return true?
---@return string?
---@return string?
function WebSocket:ping(data) end

--- Closes it: with 1000 unless another code is given. Leaving its block does so, too.
---@param code? integer
---@param reason? string
function WebSocket:close(code, reason) end

--- Code and reason of the close, from either side; nil while it is open. 1006: the client is gone.
---@return integer?
---@return string?
function WebSocket:closed() end

--- The subprotocol that was agreed on, or nil.
---@return string?
function WebSocket:protocol() end
