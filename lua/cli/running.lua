-- Asks the host of the home folder about what runs in it, for the commands that show it.

local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local report = require "gen.report"
local url = require "url"

local M = {}

local function message_of(answer)
  local value = json.decode(answer.body)
  return type(value) == "table" and type(value.error) == "string" and value.error or answer.body:match("^[^\r\n]*")
end

local function query_text(query)
  local parts = {}
  for name, value in pairs(query or {}) do
    table.insert(parts, name .. "=" .. url.encode(tostring(value)))
  end
  table.sort(parts)
  return parts[1] and "?" .. table.concat(parts, "&") or ""
end

--- The services of the host, as its admin address lists them.
---@return table[]
function M.services()
  local answer = client.admin("GET", "/services")
  local list = answer.status == 200 and json.decode(answer.body)
  if type(list) ~= "table" then
    errors.raise(502, ("the host answered %d: %s"):format(answer.status, answer.body))
  end
  return list
end

--- What to say of a service that is not there, with the nearest name.
---@param name string
---@return string
function M.missing(name)
  local names = {}
  for _, service in ipairs(M.services()) do
    table.insert(names, service.host)
    table.insert(names, service.folder)
  end
  local meant = report.nearest(name, names)
  return ("there is no service %s%s; moonbus top lists them all"):format(name,
    meant and (", do you mean %s?"):format(meant) or "")
end

--- Raises that.
---@param name string
function M.no_service(name)
  errors.raise(404, M.missing(name))
end

--- GET of a page of the admin address, with the query as a table. Returns the answer; raises when it is none, or of a
--- status of 400 and more.
---@param path string
---@param query table<string, string|number>?
---@param timeout number? seconds
---@return table
function M.get(path, query, timeout)
  local answer = client.admin("GET", path .. query_text(query), timeout)
  if answer.status == 404 and query and query.service and message_of(answer) == "no such service" then
    M.no_service(query.service)
  elseif answer.status >= 400 then
    errors.raise(answer.status, message_of(answer))
  end
  return answer
end

--- The same for a page that answers with an object.
---@param path string
---@param query table<string, string|number>?
---@return table
function M.object(path, query)
  local answer = M.get(path, query)
  local value = json.decode(answer.body)
  if type(value) ~= "table" then
    errors.raise(502, ("the host answered %d: %s"):format(answer.status, answer.body:sub(1, 200)))
  end
  return value
end

--- "3.2 s", "5 m 10 s", "2 h 3 m", "4 d 1 h".
---@param seconds number
---@return string
function M.duration(seconds)
  local whole = math.floor(seconds)
  if seconds < 60 then
    return ("%.1f s"):format(seconds)
  elseif seconds < 3600 then
    return ("%d m %d s"):format(whole // 60, whole % 60)
  elseif seconds < 86400 then
    return ("%d h %d m"):format(whole // 3600, whole % 3600 // 60)
  end
  return ("%d d %d h"):format(whole // 86400, whole % 86400 // 3600)
end

--- Processor time: "1.3 ms", "2.41 s".
---@param seconds number
---@return string
function M.cpu(seconds)
  return seconds < 1 and ("%.1f ms"):format(seconds * 1000) or ("%.2f s"):format(seconds)
end

--- Warns of workers that did not answer.
---@param silent integer[]?
---@return string? text a line
function M.silent(silent)
  if type(silent) ~= "table" or not silent[1] then
    return nil
  end
  return ("worker %s did not answer within a second: something keeps it busy"):format(table.concat(silent, ", "))
end

return M
