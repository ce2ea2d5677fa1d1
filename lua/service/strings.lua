-- service.strings: texts in several languages, and which languages a caller wants.
--
-- A bundle is resources/strings.yaml: under each key the text by language, and "default" for all others.
--
--     hello:
--       default: Hello
--       it: Ciao
--
-- Keys and languages are the same in upper and lower case.

local yaml = require "yaml"

local M = {}

--- The bundle's file.
M.FILE = "strings.yaml"

local LANGUAGES = 32 -- of one header
local TAG = 64 -- bytes of a language tag (RFC 5646 section 4.4.1 asks for 35)

-- ---- what callers want ----

-- A language tag, lenient about which exist (RFC 5646 section 2.1): letters and digits between dashes.
local function is_tag(text)
  return #text <= TAG and text:find("^%w+[%w-]*$") ~= nil
end

-- The weight in thousandths, 1000 without one; nil when it is none (RFC 9110 section 12.4.2).
local function weight(parameters)
  if parameters == "" then
    return 1000
  end
  local whole, digits = parameters:match("^;%s*[qQ]=([01])%.?(%d*)%s*$")
  if not whole or #digits > 3 then
    return nil
  end
  local thousandths = math.tointeger(whole) * 1000 + math.tointeger((digits .. "000"):sub(1, 3))
  return thousandths <= 1000 and thousandths or nil
end

--- The languages of an Accept-Language header, the most wanted first, those of the same weight in their order (RFC 9110
--- section 12.5.4). At most 32; what is not wanted (q=0), "*" and what is malformed are left out.
---@param header string?
---@return string[]
function M.languages(header)
  local found = {}
  for member in (header or ""):gmatch("[^,]+") do
    local tag, parameters = member:match("^%s*([^;%s]+)%s*(.*)$")
    local q = tag and is_tag(tag) and weight(parameters)
    if q and q > 0 then
      table.insert(found, { tag = tag, q = q, position = #found })
    end
    if #found == LANGUAGES then
      break
    end
  end
  table.sort(found, function(a, b)
    return a.q > b.q or (a.q == b.q and a.position < b.position)
  end)
  local languages = {}
  for i, each in ipairs(found) do
    languages[i] = each.tag
  end
  return languages
end

-- ---- the bundle ----

---@class StringBundle
---@field texts table<string, table<string, string>> key -> language -> text, both in lower case
local Bundle = {}
Bundle.__index = Bundle

local function wrong(node, message, ...)
  error(("%s:%d:%d: %s"):format(M.FILE, node.line, node.column, message:format(...)), 0)
end

-- The names of a map, in lower case; each value made by `make`.
local function read_map(node, what, make)
  if node.kind ~= "map" then
    wrong(node, "expected %s", what)
  end
  local out, lines = {}, {}
  for _, key in ipairs(node.keys) do
    local name = key.name:lower()
    if out[name] ~= nil then
      wrong(key, "'%s' is there twice, line %d has it: upper and lower case are the same", key.name, lines[name])
    end
    lines[name] = key.line
    out[name] = make(key.value)
  end
  return out
end

local function read_text(node)
  if node.kind == "map" or node.kind == "list" then
    wrong(node, "expected a text, got a %s", node.kind)
  end
  return node.value or "" -- nothing behind the colon
end

local function read_key(node)
  return read_map(node, "the text by language, as in 'en: Hello'", read_text)
end

--- Reads a bundle. Raises what is wrong with it, and where.
---@param source string YAML
---@return StringBundle
function M.parse(source)
  local tree, message = yaml.parse(source)
  if not tree then
    error(("%s: %s"):format(M.FILE, message), 0)
  end
  return setmetatable({ texts = read_map(tree, "keys with the text by language", read_key) }, Bundle)
end

-- The text for a language: its own, or that of the tag without its last part, and so on.
local function best(texts, language)
  local tag = language:lower()
  while tag do
    if texts[tag] then
      return texts[tag]
    end
    tag = tag:match("^(.*)%-")
  end
end

--- The text of a key for the first of the languages that it has; else that of `default`, else of `en`, else "". Nil
--- when there is no such key.
---@param languages string[]? the most wanted first
---@param key string
---@return string?
function Bundle:find(languages, key)
  local texts = self.texts[key:lower()]
  if not texts then
    return nil
  end
  for i, language in ipairs(languages or {}) do
    local text = i <= LANGUAGES and is_tag(language) and best(texts, language)
    if text then
      return text
    end
  end
  return texts.default or texts.en or ""
end

return M
