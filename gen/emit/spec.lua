-- emit/spec: spec/service_spec.lua: a test for each handler and event, to be filled in: it holds as it is, and shows in a
-- comment how to go on. Adds those that no spec of the service speaks of and touches nothing else. Pure.

local code = require "gen.code"
local handler = require "gen.emit.handler"
local literal = require "gen.literal"
local names = require "gen.names"

local M = {}

local PATH = "spec/service_spec.lua"

local HEAD = [[
-- Specs of %s: moonbus test %s
--
-- Yours. The generator adds a test for each handler that no spec speaks of. The commented lines show how to go on.

-- luacheck: std +busted

local service = require("spec").service()

describe(%s, function()
  it("loads", function()
    assert.equal(require("gen.plumbing").host, service.host)
  end)
]]

-- Handlers and events, in the order in which their tests are added.
local function subjects(declaration)
  local list = {}
  for _, section in ipairs { "functions", "sinks", "events", "webs", "tickers" } do
    table.move(declaration[section], 1, #declaration[section], #list + 1, list)
  end
  for _, item in ipairs(handler.list(declaration)) do
    if item.kind == "callback" then
      table.insert(list, item)
    end
  end
  return list
end

-- The first sentence of the description, which by custom begins with the name.
local function title(item)
  local text = item.description:gsub("%s+", " ")
  text = text:match("^(.-)%.%s") or text:match("^(.-)%.?$")
  if text:sub(1, #item.name) ~= item.name or text:find("^%w", #item.name + 1) then
    text = ("%s: %s"):format(item.name, text)
  end
  return #text <= 90 and text or item.name
end

-- ---- how to go on, for a comment ----

local function values(list)
  local out = {}
  for i, item in ipairs(list) do
    out[i] = names.variable(item.name)
  end
  return table.concat(out, ", ")
end

local BODILESS = { GET = true, HEAD = true, DELETE = true, ANY = true }
local BODY = { POST = true, PUT = true, PATCH = true }

-- The call of a web handler: `.get({}, "?name=value")`.
local function visit(item)
  local method = item.method
  if BODILESS[method] then
    return (".%s({}, \"?name=value\"):status_ok()"):format(method == "ANY" and "get" or method:lower())
  elseif BODY[method] then
    return (".%s({}, \"\", \"application/json\", { name = \"value\" }):status_ok()"):format(method:lower())
  end
  return ".request({}):status_ok()"
end

local function outcome(item)
  return #item.outputs > 0 and (":expect(%s)"):format(values(item.outputs)) or ":no_error()"
end

-- `service.test.Add({}, x, y):expect(sum)`
local function example(item, object)
  local head = ("%s.test.%s"):format(object, item.name)
  if item.kind == "web" then
    return head .. visit(item)
  elseif item.kind == "event" then
    return ("%s():expect(%s):wait()"):format(head, values(item.inputs))
  end
  local arguments = table.move(handler.parameters(item), 2, #handler.parameters(item), 2, { "{}" })
  return ("%s(%s)%s"):format(head, table.concat(arguments, ", "), outcome(item))
end

local function test_of(item, object)
  local lines = { ("  it(%s, function()"):format(literal.quote(title(item))) }
  local shown = example(item, object)
  if #shown <= literal.WIDTH - 7 then
    table.insert(lines, "    -- " .. shown)
  end
  if item.kind == "event" then
    table.insert(lines, ('    assert.equal("event", require("gen.plumbing").kinds.%s)'):format(item.name))
  else
    table.insert(lines, ("    assert.is_function(%s.%s)"):format(object, item.name))
  end
  table.insert(lines, "  end)\n")
  return table.concat(lines, "\n")
end

local function tests_of(missing, object)
  local parts = {}
  for _, item in ipairs(missing) do
    table.insert(parts, test_of(item, object))
  end
  return table.concat(parts, "\n")
end

-- Where the file's last `describe(…, function() … end)` ends: the place of its `end`. nil when the file ends otherwise.
local function last_block(source)
  local tokens = source.tokens
  local n = #tokens - 1
  if n < 2 or tokens[n].text ~= ")" or tokens[n - 1].text ~= "end" then
    return nil
  end
  local i = n - 1
  while i > 0 and source.inside[i] do -- back to what is enclosed by nothing
    i = i - 1
  end
  local starts = tokens[i].text == "(" and tokens[i - 1] and tokens[i - 1].text == "describe"
  local place = tokens[n - 1]
  local alone = not source.text:sub(code.line_start(source.text, place.from), place.from - 1):find("%S")
  return starts and alone and place or nil
end

local function append(run, text, missing)
  local source = code.read(text)
  local eol = code.line_end(text)
  local object = source.specs[1]
  local place = object and last_block(source)
  if place then
    local at = code.line_start(text, place.from)
    local before = text:sub(1, at - 1)
    local blank = before:find("function%(%)[ \t]*\r?\n$") and "" or code.gap(before, eol)
    return before .. blank .. tests_of(missing, object):gsub("\n", eol) .. text:sub(at)
  end
  local parts = { ("describe(%s, function()\n"):format(literal.quote(run.declaration.host)) }
  if not object then
    table.insert(parts, '  local service = require("spec").service()\n\n')
  end
  table.insert(parts, tests_of(missing, object or "service") .. "end)\n")
  return text .. code.gap(text, eol) .. table.concat(parts):gsub("\n", eol)
end

--- Adds tests for what no spec of the service speaks of: changes run.files.
---@param run Generation
---@return Handler[] added what got a test
function M.update(run)
  local spoken_of = {}
  for _, path in ipairs(run.paths) do
    if path:find("^spec/.*%.lua$") then
      local source, why, line = code.read(run.files[path])
      if source then
        code.mentioned(source, spoken_of)
      else
        run:fail(path, line, 1, why)
      end
    end
  end
  local missing = {}
  for _, item in ipairs(subjects(run.declaration)) do
    if not spoken_of[item.name] then
      table.insert(missing, item)
    end
  end
  if #run.errors > 0 then
    return {}
  end
  local text = run.files[PATH]
  if not text or not text:find("%S") then
    local head = HEAD:format(run.declaration.host, run.folder, literal.quote(run.declaration.host))
    run.files[PATH] = head .. (#missing > 0 and "\n" .. tests_of(missing, "service") or "") .. "end)\n"
  elseif #missing > 0 then
    run.files[PATH] = append(run, text, missing)
  end
  return missing
end

return M
