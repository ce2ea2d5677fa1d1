-- lua/cli/workspace.lua: service folders on disk, found, generated for and written. What the commands say about it is in
-- the host's specs.

local scratch = require "scratch"
local workspace = require "cli.workspace"

local read, write = scratch.read, scratch.write

local function shop()
  write("services/shop/service.yaml", "general:\n  host: shop.example\nfunctions:\n  - signature: Add(x int)\n")
  return workspace.find { scratch.path "services/shop" }
end

before_each(scratch.make)
after_each(scratch.remove)

describe("a service's folder", function()
  it("is named by its path below the nearest services/", function()
    write("services/team/shop/service.yaml", "")
    write("elsewhere/shop/service.yaml", "")
    local found = workspace.find { scratch.path "services/team/shop", scratch.path "elsewhere/shop" }
    assert.equal("shop", found[1].name)
    assert.equal(scratch.path "elsewhere", found[1].root)
    assert.equal("team/shop", found[2].name)
    assert.equal(scratch.path "services", found[2].root)
  end)

  it("is found once, whatever it is called", function()
    shop()
    assert.equal(1, #workspace.find { scratch.path "services/shop/", scratch.path "/services/shop", scratch.path "services" })
  end)
end)

describe("hosts", function()
  local function problems_of(first, second)
    write("services/a/service.yaml", first)
    write("services/b/service.yaml", second)
    local results, problems = workspace.generate(workspace.find { scratch.path "services" })
    assert.is_nil(results)
    return problems
  end

  it("belong to one service: a second one that declares the same is refused, with its place", function()
    local problems = problems_of("general:\n  host: x.example\n", "general:\n  host: X.example\n")
    assert.equal(1, #problems)
    assert.contains("host 'x.example' is that of " .. scratch.path "services/a", problems[1].text)
    assert.equal(2, problems[1].line)
  end)

  it("that another service has are refused, too, when only one of them is looked at", function()
    write("services/a/service.yaml", "general:\n  host: x.example\n")
    write("services/b/service.yaml", "general:\n  host: x.example\n")
    for one, other in pairs { a = "b", b = "a" } do
      local results, problems = workspace.generate(workspace.find { scratch.path("services/" .. one) })
      assert.is_nil(results)
      assert.equal(scratch.path("services/" .. one) .. "/service.yaml", problems[1].file)
      assert.contains("host 'x.example' is that of " .. scratch.path("services/" .. other), problems[1].text)
    end
  end)

  it("of others cannot be listened at", function()
    local problems = problems_of("general:\n  host: x.example\n",
      "general:\n  host: y.example\nwebs:\n  - signature: W()\n    path: //x.example/w\n")
    assert.contains("host 'x.example' is that of", problems[1].text)
    assert.equal(4, problems[1].line)
  end)
end)

describe("hosts of the platform", function()
  local function problem_of(name, declaration)
    write("services/" .. name .. "/service.yaml", declaration)
    local _, problems = workspace.generate(workspace.find { scratch.path "services" })
    return problems and problems[1].text
  end

  it("are taken, too", function()
    local taken = "host 'user-svc' is that of the platform's service user"
    assert.equal(taken, problem_of("thief", "general:\n  host: user-svc\n"))
    assert.equal(taken, problem_of("thief",
      "general:\n  host: thief.example\nwebs:\n  - signature: W()\n    path: //user-svc/login\n"))
  end)

  it("belong to the folder that replaces the platform's", function()
    assert.is_nil(problem_of("user", "general:\n  host: user-svc\n"))
  end)
end)

describe("a sink", function()
  local function warnings_of(event)
    write("services/other/service.yaml",
      "general:\n  host: other.example\nevents:\n  - signature: OnSold(item string)\n")
    write("services/shop/service.yaml", "general:\n  host: shop.example\nsinks:\n  - signature: " .. event
      .. "(item string)\n    source: services/other\n")
    local results = assert(workspace.generate(workspace.find { scratch.path "services/shop" }))
    return results[1].warnings
  end

  it("of an event that its source does not fire is told, with the name that was meant", function()
    assert.equal(0, #warnings_of "OnSold")
    local warnings = warnings_of "OnSodl"
    assert.equal(1, #warnings)
    assert.equal("services/other fires no event 'OnSodl', which 'OnSodl' waits for; did you mean 'OnSold'?",
      warnings[1].text)
    assert.equal("services/other fires no event 'OnGone', which 'OnGone' waits for", warnings_of("OnGone")[1].text)
  end)

  it("of a platform's service is looked at, too", function()
    write("services/shop/service.yaml",
      "general:\n  host: shop.example\nsinks:\n  - signature: OnX()\n    source: services/user\n")
    local results = assert(workspace.generate(workspace.find { scratch.path "services/shop" }))
    assert.equal("services/user fires no event 'OnX', which 'OnX' waits for", results[1].warnings[1].text)
  end)
end)

describe("writing", function()
  it("puts everything in its place", function()
    local results = assert(workspace.generate(shop()))
    workspace.write(results)
    assert.contains("function svc.Add(ctx, x)", read "services/shop/service.lua")
    assert.same({}, workspace.generate(workspace.find { scratch.path "services" })[1].files)
  end)

  it("stops when a file was changed while it was being generated", function()
    local results = assert(workspace.generate(shop()))
    write("services/shop/service.yaml", "general:\n  host: other.example\n")
    assert.error_matches(function()
      workspace.write(results)
    end, "service.yaml was changed meanwhile; nothing was written")
    assert.is_nil(read "services/shop/service.lua")
  end)

  it("stops when a file was made while it was being generated", function()
    local results = assert(workspace.generate(shop()))
    write("services/shop/service.lua", "mine")
    assert.error_matches(function()
      workspace.write(results)
    end, "service.lua was changed meanwhile")
    assert.equal("mine", read "services/shop/service.lua")
    assert.is_nil(read "services/shop/gen/api.lua")
  end)
end)
