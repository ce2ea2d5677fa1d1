-- require "task": several things at once, and an end to each.

local task = require "task"
local time = require "time"

-- What tells that a task was closed.
local function guard(log, word)
  return setmetatable({}, {
    __close = function()
      table.insert(log, word)
    end,
  })
end

local function forever()
  time.sleep(86400)
end

describe("task.all", function()
  it("returns the first result of each, in order", function()
    local a, b, c = task.all {
      function()
        time.sleep(0.003)
        return 1, "ignored"
      end,
      function() end,
      function()
        return 3
      end,
    }
    assert.same({ 1, nil, 3 }, { a, b, c })
  end)

  it("of nothing returns nothing", function()
    assert.equal(0, select("#", task.all {}))
  end)

  it("runs its functions side by side", function()
    local log = {}
    local function note(word)
      return function()
        table.insert(log, word .. 1)
        task.yield()
        table.insert(log, word .. 2)
      end
    end
    task.all { note "a", note "b" }
    assert.same({ "a1", "b1", "a2", "b2" }, log)
  end)

  it("raises the first error again once the others have ended", function()
    local log = {}
    assert.has_error(function()
      task.all {
        function()
          local _ <close> = guard(log, "closed")
          forever()
        end,
        function()
          task.yield()
          error({ code = 7 })
        end,
      }
    end, { code = 7 })
    assert.same({ "closed" }, log)
  end)

  it("keeps the class of the error value", function()
    local errors = require "errors"
    local err = assert.has_error(function()
      task.all {
        function()
          errors.raise(409, "taken")
        end,
      }
    end)
    assert.is_true(errors.is(err))
  end)

  it("refuses what is no list of functions before it starts any", function()
    local ran = false
    assert.error_matches(function()
      task.all {
        function()
          ran = true
        end,
        1,
      }
    end, "functions expected")
    task.yield()
    assert.is_false(ran)
  end)
end)

describe("task.race", function()
  it("returns all results of the first that ends, and ends the others", function()
    local log = {}
    local a, b = task.race {
      function()
        local _ <close> = guard(log, "closed")
        forever()
      end,
      function()
        task.yield()
        return 1, 2
      end,
    }
    assert.same({ 1, 2 }, { a, b })
    assert.same({ "closed" }, log)
  end)

  it("raises when the first that ends fails", function()
    assert.has_error(function()
      task.race {
        forever,
        function()
          error "lost"
        end,
      }
    end, "lost")
  end)
end)

describe("task.bounded", function()
  it("returns true and what the function returns", function()
    local got = table.pack(task.bounded(1, 10, function(...)
      time.sleep(0.001)
      return ...
    end, 1, nil, "x", nil))
    assert.same({ true, 1, nil, "x", nil, n = 5 }, got)
  end)

  it("tells what was raised, and where", function()
    local ok, message, trace, code = task.bounded(1, 10, error, { status = 418, message = "tea" })
    assert.same({ false, "tea", "error" }, { ok, message, code })
    assert.contains("tea", trace)
    local _, text, way = task.bounded(1, 10, function()
      error "here"
    end)
    assert.matches("task_spec%.lua:%d+: here$", text)
    assert.contains("stack traceback", way)
  end)

  it("stops what takes more time", function()
    local log = {}
    local ok, message, _, code = task.bounded(1, 0.002, function()
      local _ <close> = guard(log, "closed")
      forever()
    end)
    assert.same({ false, "it took too long", "timeout" }, { ok, message, code })
    assert.same({ "closed" }, log)
  end)

  it("refuses bounds that are none", function()
    for _, bad in ipairs { 0, -1, 1 / 0, 0 / 0, 1e-9 } do
      assert.contains("must be seconds", select(2, pcall(task.bounded, bad, 1, forever)))
      assert.contains("must be seconds", select(2, pcall(task.bounded, 1, bad, forever)))
    end
  end)
end)

