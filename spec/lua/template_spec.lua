-- require "template": text with values in it.

local json = require "json"
local template = require "template"

local NO_TEXT = " is no text: write one of its fields, or use the pipe json"

local function plain(source, data, options)
  options = options or {}
  options.name = "t.txt"
  return template.compile(source, options):render(data)
end

local function html(source, data, options)
  options = options or {}
  options.html, options.name = true, "t.html"
  return template.compile(source, options):render(data)
end

local function refused(source, message)
  assert.has_error(function()
    template.compile(source, { html = true, name = "t.html" })
  end, message)
end

local function refused_like(source, part)
  local ok, message = pcall(template.compile, source, { html = true, name = "t.html" })
  assert.is_false(ok, source)
  assert.contains(part, message)
end

local function fails(source, data, message)
  assert.has_error(function()
    plain(source, data)
  end, message)
end

-- The source with something in the place of %s.
local function fill(source, by)
  return (source:gsub("%%s", by))
end

describe("compile", function()
  it("knows its options: a typo must not turn escaping off", function()
    assert.error_matches(function()
      template.compile("{{ x }}", { htlm = true })
    end, "there is no option htlm of a template; there are html, name, partials and limit")
  end)
end)

describe("values", function()
  it("are written where they stand", function()
    assert.equal("Hello, Ada!", plain("Hello, {{ name }}!", { name = "Ada" }))
    assert.equal("1 2.5 3 true", plain("{{ a }} {{ b }} {{ c }} {{ d }}", { a = 1, b = 2.5, c = 3.0, d = true }))
  end)

  it("are nothing when the data has none, or null", function()
    assert.equal("[]", plain("[{{ a }}{{ a.b.c }}{{ n }}{{ n.x }}]", { n = json.null }))
    assert.equal("[]", plain("[{{ a }}]"))
  end)

  it("come by path, also with a key that is a value", function()
    local data = { user = { name = "Ada", ["end"] = 7 }, list = { "x", "y" }, key = "name" }
    assert.equal("Ada Ada Ada y 7",
      plain('{{ user.name }} {{ user["name"] }} {{ user[key] }} {{ list[2] }} {{ user.end }}', data))
  end)

  it("do not reach the methods of texts", function()
    assert.equal("", plain("{{ name.upper }}", { name = "Ada" }))
  end)

  it("may be literals", function()
    assert.equal('a"}} 12 -3 1.5 true', plain([[{{ "a\"}}" }} {{ 12 }} {{ -3 }} {{ 1.5 }} {{ true }}]]))
    assert.equal("{{ and {%", plain([[{{ "{{" }} and {{ '{%' }}]]))
  end)

  it("that have no text are an error with their place", function()
    fails("a\nb {{ user }}", { user = {} }, "t.txt:2:3: a table" .. NO_TEXT)
  end)

  it("run none of the data's code", function()
    fails("{{ f }}", { f = print }, "t.txt:1:1: a function" .. NO_TEXT)
  end)
end)

describe("pipes", function()
  it("change values, one after the other", function()
    assert.equal("ADA", plain("{{ name | trim | upper }}", { name = "  ada " }))
    assert.equal("ada", plain("{{ name | lower }}", { name = "ADA" }))
    assert.equal("[]", plain("[{{ name | trim }}]", { name = "   " }))
  end)

  it("may take a value", function()
    assert.equal("World World Ada", plain('{{ a | default("World") }} {{ b | default(w) }} {{ c | default("x") }}',
      { b = "", c = "Ada", w = "World" }))
    assert.equal("a, 2", plain('{{ list | join(", ") }}', { list = { "a", 2 } }))
    assert.equal("", plain('{{ list | join(", ") }}'))
  end)

  it("json writes any value", function()
    assert.equal('[1,"</b>"] null', plain("{{ list | json }} {{ nothing | json }}", { list = { 1, "</b>" } }))
    local ok, message = pcall(plain, "{{ f | json }}", { f = print })
    assert.is_false(ok)
    assert.matches("^t%.txt:1:1: ", message)
  end)

  it("that do not exist are an error of the template", function()
    refused("<p>\n  {{ name | uper }}", "t.html:2:13: there is no pipe 'uper': there are attr, css, default, join, "
      .. "json, lower, safe, trim, upper, url")
  end)

  it("do not follow one that says what the text is", function()
    refused("{{ a | safe | upper }}", "t.html:1:15: no pipe comes behind safe: it says what the text is")
  end)

  it("that fail say where", function()
    fails("{{ a | upper }}", { a = {} }, "t.txt:1:8: upper: a table" .. NO_TEXT)
    fails("{{ a | join(',') }}", { a = 5 }, "t.txt:1:8: join: join needs a list, not a number")
  end)
end)

