-- gen/emit/: the specs, the client stub and the plumbing of a service.

local api = require "gen.emit.api"
local plumbing = require "gen.emit.plumbing"
local scenery = require "scenery"

local SECTIONS = [[
configs:
  - signature: Limit() (n int)
    description: Limit is how many.
    default: 5
    validation: int [0,100]
    callback: true
  - signature: Password() (text string)
    secret: true
functions:
  - signature: Add(x int, y int) (sum int)
    description: Add adds two integers.
    method: GET
  - signature: Save(item *Item, tags []string) (httpStatusCode int)
    method: PUT
    path: /items/{id}
    queue: none
    openApi: false
events:
  - signature: OnSold(item Item) (ok bool)
sinks:
  - signature: OnPaid(amount float)
    event: OnPayment
    source: services/bank
    forHost: bank.other
webs:
  - signature: Home()
    description: "Home: the page."
    method: GET
tickers:
  - signature: Tick()
    interval: 90s
metrics:
  - signature: Sales(n int, item string)
    description: Sales counts.
  - signature: Wait(d Duration)
    kind: histogram
    buckets: [0.1, 1, 10]
    alias: waiting
  - signature: Queue(n int)
    kind: gauge
]]

local FILES = scenery.declared(SECTIONS)

describe("a fresh spec", function()
  local text = FILES["spec/service_spec.lua"]

  it("has a test for each handler and event, in order", function()
    local names = {}
    for name in text:gmatch('\n  it%("(%w+)') do
      table.insert(names, name)
    end
    assert.same({ "loads", "Add", "Save", "OnPaid", "OnSold", "Home", "Tick", "OnChangedLimit" }, names)
  end)

  it("calls tests by what the handlers do, and shows how to call them", function()
    assert.contains([[
  it("Add adds two integers", function()
    -- service.test.Add({}, x, y):expect(sum)
    assert.is_function(service.Add)
  end)
]], text)
    assert.contains('it("Home: the page"', text)
    assert.contains('    -- service.test.Home.get({}, "?name=value"):status_ok()\n', text)
    assert.contains("    -- service.test.Tick({}):no_error()\n", text)
    assert.contains("    -- service.test.OnChangedLimit({}):no_error()\n", text)
    assert.matches("    %-%- service%.test%.OnPaid%({}, ", text)
    assert.matches("    %-%- service%.test%.OnSold%(%):expect%(.-%):wait%(%)\n    assert%.equal%(\"event\"", text)
  end)

  it("compiles", function()
    assert.truthy(load(text))
  end)
end)

describe("a spec that is there", function()
  local MORE = "functions:\n  - signature: Add(x int)\n  - signature: Sub(x int)\n"

  local function spec_of(text, more)
    local files = scenery.declared(MORE, scenery.with(more or {}, { ["spec/service_spec.lua"] = text }))
    return files["spec/service_spec.lua"]
  end

  local function test_of(name)
    return ([[
  it("%s is a function", function()
    -- service.test.%s({}, x):no_error()
    assert.is_function(service.%s)
  end)
]]):format(name, name, name)
  end

  it("gets the tests that it lacks at the end of its last block", function()
    local head = 'local service = require("spec").service()\n\ndescribe("mine", function()\n'
    local mine = '  it("adds", function()\n    assert.equal(1, service.Add({}, 1))\n  end)\n'
    assert.equal(head .. mine .. "\n" .. test_of "Sub" .. "end)\n", spec_of(head .. mine .. "end)\n"))
    assert.equal(head .. test_of "Add" .. "\n" .. test_of "Sub" .. "end) -- done\n", spec_of(head .. "end) -- done\n"))
  end)

  it("gets a block of its own where the last one is none", function()
    local mine = "local s = require 'spec'.service()\nlocal x = s.Add\n"
    assert.equal(mine .. '\ndescribe("shop.example", function()\n' .. test_of("Sub"):gsub("service%.", "s.") .. "end)\n",
      spec_of(mine))
    local one_line = "local service = require('spec').service()\ndescribe('Add', function() it('x', function() end) end)\n"
    assert.equal(one_line .. '\ndescribe("shop.example", function()\n' .. test_of "Sub" .. "end)\n", spec_of(one_line))
  end)

  it("gets the service, too, where it has none", function()
    assert.equal('describe("Add", f)\n\ndescribe("shop.example", function()\n'
      .. '  local service = require("spec").service()\n\n' .. test_of "Sub" .. "end)\n", spec_of 'describe("Add", f)\n')
  end)

  it("needs no test of what another spec of the service speaks of", function()
    local other = { ["spec/deep/more_spec.lua"] = "it('Sub subtracts', f)\nx.Add()\n" }
    assert.equal("-- mine\n", spec_of("-- mine\n", other))
  end)

  it("speaks of nothing in comments, longer words and the middle of texts", function()
    local text = spec_of "-- service.Sub\nlocal t = 'the Sub', 'Subtract', x.Subs\nx.Add()\n"
    assert.contains("service.test.Sub({}, x)", text)
    assert.is_nil(text:find("service.Add", 1, true))
  end)

  it("is written anew when it is empty", function()
    assert.matches("^%-%- Specs of shop.example", spec_of "\n")
  end)
end)

