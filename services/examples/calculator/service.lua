-- calculator.example: /calculator.example/arithmetic?x=3&op=*&y=4

local errors = require "errors"

---@type services.examples.calculator
local svc = require "service" (...)

local OPERATIONS = {
  ["+"] = function(x, y)
    return x + y
  end,
  ["-"] = function(x, y)
    return x - y
  end,
  ["*"] = function(x, y)
    return x * y
  end,
  ["/"] = function(x, y)
    if y == 0 then
      errors.raise(400, "division by zero") -- the status and the text of the answer
    end
    return (x - math.fmod(x, y)) // y -- towards zero: -7 / 2 is -3, where -7 // 2 would be -4
  end,
}

--- Arithmetic adds, subtracts, multiplies or divides two integers.
---@param x integer
---@param op string
---@param y integer
---@return integer xEcho
---@return string opEcho
---@return integer yEcho
---@return integer result
function svc.Arithmetic(_, x, op, y)
  if op == " " then
    op = "+" -- a plus that was not escaped is a blank in a URL
  end
  local operation = OPERATIONS[op] or errors.raise(400, ("invalid operator '%s'"):format(op))
  local result = operation(x, y)
  svc.metrics.OpCount(1, op)
  return x, op, y, result
end

--- Square multiplies an integer by itself.
---@param x integer
---@return integer xEcho
---@return integer result
function svc.Square(_, x)
  svc.metrics.OpCount(1, "^2")
  return x, x * x
end

--- Distance says how far two points are from each other.
---@param p1 Point
---@param p2 Point
---@return number d
function svc.Distance(_, p1, p2)
  return math.sqrt((p1.x - p2.x) ^ 2 + (p1.y - p2.y) ^ 2)
end

return svc
