-- The command line: finds the command, parses its flags, prints its errors. One file per command in this folder; each
-- returns { usage, summary, text, flags, run } and, where it is not nothing,
--   talks   "server": to the host that --server names; "here": only to the one of the home folder
--   words   how many words it takes behind its name
--   raw     true: it gets its words as they were typed

local cli = require "cli"
local errors = require "errors"

local M = {}

-- In the order in which help shows them.
local COMMANDS = {
  "run", "new", "gen", "check", "types", "test",
  "login", "whoami", "instance", "user", "value", "call", "repl", "reload", "generations",
  "rollback", "policy", "top", "tasks", "trace", "profile", "logs", "config",
  "version", "help",
}

-- Flags that commands share.
local SHARED = {
  { name = "server", short = "e", value = "URL", text = "the host to talk to" },
  { name = "home", value = "FOLDER", text = "the home folder, with credentials and the address of its host" },
  { name = "json", text = "print JSON for programs" },
  { name = "help", short = "h", text = "explain the command" },
}

-- What may stand in front of the command.
local LEADING = { { name = "version", short = "v", text = "print the version" }, table.unpack(SHARED) }

local function takes(command, name)
  if name == "server" then
    return command.talks == "server"
  elseif name == "home" then
    return command.talks ~= nil
  elseif name == "json" then
    return not command.raw
  end
  return name == "help"
end

--- Raises an error about the way a command was used: exit code 2.
---@param text string
function M.wrong_usage(text)
  local e = errors.new(400, text)
  e.usage = true
  error(e, 0)
end

--- Refuses what comes behind the first `n` words.
---@param words string[]
---@param n integer
---@param what string the command as it was typed: "instance ls"
function M.no_more(words, n, what)
  if words[n + 1] then
    M.wrong_usage(("%s does not take %q; see moonbus help %s"):format(what, words[n + 1], what:match("^%a+")))
  end
end

--- A command's module; nil when there is none.
---@param name string
function M.command(name)
  for _, known in ipairs(COMMANDS) do
    if known == name then
      return require("cli." .. name)
    end
  end
  return nil
end

--- Raises that there is no such command, with the nearest name.
---@param name string
function M.no_command(name)
  local meant = require("gen.report").nearest(name, COMMANDS) -- only now: nothing else here needs it
  M.wrong_usage(("there is no command %q%s; moonbus help lists them all"):format(name,
    meant and (", do you mean %s?"):format(meant) or ""))
end

function M.commands()
  return COMMANDS
end

function M.shared_flags()
  return SHARED
end

--- All flags that a command takes, its own first: a list of { name, short, value, text }.
---@param command table
function M.flags(command)
  local list = { table.unpack(command.flags or {}) }
  for _, flag in ipairs(SHARED) do
    if takes(command, flag.name) then
      table.insert(list, flag)
    end
  end
  return list
end

local function find(flags, key, text)
  for _, flag in ipairs(flags) do
    if flag[key] == text then
      return flag
    end
  end
  return nil
end

-- ---- flags and words ----

-- A pass over words from `at` on; `flags` and `arguments` are what it found. `command` is the name of the command whose
-- words these are, nil in front of it.
local function reader(words, at, known, command)
  return { words = words, at = at, known = known, command = command, flags = {}, arguments = {} }
end

local function refuse(command, flag)
  local here = flag == "server" and M.command(command).talks == "here"
  M.wrong_usage(("%s takes no --%s%s"):format(command, flag,
    here and ": it works on the host of this machine and home folder" or "; see moonbus help " .. command))
end

local function flag_of(r, key, text, spelled)
  local flag = find(r.known, key, text)
  if flag then
    return flag
  end
  local shared = find(SHARED, key, text)
  if shared then
    refuse(r.command, shared.name)
  end
  M.wrong_usage(("unknown flag %s; see moonbus help%s"):format(spelled, r.command and " " .. r.command or ""))
end

-- The value of the flag at hand: what is attached to it, else the next word.
local function value_of(r, flag, spelled, attached)
  if attached then
    return attached
  end
  local value = r.words[r.at + 1]
  if not value or value:sub(1, 2) == "--" then
    M.wrong_usage(("flag %s needs a value: %s"):format(spelled, flag.value))
  end
  r.at = r.at + 1
  return value
end

local function read_long(r, word)
  local name, equals, attached = word:match("^%-%-([^=]*)(=?)(.*)$")
  local spelled = "--" .. name
  local flag = flag_of(r, "name", name, spelled)
  if flag.value then
    r.flags[name] = value_of(r, flag, spelled, equals ~= "" and attached or nil)
  elseif equals ~= "" then
    M.wrong_usage(("flag %s takes no value"):format(spelled))
  else
    r.flags[name] = true
  end
end

-- "-fn3" is -f -n 3.
local function read_short(r, word)
  for i = 2, #word do
    local letter, attached = word:sub(i, i), word:sub(i + 1)
    local spelled = "-" .. letter
    local flag = flag_of(r, "short", letter, spelled)
    if flag.value then
      r.flags[flag.name] = value_of(r, flag, spelled, attached ~= "" and attached or nil)
      break
    end
    r.flags[flag.name] = true
  end
end

-- Reads to the end, in front of the command to its name.
local function read(r)
  while r.words[r.at] do
    local word = r.words[r.at]
    if word == "--" and r.command then
      table.move(r.words, r.at + 1, #r.words, #r.arguments + 1, r.arguments)
      break
    elseif word:find("^%-%-") then
      read_long(r, word)
    elseif word:find("^%-%a") then
      read_short(r, word)
    elseif r.command then
      table.insert(r.arguments, word)
    else
      break
    end
    r.at = r.at + 1
  end
end

-- ---- running a command ----

local function help(name, flags)
  return M.command("help").run({ name }, flags)
end

-- Words in front of the name count as if they stood behind it.
local function run_raw(command, words, at)
  local name = table.remove(words, at)
  for _, word in ipairs(words) do
    if word == "--" then
      break
    elseif word == "--help" or word == "-h" then
      return help(name, {})
    end
  end
  return command.run(words)
end

local function run(words)
  local front = reader(words, 1, LEADING)
  read(front)
  if front.flags.version then
    return M.command("version").run({}, front.flags)
  end
  local name = words[front.at]
  if not name then
    return help(nil, front.flags)
  end
  local command = M.command(name)
  if not command then
    M.no_command(name)
  elseif command.raw then
    return run_raw(command, words, front.at)
  end
  local r = reader(words, front.at + 1, M.flags(command), name)
  read(r)
  for flag, value in pairs(front.flags) do
    if not takes(command, flag) then
      refuse(name, flag)
    end
    r.flags[flag] = r.flags[flag] or value
  end
  if r.flags.help then
    return help(name, r.flags)
  end
  M.no_more(r.arguments, command.words or 0, name)
  if r.flags.home then
    require("cli.client").use_home(r.flags.home)
  end
  return command.run(r.arguments, r.flags)
end

--- Tells what went wrong, in one line whatever is in the text.
---@param text string
function M.complain(text)
  io.stderr:write("moonbus: ", (cli.printable(text)), "\n")
end

--- Runs a command line; returns the exit code.
function M.run(...)
  local ok, result = pcall(run, { ... })
  if ok then
    return result or 0
  elseif errors.is(result) then
    if not result.quiet then
      M.complain(result.message)
    end
    return result.usage and 2 or 1
  end
  error(result, 0)
end

return M
