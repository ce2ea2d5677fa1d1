-- store: collections of JSON documents with declared indexes, durable.
--
--     local pets = store.collection("pets", { id = "pet", indexes = { "ownerId", { "name", unique = true } } })
--     local pet = pets:create { name = "Rex", ownerId = ctx.account.id }
--
-- Documents get `id`, `createdAt` and `updatedAt` unless they bring their own. What can happen comes back as nil, message,
-- code: "busy" (try later), "exists" (a unique value is taken), "conflict" (changed meanwhile, after retries), "limit".
-- A collection belongs to its service: no other service can reach it.

local core = require "store.core"
local errors = require "errors"
local json = require "json"
local seal = require "seal"
local time = require "time"

local M = {}

local RETRIES = 20 -- of an update or a transaction that met a conflict
local LEVELS = 64 -- of tables in a document

---@class Filter
---@field op "equals"|"isInList"|"intersects"|"containsSubstring"|"startsWith"|"or"
---@field fields string[]? dotted paths; several mean OR
---@field value any? what to compare with
---@field values any[]? for isInList and intersects
---@field filters Filter[]? of "or"

---@class Query
---@field filters Filter[]? all must hold
---@field order_by string|table|nil "field", { "field", desc = true }, or a list of such tables
---@field after any[]? one value for each field of order_by: documents strictly behind it
---@field limit integer? 0 or nil = all
---@field count boolean? also return the number of documents without limit and after

---@class Collection
---@field name string
local Collection = {}
Collection.__index = Collection

local OPTIONS = { id = "string", indexes = "table" }

-- What is wrong is said where it is declared, not at the first use.
local function check_collection(name, options)
  if type(name) ~= "string" then
    error(("the name of a collection is a text, not a %s"):format(type(name)), 3)
  elseif type(options) ~= "table" then
    error(("options of a collection are a table, not a %s"):format(type(options)), 3)
  end
  for key, value in pairs(options) do
    local wanted = OPTIONS[key]
    if not wanted then
      error(("unknown option %s of a collection: there are id and indexes"):format(tostring(key)), 3)
    elseif type(value) ~= wanted then
      error(("the option %s of a collection is a %s, not a %s"):format(key, wanted, type(value)), 3)
    end
  end
end

--- Declares a collection. Does nothing but remember it; tables are made at its first use.
---@param name string letters, digits, _ - .
---@param options { id: string?, indexes: table? }? id: prefix of generated ids; indexes: "field", { "a", "b", unique = true }
---@return Collection
function M.collection(name, options)
  options = options or {}
  check_collection(name, options)
  return setmetatable({
    name = name,
    prefix = options.id or name,
    indexes = options.indexes or {},
    ready = false,
  }, Collection)
end

-- Makes the table and its indexes, once per state.
local function ensure(self)
  if self.ready then
    return true
  end
  local ok, message, code = core.ensure(self.name, self.indexes)
  self.ready = ok ~= nil
  return ok, message, code
end

local function copy(doc)
  local out = {}
  for k, v in pairs(doc) do
    out[k] = v
  end
  return out
end

-- What is in a document, and nothing of the tables it was made of.
local function deep(value, level)
  if type(value) ~= "table" then
    return value
  elseif level > LEVELS then
    error("the document cannot be stored: it is nested too deeply, or contains itself", 0)
  end
  local out = {}
  for k, v in pairs(value) do
    out[k] = deep(v, level + 1)
  end
  return json.is_list(value) and json.list(out) or out
end

local function stamped(self, doc)
  if type(doc) ~= "table" then
    error(("a document is a table, not a %s"):format(type(doc)), 3)
  end
  local out = copy(doc)
  local now = time.now_rfc3339()
  out.id = out.id or seal.id(self.prefix)
  out.createdAt = out.createdAt or now
  out.updatedAt = out.updatedAt or now
  return out
end

-- Applies `change` to a document.
local function changed(doc, change)
  local id = doc.id
  change(doc)
  if doc.id ~= id then
    error(("the id of a document cannot change: %s"):format(id), 0)
  end
end

local function check_function(fn)
  if type(fn) ~= "function" then
    error(("a function is needed, not a %s"):format(type(fn)), 3)
  end
