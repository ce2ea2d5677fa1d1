-- Specs of the policies that the platform ships for accounts, and of what they are made of.

-- luacheck: std +busted

local common = require "common"
local host = require "host"
local passwords = require "passwords"
local policy = require "policy"
local reserved = require "reserved"

-- As on a host that is in test mode or not.
local function in_mode(test, fn)
  local setting = host.setting
  host.setting = function(name) -- luacheck: ignore
    if name == "test" then
      return test
    end
    return setting(name)
  end
  local ok, problem = pcall(fn)
  host.setting = setting -- luacheck: ignore
  if not ok then
    error(problem, 0)
  end
end

local function in_earnest(fn)
  in_mode(false, fn)
end

local ADA = { slug = "ada-l", name = "Ada Lovelace", contact = "ada.love@example.com" }

describe("a password", function()
  it("has 8 to 256 characters, whatever their bytes", function()
    in_earnest(function()
      assert.is_true(policy.password("gr7!bx#q", ADA))
      assert.same({ nil, "Password must have at least 8 characters" }, { policy.password("gr7!bx#", ADA) })
      assert.is_nil((policy.password("äöüßéñç", ADA)))
      assert.is_true(policy.password("zäöüßéñç", ADA))
      local long = ("correct horse battery staple "):rep(9)
      assert.is_true(policy.password(long:sub(1, 256), ADA))
      assert.same({ nil, "Password must have at most 256 characters" }, { policy.password(long:sub(1, 257), ADA) })
    end)
  end)

  it("of bytes that are no text is measured in bytes", function()
    in_earnest(function()
      assert.is_nil((policy.password(("\255"):rep(257), ADA)))
      assert.is_true(policy.password("\255\254x9!kq\253\1", ADA))
    end)
  end)

  it("is none of those that are guessed first", function()
    in_earnest(function()
      for _, password in ipairs { "password", "iloveyou", "changeme", "Football", "michelle", "manchester" } do
        assert.same({ nil, "Password is one of those that are guessed first" }, { policy.password(password, ADA) }, password)
      end
    end)
  end)

  it("is not the slug, the name or the contact", function()
    in_earnest(function()
      for _, password in ipairs { "AdaLovelace", "ada lovelace", "lovelace", "Lovelace1815", "ecalevol", "ada.love", "ada-l123",
        "ada.love@example.com", "ADA.LOVE99", "l0v3l4c3" } do
        local ok, why = policy.password(password, ADA)
        assert.is_nil(ok, password)
        assert.is_string(why)
      end
      assert.is_true(policy.password("not so lovelace", ADA))
      assert.is_true(policy.password("somebody else", { slug = "al", name = "A B" }))
    end)
  end)

  it("is anything up to the greatest length in test mode", function()
    in_mode(true, function()
      assert.is_true(policy.password("pw", ADA))
      assert.is_nil((policy.password(("x"):rep(257), ADA)))
    end)
  end)
end)

describe("what is guessed first", function()
  local function all(expected, list)
    for _, password in ipairs(list) do
      assert.equal(expected, passwords.is_common(password), password)
    end
  end

  it("is a word with a few digits and signs around it, in any case", function()
    all(true, { "password1", "PASSWORD123", "monkey!!", "Summer2024!", "123michael", "dragon1985", "letmein.",
      "hello1234567890" })
  end)

  it("is a word with digits and signs for letters", function()
    all(true, { "p@ssw0rd", "Pa$$w0rd1!", "l3tm31n!", "pr1nc3$$", "w3lc0me2024", "B@tm4n123", "1l0v3y0u", "f00tb@ll" })
  end)

  it("is a word said twice or backwards", function()
    all(true, { "passwordpassword", "abcabcabc", "drowssap", "Nogard123", "lovelove1" })
  end)

  it("is a walk over the keyboard or the alphabet, in pieces, and two that take turns", function()
    all(true, { "qwertyui", "qwerty123456", "123qweasdzxc", "abcdefgh", "987654321", "1q2w3e4r", "q1w2e3r4t5", "1qaz2wsx",
      "zaq12wsx", "aaaabbbb", "asdfghjkl;", "a1b2c3d4", "!@#$%^&*" })
  end)

  it("is of few different characters, or of digits alone", function()
    all(true, { "aaaaaaaa", "abababab", "11112222", "19850412", "0171555987" })
  end)

  it("is not a word with more to it, nor several words", function()
    all(false, { "correct-horse", "a lasting password", "dragon8f3kq9", "tr0ub4dor&3", "kitchen stove window", "hello-world",
      "testUserPassword0", "b5Vx!9qLm2", "9f8b2c1e-77", "moonbus-spec-1", "841975036214" })
  end)

  it("is made of some thousand words, each listed once, in lower case", function()
    local seen, n = {}, 0
    for word in common.WORDS:gmatch("%S+") do
      assert.is_nil(seen[word], word)
      assert.equal(word:lower(), word)
      seen[word], n = true, n + 1
    end
    assert.is_true(n > 3000)
  end)

  it("is found out however long the password is", function()
    all(true, { ("a"):rep(256), ("qwertyuiop"):rep(25), ("monkey"):rep(42) })
    all(false, { ("x9$k"):rep(64) })
  end)
end)

