-- policies: which questions the platform asks of policies, and what a policy file answers. Pure.

local code = require "gen.code"
local keys = require "service.keys"
local questions = require "policies.known"
local report = require "gen.report"
local scope = require "gen.scope"

local M = {}

-- The functions that the policy file of a service may define; nil when nobody asks that service.
local function questions_to(service)
  local rows = questions.rows[service]
  return rows and keys.sorted(rows)
end

local function add(list, text, token, what)
  table.insert(list, {
    line = token.line, column = token.from - code.line_start(text, token.from) + 1, text = what,
  })
end

local function meant(name, known)
  local nearest = report.nearest(name, known)
  return nearest and ("did you mean '%s'?"):format(nearest) or ("there are: %s"):format(table.concat(known, ", "))
end

--- The functions that a file answers with: those of the table that it returns.
---@param found Scope
---@return Token[]
function M.functions(found)
  if found.keys then
    return found.keys
  end
  local list = {}
  for _, defined in ipairs(found.final and found.defined or {}) do
    if defined.object == found.final.text then
      table.insert(list, defined.token)
    end
  end
  return list
end

--- What is wrong about the functions of a policy file.
---@param name string "user"
---@param text string
---@return { line: integer, column: integer, text: string }[]
function M.check(name, text)
  local known, list = questions_to(name), {}
  local found = scope.read(text)
  local start = { line = 1, from = 1 }
  if not known then
    local names = keys.sorted(questions.rows)
    add(list, text, start, ("the platform asks no policy '%s'; %s"):format(name, meant(name, names)))
    return list
  elseif not found.keys and not found.final then
    add(list, text, start, "it must end with `return` and a table of functions")
  end
  local asked = {}
  for _, one in ipairs(known) do
    asked[one] = true
  end
  for _, token in ipairs(M.functions(found)) do
    if not asked[token.text] and not token.text:find "^_" then
      add(list, text, token, ("nobody asks %s.%s; %s"):format(name, token.text, meant(token.text, known)))
    end
  end
  return list
end

return M
