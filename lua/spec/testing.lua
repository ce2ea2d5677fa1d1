-- spec.testing: `service.test`: everything that a service declares, to be called by specs. Functions, sinks, tickers and config
-- callbacks give cases; webs have a method for each of HTTP's; events put up a sink.

local cases = require "spec.cases"
local pages = require "spec.pages"
local sinks = require "spec.sinks"

local M = {}

-- The code of a handler, when it is called: it may have been replaced since.
local function code_of(svc, name)
  return function()
    return svc[name] or error(("%s is declared but has no code"):format(name), 0)
  end
end

--- What calls the handlers of a service.
---@param svc table
---@param plumbing Plumbing
---@return table<string, function|table>
function M.of(svc, plumbing)
  local test, classes = {}, plumbing.classes
  for _, section in ipairs { "functions", "sinks", "tickers" } do
    for _, item in ipairs(plumbing[section]) do
      test[item.name] = cases.caller(item, classes, code_of(svc, item.name))
    end
  end
  for _, item in ipairs(plumbing.webs) do
    test[item.name] = pages.caller(item, plumbing.host, code_of(svc, item.name))
  end
  for _, item in ipairs(plumbing.events) do
    test[item.name] = sinks.caller(item, plumbing.host, classes)
  end
  for _, item in ipairs(plumbing.configs) do
    if item.callback then
      local name = "OnChanged" .. item.name
      test[name] = cases.caller({ name = name }, classes, code_of(svc, name))
    end
  end
  return setmetatable(test, {
    __index = function(_, name)
      error(("%s declares no %q to be tested"):format(plumbing.host, tostring(name)), 2)
    end,
  })
end

return M
