-- Prints results: tables that line up for people, JSON for programs.

local json = require "json"
local time = require "time"

local M = {}

local GAP = 3 -- blanks between columns

-- Width in characters of a UTF-8 text.
local function width(text)
  return utf8.len(text) or #text
end

--- Prints a table. Cells are texts; the last column is not padded.
---@param header string[]
---@param rows string[][]
function M.table(header, rows)
  local widths = {}
  for i, cell in ipairs(header) do
    widths[i] = width(cell)
  end
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      widths[i] = math.max(widths[i], width(cell))
    end
  end
  local function line(row)
    local parts = {}
    for i, cell in ipairs(row) do
      parts[i] = i == #row and cell or cell .. (" "):rep(widths[i] - width(cell) + GAP)
    end
    io.write((table.concat(parts):gsub("%s+$", "")), "\n")
  end
  line(header)
  for _, row in ipairs(rows) do
    line(row)
  end
end

--- Prints a value as indented JSON.
function M.json(value)
  io.write(json.encode(value, { indent = 2 }), "\n")
end

local UNITS = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } }

--- "12s ago", "never".
---@param text string? RFC 3339
function M.ago(text)
  local at = text and time.parse(text)
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
