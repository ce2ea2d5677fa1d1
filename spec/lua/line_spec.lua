-- cli.line: a line that is typed key by key.

local line = require "cli.line"

local LEFT, RIGHT, UP, DOWN = "\27[D", "\27[C", "\27[A", "\27[B"

local function editor(history, columns)
  local one = line.new {
    history = history or {},
    columns = function()
      return columns or 80
    end,
    width = utf8.len,
  }
  one:begin("> ")
  return one
end

-- The line that keys make.
local function typed(...)
  local _, how, text = editor({ "first", "second" }):feed(table.concat { ... } .. "\r")
  assert.equal("line", how)
  return text
end

describe("cli.line", function()
  it("gives what was typed at the end of the line", function()
    assert.equal("return 1", typed("return 1"))
    assert.equal("", typed(""))
  end)

  it("goes to and fro, and inserts where the cursor is", function()
    assert.equal("abc", typed("ac", LEFT, "b"))
    assert.equal("xab", typed("ab", LEFT, LEFT, LEFT, LEFT, "x"))
    assert.equal("abx", typed("ab", LEFT, RIGHT, RIGHT, "x"))
    assert.equal("xaby", typed("ab\1x\5y"))
    assert.equal("xaby", typed("ab\27[Hx\27[Fy"))
    assert.equal("xaby", typed("ab\27OHx\27OFy"))
  end)

  it("deletes characters, words and the rest", function()
    assert.equal("a", typed("ab\127"))
    assert.equal("b", typed("ab", LEFT, "\8"))
    assert.equal("b", typed("ab\1\27[3~"))
    assert.equal("b", typed("ab\1\4"))
    assert.equal("one ", typed("one two \23"))
    assert.equal("two", typed("one two", LEFT, LEFT, LEFT, "\21"))
    assert.equal("one", typed("one two", LEFT, LEFT, LEFT, LEFT, "\11"))
    assert.equal("", typed("\127\23\21\11"))
  end)

  it("takes characters of several bytes whole, also when they come in pieces", function()
    assert.equal("h\u{e9}", typed("h\u{e9}\u{65e5}\127"))
    local one = editor()
    one:feed "\xe6\x97"
    local _, _, text = one:feed "\xa5\r"
    assert.equal("\u{65e5}", text)
  end)

  it("waits for the rest of a key that comes in pieces", function()
    local one = editor()
    one:feed "ab\27"
    one:feed "["
    local _, _, text = one:feed "Dx\r"
    assert.equal("axb", text)
  end)

  it("leaves out keys that it does not know", function()
    assert.equal("ab", typed("a\27[15~b"))
    assert.equal("ab", typed("a\27[1;5Cb"))
    assert.equal("ab", typed("a\7b"))
  end)

  it("brings back what was typed before, and the line itself behind it", function()
    assert.equal("second", typed(UP))
    assert.equal("first", typed(UP, UP, UP))
    assert.equal("second", typed(UP, UP, DOWN))
    assert.equal("mine", typed("mine", UP, UP, DOWN, DOWN))
    assert.equal("first!", typed(UP, UP, "!"))
  end)

  it("remembers what is not empty and not the same again", function()
    local one = editor()
    assert.is_true(one:remember "a")
    assert.is_false(one:remember "a")
    assert.is_false(one:remember "  ")
    assert.is_true(one:remember "b")
    assert.same({ "a", "b" }, one.history)
  end)

  it("is given up with Ctrl-C, and ended with Ctrl-D when it is empty", function()
    local _, how = editor():feed "abc\3"
    assert.equal("interrupt", how)
    _, how = editor():feed "\4"
    assert.equal("end", how)
    _, how = editor():feed "abc\4"
    assert.is_nil(how)
  end)

  it("keeps what was typed behind the line for the next one", function()
    local one = editor()
    local _, how, text = one:feed "1\r2\r"
    assert.equal("line1", how .. text)
    one:begin "> "
    _, how, text = one:feed ""
    assert.equal("line2", how .. text)
  end)

  it("sees Ctrl-C while a line runs, and forgets what stood in front of it", function()
    local one = editor()
    assert.is_false(one:interrupted "abc")
    assert.is_true(one:interrupted "d\3x")
    one:begin "> "
    local _, _, text = one:feed "y\r"
    assert.equal("xy", text)
  end)

  it("shows the part of a long line that the cursor is in", function()
    local one = editor(nil, 20)
    local shown = one:feed(("0123456789"):rep(5))
    assert.equal("\r> 34567890123456789\27[K\r\27[19C", shown)
    assert.is_true(one:feed("\1"):find("> 0123456789", 1, true) ~= nil)
  end)
end)
