-- Health: probes instances and tells the front door what changed.
--
-- A probe is a TCP connect. All instances are probed every health_interval, in parallel with bounded concurrency; one that
-- was just registered is probed at once and a few times more until it is reached.

local db = require "db"
local errors = require "errors"
local host = require "host"
local log = require "log"
local net = require "net"
local shared = require "shared"
local task = require "task"
local time = require "time"
local url = require "url"

local M = {}

local SLOW = 1 -- seconds to connect above which an instance counts as degraded
local AGAIN = { 0.1, 0.3, 1, 3 } -- seconds between the probes of an instance that was just registered

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

local function probe(instance)
  local parts = url.parse(instance.url)
  if not parts then
    return "Unreachable"
  end
  local seconds = net.dial(parts.host, parts.port, host.setting("health_timeout"))
  if not seconds then
    return "Unreachable"
  end
  return seconds <= SLOW and "Healthy" or "Degraded"
end

--- Probes one instance and keeps what was found. Returns its status and whether the front door must know.
function M.check(instance)
  local status = probe(instance)
  local changed = false
  errors.check(db.instances:update(instance.id, function(row)
    changed = reachable(row.status) ~= reachable(status)
    row.status = status
    if reachable(status) then
      row.lastHeartbeat = time.now_rfc3339()
    end
  end))
  return status, changed
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

local function drain(queue)
  local changed = false
  while true do
    local instance = table.remove(queue)
    if not instance then
      return changed
    end
    local _, news = M.check(instance)
    changed = changed or news
  end
end

--- Probes all instances once.
function M.scan()
  local queue = errors.check(db.instances:find())
  local probers = {}
  for i = 1, math.min(#queue, host.setting("health_concurrency")) do
    probers[i] = function()
      return drain(queue)
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
    time.sleep(host.setting("health_interval"))
  end
end

return M
