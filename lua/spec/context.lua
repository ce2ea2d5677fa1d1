-- spec.context: contexts of calls that nobody made. A spec gives what the handler should know of its caller; a plain table
-- will do.

local context = require "service.context"

local M = {}

-- What a spec may say of a caller, and as what.
local FIELDS = {
  languages = "table", baggage = "table", clock_shift = "number", account = "table", roles = "table", token = "string",
  id = "string", client = "string", from = "table", deadline = "number",
}

--- The context of a caller.
---@param fields { languages: string[]?, baggage: table<string, string>?, clock_shift: number?, account: table?, roles: string[]?,
---  token: string?, id: string?, client: string?, from: { host: string, platform: boolean }?, deadline: number? }?
---@return Context
function M.new(fields)
  local ctx = {}
  for name, value in pairs(fields or {}) do
    if not FIELDS[name] then
      error(("a context has no %q"):format(tostring(name)), 2)
    elseif type(value) ~= FIELDS[name] then
      error(("%s of a context is a %s, not a %s"):format(name, FIELDS[name], type(value)), 2)
    end
    ctx[name] = value
  end
  return context.new(ctx)
end

--- What a spec gave as a context, as one: nil and plain tables, too.
---@param given Context|table?
---@return Context
function M.of(given)
  if given == nil then
    return M.new()
  elseif type(given) ~= "table" then
    error(("a context is a table, not a %s"):format(type(given)), 3)
  elseif getmetatable(given) then
    return given
  end
  local ctx = {}
  for name, value in pairs(given) do
    ctx[name] = value
  end
  return context.new(ctx)
end

--- What of a context goes along with a call.
---@param ctx Context|table
---@return table?
function M.frame(ctx)
  return (context.frame(ctx))
end

return M
