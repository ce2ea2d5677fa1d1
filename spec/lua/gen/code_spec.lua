-- gen/code.lua: what a Lua file of a service says.

local code = require "gen.code"

local function read(text)
  return assert(code.read(text))
end

-- "Name form line" of each definition.
local function definitions(text, objects)
  local list = {}
  for _, definition in ipairs(code.definitions(read(text), objects or { svc = true })) do
    table.insert(list, ("%s %s %d"):format(definition.name, definition.form, definition.line))
  end
  return list
end

describe("definitions", function()
  it("are functions, values, methods and other assignments", function()
    assert.same({ "A function 1", "B value 2", "C method 3", "D other 4", "E other 5", "F other 6" }, definitions [[
function svc.A(ctx, x) return x end
svc.B = function(ctx) end
function svc:C(x) end
svc.D = wrap(function(ctx) end)
svc["E"] = function() end
svc . F = other
]])
  end)

  it("are found wherever they were moved: in functions, blocks, tables and behind semicolons", function()
    assert.same({ "A function 2", "B value 2", "C function 4", "D function 5" }, definitions [[
return function(svc)
  if x then function svc.A(ctx) end; svc.B = function() end end
  for i = 1, 2 do
    repeat function svc.C() end until true
    local t = { f = function() function svc.D() end end }
  end
end
]])
  end)

  it("of a list are found", function()
    assert.same({ "A other 1", "B other 1", "C other 2" }, definitions "svc.A, svc.B = f, g\nx[1], svc.C = 1, 2\n")
  end)

  it("are not what is only read, compared, called or named alike", function()
    assert.same({}, definitions [[
local x, y = svc.A, svc.B
if svc.A == svc.B then return svc.A(1), svc.B end
f(svc.A, svc.B)
t = { svc.A, x = 1 }
other.svc.A = 1
function other.svc.A() end
function svc.A.B() end
svc.lower = function() end
function svc.start() end
]])
  end)

  it("are not what comments and texts contain", function()
    assert.same({ "B function 8" }, definitions [===[
-- function svc.A() end
--[[
function svc.A() end
]]
local text = [[
function svc.A() end
]] .. "function svc.A() end"
function svc.B() end
]===])
  end)

  it("know their parameters, wherever those stand", function()
    local source = read "function svc.A(ctx, --[[ the first ]] x,\n  ...) end svc.B = function() end"
    local list = code.definitions(source, { svc = true })
    assert.same({ "ctx", "x", "..." }, list[1].params.names)
    assert.same({}, list[2].params.names)
    assert.equal("(ctx, --[[ the first ]] x,\n  ...)", source.text:sub(list[1].params.from, list[1].params.to))
  end)
end)

describe("a file", function()
  it("says which local is the service", function()
    for _, text in ipairs {
      'local app = require "service" (...)',
      "local app = require('service')(...)",
      "local app <const> = require [[service]] (folder)",
      'local service = require "service"\nlocal app = service(...)',
    } do
      assert.same({ "app" }, read(text).services, text)
    end
    assert.same({}, read('local app = require "services" (...)\n-- local b = require "service" (...)').services)
  end)

  it("of specs says which local is the service, too", function()
    assert.same({ "service" }, read('local service = require("spec").service()').specs)
    assert.same({ "s" }, read('local s = require "spec".service()').specs)
  end)

  it("has its own return, not those of its functions", function()
    local source = read "local function f()\n  return 1\nend\nif f then return 2 end\nreturn f\n"
    assert.equal(5, source.final.line)
    assert.is_nil(read("local f = function() return 1 end").final)
  end)

  it("that does not compile says why and where", function()
    local source, why, line = code.read "local x = 1\nlocal = 2\n"
    assert.is_nil(source)
    assert.equal(2, line)
    assert.contains("expected", why)
  end)

  it("speaks of fields and of the words that texts begin with", function()
    local words = {}
    code.mentioned(read [[
service.Add({}, 1) -- Comment
it("Hello greets", f)
it("the Third", f)
local Fourth = x:Fifth()
]], words)
    assert.same({ true, true, nil, nil, true, nil },
      { words.Add, words.Hello, words.Third, words.Fourth, words.Fifth, words.Comment })
  end)
end)

describe("a file without its header", function()
  it("begins with its first line of code", function()
    assert.equal("local x\n", code.without_header "-- Copyright\n\n--[[ more\nlines ]]\n  --[==[ ]] ]==] local x\n")
    assert.equal("", code.without_header "-- nothing else")
    assert.equal("x", code.without_header "x")
  end)

  it("keeps annotations", function()
    assert.equal("---@class A\n", code.without_header "-- types\n\n---@class A\n")
    assert.equal("--- text\nx", code.without_header "---- line ----\n--- text\nx")
  end)
end)

describe("changes", function()
  it("replace, insert and take out", function()
    assert.equal("[Axc]d!", code.apply("abcd", {
      { from = 5, to = 4, text = "!" }, { from = 1, to = 0, text = "[" }, { from = 1, to = 2, text = "Ax" },
      { from = 4, to = 3, text = "]" },
    }))
  end)

  it("find the gap that leaves one blank line", function()
    assert.equal("", code.gap("", "\n"))
    assert.equal("\n\n", code.gap("x", "\n"))
    assert.equal("\n", code.gap("x\n", "\n"))
    assert.equal("", code.gap("x\n\n", "\n"))
    assert.equal("", code.gap("x\r\n \t\r\n", "\r\n"))
    assert.equal("\r\n", code.gap("x\r\n", "\r\n"))
  end)
end)
