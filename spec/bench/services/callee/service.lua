-- callee: adds, for caller.

local svc = require "service" (...)

function svc.Add(_, x, y)
  return x + y
end

return svc
