-- svc.cache: what a service keeps for a while.

local errors = require "errors"
local json = require "json"
local service_cache = require "service.cache"
local shared = require "shared"
local time = require "time"

-- Waits until it holds.
local function eventually(holds)
  local deadline = time.monotonic() + 10
  while not holds() and time.monotonic() < deadline do
    time.sleep(0.005)
  end
  assert.is_true(holds())
end

local cache = service_cache.bind()

describe("the cache", function()
  after_each(function()
    cache:clear()
  end)

  it("keeps what is stored until it is deleted", function()
    assert.is_nil(cache:load "a")
    assert.is_true(cache:store("a", "1\0\xff"))
    assert.equal("1\0\xff", cache:load "a")
    cache:store("a", "")
    assert.equal("", cache:load "a")
    assert.is_true(cache:delete "a")
    assert.is_false(cache:delete "a")
    assert.is_nil(cache:load "a")
  end)

  it("is one for all who bind it", function()
    cache:store("a", "1")
    assert.equal("1", service_cache.bind():load "a")
  end)

  it("does not meet the keys of shared", function()
    shared.set("a", "theirs")
    cache:store("a", "ours")
    assert.equal("theirs", shared.get "a")
    assert.equal(1, shared.del_prefix "")
    assert.equal("ours", cache:load "a")
    shared.set("a", "theirs")
    cache:clear()
    assert.equal("theirs", shared.get "a")
    shared.del "a"
  end)

  it("keeps values as JSON", function()
    cache:store_json("a", { list = json.list {}, n = 1 })
    assert.same({ list = {}, n = 1 }, cache:load_json "a")
    assert.contains('"list":[]', cache:load "a")
    cache:store_json("a", false)
    assert.is_false(cache:load_json "a")
    cache:store_json("a", nil)
    assert.equal(json.null, cache:load_json "a")
    assert.is_nil(cache:load_json "b")
  end)

  it("forgets when the time is over", function()
    cache:store("a", "1", { ttl = 0.02 })
    cache:store("b", "2")
    eventually(function()
      return cache:load("a", { bump = false }) == nil
    end)
    assert.equal("2", cache:load "b")
  end)

  it("has a ttl of its own", function()
    local short = service_cache.bind()
    short:set_ttl(0.02)
    short:store("a", "1")
    eventually(function()
      return short:load("a", { bump = false }) == nil
    end)
  end)

  it("gives nothing that is older than wanted, and keeps it", function()
    cache:store("a", "1")
    eventually(function()
      return cache:load("a", { max_age = 0.02, bump = false }) == nil
    end)
    assert.equal("1", cache:load("a", { max_age = 1000 }))
  end)

  it("makes new what is loaded", function()
    local young = { max_age = 0.2, bump = false }
    cache:store("a", "1")
    eventually(function()
      return cache:load("a", young) == nil
    end)
    cache:load("a", { bump = false })
    assert.is_nil(cache:load("a", young))
    eventually(function() -- at once, but on a machine that stands still in between
      cache:load "a"
      return cache:load("a", young) == "1"
    end)
  end)

  it("forgets by the beginning of keys and by parts of them", function()
    for _, key in ipairs { "user:1", "user:2", "pet:1", "pet:2" } do
      cache:store(key, "x")
    end
    assert.equal(2, cache:delete_prefix "user:")
    assert.equal(1, cache:delete_containing ":2")
    assert.equal("x", cache:load "pet:1")
    assert.equal(0, cache:delete_containing "spec") -- the folder's name is in front of all keys
    assert.equal(1, cache:len())
  end)

  it("knows how much it holds", function()
    assert.equal(0, cache:len())
    assert.equal(0, cache:weight())
    cache:store("a", "12345")
    cache:store("b", "123")
    shared.set("c", "1")
    assert.equal(2, cache:len())
    assert.equal(8, cache:weight())
    cache:clear()
    shared.del "c"
    assert.equal(0, cache:len())
  end)

  it("counts hits and misses, which clear does not forget", function()
    local hits, misses = cache:hits(), cache:misses()
    cache:load "a"
    cache:store("a", "1")
    cache:load "a"
    cache:load("a", { bump = false })
    cache:clear()
    assert.equal(hits + 2, cache:hits())
    assert.equal(misses + 1, cache:misses())
  end)

  it("does not keep what is too large, nor what was there before", function()
    cache:store("a", "1")
    assert.is_false(cache:store("a", ("x"):rep(16 << 20)))
    assert.is_nil(cache:load "a")
  end)

  it("raises 400 for a missing key", function()
    for _, call in ipairs { "load", "store", "delete", "load_json", "store_json" } do
      for _, key in ipairs { "", false } do
        local ok, problem = pcall(cache[call], cache, key or nil, "x")
        assert.is_false(ok)
        assert.is_true(errors.is(problem), call)
        assert.equal("missing key", problem.message)
        assert.equal(400, problem.status)
      end
    end
  end)

  it("refuses what makes no sense", function()
    local cases = {
      ["keeps strings, not a table: use store_json"] = { "store", "a", {} },
      ["the key of a cache is a string, not a number"] = { "load", 1 },
      ["there is no option tll; there are: ttl"] = { "store", "a", "x", { tll = 1 } },
      ["there is no option maxage; there are: bump, max_age"] = { "load", "a", { maxage = 1 } },
      ["the ttl is a number of seconds, more than 0, not 0"] = { "store", "a", "x", { ttl = 0 } },
      ["the ttl is a number of seconds, more than 0, not %-1"] = { "set_ttl", -1 },
      ["max_age is a number of seconds, more than 0, not x"] = { "load", "a", { max_age = "x" } },
      ["missing prefix: clear%(%) forgets everything"] = { "delete_prefix", "" },
      ["missing text: clear%(%) forgets everything"] = { "delete_containing", "" },
      ["longer than 512 bytes"] = { "store", ("k"):rep(513), "x" },
    }
    for message, call in pairs(cases) do
      assert.error_matches(function()
        cache[call[1]](cache, table.unpack(call, 2))
      end, message)
    end
  end)
end)
