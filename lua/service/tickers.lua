-- tickers: run a service's tickers on the worker that it is at home on. Each beat is a task of its own, with a budget of its
-- own; beats that come while one is running are skipped. One with `scope: one` beats once in the whole deployment: replicas
-- that share a database agree there who does.

local context = require "service.context"
local errors = require "errors"
local log = require "log"
local request = require "request"
local store = require "lazy" "store"
local task = require "task"
local time = require "time"

local M = {}

local beats -- collection of when each beat last
local SINCE = 0.9 -- of an interval that has to be over: beats come a little early and late

-- Whether this replica is the one: the first after most of an interval to write down that it beats. A store that cannot be
-- asked means no beat rather than two.
local function is_mine(ticker)
  beats = beats or store.collection("moonbus_beats", { id = "beat" })
  local now, mine = time.now(), false
  local code
  local done, why = beats:update(ticker.name, function(row)
    mine = now - row.at >= ticker.seconds * SINCE or row.at > now + ticker.seconds -- or the clock was set back
    row.at = mine and now or row.at
  end)
  if not done and not why then -- nobody has ever
    done, why, code = beats:create { id = ticker.name, at = now }
    mine = done ~= nil
    if code == "exists" then
      return false
    end
  end
  if not done then
    log.warn("ticker skipped: cannot tell whether another replica runs it", { ticker = ticker.name, error = why })
  end
  return done ~= nil and mine
end

local function beat(ticker, handler)
  local began = time.monotonic()
  -- It ends when the ticker is cancelled.
  local one <close> = errors.check(task.spawn(handler, context.new {}))
  local ok, problem = pcall(one.join, one)
  if not ok then
    log.error("ticker failed", { ticker = ticker.name, error = tostring(problem) })
  end
  request.callback(ticker.name:lower(), time.monotonic() - began, not ok)
end

local function run(ticker, handler)
  request.handling(ticker.name, 0, "")
  local due = time.monotonic() + ticker.seconds
  while true do
    local now = time.monotonic()
    if now < due then
      time.sleep(due - now)
    end
    if ticker.scope ~= "one" or is_mine(ticker) then
      beat(ticker, handler)
    end
    now = time.monotonic()
    local missed = math.floor((now - due) / ticker.seconds)
    if missed > 0 then
      log.warn("Ticker skipped", { ticker = ticker.name, beats = missed, runtime = now - due })
    end
    due = due + (missed + 1) * ticker.seconds
  end
end

--- Starts the tickers that have code. They end with the generation.
---@param tickers PlumbedTicker[]
---@param handlers table<string, function>
function M.start(tickers, handlers)
  for _, ticker in ipairs(tickers) do
    if handlers[ticker.name] then
      task.background(run, ticker, handlers[ticker.name])
    end
  end
end

return M
