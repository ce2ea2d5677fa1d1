-- require "cli": what the command line tells a terminal.

local cli = require "cli"
local output = require "cli.output"

local function shows(text, columns, given, lines)
  local got, width = cli.printable(given, lines)
  assert.equal(text, got)
  assert.equal(columns, width)
end

describe("cli.printable", function()
  it("leaves what only shows as it is", function()
    shows("", 0, "")
    shows("plain ~ text", 12, "plain ~ text")
    shows("h\u{e9}llo", 5, "h\u{e9}llo")
  end)

  it("counts wide characters twice and combining ones not at all", function()
    shows("\u{65e5}\u{672c}", 4, "\u{65e5}\u{672c}")
    shows("e\u{301}", 1, "e\u{301}")
    shows("\u{1f600}", 2, "\u{1f600}")
  end)

  it("makes visible what would act on a terminal", function()
    shows("\\x1b[31m", 8, "\27[31m")
    shows("\\x00\\x0a\\x0d\\x09\\x7f", 20, "\0\n\r\t\127")
    shows("\\u0085\\u009b", 12, "\u{85}\u{9b}")
    shows("\\u2028\\u202e\\u2066\\u200f\\u061c", 30, "\u{2028}\u{202e}\u{2066}\u{200f}\u{61c}")
  end)

  it("shows the bytes of what is no UTF-8", function()
    shows("a\\xffb", 6, "a\xffb")
    shows("\\xed\\xa0\\x80\\xc3", 16, "\xed\xa0\x80\xc3")
    shows("\\xc0\\x9b", 8, "\xc0\x9b")
  end)

  it("keeps line ends and tabs in a text of several lines", function()
    local text = cli.printable("a\tb\r\nc\rd\n\27", true)
    assert.equal("a\tb\r\nc\\x0dd\n\\x1b", text)
  end)
end)

describe("a table", function()
  it("has its numbers at the right, and leaves out columns that do not fit whole", function()
    local header, rows, right = { "NAME", "N", "LAST" }, { { "a", 7, "x" }, { "longer", 12, "yy" } }, { [2] = true }
    assert.same({ "NAME      N   LAST", "a         7   x", "longer   12   yy" }, output.lines(header, rows, right))
    assert.same({ "NAME      N   LAST", "a         7   x", "longer   12   yy" }, output.lines(header, rows, right, 18))
    assert.same({ "NAME      N", "a         7", "longer   12" }, output.lines(header, rows, right, 17))
    assert.same({ "NAME", "a", "longer" }, output.lines(header, rows, right, 3))
  end)
end)

describe("cli.alive", function()
  it("knows what is no process", function()
    assert.is_true(cli.alive(1))
    for _, pid in ipairs { 0, -1, 2 ^ 31 | 0, math.maxinteger } do
      assert.is_false(cli.alive(pid))
    end
  end)
end)

describe("cli.screen and cli.key", function()
  it("tell nothing where there is no terminal", function()
    if not cli.is_terminal(1) then
      assert.is_nil(cli.screen())
    end
    if not cli.is_terminal(0) then
      assert.is_nil(cli.key(0))
    end
  end)

  it("a wait for a key is between nothing and an hour", function()
    assert.error_matches(function() cli.key(-1) end, "between 0 and an hour")
    assert.error_matches(function() cli.key(3601) end, "between 0 and an hour")
  end)
end)
