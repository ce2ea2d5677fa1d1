-- gen/generate.lua: which files a service gets, when, and what is told.

local generate = require "gen.generate"
local scenery = require "scenery"
local seal = require "seal"
local template = require "gen.template"
local version = require "gen.emit.version"

local FUNCTIONS = "functions:\n  - signature: Add(x int, y int) (sum int)\n    description: Add adds.\n"

local function version_of(files)
  return assert(version.parse(files["gen/version.lua"]))
end

local function problems_of(files, options)
  local result, problems = scenery.run(files, options)
  assert.is_nil(result)
  return problems
end

describe("a service", function()
  it("gets its files", function()
    local files = scenery.declared(FUNCTIONS .. "  - signature: Buy(item Item)\n")
    assert.equal("gen/api.lua gen/plumbing.lua gen/version.lua service.lua service.yaml spec/service_spec.lua types.lua",
      scenery.paths(files))
  end)

  it("without complex types gets no types.lua", function()
    assert.is_nil(scenery.declared(FUNCTIONS)["types.lua"])
  end)

  it("that wants no tests gets none, and those that it has stay", function()
    local general = "general:\n  host: shop.example\n  integrationTests: false\n"
    local files = scenery.generate { ["service.yaml"] = general .. FUNCTIONS }
    assert.is_nil(files["spec/service_spec.lua"])
    local mine = { ["service.yaml"] = general .. FUNCTIONS, ["spec/service_spec.lua"] = "-- mine" }
    assert.equal("-- mine", scenery.generate(mine)["spec/service_spec.lua"])
  end)

  it("with an empty declaration gets one to fill in, and nothing else", function()
    local files, result = scenery.generate { ["service.yaml"] = " \n" }
    assert.equal(template.fresh "shop.example", files["service.yaml"])
    assert.equal("service.yaml", scenery.paths(result.files))
    assert.is_true(result.blank)
  end)

  it("in a folder whose name is no hostname fills in the host itself", function()
    local files = scenery.generate({ ["service.yaml"] = "" }, { folder = "team/My Shop" })
    assert.equal(template.fresh "", files["service.yaml"])
  end)

  it("without a declaration is an error", function()
    local problem = problems_of({ ["service.lua"] = "" })[1]
    assert.equal("services/shop/service.yaml", problem.file)
    assert.contains("moonbus new", problem.text)
  end)

  it("keeps what is no concern of the generator", function()
    local files = { ["resources/logo.png"] = "\0png", ["helper.lua"] = "return {}", ["README.md"] = "mine" }
    local _, result = scenery.declared(FUNCTIONS, files)
    for path in pairs(files) do
      assert.is_nil(result.files[path])
    end
  end)
end)

describe("a second run", function()
  it("changes nothing", function()
    local files = scenery.declared(FUNCTIONS .. "events:\n  - signature: OnSold(item Item)\n")
    local _, result = scenery.generate(files, { time = "2027-01-01T00:00:00Z" })
    assert.same({}, result.files)
    assert.equal(1, result.version)
  end)

  it("that is forced counts one version more and changes nothing else", function()
    local files = scenery.declared(FUNCTIONS)
    local again, result = scenery.generate(files, { force = true, time = "2027-01-01T00:00:00Z" })
    assert.equal("gen/version.lua", scenery.paths(result.files))
    assert.same({ version = 2, sha256 = version_of(files).sha256, time = "2027-01-01T00:00:00Z" }, version_of(again))
  end)

  it("brings back a test that was taken out only when something else changed, or when it is forced", function()
    local files = scenery.declared(FUNCTIONS)
    local without = scenery.with(files, { ["spec/service_spec.lua"] = 'describe("x", function()\nend)\n' })
    assert.same({}, select(2, scenery.generate(without)).files)
    assert.contains("service.Add", scenery.generate(without, { force = true })["spec/service_spec.lua"])
    local edited = scenery.with(without, { ["service.lua"] = files["service.lua"] .. "\n" })
    assert.contains("service.Add", scenery.generate(edited)["spec/service_spec.lua"])
  end)

  it("writes generated files that were changed or taken out anew", function()
    local files = scenery.declared(FUNCTIONS)
    for _, path in ipairs { "gen/api.lua", "gen/plumbing.lua" } do
      assert.equal(files[path], scenery.generate(scenery.with(files, { [path] = false }))[path])
      assert.equal(files[path], scenery.generate(scenery.with(files, { [path] = "return {}" }))[path])
    end
  end)
end)

