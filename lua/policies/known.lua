-- policies.known: the questions that the platform asks, by the folder of the service that asks them. Who asks, the command
-- line and the documentation read this table; a function of another name in a policy file is a typo.
--
-- A policy *decides* (then one that fails denies) or *tunes* (then one that fails is as if nobody had replaced it). One
-- that is optional has no default: without it nobody is asked.

---@class PolicyRow
---@field kind "decide"|"tune"
---@field about string what it decides, in a few words
---@field inputs string its parameters
---@field answers string in a few words
---@field optional boolean?
---@field decision boolean? it answers true, or nil (or false) and why
---@field wrong fun(...): string? what is wrong with answers; nil = nothing

local keys = require "service.keys"

local M = {}

local LISTED = 100 -- entries of a list or table that a policy may answer

-- ---- shapes of answers ----

local function said(value)
  local kind = type(value)
  return kind == "number" and ("%s (%s)"):format(value, kind) or kind == "nil" and "nothing" or "a " .. kind
end

-- Only true allows: whatever else a function happens to return is no answer.
local function decision(answer, why)
  if answer ~= true and answer ~= nil and answer ~= false then
    return ("it answered %s; true allows, nil and why denies"):format(said(answer))
  elseif not answer and why ~= nil and type(why) ~= "string" then
    return ("it denied, and gave %s instead of why"):format(said(why))
  end
end

local function list_of_texts(answer)
  if answer == nil then
    return nil
  elseif type(answer) ~= "table" then
    return ("it answered %s instead of a list of texts"):format(said(answer))
  end
  local n = 0
  for _, value in pairs(answer) do
    n = n + 1
    if type(value) ~= "string" then
      return ("its list has %s instead of a text"):format(said(value))
    end
  end
  if n ~= #answer then
    return "it answered a table by names instead of a list of texts"
  elseif n > LISTED then
    return ("its list has %d entries; %d is the most"):format(n, LISTED)
  end
end

local function table_by_names(answer)
  if answer == nil then
    return nil
  elseif type(answer) ~= "table" then
    return ("it answered %s instead of a table by names"):format(said(answer))
  end
  local n = 0
  for key in pairs(answer) do
    n = n + 1
    if type(key) ~= "string" then
      return "it answered a list instead of a table by names"
    end
  end
  return n > LISTED and ("its table has %d entries; %d is the most"):format(n, LISTED) or nil
end

-- Seconds of delay, too.
local function login(answer, why)
  if math.type(answer) == nil then
    return decision(answer, why)
  elseif not (answer >= 0 and answer < math.huge) then
    return ("it answered a delay of %s seconds"):format(answer)
  end
end

-- How an instance may be checked, and within which bounds: a probe is a request that the host makes by itself.
local CHECK = {
  kind = function(value)
    return value == "tcp" or value == "http" or nil, "tcp or http"
  end,
  path = function(value)
    return type(value) == "string" and #value <= 1000 and value:find("^/[!-~]*$") and not value:find("#", 1, true),
      "a path that begins with /, percent-encoded, 1000 bytes at most"
  end,
}

local function within(least, most, whole)
  return function(value)
    local number = whole and math.type(value) == "integer" or not whole and type(value) == "number"
    return number and value >= least and value <= most,
      ("%s from %g to %g"):format(whole and "an integer" or "seconds", least, most)
  end
end

CHECK.interval, CHECK.timeout = within(0.05, 3600), within(0.01, 60)
CHECK.healthy, CHECK.unhealthy = within(1, 10, true), within(1, 10, true)

local function health_check(answer)
  if type(answer) ~= "table" then
    return ("it answered %s instead of a table"):format(said(answer))
  end
  for name, value in pairs(answer) do
    local field = CHECK[name]
    if not field then
      return ("it answered a field %s, which no check has"):format(type(name) == "string" and name or said(name))
    end
    local fine, wanted = field(value)
    if not fine then
      return ("its %s must be %s"):format(name, wanted)
    end
  end
end

local function anything() end

-- ---- the rows ----

local DECISION = "true, or nil and why"

---@type table<string, table<string, PolicyRow>>
M.rows = {
  user = {
    password = {
      kind = "decide", about = "which passwords may be chosen", inputs = "password, account", answers = DECISION,
      decision = true, wrong = decision,
    },
    slug = {
      kind = "decide", about = "which names accounts may have", inputs = "slug, kind", answers = DECISION,
      decision = true, wrong = decision,
    },
    login = {
      kind = "decide", about = "who may try to log in, and how soon", inputs = "attempt",
      answers = "true, seconds to wait, or nil and why", decision = true, wrong = login,
    },
    roles = {
      kind = "tune", about = "extra roles of a token", inputs = "account, app", answers = "a list of roles",
      wrong = list_of_texts,
    },
    claims = {
      kind = "tune", about = "extra claims of a token", inputs = "account, app", answers = "a table of claims",
      wrong = table_by_names,
    },
  },
  registry = {
    register = {
      kind = "decide", about = "which URLs may be registered", inputs = "account, instance", answers = DECISION,
      decision = true, wrong = decision,
    },
    check = {
      kind = "tune", about = "how an instance's health is checked", inputs = "instance",
      answers = "{ kind, path, interval, timeout, healthy, unhealthy }", wrong = health_check,
    },
    choose = {
      kind = "tune", optional = true, about = "which instance answers a request", inputs = "instances, request",
      answers = "one of the instances, or a built-in chooser's name", wrong = anything,
    },
  },
  proxy = {
    request = {
      kind = "decide", optional = true, about = "what happens to a proxied request", inputs = "req",
      answers = "nothing, status and body, or what changes", wrong = anything,
    },
    response = {
      kind = "tune", optional = true, about = "headers of a proxied response", inputs = "req, res",
      answers = "nothing, or what changes", wrong = anything,
    },
    limit = {
      kind = "decide", optional = true, about = "how many requests are let through", inputs = "req",
      answers = "nothing, or key, rate, burst and perhaps cost", wrong = anything,
    },
  },
}

--- The names of a service's policies, in order.
---@param folder string
---@return string[]
function M.names(folder)
  return keys.sorted(M.rows[folder] or {})
end

--- The services that ask policies, in order.
---@return string[]
function M.services()
  local folders = {}
  for folder in pairs(M.rows) do
    table.insert(folders, folder)
  end
  table.sort(folders)
  return folders
end

return M
