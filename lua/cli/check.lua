-- moonbus check [PATH ...]: what is wrong or odd about services and policies, without running or writing anything.

local editor = require "cli.editor"
local errors = require "errors"
local folder = require "folder"
local host = require "host"
local inspect = require "gen.inspect"
local json = require "json"
local keys = require "service.keys"
local lexer = require "gen.lexer"
local model = require "gen.model"
local modules = require "modules"
local output = require "cli.output"
local policies = require "gen.policies"
local project = require "cli.project"
local report = require "gen.report"
local types = require "gen.types"
local workspace = require "cli.workspace"

-- ---- services ----

-- What the generator would have to add is what is missing.
local function add_missing(result, add)
  for _, item in ipairs(result.uncoded or {}) do
    add("service.yaml", ("%s is declared but has no code"):format(item.name), item)
  end
  for _, name in ipairs(result.added.types) do
    add("service.yaml", ("type %s is mentioned but nothing defines it"):format(name))
  end
  if result.version == 0 or result.files["gen/plumbing.lua"] or result.files["gen/api.lua"] then
    add("gen/plumbing.lua", "what is generated is not what service.yaml says; moonbus gen brings it up to date")
  end
end

-- The names of what is declared.
local function declared(result)
  local declaration = model.parse(result.before["service.yaml"], "service.yaml", { folder = result.folder })
  local names = { config = {}, metrics = {} }
  for section, into in pairs { configs = names.config, metrics = names.metrics } do
    for _, item in ipairs(declaration and declaration[section] or {}) do
      into[item.name] = true
    end
  end
  return names
end

-- Behind a `return` nothing may stand: where something may, there is none.
local function add_no_return(text, add)
  if text and lexer.compile(text) and lexer.compile(text .. "\nlocal nothing") then
    local _, above = text:gsub("%s+$", ""):gsub("\n", "")
    local at = { line = above + 1, column = 1 }
    add("service.lua", "it must end with `return svc`, what require \"service\" (...) gave it", at)
  end
end

local function by_place(a, b)
  if a.file ~= b.file then
    return a.file < b.file
  end
  return a.line < b.line or a.line == b.line and a.column < b.column
end

