-- What is asked of others over the bus: the services whose configs are kept here, and the configurators of other hosts.
--
-- Every service answers three requests on its control port:
--   POST /config-refresh   asks for its values again and runs what follows from changes; 200, or why that failed
--   POST /config-check     { name, value }: 200 when the config may have the value, 400 and why when not
--   GET  /config-list      { configs = ConfigDescription[] }, secrets masked

local bus = require "bus"
local errors = require "errors"
local json = require "json"
local log = require "log"
local time = require "time"

local M = {}

local NOBODY = 404

-- What an answer says is wrong.
local function reason(answer)
  local value = json.decode(answer.body or "")
  local text = type(value) == "table" and type(value.error) == "string" and value.error or answer.body
  return text and text ~= "" and text or ("status %d"):format(answer.status)
end

local function control(ctx, method, host, path, value)
  return bus.request(ctx, {
    method = method,
    url = ("https://%s:888/%s"):format(host, path),
    headers = { ["content-type"] = "application/json" },
    body = value and json.encode(value),
  })
end

-- The answer, or nil where no such service runs. Other failures raise.
local function ask(...)
  local ok, answer = pcall(control, ...)
  if not ok and not (errors.is(answer) and answer.status == NOBODY) then
    error(answer, 0)
  elseif not ok or answer.status == NOBODY then
    return nil
  elseif answer.status >= 400 then
    errors.raise(math.min(answer.status, 599), reason(answer))
  end
  return answer
end

--- Asks a service whether a config may be set to a value; raises when not.
---@return boolean asked false where no such service runs
function M.check(ctx, host, name, value)
  return ask(ctx, "POST", host, "config-check", { name = name, value = value }) ~= nil
end

--- The configs of a service; nil where no such service runs.
---@return ConfigDescription[]?
function M.describe(ctx, host)
  local answer = ask(ctx, "GET", host, "config-list")
  local value = answer and json.decode(answer.body)
  return type(value) == "table" and value.configs or nil
end

--- Has one service ask for its values again. Raises why that failed.
function M.refresh(ctx, host)
  ask(ctx, "POST", host, "config-refresh")
end

--- Has all services ask for their values again. All are waited for; failures are logged, and the last is returned.
---@return string? failure
function M.refresh_all(ctx)
  local last
  for _, answer in ipairs(bus.publish(ctx, { method = "POST", url = "https://all:888/config-refresh" })) do
    if answer.status >= 400 and answer.status ~= NOBODY then
      last = reason(answer)
      log.error("Updating config", { error = last })
    end
  end
  return last
end

--- Tells the configurators of other hosts what there is here.
---@param repository Repository
function M.sync(ctx, host, repository)
  bus.publish(ctx, {
    method = "POST",
    url = ("https://%s:443/sync"):format(host),
    headers = { ["content-type"] = "application/json" },
    body = json.encode { timestamp = time.rfc3339(repository.at), values = repository.sections },
  })
end

return M