end

local function write(self, step)
  local ok, message, code = ensure(self)
  if not ok then
    return nil, message, code
  end
  local results
  results, message, code = core.write { step }
  if not results then
    return nil, message, code
  end
  return results[1]
end

--- Stores a new document. Fails with "exists" when its id or a unique field is taken.
---@param doc table
---@return table? doc as stored
---@return string? message
---@return string? code
function Collection:create(doc)
  local out = stamped(self, doc)
  local rev, message, code = write(self, { "create", self.name, id = out.id, doc = out })
  if not rev then
    return nil, message, code
  end
  return out
end

--- Stores a document whether or not its id is known.
---@param doc table with an id
---@return table? doc as stored
---@return string? message
---@return string? code
function Collection:put(doc)
  local out = stamped(self, doc)
  local rev, message, code = write(self, { "put", self.name, id = out.id, doc = out })
  if not rev then
    return nil, message, code
  end
  return out
end

--- The document of that id, or nil.
---@param id string
---@return table?
---@return integer|string? revision, or message
---@return string? code
function Collection:get(id)
  local ok, message, code = ensure(self)
  if not ok then
    return nil, message, code
  end
  return core.get(self.name, id)
end

--- The documents that match, in order.
---@param query Query?
---@return table[]?
---@return integer|string? count when asked for, or message
---@return string? code
function Collection:find(query)
  local ok, message, code = ensure(self)
  if not ok then
    return nil, message, code
  end
  local rows, revisions, count = core.find(self.name, query or {})
  if not rows then
    return nil, revisions, count
  end
  return rows, count
end

--- The first document that matches, or nil.
---@param query Query?
---@return table?
---@return string? message
---@return string? code
function Collection:one(query)
  local q = copy(query or {})
  q.limit = 1
  local rows, message, code = self:find(q)
  if not rows then
    return nil, message, code
  end
  return rows[1]
end

--- How many match.
---@param query Query?
---@return integer?
---@return string? message
---@return string? code
function Collection:count(query)
  local q = copy(query or {})
  q.limit, q.count, q.order_by = 1, true, nil
  local rows, count, code = self:find(q)
  if not rows then
    return nil, count, code
  end
  return count
end

--- Reads, changes and writes one document; tries again when somebody else changed it meanwhile. `change` gets the
--- document and changes it in place; it may run several times and must not wait. Returns nil alone when there is none.
---@param id string
---@param change fun(doc: table)
---@return table? doc as stored
---@return string? message
---@return string? code
function Collection:update(id, change)
  check_function(change)
  for _ = 1, RETRIES do
    local doc, rev, code = self:get(id)
    if not doc then
      return nil, rev, code
    end
    local before = doc.updatedAt
    changed(doc, change)
    if doc.updatedAt == before then
      doc.updatedAt = time.now_rfc3339()
    end
    local ok, message
    ok, message, code = write(self, { "update", self.name, id = id, doc = doc, rev = rev })
    if ok then
      return doc
    end
    if code == "not_found" then
      return nil
    end
    if code ~= "conflict" then
      return nil, message, code
    end
  end
  return nil, "changed by others too often", "conflict"
end

--- Deletes one document. true when it was there.
---@param id string
---@return boolean?
---@return string? message
---@return string? code
function Collection:delete(id)
  local n, message, code = write(self, { "delete", self.name, id = id })
  if not n then
    return nil, message, code
  end
  return n > 0
end

--- Deletes all documents that match; returns how many.
---@param query Query
---@return integer?
---@return string? message
---@return string? code
function Collection:delete_where(query)
  return write(self, { "delete_where", self.name, query = query })
end

-- ---- transactions ----
--
-- Optimistic: reads are remembered with what they saw, writes are collected; at the end one job checks that all reads
-- still hold and applies the writes, or nothing happens and the function runs again.

---@class Transaction
---@overload fun(collection: Collection): CollectionView
local Tx = {}
Tx.__index = Tx

---@class CollectionView a collection inside a transaction: what fails raises, and undoes all of it
local View = {}
View.__index = View

-- What is kept beyond the end would write into nothing.
function Tx:__close()
  self.over = true
