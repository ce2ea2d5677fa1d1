-- spec.html: reads HTML as browsers would forgive it, and finds elements by selectors, for specs that look at pages. Tags
-- that may be left open (p, li, td, option …) are closed where the next one begins; everything else that is wrong is passed
-- over. Pure.

local M = {}

---@class HtmlNode
---@field tag string lower case; "" of the document
---@field attributes table<string, string> by lower-case name; one without a value is ""
---@field parent HtmlNode?
---@field [integer] HtmlNode|string elements and texts inside, in order

-- ---- texts ----

local ENTITIES = {
  amp = "&", lt = "<", gt = ">", quot = '"', apos = "'", nbsp = "\u{A0}", copy = "©", reg = "®", trade = "™", hellip = "…",
  mdash = "—", ndash = "–", lsquo = "‘", rsquo = "’", ldquo = "“", rdquo = "”", laquo = "«", raquo = "»", bull = "•",
  middot = "·", times = "×", euro = "€", pound = "£", cent = "¢", deg = "°", larr = "←", rarr = "→", szlig = "ß",
  auml = "ä", ouml = "ö", uuml = "ü", Auml = "Ä", Ouml = "Ö", Uuml = "Ü", eacute = "é", egrave = "è", agrave = "à",
}

local LAST_CODE = 0x10FFFF

local function decode_entity(digits, base)
  local code = #digits <= 8 and tonumber(digits, base)
  return code and code > 0 and code <= LAST_CODE and utf8.char(code) or nil
end

--- Text with its entities replaced; those that are not known stay.
---@param text string
---@return string
function M.decode(text)
  return (text:gsub("&(#?)([xX]?)(%w+);", function(hash, x, rest)
    if hash == "" then
      return ENTITIES[x .. rest]
    elseif x ~= "" then
      return rest:find("^%x+$") and decode_entity(rest, 16) or nil
    end
    return rest:find("^%d+$") and decode_entity(rest, 10) or nil
  end))
end

-- ---- which tags close which ----

local function set(words)
  local out = {}
  for word in words:gmatch("%S+") do
    out[word] = true
  end
  return out
end

local VOID = set "area base br col embed hr img input link meta param source track wbr"
local RAW = set "script style textarea title"
local PLAIN_RAW = set "script style" -- in these an entity is no entity

local BLOCKS = "address article aside blockquote details div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr main "
  .. "nav ol p pre section table ul"

-- Open elements that a tag ends, and those beyond which it does not look.
local CLOSES = {
  li = { set "li", set "ul ol" },
  dt = { set "dt dd", set "dl" },
  dd = { set "dt dd", set "dl" },
  tr = { set "tr td th", set "table" },
  td = { set "td th", set "tr table" },
  th = { set "td th", set "tr table" },
  thead = { set "thead tbody tfoot tr td th", set "table" },
  tbody = { set "thead tbody tfoot tr td th", set "table" },
  tfoot = { set "thead tbody tfoot tr td th", set "table" },
  option = { set "option", set "select datalist" },
  optgroup = { set "option optgroup", set "select" },
}
for block in BLOCKS:gmatch("%S+") do
  CLOSES[block] = { set "p", set "button table td th li" }
end

-- ---- reading ----

local Reader = {}
Reader.__index = Reader

local function add_text(node, text)
  if text ~= "" then
    table.insert(node, text)
  end
end

-- The outermost open element among `names`, not looking beyond `limits`.
local function open_among(node, names, limits)
  local found
  while node.parent and not limits[node.tag] do
    found = names[node.tag] and node or found
    node = node.parent
  end
  return found
end

function Reader:open(tag, attributes, closed)
  local rule = CLOSES[tag]
  local ended = rule and open_among(self.node, rule[1], rule[2])
  local parent = ended and ended.parent or self.node
  local node = { tag = tag, attributes = attributes, parent = parent }
  table.insert(parent, node)
  self.node = (VOID[tag] or closed) and parent or node
end

function Reader:close(tag)
  local node = self.node
  while node.parent do
    if node.tag == tag then
      self.node = node.parent
      return
    end
    node = node.parent
  end
end

