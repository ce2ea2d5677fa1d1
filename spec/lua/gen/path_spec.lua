-- gen/path.lua: the paths of handlers. Tests are named by the row of the table they prove, or by their input.

local path = require "gen.path"

describe("the path of a handler", function()
  it("is its name in kebab case, if nothing else is said", function()
    assert.equal("/foo-bar", path.expand("", "FooBar"))
  end)

  it("has its name in kebab case for the first three dots", function()
    assert.equal("/a/foo-bar/b/...", path.expand("/a/.../b/...", "FooBar"))
    assert.equal(":1234/foo-bar", path.expand(":1234/...", "FooBar"))
    assert.equal("/a/b", path.expand("/a/b", "FooBar"))
  end)

  for _, row in ipairs {
    { "/", ":443/" }, { "/p/q", ":443/p/q" }, { "p/q", "p/q" }, { ":1234", ":1234" }, { ":0/p", ":0/p" },
    { "//other.host/p", "//other.host/p" }, { "https://h/p", "https://h/p" }, { ":443//x", ":443//x" },
  } do
    it(("is kept as %s where it is %s"):format(row[2], row[1]), function()
      assert.equal(row[2], path.store(row[1], 443))
    end)
  end

  it("is kept with the port of events for an event", function()
    assert.equal(":417/p", path.store("/p", path.EVENT_PORT))
    assert.equal("p", path.store("p", path.EVENT_PORT))
  end)
end)

describe("a host and a path", function()
  for _, row in ipairs {
    { "", "https://example.com:443" }, { "/", "https://example.com:443/" }, { "/path", "https://example.com:443/path" },
    { "path", "https://example.com:443/path" }, { ":123", "https://example.com:123" },
    { ":123/path", "https://example.com:123/path" },
    { "https://example.org:123/path", "https://example.org:123/path" },
    { "//example.org:123/path", "https://example.org:123/path" },
  } do
    it(("H: %q joins to %s"):format(row[1], row[2]), function()
      assert.equal(row[2], path.join("example.com", row[1]))
    end)
  end
end)

-- { id, path, host, port, path of the URL }
local ROUTES = {
  { "D11", "foo/bar", nil, 443, "/foo/bar" },
  { "D12", ":1234", nil, 1234, "" },
  { "D12", ":1234/foo-bar", nil, 1234, "/foo-bar" },
  { "D13", "/a/foo-bar/b/...", nil, 443, "/a/foo-bar/b/..." },
  { "D14", "//other.host:99/foo-bar", "other.host", 99, "/foo-bar" },
  { "D15", "http://other.host/x", "other.host", 80, "/x" },
  { "D15", "//root", "root", 443, "" },
  { "D15", "//UPPER.host/x", "upper.host", 443, "/x" },
  { "D15", ":443//x", nil, 443, "//x" },
  { "D15", ":0", nil, 0, "" },
  { "D15", "/", nil, 443, "/" },
  { "D18", ":70000/x", nil, 70000, "/x" },
  { "D19", "/x y", nil, 443, "/x y" },
  { "D19", "/a?b=c", nil, 443, "/a" },
  { "D23", "/a/{x}/{x}", nil, 443, "/a/{x}/{x}" },
  { "D23", "/a/{nosucharg}", nil, 443, "/a/{nosucharg}" },
  { "I", "", nil, 443, "" },
  { "I", ":555", nil, 555, "" },
  { "I", ":555/", nil, 555, "/" },
  { "I", ":0/", nil, 0, "/" },
  { "I", ":99999/", nil, 99999, "/" },
  { "I", "/path/with/slash", nil, 443, "/path/with/slash" },
  { "I", "path/with/no/slash", nil, 443, "/path/with/no/slash" },
  { "I", "https://good.example.com", "good.example.com", 443, "" },
  { "I", "https://good.example.com:555", "good.example.com", 555, "" },
  { "I", "https://good.example.com:555/path", "good.example.com", 555, "/path" },
  { "I", "https://good.example.com/path", "good.example.com", 443, "/path" },
  { "escapes", "/a%2Fb%20c", nil, 443, "/a/b c" },
}

