-- bench: the Lua side of ./dev bench. Handlers do nothing but what is measured.

local errors = require "errors"
local store = require "store"
local svc = require "service" (...)

local kept = store.collection("kept", { id = "kept" })

function svc.Hello()
  return "Hello, World!"
end

function svc.Json(_, req)
  return req:json()
end

function svc.Keep()
  return { id = errors.check(kept:create { value = "one small document" }).id }
end

return svc
