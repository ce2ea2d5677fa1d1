-- declared: short declarations for specs.

local model = require "gen.model"

local M = {}

M.FILE = "services/shop/service.yaml"
M.GENERAL = "general:\n  host: ok.host\n"

function M.parse(text)
  return model.parse(text, M.FILE)
end

--- A declaration with one handler: its fields, a line each.
---@param section string
---@param fields string
function M.text(section, fields)
  return ("%s%s:\n  - %s\n"):format(M.GENERAL, section, (fields:gsub("\n", "\n    ")))
end

--- The only handler of a declaration that must be right, and the texts of the warnings.
---@param section string
---@param fields string
function M.handler(section, fields)
  local declaration, problems = M.parse(M.text(section, fields))
  if not declaration then
    error(model.render(problems), 2)
  end
  local warnings = {}
  for i, warning in ipairs(problems) do
    warnings[i] = warning.text
  end
  return declaration[section][1], warnings, declaration
end

--- The declaration of that text, which must be right, and its warnings.
---@param text string
function M.good(text)
  local declaration, problems = M.parse(text)
  if not declaration then
    error(model.render(problems), 2)
  end
  return declaration, problems
end

--- All errors of a text that must be wrong, a line each.
---@param text string
function M.errors(text)
  local declaration, problems = M.parse(text)
  if declaration then
    error("it is right:\n" .. text, 2)
  end
  return model.render(problems), problems
end

return M
