-- helloworld.example: /helloworld.example/hello-world

---@type services.examples.helloworld
local svc = require "service" (...)

--- HelloWorld answers with the most famous greeting.
function svc.HelloWorld()
  return "Hello, World!\n"
end

return svc
