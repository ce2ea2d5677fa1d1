-- lua/spec/html.lua: pages as browsers forgive them, and selectors.

local html = require "spec.html"

-- The texts of what a selector finds, with bars between.
local function found(page, selector)
  local texts = {}
  for i, node in ipairs(html.find(html.parse(page), selector)) do
    texts[i] = html.text(node)
  end
  return table.concat(texts, "|")
end

describe("html.parse", function()
  it("reads elements, attributes in all their spellings, and texts", function()
    local page = html.parse "<DIV Class='a b' id=main data-x=\"1 &lt; 2\" hidden>Hello <b>you</b>!</div>"
    local div = page[1]
    assert.equal("div", div.tag)
    assert.same({ class = "a b", id = "main", ["data-x"] = "1 < 2", hidden = "" }, div.attributes)
    assert.equal("Hello you!", html.text(div))
  end)

  it("has nothing inside elements that are always empty", function()
    assert.equal("b", found("<p>a<br>b<img src=x>c</p>", "p") == "abc" and "b" or "")
    assert.equal("", found("<input><i>x</i>", "input i"))
    assert.equal("", found("<i/>x", "i"))
  end)

  it("passes over comments, declarations and instructions", function()
    assert.equal("ab", found("<!DOCTYPE html><?xml x?><p>a<!-- <b>no</b> -->b", "p"))
    assert.equal("", found("<p>a<!-- <b>no</b>", "b"))
  end)

  it("takes scripts and styles as they are", function()
    local page = "<script>if (a < b && '</p>') { x = '&lt;' }</script><p>y</p>"
    assert.equal("if (a < b && '</p>') { x = '&lt;' }", found(page, "script"))
    assert.equal("y", found(page, "p"))
    assert.equal("a < b </titles>", found("<TITLE>a &lt; b </titles></Title >", "title"))
    assert.equal("never ends", found("<style>never ends", "style"))
  end)

  it("closes what may be left open", function()
    assert.equal("a|b", found("<p>a<p>b", "p"))
    assert.equal("a|b", found("<p>a<div>b</div>", "p, div"))
    assert.equal("a|b|c", found("<ul><li>a<li>b<li>c</ul>", "ul > li"))
    assert.equal("a 1|1|b", found("<ul><li>a <ul><li>1</ul><li>b</ul>", "li"))
    assert.equal("1|2|3|4", found("<table><tr><td>1<td>2<tr><td>3<th>4</table>", "tr > *"))
    assert.equal("x|y", found("<select><option>x<option>y</select>", "option"))
    assert.equal("a|1|b", found("<dl><dt>a<dd>1<dt>b</dl>", "dl > *"))
    assert.equal("1|2", found("<table><tbody><tr><td><table><tr><td>1</table><td>2</table>", "tbody > tr > td"))
  end)

  it("goes on after what is wrong", function()
    assert.equal("a b", found("<p>a</i> </b>b</p>", "p"))
    assert.equal("1 < 2 & 3 &nope; &#xfffffff;", found("<p>1 < 2 & 3 &nope; &#xfffffff;</p>", "p"))
    assert.equal("x", found("<p =\"\" class= >x", "p"))
    assert.equal(1, #html.find(html.parse("<a href=\"unclosed"), "a"))
    assert.same({}, html.find(html.parse(""), "p"))
  end)

  it("replaces entities", function()
    assert.equal("< > & \" ' A A \u{20AC} ä", html.decode "&lt; &gt; &amp; &quot; &apos; &#65; &#x41; &euro; &auml;")
  end)

  it("bears deep nesting", function()
    assert.equal("x", found(("<b>"):rep(20000) .. "<i>x</i>", "i"))
  end)
end)

describe("html.find", function()
  local PAGE = [[
    <div id="top" class="box big"><p class="x">1</p><section><p class="x y" data-n="42">2</p></section></div>
    <div class="box"><a href="/a.png" title='t "q"'>3</a></div>]]

  it("finds by tag, id, class and attribute", function()
    for selector, texts in pairs {
      p = "1|2", ["#top"] = "12", [".x"] = "1|2", [".x.y"] = "2", ["p.y"] = "2", ["div#top.big"] = "12", ["P"] = "1|2",
      ["[data-n]"] = "2", ['[data-n="42"]'] = "2", ["[data-n='42']"] = "2", ["[data-n=42]"] = "2", ['[data-n="4"]'] = "",
      ["[href^='/a']"] = "3", ['[href$=".png"]'] = "3", ['[href*="a.p"]'] = "3", ['[class~="big"]'] = "12", [".bi"] = "",
      ["b"] = "",
    } do
      assert.equal(texts, found(PAGE, selector), selector)
    end
  end)

  it("finds inside one another, right inside, and alternatives", function()
    for selector, texts in pairs {
      ["div p"] = "1|2", ["div > p"] = "1", ["#top section>p"] = "2", ["div > section .y"] = "2", ["a, .y"] = "2|3",
      ["p,p"] = "1|2", ["section a"] = "", ["* > a"] = "3", [" p.x "] = "1|2", ["div div p"] = "",
    } do
      assert.equal(texts, found(PAGE, selector), selector)
    end
  end)

  it("refuses selectors that it does not understand, and says where", function()
    for _, selector in ipairs { "", "p:first-child", "p >", "p,", "#", "..a", "[", "[a=", "p + a", "p ! b", "[a=\"x]" } do
      local err = assert.has_error(function()
        found(PAGE, selector)
      end)
      assert.contains("is not understood", tostring(err), selector)
    end
    assert.has_error(function()
      found(PAGE, "p:hover")
    end, 'the selector "p:hover" is not understood at ":hover"')
  end)
end)
