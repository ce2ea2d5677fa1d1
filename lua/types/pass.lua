---@meta pass
--
-- Generated from core/script/lib_pass.c by ./dev fmt; do not edit.

local pass = {}

--- argon2id of the password, as PHC text. "busy" when too many wait.
---@param password string
---@return string?
---@return string?
---@return string?
function pass.hash(password) end

--- Whether it matches, and whether the hash should be made anew. Without a hash it takes as long and does not
--- match.
---@param password string
---@param phc? string
---@return boolean?
---@return boolean|string?
---@return string?
function pass.check(password, phc) end

--- The longest password, in bytes.
---@return integer
function pass.max() end

return pass
