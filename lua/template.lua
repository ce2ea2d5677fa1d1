-- template: text with values in it: {{ user.name }}, {% for item in items %}, {% if … %}, {% include "row.html" %}.
--
--     local page = template.compile(source, { html = true, name = "page.html" })
--     page:render { user = { name = "Ada" }, items = {} }
--
-- A template is compiled once, into functions. It contains no code of ours or of Lua's: only paths, literals and
-- comparisons. In HTML each value is written as its place demands, which is decided while compiling (template.page):
-- text and attributes are escaped, URLs cannot run code, scripts take JSON only. Mistakes in the template raise with
-- name, line and column.

local expression = require "template.expression"
local json = require "json"
local page = require "template.page"
local pipes = require "template.pipes"
local reader = require "template.reader"
local sorted = require("service.keys").sorted

local M = {}

local BLOCKS = 100 -- tags inside each other
local INCLUDES = 20 -- includes inside each other
local OUTPUT = 8 << 20 -- bytes that a rendering may make, unless it is told otherwise

---@class Template what template.compile gives
local Template = {}
Template.__index = Template

---@class TemplateOptions
---@field html boolean? values are escaped for the place in the page that they go to
---@field name string? for messages; "template" when it is left out
---@field partials (fun(name: string): string?)? the source of what is included
---@field limit integer? bytes that a rendering may make; 8 MB when it is left out

-- One source being compiled, with what all of one template share.
---@class TemplateUnit
---@field reader TemplateReader
---@field place PagePlace? where in the page we are; nil for plain text
---@field depth integer tags around
---@field includes integer includes around
---@field shared { partials: function?, done: table<string, table> }

-- ---- rendering ----

-- Adds a text to the output.
local function write(r, source, at, text)
  r.size = r.size + #text
  if r.size > r.limit then
    source:fail(at, "the output is longer than %d bytes", r.limit)
  end
  r.n = r.n + 1
  r.out[r.n] = text
end

local function run(nodes, r)
  for i = 1, #nodes do
    nodes[i](r)
  end
end

-- ---- the place in the page ----

-- The place at a tag of the template, for what begins behind it.
local function place_here(unit)
  if unit.place then
    page.cut(unit.place)
    return page.copy(unit.place)
  end
end

-- Goes on where two ways meet that ended at `a` and `b`.
local function meet(unit, at, a, b)
  if not a then
    return nil
  end
  page.cut(a)
  page.cut(b)
  local place = page.join(a, b)
  if not place then
    unit.reader:fail(at, "the ways through this tag end in different places of the page: %s, and %s", page.describe(a),
      page.describe(b))
  end
  return place
end

-- What is repeated must end where it began.
local function check_loop(unit, at, before)
  if not before then
    return
  end
  page.cut(unit.place)
  local after = page.join(before, unit.place)
  if not after or page.key(after) ~= page.key(before) then
    unit.reader:fail(at, "this must end in the place of the page where it began: it begins %s and ends %s",
      page.describe(before), page.describe(unit.place))
  end
end

-- ---- text and values ----

local function text_node(unit, piece)
  local source, at, text = unit.reader, piece.at, piece.text
  local problem = unit.place and page.feed(unit.place, text)
  if problem then
    source:fail(at, "in the text that begins here: %s", problem)
  end
  return function(r)
    write(r, source, at, text)
  end
end

local function names_of(...)
  local names = {}
  for _, list in ipairs { ... } do
    for name in pairs(list) do
      table.insert(names, name)
    end
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- One pipe as a function from value to value.
local function pipe_step(tokens, token, pipe)
  local argument
  if pipe.argument then
    tokens:need("(")
    argument = expression.parse(tokens)
    tokens:need(")")
  end
  return function(r, value)
    local result, problem = pipe.run(value, argument and argument(r))
    if problem then
      tokens:fail(token, "%s: %s", token.value, problem)
    end
    return result
  end
end

-- The pipes behind a value: their functions, and the ending with its token.
local function parse_pipes(tokens)
  local steps, ending = {}, nil
  while tokens:take("|") do
    local token = tokens:need_kind("name", "the name of a pipe")
    if ending then
      tokens:fail(token, "no pipe comes behind %s: it says what the text is", ending.value)
    elseif pipes.ENDINGS[token.value] then
      ending = token
    elseif pipes.PIPES[token.value] then
      table.insert(steps, pipe_step(tokens, token, pipes.PIPES[token.value]))
    else
      tokens:fail(token, "there is no pipe '%s': there are %s", token.value, names_of(pipes.ENDINGS, pipes.PIPES))
    end
  end
  return steps, ending and ending.value
end

local function json_text(value)
  if value == nil then
    return "null"
  end
  local ok, text, why = pcall(json.encode, value)
  if not ok then
    return nil, tostring(text)
  end
  return text, why
end

local function same(text)
  return text
end