describe("if", function()
  local source = '{% if a == "x" and not b %}one{% elseif #list > 1 or c ~= nil %}two{% else %}three{% end %}'

  it("takes the first branch whose condition holds", function()
    assert.equal("one", plain(source, { a = "x" }))
    assert.equal("two", plain(source, { a = "x", b = true, list = { 1, 2 } }))
    assert.equal("two", plain(source, { c = 0 }))
    assert.equal("three", plain(source, { a = "y" }))
    assert.equal("", plain("{% if a %}x{% end %}", {}))
  end)

  it("takes nil, false and null for false, all else for true", function()
    local values = { [false] = "n", [json.null] = "n", [0] = "y", [""] = "y" }
    for value, expected in pairs(values) do
      assert.equal(expected, plain("{% if v %}y{% else %}n{% end %}", { v = value }))
    end
  end)

  it("compares numbers and texts", function()
    assert.equal("yyyyy", plain(
      "{% if 1 < 2 %}y{% end %}{% if 'a' <= 'b' %}y{% end %}{% if 2 > 1.5 %}y{% end %}{% if 2 >= 2 %}y{% end %}"
      .. "{% if not (1 == 2) %}y{% end %}"))
    fails("{% if a < 1 %}{% end %}", { a = "x" },
      "t.txt:1:9: a string and a number have no order: compare two numbers or two texts")
  end)

  it("binds and before or, not before and", function()
    assert.equal("y", plain("{% if true or false and false %}y{% end %}"))
    assert.equal("", plain("{% if not true and false %}y{% end %}"))
    assert.equal("5", plain("{{ nothing or 5 }}"))
  end)

  it("knows the length of lists and texts", function()
    assert.equal("2 3 0", plain("{{ #list }} {{ #word }} {{ #none }}", { list = { 1, 2 }, word = "äöü" }))
    fails("{{ #n }}", { n = 1 }, "t.txt:1:4: a number has no length")
  end)
end)

describe("for", function()
  it("goes over a list and knows where it is", function()
    assert.equal("1:a/3, 2:b/3, 3:c/3", plain(
      "{% for x in list %}{{ loop.index }}:{{ x }}/{{ loop.length }}{% if not loop.last %}, {% end %}{% end %}",
      { list = { "a", "b", "c" } }))
  end)

  it("takes else for an empty list, or none", function()
    local source = "{% for x in list %}{{ x }}{% else %}none{% end %}"
    assert.equal("none", plain(source, { list = {} }))
    assert.equal("none", plain(source, {}))
    assert.equal("none", plain(source, { list = json.list {} }))
    assert.equal("1", plain(source, { list = { 1 } }))
  end)

  it("goes over a table in the order of its keys", function()
    local source = "{% for k, v in map %}{{ k }}={{ v }} {% end %}"
    assert.equal("a=1 b=2 c=3 ", plain(source, { map = { c = 3, a = 1, b = 2 } }))
    assert.equal("1=x 2=y ", plain(source, { map = { "x", "y" } }))
    fails("{% for x in map %}{% end %}", { map = { a = 1 } },
      "t.txt:1:1: this is a table with names, no list: write {% for key, x in … %}")
  end)

  it("hides names outside, also by null, and shows them again behind", function()
    assert.equal("[1][][3]9",
      plain("{% for x in list %}[{{ x }}]{% end %}{{ x }}", { x = 9, list = { 1, json.null, 3 } }))
    assert.equal("a1a2b1b2", plain("{% for x in xs %}{% for y in ys %}{{ x }}{{ y }}{% end %}{% end %}",
      { xs = { "a", "b" }, ys = { 1, 2 } }))
  end)

  it("needs a table", function()
    fails("\n{% for x in list %}{% end %}", { list = "abc" }, "t.txt:2:1: 'for' needs a list or a table, not a string")
  end)
end)

