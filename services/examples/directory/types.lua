-- The types that signatures mention. A ? behind a field's name: it may be missing.

---@class Person
---@field birthday? time.Time seconds since the epoch in Lua, RFC 3339 in JSON
---@field email? string
---@field firstName? string
---@field key? PersonKey
---@field lastName? string

---@alias PersonKey integer

return {}
