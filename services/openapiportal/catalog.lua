-- catalog: asks services for their OpenAPI documents and keeps what a list of them says. Whom it asks, and how, is given
-- by the caller.

local errors = require "errors"
local json = require "json"
local task = require "task"

local M = {}

local AT_ONCE = 16 -- services asked side by side

---@class CatalogEntry
---@field host string
---@field title string
---@field description string
---@field version string
---@field problem string? why there is no document to link to

local function text(value)
  return type(value) == "string" and value or ""
end

-- What a document says of itself; nil when it is none.
local function read(host, body)
  local document = json.decode(body)
  local info = type(document) == "table" and document.info
  if type(info) ~= "table" then
    return nil
  end
  local title = text(info.title)
  return {
    host = host,
    title = title ~= "" and title or host,
    description = text(info.description),
    version = text(info.version),
  }
end

local function failed(host, problem)
  return { host = host, title = host, description = "", version = "", problem = problem }
end

-- The entry of one service; nil when it has no document. One that fails takes nothing away from the others.
local function ask(host, get)
  local ok, answer = pcall(get, host)
  local status = ok and answer.status or (errors.is(answer) and answer.status)
  if status == 404 then
    return nil
  elseif ok and status == 200 then
    return read(host, answer.body) or failed(host, "Its answer is no OpenAPI document.")
  elseif status then
    return failed(host, ("It answered with status %d."):format(status))
  end
  return failed(host, "It could not be asked.")
end

--- The services that have a document, or should have, by host.
---@param hosts string[]
---@param get fun(host: string): { status: integer, body: string } may raise
---@return CatalogEntry[]
function M.collect(hosts, get)
  local entries = {}
  for first = 1, #hosts, AT_ONCE do
    local jobs = {}
    for i = first, math.min(first + AT_ONCE - 1, #hosts) do
      table.insert(jobs, function()
        table.insert(entries, ask(hosts[i], get))
      end)
    end
    task.all(jobs)
  end
  table.sort(entries, function(a, b)
    return a.host < b.host
  end)
  return entries
end

return M
