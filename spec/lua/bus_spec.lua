-- require "bus": who is there, and asking several of them at once.

local bus = require "bus"
local errors = require "errors"
local spec = require "spec"

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
