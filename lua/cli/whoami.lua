-- moonbus whoami: the account behind the stored token.

local client = require "cli.client"
local json = require "json"
local output = require "cli.output"

return {
  usage = "whoami",
  summary = "show the account you are logged in with",
  talks = "server",
  run = function(_, flags)
    local server = client.server(flags)
    local answer = client.call(server, "POST", "/user-svc/self", {})
    local user, roles = client.field(server, answer, "user"), answer.roles or {}
    if flags.json then
      output.json { server = server, user = user, roles = json.list(roles) }
      return
    end
    output.table({ "SLUG", "ID", "NAME", "ROLES", "SERVER" }, {
      { user.slug, user.id, user.name, table.concat(roles, " "), server },
    })
  end,
}