describe("task.timeout", function()
  it("passes arguments and results through", function()
    local a, b = task.timeout(10, function(x, y)
      return y, x
    end, 1, 2)
    assert.same({ 2, 1 }, { a, b })
  end)

  it("returns nil, a text and a code when the time is up", function()
    local log = {}
    local value, message, code = task.timeout(0.001, function()
      local _ <close> = guard(log, "closed")
      forever()
    end)
    assert.is_nil(value)
    assert.equal("timed out", message)
    assert.equal("timeout", code)
    assert.same({ "closed" }, log)
  end)

  it("raises what the function raises", function()
    assert.has_error(function()
      task.timeout(10, error, { status = 418 })
    end, { status = 418 })
  end)

  it("can be nested: the inner one does not end the outer one", function()
    local inner, outer = nil, task.timeout(10, function()
      local _, _, code = task.timeout(0.001, forever)
      return code
    end)
    assert.is_nil(inner)
    assert.equal("timeout", outer)
  end)

  it("ended inside xpcall leaves no message handler behind for the next task", function()
    for _ = 1, 5 do
      task.timeout(0.001, xpcall, forever, function()
        return "handled"
      end)
      assert.has_error(function()
        task.all {
          function()
            error("plain", 0)
          end,
        }
      end, "plain")
    end
  end)

  it("refuses a time that is none", function()
    for _, bad in ipairs { -1, 0 / 0, 1e12 } do
      assert.error_matches(function()
        task.timeout(bad, forever)
      end, "between 0 and a year")
    end
  end)
end)

describe("task.spawn", function()
  it("runs beside its parent and hands its results to join", function()
    local child = task.spawn(function(a, b)
      task.yield()
      return a + b, "done"
    end, 1, 2)
    assert.is_true(child:running())
    assert.same({ 3, "done" }, { child:join() })
    assert.is_false(child:running())
    assert.same({ 3, "done" }, { child:join() })
  end)

  it("raises its error at join", function()
    local child = task.spawn(function()
      error "inside"
    end)
    assert.has_error(function()
      child:join()
    end, "inside")
  end)

  it("joined by several tells each of them", function()
    local child = task.spawn(function()
      task.yield()
      return 5
    end)
    local function join()
      return child:join()
    end
    assert.same({ 5, 5, 5 }, { task.all { join, join, join } })
  end)

  it("cancelled runs its <close> variables, and join says so", function()
    local log = {}
    local child = task.spawn(function()
      local _ <close> = guard(log, "closed")
      forever()
    end)
    task.yield()
    child:cancel()
    local value, _, code = child:join()
    assert.is_nil(value)
    assert.equal("canceled", code)
    assert.same({ "closed" }, log)
  end)

  it("is cancelled by the end of its handle's scope", function()
    local log = {}
    do
      local _ <close> = task.spawn(function()
        local _ <close> = guard(log, "closed")
        forever()
      end)
      task.yield()
    end
    task.yield()
    assert.same({ "closed" }, log)
  end)

  it("ends with its parent, unless it was detached", function()
    local log, kept = {}, nil
    task.timeout(10, function()
      task.spawn(function()
        local _ <close> = guard(log, "child")
        forever()
      end)
      kept = task.spawn(function()
        local _ <close> = guard(log, "detached")
        forever()
      end):detach()
      task.yield()
    end)
    assert.same({ "child" }, log)
    assert.is_true(kept:running())
    kept:cancel()
    kept:join()
    assert.same({ "child", "detached" }, log)
  end)

  it("takes no action when it is cancelled before it ran", function()
    local ran = false
    local child = task.spawn(function()
      ran = true
    end)
    child:cancel()
    child:join()
    assert.is_false(ran)
  end)

  it("cannot join itself", function()
    local child
    child = task.spawn(function()
      child:join()
    end)
    assert.error_matches(function()
      child:join()
    end, "cannot join itself")
  end)
end)

describe("task.background", function()
  it("runs by itself, beyond the end of the task that began it", function()
    local done
    assert.is_true(task.spawn(function()
      return task.background(function(value)
        task.sleep(0.01)
        done = value
      end, 5)
    end):join())
    while not done do
      task.sleep(0.005)
    end
    assert.equal(5, done)
  end)

  it("takes a function only", function()
    assert.matches("function expected", select(2, pcall(task.background, 1)))
  end)
end)

describe("waiting", function()
  it("is refused where C is in between", function()
    assert.error_matches(function()
      table.sort({ 2, 1, 3 }, function(a, b)
        time.sleep(0)
        return a < b
      end)
    end, "cannot wait here")
  end)

  it("goes on inside pcall, coroutines and iterators", function()
    assert.is_true((pcall(time.sleep, 0)))
    local produced = {}
    for value in coroutine.wrap(function()
      for i = 1, 3 do
        time.sleep(0)
        coroutine.yield(i)
      end
    end) do
      table.insert(produced, value)
    end
    assert.same({ 1, 2, 3 }, produced)
  end)
end)
