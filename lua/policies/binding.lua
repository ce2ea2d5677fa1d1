-- policies.binding: makes what `require "policies"` gives a service.
--
-- The defaults are in the service's own policy.lua; what the user's policies/<service>.lua defines takes their place, and
-- the rest stays. A default is called directly. A function of the user's is a guest: it runs as a task with bounds of its
-- own, its answer is looked at, and when it fails, one that decides has denied, and for one that tunes the default answers.
-- Failures are counted, and told once a minute.

local files = require "files"
local host = require "host"
local known = require "policies.known"
local lazy = require "lazy"
local log = require "log"
local request = require "request"
local shared = require "shared"
local task = require "task"

local report = lazy "gen.report"

local M = {}

local QUIET = 60 -- seconds between two lines about the same function
local COUNTED = 3600 -- seconds that what was not told is counted: generations come and go

---@class Policies
---@field user table<string, function> what the user's file defines; {} without one
---@field functions table<string, function> those in force, the user's and the default ones; for specs
---@field ask fun(name: string, ...: any): any ... the answer of the function in force
---@field source fun(name: string): string?, integer? file and line of the function in force; nil when there is none
---@field list fun(): PolicySource[] all policies of the service, by name

---@class PolicySource
---@field name string "user.password"
---@field kind "decide"|"tune"
---@field about string
---@field file string? nil: optional, and not defined
---@field line integer?
---@field shipped boolean it is the default

-- ---- reading the files ----

local function refuse(text, ...)
  error(text:format(...), 0)
end

local function unknown(where, folder, name)
  local names = known.names(folder)
  local meant = type(name) == "string" and report.nearest(name, names)
  return ("%s: there is no policy '%s'%s"):format(where, tostring(name),
    meant and ("; did you mean '%s'?"):format(meant) or (" of %s; there are %s"):format(folder, table.concat(names, ", ")))
end

local function shipped_of(folder, load)
  local shipped = {}
  for name, value in pairs(load "policy") do
    shipped[name] = value
  end
  for name, row in pairs(known.rows[folder]) do
    if type(shipped[name]) ~= "function" and not row.optional then
      refuse("services/%s/policy.lua has no function %s: the service asks it", folder, name)
    end
  end
  return shipped
end

local EXAMPLE = "policies/%s.lua returns %s: end it with `return { %s = function(...) ... end }`"

-- What a module must be, said for the file that people know.
local function load_file(folder, load)
  local ok, defined = pcall(load, "policies." .. folder)
  if ok then
    return defined
  end
  if type(defined) ~= "string" and not getmetatable(defined) then
    refuse("policies/%s.lua raised a %s while it was loaded; raise a text that says why", folder, type(defined))
  end
  local what = type(defined) == "string" and defined:match("must return a table, it returned (%S+)$")
  if what then
    refuse(EXAMPLE, folder, what, known.names(folder)[1])
  end
  error(defined, 0)
end

local function problem_of(path, folder, name, value)
  if type(value) ~= "function" then
    return ("%s: %s is a %s; a policy is a function: keep other values in locals"):format(path, tostring(name), type(value))
  elseif not known.rows[folder][name] then
    local file, line = files.where(value)
    local written = line > 0 -- in Lua, not one of the host's functions
    return unknown(written and ("%s:%d"):format(file, line) or path, folder, name)
  end
end

