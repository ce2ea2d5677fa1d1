-- moonbus instance ls | rm

local client = require "cli.client"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local url = require "url"

local function list(arguments, flags)
  main.no_more(arguments, 1, "instance ls")
  local query = flags.slug and "?slug=" .. url.encode(flags.slug) or ""
  local instances = client.call(client.server(flags), "GET", "/registry-svc/instances" .. query).instances or {}
  if flags.json then
    output.json(json.list(instances))
    return
  end
  local rows = {}
  for i, instance in ipairs(instances) do
    rows[i] = {
      instance.id,
      instance.url,
      instance.status,
      instance.slug or "",
      output.ago(instance.lastHeartbeat),
    }
  end
  output.table({ "ID", "URL", "STATUS", "OWNER SLUG", "LAST HEARTBEAT" }, rows)
end

local function remove(arguments, flags)
  local id = arguments[2]
  if not id then
    main.wrong_usage("which instance? moonbus instance rm ID")
  end
  client.call(client.server(flags), "DELETE", "/registry-svc/instance/" .. url.encode(id))
  if flags.json then
    output.json { removed = id }
  else
    output.write(("Removed %s.\n"):format(id))
  end
end

local ACTIONS = { ls = list, list = list, rm = remove, remove = remove }

return {
  usage = "instance ls | rm ID",
  summary = "list instances, or take one out of the registry",
  talks = "server",
  words = 2,
  flags = { { name = "slug", value = "SLUG", text = "only instances of this owner" } },
  run = function(arguments, flags)
    local action = ACTIONS[arguments[1] or "ls"]
    if not action then
      main.wrong_usage(("instance does not know %q; there are ls and rm"):format(arguments[1]))
    end
    return action(arguments, flags)
  end,
}
