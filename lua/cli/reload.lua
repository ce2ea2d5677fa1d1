-- moonbus reload [SERVICE]

local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local output = require "cli.output"
local url = require "url"

return {
  usage = "reload [SERVICE]",
  summary = "put changed files of services into service",
  text = "Looks at the files of one service (host or folder name) or of all, and puts them into service where they\n"
    .. "changed: all workers or none. A service that does not load stays as it was; the exit code is 1.",
  run = function(arguments, flags)
    local query = arguments[1] and "?service=" .. url.encode(arguments[1]) or ""
    local answer = client.admin("POST", "/reload" .. query)
    local result = json.decode(answer.body)
    if type(result) ~= "table" or type(result.report) ~= "string" then
      errors.raise(502, ("the host answered %d: %s"):format(answer.status, answer.body))
    end
    if flags.json then
      output.json(result)
    else
      output.text(result.report ~= "" and result.report or "nothing changed\n")
    end
    return result.ok and 0 or 1
  end,
}
