-- moonbus version

local cli = require "cli"
local output = require "cli.output"

return {
  usage = "version",
  summary = "print the version",
  run = function(_, flags)
    if flags.json then
      output.json { version = cli.version() }
    else
      output.write("moonbus ", cli.version(), "\n")
    end
  end,
}
