-- moonbus user ls

local client = require "cli.client"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"

local function list(flags)
  local limit = flags.limit and math.tointeger(tonumber(flags.limit))
  if flags.limit and not (limit and limit > 0) then
    main.wrong_usage("--limit needs a number above 0")
  end
  local users = client.call(client.server(flags), "POST", "/user-svc/users", {
    search = flags.search,
    limit = limit or 100,
  }).users or {}
  if flags.json then
    output.json(json.list(users))
    return
  end
  local rows = {}
  for i, user in ipairs(users) do
    rows[i] = {
      user.id,
      user.slug,
      user.name or "",
      table.concat(user.contactIds or {}, " "),
      output.ago(user.createdAt),
    }
  end
  output.table({ "ID", "SLUG", "NAME", "CONTACTS", "CREATED" }, rows)
end

return {
  usage = "user ls",
  summary = "list accounts, newest first",
  talks = "server",
  words = 1,
  flags = {
    { name = "search", value = "TEXT", text = "only the account with exactly this slug, name or contact" },
    { name = "limit", value = "N", text = "at most N (100)" },
  },
  run = function(arguments, flags)
    local action = arguments[1] or "ls"
    if action ~= "ls" and action ~= "list" then
      main.wrong_usage(("user does not know %q; there is ls"):format(action))
    end
    return list(flags)
  end,
}
