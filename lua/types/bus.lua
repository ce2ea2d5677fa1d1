---@meta bus
--
-- Generated from lua/bus.lua by ./dev fmt; do not edit.

---@class BusMessage
---@field method string? POST when it is left out
---@field url string https://host[:port]/path[?query]
---@field query table<string, string>|string? put behind that of the URL
---@field headers table<string, string>?
---@field body string?

---@class BusResponse
---@field status integer
---@field headers table<string, string> lower-case names
---@field body string
---@field id string of the replica that answered

---@class Answer what one of several services said
---@field host string
---@field id string? of the replica, of answers to a message
---@field status integer? of the answer to a message, that of the error when it failed
---@field headers table<string, string>? of the answer to a message
---@field body string? the same
---@field error Error? when it failed
local Answer = {}

--- What the service returned; raises what it raised.
---@return any ...
function Answer:get() end

local bus = {}

--- Puts something else in place of the host's bus: `call(host, known, seconds, frame, name, ...)`, `listeners(topic)` and
--- `self()`. For the runner of specs.
---@param other table
function bus.use(other) end

--- Calls a function of another service by its declared name. Arguments and results are copied. Raises what it raised; 404
--- when there is no such service, 408 when the time is up.
---@param ctx Context|table
---@param host string
---@param name string
---@param ... any its arguments
---@return any ... its results
function bus.call(ctx, host, name, ...) end

--- Sends a message to one service and returns its answer, whatever its status. Raises what the endpoint raises; 404 when
--- nobody listens there.
---@param ctx Context|table
---@param message BusMessage
---@return BusResponse
function bus.request(ctx, message) end

--- Calls fn(host, ...) for several hosts at once and waits for all.
---@param hosts string[]
---@param fn fun(host: string, ...: any): any
---@param ... any for fn
---@return Answer[] in the order of the hosts
function bus.gather(hosts, fn, ...) end

--- Goes over answers: `for answer in bus.each(answers) do`.
---@param answers Answer[]
---@return fun(): Answer?
function bus.each(answers) end

--- Hears what is published under a topic, by any service on any worker of this host, from now on. Each subscription gets every
--- message; `limit` of them wait (100), then the oldest go. It ends with its block, and when this generation goes out of service:
--- before the next one starts. nil, message, code when there are too many. Not while a service is loading: in `on_start`, in
--- a handler, or in a task of theirs.
---@param topic string 1 to 256 bytes
---@param options { limit: integer? }?
---@return Subscription?
---@return string? message
---@return string? code
function bus.subscribe(topic, options) end

--- Publishes a value under a topic: `bus.publish("orders", { id = 5 })` tells how many subscriptions got it, or nil,
--- message, code ("busy", "limit": more than 1 MB). Or, with a context in front, sends a message to every service that listens at
--- its URL; those that do not are left out.
---@param ctx Context|table|string
---@param message BusMessage|any
---@return Answer[]|integer|nil each gives a BusResponse
---@return string? message
---@return string? code
function bus.publish(ctx, message) end

--- The hosts of the services that listen to a topic, sorted.
---@param topic string
---@return string[]
function bus.listeners(topic) end

--- The hosts of all services, sorted.
---@return string[]
function bus.hosts() end

--- The host of this service, and the id of this replica.
---@return string host
---@return string id
function bus.self() end

return bus
