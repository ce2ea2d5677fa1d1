-- caller: one call after the other, each with the result of the one before.

local callee = require "services.callee.api"
local errors = require "errors"
local http = require "http"
local json = require "json"
local svc = require "service" (...)

function svc.Call(ctx, n)
  local sum = 0
  for _ = 1, n do
    sum = callee.Add(ctx, sum, 1)
  end
  return sum
end

function svc.Ask(_, n, url)
  local sum = 0
  for _ = 1, n do
    local answer = errors.check(http.request { url = ("%s?x=%d&y=1"):format(url, sum) })
    sum = json.decode(answer.body).sum
  end
  return sum
end

return svc
