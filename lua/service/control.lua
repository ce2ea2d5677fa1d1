-- control: what every service answers by itself on port 888, for others on the bus and never for the outside: whether it is
-- there, a fresh look at its configs, its metrics. Reached by URL (https://HOST:888/ping, https://all:888/ping) and by the
-- client stub of control.core.

local bus = require "bus"
local config = require "service.config"
local errors = require "errors"
local json = require "json"
local metric = require "metric"

local M = {}

-- The values of configs for this service, from whoever keeps them.
local function fetch(ctx, names)
  return bus.call(ctx, "configurator.core", "Values", names)
end

--- Fetches the values of all configs anew. Raises when one of them cannot be.
---@param svc table the service's inner record
---@param ctx Context
---@return string[] changed names
function M.fetch_configs(svc, ctx)
  if #svc.plumbing.configs == 0 then
    return {}
  end
  return config.refresh(svc.config, ctx, fetch)
end

--- Calls the callbacks of configs that changed, in the order of the declaration; the first error ends it.
---@param svc table
---@param ctx Context
---@param changed string[]
function M.notify(svc, ctx, changed)
  local is_changed = {}
  for _, name in ipairs(changed) do
    is_changed[name] = true
  end
  for _, item in ipairs(svc.plumbing.configs) do
    local handler = svc.handlers["OnChanged" .. item.name]
    if item.callback and is_changed[item.name] and handler then
      handler(ctx)
    end
  end
end

local FUNCTIONS = {}

function FUNCTIONS.Ping()
  return 0
end

function FUNCTIONS.ConfigRefresh(svc, ctx)
  M.notify(svc, ctx, M.fetch_configs(svc, ctx))
end

function FUNCTIONS.Trace()
  return nil
end

--- Whether a value may be given to a config: nil, or why not.
function FUNCTIONS.ConfigCheck(svc, _, name, value)
  local fine, why = config.check(svc.config, name, value)
  return not fine and why or nil
end

function FUNCTIONS.ConfigList(svc)
  return json.list(config.describe(svc.config))
end

--- Calls a control function.
---@param svc table
---@param ctx Context
---@param name string
function M.call(svc, ctx, name, ...)
  local fn = FUNCTIONS[name] or errors.raise(404, ("there is no control function %s"):format(name))
  if not ctx.from.platform and name ~= "Ping" then
    errors.raise(403, ("%s is for services of the platform"):format(name))
  end
  return fn(svc, ctx, ...)
end

-- ---- by URL ----

local PATHS = {
  ["/ping"] = function(svc, ctx, res)
    res:json { pong = M.call(svc, ctx, "Ping") }
  end,
  ["/config-refresh"] = function(svc, ctx, res)
    M.call(svc, ctx, "ConfigRefresh")
    res:json {}
  end,
  ["/config-check"] = function(svc, ctx, res, req)
    local asked = req:json()
    local why = M.call(svc, ctx, "ConfigCheck", asked.name, asked.value)
    if why then
      errors.raise(400, why)
    end
    res:json {}
  end,
  ["/config-list"] = function(svc, ctx, res)
    res:json { configs = M.call(svc, ctx, "ConfigList") }
  end,
  ["/metrics"] = function(_, _, res)
    res:answer(200, metric.render(), "text/plain; version=0.0.4; charset=utf-8")
  end,
  ["/trace"] = function(svc, ctx, res)
    M.call(svc, ctx, "Trace")
    res:json(json.decode "{}")
  end,
}

--- Answers a control path; false when there is none.
---@param svc table
---@param ctx Context
---@param req Request
---@param res Response
---@return boolean
function M.answer(svc, ctx, req, res)
  local run = PATHS[req.path]
  if not run then
    return false
  end
  run(svc, ctx, res, req)
  return true
end

return M
