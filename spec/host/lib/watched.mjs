// watched: two small Lua services to look at while they run: front calls back, waits, fails and burns.
const declared = (host, functions) => `general:
  host: ${host}
functions:
${functions.map((signature) => `  - signature: ${signature}`).join("\n")}
`;

// The line numbers of what the specs look for are found by the mark behind the line.
const front = `local bus = require "bus"
local http = require "http"
local task = require "task"
local time = require "time"
local svc = require "service" (...)

local function inside(f)
  return coroutine.wrap(f)()
end

function svc.Fetch(_, url)
  return inside(function()
    local answer = http.request { url = url, timeout = 60 } -- fetch
    return answer and answer.status or 0
  end)
end

function svc.Ask(ctx, name, seconds)
  return inside(function()
    local n = bus.call(ctx, "back.example", name, seconds) -- ask
    return n
  end)
end

function svc.Fan(_, seconds)
  local function nap()
    time.sleep(seconds) -- fan
    return 1
  end
  local a, b = task.all { nap, nap }
  return a + b
end

function svc.Spoil(_, n)
  local function spoilt()
    error(("child %d is spoilt"):format(n)) -- spoilt
  end
  local result = task.all { spoilt } -- spawn
  return result
end

function svc.Second()
  pcall(coroutine.wrap(function()
    error("the first one") -- first
  end))
  error("the second one")
end

local function count(n)
  local sum = 0
  for i = 1, n do
    sum = sum + i % 7 -- burn
  end
  return sum
end

-- So much work, however busy the machine is; 1000 rounds take some 50 ms.
function svc.Burn(_, rounds)
  local sum = 0
  for _ = 1, rounds do
    sum = sum + count(10000) % 3
  end
  return sum
end

-- The task cannot give way inside a comparator.
function svc.Sort(_, rounds)
  local sum = 0
  table.sort({ 1, 2 }, function(a, b)
    for i = 1, rounds * 10000 do
      sum = sum + i % 7 -- sort
    end
    return a < b
  end)
  return sum
end

function svc.Quick()
  return 1
end

return svc
`;

const back = `local log = require "log"
local time = require "time"
local svc = require "service" (...)

function svc.Nap(_, seconds)
  time.sleep(seconds) -- nap
  return 1
end

local function deep(seconds)
  time.sleep(0.001)
  error("the moon is down after " .. seconds) -- deep
end

function svc.Fail(_, seconds)
  local run = coroutine.wrap(function()
    deep(seconds) -- in coroutine
    return 1
  end)
  return run() -- run
end

function svc.Say(_, text)
  log.warn(text)
  return 1
end

return svc
`;

const watched = {
  front: {
    "service.yaml": declared("front.example", [
      "Fetch(url string) (n int)",
      "Ask(name string, seconds float64) (n int)",
      "Fan(seconds float64) (n int)",
      "Burn(rounds int) (n int)",
      "Spoil(n int) (n2 int)",
      "Second() (n int)",
      "Sort(rounds int) (n int)",
      "Quick() (n int)",
    ]),
    "service.lua": front,
  },
  back: {
    "service.yaml": declared("back.example", [
      "Nap(seconds float64) (n int)",
      "Fail(seconds float64) (n int)",
      "Say(text string) (n int)",
    ]),
    "service.lua": back,
  },
};

export default watched;

/** "services/front/service.lua:13": where the line with that mark is. */
export function place(service, mark) {
  const lines = watched[service]["service.lua"].split("\n");
  const at = lines.findIndex((line) => line.endsWith(`-- ${mark}`));
  if (at < 0) throw new Error(`no line of ${service} is marked ${mark}`);
  return `services/${service}/service.lua:${at + 1}`;
}

/**
 * A request to front that waits for long. It is given up with the test, or when the function that
 * this returns is called.
 */
export function held(t, host, name, json) {
  const leave = new AbortController();
  t.after(() => leave.abort());
  fetch(`${host.url}/front.example/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(json),
    signal: leave.signal,
  }).catch(() => {});
  return () => leave.abort();
}
