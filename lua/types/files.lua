---@meta files
--
-- Generated from core/script/lib_files.c by ./dev fmt; do not edit.

local files = {}

--- A file of this service, by its path in the folder.
---@param path string
---@return string?
function files.read(path) end

--- A file of another service by its path below services/: gen/api.lua, gen/plumbing.lua, service.yaml and
--- types.lua, as they were when this generation was read.
---@param path string
---@return string?
function files.other(path) end

--- Whether this state only tries the files and serves nobody.
---@return boolean
function files.trial() end

--- Whether the files are those inside the binary.
---@return boolean
function files.embedded() end

--- What tells the files of this generation from any others; empty in specs.
---@return string
function files.hash() end

--- The folder of this service, below services/.
---@return string
function files.folder() end

--- The file that a function is written in, services/user/policy.lua, and its first line.
---@param f function
---@return string
---@return integer
function files.where(f) end

--- The paths of this service's files that begin so, in any order.
---@param prefix? string
---@return string[]
function files.list(prefix) end

return files
