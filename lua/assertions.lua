-- assertions: what a spec says about values: assert.equal, assert.same, assert.is_nil, assert.has_error … and their negations.
--
-- The vocabulary is busted's: expected comes first, what the code gave second, a text of one's own last. Words such as
-- is, are, has, does may stand in front, not and no turn the meaning around: assert.is_not_nil, assert.are.same,
-- assert.has_no_error. One that does not hold raises a failure, which tells what was expected, what was there, and in
-- which part of a table they differ.

local json = require "json"
local keys = require "service.keys"

local M = {}

---@class Failure
---@field text string what does not hold
---@field where string? "file:line" of the assertion
---@field expected string? as text
---@field got string? as text
---@field at string? the part of the value that differs: ".pets[2].name"

local Failure = { __name = "failure" }
Failure.__index = Failure

function Failure.__tostring(f)
  local parts = { f.text }
  if f.at then
    parts[1] = ("%s at %s"):format(f.text, f.at)
  end
  if f.expected then
    table.insert(parts, "expected: " .. f.expected)
  end
  if f.got then
    table.insert(parts, "got:      " .. f.got)
  end
  return table.concat(parts, "\n")
end

--- Whether an error is one that an assertion raised.
---@param value any
---@return boolean
function M.is_failure(value)
  return getmetatable(value) == Failure
end

-- ---- values as text ----

local TEXT = 400 -- bytes of a value in a message
local ENTRIES = 20 -- of a table
local LEVELS = 5 -- of tables in tables

local function quote(text)
  return (("%q"):format(text):gsub("\\\n", "\\n"))
end

