-- template.page: where in an HTML page the text of a template has come to, and so how a value is written there. Follows
-- the tokenization of the HTML standard (html.spec.whatwg.org, section 13.2.5) as far as templates need it.
--
-- A place is a small table, made once per point of the template while it is compiled; nothing of this is left at run
-- time but the function that escapes.

local escape = require "template.escape"
local script = require "template.script"

local M = {}

---@class PagePlace
---@field mode string text, comment, markup (<!…>), open (behind "<"), name (of a tag), tag, attribute (its
--- name), behind (that), equals (behind "="), value, raw (in an element of RAW)
---@field element string of the tag, or the element whose raw text we are in
---@field closing boolean? the tag ends an element
---@field glued boolean? in a tag: a blank must come before the next attribute
---@field attribute string?
---@field quote string? of the value; "" = none
---@field kind string? of the value: plain, url, script, css, page (srcdoc)
---@field url string? of a url: start; begun (its scheme may go on), path, query, mixed (one of these), code (javascript:)
---@field script ScriptPlace? of a script
---@field held string? characters that may belong to a longer mark

local function set(words)
  local out = {}
  for word in words:gmatch("%S+") do
    out[word] = true
  end
  return out
end

-- Elements whose content is no markup.
local RAW = set "script style title textarea iframe noembed noframes xmp"
local URLS = set([[action archive background cite classid codebase data formaction href icon longdesc manifest ping poster
  profile src usemap xlink:href]])

---@return PagePlace
function M.new()
  return { mode = "text", element = "" }
end

local FIELDS = { "mode", "element", "closing", "glued", "attribute", "quote", "kind", "url", "held" }
local SCRIPT_FIELDS = { "inside", "before", "escaped", "opaque" }

--- A text that is the same for equal places.
---@param place PagePlace
---@return string
function M.key(place)
  local parts = {}
  for _, name in ipairs(FIELDS) do
    table.insert(parts, tostring(place[name]))
  end
  for _, name in ipairs(SCRIPT_FIELDS) do
    table.insert(parts, tostring(place.script and place.script[name]))
  end
  return table.concat(parts, "|")
end

---@param place PagePlace
---@return PagePlace
function M.copy(place)
  local out = {}
  for name, value in pairs(place) do
    out[name] = value
  end
  if place.script then
    out.script = {}
    for name, value in pairs(place.script) do
      out.script[name] = value
    end
  end
  return out
end

-- ---- reading text ----

local function enter(place, mode)
  place.mode = mode
  if mode == "text" then
    place.element, place.closing = "", nil
  end
end

local function kind_of(attribute)
  if attribute == "srcdoc" then
    return "page"
  elseif attribute == "style" then
    return "css"
  elseif attribute:find("^on") then
    return "script"
  end
  return URLS[attribute] and "url" or "plain"
end

local function begin_value(place, quote)
  place.mode, place.quote, place.kind = "value", quote, kind_of(place.attribute)
  place.url = place.kind == "url" and "start" or nil
  place.script = place.kind == "script" and script.new() or nil
end

local function end_value(place)
  place.mode, place.glued = "tag", nil
  place.attribute, place.quote, place.kind, place.url, place.script = nil, nil, nil, nil, nil
end

local function end_tag(place)
  place.glued, place.attribute = nil, nil
  if not place.closing and RAW[place.element] then
    place.mode = "raw"
    place.script = place.element == "script" and script.new() or nil
  else
    enter(place, "text")
  end
end

-- What a literal part of a URL says about what follows it. What values may have made a scheme gets no ':' behind it.
local function feed_url(place, text)
  local part = text:gsub("[%c ]", "")
  local mark = part:match("[:/?#]")
  if place.url == "start" and part:lower():find("^%a*script:") then
    place.url = "code"
  elseif place.url == "code" or part == "" then
    return true
  elseif mark == ":" and (place.url == "begun" or place.url == "mixed") then
    return nil, "this ':' may end a scheme that values are part of: write the scheme in one piece"
  elseif part:find("[?#]") or (mark and place.url == "mixed") then
    place.url = "query"
  elseif mark and place.url ~= "query" then
    place.url = "path"
  elseif place.url == "start" then
    place.url = "begun"
  end
  return true
end

local function feed_value(place, text)
  if place.kind == "url" then
    return feed_url(place, text)
  elseif place.kind == "script" then
    place.script.opaque = place.script.opaque or text:find("&[%w#]") ~= nil or nil
    return script.feed(place.script, text)
  end
  return true
end

-- Each takes the place, the text and a position; gives the position behind what it understood, or nil and what is
-- wrong.
local STEP = {}

