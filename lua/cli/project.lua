-- project: what paths mean that were typed inside a service's folder. Commands about files work in the folder of the
-- project (core/script/project.h), so that settings, shared modules and the other services are found from everywhere in it.

local cli = require "cli"
local folder = require "folder"

local M = {}

-- "services/shop/../basket/." -> "services/basket"; what would lead out of the project stays in front.
local function normal(path)
  local names = {}
  for name in path:gmatch "[^/]+" do
    if name == ".." and names[1] and names[#names] ~= ".." then
      table.remove(names)
    elseif name ~= "." then
      table.insert(names, name)
    end
  end
  return names[1] and table.concat(names, "/") or "."
end

--- The words of a command as seen from the project's folder: those that are paths from where they were typed. Without
--- words it is that place; nothing when it is the project's folder itself.
---@param words string[]
---@return string[]
function M.words(words)
  local from = cli.came_from()
  if not from then
    return words
  elseif #words == 0 then
    return { from }
  end
  local list = {}
  for i, word in ipairs(words) do
    local path = word:sub(1, 1) ~= "/" and normal(from .. "/" .. word)
    list[i] = path and folder.kind(path) and path or word
  end
  return list
end

--- The same for commands about services: inside of a service's folder, however deep, that service is meant.
---@param words string[]
---@return string[]
function M.services(words)
  local list = {}
  for i, word in ipairs(M.words(words)) do
    local at = cli.came_from() and folder.kind(word) and word
    while at and folder.kind(at .. "/service.yaml") ~= "file" do
      at = at:match "^(.*)/[^/]*$"
    end
    list[i] = at or word
  end
  return list
end

return M