describe("the version", function()
  it("is one higher for each run that found something to do", function()
    local files = scenery.declared(FUNCTIONS)
    assert.equal(1, version_of(files).version)
    files["service.lua"] = files["service.lua"]:gsub("is not written", "is still not written")
    files = scenery.generate(files)
    assert.equal(2, version_of(files).version)
    files = scenery.declare_again(files, FUNCTIONS .. "  - signature: Sub(x int)\n")
    assert.equal(3, version_of(files).version)
  end)

  it("skips the one that mocks have", function()
    assert.equal(7356, version.next(7355))
    assert.equal(7358, version.next(7356))
  end)

  it("that cannot be read is an error", function()
    local files = scenery.declared(FUNCTIONS)
    files["gen/version.lua"] = "return { version = 'one' }\n"
    local problem = problems_of(files)[1]
    assert.equal("services/shop/gen/version.lua", problem.file)
    assert.matches("^unable to parse gen/version.lua", problem.text)
  end)

  it("has the hash of all sources, after the run", function()
    local files = scenery.declared(FUNCTIONS)
    assert.equal(version.hash(files), version_of(files).sha256)
  end)
end)

describe("the hash", function()
  local FILES = { ["a.lua"] = "-- Copyright\n\nreturn 1\n", ["b.yaml"] = "# x\n", ["resources/c"] = "\0" }

  it("is that of the texts in order", function()
    assert.equal(seal.sha256 "return 1\n# x\n\0", version.hash(FILES))
  end)

  it("does not see specs, data, dot files, the version, and what is above the code", function()
    local hash = version.hash(FILES)
    for _, path in ipairs {
      "spec/service_spec.lua", "spec/data.txt", "more_spec.lua", "data/x", "inner/testdata/x", ".hidden", ".git/x",
      "gen/version.lua",
    } do
      assert.equal(hash, version.hash(scenery.with(FILES, { [path] = "x" })), path)
    end
    assert.equal(hash, version.hash(scenery.with(FILES, { ["a.lua"] = "-- another\n-- header\nreturn 1\n" })))
  end)

  it("sees everything else", function()
    local hash = version.hash(FILES)
    for _, path in ipairs { "a.lua", "b.yaml", "resources/c", "new", "gen/api.lua", "inner/spec/x", "database/x" } do
      assert.not_equal(hash, version.hash(scenery.with(FILES, { [path] = "changed" })), path)
    end
    assert.not_equal(hash, version.hash(scenery.with(FILES, { ["b.yaml"] = "# y\n" })))
  end)
end)

