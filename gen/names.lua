-- names: which names a declaration may use, and how one kind of name becomes another. Pure.

local M = {}

-- ---- conversions ----

local LOWER, UPPER = "^[a-z]$", "^[A-Z]$"

-- Whether a word begins at the upper-case letter between `before` and `after`. A name is read as if a lower-case letter
-- followed it; that one ends an abbreviation only when more than one letter of it is left.
local function begins_word(before, after, last)
  if before:match(LOWER) then
    return after:match(LOWER) or after:match(UPPER)
  end
  return before:match(UPPER) and after:match(LOWER) and not last
end

--- FooBar -> foo-bar, HTTPServer -> http-server, OnEvent1 -> on-event1. Digits begin no word.
---@param name string
---@return string
function M.kebab(name)
  local out = { name:sub(1, 1):lower() }
  for i = 2, #name do
    local letter, last = name:sub(i, i), i == #name
    if letter:match(UPPER) and begins_word(name:sub(i - 1, i - 1), last and "a" or name:sub(i + 1, i + 1), last) then
      table.insert(out, "-")
    end
    table.insert(out, letter:lower())
  end
  return table.concat(out)
end

--- FooBar -> foo_bar.
---@param name string
---@return string
function M.snake(name)
  return (M.kebab(name):gsub("-", "_"))
end

local ABBREVIATIONS = {}
for word in ("http https url json xml html api css id sql"):gmatch("%a+") do
  ABBREVIATIONS[word] = true
end

--- fooBar -> FooBar, urlEncoder -> URLEncoder, id -> ID: the name of a field or test that an argument stands for.
---@param name string
---@return string
function M.capitalize(name)
  local word, rest = name:match("^([^A-Z]*)(.*)$")
  if ABBREVIATIONS[word] then
    return word:upper() .. rest
  end
  return word:sub(1, 1):upper() .. word:sub(2) .. rest
end

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
    until while]]):gmatch("%a+") do
  KEYWORDS[word] = true
end

--- The name of an argument as a local variable of Lua: that of a keyword gets an underscore.
---@param name string
---@return string
function M.variable(name)
  return KEYWORDS[name] and name .. "_" or name
end

-- ---- checks ----

--- Arguments, fields, path arguments: fooBar.
---@param text string
---@return boolean
function M.is_identifier(text)
  return text:match("^[a-z][a-zA-Z0-9]*$") ~= nil
end

--- Handlers and complex types: FooBar.
---@param text string
---@return boolean
function M.is_handler(text)
  return text:match("^[A-Z][a-zA-Z0-9]*$") ~= nil
end

--- Events and sinks: OnFooBar.
---@param text string
---@return boolean
function M.is_event(text)
  return text:match("^On[A-Z][a-zA-Z0-9]*$") ~= nil
end

--- Configs and tickers at run time, where case does not matter.
---@param text string
---@return boolean
function M.is_config(text)
  return text:lower():match("^[a-z][a-z0-9]*$") ~= nil
end

M.is_ticker = M.is_config

--- The method of a request, in upper case: any word is one, ANY stands for all.
---@param text string
---@return boolean
function M.is_method(text)
  return text:match("^[A-Z]+$") ~= nil
end

--- The queue of a subscription.
---@param text string
---@return boolean
function M.is_queue(text)
  return text:match("^[a-zA-Z0-9.]+$") ~= nil
end

--- The plane, which keeps deployments apart on a shared bus; empty is the default one.
---@param text string
---@return boolean
function M.is_plane(text)
  return text:match("^[a-zA-Z0-9]*$") ~= nil
end

--- The package path of a service as sinks name it: services/shop.
---@param text string
---@return boolean
function M.is_source(text)
  for segment in (text .. "/"):gmatch("([^/]*)/") do
    if not segment:match("^[a-z][a-zA-Z0-9.-]*$") then
      return false
    end
  end
  return true
end

local HOST_MAX = 253 -- characters, as in the DNS

--- A hostname in lower case: labels of letters, digits, '_' and '-', separated by single dots. nil when it is none.
---@param text string
---@return string?
function M.hostname(text)
  text = text:lower()
  if #text > HOST_MAX then
    return nil
  end
  for label in (text .. "."):gmatch("([^.]*)%.") do
    if not label:match("^[a-z0-9_-]+$") then
      return nil
    end
  end
  return text
end

--- Whether a hostname, in lower case, stands for all services: no service may be called so.
---@param host string
---@return boolean
function M.is_reserved_host(host)
  return host == "all" or host:match("%.all$") ~= nil
end

return M
