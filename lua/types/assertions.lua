---@meta assertions
--
-- Generated from lua/assertions.lua by ./dev fmt; do not edit.

---@class Failure
---@field text string what does not hold
---@field where string? "file:line" of the assertion
---@field expected string? as text
---@field got string? as text
---@field at string? the part of the value that differs: ".pets[2].name"

local assertions = {}

--- Whether an error is one that an assertion raised.
---@param value any
---@return boolean
function assertions.is_failure(value) end

--- A value as one line for people.
---@param value any
---@return string
function assertions.show(value) end

--- What is wrong with a value that should be the same as another; nil when it is.
---@param text string what does not hold
---@param at string the part of something larger that it is, or ""
---@param expected any
---@param got any
---@return Failure?
function assertions.compare(text, at, expected, got) end

--- The text of whatever was raised.
---@param err any
---@return string
function assertions.message_of(err) end

--- Whatever was raised, for people.
---@param err any
---@return string
function assertions.show_error(err) end

--- Whether code is the host's own: a spec has nothing to do with its lines.
---@param source string name of a chunk
---@return boolean
function assertions.is_host(source) end

--- The nearest caller that is not the host's own, as "file:line".
---@param level integer
---@return string?
function assertions.caller(level) end

--- Raises a failure of the spec's line that is being run, or of the line that it names itself.
---@param failure Failure a table of its fields
---@param note any text of the spec's own
function assertions.fail(failure, note) end

--- What spec files get as the global `assert`.
---@type table
assertions.assert = nil

return assertions