describe("lines", function()
  it("that hold only a tag or comment leave nothing behind", function()
    assert.equal("<ul>\n  <li>1\n  <li>2\n</ul>\n", html(
      "<ul>\n  {% for x in list %}\n  <li>{{ x }}\n  {% end %}\n  {# done #}\n</ul>\n", { list = { 1, 2 } }))
    assert.equal("a\r\nb", plain("a\r\n{% if true %}\r\nb{% end %}"))
  end)

  it("keep what else is on them", function()
    assert.equal("a \nb", plain("a {% if true %}\n{% end %}b"))
    assert.equal(" 1 \n", plain(" {{ 1 }} \n"))
  end)

  it("with comments may say anything", function()
    assert.equal("ab", plain("a{# {{ {% wild #}b"))
  end)
end)

describe("include", function()
  local files = {
    ["row.html"] = "<li>{{ x }}</li>",
    ["tree.html"] = "({{ node.name }}{% for node in node.children %}{% include 'tree.html' %}{% end %})",
    ["endless.html"] = "{% include 'endless.html' %}",
    ["broken.html"] = "a\n{{ | }}",
    ["open.html"] = "<p title=\"",
  }
  local options = {
    partials = function(name)
      return files[name]
    end,
  }

  it("puts a template in place, with the names known there", function()
    assert.equal("<ul><li>a&lt;</li><li>b</li></ul>",
      html('<ul>{% for x in list %}{% include "row.html" %}{% end %}</ul>', { list = { "a<", "b" } }, options))
  end)

  it("may include itself, as deep as the data is", function()
    local tree = { name = "a", children = { { name = "b", children = { { name = "c" } } }, { name = "d" } } }
    assert.equal("(a(b(c))(d))", html('{% include "tree.html" %}', { node = tree }, options))
  end)

  it("ends somewhere", function()
    local ok, message = pcall(html, '{% include "endless.html" %}', {}, options)
    assert.is_false(ok)
    assert.equal("endless.html:1:1: more than 20 includes inside each other", message)
  end)

  it("names the included template in errors", function()
    local ok, message = pcall(html, '{% include "broken.html" %}', {}, options)
    assert.is_false(ok)
    assert.equal("broken.html:2:4: expected a value, got '|'", message)
  end)

  it("needs the template, and one that closes what it opens", function()
    local ok, message = pcall(html, 'x{% include "no.html" %}', {}, options)
    assert.is_false(ok)
    assert.equal("t.html:1:2: there is no template 'no.html' to include", message)
    ok, message = pcall(html, '{% include "open.html" %}', {}, options)
    assert.is_false(ok)
    assert.contains("open.html:1:11: this must end in the place of the page where it began", message)
  end)
end)

