-- moonbus logs: the last lines of the host on this machine, and those that follow.

local cli = require "cli"
local client = require "cli.client"
local duration = require "gen.duration"
local errors = require "errors"
local log_line = require "cli.log_line"
local main = require "cli.main"
local output = require "cli.output"
local running = require "cli.running"
local time = require "time"

local WAIT = 30 -- seconds that the host keeps a question open while it has nothing to tell
local PAUSE = 0.2 -- between two answers, so that lines come together
local RETRY = 1 -- between looks for a host that is gone
local SERVICE_DOWN = 503

local LEVELS = { debug = true, info = true, warn = true, error = true }

-- ---- what is wanted ----

-- Milliseconds since the epoch of "10m" (ago) or of a time.
local function since_of(text)
  local at = time.parse(text)
  if at then
    return math.max(0, math.floor(at * 1000))
  end
  local ns = duration.parse(text)
  if not ns or ns < 0 then
    main.wrong_usage(("--since does not understand %q; write 10m, 1h30m or 2026-01-31T12:00:00Z"):format(text))
  end
  return math.max(0, math.floor(time.now() * 1000) - ns // 1000000)
end

-- The names under which lines of a service go: its host and its folder.
local function names_of(wanted)
  for _, service in ipairs(running.services()) do
    if service.host == wanted:lower() or service.folder == wanted then
      return { [service.host] = true, [service.folder] = true }
    end
  end
  return running.no_service(wanted)
end

local function wanted_of(flags)
  local n = math.tointeger(tonumber(flags.lines or "50"))
  if not n or n < 0 then
    main.wrong_usage("--lines needs a number")
  elseif flags.level and not LEVELS[flags.level] then
    main.wrong_usage(("--level does not know %q; there are debug, info, warn and error"):format(flags.level))
  end
  return {
    most = (flags.since and not flags.lines) and math.huge or n,
    level = flags.level,
    since = flags.since and since_of(flags.since) or nil,
    services = flags.service and names_of(flags.service) or nil,
    request = flags.request,
    text = flags.grep,
  }
end

local function is_wanted(line, wanted)
  if wanted.services and not wanted.services[log_line.field(line, "service") or ""] then
    return false
  elseif wanted.request and log_line.field(line, "request_id") ~= wanted.request then
    return false
  end
  return not wanted.text or line.text:find(wanted.text, 1, true) ~= nil
end

-- ---- asking ----

-- The lines behind a sequence number, and the newest number.
local function fetch(after, wanted, wait)
  local answer = running.get("/logs", {
    after = after,
    level = wanted.level,
    since = wanted.since,
    wait = wait,
  }, (wait or 0) + 30)
  local lines = {}
  for _, line in ipairs(log_line.split(answer.body)) do
    if is_wanted(line, wanted) then
      table.insert(lines, line)
    end
  end
  return lines, answer.headers["x-log-sequence"] or after
end

-- ---- printing ----

local function shower(flags)
  if flags.json then
    return function(line)
      local text = log_line.as_json(line)
      return cli.is_terminal(1) and (cli.printable(text)) or text
    end
  elseif not cli.is_terminal(1) then
    return function(line)
      return line.text
    end
  end
  local colours = (os.getenv("NO_COLOR") or "") == "" and os.getenv("TERM") ~= "dumb"
  return function(line)
    local text = log_line.shown(line, function(...)
      return (cli.printable(...))
    end)
    return colours and text or log_line.plain(text)
  end
end

local function print_lines(lines, first, show)
  for i = first, #lines do
    output.write(show(lines[i]), "\n")
  end
  output.flush()
end

-- Goes on for ever: a host that stops is waited for, and its next one is followed from its beginning.
local function follow(sequence, wanted, show)
  local host, gone = client.host_key(), false
  wanted.since = nil
  while true do
    local key = client.host_key()
    if key and key ~= host then
      host, sequence = key, "0"
    end
    local ok, lines, newest = pcall(fetch, sequence, wanted, WAIT)
    if ok then
      if gone then
        main.complain("the host runs again")
      end
      gone, sequence = false, newest
      print_lines(lines, 1, show)
      time.sleep(PAUSE)
    elseif errors.is(lines) and lines.status == SERVICE_DOWN and not lines.quiet then
      if not gone then
        main.complain("the host is gone; waiting until it runs again")
      end
      gone = true
      time.sleep(RETRY)
    else
      error(lines, 0)
    end
  end
end

return {
  usage = "logs [-f] [-n N] [filters]",
  summary = "show the last log lines of the host on this machine",
  text = "Shows the last lines that the host with this home folder has logged, of about a megabyte that it remembers: those\n"
    .. "that pass all filters. With -f new ones follow, also those of the next host when this one stops. On a terminal they\n"
    .. "are laid out for people; else they are as the host wrote them, and with --json each is an object.",
  talks = "here",
  flags = {
    { name = "follow", short = "f", text = "go on printing new lines" },
    { name = "lines", short = "n", value = "N", text = "how many of the last lines (50; with --since all)" },
    { name = "service", short = "s", value = "SERVICE", text = "only lines of this service, by host or folder" },
    { name = "level", value = "LEVEL", text = "only lines of this level and above: debug, info, warn, error" },
    { name = "request", value = "ID", text = "only lines of the request with this id" },
    { name = "grep", value = "TEXT", text = "only lines with this text in them" },
    { name = "since", value = "WHEN", text = "only lines since then: 10m (ago), 1h30m, 2026-01-31T12:00:00Z" },
  },
  run = function(_, flags)
    local wanted, show = wanted_of(flags), shower(flags)
    local lines, sequence = fetch("0", wanted)
    print_lines(lines, math.max(1, #lines - wanted.most + 1), show)
    if flags.follow then
      follow(sequence, wanted, show)
    end
  end,
}
