-- http.egress.core: the one door to the world outside. A request comes as text in the body of another one; its response
-- is this one's. message.lua reads, forward.lua performs.

local errors = require "errors"
local forward = require "forward"
local http = require "http"
local message = require "message"
local time = require "time"

---@type services.egress
local svc = require "service" (...)

local TIMEOUT = 30 -- seconds for all of it, redirects too, unless the caller has less

-- When to give up: the caller's deadline is on the clock of time.monotonic.
local function give_up_at(ctx)
  return math.min(ctx.deadline or math.huge, time.monotonic() + TIMEOUT)
end

-- Fields of one name come joined: Set-Cookie, whose values have commas of their own, with line breaks.
local function copy_headers(res, headers)
  for name, value in pairs(headers) do
    if name == "set-cookie" then
      for cookie in value:gmatch("[^\n]+") do
        res:header(name, cookie)
      end
    else
      res:header(name, value)
    end
  end
end

--- MakeRequest sends the HTTP/1.1 request that is the body of this one, and answers with its response.
--- The request line has an absolute URL.
---@param ctx Context
---@param req Request
---@param res Response
function svc.MakeRequest(ctx, req, res)
  local request, why = message.parse(req:body())
  if not request then
    errors.raise(400, why)
  end
  local over = give_up_at(ctx)
  local response = forward.perform(request, {
    send = http.request,
    allow_link_local = svc.config.AllowLinkLocal,
    left = function()
      return over - time.monotonic()
    end,
  })
  copy_headers(res, response.headers)
  res:answer(response.status, response.body, "")
end

return svc
