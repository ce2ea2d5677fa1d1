-- moonbus gen [PATH ...]

local diff = require "gen.diff"
local editor = require "cli.editor"
local generate = require "gen.generate"
local json = require "json"
local output = require "cli.output"
local project = require "cli.project"
local report = require "gen.report"
local workspace = require "cli.workspace"

local SHOWN = 4 -- names listed of what was added; above that they are counted

-- What a person wants to know of a file that changes, in parentheses.
local function remark(names, what)
  if #names == 0 then
    return ""
  end
  return (" (%s)"):format(#names <= SHOWN and table.concat(names, ", ") or output.plural(#names, what))
end

-- "service.lua (Add, Hello), gen/api.lua"
local function changes(result)
  local notes = {
    ["service.lua"] = remark(result.added.handlers, "handler"),
    ["types.lua"] = remark(result.added.types, "type"),
    ["spec/service_spec.lua"] = remark(result.added.tests, "test"),
  }
  local parts = {}
  for _, path in ipairs(generate.paths(result.files)) do
    table.insert(parts, path .. (notes[path] or ""))
  end
  return table.concat(parts, ", ")
end

local function line_of(result, check)
  local place = result.service.place
  if next(result.files) == nil then
    return ("%s: up to date, version %d"):format(place, result.version)
  elseif result.blank then
    return ("%s: %s service.yaml to be filled in; then run moonbus gen again"):format(place, check and "would write a" or "a")
  end
  return ("%s: version %d, %s %s"):format(place, result.version, check and "would write" or "wrote", changes(result))
end

local function print_details(result)
  for _, path in ipairs(generate.paths(result.files)) do
    local old, new = result.before[path], result.files[path]
    output.write(("  %s %s, %d bytes\n"):format(old and "changed" or "created", path, #new))
  end
end

local function diff_of(result)
  local parts = {}
  for _, path in ipairs(generate.paths(result.files)) do
    local full = result.service.place .. "/" .. path
    local old = result.before[path]
    table.insert(parts, diff.unified(old or "", result.files[path], old and "a/" .. full or "/dev/null", "b/" .. full))
  end
  return table.concat(parts)
end

local function print_problems(list, prefix)
  for _, problem in ipairs(list) do
    io.stderr:write(prefix, report.line(problem), "\n")
  end
end

local function as_data(result, flags)
  local files = json.list {}
  for _, path in ipairs(generate.paths(result.files)) do
    table.insert(files, { path = path, created = result.before[path] == nil })
  end
  return {
    service = result.folder,
    folder = result.service.place,
    version = result.version,
    files = files,
    added = {
      handlers = json.list(result.added.handlers),
      tests = json.list(result.added.tests),
      types = json.list(result.added.types),
    },
    warnings = json.list(result.warnings),
    diff = flags.diff and diff_of(result) or nil,
  }
end

local function print_result(result, flags)
  if flags.diff then
    output.write(diff_of(result))
  else
    output.write(line_of(result, flags.check) .. "\n")
  end
  if flags.verbose and not flags.diff then
    print_details(result)
  end
end

local function tell(results, flags)
  local data, changing = json.list {}, 0
  for _, result in ipairs(results) do
    changing = changing + (next(result.files) and 1 or 0)
    if flags.json then
      table.insert(data, as_data(result, flags))
    else
      print_problems(result.warnings, "warning: ")
      print_result(result, flags)
    end
  end
  if flags.json then
    output.json { services = data, changing = changing }
  end
  return flags.check and changing > 0 and 1 or 0
end

local function fail(problems, flags)
  if flags.json then
    output.json { errors = json.list(problems) }
  else
    print_problems(problems, "")
    io.stderr:write(("moonbus: %s; nothing was written\n"):format(output.plural(#problems, "error")))
  end
  return 2
end

return {
  usage = "gen [PATH ...]",
  summary = "write the files of services from their service.yaml",
  text = "Generates for the services named, by folder or by name, or for all below services/. Adds what service.yaml declares\n"
    .. "and the code lacks: handlers to service.lua, types to types.lua, tests to spec/; keeps the annotations and parameters\n"
    .. "of handlers up to date; writes gen/ anew. What you wrote stays. A declaration that did not change is left alone.\n"
    .. "An error in any of them, and nothing at all is written: exit code 2.",
  words = math.huge,
  flags = {
    { name = "check", text = "write nothing; exit code 1 when something would change" },
    { name = "diff", text = "write nothing; show what would change" },
    { name = "force", short = "f", text = "generate although nothing changed; tests taken out come back" },
    { name = "verbose", short = "v", text = "name each file" },
  },
  run = function(arguments, flags)
    local services = workspace.find(project.services(arguments))
    if #services == 0 and not flags.json then
      workspace.say_none()
    end
    local results, problems = workspace.generate(services, flags.force)
    if not results then
      return fail(problems, flags)
    end
    if not flags.check and not flags.diff then
      workspace.write(results)
      editor.refresh()
    end
    return tell(results, flags)
  end,
}
