-- scenery: what the specs of the generator have in common.

local generate = require "gen.generate"
local model = require "gen.model"

local M = {}

M.TIME = "2026-01-02T03:04:05Z"
M.GENERAL = "general:\n  host: shop.example\n"

--- Files with others in place of, or besides, them.
function M.with(files, changes)
  local out = {}
  for path, text in pairs(files) do
    out[path] = text
  end
  for path, text in pairs(changes) do
    out[path] = text or nil
  end
  return out
end

--- What the generator makes of files; `options` are further fields of its input.
function M.run(files, options)
  local input = { folder = "shop", files = files, time = M.TIME }
  for key, value in pairs(options or {}) do
    input[key] = value
  end
  return generate.service(input)
end

--- The files after a run, and its result. Fails when the run does.
function M.generate(files, options)
  local result, problems = M.run(files, options)
  if not result then
    error(model.render(problems), 2)
  end
  return M.with(files, result.files), result
end

--- The files of a declaration: its sections, behind a `general` that is right.
function M.declared(sections, files, options)
  return M.generate(M.with(files or {}, { ["service.yaml"] = M.GENERAL .. (sections or "") }), options)
end

--- The same files with other sections declared.
function M.declare_again(files, sections, options)
  return M.generate(M.with(files, { ["service.yaml"] = M.GENERAL .. sections }), options)
end

--- The paths of a set of files, sorted, in one text.
function M.paths(files)
  return table.concat(generate.paths(files), " ")
end

--- Runs a generated file that returns data.
function M.load(text)
  return assert(load(text, "=generated", "t", {}))()
end

return M
