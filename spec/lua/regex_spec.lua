-- require "regex": regular expressions in RE2's syntax, in bounded time.

local regex = require "regex"

local function compiled(pattern)
  local r, message = regex.compile(pattern)
  assert(r, message)
  return r
end

local MATCH = {
  -- pattern, texts that it matches, texts that it does not
  { "", { "", "x" }, {} },
  { "[a-z]+", { "m", "123m" }, { "9", "" } },
  { "^[a-z]+$", { "abc" }, { "abc1", "", "abc\n" } },
  { "^x", { "xy" }, { "ax" } },
  { "a$", { "ba" }, { "a\n", "ab" } },
  { "a\\z", { "ba" }, { "a\n" } },
  { "(?m)^b$", { "b", "a\nb\nc", "b\n" }, { "ab" } },
  { "(?m)a\n^$", { "a\n" }, { "a" } },
  { "(?m)^$", { "", "a\n", "a\n\nb" }, { "a" } },
  { "a.b", { "a-b", "a\u{e4}b" }, { "a\nb", "ab" } },
  { "(?s)a.b", { "a\nb" }, {} },
  { "(?i)straSSe", { "STRASSE" }, {} },
  { "(?i)\u{e4}", { "\u{c4}" }, { "a" } },
  { "a(?i)b|c", { "aB", "C" }, { "A" } },
  { "(?i:a)b", { "Ab" }, { "AB" } },
  { "(a|b)*c", { "ababc", "c" }, { "ab" } },
  { "^(?:a?){20}a{20}$", { ("a"):rep(20), ("a"):rep(40) }, { ("a"):rep(19), ("a"):rep(41) } },
  { "^\\s$", { " ", "\t", "\n", "\f", "\r" }, { "\v", "\u{a0}" } },
  { "^\\S$", { "\v", "a", "\u{a0}" }, { " ", "\n" } },
  { "^[\\S]$", { "\v", "a" }, { " " } },
  { "^[^\\S]$", { " " }, { "\v", "a" } },
  { "^\\v$", { "\v" }, { "\n" } },
  { "^\\d$", { "5" }, { "\u{665}" } },
  { "^\\w+$", { "aZ_9" }, { "\u{e4}" } },
  { "\\bfoo\\b", { "a foo b" }, { "foobar" } },
  { "^\\pL+$", { "a\u{e4}\u{3b1}" }, { "1" } },
  { "^\\p{Greek}$", { "\u{3b1}" }, { "a" } },
  { "^\\p{^Greek}$", { "a" }, { "\u{3b1}" } },
  { "^\\P{Lu}$", { "a" }, { "A" } },
  { "^[\\p{Lu}\\d]$", { "A", "5" }, { "a" } },
  { "^[[:upper:]][[:^digit:]]$", { "Ax" }, { "A5", "ax" } },
  { "^[]-]$", { "]", "-" }, { "a" } },
  { "^[^]]$", { "a", "\n" }, { "]" } },
  { "^[a-c\\-\\]]$", { "b", "-", "]" }, { "d" } },
  { "^\\x41\\x{1F600}\\101\\0$", { "A\u{1F600}A\0" }, { "A" } },
  { "^\\Qa.b*\\E+$", { "a.b*", "a.b***" }, { "aXb*" } },
  { "^a{2}$", { "aa" }, { "a" } },
  { "^a{,2}$", { "a{,2}" }, { "a" } },
  { "^x{y}$", { "x{y}" }, {} },
  { "^a*?b+?$", { "aab", "b" }, { "a" } },
  { "(?P<year>\\d{4})-(?<month>\\d\\d)", { "in 2024-09" }, { "24-09" } },
  { "a||b", { "", "x" }, {} },
  { "^.$", { "\u{1F600}", "\xff" }, { "ab", "\xff\xff" } },
  { "\u{fffd}", { "\xff", "a\xc3" }, { "a" } },
}

describe("a pattern", function()
  for _, row in ipairs(MATCH) do
    it(("%q matches what RE2 matches"):format(row[1]), function()
      local r = compiled(row[1])
      for _, text in ipairs(row[2]) do
        assert.is_true(r:matches(text), ("%q"):format(text))
      end
      for _, text in ipairs(row[3]) do
        assert.is_false(r:matches(text), ("%q"):format(text))
      end
    end)
  end
end)

describe("a pattern that is none", function()
  local BAD = {
    { "[*.", "offset 0: the closing ] of this class is missing" },
    { "ab(c", "offset 2: the closing ) of this group is missing" },
    { "(a)\\1", "offset 3: backreferences are not supported: \\1" },
    { "a(?!b)", "offset 1: lookaround is not supported: (?!" },
    { "a++", "offset 2: a quantifier cannot follow a quantifier: +" },
    { "\u{e4}\\p{Nope}", "offset 2: unknown property" },
    { "((abc){1000}){1000}", "regular expression is too large" },
  }
  for _, row in ipairs(BAD) do
    it(("%q is refused, with the place"):format(row[1]), function()
      local r, message, code = regex.compile(row[1])
      assert.is_nil(r)
      assert.contains(row[2], message)
      assert.matches("^offset %d+: ", message)
      assert.equal("invalid", code)
    end)
  end

  it("is refused when it is too long or too deep", function()
    for _, pattern in ipairs { ("a"):rep(10001), ("("):rep(201) .. (")"):rep(201) } do
      local r, _, code = regex.compile(pattern)
      assert.is_nil(r)
      assert.equal("limit", code)
    end
    assert.is_false(compiled(("a"):rep(10000)):matches(("a"):rep(9999)))
    assert.is_true(compiled(("("):rep(200) .. (")"):rep(200)):matches(""))
  end)
end)

describe("a match", function()
  it("does not backtrack", function()
    for _, pattern in ipairs { "^(a+)+$", "^(a|aa)+$", "^(a*)*$", "^(\\w+\\s?)*$", "(x+x+)+y" } do
      assert.is_false(compiled(pattern):matches(("a"):rep(20000) .. "!"), pattern)
    end
  end)

  it("that would take too long is given up", function()
    for _, row in ipairs {
      { "(.*a){200}b|c", ("a"):rep(10000) .. "b" },
      { "a{1000}", ("a"):rep(2000) },
      { "(?:a|b){1,500}z|y", ("ab"):rep(5000) },
    } do
      local answer, message, code = compiled(row[1]):matches(row[2])
      assert.is_nil(answer)
      assert.equal("the pattern is too complex for this text", message)
      assert.equal("limit", code)
    end
  end)

  it("of a text above 256 KB is not tried", function()
    local r = compiled("b")
    assert.is_false(r:matches(("a"):rep(256 * 1024)))
    local answer, message, code = r:matches(("a"):rep(256 * 1024 + 1))
    assert.is_nil(answer)
    assert.equal("the text is too long", message)
    assert.equal("limit", code)
  end)
end)
