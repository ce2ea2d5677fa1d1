-- require "store": collections of documents, queries, transactions.

local store = require "store"
local task = require "task"
local time = require "time"

local count = 0

-- A collection that no other test knows.
local function fresh(options)
  count = count + 1
  return store.collection("c" .. count, options)
end

local function ids(rows)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = row.id
  end
  return list
end

local function code_of(value, _, code)
  assert.is_nil(value)
  return code
end

-- Several functions at once; their first results.
local function at_once(n, fn)
  local functions = {}
  for i = 1, n do
    functions[i] = function()
      return fn(i)
    end
  end
  return { task.all(functions) }
end

describe("a document", function()
  it("gets id and times when it is created, and is found by its id", function()
    local pets = fresh { id = "pet" }
    local rex = pets:create { name = "Rex" }
    assert.matches("^pet%-", rex.id)
    assert.near(time.now(), time.parse(rex.createdAt), 60)
    assert.equal(rex.createdAt, rex.updatedAt)
    assert.same(rex, (pets:get(rex.id)))
  end)

  it("keeps an id and times that it brings", function()
    local pets = fresh()
    pets:create { id = "a", createdAt = "2001-01-01T00:00:00Z", updatedAt = "2002-01-01T00:00:00Z" }
    local doc = pets:get "a"
    assert.equal("2001-01-01T00:00:00Z", doc.createdAt)
    assert.equal("2002-01-01T00:00:00Z", doc.updatedAt)
  end)

  it("keeps the types of what is in it", function()
    local json = require "json"
    local pets = fresh()
    local doc = { id = "a", i = 9007199254740993, f = 1.0, list = json.list {}, t = { deep = { "ä" } }, b = false }
    pets:create(doc)
    local back = pets:get "a"
    assert.is_integer(back.i)
    assert.equal(9007199254740993, back.i)
    assert.is_float(back.f)
    assert.is_true(json.is_list(back.list))
    assert.same({ deep = { "ä" } }, back.t)
    assert.is_false(back.b)
  end)

  it("is not the table it was made of", function()
    local pets = fresh()
    local mine = { name = "Rex" }
    local stored = pets:create(mine)
    assert.is_nil(mine.id)
    stored.name = "changed"
    assert.equal("Rex", pets:get(stored.id).name)
  end)

  it("of an id that is taken is refused", function()
    local pets = fresh()
    pets:create { id = "a", n = 1 }
    assert.equal("exists", code_of(pets:create { id = "a", n = 2 }))
    assert.equal(1, pets:get("a").n)
  end)

  it("that is not there is nil alone", function()
    local pets = fresh()
    assert.equal(1, select("#", pets:get "nobody"))
    assert.is_nil((pets:get "nobody"))
  end)

  it("is put whether or not it was there", function()
    local pets = fresh()
    pets:put { id = "a", n = 1 }
    pets:put { id = "a", n = 2 }
    assert.equal(2, pets:get("a").n)
    assert.equal(1, pets:count())
  end)

  it("is deleted once", function()
    local pets = fresh()
    pets:create { id = "a" }
    assert.is_true(pets:delete "a")
    assert.is_false(pets:delete "a")
    assert.is_nil((pets:get "a"))
  end)

  it("that has no JSON form raises and stores nothing", function()
    local pets = fresh()
    assert.error_matches(function()
      pets:create { id = "a", f = print }
    end, "cannot be stored")
    assert.equal(0, pets:count())
  end)
end)