function STEP.text(place, text, at)
  local stop = text:find("<", at, true)
  if not stop then
    return #text + 1
  elseif text:find("^<!%-%-", stop) then
    enter(place, "comment")
    return stop + 4
  elseif text:find("^<[!?]", stop) then
    if text:find("^<!%-?$", stop) then -- may become a comment
      place.held = text:sub(stop)
      return #text + 1
    end
    enter(place, "markup")
    return stop + 2
  elseif text:find("^</?$", stop) then -- a value must not become the name of a tag
    enter(place, "open")
    place.held = text:sub(stop)
    return #text + 1
  elseif text:find("^</?%a", stop) then
    enter(place, "name")
    local slash = text:sub(stop + 1, stop + 1) == "/"
    place.closing = slash or nil
    return stop + (slash and 2 or 1)
  end
  return stop + 1
end

function STEP.open(place, text, at)
  enter(place, "text")
  return STEP.text(place, text, at)
end

function STEP.comment(place, text, at)
  local _, stop = text:find("%-%-!?>", at)
  if stop then
    enter(place, "text")
    return stop + 1
  end
  place.held = text:match("%-%-!?$", at) or text:match("%-$", at)
  return #text + 1
end

function STEP.markup(place, text, at)
  local stop = text:find(">", at, true)
  if stop then
    enter(place, "text")
  end
  return (stop or #text) + 1
end

function STEP.name(place, text, at)
  local name = text:match("^[^%s/>]*", at)
  place.element = place.element .. name:lower()
  at = at + #name
  if at <= #text then
    place.mode = "tag"
  end
  return at
end

function STEP.tag(place, text, at)
  local char = text:sub(at, at)
  if char == ">" then
    end_tag(place)
    return at + 1
  elseif char:find("[%s/]") then
    place.glued = nil
    return text:match("^[%s/]+()", at)
  elseif char == "=" then
    return nil, "an '=' without the name of an attribute right in front of it"
  elseif place.glued then
    return nil, "the name of an attribute must be in one piece: put a blank in front of it"
  end
  place.mode, place.attribute = "attribute", ""
  return at
end

function STEP.attribute(place, text, at)
  local name = text:match("^[^%s/>=]*", at)
  place.attribute = place.attribute .. name:lower()
  at = at + #name
  if at <= #text then
    place.mode = "behind"
  end
  return at
end

function STEP.behind(place, text, at)
  at = text:match("^%s*()", at)
  if at > #text then
    return at
  elseif text:sub(at, at) == "=" then
    place.mode = "equals"
    return at + 1
  end
  place.mode, place.attribute = "tag", nil
  return at
end

function STEP.equals(place, text, at)
  at = text:match("^%s*()", at)
  local char = text:sub(at, at)
  if char == '"' or char == "'" then
    begin_value(place, char)
    return at + 1
  elseif char == ">" then
    place.mode, place.attribute = "tag", nil
  elseif char ~= "" then
    begin_value(place, "")
  end
  return at
end

function STEP.value(place, text, at)
  local quoted = place.quote ~= ""
  local stop = text:find(quoted and place.quote or "[%s>]", at, quoted)
  local ok, message = feed_value(place, text:sub(at, (stop or #text + 1) - 1))
  if not ok then
    return nil, message
  elseif stop then
    end_value(place)
    return quoted and stop + 1 or stop
  end
  return #text + 1
end

-- Where the content of the element ends: at its end tag.
local function find_end(text, at, element)
  local lower = text:lower()
  while true do
    local start, stop = lower:find("</" .. element, at, true)
    if not start or lower:find("^[%s/>]", stop + 1) then
      return start, stop
    end
    at = stop + 1
  end
end

-- The longest end of the text with which "</element" may begin.
local function partial_end(text, at, element)
  local mark = "</" .. element
  for n = math.min(#mark, #text - at + 1), 1, -1 do
    if text:sub(-n):lower() == mark:sub(1, n) then
      return text:sub(-n)
    end
  end
end

function STEP.raw(place, text, at)
  local start, stop = find_end(text, at, place.element)
  place.held = not start and partial_end(text, at, place.element) or nil
  if place.script then
    local ok, message = script.feed(place.script, text:sub(at, (start or #text + 1 - #(place.held or "")) - 1))
    if not ok then
      return nil, message
    end
  end
  if not start then
    return #text + 1
  end
  place.mode, place.closing, place.script = "tag", true, nil
  return stop + 1
end

--- Reads on. Nil, or what is wrong.
---@param place PagePlace changed
---@param text string
---@return string?
function M.feed(place, text)
  if place.held then
    text, place.held = place.held .. text, nil
  end
  local at = 1
  while at <= #text do
    local next_at, message = STEP[place.mode](place, text, at)
    if not next_at then
      return message
    end
    at = next_at
  end
end

-- What was held back is no longer mark than it is.
local function release(place)
  local held = place.held
  place.held = nil
  if held and place.mode == "raw" and place.script then
    script.feed(place.script, held)
  end
end

--- At a tag of the template: what was begun with names ends here.
---@param place PagePlace changed
function M.cut(place)
  if place.mode == "name" or place.mode == "attribute" then
    place.mode, place.attribute, place.glued = "tag", nil, true
  elseif place.mode == "behind" then
    place.mode, place.attribute = "tag", nil
  end
end

-- ---- places that meet ----

local function equal_but(a, b, ...)
  local x, y = M.copy(a), M.copy(b)
  for _, name in ipairs { ... } do
    x[name], y[name] = nil, nil
  end
  return M.key(x) == M.key(y)
end

local KNOWN = { path = true, query = true } -- parts of a URL: its scheme is over

local function join_urls(a, b)
  if a == b then
    return a
  elseif a == "code" or b == "code" then
    return "code"
  end
  return KNOWN[a] and KNOWN[b] and "query" or "mixed"
end

--- The place from which either of two goes on, or nil when there is none. The result is the more careful one.
---@param a PagePlace
---@param b PagePlace
---@return PagePlace?
function M.join(a, b)
  if not equal_but(a, b, "glued", "url", "script") or (a.script == nil) ~= (b.script == nil) then
    return nil
  end
  local out = M.copy(a)
  out.glued = a.glued or b.glued
  out.url = join_urls(a.url, b.url)
  out.script = a.script and script.join(a.script, b.script)
  if a.script and not out.script then
    return nil
  end
  return out
end

--- A place for what may come here again and again, or out of other places: `text` is what follows.
---@param place PagePlace changed
---@param text string
function M.widen(place, text)
  if place.url and place.url ~= "code" then
    place.url = KNOWN[place.url] and "query" or "mixed"
  elseif place.script and not place.script.inside then
    place.script.before = "unknown"
  elseif place.mode == "tag" and text:find("^[%s/>]") then
    place.glued = true
  end
end

--- Where that is, for people.
---@param place PagePlace
---@return string
function M.describe(place)
  if place.attribute then
    return ("in the attribute '%s'"):format(place.attribute)
  elseif place.mode == "raw" then
    return ("in <%s>"):format(place.element)
  elseif place.mode == "text" then
    return "in text"
  end
  return place.mode == "comment" and "in a comment" or "inside a tag"
end

-- ---- values ----

local function same(text)
  return text
end

local function twice(text)
  return escape.html(escape.html(text))
end

-- How a value is written, by kind of place and by the pipe that ends it ("none" without one).
local WRITERS = {
  text = { none = escape.html, url = escape.html, json = escape.html, safe = same },
  comment = { none = escape.html, json = escape.html, safe = same },
  tag = { attr = same },
  plain = { none = escape.html, url = escape.html, json = escape.html, safe = escape.html_in_attribute },
  page = { none = twice, safe = escape.html },
  css = { none = escape.css, css = escape.html },
  style = { none = escape.css, css = escape.style },
  script = { json = escape.script },
  handler = {
    json = function(text)
      return escape.html(escape.script(text))
    end,
  },
  element = { safe = same },
  code = {},
}

for name, none in pairs {
  start = escape.url, begun = escape.url, path = escape.url_path, query = escape.url_query, mixed = escape.url_query,
} do
  WRITERS[name] = { none = none, url = escape.html, safe = escape.html }
end

-- What helps where nothing, or not this, is allowed.
local ADVICE = {
  tag = "among the attributes of a tag a value needs the pipe attr, or belongs between the quotes of an attribute",
  css = "in CSS a value takes no pipe but css",
  style = "in CSS a value takes no pipe but css",
  script = "in a script a value needs the pipe json",
  handler = "in a script a value needs the pipe json",
  element = "in this element a value needs the pipe safe",
  code = "no value can be part of a script in a URL",
}

local OF_ELEMENT = { script = "script", style = "style", title = "text", textarea = "text" }

-- The kind of place, as in WRITERS; or nil and why no value can be here.
local function kind_of_place(place)
  if place.mode == "text" or place.mode == "comment" or place.mode == "tag" then
    return place.mode
  elseif place.mode == "raw" then
    return OF_ELEMENT[place.element] or "element"
  elseif place.mode == "value" and place.quote ~= "" then
    return place.kind == "url" and place.url or place.kind == "script" and "handler" or place.kind
  elseif place.mode == "value" or place.mode == "equals" then
    return nil, ("put quotes around the value of the attribute '%s'"):format(place.attribute)
  end
  return nil, "a value cannot be part of the name of a tag, nor of <!…>"
end

--- How a value is written here: a function from text to text; or nil and why it cannot be. The place goes behind the
--- value.
---@param place PagePlace changed
---@param ending string? the pipe that says what the value is: attr, css, json, safe or url
---@return (fun(text: string): string)?, string?
function M.writer(place, ending)
  M.cut(place)
  if place.mode ~= "open" then
    release(place)
  end
  local kind, why = kind_of_place(place)
  why = why or (place.script and script.refuses(place.script))
  if why then
    return nil, why
  elseif place.glued then
    return nil, "the name of an attribute must be in one piece: put a blank in front of this value"
  end
  local writer = WRITERS[kind][ending or "none"]
  if not writer then
    return nil, ADVICE[kind] or ("the pipe %s is not for values %s"):format(ending, M.describe(place))
  end
  if kind == "tag" then
    place.glued = true
  elseif place.script then
    place.script.before = "operand"
  elseif kind == "start" then
    place.url = "begun"
  end
  return writer
end

return M
