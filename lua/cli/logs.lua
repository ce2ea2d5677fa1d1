-- moonbus logs: the last lines of the host on this machine.

local client = require "cli.client"
local errors = require "errors"
local main = require "cli.main"
local output = require "cli.output"
local time = require "time"

local function fetch(after)
  local answer = client.admin("GET", "/logs?after=" .. after)
  if answer.status ~= 200 then
    errors.raise(answer.status, ("the host answered %d"):format(answer.status))
  end
  return answer.body, answer.headers["x-log-sequence"] or after
end

local function last_lines(text, n)
  local lines = {}
  for line in text:gmatch("[^\n]*\n") do
    table.insert(lines, line)
  end
  return table.concat(lines, "", math.max(1, #lines - n + 1))
end

return {
  usage = "logs [-f] [-n N]",
  summary = "show the last log lines of the host on this machine",
  short = { f = "follow", n = "lines" },
  flags = {
    follow = { text = "go on printing new lines (-f)" },
    lines = { value = "N", text = "how many of the last lines (-n, 50)" },
  },
  run = function(_, flags)
    local n = math.tointeger(tonumber(flags.lines or "50"))
    if not n or n < 0 then
      main.wrong_usage("--lines needs a number")
    end
    local text, sequence = fetch("0")
    output.text(last_lines(text, n))
    while flags.follow do
      output.flush()
      time.sleep(0.3)
      text, sequence = fetch(sequence)
      output.text(text)
    end
  end,
}
