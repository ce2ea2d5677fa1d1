-- gen/url.lua: URLs in Go's reading, relative references, and path arguments.

local url = require "gen.url"

describe("a URL", function()
  it("is scheme, user, host, port, path, query and fragment", function()
    local parsed = url.parse("HTTPS://me@Host.EX:8080/a%20b/{c}?x=%2F#top")
    assert.same({
      scheme = "https", user = "me", hostname = "Host.EX", port = "8080", path = "/a b/{c}", raw_path = "/a%20b/{c}",
      query = "x=%2F", fragment = "top",
    }, parsed)
  end)

  for _, row in ipairs {
    { "", "", "", "" }, { "/p", "", "", "/p" }, { "p/q", "", "", "p/q" }, { "//h/p", "", "h", "/p" }, { "http:", "http", "", "" },
    { "https://h", "https", "h", "" }, { "mailto:a@b.com", "mailto", "", "" }, { "example.com/p", "", "", "example.com/p" },
    { "///p", "", "", "///p" }, { "https:///p", "https", "", "/p" }, { "https://[::1]:80/p", "https", "[::1]", "/p" },
    { "h:80/p", "h", "", "" }, { "1:2", nil }, { "a b:c", nil },
  } do
    if row[2] then
      it(("%q has the scheme %q, the host %q, the path %q"):format(row[1], row[2], row[3], row[4]), function()
        local parsed = url.parse(row[1])
        assert.equal(row[2], parsed.scheme)
        assert.equal(row[3], parsed.hostname)
        assert.equal(row[4], parsed.path)
      end)
    else
      it(("%q is none: it begins with what looks like a port"):format(row[1]), function()
        local parsed, message = url.parse(row[1])
        assert.is_nil(parsed)
        assert.contains("first path segment in URL cannot contain colon", message)
      end)
    end
  end

  for _, row in ipairs {
    { "https://h:BAD/p", 'parse "https://h:BAD/p": invalid port ":BAD" after host' },
    { "https://h:-1/p#x", 'parse "https://h:-1/p": invalid port ":-1" after host' },
    { "https://[::1]80/", 'parse "https://[::1]80/": invalid port "80" after host' },
    { "https://[::1/", 'parse "https://[::1/": missing \']\' in host' },
    { "https://a b/", 'parse "https://a b/": invalid character " " in host name' },
    { "https://a{b/", 'invalid character "{" in host name' },
    { "https://a%b/", 'invalid URL escape "%b"' },
    { ":x", 'parse ":x": missing protocol scheme' },
    { "/a%zz", 'parse "/a%zz": invalid URL escape "%zz"' },
    { "/a%2", 'parse "/a%2": invalid URL escape "%2"' },
    { "/a\nb", 'parse "/a\\x0ab": net/url: invalid control character in URL' },
    { '/"%', 'parse "/\\"%": invalid URL escape "%"' },
  } do
    it(("is not %q"):format(row[1]), function()
      local parsed, message = url.parse(row[1])
      assert.is_nil(parsed)
      assert.contains(row[2], message)
    end)
  end
end)

-- Table H: URL canonicalisation.
describe("a canonical URL", function()
  for _, row in ipairs {
    { "https://example.com:123/path", "https://example.com:123/path" },
    { "https://example.com/path", "https://example.com:443/path" },
    { "http://example.com/path", "http://example.com:80/path" },
    { "//example.com/path", "https://example.com:443/path" },
    { "//host/path", "https://host:443/path" },
    { "https://example", "https://example:443" },
    { "https://example.com/path?q=%2F&r", "https://example.com:443/path?q=%2F&r" },
    { "https://Example.COM:/", "https://example.com:443/" },
    { "https://example.com:0/a b", "https://example.com:0/a%20b" },
    { "https://example.com:99999/a%2Fb/{c}#d", "https://example.com:99999/a%2Fb/{c}#d" },
  } do
    it(("of %s is %s"):format(row[1], row[2]), function()
      assert.equal(row[2], url.render(assert(url.locate(row[1]))))
    end)
  end

  for _, row in ipairs {
    { "https://example.com:BAD/path", 'invalid port ":BAD" after host' },
    { "https://$.com:123/path", "invalid hostname '$.com'" },
    { "https://example..com/path", "invalid hostname 'example..com'" },
    { "https://example.com:123:456/path", "invalid hostname 'example.com:123'" },
    { "example.com/path", "invalid hostname ''" },
    { "/example.com/path", "invalid hostname ''" },
    { "/path", "invalid hostname ''" },
    { "", "invalid hostname ''" },
    { "https://me@host/", "invalid hostname 'me@host'" },
    { "https://h/`", "backquote not allowed in 'https://h/`'" },
    { "https://h:1234567890/", "invalid port '1234567890'" },
  } do
    it(("of %q there is not"):format(row[1]), function()
      local at, message = url.locate(row[1])
      assert.is_nil(at)
      assert.contains(row[2], message)
    end)
  end

  it("has a decoded path for those who match, and one that travels", function()
    local at = url.locate("https://h/a%20b/c d/\u{e4}/{x}")
    assert.equal("/a b/c d/\u{e4}/{x}", at.path)
    assert.equal("/a%20b/c%20d/%C3%A4/{x}", at.raw_path)
    assert.equal("/a%20b/%25zz/{x}", url.encode_path("/a b/%zz/{x}"))
  end)
end)

