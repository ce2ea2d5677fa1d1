---@meta time
--
-- Generated from core/script/lib_time.c by ./dev fmt; do not edit.

local time = {}

--- Seconds since the epoch, by the wall clock.
---@return number
function time.now() end

--- Nanoseconds since the epoch, by the wall clock.
---@return integer
function time.now_ns() end

--- Seconds of a clock that never jumps: for differences, its zero means nothing.
---@return number
function time.monotonic() end

--- Waits, to the millisecond and never short. At most a year. Waits: inside a task only.
---@param seconds number
---@return true
function time.sleep(seconds) end

--- RFC 3339 text in UTC of seconds since the epoch (nil = now). 0 to 9 digits of fraction; without it as many as
--- say something. Cut, not rounded.
---@param seconds? number
---@param digits? integer
---@return string
function time.rfc3339(seconds, digits) end

--- The same of nanoseconds since the epoch: exact.
---@param nanoseconds integer
---@param digits? integer
---@return string
function time.rfc3339_ns(nanoseconds, digits) end

--- RFC 3339 text in UTC of now, with all nine digits of the nanoseconds.
---@return string
function time.now_rfc3339() end

--- Seconds since the epoch of RFC 3339 text; nil, message, "invalid" when it is none.
---@param text string
---@return number?
---@return string?
---@return string?
function time.parse(text) end

--- Nanoseconds since the epoch of RFC 3339 text; nil, message, "invalid" or "range".
---@param text string
---@return integer?
---@return string?
---@return string?
function time.parse_ns(text) end

--- Seconds of "1h30m", "250ms", "1.5s"; nil, message, "invalid" or "range".
---@param text string
---@return number?
---@return string?
---@return string?
function time.duration(text) end

return time
