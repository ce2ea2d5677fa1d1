-- moonbus repl [SERVICE]: a prompt inside the running host. Lines go to the host over its admin address, one at a
-- time; a request that waits beside them tells the host that we are still there, and us that the session has ended.

local cli = require "cli"
local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local line = require "cli.line"
local output = require "cli.output"
local running = require "cli.running"
local task = require "task"
local terminal = require "terminal"
local url = require "url"

local HISTORY = "repl-history" -- file in the home folder
local HISTORY_MAX = 500 -- lines of it
local LINE_SECONDS = 58 -- the host gives up before

local function ask(method, path, body)
  local answer = client.admin(method, path, LINE_SECONDS, body)
  local value = json.decode(answer.body)
  if answer.status ~= 200 or type(value) ~= "table" then
    errors.raise(answer.status >= 400 and answer.status or 502,
      type(value) == "table" and type(value.error) == "string" and value.error or "the host answered " .. answer.status)
  end
  return value
end

-- A session in a service, or in a state of its own without one.
local function open(service)
  local ok, opened = pcall(ask, "POST", "/repl" .. (service and "?service=" .. url.encode(service) or ""), "")
  if ok then
    return opened
  elseif service and errors.is(opened) and opened.status == 404 then
    running.no_service(service)
  end
  error(opened, 0)
end

-- ---- the session ----

---@class Prompt
---@field session string
---@field interactive boolean
---@field editor LineEditor
---@field json boolean? answers are printed as the host gave them
---@field lines integer that were run
---@field failed boolean? a line was wrong
---@field ended string? why the host has ended the session

local function stay(prompt)
  while true do
    local ok, answer = pcall(ask, "GET", "/repl/wait?session=" .. prompt.session)
    if not ok or answer.ended then
      prompt.ended = ok and answer.why or tostring(answer)
      return
    end
  end
end

-- What the host said about a line; nil when it was interrupted: leaving is what cancels it there.
local function run_line(prompt, source)
  local function send()
    return ask("POST", "/repl/line?session=" .. prompt.session, source)
  end
  if not prompt.interactive then
    return send()
  end
  return task.race {
    send,
    function()
      repeat
        local bytes = terminal.read()
      until bytes == nil or prompt.editor:interrupted(bytes)
      return nil
    end,
  }
end

local function paint(prompt, text, code)
  text = prompt.interactive and cli.printable(text, true) or text
  return prompt.interactive and not os.getenv("NO_COLOR") and ("\27[%sm%s\27[0m"):format(code, text) or text
end

local function complain(prompt, text)
  prompt.failed = true
  output.flush()
  io.stderr:write(paint(prompt, text, "31"), "\n")
end

-- Runs what was typed so far. Whether more lines are wanted.
local function answer(prompt, source)
  local said = run_line(prompt, source)
  if not said then
    complain(prompt, "canceled")
    return false
  elseif said.kind == "more" then
    return true
  end
  if said.fresh and prompt.lines > 0 then
    complain(prompt, "the service was reloaded: names of before are gone")
  end
  prompt.lines = prompt.lines + 1
  if prompt.json then
    prompt.failed = prompt.failed or said.kind == "error"
    output.write(json.encode(said), "\n")
  elseif said.kind == "error" then
    complain(prompt, said.text)
  elseif said.text ~= "" then
    output.text(said.text .. "\n")
  end
  output.flush()
  return false
end

-- ---- lines of a terminal ----

local function history_path()
  return cli.home() .. "/" .. HISTORY
end

local function read_history()
  local list, file = {}, io.open(history_path())
  if file then
    for text in file:lines() do
      table.insert(list, text)
    end
    file:close()
  end
  return list
end

