-- catalog: what becomes of the answers of services.

local catalog = require "catalog"
local errors = require "errors"
local json = require "json"
local task = require "task"

local function document(title, description, version)
  return { status = 200, body = json.encode { info = { title = title, description = description, version = version } } }
end

-- The entries of services that answer so, or raise what is no table with a status.
local function collect(answers)
  local hosts = {}
  for host in pairs(answers) do
    table.insert(hosts, host)
  end
  return catalog.collect(hosts, function(host)
    local answer = answers[host]
    if type(answer) == "string" or errors.is(answer) then
      error(answer, 0)
    end
    return answer
  end)
end

local function problem_of(answer)
  return collect({ ["a.example"] = answer })[1].problem
end

describe("a catalog", function()
  it("has what the documents say, by host", function()
    assert.same({
      { host = "a.example", title = "A", description = "First.", version = "3" },
      { host = "b.example", title = "b.example", description = "", version = "" },
    }, collect { ["b.example"] = { status = 200, body = '{"info":{}}' }, ["a.example"] = document("A", "First.", "3") })
  end)

  it("does not have services without a document", function()
    assert.same({}, collect { ["a.example"] = { status = 404, body = "" }, ["b.example"] = errors.new(404, "nobody") })
  end)

  it("says which services have failed, and not why they say so", function()
    assert.equal("It answered with status 500.", problem_of { status = 500, body = "secret" })
    assert.equal("It answered with status 504.", problem_of(errors.new(504, "secret")))
    assert.equal("It could not be asked.", problem_of "secret")
    assert.equal(2, #collect { ["a.example"] = "oops", ["b.example"] = document "B" })
  end)

  it("takes only documents for documents", function()
    for _, body in ipairs { "", "<html>", "null", "[]", '"x"', "{}", '{"info":null}', '{"info":"x"}' } do
      assert.equal("Its answer is no OpenAPI document.", problem_of { status = 200, body = body })
    end
    local entry = collect({ ["a.example"] = document(1, {}, true) })[1]
    assert.same({ host = "a.example", title = "a.example", description = "", version = "" }, entry)
  end)

  it("asks several at once, and all of them", function()
    local hosts, asking, most = {}, 0, 0
    for i = 1, 40 do
      hosts[i] = ("h%02d.example"):format(i)
    end
    local entries = catalog.collect(hosts, function(host)
      asking = asking + 1
      most = math.max(most, asking)
      task.sleep(0.001)
      asking = asking - 1
      return document(host)
    end)
    assert.equal(40, #entries)
    assert.equal("h40.example", entries[40].host)
    assert.equal(16, most)
  end)
end)