-- A client that only remembers what it was given.
local function load_api(text)
  local bound, calls = nil, {}
  local chunk = assert(load(text, "=api", "t", {
    require = function(name)
      assert.equal("client", name)
      return {
        bind = function(data)
          bound = data
          data.call = function(...)
            table.insert(calls, table.pack(...))
            return "result", 2
          end
          return data
        end,
      }
    end,
  }))
  return chunk(), bound, calls
end

describe("the client stub", function()
  local text = FILES["gen/api.lua"]
  local module, data, calls = load_api(text)

  it("tells the client what there is to call", function()
    assert.equal("shop.example", data.host)
    assert.same({ name = "Add", method = "GET", port = 443, path = "/add" }, data.functions[1])
    assert.same({ { name = "Home", method = "GET", port = 443, path = "/home" } }, data.webs)
    assert.equal("OnSold", data.events[1].name)
    assert.equal(417, data.events[1].port)
  end)

  it("has a function for each function and web handler", function()
    local ctx, request = {}, {}
    assert.same({ "result", 2 }, { module.Add(ctx, 1, 2) })
    assert.same({ "Add", ctx, 1, 2, n = 4 }, calls[#calls])
    module.Home(ctx, request)
    assert.same({ "Home", ctx, request, n = 3 }, calls[#calls])
    assert.is_nil(module.OnSold)
    assert.is_nil(module.OnPaid)
  end)

  it("tells editors what they take and give", function()
    assert.contains([[
--- Add adds two integers.
---@param ctx Context
---@param x integer
---@param y integer
---@return integer sum
function api.Add(ctx, x, y)
  return api.call("Add", ctx, x, y)
end
]], text)
    assert.contains("---@field Add fun(ctx: Context, x: integer, y: integer): fun(): Answer?", text)
    assert.contains("---@field OnSold fun(ctx: Context, item: Item): fun(): Answer?", text)
    assert.contains("---@field OnSold fun(handler: fun(ctx: Context, item: Item): boolean)", text)
    assert.contains("---@field all services.shop.api.all\n---@field fire services.shop.api.fire\n", text)
  end)

  it("has no classes for what there is none of", function()
    local plain = scenery.declared("functions:\n  - signature: F()\n")["gen/api.lua"]
    assert.is_nil(plain:find("fire", 1, true))
  end)

  it("takes arguments that are called like its own locals, or like words of Lua", function()
    local files = scenery.declared "functions:\n  - signature: F(api int, client int, end int)\n"
    local stub, _, told = load_api(files["gen/api.lua"])
    stub.F("ctx", 1, 2, 3)
    assert.same({ "F", "ctx", 1, 2, 3, n = 5 }, told[1])
  end)

  it("of a service in a folder of a folder is found by its whole name", function()
    local files = scenery.declared("", nil, { folder = "team/my-shop" })
    assert.contains('--     local my_shop = require "services.team.my-shop.api"', files["gen/api.lua"])
    assert.contains("---@class services.team.my-shop.api\n", files["gen/api.lua"])
  end)
end)

describe("the plumbing", function()
  local text = FILES["gen/plumbing.lua"]
  local data = scenery.load(text)

  it("is the declaration as data", function()
    assert.equal("shop.example", data.host)
    assert.same({
      { name = "Limit", type = "int", description = "Limit is how many.", default = "5", validation = "int [0,100]",
        callback = true, secret = false },
      { name = "Password", type = "string", description = "Password is a config.", default = "", callback = false,
        secret = true },
    }, data.configs)
    assert.equal(false, data.functions[2].openApi)
    assert.equal("PUT", data.functions[2].method)
    assert.same({ name = "OnPaid", event = "OnPayment", source = "services/bank", forHost = "bank.other", queue = "default",
      description = "OnPaid is a sink.", inputs = { { name = "amount", type = "float64" } }, outputs = {} }, data.sinks[1])
    assert.same({ { name = "Tick", description = "Tick is a ticker.", seconds = 90.0, scope = "all" } }, data.tickers)
    assert.same({ name = "Wait", kind = "histogram", alias = "waiting", buckets = { 0.1, 1, 10 },
      inputs = { { name = "d", type = "time.Duration" } } }, data.metrics[2])
    assert.equal("Sales counts.", data.metrics[1].description)
    assert.same({ Limit = "config", Password = "config", Add = "function", Save = "function", OnSold = "event",
      OnPaid = "sink", Home = "web", Tick = "ticker", Sales = "metric", Wait = "metric",
      Queue = "metric" }, data.kinds)
  end)

  it("says which sources it was made of", function()
    assert.equal(plumbing.source(FILES["service.yaml"], FILES["types.lua"]), data.source)
    assert.not_equal(plumbing.source("a", "b"), plumbing.source("ab", ""))
    assert.not_equal(plumbing.source("a", nil), plumbing.source("a", "b"))
  end)

  it("tells editors what svc has", function()
    for _, line in ipairs {
      "---@class services.shop.config\n---@field Limit integer Limit is how many.\n---@field Password string",
      "---@class services.shop.metrics\n---@field Sales fun(n: integer, item: string) Sales counts.\n",
      "---@field Wait fun(d: number)\n",
      "---@field Queue Gauge|fun(n: integer)\n",
      "---@field config services.shop.config\n---@field metrics services.shop.metrics\n",
      "---@field Add fun(ctx: Context, x: integer, y: integer): integer\n",
      "---@field OnChangedLimit fun(ctx: Context)\n",
      "---@field Home fun(ctx: Context, req: Request, res: Response): ...\n",
    } do
      assert.contains(line, text)
    end
  end)

  it("is short where there is nothing to tell", function()
    local plain = scenery.declared("")["gen/plumbing.lua"]
    assert.contains("---@class services.shop.config\n\n---@class services.shop.metrics\n\n", plain)
  end)
end)

describe("generated text", function()
  it("is luacheck's and the screen's friend", function()
    for path, text in pairs(FILES) do
      for line in text:gmatch("[^\n]+") do
        assert.is_nil(line:match("[ \t]$"), path)
      end
      assert.is_nil(text:find("\n\n\n", 1, true), path)
      assert.matches("[^\n]\n$", text)
    end
  end)

  it("says when its lines are longer than that, and only then", function()
    local long = "functions:\n  - signature: F()\n    path: /" .. ("x"):rep(130) .. "\n"
    assert.contains("-- luacheck: no max line length", scenery.declared(long)["gen/api.lua"])
    assert.is_nil(FILES["gen/api.lua"]:find("max line length", 1, true))
  end)
end)

describe("the paths of generated files", function()
  it("are those that the runtime knows", function()
    assert.equal("gen/api.lua", api.PATH)
    assert.equal("gen/plumbing.lua", plumbing.PATH)
  end)
end)
