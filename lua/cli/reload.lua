-- moonbus reload [SERVICE ...]

local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local output = require "cli.output"
local url = require "url"

local function reload(name)
  local answer = client.admin("POST", "/reload" .. (name and "?service=" .. url.encode(name) or ""))
  local result = json.decode(answer.body)
  if type(result) ~= "table" or type(result.report) ~= "string" then
    errors.raise(502, ("the host answered %d: %s"):format(answer.status, answer.body))
  end
  return result.ok == true, result.report
end

return {
  usage = "reload [SERVICE ...]",
  summary = "put changed files of services into service",
  text = "Looks at the files of the services named (by host or folder, as in hello.example or examples/hello) or of all, on\n"
    .. "the host with this home folder, and puts them into service where they changed: all workers or none. A service\n"
    .. "that does not load stays as it was; the exit code is 1.",
  talks = "here",
  words = math.huge,
  run = function(names, flags)
    local all_ok, reports = true, {}
    for i = 1, math.max(1, #names) do
      local ok, report = reload(names[i])
      all_ok = all_ok and ok
      table.insert(reports, report)
    end
    local report = table.concat(reports)
    if flags.json then
      output.json { ok = all_ok, report = report }
    else
      output.text(report ~= "" and report or "nothing changed\n")
    end
    return all_ok and 0 or 1
  end,
}
