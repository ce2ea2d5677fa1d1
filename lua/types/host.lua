---@meta host
--
-- Generated from core/script/lib_host.c by ./dev fmt; do not edit.

local host = {}

--- A setting by name; durations in seconds, sizes in bytes.
---@param name string
---@return any
function host.setting(name) end

--- A small file of the home folder.
---@param name string
---@return string?
---@return string?
---@return string?
function host.read(name) end

--- Writes a small file of the home folder, readable by its owner only, whole or not at all.
---@param name string
---@param text string
---@return true?
---@return string?
---@return string?
function host.write(name, text) end

--- The file of the setting `values`, at most 1 MB, and when it changed, in seconds since the epoch; "not_found"
--- when there is none.
---@return string?
---@return number|string
---@return string?
function host.config_file() end

--- Hands all instances ({id, slug, url, healthy}) to the proxy and returns when every worker routes by them; an
--- older generation than the last is ignored.
---@param list table[]
---@param generation integer
---@return true?
---@return string?
---@return string?
function host.instances(list, generation) end

--- cpu, memory and disk, each {used, total, percent}.
---@return table
function host.usage() end

return host
