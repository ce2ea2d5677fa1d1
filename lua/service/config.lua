-- service/config: what `svc.config` is: the configs of a service, typed on reading, checked on assignment.
--
-- What configs are set to are texts, kept by the host for all states of the service (config.core); only what differs from
-- the defaults is there. A state converts them once per version, so that reading a config is a look into a table. They
-- come from a configurator (`refresh`) or from the service itself (assignment). Loading a service reads no more than the
-- defaults.

local core = require "config.core"
local lazy = require "lazy"
local errors = require "errors"
local log = require "log"
local scalar = require "gen.scalar"

local duration, report, rule = lazy "gen.duration", lazy "gen.report", lazy "gen.rule"

local M = {}

---@class Configs svc.config: a field for each declared config; assigning nil resets one to its default

local INNER = {} -- key of what is kept behind a Configs

local SHOWN = 40 -- characters of a value in logs
local STARS = 16 -- at most, of a secret

--- A value as logs and lists show it: a secret as asterisks, another one cut where it is long.
---@param value string
---@param secret boolean?
---@return string
function M.shown(value, secret)
  local length = utf8.len(value) or #value
  if secret then
    return ("*"):rep(math.min(length, STARS))
  elseif length <= SHOWN then
    return value
  end
  return value:sub(1, (utf8.len(value) and utf8.offset(value, SHOWN + 1) or SHOWN + 1) - 1) .. "..."
end

-- ---- texts and typed values ----

-- nil when the text is none of the type.
local READ = {
  string = function(text)
    return text
  end,
  int = scalar.int,
  float64 = scalar.float,
  bool = scalar.bool,
  ["time.Duration"] = function(text)
    local ns = duration.parse(text)
    return ns and duration.seconds(ns)
  end,
}

local ZERO = { int = 0, float64 = 0.0, bool = false, ["time.Duration"] = 0.0 }

local function typed(item, text)
  local value = READ[item.type](text)
  if value == nil then
    return ZERO[item.type]
  end
  return value
end

local KINDS = { string = true, number = true, boolean = true }

local function invalid(item, text)
  return ("invalid value '%s' for config property '%s'"):format(M.shown(text, item.secret), item.name)
end

-- What was assigned, as text. A number is seconds where the config is a duration.
local function text_of(item, value)
  if not KINDS[type(value)] then
    errors.raise(500, ("config '%s' is a %s and cannot be a %s"):format(item.name, item.type, type(value)))
  elseif type(value) == "number" and item.type == "time.Duration" then
    local ns = value == value and math.tointeger(math.floor(value * 1e9 + 0.5))
    return ns and duration.render(ns) or errors.raise(500, invalid(item, scalar.text(value)))
  end
  return type(value) == "string" and value or scalar.text(value)
end

local function obeys(item, text)
  return not item.rule or item.rule:accepts(text)
end

-- Where somebody sets a value, it has to be of the declared type as well, or empty.
local function acceptable(item, text)
  return obeys(item, text) and (text == "" or READ[item.type](text) ~= nil)
end

-- ---- what the configs are set to ----

-- The text of each config, by name, and the version that they belong to.
local function texts_of(inner)
  local published, version = core.values(inner.host)
  local texts = {}
  for _, item in ipairs(inner.items) do
    texts[item.name] = published and published[item.name] or item.default
  end
  return texts, version
end

local function reread(inner)
  local texts, version = texts_of(inner)
  local values = {}
  for _, item in ipairs(inner.items) do
    values[item.name] = typed(item, texts[item.name])
  end
  inner.values, inner.version = values, version
end

-- Puts in force what `choose(item, text before)` says, in one step. Returns the items that changed.
local function change(inner, choose)
  while true do
    local before, version = texts_of(inner)
    local texts, changed = {}, {}
    for _, item in ipairs(inner.items) do
      local text = choose(item, before[item.name])
      texts[item.name] = text ~= item.default and text or nil
      if text ~= before[item.name] then
        table.insert(changed, { item = item, text = text })
      end
    end
    if #changed == 0 then
      return changed
    end
    local ok, message, code = core.publish(texts, version, inner.host)
    if ok then
      return changed
    elseif code ~= "conflict" then
      errors.check(ok, message, code)
    end -- somebody else was faster: what differs now?
  end
end

local function names_of(list)
  local names = {}
  for i, one in ipairs(list) do
    names[i] = one.item and one.item.name or one.name
  end
  return names
end

-- ---- the object ----

