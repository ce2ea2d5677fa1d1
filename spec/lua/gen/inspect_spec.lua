-- gen.scope, gen.inspect and gen.policies: what reading code tells, and what it must not.

local inspect = require "gen.inspect"
local policies = require "gen.policies"
local scope = require "gen.scope"
local types = require "gen.types"

local MODULES = {
  json = { trust = "all", fields = { decode = { least = 1, most = 2 }, encode = { least = 1, most = 2 }, null = {} } },
  log = { trust = "all", fields = { info = { least = 1 } } },
  host = { trust = "platform", fields = {} },
  service = { trust = "all", fields = {} },
  errors = { trust = "all", fields = { raise = { least = 2, most = 2 } } },
  ["service.context"] = { trust = "all" },
}

-- The findings in a service.lua and more files, "line:column: text" each.
local function findings(text, more)
  local files = { ["service.lua"] = text }
  for path, other in pairs(more or {}) do
    files[path] = other
  end
  assert(load(text))
  local list = {}
  for _, finding in ipairs(inspect.code {
    files = files, modules = MODULES, services = { ["examples/shop"] = "" },
    names = { config = { Greeting = true }, metrics = { Sales = true } },
  }) do
    local path = finding.path == "service.lua" and "" or finding.path .. ":"
    table.insert(list, ("%s%d:%d: %s"):format(path, finding.line, finding.column, finding.text))
  end
  return list
end

local function nothing(text, more)
  assert.same({}, findings(text, more))
end

describe("globals", function()
  it("that nothing defines are told, with the name that was meant", function()
    assert.same({ "2:8: nothing defines 'tostirng'; did you mean 'tostring'?" },
      findings "local a = 1\nreturn tostirng(a)")
  end)

  it("that services cannot reach are told", function()
    assert.same({ "1:8: services have no 'io'", "2:4: there is no os.getenv", "3:8: there is no string.dump" },
      findings "return io.read(),\nos.getenv(1),\nstring.dump")
  end)

  it("that the service defines itself are there in all its files", function()
    nothing("require 'other'\nreturn shared_name, made()", { ["other.lua"] = "shared_name = 1\nfunction made() end" })
  end)

  it("of specs are those of specs", function()
    nothing("return 1", { ["spec/x_spec.lua"] = "describe('a', function() it('b', function() io.open(os.tmpname()) end) end)" })
    assert.same({ "1:1: services have no 'describe'" }, findings "describe()")
  end)

  it("are not the locals, parameters, loop variables, fields, methods, keys and labels of the same name", function()
    nothing [[
      local a, b <const> = 1, 2
      local function c(d, ...) return a, b, c, d, ... end
      for e = 1, 2 do c(e) end
      for f, g in pairs { h = a, [b] = c, c } do c(f, g) end
      repeat local i = 1 until i == 1
      function a.j.k:l(m) return self, m end
      goto n
      ::n::
      do local o <close> = nil; c(o.p.q:r "s" { t = 1 }) end
      while a do if b then break elseif c then return else a = b end end
      return function(u) return u // 1 ~ -u .. [=[v]=] end
    ]]
  end)

  it("are fields of _ENV, which may be another table: then nobody knows its fields", function()
    nothing [[
      local _ENV <const> = _ENV
      local function f(_ENV) a = 1 return b, c.d end
      do local _ENV = { print = print } print(e) function g() end end
      return f, _ENV.print
    ]]
    nothing "_ENV = setmetatable({}, { __index = _ENV }) return a"
    assert.same({ "1:43: nothing defines 'b'" }, findings "do local _ENV = {} local x = a end return b")
    assert.same({ "1:32: nothing defines 'a'" }, findings "local _ENV = _ENV local x = 1, a")
  end)

  it("begin where a local's scope ends, and its own value is outside of it", function()
    assert.same({ "1:11: nothing defines 'a'", "2:22: nothing defines 'b'", "3:34: nothing defines 'c'" },
      findings "local a = a\ndo local b end print(b)\nlocal d = function(c) end, print(c)")
  end)
end)

