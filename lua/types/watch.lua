---@meta watch
--
-- Generated from core/script/lib_watch.c by ./dev fmt; do not edit.

--- What watch.open gives: folders that are watched.
---@class Watch
local Watch = {}

local watch = {}

--- Watches files at and below 1 to 64 folders; hidden ones and editors' temporary files are left out.
---@param folders string[]
---@return Watch?
---@return string?
---@return string?
function watch.open(folders) end

--- Returns when something changed since the last time, once it has been quiet for a moment.
---@return true
function Watch:wait() end

--- Ends it; the end of a <close> variable does the same.
function Watch:close() end

return watch
