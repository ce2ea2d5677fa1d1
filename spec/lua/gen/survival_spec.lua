-- What a person wrote survives: services, edits and declarations at random, generated again and again. Each round has its
-- number as seed and fails with it. 50 rounds; 1,000 with SOAK=1.

local lexer = require "gen.lexer"
local scenery = require "scenery"

local ROUNDS = os.getenv "SOAK" == "1" and 100 or 5 -- of each of the ten tests
local CHANGES = 3 -- of the declaration, in each round

-- ---- chance ----

local random = math.random

local function pick(list)
  return list[random(#list)]
end

local function chance(percent)
  return random(100) <= percent
end

local marks -- of this round: every line that a person wrote has one, so that it is found again

local function mark()
  marks = marks + 1
  return ("mark %d"):format(marks)
end

-- ---- declarations ----

local TYPES = {
  "int", "string", "bool", "float", "any", "[]byte", "time.Time", "Duration", "[]string", "map[string]int", "Item", "*Person",
  "[]*Item", "map[string][]Order", "*int",
}
local NAMES = { "x", "y", "op", "end", "svc", "ctxx", "client", "httpRequestBody", "value", "function", "list", "for" }
local WORDS = { "adds", "ends", "--[[", "]]", "`x`", "a: b", "# no", "function svc.Add(", "\\\\", "'", "{}", "ünïcode", "%d" }

local function arguments(taken)
  local list = {}
  for _ = 1, random(0, 4) do
    local name = pick(NAMES)
    if not taken[name] then
      taken[name] = true
      table.insert(list, ("%s %s"):format(name, pick(TYPES)))
    end
  end
  return table.concat(list, ", ")
end

local function description()
  if chance(30) then
    return nil
  end
  local words = {}
  for _ = 1, random(1, 30) do
    table.insert(words, chance(10) and "\\n" or chance(5) and "\\r" or pick(WORDS))
  end
  return table.concat(words, " ")
end

local counter

local function name(prefix)
  counter = counter + 1
  return ("%s%s%d"):format(prefix, pick { "Add", "Get", "HTTPCall", "X" }, counter)
end

local MAKE = {
  configs = function()
    return { signature = name "" .. "() (value string)", callback = chance(60) and "true" or nil }
  end,
  functions = function()
    local taken = { httpRequestBody = true }
    local inputs = arguments(taken)
    return { signature = ("%s(%s) (%s)"):format(name "", inputs, arguments(taken)) }
  end,
  events = function()
    return { signature = ("%s(%s)"):format(name "On", arguments { httpRequestBody = true }) }
  end,
  sinks = function()
    return { signature = ("%s(%s)"):format(name "On", arguments {}), source = "services/other" }
  end,
  webs = function()
    return { signature = name "" .. "()" }
  end,
  tickers = function()
    return { signature = name "" .. "()", interval = "10s" }
  end,
  metrics = function()
    return { signature = name "" .. "(n int)" }
  end,
}
local SECTIONS = { "configs", "functions", "events", "sinks", "webs", "tickers", "metrics" }

local function handler_of(section)
  local handler = MAKE[section]()
  handler.description = description()
  return handler
end

local function add_handlers(declaration)
  for _ = 1, random(1, 5) do
    local section = pick(SECTIONS)
    declaration[section] = declaration[section] or {}
    table.insert(declaration[section], random(#declaration[section] + 1), handler_of(section))
  end
end

-- Another signature under the same name, or another description.
local function change_handler(declaration)
  local section = pick { "functions", "sinks", "functions", "webs", "tickers" }
  local list = declaration[section] or {}
  local handler = #list > 0 and pick(list)
  if handler and chance(50) then
    handler.description = description()
  elseif handler and (section == "functions" or section == "sinks") then
    local fresh = MAKE[section]().signature
    handler.signature = handler.signature:match("^%w+") .. fresh:match("%(.*$")
  end
end

local function forget_handler(declaration)
  local list = declaration[pick(SECTIONS)] or {}
  table.remove(list, #list > 0 and random(#list) or nil)
end

local function yaml_of(declaration)
  local parts = {}
  for _, section in ipairs(SECTIONS) do
    if declaration[section] then
      table.insert(parts, section .. ":\n")
      for _, handler in ipairs(declaration[section]) do
        table.insert(parts, ("  - signature: %s\n"):format(handler.signature))
        for _, field in ipairs { "callback", "source", "interval" } do
          table.insert(parts, handler[field] and ("    %s: %s\n"):format(field, handler[field]) or nil)
        end
        local text = handler.description
        table.insert(parts, text and ('    description: "%s"\n'):format(text:gsub('"', "")) or nil)
      end
    end
  end
  return table.concat(parts)
end

-- Names that code must exist for.
local function wanted(declaration)
  local list = {}
  for _, section in ipairs { "functions", "sinks", "webs", "tickers" } do
    for _, handler in ipairs(declaration[section] or {}) do
      table.insert(list, handler.signature:match("^%w+"))
    end
  end
  for _, config in ipairs(declaration.configs or {}) do
    if config.callback then
      table.insert(list, "OnChanged" .. config.signature:match("^%w+"))
    end
  end
  return list
end

-- ---- edits ----

-- Lines that a person may write into a body. `%M` is a mark.
local BODIES = {
  "  -- %M: function svc.AddFake(ctx) end",
  "  local text = [==[ %M\nfunction svc.AddFake(ctx, x) -- %M\n--- %M\nreturn svc -- %M\n]] %M ]==]",
  "  local function inner() return 'function svc.AddFake(' .. \"%M\" end",
  "  if x then return \"%M\" end",
  "  for i = 1, 2 do local t = { i, [i] = 'end', f = function() return '%M' end } end",
  "  repeat local y = '%M' until y",
  "\t--[[ %M\n\n%M ]]",
  "",
}
local HELPERS = {
  "-- %M",
  "--- %M\n",
  "-- %M\n\n",
  "local function helper()\n  return [[%M]]\nend",
  "do\n  local svc = {} -- %M\n  svc.other = function() end -- %M\nend",
  "function svc.on_start(ctx) -- %M\nend",
  "svc.extra = \"%M\"",
  "--[==[ %M\nfunction svc.AddFake(ctx)\n]==] -- %M",
}

local function filled(text)
  return (text:gsub("%%M", mark))
end

local function body()
  local lines = {}
  for i = 1, random(0, 4) do
    lines[i] = filled(pick(BODIES))
  end
  return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
end

local SKELETON = '  require "errors"%.raise%(501, "%w+ is not written yet"%)\n'

local function write_bodies(files)
  files["service.lua"] = files["service.lua"]:gsub(SKELETON, function(all)
    return chance(50) and body() or all
  end)
end

-- Offsets of lines that begin a block at the left edge: before them anything may be put.
local function gaps(text)
  local list = {}
  for at in text:gmatch("\n\n()[^%s]") do
    local line = text:match("^[^\n]*", at)
    if not line:find("mark", 1, true) and line:find("^%-%-%-") or line:find("^return svc") or line:find("^function") then
      table.insert(list, at)
    end
  end
  return list
end

local function add_helper(files)
  local text = files["service.lua"]
  local list = gaps(text)
  if #list > 0 then
    local at = pick(list)
    files["service.lua"] = text:sub(1, at - 1) .. filled(pick(HELPERS)) .. pick { "\n", "\n\n", "\n\n\n" } .. text:sub(at)
  end
end

-- A generated handler as a whole: where it begins and ends, with its annotations.
local function find_handler(text, handler)
  local head = text:find("\n[%w]*%s?svc." .. handler .. "[ =%w]*%(")
  if not head then
    return nil
  end
  local from = head
  while true do
    local line = text:sub(1, from - 1):match("\n([^\n]*)$")
    if not line or not line:find("^%-%-%-") or line:find("mark", 1, true) then
      break
    end
    from = from - #line - 1
  end
  local stop = select(2, text:find("\nend\n", head, true))
  return from + 1, stop
end

local function move_handler(files, declaration)
  local list = wanted(declaration)
  local from, to = find_handler(files["service.lua"], #list > 0 and pick(list) or "none")
  if from and not files["service.lua"]:find("local app", 1, true) then
    local text = files["service.lua"]
    local path = ("%s%d.lua"):format(pick { "parts/p", "moved", "deep/er/p" }, random(1000))
    if not files[path] then
      files[path] = ("-- %s\nreturn function(svc)\n%s\n%send\n"):format(mark(), pick { "", "  local x = 1" }, text:sub(from, to))
      files["service.lua"] = text:sub(1, from - 1) .. text:sub(to + 1)
    end
  end
end

local function assign_handler(files, declaration)
  local list = wanted(declaration)
  local handler = #list > 0 and pick(list) or "none"
  files["service.lua"] = files["service.lua"]:gsub("\nfunction svc%." .. handler .. "%(", "\nsvc." .. handler .. " = function(")
end

local function hide_parameter(files)
  files["service.lua"] = files["service.lua"]:gsub("(function svc%.%w+%()ctx", function(head)
    return chance(20) and head .. pick { "_", "_ctx", "c" } or nil
  end)
end

-- Calls the service `app` in service.lua, in code only.
local function rename_service(files)
  local text, parts, at = files["service.lua"], {}, 1
  for _, token in ipairs((lexer.read(text))) do
    if token.kind == "name" and token.text == "svc" then
      table.insert(parts, text:sub(at, token.from - 1) .. "app")
      at = token.to + 1
    end
  end
  files["service.lua"] = table.concat(parts) .. text:sub(at)
end

local function edit_types(files)
  if files["types.lua"] then
    files["types.lua"] = files["types.lua"]:gsub("%-%-%-@class %w+\n", function(line)
      return chance(30) and line .. ("---@field name string %s\n"):format(mark()) or line
    end)
  end
end

local function edit_spec(files)
  local text = files["spec/service_spec.lua"]
  local test = ('  it("%s", function()\n    assert.is_nil(nil) -- %s\n  end)\n\n'):format(mark(), mark())
  files["spec/service_spec.lua"] = text:gsub("\n(  it%()", function(rest)
    return chance(20) and "\n" .. test:gsub("mark %d+", mark) .. rest or nil
  end)
end

local function edit_declaration(files)
  local text = files["service.yaml"]
  files["service.yaml"] = text:gsub("\n(general:)", ("\n# %s\n\n%%1"):format(mark()), 1)
end

local EDITS = {
  write_bodies, write_bodies, add_helper, add_helper, move_handler, assign_handler, hide_parameter, edit_types, edit_spec,
  edit_declaration,
}

-- ---- what must be so ----

local function lines_of(text)
  local list = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    table.insert(list, line)
  end
  return list
end

-- What a line of code comes down to: nothing when the generator may change it, and the parameters of a handler left out.
local function owned(line, names)
  if line:find("mark", 1, true) then
    return line
  elseif line:find("^%s*%-%-%-[^-]") or line:find("^%s*%-%-%-$") or line:find("^    [%w_, ]+%)?$") then
    return nil -- an annotation, or parameters that take several lines
  end
  local head = line:match("^(%s*function %w+%.%w+%()") or line:match("^(%s*%w+%.%w+ = function%()")
  return head and names[head:match("%.(%w+)")] and head or line
end

-- Every line of `before` is in `after`, in the same order.
local function check_lines(before, after, names, note)
  local rest, at = lines_of(after), 1
  for _, line in ipairs(lines_of(before)) do
    local own = owned(line, names)
    while own and at <= #rest and owned(rest[at], names) ~= own do
      at = at + 1
    end
    if own and at > #rest then
      error(("%s: lost %q of\n%s\n---- it became ----\n%s"):format(note, line, before, after), 0)
    end
    at = own and at + 1 or at
  end
end

local function check_code(files, declaration, note)
  local defined, names = {}, {}
  for _, handler in ipairs(wanted(declaration)) do
    names[handler] = true
  end
  for path, text in pairs(files) do
    if path:find("%.lua$") then
      assert(load(text, "=" .. path, "t", {}), note)
    end
    if path:find("%.lua$") and not path:find("^gen/") and not path:find("^spec/") then
      for _, line in ipairs(lines_of(text)) do
        local handler = line:match("^%s*function %w+%.(%w+)%(") or line:match("^%s*%w+%.(%w+) = function%(")
        if handler and names[handler] then
          assert.is_nil(defined[handler], ("%s: %s is in %s, too"):format(note, handler, path))
          defined[handler] = path
        end
      end
    end
  end
  for handler in pairs(names) do
    assert.is_not_nil(defined[handler], ("%s: %s has no code"):format(note, handler))
  end
end

local GENERATED = { ["gen/api.lua"] = true, ["gen/plumbing.lua"] = true, ["gen/version.lua"] = true }

local function check_survival(before, after, declaration, note)
  local names = {}
  for _, handler in ipairs(wanted(declaration)) do
    names[handler] = true
  end
  for path, text in pairs(before) do
    if not GENERATED[path] and path ~= "service.yaml" then
      check_lines(text, after[path], names, ("%s, %s"):format(note, path))
    end
  end
  for line in before["service.yaml"]:gmatch("[^\n]+") do
    if line:find("mark", 1, true) then
      assert.contains("\n" .. line .. "\n", after["service.yaml"], note)
    end
  end
end

local function check_rest(files, note)
  local again, result = scenery.generate(files, { time = "2027-01-01T00:00:00Z" })
  assert.same({}, result.files, note)
  again, result = scenery.generate(again, { force = true, time = "2028-01-01T00:00:00Z" })
  assert.is_true(scenery.paths(result.files) == "gen/version.lua" or scenery.paths(result.files)
    == "gen/version.lua spec/service_spec.lua", note)
  return again
end

local function declare(files, declaration)
  local own = files["service.yaml"] and files["service.yaml"]:match("\n(# mark[^\n]*)\n\n.-general:")
  return scenery.with(files, {
    ["service.yaml"] = (own and "---\n" .. own .. "\n\n" or "") .. scenery.GENERAL .. "\n" .. yaml_of(declaration),
  })
end

local function round(seed)
  math.randomseed(seed)
  marks, counter = 0, 0
  local note, declaration = ("round %d"):format(seed), {}
  add_handlers(declaration)
  local files = scenery.generate(declare({}, declaration))
  for _ = 1, CHANGES do
    for _ = 1, random(0, 6) do
      pick(EDITS)(files, declaration)
    end
    pick { add_handlers, add_handlers, change_handler, forget_handler }(declaration)
    local before = declare(files, declaration)
    local renamed = chance(20) and before["service.lua"]:find("local svc", 1, true)
    if renamed then
      rename_service(before)
    end
    files = scenery.generate(before)
    check_survival(before, files, declaration, note)
    check_code(files, declaration, note)
    files = check_rest(files, note)
  end
end

describe("what a person wrote", function()
  for first = 1, 10 * ROUNDS, ROUNDS do
    it(("survives edits and declarations at random, rounds %d and on"):format(first), function()
      for seed = first, first + ROUNDS - 1 do
        round(seed)
      end
    end)
  end
end)

describe("the check itself", function()
  local NAMES_OF = { Add = true }

  it("sees what is lost, changed or in another order", function()
    for _, after in ipairs { "a\nc", "a\nb mark 1 \nc", "b mark 1\na\nc", "" } do
      assert.has_error(function()
        check_lines("a\nb mark 1\nc", after, NAMES_OF, "")
      end)
    end
    check_lines("a\nb mark 1\nc", "0\na\nb mark 1\nnew\nc\nd", NAMES_OF, "")
  end)

  it("leaves annotations and parameters of handlers to the generator, and nothing else of the kind", function()
    check_lines("--- old\nfunction svc.Add(a)\nend", "--- new\nfunction svc.Add(b)\nend", NAMES_OF, "")
    for _, before in ipairs { "--- old mark 1", "function svc.Sub(a)", "local function f(a)" } do
      assert.has_error(function()
        check_lines(before, "--- new\nfunction svc.Add(b)\nfunction svc.Sub(b)\nlocal function f(b)", NAMES_OF, "")
      end)
    end
  end)
end)