-- At most n bytes, without half a character at the end.
local function cut(text, n)
  if #text <= n then
    return text
  end
  while n > 0 and text:byte(n + 1) & 0xC0 == 0x80 do
    n = n - 1
  end
  return ("%s … (%d bytes)"):format(text:sub(1, n), #text)
end

local function is_name(key)
  return type(key) == "string" and key:match("^[%a_][%w_]*$") ~= nil
end

local show

local function show_table(t, level, above)
  if above[t] then
    return "(a table that contains this one)"
  elseif next(t) == nil then
    return json.is_list(t) and "[]" or "{}"
  elseif level > LEVELS then
    return "{ … }"
  end
  above[t] = true
  local parts, listed = {}, rawlen(t)
  for _, key in ipairs(keys.sorted(t)) do
    if #parts == ENTRIES then
      table.insert(parts, "…")
      break
    end
    local value = show(rawget(t, key), level + 1, above)
    if math.type(key) == "integer" and key >= 1 and key <= listed then
      table.insert(parts, value)
    elseif is_name(key) then
      table.insert(parts, key .. " = " .. value)
    else
      table.insert(parts, ("[%s] = %s"):format(show(key, level + 1, above), value))
    end
  end
  above[t] = nil
  return "{ " .. table.concat(parts, ", ") .. " }"
end

function show(value, level, above)
  if type(value) == "string" then
    return quote(value)
  elseif type(value) == "table" and not (getmetatable(value) or {}).__tostring then
    return show_table(value, level, above)
  end
  return tostring(value)
end

--- A value as one line for people.
---@param value any
---@return string
function M.show(value)
  return cut(show(value, 1, {}), TEXT)
end

-- ---- differences ----

local function part_of(path, key)
  return is_name(key) and path .. "." .. key or ("%s[%s]"):format(path, M.show(key))
end

local differ

local function differ_tables(expected, got, path, seen)
  if seen[expected] == got then
    return nil
  end
  seen[expected] = got
  for _, key in ipairs(keys.sorted(expected)) do
    local found, e, g = differ(rawget(expected, key), rawget(got, key), part_of(path, key), seen)
    if found then
      return found, e, g
    end
  end
  for _, key in ipairs(keys.sorted(got)) do
    if rawget(expected, key) == nil then
      return part_of(path, key), nil, rawget(got, key)
    end
  end
end

-- The first place where two values are not the same, and what is there in both. Metatables do not count.
function differ(expected, got, path, seen)
  if type(expected) == "table" and type(got) == "table" and not rawequal(expected, got) then
    return differ_tables(expected, got, path, seen)
  end
  local both_nan = expected ~= expected and got ~= got
  if expected ~= got and not both_nan then
    return path, expected, got
  end
end

local WINDOW = 30 -- bytes shown before the first difference of two long texts

-- Long texts are shown around the place where they part.
local function part_texts(failure, expected, got)
  local i = 1
  while expected:byte(i) == got:byte(i) do
    i = i + 1
  end
  local _, lines = expected:sub(1, i - 1):gsub("\n", "")
  local from = math.max(1, i - WINDOW)
  local dots = from > 1 and "… " or ""
  failure.at = ("%s byte %d, line %d"):format(failure.at or "", i, lines + 1):match("^ *(.*)$")
  failure.expected = dots .. cut(quote(expected:sub(from)), TEXT)
  failure.got = dots .. cut(quote(got:sub(from)), TEXT)
end

local function difference(text, at, expected, got)
  local failure = { text = text, at = at ~= "" and at or nil, expected = M.show(expected), got = M.show(got) }
  if type(expected) == "string" and type(got) == "string" and #expected + #got > 120 then
    part_texts(failure, expected, got)
  end
  return failure
end

--- What is wrong with a value that should be the same as another; nil when it is.
---@param text string what does not hold
---@param at string the part of something larger that it is, or ""
---@param expected any
---@param got any
---@return Failure?
function M.compare(text, at, expected, got)
  local where, e, g = differ(expected, got, at, {})
  return where and difference(text, where, e, g) or nil
end

-- ---- what can be asserted ----
--
-- A check returns whether it holds, what the failure is when it should, and what a passed assertion returns besides its
-- arguments' first. `values` is the number of its arguments; the next one is a text of the spec's own.

local CHECKS = {}

local function define(names, values, check)
  for name in names:gmatch("%S+") do
    CHECKS[name] = { name = name, values = values, check = check }
  end
end

define("equal equals", 2, function(expected, got)
  return expected == got, function()
    return difference("the values differ", "", expected, got)
  end
end)

define("same", 2, function(expected, got)
  local at, e, g = differ(expected, got, "", {})
  return at == nil, function()
    return difference("the values differ", at, e, g)
  end
end)

local function expects(what, holds)
  return function(got)
    return holds(got), function()
      return { text = "the value is another one", expected = what, got = M.show(got) }
    end
  end
end

define("true", 1, expects("true", function(v)
  return v == true
end))
define("false", 1, expects("false", function(v)
  return v == false
end))
define("truthy", 1, expects("a value that counts as true", function(v)
  return v and true or false
end))
define("falsy", 1, expects("false or nil", function(v)
  return not v
end))
define("integer", 1, expects("an integer", function(v)
  return math.type(v) == "integer"
end))
define("float", 1, expects("a float", function(v)
  return math.type(v) == "float"
end))
for kind in ("nil boolean number string table function userdata thread"):gmatch("%S+") do
  define(kind, 1, expects(kind == "nil" and kind or "a " .. kind, function(v)
    return type(v) == kind
  end))
end

define("near", 3, function(expected, got, tolerance)
  local holds = type(got) == "number" and math.abs(expected - got) <= tolerance
  return holds, function()
    return { text = "the numbers differ", expected = ("%s ± %s"):format(expected, tolerance), got = M.show(got) }
  end
end)

define("match matches", 2, function(pattern, got)
  local holds = type(got) == "string" and got:find(pattern) ~= nil
  return holds, function()
    return { text = "the text does not match", expected = "a match of " .. quote(pattern), got = M.show(got) }
  end
end)

define("contain contains", 2, function(part, got)
  local holds = type(got) == "string" and got:find(part, 1, true) ~= nil
  return holds, function()
    return { text = "the text does not contain it", expected = quote(part), got = M.show(got) }
  end
end)

-- ---- errors ----

--- The text of whatever was raised.
---@param err any
---@return string
function M.message_of(err)
  if type(err) == "table" and not M.is_failure(err) and err.message ~= nil then
    return tostring(err.message)
  end
  return tostring(err)
end

local function without_position(text)
  return (text:gsub("^[^\n:]+:%d+: ", "", 1))
end

-- A text is the error's text, with or without its position; of a table those fields that are named.
local function is_error(err, expected)
  if type(expected) == "string" then
    local text = M.message_of(err)
    return text == expected or without_position(text) == expected
  elseif type(expected) == "table" and type(err) == "table" then
    for key, value in pairs(expected) do
      if differ(value, err[key], "", {}) then
        return false
      end
    end
    return true
  end
  return rawequal(err, expected)
end

--- Whatever was raised, for people.
---@param err any
---@return string
function M.show_error(err)
  local status = type(err) == "table" and err.status
  return status and ("%s (status %s)"):format(M.show(M.message_of(err)), status) or M.show(M.message_of(err))
end

define("error errors", 2, function(fn, expected)
  local ok, err = pcall(fn)
  if ok then
    return false, function()
      return { text = "no error was raised", expected = expected ~= nil and M.show(expected) or nil }
    end
  end
  return expected == nil or is_error(err, expected), function()
    return { text = "another error was raised", expected = M.show(expected), got = M.show_error(err) }
  end, err
end)

define("error_matches error_match", 2, function(fn, pattern)
  local ok, err = pcall(fn)
  local text = not ok and M.message_of(err)
  return text and text:find(pattern) ~= nil or false, function()
    return {
      text = ok and "no error was raised" or "another error was raised",
      expected = "a match of " .. quote(pattern),
      got = not ok and M.show_error(err) or nil,
    }
  end, err
end)

-- ---- the assert that specs see ----

--- Whether code is the host's own: a spec has nothing to do with its lines.
---@param source string name of a chunk
---@return boolean
function M.is_host(source)
  return source:find("^@lua/") ~= nil
end

--- The nearest caller that is not the host's own, as "file:line".
---@param level integer
---@return string?
function M.caller(level)
  for i = level + 1, level + 200 do
    local info = debug.getinfo(i, "Sl")
    if not info then
      return nil
    elseif info.currentline > 0 and not M.is_host(info.source) then
      return ("%s:%d"):format(info.short_src, info.currentline)
    end
  end
end

--- Raises a failure of the spec's line that is being run, or of the line that it names itself.
---@param failure Failure a table of its fields
---@param note any text of the spec's own
function M.fail(failure, note)
  failure.where = failure.where or M.caller(2)
  if note ~= nil then
    failure.text = ("%s: %s"):format(tostring(note), failure.text)
  end
  error(setmetatable(failure, Failure), 0)
end

local fail = M.fail

local function run(check, negated, ...)
  local note = select(check.values + 1, ...)
  local holds, explain, extra = check.check(...)
  if holds == negated then
    if not negated then
      fail(explain(), note)
    end
    local raised = check.name:find("^error") ~= nil
    fail({
      text = raised and "an error was raised" or ("the opposite of %q was expected"):format(check.name),
      got = raised and M.show_error(extra) or M.show((select(math.min(check.values, 2), ...))),
    }, note)
  end
  if extra ~= nil then
    return extra
  end
  return ...
end

local FILLERS = { is = true, are = true, was = true, were = true, has = true, have = true, does = true, be = true, a = true }
local NEGATIONS = { ["not"] = true, no = true }

local Words = {} -- assert, assert.is, assert.are_not …

local function words(negated)
  return setmetatable({ negated = negated }, Words)
end

function Words.__index(self, name)
  local negated, rest = self.negated, {}
  for word in name:lower():gmatch("[^_]+") do
    if #rest == 0 and NEGATIONS[word] then
      negated = not negated
    elseif #rest > 0 or not FILLERS[word] then
      table.insert(rest, word)
    end
  end
  if #rest == 0 then
    return words(negated)
  end
  local check = CHECKS[table.concat(rest, "_")]
  if not check then
    error(("there is no assert.%s"):format(name), 2)
  end
  return function(...)
    return run(check, negated, ...)
  end
end

--- assert(value, text): as ever, and the failure knows where.
function Words.__call(_, value, ...)
  if value then
    return value, ...
  end
  local note = ...
  if note ~= nil and type(note) ~= "string" then
    error(note, 0)
  end
  fail { text = note or "the value counts as false", got = note == nil and M.show(value) or nil }
end

--- What spec files get as the global `assert`.
---@type table
M.assert = words(false)

return M
