-- keys: the keys of a table in an order that is always the same, for texts that are to be the same whenever they are
-- made.

local M = {}

-- Keys of one type stand together: numbers and texts by value, others by what they are called.
local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta == tb and (ta == "number" or ta == "string") then
    return a < b
  elseif ta ~= tb then
    return ta < tb
  end
  return tostring(a) < tostring(b)
end

--- The keys of a table, sorted: numbers before texts. Metamethods are not asked.
---@param t table
---@param first? fun(a: any, b: any): boolean another order
---@return any[]
function M.sorted(t, first)
  local keys = {}
  for key in next, t do
    keys[#keys + 1] = key
  end
  table.sort(keys, first or before)
  return keys
end

return M
