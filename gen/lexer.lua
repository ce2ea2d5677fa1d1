-- lexer: the tokens of a Lua file with their places. What looks like code inside a comment or a text is none here, which
-- is why everything that edits a person's files looks at tokens and not at lines. The text must compile: the caller has
-- checked that.

local M = {}

---@class Token
---@field kind "name"|"keyword"|"string"|"number"|"symbol"|"end of file"
---@field text string as written; of a string what it says, when that is plain
---@field from integer first byte
---@field to integer last byte
---@field line integer

---@class Comment
---@field text string as written, without the line's end
---@field from integer
---@field to integer
---@field line integer of its first byte
---@field block boolean --[[ ]]
---@field alone boolean only blanks before it on its line

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
  while]]):gmatch("%a+") do
  KEYWORDS[word] = true
end

local MARK = "\xEF\xBB\xBF" -- in front of what some editors write: the byte order mark

--- The compiled file, as the host would compile it; or nil and what is wrong, which begins with "file:LINE: ".
---@param text string
---@return function?
---@return string?
function M.compile(text)
  return load(text:sub(1, #MARK) == MARK and text:sub(#MARK + 1) or text, "=file", "t")
end

--- Whether a word is one of Lua's own and cannot name a variable.
---@param word string
function M.is_keyword(word)
  return KEYWORDS[word] == true
end

-- The end of [[ ]], [==[ ]==], when one begins at `at`; and where what it says begins and ends.
local function long_bracket(text, at)
  local level, inner = text:match("^%[(=*)%[()", at)
  if not level then
    return nil
  end
  local from, to = text:find("]" .. level .. "]", inner, true)
  return to or #text, inner, (from or #text + 1) - 1
end

local function quoted_end(text, at)
  local quote, i = text:sub(at, at), at + 1
  while true do
    local found = text:find('[\\"\']', i)
    if not found then
      return #text
    end
    local c = text:sub(found, found)
    if c == "\\" then
      i = found + (text:sub(found + 1, found + 2) == "\r\n" and 3 or 2)
    elseif c == quote then
      return found
    else
      i = found + 1
    end
  end
end

-- Digits, letters and points; a sign only behind the letter of an exponent.
local function number_end(text, at)
  local exponent = text:find("^0[xX]", at) and "[pP]" or "[eE]"
  local to = select(2, text:find("^[%w.]+", at))
  local sign = select(2, text:find("^[%w.]-" .. exponent .. "[+-][%w.]*", at))
  return sign and math.max(to, sign) or to
end

local SYMBOLS = { "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>" }

local function symbol_end(text, at)
  for _, symbol in ipairs(SYMBOLS) do
    if text:sub(at, at + #symbol - 1) == symbol then
      return at + #symbol - 1
    end
  end
  return at
end

local function count_lines(text, from, to)
  local n, at = 0, from
  while true do
    at = text:find("\n", at, true)
    if not at or at > to then
      return n
    end
    n, at = n + 1, at + 1
  end
end

-- Whether only blanks stand before `at` on its line.
local function begins_line(text, at)
  local i = at - 1
  while i >= 1 and text:find("^[ \t]", i) do
    i = i - 1
  end
  return i < 1 or text:byte(i) == 10 or text:sub(1, i) == MARK
end

local function read_comment(text, at, line)
  local to = long_bracket(text, at + 2)
  local block = to ~= nil
  to = to or (text:find("[\r\n]", at) or #text + 1) - 1
  return {
    text = text:sub(at, to), from = at, to = to, line = line,
    block = block,
    alone = begins_line(text, at),
  }
end

-- The token that begins at `at`.
local function read_token(text, at)
  local to = select(2, text:find("^[%a_][%w_]*", at))
  if to then
    local word = text:sub(at, to)
    return KEYWORDS[word] and "keyword" or "name", to, word
  end
  local c = text:sub(at, at)
  if c == '"' or c == "'" then
    to = quoted_end(text, at)
    return "string", to, text:sub(at + 1, to - 1)
  end
  local long, first, last = long_bracket(text, at)
  if long then
    return "string", long, (text:sub(first, last):gsub("^\r?\n", ""))
  elseif text:find("^%.?%d", at) then
    to = number_end(text, at)
    return "number", to, text:sub(at, to)
  end
  to = symbol_end(text, at)
  return "symbol", to, text:sub(at, to)
end

--- All tokens of a file, ended by one of kind "end of file", and its comments.
---@param text string
---@return Token[] tokens
---@return Comment[] comments
function M.read(text)
  local tokens, comments, at, line = {}, {}, text:sub(1, #MARK) == MARK and #MARK + 1 or 1, 1
  while true do
    local next_at = text:find("%S", at)
    line = line + count_lines(text, at, next_at and next_at - 1 or #text)
    if not next_at then
      break
    end
    local to
    if text:sub(next_at, next_at + 1) == "--" then
      local comment = read_comment(text, next_at, line)
      table.insert(comments, comment)
      to = comment.to
    else
      local kind, last, word = read_token(text, next_at)
      table.insert(tokens, { kind = kind, text = word, from = next_at, to = last, line = line })
      to = last
    end
    line = line + count_lines(text, next_at, to)
    at = to + 1
  end
  table.insert(tokens, { kind = "end of file", text = "", from = #text + 1, to = #text, line = line })
  return tokens, comments
end

return M
