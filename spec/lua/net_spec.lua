-- require "net" and host.self: what names resolve to, and where the host itself is.

local host = require "host"
local ip_address = require "ip_address"
local net = require "net"
local task = require "task"

describe("net.resolve", function()
  it("gives an address as it is, in the usual spelling", function()
    assert.same({ "127.0.0.1" }, net.resolve("127.0.0.1", 5))
    assert.same({ "::1" }, net.resolve("0:0::1", 5))
  end)

  it("gives the addresses of a name", function()
    local addresses = net.resolve("localhost", 5)
    assert.is_true(#addresses > 0)
    for _, address in ipairs(addresses) do
      assert.equal("loopback", ip_address.kind(address))
    end
  end)

  it("tells when there is none", function()
    local addresses, _, code = net.resolve("nobody.invalid", 5)
    assert.is_nil(addresses)
    assert.is_string(code)
  end)

  it("can be given up while it asks", function()
    for i = 1, 20 do
      local asking <close> = task.spawn(net.resolve, ("nobody-%d.invalid"):format(i), 5)
      task.yield()
      assert.is_not_nil(asking)
    end
    net.resolve("nobody-late.invalid", 0.001)
  end)

  it("refuses what is no name and no time", function()
    assert.contains("not a host", select(2, pcall(net.resolve, "", 1)))
    assert.contains("not a host", select(2, pcall(net.resolve, ("x"):rep(300), 1)))
    assert.contains("not a timeout", select(2, pcall(net.resolve, "localhost", 0)))
  end)
end)

describe("host.self", function()
  it("lists the machine's addresses, loopback among them", function()
    local kinds = {}
    for _, address in ipairs(host.self().addresses) do
      kinds[ip_address.kind(address)] = true
    end
    assert.is_true(kinds.loopback)
    assert.same({}, host.self().ports) -- no host runs here
  end)
end)
