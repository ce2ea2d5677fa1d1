-- gen/names.lua: which names are allowed, and how they convert.

local names = require "gen.names"

-- One test for every pair of a table; an empty text is called so.
local function converts(convert, pairs_of)
  for _, pair in ipairs(pairs_of) do
    local from, to = pair[1], pair[2]
    it(("makes %s of %s"):format(to == "" and "nothing" or to, from == "" and "nothing" or from), function()
      assert.equal(to, convert(from))
    end)
  end
end

local function accepts(check, good, bad)
  for _, text in ipairs(good) do
    it(("takes %q"):format(text), function()
      assert.is_true(check(text))
    end)
  end
  for _, text in ipairs(bad) do
    it(("refuses %q"):format(text), function()
      assert.is_false(check(text))
    end)
  end
end

local WORDS = {
  { "fooBar", "foo-bar" }, { "FooBar", "foo-bar" }, { "fooBAR", "foo-bar" }, { "FooBAR", "foo-bar" },
  { "urlEncoder", "url-encoder" }, { "URLEncoder", "url-encoder" }, { "foobarX", "foobar-x" },
  { "a", "a" }, { "A", "a" }, { "", "" }, { "OnEvent1", "on-event1" },
  { "HTTP", "http" }, { "FooIDURL", "foo-idurl" }, { "A1B2c3D", "a1b2c3d" }, { "HTTPServerX", "http-server-x" },
  { "OAuth2Token", "o-auth2token" }, { "SubArrayRange", "sub-array-range" },
}

describe("kebab", function()
  converts(names.kebab, WORDS)
end)

describe("snake", function()
  local snakes = {}
  for i, pair in ipairs(WORDS) do
    snakes[i] = { pair[1], (pair[2]:gsub("-", "_")) }
  end
  converts(names.snake, snakes)

  it("is what metrics are called by: package and name in one word", function()
    assert.equal("calculator_op_count", names.snake("calculator" .. "OpCount"))
    assert.equal("pkgname_requests_count", names.snake("pkgname" .. "RequestsCount"))
    assert.equal("my_shop_sold", names.snake("my-shop" .. "Sold"))
  end)
end)

describe("capitalize", function()
  converts(names.capitalize, {
    { "fooBar", "FooBar" }, { "fooBAR", "FooBAR" }, { "urlEncoder", "URLEncoder" }, { "id", "ID" }, { "xId", "XId" },
    { "a", "A" }, { "httpRequestBody", "HTTPRequestBody" }, { "FooBar", "FooBar" }, { "URL", "URL" }, { "", "" },
    { "httpsPort", "HTTPSPort" }, { "url", "URL" }, { "jsonText", "JSONText" }, { "xmlText", "XMLText" },
    { "htmlText", "HTMLText" }, { "apiKey", "APIKey" }, { "cssText", "CSSText" }, { "sql", "SQL" },
    { "idea", "Idea" }, { "id2", "Id2" }, { "urls", "Urls" },
  })
end)

describe("variable", function()
  converts(names.variable, { { "count", "count" }, { "end", "end_" }, { "repeat", "repeat_" }, { "nil", "nil_" } })
end)

describe("a hostname", function()
  for _, text in ipairs { "hello", "hello.WORLD", "123.456", "1", "hello_world", "hello-world", ("a"):rep(253) } do
    it(("may be %q"):format(text:sub(1, 20)), function()
      assert.equal(text:lower(), names.hostname(text))
    end)
  end
  for _, text in ipairs {
    "hello world", "hello..world", "hello.", ".hello", "~hello", "$", "", "a/b", "a:1", "h\u{f6}st", "a\n",
    ("a"):rep(254),
  } do
    it(("is not %q"):format(text:sub(1, 20)), function()
      assert.is_nil(names.hostname(text))
    end)
  end

  it("of all services is reserved", function()
    assert.is_true(names.is_reserved_host("all"))
    assert.is_true(names.is_reserved_host("x.all"))
    assert.is_false(names.is_reserved_host("all.x"))
    assert.is_false(names.is_reserved_host("xall"))
  end)
end)

local CONFIGS = { "hello", "WORLD", "hello123" }
local NO_CONFIGS = { "hello world", "hello-world", "hello_world", "hello.world", "1hello", "_hello", "" }

describe("the name of a config", function()
  accepts(names.is_config, CONFIGS, NO_CONFIGS)
end)

describe("the name of a ticker", function()
  accepts(names.is_ticker, CONFIGS, NO_CONFIGS)
end)

describe("an identifier", function()
  accepts(names.is_identifier, { "a", "fooBar1" }, { "", "A", "a_b", "1a", "a b", "a\n" })
end)

describe("the name of a handler", function()
  accepts(names.is_handler, { "A", "FooBar1", "URL" }, { "", "a", "A_b", "1A", "A b" })
end)

describe("the name of an event", function()
  accepts(names.is_event, { "OnX", "OnFooBar1" }, { "", "On", "Only", "onX", "On_X", "XOnX" })
end)

describe("a source", function()
  accepts(names.is_source, { "single", "a/b-c.d/e", "from/somewhere/else" }, {
    "", "a//b", "a/b/", "/a", "github.com/Foo/bar", "a/b_c", "https://www.example.com", "1a",
  })
end)

describe("a method", function()
  accepts(names.is_method, { "POST", "ANYTHING", "ANY" }, { "123", "A B", "ABC123", "!", "", "*", "post" })
end)

describe("a queue", function()
  accepts(names.is_queue, { "a", "a.b.C1" }, { "", "a b", "a-b", "a_b" })
end)

describe("a plane", function()
  accepts(names.is_plane, { "", "abcDEF123" }, { "a.b", "a b", "a-b" })
end)
