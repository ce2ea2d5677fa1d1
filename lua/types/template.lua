---@meta template
--
-- Generated from lua/template.lua by ./dev fmt; do not edit.

---@class Template what template.compile gives
local Template = {}

---@class TemplateOptions
---@field html boolean? values are escaped for the place in the page that they go to
---@field name string? for messages; "template" when it is left out
---@field partials (fun(name: string): string?)? the source of what is included
---@field limit integer? bytes that a rendering may make; 8 MB when it is left out

---@class TemplateUnit
---@field reader TemplateReader
---@field place PagePlace? where in the page we are; nil for plain text
---@field depth integer tags around
---@field includes integer includes around
---@field shared { partials: function?, done: table<string, table> }

--- Renders the template with data. What the data does not have is nothing. Raises when a value cannot be written, or
--- the output is too long.
---@param data table?
---@return string
function Template:render(data) end

local template = {}

--- Compiles a template. Raises "name:line:column: what is wrong".
---@param source string
---@param options TemplateOptions?
---@return Template
function template.compile(source, options) end

return template
