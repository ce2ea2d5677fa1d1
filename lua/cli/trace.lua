-- moonbus trace TASK: where a task of the host on this machine is in its code, and what it waits for.

local main = require "cli.main"
local output = require "cli.output"
local running = require "cli.running"

local function line(...)
  output.text(table.concat { ... } .. "\n")
end

-- "1-42-7  lab.example, generation 3: request GET /lab.example/nap"
local function title(task)
  local what = task.what and " " .. task.what or ""
  local generation = task.generation and (", generation %d"):format(task.generation) or ""
  return ("%s  %s%s: %s%s"):format(task.id, task.service, generation, task.kind, what)
end

local function state(task)
  local text = task.wait and ("waits for %s since %s"):format(task.wait, running.duration(task.waited)) or task.state
  return ("%s; %s old, %s of processor time"):format(text, running.duration(task.age), running.cpu(task.cpu))
end

local function print_frame(frame, indent)
  if frame.left then
    line(indent, ("... %d levels"):format(frame.left))
    return
  end
  line(indent, frame.at, ": ", frame.what)
  if frame.line then
    line(indent, "    > ", frame.line)
  end
  if frame.tail then
    line(indent, "(tail calls)")
  end
end

-- One coroutine after the other, the innermost first.
local function print_stack(task, indent)
  for i, frames in ipairs(task.stack) do
    if i > 1 then
      line(indent, "resumed from:")
    end
    for _, frame in ipairs(frames) do
      print_frame(frame, indent .. "  ")
    end
  end
end

local function print_task(task, intro, indent)
  line(indent, intro, title(task))
  line(indent, "  ", state(task))
  print_stack(task, indent .. "  ")
end

local function print_all(task)
  print_task(task, "", "")
  if task.request then
    line("  request id ", task.request)
  end
  for _, callee in ipairs(task.down) do
    print_task(callee, "which is answered by ", "")
  end
  for _, other in ipairs(task.up) do
    print_task(other, other.relation .. " ", "")
  end
  for _, child in ipairs(task.children) do
    print_task(child, "started ", "")
    for _, callee in ipairs(child.down) do
      print_task(callee, "which is answered by ", "  ")
    end
  end
  if task.more_children > 0 then
    line(("and started %d more; moonbus tasks lists them"):format(task.more_children))
  end
end

return {
  usage = "trace TASK",
  summary = "show where a task is in its code and what it waits for",
  text = "Shows a task of the host with this home folder by the id that moonbus tasks gives it: what it waits for and since\n"
    .. "when, the lines of code that led there, whom it called in other services and where those are, who started or called\n"
    .. "it, and what it started itself.",
  talks = "here",
  words = 1,
  run = function(arguments, flags)
    local id = arguments[1] or main.wrong_usage("which task? moonbus tasks lists them; then: moonbus trace TASK")
    if not id:find("^%d+%-%d+%-%d+$") then
      main.wrong_usage(("%q is no id of a task; they look like 1-42-7, and moonbus tasks lists them"):format(id))
    end
    local task = running.object("/trace", { task = id })
    if flags.json then
      output.json(task)
    else
      print_all(task)
    end
    return 0
  end,
}
