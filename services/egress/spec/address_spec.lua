-- address: which hosts are link-local, in all their spellings.

local address = require "address"

describe("link-local", function()
  it("is 169.254.0.0/16, however it is written", function()
    for _, host in ipairs {
      "169.254.169.254", "169.254.0.0", "169.254.255.255", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0XA9FEA9FE",
      "0x00000000000a9fea9fe", "025177524776", "0251.0376.0251.0376", "0xa9.254.43518", "169.16689662", "169.254.43518",
      "00251.254.1.1",
    } do
      assert.is_true(address.is_link_local(host), host)
    end
  end)

  it("is fe80::/10, and all addresses that carry one of 169.254.0.0/16", function()
    for _, host in ipairs {
      "fe80::1", "FE80::1", "febf:ffff::", "fe80:0:0:0:1:2:3:4", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
      "0:0:0:0:0:ffff:a9fe:1", "::169.254.1.1", "::ffff:0:169.254.1.1", "64:ff9b::169.254.169.254",
      "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::", "2002:a9fe:1::1",
    } do
      assert.is_true(address.is_link_local(host), host)
    end
  end)

  it("are the addresses and names of metadata services, too", function()
    for _, host in ipairs {
      "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "FD00:0ec2:0::254", "metadata.google.internal",
      "Metadata.Google.Internal.", "metadata.goog", "::ffff:100.100.100.200",
    } do
      assert.is_true(address.is_link_local(host), host)
    end
  end)

  it("is an address of version 6 that cannot be read", function()
    for _, host in ipairs {
      "::1::2", "1:2:3", "1:2:3:4:5:6:7:8:9", "::12345", "1:2:3:4:5:6:7::8", ":", "::1.2.3",
    } do
      assert.is_true(address.is_link_local(host), host)
    end
  end)

  it("is nothing else", function()
    for _, host in ipairs {
      "127.0.0.1", "10.0.0.1", "168.254.1.1", "169.253.255.255", "169.255.0.0", "2852126719", "1.169.254.1",
      "0xa9fea9fe1", "0xa9fe.0xa9fe", "169.254.1.1.1", "169.254.65536", "089.1.1.1", "1..1", "", "254.169",
      "example.com", "169.254.169.254.example.com", "a9fea9fe", "fe80", "metadata", "xmetadata.goog",
      "::1", "::", "fec0::1", "fe00::1", "2001:db8::a9fe:a9fe", "::ffff:127.0.0.1", "1:2:3:4:5:6:7:8",
    } do
      assert.is_false(address.is_link_local(host), host)
    end
  end)
end)
