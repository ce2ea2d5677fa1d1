---@meta metric
--
-- Generated from core/script/lib_metric.c by ./dev fmt; do not edit.

--- A metric of a service.
---@class MetricDefinition
---@field name string Its name for Prometheus.
---@field kind "counter"|"gauge"|"histogram" What it counts.
---@field help string? What it says, in one line.
---@field labels string[]? The names of its labels.
---@field buckets number[]? Upper bounds of a histogram, ascending.
local MetricDefinition = {}

local metric = {}

--- Defines a metric of this service: { name, kind = "counter" | "gauge" | "histogram", help?, labels?, buckets? }.
--- Raises what is wrong with it, or when the name is taken.
---@param definition MetricDefinition
function metric.define(definition) end

--- Defines several, all or none; they take the place of those with the same names.
---@param definitions MetricDefinition[]
function metric.declare(definitions) end

--- Adds to a counter (never less than 0) or gauge; then the values of its labels.
---@param name string
---@param value number
---@param ... string|number|boolean|nil
function metric.add(name, value, ...) end

--- Sets a gauge; then the values of its labels.
---@param name string
---@param value number
---@param ... string|number|boolean|nil
function metric.set(name, value, ...) end

--- Puts a value into a histogram, or sets a gauge; then the values of the labels.
---@param name string
---@param value number
---@param ... string|number|boolean|nil
function metric.observe(name, value, ...) end

--- Prometheus text of this service's metrics; for platform services also those of another host, or of "all".
---@param host? string
---@return string
function metric.render(host) end

--- Seconds since this service began.
---@return number
function metric.uptime() end

return metric
