---@meta spec
--
-- Generated from lua/spec.lua by ./dev fmt; do not edit.

---@class SpecFailure
---@field name string the test's name, with those of the blocks around it
---@field where string "file:line"
---@field lines string[] what was wrong

---@class SpecResult
---@field passed integer
---@field failures SpecFailure[]

local spec = {}

--- Runs the tests of one file. A test may run another file by it.
---@param path string
---@param folder string of the service the file belongs to, below services/; else of the file
---@param filter string run only tests whose full name contains it; "" = all
---@param timeout number seconds for each test
---@return SpecResult
function spec.run(path, folder, filter, timeout) end

--- The service that the spec belongs to: its service.lua, run and bound to its declaration. Its handlers are called
--- directly, `service.Add({}, 1, 2)`, or through `service.test`, which gives a case: `service.test.Add({}, 1, 2):expect(3)`.
---@return table svc
function spec.service() end

--- Plays another service until the test ends, or all tests of the file when that is not in one: `mock("calculator.example",
--- { Arithmetic = function(ctx, x, op, y) return 7 end })`. Functions and webs that are not given raise 500.
---@type fun(who: string, handlers: table<string, function>)
spec.mock = nil

--- Puts the real other service on the bus of the spec, until the test or the file ends: `start("calculator")`.
---@type fun(folder: string): table
spec.start = nil

--- The context of a caller: `context { languages = { "it" }, account = { id = "usr-1", roles = { "admin" } } }`. Also
--- `baggage`, `clock_shift` in seconds, `token`, `id`, `from`.
---@type fun(fields: table): Context
spec.context = nil

return spec
