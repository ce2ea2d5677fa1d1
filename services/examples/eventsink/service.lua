-- eventsink.example: /eventsink.example/registered

local errors = require "errors"
local log = require "log"
local store = require "store"

---@type services.examples.eventsink
local svc = require "service" (...)

local MOST = 10000 -- what anybody may add to needs an end
local LONGEST = 254 -- bytes of an e-mail address (RFC 5321 section 4.5.3.1.3)

-- In the store, as every worker of the host has a Lua state of its own, and all of them end with the host.
local registrations = store.collection("registrations", { id = "reg" })

local function ends_with(text, ending)
  return text:sub(-#ending) == ending
end

--- OnAllowRegister objects to some providers of mail.
---@param email string
---@return boolean allow
function svc.OnAllowRegister(_, email)
  email = email:lower()
  return #email <= LONGEST and not ends_with(email, "@gmail.com") and not ends_with(email, "@hotmail.com")
end

--- OnRegistered remembers who has registered.
---@param email string
function svc.OnRegistered(_, email)
  if errors.check(registrations:count()) >= MOST then
    log.warn("too many registrations to remember", { most = MOST })
    return
  end
  errors.check(registrations:create { email = email:lower() })
end

--- Registered lists the addresses that were registered, the first one first.
---@return string[] emails
function svc.Registered(_)
  local emails = {}
  for i, row in ipairs(errors.check(registrations:find { order_by = "createdAt" })) do
    emails[i] = row.email
  end
  return emails
end

return svc
