-- moonbus new NAME

local editor = require "cli.editor"
local errors = require "errors"
local folder = require "folder"
local json = require "json"
local output = require "cli.output"
local template = require "gen.template"
local workspace = require "cli.workspace"

local function check_name(name)
  for part in (name .. "/"):gmatch("([^/]*)/") do
    if not part:find("^[a-z][a-z0-9_-]*$") or #part > 63 then
      require("cli.main").wrong_usage(("%q is no name for a service: it begins with a letter, then come letters, digits, '_' "
        .. "and '-', all in lower case"):format(name))
    end
  end
  if folder.platform(name) then
    errors.raise(409, ("%s is a service of the platform; a folder of that name would take its place"):format(name))
  end
end

local function tell(made, advice, flags)
  if flags.json then
    made.advice = json.list(advice)
    output.json(made)
    return
  end
  for _, line in ipairs(advice) do
    output.write(line, "\n")
  end
  output.write(("%s/service.yaml declares %s. Fill it in, then run:\n\n    moonbus gen %s\n"):format(
    made.folder, made.host, made.service))
end

return {
  usage = "new NAME",
  summary = "make the folder of a new service",
  text = "Makes services/NAME with a service.yaml that explains itself. Declare there what the service does; then moonbus gen\n"
    .. "writes everything but the business logic. What the working folder lacks for editors it gets: .luarc.json (the Lua\n"
    .. "language server), .luacheckrc (luacheck) and, in .moonbus/types, the host's modules. What is there stays as it is.",
  words = 1,
  run = function(arguments, flags)
    local name = arguments[1]
    if not name or arguments[2] then
      require("cli.main").wrong_usage("new takes one name; see moonbus help new")
    end
    check_name(name)
    local place = workspace.root() .. "/" .. name
    if folder.kind(place) then
      errors.raise(409, place .. " is there already")
    end
    local host, path = name:match("[^/]+$") .. ".example", place .. "/service.yaml"
    local files, advice = editor.missing()
    table.insert(files, { path = path, text = template.fresh(host) })
    local done, why = folder.replace(files)
    if not done then
      errors.raise(500, why)
    end
    tell({ service = name, host = host, folder = place, files = { "service.yaml" } }, advice, flags)
    return 0
  end,
}
