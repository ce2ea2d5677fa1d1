-- gen/lexer.lua: tokens of Lua files.

local lexer = require "gen.lexer"

-- Kinds and texts, "name x" each.
local function tokens(text)
  local list = {}
  for _, token in ipairs((lexer.read(text))) do
    table.insert(list, token.kind .. " " .. token.text)
  end
  return list
end

local function kinds(text)
  local list = {}
  for _, token in ipairs((lexer.read(text))) do
    table.insert(list, token.kind)
  end
  return table.concat(list, " ")
end

describe("tokens", function()
  it("are names, keywords, texts, numbers and symbols", function()
    assert.same({
      "keyword function", "name svc", "symbol .", "name Add", "symbol (", "name _", "symbol ,", "symbol ...", "symbol )",
      "keyword return", "name x", "symbol ..", "string a b", "symbol //", "number 0x1p-2", "keyword end", "end of file ",
    }, tokens 'function svc.Add(_, ...) return x .. "a b" // 0x1p-2 end')
  end)

  it("begin behind a byte order mark, with which the file compiles", function()
    local text = "\xEF\xBB\xBF-- first\nreturn 1"
    local list, comments = lexer.read(text)
    assert.same({ "return", 2 }, { list[1].text, list[1].line })
    assert.same({ "-- first", 4, true }, { comments[1].text, comments[1].from, comments[1].alone })
    assert.equal(1, lexer.compile(text)())
    assert.matches("^file:1: ", select(2, lexer.compile "\xEF\xBB\xBFx x"))
  end)

  it("know where they stand", function()
    local list = lexer.read "a\n\n  bb = [[\n]]\r\nc"
    local places = {}
    for i, token in ipairs(list) do
      places[i] = ("%d-%d:%d"):format(token.from, token.to, token.line)
    end
    assert.same({ "1-1:1", "6-7:3", "9-9:3", "11-15:3", "18-18:5", "19-18:5" }, places)
  end)

  it("tell numbers from the operators behind them", function()
    assert.same({ "number 0xe", "symbol +", "number 1", "end of file " }, tokens "0xe+1")
    assert.same({ "number 1e+1", "end of file " }, tokens "1e+1")
    assert.same({ "number 3", "symbol ..", "number 4", "end of file " }, tokens "3 ..4")
    assert.same({ "number .5", "symbol -", "number 5.", "end of file " }, tokens ".5-5.")
  end)

  it("are found behind every kind of text", function()
    assert.equal("string name end of file", kinds [['it\'s \\' x]])
    assert.equal("string name end of file", kinds [["say \"hi\"" x]])
    assert.equal("string name end of file", kinds '"two \\\n lines" x')
    assert.equal("string name end of file", kinds '"two \\\r\n lines" x')
    assert.equal("string name end of file", kinds '"skip \\z  \n  this" x')
    assert.equal("string name end of file", kinds "[==[ ]] ]=] -- ]==] x")
    assert.equal("symbol symbol string symbol symbol end of file", kinds "{[ [[x]] ]}")
  end)

  it("of a long text leave out its first line's end", function()
    assert.same({ "string a\n", "end of file " }, tokens "[[\na\n]]")
  end)
end)

describe("comments", function()
  it("hide what is in them", function()
    local list, comments = lexer.read "x --[==[ function svc.A() end\n]] ]==] = 1 -- y = 2\n--z\n"
    assert.equal(4, #list)
    assert.equal(3, #comments)
    assert.is_true(comments[1].block)
    assert.equal("-- y = 2", comments[2].text)
    assert.equal(2, comments[2].line)
  end)

  it("are alone when nothing stands before them on their line", function()
    local _, comments = lexer.read "-- a\n \t-- b\nx -- c\n"
    assert.same({ true, true, false }, { comments[1].alone, comments[2].alone, comments[3].alone })
  end)

  it("end before the line's end, whatever that is", function()
    local _, comments = lexer.read "-- a\r\n-- b\n-- c"
    assert.same({ "-- a", "-- b", "-- c" }, { comments[1].text, comments[2].text, comments[3].text })
  end)

  it("that begin like a long one without being one are short", function()
    local list = lexer.read "--[=x\ny"
    assert.equal("y", list[1].text)
  end)
end)
