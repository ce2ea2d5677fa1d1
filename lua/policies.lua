-- policies: the functions that a platform service asks where the operator may want another answer.
--
--     local policies = require "policies"
--     local ok, why = policies.ask("slug", slug, kind)
--
-- Which there are is in policies/known.lua, how they are found and asked in policies/binding.lua.

local binding = require "policies.binding"
local files = require "files"

local folder = files.folder()

---@type Policies
return binding.bind(folder, require, files.read(("policies/%s.lua"):format(folder)) ~= nil)
