-- require "watch" and "terminal": what commands need that people keep open.

local task = require "task"
local terminal = require "terminal"
local time = require "time"
local watch = require "watch"

local scratch = require "scratch"

before_each(scratch.make)
after_each(scratch.remove)

describe("watch", function()
  it("returns when something changes, below any of the folders", function()
    scratch.write("one/a.txt", "1")
    scratch.write("two/deep/b.txt", "1")
    local changes <close> = watch.open { scratch.path "one", scratch.path "two" }
    for _, name in ipairs { "one/a.txt", "two/deep/b.txt" } do
      local writer <close> = task.spawn(function()
        time.sleep(0.01)
        scratch.write(name, "2")
      end)
      assert.is_true(changes:wait())
      writer:join()
    end
  end)

  it("remembers what changed while nobody waited", function()
    local changes <close> = watch.open { scratch.root }
    scratch.write("late.txt", "1")
    time.sleep(0.3)
    assert.is_true(changes:wait())
  end)

  it("waits as long as nothing changes", function()
    local changes <close> = watch.open { scratch.root }
    local changed, _, code = task.timeout(0.2, function()
      return changes:wait()
    end)
    assert.is_nil(changed)
    assert.equal("timeout", code)
  end)

  it("refuses what it cannot watch, and to be used when it is closed", function()
    scratch.write("file", "")
    local none, why = watch.open { scratch.path "file" }
    assert.is_nil(none)
    assert.is_true(why:find("cannot watch", 1, true) ~= nil)
    assert.is_false((pcall(watch.open, {})))
    local closed = watch.open { scratch.root }
    closed:close()
    closed:close()
    assert.is_false((pcall(closed.wait, closed)))
  end)

  it("tells who waits that it was closed", function()
    local changes = watch.open { scratch.root }
    local waiting <close> = task.spawn(changes.wait, changes)
    time.sleep(0.01)
    changes:close()
    assert.is_false((pcall(waiting.join, waiting)))
  end)
end)

describe("terminal", function()
  it("has columns, also where there is none", function()
    assert.is_true(terminal.columns() >= 1)
  end)

  it("is put back as it was, whatever that was", function()
    assert.is_false(terminal.raw(false))
  end)
end)
