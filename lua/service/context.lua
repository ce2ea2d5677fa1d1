-- context: what a handler knows of the call that it answers. It travels with every call made with it: who calls, languages,
-- baggage, the clock's shift and the trace go along; each call has its own deadline, a little before that of its caller.
--
-- A context made by the host fills its fields when they are first asked for. A plain table does, too, wherever a context is
-- taken: it is nobody's call.

local errors = require "errors"
local log = require "log"
local request = require "request"
local seal = require "seal"
local strings = require "lazy" "service.strings"
local task = require "task"
local time = require "time"

local M = {}

---@class Context
---@field account { id: string, app: string, slug: string, device: string, roles: string[] }? the verified caller
---@field roles string[]? of the caller
---@field token string? the caller's bearer token
---@field client string? the address of the client whose request led to the call, as trusted proxies say
---@field request Request? when it came over HTTP
---@field id string? request id
---@field from { host: string, platform: boolean }? the service that calls, vouched for by the host; nil for requests from outside
---@field languages string[] the caller's languages, the preferred one first
---@field baggage table<string, string> goes along with every call
---@field clock_shift number seconds that now() is ahead, for tests of what depends on the date
---@field trace string 32 hexadecimal digits, the same in all calls that one request led to
---@field deadline number? when the time is up, on the clock of time.monotonic
local Context = {}

local LAZY = {
  account = function(ctx)
    return ctx.known and request.account() or nil
  end,
  token = function(ctx)
    return ctx.known and request.token() or nil
  end,
  roles = function(ctx)
    return ctx.account and ctx.account.roles
  end,
  client = function(ctx)
    return ctx.known and request.client() or nil
  end,
  request = function(ctx)
    return ctx.http and request.current() or nil
  end,
  id = function()
    return request.id()
  end,
  languages = function(ctx)
    return strings.languages(ctx.known and request.field("accept-language") or "")
  end,
  baggage = function()
    return {}
  end,
  clock_shift = function()
    return 0
  end,
  trace = function()
    return (seal.random(16):gsub(".", function(c)
      return ("%02x"):format(c:byte())
    end))
  end,
  deadline = function()
    local left = request.left()
    return left and time.monotonic() + left
  end,
}

function Context.__index(ctx, key)
  local method = Context[key]
  if method then
    return method
  end
  local make = LAZY[key]
  if not make then
    return nil
  end
  local value = make(ctx)
  if value ~= nil then
    rawset(ctx, key, value)
  end
  return value
end

-- Every request gets a context, and few handlers look at it: what all of these have is in none of them.
local OfRequest = {}

function OfRequest.__index(ctx, key)
  if key == "known" or key == "http" then
    return true
  end
  return Context.__index(ctx, key)
end

--- The time now, as the caller sees it: seconds since the epoch.
---@return number
function Context:now()
  return time.now() + (self.clock_shift or 0)
end

--- The seconds that are left until the deadline; nil when there is none.
---@return number?
function Context:left()
  local left = request.left()
  local own = self.timeout and rawget(self, "deadline")
  if own then
    left = math.min(left or math.huge, own - time.monotonic())
  end
  return left and math.max(left, 0)
end

local CHANGEABLE = { timeout = true, baggage = true, languages = true, clock_shift = true }

--- A context like this one but for what is given: `timeout` in seconds, `baggage` (added to what is there), `languages`,
--- `clock_shift` in seconds.
---@param changes { timeout: number?, baggage: table<string, string>?, languages: string[]?, clock_shift: number? }
---@return Context
function Context:with(changes)
  local copy = {}
  for key, value in pairs(self) do
    copy[key] = value
  end
  for key, value in pairs(changes) do
    if not CHANGEABLE[key] then
      error(("a context has no %q to change: timeout, baggage, languages and clock_shift"):format(tostring(key)), 2)
    end
    copy[key] = value
  end
  if changes.baggage then
    copy.baggage = {}
    for _, from in ipairs { self.baggage, changes.baggage } do
      for name, value in pairs(from) do
        copy.baggage[name] = value
      end
    end
  end
  if changes.timeout then
    copy.deadline = time.monotonic() + changes.timeout
  end
  return setmetatable(copy, getmetatable(self))
end

-- What a task that outlives the call may know of it. It acts for nobody: the request is over by then.
local function detached(ctx)
  return M.new {
    languages = ctx.languages, baggage = ctx.baggage, clock_shift = ctx.clock_shift, trace = ctx.trace, from = ctx.from,
  }
end

local function run_detached(fn, ctx, ...)
  local ok, problem = xpcall(fn, debug.traceback, ctx, ...)
  if not ok then
    log.error("background work failed", { error = tostring(problem) })
  end
end

--- Runs fn(ctx, ...) beside the call and beyond its end, with a context of its own. Its errors go to the log.
---@param fn fun(ctx: Context, ...: any)
function Context:go(fn, ...)
  task.detach(errors.check(task.spawn(run_detached, fn, detached(self), ...)))
end

--- A context with some fields set.
---@param fields table
---@return Context
function M.new(fields)
  return setmetatable(fields, Context)
end

--- Whether a table was made here.
function M.is(ctx)
  local kind = getmetatable(ctx)
  return kind == Context or kind == OfRequest
end

--- The context of a request from outside.
---@return Context
function M.of_request()
  return setmetatable({}, OfRequest)
end

-- ---- over the bus ----

-- What travels is what was set, or looked at: the rest can be found again by whoever asks for it.
local CARRIED = { languages = true, baggage = true, clock_shift = true, trace = true }

--- What of a context goes with a call: a table or nil; whether the call is on behalf of whom the caller's own request came
--- from; the seconds that it may take, nil = whatever there is. Raises 408 when the time is up.
---@param ctx Context|table
---@return table?
---@return boolean known
---@return number?
function M.frame(ctx)
  if type(ctx) ~= "table" then
    error(("a call begins with the context of the caller, not with a %s; {} is nobody's"):format(type(ctx)), 3)
  end
  local frame
  local known, timeout = ctx.known or false, rawget(ctx, "timeout")
  for key, value in next, ctx do
    if CARRIED[key] or key == "account" and not known then -- an account that nobody vouches for is a spec's
      frame = frame or {}
      frame[key] = value
    end
  end
  local seconds = timeout and (ctx.deadline or time.monotonic() + timeout) - time.monotonic() or nil
  if seconds and seconds <= 0 then
    errors.raise(408, "timeout")
  end
  return frame, known, seconds
end

--- The context of a call that came over the bus.
---@param host string of the service that calls
---@param platform boolean
---@param known boolean
---@param frame table?
---@return Context
function M.of_call(host, platform, known, frame)
  local ctx = { from = { host = host, platform = platform }, known = known }
  if frame then
    for key in next, CARRIED do -- no more: who calls is the host's word, not the caller's
      ctx[key] = frame[key]
    end
  end
  return setmetatable(ctx, Context)
end

return M
