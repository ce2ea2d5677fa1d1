-- moonbus logs: the last lines of the host on this machine.

local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local time = require "time"

local function fetch(after)
  local answer = client.admin("GET", "/logs?after=" .. after)
  if answer.status ~= 200 then
    errors.raise(answer.status, ("the host answered %d"):format(answer.status))
  end
  local lines = {}
  for line in answer.body:gmatch("[^\n]+") do
    table.insert(lines, line)
  end
  return lines, answer.headers["x-log-sequence"] or after
end

-- A host on a terminal logs for people: such a line is only a message.
local function as_json(line)
  return type(json.decode(line)) == "table" and line or json.encode { msg = line }
end

local function print_lines(lines, first, flags)
  for i = first, #lines do
    output.text((flags.json and as_json(lines[i]) or lines[i]) .. "\n")
  end
  output.flush()
end

return {
  usage = "logs [-f] [-n N]",
  summary = "show the last log lines of the host on this machine",
  text = "Shows the last lines that the host with this home folder has logged. With --json each line is an object.",
  talks = "here",
  flags = {
    { name = "follow", short = "f", text = "go on printing new lines" },
    { name = "lines", short = "n", value = "N", text = "how many of the last lines (50)" },
  },
  run = function(_, flags)
    local n = math.tointeger(tonumber(flags.lines or "50"))
    if not n or n < 0 then
      main.wrong_usage("--lines needs a number")
    end
    local lines, sequence = fetch("0")
    print_lines(lines, math.max(1, #lines - n + 1), flags)
    while flags.follow do
      time.sleep(0.3)
      lines, sequence = fetch(sequence)
      print_lines(lines, 1, flags)
    end
  end,
}
