---@meta task
--
-- Generated from core/script/lib_task.c by ./dev fmt; do not edit.

--- What task.spawn gives: a task that runs beside the caller.
---@class Task
local Task = {}

local task = {}

--- Runs f(...) beside the caller, as a child that ends with it. nil, message, "limit" when the service has too many
--- tasks.
---@param f (fun(...: any): any)
---@param ... any
---@return Task?
---@return string?
---@return string?
function task.spawn(f, ...) end

--- Lets a spawned task go on when its parent ends.
---@param task Task
---@return Task
function task.detach(task) end

--- Runs all functions side by side and returns the first result of each, in order. When one raises, the others are
--- cancelled and the error is raised again once they have ended.
---@param functions (fun(): any)[]
---@return any ...
function task.all(functions) end

--- Runs all functions side by side. The first that ends decides: its results are returned or its error is raised,
--- once the others, cancelled, have ended.
---@param functions (fun(): any)[]
---@return any ...
function task.race(functions) end

--- The results of f(...), or nil, "timed out", "timeout" when it took longer and was cancelled. What f raises is
--- raised again.
---@param seconds number
---@param f (fun(...: any): any)
---@param ... any
---@return any ...
function task.timeout(seconds, f, ...) end

--- Runs f(...) by itself until this generation of the service goes out of service; then it is cancelled at once.
--- Tickers run like that.
---@param f fun(...: any)
---@param ... any
---@return true
function task.background(f, ...) end

--- time.sleep.
---@param seconds number
---@return true
function task.sleep(seconds) end

--- Lets other tasks of the worker run.
function task.yield() end

--- Waits for the task's end: its results, or its error raised again; nil, message, "canceled" when it was
--- cancelled.
---@return any ...
function Task:join() end

--- Ends the task; its <close> variables run. A task in a <close> variable ends with its scope, and what it returned
--- is gone with it.
function Task:cancel() end

--- task.detach.
---@return Task
function Task:detach() end

--- Whether it is not over yet.
---@return boolean
function Task:running() end

return task
