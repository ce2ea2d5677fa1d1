-- gen/luacats.lua: declared types as annotations, and back.

local luacats = require "gen.luacats"

local TYPES = {
  { "int", "integer" }, { "float64", "number" }, { "bool", "boolean" }, { "string", "string" }, { "any", "any" },
  { "[]string", "string[]" }, { "map[string]int", "table<string, integer>" }, { "Pet", "Pet" },
  { "[][]Pet", "Pet[][]" }, { "map[string]map[string][]Pet", "table<string, table<string, Pet[]>>" },
  { "[]map[string]int", "table<string, integer>[]" },
}

local ONE_WAY = {
  { "byte", "integer" }, { "[]byte", "string" }, { "time.Time", "number" }, { "time.Duration", "number" }, { "*Pet", "Pet?" },
  { "**Pet", "Pet?" }, { "*[]int", "integer[]?" }, { "[]*Pet", "Pet[]" }, { "map[string]*Pet", "table<string, Pet>" },
  { "[][]byte", "string[]" },
}

describe("annotations", function()
  for _, list in ipairs { TYPES, ONE_WAY } do
    for _, pair in ipairs(list) do
      it(("write %s as %s"):format(pair[1], pair[2]), function()
        assert.equal(pair[2], luacats.type(pair[1]))
      end)
    end
  end

  for _, pair in ipairs(TYPES) do
    it(("read %s as %s"):format(pair[2], pair[1]), function()
      assert.equal(pair[1], (luacats.declared(pair[2])))
      assert.equal(pair[1], (luacats.declared(pair[2] .. " what it is [for] <us>")))
    end)
  end

  it("may be written as in signatures", function()
    for _, text in ipairs {
      "int", "float64", "bool", "byte", "[]byte", "[]string", "*Pet", "[]*Pet", "map[string]int", "map[string][]time.Time",
    } do
      local kind, optional = luacats.declared(text .. " so many")
      assert.equal(text, kind)
      assert.is_false(optional)
    end
    assert.equal("any", (luacats.declared "map[int]string"))
    assert.equal("any", (luacats.declared "[]pet"))
  end)

  it("know times", function()
    assert.equal("time.Time", (luacats.declared "time.Time when"))
    assert.equal("[]time.Duration", (luacats.declared "time.Duration[]"))
  end)

  it("say what may be nil", function()
    for _, text in ipairs { "Pet?", "Pet|nil", "Pet | nil", "Pet? the owner's" } do
      local kind, optional = luacats.declared(text)
      assert.equal("Pet", kind, text)
      assert.is_true(optional, text)
    end
    assert.is_false(select(2, luacats.declared "Pet or not?"))
  end)

  it("that declarations cannot say are any", function()
    for _, text in ipairs {
      "string|integer", "fun(x: integer): string", "table", "table<integer, string>", "{ a: string }", "'on'|'off'",
      "string | integer", "table<string, Pet", "pet", "integer|nil|string", "(string)[]",
    } do
      assert.equal("any", (luacats.declared(text)), text)
    end
  end)
end)

describe("function types", function()
  it("have ctx, inputs and outputs", function()
    local inputs, outputs = { { name = "x", type = "int" }, { name = "end", type = "[]Pet" } }, { { name = "ok", type = "bool" } }
    assert.equal("fun(ctx: Context, x: integer, end_: Pet[]): boolean",
      luacats.fun({ "x", "end_" }, inputs, luacats.returns(outputs)))
    assert.equal("fun(ctx: Context)", luacats.fun({}, {}, ""))
  end)
end)
