-- The collections of the registry.

local store = require "store"

local M = {}

M.instances = store.collection("instances", { id = "inst", indexes = { { "url", unique = true }, "slug" } })
M.definitions = store.collection("definitions", { id = "def" })
M.nodes = store.collection("nodes", { id = "node", indexes = { { "url", unique = true } } })

--- What a time is that never happened.
M.ZERO_TIME = "0001-01-01T00:00:00Z"

--- A filter for one field.
function M.is(field, value)
  return { op = "equals", fields = { field }, value = value }
end

return M