describe("generated files", function()
  local GENERATED = { "gen/api.lua", "gen/plumbing.lua", "gen/version.lua" }

  it("say so in their first line", function()
    local files = scenery.declared(FUNCTIONS)
    for _, path in ipairs(GENERATED) do
      assert.matches("^%-%- Generated from service.yaml by `moonbus gen`; do not edit.\n", files[path], path)
    end
  end)

  it("keep a comment with a copyright on top", function()
    local files = scenery.declared(FUNCTIONS)
    for _, notice in ipairs { "-- Copyright Ada\n-- All rights reserved.\n", "--[==[\nCopyright Ada ]]\n]==]\n" } do
      local before = {}
      for _, path in ipairs(GENERATED) do
        before[path] = notice .. "\n" .. files[path]
      end
      local after = scenery.generate(scenery.with(files, before), { force = true })
      for _, path in ipairs(GENERATED) do
        assert.equal(notice .. "\n-- Generated", after[path]:sub(1, #notice + 13), path)
        local _, marks = after[path]:gsub("do not edit", "")
        assert.equal(1, marks)
      end
      assert.same({}, select(2, scenery.generate(after)).files)
    end
  end)

  it("keep no other comment", function()
    local files = scenery.declared(FUNCTIONS)
    files["gen/api.lua"] = "-- mine\n\n" .. files["gen/api.lua"]
    assert.matches("^%-%- Generated", scenery.generate(files)["gen/api.lua"])
  end)
end)

describe("errors", function()
  it("of a declaration are all told, with their places, and nothing is written", function()
    local problems = problems_of { ["service.yaml"] = "general:\n  host: $\nfunctions:\n  - signature: add()\n" }
    assert.equal(2, #problems)
    assert.same({ file = "services/shop/service.yaml", line = 2, column = 9, text = "invalid hostname '$'" }, problems[1])
    assert.equal(4, problems[2].line)
    assert.equal("handler 'add' must start with uppercase in 'add()'", problems[2].text)
  end)

  it("of a file that does not compile have its place", function()
    local files = scenery.declared(FUNCTIONS)
    files["service.lua"] = "local x = 1\nlocal = 2\n"
    local problem = problems_of(files)[1]
    assert.equal("services/shop/service.lua", problem.file)
    assert.equal(2, problem.line)
    files = scenery.declared(FUNCTIONS)
    files["spec/service_spec.lua"] = "(("
    assert.equal("services/shop/spec/service_spec.lua", problems_of(files)[1].file)
  end)

  it("are told when a config's callback has the name of another handler", function()
    local sections = "configs:\n  - signature: Limit() (n int)\n    callback: true\n"
      .. "functions:\n  - signature: OnChangedLimit()\n"
    local problem = problems_of { ["service.yaml"] = scenery.GENERAL .. sections }[1]
    assert.matches("^duplicate handler name 'OnChangedLimit': the callback of the config in line 4 has it$", problem.text)
    assert.equal(7, problem.line)
  end)

  it("are told when a declaration is too large to be read", function()
    local problem = problems_of { ["service.yaml"] = scenery.GENERAL .. ("# more\n"):rep(200000) }[1]
    assert.contains("larger than 1 MB", problem.text)
  end)

  it("name the folder that they were found in", function()
    local problem = problems_of({ ["service.yaml"] = "general:\n" }, { place = "elsewhere/shop" })[1]
    assert.equal("elsewhere/shop/service.yaml", problem.file)
  end)
end)

describe("the source of a sink", function()
  local SINKS = "sinks:\n  - signature: OnSold(item string)\n    source: services/other\n"

  it("is a service's folder, or the end of a longer path", function()
    local services = { other = "x", ["team/shop"] = "x", shop = "x" }
    assert.equal("other", generate.source("other", services))
    assert.equal("other", generate.source("services/other", services))
    assert.equal("team/shop", generate.source("example.com/services/team/shop", services))
    assert.equal("shop", generate.source("example.com/shop", services))
    assert.is_nil(generate.source("another", services))
    assert.is_nil(generate.source("other/more", services))
  end)

  it("that is no service is told and is no error", function()
    local _, result = scenery.declared(SINKS, nil, { services = { shop = "" } })
    assert.equal(1, #result.warnings)
    assert.equal("there is no service 'services/other', the source of 'OnSold'", result.warnings[1].text)
    _, result = scenery.declared(SINKS, nil, { services = { other = "" } })
    assert.equal(0, #result.warnings)
  end)
end)

describe("types", function()
  local BUY = "functions:\n  - signature: Buy(item Item) (owner *Person)\n"
  local OTHERS = { directory = "---@class Person\n---@field name string\n" }

  it("of others are named and compiled into what the runtime reads", function()
    local files, result = scenery.declared(BUY, nil, { others = OTHERS })
    assert.contains("---@class Item\n\n---@class Person\n---@source services/directory/types.lua\n", files["types.lua"])
    assert.same({ "Item", "Person" }, result.added.types)
    local classes = scenery.load(files["gen/plumbing.lua"]).classes
    assert.same({ fields = { { name = "name", type = "string", optional = false } } }, classes.Person)
    assert.same({ fields = {} }, classes.Item)
  end)

  it("of others that change bring a new version", function()
    local files = scenery.declared(BUY, nil, { others = OTHERS })
    assert.same({}, select(2, scenery.generate(files, { others = OTHERS })).files)
    local _, result = scenery.generate(files, { others = { directory = "---@class Person\n---@field age integer\n" } })
    assert.equal("gen/plumbing.lua gen/version.lua", scenery.paths(result.files))
  end)

  it("of others that are gone are told", function()
    local files = scenery.declared(BUY, nil, { others = OTHERS })
    local _, result = scenery.generate(files)
    assert.equal("'Person' is taken from a service that does not define it", result.warnings[1].text)
  end)

  it("that are defined twice are told, with the first place", function()
    local files = scenery.declared(BUY, nil, { others = OTHERS })
    files["types.lua"] = "---@class Item\n---@field n integer\n\n" .. files["types.lua"] .. "\n---@class Item\n"
    local _, result = scenery.generate(files, { others = OTHERS })
    assert.equal("'Item' is defined twice: line 1 has it, and counts", result.warnings[1].text)
  end)
end)
