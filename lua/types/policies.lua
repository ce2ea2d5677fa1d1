---@meta policies
--
-- Generated from lua/policies.lua by ./dev fmt; do not edit.

---@type Policies
local policies

return policies