describe("mistakes in tags", function()
  it("are told with line and column", function()
    local cases = {
      ["{{ a "] = "t.html:1:1: this tag is not closed: }} is missing",
      ["{# a"] = "t.html:1:1: this comment is not closed: #} is missing",
      ["{{ 'a }}"] = "t.html:1:4: this text is not closed: ' is missing",
      ["{{ a b }}"] = "t.html:1:6: expected the end of the tag, got 'b'",
      ["{{ }}"] = "t.html:1:4: expected a value, got the end of the tag",
      ["{{ a end }}"] = "t.html:1:6: expected the end of the tag, got 'end'",
      ["{{ a ! }}"] = "t.html:1:6: unexpected !",
      ["{{ a. }}"] = "t.html:1:7: expected a name behind '.', got the end of the tag",
      ["{{ f(x) }}"] = "t.html:1:5: expected the end of the tag, got '('",
      ["{% endif %}"] = "t.html:1:1: there is no tag 'endif': there are for, if, elseif, else, end, include",
      ["{% end %}"] = "t.html:1:1: 'end' without a tag that it belongs to",
      ["x\n{% if a %}"] = "t.html:2:1: this tag has no {% end %}",
      ["{% if a %}{% else %}{% elseif b %}{% end %}"] = "t.html:1:21: 'elseif' behind the 'else' of the same 'if'",
      ["{% for x in y %}{% elseif b %}{% end %}"] = "t.html:1:17: 'elseif' belongs to an 'if': this closes a 'for'",
      ["{% for if in y %}{% end %}"] = "t.html:1:8: expected a name for the items, got 'if'",
      ["{% for x of y %}{% end %}"] = "t.html:1:10: expected 'in', got 'of'",
      ["{% include name %}"] = "t.html:1:12: expected the name of a template in quotes, got 'name'",
      ["{{{ a | json }}}"] = "t.html:1:1: write {{ … | json }}, with two braces: three mean 'safe'",
    }
    for source, message in pairs(cases) do
      refused(source, message)
    end
  end)

  it("include too much inside each other", function()
    refused_like(("{% if a %}"):rep(101), "more than 100 tags inside each other")
    refused_like("{{ " .. ("("):rep(60) .. "1" .. (")"):rep(60) .. " }}", "more than 50 parts")
    assert.equal("x", plain(("{% if true %}"):rep(100) .. "x" .. ("{% end %}"):rep(100)))
  end)
end)

describe("the output", function()
  it("has a limit", function()
    local ok, message = pcall(plain, "{% for x in list %}0123456789{% end %}", { list = { 1, 2, 3 } }, { limit = 25 })
    assert.is_false(ok)
    assert.equal("t.txt:1:20: the output is longer than 25 bytes", message)
  end)

  it("may be made again and again from one template", function()
    local t = template.compile("{{ a }}{% for x in l %}{{ x }}{% end %}")
    assert.equal("1", t:render { a = 1 })
    assert.equal("23", t:render { a = 2, l = { 3 } })
  end)

  it("needs a table of data", function()
    assert.has_error(function()
      template.compile(""):render("x")
    end, "a template is rendered with a table, not a string")
  end)
end)

