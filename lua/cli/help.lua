-- moonbus help [COMMAND]

local cli = require "cli"
local output = require "cli.output"

local M = {
  usage = "help [COMMAND]",
  summary = "explain all commands, or one",
}

local function sorted(flags)
  local names = {}
  for name in pairs(flags) do
    table.insert(names, name)
  end
  table.sort(names)
  return names
end

local function pad(text, n)
  return text .. (" "):rep(math.max(1, n - #text))
end

local function print_flags(title, flags)
  local names = sorted(flags)
  if #names == 0 then
    return
  end
  output.write("\n", title, "\n")
  for _, name in ipairs(names) do
    local flag = flags[name]
    output.write("  ", pad("--" .. name .. (flag.value and " " .. flag.value or ""), 22), flag.text, "\n")
  end
end

local function overview(main)
  output.write("Moonbus ", cli.version(), ": a Lua-scriptable host for microservices.\n\n")
  output.write("Usage: moonbus COMMAND [ARGUMENTS] [FLAGS]\n\n")
  for _, name in ipairs(main.commands()) do
    local command = main.command(name)
    output.write("  ", pad(command.usage, 34), command.summary, "\n")
  end
  print_flags("Flags of all commands:", main.global_flags())
  output.write("\nStart with: moonbus run\n")
end

function M.run(arguments)
  local main = require "cli.main"
  local name = arguments[1]
  if not name then
    overview(main)
    return 0
  end
  local command = main.command(name)
  if not command then
    main.wrong_usage(("there is no command %q; moonbus help lists them all"):format(name))
  end
  output.write("Usage: moonbus ", command.usage, "\n\n", command.text or (command.summary .. "."), "\n")
  print_flags("Flags:", command.flags or {})
  if not command.raw then
    print_flags("Flags of all commands:", main.global_flags())
  end
  return 0
end

return M
