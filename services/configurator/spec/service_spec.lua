-- Specs of configurator.core: who may ask for what, and what follows from a change.

-- luacheck: std +busted

local auth = require "auth"
local bus = require "bus"
local errors = require "errors"
local host = require "host"
local json = require "json"
local service = require("spec").service()
local shared = require "shared"
local store = require "store"
local time = require "time"

local ADMIN = { admin = true }
local asked -- requests over the bus: "POST https://…", in order
local answers -- by URL: { status, body }, in place of 404

local kept = { need = auth.need, request = bus.request, publish = bus.publish, config_file = host.config_file }

local function answer(_, req)
  table.insert(asked, ("%s %s"):format(req.method, req.url))
  local given = answers[req.url] or { 404, "" }
  return { status = given[1], headers = {}, body = given[2], sent = req.body }
end

before_each(function()
  asked, answers = {}, {}
  shared.del_prefix ""
  store.collection("values"):delete_where {}
  auth.need = function(ctx)
    if not ctx.admin then
      errors.raise(401, "Unauthorized")
    end
  end
  bus.request = answer
  bus.publish = function(ctx, req)
    return { answer(ctx, req) }
  end
  host.config_file = function()
    return "all:\n  Greeting: Hello\nshop.example:\n  Count: 3\n  Key: sesame\n", 100
  end
end)

after_each(function()
  auth.need, bus.request, bus.publish, host.config_file = kept.need, kept.request, kept.publish, kept.config_file
end)

local function from(name, platform)
  return { from = { host = name, platform = platform or false } }
end

local function refused(status, fn, ...)
  local args = table.pack(...)
  assert.has_error(function()
    fn(table.unpack(args, 1, args.n))
  end, { status = status })
end

local SHOP = {
  { name = "Greeting", secret = false, value = "Hello", type = "string", validation = "str", description = "d" },
  { name = "Count", secret = false, value = "3", type = "int" },
  { name = "Key", secret = true, value = "******", type = "string" },
  { name = "Other", secret = false, value = "x", type = "string" },
}

local function shop_runs()
  answers["https://shop.example:888/config-list"] = { 200, json.encode { configs = json.list(SHOP) } }
  answers["https://shop.example:888/config-check"] = { 200, "{}" }
  answers["https://shop.example:888/config-refresh"] = { 200, "{}" }
end

describe("Values", function()
  it("gives the calling service its own, by the names as they were asked for", function()
    local names = { "GREETING", "Count", "Nothing" }
    assert.same({ GREETING = "Hello", Count = "3" }, service.Values(from "shop.example", names))
    assert.same({ GREETING = "Hello" }, service.Values(from "other.example", names))
  end)

  it("gives nobody outside of the bus anything", function()
    refused(403, service.Values, ADMIN, { "Count" })
    refused(403, service.Values, {}, { "Count" })
  end)
end)

describe("Refresh", function()
  it("has all services ask again, for admins and the platform's services", function()
    service.Refresh(ADMIN)
    service.Refresh(from("http.ingress.core", true))
    service.PeriodicRefresh({})
    local line = "POST https://all:888/config-refresh"
    assert.same({ line, line, line }, asked)
    refused(401, service.Refresh, {})
    refused(403, service.Refresh, from "shop.example")
  end)

  it("reports the last failure that is not 404", function()
    bus.publish = function()
      return {
        { status = 500, body = '{"error":"first"}' }, { status = 500, body = "second" }, { status = 404, body = "third" },
        { status = 200, body = "{}" },
      }
    end
    assert.has_error(function()
      service.Refresh(ADMIN)
    end, { status = 500, message = "second" })
  end)
end)

describe("Set", function()
  it("asks the service, keeps the value, and has the service and all others ask again", function()
    shop_runs()
    assert.is_true(service.Set(ADMIN, "Shop.example", "Count", "5"))
    assert.same({
      "POST https://shop.example:888/config-check",
      "POST https://configurator.core:443/sync",
      "POST https://shop.example:888/config-refresh",
      "POST https://all:888/config-refresh",
    }, asked)
    assert.same({ Count = "5" }, service.Values(from "shop.example", { "Count" }))
  end)

  it("refuses what the service refuses, and keeps nothing of it", function()
    shop_runs()
    answers["https://shop.example:888/config-check"] = { 400, '{"error":"invalid value"}' }
    assert.has_error(function()
      service.Set(ADMIN, "shop.example", "Count", "many")
    end, { status = 400, message = "invalid value" })
    assert.same({ Count = "3" }, service.Values(from "shop.example", { "Count" }))
  end)

  it("takes a value for services that are not there yet", function()
    assert.is_false(service.Set(ADMIN, "example", "Count", "7"))
    assert.is_false(service.Set(ADMIN, "all", "Greeting", "Hi"))
    assert.same({ Count = "7", Greeting = "Hi" }, service.Values(from "new.example", { "Count", "Greeting" }))
  end)

  it("says when the service fails with what was set", function()
    shop_runs()
    answers["https://shop.example:888/config-refresh"] = { 500, '{"error":"no such printer"}' }
    assert.has_error(function()
      service.Set(ADMIN, "shop.example", "Count", "5")
    end, { status = 500, message = "the value is set, but shop.example fails with it: no such printer" })
  end)

  it("is for admins, and for names and values that can be", function()
    refused(401, service.Set, {}, "shop.example", "Count", "5")
    refused(401, service.Set, from "shop.example", "shop.example", "Count", "5")
    refused(400, service.Set, ADMIN, "no host", "Count", "5")
    refused(400, service.Set, ADMIN, "shop.example", "my-count", "5")
    refused(400, service.Set, ADMIN, "all", "Count", ("5"):rep(65537))
    assert.same({}, asked)
  end)
end)

