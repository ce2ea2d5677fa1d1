---@meta folder
--
-- Generated from core/script/lib_folder.c by ./dev fmt; do not edit.

local folder = {}

--- The folders below root that hold a service.yaml, as paths relative to it, in no order.
---@param root string
---@return string[]?
---@return string?
---@return string?
function folder.services(root) end

--- The files of a service's folder, texts by relative path; dot files and other services inside it left out.
---@param root string
---@param name string
---@return table<string, string>?
---@return string?
---@return string?
function folder.read(root, name) end

--- Whether the binary has a platform service of that name.
---@param name string
---@return boolean
function folder.platform(name) end

--- The declarations of the services inside the binary: texts by folder.
---@return table<string, string>
function folder.platforms() end

--- What is at a path; nil when there is nothing.
---@param path string
---@return "file"|"folder"|"other"|nil
function folder.kind(path) end

--- A path from the root on, without links and dots; nil when there is nothing.
---@param path string
---@return string?
function folder.absolute(path) end

--- Gives files new texts, and makes those that are missing, with their folders. All new texts are on disk before
--- the first file is replaced; a failure leaves everything as it was. Files keep their mode, links lead where they
--- led.
---@param files { path: string, text: string }[]
---@return true?
---@return string?
---@return string?
function folder.replace(files) end

return folder
