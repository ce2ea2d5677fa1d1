---@meta store
--
-- Generated from lua/store.lua by ./dev fmt; do not edit.

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

---@class Transaction
---@overload fun(collection: Collection): CollectionView

---@class CollectionView a collection inside a transaction: what fails raises, and undoes all of it
local CollectionView = {}

--- Stores a new document. Fails with "exists" when its id or a unique field is taken.
---@param doc table
---@return table? doc as stored
---@return string? message
---@return string? code
function Collection:create(doc) end

--- Stores a document whether or not its id is known.
---@param doc table with an id
---@return table? doc as stored
---@return string? message
---@return string? code
function Collection:put(doc) end

--- The document of that id, or nil.
---@param id string
---@return table?
---@return integer|string? revision, or message
---@return string? code
function Collection:get(id) end

--- The documents that match, in order.
---@param query Query?
---@return table[]?
---@return integer|string? count when asked for, or message
---@return string? code
function Collection:find(query) end

--- The first document that matches, or nil.
---@param query Query?
---@return table?
---@return string? message
---@return string? code
function Collection:one(query) end

--- How many match.
---@param query Query?
---@return integer?
---@return string? message
---@return string? code
function Collection:count(query) end

--- Reads, changes and writes one document; tries again when somebody else changed it meanwhile. `change` gets the
--- document and changes it in place; it may run several times and must not wait. Returns nil alone when there is none.
---@param id string
---@param change fun(doc: table)
---@return table? doc as stored
---@return string? message
---@return string? code
function Collection:update(id, change) end

--- Deletes one document. true when it was there.
---@param id string
---@return boolean?
---@return string? message
---@return string? code
function Collection:delete(id) end

--- Deletes all documents that match; returns how many.
---@param query Query
---@return integer?
---@return string? message
---@return string? code
function Collection:delete_where(query) end

--- The document of that id as the transaction sees it, or nil.
---@param id string
---@return table?
function CollectionView:get(id) end

--- The documents that match, in order, and their count when asked for. Matches what is stored: writes of the same
--- transaction are not seen by find.
---@param query Query?
---@return table[]
---@return integer?
function CollectionView:find(query) end

--- The first document that matches what is stored, or nil.
---@param query Query?
---@return table?
function CollectionView:one(query) end

--- A new document, stored when the transaction ends: that fails with "exists" when its id or a unique field is taken.
---@param doc table
---@return table doc
function CollectionView:create(doc) end

--- Stores a document whether or not its id is known.
---@param doc table with an id
---@return table doc
function CollectionView:put(doc) end

--- Reads, changes and stores one document; nil when there is none.
---@param id string
---@param change fun(doc: table)
---@return table? doc
function CollectionView:update(id, change) end

--- Deletes one document, whether or not it is there.
---@param id string
function CollectionView:delete(id) end

local store = {}

--- Declares a collection. Does nothing but remember it; tables are made at its first use.
---@param name string letters, digits, _ - .
---@param options { id: string?, indexes: table? }? id: prefix of generated ids; indexes: "field", { "a", "b", unique = true }
---@return Collection
function store.collection(name, options) end

--- Runs fn(tx); tx(collection) gives get, find, one, create, put, update and delete on it. All writes happen or none, as
--- if nobody else had been there. fn may run several times: nothing but tx may be waited for inside, and it must have no
--- other effects. Returns what fn returned, or nil, message, code.
---@param fn fun(tx: Transaction): any
---@return any ... what fn returned; or nil, message, code
function store.transaction(fn) end

return store
