-- cli.log_line: lines of the log as `moonbus logs` reads and shows them.

local cli = require "cli"
local log_line = require "cli.log_line"

local ESC = "\27"

local function printable(...)
  return (cli.printable(...))
end

local function one(text)
  return log_line.split(text .. "\n")[1]
end

describe("a line of text", function()
  local text = '12:00:01.250 WARN  it "went" wrong  request_id=ab12 service=shop.example what="GET \\"x\\" y" n=3'

  it("has fields, quoted or not", function()
    assert.equal("ab12", log_line.field(one(text), "request_id"))
    assert.equal("shop.example", log_line.field(one(text), "service"))
    assert.equal('GET "x" y', log_line.field(one(text), "what"))
    assert.equal("3", log_line.field(one(text), "n"))
    assert.is_nil(log_line.field(one(text), "id"))
    assert.is_nil(log_line.field(one("no fields"), "service"))
  end)

  it("takes what is indented below it along", function()
    local broke = "12:00:01.250 ERROR broke\n    stack traceback:\n        x.lua:1: in f"
    local lines = log_line.split(broke .. "\n12:00:02.000 INFO  fine\n")
    assert.equal(2, #lines)
    assert.equal(broke, lines[1].text)
    assert.equal("12:00:02.000 INFO  fine", lines[2].text)
  end)

  it("has its level in colour on a terminal, and acts on nothing", function()
    assert.equal("12:00:01.250 " .. ESC .. "[33mWARN " .. ESC .. "[0m a \\x1b[2J", log_line.shown(
      one("12:00:01.250 WARN  a " .. ESC .. "[2J"), printable))
    assert.equal("whatever it is", log_line.shown(one("whatever it is"), printable))
  end)

  it("is a message alone as JSON", function()
    assert.equal('{"msg":"plain \\"text\\""}', log_line.as_json(one('plain "text"')))
  end)
end)

describe("a line of JSON", function()
  local text = '{"time":"2026-01-31T12:00:00.125Z","level":"error","msg":"broke","service":"shop.example",'
    .. '"request_id":"ab12","status":500,"error":"no \\u001b[2J luck","traceback":"stack:\\n  x.lua:1"}'

  it("has the fields of the object", function()
    assert.equal("shop.example", log_line.field(one(text), "service"))
    assert.equal("500", log_line.field(one(text), "status"))
    assert.is_nil(log_line.field(one(text), "nothing"))
    assert.equal(text, log_line.as_json(one(text)))
  end)

  it("is laid out for people on a terminal", function()
    local shown = log_line.shown(one(text), printable)
    assert.matches("^%d%d:%d%d:%d%d%.125 \27%[31mERROR\27%[0m broke  request_id=ab12 service=shop%.example ", shown)
    assert.matches('error="no \\x1b%[2J luck" status=500', shown)
    assert.matches("\n    stack:\n      x%.lua:1$", shown)
    assert.equal(1, select(2, log_line.plain(shown):gsub("ERROR", "")))
    assert.is_nil(log_line.plain(shown):find(ESC, 1, true))
  end)
end)
