-- moonbus whoami: the account behind the stored token.

local client = require "cli.client"
local output = require "cli.output"

return {
  usage = "whoami",
  summary = "show the account you are logged in with",
  talks = "server",
  run = function(_, flags)
    local server = client.server(flags)
    local self = client.call(server, "POST", "/user-svc/self", {})
    if flags.json then
      output.json { server = server, user = self.user, roles = self.roles }
      return
    end
    output.table({ "SLUG", "ID", "NAME", "ROLES", "SERVER" }, {
      { self.user.slug, self.user.id, self.user.name or "", table.concat(self.roles or {}, " "), server },
    })
  end,
}
