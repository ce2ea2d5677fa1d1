-- The policies of the registry as they ship: which URLs may be registered, and how instances are checked.

-- luacheck: std +busted

local host = require "host"
local net = require "net"
local policy = require "policy"

local real_setting, real_self, real_resolve = host.setting, host.self, net.resolve
local settings, names

before_each(function()
  settings = { self_url = "http://127.0.0.1:58231", registry_strict = false }
  names = {}
  host.setting = function(name)
    local value = settings[name]
    if value == nil then
      return real_setting(name)
    end
    return value
  end
  host.self = function()
    return { ports = { 58231, 58232 }, addresses = { "127.0.0.1", "10.1.2.3", "2001:db8::5" } }
  end
  net.resolve = function(name)
    if names[name] then
      return names[name]
    end
    return nil, "not_found", "not_found"
  end
end)

after_each(function()
  host.setting, host.self, net.resolve = real_setting, real_self, real_resolve
end)

local function register(url)
  return policy.register({ slug = "ada" }, { url = url })
end

local function allows(url)
  local ok, why = register(url)
  assert.is_true(ok, ("%s: %s"):format(url, why))
end

local function refuses(url, why)
  local ok, problem = register(url)
  assert.is_nil(ok, url)
  assert.contains(why, problem, url)
end

describe("registry.register", function()
  it("lets in loopback, private and public addresses, and names", function()
    names["db.example"] = { "10.0.0.7" }
    for _, url in ipairs {
      "http://127.0.0.1:9111", "http://localhost:9111/base", "http://[::1]:9111", "http://10.0.0.1",
      "http://192.168.1.4:80",
      "http://172.16.0.1:1", "http://100.64.1.1:1", "http://[fd12::1]:1", "http://93.184.216.34",
      "http://db.example:8080",
      "http://not-there.example:1", "http://10.1.2.3:9111", "http://169.253.1.1", "http://8.8.8.8:58231",
    } do
      allows(url)
    end
  end)

  it("refuses the host's own ports on all its addresses, in all their spellings", function()
    names["me.example"] = { "93.184.216.34", "10.1.2.3" }
    for _, port in ipairs { 58231, 58232 } do
      for _, own in ipairs {
        "127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "localhost.", "x.localhost", "0.0.0.0", "0", "2130706433",
        "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",
      "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "10.1.2.3", "167838211", "[::ffff:10.1.2.3]",
      "[2001:db8::5]",
        "[2001:DB8:0::5]", "me.example",
      } do
        refuses(("http://%s:%d/x"):format(own, port), "is this host itself")
      end
    end
  end)

  it("refuses the host's own name, whatever is in front of it", function()
    settings.self_url = "https://front.example:443"
    refuses("http://front.example", "is this host itself")
    refuses("http://FRONT.example.:443", "is this host itself")
    allows "http://front.example:9111"
  end)

  it("refuses link-local addresses and metadata services, in all their spellings", function()
    names["sly.example"] = { "93.184.216.34", "169.254.169.254" }
    names["sly6.example"] = { "fe80::1" }
    for _, url in ipairs {
      "http://169.254.169.254/latest", "http://169.254.0.1", "http://2852039166", "http://0xa9fea9fe",
      "http://0251.0376.0251.0376", "http://169.16689662", "http://[fe80::1]", "http://[febf::]:1",
      "http://[::ffff:169.254.169.254]",
      "http://[::ffff:a9fe:a9fe]", "http://sly.example", "http://sly6.example",
    } do
      refuses(url, "link-local")
    end
    for _, url in ipairs {
      "http://metadata.google.internal", "http://METADATA.google.internal./x", "http://metadata.goog",
      "http://100.100.100.200",
      "http://192.0.0.192", "http://[fd00:ec2::254]", "http://[::ffff:100.100.100.200]",
    } do
      refuses(url, "metadata")
    end
  end)

  it("refuses what is no address of anybody", function()
    refuses("http://0.0.0.0:9111", "no address to connect to")
    refuses("http://[::]:9111", "no address to connect to")
    refuses("http://224.0.0.1", "multicast")
    refuses("http://[ff02::1]", "multicast")
    refuses("http://255.255.255.255", "reserved")
  end)
end)

describe("registry.register with registry_strict", function()
  before_each(function()
    settings.registry_strict = true
  end)

  it("lets in public addresses only, also behind names", function()
    names["a.example"] = { "93.184.216.34" }
    names["b.example"] = { "93.184.216.34", "10.0.0.1" }
    for _, url in ipairs { "http://93.184.216.34:80", "http://[2606:4700::1]", "http://a.example" } do
      allows(url)
    end
    for _, url in ipairs {
      "http://127.0.0.1:9111", "http://localhost:9111", "http://[::1]:9111", "http://2130706433:9111",
      "http://10.0.0.1",
      "http://172.31.255.255", "http://192.168.1.1", "http://100.64.0.1", "http://100.127.255.255", "http://[fc00::1]",
      "http://[fdff::1]", "http://[::ffff:10.0.0.1]", "http://b.example",
    } do
      refuses(url, "public ones only")
    end
    for _, url in ipairs { "http://172.32.0.1", "http://100.128.0.1", "http://11.0.0.1", "http://[2002:5db8:d822::1]" } do
      allows(url)
    end
  end)

  it("refuses names that do not resolve", function()
    refuses("http://not-there.example", "does not resolve")
  end)
end)

describe("registry.check", function()
  it("connects every health_interval, and believes the first probe", function()
    settings.health_interval, settings.health_timeout = 7, 2
    local check = policy.check { url = "http://127.0.0.1:1" }
    assert.same({ kind = "tcp", path = "/", interval = 7, timeout = 2, healthy = 1, unhealthy = 1 }, check)
  end)

  it("answers what a policy may answer", function()
    assert.is_nil(require("policies.known").rows.registry.check.wrong(policy.check {}))
  end)
end)
