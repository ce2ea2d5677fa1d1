-- moonbus help [COMMAND]

local cli = require "cli"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"

local function pad(text, n)
  return text .. (" "):rep(math.max(2, n - #text))
end

-- The column of short forms is there even when none has one.
local function spelled(flag)
  local short = flag.short and "-" .. flag.short .. ", " or "    "
  return short .. "--" .. flag.name .. (flag.value and " " .. flag.value or "")
end

local function print_flags(title, flags)
  if #flags == 0 then
    return
  end
  local width = 0
  for _, flag in ipairs(flags) do
    width = math.max(width, #spelled(flag) + 2)
  end
  output.write("\n", title, "\n")
  for _, flag in ipairs(flags) do
    output.write("  ", pad(spelled(flag), width), flag.text, "\n")
  end
end

local function text_of(command)
  return command.text or (command.summary:gsub("^%l", string.upper) .. ".")
end

local function described(name)
  local command = main.command(name)
  local flags = {}
  for i, flag in ipairs(main.flags(command)) do
    flags[i] = { name = flag.name, short = flag.short, value = flag.value, text = flag.text }
  end
  return {
    name = name,
    usage = command.usage,
    summary = command.summary,
    text = text_of(command),
    flags = json.list(flags),
  }
end

local function overview(as_json)
  local names = main.commands()
  if as_json then
    local list = {}
    for i, name in ipairs(names) do
      list[i] = described(name)
    end
    output.json { version = cli.version(), commands = list }
    return
  end
  output.write("Moonbus ", cli.version(), ": a Lua-scriptable host for microservices.\n\n")
  output.write("Usage: moonbus COMMAND [ARGUMENTS] [FLAGS]\n\n")
  for _, name in ipairs(names) do
    local command = main.command(name)
    output.write("  ", pad(command.usage, 34), command.summary, "\n")
  end
  print_flags("Flags that commands share (moonbus help COMMAND tells which it takes):", main.shared_flags())
  output.write("\nExit codes: 0 done, 1 failed, 2 wrong usage. Start with: moonbus run\n")
end

local function explain(name)
  local command = main.command(name)
  output.write("Usage: moonbus ", command.usage, "\n\n", text_of(command), "\n")
  print_flags("Flags:", main.flags(command))
end

return {
  usage = "help [COMMAND]",
  summary = "explain all commands, or one",
  words = 1,
  run = function(arguments, flags)
    local name = arguments[1]
    if not name then
      overview(flags.json)
    elseif not main.command(name) then
      main.no_command(name)
    elseif flags.json then
      output.json(described(name))
    else
      explain(name)
    end
  end,
}
