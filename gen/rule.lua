-- rule: what the values of a config must be: "int [1,10]", "str ^[a-z]+$", "set a|b|c". Pure.

local address = require "gen.address"
local duration = require "gen.duration"
local json = require "json"
local regex = require "regex"
local scalar = require "gen.scalar"
local url = require "gen.url"

local M = {}

---@class Rule
---@field text string as it was written, without blanks before it
---@field type "str"|"bool"|"int"|"float"|"dur"|"set"|"url"|"email"|"json"
---@field pattern Regex? of a str
---@field members string[]? of a set
---@field low number? of an int, a float or a dur (nanoseconds)
---@field high number?
---@field above boolean? whether the low end itself is out
---@field below boolean? whether the high end itself is out
local Rule = {}
Rule.__index = Rule

local WORDS = { [""] = "str" }
for kind, words in pairs {
  str = "str string text", bool = "bool boolean", int = "int integer long", float = "float double decimal number",
  dur = "dur duration", set = "set", url = "url", email = "email", json = "json",
} do
  for word in words:gmatch("%S+") do
    WORDS[word] = kind
  end
end

-- How values with an order are read.
local READ = {
  int = scalar.int,
  float = scalar.float,
  dur = function(text)
    return (duration.parse(text))
  end,
}

-- ---- what follows the type: sets fields of the rule, or returns what is wrong ----

local function read_pattern(rule, spec)
  if spec ~= "" then
    local why
    rule.pattern, why = regex.compile(spec)
    return why
  end
end

local function read_nothing(rule, spec)
  return spec ~= "" and ("%s takes nothing behind it, and not '%s'"):format(rule.type, spec) or nil
end

local function read_members(rule, spec)
  if spec == "" then
    return "a set needs members, such as set a|b|c"
  end
  rule.members = {}
  for member in (spec .. "|"):gmatch("([^|]*)|") do
    table.insert(rule.members, member)
  end
end

local function read_range(rule, spec)
  if spec == "" then
    return nil
  end
  local open, low, high, close = spec:match("^([%[(])([^,]*),([^,]*)([%])])$")
  if not open then
    return ("'%s' is no range, such as [1,10] or (0,]"):format(spec)
  end
  local read = READ[rule.type]
  rule.low, rule.high = read(low), read(high)
  rule.above, rule.below = open == "(", close == ")"
  if low ~= "" and not rule.low then
    return ("'%s' is no value of type %s"):format(low, rule.type)
  elseif high ~= "" and not rule.high then
    return ("'%s' is no value of type %s"):format(high, rule.type)
  end
end

local SPECS = {
  str = read_pattern, int = read_range, float = read_range, dur = read_range, set = read_members,
  bool = read_nothing, url = read_nothing, email = read_nothing, json = read_nothing,
}

--- Makes a rule of its text.
---@param text string a type, and what it needs behind one blank; the type in any case
---@return Rule?
---@return string? message
function M.compile(text)
  text = text:match("^%s*(.*)$")
  local word, spec = text:match("^([^ ]*) ?(.*)$")
  local kind = WORDS[word:lower()]
  if not kind then
    return nil, ("there is no type '%s'; there are str, bool, int, float, dur, set, url, email and json"):format(word)
  end
  local rule = setmetatable({ text = text, type = kind }, Rule)
  local why = SPECS[kind](rule, spec)
  if why then
    return nil, why
  end
  return rule
end

-- ---- values ----

local function in_range(rule, text)
  local value = READ[rule.type](text)
  if not value then
    return false
  end
  local low, high = rule.low, rule.high
  return (not low or value > low or (not rule.above and value == low))
    and (not high or value < high or (not rule.below and value == high))
end

local ACCEPTS = {
  int = in_range, float = in_range, dur = in_range,
  str = function(rule, text)
    if not rule.pattern then
      return true
    end
    local found, why = rule.pattern:matches(text)
    return found or false, why
  end,
  bool = function(_, text)
    return scalar.bool(text) ~= nil
  end,
  set = function(rule, text)
    for _, member in ipairs(rule.members) do
      if member == text then
        return true
      end
    end
    return false
  end,
  url = function(_, text)
    local parsed = url.parse(text)
    return parsed ~= nil and parsed.hostname ~= ""
  end,
  email = function(_, text)
    local found = address.parse(text)
    return found ~= nil and found:match("^.+@.+%...+$") ~= nil
  end,
  json = function(_, text)
    return json.decode(text) ~= nil
  end,
}

--- Whether a value obeys the rule.
---@param text string
---@return boolean
---@return string? message when that could not be found out: the text is too long for the regular expression
function Rule:accepts(text)
  return ACCEPTS[self.type](self, text)
end

return M
