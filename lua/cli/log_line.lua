-- A line of the host's log, as the host wrote it: an object of JSON, or text for people when it runs on a terminal. Tells
-- what is in it, and shows it to people.

local json = require "json"
local time = require "time"

local M = {}

---@class LogLine
---@field text string as it came, without the line's end
---@field entry table? what it says, where it is JSON

--- Splits what the host answered into lines; what is indented belongs to the line above.
---@param body string
---@return LogLine[]
function M.split(body)
  local lines = {}
  for text in body:gmatch("[^\n]+") do
    if text:sub(1, 4) == "    " and lines[1] then
      lines[#lines].text = lines[#lines].text .. "\n" .. text
    else
      local entry = text:sub(1, 1) == "{" and json.decode(text)
      table.insert(lines, { text = text, entry = type(entry) == "table" and entry or nil })
    end
  end
  return lines
end

local function unquoted(text)
  return (text:gsub("\\(.)", "%1"))
end

--- A field of a line as text; nil when it has none of that name.
---@param line LogLine
---@param name string letters and '_'
---@return string?
function M.field(line, name)
  if line.entry then
    local value = line.entry[name]
    return value ~= nil and tostring(value) or nil
  end
  local first = line.text:match("^[^\n]*")
  local _, at = first:find(" " .. name .. "=", 1, true)
  if not at then
    return nil
  elseif first:sub(at + 1, at + 1) ~= '"' then
    return first:match("^%S*", at + 1)
  end
  local stop = at + 2
  while stop <= #first and first:sub(stop, stop) ~= '"' do
    stop = stop + (first:sub(stop, stop) == "\\" and 2 or 1)
  end
  return unquoted(first:sub(at + 2, stop - 1))
end

--- The line as an object.
---@param line LogLine
---@return string JSON
function M.as_json(line)
  return line.entry and line.text or json.encode { msg = line.text }
end

-- ---- for people ----

local COLOURS = { debug = "\27[90m", info = "\27[32m", warn = "\27[33m", error = "\27[31m" }
local OFF = "\27[0m"

local function painted(level, text)
  return (COLOURS[level] or "") .. text .. (COLOURS[level] and OFF or "")
end

local function clock(text)
  local at = type(text) == "string" and time.parse(text)
  if not at then
    return "??:??:??.???"
  end
  return os.date("%H:%M:%S", math.floor(at)) .. (".%03d"):format(math.floor(at % 1 * 1000))
end

local FIRST = { request_id = 1, service = 2 }
local ELSEWHERE = { time = true, level = true, msg = true, traceback = true }

local function keys_of(entry)
  local keys = {}
  for key in pairs(entry) do
    if not ELSEWHERE[key] then
      table.insert(keys, key)
    end
  end
  table.sort(keys, function(a, b)
    local x, y = FIRST[a] or 9, FIRST[b] or 9
    if x ~= y then
      return x < y
    end
    return a < b
  end)
  return keys
end

local function word(value)
  local text = type(value) == "table" and json.encode(value) or tostring(value)
  if text ~= "" and not text:find('[ "=\\%c]') then
    return text
  end
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("\n", "\\n") .. '"'
end

-- As the host writes it on a terminal.
local function readable(entry, printable)
  local parts = {}
  for i, key in ipairs(keys_of(entry)) do
    parts[i] = printable(key .. "=" .. word(entry[key]))
  end
  local level = tostring(entry.level)
  local text = clock(entry.time) .. " " .. painted(level, ("%-5s"):format(printable(level:upper()))) .. " "
    .. printable(tostring(entry.msg)) .. (parts[1] and "  " .. table.concat(parts, " ") or "")
  if type(entry.traceback) == "string" then
    text = text .. "\n    " .. printable(entry.traceback, true):gsub("\n", "\n    ")
  end
  return text
end

local LEVELS = { DEBUG = "debug", ["INFO "] = "info", ["WARN "] = "warn", ERROR = "error" }

--- The line for a terminal, its level in colour.
---@param line LogLine
---@param printable fun(text: string, lines: boolean?): string makes visible what would act on it
---@return string
function M.shown(line, printable)
  if line.entry then
    return readable(line.entry, printable)
  end
  local before, level, behind = line.text:match("^(%d%d:%d%d:%d%d%.%d%d%d )(.....)(.*)$")
  if LEVELS[level] then
    return before .. painted(LEVELS[level], level) .. printable(behind, true)
  end
  return printable(line.text, true)
end

--- The same without colours.
---@param text string
---@return string
function M.plain(text)
  return (text:gsub("\27%[%d*m", ""))
end

return M
