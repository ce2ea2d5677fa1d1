-- Specs of directory.example: moonbus test examples/directory
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local spec = require "spec"
local time = require "time"

local test = spec.service().test

local count = 0

-- A person that is not there yet, with `changes`.
local function person(changes)
  count = count + 1
  local one = { firstName = "Ada", lastName = "Lovelace", email = ("Ada.%d@Example.com"):format(count) }
  for name, value in pairs(changes or {}) do
    one[name] = value
  end
  return one
end

local function created(changes)
  local one = person(changes)
  one.key = test.Create({}, one):get()
  return one
end

describe("Create", function()
  it("gives each person another key, in ascending order", function()
    local first, second = created().key, created().key
    assert.equal("integer", math.type(first))
    assert.equal(first + 1, second)
  end)

  it("trims what it keeps", function()
    local key = test.Create({}, person { firstName = " Grace ", lastName = "\tHopper\n" }):get()
    local found = test.Load({}, key):get()
    assert.equal("Grace", found.firstName)
    assert.equal("Hopper", found.lastName)
  end)

  it("refuses persons without names", function()
    test.Create({}, person { firstName = " " }):error("names cannot be empty"):error_code(400)
    test.Create({}, person { lastName = "" }):error("names cannot be empty"):error_code(400)
  end)

  it("refuses persons without an e-mail address", function()
    test.Create({}, person { email = " " }):error("email cannot be empty"):error_code(400)
    test.Create({}, { firstName = "Ada", lastName = "Lovelace" }):error("email cannot be empty"):error_code(400)
  end)

  it("refuses what is too long", function()
    test.Create({}, person { firstName = ("a"):rep(254) }):no_error()
    test.Create({}, person { firstName = ("a"):rep(255) }):error("no more than 254 bytes"):error_code(400)
  end)

  it("refuses those who are not born yet", function()
    local tomorrow = time.now() + 86400
    test.Create({}, person { birthday = tomorrow }):error("birthday must be a past date"):error_code(400)
    test.Create({ clock_shift = 2 * 86400 }, person { birthday = tomorrow }):no_error() -- for whom tomorrow is over
  end)

  it("refuses an e-mail address that somebody has, in any case", function()
    local other = created()
    test.Create({}, person { email = other.email:upper() }):error("Duplicate key"):error_code(400)
  end)
end)

describe("Load", function()
  it("finds what was created", function()
    local one = created { birthday = time.parse "1815-12-10T00:00:00Z" }
    test.Load({}, one.key):expect(one)
  end)

  it("knows nobody by a key that was never given", function()
    test.Load({}, 0):error_code(404)
  end)
end)

describe("LoadByEmail", function()
  it("finds a person by e-mail address, in any case", function()
    local one = created()
    test.LoadByEmail({}, one.email:upper()):expect(one)
  end)

  it("does not find what is not there", function()
    test.LoadByEmail({}, "nobody@example.com"):error_code(404)
  end)
end)

describe("Update", function()
  it("replaces a person", function()
    local one = created()
    test.Update({}, one.key, person { firstName = "Augusta", email = "augusta@example.com" }):no_error()
    test.LoadByEmail({}, one.email):error_code(404)
    test.LoadByEmail({}, "Augusta@example.com"):assert(function(found)
      assert.equal("Augusta", found.firstName)
      assert.equal(one.key, found.key)
    end)
  end)

  it("keeps an e-mail address", function()
    local one = created()
    one.lastName = "King"
    test.Update({}, one.key, one):no_error()
    test.Load({}, one.key):expect(one)
  end)

  it("refuses what Create refuses", function()
    local one, other = created(), created()
    test.Update({}, one.key, person { lastName = "" }):error("names cannot be empty"):error_code(400)
    test.Update({}, one.key, person { email = other.email }):error("Duplicate key"):error_code(400)
  end)

  it("does not create anybody", function()
    test.Update({}, 0, person()):error_code(404)
  end)
end)

describe("Delete", function()
  it("removes a person, once", function()
    local one = created()
    test.Delete({}, one.key):no_error()
    test.Load({}, one.key):error_code(404)
    test.LoadByEmail({}, one.email):error_code(404)
    test.Delete({}, one.key):error_code(404)
  end)

  it("does not give a key away again", function()
    local one = created()
    test.Delete({}, one.key):no_error()
    assert.equal(one.key + 1, created().key)
  end)
end)

describe("List", function()
  it("has the keys of all that are there", function()
    local one, other = created(), created()
    test.Delete({}, one.key):no_error()
    local keys = test.List({}):get()
    assert.equal(other.key, keys[#keys])
    for _, key in ipairs(keys) do
      assert.not_equal(one.key, key)
    end
  end)
end)

describe("WebUI", function()
  local FORM = "application/x-www-form-urlencoded"

  it("is a form", function()
    test.WebUI.get({}):status_ok():content_type("text/html")
      :tag_exists("form select[name=method]")
      :tag_exists("form input[name=path][value='/persons']")
      :tag_exists("form textarea[name=body]")
      :tag_not_exists("#status")
  end)

  it("shows status and body of the answer", function()
    local one = created()
    test.WebUI.post({}, "", FORM, { method = "GET", path = "/persons/key/" .. one.key })
      :tag_equal("#status", "200")
      :tag_contains("#body", one.email)
  end)

  it("shows what went wrong", function()
    test.WebUI.post({}, "", FORM, { method = "GET", path = "/persons/key/0" })
      :status_ok()
      :tag_equal("#status", "404")
      :tag_equal("#body", "no such person")
  end)

  it("tells strangers nothing of the code", function()
    test.WebUI.post({}, "", FORM, { method = "NO METHOD", path = "/persons" })
      :tag_equal("#status", "500")
      :tag_not_contains("#body", ".lua")
  end)

  it("goes nowhere else", function()
    test.WebUI.post({}, "", FORM, { method = "GET", path = "@other.example/persons" }):tag_equal("#status", "400")
  end)
end)