end

local function check_open(view)
  if view.tx.over then
    error("the transaction is over", 3)
  end
end

function Tx:__call(collection)
  if getmetatable(collection) ~= Collection then
    error(("a transaction works on a collection, not on a %s"):format(type(collection)), 2)
  end
  return setmetatable({ tx = self, collection = collection }, View)
end

local function pending(view, id)
  check_open(view)
  local of = view.tx.written[view.collection.name]
  return of and of[id]
end

local function add(view, id, doc, step)
  check_open(view)
  errors.check(ensure(view.collection))
  local written = view.tx.written
  local name = view.collection.name
  written[name] = written[name] or {}
  written[name][id] = { doc = deep(doc, 1) }
  step.doc = written[name][id].doc
  table.insert(view.tx.steps, step)
end

--- The document of that id as the transaction sees it, or nil.
---@param id string
---@return table?
function View:get(id)
  local own = pending(self, id)
  if own then
    return deep(own.doc, 1)
  end
  local doc, rev, code = self.collection:get(id)
  if not doc then
    errors.check(doc, rev, code)
  end
  table.insert(self.tx.checks, { "check", self.collection.name, id = id, rev = doc and rev or 0 })
  return doc
end

--- The documents that match, in order, and their count when asked for. Matches what is stored: writes of the same
--- transaction are not seen by find.
---@param query Query?
---@return table[]
---@return integer?
function View:find(query)
  check_open(self)
  errors.check(ensure(self.collection))
  local rows, revisions, count, digest = core.find(self.collection.name, query or {})
  if not rows then
    errors.check(nil, revisions, count)
  end
  table.insert(self.tx.checks, { "check_query", self.collection.name, query = query or {}, digest = digest })
  return rows, count
end

--- The first document that matches what is stored, or nil.
---@param query Query?
---@return table?
function View:one(query)
  local q = copy(query or {})
  q.limit = 1
  return self:find(q)[1]
end

--- A new document, stored when the transaction ends: that fails with "exists" when its id or a unique field is taken.
---@param doc table
---@return table doc
function View:create(doc)
  local out = stamped(self.collection, doc)
  add(self, out.id, out, { "create", self.collection.name, id = out.id })
  return out
end

--- Stores a document whether or not its id is known.
---@param doc table with an id
---@return table doc
function View:put(doc)
  local out = stamped(self.collection, doc)
  add(self, out.id, out, { "put", self.collection.name, id = out.id })
  return out
end

--- Reads, changes and stores one document; nil when there is none.
---@param id string
---@param change fun(doc: table)
---@return table? doc
function View:update(id, change)
  check_function(change)
  local doc = self:get(id)
  if not doc then
    return nil
  end
  changed(doc, change)
  doc.updatedAt = time.now_rfc3339()
  add(self, id, doc, { "put", self.collection.name, id = id })
  return doc
end

--- Deletes one document, whether or not it is there.
---@param id string
function View:delete(id)
  add(self, id, nil, { "delete", self.collection.name, id = id })
end

local function attempt(fn)
  local tx <close> = setmetatable({ checks = {}, steps = {}, written = {}, over = false }, Tx)
  local results = table.pack(fn(tx))
  local steps = tx.checks
  table.move(tx.steps, 1, #tx.steps, #steps + 1, steps)
  if #steps == 0 then
    return true, results
  end
  local ok, message, code = core.write(steps)
  if not ok then
    return nil, message, code
  end
  return true, results
end

--- Runs fn(tx); tx(collection) gives get, find, one, create, put, update and delete on it. All writes happen or none, as
--- if nobody else had been there. fn may run several times: nothing but tx may be waited for inside, and it must have no
--- other effects. Returns what fn returned, or nil, message, code.
---@param fn fun(tx: Transaction): any
---@return any ... what fn returned; or nil, message, code
function M.transaction(fn)
  check_function(fn)
  for _ = 1, RETRIES do
    local ok, results, code = attempt(fn)
    if ok then
      return table.unpack(results, 1, results.n)
    end
    if code ~= "conflict" then
      return nil, results, code
    end
  end
  return nil, "changed by others too often", "conflict"
end

return M
