-- moonbus config: every setting with its value, where that comes from, and what it means.

local cli = require "cli"
local main = require "cli.main"
local output = require "cli.output"

return {
  usage = "config [--SETTING VALUE ...]",
  summary = "print all settings and where their values come from",
  text = "Prints every setting with its value, where that comes from, and what it means. Each is a flag, here and of\n"
    .. "moonbus run: --log-level debug; switches are --dev, --no-dev or --dev=false.",
  raw = true,
  flags = {
    { name = "json", text = "print JSON for programs" },
    { name = "markdown", text = "print the tables of the README, with ranges" },
  },
  run = function(words)
    local rest, own = {}, {}
    for _, word in ipairs(words) do
      if word == "--json" or word == "--markdown" then
        own[word] = true
      else
        table.insert(rest, word)
      end
    end
    local text, why = cli.config(own["--json"], table.unpack(rest))
    if not text then
      main.wrong_usage(why)
    end
    output.write(own["--markdown"] and cli.markdown() or text)
  end,
}
