-- configurator.core: what the configs of all services are set to.

local auth = require "auth"
local config = require "service.config"
local errors = require "errors"
local keys = require "service.keys"
local log = require "log"
local others = require "others"
local repository = require "repository"
local sections = require "sections"
local task = require "task"

---@type services.configurator
local svc = require "service" (...)

local VIEW, EDIT = "configurator.core:value:view", "configurator.core:value:edit"
local PERMITS = { [VIEW] = "a", [EDIT] = "a" }

-- ---- for services ----

--- Values gives what configs of the calling service are set to, by the names as they were asked for. What is set to
--- nothing is left out. Only services may ask, over the bus.
---@param ctx Context
---@param names string[]
---@return table<string, string> values
function svc.Values(ctx, names)
  if not ctx.from then
    errors.raise(403, "only services get values, over the bus: there are secrets among them")
  end
  local list, values = repository.current().sections, {}
  for _, name in ipairs(names) do
    values[name] = sections.find(list, ctx.from.host, name)
  end
  return values
end

-- Peers first: services may ask any of us.
local function announce(ctx)
  others.sync(ctx, svc.host, repository.current())
  local failure = others.refresh_all(ctx)
  if failure then
    errors.raise(500, failure)
  end
end

--- Refresh makes all services ask for their values again, and reports the last failure.
---@param ctx Context
function svc.Refresh(ctx)
  if ctx.from and not ctx.from.platform then
    errors.raise(403, "only the platform's services and admins may refresh all services")
  elseif not ctx.from then
    auth.need(ctx, EDIT)
  end
  local failure = others.refresh_all(ctx)
  if failure then
    errors.raise(500, failure)
  end
end

--- Sync brings the replicas of this service to the same values, by section and name. The newer ones are kept; who
--- has newer ones sends them back.
---@param ctx Context
---@param timestamp number seconds since the epoch
---@param values table<string, table<string, string>>
function svc.Sync(ctx, timestamp, values)
  if not ctx.from or ctx.from.host ~= svc.host then
    return
  end
  local mine = repository.current()
  if sections.same(mine.sections, values) then -- so are those of this service itself
    return
  elseif timestamp >= mine.at then
    repository.adopt(timestamp, values)
  else
    announce(ctx)
  end
end

-- ---- for admins ----

local function section_of(text)
  return sections.section(text) or errors.raise(400, ("invalid hostname '%s'"):format(text))
end

local function name_of(text)
  return sections.name(text) or errors.raise(400, ("invalid config name '%s'"):format(text))
end

-- Everybody whose host ends like that asks again. The service itself goes first: why it fails is worth an answer.
local function put_in_force(ctx, host, what)
  others.sync(ctx, svc.host, repository.current())
  local ok, why = true, nil
  if host ~= "all" then
    ok, why = pcall(others.refresh, ctx, host)
  end
  others.refresh_all(ctx)
  if not ok then
    errors.raise(500, ("the value is %s, but %s fails with it: %s"):format(what, host, tostring(why)))
  end
end

--- Set sets a config of a service, or of all services whose hosts end in a name (example.com, all), until it is
--- unset. It overrides the file, takes effect before Set answers, and survives restarts. A value that the service
--- refuses is 400; checked tells whether there was a service to ask.
---@param ctx Context
---@param host string
---@param name string
---@param value string
---@return boolean checked
function svc.Set(ctx, host, name, value)
  auth.need(ctx, EDIT)
  local section, key = section_of(host), name_of(name)
  if #value > sections.VALUE_MAX then
    errors.raise(400, "the value is longer than 64 KB")
  end
  local checked = section ~= "all" and others.check(ctx, section, name:match("^%s*(.-)%s*$"), value)
  repository.set(section, key, value)
  put_in_force(ctx, section, "set")
  return checked
end

--- Unset takes back what Set has set; removed tells whether there was anything.
---@param ctx Context
---@param host string
---@param name string
---@return boolean removed
function svc.Unset(ctx, host, name)
  auth.need(ctx, EDIT)
  local section = section_of(host)
  local removed = repository.unset(section, name_of(name))
  if removed then
    put_in_force(ctx, section, "unset")
  end
  return removed
end

-- The section that the value in force comes from; nil when it is the default, also because what is set was refused.
local function section_in_force(host, one, now)
  local text, section = sections.find(now.sections, host, one.name)
  if section and not one.secret and one.value ~= text and one.value == one.default then
    return nil
  end
  return section
end

-- The configs that a service declares.
local function declared(host, described, now)
  local list = {}
  for i, one in ipairs(described) do
    local section = section_in_force(host, one, now)
    list[i] = {
      host = host,
      name = one.name,
      value = one.value,
      source = section and now.origins[section][one.name:lower()] or "default",
      section = section,
      secret = one.secret,
      type = one.type,
      validation = one.validation,
      description = one.description,
    }
  end
  return list
end

-- What is set in a section. Only a service that runs can say what is no secret.
local function set_in(section, described, now)
  local list, public = {}, {}
  for _, one in ipairs(described or {}) do
    public[one.name:lower()] = not one.secret
  end
  local entries = now.sections[section] or {}
  for i, name in ipairs(keys.sorted(entries)) do
    list[i] = {
      host = section,
      name = name,
      value = public[name] and entries[name] or config.shown(entries[name], true),
      source = now.origins[section][name],
      section = section,
      secret = not public[name],
    }
  end
  return list
end

local function describe(ctx, section)
  return section ~= "all" and others.describe(ctx, section) or nil
end

--- List gives all configs of a service and where their values come from; without a host, everything that is set.
--- Secrets, and values that nobody says are none, are asterisks.
---@param ctx Context
---@param host string
---@return ConfigValue[] values
function svc.List(ctx, host)
  auth.need(ctx, VIEW)
  local now = repository.current()
  if host ~= "" then
    local section = section_of(host)
    local described = describe(ctx, section)
    return described and declared(section, described, now) or set_in(section, nil, now)
  end
  local list = {}
  for _, section in ipairs(keys.sorted(now.sections)) do
    local part = set_in(section, describe(ctx, section), now)
    table.move(part, 1, #part, #list + 1, list)
  end
  return list
end

-- ---- by themselves ----

--- PeriodicRefresh makes all services ask for their values again, now and then.
---@param ctx Context
function svc.PeriodicRefresh(ctx)
  others.refresh_all(ctx)
end

--- WatchFile puts changes of the file into effect.
---@param ctx Context
function svc.WatchFile(ctx)
  if repository.look() then
    announce(ctx)
  end
end

-- Services that started before hear of what is here; nobody waits for them.
local function begin()
  local ok, why = pcall(announce, {})
  if not ok then
    log.warn("not all services know their values yet", { error = tostring(why) })
  end
end

function svc.on_start()
  auth.introduce("Configurator Svc", PERMITS)
  repository.current()
  task.background(begin)
end

return svc
