-- moonbus login [SLUG]: asks for what is missing, keeps the token.

local cli = require "cli"
local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local output = require "cli.output"

local function ask(prompt)
  if cli.is_terminal(0) then
    io.stderr:write(prompt)
  end
  return io.read("l")
end

return {
  usage = "login [SLUG] [PASSWORD]",
  summary = "log in and keep the token for the next commands",
  text = "Logs in to a host and keeps the token in credentials.json of the home folder, readable by you only. What is\n"
    .. "not given is asked for; a password is better typed than given, since a shell remembers its lines.\n"
    .. "MOONBUS_PASSWORD is used when it is set.",
  talks = "server",
  words = 2,
  flags = { { name = "app-host", value = "HOST", text = "the app to log in to (unnamed)" } },
  run = function(arguments, flags)
    local server = client.server(flags)
    local slug = arguments[1] or ask("Slug: ")
    local password = arguments[2] or os.getenv("MOONBUS_PASSWORD")
    if not password or password == "" then
      password = cli.ask_secret(("Password of %s: "):format(slug or "?"))
    end
    if not slug or slug == "" or not password then
      errors.raise(400, "a slug and a password are needed")
    end
    local answer = client.request(server, "POST", "/user-svc/login", json.encode {
      appHost = flags["app-host"] or "unnamed",
      slug = slug,
      password = password,
      device = "cli",
    }, { ["content-type"] = "application/json" })
    if answer.status == 401 then
      errors.raise(401, ("wrong slug or password for %s"):format(server))
    elseif answer.status ~= 200 then
      errors.raise(answer.status, ("%s answered %d: %s"):format(server, answer.status, answer.body))
    end
    client.remember(server, slug, json.decode(answer.body).token.token)
    if flags.json then
      output.json { server = server, slug = slug }
    else
      output.write(("Logged in to %s as %s.\n"):format(server, slug))
    end
  end,
}
