-- The command line: finds the command, parses its flags, prints its errors. One file per command in this folder; each
-- returns { usage, summary, flags, run }.

local cli = require "cli"
local errors = require "errors"

local M = {}

-- In the order in which help shows them.
local COMMANDS = {
  "run", "new", "gen", "test", "login", "whoami", "instance", "user", "call", "reload", "logs", "config", "version", "help",
}

local GLOBAL = {
  server = { value = "URL", text = "the host to talk to" },
  json = { text = "print JSON instead of a table" },
  help = { text = "explain the command" },
}

local SHORT = { h = "help", e = "server" }

local function is_command(name)
  for _, known in ipairs(COMMANDS) do
    if known == name then
      return true
    end
  end
  return false
end

--- A command's module; nil when there is none.
---@param name string
function M.command(name)
  return is_command(name) and require("cli." .. name) or nil
end

function M.commands()
  return COMMANDS
end

function M.global_flags()
  return GLOBAL
end

local function usage_error(text)
  io.stderr:write("moonbus: ", text, "\n")
  return 2
end

local function flag_of(command, name)
  name = SHORT[name] or (command.short or {})[name] or name
  return name, GLOBAL[name] or (command.flags or {})[name]
end

-- Splits the words behind the command into flags and arguments. Returns nil and why when they do not fit.
local function parse(command, words)
  local flags, arguments, i = {}, {}, 1
  while i <= #words do
    local word = words[i]
    local name, value = word:match("^%-%-([%w-]+)=(.*)$")
    name = name or word:match("^%-%-([%w-]+)$") or word:match("^%-(%a)$")
    if word == "--" then
      table.move(words, i + 1, #words, #arguments + 1, arguments)
      break
    elseif not name then
      table.insert(arguments, word)
    else
      local flag
      name, flag = flag_of(command, name)
      if not flag then
        return nil, ("unknown flag %s"):format(word)
      elseif not flag.value then
        flags[name] = true
      else
        if not value then
          i = i + 1
          value = words[i]
        end
        if not value then
          return nil, ("flag %s needs a value: %s"):format(word, flag.value)
        end
        flags[name] = value
      end
    end
    i = i + 1
  end
  return arguments, flags
end

--- Runs a command line; returns the exit code.
function M.run(name, ...)
  local words = { ... }
  if name == nil or name == "--help" or name == "-h" then
    name = "help"
  elseif name == "--version" or name == "-v" then
    name = "version"
  end
  local command = M.command(name)
  if not command then
    return usage_error(("there is no command %q; moonbus help lists them all"):format(name))
  end
  if command.raw then
    return command.run(words)
  end
  local arguments, flags = parse(command, words)
  if not arguments then
    return usage_error(flags .. "; see moonbus help " .. name)
  end
  if flags.help then
    return require("cli.help").run({ name }, {})
  end
  local ok, result = pcall(command.run, arguments, flags)
  if ok then
    return result or 0
  elseif errors.is(result) then
    io.stderr:write("moonbus: ", result.message, "\n")
    return result.usage and 2 or 1
  end
  error(result, 0)
end

--- Raises an error about the way a command was used: exit code 2.
function M.wrong_usage(text)
  local e = errors.new(400, text)
  e.usage = true
  error(e, 0)
end

M.version = cli.version

return M
