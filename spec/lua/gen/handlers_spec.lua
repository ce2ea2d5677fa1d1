-- gen/emit/service.lua and gen/emit/handler.lua: what happens to service.lua and to handlers that were moved elsewhere.

local handler = require "gen.emit.handler"
local scenery = require "scenery"

local ADD = "functions:\n  - signature: Add(x int, y int) (sum int)\n    description: Add adds.\n"
local HEAD = '-- luacheck: no unused args\nlocal svc = require "service" (...)\n\n'

-- service.lua after a run, which had `text`.
local function service_of(sections, text, more)
  local files, result = scenery.declared(sections, scenery.with(more or {}, { ["service.lua"] = text }))
  return files["service.lua"], result, files
end


local function crlf(text)
  return (text:gsub("\n", "\r\n"))
end

local ADDED = [[
--- Add adds.
---@param ctx Context
---@param x integer
---@param y integer
---@return integer sum
function svc.Add(ctx, x, y)
  require "errors".raise(501, "Add is not written yet")
end
]]

describe("a fresh service.lua", function()
  it("has a skeleton for each handler, in order, and the return", function()
    local text = service_of [[
tickers:
  - signature: Tick()
    interval: 1s
webs:
  - signature: Home()
sinks:
  - signature: OnSold(item string) (ok bool)
    source: services/other
functions:
  - signature: Add(x int)
  - signature: Sub(x int)
events:
  - signature: OnAdded(x int)
configs:
  - signature: Limit() (n int)
    callback: true
  - signature: Quiet() (b bool)
metrics:
  - signature: Count(n int)
]]
    local names = {}
    for name in text:gmatch("\nfunction svc%.(%w+)%(") do
      table.insert(names, name)
    end
    assert.same({ "OnChangedLimit", "Add", "Sub", "OnSold", "Home", "Tick" }, names)
    assert.matches("\nend\n\nreturn svc\n$", text)
    assert.contains("---@type services.shop\nlocal svc = require \"service\" (...)\n", text)
    assert.contains("function svc.OnChangedLimit(ctx)", text)
    assert.contains("---@param ctx Context\n---@param req Request\n---@param res Response\nfunction svc.Home(ctx, req, res)",
      text)
    assert.contains("---@param ctx Context\nfunction svc.Tick(ctx)", text)
    assert.contains("---@param item string\n---@return boolean ok\nfunction svc.OnSold(ctx, item)", text)
  end)

  it("has no more than that for a service without handlers", function()
    assert.matches('local svc = require "service" %(%.%.%.%)\n\nreturn svc\n$', (service_of ""))
  end)

  it("goes below the comment that somebody put into an empty file", function()
    local text = service_of(ADD, "-- Copyright Ada\n")
    assert.matches("^%-%- Copyright Ada\n\n%-%- shop.example", text)
    assert.contains(ADDED, text)
  end)

  it("answers 501 until it is written", function()
    local text = service_of(ADD)
    local svc = {}
    local chunk = load(text, "=service", "t", setmetatable({ require = function(name)
      return name == "service" and function()
        return svc
      end or require(name)
    end }, { __index = _G }))
    assert.equal(svc, assert(chunk)())
    assert.has_error(function()
      svc.Add({}, 1, 2)
    end, { status = 501, message = "Add is not written yet" })
  end)
end)

