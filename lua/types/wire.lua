---@meta wire
--
-- Generated from lua/wire.lua by ./dev fmt; do not edit.

---@alias Classes table<string, CompiledType>

---@class Space the converters of one family, by type
---@field family Family
---@field classes Classes
---@field items table<string, Item>

local wire = {}

--- Makes what turns decoded JSON into values of a type. The JSON is used up: containers are converted in place. Fields
--- match their names in any case, the exact one first; unknown ones are dropped.
---@param kind string|TypeField[] a type, or the fields of an object whose missing ones stay nil when they are optional
---@param classes Classes?
---@return fun(value: any, where: string?): any convert raises 400 with `where` and the way to what is wrong
function wire.decoder(kind, classes) end

--- The same for texts of queries, forms and paths: a string, or a tree of service.form, which is used up. Lists, maps
--- and classes may be JSON; a text alone is a list of one.
---@param kind string|TypeField[]
---@param classes Classes?
---@return fun(value: any, where: string?): any
function wire.text_decoder(kind, classes) end

--- Makes what checks Lua values that come from another service, and completes copies of them: times are seconds, []byte
--- is a string. Whole floats count as integers, integers as floats; unknown fields are dropped.
---@param kind string|TypeField[]
---@param classes Classes?
---@return fun(value: any, where: string?): any
function wire.adopter(kind, classes) end

--- Makes what turns values of a type into what json.encode takes: times become text, empty lists stay lists. Of classes
--- only the declared fields go out: missing ones as their zero, or null when there is none; optional ones not at all.
---@param kind string
---@param classes Classes?
---@return fun(value: any, where: string?): any convert raises an error that is the service's fault
function wire.encoder(kind, classes) end

--- What a type is without pointers and aliases; what nobody defines is any.
---@param kind string
---@param classes Classes?
---@return string
function wire.underlying(kind, classes) end

--- What is in place of a value that was not given: the zero itself, or what makes a new one each time.
---@param kind string
---@param classes Classes?
---@return any zero
---@return (fun(): table)? make
function wire.zeros(kind, classes) end

--- A zero of a type; nil when it has none.
---@param kind string
---@param classes Classes?
function wire.zero(kind, classes) end

return wire
