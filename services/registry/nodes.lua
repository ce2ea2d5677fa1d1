-- Nodes: the hosts of this deployment. Each keeps its own row.

local db = require "db"
local errors = require "errors"
local host = require "host"
local store = require "store"
local time = require "time"

local M = {}

local function self_url()
  return host.setting("self_url")
end

local function given(name)
  local value = host.setting(name)
  return value ~= "" and value or nil
end

local function row()
  return errors.check(db.nodes:one { filters = { db.is("url", self_url()) } })
end

--- Writes this node's row. Under another id than before it takes the place of the row with its URL.
function M.beat()
  local usage = host.usage()
  errors.check(store.transaction(function(tx)
    local nodes = tx(db.nodes)
    local known = nodes:one { filters = { db.is("url", self_url()) } }
    local id = given("node_id") or (known and known.id)
    if known and known.id ~= id then
      nodes:delete(known.id)
    end
    return nodes:put {
      id = id,
      url = self_url(),
      availabilityZone = given("az"),
      region = given("region"),
      lastHeartbeat = time.now_rfc3339(),
      usage = usage,
      createdAt = known and known.createdAt,
    }
  end))
end

local function view(node)
  return {
    id = node.id,
    url = node.url,
    availabilityZone = node.availabilityZone,
    region = node.region,
    lastHeartbeat = node.lastHeartbeat,
    usage = node.usage,
  }
end

function M.own()
  local node = row()
  if not node then
    M.beat()
    node = row()
  end
  return view(node)
end

function M.list(ids)
  local filters = ids and #ids > 0 and { { op = "isInList", fields = { "id" }, values = ids } } or nil
  local views = {}
  for i, node in ipairs(errors.check(db.nodes:find { filters = filters })) do
    views[i] = view(node)
  end
  return views
end

function M.delete(url)
  errors.check(db.nodes:delete_where { filters = { db.is("url", url) } })
end

return M