describe("update", function()
  it("changes a document in place and says when", function()
    local pets = fresh()
    pets:create { id = "a", n = 1, createdAt = "2001-01-01T00:00:00Z", updatedAt = "2001-01-01T00:00:00Z" }
    local doc = pets:update("a", function(d)
      d.n = d.n + 1
    end)
    assert.equal(2, doc.n)
    assert.same(doc, (pets:get "a"))
    assert.equal("2001-01-01T00:00:00Z", doc.createdAt)
    assert.near(time.now(), time.parse(doc.updatedAt), 60)
  end)

  it("of what is not there is nil alone", function()
    local pets = fresh()
    assert.is_nil((pets:update("nobody", function() end)))
    assert.equal(0, pets:count())
  end)

  it("that raises changes nothing", function()
    local pets = fresh()
    pets:create { id = "a", n = 1 }
    assert.has_error(function()
      pets:update("a", function(d)
        d.n = 2
        error "no"
      end)
    end, "no")
    assert.equal(1, pets:get("a").n)
  end)

  it("of many at once loses none", function()
    local pets = fresh()
    pets:create { id = "a", n = 0 }
    at_once(8, function()
      return assert(pets:update("a", function(d)
        d.n = d.n + 1
      end))
    end)
    assert.equal(8, pets:get("a").n)
  end)

  it("is tried again when somebody else was faster", function()
    local pets, runs = fresh(), 0
    pets:create { id = "a", n = 0, log = {} }
    local core = require "store.core"
    local get = core.get
    core.get = function(...) -- somebody writes between the read and the write, twice
      local doc, rev = get(...)
      if runs < 2 then
        core.write { { "put", pets.name, id = "a", doc = { id = "a", n = doc.n + 10 } } }
      end
      return doc, rev
    end
    local ok, doc = pcall(pets.update, pets, "a", function(d)
      runs = runs + 1
      d.n = d.n + 1
    end)
    core.get = get
    assert(ok, doc)
    assert.equal(3, runs)
    assert.equal(21, doc.n)
  end)
end)

describe("a unique index", function()
  it("keeps values apart", function()
    local people = fresh { indexes = { { "name", unique = true } } }
    people:create { id = "1", name = "Ada" }
    local value, message, code = people:create { id = "2", name = "Ada" }
    assert.is_nil(value)
    assert.contains("name", message)
    assert.equal("exists", code)
    assert.is_nil((people:get "2"))
    assert.is_table(people:create { id = "3", name = "ada" })
  end)

  it("does not count documents without the field", function()
    local people = fresh { indexes = { { "name", unique = true } } }
    assert.is_table(people:create {})
    assert.is_table(people:create {})
  end)

  it("over several fields counts all of them together", function()
    local people = fresh { indexes = { { "a.b", "c", unique = true } } }
    assert.is_table(people:create { a = { b = 1 }, c = 1 })
    assert.is_table(people:create { a = { b = 1 }, c = 2 })
    assert.equal("exists", code_of(people:create { a = { b = 1 }, c = 1 }))
  end)

  it("holds for put and update, too", function()
    local people = fresh { indexes = { { "name", unique = true } } }
    people:create { id = "1", name = "Ada" }
    people:create { id = "2", name = "Bob" }
    assert.equal("exists", code_of(people:put { id = "3", name = "Ada" }))
    assert.equal("exists", code_of(people:update("2", function(d)
      d.name = "Ada"
    end)))
    assert.equal("Bob", people:get("2").name)
  end)

  it("of many at once lets one through", function()
    local people = fresh { indexes = { { "name", unique = true } } }
    local made = 0
    at_once(10, function()
      if people:create { name = "Ada" } then
        made = made + 1
      end
    end)
    assert.equal(1, made)
  end)
end)

