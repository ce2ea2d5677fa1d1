-- moonbus new NAME

local errors = require "errors"
local folder = require "folder"
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

return {
  usage = "new NAME",
  summary = "make the folder of a new service",
  text = "Makes services/NAME with a service.yaml that explains itself. Declare there what the service does; then moonbus gen\n"
    .. "writes everything but the business logic.",
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
    local done, why = folder.replace { { path = path, text = template.fresh(host) } }
    if not done then
      errors.raise(500, why)
    end
    if flags.json then
      output.json { service = name, host = host, folder = place, files = { "service.yaml" } }
    else
      output.write(("%s declares %s. Fill it in, then run:\n\n    moonbus gen %s\n"):format(path, host, name))
    end
    return 0
  end,
}
