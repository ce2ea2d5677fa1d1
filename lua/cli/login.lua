-- moonbus login [SLUG]: asks for what is missing, keeps the token.

local cli = require "cli"
local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"

local function ask(prompt)
  if cli.is_terminal(0) then
    io.stderr:write(prompt)
  end
  return io.read("l")
end

local function ask_secret(prompt)
  local line, why = cli.ask_secret(prompt)
  if why then
    errors.raise(500, "cannot read the password: " .. why)
  end
  return line
end

local function text_or(value, get, ...)
  return value and value ~= "" and value or get(...)
end

-- Somebody who was asked and said nothing changed his mind; a program without an answer is wrong.
local function nothing_said(what)
  if cli.is_terminal(0) then
    errors.raise(400, ("no %s, no login"):format(what))
  end
  main.wrong_usage(("a %s is needed: moonbus login SLUG, with the password on standard input or in MOONBUS_PASSWORD")
    :format(what))
end

return {
  usage = "login [SLUG] [PASSWORD]",
  summary = "log in and keep the token for the next commands",
  text = "Logs in to a host and keeps the token in credentials.json of the home folder, readable by you only. What is\n"
    .. "not given is asked for; a password is better typed than given, since a shell remembers its lines.\n"
    .. "MOONBUS_PASSWORD is used when it is set. Without --server the host is the one that runs with this home folder,\n"
    .. "else that of the last login.",
  talks = "server",
  words = 2,
  flags = { { name = "app-host", value = "HOST", text = "the app to log in to (unnamed)" } },
  run = function(arguments, flags)
    local server = client.login_server(flags)
    local slug = text_or(arguments[1], ask, "Slug: ")
    if not slug or slug == "" then
      nothing_said("slug")
    end
    local password = text_or(arguments[2] or os.getenv("MOONBUS_PASSWORD"), ask_secret, ("Password of %s: "):format(slug))
    if not password or password == "" then
      nothing_said("password")
    elseif not utf8.len(slug .. password) then
      main.wrong_usage("slug and password must be UTF-8 text")
    end
    local answer = client.request(server, "POST", "/user-svc/login", json.encode {
      appHost = flags["app-host"] or "unnamed",
      slug = slug,
      password = password,
      device = "cli",
    }, { ["content-type"] = "application/json" })
    if answer.status == 401 then
      errors.raise(401, ("wrong slug or password for %s"):format(server))
    end
    local token = client.field(server, client.object(server, answer), "token")
    client.remember(server, slug, token.token)
    if flags.json then
      output.json { server = server, slug = slug }
    else
      output.write(("Logged in to %s as %s.\n"):format(server, slug))
    end
  end,
}