describe("a slug", function()
  it("is none of the platform's, and no word that looks like it", function()
    for _, slug in ipairs { "admin", "root", "api", "www", "static", "healthz", "metrics", "user-svc", "registry-svc",
      "deploy-svc", "configurator", "openapi", "egress", "support", "login", "postmaster", "1backend" } do
      assert.same({ nil, "Slug is reserved: " .. slug }, { policy.slug(slug, "account") })
    end
  end)

  it("is anything else", function()
    for _, slug in ipairs { "alice", "basic-svc", "test-user-slug-0", "bob", "admin-of-nothing", "client-user" } do
      assert.is_true(policy.slug(slug, "account"), slug)
    end
  end)

  it("is the platform's, whatever a policy says, when a service is called so", function()
    assert.is_true(reserved.is_platform("proxy-svc"))
    assert.is_true(reserved.is_platform("metrics"))
    assert.is_falsy(reserved.is_platform("admin"))
  end)
end)

describe("a token", function()
  it("has no more roles and claims unless somebody says so", function()
    local account, app = { id = "usr-1", slug = "ada", roles = { "user-svc:user" } }, { id = "app-1", host = "unnamed" }
    assert.same({}, policy.roles(account, app))
    assert.same({}, policy.claims(account, app))
  end)
end)

describe("a login", function()
  local function attempt(known, here, address, account, since)
    since = since or 0
    return {
      slug = "ada", address = "192.0.2.1", device = "unknown", known = known,
      failures = { here = here, address = address, account = account },
      since = { here = since, address = since, account = since },
    }
  end

  it("is let through after a few failures, as people mistype", function()
    assert.is_true(policy.login(attempt(false, 0, 0, 0, math.huge)))
    assert.is_true(policy.login(attempt(false, 4, 19, 19)))
  end)

  it("waits twice as long with each failure that follows, and is sent off when that is long", function()
    local waits = {}
    for n = 5, 8 do
      table.insert(waits, (policy.login(attempt(false, n, n, n))))
    end
    assert.same({ 0.5, 1.0, 2.0, 4.0 }, waits)
    assert.same({ nil, "Too many failed logins", 8.0 }, { policy.login(attempt(false, 9, 9, 9)) })
    assert.same({ nil, "Too many failed logins", 900 }, { policy.login(attempt(false, 60, 60, 60)) })
    assert.same({ nil, "Too many failed logins", 900 }, { policy.login(attempt(false, 1000, 1000, 1000)) })
  end)

  it("does not wait for what has passed already", function()
    assert.is_true(policy.login(attempt(false, 8, 8, 8, 4)))
    assert.equal(3.0, (policy.login(attempt(false, 9, 9, 9, 5))))
  end)

  it("of one address at many accounts is slowed down, too", function()
    assert.is_true(policy.login(attempt(false, 1, 19, 1)))
    assert.equal(0.5, (policy.login(attempt(false, 1, 20, 1))))
    assert.is_nil((policy.login(attempt(false, 1, 40, 1))))
  end)

  it("at an account that many addresses guess at waits some seconds and is never refused for that", function()
    assert.equal(0.5, (policy.login(attempt(false, 0, 0, 20))))
    assert.equal(4, (policy.login(attempt(false, 0, 0, 1000))))
  end)

  it("from an address that the account knows does not count what others did", function()
    assert.is_true(policy.login(attempt(true, 0, 1000, 1000)))
    assert.is_true(policy.login(attempt(true, 4, 1000, 1000)))
    assert.equal(4, (policy.login(attempt(true, 1000, 1000, 1000))))
  end)
end)