local function write_history(list)
  local last = table.move(list, math.max(1, #list - HISTORY_MAX + 1), #list, 1, {})
  cli.write_private(history_path(), table.concat(last, "\n") .. "\n")
end

local function columns_of(text)
  local _, columns = cli.printable(text)
  return columns
end

-- A line that is typed, nil at the end; false: given up with Ctrl-C.
local function read_key_by_key(prompt, sign)
  output.write(prompt.editor:begin(sign))
  local bytes = ""
  while true do
    local shown, how, text = prompt.editor:feed(bytes)
    output.write(shown)
    output.flush()
    if how then
      return how == "line" and text or how == "interrupt" and false or nil
    end
    local got = terminal.read()
    if got == nil or prompt.ended then
      output.write("\r\n")
      return nil
    end
    bytes = got
  end
end

local function typed(prompt)
  local source
  while not prompt.ended do
    local text = read_key_by_key(prompt, source and "  ... " or (prompt.sign .. "> "))
    if text == nil then
      return
    elseif text == false or text:find("^%s*$") and not source then
      source = nil
    else
      prompt.editor:remember(text)
      source = (source and source .. "\n" or "") .. text
      source = answer(prompt, source) and source or nil
    end
  end
end

-- ---- lines of anything else ----

local function lines_of_input()
  local rest, over = "", false
  return function()
    while true do
      local text, behind = rest:match("^([^\n]*)\n(.*)$")
      if text then
        rest = behind
        return text
      elseif over then
        text, rest = rest, ""
        return text ~= "" and text or nil
      end
      local bytes = terminal.read()
      over = bytes == nil
      rest = rest .. (bytes or "")
    end
  end
end

local function piped(prompt)
  local source
  for text in lines_of_input() do
    source = (source and source .. "\n" or "") .. text
    if source:find("^%s*$") or not answer(prompt, source) then
      source = nil
    end
    if prompt.ended then
      return
    end
  end
  if source then
    complain(prompt, "the last line is not complete")
  end
end

-- ---- the command ----

local function greet(prompt, opened)
  if not prompt.interactive then
    return
  end
  local where = "a state of your own; moonbus repl SERVICE is inside of one"
  if opened.service ~= "" then
    where = ("%s, generation %d, worker %d"):format(opened.service, opened.generation, opened.worker)
  end
  output.write(("%s\nCtrl-C cancels, Ctrl-D ends.\n"):format(where))
end

local function talk(prompt)
  local beside <close> = errors.check(task.spawn(stay, prompt))
  if prompt.interactive then
    typed(prompt)
  else
    piped(prompt)
  end
  return beside:running()
end

return {
  usage = "repl [SERVICE]",
  summary = "run lines of Lua inside the running host",
  text = "Gives a prompt in a service of the host with this home folder (by host or folder), in its state on one\n"
    .. "worker, or in a state of your own. A line is an expression or statements; it may wait (http.request, store,\n"
    .. "bus.call, client stubs) and has the limits of a request. What it assigns without local lasts until you leave,\n"
    .. "and nobody else sees it. At hand: ctx (nobody's context), svc (the service), _ (the last result), print.\n"
    .. "Lines that are piped in run one by one; the exit code is 1 when one fails.",
  talks = "here",
  words = 1,
  run = function(arguments, flags)
    local opened = open(arguments[1])
    local interactive = not flags.json and cli.is_terminal(0) and cli.is_terminal(1) and terminal.raw(true)
    local prompt = {
      session = opened.session, interactive = interactive, json = flags.json, lines = 0,
      sign = opened.service ~= "" and opened.service or "moonbus",
    }
    if interactive then
      prompt.editor = line.new { history = read_history(), columns = terminal.columns, width = columns_of }
    end
    greet(prompt, opened)
    local ok, problem = pcall(talk, prompt)
    terminal.raw(false)
    if interactive then
      write_history(prompt.editor.history)
    end
    if not ok then
      error(problem, 0)
    elseif prompt.ended then
      errors.raise(503, prompt.ended)
    end
    return not interactive and prompt.failed and 1 or 0
  end,
}
