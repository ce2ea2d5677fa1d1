-- service.repl: lines of a prompt, and how their results are shown.

local errors = require "errors"
local json = require "json"
local repl = require "service.repl"

local function shows(text, ...)
  assert.equal(text, repl.show(...))
end

describe("repl.show", function()
  it("writes plain values as Lua does", function()
    shows("")
    shows("nil", nil)
    shows("true", true)
    shows("1\n2.5", 1, 2.5)
    shows("json.null", json.null)
  end)

  it("quotes texts, and makes visible what would not show", function()
    shows('"a \\"b\\" \\\\ \\n\\t\\x1b"', 'a "b" \\ \n\t\27')
    shows('"h\u{e9}"', "h\u{e9}")
  end)

  it("cuts long texts and says how long they are", function()
    local text = repl.show(("x"):rep(5000))
    assert.is_true(#text < 2100)
    assert.is_true(text:find("... (5000 bytes)", 1, true) ~= nil)
  end)

  it("writes tables with their list first and their keys in order", function()
    shows("{}", {})
    shows('{ 1, 2, [10] = 3, a = 1, b = { "x" } }', { 1, 2, b = { "x" }, a = 1, [10] = 3 })
  end)

  it("quotes keys that are no names", function()
    shows('{ ["end"] = 1, ["two words"] = 2, [true] = 3 }', { ["end"] = 1, ["two words"] = 2, [true] = 3 })
  end)

  it("breaks what is wide into lines", function()
    local word = ("x"):rep(30)
    shows(('{\n  a = "%s",\n  b = "%s",\n  c = "%s",\n}'):format(word, word, word), { a = word, b = word, c = word })
  end)

  it("stops at what goes round, is deep or long", function()
    local round = {}
    round.me = round
    shows("{ me = { itself } }", round)
    local deep = {}
    for _ = 1, 100 do
      deep = { deep }
    end
    assert.is_true(repl.show(deep):find("{ ... }", 1, true) ~= nil)
    local long = {}
    for i = 1, 100 do
      long[i] = i
    end
    assert.is_true(repl.show(long):find("... 50 more", 1, true) ~= nil)
  end)

  it("is bounded in all", function()
    local wide = {}
    for i = 1, 50 do
      wide[i] = {}
      for j = 1, 50 do
        wide[i][j] = {}
        for k = 1, 50 do
          wide[i][j][k] = k
        end
      end
    end
    assert.is_true(#repl.show(wide) < 64 * 1024)
  end)

  it("tells errors by status and message, and runs no metamethods", function()
    shows("error 404: no such pet", errors.new(404, "no such pet"))
    shows("{ 1 }", setmetatable({ 1 }, {
      __index = error, __pairs = error, __len = error, __tostring = error,
    }))
  end)
end)

describe("repl.line", function()
  local function line(id, source)
    local kind, text = repl.line(id, source)
    return kind .. " " .. text
  end

  it("runs expressions and statements", function()
    assert.equal("value 2", line("a", "1 + 1"))
    assert.equal("value 2", line("a", "return 1 + 1"))
    assert.equal("value ", line("a", "x = 5"))
    assert.equal("value 5", line("a", "x"))
    repl.forget "a"
  end)

  it("says when more is to come, and only then", function()
    for _, part in ipairs { "f(", "function f()", "for i = 1, 2 do", "[[", "x =" } do
      assert.equal("more", (repl.line("a", part)))
    end
    for _, wrong in ipairs { "x = = 1", "'abc", ")" } do
      assert.equal("error", (repl.line("a", wrong)))
    end
    repl.forget "a"
  end)

  it("keeps the names of sessions apart, until they are forgotten", function()
    local _, _, fresh = repl.line("a", "x = 1")
    assert.is_true(fresh)
    assert.equal("value 1", line("a", "x"))
    assert.equal("value nil", line("b", "x"))
    repl.forget "a"
    _, _, fresh = repl.line("a", "x")
    assert.is_true(fresh)
    repl.forget "a"
    repl.forget "b"
  end)

  it("has the last result, what is printed, and a context for each line", function()
    assert.equal("value 3", line("a", "3"))
    assert.equal("value 4", line("a", "_ + 1"))
    assert.equal("value a\t1\n5", line("a", "(function() print('a', 1) return 5 end)()"))
    assert.equal("value false", line("a", "ctx.trace == nil"))
    repl.forget "a"
  end)

  it("bounds what is printed", function()
    local _, text = repl.line("a", "for i = 1, 1e5 do print(i) end")
    assert.is_true(#text < 80 * 1024)
    assert.is_true(text:find("more was printed than is shown", 1, true) ~= nil)
    repl.forget "a"
  end)

  it("tells errors with the way to them, without its own", function()
    local kind, text = repl.line("a", "local function f() local x = nil + 1 return x end local y = f() return y")
    assert.equal("error", kind)
    assert.is_true(text:find("repl:1: attempt to perform arithmetic", 1, true) ~= nil)
    assert.is_true(text:find("stack traceback:\n", 1, true) ~= nil)
    assert.is_nil(text:find("service/repl.lua", 1, true))
    repl.forget "a"
  end)
end)
