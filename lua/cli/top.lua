-- moonbus top: what the services of the host on this machine take and do, a row each, redrawn every second.

local cli = require "cli"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local running = require "cli.running"
local time = require "time"

local SECONDS = 1

-- How services can be sorted; all but the name with the largest first.
local KEYS = { "requests", "cpu", "memory", "errors", "tasks", "name" }

local function fetch()
  return running.object("/top")
end

local function by_name(sample)
  local found = {}
  for _, service in ipairs(sample.services) do
    found[service.service] = service
  end
  return found
end

-- A counter that went back began anew: its service was removed and came again.
local function rate(now, before, seconds)
  return now >= before and (now - before) / seconds or 0
end

-- What happened between two samples: a list of rows.
local function rows_between(before, now)
  local seconds = math.max(now.at - before.at, 0.001)
  local was, rows = by_name(before), {}
  for i, service in ipairs(now.services) do
    local old = was[service.service] or service
    rows[i] = {
      service = service.service,
      folder = service.folder,
      platform = service.platform,
      generation = service.generation,
      generations = service.generations,
      requests = service.requests,
      errors = service.errors,
      requestsPerSecond = rate(service.requests, old.requests, seconds),
      errorsPerSecond = rate(service.errors, old.errors, seconds),
      cpuSeconds = service.cpu,
      cpuPercent = 100 * rate(service.cpu, old.cpu, seconds),
      memory = service.memory,
      tasks = service.tasks,
      states = service.states,
    }
  end
  return rows, seconds
end

local FIELD = {
  requests = "requestsPerSecond", cpu = "cpuPercent", memory = "memory", errors = "errorsPerSecond", tasks = "tasks",
}

local function sort(rows, key)
  local field = FIELD[key]
  table.sort(rows, function(a, b)
    if field and a[field] ~= b[field] then
      return a[field] > b[field]
    end
    return a.service < b.service
  end)
end

local function bytes(n)
  if n < 1024 * 1024 then
    return ("%.0f KB"):format(n / 1024)
  end
  return ("%.1f MB"):format(n / (1024 * 1024))
end

local HEADER = { "SERVICE", "GEN", "REQ/S", "ERR/S", "CPU %", "MEMORY", "TASKS", "STATES", "REQUESTS", "ERRORS" }
local RIGHT = {}
for i = 2, #HEADER do
  RIGHT[i] = true
end

local function cells(row)
  return {
    row.service, row.generation, ("%.1f"):format(row.requestsPerSecond), ("%.1f"):format(row.errorsPerSecond),
    ("%.1f"):format(row.cpuPercent), bytes(row.memory), row.tasks, row.states, row.requests, row.errors,
  }
end

local function table_of(rows, room)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = cells(row)
  end
  return output.lines(HEADER, list, RIGHT, room)
end

local function summary(before, now, seconds)
  return ("up %s, %s, %s, %.1f requests/s, %.1f %% CPU of the process"):format(
    running.duration(math.max(0, time.now() - now.started)), output.plural(now.workers, "worker"),
    output.plural(now.connections, "connection"),
    rate(now.requests, before.requests, seconds), 100 * rate(now.cpu, before.cpu, seconds))
end

local function once(flags)
  local before = fetch()
  time.sleep(SECONDS)
  local now = fetch()
  local rows, seconds = rows_between(before, now)
  sort(rows, flags.sort)
  if flags.json then
    output.json { seconds = seconds, services = json.list(rows), silent = json.list(now.silent) }
  else
    output.write(summary(before, now, seconds), "\n\n", table.concat(table_of(rows), "\n"), "\n")
  end
  local silent = running.silent(now.silent)
  if silent then
    main.complain(silent)
  end
  return silent and 1 or 0
end

-- ---- the live table ----

local CLEAR = "\27[2J"
local HOME, TO_LINE_END, TO_SCREEN_END = "\27[H", "\27[K", "\27[J"
local HELP = "q leaves; sort by r requests, c cpu, m memory, e errors, t tasks, n name"
local SORT_OF = { r = "requests", c = "cpu", m = "memory", e = "errors", t = "tasks", n = "name" }

local function draw(lines)
  local rows, columns = cli.screen()
  local shown = {}
  for i = 1, math.min(#lines, (rows or 24) - 1) do
    shown[i] = lines[i]:sub(1, columns or 80) .. TO_LINE_END .. "\n"
  end
  output.write(HOME, table.concat(shown), TO_SCREEN_END)
  output.flush()
end

local function live(flags)
  local key = flags.sort
  local before = fetch()
  output.write(CLEAR, HOME, "looking …\n")
  output.flush()
  while true do
    local typed = cli.key(SECONDS)
    if typed == "q" then
      return 0
    end
    key = SORT_OF[typed] or key
    local now = fetch()
    local rows, seconds = rows_between(before, now)
    sort(rows, key)
    local _, columns = cli.screen()
    local lines = table_of(rows, columns or 80)
    table.insert(lines, 1, summary(before, now, seconds))
    table.insert(lines, 2, running.silent(now.silent) or HELP)
    table.insert(lines, 3, "")
    draw(lines)
    before = now
  end
end

return {
  usage = "top [--once] [--sort KEY]",
  summary = "show what each service takes and does, live",
  text = "Shows the services of the host with this home folder, a row each: requests answered and failed (500 and more) per\n"
    .. "second, over HTTP and over the bus, processor time of their Lua code in percent of one core, memory, tasks, states;\n"
    .. "then all requests and errors since the start. On a terminal the table is drawn anew each second and q leaves; else,\n"
    .. "and with --once or --json, it is what happened within one second.",
  talks = "here",
  flags = {
    { name = "once", text = "look for one second, print, and end" },
    { name = "sort", value = "KEY", text = "requests (default), cpu, memory, errors, tasks or name" },
  },
  run = function(_, flags)
    flags.sort = flags.sort or KEYS[1]
    if not FIELD[flags.sort] and flags.sort ~= "name" then
      main.wrong_usage(("--sort does not know %q; there are %s"):format(flags.sort, table.concat(KEYS, ", ")))
    end
    if flags.once or flags.json or not cli.is_terminal(1) then
      return once(flags)
    end
    return live(flags)
  end,
}
