---@meta _
--
-- Generated from core/script/lib_events.c by ./dev fmt; do not edit.

--- A stream of server-sent events: what res:events() gives.
---@class Events
local Events = {}

--- Sends an event; a table goes as JSON. Returns when the client has room, false once it is gone.
---@param name string?
---@param data string|table
---@param id? string
---@return boolean
function Events:send(name, data, id) end

--- Sends a comment, which clients skip.
---@param text? string
---@return boolean
function Events:comment(text) end

--- Tells the client how long to wait before it connects again.
---@param seconds number
---@return boolean
function Events:retry(seconds) end

--- The id of the last event that the client had got when it connected again.
---@return string?
function Events:last_id() end

--- Ends the stream; leaving its block does so, too.
function Events:close() end