-- How a value is written where the unit has come to.
local function writer_here(unit, at, ending)
  if not unit.place then
    return same
  end
  local writer, why = page.writer(unit.place, ending)
  if not writer then
    unit.reader:fail(at, "%s", why)
  end
  return writer
end

local function value_node(unit, piece)
  local source, at = unit.reader, piece.at
  local tokens = expression.tokens(source, piece.tokens)
  local value = expression.parse(tokens)
  local steps, ending = parse_pipes(tokens)
  if piece.kind == "raw" then
    if ending then
      source:fail(at, "write {{ … | %s }}, with two braces: three mean 'safe'", ending)
    end
    ending = "safe"
  end
  tokens:need("close")
  local to_text = ending == "json" and json_text or pipes.text
  local escape = writer_here(unit, at, ending)
  return function(r)
    local v = value(r)
    for i = 1, #steps do
      v = steps[i](r, v)
    end
    local text, why = to_text(v)
    if not text then
      source:fail(at, "%s", why)
    end
    write(r, source, at, escape(text))
  end
end

-- ---- tags ----

local parse_block, compile_unit

-- The word of a tag and its tokens.
local function open_tag(unit, piece)
  local tokens = expression.tokens(unit.reader, piece.tokens)
  return tokens:need_kind("name", "the name of a tag").value, tokens
end

local function parse_body(unit, opened)
  local nodes, word, tokens, at = parse_block(unit)
  if not word then
    unit.reader:fail(opened, "this tag has no {%% end %%}")
  end
  return nodes, word, tokens, at
end

local function end_of(tokens)
  tokens:need("close")
end

-- The branches up to `end`: { condition, nodes }, the last one perhaps without condition.
local function if_branches(unit, tokens, opened)
  local branches, start = {}, place_here(unit)
  local finish, at
  local word, otherwise = "if", false
  repeat
    local branch = {}
    if word == "else" then
      otherwise = true
    else
      branch.condition = expression.parse(tokens)
    end
    end_of(tokens)
    unit.place = start and page.copy(start)
    branch.nodes, word, tokens, at = parse_body(unit, opened)
    if otherwise and word ~= "end" then
      unit.reader:fail(at, "'%s' behind the 'else' of the same 'if'", word)
    end
    finish = finish and meet(unit, at, finish, unit.place) or unit.place
    table.insert(branches, branch)
  until word == "end"
  end_of(tokens)
  unit.place = otherwise and finish or start and meet(unit, at, start, finish)
  return branches
end

local TAGS = {}

TAGS["if"] = function(unit, tokens, opened)
  local branches = if_branches(unit, tokens, opened)
  return function(r)
    for i = 1, #branches do
      local branch = branches[i]
      if not branch.condition or branch.condition(r) then
        return run(branch.nodes, r)
      end
    end
  end
end

-- What a loop goes over: keys and values in order, and how many.
local function entries(list)
  if #list > 0 or json.is_list(list) or next(list) == nil then
    return nil, list, #list
  end
  local names, values = sorted(list), {}
  for i, name in ipairs(names) do
    values[i] = list[name]
  end
  return names, values, #names
end

-- Runs the body for each entry. `loop` is what the body knows as such.
local function run_loop(r, names, body, keys, values, n)
  local loop = { length = n }
  local scope = { [expression.PARENT] = r.scope, loop = loop }
  r.scope = scope
  for i = 1, n do
    loop.index, loop.first, loop.last = i, i == 1, i == n
    local value = values[i]
    if value == nil then
      value = json.null -- hides a name outside
    end
    if names[2] then
      scope[names[1]] = keys and keys[i] or i
    end
    scope[names[2] or names[1]] = value
    run(body, r)
  end
  r.scope = scope[expression.PARENT]
end

local function loop_names(tokens)
  local names = { tokens:need_name("a name for the items").value }
  if tokens:take(",") then
    names[2] = tokens:need_name("a name for the values").value
  end
  tokens:need("in")
  return names
end

-- The body, the nodes of `else`, and how the place goes on.
local function loop_body(unit, opened)
  local start = place_here(unit)
  if start then
    page.widen(start, unit.reader.source:sub(unit.reader.pos, unit.reader.pos))
    unit.place = page.copy(start)
  end
  local body, word, tokens, at = parse_body(unit, opened)
  check_loop(unit, at, start)
  local otherwise
  if word == "else" then
    end_of(tokens)
    unit.place = start and page.copy(start)
    otherwise, word, tokens, at = parse_body(unit, opened)
    start = meet(unit, at, start, unit.place)
  end
  if word ~= "end" then
    unit.reader:fail(at, "'%s' belongs to an 'if': this closes a 'for'", word)
  end
  end_of(tokens)
  unit.place = start
  return body, otherwise or {}
end

