---@meta _
--
-- Generated from lua/service/metrics.lua by ./dev fmt; do not edit.

---@class Gauge
---@overload fun(value: number, ...: string|number|boolean|nil) sets it
---@field add fun(self: Gauge, value: number, ...: string|number|boolean|nil) goes up, or down

---@alias Recorder fun(value: number, ...: string|number|boolean|nil)
