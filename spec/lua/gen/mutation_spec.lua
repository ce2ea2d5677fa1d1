-- Broken declarations: whatever is in a file, reading it raises nothing, and what is wrong has a place in it.

local examples = require "examples"
local model = require "gen.model"

local ROUNDS = 3000

-- The same rounds in every run; a number in front of a failure finds its text again.
local function generator(seed)
  return function(n)
    seed = (seed * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
    return (seed >> 20) % n + 1
  end
end

local PIECES = {
  "", " ", "\n", "  ", "- ", ": ", ":", "{", "}", "[", "]", "'", '"', "`", "(", ")", ",", "#", "?", "%", "%zz", "|", ">", "~",
  "&a", "*a", "!!str ", "\0", "\xff", "\u{e4}", "int", "Foo", "On", "*", "[]", "map[string]", "{x+}", "{}", "//", "...", "-1",
  "99999999999999999999", "signature", "path", "general", "functions", "host", "interval: 1s", "str [", "int [1,", "true", "null",
  "httpRequestBody any", "<<: {}", "\t", "---\n", "...\n", "\r\n",
}

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n?") do
    table.insert(lines, line ~= "" and line or nil)
  end
  return lines
end

local MUTATIONS = {
  function(text, any) -- a piece somewhere
    local at = any(#text + 1)
    return text:sub(1, at - 1) .. PIECES[any(#PIECES)] .. text:sub(at)
  end,
  function(text, any) -- without some bytes
    local at = any(#text)
    return text:sub(1, at - 1) .. text:sub(at + any(12))
  end,
  function(text, any) -- another byte
    local at = any(#text)
    return text:sub(1, at - 1) .. string.char(any(256) - 1) .. text:sub(at + 1)
  end,
  function(text, any) -- without a line
    local lines = lines_of(text)
    table.remove(lines, any(#lines))
    return table.concat(lines)
  end,
  function(text, any) -- a line twice, or somewhere else
    local lines = lines_of(text)
    table.insert(lines, any(#lines), lines[any(#lines)])
    return table.concat(lines)
  end,
  function(text, any) -- a line in or out
    local lines = lines_of(text)
    local i = any(#lines)
    lines[i] = any(2) == 1 and "  " .. lines[i] or lines[i]:gsub("^  ", "")
    return table.concat(lines)
  end,
  function(text, any) -- cut off
    return text:sub(1, any(#text))
  end,
}

local function hosts()
  local list = {}
  for host in pairs(examples) do
    table.insert(list, host)
  end
  table.sort(list)
  return list
end

-- Text of a place and of a problem, as people will see it.
local function check_problems(problems, text, round)
  local _, lines = text:gsub("[\r\n]", "") -- a CR alone ends a line, too
  for _, problem in ipairs(problems) do
    local what = ("round %d: %s"):format(round, model.render { problem })
    assert.equal("f.yaml", problem.file, what)
    assert.equal("integer", math.type(problem.line), what)
    assert.equal("integer", math.type(problem.column), what)
    assert.is_true(problem.line >= 1 and problem.line <= lines + 2, what)
    assert.is_true(problem.column >= 1 and problem.column <= #text + 2, what)
    assert.is_true(#problem.text > 0, what)
  end
end

describe("a declaration that was broken at random", function()
  it("is read, or refused with the places of its errors", function()
    local any, list, refused = generator(20240917), hosts(), 0
    for round = 1, ROUNDS do
      local text = examples[list[any(#list)]]
      for _ = 1, any(4) do
        text = text ~= "" and MUTATIONS[any(#MUTATIONS)](text, any) or text
      end
      local ok, declaration, problems = pcall(model.parse, text, "f.yaml")
      assert.is_true(ok, ("round %d: %s\n%s"):format(round, tostring(declaration), text))
      check_problems(problems, text, round)
      if declaration then
        assert.matches("^[a-z0-9_.-]+$", declaration.host)
      else
        refused = refused + 1
        assert.is_true(#problems > 0, ("round %d"):format(round))
      end
    end
    assert.is_true(refused > ROUNDS // 4 and refused < ROUNDS, "some must be refused, some not: " .. refused)
  end)
end)