describe("a query", function()
  local pets

  setup(function()
    pets = store.collection("queried", { indexes = { "owner", { "kind", "age" } } })
    local docs = {
      { id = "1", name = "Rex", kind = "dog", age = 3, owner = "ada", tags = { "good", "big" } },
      { id = "2", name = "Tom", kind = "cat", age = 5, owner = "bob", tags = { "big" } },
      { id = "3", name = "Kit", kind = "cat", age = 1, owner = "ada", home = { city = "Ulm" } },
      { id = "4", name = "100%", kind = "cat", age = 2.5 },
      { id = "5", name = "a_b", owner = "bob", age = 5 },
    }
    for _, doc in ipairs(docs) do
      assert(pets:create(doc))
    end
  end)

  local function find(...)
    return ids((assert(pets:find { filters = { ... }, order_by = "id" })))
  end

  it("without filters finds all, in the order of their making", function()
    assert.same({ "1", "2", "3", "4", "5" }, ids((pets:find())))
  end)

  it("equals compares texts, numbers, booleans and null", function()
    assert.same({ "2", "3", "4" }, find { op = "equals", fields = { "kind" }, value = "cat" })
    assert.same({ "2", "5" }, find { op = "equals", fields = { "age" }, value = 5 })
    assert.same({ "2", "5" }, find { op = "equals", fields = { "age" }, value = 5.0 })
    assert.same({ "4" }, find { op = "equals", fields = { "owner" } })
    assert.same({}, find { op = "equals", fields = { "age" }, value = "5" })
  end)

  it("equals on a list field looks at its elements, and reaches into objects", function()
    assert.same({ "1", "2" }, find { op = "equals", fields = { "tags" }, value = "big" })
    assert.same({ "3" }, find { op = "equals", fields = { "home.city" }, value = "Ulm" })
  end)

  it("on several fields means any of them", function()
    assert.same({ "1", "3" }, find { op = "equals", fields = { "name", "owner" }, value = "ada" })
  end)

  it("of several filters means all of them", function()
    assert.same({ "3" }, find(
      { op = "equals", fields = { "kind" }, value = "cat" },
      { op = "equals", fields = { "owner" }, value = "ada" }
    ))
  end)

  it("isInList takes any of the values, and none of an empty list", function()
    assert.same({ "1", "4" }, find { op = "isInList", fields = { "name" }, values = { "Rex", "100%", "x" } })
    assert.same({}, find { op = "isInList", fields = { "name" }, values = {} })
  end)

  it("intersects finds lists that share an element", function()
    assert.same({ "1" }, find { op = "intersects", fields = { "tags" }, values = { "good", "small" } })
    assert.same({ "1", "2" }, find { op = "intersects", fields = { "tags" }, values = { "big" } })
  end)

  it("containsSubstring and startsWith take every character for itself", function()
    assert.same({ "2" }, find { op = "containsSubstring", fields = { "name" }, value = "om" })
    assert.same({ "4" }, find { op = "containsSubstring", fields = { "name" }, value = "%" })
    assert.same({ "5" }, find { op = "containsSubstring", fields = { "name" }, value = "_" })
    assert.same({ "1" }, find { op = "startsWith", fields = { "name" }, value = "R" })
    assert.same({}, find { op = "startsWith", fields = { "name" }, value = "r" })
  end)

  it("or takes any of its filters", function()
    assert.same({ "1", "2" }, find {
      op = "or",
      filters = {
        { op = "equals", fields = { "name" }, value = "Rex" },
        { op = "equals", fields = { "name" }, value = "Tom" },
      },
    })
  end)

  it("orders by one or several fields, up or down", function()
    assert.same({ "3", "4", "1", "2", "5" }, ids((pets:find { order_by = "age" })))
    assert.same({ "2", "5", "1", "4", "3" }, ids((pets:find { order_by = { "age", desc = true } })))
    assert.same({ "5", "2", "1", "4", "3" },
      ids((pets:find { order_by = { { "age", desc = true }, { "id", desc = true } } })))
  end)

  it("limits, counts all the same, and goes on behind a value", function()
    local rows, n = pets:find { order_by = "id", limit = 2, count = true }
    assert.same({ "1", "2" }, ids(rows))
    assert.equal(5, n)
    assert.same({ "3", "4" }, ids((pets:find { order_by = "id", limit = 2, after = { rows[2].id } })))
  end)

  it("one gives the first, or nil", function()
    assert.equal("3", pets:one({ order_by = "age" }).id)
    assert.is_nil((pets:one { filters = { { op = "equals", fields = { "name" }, value = "nobody" } } }))
  end)

  it("count counts", function()
    assert.equal(5, pets:count())
    assert.equal(3, pets:count { filters = { { op = "equals", fields = { "kind" }, value = "cat" } } })
  end)

  it("delete_where deletes what matches and says how many", function()
    local some = fresh()
    for i = 1, 5 do
      some:create { id = tostring(i), even = i % 2 == 0 }
    end
    assert.equal(2, some:delete_where { filters = { { op = "equals", fields = { "even" }, value = true } } })
    assert.same({ "1", "3", "5" }, ids((some:find { order_by = "id" })))
  end)

  -- A typo would be a condition less: everything would be found, or deleted.
  it("with a misspelt field finds and deletes nothing", function()
    local some = fresh()
    some:create { id = "a" }
    local typo = { filter = { { op = "equals", fields = { "id" }, value = "b" } } }
    local flat = { filters = { op = "equals", fields = { "id" }, value = "b" } }
    for _, method in ipairs { "find", "delete_where", "count", "one" } do
      assert.error_matches(function()
        some[method](some, typo)
      end, 'store_spec.lua:%d+: a query has no field "filter"; there are filters, order_by')
      assert.error_matches(function()
        some[method](some, flat)
      end, 'store_spec.lua:%d+: filters must be a list, and this one has a field')
    end
    assert.error_matches(function()
      some:find { filters = { { op = "equals", field = "id", value = "b" } } }
    end, 'a filter has no field "field"')
    assert.equal(1, some:count())
  end)

  it("that is none is refused by name", function()
    local function refuses(filter, pattern)
      assert.error_matches(function()
        pets:find { filters = { filter } }
      end, pattern)
    end
    refuses({ op = "like", fields = { "a" }, value = 1 }, 'unknown filter op "like"')
    refuses({ op = "equals", value = 1 }, "fields must be a list, not a nil")
    refuses({ op = "equals", fields = {}, value = 1 }, "a filter needs fields")
    refuses({ op = "equals", fields = { "a" }, value = {} }, "not with a table")
    refuses({ fields = { "a" }, value = 1 }, "a filter needs an op")
    assert.error_matches(function()
      pets:find { limit = -1 }
    end, "must not be negative")
    assert.error_matches(function()
      pets:find { order_by = "a", after = { 1, 2 } }
    end, "one value for each field")
  end)

  it("with a field that no document can have is refused, not run", function()
    for _, field in ipairs { "", "a'b", 'a"b', "a;b", "a..b", ".a", ("x"):rep(300) } do
      local rows, _, code = pets:find { filters = { { op = "equals", fields = { field }, value = 1 } } }
      assert.is_nil(rows, field)
      assert.equal("invalid", code, field)
    end
  end)

  it("finds values that look like SQL", function()
    local some = fresh()
    local nasty = "'; DROP TABLE x; --"
    some:create { id = "a", name = nasty }
    assert.same({ "a" }, ids((some:find { filters = { { op = "equals", fields = { "name" }, value = nasty } } })))
  end)
end)

