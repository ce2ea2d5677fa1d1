-- require "bus": who is there, and asking several of them at once.

local bus = require "bus"
local errors = require "errors"
local spec = require "spec"
local task = require "task"

local function others()
  spec.mock("far.example", { Name = function() return "far" end })
  spec.mock("near.example", { Name = function() return "near" end })
end

describe("bus", function()
  it("lists the hosts of all services, sorted", function()
    others()
    assert.same({ "far.example", "near.example" }, bus.hosts())
  end)

  it("lists who listens to a topic: nobody, unless somebody does", function()
    others()
    assert.same({}, bus.listeners "events far.example")
    assert.same(bus.hosts(), bus.listeners())
  end)

  it("says who asks: host and replica", function()
    local _, id = bus.self()
    assert.equal(10, #id)
  end)

  it("calls fn for several hosts and gives their answers in order", function()
    local names = {}
    for answer in bus.each(bus.gather({ "b.example", "a.example" }, function(host, mark) return host .. mark end, "!")) do
      table.insert(names, answer:get())
    end
    assert.same({ "b.example!", "a.example!" }, names)
  end)

  it("keeps what one of several raised for whoever gets that answer", function()
    local answers = bus.gather({ "a.example", "b.example" }, function(host)
      if host == "a.example" then
        errors.raise(418, "a teapot")
      end
      return 1
    end)
    assert.equal(418, answers[1].error.status)
    assert.has_error(function() answers[1]:get() end, "a teapot")
    assert.equal(1, answers[2]:get())
  end)

  it("refuses a host that is not there with 404", function()
    local ok, problem = pcall(bus.call, {}, "nobody.example", "Name")
    assert.is_false(ok)
    assert.equal(404, problem.status)
  end)
end)

describe("bus.subscribe", function()
  it("hears what is published from then on, with who published it", function()
    assert.equal(0, bus.publish("news", "early"))
    local sub <close> = bus.subscribe "news"
    assert.equal(1, bus.publish("news", { n = 1, list = { "a" } }))
    assert.equal(0, bus.publish("other", 1))
    local message, from = sub:receive()
    assert.same({ n = 1, list = { "a" } }, message)
    assert.is_string(from)
    assert.equal("timeout", select(3, sub:receive(0)))
  end)

  it("waits for a message", function()
    local sub <close> = bus.subscribe "news"
    local waiting = task.spawn(function() return (sub:receive()) end)
    task.sleep(0.01)
    bus.publish("news", "late")
    assert.equal("late", waiting:join())
  end)

  it("gives every message to each, in order", function()
    local a <close>, got = bus.subscribe "news", {}
    local b <close> = bus.subscribe "news"
    for i = 1, 3 do
      assert.equal(2, bus.publish("news", i))
    end
    for _, sub in ipairs { a, b } do
      for _ = 1, 3 do
        table.insert(got, (sub:receive(1)))
      end
    end
    assert.same({ 1, 2, 3, 1, 2, 3 }, got)
  end)

  it("keeps so many messages, and counts those that went: the oldest", function()
    local sub <close> = bus.subscribe("news", { limit = 2 })
    for i = 1, 5 do
      bus.publish("news", i)
    end
    assert.equal(3, sub:lost())
    assert.equal(4, (sub:receive()))
    assert.equal(5, (sub:receive()))
  end)

  it("is not woken by what was taken already", function()
    local sub <close> = bus.subscribe "news"
    bus.publish("news", 1)
    assert.equal(1, (sub:receive()))
    local waiting = task.spawn(sub.receive, sub, 5)
    task.sleep(0.02)
    bus.publish("news", 2)
    assert.equal(2, (waiting:join()))
  end)

  it("ends with its block, or by close, and so do loops over its messages", function()
    local sub = bus.subscribe "news"
    local loop = task.spawn(function()
      local got = {}
      for message in sub:messages() do
        table.insert(got, message)
      end
      return got
    end)
    bus.publish("news", 1)
    bus.publish("news", 2)
    task.sleep(0.02)
    sub:close()
    assert.same({ 1, 2 }, loop:join())
    assert.is_nil(sub:messages()())
    assert.equal("closed", select(3, sub:receive()))
    assert.equal(0, bus.publish("news", 3))
  end)

  it("leaves nothing of a task that is cancelled while it waits", function()
    local sub <close> = bus.subscribe "news"
    assert.is_nil((task.timeout(0.01, sub.receive, sub)))
    bus.publish("news", 1)
    assert.equal(1, (sub:receive()))
  end)

  it("refuses what makes no sense, and says why", function()
    local sub <close> = bus.subscribe "news"
    for text, fn in pairs {
      ["a topic has 1 to 256 bytes"] = function() bus.subscribe "" end,
      ["there is no option limt; there are: limit"] = function() bus.subscribe("a", { limt = 1 }) end,
      ["options are a table, not a number"] = function() bus.subscribe("a", 5) end,
      ["limit: 1 to 10000 messages"] = function() bus.subscribe("a", { limit = 0 }) end,
      ["a message is a value, not nil"] = function() bus.publish("a") end,
      ["a timeout is 0 to 86400 seconds"] = function() sub:receive(-1) end,
      ["another task receives from this subscription already"] = function()
        local _ <close> = task.spawn(sub.receive, sub)
        task.sleep(0.01)
        sub:receive()
      end,
    } do
      assert.matches(text, select(2, pcall(fn)))
    end
    assert.is_false((pcall(bus.publish, "a", print)))
    assert.equal("limit", select(3, bus.publish("a", ("x"):rep(2 << 20))))
  end)
end)
