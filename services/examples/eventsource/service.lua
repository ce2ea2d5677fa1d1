-- eventsource.example: /eventsource.example/register?email=ada@example.com

local eventsource = require "services.examples.eventsource.api" -- of this service itself: it fires its own events

---@type services.examples.eventsource
local svc = require "service" (...)

--- Register registers an address, unless somebody objects.
---@param ctx Context
---@param email string
---@return boolean allowed
function svc.Register(ctx, email)
  for answer in eventsource.fire.OnAllowRegister(ctx, email) do
    if not answer:get() then -- raises what the sink raised
      return false
    end
  end
  ctx:go(eventsource.fire.OnRegistered, email) -- in the background: nobody waits for those who only want to know
  return true
end

return svc
