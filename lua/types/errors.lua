---@meta errors
--
-- Generated from lua/errors.lua by ./dev fmt; do not edit.

---@class Error
---@field status integer HTTP status, 400 to 599
---@field message string what callers are told
---@field service string? the host of the called service that failed
---@field trace string? where it failed there, and behind it
---@field retry_after integer? seconds after which the caller may try again, up to a day; over HTTP it goes out as Retry-After
---@field internal boolean? that service did not mean its message for strangers

local errors = {}

--- A new error value, not raised yet.
---@param status integer HTTP status, 400 to 599
---@param message string
---@param retry_after integer? seconds after which the caller may try again: Retry-After
---@return Error
function errors.new(status, message, retry_after) end

--- The error of a called service, as its caller sees it. For the runtime.
---@param status integer? nil: the service failed without choosing one, which is a 500 whose message is not passed on to strangers
---@param message string
---@param host string of the called service
---@param trace string "" = none
---@param retry_after integer? 0 = it does not say
---@return Error
function errors.remote(status, message, host, trace, retry_after) end

--- Raises an error value.
---@param status integer
---@param message string
---@param retry_after integer? seconds after which the caller may try again: Retry-After
function errors.raise(status, message, retry_after) end

--- Whether something is an error value, of this service or of a called one.
---@param value any
---@return boolean
function errors.is(value) end

--- Passes results through; raises when the first is nil, with the status that belongs to the library's code (busy, limit and
--- no_memory 503, exists and conflict 409, invalid and range 400, timeout 504, others 500). For results of host libraries
--- that must not be missing.
---@generic T
---@param value T?
---@param message string?
---@param code string?
---@return T
function errors.check(value, message, code, ...) end

return errors
