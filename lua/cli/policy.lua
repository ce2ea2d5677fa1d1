-- moonbus policy ls, moonbus policy new SERVICE: which policies are in force, and a file to begin with.

local client = require "cli.client"
local declared = require "spec.declared"
local errors = require "errors"
local folder = require "folder"
local host = require "host"
local json = require "json"
local known = require "policies.known"
local main = require "cli.main"
local neighbour = require "spec.neighbour"
local output = require "cli.output"
local report = require "gen.report"
local workspace = require "cli.workspace"

-- ---- ls ----

local function read(path)
  local handle = io.open(path, "rb")
  local text = handle and handle:read("a")
  if handle then
    handle:close()
  end
  return text
end

local function policy_path(name)
  return ("%s/%s.lua"):format(host.setting("policies"), name)
end

-- What a host would have that started now. Its services are those of the workspace, and the platform's. nil when files do not
-- load: then all that is wrong with all of them was told.
local function by_files()
  local all, fine = {}, true
  declared.look_in(workspace.root())
  for _, name in ipairs(known.services()) do
    if declared.read(name, "policy.lua") then
      local ok, policies = pcall(neighbour.policies, name, read(policy_path(name)))
      for problem in (ok and "" or tostring(policies)):gmatch("[^\n]+") do
        main.complain(problem)
      end
      local list = ok and policies.list() or {}
      table.move(list, 1, #list, #all + 1, all)
      fine = fine and ok
    end
  end
  return fine and all or nil
end

-- What the running host has; nil and why when none runs.
local function in_force()
  local ok, answer = pcall(client.admin, "GET", "/policies")
  if not ok then
    if errors.is(answer) and answer.status == 503 then
      return nil, answer.message
    end
    error(answer, 0)
  end
  local services = answer.status == 200 and json.decode(answer.body)
  if type(services) ~= "table" then
    errors.raise(502, ("the host answered %d: %s"):format(answer.status, answer.body))
  end
  local all = {}
  for _, service in ipairs(services) do
    table.move(service.policies, 1, #service.policies, #all + 1, all)
  end
  table.sort(all, function(a, b)
    return a.name < b.name
  end)
  return all
end

local function source_of(policy)
  if not policy.file then
    return "not defined"
  elseif policy.shipped then
    return policy.file .. " (shipped)"
  end
  return ("%s:%d"):format(policy.file, policy.line)
end

local function list(flags)
  local policies, why = in_force()
  local running = policies ~= nil
  policies = policies or by_files()
  if not policies then
    return 1
  end
  if flags.json then
    output.json { running = running, policies = json.list(policies) }
    return 0
  end
  local rows = {}
  for i, policy in ipairs(policies) do
    rows[i] = { policy.name, policy.about, source_of(policy) }
  end
  output.table({ "POLICY", "SAYS", "FROM" }, rows)
  if not running then
    output.write(("\n%s.\nThis is what the files say.\n"):format(why))
  end
  return 0
end

-- ---- new ----

local HEAD = [[
-- How this host decides where the service %s asks. Functions that are not defined here stay as they are shipped;
-- `default` has those. moonbus policy ls shows what is in force.

local default = require "policy" -- luacheck: ignore

local M = {}
]]

local FUNCTION = [[

-- %s: %s. Answers %s.
--
-- function M.%s(%s)
--   return %s
-- end
]]

local function starting_file(name)
  local parts = { HEAD:format(name) }
  for _, policy in ipairs(known.names(name)) do
    local row = known.rows[name][policy]
    local call = row.optional and "nil" or ("default.%s(%s)"):format(policy, row.inputs)
    table.insert(parts, FUNCTION:format(policy, row.about, row.answers, policy, row.inputs, call))
  end
  table.insert(parts, "\nreturn M\n")
  return table.concat(parts)
end

local function check_service(name)
  local services = known.services()
  if not name then
    main.wrong_usage("policy new takes a service: " .. table.concat(services, ", "))
  elseif not known.rows[name] then
    local meant = report.nearest(name, services)
    errors.raise(404, ("the service %s asks no policies; %s"):format(name,
      meant and ("did you mean %s?"):format(meant) or "there are " .. table.concat(services, ", ")))
  end
end

local function make(name, flags)
  check_service(name)
  local path = policy_path(name)
  if folder.kind(path) then
    errors.raise(409, path .. " is there already")
  end
  errors.check(folder.replace { { path = path, text = starting_file(name) } })
  if flags.json then
    output.json { service = name, file = path }
  else
    output.write(path, " is there. What you define in it is in force once you save it.\n")
  end
  return 0
end

local WHAT = {
  ls = function(words, flags)
    main.no_more(words, 1, "policy ls")
    return list(flags)
  end,
  new = function(words, flags)
    main.no_more(words, 2, "policy new")
    return make(words[2], flags)
  end,
}

return {
  usage = "policy ls | new SERVICE",
  summary = "show which policies are in force, or begin a file of your own",
  text = "Lists the policies (ls), and for each the file and line of the function that is in force on the host with this home\n"
    .. "folder; without a host, what the files would give. Or writes a file with all policies of a service, commented out (new).",
  talks = "here",
  words = 2,
  run = function(words, flags)
    local run = WHAT[words[1]] or main.wrong_usage("policy takes ls or new; see moonbus help policy")
    return run(words, flags)
  end,
}
