-- service.body: bodies of requests as values. The methods of a request that are written in Lua are here: those of a request
-- that came over HTTP, and of one that is made in memory.

local errors = require "errors"
local json = require "json"
local url = require "url"

local M = {}

local FIRST = { first = true } -- what follows the first JSON value is ignored

--- The body of a request as a JSON value; null is an empty table.
---@param req Request
---@param lenient boolean whether no body at all is an empty table, too
---@return any value nil when it is no JSON
---@return string? message
function M.json(req, lenient)
  local text = req:body()
  if text == "" and lenient then
    return {}
  end
  local value, message = json.decode(text, FIRST)
  if value == nil then
    return nil, message
  elseif value == json.null then
    return {}
  end
  return value
end

--- What every request can do besides what the host gives it.
M.methods = {}

--- Decodes the whole body as JSON; raises 400 when it is none.
---@param req Request
---@return any
function M.methods.json(req)
  local value = M.json(req, false)
  if value == nil then
    errors.raise(400, "Invalid JSON")
  end
  return value
end

--- The fields of a form body.
---@param req Request
---@return table<string, string>
function M.methods.form(req)
  return url.parse_query(req:body())
end

return M
