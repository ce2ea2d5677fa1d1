-- moonbus types [FOLDER]: what editors know of the modules that services require.

local editor = require "cli.editor"
local errors = require "errors"
local output = require "cli.output"
local report = require "gen.report"

local function check(folder, stubs)
  local stale = editor.stale(folder, stubs)
  for _, problem in ipairs(stubs.problems) do
    output.write(report.line(problem), "\n")
  end
  for _, path in ipairs(stale) do
    output.write(("%s is outdated; ./dev fmt writes it anew\n"):format(path))
  end
  return #stale == 0 and #stubs.problems == 0 and 0 or 1
end

return {
  usage = "types [FOLDER]",
  summary = "write what editors know of the host's modules",
  text = "Writes a file of LuaCATS annotations for each module that a service can require to FOLDER, or to .moonbus/types,\n"
    .. "where .luarc.json has editors look for them. moonbus new and moonbus gen do so, too, when this binary is newer.",
  words = 1,
  flags = {
    { name = "check", text = "write nothing; exit code 1 when something is outdated or not documented" },
  },
  run = function(arguments, flags)
    local place, stubs = arguments[1] or editor.FOLDER, editor.stubs()
    if flags.check then
      return check(place, stubs)
    end
    local written, why = editor.write(place, stubs)
    if not written then
      errors.raise(500, why)
    end
    if flags.json then
      output.json { folder = place, written = written }
    else
      output.write(("%s: %d files written\n"):format(place, written))
    end
    return 0
  end,
}
