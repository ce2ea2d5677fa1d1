-- gen/address.lua: one e-mail address in a text.

local address = require "gen.address"

describe("an e-mail address", function()
  for _, row in ipairs {
    { "a@b.co", "a@b.co" }, { " a.b+c@b.co ", "a.b+c@b.co" }, { "<a@b.co>", "a@b.co" }, { "Ann <a@b.co>", "a@b.co" },
    { "Ann B. Cee <a@b.co>", "a@b.co" }, { '"Cee, Ann" <a@b.co>', "a@b.co" }, { '"a \\"b"@c.de', 'a "b@c.de' },
    { "a@b.co (work (day))", "a@b.co" }, { "a@b.co (\\))", "a@b.co" }, { "\u{e4}@\u{f6}.de", "\u{e4}@\u{f6}.de" },
    { "a@localhost", "a@localhost" }, { "Ann <  a@b.co>", "a@b.co" }, { "a@ b.co", "a@b.co" },
  } do
    it(("is %s in %q"):format(row[2], row[1]), function()
      assert.equal(row[2], address.parse(row[1]))
    end)
  end

  for _, text in ipairs {
    "", " ", "a", "a@", "@b.co", "a b@c.de", "a@b@c.de", "a..b@c.de", ".a@c.de", "a.@c.de", "a@.c.de", "a@c..de", "<a@b.co",
    "a@b.co>", "<>", "Ann", "Ann <a>", "Ann <a@b.co> x", "Ann a@b.co", '"a@b.co', '"a\\', '"a"', "a@b.co (", "a@b.co (\\",
    "a@b.co, c@d.de", "all: a@b.co;", "a\n@b.co", '"a\n"@b.co',
  } do
    it(("is not in %q"):format(text), function()
      assert.is_nil(address.parse(text))
    end)
  end
end)
