-- moonbus user ls

local client = require "cli.client"
local main = require "cli.main"
local output = require "cli.output"

local function list(arguments, flags)
  main.no_more(arguments, 1, "user ls")
  local limit = math.tointeger(tonumber(flags.limit or "100"))
  if not limit or limit < 1 then
    main.wrong_usage("--limit needs a number above 0")
  end
  local server = client.server(flags)
  local users = client.list(server, client.call(server, "POST", "/user-svc/users", {
    search = flags.search,
    limit = limit,
  }), "users")
  if flags.json then
    output.json(users)
    return
  end
  local rows = {}
  for i, user in ipairs(users) do
    rows[i] = { user.id, user.slug, user.name, table.concat(user.contactIds or {}, " "), output.ago(user.createdAt) }
  end
  output.table({ "ID", "SLUG", "NAME", "CONTACTS", "CREATED" }, rows)
end

return {
  usage = "user ls",
  summary = "list accounts, newest first",
  talks = "server",
  words = math.huge,
  flags = {
    { name = "search", value = "TEXT", text = "only the account with exactly this slug, name or contact" },
    { name = "limit", value = "N", text = "at most N (100)" },
  },
  run = function(arguments, flags)
    local action = arguments[1] or "ls"
    if action ~= "ls" and action ~= "list" then
      main.wrong_usage(("user does not know %q; there is ls"):format(action))
    end
    return list(arguments, flags)
  end,
}