-- The attributes from `at` on, where the tag ends, and whether with a slash.
local function read_attributes(text, at)
  local attributes = {}
  while true do
    at = text:match("^[%s/]*()", math.min(at, #text + 1))
    if text:sub(at, at) == ">" or at > #text then
      return attributes, at + 1, text:sub(at - 1, at - 1) == "/"
    end
    local name, after = text:match("^([^%s=>/]+)()", at)
    if not name then -- an equals sign of nothing
      at = at + 1
    else
      local value, next_at = "", after
      local start = text:match("^%s*=%s*()", after)
      if start then
        local quote = text:match("^[\"']", start)
        if quote then
          local stop = text:find(quote, start + 1, true) or #text + 1
          value, next_at = text:sub(start + 1, stop - 1), stop + 1
        else
          value, next_at = text:match("^([^%s>]*)()", start)
        end
      end
      name = name:lower()
      attributes[name] = attributes[name] or M.decode(value)
      at = next_at
    end
  end
end

-- The text of an element in which no tag counts but its own end.
function Reader:raw(text, tag, at)
  local lower = self.lower
  local stop = at
  repeat
    stop = lower:find("</" .. tag, stop, true)
    local behind = stop and lower:sub(stop + #tag + 2, stop + #tag + 2)
    if stop and behind ~= "" and not behind:find("[%s/>]") then
      stop = stop + 1
      behind = nil
    end
  until not stop or behind
  local inside = text:sub(at, (stop or #text + 1) - 1)
  add_text(self.node, PLAIN_RAW[tag] and inside or M.decode(inside))
  return stop or #text + 1
end

-- What begins with `<` at `at`; returns where it ends. Nothing: the bracket is text.
function Reader:markup(text, at)
  if text:sub(at, at + 3) == "<!--" then
    local _, stop = text:find("-->", at + 4, true)
    return (stop or #text) + 1
  elseif text:find("^<[!?]", at) then
    return (text:find(">", at, true) or #text) + 1
  end
  local tag, after = text:match("^</([%a][^%s/>]*)()", at)
  if tag then
    self:close(tag:lower())
    return (text:find(">", after, true) or #text) + 1
  end
  tag, after = text:match("^<([%a][^%s/>]*)()", at)
  if not tag then
    return nil
  end
  tag = tag:lower()
  local attributes, next_at, closed = read_attributes(text, after)
  self:open(tag, attributes, closed)
  if RAW[tag] and not closed then
    return self:raw(text, tag, next_at)
  end
  return next_at
end

--- Reads a page.
---@param text string
---@return HtmlNode document with everything inside
function M.parse(text)
  local document = { tag = "", attributes = {} }
  local reader = setmetatable({ node = document, lower = text:lower() }, Reader)
  local at = 1
  while at <= #text do
    local bracket = text:find("<", at, true) or #text + 1
    add_text(reader.node, M.decode(text:sub(at, bracket - 1)))
    at = bracket
    if bracket <= #text then
      at = reader:markup(text, bracket)
      if not at then
        add_text(reader.node, "<")
        at = bracket + 1
      end
    end
  end
  return document
end

-- ---- walking ----

-- All elements below a node, in the order of the page. Pages may be nested deeply: no recursion.
local function elements(document)
  local list, stack = {}, { document }
  while #stack > 0 do
    local node = table.remove(stack)
    if node ~= document then
      table.insert(list, node)
    end
    for i = #node, 1, -1 do
      if type(node[i]) == "table" then
        table.insert(stack, node[i])
      end
    end
  end
  return list
end

--- The text inside an element, runs of blanks as one.
---@param node HtmlNode
---@return string
function M.text(node)
  local parts, stack = {}, { node }
  while #stack > 0 do
    local top = table.remove(stack)
    if type(top) == "string" then
      table.insert(parts, top)
    else
      for i = #top, 1, -1 do
        table.insert(stack, top[i])
      end
    end
  end
  return (table.concat(parts):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

-- ---- selectors ----
--
-- A selector is a list of alternatives; each a list of steps from left to right, { tests, child }: `child` when it has to be
-- right inside the step before.

local NAME = "^([%w_\x80-\xff-]+)()"

local function bad(selector, at)
  error(("the selector %q is not understood at %q"):format(selector, selector:sub(at)), 0)
end

local OPERATORS = {
  ["="] = function(value, wanted)
    return value == wanted
  end,
  ["^="] = function(value, wanted)
    return wanted ~= "" and value:sub(1, #wanted) == wanted
  end,
  ["$="] = function(value, wanted)
    return wanted ~= "" and value:sub(-#wanted) == wanted
  end,
  ["*="] = function(value, wanted)
    return wanted ~= "" and value:find(wanted, 1, true) ~= nil
  end,
  ["~="] = function(value, wanted)
    for word in value:gmatch("%S+") do
      if word == wanted then
        return true
      end
    end
    return false
  end,
}

local function has_attribute(name, operator, wanted)
  name = name:lower()
  local compare = OPERATORS[operator]
  return function(node)
    local value = node.attributes[name]
    return value ~= nil and (not compare or compare(value, wanted))
  end
end

-- [name], [name=value], [name="value"] at `at`
local function read_bracket(selector, at)
  local name, after = selector:match("^%[%s*([%w_:.-]+)%s*()", at)
  if not name then
    bad(selector, at)
  end
  local operator, start = selector:match("^([~^$*]?=)%s*()", after)
  if not operator then
    local stop = selector:match("^%]()", after)
    return has_attribute(name), stop or bad(selector, after)
  end
  local value, stop = selector:match('^"([^"]*)"%s*%]()', start)
  if not value then
    value, stop = selector:match("^'([^']*)'%s*%]()", start)
  end
  if not value then
    value, stop = selector:match("^([%w_-]+)%s*%]()", start)
  end
  return has_attribute(name, operator, value), stop or bad(selector, start)
end

local READ = {
  ["*"] = function(_, at)
    return function()
      return true
    end, at + 1
  end,
  ["#"] = function(selector, at)
    local name, after = selector:match(NAME, at + 1)
    return has_attribute("id", "=", name), after
  end,
  ["."] = function(selector, at)
    local name, after = selector:match(NAME, at + 1)
    return has_attribute("class", "~=", name), after
  end,
  ["["] = read_bracket,
}

-- tag#id.class[attr] at `at`
local function read_step(selector, at)
  local step = {}
  local tag, after = selector:match(NAME, at)
  if tag then
    tag = tag:lower()
    table.insert(step, function(node)
      return node.tag == tag
    end)
    at = after
  end
  while true do
    local read = READ[selector:sub(at, at)]
    if not read then
      break
    end
    local test, next_at = read(selector, at)
    table.insert(step, test)
    at = next_at or bad(selector, at)
  end
  if #step == 0 then
    bad(selector, at)
  end
  return step, at
end

local function read_selector(selector)
  local alternatives, steps, at, child = {}, {}, selector:match("^%s*()"), false
  while true do
    local step
    step, at = read_step(selector, at)
    step.child = child
    table.insert(steps, step)
    local mark, after = selector:match("^%s*([>,]?)%s*()", at)
    if mark == "," then
      table.insert(alternatives, steps)
      steps = {}
    elseif mark == "" and after > #selector then
      table.insert(alternatives, steps)
      return alternatives
    elseif mark == "" and after == at then
      bad(selector, at)
    end
    child, at = mark == ">", after
  end
end

local function passes(node, step)
  for _, test in ipairs(step) do
    if not test(node) then
      return false
    end
  end
  return true
end

-- Whether the steps up to the i-th lead to `node`.
local function fits(node, steps, i)
  if not passes(node, steps[i]) then
    return false
  elseif i == 1 then
    return true
  end
  local above = node.parent
  while above and above.parent do
    if fits(above, steps, i - 1) then
      return true
    elseif steps[i].child then
      return false
    end
    above = above.parent
  end
  return false
end

--- The elements that a selector names, in the order of the page: tag, #id, .class, [attr], [attr="v"] (also ^= $= *= ~=), `*`,
--- inside one another (`ul li`), right inside (`ul > li`), alternatives behind commas. Raises for anything else.
---@param document HtmlNode
---@param selector string
---@return HtmlNode[]
function M.find(document, selector)
  local alternatives, found = read_selector(selector), {}
  for _, node in ipairs(elements(document)) do
    for _, steps in ipairs(alternatives) do
      if fits(node, steps, #steps) then
        table.insert(found, node)
        break
      end
    end
  end
  return found
end

return M
