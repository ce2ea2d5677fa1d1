-- Probing instances: what the policy `check` says is done.

-- luacheck: std +busted

local db = require "db"
local health = require "health"
local host = require "host"
local http = require "http"
local net = require "net"
local policies = require "policies"

local real = { ask = policies.ask, dial = net.dial, request = http.request, instances = host.instances }
local check, well, probes, published

before_each(function()
  check, well, probes, published = {}, true, {}, 0
  policies.ask = function(name)
    assert.equal("check", name)
    return check
  end
  net.dial = function(name, port, timeout)
    table.insert(probes, { name, port, timeout })
    return well and 0.001 or nil
  end
  http.request = function(o)
    table.insert(probes, o)
    return type(well) == "number" and { status = well } or nil
  end
  host.instances = function()
    published = published + 1
    return true
  end
end)

after_each(function()
  policies.ask, net.dial, http.request, host.instances = real.ask, real.dial, real.request, real.instances
  db.instances:delete_where {}
end)

local function instance(fields)
  local row = { url = "http://127.0.0.1:9/base/", slug = "ada", status = "Unknown", lastHeartbeat = db.ZERO_TIME }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return db.instances:create(row)
end

-- The status after one more probe.
local function after(row)
  health.check((db.instances:get(row.id)))
  return db.instances:get(row.id).status
end

describe("a probe", function()
  it("connects within the timeout when nothing else is said", function()
    local row = instance()
    assert.equal("Healthy", after(row))
    assert.same({ { "127.0.0.1", 9, host.setting("health_timeout") } }, probes)
    well = false
    assert.equal("Unreachable", after(row))
  end)

  it("of kind http asks for the path behind the URL's", function()
    check = { kind = "http", path = "/up?x=1", timeout = 0.5 }
    well = 204
    assert.equal("Healthy", after(instance()))
    assert.equal("http://127.0.0.1:9/base/up?x=1", probes[1].url)
    assert.equal(0.5, probes[1].timeout)
  end)

  it("of kind http is well with 2xx and 3xx", function()
    check = { kind = "http" }
    for status, expected in pairs { [200] = "Healthy", [302] = "Healthy", [404] = "Unreachable", [500] = "Unreachable" } do
      well = status
      assert.equal(expected, after(instance { url = "http://127.0.0.1:9/" .. status }))
    end
    well = false
    assert.equal("Unreachable", after(instance()))
  end)
end)

describe("a threshold", function()
  it("keeps an instance until so many probes in a row were bad", function()
    check = { unhealthy = 3 }
    local row = instance()
    assert.equal("Healthy", after(row))
    well = false
    assert.equal("Healthy", after(row))
    assert.equal("Healthy", after(row))
    assert.equal("Unreachable", after(row))
  end)

  it("begins anew with every good probe", function()
    check = { unhealthy = 2, healthy = 2 }
    local row = instance()
    after(row)
    well = false
    assert.equal("Healthy", after(row))
    well = true
    assert.equal("Healthy", after(row))
    well = false
    assert.equal("Healthy", after(row))
    assert.equal("Unreachable", after(row))
    well = true
    assert.equal("Unreachable", after(row))
    assert.equal("Healthy", after(row))
  end)

  it("does not keep one waiting that was never probed", function()
    check = { unhealthy = 5, healthy = 5 }
    assert.equal("Healthy", after(instance()))
    well = false
    assert.equal("Unreachable", after(instance { url = "http://127.0.0.1:10" }))
  end)
end)

describe("a scan", function()
  it("probes each instance when its interval is over, and tells the front door what changed", function()
    check = { interval = 3600 }
    instance()
    health.scan()
    assert.same({ 1, 1 }, { #probes, published })
    health.scan()
    assert.same({ 1, 1 }, { #probes, published })
    instance { url = "http://127.0.0.1:10" }
    health.scan()
    assert.same({ 2, 2 }, { #probes, published })
  end)
end)
