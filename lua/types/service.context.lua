---@meta _
--
-- Generated from lua/service/context.lua by ./dev fmt; do not edit.

---@class Context
---@field account { id: string, app: string, slug: string, device: string, roles: string[] }? the verified caller
---@field roles string[]? of the caller
---@field token string? the caller's bearer token
---@field request Request? when it came over HTTP
---@field id string? request id
---@field from { host: string, platform: boolean }? the service that calls, vouched for by the host; nil for requests from outside
---@field languages string[] the caller's languages, the preferred one first
---@field baggage table<string, string> goes along with every call
---@field clock_shift number seconds that now() is ahead, for tests of what depends on the date
---@field trace string 32 hexadecimal digits, the same in all calls that one request led to
---@field deadline number? when the time is up, on the clock of time.monotonic
local Context = {}

--- The time now, as the caller sees it: seconds since the epoch.
---@return number
function Context:now() end

--- The seconds that are left until the deadline; nil when there is none.
---@return number?
function Context:left() end

--- A context like this one but for what is given: `timeout` in seconds, `baggage` (added to what is there), `languages`,
--- `clock_shift` in seconds.
---@param changes { timeout: number?, baggage: table<string, string>?, languages: string[]?, clock_shift: number? }
---@return Context
function Context:with(changes) end

--- Runs fn(ctx, ...) beside the call and beyond its end, with a context of its own. Its errors go to the log.
---@param fn fun(ctx: Context, ...: any)
function Context:go(fn, ...) end