local function findings_of(result, known, api)
  local list = table.move(result.warnings, 1, #result.warnings, 1, {})
  local function add(path, text, at)
    local line, column = at and at.line or 1, at and at.column or 1
    table.insert(list, { file = result.service.place .. "/" .. path, line = line, column = column, text = text })
  end
  add_missing(result, add)
  add_no_return(result.before["service.lua"], add)
  for _, finding in ipairs(inspect.code {
    files = result.before, modules = api, services = known, names = declared(result),
    platform = folder.platform(result.folder),
  }) do
    add(finding.path, finding.text, finding)
  end
  local others = {}
  for name, text in pairs(known) do
    others[name] = name ~= result.folder and text or nil
  end
  local definitions = types.read(result.before["types.lua"] or "")
  for _, definition in ipairs(inspect.unused_types(definitions, result.before, others)) do
    add("types.lua", ("nothing uses the type %s"):format(definition.name), definition)
  end
  table.sort(list, by_place)
  return list
end

local function check_services(services, api)
  local results, problems = workspace.generate(services)
  if not results then
    return {}, problems
  end
  local list = {}
  for _, result in ipairs(results) do
    local known = workspace.types(result.service.root)
    for _, finding in ipairs(findings_of(result, known, api)) do
      table.insert(list, finding)
    end
  end
  return list, {}
end

-- ---- policies ----

local function policy_folder()
  return (host.setting("policies"):gsub("(.)/+$", "%1"))
end

-- Their specs lie beside them.
local function is_policy(name)
  return name:find "^[^/]+%.lua$" and not name:find "_spec%.lua$"
end

-- The policy files that words name, or all of them: texts by path; and the words that are no policies.
local function find_policies(words)
  local place, found, rest = policy_folder(), {}, {}
  local above, name = ("./" .. place):gsub("^%./(/)", "%1"):match "^(.*)/([^/]+)$"
  local files = folder.kind(place) == "folder" and errors.check(folder.read(above, name)) or {}
  local function add(wanted)
    for path, text in pairs(files) do
      if is_policy(path) and (not wanted or path == wanted) then
        found[place .. "/" .. path] = text
      end
    end
  end
  for _, word in ipairs(words) do
    local path = word:gsub("^%./", ""):gsub("/$", "")
    if path == place then
      add(nil)
    elseif path:sub(1, #place + 1) == place .. "/" and files[path:sub(#place + 2)] and is_policy(path:sub(#place + 2)) then
      add(path:sub(#place + 2))
    else
      table.insert(rest, word)
    end
  end
  if #words == 0 then
    add(nil)
  end
  return found, rest
end

-- What is wrong about one; nil and the problem when it does not compile.
local function check_policy(path, text, api)
  local compiled, why = lexer.compile(text)
  if not compiled then
    local line, rest = why:match "^file:(%d+): (.*)$"
    return nil, { file = path, line = tonumber(line) or 1, column = 1, text = rest or why }
  end
  local name, list = path:match "([^/]+)%.lua$", {}
  local function add(finding)
    table.insert(list, { file = path, line = finding.line, column = finding.column, text = finding.text })
  end
  for _, finding in ipairs(policies.check(name, text)) do
    add(finding)
  end
  -- It runs among the files of the platform's service.
  local files, place = { ["policies/" .. name .. ".lua"] = text, ["policy.lua"] = "" }, "services/" .. name .. "/"
  for file, content in pairs(modules.embedded(place)) do
    files[file:sub(#place + 1)] = content
  end
  for _, finding in ipairs(inspect.code {
    files = files, modules = api, services = workspace.types(workspace.root()), platform = true,
  }) do
    if finding.path == "policies/" .. name .. ".lua" then
      add(finding)
    end
  end
  return list
end

local function check_policies(texts, api)
  local list, problems = {}, {}
  for _, path in ipairs(keys.sorted(texts)) do
    local findings, problem = check_policy(path, texts[path], api)
    table.insert(problems, problem)
    table.move(findings or {}, 1, findings and #findings or 0, #list + 1, list)
  end
  return list, problems
end

-- ---- telling ----

local function tell(list, flags, wrong)
  if flags.json then
    output.json { [wrong and "errors" or "findings"] = json.list(list) }
    return
  end
  for _, finding in ipairs(list) do
    output.write(report.line(finding), "\n")
  end
  output.write(#list == 0 and "nothing to say\n" or output.plural(#list, wrong and "error" or "finding") .. "\n")
end

return {
  usage = "check [PATH ...]",
  summary = "say what is wrong or odd about services and policies",
  text = "Looks at the services named, by folder or by name, and the policies named, by file; or at all below services/ and\n"
    .. "policies/. Nothing is run or written. It finds errors of declarations, files that do not compile, names that nothing\n"
    .. "defines, modules and fields of modules that are not there, calls of the host with too few or too many arguments,\n"
    .. "handlers that are declared and have no code, and the reverse, configs and metrics that are not declared, types that\n"
    .. "nobody defines or nobody uses, policies that nobody asks, generated files that are outdated.\n"
    .. "Exit codes: 0 nothing, 1 findings, 2 errors.",
  words = math.huge,
  run = function(arguments, flags)
    arguments = project.services(arguments)
    local texts, words = find_policies(arguments)
    local services = (#words > 0 or #arguments == 0) and workspace.find(words) or {}
    if #services == 0 and next(texts) == nil and not flags.json then
      workspace.say_none()
      return 0
    end
    local api = editor.stubs().modules
    local list, problems = check_services(services, api)
    local more, wrong = check_policies(texts, api)
    table.move(wrong, 1, #wrong, #problems + 1, problems)
    if #problems > 0 then
      tell(problems, flags, true)
      return 2
    end
    tell(table.move(more, 1, #more, #list + 1, list), flags, false)
    return #list == 0 and 0 or 1
  end,
}
