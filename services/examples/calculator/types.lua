-- The types that signatures mention.

---@class Point
---@field x number
---@field y number

return {}
