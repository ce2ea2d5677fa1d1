-- require "yaml": a strict subset of YAML as a tree with positions.

local yaml = require "yaml"

-- The plain value of a node: for tests that are not about positions.
local function plain(node)
  if node.kind == "map" then
    local out = {}
    for _, key in ipairs(node.keys) do
      out[key.name] = plain(key.value)
    end
    return out
  elseif node.kind == "list" then
    local out = {}
    for i, item in ipairs(node.items) do
      out[i] = plain(item)
    end
    return out
  end
  return node.value
end

local function fails(text, pattern)
  local node, message, code = yaml.parse(text)
  assert.is_nil(node, text)
  assert.matches(pattern, message)
  assert.equal("invalid", code)
end

describe("yaml.parse", function()
  it("passes over a byte order mark", function()
    assert.same({ a = { b = "1" }, c = "2" }, plain(yaml.parse "\xEF\xBB\xBFa:\r\n  b: 1\r\nc: 2\r\n"))
  end)

  it("says that tabs are no indentation", function()
    fails("a:\n\tb: 1\n", "^2:1: indented by a tab; YAML wants spaces$")
    fails("a:\n  \tb: 1\n  \tc: 2\n", "indented by a tab")
    fails("a: [\n", "did not find expected")
  end)

  it("gives maps, lists and scalars", function()
    assert.same({ a = { "1", "two" }, b = { c = "x: y" } }, plain(yaml.parse [[
---
a:
  - 1
  - two
b: { c: "x: y" }
]]))
  end)

  it("keeps the text of scalars and tells whether they were quoted", function()
    local map = yaml.parse "a: 1.50\nb: yes\nc: 'yes'\nd: \"\\t\""
    assert.equal("1.50", map.at.a.value)
    assert.is_false(map.at.b.quoted)
    assert.is_true(map.at.c.quoted)
    assert.equal("\t", map.at.d.value)
  end)

  it("reads block scalars", function()
    assert.same({ a = "one\ntwo\n", b = "one two", c = "x" }, plain(yaml.parse [[
a: |
  one
  two
b: >-
  one
  two
c: |-
  x
]]))
  end)

  it("knows null in its spellings, but not in quotes", function()
    local list = yaml.parse "[~, null, Null, NULL, '', 'null']"
    for i = 1, 4 do
      assert.equal("null", list.items[i].kind)
    end
    assert.equal("scalar", list.items[5].kind)
    assert.equal("null", list.items[6].value)
    assert.equal("null", yaml.parse("a:").at.a.kind)
  end)

  it("of nothing, or of comments alone, is null", function()
    assert.equal("null", yaml.parse("").kind)
    assert.equal("null", yaml.parse("# only this\n").kind)
  end)

  it("knows line and column of every key and node", function()
    local map = yaml.parse "first: 1\nsecond:\n  - a\n  - deep: b\n"
    local second = map.keys[2]
    assert.same({ 2, 1 }, { second.line, second.column })
    assert.same({ 3, 5 }, { second.value.items[1].line, second.value.items[1].column })
    local deep = second.value.items[2].keys[1]
    assert.same({ 4, 5 }, { deep.line, deep.column })
    assert.same({ 4, 11 }, { deep.value.line, deep.value.column })
  end)

  it("keeps keys in order and finds them by name", function()
    local map = yaml.parse "b: 1\na: 2"
    assert.equal("b", map.keys[1].name)
    assert.equal("a", map.keys[2].name)
    assert.equal("2", map.at.a.value)
  end)

  it("refuses duplicate keys, with the place of the second and the line of the first", function()
    fails("a: 1\nb: 2\na: 3", "^3:1: duplicate key a: line 1 has it$")
    fails("x:\n  - a: {}\n    b: {}\n    b: {}\n", "^4:5: duplicate key b: line 3 has it$")
    fails(("%s: 1\n"):format(("k"):rep(200)):rep(2), "^2:1: duplicate key k+: line 1 has it$")
  end)

  it("refuses anchors, aliases, tags and merge keys", function()
    fails("a: &x 1", "anchors are not supported")
    fails("a: &x 1\nb: *x", "are not supported")
    fails("a: !!str 1", "^1:4: tags are not supported")
    fails("<<: {}", "merge keys are not supported")
  end)

  it("refuses a second document", function()
    fails("a: 1\n---\nb: 2", "only one document")
  end)

  it("refuses keys that are no text", function()
    fails("[a]: 1", "a key must be a text")
    fails("? {a: b}\n: 1", "a key must be a text")
  end)

  it("says where the text is broken", function()
    fails("a: [1, 2", "^%d+:%d+: ")
    fails("a: b: c", "^1:%d+: ")
    fails("\ta: 1", "^1:%d+: ")
    fails("a: \xff", "^%d+:%d+: ")
  end)

  it("is bounded in depth", function()
    fails(("["):rep(40) .. ("]"):rep(40), "nested too deeply")
    assert.is_table(yaml.parse(("["):rep(30) .. ("]"):rep(30)))
  end)

  it("is bounded in size", function()
    local node, message, code = yaml.parse((" "):rep((1 << 20) + 1))
    assert.is_nil(node)
    assert.equal("1:1: larger than 1 MB", message)
    assert.equal("limit", code)
  end)
end)
