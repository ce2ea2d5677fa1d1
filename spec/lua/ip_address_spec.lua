-- require "ip_address": what kind of address a host is, in all its spellings.

local ip_address = require "ip_address"

local KINDS = {
  unspecified = { "0.0.0.0", "0", "0x0", "::", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0", "0.1.2.3" },
  loopback = {
    "127.0.0.1", "127.255.255.255", "2130706433", "0x7f.1", "0177.1", "::1", "::ffff:7f00:1", "::127.0.0.1", "localhost",
    "LocalHost.", "a.localhost",
  },
  private = {
    "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "fc00::", "fdff::1", "fec0::1",
    "::ffff:192.168.1.1", "2002:a00:1::", "192.0.0.1", "198.18.0.0", "198.19.255.255",
  },
  shared = { "100.64.0.0", "100.127.255.255" },
  ["link-local"] = { "169.254.0.0", "169.254.255.255", "fe80::1", "febf::", "fe80::1%eth0", "64:ff9b::a9fe:1" },
  metadata = {
    "100.100.100.200", "192.0.0.192", "168.63.129.16", "0xa83f8110", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    "fd00:c1::a9fe:a9fe", "metadata.google.internal", "metadata.goog.",
  },
  multicast = { "224.0.0.1", "239.255.255.255", "ff02::1" },
  reserved = { "240.0.0.1", "255.255.255.255" },
  unreadable = { "1::2::3", ":", "::12345", "fe80:" },
  public = {
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "172.32.0.0", "192.169.0.0", "100.128.0.0", "198.17.255.255", "198.20.0.0",
    "2001:db8::1", "::ffff:1.1.1.1",
  },
}

describe("an address", function()
  it("is of a kind, however it is written", function()
    for kind, hosts in pairs(KINDS) do
      for _, host in ipairs(hosts) do
        assert.equal(kind, ip_address.kind(host), host)
      end
    end
  end)

  it("is none when it is a name", function()
    for _, host in ipairs {
      "example.com", "localhost.example", "1.2.3.4.example", "256.1.1.1", "1.2.3.4.5", "a", "0x", "08.1.1.1",
    } do
      assert.is_nil(ip_address.kind(host), host)
    end
  end)

  it("has one spelling that can be compared", function()
    for _, case in ipairs {
      { "127.0.0.1", "0x7f.1", "2130706433", "::ffff:127.0.0.1", "::127.0.0.1" },
      { "0:0:0:0:0:0:0:1", "::1", "0::0:1" },
      { "2001:db8:0:0:0:0:0:5", "2001:DB8::5" },
      { "fe80:0:0:0:0:0:0:1", "fe80::1%lo" },
      { "name.example", "NAME.example." },
    } do
      for _, text in ipairs(case) do
        assert.equal(case[1], ip_address.canonical(text), text)
      end
    end
  end)
end)
