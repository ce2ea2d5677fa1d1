-- proxy-svc: where the proxy's policies live. It answers no requests: the host calls the functions of policies/proxy.lua
-- itself (core/script/asker.c), in this service's state on the worker of the request, and only those that are there.

---@type services.proxy
local svc = require "service" (...)

require "policies" -- what is wrong with policies/proxy.lua is found when it loads

return svc
