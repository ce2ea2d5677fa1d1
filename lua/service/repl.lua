-- repl: the lines of a prompt (`moonbus repl`), inside the state that they run in. Called by the host, each line as a
-- task.
--
-- A session has names of its own: what a line assigns without `local` goes into a table that only its lines see, in
-- front of the state's globals, which stay as they are. They are gone with the session, or with the state.

local context = require "service.context"
local errors = require "errors"
local json = require "json"

local M = {}

local DEPTH = 6 -- tables in tables that are shown
local ITEMS = 50 -- members of each
local VALUES = 1000 -- of all of a line's results
local TEXT = 2000 -- bytes of each text
local PRINTED = 64 * 1024 -- bytes that a line may print
local WIDTH = 80 -- columns of a table that stays on one line

---@class ReplSession
---@field names table what its lines assigned
---@field given table `ctx`, `svc`, `print` and `_`
---@field printed string[] by the line at hand
---@field bytes integer of them

local sessions = {} ---@type table<string, ReplSession>

-- ---- values as text ----

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quoted(text)
  local cut = #text > TEXT and ("... (%d bytes)"):format(#text) or ""
  local shown = text:sub(1, TEXT):gsub('[%c"\\\127]', function(c)
    return ESCAPES[c] or ("\\x%02x"):format(c:byte())
  end)
  return '"' .. shown .. '"' .. cut
end

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
  until while]]):gmatch("%a+") do
  KEYWORDS[word] = true
end

local show

local function key_text(key, state)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") and not KEYWORDS[key] then
    return key
  end
  return "[" .. show(key, state, DEPTH) .. "]"
end

local RANK = { number = 1, string = 2 } -- of keys; then all others, as they come

local function before(a, b)
  local rank_a, rank_b = RANK[type(a)] or 3, RANK[type(b)] or 3
  if rank_a ~= rank_b then
    return rank_a < rank_b
  end
  return rank_a < 3 and a < b
end

-- The keys behind the list that a table begins with, sorted.
local function other_keys(value, n)
  local keys = {}
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= n) then
      table.insert(keys, key)
    end
  end
  table.sort(keys, before)
  return keys
end

local function list_length(value)
  local n = 0
  while rawget(value, n + 1) ~= nil do
    n = n + 1
  end
  return n
end

local function join(parts, indent)
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line + #indent <= WIDTH and not line:find("\n", 1, true) then
    return line
  end
  local inner = indent .. "  "
  return "{\n" .. inner .. table.concat(parts, ",\n" .. inner) .. ",\n" .. indent .. "}"
end

local function show_table(value, state, depth)
  if state.above[value] then
    return "{ itself }"
  elseif next(value) == nil then
    return "{}"
  elseif depth >= DEPTH then
    return "{ ... }"
  end
  state.above[value] = true
  local indent, parts, n = state.indent, {}, list_length(value)
  state.indent = indent .. "  "
  local keys = other_keys(value, n)
  local total = n + #keys
  for i = 1, math.min(total, ITEMS) do
    local key = i <= n and i or keys[i - n]
    local text = show(rawget(value, key), state, depth + 1)
    table.insert(parts, i <= n and text or key_text(key, state) .. " = " .. text)
  end
  if total > ITEMS then
    table.insert(parts, ("... %d more"):format(total - ITEMS))
  end
  state.indent = indent
  state.above[value] = nil
  return join(parts, indent)
end

function show(value, state, depth)
  state.left = state.left - 1
  if state.left < 0 then
    return "..."
  elseif type(value) == "string" then
    return quoted(value)
  elseif value == json.null then
    return "json.null"
  elseif errors.is(value) then
    return ("error %d: %s"):format(value.status, value.message)
  elseif type(value) == "table" then
    return show_table(value, state, depth)
  end
  return tostring(value)
end

--- Values as a person reads them, a line each or more: nested tables to a bounded depth and length, keys in order.
---@param ... any
---@return string
function M.show(...)
  local parts, state = {}, { above = {}, left = VALUES, indent = "" }
  for i = 1, select("#", ...) do
    parts[i] = show((select(i, ...)), state, 0)
  end
  return table.concat(parts, "\n")
end

-- ---- sessions ----

local function printer(session)
  return function(...)
    local parts = table.pack(...)
    for i = 1, parts.n do
      parts[i] = tostring(parts[i])
    end
    local text = table.concat(parts, "\t")
    session.bytes = session.bytes + #text
    if session.bytes <= PRINTED then
      table.insert(session.printed, text)
    end
  end
end

local function new_session()
  local session = { names = {}, printed = {}, bytes = 0 }
  session.given = setmetatable({ svc = require("service").own(), print = printer(session) }, { __index = _G })
  setmetatable(session.names, { __index = session.given })
  return session
end

-- What was printed stands in front of what comes of the line.
local function with_printed(session, text)
  local printed = table.concat(session.printed, "\n")
  if session.bytes > PRINTED then
    printed = printed .. "\n... more was printed than is shown"
  end
  session.printed, session.bytes = {}, 0
  return printed .. (printed ~= "" and text ~= "" and "\n" or "") .. text
end

-- ---- lines ----

-- An expression or statements; nil and why, and whether more lines would help.
local function compile(source, names)
  local chunk = load("return " .. source, "=repl", "t", names)
  if chunk then
    return chunk
  end
  local why
  chunk, why = load(source, "=repl", "t", names)
  local more = why and why:sub(-5) == "<eof>" and not why:find("unfinished string", 1, true)
  return chunk, why, more
end

-- Without what the traceback tells of us.
local function without_us(trace)
  trace = trace:gsub("\n\t%[C%]: in %?", "", 1):gsub("\n\t%[C%]: in function 'xpcall'.*", "")
  return (trace:gsub("\n\tlua/service/repl%.lua:.*", ""):gsub("\n\t", "\n    "))
end

local function described(e)
  local text = errors.is(e) and ("error %d: %s"):format(e.status, e.message) or tostring(e)
  text = without_us(debug.traceback(text, 2))
  if errors.is(e) and e.trace then
    text = ("%s\nbecause of %s:\n%s"):format(text, e.service or "another service", e.trace)
  end
  return text
end

--- Runs a line of a session.
---@param id string
---@param source string
---@return "value"|"error"|"more" kind "more": the line is not complete
---@return string text
---@return boolean fresh the session was not known here: it has no names yet
function M.line(id, source)
  local session = sessions[id]
  local fresh = not session
  if not session then
    session = new_session()
    sessions[id] = session
  end
  local chunk, why, more = compile(source, session.names)
  if not chunk then
    return more and "more" or "error", why, fresh
  end
  session.given.ctx = context.new {}
  local results = table.pack(xpcall(chunk, described))
  if not results[1] then
    return "error", with_printed(session, results[2]), fresh
  end
  if results.n > 1 then
    session.given._ = results[2]
  end
  return "value", with_printed(session, M.show(table.unpack(results, 2, results.n))), fresh
end

--- The session has ended.
---@param id string
function M.forget(id)
  sessions[id] = nil
end

return M
