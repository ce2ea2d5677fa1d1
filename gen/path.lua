-- path: the path of a handler in all the forms that a declaration may use, and what it resolves to. Pure.
--
--     /p  p  :1234/p  //host:99/p  https://host/p  ...        the last stands for the name in kebab case

local names = require "gen.names"
local url = require "gen.url"

local M = {}

M.PORT = 443 -- where functions and webs are, unless their path says something else
M.EVENT_PORT = 417 -- where events are

---@class PathArgument
---@field name string its own, or path1, path2 … by its position
---@field greedy boolean whether it takes the rest of the path
---@field position integer among the arguments of the path, from 1

---@class Route
---@field host string? a hostname other than the service's own, in lower case
---@field port integer 0 = any
---@field path string decoded: "/x/{y}"; "" when there is none

--- What is written, with the name of the handler where it says so: no path at all, and the first "...".
---@param written string
---@param name string of the handler
---@return string
function M.expand(written, name)
  local kebab = names.kebab(name)
  if written == "" then
    return "/" .. kebab
  end
  return (written:gsub("%.%.%.", kebab, 1))
end

--- The URL of a path on a host.
---@param host string
---@param path string
---@return string
function M.join(host, path)
  if path == "" then
    return ("https://%s:%d"):format(host, M.PORT)
  elseif path:sub(1, 1) == ":" then
    return "https://" .. host .. path
  elseif path:sub(1, 2) == "//" then
    return "https:" .. path
  elseif path:sub(1, 1) == "/" then
    return ("https://%s:%d%s"):format(host, M.PORT, path)
  elseif not path:find("://", 1, true) then
    return ("https://%s:%d/%s"):format(host, M.PORT, path)
  end
  return path
end

-- Whether the path names neither port nor host, so that what it is of decides about the port.
local function is_plain(path)
  return path:match("^/$") or path:match("^/[^/]")
end

--- The form that is kept: with the port where nothing was said about it.
---@param path string expanded
---@param port integer
---@return string
function M.store(path, port)
  return is_plain(path) and (":%d%s"):format(port, path) or path
end

-- ---- path arguments ----

-- What is wrong with one segment; `path` is how the whole is written.
local function check_segment(segment, path, last)
  local open, close = segment:find("{", 1, true), segment:match(".*()}")
  if open and open > 1 then
    return ("path argument '%s' in '%s' must span entire section"):format(segment, path)
  elseif not open and not close then
    return nil
  elseif not open or not close then
    return ("malformed path argument '%s' in '%s'"):format(segment, path)
  elseif close < #segment then
    return ("path argument '%s' in '%s' must span entire section"):format(segment, path)
  end
  local name, plus = segment:match("^{(.-)(%+?)}$")
  if plus ~= "" and not last then
    return ("greedy path argument '%s' in '%s' must end path"):format(segment, path)
  elseif name ~= "" and not names.is_identifier(name) then
    return ("name of path argument '%s' in '%s' must be an identifier"):format(name, path)
  end
end

--- The path arguments of the path of a URL, in order.
---@param decoded string the path
---@param written string? how it is called in messages
---@return PathArgument[]?
---@return string? message
function M.arguments(decoded, written)
  local list, segments = {}, {}
  for segment in (decoded .. "/"):gmatch("([^/]*)/") do
    table.insert(segments, segment)
  end
  for i, segment in ipairs(segments) do
    local why = check_segment(segment, written or decoded, i == #segments)
    if why then
      return nil, why
    end
    local name, greedy = url.argument(segment, #list + 1)
    if name then
      table.insert(list, { name = name, greedy = greedy, position = #list + 1 })
    end
  end
  return list
end

-- ---- resolving ----

local ANY_HOST = "hostname" -- stands for the service's own while a path is read

--- What a path stands for: the route, its arguments, and the location that says everything.
---@param path string expanded
---@param port integer? where it is when it does not say (443)
---@return Route?
---@return PathArgument[]|string arguments, or what is wrong
---@return Location?
function M.resolve(path, port)
  local at, why = url.locate(M.join(ANY_HOST, path))
  if not at then
    return nil, why
  elseif at.scheme ~= "https" and at.scheme ~= "http" then
    return nil, ("invalid scheme '%s' in path '%s'"):format(at.scheme, path)
  end
  local arguments
  arguments, why = M.arguments(at.path, path)
  if not arguments then
    return nil, why
  end
  local elsewhere = path:sub(1, 2) == "//" or (not path:match("^[:/]") and path:find("://", 1, true))
  return {
    host = elsewhere and at.host or nil,
    port = is_plain(path) and port or at.port,
    path = at.path,
  }, arguments, at
end

return M
