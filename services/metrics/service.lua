-- Gives whoever knows the secret key the metrics of all services, or of one, as Prometheus text:
-- /metrics.core/collect?secretKey=…&service=calculator.example. While no key is configured nobody may look.

local errors = require "errors"
local metric = require "metric"
local names = require "gen.names"
local seal = require "seal"

local svc = require "service" (...)

-- A missing key is told like a wrong one: a stranger does not learn whether there is anything to guess.
local function check_secret(query)
  local secret = svc.config.SecretKey
  local given = query.secretKey or query.secretkey or ""
  if secret == "" or not seal.equal(tostring(given), secret) then
    errors.raise(404, "incorrect secret key")
  end
end

-- "all", or the hostname that is asked for.
local function wanted(query)
  local service = query.service or ""
  if service == "" then
    return "all"
  end
  return names.hostname(service) or errors.raise(400, ("invalid hostname '%s'"):format(service))
end

--- All metrics as text, or those of one service.
---@param req Request
---@param res Response
function svc.Collect(_, req, res)
  check_secret(req.query)
  local text = metric.render(wanted(req.query))
  res:header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
  res:header("Cache-Control", "no-store")
  res:answer(200, text)
end

return svc