local function unknown(inner, name)
  local names = names_of(inner.items)
  local meant = report.nearest(tostring(name), names)
  return ("%s has no config '%s'%s"):format(inner.host, tostring(name),
    meant and (": did you mean '%s'?"):format(meant)
    or #names > 0 and ("; there are %s"):format(table.concat(names, ", ")) or "")
end

local function assign(inner, name, value)
  local target = inner.by_name[name] or error(unknown(inner, name), 3)
  local text = target.default
  if value ~= nil then
    text = text_of(target, value)
    if not acceptable(target, text) then
      errors.raise(500, invalid(target, text))
    end
  end
  local changed = change(inner, function(item, before)
    return item == target and text or before
  end)
  if #changed > 0 and inner.on_change then
    inner.on_change(names_of(changed))
  end
end

local function compile(config)
  return {
    name = config.name,
    description = config.description,
    type = config.type,
    default = config.default or "",
    secret = config.secret or false,
    validation = config.validation,
    rule = config.validation and errors.check(rule.compile(config.validation)),
  }
end

local function make_inner(plumbing)
  local inner = { host = plumbing.host, items = {}, by_name = {}, by_lower = {}, values = {} }
  for i, config in ipairs(plumbing.configs or {}) do
    local item = compile(config)
    inner.items[i] = item
    inner.by_name[item.name], inner.by_lower[item.name:lower()] = item, item
  end
  return inner
end

local function values_in_force(inner)
  if core.version() ~= inner.version then
    reread(inner)
  end
  return inner.values
end

--- What becomes `svc.config`. Reading a field gives its value: a string, integer, number, boolean, or seconds of a
--- duration; a text that is none of the type counts as zero. Assigning one checks it and puts it in force for the service
--- on all workers. An unknown name raises.
---@param plumbing Plumbing of which `host` and `configs` count
---@return Configs
function M.bind(plumbing)
  local inner = make_inner(plumbing)
  return setmetatable({ [INNER] = inner }, {
    __index = function(_, name)
      local value = values_in_force(inner)[name]
      if value == nil then
        error(unknown(inner, name), 2)
      end
      return value
    end,
    __newindex = function(_, name, value)
      assign(inner, name, value)
    end,
    __pairs = function()
      return next, values_in_force(inner), nil
    end,
    __metatable = false,
  })
end

local function inner_of(configs)
  return type(configs) == "table" and rawget(configs, INNER) or error("what config.bind gave is expected", 3)
end

--- Has `fn(names)` called after an assignment changed something, in the task that assigned. What it raises, the
--- assignment raises.
---@param configs Configs
---@param fn fun(names: string[])
function M.on_change(configs, fn)
  inner_of(configs).on_change = fn
end

-- ---- refreshing ----

-- What the configurator gave for each config, by its name in lower case.
local function fetch_all(inner, ctx, fetch)
  local found = {}
  for name, value in pairs(fetch(ctx, names_of(inner.items)) or {}) do
    if type(name) == "string" and type(value) == "string" then
      found[name:lower()] = value
    end
  end
  return found
end

local function warn(item, text)
  log.warn("Invalid config value", {
    name = item.name, value = M.shown(text, item.secret), rule = item.validation,
  })
end

-- The text that a config is to have: what was fetched, where that is a value of it, else its default.
local function pick(item, fetched)
  if not fetched then
    return item.default
  elseif not obeys(item, fetched) then
    warn(item, fetched)
    return item.default
  end
  return fetched
end

local function check_all(inner, chosen)
  for _, item in ipairs(inner.items) do
    local text = chosen[item.name]
    if not obeys(item, text) then
      errors.raise(500, ("value '%s' of config '%s' doesn't validate against rule '%s'"):format(
        M.shown(text, item.secret), item.name, item.validation))
    end
  end
end

--- Asks for the values of all configs and puts them in force: what was fetched, where the config may have it, else the
--- default. Raises when a default would be needed that the config may not have, and when `fetch` raises; then nothing
--- changes. Without `fetch` the values in force are checked. Names that `fetch` gives count in any case.
---@param configs Configs
---@param ctx Context
---@param fetch (fun(ctx: Context, names: string[]): table<string, string>)?
---@return string[] names of the configs that changed
function M.refresh(configs, ctx, fetch)
  local inner = inner_of(configs)
  if #inner.items == 0 then
    return {}
  end
  local chosen = texts_of(inner)
  if fetch then
    local fetched = fetch_all(inner, ctx, fetch)
    for _, item in ipairs(inner.items) do
      chosen[item.name] = pick(item, fetched[item.name:lower()])
    end
  end
  check_all(inner, chosen)
  local changed = change(inner, function(item)
    return chosen[item.name]
  end)
  for _, one in ipairs(changed) do
    log.info("Config updated", { name = one.item.name, value = M.shown(one.text, one.item.secret) })
  end
  return names_of(changed)
end

-- ---- for those who administrate ----

--- Whether a config, named in any case, may be set to a text.
---@param configs Configs
---@param name string
---@param text string
---@return boolean
---@return string? message why not, without the text where it is a secret
function M.check(configs, name, text)
  local inner = inner_of(configs)
  local item = inner.by_lower[name:lower()]
  if not item then
    return false, unknown(inner, name)
  elseif not acceptable(item, text) then
    return false, ("%s: %s is expected"):format(invalid(item, text), item.validation or item.type)
  end
  return true
end

---@class ConfigDescription
---@field name string
---@field description string
---@field type string string, int, bool, float64 or time.Duration
---@field validation string? its rule
---@field secret boolean
---@field value string in force, as text; a secret as asterisks
---@field default string the same

--- What the configs are and what they are set to, in the order of the declaration. Secrets are masked.
---@param configs Configs
---@return ConfigDescription[]
function M.describe(configs)
  local inner = inner_of(configs)
  local texts, list = texts_of(inner), {}
  local function masked(item, text)
    return item.secret and M.shown(text, true) or text
  end
  for i, item in ipairs(inner.items) do
    list[i] = {
      name = item.name,
      description = item.description,
      type = item.type,
      validation = item.validation,
      secret = item.secret,
      value = masked(item, texts[item.name]),
      default = masked(item, item.default),
    }
  end
  return list
end

return M
