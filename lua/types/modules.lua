---@meta modules
--
-- Generated from core/script/lib_modules.c by ./dev fmt; do not edit.

local modules = {}

--- The modules in C, and the classes beside them: { name, file, trust, module, docs }; a doc is { name, signature,
--- text }.
---@return HostLibrary[]
function modules.libraries() end

--- The files inside the binary whose paths begin so: texts by path.
---@param prefix? string
---@return table<string, string>
function modules.embedded(prefix) end

return modules
