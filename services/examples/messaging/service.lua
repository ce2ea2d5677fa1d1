-- messaging.example: /messaging.example/home

local errors = require "errors"
local messaging = require "services.examples.messaging.api"

---@type services.examples.messaging
local svc = require "service" (...)

--- NoQueue is answered by every replica, as there is no queue in front of them.
function svc.NoQueue()
  return "NoQueue " .. svc.id
end

--- DefaultQueue is answered by one replica.
function svc.DefaultQueue()
  return "DefaultQueue " .. svc.id
end

--- Home reaches replicas in each of the four ways, and prints who answered.
---@param ctx Context
function svc.Home(ctx)
  local lines = { "Processed by: " .. svc.id }
  local function add(text)
    table.insert(lines, text)
  end

  add "\nUnicast: one replica answers, whichever it is"
  local answer = messaging.DefaultQueue(ctx)
  add(answer.body)

  -- Every replica has an address of its own, <id>.<host>.
  local replica = messaging.for_host(("%s.%s"):format(answer.body:match("%w+$"), svc.host))

  add "\nUnicast to the address of that replica"
  add(replica.DefaultQueue(ctx).body)

  add "\nMulticast: all replicas answer"
  for one in messaging.all.NoQueue(ctx) do
    add(one:get().body)
  end

  add "\nMulticast to the address of that replica: it alone answers"
  for one in replica.all.NoQueue(ctx) do
    add(one:get().body)
  end

  return table.concat(lines, "\n") .. "\n"
end

local function argument(req, name)
  local value = req.query[name] or ""
  return value ~= "" and value or errors.raise(400, "missing " .. name)
end

--- CacheStore puts a value into the cache.
---@param req Request
function svc.CacheStore(_, req)
  local key, value = argument(req, "key"), argument(req, "value")
  svc.cache:store(key, value)
  return ("key: %s\nvalue: %s\n\nStored by %s\n"):format(key, value, svc.id)
end

--- CacheLoad looks for a key in the cache.
---@param req Request
function svc.CacheLoad(_, req)
  local key = argument(req, "key")
  local value = svc.cache:load(key)
  local found = value and "found: yes\nvalue: " .. value or "found: no"
  return ("key: %s\n%s\n\nLoaded by %s\n"):format(key, found, svc.id)
end

return svc