describe("Unset", function()
  it("takes back what was set, and only then tells others", function()
    shop_runs()
    service.Set(ADMIN, "shop.example", "Count", "5")
    asked = {}
    assert.is_true(service.Unset(ADMIN, "shop.example", "count"))
    assert.equal(3, #asked)
    assert.same({ Count = "3" }, service.Values(from "shop.example", { "Count" }))
    asked = {}
    assert.is_false(service.Unset(ADMIN, "shop.example", "Count"))
    assert.same({}, asked)
    refused(401, service.Unset, {}, "shop.example", "Count")
  end)
end)

describe("List", function()
  local function row(list, name)
    for _, one in ipairs(list) do
      if one.name == name then
        return one
      end
    end
  end

  it("gives the configs of a service that runs, and where their values come from", function()
    shop_runs()
    service.Set(ADMIN, "shop.example", "Count", "5")
    local list = service.List(ADMIN, "shop.example")
    assert.equal(4, #list)
    assert.same({
      host = "shop.example", name = "Greeting", value = "Hello", source = "file", section = "all", secret = false,
      type = "string", validation = "str", description = "d",
    }, list[1])
    assert.equal("set", row(list, "Count").source)
    assert.equal("******", row(list, "Key").value)
    assert.equal("default", row(list, "Other").source)
    assert.is_nil(row(list, "Other").section)
  end)

  it("says that a default is in force where the service refused what is set", function()
    answers["https://shop.example:888/config-list"] = { 200, json.encode { configs = json.list {
      { name = "Count", secret = false, value = "1", default = "1", type = "int", validation = "int [1,2]" },
    } } }
    local count = service.List(ADMIN, "shop.example")[1]
    assert.same({ "1", "default" }, { count.value, count.source })
    assert.is_nil(count.section)
  end)

  it("masks what is set where no service says that it is no secret", function()
    local list = service.List(ADMIN, "shop.example")
    assert.same({ "count *", "key ******" }, {
      list[1].name .. " " .. list[1].value, list[2].name .. " " .. list[2].value,
    })
    assert.same({}, service.List(ADMIN, "other.example"))
  end)

  it("gives everything that is set, without a host", function()
    shop_runs()
    local lines = {}
    for i, one in ipairs(service.List(ADMIN, "")) do
      lines[i] = ("%s %s %s"):format(one.host, one.name, one.value)
    end
    assert.same({ "all greeting *****", "shop.example count 3", "shop.example key ******" }, lines)
  end)

  it("is for admins", function()
    refused(401, service.List, {}, "")
    refused(400, service.List, ADMIN, "no host")
  end)
end)

describe("Sync", function()
  local SELF = from("configurator.core", true)

  it("keeps what is newer", function()
    service.Sync(SELF, time.now(), { all = { greeting = "Hi" } })
    assert.same({ Greeting = "Hi" }, service.Values(from "shop.example", { "Greeting", "Count" }))
    assert.same({}, asked)
  end)

  it("sends back what is newer here, and makes all ask again", function()
    service.Sync(SELF, 99, { all = { greeting = "Hi" } })
    assert.same({ "POST https://configurator.core:443/sync", "POST https://all:888/config-refresh" }, asked)
    assert.same({ Greeting = "Hello" }, service.Values(from "shop.example", { "Greeting" }))
  end)

  it("does nothing when all is the same, or when another service calls", function()
    service.Sync(SELF, 1, { all = { greeting = "Hello" }, ["shop.example"] = { count = "3", key = "sesame" } })
    service.Sync(from("shop.example", true), time.now(), { all = { greeting = "Hi" } })
    service.Sync({}, time.now(), { all = { greeting = "Hi" } })
    assert.same({}, asked)
    assert.same({ Greeting = "Hello" }, service.Values(from "shop.example", { "Greeting" }))
  end)
end)

describe("WatchFile", function()
  it("tells others when the file changed", function()
    service.Values(from "shop.example", { "Count" })
    service.WatchFile({})
    assert.same({}, asked)
    host.config_file = function()
      return "all:\n  Greeting: Hi\n", 101
    end
    service.WatchFile({})
    assert.same({ "POST https://configurator.core:443/sync", "POST https://all:888/config-refresh" }, asked)
  end)
end)
