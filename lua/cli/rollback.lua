-- moonbus rollback SERVICE [NUMBER]

local main = require "cli.main"
local output = require "cli.output"
local reload = require "cli.reload"

return {
  usage = "rollback SERVICE [NUMBER]",
  summary = "put an older generation of a service into service again",
  text = "Puts the generation before, or the one of that number, into service on the host with this home folder, by the same\n"
    .. "steps as a reload, on_check included. moonbus generations lists those that are kept. The files on disk stay as they\n"
    .. "are: they come into service when they change again, by moonbus reload SERVICE --force, and when the host starts\n"
    .. "again: mend them soon.",
  talks = "here",
  words = 2,
  run = function(arguments, flags)
    local name, number = arguments[1], arguments[2]
    if not name then
      main.wrong_usage("which service? moonbus rollback SERVICE [NUMBER]")
    elseif number and not number:find("^[1-9]%d*$") then
      main.wrong_usage(("%q is no generation; moonbus generations %s lists them"):format(number, name))
    end
    local ok, report = reload.ask("/rollback", { service = name, number = number })
    if flags.json then
      output.json { ok = ok, report = report }
    else
      output.text(report)
    end
    return ok and 0 or 1
  end,
}
