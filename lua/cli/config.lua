-- moonbus config: every setting with its value, where that comes from, and what it means.

local cli = require "cli"
local output = require "cli.output"

return {
  usage = "config [--SETTING VALUE ...]",
  summary = "print all settings and where their values come from",
  raw = true,
  run = function(words)
    local rest, as_json, markdown = {}, false, false
    for _, word in ipairs(words) do
      if word == "--json" then
        as_json = true
      elseif word == "--markdown" then
        markdown = true
      elseif word == "--help" or word == "-h" then
        return require("cli.help").run { "config" }
      else
        table.insert(rest, word)
      end
    end
    if markdown then
      output.write(cli.markdown())
      return 0
    end
    local text, why = cli.config(as_json, table.unpack(rest))
    if not text then
      io.stderr:write("moonbus: ", why, "\n")
      return 2
    end
    output.write(text)
    return 0
  end,
}
