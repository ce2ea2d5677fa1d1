-- moonbus reload [SERVICE ...] [--check] [--force]

local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local running = require "cli.running"
local url = require "url"

local M = {
  usage = "reload [SERVICE ...] [--check] [--force]",
  summary = "put changed files of services into service",
  text = "Looks at the files of the services named (by host or folder, as in hello.example or examples/hello) or of all, on\n"
    .. "the host with this home folder, and puts them into service where they changed: all workers or none. A service\n"
    .. "that does not load stays as it was; the exit code is 1.",
  talks = "here",
  words = math.huge,
  flags = {
    { name = "check", text = "build and check what changed, on_check included, but put nothing into service" },
    { name = "force", text = "also what did not change, and what a rollback keeps out of service; needs a SERVICE" },
  },
}

--- Asks the admin address for a reload or a rollback. Returns whether all went well, and the report.
---@param path string
---@param query table<string, string>
---@return boolean ok
---@return string report
function M.ask(path, query)
  local parts = {}
  for name, value in pairs(query) do
    table.insert(parts, name .. "=" .. url.encode(value))
  end
  local answer = client.admin("POST", path .. (parts[1] and "?" .. table.concat(parts, "&") or ""))
  local result = json.decode(answer.body)
  if type(result) ~= "table" or type(result.report) ~= "string" then
    errors.raise(502, ("the host answered %d: %s"):format(answer.status, answer.body))
  end
  if query.service and result.report == query.service .. ": no such service\n" then
    return false, running.missing(query.service) .. "\n"
  end
  return result.ok == true, result.report
end

local function nothing(flags)
  return flags.check and "nothing changed: there is nothing to check\n" or "nothing changed\n"
end

function M.run(names, flags)
  if flags.force and not names[1] then
    main.wrong_usage("--force needs the services: moonbus reload SERVICE --force")
  end
  local all_ok, reports = true, {}
  for i = 1, math.max(1, #names) do
    local ok, report = M.ask("/reload", {
      service = names[i],
      check = flags.check and "true",
      force = flags.force and "true",
    })
    all_ok = all_ok and ok
    table.insert(reports, report)
  end
  local report = table.concat(reports)
  if flags.json then
    output.json { ok = all_ok, report = report }
  else
    output.text(report ~= "" and report or nothing(flags))
  end
  return all_ok and 0 or 1
end

return M
