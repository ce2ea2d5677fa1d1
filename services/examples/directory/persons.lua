-- persons: where the directory keeps them. A person has an integer as its key, and an e-mail address that nobody else
-- has.

local errors = require "errors"
local store = require "store"

local M = {}

local MOST = 10000 -- what anybody may add to needs an end

-- Documents have the person as it was given; `email` beside it is in lower case, for the index.
local persons = store.collection("persons", { indexes = { { "email", unique = true }, "person.key" } })
local sequences = store.collection("sequences")

local function row_of(person)
  return { id = tostring(person.key), email = person.email:lower(), person = person }
end

-- Passes a result of the store on. Only one unique value can be taken: that of the e-mail address.
local function check(result, message, code)
  if code == "exists" then
    errors.raise(400, "Duplicate key")
  end
  return errors.check(result, message, code)
end

local function next_key(tx)
  local row = tx(sequences):update("persons", function(sequence)
    sequence.last = sequence.last + 1
  end)
  return (row or tx(sequences):create { id = "persons", last = 1 }).last
end

--- Adds a person and gives it the next key.
---@param person Person
---@return PersonKey
function M.add(person)
  if errors.check(persons:count()) >= MOST then
    errors.raise(429, "the directory is full")
  end
  local key, message, code
  repeat
    -- All of it happens or nothing.
    key, message, code = store.transaction(function(tx)
      person.key = next_key(tx)
      tx(persons):create(row_of(person))
      return person.key
    end)
  until code ~= "conflict" -- others took the key each time; when they are done it is our turn
  return check(key, message, code)
end

--- Puts a person in place of the one with its key; nil when there is none.
---@param person Person
---@return table?
function M.replace(person)
  local row = row_of(person)
  return check(persons:update(row.id, function(old)
    old.email, old.person = row.email, row.person
  end))
end

---@param key PersonKey
---@return boolean whether there was one
function M.remove(key)
  return errors.check(persons:delete(tostring(key)))
end

---@param key PersonKey
---@return Person?
function M.by_key(key)
  local row = errors.check(persons:get(tostring(key)))
  return row and row.person
end

---@param email string in any case
---@return Person?
function M.by_email(email)
  local row = errors.check(persons:one { filters = { { op = "equals", fields = { "email" }, value = email:lower() } } })
  return row and row.person
end

---@return PersonKey[] in ascending order
function M.keys()
  local keys = {}
  for i, row in ipairs(errors.check(persons:find { order_by = "person.key" })) do
    keys[i] = row.person.key
  end
  return keys
end

return M
