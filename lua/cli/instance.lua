-- moonbus instance ls | rm

local client = require "cli.client"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local url = require "url"

local function instances_of(server, slug)
  local query = slug and "?slug=" .. url.encode(slug) or ""
  return client.list(server, client.call(server, "GET", "/registry-svc/instances" .. query), "instances")
end

local function list(arguments, flags)
  main.no_more(arguments, 1, "instance ls")
  local instances = instances_of(client.server(flags), flags.slug)
  if flags.json then
    output.json(instances)
    return 0
  end
  local rows = {}
  for i, instance in ipairs(instances) do
    rows[i] = { instance.id, instance.url, instance.status, instance.slug, output.ago(instance.lastHeartbeat) }
  end
  output.table({ "ID", "URL", "STATUS", "OWNER SLUG", "LAST HEARTBEAT" }, rows)
  return 0
end

-- The registry is content when there is nothing to remove; a person who mistyped an id is not.
local function remove(arguments, flags)
  if not arguments[2] then
    main.wrong_usage("which instance? moonbus instance rm ID ...")
  elseif flags.slug then
    main.wrong_usage("instance rm takes no --slug, only ids")
  end
  local server = client.server(flags)
  local there, removed, missing = {}, {}, {}
  for _, instance in ipairs(instances_of(server)) do
    there[instance.id] = true
  end
  for _, id in ipairs { table.unpack(arguments, 2) } do
    if there[id] then
      client.call(server, "DELETE", "/registry-svc/instance/" .. url.encode(id))
      there[id] = nil
      table.insert(removed, id)
    else
      table.insert(missing, id)
      main.complain(("there is no instance %s"):format(id))
    end
  end
  if flags.json then
    output.json { removed = json.list(removed), missing = json.list(missing) }
  elseif removed[1] then
    output.write(("Removed %s.\n"):format(table.concat(removed, ", ")))
  end
  return missing[1] and 1 or 0
end

local ACTIONS = { ls = list, list = list, rm = remove, remove = remove }

return {
  usage = "instance ls | rm ID ...",
  summary = "list instances, or take some out of the registry",
  text = "Lists your instances, or everybody's when you are an admin; rm takes those of the given ids out of the registry.\n"
    .. "The exit code is 1 when one of them is not there.",
  talks = "server",
  words = math.huge,
  flags = { { name = "slug", value = "SLUG", text = "ls: only instances of this owner" } },
  run = function(arguments, flags)
    local action = ACTIONS[arguments[1] or "ls"]
    if not action then
      main.wrong_usage(("instance does not know %q; there are ls and rm"):format(arguments[1]))
    end
    return action(arguments, flags)
  end,
}
