-- moonbus check [PATH ...]: what is wrong or odd about services, without running or writing anything.

local json = require "json"
local output = require "cli.output"
local report = require "gen.report"
local workspace = require "cli.workspace"

local function plural(n, what)
  return ("%d %s%s"):format(n, what, n == 1 and "" or "s")
end

-- What the generator would have to add is what is missing.
local function findings_of(result)
  local list = table.move(result.warnings, 1, #result.warnings, 1, {})
  local function add(path, text, at)
    local line, column = at and at.line or 1, at and at.column or 1
    table.insert(list, { file = result.service.place .. "/" .. path, line = line, column = column, text = text })
  end
  for _, item in ipairs(result.uncoded or {}) do
    add("service.yaml", ("%s is declared but has no code"):format(item.name), item)
  end
  for _, name in ipairs(result.added.types) do
    add("service.yaml", ("type %s is mentioned but nothing defines it"):format(name))
  end
  if result.version == 0 or result.files["gen/plumbing.lua"] or result.files["gen/api.lua"] then
    add("gen/plumbing.lua", "what is generated is not what service.yaml says; moonbus gen brings it up to date")
  end
  return list
end

local function tell(list, flags, errors)
  if flags.json then
    output.json { [errors and "errors" or "findings"] = json.list(list) }
    return
  end
  for _, finding in ipairs(list) do
    output.write(report.line(finding), "\n")
  end
  output.write(#list == 0 and "nothing to say\n" or plural(#list, errors and "error" or "finding") .. "\n")
end

return {
  usage = "check [PATH ...]",
  summary = "say what is wrong or odd about services",
  text = "Looks at the services named, by folder or by name, or at all below services/, without running or writing anything:\n"
    .. "errors of declarations, files that do not compile, handlers that are declared and have no code, and the reverse,\n"
    .. "types that nobody defines, generated files that are outdated. Exit codes: 0 nothing, 1 findings, 2 errors.",
  words = math.huge,
  run = function(arguments, flags)
    local services = workspace.find(arguments)
    if #services == 0 and not flags.json then
      workspace.say_none()
      return 0
    end
    local results, problems = workspace.generate(services)
    if not results then
      tell(problems, flags, true)
      return 2
    end
    local list = {}
    for _, result in ipairs(results) do
      for _, finding in ipairs(findings_of(result)) do
        table.insert(list, finding)
      end
    end
    tell(list, flags, false)
    return #list == 0 and 0 or 1
  end,
}
