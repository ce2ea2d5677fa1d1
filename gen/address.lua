-- address: one e-mail address, alone or behind a display name (RFC 5322 section 3.4, without groups). Pure.

local M = {}

-- Each reader takes the text and where it begins; it gives what it read and where that ends, or nil.

-- Blanks and comments, which may be nested.
local function skip(text, at)
  at = text:match("^[ \t]*()", at)
  while text:sub(at, at) == "(" do
    local depth = 0
    repeat
      local c = text:sub(at, at)
      if c == "" then
        return nil
      end
      depth = depth + (c == "(" and 1 or c == ")" and -1 or 0)
      at = at + (c == "\\" and 2 or 1)
    until depth == 0
    at = text:match("^[ \t]*()", at)
  end
  return at
end

local function quoted(text, at)
  local parts = {}
  at = at + 1
  while true do
    local plain, after = text:match('^([^"\\%c\x7f]+)()', at)
    local pair = text:match('^\\([^%c\x7f])', at)
    if plain then
      table.insert(parts, plain)
      at = after
    elseif pair then
      table.insert(parts, pair)
      at = at + 2
    elseif text:sub(at, at) == '"' then
      return table.concat(parts), at + 1
    else
      return nil
    end
  end
end

-- Words joined by dots.
local function atom(text, at)
  local found, after = text:match("^([a-zA-Z0-9!#$%%&'*+/=?^_`{|}~.\x80-\xff-]+)()", at)
  return found, after
end

local function dot_atom(text, at)
  local found, after = atom(text, at)
  if not found or found:match("^%.") or found:match("%.$") or found:find("..", 1, true) then
    return nil
  end
  return found, after
end

-- local@domain
local function spec(text, at)
  local name, domain
  if text:sub(at, at) == '"' then
    name, at = quoted(text, at)
  else
    name, at = dot_atom(text, at)
  end
  if not name or text:sub(at, at) ~= "@" then
    return nil
  end
  domain, at = dot_atom(text, text:match("^@[ \t]*()", at))
  if not domain then
    return nil
  end
  return name .. "@" .. domain, at
end

-- The words before an address in angle brackets.
local function phrase(text, at)
  local word
  repeat
    at = text:match("^[ \t]*()", at)
    local after
    if text:sub(at, at) == '"' then
      word, after = quoted(text, at)
    else
      word, after = atom(text, at)
    end
    at = after or at
  until not word
  return at
end

--- The address in a text: hello@example.com of "Hello <hello@example.com>". nil when it holds none, or more.
---@param text string
---@return string?
function M.parse(text)
  local start = text:match("^[ \t]*()")
  local address, at = spec(text, start)
  if not address then
    at = phrase(text, start)
    if text:sub(at, at) ~= "<" then
      return nil
    end
    address, at = spec(text, text:match("^<[ \t]*()", at))
    if not address or text:sub(at, at) ~= ">" then
      return nil
    end
    at = at + 1
  end
  return skip(text, at) == #text + 1 and address or nil
end

return M