local BASE = "https://h.ex:443/a/b/{x}/{y+}"

-- Relative references, resolved and then filled.
describe("a reference", function()
  for _, row in ipairs {
    { "", BASE, "https://h.ex:443/a/b//" },
    { "?x=1", BASE .. "?x=1", "https://h.ex:443/a/b/1/" },
    { "?x=1&y=2/3&z=4", BASE .. "?x=1&y=2/3&z=4", "https://h.ex:443/a/b/1/2/3?z=4" },
    { "c", "https://h.ex:443/a/b/{x}/c", "https://h.ex:443/a/b//c" },
    { "/c", "https://h.ex:443/c", "https://h.ex:443/c" },
    { "../c", "https://h.ex:443/a/b/c", "https://h.ex:443/a/b/c" },
    { "https://o.ex/p?q=1", "https://o.ex/p?q=1", "https://o.ex/p?q=1" },
    { "//o.ex/p", "https://o.ex/p", "https://o.ex/p" },
    { "c d", "https://h.ex:443/a/b/{x}/c%20d", "https://h.ex:443/a/b//c%20d" },
    { "?x=a%2Fb&y=c%2Fd", BASE .. "?x=a%2Fb&y=c%2Fd", "https://h.ex:443/a/b/a%2Fb/c/d" },
    { "/..//c/./d/..", "https://h.ex:443//c/", "https://h.ex:443//c/" },
    { "http://o.ex", "http://o.ex", "http://o.ex" },
    { "#f", BASE .. "#f", "https://h.ex:443/a/b//#f" },
  } do
    it(("%q is resolved and filled"):format(row[1]), function()
      local resolved = url.resolve(BASE, row[1])
      assert.equal(row[2], resolved)
      assert.equal(row[3], url.fill(resolved))
    end)
  end

  it("keeps the query of the base only when it says nothing itself", function()
    assert.equal("https://h/p?q=1#f", url.resolve("https://h/p?q=1#f", ""))
    assert.equal("https://h/p?r=2", url.resolve("https://h/p?q=1#f", "?r=2"))
    assert.equal("https://h/r", url.resolve("https://h/p?q=1#f", "r"))
    assert.equal("https://h/r", url.resolve("https://h", "r"))
  end)

  it("that is no URL is refused", function()
    assert.is_nil((url.resolve("https://h:x/", "")))
    local resolved, message = url.resolve("https://h/", "//h:x/")
    assert.is_nil(resolved)
    assert.contains('invalid port ":x"', message)
  end)
end)

describe("filling a URL", function()
  for _, row in ipairs {
    { "/article/{user}/comment/{comment}?user=123&comment=456", "/article/123/comment/456" },
    { "/article/{user}/comment/{comment}?user=123&x=789&comment=456", "/article/123/comment/456?x=789" },
    { "/article/{}/comment/{}?path1=123&path2=456", "/article/123/comment/456" },
    { "/fixed/{named}/{}/{suffix+}?named=1&path2=2&suffix=3/4&q=5", "/fixed/1/2/3/4?q=5" },
    { "/fixed/{named}/{}/{suffix+}", "/fixed///" },
    { "/a/{x}?x=a%20b%3F%26+c", "/a/a%20b%3F&%20c" },
    { "/a/{x+}?x=a%20b/c?%23", "/a/a%20b/c%3F%23" },
    { "/a/{x}?x=1&x=2&y=%zz", "/a/1?y=%zz" },
    { "/a/{x}?y=1#z", "/a/?y=1#z" },
    { "/a/b?x=1", "/a/b?x=1" },
    { "/a/{x}?", "/a/" },
  } do
    it(("makes %s of %s"):format(row[2], row[1]), function()
      assert.equal(row[2], url.fill(row[1]))
    end)
  end
end)

describe("inserting into a URL", function()
  it("escapes every value as one segment", function()
    assert.equal("/a/a%2Fb%20c/b/5/x%2Fy", url.insert("/a/{}/b/{foo}/{+}", { path1 = "a/b c", foo = 5, path3 = "x/y" }))
  end)

  it("leaves the segment of what is missing empty", function()
    assert.equal("https://h:443/a//b/true/2.5?q={x}", url.insert("https://h:443/a/{x}/b/{y}/{z+}?q={x}", { y = true, z = 2.5 }))
  end)
end)

describe("extracting from a path", function()
  local SPEC = "/a/{}/b/{foo}/{+}"
  for _, row in ipairs {
    { "/a/1/b/2/3/4", { path1 = "1", foo = "2", path3 = "3/4" } },
    { "/a//b//", { path1 = "", foo = "", path3 = "" } },
    { SPEC, {} },
    { "/a/1/b/2", { path1 = "1", foo = "2" } },
    { "/a/1/b", { path1 = "1" } },
    { "/a/1", { path1 = "1" } },
    { "/a", {} },
    { "", {} },
    { "/a/{}/b/2/{+}", { foo = "2" } },
  } do
    it(("%s finds what is there"):format(row[1] == "" and "nothing" or row[1]), function()
      assert.same(row[2], url.extract(SPEC, row[1]))
    end)
  end
end)
