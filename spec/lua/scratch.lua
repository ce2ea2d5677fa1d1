-- scratch: a folder of a test's own, which goes when the test ends. Used as
--
--     local scratch = require "scratch"
--     before_each(scratch.make)
--     after_each(scratch.remove)

local M = {}

--- Runs a command; fails when that does.
function M.shell(command, ...)
  assert(os.execute(command:format(...)))
end

--- What a command prints.
function M.output(command, ...)
  local handle = assert(io.popen(command:format(...)))
  local text = handle:read("a")
  handle:close()
  return text
end

function M.make()
  M.root = os.tmpname()
  os.remove(M.root)
  M.shell("mkdir '%s'", M.root)
end

function M.remove()
  M.shell("chmod -R u+w '%s' && rm -rf '%s'", M.root, M.root)
end

--- The path of something in the folder.
function M.path(name)
  return M.root .. "/" .. name
end

--- The text of a file in the folder; nil when there is none.
function M.read(name)
  local handle = io.open(M.path(name), "rb")
  local text = handle and handle:read("a")
  if handle then
    handle:close()
  end
  return text
end

--- Writes a file and makes the folders that it needs.
function M.write(name, text)
  M.shell("mkdir -p '%s'", M.path(name):match("^(.*)/"))
  local handle = assert(io.open(M.path(name), "wb"))
  handle:write(text)
  handle:close()
end

--- All that is in the folder, one after the other.
function M.listing()
  return M.output("cd '%s' && find . -mindepth 1 | sort | tr '\n' ' '", M.root)
end

return M
