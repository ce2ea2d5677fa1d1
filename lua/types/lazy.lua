---@meta lazy
--
-- Generated from lua/lazy.lua by ./dev fmt; do not edit.

local lazy = {}

return lazy
