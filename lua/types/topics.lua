---@meta topics
--
-- Generated from core/script/lib_topics.c by ./dev fmt; do not edit.

--- What bus.subscribe gives. One task receives from it.
---@class Subscription
local Subscription = {}

local topics = {}

--- See bus.subscribe; `limit`: messages that wait, 100 unless said.
---@param topic string
---@param options? { limit?: integer }
---@return Subscription?
---@return string?
---@return string?
function topics.subscribe(topic, options) end

--- See bus.publish: how many subscriptions got it; "busy" when too much waits already.
---@param topic string
---@param value any
---@return integer?
---@return string?
---@return string?
function topics.publish(topic, value) end

--- The next message and the host of the service that published it; or nil, message and "timeout", or "closed" once
--- this generation is out of service.
---@param timeout? number
---@return any
---@return string?
---@return string?
function Subscription:receive(timeout) end

--- Iterates over messages and who published them, until the subscription is closed.
---@return fun(): any, string
function Subscription:messages() end

--- How many messages went because the queue was full: the oldest go first.
---@return integer
function Subscription:lost() end

--- Ends it; leaving its block does so, too.
function Subscription:close() end

return topics
