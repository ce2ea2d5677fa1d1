---@meta regex
--
-- Generated from core/script/lib_regex.c by ./dev fmt; do not edit.

--- A compiled regular expression.
---@class Regex
local Regex = {}

local regex = {}

--- A regular expression in RE2's syntax: no backreferences and no lookaround. What is wrong with it comes with its
--- offset in bytes.
---@param pattern string
---@return Regex?
---@return string?
---@return string?
function regex.compile(pattern) end

--- Whether it matches anywhere in the text, in bounded time: what would take too long is nil, a message and
--- "limit".
---@param text string
---@return boolean?
---@return string?
---@return string?
function Regex:matches(text) end

return regex
