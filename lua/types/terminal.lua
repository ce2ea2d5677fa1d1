---@meta terminal
--
-- Generated from core/script/lib_terminal.c by ./dev fmt; do not edit.

local terminal = {}

--- Has the terminal of standard input hand over each key, unechoed; false puts it back. Whether it does now.
---@param on boolean
---@return boolean
function terminal.raw(on) end

--- Columns of the terminal of standard output; 80 when it is none.
---@return integer
function terminal.columns() end

--- Waits for standard input and returns what there is, possibly nothing yet; nil alone at its end.
---@return string?
---@return string?
---@return string?
function terminal.read() end

return terminal
