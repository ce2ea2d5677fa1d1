-- svc.resources:string and what it rests on: service.strings.

local resources = require "service.resources"
local strings = require "service.strings"

local function hello(header)
  return resources.bind():string({ languages = strings.languages(header) }, "hello")
end

local function bundle(source)
  return resources.bind {
    read = function(path)
      return path == "resources/strings.yaml" and source or nil
    end,
  }
end

local function fails(source, message)
  assert.has_error(function()
    bundle(source):string({}, "hello")
  end, message)
end

describe("a text", function()
  it("comes in the language that is wanted most, of those there are", function()
    local table_of = {
      { "", "Hello" },
      { "en", "Hello" },
      { "en-CA", "Hello" },
      { "en-AU", "G'day" },
      { "fr;q=0.9", "Hello" },
      { "it", "Ciao" },
      { "en;q=0.8, it", "Ciao" },
      { "en;q=0.8, en-AU;q=0.85", "G'day" },
    }
    for _, row in ipairs(table_of) do
      assert.equal(row[2], hello(row[1]), row[1])
    end
    assert.equal("Hello", hello(nil))
    assert.equal("Hei", hello "no")
  end)

  it("comes in the nearest language when a tag has several parts", function()
    assert.equal("Nei hou", hello "zh-Hant-TW")
    assert.equal("Ni hao", hello "zh-Hans-CN")
    assert.equal("Ciao", hello "fr-FR, it-CH-1901;q=0.1")
  end)

  it("does not distinguish upper and lower case", function()
    local svc = resources.bind()
    assert.equal("G'day", svc:string({ languages = { "EN-au" } }, "HELLO"))
    assert.equal("Bye", svc:string({ languages = { "en" } }, "Bye"))
  end)

  it("is the default, else English, else nothing", function()
    local svc = resources.bind()
    assert.equal("Hello", svc:string({}, "hello"))
    assert.equal("Bye", svc:string({}, "bye"))
    assert.equal("", svc:string({}, "nothing"))
    assert.equal("Niente", svc:string({ languages = { "it" } }, "nothing"))
  end)

  it("that does not exist is an error", function()
    assert.has_error(function()
      resources.bind():string({}, "hallo")
    end, "no string matches the key 'hallo'")
    assert.error_matches(function()
      resources.bind():string({})
    end, "the key of a text is a string, not a nil")
  end)

  it("takes no language tag that is none", function()
    assert.equal("Hello", resources.bind():string({ languages = { ("a-"):rep(50) .. "b", "it it", "" } }, "hello"))
  end)
end)

describe("the bundle", function()
  it("has to be there", function()
    fails(nil, "string bundle strings.yaml is not found in resource FS")
  end)

  it("is keys with texts by language", function()
    fails("hello: Hello", "strings.yaml:1:8: expected the text by language, as in 'en: Hello'")
    fails("- x", "strings.yaml:1:1: expected keys with the text by language")
    fails("hello:\n  en: [x]", "strings.yaml:2:7: expected a text, got a list")
    fails("hello:\n  en: a\n  EN: b", "strings.yaml:3:3: 'EN' is there twice, line 2 has it: upper and lower case are the same")
    assert.error_matches(function()
      bundle("a: ["):string({}, "a")
    end, "^strings%.yaml: %d+:%d+: ")
  end)

  it("may have empty texts", function()
    assert.equal("", bundle("hello:\n  en:\n  default: x"):string({ languages = { "en" } }, "hello"))
  end)
end)

describe("strings.languages", function()
  it("orders by weight, then by position", function()
    assert.same({ "da", "en", "en-gb" }, strings.languages "da, en-gb;q=0.7, en;q=0.8")
    assert.same({ "a", "b", "c", "d" }, strings.languages "a,b;q=1, c;Q=1.000 ,d;q=0.001")
    assert.same({ "b", "a", "c" }, strings.languages "a ; q=0.5, b, c;q=0.5")
  end)

  it("leaves out what is not wanted, any language, and what is malformed", function()
    assert.same({ "en" }, strings.languages "fr;q=0, de;q=0.000, en, *, *;q=0.5")
    assert.same({ "en" }, strings.languages "it;q=2, it;q=x, it;q=0.1234, it;q=1.1, it;a=1,,;q=1, en")
    assert.same({}, strings.languages "")
    assert.same({}, strings.languages(nil))
    assert.same({}, strings.languages "e n, -en, é")
  end)

  it("takes no more than 32, and no long ones", function()
    assert.equal(32, #strings.languages(("en,"):rep(100)))
    assert.same({}, strings.languages(("a"):rep(65)))
  end)
end)
