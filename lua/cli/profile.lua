-- moonbus profile [SERVICE]: where the processor time of Lua code goes, as folded stacks.

local cli = require "cli"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local running = require "cli.running"

local SECONDS, MOST = 10, 300
local HZ = 99

local function seconds_of(flags)
  local seconds = math.tointeger(tonumber(flags.seconds or SECONDS))
  if not seconds or seconds < 1 or seconds > MOST then
    main.wrong_usage(("--seconds needs a number from 1 to %d"):format(MOST))
  end
  return seconds
end

-- Lines of "stack count", the most frequent first.
local function read(text)
  local stacks, samples = {}, 0
  for stack, count in text:gmatch("([^\n]+) (%d+)\n") do
    local n = math.tointeger(tonumber(count))
    table.insert(stacks, { stack = stack, count = n })
    samples = samples + n
  end
  table.sort(stacks, function(a, b)
    if a.count ~= b.count then
      return a.count > b.count
    end
    return a.stack < b.stack
  end)
  return stacks, samples
end

local function tell(samples, seconds, name)
  local text = ("%d samples at %d Hz of processor time, in %d s"):format(samples, HZ, seconds)
  if samples == 0 then
    text = text .. (name and (": no Lua code of %s was met"):format(name) or ": the host was idle")
  end
  main.complain(text)
end

return {
  usage = "profile [SERVICE] [--seconds N]",
  summary = "show where the processor time of Lua code goes",
  text = "Looks at the Lua stacks of the host with this home folder 99 times per second of processor time and worker, for 10\n"
    .. "seconds, and prints them folded: SERVICE;FILE:FUNCTION:LINE;… and how often, the outermost first, as tools for flame\n"
    .. "graphs take it. (host) is what is no Lua code. With a SERVICE (by host or folder) only its stacks are printed. What is\n"
    .. "on standard error is for people. Nothing is measured at other times; one profile can be taken at a time.",
  talks = "here",
  words = 1,
  flags = {
    { name = "seconds", value = "N", text = "how long (10; at most 300)" },
  },
  run = function(arguments, flags)
    local seconds, name = seconds_of(flags), arguments[1]
    local answer = running.get("/profile", { service = name, seconds = seconds }, seconds + 30)
    local stacks, samples = read(answer.body)
    if flags.json then
      output.json { seconds = seconds, hertz = HZ, samples = samples, stacks = json.list(stacks) }
      return 0
    end
    for _, one in ipairs(stacks) do
      output.text(("%s %d\n"):format(one.stack, one.count))
    end
    output.flush()
    if samples == 0 or cli.is_terminal(2) then
      tell(samples, seconds, name)
    end
    return 0
  end,
}
