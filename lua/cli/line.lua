-- line: a line that is typed key by key on a terminal, with a history. Pure: it is fed bytes and gives text to be
-- written.
--
-- Keys: arrows, Home, End, Delete, Backspace; Ctrl-A -E -B -F -P -N, Ctrl-K -U -W to delete to the end, to the start, a
-- word; Ctrl-C to give up, Ctrl-D on an empty line to end.

local M = {}

---@class LineEditor
---@field history string[] the newest last
---@field columns fun(): integer
---@field width fun(text: string): integer
---@field private prompt string
---@field private chars string[]
---@field private at integer characters in front of the cursor
---@field private past integer place in the history; above its end: the line itself
---@field private kept string[]? the line itself meanwhile
---@field private rest string bytes that were not looked at yet
local Editor = {}
Editor.__index = Editor

local function split(text)
  local chars = {}
  for char in text:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    table.insert(chars, char)
  end
  return chars
end

--- A new editor.
---@param o { history: string[], columns: fun(): integer, width: fun(text: string): integer }
---@return LineEditor
function M.new(o)
  return setmetatable({
    history = o.history, columns = o.columns, width = o.width, prompt = "", chars = {}, at = 0, past = 1, rest = "",
  }, Editor)
end

--- Begins a line. Returns what is to be written.
---@param prompt string
---@return string
function Editor:begin(prompt)
  self.prompt, self.chars, self.at = prompt, {}, 0
  self.past, self.kept = #self.history + 1, nil
  return self:draw()
end

-- The part of the line around the cursor that has room, and the columns up to the cursor.
local function visible(self, room)
  local first, width = self.at, 0
  while first > 0 and width + self.width(self.chars[first]) < room do
    width = width + self.width(self.chars[first])
    first = first - 1
  end
  local last, all = self.at, width
  while last < #self.chars and all + self.width(self.chars[last + 1]) < room do
    all = all + self.width(self.chars[last + 1])
    last = last + 1
  end
  return table.concat(self.chars, "", first + 1, last), width
end

--- The line as it is now, for the terminal.
---@return string
function Editor:draw()
  local prompt_width = self.width(self.prompt)
  local text, width = visible(self, math.max(8, self.columns() - prompt_width))
  local column = prompt_width + width
  return "\r" .. self.prompt .. text .. "\27[K\r" .. (column > 0 and ("\27[%dC"):format(column) or "")
end

local function set(self, chars)
  self.chars, self.at = chars, #chars
end

local function go_back(self, step)
  local to = self.past + step
  if to < 1 or to > #self.history + 1 then
    return
  end
  if self.past == #self.history + 1 then
    self.kept = self.chars
  end
  self.past = to
  set(self, self.history[to] and split(self.history[to]) or self.kept or {})
end

local function delete(self, from, to)
  for _ = from, to do
    table.remove(self.chars, from)
  end
  self.at = math.min(self.at, from - 1)
end

local function delete_word(self)
  local from = self.at
  while from > 0 and self.chars[from] == " " do
    from = from - 1
  end
  while from > 0 and self.chars[from] ~= " " do
    from = from - 1
  end
  delete(self, from + 1, self.at)
end

local KEYS = {
  left = function(self)
    self.at = math.max(0, self.at - 1)
  end,
  right = function(self)
    self.at = math.min(#self.chars, self.at + 1)
  end,
  start = function(self)
    self.at = 0
  end,
  finish = function(self)
    self.at = #self.chars
  end,
  up = function(self)
    go_back(self, -1)
  end,
  down = function(self)
    go_back(self, 1)
  end,
  backspace = function(self)
    if self.at > 0 then
      delete(self, self.at, self.at)
    end
  end,
  delete = function(self)
    if self.at < #self.chars then
      local at = self.at
      delete(self, at + 1, at + 1)
      self.at = at
    end
  end,
  to_end = function(self)
    delete(self, self.at + 1, #self.chars)
  end,
  to_start = function(self)
    delete(self, 1, self.at)
  end,
  word = delete_word,
}

local CONTROLS = {
  ["\1"] = "start", ["\2"] = "left", ["\5"] = "finish", ["\6"] = "right", ["\8"] = "backspace", ["\11"] = "to_end",
  ["\14"] = "down", ["\16"] = "up", ["\21"] = "to_start", ["\23"] = "word", ["\127"] = "backspace",
}
-- Behind "\27[" or "\27O".
local SEQUENCES = {
  A = "up", B = "down", C = "right", D = "left", H = "start", F = "finish",
  ["1~"] = "start", ["3~"] = "delete", ["4~"] = "finish", ["7~"] = "start", ["8~"] = "finish",
}

-- The key that the bytes begin with and the rest; nil when more bytes are to come.
local function next_key(bytes)
  local first = bytes:sub(1, 1)
  if first == "\27" then
    local sequence, rest = bytes:match("^\27[%[O]([%d;]*[%a~])(.*)$")
    if sequence then
      return SEQUENCES[sequence] or "nothing", rest
    elseif #bytes < 8 and bytes:find("^\27[%[O]?[%d;]*$") then
      return nil
    end
    return "nothing", bytes:sub(2)
  elseif first:byte() < 32 or first == "\127" then
    return CONTROLS[first] or first, bytes:sub(2)
  end
  local n = first < "\192" and 1 or first < "\224" and 2 or first < "\240" and 3 or 4
  if #bytes < n then
    return nil
  end
  return bytes:sub(1, n), bytes:sub(n + 1)
end

local function insert(self, char)
  self.at = self.at + 1
  table.insert(self.chars, self.at, char)
end

-- What ends the line.
local function ending(self, key)
  if key == "\r" or key == "\n" then
    return "line"
  elseif key == "\3" then
    return "interrupt"
  elseif key == "\4" and #self.chars == 0 then
    return "end"
  end
end

--- Takes bytes that were typed. Returns what is to be written, and when the line is over how: "line" with its text,
--- "interrupt" or "end". What was typed behind it is kept: feed "" begins with that.
---@param bytes string
---@return string output
---@return ("line"|"interrupt"|"end")? how
---@return string? text
function Editor:feed(bytes)
  self.rest = self.rest .. bytes
  while self.rest ~= "" do
    local key, rest = next_key(self.rest)
    if not key then
      break
    end
    self.rest = rest
    local how = ending(self, key)
    if how then
      self.at = #self.chars
      return self:draw() .. "\r\n", how, table.concat(self.chars)
    elseif KEYS[key] then
      KEYS[key](self)
    elseif key == "\4" then
      KEYS.delete(self)
    elseif key == "\t" then
      insert(self, " ")
    elseif key ~= "nothing" and key:byte() >= 32 then
      insert(self, key)
    end
  end
  return self:draw()
end

--- Whether Ctrl-C is among what was typed; what is in front of it is forgotten with it.
---@param bytes string
---@return boolean
function Editor:interrupted(bytes)
  self.rest = self.rest .. bytes
  local at = self.rest:find("\3", 1, true)
  if at then
    self.rest = self.rest:sub(at + 1)
  end
  return at ~= nil
end

--- Adds a line to the history, but not the same twice in a row.
---@param text string
---@return boolean added
function Editor:remember(text)
  if text:find("^%s*$") or text == self.history[#self.history] then
    return false
  end
  table.insert(self.history, text)
  return true
end

return M
