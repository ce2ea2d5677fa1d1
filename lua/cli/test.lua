-- moonbus test: runs spec files, a line each, and tells what failed.

local core = require "spec.core"
local errors = require "errors"
local host = require "host"
local json = require "json"
local output = require "cli.output"
local project = require "cli.project"

-- Where specs are looked for without a path.
local function folders()
  return { "lua", "services", host.setting("policies"), "gen", "spec/lua" }
end

-- The spec files of a path: a file, a folder, or the name of a service. Policies are where the settings say.
local function files_of(path)
  local found = path == "policies" and core.find(host.setting("policies")) or core.find(path) or core.find("services/" .. path)
  if not found then
    errors.raise(404, ("there is no file, folder or service %q"):format(path))
  end
  return found
end

local function all_files(paths)
  local list, seen = {}, {}
  local function add(found)
    for _, file in ipairs(found or {}) do
      if not seen[file] then
        seen[file] = true
        table.insert(list, file)
      end
    end
  end
  for _, path in ipairs(paths) do
    add(files_of((path:gsub("(.)/+$", "%1"))))
  end
  if #paths == 0 then
    for _, folder in ipairs(folders()) do
      add(core.find(folder))
    end
  end
  return list
end

-- What a file left behind, as a failure.
local function leak(file, left)
  local parts = {}
  for _, what in ipairs { "tasks", "operations", "references" } do
    if left[what] > 0 then
      table.insert(parts, output.plural(left[what], what:sub(1, -2)))
    end
  end
  if #parts == 0 then
    return nil
  end
  return {
    name = file,
    where = file,
    lines = { "left behind at the end of the file: " .. table.concat(parts, ", ") },
  }
end

local function run_file(file, filter, timeout)
  local result, why = core.run(file, filter, timeout)
  if not result then
    return { file = file, passed = 0, failures = { { name = file, where = file, lines = { why } } } }
  end
  local left = leak(file, result.left)
  if left then
    table.insert(result.failures, left)
  end
  return { file = file, passed = result.passed, failures = json.list(result.failures) }
end

local function print_file(result, width)
  local failed = #result.failures
  local counts = ("%d passed"):format(result.passed) .. (failed > 0 and (", %d failed"):format(failed) or "")
  output.write(("%-4s %-" .. width .. "s  %s\n"):format(failed == 0 and "ok" or "FAIL", result.file, counts))
  for _, failure in ipairs(result.failures) do
    output.write("     ", failure.name, "\n       ", failure.where, ": ", failure.lines[1], "\n")
    for i = 2, #failure.lines do
      output.write("         ", failure.lines[i], "\n")
    end
  end
  output.flush()
end

local function widest(files)
  local width = 1
  for _, file in ipairs(files) do
    width = math.max(width, #file)
  end
  return math.min(width, 90)
end

-- Runs files, prints what came of them. Returns the results and how many tests passed and failed.
local function run_files(files, flags, timeout)
  local width, passed, failed, results = widest(files), 0, 0, {}
  for _, file in ipairs(files) do
    local result = run_file(file, flags.filter or "", timeout)
    passed, failed = passed + result.passed, failed + #result.failures
    table.insert(results, result)
    if not flags.json and (not flags.filter or result.passed + #result.failures > 0) then
      print_file(result, width)
    end
  end
  if flags.json then
    output.json { passed = passed, failed = failed, files = json.list(results) }
  elseif passed + failed == 0 then
    io.stderr:write("moonbus: there are no such tests\n")
  end
  if not flags.json then
    output.write(("%d passed, %d failed\n"):format(passed, failed))
  end
  output.flush()
  return results, passed, failed
end

return {
  usage = "test [PATH ...] [--filter TEXT] [--watch]",
  summary = "run Lua specs",
  text = "Runs spec files (*_spec.lua): those named, those in the folders named, those of the services named, those of your\n"
    .. "policies, or all below lua/, services/, policies/, gen/ and spec/lua/ of this folder. Each file runs in a state of its\n"
    .. "own, with an empty store and shared map, and must leave nothing running. The exit code is 1 when a test failed.\n"
    .. "Inside a service's folder, its own run; files are named from the folder of the project.\n"
    .. "With --watch it goes on until Ctrl-C: when files change, what they concern runs again, and what failed before.",
  words = math.huge,
  flags = {
    { name = "filter", value = "TEXT", text = "only tests whose full name contains TEXT" },
    { name = "timeout", value = "SECONDS", text = "time for one test, and for what is around tests (30)" },
    { name = "watch", short = "w", text = "run again when files change, until Ctrl-C" },
  },
  run = function(arguments, flags)
    local timeout = tonumber(flags.timeout or 30)
    if not timeout or not (timeout > 0 and timeout <= 86400) then
      require("cli.main").wrong_usage(("--timeout takes seconds, not %q"):format(flags.timeout))
    end
    arguments = project.words(arguments)
    local function find()
      return all_files(arguments)
    end
    local function run(files)
      return run_files(files, flags, timeout)
    end
    if flags.watch then
      return require("cli.test_watch").run(arguments[1] and arguments or folders(), find, run, flags)
    end
    local _, passed, failed = run(find())
    return failed == 0 and passed > 0 and 0 or 1
  end,
}