TAGS["for"] = function(unit, tokens, opened)
  local source, names = unit.reader, loop_names(tokens)
  local list = expression.parse(tokens)
  end_of(tokens)
  local body, otherwise = loop_body(unit, opened)
  return function(r)
    local over = list(r)
    if over == nil then
      return run(otherwise, r)
    elseif type(over) ~= "table" then
      source:fail(opened, "'for' needs a list or a table, not a %s", type(over))
    end
    local keys, values, n = entries(over)
    if keys and not names[2] then
      source:fail(opened, "this is a table with names, no list: write {%% for key, %s in … %%}", names[1])
    elseif n == 0 then
      return run(otherwise, r)
    end
    run_loop(r, names, body, keys, values, n)
  end
end

-- The compiled partial for a place of the page; it may still be compiled, when it includes itself.
local function partial(unit, name, at)
  local place = place_here(unit)
  if place then
    page.widen(place, "")
  end
  local key = name .. "\0" .. (place and page.key(place) or "")
  local done = unit.shared.done[key]
  if not done then
    if unit.includes == INCLUDES then
      unit.reader:fail(at, "more than %d includes inside each other", INCLUDES)
    end
    local text = unit.shared.partials and unit.shared.partials(name)
    if not text then
      unit.reader:fail(at, "there is no template '%s' to include", name)
    end
    done = {}
    unit.shared.done[key] = done
    local inner = {
      reader = reader.new(text, name), place = place, depth = 0, includes = unit.includes + 1, shared = unit.shared,
    }
    done.nodes = compile_unit(inner)
  end
  if place then
    unit.place = page.copy(place)
  end
  return done
end

TAGS.include = function(unit, tokens, at)
  local name = tokens:need_kind("text", "the name of a template in quotes").value
  end_of(tokens)
  local source, done = unit.reader, partial(unit, name, at)
  return function(r)
    if r.includes == INCLUDES then
      source:fail(at, "more than %d includes inside each other", INCLUDES)
    end
    r.includes = r.includes + 1
    run(done.nodes, r)
    r.includes = r.includes - 1
  end
end

local CLOSING = { ["end"] = true, ["else"] = true, ["elseif"] = true }

local function tag_node(unit, word, tokens, at)
  local make = TAGS[word]
  if not make then
    unit.reader:fail(at, "there is no tag '%s': there are for, if, elseif, else, end, include", word)
  elseif unit.depth == BLOCKS then
    unit.reader:fail(at, "more than %d tags inside each other", BLOCKS)
  end
  unit.depth = unit.depth + 1
  local node = make(unit, tokens, at)
  unit.depth = unit.depth - 1
  return node
end

-- Nodes up to a tag that closes or continues a block; that tag's word, tokens and position, or nothing at the end of
-- the source.
function parse_block(unit)
  local nodes = {}
  while true do
    local piece = unit.reader:next()
    if piece.kind == "end" then
      return nodes
    elseif piece.kind == "text" then
      table.insert(nodes, text_node(unit, piece))
    elseif piece.kind == "tag" then
      local word, tokens = open_tag(unit, piece)
      if CLOSING[word] then
        return nodes, word, tokens, piece.at
      end
      table.insert(nodes, tag_node(unit, word, tokens, piece.at))
    else
      table.insert(nodes, value_node(unit, piece))
    end
  end
end

-- The nodes of a whole source, which ends in the place of the page where it began.
function compile_unit(unit)
  local start = unit.place and page.copy(unit.place)
  local nodes, word, _, at = parse_block(unit)
  if word then
    unit.reader:fail(at, "'%s' without a tag that it belongs to", word)
  end
  check_loop(unit, #unit.reader.source + 1, start)
  return nodes
end

-- ---- what others call ----

local OPTIONS = { html = true, name = true, partials = true, limit = true }

-- A typo must not turn escaping off.
local function check_options(options)
  for name in pairs(options) do
    if not OPTIONS[name] then
      error(("there is no option %s of a template; there are html, name, partials and limit"):format(tostring(name)), 3)
    end
  end
end

--- Compiles a template. Raises "name:line:column: what is wrong".
---@param source string
---@param options TemplateOptions?
---@return Template
function M.compile(source, options)
  options = options or {}
  if type(source) ~= "string" then
    error(("the source of a template is a string, not a %s"):format(type(source)), 2)
  end
  check_options(options)
  local unit = {
    reader = reader.new(source, options.name or "template"),
    place = options.html and page.new() or nil,
    depth = 0,
    includes = 0,
    shared = { partials = options.partials, done = {} },
  }
  return setmetatable({ nodes = compile_unit(unit), limit = options.limit or OUTPUT }, Template)
end

--- Renders the template with data. What the data does not have is nothing. Raises when a value cannot be written, or
--- the output is too long.
---@param data table?
---@return string
function Template:render(data)
  if data ~= nil and type(data) ~= "table" then
    error(("a template is rendered with a table, not a %s"):format(type(data)), 2)
  end
  local r = { out = {}, n = 0, size = 0, limit = self.limit, includes = 0, data = data or {} }
  run(self.nodes, r)
  return table.concat(r.out)
end

return M
