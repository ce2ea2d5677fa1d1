-- template.script: where in a script the text of a page has come to: code, a string, a comment, a regular expression.
-- Only as much of JavaScript as is needed to tell whether a value may stand there, and nothing is run.
--
-- A '/' begins a regular expression where an operand is expected and divides elsewhere; where branches of a template
-- disagree on that, a '/' is refused.

local M = {}

---@class ScriptPlace
---@field inside string? what is open: ' " ` // /* / (a regular expression) or "class" ([ ] inside one)
---@field before string "operator", "operand" or "unknown": what came last in the code
---@field escaped boolean? the next character belongs to a backslash
---@field opaque boolean? entities make it unclear where we are (attributes only)

-- Words behind which an operand comes.
local PREFIX = {}
for word in ("case delete do else in instanceof new return throw typeof void"):gmatch("%a+") do
  PREFIX[word] = true
end

---@return ScriptPlace
function M.new()
  return { before = "operator" }
end

-- Each takes the place, the text and a position, and gives the next position, or nil and why not.
local STEP = {}

-- Up to the end of a string or template: `stops` are the characters that matter in it.
local function through_literal(stops, is_end)
  return function(place, text, at)
    if place.escaped then
      place.escaped = nil
      return at + 1
    end
    local stop = text:find(stops, at)
    if not stop then
      return #text + 1
    end
    local char = text:sub(stop, stop)
    if char == "\\" then
      place.escaped = true
    elseif is_end(char, place) then
      place.inside, place.before = nil, "operand"
    end
    return stop + 1
  end
end

local function always()
  return true
end

STEP["'"] = through_literal("[\\'\n]", always) -- a line break ends what was no string
STEP['"'] = through_literal('[\\"\n]', always)
STEP["`"] = through_literal("[\\`]", always)
STEP["/"] = through_literal("[\\/%[\n]", function(char, place)
  if char == "[" then
    place.inside = "class"
    return false
  end
  return true
end)
STEP.class = through_literal("[\\%]\n]", function(char, place)
  place.inside = "/"
  return char == "\n"
end)

STEP["//"] = function(place, text, at)
  local stop = text:find("\n", at, true)
  if stop then
    place.inside = nil
  end
  return (stop or #text) + 1
end

STEP["/*"] = function(place, text, at)
  local _, stop = text:find("*/", at, true)
  if stop then
    place.inside = nil
  end
  return (stop or #text) + 1
end

local function slash(place, text, at)
  local two = text:sub(at, at + 1)
  if STEP[two] then
    place.inside = two
    return at + 2
  elseif place.before == "unknown" then
    return nil, "this '/' may divide or begin a regular expression: put parentheses around what comes before it"
  elseif place.before == "operator" then
    place.inside = "/"
  end
  place.before = "operator"
  return at + 1
end

local function code(place, text, at)
  local next_at = text:match("^%s+()", at)
  if next_at then
    return next_at
  end
  local word = text:match("^[%w_$\128-\255]+", at)
  if word then
    place.before = PREFIX[word] and "operator" or "operand"
    return at + #word
  end
  local char = text:sub(at, at)
  if char == "/" then
    return slash(place, text, at)
  elseif char == "'" or char == '"' or char == "`" then
    place.inside = char
  elseif text:find("^%+%+", at) or text:find("^%-%-", at) then
    place.before = "unknown"
    return at + 2
  else
    place.before = char:find("[%)%]}]") and "operand" or "operator"
  end
  return at + 1
end

--- Reads on. True, or nil and what is wrong.
---@param place ScriptPlace
---@param text string
---@return true?, string?
function M.feed(place, text)
  local at = 1
  while at <= #text do
    local next_at, message = (place.inside and STEP[place.inside] or code)(place, text, at)
    if not next_at then
      return nil, message
    end
    at = next_at
  end
  return true
end

--- Why a value cannot stand here, or nil.
---@param place ScriptPlace
---@return string?
function M.refuses(place)
  if place.opaque then
    return "entities in front of it make it unclear where this value stands: move the code to a <script>"
  elseif place.inside == "//" or place.inside == "/*" then
    return "a value inside a comment of a script"
  elseif place.inside then
    return "a value inside quotes or an expression of a script: write {{ name | json }} without quotes around it"
  end
end

--- The place from which either of two goes on, or nil when there is none.
---@param a ScriptPlace
---@param b ScriptPlace
---@return ScriptPlace?
function M.join(a, b)
  if a.inside ~= b.inside or a.escaped ~= b.escaped then
    return nil
  end
  return {
    inside = a.inside,
    escaped = a.escaped,
    before = a.before == b.before and a.before or "unknown",
    opaque = a.opaque or b.opaque,
  }
end

return M
