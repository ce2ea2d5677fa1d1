-- page: the list as HTML.

local page = require "page"
local seal = require "seal"

local function entry(fields)
  return {
    host = fields.host or "a.example", title = fields.title or "A", description = fields.description or "",
    version = fields.version or "", problem = fields.problem,
  }
end

describe("the page", function()
  it("shows title, version, description and link of each service, in order", function()
    local html = page.render {
      entry { host = "a.example", title = "A", description = "First.\nOf all.", version = "3" },
      entry { host = "b.example", title = "B" },
    }
    assert.contains([[
<li>
<h2>A <small>version 3</small></h2>
<p>First.
Of all.</p>
<a href="/a.example/openapi.json" type="application/json">/a.example/openapi.json</a>
</li>
<li>
<h2>B</h2>
<a href="/b.example/openapi.json" type="application/json">/b.example/openapi.json</a>
</li>
]], html)
    assert.contains("The OpenAPI documents of 2 services.", html)
  end)

  it("says what is wrong in place of a link", function()
    local html = page.render { entry { problem = "It answered with status 500." } }
    assert.contains('<p class="problem">It answered with status 500.</p>', html)
    assert.no.contains("<a ", html)
  end)

  it("says when there is nothing", function()
    local html = page.render {}
    assert.contains("No service has an OpenAPI document.", html)
    assert.no.contains("<ul", html)
  end)

  it("takes nothing from services but text", function()
    local evil = [["><script>alert('&')</script>]]
    local html = page.render { entry { host = evil, title = evil, description = evil, version = evil } }
    assert.no.contains("<script", html)
    assert.no.contains("'&'", html)
    assert.contains("<h2>&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt; <small>", html)
    assert.contains('href="/%22%3E%3Cscript%3Ealert%28%27&amp;%27%29%3C%2Fscript%3E/openapi.json"', html)
    assert.contains('<p class="problem">&quot;&gt;', page.render { entry { problem = evil } })
  end)

  it("loads and runs nothing, and has the style that its policy names", function()
    local html = page.render { entry {} }
    for _, word in ipairs { "<script", "<link", "<img", "style=", "@import", "url(", "//", " on%w+=" } do
      assert.is_nil(html:find(word, 1, not word:find("%", 1, true)), word)
    end
    local style = html:match("<style>(.*)</style>")
    local hash = page.policy():match("style%-src 'sha256%-([%w+/=]+)'")
    local digits = seal.unbase64(hash):gsub(".", function(byte)
      return ("%02x"):format(byte:byte())
    end)
    assert.equal(seal.sha256(style), digits)
    assert.contains("default-src 'none'", page.policy())
  end)

  it("names its language, its size and its parts to those who cannot see it", function()
    local html = page.render { entry {} }
    for _, text in ipairs {
      '<html lang="en">', 'name="viewport"', "<title>Services</title>", "<header>", "<main>", "<h1>",
    } do
      assert.contains(text, html)
    end
  end)
end)
