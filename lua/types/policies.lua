---@meta policies
--
-- Generated from lua/policies.lua by ./dev fmt; do not edit.

local policies = {}

return policies
