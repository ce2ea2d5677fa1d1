-- Health: probes instances and tells the front door what changed.
--
-- How an instance is probed says the policy `check`: by connecting, or by asking for a path; how often; and how many probes
-- in a row it takes until an instance counts as reachable, or as unreachable. Probes run in parallel with bounded
-- concurrency. An instance that was just registered is probed at once and a few times more until it is reached.

local db = require "db"
local errors = require "errors"
local host = require "host"
local http = require "http"
local log = require "log"
local net = require "net"
local policies = require "policies"
local shared = require "shared"
local task = require "task"
local time = require "time"
local url = require "url"

local M = {}

local SLOW = 1 -- seconds to connect, or to answer, above which an instance counts as degraded
local AGAIN = { 0.1, 0.3, 1, 3 } -- seconds between the probes of an instance that was just registered
local ANSWER_MAX = 1 << 20 -- bytes of the answer to a probe
local LEAST_PAUSE = 0.05 -- seconds between scans, however soon the next probe is due
local STREAK_SECONDS = 4 * 3600 -- that a streak is remembered: longer than any interval

local function reachable(status)
  return status == "Healthy" or status == "Degraded"
end

--- Gives all instances to the proxy. Lists that were read earlier lose against later ones.
function M.publish()
  local generation = errors.check(shared.incr("routes"))
  local list = {}
  for i, row in ipairs(errors.check(db.instances:find())) do
    list[i] = { id = row.id, slug = row.slug, url = row.url, healthy = row.status == "Healthy" }
  end
  errors.check(host.instances(list, generation))
end

-- ---- one probe ----

-- How an instance is checked, complete.
local function check_of(instance)
  local check = policies.ask("check", instance)
  return {
    kind = check.kind or "tcp",
    path = check.path or "/",
    interval = check.interval or host.setting("health_interval"),
    timeout = check.timeout or host.setting("health_timeout"),
    healthy = check.healthy or 1,
    unhealthy = check.unhealthy or 1,
  }
end

-- The seconds that it took; nil when the instance is not well.
local PROBES = {
  tcp = function(parts, check)
    return (net.dial(parts.host, parts.port, check.timeout))
  end,
  http = function(parts, check)
    local began = time.monotonic()
    local target = ("http://%s%s%s"):format(parts.authority, parts.path:gsub("/+$", ""), check.path)
    local answer = http.request { url = target, timeout = check.timeout, limit = ANSWER_MAX }
    return answer and answer.status < 400 and time.monotonic() - began or nil
  end,
}

local function probe(instance, check)
  local parts = url.parse(instance.url)
  local seconds = parts and PROBES[check.kind](parts, check)
  if not seconds then
    return "Unreachable"
  end
  return seconds <= SLOW and "Healthy" or "Degraded"
end

-- ---- streaks ----

-- How many probes in a row said that an instance is not what it counts as, this one included. All workers count together,
-- since each may probe.
local function streak(id)
  return shared.incr("streak:" .. id, 1, STREAK_SECONDS) or 1
end

-- What an instance is from now on. The first probe decides alone: nobody knew anything before.
local function settle(instance, before, found, check)
  local needed = reachable(found) and check.healthy or check.unhealthy
  local agrees = before == "Unknown" or reachable(before) == reachable(found)
  if agrees or streak(instance.id) >= needed then
    shared.del("streak:" .. instance.id)
    return found
  end
  return before
end

--- Probes one instance and keeps what was found. Returns its status and whether the front door must know.
---@param instance table row of the collection
---@param check HealthCheck? complete; as the policy says when it is left out
---@return string status
---@return boolean changed
function M.check(instance, check)
  check = check or check_of(instance)
  local found = probe(instance, check)
  if check.healthy > 1 or check.unhealthy > 1 then
    found = settle(instance, instance.status, found, check)
  end
  local changed = false
  errors.check(db.instances:update(instance.id, function(row)
    changed = reachable(row.status) ~= reachable(found)
    row.status = found
    if reachable(found) then
      row.lastHeartbeat = time.now_rfc3339()
    end
  end))
  return found, changed
end

--- Follows an instance from its registration until it is reached, or left to the next scan.
function M.follow(instance)
  for i = 0, #AGAIN do
    if i > 0 then
      time.sleep(AGAIN[i])
    end
    local status, changed = M.check(instance)
    if changed then
      M.publish()
    end
    if reachable(status) then
      return
    end
  end
end

-- ---- all of them ----

local due = {} -- when an instance is probed next, by id, on the clock of time.monotonic; of those that there are

-- In a task of its own: what a policy spends on one instance is not taken from the others.
local function check_alone(instance, began)
  local check = check_of(instance)
  due[instance.id] = began + check.interval
  local _, news = M.check(instance, check)
  return news
end

local function drain(queue, began)
  local changed = false
  while true do
    local instance = table.remove(queue)
    if not instance then
      return changed
    end
    local one <close> = task.detach(errors.check(task.spawn(check_alone, instance, began)))
    changed = one:join() or changed
  end
end

-- Those whose time has come. What is gone is forgotten.
local function take_due(now)
  local queue, known = {}, due
  due = {}
  for _, instance in ipairs(errors.check(db.instances:find())) do
    local at = known[instance.id]
    due[instance.id] = at
    if not at or at <= now then
      table.insert(queue, instance)
    end
  end
  return queue
end

--- Probes all instances that are due.
function M.scan()
  local began = time.monotonic()
  local queue = take_due(began)
  local probers = {}
  for i = 1, math.min(#queue, host.setting("health_concurrency")) do
    probers[i] = function()
      return drain(queue, began)
    end
  end
  if #probers == 0 then
    return
  end
  local changed = false
  for _, news in ipairs { task.all(probers) } do
    changed = changed or news
  end
  if changed then
    M.publish()
  end
end

-- Until the next one is due; new ones wait no longer than usual.
local function pause()
  local seconds, now = host.setting("health_interval"), time.monotonic()
  for _, at in pairs(due) do
    seconds = math.min(seconds, at - now)
  end
  return math.max(seconds, LEAST_PAUSE)
end

--- Scans for ever.
function M.run()
  while true do
    do
      local scan <close> = errors.check(task.spawn(M.scan)) -- its own task: each scan has its own budget
      local ok, why = pcall(scan.join, scan)
      if not ok then
        log.warn("health scan failed", { error = tostring(why) })
      end
    end
    time.sleep(pause())
  end
end

return M