local BAD = {
  { "D16", "//", "invalid hostname ''" },
  { "D18", ":-1/x", 'parse "https://hostname:-1/x": invalid port ":-1" after host' },
  { "D20", "/a/{x}y", "path argument '{x}y' in '/a/{x}y' must span entire section" },
  { "D20", "/a/y{x}", "path argument 'y{x}' in '/a/y{x}' must span entire section" },
  { "D21", "/a/{", "malformed path argument '{' in '/a/{'" },
  { "D21", "/a/}", "malformed path argument '}' in '/a/}'" },
  { "D22", "/a/{X}", "name of path argument 'X' in '/a/{X}' must be an identifier" },
  { "D22", "/a/{x_y}", "name of path argument 'x_y' in '/a/{x_y}' must be an identifier" },
  { "D24", "/a/{x+}/b", "greedy path argument '{x+}' in '/a/{x+}/b' must end path" },
  { "V1", ":BAD/func", 'parse "https://hostname:BAD/func": invalid port ":BAD" after host' },
  { "V3", "//bad.ho$t", "invalid hostname 'bad.ho$t'" },
  { "V4", "/{ }", "name of path argument ' ' in '/{ }' must be an identifier" },
  { "V5", "/{p$}", "must be an identifier" },
  { "V6", "/{p +}", "must be an identifier" },
  { "V7", "/{ +}", "must be an identifier" },
  { "V8", "/{$+}", "must be an identifier" },
  { "V9", "/{+}/hello", "greedy path argument '{+}' in '/{+}/hello' must end path" },
  { "I", ":x/path", 'invalid port ":x" after host' },
  { "I", ":-5/path", 'invalid port ":-5" after host' },
  { "scheme", "ftp://host/x", "invalid scheme 'ftp' in path 'ftp://host/x'" },
  { "no scheme", "x/http://y", "invalid hostname ''" },
  { "escape", "/a%zz", 'parse "https://hostname:443/a%zz": invalid URL escape "%zz"' },
}
for text in ("x{x}x {x}x x{x} x{+} }/x x}/x {/x {x/x }{/x {{}/x {%!@} {%!@+} {+}/{}"):gmatch("%S+") do
  table.insert(BAD, { "I", "/" .. text, "" })
end

describe("a path", function()
  for _, row in ipairs(ROUTES) do
    it(("%s: %q is a host, a port and a path"):format(row[1], row[2]), function()
      local route, arguments = path.resolve(row[2])
      assert(route, arguments)
      assert.equal(row[3], route.host)
      assert.equal(row[4], route.port)
      assert.equal(row[5], route.path)
    end)
  end

  for _, row in ipairs(BAD) do
    it(("%s: %q is refused"):format(row[1], row[2]), function()
      local route, message = path.resolve(row[2])
      assert.is_nil(route)
      assert.contains(row[3], message)
    end)
  end

  it("of an event is on the port of events, where it does not say another", function()
    assert.equal(417, path.resolve("/p", 417).port)
    assert.equal(1234, path.resolve(":1234/p", 417).port)
    assert.equal(443, path.resolve("p", 417).port)
    assert.equal(443, path.resolve("//h/p", 417).port)
  end)

  it("D23: may have arguments, which are named by their position if they have no name", function()
    local _, arguments = path.resolve("/{}/x/{foo}/{+}")
    assert.same({
      { name = "path1", greedy = false, position = 1 },
      { name = "foo", greedy = false, position = 2 },
      { name = "path3", greedy = true, position = 3 },
    }, arguments)
    _, arguments = path.resolve("/a/{}/{+}")
    assert.same({ "path1", "path2" }, { arguments[1].name, arguments[2].name })
    _, arguments = path.resolve("/a/b")
    assert.same({}, arguments)
  end)

  it("tells what else its URL says", function()
    local _, _, at = path.resolve("//h/p?q=1#f")
    assert.equal("q=1", at.query)
    assert.equal("f", at.fragment)
  end)
end)