describe("missing handlers", function()
  it("are added before the final return, and nothing else changes", function()
    local before = HEAD .. "local x = 1 -- mine\n\n\nfunction svc.Sub(ctx)\n  return x\nend\n\n"
    local text = service_of(ADD .. "  - signature: Sub()\n    description: Sub.\n", before .. "return svc\n-- the end\n")
    assert.equal(before:gsub("function svc.Sub", "--- Sub.\n---@param ctx Context\n%0") .. ADDED .. "\nreturn svc\n-- the end\n",
      text)
  end)

  it("leave one blank line around them, whatever was there", function()
    for _, gap in ipairs { "", "\n", "\n\n", "  \n" } do
      local text = service_of(ADD, HEAD .. "local x = 1\n" .. gap .. "return svc")
      assert.equal(HEAD .. "local x = 1\n" .. (gap == "" and "\n" or gap) .. ADDED .. "\nreturn svc", text)
    end
  end)

  it("go before the comments that belong to the return", function()
    local text = service_of(ADD, HEAD .. "-- what require \"service\" gave us\nreturn svc\n")
    assert.equal(HEAD .. ADDED .. "\n-- what require \"service\" gave us\nreturn svc\n", text)
  end)

  it("go in front of a return that stands behind something", function()
    local text = service_of(ADD, HEAD .. "do local x = 1 end return svc\n")
    assert.equal(HEAD .. "do local x = 1 end \n\n" .. ADDED .. "\nreturn svc\n", text)
  end)

  it("go to the end of a file without a return", function()
    assert.equal(HEAD .. "local x\n\n" .. ADDED, (service_of(ADD, HEAD .. "local x")))
  end)

  it("are not fooled by returns of functions, comments and texts", function()
    local before = HEAD .. "local function f()\n  return svc\nend\n-- return svc\nlocal t = [[\nreturn svc\n]]\n\n"
    assert.equal(before .. ADDED .. "\nreturn svc\n", (service_of(ADD, before .. "return svc\n")))
  end)

  it("are called as the file calls the service", function()
    local text = service_of(ADD, 'local app = require("service")(...)\n-- luacheck: no unused\n\nreturn app\n')
    assert.contains("function app.Add(ctx, x, y)", text)
  end)

  it("tell luacheck that unused arguments are meant, once", function()
    local text = service_of(ADD, 'local svc = require "service" (...)\n\nreturn svc\n')
    assert.contains("(...)\n\n-- luacheck: no unused args\n\n--- Add adds.", text)
    local again = service_of(ADD .. "  - signature: Sub()\n", text)
    local _, n = again:gsub("luacheck", "")
    assert.equal(1, n)
    for _, told in ipairs { "-- luacheck: no unused", "-- luacheck: ignore 212/ctx 431" } do
      text = service_of(ADD, told .. '\nlocal svc = require "service" (...)\n\nreturn svc\n')
      assert.equal(told .. '\nlocal svc = require "service" (...)\n\n' .. ADDED .. "\nreturn svc\n", text)
    end
  end)

  it("end their lines as the file does", function()
    local text = service_of(ADD, crlf(HEAD .. "return svc\n"))
    assert.equal(crlf(HEAD .. ADDED .. "\nreturn svc\n"), text)
  end)

  it("cannot be added where nothing is bound to the declaration", function()
    local result, problems = scenery.run {
      ["service.yaml"] = scenery.GENERAL .. ADD, ["service.lua"] = "return require 'other'\n",
    }
    assert.is_nil(result)
    assert.contains('there is no `local svc = require "service" (...)`', problems[1].text)
  end)
end)

