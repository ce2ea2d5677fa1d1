-- Prints results: tables that line up for people, JSON for programs. What strangers wrote reaches a terminal with its
-- control characters made visible: they could rewrite the screen.

local cli = require "cli"
local errors = require "errors"
local json = require "json"
local time = require "time"

local M = {}

local GAP = 3 -- blanks between columns
local BROKEN_PIPE = 32 -- EPIPE

-- A reader who left has seen enough: that is no success, and nothing to talk about.
local function check(written, why, code)
  if not written then
    local e = errors.new(500, "cannot write the output: " .. why)
    e.quiet = code == BROKEN_PIPE
    error(e, 0)
  end
end

--- Prints texts as they are. Raises when they cannot be written.
---@param ... string
function M.write(...)
  check(io.write(...))
end

--- Makes sure that all of it is out, now. Raises when it cannot be written.
function M.flush()
  check(io.stdout:flush())
end

-- How many columns of these widths there is room for, one at least.
local function fitting(widths, room)
  local taken = 0
  for i, width in ipairs(widths) do
    taken = taken + width + (i > 1 and GAP or 0)
    if taken > room then
      return math.max(1, i - 1)
    end
  end
  return #widths
end

--- Lays out a table, a line for each row. Cells are texts, nil is empty; the last column is not padded.
---@param header string[]
---@param rows string[][]
---@param right table<integer, boolean>? columns of numbers, which stand at the right
---@param room integer? how wide it may be: columns that do not fit whole are left out
---@return string[] lines without their ends
function M.lines(header, rows, right, room)
  local widths, lines = {}, {}
  for n, row in ipairs(table.move(rows, 1, #rows, 2, { header })) do
    lines[n] = {}
    for i = 1, #header do
      local text, columns = cli.printable(tostring(row[i] or ""))
      lines[n][i] = { text = text, columns = columns }
      widths[i] = math.max(widths[i] or 0, columns)
    end
  end
  local texts, shown = {}, fitting(widths, room or math.huge)
  for n, line in ipairs(lines) do
    local parts = {}
    for i = 1, shown do
      local cell = line[i]
      local blanks = (" "):rep(widths[i] - cell.columns)
      parts[i] = right and right[i] and blanks .. cell.text or cell.text .. blanks
    end
    texts[n] = table.concat(parts, (" "):rep(GAP)):gsub(" +$", "")
  end
  return texts
end

--- Prints a table, as `lines` lays it out.
---@param header string[]
---@param rows string[][]
---@param right table<integer, boolean>?
function M.table(header, rows, right)
  for _, line in ipairs(M.lines(header, rows, right)) do
    M.write(line, "\n")
  end
end

--- Prints a text as it is; on a terminal what would act on it is made visible.
---@param text string
function M.text(text)
  M.write(cli.is_terminal(1) and cli.printable(text, true) or text)
end

--- Prints a value as indented JSON.
function M.json(value)
  M.text(json.encode(value, { indent = 2 }) .. "\n")
end

--- "1 worker", "2 workers".
---@param n integer
---@param what string of one
---@return string
function M.plural(n, what)
  return ("%d %s%s"):format(n, what, n == 1 and "" or "s")
end

local UNITS = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } }

--- "12s ago", "never".
---@param text string? RFC 3339
function M.ago(text)
  local at = type(text) == "string" and time.parse(text)
  if not at or at <= 0 then
    return "never"
  end
  local seconds = math.max(0, math.floor(time.now() - at))
  for _, unit in ipairs(UNITS) do
    if seconds >= unit[1] then
      return ("%d%s ago"):format(seconds // unit[1], unit[2])
    end
  end
  return "0s ago"
end

return M
