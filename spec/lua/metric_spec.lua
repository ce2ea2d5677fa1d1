-- require "metric", and what a declaration makes of it: service.metrics.

local metric = require "metric"
local metrics = require "service.metrics"

-- Lines of the rendered text that have a text in them, labels of the owner taken out.
local function lines(text)
  local found = {}
  for line in metric.render():gmatch "[^\n]+" do
    if line:find(text, 1, true) then
      line = line:gsub('id=""', ""):gsub('service="[^"]*"', ""):gsub('ver=""', "")
      table.insert(found, (line:gsub(",+", ","):gsub("{,", "{"):gsub(",}", "}"):gsub("{}", "")))
    end
  end
  return found
end

local function refuses(text, fn, ...)
  local ok, problem = pcall(fn, ...)
  assert.is_false(ok)
  assert.contains(text, problem)
end

local made = 0

-- A name that no other test uses.
local function fresh()
  made = made + 1
  return "spec_metric_" .. made
end

describe("metric", function()
  it("counts by the values of labels", function()
    local name = fresh()
    metric.define { name = name, kind = "counter", help = "Things.", labels = { "kind", "big" } }
    metric.add(name, 1, "a", true)
    metric.add(name, 2.5, "a", true)
    metric.add(name, 1, "b", false)
    assert.same({
      ("# HELP %s Things."):format(name),
      ("# TYPE %s counter"):format(name),
      ('%s{big="true",kind="a"} 3.5'):format(name),
      ('%s{big="false",kind="b"} 1'):format(name),
    }, lines(name))
  end)

  it("writes the values of labels as people do", function()
    local name = fresh()
    metric.define { name = name, kind = "gauge", labels = { "l" } }
    for _, value in ipairs { 7, 0.5, 2.0, -3, "a\n\"b\"\\", false } do
      metric.set(name, 1, value)
    end
    metric.set(name, 1, nil)
    local found = {}
    for _, line in ipairs(lines(name .. "{")) do
      found[line:match 'l="(.*)"' or "nothing"] = true
    end
    assert.same({
      ["7"] = true, ["0.5"] = true, ["2"] = true, ["-3"] = true, ['a\\n\\"b\\"\\\\'] = true, ["false"] = true, [""] = true,
    }, found)
  end)

  it("sets a gauge and lets it go up and down", function()
    local name = fresh()
    metric.define { name = name, kind = "gauge" }
    metric.set(name, 10)
    metric.add(name, -4)
    assert.same({ name .. " 6" }, lines(name .. "{"))
    metric.observe(name, 1)
    assert.same({ name .. " 1" }, lines(name .. "{"))
  end)

  it("puts what it observes into buckets", function()
    local name = fresh()
    metric.define { name = name, kind = "histogram", buckets = { 1, 0.5 } }
    metric.observe(name, 0.5)
    metric.observe(name, 3)
    assert.same({
      ("# TYPE %s histogram"):format(name),
      ('%s_bucket{le="0.5"} 1'):format(name),
      ('%s_bucket{le="1"} 1'):format(name),
      ('%s_bucket{le="+Inf"} 2'):format(name),
      ("%s_sum 3.5"):format(name),
      ("%s_count 2"):format(name),
    }, lines(name))
  end)

  it("refuses what a kind cannot do", function()
    local counter, histogram = fresh(), fresh()
    metric.define { name = counter, kind = "counter" }
    metric.define { name = histogram, kind = "histogram", buckets = { 1 } }
    refuses(("counter metric '%s' can only increase"):format(counter), metric.add, counter, -1)
    refuses(("metric '%s' cannot be observed"):format(counter), metric.observe, counter, 1)
    refuses(("metric '%s' cannot be set"):format(counter), metric.set, counter, 1)
    refuses(("metric '%s' cannot be incremented"):format(histogram), metric.add, histogram, 1)
  end)

  it("refuses wrong arguments of an update", function()
    local name = fresh()
    metric.define { name = name, kind = "counter", labels = { "l" } }
    refuses("unknown metric 'nothing'", metric.add, "nothing", 1)
    refuses(("metric '%s' has 1 labels, not 0"):format(name), metric.add, name, 1)
    refuses(("metric '%s' takes a number, not a string"):format(name), metric.add, name, "1", "x")
    refuses("must be a text, number or boolean, not a table", metric.add, name, 1, {})
    refuses("does not have 17 labels", metric.add, name, 1, table.unpack({}, 1, 17))
    refuses("bad argument #1", metric.add, nil, 1)
  end)

  it("refuses definitions that are none", function()
    local name = fresh()
    metric.define { name = name, kind = "counter" }
    refuses(("metric '%s' already defined"):format(name), metric.define, { name = name, kind = "counter" })
    refuses("is no name of a metric", metric.define, { name = "my alias!", kind = "counter" })
    refuses("is the host's", metric.define, { name = "microbus_x", kind = "counter" })
    refuses("'summary' is no kind of metric", metric.define, { name = "x", kind = "summary" })
    refuses("the name of a metric must be a text, not nothing", metric.define, { kind = "counter" })
    refuses("the help of a metric must be a text, not number", metric.define, { name = "x", kind = "counter", help = 1 })
    refuses("the labels of a metric must be a list", metric.define, { name = "x", kind = "counter", labels = "a" })
    refuses("the labels of a metric must be texts", metric.define, { name = "x", kind = "counter", labels = { 1 } })
    refuses("needs another name", metric.define, { name = "x", kind = "counter", labels = { "ver" } })
    refuses("empty buckets", metric.define, { name = "x", kind = "histogram" })
    refuses("the buckets of a metric must be numbers", metric.define, { name = "x", kind = "histogram", buckets = { "1" } })
    refuses("in ascending order", metric.define, { name = "x", kind = "histogram", buckets = { 1, 1 } })
    refuses("bad argument #1", metric.define, "x")
  end)

  it("declares several, or none", function()
    local name = fresh()
    local twice = { { name = name, kind = "counter" }, { name = name, kind = "gauge" } }
    refuses(("metric '%s' already defined"):format(name), metric.declare, twice)
    refuses("unknown metric", metric.add, name, 1)
    metric.declare { twice[1] }
    metric.add(name, 1)
    metric.declare { twice[1] }
    metric.add(name, 1)
    assert.same({ name .. " 2" }, lines(name .. "{"))
    metric.declare { twice[2] }
    metric.set(name, 7)
    assert.same({ name .. " 7" }, lines(name .. "{"))
  end)

  it("bounds how many there are", function()
    local many = {}
    for i = 1, 201 do
      many[i] = { name = "many_" .. i, kind = "counter" }
    end
    refuses("200 metrics at most", metric.declare, many)
  end)

  it("renders the metrics of a host, or of all", function()
    local name = fresh()
    metric.define { name = name, kind = "counter" }
    metric.add(name, 1)
    assert.contains(name .. "{", metric.render "all")
    assert.equal("", metric.render "nobody.example")
  end)

  it("knows how long the service has been there", function()
    metric.define { name = fresh(), kind = "counter" }
    local first = metric.uptime()
    assert.is_true(first >= 0)
    assert.is_true(metric.uptime() >= first)
    assert.equal(1, #lines "microbus_uptime_duration_seconds_total{")
  end)
end)

-- A declaration's metrics as the runtime gets them: "kind Name(value type, label type)".
local function plumbing(...)
  local list = {}
  for i, text in ipairs { ... } do
    local kind, name, inputs = text:match "^(%a+) (%w+)%((.*)%)$"
    list[i] = { name = name, kind = kind, alias = "spec_" .. name:lower(), inputs = {} }
    for input, type in inputs:gmatch "(%w+) ([%w.]+)" do
      table.insert(list[i].inputs, { name = input, type = type })
    end
    list[i].buckets = kind == "histogram" and { 1, 10 } or nil
  end
  return { host = "spec.example", metrics = list }
end

describe("svc.metrics", function()
  it("has a function for each declared metric", function()
    local m = metrics.bind(plumbing("counter OpCount(num int, op string)", "histogram JobTime(d time.Duration)"))
    m.OpCount(2, "+")
    m.OpCount(3, "+")
    m.JobTime(2.5)
    assert.same({ 'spec_opcount{op="+"} 5' }, lines "spec_opcount{")
    assert.same({ "spec_jobtime_sum 2.5" }, lines "spec_jobtime_sum")
    local names = {}
    for name in pairs(m) do
      table.insert(names, name)
    end
    table.sort(names)
    assert.same({ "JobTime", "OpCount" }, names)
  end)

  it("sets a gauge when it is called, and adds by its method", function()
    local m = metrics.bind(plumbing "gauge QueueLength(n int, queue string)")
    m.QueueLength(5, "mail")
    m.QueueLength:add(-2, "mail")
    assert.same({ 'spec_queuelength{queue="mail"} 3' }, lines "spec_queuelength{")
  end)

  it("has help and alias of the declaration", function()
    local declared = plumbing "counter Visits(n int)"
    declared.metrics[1].alias, declared.metrics[1].description = "shop_visits", "Who came."
    metrics.bind(declared).Visits(1)
    assert.same({ "# HELP shop_visits Who came.", "# TYPE shop_visits counter", "shop_visits 1" }, lines "shop_visits")
  end)

  it("has a help when the declaration describes nothing: tools look for one", function()
    metrics.bind(plumbing "counter Plain(n int)").Plain(1)
    assert.same({ "# HELP spec_plain Plain of spec.example." }, lines "# HELP spec_plain")
  end)

  it("writes labels that are spans or points of time as such", function()
    local m = metrics.bind(plumbing "counter Timed(n int, took time.Duration, at time.Time, who string)")
    m.Timed(1, 90, 0, nil)
    assert.same({ 'spec_timed{at="1970-01-01T00:00:00Z",took="1m30s",who=""} 1' }, lines "spec_timed{")
    m.Timed(1, nil, nil, nil)
    assert.equal(2, #lines "spec_timed{")
  end)

  it("names the metric and the line when arguments are wrong", function()
    local m = metrics.bind(plumbing("counter Ops(num int, op string)", "gauge Level(n float64)"))
    local here = "spec/lua/metric_spec.lua:%d: %s"
    local function at_line(offset, text)
      return here:format(debug.getinfo(2, "l").currentline + offset, text)
    end
    assert.has_error(function()
      m.Ops(1)
    end, at_line(-1, "metric Ops(num, op) takes 2 arguments, not 1"))
    assert.has_error(function()
      m.Ops(1, "+", "x")
    end, at_line(-1, "metric Ops(num, op) takes 2 arguments, not 3"))
    assert.has_error(function()
      m.Ops("1", "+")
    end, at_line(-1, "metric Ops(num, op) takes a number, not a string"))
    assert.has_error(function()
      m.Level()
    end, at_line(-1, "metric Level(n) takes 1 argument, not 0"))
    assert.has_error(function()
      m.Level:add(nil)
    end, at_line(-1, "metric Level(n) takes a number, not a nil"))
    assert.has_error(function()
      m.Ops(-1, "+")
    end, at_line(-1, "counter metric 'spec_ops' can only increase"))
  end)

  it("knows which unknown metric was probably meant", function()
    local m = metrics.bind(plumbing "counter OpCount(num int)")
    refuses("unknown metric 'opCuont'; did you mean 'OpCount'?", function()
      return m.opCuont
    end)
    refuses("unknown metric 'Elsewhere'", function()
      return m.Elsewhere
    end)
    refuses("metrics are declared in service.yaml", function()
      m.OpCount = print
    end)
  end)

  it("refuses two metrics of one alias", function()
    local declared = plumbing("counter A(n int)", "counter B(n int)")
    declared.metrics[2].alias = declared.metrics[1].alias
    refuses("metric 'spec_a' already defined", metrics.bind, declared)
  end)

  it("has nothing when nothing is declared", function()
    for name in pairs(metrics.bind(plumbing())) do
      error(name)
    end
    assert.is_false(pcall(function()
      return metrics.bind(plumbing()).Visits
    end))
  end)
end)