describe("in HTML a value", function()
  local EVIL = [[<b a="1">'&]]
  local ESCAPED = "&lt;b a=&#34;1&#34;&gt;&#39;&amp;"

  it("is escaped in text, attributes, comments, titles", function()
    for _, source in ipairs { "<p>%s</p>", '<p title="%s">', "<p title='%s'>", "<!-- %s -->", "<title>%s</title>",
      "<textarea>%s</textarea>", "<!doctype html><p>%s" } do
      assert.equal(fill(source, ESCAPED), html(fill(source, "{{ x }}"), { x = EVIL }))
    end
  end)

  it("is left alone when it is HTML already", function()
    assert.equal("<b>&amp;</b>", html("{{ x | safe }}", { x = "<b>&amp;</b>" }))
    assert.equal("<b>", html("{{{ x }}}", { x = "<b>" }))
    assert.equal('<p title="&#34;&gt;&amp;">', html('<p title="{{{ x }}}">', { x = '">&amp;' }))
  end)

  it("does not run in a URL", function()
    local bad = {
      "javascript:alert(1)", " JaVaScRiPt:x", "java\nscript:x", "\1javascript:x", "vbscript:x", "data:text/html,x",
      "javascript\t:x",
    }
    for _, x in ipairs(bad) do
      assert.equal('<a href="#blocked">', html('<a href="{{ x }}">', { x = x }), x)
      assert.equal('<form action="#blocked">', html('<form action="{{ x }}">', { x = x }), x)
      assert.equal('<img SRC="#blocked">', html('<img SRC="{{ x }}">', { x = x }), x)
    end
  end)

  it("is a URL, part of a path, or part of a query", function()
    assert.equal('<a href="https://a.b/c?d=1&amp;e=%22">', html('<a href="{{ x }}">', { x = 'https://a.b/c?d=1&e="' }))
    assert.equal('<a href="/x:y">', html('<a href="{{ x }}">', { x = "/x:y" }))
    assert.equal('<a href="/a/b%20c">', html('<a href="/a/{{ x }}">', { x = "b c" }))
    assert.equal('<a href="/?q=a%26b%3D%2F%22">', html('<a href="/?q={{ x }}">', { x = 'a&b=/"' }))
    assert.equal('<a href="#a%20b">', html('<a href="#{{ x }}">', { x = "a b" }))
    assert.equal('<a href="x:y&#34;">', html('<a href="{{ x | url }}">', { x = 'x:y"' }))
  end)

  it("is filtered behind the harmless beginning of a URL, too", function()
    assert.equal('<a href="java#blocked">', html('<a href="java{{ x }}">', { x = "script:alert(1)" }))
    local either = '<a href="{% if q %}/?a=1{% end %}{{ x }}">'
    assert.equal('<a href="/?a=1javascript%3Ax">', html(either, { q = true, x = "javascript:x" }))
    assert.equal('<a href="javascript%3Ax">', html(either, { x = "javascript:x" }))
    assert.equal('<a href="a/b%2Fc/">',
      html('<a href="{{ x }}/{% for y in l %}{{ y }}/{% end %}">', { x = "a", l = { "b/c" } }))
    assert.equal('<a href="ab%3A/?q=c">',
      html('<a href="{% for y in l %}{{ y }}{% end %}/?q={{ z }}">', { l = { "a", "b:" }, z = "c" }))
    for _, source in ipairs {
      '<a href="{{ x }}:{{ y }}">', '<a href="java{{ x }}:alert(1)">', '<a href="{{ x }}script:alert({{ y }})">',
      '<a href="{% if x %}{{ x }}{% end %}:{{ y }}">', '<a href="{% for x in l %}{{ x }}{% end %}:{{ y }}">',
      '<a href="javascript{% if x %}{% end %}:{{ y }}">', '<a href="{% if x %}/{% end %}{{ x }}:{{ y }}">',
    } do
      refused_like(source, "may end a scheme")
    end
    refused_like('<a href="javascript:f({{ x | json }})">', "no value can be part of a script in a URL")
  end)

  it("is JSON in a script, which it cannot end", function()
    assert.equal([[<script>var x = "\u003c\/script\u003e\u0027\u0026\u0060\u0024{\u2028";</script>]],
      html("<script>var x = {{ x | json }};</script>", { x = "</script>'&`${\u{2028}" }))
    assert.equal("<script>f([1,{}], null)</script>",
      html("<script>f({{ a | json }}, {{ b | json }})</script>", { a = { 1, {} } }))
    refused_like("<script>var x = {{ x }};</script>", "in a script a value needs the pipe json")
    refused_like("<script>{{{ x }}}</script>", "in a script a value needs the pipe json")
  end)

  it("is refused in the strings and comments of a script", function()
    for _, source in ipairs {
      [[var x = "%s"]], [[x = '\'%s']], "x = `${1} %s`", "// %s", "/* ' */ y /* %s */", [[x = /"/; y = "%s"]],
      [[return /["/]'/.test("%s")]], [[a = b / c; x = "%s"]], [[x = "\\" + "%s"]],
    } do
      refused_like("<script>" .. fill(source, "{{ x | json }}") .. "</script>", "a value inside")
    end
    for _, source in ipairs { [[a = "'" + %s]], [[a = /"/ ; b = %s]], [[a = 4 / 2 + "/" + %s]], "// it's\n b = %s" } do
      assert.contains("= ", html("<script>" .. fill(source, "{{ x | json }}") .. "</script>", { x = 1 }))
    end
  end)

  it("is JSON in an event attribute", function()
    assert.equal([[<b onclick="f(&#34;\&#34;&#34;)">]], html('<b onclick="f({{ x | json }})">', { x = '"' }))
    refused_like([[<b onclick="f({{ x }})">]], "needs the pipe json")
    refused_like([[<b onclick="f('{{ x | json }}')">]], "a value inside quotes")
    refused_like([[<b onclick="f(&quot;{{ x | json }}&quot;)">]], "entities in front of it")
  end)

  it("is one plain value in CSS, unless it is trusted", function()
    assert.equal('<b style="width: 10.5%; color: #fff">',
      html('<b style="width: {{ w }}%; color: {{ c }}">', { w = 10.5, c = "#fff" }))
    for _, x in ipairs { "red; background: url(x)", "expression(1)", "a\\62", "<", '"', "x/**/", "}", "@import" } do
      assert.equal('<b style="color: unset">', html('<b style="color: {{ x }}">', { x = x }))
      assert.equal("<style>b { color: unset }</style>", html("<style>b { color: {{ x }} }</style>", { x = x }))
    end
    assert.equal('<b style="a: url(&#34;x&#34;)">', html('<b style="{{ x | css }}">', { x = 'a: url("x")' }))
    assert.equal("<style><\\/style></style>", html("<style>{{ x | css }}</style>", { x = "</style>" }))
  end)

  it("is a whole attribute with the pipe attr", function()
    assert.equal('<b class="x" id="y">', html('<b class="x" {{ a | attr }}>', { a = 'id="y"' }))
    assert.equal("<i a b>", html("<i{% for a in l %} {{ a | attr }}{% end %}>", { l = { "a", "b" } }))
    refused_like("<b {{ a }}>", "among the attributes of a tag")
    refused_like("<b>{{ a | attr }}", "the pipe attr is not for values in text")
    refused_like("<b on{{ a | attr }}>", "must be in one piece")
    refused_like('<b {{ a | attr }}="x">', "an '='")
  end)

  it("is a page of its own in srcdoc", function()
    assert.equal('<iframe srcdoc="&amp;lt;b&amp;gt;"></iframe>', html('<iframe srcdoc="{{ x }}"></iframe>', { x = "<b>" }))
  end)

  it("is refused where nothing makes it safe", function()
    refused("<a href={{ x }}>", "t.html:1:9: put quotes around the value of the attribute 'href'")
    refused("<a href=/x/{{ x }}>", "t.html:1:12: put quotes around the value of the attribute 'href'")
    refused_like("<{{ x }}>", "part of the name of a tag")
    refused_like("</{{ x }}>", "part of the name of a tag")
    refused_like("<b{{ x }}>", "must be in one piece")
    refused_like("<!doctype {{ x }}>", "nor of <!…>")
    refused_like("<iframe>{{ x }}</iframe>", "needs the pipe safe")
    refused_like("<p>{{ x | css }}</p>", "the pipe css is not for values in text")
  end)
end)

describe("the place in the page", function()
  it("is the same on all ways through a tag", function()
    assert.equal('<option value="1" selected>', html('<option value="1"{% if s %} selected{% end %}>', { s = true }))
    assert.equal("<input checked>", html("<input{% if s %} checked{% end %}>", { s = true }))
    assert.equal('<a href="x" class="&lt;">',
      html('<a {% if s %}href="x"{% else %}name="y"{% end %} class="{{ c }}">', { s = true, c = "<" }))
    refused_like('{% if a %}<p title="{% end %}',
      "end in different places of the page: in text, and in the attribute 'title'")
    refused_like("{% if a %}<script>{% else %}<p>{% end %}", "end in different places")
    refused_like("{% for x in l %}<script>{% end %}", "it begins in text and ends in <script>")
    refused_like("<p", "it begins in text and ends inside a tag")
  end)

  it("is not fooled by names in pieces", function()
    refused_like('<b {% if a %}on{% end %}click="{{ x }}">', "must be in one piece")
    refused_like('<b {% if a %}href{% else %}onclick{% end %}="{{ x }}">', "an '='")
    refused_like("<scr{% if a %}ipt{% end %}>{{ x }}", "must be in one piece")
    refused_like("<{% if a %}b{% end %}>", "different places")
    refused_like("<scr{# #}ipt>{{ x }}</script>", "needs the pipe json")
  end)

  it("knows where a script ends", function()
    assert.equal("<script>a('</b>')</script>&lt;", html("<script>a('</b>')</script>{{ x }}", { x = "<" }))
    assert.equal("<SCRIPT>1</Script >&lt;", html("<SCRIPT>1</Script >{{ x }}", { x = "<" }))
    refused_like("<script>a </scripty/.b; {{ x }}</script>", "needs the pipe json")
    assert.equal("<script></script>&lt;", html("<script></scr{% if a %}{% end %}ipt>{{ x }}", { x = "<" }))
  end)

  it("is followed through scripts with loops and branches", function()
    assert.equal("<script>x = [1,2,]; y = 4</script>", html(
      "<script>x = [{% for x in l %}{{ x | json }},{% end %}]; {% if a %}z{% else %}y = 4{% end %}</script>",
      { l = { 1, 2 } }))
    refused_like("<script>{% if a %}x{% else %}x ={% end %} /2</script>", "may divide or begin a regular expression")
  end)
end)

describe("whatever is written", function()
  local PARTS = {
    "{{ ", " }}", "{% ", " %}", "{{{", "}}}", "{#", "#}", "if a", "for x in a", "end", "else", "include 'p'", "a", ".",
    "|", "json", "safe", "==", "(", ")", "#", "'", '"', "<", ">", "/", "<p ", "</p>", "<script>", "</script>", "<!--", "-->",
    " href=", " onclick=", " title=", "javascript:", "?", "`", "\\", "\n", "[", "]", "é", "\0", "<style>", "</style>",
    "=", " ", "{% if a %}", "{% end %}", "{{ a }}", "{{ a | json }}", "{{ a | attr }}",
  }
  local TRUSTED = { "safe", "{{{", "attr" }
  local EVIL = [["><script>x</script>' onload="x]]

  local function random_source()
    local parts = {}
    for i = 1, math.random(1, 12) do
      parts[i] = PARTS[math.random(#PARTS)]
    end
    return table.concat(parts)
  end

  local function trusts(source)
    for _, word in ipairs(TRUSTED) do
      if source:find(word, 1, true) then
        return true
      end
    end
    return false
  end

  it("a mistake is told with its place, and no value opens an element", function()
    local compiled = 0
    for _ = 1, 20000 do
      local source = random_source()
      local ok, result = pcall(template.compile, source, { html = true, name = "t", partials = random_source })
      if ok then
        compiled = compiled + 1
        ok, result = pcall(result.render, result, { a = EVIL })
      end
      if not ok then
        assert.matches("^[^\n]-:%d+:%d+: ", result, source)
      elseif not trusts(source) and not source:find("include", 1, true) then
        assert.is_nil(result:find("><script>x", 1, true), source)
      end
    end
    assert.is_true(compiled > 1000)
  end)
end)
