-- control.core: a declaration for the sake of its client stub.
--
--     local control = require "services.control.api"
--     for answer in control.for_host("all").all.Ping(ctx) do … end
--     control.for_host("shop.example").ConfigRefresh(ctx)
--
-- The runtime answers these functions for every service, this one included (lua/service/control.lua). What stands here is what
-- they mean where nothing has to be done.

---@type services.control
local svc = require "service" (...)

--- Ping says that a service is there.
---@return integer pong
function svc.Ping(_)
  return 0
end

--- ConfigRefresh has a service ask for the values of its configs again.
function svc.ConfigRefresh(_)
end

--- Trace selects a trace for export; there is no exporter yet, so that nothing follows.
function svc.Trace(_, _)
end

return svc
