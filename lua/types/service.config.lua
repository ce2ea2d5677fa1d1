---@meta _
--
-- Generated from lua/service/config.lua by ./dev fmt; do not edit.

---@class Configs svc.config: a field for each declared config; assigning nil resets one to its default

---@class ConfigDescription
---@field name string
---@field description string
---@field type string string, int, bool, float64 or time.Duration
---@field validation string? its rule
---@field secret boolean
---@field value string in force, as text; a secret as asterisks
---@field default string the same
