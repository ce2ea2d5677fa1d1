---@meta net
--
-- Generated from core/script/lib_net.c by ./dev fmt; do not edit.

local net = {}

--- Connects by TCP and hangs up; how many seconds connecting took.
---@param host string
---@param port integer
---@param timeout? number
---@return number?
---@return string?
---@return string?
function net.dial(host, port, timeout) end

return net