describe("modules", function()
  it("that are not there are told, with the name that was meant", function()
    assert.same({ "1:9: there is no module 'jsno'; did you mean 'json'?", "2:9: there is no service 'gone'" },
      findings "require 'jsno'\nrequire 'services.gone.api'")
  end)

  it("of the platform are not for services", function()
    assert.same({ "1:10: module 'host' is not for services" }, findings "require ('host')")
  end)

  it("may be files of the service, client stubs and parts of the host; and names made at run time are left alone", function()
    nothing("require 'a.b' require 'services.examples.shop.api' require 'service.context'.anything() require('x' .. 1)",
      { ["a/b.lua"] = "return {}" })
  end)

  it("have no fields but those that they have", function()
    assert.same({ "2:13: there is no json.encod; did you mean 'encode'?", "3:16: there is no json.nul; did you mean 'null'?" },
      findings "local j <const> = require 'json'\nlocal a = j.encod(1)\nrequire 'json'.nul()")
  end)

  it("are watched under each local of a list, and not under one that may hold something else", function()
    assert.same({ "2:3: there is no log.inof; did you mean 'info'?" },
      findings "local a, l = 1, require 'log'\nl.inof(a)")
    nothing "local json = require 'json'\njson = {}\nreturn json.anything"
    nothing "local json = require 'json'\ndo local json = {} return json.anything end"
    nothing "return function(json) return json.anything end"
    nothing "local x = require 'json' or {}\nreturn x.anything"
  end)

  it("may have fields assigned, as mocks are", function()
    nothing "local json = require 'json'\njson.mock = 1\nfunction json.mocked() end"
  end)

  it("have functions that take so many arguments", function()
    assert.same({
      "2:6: json.decode takes 1 to 2 arguments, not 0", "3:6: json.decode takes 1 to 2 arguments, not 3",
      "4:18: errors.raise takes 2 arguments, not 1", "5:15: log.info takes at least 1 arguments, not 0",
    }, findings [[
local json = require "json"
json.decode()
json.decode(1, 2, 3)
require "errors".raise(400)
require "log".info()
]])
  end)

  it("are not held to a number that only running tells", function()
    nothing [[
      local json = require "json"
      json.decode(...)
      json.decode(print())
      json.decode(1, pairs {})
      json.decode "x"
      json.decode { 1 }
      require "log".info(1, 2, 3, 4, 5)
      return json.decode, pcall(json.decode)
    ]]
  end)

  it("have functions, no methods", function()
    assert.same({ "1:16: write json.decode with a point: with a colon it gets the module as its first argument" },
      findings "require 'json':decode(1)")
  end)
end)

describe("svc", function()
  local HEAD = "local svc = require 'service' (...)\n"

  it("has the configs and metrics that are declared", function()
    assert.same({
      "2:19: config 'Greting' is not declared in service.yaml; did you mean 'Greeting'?",
      "3:13: metric 'Sale' is not declared in service.yaml; did you mean 'Sales'?",
    }, findings(HEAD .. "return svc.config.Greting,\nsvc.metrics.Sale(1)"))
    nothing(HEAD .. "svc.metrics.Sales(1) svc.config.Greeting = nil return svc.cache, svc.anything")
  end)

  it("has no code where the generator's skeleton still stands", function()
    assert.same({ "3:20: Add is declared but has no code: it answers 501 as it was generated" },
      findings(HEAD .. "function svc.Add(ctx, x)\n  require \"errors\".raise(501, \"Add is not written yet\")\nend"))
    nothing(HEAD .. "function svc.Add() print('Add is not written yet') end")
  end)
end)

describe("types", function()
  -- The names of those that nothing reaches.
  local function unused(text, files, others)
    files["types.lua"] = text
    local names = {}
    for i, definition in ipairs(inspect.unused_types(types.read(text), files, others or {})) do
      names[i] = definition.name
    end
    return names
  end

  local PETS = "---@class Animal\n---@class Pet: Animal\n---@field toy Toy\n\n---@class Toy\n\n---@class Other\n"

  it("are used by signatures, and by types that are used", function()
    assert.same({ "Other" }, unused(PETS, { ["service.yaml"] = "  - signature: Get() (pet *Pet)" }))
    assert.same({ "Animal", "Pet", "Toy", "Other" }, unused(PETS, { ["service.yaml"] = "  # Get() (pet *Pet)" }))
  end)

  it("are used by annotations in code, and by other services", function()
    assert.same({ "Animal", "Pet", "Toy" }, unused(PETS, { ["service.lua"] = "---@param x Other" }))
    assert.same({ "Animal", "Pet", "Other" }, unused(PETS, {}, { far = "---@class Toy\n---@class Box\n---@field toy Toy" }))
  end)
end)

describe("a policy file", function()
  local function problems(name, text)
    local list = {}
    for i, problem in ipairs(policies.check(name, text)) do
      list[i] = ("%d:%d: %s"):format(problem.line, problem.column, problem.text)
    end
    return list
  end

  it("answers what is asked, in each way of writing that", function()
    assert.same({}, problems("user", "return { login = function() end }"))
    assert.same({}, problems("user", "local M = {}\nfunction M.slug() end\nM.roles = print\nM.claims, M._x = 1, 2\nreturn M"))
  end)

  it("is told what nobody asks, with the name that was meant", function()
    assert.same({ "1:10: nobody asks user.logn; did you mean 'login'?" }, problems("user", "return { logn = 1 }"))
    assert.same({ "2:12: nobody asks proxy.route; there are: limit, request, response" },
      problems("proxy", "local M = {}\nfunction M.route() end\nreturn M"))
    assert.same({ "1:1: the platform asks no policy 'users'; did you mean 'user'?" }, problems("users", "return {}"))
  end)

  it("must return a table that can be seen", function()
    assert.same({ "1:1: it must end with `return` and a table of functions" }, problems("user", "print(1)"))
  end)
end)

describe("scope", function()
  it("tells where a global is assigned", function()
    local found = scope.read "a = 1\nfunction b() end\nc.d = 1\nfunction e.f() end"
    local assigned = {}
    for i, use in ipairs(found.globals) do
      assigned[i] = use.name .. tostring(use.assigned)
    end
    assert.same({ "atrue", "btrue", "cfalse", "efalse" }, assigned)
  end)
end)
