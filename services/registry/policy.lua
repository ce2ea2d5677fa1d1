-- policy: how the registry decides. The defaults; policies/registry.lua overrides what it defines.

local M = {}

--- Which URLs may be registered.
function M.register()
  return true
end

--- How an instance's health is checked.
function M.check()
  return { kind = "tcp" }
end

return M
