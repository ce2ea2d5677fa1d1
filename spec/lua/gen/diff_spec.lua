-- gen/diff.lua: unified diffs.

local diff = require "gen.diff"

local function unified(old, new)
  return diff.unified(old, new, "a/x", "b/x")
end

-- Applies a diff, strictly: every line that it speaks of must be where it says.
local function apply(old, text)
  local lines, out, at, sign = {}, {}, 1, nil
  for line in old:gmatch("[^\n]*\n?") do
    table.insert(lines, line)
  end
  for line in text:match("\n%+%+%+ [^\n]*\n(.*)$"):gmatch("[^\n]*\n") do
    local from, count, to, new_count = line:match("^@@ %-(%d+),?(%d*) %+(%d+),?(%d*) @@")
    if from then
      for i = at, tonumber(from) - (count == "0" and 0 or 1) do
        table.insert(out, lines[i])
        at = i + 1
      end
      assert.equal(tonumber(to), #out + (new_count == "0" and 0 or 1), "place in the new text")
    elseif line:find("^\\ No newline") then
      if sign ~= "-" then
        out[#out] = out[#out]:gsub("\n$", "")
      end
    else
      sign = line:sub(1, 1)
      if sign ~= "+" then
        assert.equal((lines[at]:gsub("\n$", "")), line:sub(2, -2))
        at = at + 1
      end
      if sign ~= "-" then
        table.insert(out, line:sub(2))
      end
    end
  end
  return table.concat(out) .. table.concat(lines, "", at)
end

describe("a diff", function()
  it("of the same is nothing", function()
    assert.equal("", unified("a\n", "a\n"))
  end)

  it("shows three lines around a change", function()
    assert.equal("--- a/x\n+++ b/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
      unified("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"))
  end)

  it("keeps changes apart that are far from each other", function()
    local lines = {}
    for i = 1, 30 do
      lines[i] = i .. "\n"
    end
    local old = table.concat(lines)
    lines[5], lines[25] = "five\n", "twenty-five\n"
    local _, hunks = unified(old, table.concat(lines)):gsub("@@ [^@]+ @@", "")
    assert.equal(2, hunks)
  end)

  it("of a new file puts everything in", function()
    assert.equal("--- a/x\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n", unified("", "a\nb\n"))
    assert.equal("--- a/x\n+++ b/x\n@@ -1 +0,0 @@\n-a\n", unified("a\n", ""))
  end)

  it("says when the last line has no end", function()
    assert.equal("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n", unified("a", "a\n"))
  end)

  it("takes the shortest way", function()
    local _, minus = unified("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n"):gsub("\n%-[^-]", "")
    assert.equal(3, minus)
  end)

  it("leads from the one text to the other", function()
    math.randomseed(7)
    for _ = 1, 200 do
      local old, new = {}, {}
      for i = 1, math.random(0, 40) do
        old[i] = string.char(96 + math.random(5)) .. "\n"
      end
      for _, line in ipairs(old) do
        local dice = math.random(10)
        if dice > 1 then
          table.insert(new, dice == 2 and "new\n" or line)
        end
        if dice == 10 then
          table.insert(new, "more\n")
        end
      end
      local a, b = table.concat(old), table.concat(new)
      a = math.random(2) == 1 and a:gsub("\n$", "") or a
      if a ~= b then
        assert.equal(b, apply(a, unified(a, b)))
      end
    end
  end)

  it("of texts with little in common is still right", function()
    local old, new = {}, {}
    for i = 1, 2000 do
      old[i], new[i] = ("old %d\n"):format(i), ("new %d\n"):format(i)
    end
    old[1000], new[1000] = "both\n", "both\n"
    local a, b = table.concat(old), table.concat(new)
    assert.equal(b, apply(a, unified(a, b)))
  end)
end)
