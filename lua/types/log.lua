---@meta log
--
-- Generated from core/script/lib_log.c by ./dev fmt; do not edit.

local log = {}

--- Writes a line that is shown at log level debug only. Fields: at most 24; the service's name and the request's id
--- are added.
---@param message string
---@param fields? table<string, string|number|boolean>
function log.debug(message, fields) end

--- Writes a line about normal work. Fields: at most 24; the service's name and the request's id are added.
---@param message string
---@param fields? table<string, string|number|boolean>
function log.info(message, fields) end

--- Writes a line about something that somebody should look at. Fields: at most 24; the service's name and the
--- request's id are added.
---@param message string
---@param fields? table<string, string|number|boolean>
function log.warn(message, fields) end

--- Writes a line about something that failed. Fields: at most 24; the service's name and the request's id are
--- added.
---@param message string
---@param fields? table<string, string|number|boolean>
function log.error(message, fields) end

return log