describe("handlers that are there", function()
  -- Each way of having a handler, in service.lua or another file.
  local WAYS = {
    "function svc.Add(ctx, x, y)\nend\n",
    "svc.Add = function(ctx, x, y)\nend\n",
    "function svc:Add(x, y)\nend\n",
    "svc.Add = require 'adding'.add\n",
    'svc["Add"] = print\n',
    "svc.Other, svc.Add = 1, 2\n",
    "if true then\n  function svc.Add(ctx, x, y)\n  end\nend\n",
  }

  it("are not added again, whatever they look like", function()
    for _, way in ipairs(WAYS) do
      local text = service_of(ADD, HEAD .. way .. "\nreturn svc\n")
      assert.is_nil(text:find("not written yet", 1, true), way)
    end
  end)

  it("may have been moved to any file of the folder", function()
    for _, path in ipairs { "handlers.lua", "parts/adding.lua", "genuine/x.lua", "specs.lua" } do
      local text = service_of(ADD, HEAD .. "return svc\n", { [path] = "return function(svc)\n  " .. WAYS[1] .. "end\n" })
      assert.equal(HEAD .. "return svc\n", text, path)
    end
  end)

  it("count with the name that service.lua has for the service, in other files, too", function()
    local text = service_of(ADD, 'local app = require "service" (...)\nreturn app\n', {
      ["handlers.lua"] = "return function(app)\n  function app.Add(ctx, x, y) end\nend\n",
    })
    assert.is_nil(text:find("not written yet", 1, true))
  end)

  it("do not count in generated files, specs, resources and data", function()
    for _, path in ipairs { "spec/help.lua", "resources/x.lua", "data/x.lua", "testdata/x.lua", "gen/old.lua", "x.txt" } do
      assert.contains(ADDED, (service_of(ADD, HEAD .. "return svc\n", { [path] = "return function(svc) " .. WAYS[1] .. " end" })))
    end
  end)

  it("do not count in comments and texts", function()
    for _, way in ipairs {
      "-- function svc.Add(ctx, x, y) end\n",
      "--[[\nfunction svc.Add(ctx, x, y)\nend\n]]\n",
      "local text = [==[\nfunction svc.Add(ctx, x, y)\nend\n]==]\n",
      "local text = 'function svc.Add(ctx, x, y) end'\n",
    } do
      local text = service_of(ADD, HEAD .. way .. "\nreturn svc\n")
      assert.equal(HEAD .. way .. "\n" .. ADDED .. "\nreturn svc\n", text)
    end
  end)

  it("stay when their declaration goes, and are told", function()
    local files = scenery.declared(ADD)
    local after, result = scenery.declare_again(files, "")
    assert.equal(files["service.lua"], after["service.lua"])
    assert.equal(1, #result.warnings)
    assert.equal("Add is not declared in service.yaml", result.warnings[1].text)
    assert.equal("services/shop/service.lua", result.warnings[1].file)
  end)

  it("with a colon are told", function()
    local _, result = service_of(ADD, HEAD .. WAYS[3] .. "return svc\n")
    assert.contains("write svc.Add with a point", result.warnings[1].text)
    assert.equal(4, result.warnings[1].line)
  end)

  it("that are there twice are told", function()
    local _, result = service_of(ADD, HEAD .. WAYS[1] .. WAYS[2] .. "return svc\n")
    assert.equal("Add is defined twice: line 4 has it", result.warnings[1].text)
    assert.equal(6, result.warnings[1].line)
    _, result = service_of(ADD, HEAD .. WAYS[1] .. "return svc\n", { ["more.lua"] = HEAD .. "\n" .. WAYS[1] })
    assert.matches("^Add is defined twice: line %d of [%w/]+.lua has it$", result.warnings[1].text)
    _, result = service_of(ADD, HEAD .. WAYS[1] .. "svc.Add = cached(svc.Add)\nreturn svc\n")
    assert.same({}, result.warnings)
  end)
end)

describe("parameters", function()
  local function params_of(written, sections)
    local text = service_of(sections or ADD, HEAD .. ("function svc.Add(%s)\nend\n\nreturn svc\n"):format(written))
    return text:match("function svc%.Add%((.-)%)")
  end

  it("become those that are declared", function()
    for _, written in ipairs { "", "ctx", "ctx, x", "ctx, x, z", "ctx, a, b, c", "ctx, y, x", "ctx,x,y,z" } do
      assert.equal("ctx, x, y", params_of(written), written)
    end
  end)

  it("that are right stay as they are written", function()
    for _, written in ipairs { "ctx,x,y", "ctx, x, --[[ the other ]] y", " ctx,\n  x, y " } do
      assert.equal(written, params_of(written))
    end
  end)

  it("that are not used may be called so", function()
    for _, written in ipairs { "_, x, y", "_ctx, x, _", "_, _, _", "ctx, _x, y" } do
      assert.equal(written, params_of(written))
    end
    assert.equal("_, x, y", params_of "_, x")
  end)

  it("may call the context as they like, but not like an input", function()
    assert.equal("c, x, y", params_of "c, x, y")
    assert.equal("c, x, y", params_of "c, a, b")
    assert.equal("ctx, x, y", params_of "x, y")
  end)

  it("may leave the rest open", function()
    assert.equal("...", params_of "...")
    assert.equal("ctx, ...", params_of "ctx, ...")
    assert.equal("ctx, x, ...", params_of "ctx, a, ...")
    assert.equal("ctx, x, y", params_of "ctx, a, b, ...")
  end)

  it("that are words of Lua get an underscore", function()
    assert.equal("ctx, end_, nil_", params_of("ctx", "functions:\n  - signature: Add(end int, nil int)\n"))
  end)

  it("that would hide the service get an underscore", function()
    local sections = "functions:\n  - signature: Add(svc int, app int)\n"
    assert.equal("ctx, svc_, app", params_of("ctx", sections))
    assert.equal("ctx, svc_, app", params_of("ctx, svc_, app", sections))
    local text = service_of(sections, 'local app = require "service" (...)\nreturn app\n')
    assert.contains("function app.Add(ctx, svc, app_)", text)
  end)

  it("of an assigned function are refreshed as well, in any file", function()
    local _, _, files = service_of(ADD, HEAD .. "return svc\n", {
      ["adding.lua"] = "return function(svc)\n  svc.Add = function(ctx, x) return x end\nend\n",
    })
    assert.contains("  ---@return integer sum\n  svc.Add = function(ctx, x, y) return x end\nend\n", files["adding.lua"])
  end)

  it("of web handlers, tickers and callbacks are their owner's", function()
    local sections = [[
webs:
  - signature: Home()
    description: Home.
tickers:
  - signature: Tick()
    interval: 1s
    description: Tick.
]]
    local text = service_of(sections, HEAD .. "function svc.Home(_, r)\nend\n\nfunction svc.Tick()\nend\n\nreturn svc\n")
    assert.equal(HEAD .. "--- Home.\n---@param r Request\nfunction svc.Home(_, r)\nend\n\n--- Tick.\nfunction svc.Tick()\nend\n\n"
      .. "return svc\n", text)
  end)

  it("that are too many for a line go on several", function()
    local inputs = {}
    for i = 1, 20 do
      inputs[i] = ("argument%d int"):format(i)
    end
    local sections = ("functions:\n  - signature: Add(%s)\n"):format(table.concat(inputs, ", "))
    for _, text in ipairs {
      (service_of(sections)), (service_of(sections, HEAD .. "function svc.Add()\nend\nreturn svc\n")),
    } do
      for line in text:gmatch("[^\n]+") do
        assert.is_true(#line <= 120, line)
      end
      assert.truthy(load(text))
      assert.contains("function svc.Add(\n    ctx, argument1,", text)
    end
  end)
end)

describe("annotations", function()
  local RIGHT = "---@param ctx Context\n---@param x integer\n---@param y integer\n---@return integer sum\n"
  local CODE = "function svc.Add(ctx, x, y)\n  return x + y\nend\n\nreturn svc\n"

  local function refreshed(above, sections, code)
    local text = service_of(sections or ADD, HEAD .. above .. (code or CODE))
    return text:sub(#HEAD + 1, -1 - #(code or CODE))
  end

  it("are put above a handler that has none", function()
    assert.equal("--- Add adds.\n" .. RIGHT, refreshed "")
  end)

  it("replace those that are outdated", function()
    assert.equal("--- Add adds.\n" .. RIGHT, refreshed "--- Add added\n--- long ago.\n---@param z string\n---@return boolean\n")
  end)

  it("leave other comments where they are", function()
    assert.equal("-- Mind the overflow.\n--- Add adds.\n" .. RIGHT .. "-- luacheck: ignore\n",
      refreshed("-- Mind the overflow.\n--- Add\n-- luacheck: ignore\n"))
    assert.equal("-- ---- adding ----\n\n--- Add adds.\n" .. RIGHT, refreshed "-- ---- adding ----\n\n")
    assert.equal("---------- adding\n--- Add adds.\n" .. RIGHT, refreshed "---------- adding\n")
  end)

  it("end at a blank line, at code and at a long comment", function()
    for _, above in ipairs { "--- Not of Add.\n\n", "local y = 1 --- Not of Add.\n", "--[[ Not of\nAdd. ]]\n" } do
      assert.equal(above .. "--- Add adds.\n" .. RIGHT, refreshed(above))
    end
  end)

  it("keep other tags, and what is said of a parameter or result that did not change", function()
    local above = "--- Add adds.\n---@param ctx Context\n---@param x integer the first one\n---@param y integer\n"
      .. "---@return integer sum of both\n---@nodiscard\n---@see svc.Sub\n"
    assert.equal(above, refreshed(above))
    assert.equal("--- Add adds.\n---@param ctx Context\n---@param x string\n---@param y integer\n"
      .. "---@return integer sum of both\n---@nodiscard\n---@see svc.Sub\n",
      refreshed(above, "functions:\n  - signature: Add(x string, y int) (sum int)\n    description: Add adds.\n"))
  end)

  it("keep a description that a person wrote where the declaration has none", function()
    local sections = "functions:\n  - signature: Add(x int, y int) (sum int)\n"
    assert.equal("--- Adds with care.\n" .. RIGHT, refreshed("--- Adds with care.\n", sections))
    assert.equal("--- Add is a function.\n" .. RIGHT, refreshed("", sections))
  end)

  it("have descriptions over several lines, cut to the width of a page", function()
    local sections = ("functions:\n  - signature: Add(x int, y int) (sum int)\n    description: |\n      Add adds.\n\n"
      .. "        - indented\n      %s\n"):format(("word "):rep(40))
    local above = refreshed("", sections)
    assert.matches("^%-%-%- Add adds.\n%-%-%-\n%-%-%-   %- indented\n%-%-%- word word", above)
    for line in above:gmatch("[^\n]+") do
      assert.is_true(#line <= 120, line)
    end
    assert.equal(above, refreshed(above, sections))
  end)

  it("cannot be left by what a description says", function()
    local sections = 'functions:\n  - signature: Add(x int, y int) (sum int)\n    description: "a\\rerror()\\nb ]] --[["\n'
    assert.equal("--- a\n--- error()\n--- b ]] --[[\n" .. RIGHT, refreshed("", sections))
  end)

  it("stand as deep as their handler", function()
    local text = service_of(ADD, HEAD .. "if true then\n\t  function svc.Add(ctx, x, y)\n  end\nend\n\nreturn svc\n")
    assert.contains("if true then\n\t  --- Add adds.\n\t  ---@param ctx Context\n", text)
    assert.contains("\t  ---@return integer sum\n\t  function svc.Add", text)
  end)

  it("are not put before a handler that stands behind something", function()
    local code = "do function svc.Add(ctx, x, y) end end\n\nreturn svc\n"
    assert.equal("", refreshed("", ADD, code))
  end)

  it("end their lines as the file does", function()
    local text = service_of(ADD, crlf(HEAD .. "--- Old.\n--- Older.\n" .. CODE))
    assert.equal(crlf(HEAD .. "--- Add adds.\n" .. RIGHT .. CODE), text)
  end)

  it("do not speak of parameters without a name", function()
    local code = CODE:gsub("ctx, x", "_, _x")
    assert.equal("--- Add adds.\n---@param _x integer\n---@param y integer\n---@return integer sum\n", refreshed("", ADD, code))
  end)
end)

describe("a body", function()
  it("is left alone when its handler's parameters change", function()
    local files = scenery.declared(ADD)
    local body = "  local text = [[\n---@param x integer\nfunction svc.Add(ctx)]]\n  return x + y -- y as it was\n"
    files["service.lua"] = files["service.lua"]:gsub("  require[^\n]*\n", (body:gsub("%%", "%%%%")))
    local after = scenery.declare_again(files, "functions:\n  - signature: Add(a float, y int)\n    description: New.\n")
    assert.contains("--- New.\n---@param ctx Context\n---@param a number\n---@param y integer\nfunction svc.Add(ctx, a, y)\n"
      .. body .. "end\n", after["service.lua"])
  end)
end)

describe("the order of a declaration's handlers", function()
  it("is that in which they are added, also when more come later", function()
    local files = scenery.declared "functions:\n  - signature: B()\n"
    files = scenery.declare_again(files, "functions:\n  - signature: A()\n  - signature: B()\n  - signature: C()\n")
    local names = {}
    for name in files["service.lua"]:gmatch("\nfunction svc%.(%w+)%(") do
      table.insert(names, name)
    end
    assert.same({ "B", "A", "C" }, names)
  end)

  it("has callbacks only of configs that want them", function()
    local list = handler.list {
      configs = { { name = "A", callback = true }, { name = "B", callback = false } },
      functions = {}, sinks = {}, webs = {}, tickers = {},
    }
    assert.equal(1, #list)
    assert.equal("OnChangedA", list[1].name)
  end)
end)