-- A file may also change the table that `require "policy"` gave it and return that: then only what it changed is its own.
local function user_of(folder, load, shipped)
  local path, user, problems = ("policies/%s.lua"):format(folder), {}, {}
  for name, value in pairs(load_file(folder, load)) do
    if not rawequal(shipped[name], value) then
      user[name] = value
      problems[#problems + 1] = problem_of(path, folder, name, value)
    end
  end
  if #problems > 0 then
    table.sort(problems)
    refuse("%s", table.concat(problems, "\n"))
  end
  return user
end

-- ---- failures ----

-- Whether this one is told; how many were not since the last one that was. Other files are told of at once: who has just
-- changed a function wants to know.
local function is_news(name)
  local this = ("%s:%s"):format(name, files.hash():sub(1, 12))
  local left_out = "policies:left-out:" .. this
  local first, _, code = shared.add("policies:told:" .. this, "1", QUIET)
  if not first and code == "exists" then
    shared.incr(left_out, 1, COUNTED)
    return false
  end
  local count = tonumber(shared.get(left_out) or 0)
  shared.del(left_out)
  return true, count
end

local INSTEAD = { decide = "denied", tune = "the default answered" }

local function failed(name, row, fn, code, problem, trace)
  request.policy_failed(name, code)
  local told, left_out = is_news(name)
  if not told then
    return
  end
  local file, line = files.where(fn)
  log.error("a policy failed", {
    policy = name, at = ("%s:%d"):format(file, line), code = code, error = problem, result = INSTEAD[row.kind],
    not_told = left_out > 0 and left_out or nil, traceback = trace,
  })
end

-- ---- asking ----

-- What a guest is given: its own copy, so that what it does to it is no change of what the service goes on with.
local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local fresh = {}
  for key, field in pairs(value) do
    fresh[key] = copy(field)
  end
  return setmetatable(fresh, getmetatable(value))
end

local function copies(...)
  local list = table.pack(...)
  for i = 1, list.n do
    list[i] = copy(list[i])
  end
  return table.unpack(list, 1, list.n)
end

-- Well below what the request itself has.
local function bounds()
  return math.min(host.setting("policy_cpu"), host.setting("lua_cpu") / 2),
    math.min(host.setting("policy_timeout"), host.setting("lua_deadline") / 2)
end

-- A denial without a reason gets one; what follows it, such as when to try again, stays.
local function accept(name, row, answer, ...)
  if row.decision and not answer then
    return nil, (...) or ("refused by the policy " .. name), select(2, ...)
  end
  return answer, ...
end

-- What task.bounded says of a failure: false, message, traceback, code; or nil, message, code when there was no room for it.
-- Returns message, code, and the traceback when it says more than the message.
local function trouble(ok, message, trace, code)
  if ok == nil then
    return message, trace
  end
  return message, code, trace ~= message and trace or nil
end

-- An answer as the service goes on with it. A table keeps its fields and loses its metatable: what hangs on one is the guest's
-- code, which would run in the service, outside of the guest's bounds.
local function bare(answer, ...)
  if type(answer) ~= "table" then
    return answer, ...
  end
  local fields = {}
  for key, value in next, answer do
    fields[key] = value
  end
  return fields, ...
end

-- How a function of the user's is asked.
local function guest(name, row, fn, default)
  local cpu, seconds = bounds()
  local function answer(...)
    return bare(fn(...))
  end
  local function settle(question, ok, ...)
    local problem, code, trace
    if ok then
      problem, code = row.wrong(...), "answer"
      if not problem then
        return accept(name, row, ...)
      end
    else
      problem, code, trace = trouble(ok, ...)
    end
    failed(name, row, fn, code, problem, trace)
    if row.kind == "decide" then
      return nil, ("the policy %s failed"):format(name)
    end
    return default(table.unpack(question, 1, question.n))
  end
  return function(...)
    return settle(table.pack(...), task.bounded(cpu, seconds, answer, copies(...)))
  end
end

local function nobody() end

local function doors_of(folder, shipped, user)
  local doors = {}
  for name, row in pairs(known.rows[folder]) do
    local default = shipped[name] or nobody
    doors[name] = user[name] and guest(folder .. "." .. name, row, user[name], default) or default
  end
  return setmetatable(doors, {
    __index = function(_, name)
      error(("there is no policy %s.%s"):format(folder, tostring(name)), 3)
    end,
  })
end

local function in_force(folder, shipped, user)
  local functions = {}
  for name in pairs(known.rows[folder]) do
    functions[name] = user[name] or shipped[name]
  end
  return functions
end

local function list_of(folder, shipped, user)
  local list = {}
  for i, name in ipairs(known.names(folder)) do
    local row, fn = known.rows[folder][name], user[name] or shipped[name]
    local file, line
    if fn then
      file, line = files.where(fn)
    end
    list[i] = {
      name = folder .. "." .. name, kind = row.kind, about = row.about, file = file, line = line, shipped = fn and not user[name],
    }
  end
  return list
end

--- The policies of a service. For the runner of specs; a service writes `require "policies"`.
---@param folder string below services/
---@param load fun(name: string): table its `require`
---@param overridden boolean whether there is a module policies.<folder>: the user's file
---@return Policies
function M.bind(folder, load, overridden)
  if not known.rows[folder] then
    refuse("services/%s asks no policies: lua/policies/known.lua lists who does", folder)
  end
  local shipped = shipped_of(folder, load)
  local user = overridden and user_of(folder, load, shipped) or {}
  local doors = doors_of(folder, shipped, user)
  return {
    user = user,
    functions = in_force(folder, shipped, user),
    ask = function(name, ...)
      return doors[name](...)
    end,
    source = function(name)
      local fn = user[name] or shipped[name]
      if fn then
        return files.where(fn)
      end
    end,
    list = function()
      return list_of(folder, shipped, user)
    end,
  }
end

return M
