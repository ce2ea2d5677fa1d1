-- source: what gen/plumbing.lua was made of, in one word. Pure.

local seal = require "seal"

local M = {}

--- What `source` says in a gen/plumbing.lua that belongs to these files.
---@param declaration string service.yaml
---@param types string? types.lua
---@return string
function M.of(declaration, types)
  return seal.sha256(("%d:%s%s"):format(#declaration, declaration, types or ""))
end

return M
