-- service.answer: what a web handler means by the values that it returns.

local M = {}

local function check_status(status)
  if math.type(status) ~= "integer" or status < 200 or status > 599 then
    error(("a handler answers with a status from 200 to 599, not %s"):format(status), 0)
  end
end

-- The body that a value is that is neither table nor text; what has no text of its own is a mistake.
local function text_of(body)
  local kind = type(body)
  if kind == "function" or kind == "thread" then
    error(("a handler answers with a text or a table, not a %s"):format(kind), 0)
  end
  return tostring(body)
end

--- Answers with what a web handler returned, unless it has answered by itself: a table is JSON, a text is the body, a number
--- in front of them is the status; nothing is an empty answer.
---@param res Response
---@param first any
---@param second any
function M.web(res, first, second)
  if res:begun() then
    return
  end
  local status, body = nil, first
  if type(first) == "number" then
    check_status(first)
    status, body = first, second
  end
  local kind = type(body)
  if kind == "table" then
    res:json(body, status)
  elseif kind == "string" then
    res:answer(status, body)
  elseif body ~= nil then
    res:answer(status, text_of(body))
  else
    res:answer(status)
  end
end

return M
