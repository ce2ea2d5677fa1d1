-- moonbus generations SERVICE: what was in service last, and what failed to get there.

local errors = require "errors"
local main = require "cli.main"
local output = require "cli.output"
local running = require "cli.running"
local time = require "time"

local function fetch(name)
  local found = running.object("/generations", { service = name })
  if type(found.generations) ~= "table" or type(found.failed) ~= "table" then
    errors.raise(502, "the host's answer has no generations")
  end
  return found
end

-- What both tables have.
local function common(item)
  return item.hash:sub(1, 12), output.ago(time.rfc3339(item.at, 0)), item.who, ("%.1f ms"):format(item.ms)
end

local function state_of(generation)
  if generation.inService then
    return "in service"
  end
  return generation.rolledBack and "rolled back" or "kept"
end

local function print_generations(list)
  local rows = {}
  for i, generation in ipairs(list) do
    local hash, ago, who, took = common(generation)
    rows[i] = { generation.number, hash, ago, who, took, state_of(generation) }
  end
  output.table({ "NUMBER", "HASH", "CAME", "BY", "TOOK", "STATE" }, rows)
end

-- An error has many lines; the first says what it is, and --json has all of them.
local function print_failed(list)
  local rows = {}
  for i, attempt in ipairs(list) do
    local hash, ago, who = common(attempt)
    rows[i] = { hash, ago, who, attempt.times, attempt.error:match("^[^\n]*") }
  end
  output.table({ "FAILED", "LAST", "BY", "TIMES", "ERROR" }, rows)
end

return {
  usage = "generations SERVICE",
  summary = "show what was in service last, and what failed to get there",
  text = "Lists the last three generations of a service (by host or folder) on the host with this home folder: the hash of\n"
    .. "their files, when they came, who asked (start, watch, signal, command, rollback) and how long it took; then the last\n"
    .. "eight attempts that failed. moonbus rollback takes the numbers.",
  talks = "here",
  words = 1,
  run = function(arguments, flags)
    local name = arguments[1] or main.wrong_usage("which service? moonbus generations SERVICE")
    local found = fetch(name)
    if flags.json then
      output.json(found)
      return 0
    end
    print_generations(found.generations)
    if found.failed[1] then
      output.write("\n")
      print_failed(found.failed)
    end
    return 0
  end,
}
