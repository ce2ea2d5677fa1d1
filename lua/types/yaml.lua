---@meta yaml
--
-- Generated from core/script/lib_yaml.c by ./dev fmt; do not edit.

local yaml = {}

--- A YAML document as a tree. A node has kind (map, list, scalar, null), line and column; a map has keys (in order:
--- name, line, column, value) and at (by name), a list has items, a scalar has value (text) and quoted. One
--- document, no duplicate keys, no tags, anchors or merge keys.
---@param text string
---@return table?
---@return string?
---@return string?
function yaml.parse(text) end

return yaml
