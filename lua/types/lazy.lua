---@meta lazy
--
-- Generated from lua/lazy.lua by ./dev fmt; do not edit.

---@overload fun(module: string): table
local lazy = {}

return lazy