describe("a transaction", function()
  it("does all of its writes", function()
    local accounts = fresh()
    accounts:create { id = "a", balance = 10 }
    accounts:create { id = "b", balance = 0 }
    local sum = store.transaction(function(tx)
      local t = tx(accounts)
      t:update("a", function(d)
        d.balance = d.balance - 4
      end)
      t:update("b", function(d)
        d.balance = d.balance + 4
      end)
      t:create { id = "log", text = "moved" }
      return 4, "ignored"
    end)
    assert.equal(4, sum)
    assert.equal(6, accounts:get("a").balance)
    assert.equal(4, accounts:get("b").balance)
    assert.equal("moved", accounts:get("log").text)
  end)

  it("does none of them when one cannot be done", function()
    local accounts = fresh()
    accounts:create { id = "taken" }
    assert.equal("exists", code_of(store.transaction(function(tx)
      tx(accounts):create { id = "new" }
      tx(accounts):create { id = "taken" }
    end)))
    assert.is_nil((accounts:get "new"))
  end)

  it("does none of them when it raises, and raises on", function()
    local accounts = fresh()
    assert.has_error(function()
      store.transaction(function(tx)
        tx(accounts):create { id = "a" }
        error("stop", 0)
      end)
    end, "stop")
    assert.equal(0, accounts:count())
  end)

  it("reads its own writes by id", function()
    local accounts = fresh()
    accounts:create { id = "old", n = 1 }
    store.transaction(function(tx)
      local t = tx(accounts)
      t:create { id = "new", n = 1 }
      assert.equal(1, t:get("new").n)
      t:update("new", function(d)
        d.n = 2
      end)
      assert.equal(2, t:get("new").n)
      t:delete "old"
      assert.is_nil((t:get "old"))
    end)
    assert.equal(2, accounts:get("new").n)
    assert.is_nil((accounts:get "old"))
  end)

  it("can change the same document twice", function()
    local accounts = fresh()
    accounts:create { id = "a", n = 0 }
    store.transaction(function(tx)
      for _ = 1, 3 do
        tx(accounts):update("a", function(d)
          d.n = d.n + 1
        end)
      end
    end)
    assert.equal(3, accounts:get("a").n)
  end)

  it("writes what a document was when it was handed over", function()
    local accounts = fresh()
    store.transaction(function(tx)
      local doc = { id = "a", list = { 1 } }
      local stored = tx(accounts):create(doc)
      doc.list[2] = 2
      stored.list[3] = 3
      pcall(function()
        tx(accounts):update("a", function(d)
          d.list[4] = 4
          error "half way"
        end)
      end)
    end)
    assert.same({ 1 }, accounts:get("a").list)
  end)

  it("refuses a document that contains itself", function()
    local doc = {}
    doc.self = doc
    assert.error_matches(function()
      store.transaction(function(tx)
        tx(fresh()):create(doc)
      end)
    end, "cannot be stored")
    assert.error_matches(function()
      fresh():create(doc)
    end, "cannot be stored")
  end)

  it("that only reads returns what it read", function()
    local accounts = fresh()
    accounts:create { id = "a", n = 7 }
    assert.equal(7, store.transaction(function(tx)
      return tx(accounts):get("a").n
    end))
  end)

  it("of nothing is fine", function()
    assert.equal(1, store.transaction(function()
      return 1
    end))
  end)

  it("runs again when what it read has changed", function()
    local accounts, runs = fresh(), 0
    accounts:create { id = "a", n = 1 }
    store.transaction(function(tx)
      runs = runs + 1
      local n = tx(accounts):get("a").n
      if runs == 1 then
        accounts:put { id = "a", n = 100 }
      end
      tx(accounts):put { id = "b", n = n }
    end)
    assert.equal(2, runs)
    assert.equal(100, accounts:get("b").n)
  end)

  it("runs again when somebody made what it had not found", function()
    local accounts, runs = fresh(), 0
    store.transaction(function(tx)
      runs = runs + 1
      local known = tx(accounts):get "a"
      if runs == 1 then
        accounts:create { id = "a" }
      end
      tx(accounts):put { id = "b", known = known ~= nil }
    end)
    assert.equal(2, runs)
    assert.is_true(accounts:get("b").known)
  end)

  it("runs again when the result of a query has changed", function()
    local accounts, runs = fresh(), 0
    accounts:create { id = "a", kind = "x" }
    store.transaction(function(tx)
      runs = runs + 1
      local rows = tx(accounts):find { filters = { { op = "equals", fields = { "kind" }, value = "x" } } }
      if runs == 1 then
        accounts:create { id = "b", kind = "x" }
      end
      tx(accounts):put { id = "count", n = #rows }
    end)
    assert.equal(2, runs)
    assert.equal(2, accounts:get("count").n)
  end)

  it("is not disturbed by what it did not read", function()
    local accounts, runs = fresh(), 0
    accounts:create { id = "a" }
    store.transaction(function(tx)
      runs = runs + 1
      tx(accounts):get "a"
      accounts:put { id = "other" }
      tx(accounts):put { id = "b" }
    end)
    assert.equal(1, runs)
  end)

  it("of many at once keeps the sum", function()
    local accounts = fresh()
    for i = 1, 4 do
      accounts:create { id = tostring(i), balance = 100 }
    end
    at_once(12, function(i)
      local from, to = tostring(i % 4 + 1), tostring((i + 1) % 4 + 1)
      return assert(store.transaction(function(tx)
        local t = tx(accounts)
        t:update(from, function(d)
          d.balance = d.balance - i
        end)
        t:update(to, function(d)
          d.balance = d.balance + i
        end)
        return true
      end))
    end)
    local sum = 0
    for _, doc in ipairs((accounts:find())) do
      sum = sum + doc.balance
    end
    assert.equal(400, sum)
  end)

  it("that never comes through gives up with conflict", function()
    local accounts = fresh()
    accounts:create { id = "a", n = 0 }
    assert.equal("conflict", code_of(store.transaction(function(tx)
      local n = tx(accounts):get("a").n
      accounts:put { id = "a", n = n + 1 }
      tx(accounts):put { id = "b" }
    end)))
    assert.is_nil((accounts:get "b"))
  end)

  it("over two collections is one", function()
    local a, b = fresh { indexes = { { "k", unique = true } } }, fresh()
    a:create { k = 1 }
    assert.equal("exists", code_of(store.transaction(function(tx)
      tx(b):create { id = "x" }
      tx(a):create { k = 1 }
    end)))
    assert.equal(0, b:count())
  end)
end)

describe("misuse", function()
  local function why(fn, ...)
    local ok, text = pcall(fn, ...)
    assert.is_false(ok)
    return text
  end

  it("of a declaration is told where it is declared", function()
    assert.matches("the name of a collection is a text, not a nil", why(store.collection))
    assert.matches("options of a collection are a table, not a string", why(store.collection, "x", "pet"))
    assert.matches("unknown option indexs of a collection: there are id and indexes", why(store.collection, "x", { indexs = {} }))
    assert.matches("the option id of a collection is a string, not a number", why(store.collection, "x", { id = 5 }))
    assert.matches("the option indexes of a collection is a table, not a string", why(store.collection, "x", { indexes = "a" }))
  end)

  it("of a document or a function is told", function()
    local pets = fresh()
    assert.matches("a document is a table, not a nil", why(pets.create, pets))
    assert.matches("a document is a table, not a string", why(pets.put, pets, "x"))
    assert.matches("a function is needed, not a nil", why(pets.update, pets, "x"))
    assert.matches("a function is needed, not a table", why(store.transaction, pets))
    assert.matches("a transaction works on a collection, not on a string", why(store.transaction, function(tx)
      tx "pets"
    end))
  end)

  it("of an update leaves the document what it is", function()
    local pets = fresh()
    pets:create { id = "a" }
    local function rename(pet)
      pet.id = "b"
    end
    assert.matches("the id of a document cannot change: a", why(pets.update, pets, "a", rename))
    assert.matches("the id of a document cannot change: a", why(store.transaction, function(tx)
      tx(pets):update("a", rename)
    end))
    assert.equal("a", pets:get("a").id)
  end)

  it("of a transaction that is over raises, and writes nothing", function()
    local pets, kept = fresh(), nil
    store.transaction(function(tx)
      kept = tx(pets)
    end)
    for _, call in ipairs { kept.create, kept.put, kept.get, kept.find, kept.one, kept.delete } do
      assert.matches("the transaction is over", why(call, kept, {}))
    end
    assert.matches("the transaction is over", why(kept.update, kept, "x", print))
    assert.equal(0, pets:count())
  end)
end)

describe("a task that ends while it waits for the store", function()
  it("leaves the store usable", function()
    local pets = fresh()
    for _ = 1, 20 do
      local child = task.spawn(function()
        pets:create {}
      end)
      task.yield()
      child:cancel()
    end
    assert.is_table(pets:create { id = "after" })
    assert.is_table((pets:get "after"))
  end)
end)
