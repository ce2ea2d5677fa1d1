-- What makes a password too easy to guess. Plain functions of texts, for policy.lua and for policies of your own: nothing is
-- stored, asked or waited for here.
--
-- A guesser begins with the passwords that most people have: a few thousand words, with digits behind them, with digits and
-- signs for letters, said twice or backwards, or a walk over the keyboard. Each of those costs one guess, and none of them is a
-- password. What remains is for the person to choose: there is no rule about capitals, digits and signs, since all that such
-- rules give is "Password1!".

local lazy = require "lazy"

local common = lazy "common" -- a long list, which most states never need

local M = {}

-- Where one key leads to the next; and the same backwards.
local WALKS = "abcdefghijklmnopqrstuvwxyz 01234567890 qwertyuiop[] asdfghjkl; zxcvbnm,./ qwertzuiop yxcvbnm azertyuiop "
  .. "qsdfghjklm wxcvbn 1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik, !qaz @wsx #edc !@#$%^&*() "
WALKS = WALKS .. WALKS:reverse()

local STEP = 3      -- characters of a walk, at least; and of what a name must have before a password is compared with it
local AFFIX = 5     -- characters before or behind a word that do not make it a better password
local DISTINCT = 4  -- different bytes that a password has, at least
local DIGITS = 12   -- a password of digits alone has as many; fewer are dates and telephone numbers

-- What stands for a letter. "1" may be an i or an l.
local LETTERS = { ["0"] = "o", ["1"] = "i", ["3"] = "e", ["4"] = "a", ["5"] = "s", ["7"] = "t", ["8"] = "b", ["@"] = "a",
  ["$"] = "s", ["!"] = "i", ["|"] = "l", ["+"] = "t" }

local function to_letters(text)
  local read = text:gsub("[0134578@$!|+]", LETTERS)
  return read, (text:gsub("[1!]", "l"):gsub("[034578@$|+]", LETTERS))
end

-- Where a run that begins at `from` ends: of one character, or along a walk. A run of one character is no run.
local function run_end(text, from)
  local same = from
  while text:byte(same + 1) == text:byte(from) do
    same = same + 1
  end
  local walk = from
  while walk < #text and WALKS:find(text:sub(from, walk + 1), 1, true) do
    walk = walk + 1
  end
  return math.max(same, walk)
end

-- Whether a text is nothing but runs: aaaabbbb, qwerty123456, 123qweasd.
local function all_runs(text)
  local at = 1
  while at <= #text do
    local last = run_end(text, at)
    if last - at + 1 < STEP then
      return false
    end
    at = last + 1
  end
  return true
end

-- Every second character, from the first or the second.
local function every_second(text, from)
  local list = {}
  for i = from, #text, 2 do
    table.insert(list, text:sub(i, i))
  end
  return table.concat(list)
end

-- A walk, or two that take turns: 1q2w3e4r.
local function is_walk(text)
  return all_runs(text) or (#text >= 2 * STEP and all_runs(every_second(text, 1)) and all_runs(every_second(text, 2)))
end

-- The piece that a text repeats, or the text: "abc" of "abcabc".
local function piece(text)
  for n = 1, #text // 2 do
    if #text % n == 0 and text == text:sub(1, n):rep(#text // n) then
      return text:sub(1, n)
    end
  end
  return text
end

-- The word inside of digits and signs, when these add nothing: a few, or a walk.
local function word(text)
  local before, inner, behind = text:match("^([^%a\128-\255]*)(.-)([^%a\128-\255]*)$")
  local function adds(affix)
    return #affix > AFFIX and not is_walk(affix)
  end
  return inner ~= "" and not adds(before) and not adds(behind) and inner or text
end

local function is_listed(text)
  return #text >= STEP and common.WORDS:find(" " .. text .. " ", 1, true) ~= nil
end

-- All that a lower-case text may be read as; `visit` says true to stop.
local function any_reading(text, visit)
  for _, whole in ipairs { text, word(text), piece(text), word(piece(text)) } do
    local one, other = to_letters(whole)
    if visit(whole) or visit(one) or visit(other) then
      return true
    end
  end
  return false
end

local function distinct_bytes(text)
  local seen, n = {}, 0
  for i = 1, #text do
    local byte = text:byte(i)
    if not seen[byte] then
      seen[byte], n = true, n + 1
    end
  end
  return n
end

--- How many characters a text has; bytes when it is not UTF-8.
---@param text string
---@return integer
function M.length(text)
  return utf8.len(text) or #text
end

--- Whether a password is among those that are tried first. Capitals do not matter.
---@param password string
---@return boolean
function M.is_common(password)
  local text = password:lower()
  if distinct_bytes(text) < DISTINCT or is_walk(text) or (#text < DIGITS and text:find("^%d*$")) then
    return true
  end
  return any_reading(text, function(reading)
    return is_listed(reading) or is_listed(reading:reverse())
  end)
end

-- What everybody knows of an account, in lower case.
local function known_of(account)
  local known = {}
  local function add(text)
    if text and #text >= STEP then
      table.insert(known, text:lower())
    end
  end
  for _, text in ipairs { account.slug or "", account.name or "", account.contact or "" } do
    add(text)
    add((text:gsub("[%s_-]", "")))
    add(text:match("^[^@]+"))
  end
  for part in (account.name or ""):gmatch("%S+") do
    add(part)
  end
  return known
end

--- Whether a password is the account's slug, name or contact, or one of these with a few digits, or backwards.
---@param password string
---@param account { slug: string?, name: string?, contact: string? }
---@return boolean
function M.is_own_name(password, account)
  local known = known_of(account)
  return any_reading(password:lower(), function(reading)
    for _, text in ipairs(known) do
      if reading == text or reading:reverse() == text then
        return true
      end
    end
    return false
  end)
end

return M
