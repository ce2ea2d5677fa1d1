-- moonbus tasks: what the host on this machine is working on.

local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local running = require "cli.running"

local MOST = 10000

local function limit_of(flags)
  local limit = math.tointeger(tonumber(flags.limit or "50"))
  if not limit or limit < 1 or limit > MOST then
    main.wrong_usage(("--limit needs a number from 1 to %d"):format(MOST))
  end
  return limit
end

-- What it waits for and since when, or what it does instead.
local function waiting(task)
  if task.wait then
    return ("%s, for %s"):format(task.wait, running.duration(task.waited))
  end
  return task.state
end

local function row_of(task)
  return {
    task.id, task.service, task.generation, task.kind, task.what or "", running.duration(task.age),
    running.cpu(task.cpu), waiting(task),
  }
end

local function print_tasks(tasks, total)
  local rows = {}
  for i, task in ipairs(tasks) do
    rows[i] = row_of(task)
  end
  output.table({ "TASK", "SERVICE", "GEN", "KIND", "WHAT", "AGE", "CPU", "WAITS FOR" }, rows)
  if total > #tasks then
    output.write(("and %d younger ones; --limit %d shows them\n"):format(total - #tasks, math.min(total, MOST)))
  end
end

return {
  usage = "tasks [--service SERVICE] [--limit N]",
  summary = "list what the host on this machine is working on",
  text = "Lists the tasks of the host with this home folder, the oldest first: requests, calls between services, events,\n"
    .. "tickers and what they started, with their age, the processor time they used, and what they wait for since when.\n"
    .. "moonbus trace TASK shows where one of them is in its code.",
  talks = "here",
  flags = {
    { name = "service", short = "s", value = "SERVICE", text = "only those of this service, by host or folder" },
    { name = "limit", value = "N", text = "how many of the oldest (50)" },
  },
  run = function(_, flags)
    local limit = limit_of(flags)
    local found = running.object("/tasks", { service = flags.service, limit = limit })
    local tasks = found.tasks
    table.sort(tasks, function(a, b)
      if a.age ~= b.age then
        return a.age > b.age
      end
      return a.id < b.id
    end)
    tasks = table.move(tasks, 1, math.min(#tasks, limit), 1, {})
    local silent = running.silent(found.silent)
    if flags.json then
      output.json { tasks = json.list(tasks), total = found.total, silent = json.list(found.silent) }
    else
      print_tasks(tasks, found.total)
    end
    if silent then
      main.complain(silent)
    end
    return silent and 1 or 0
  end,
}
