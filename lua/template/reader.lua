-- template.reader: cuts the source of a template into text and tags, and tags into tokens. Knows nothing of what they
-- mean.
--
-- A tag or comment that has a line for itself leaves no line behind.

local M = {}

---@class TemplateToken
---@field kind string "name", "text", "number", "close" (the end of the tag), or the operator itself
---@field value string|number|nil of a name, text or number
---@field at integer where it begins in the source

---@class TemplatePiece
---@field kind string "text", "output" ({{ }}), "raw" ({{{ }}}), "tag" ({% %}) or "end" (of the source)
---@field text string? of a text
---@field tokens TemplateToken[]? of the others; the last one closes the tag
---@field at integer

---@class TemplateReader
---@field name string
---@field source string
---@field pos integer of what was not read yet
local Reader = {}
Reader.__index = Reader

local CLOSE = { output = "}}", raw = "}}}", tag = "%}", comment = "#}" }
local ESCAPES = { n = "\n", t = "\t", r = "\r" }
local OPERATORS = { "==", "~=", "<=", ">=", "<", ">", "#", "(", ")", "[", "]", ".", "|", ",", "-" }

--- Raises an error that names the template, the line and the column (in bytes, from 1).
---@param at integer
---@param message string
function Reader:fail(at, message, ...)
  local before = self.source:sub(1, at - 1)
  local _, lines = before:gsub("\n", "")
  local column = at - (before:match(".*\n()") or 1) + 1
  error(("%s:%d:%d: %s"):format(self.name, lines + 1, column, message:format(...)), 0)
end

---@param source string
---@param name string
---@return TemplateReader
function M.new(source, name)
  return setmetatable({ source = source, name = name, pos = 1 }, Reader)
end

-- ---- tokens ----

local function read_text(reader, at, quote)
  local parts, pos = {}, at + 1
  while true do
    local stop = reader.source:find('["\'\\]', pos)
    if not stop then
      reader:fail(at, "this text is not closed: %s is missing", quote)
    end
    table.insert(parts, reader.source:sub(pos, stop - 1))
    local char = reader.source:sub(stop, stop)
    if char == quote then
      return { kind = "text", value = table.concat(parts), at = at }, stop + 1
    elseif char == "\\" then
      local escaped = reader.source:sub(stop + 1, stop + 1)
      table.insert(parts, ESCAPES[escaped] or escaped)
      pos = stop + 2
    else
      table.insert(parts, char)
      pos = stop + 1
    end
  end
end

-- The token at `at`, and where the next one may begin.
local function read_token(reader, at)
  local source = reader.source
  local name = source:match("^[%a_][%w_]*", at)
  if name then
    return { kind = "name", value = name, at = at }, at + #name
  end
  local digits = source:match("^%d+%.%d+", at) or source:match("^%d+", at)
  if digits then
    return { kind = "number", value = math.tointeger(digits) or tonumber(digits), at = at }, at + #digits
  end
  local quote = source:match("^[\"']", at)
  if quote then
    return read_text(reader, at, quote)
  end
  for _, operator in ipairs(OPERATORS) do
    if source:sub(at, at + #operator - 1) == operator then
      return { kind = operator, at = at }, at + #operator
    end
  end
  reader:fail(at, "unexpected %s", source:match("^[%g\128-\255]+", at) or "character")
end

-- The tokens of the tag that opens at `at` with `opening` bytes.
local function read_tokens(reader, at, opening, close)
  local tokens, pos = {}, at + opening
  while true do
    pos = reader.source:match("^%s*()", pos)
    if reader.source:sub(pos, pos + #close - 1) == close then
      table.insert(tokens, { kind = "close", at = pos })
      return tokens, pos + #close
    elseif pos > #reader.source then
      reader:fail(at, "this tag is not closed: %s is missing", close)
    end
    local token
    token, pos = read_token(reader, pos)
    table.insert(tokens, token)
  end
end

-- ---- pieces ----

-- Whether nothing but blanks is around source[from..to-1] in its line: where that line begins and the next one does.
local function own_line(reader, from, to)
  local source = reader.source
  local blanks = #source:sub(reader.pos, from - 1):match("[ \t]*$")
  local start = from - blanks
  if start > 1 and source:sub(start - 1, start - 1) ~= "\n" then
    return nil
  end
  local behind = source:match("^[ \t]*\r?\n()", to) or source:match("^[ \t]*()$", to)
  return behind and start, behind
end

local function kind_at(source, at)
  local second = source:sub(at + 1, at + 1)
  if second == "{" then
    return source:sub(at + 2, at + 2) == "{" and "raw" or "output"
  end
  return second == "%" and "tag" or "comment"
end

-- The tag that opens at `at`: its piece (none for a comment) and where it ends.
local function read_tag(reader, at)
  local kind = kind_at(reader.source, at)
  local close = CLOSE[kind]
  if kind == "comment" then
    local _, stop = reader.source:find(close, at + 2, true)
    if not stop then
      reader:fail(at, "this comment is not closed: #} is missing")
    end
    return nil, stop + 1
  end
  local tokens, stop = read_tokens(reader, at, #close, close)
  return { kind = kind, tokens = tokens, at = at }, stop
end

--- The next piece. What is written around comments comes as one text.
---@return TemplatePiece
function Reader:next()
  if self.held then
    local piece = self.held
    self.held = nil
    return piece
  end
  local start, parts = self.pos, {}
  while true do
    local at = self.source:find("{[{%%#]", self.pos)
    if not at then
      table.insert(parts, self.source:sub(self.pos))
      self.pos = #self.source + 1
      self.held = { kind = "end", at = self.pos }
      break
    end
    local piece, stop = read_tag(self, at)
    local text_end, resume = at, stop
    if not piece or piece.kind == "tag" then
      local line_start, next_line = own_line(self, at, stop)
      text_end, resume = line_start or at, next_line or stop
    end
    table.insert(parts, self.source:sub(self.pos, text_end - 1))
    self.pos = resume
    if piece then
      self.held = piece
      break
    end
  end
  local text = table.concat(parts)
  if text == "" then
    return self:next()
  end
  return { kind = "text", text = text, at = start }
end

return M
