-- require "url": percent-encoding, query strings, the parts of URLs.

local url = require "url"

describe("url.encode", function()
  it("escapes everything but the unreserved characters of RFC 3986", function()
    assert.equal("azAZ09-._~", url.encode "azAZ09-._~")
    assert.equal("%20%2B%2F%3F%26%3D%25%C3%A4%00", url.encode "\x20+/?&=%\u{e4}\0")
    assert.equal("", url.encode "")
  end)
end)

describe("url.decode", function()
  it("undoes it, in upper and lower case", function()
    assert.equal(" +/\u{e4}", url.decode "%20+%2f%C3%a4")
  end)

  it("refuses broken escapes", function()
    for _, text in ipairs { "%", "%2", "%zz", "a%2", "%%20" } do
      local value, message, code = url.decode(text)
      assert.is_nil(value, text)
      assert.equal("broken percent-encoding", message)
      assert.equal("invalid", code)
    end
  end)

  it("gives back all bytes", function()
    local all = {}
    for i = 0, 255 do
      all[i + 1] = string.char(i)
    end
    local bytes = table.concat(all)
    assert.equal(bytes, url.decode(url.encode(bytes)))
  end)
end)

describe("url.parse_query", function()
  it("splits names and values and decodes both", function()
    assert.same({ a = "1", ["b c"] = "d e", empty = "", flag = "" }, url.parse_query "a=1&b+c=d%20e&empty=&flag")
  end)

  it("takes the last of several values", function()
    assert.same({ a = "2" }, url.parse_query "a=1&a=2")
  end)

  it("leaves broken escapes as they are", function()
    assert.same({ a = "%zz" }, url.parse_query "a=%zz")
  end)

  it("ignores empty pairs and keeps '=' in values", function()
    assert.same({ a = "b=c" }, url.parse_query "&&a=b=c&")
    assert.same({}, url.parse_query "")
  end)

  it("is bounded", function()
    local n = 0
    for _ in pairs(url.parse_query(("%d=1&"):rep(3000):gsub("%%d", (function()
      local i = 0
      return function()
        i = i + 1
        return tostring(i)
      end
    end)()))) do
      n = n + 1
    end
    assert.equal(1000, n)
  end)

  it("_all gives every value", function()
    assert.same({ a = { "1", "2" }, b = { "" } }, url.parse_query_all "a=1&b&a=2")
  end)
end)

describe("url.parse", function()
  it("gives the parts of a URL", function()
    assert.same({
      scheme = "http", authority = "example.com:8080", host = "example.com", port = 8080, path = "/a/b", query = "c=d?e",
    }, url.parse "http://example.com:8080/a/b?c=d?e")
  end)

  it("knows the default ports", function()
    assert.equal(80, url.parse("http://h").port)
    assert.equal(443, url.parse("https://h").port)
    assert.equal("", url.parse("http://h").path)
    assert.is_nil(url.parse("http://h").query)
    assert.equal("", url.parse("http://h?").query)
  end)

  it("reads IPv6 addresses", function()
    local u = url.parse "http://[::1]:81/x"
    assert.equal("::1", u.host)
    assert.equal("[::1]:81", u.authority)
    assert.equal(81, u.port)
  end)

  it("refuses what could be understood in two ways", function()
    local texts = {
      "", "h", "/x", "//h/x", "ftp://h", "http://", "http:///x", "http://u:p@h/", "http://h:0/", "http://h:65536/",
      "http://h:x/", "http://h:/", "http://h/a b", "http://h/a\nb", "http://h\\@x/", "http://h/#f", "http://[::1/",
      "http://[::1]x/", "http://h\0/", "http://h\u{e4}/", "http://[gg]/",
    }
    for _, text in ipairs(texts) do
      local value, message, code = url.parse(text)
      assert.is_nil(value, text)
      assert.matches("^not a usable URL: ", message)
      assert.equal("invalid", code)
    end
  end)
end)
