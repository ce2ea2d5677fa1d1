-- errors: error values with an HTTP status, which cross services and become answers.
--
-- A handler fails by raising. errors.raise(404, "no such pet") chooses the status; anything else that is raised is a 500
-- whose text callers see only in development.

local M = {}

---@class Error
---@field status integer HTTP status, 400 to 599
---@field message string what callers are told
---@field service string? the host of the called service that failed
---@field trace string? where it failed there, and behind it
---@field retry_after integer? seconds after which the caller may try again, up to a day; over HTTP it goes out as Retry-After
---@field internal boolean? that service did not mean its message for strangers

local Error = { __name = "error" }
Error.__index = Error

function Error.__tostring(e)
  return e.message
end

--- A new error value, not raised yet.
---@param status integer HTTP status, 400 to 599
---@param message string
---@param retry_after integer? seconds after which the caller may try again: Retry-After
---@return Error
function M.new(status, message, retry_after)
  if math.type(status) ~= "integer" or status < 400 or status > 599 then
    error(("the status of an error is an integer from 400 to 599, not %s"):format(tostring(status)), 2)
  end
  if type(message) ~= "string" and type(message) ~= "number" then
    error(("the message of an error is a text, not a %s"):format(type(message)), 2)
  end
  return setmetatable({ status = status, message = tostring(message), retry_after = retry_after }, Error)
end

--- The error of a called service, as its caller sees it. For the runtime.
---@param status integer? nil: the service failed without choosing one, which is a 500 whose message is not passed on to strangers
---@param message string
---@param host string of the called service
---@param trace string "" = none
---@param retry_after integer? 0 = it does not say
---@return Error
function M.remote(status, message, host, trace, retry_after)
  return setmetatable({
    status = status or 500, message = message, service = host, trace = trace ~= "" and trace or nil, internal = not status or nil,
    retry_after = retry_after ~= 0 and retry_after or nil,
  }, Error)
end

--- Raises an error value.
---@param status integer
---@param message string
---@param retry_after integer? seconds after which the caller may try again: Retry-After
function M.raise(status, message, retry_after)
  error(M.new(status, message, retry_after), 0)
end

--- Whether something is an error value, of this service or of a called one.
---@param value any
---@return boolean
function M.is(value)
  return getmetatable(value) == Error
end

-- What the codes of host libraries mean to a caller.
local STATUS = {
  busy = 503,
  timeout = 504,
  limit = 503,
  no_memory = 503,
  exists = 409,
  conflict = 409,
  invalid = 400,
  range = 400,
}

--- Passes results through; raises when the first is nil, with the status that belongs to the library's code (busy, limit and
--- no_memory 503, exists and conflict 409, invalid and range 400, timeout 504, others 500). For results of host libraries
--- that must not be missing.
---@generic T
---@param value T?
---@param message string?
---@param code string?
---@return T
function M.check(value, message, code, ...)
  if value == nil and message ~= nil then
    M.raise(STATUS[code] or 500, message)
  end
  return value, message, code, ...
end

return M
