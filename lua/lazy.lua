-- lazy: a module that is loaded when something of it is first used. For the runtime: most services need little of it, and each
-- has a state of its own on each worker.
--
--     local message = lazy "service.message"      -- as require, later

---@overload fun(module: string): table
local M = {}

-- Remembers what was used, so that it costs a look into a table from then on.
local function index(proxy, key)
  local value = require(proxy[M])[key]
  rawset(proxy, key, value)
  return value
end

local Proxy = { __index = index }

return setmetatable(M, {
  __call = function(_, name)
    return setmetatable({ [M] = name }, Proxy)
  end,
})
