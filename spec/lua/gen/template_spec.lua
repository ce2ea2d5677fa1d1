-- gen/template.lua: a fresh service.yaml, and the comments of an older one.

local template = require "gen.template"
local yaml = require "yaml"

local SECTIONS = { "general", "configs", "functions", "events", "sinks", "webs", "tickers", "metrics" }

local function split(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do
    table.insert(lines, line)
  end
  return lines
end

describe("a fresh declaration", function()
  it("has all sections in order, each with its comment, and a host", function()
    local text = template.fresh "shop.example"
    local root = assert(yaml.parse(text))
    local names = {}
    for i, key in ipairs(root.keys) do
      names[i] = key.name
    end
    assert.same(SECTIONS, names)
    assert.equal("shop.example", root.at.general.at.host.value)
    for _, name in ipairs(SECTIONS) do
      assert.matches("\n#[^\n]*\n" .. name .. ":\n", text)
    end
    assert.matches("^%-%-%-\n#", text)
  end)

  it("tells every field that there is", function()
    local text = template.fresh ""
    for field in ([[host description integrationTests openApi signature method path queue event source forHost default
      validation callback secret kind alias buckets interval scope]]):gmatch("%a+") do
      assert.matches("\n#   " .. field .. "  ", text)
    end
  end)

  it("has lines for a screen", function()
    for _, line in ipairs(split(template.fresh "x")) do
      assert.is_true(#line <= 120, line)
      assert.is_nil(line:match("%s$"), line)
    end
  end)

  it("is what refreshing leaves", function()
    local text = template.fresh "shop.example"
    assert.equal(text, template.refresh(text))
  end)
end)

-- Spoils the comments above the sections: letters, whole lines, or all of them.
local function mutilate(text)
  local out = {}
  for _, line in ipairs(split(text)) do
    local dice = line:find("^#") and math.random(6) or 0
    if dice == 1 then
      line = "#" .. ("x"):rep(math.random(0, 20))
    elseif dice == 2 then
      line = line .. "\n# configs: and more of it"
    elseif dice == 3 then
      local at = math.random(#line)
      line = line:sub(1, at) .. string.char(math.random(33, 126)) .. line:sub(at + 1)
    end
    if dice ~= 4 then
      table.insert(out, line)
    end
  end
  return table.concat(out, "\n") .. "\n"
end

describe("the comments of a declaration", function()
  it("are restored, whatever was done to them", function()
    math.randomseed(11)
    local text = template.fresh "shop.example"
    for _ = 1, 100 do
      local spoiled = mutilate(text)
      assert.equal(text, template.refresh(spoiled), spoiled)
    end
  end)

  it("stay where they are not above a section", function()
    local text = template.fresh "shop.example"
    local own = text:gsub("%-%-%-\n", "---\n# My service.\n\n", 1)
      :gsub("  host:", "  # the name\n  host:", 1)
      :gsub("configs:\n", "configs:\n# at the edge\n", 1)
    assert.equal(own, template.refresh(own))
  end)

  it("come back with the sections that are missing", function()
    local text = template.refresh "general:\n  host: a.example\n\nfunctions:\n  - signature: F()\n"
    local root = assert(yaml.parse(text))
    assert.equal(#SECTIONS, #root.keys)
    assert.equal("F()", root.at.functions.items[1].at.signature.value)
    assert.equal("null", root.at.metrics.kind)
    assert.matches("F%(%)\n\n# Settings.-\nconfigs:\n\n# Events", text)
    assert.equal(text, template.refresh(text))
  end)

  it("end the last line where that has no end", function()
    local text = template.refresh "general:\n  host: a.example"
    assert.matches("host: a.example\n\n# Settings", text)
    assert.equal(text, template.refresh(text))
  end)

  it("end their lines as the others do", function()
    local text = template.refresh "general:\r\n  host: a.example\r\n"
    assert.is_nil(text:gsub("\r\n", ""):find("[\r\n]"))
    assert.equal(text, template.refresh(text))
  end)

  it("stand above sections with something behind their colon, too", function()
    local text = template.refresh "general: { host: a.example }\nconfigs: []\nwebs:   # none yet\n"
    local root = assert(yaml.parse(text))
    assert.equal("list", root.at.configs.kind)
    assert.equal(#SECTIONS, #root.keys)
    assert.matches("\nconfigs: %[%]\n", text)
    assert.equal(text, template.refresh(text))
  end)

  it("leave alone what they would change the meaning of", function()
    for _, text in ipairs {
      '{ general: { host: a.example } }\n',
      '"general":\n  host: a.example\n',
      "general:\n  host: a.example\n...\n",
      "general:\n  host: a.example\nx: \"one\nconfigs:\n  two\"\n",
    } do
      assert.truthy(yaml.parse(text), text)
      assert.equal(text, template.refresh(text))
    end
  end)

  it("do not enter a text over several lines", function()
    local text = "general:\n  host: a.example\n  description: |\n    # not a comment\n    configs:\n"
    local root = assert(yaml.parse(template.refresh(text)))
    assert.equal("# not a comment\nconfigs:\n", root.at.general.at.description.value)
  end)
end)
