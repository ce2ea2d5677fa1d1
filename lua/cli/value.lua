-- moonbus value ls | set | rm: what the configs of services are set to.

local client = require "cli.client"
local config = require "service.config"
local errors = require "errors"
local main = require "cli.main"
local output = require "cli.output"

local BASE = "/configurator.core/"

local function call(server, name, arguments)
  return client.call(server, "POST", BASE .. name, arguments)
end

-- ---- ls ----

-- "file", or "file, all" when the value is that of more services than this one.
local function source_of(value)
  local elsewhere = value.section and value.section ~= value.host
  return value.source .. (elsewhere and ", " .. value.section or "")
end

local function first_line(text)
  return (text or ""):match("^[^\r\n]*")
end

local function list(arguments, flags)
  main.no_more(arguments, 2, "value ls")
  local server = client.server(flags)
  local values = client.list(server, call(server, "list", { host = arguments[2] or "" }), "values")
  if flags.json then
    output.json(values)
    return
  end
  local rows = {}
  for i, value in ipairs(values) do
    rows[i] = {
      value.host, value.name, config.shown(tostring(value.value)), source_of(value), first_line(value.description),
    }
  end
  output.table({ "HOST", "NAME", "VALUE", "FROM", "DESCRIPTION" }, rows)
end

-- ---- set ----

-- What is typed behind a command is kept by the shell, and seen by whoever lists processes: "-" is for secrets.
local function value_of(word)
  if word ~= "-" then
    return word
  end
  local text, why = io.read("a")
  if not text then
    errors.raise(500, "cannot read the value: " .. (why or "no input"))
  end
  return (text:gsub("\r?\n$", ""))
end

-- What was done, for people.
local function told(host, name, checked)
  if checked then
    return ("Set %s of %s.\n"):format(name, host)
  elseif host:lower() == "all" then
    return ("Set %s for all services.\n"):format(name)
  end
  return ("Set %s for services whose hosts end in %s; none of that name was there to check it.\n"):format(name, host)
end

local function set(arguments, flags)
  main.no_more(arguments, 4, "value set")
  local host, name, word = table.unpack(arguments, 2, 4)
  if not word then
    main.wrong_usage("which value? moonbus value set HOST NAME VALUE")
  end
  local value = value_of(word)
  if not utf8.len(host .. name .. value) then
    main.wrong_usage("host, name and value must be UTF-8 text")
  end
  local checked = call(client.server(flags), "set", { host = host, name = name, value = value }).checked == true
  if flags.json then
    output.json { host = host, name = name, checked = checked }
  else
    output.write(told(host, name, checked))
  end
end

-- ---- rm ----

local function remove(arguments, flags)
  main.no_more(arguments, 3, "value rm")
  local host, name = arguments[2], arguments[3]
  if not name then
    main.wrong_usage("which value? moonbus value rm HOST NAME")
  end
  local server = client.server(flags)
  local removed = call(server, "unset", { host = host, name = name }).removed == true
  if flags.json then
    output.json { host = host, name = name, removed = removed }
  elseif removed then
    output.write(("Removed %s of %s.\n"):format(name, host))
  end
  if not removed then
    main.complain(("%s of %s was not set with moonbus value set"):format(name, host))
  end
  return removed and 0 or 1
end

local ACTIONS = { ls = list, list = list, set = set, rm = remove, remove = remove }

return {
  usage = "value ls | set | rm",
  summary = "list and change configs of services",
  text = "Lists and changes what the configs of services are set to.\n\n"
    .. "  ls [HOST]            the configs of a service and where their values come from, or all that are set; secrets are\n"
    .. "                       asterisks\n"
    .. "  set HOST NAME VALUE  gives one a value, at once and for good; it counts above the file (setting `values`)\n"
    .. "  rm HOST NAME         takes back what was set; the exit code is 1 when there was nothing\n\n"
    .. "HOST is a service, the end of several hosts (example.com), or all. VALUE - is read from standard input: for\n"
    .. "secrets, which a shell would remember.",
  talks = "server",
  words = math.huge,
  run = function(arguments, flags)
    local action = ACTIONS[arguments[1] or "ls"]
    if not action then
      main.wrong_usage(("value does not know %q; there are ls, set and rm"):format(arguments[1]))
    end
    return action(arguments, flags)
  end,
}
