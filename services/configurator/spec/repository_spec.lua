-- The repository: the file, what was set at run time, what a peer sent.

-- luacheck: std +busted

local host = require "host"
local log = require "log"
local repository = require "repository"
local shared = require "shared"
local store = require "store"
local time = require "time"

local file -- what host.config_file gives: { text, at }, or nil
local lines -- of the log

local kept = { config_file = host.config_file, info = log.info, error = log.error }

before_each(function()
  file, lines = nil, {}
  shared.del_prefix ""
  store.collection("values"):delete_where {}
  store.collection("marks"):delete_where {}
  host.config_file = function()
    if not file then
      return nil, "config.yaml: No such file or directory", "not_found"
    end
    return table.unpack(file)
  end
  for _, level in ipairs { "info", "error" } do
    log[level] = function(message, fields)
      table.insert(lines, fields.problem or message)
    end
  end
end)

after_each(function()
  host.config_file, log.info, log.error = kept.config_file, kept.info, kept.error
end)

local function current()
  return repository.current().sections
end

local function origin(section, name)
  return repository.current().origins[section][name]
end

describe("the file", function()
  it("is what counts, with its time", function()
    file = { "all:\n  A: 1\n", 100 }
    assert.same({ all = { a = "1" } }, current())
    assert.equal(100, repository.current().at)
    assert.equal("file", origin("all", "a"))
    assert.same({}, lines)
  end)

  it("need not be there; that is told once", function()
    assert.same({}, current())
    assert.is_false(repository.look())
    assert.same({ "no file with values of configs" }, lines)
  end)

  it("is looked at again, and what changed counts from then on", function()
    file = { "all:\n  A: 1\n", 100 }
    current()
    assert.is_false(repository.look())
    file = { "all:\n  A: 2\n", 50 }
    assert.is_true(repository.look())
    assert.same({ all = { a = "2" } }, current())
    assert.is_true(repository.current().at > 100)
    file = nil
    assert.is_true(repository.look())
    assert.same({}, current())
  end)

  it("that is broken changes nothing and is told once for each change", function()
    file = { "all:\n  A: 1\n", 100 }
    current()
    file = { "all:\n  A-B: 1\nb c:\n", 101 }
    assert.is_false(repository.look())
    assert.is_false(repository.look())
    assert.same({ "config.yaml:2:3: invalid config name 'A-B'", "config.yaml:3:1: invalid hostname 'b c'" }, lines)
    assert.same({ all = { a = "1" } }, current())
    file = { "all: 1", 102 }
    assert.is_false(repository.look())
    assert.equal(3, #lines)
    file = { "all:\n  A: 3\n", 103 }
    assert.is_true(repository.look())
    assert.same({ all = { a = "3" } }, current())
  end)

  it("that is broken at the start counts as empty", function()
    file = { "all: 1", 100 }
    assert.same({}, current())
    assert.equal(1, #lines)
    assert.is_false(repository.look())
  end)

  it("that cannot be read changes nothing", function()
    file = { "all:\n  A: 1\n", 100 }
    current()
    file = { nil, "config.yaml: Permission denied", "error" }
    assert.is_false(repository.look())
    assert.same({ all = { a = "1" } }, current())
    assert.same({ "config.yaml: Permission denied" }, lines)
  end)

  it("is read again when the shared map let go of it", function()
    file = { "all:\n  A: 1\n", 100 }
    current()
    shared.del_prefix ""
    assert.same({ all = { a = "1" } }, current())
  end)
end)

describe("what is set at run time", function()
  it("lies above the file until it is unset", function()
    file = { "shop.example:\n  A: 1\n  B: 1\n", 100 }
    repository.set("shop.example", "a", "2")
    repository.set("shop.example", "b", "")
    repository.set("all", "c", "3")
    assert.same({ ["shop.example"] = { a = "2" }, all = { c = "3" } }, current())
    assert.equal("set", origin("shop.example", "a"))
    assert.near(time.now(), repository.current().at, 60)
    assert.is_true(repository.unset("shop.example", "a"))
    assert.is_true(repository.unset("shop.example", "b"))
    assert.is_false(repository.unset("shop.example", "b"))
    assert.same({ ["shop.example"] = { a = "1", b = "1" }, all = { c = "3" } }, current())
  end)

  it("survives, whatever the shared map forgets", function()
    repository.set("all", "a", "1")
    shared.del_prefix ""
    assert.same({ all = { a = "1" } }, current())
  end)

  it("makes the repository newer, even when it is taken back", function()
    file = { "all:\n  A: 1\n", 100 }
    repository.set("all", "a", "2")
    repository.unset("all", "a")
    assert.near(time.now(), repository.current().at, 60)
  end)
end)

describe("a peer's values", function()
  it("take the place of an older file, and of what was set before", function()
    file = { "all:\n  A: 1\n  B: 1\n", 100 }
    repository.set("all", "b", "2")
    local later = time.now() + 10
    repository.adopt(later, { all = { a = "9" } })
    assert.same({ all = { a = "9" } }, current())
    assert.equal(later, repository.current().at)
    assert.equal("peer", origin("all", "a"))
  end)

  it("lie below what is set, or unset, later", function()
    repository.adopt(time.now() - 10, { all = { a = "9", b = "9" } })
    repository.set("all", "a", "2")
    assert.is_true(repository.unset("all", "b"))
    assert.same({ all = { a = "2" } }, current())
    assert.near(time.now(), repository.current().at, 60)
  end)

  it("give way to a file that changes later", function()
    file = { "all:\n  A: 1\n", 100 }
    current()
    repository.adopt(200, { all = { a = "9" } })
    file = { "all:\n  A: 2\n", 150 }
    repository.look()
    assert.same({ all = { a = "2" } }, current())
  end)
end)
