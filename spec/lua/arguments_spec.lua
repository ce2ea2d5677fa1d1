-- lua/service/arguments.lua: what handlers get of a request, and what becomes of their results.

local arguments = require "service.arguments"
local errors = require "errors"
local form = require "service.form"
local json = require "json"

local CLASSES = {
  Key = { type = "int" },
  Pet = {
    fields = {
      { name = "name", type = "string", optional = false },
      { name = "age", type = "int", optional = true },
      { name = "tags", type = "[]string", optional = false },
    },
  },
}

local JSON, FORM = "application/json", "application/x-www-form-urlencoded"

-- { "x int", "pet *Pet" } -> { { name = "x", type = "int" }, … }
local function list(words)
  local out = {}
  for i, word in ipairs(words) do
    local name, kind = word:match("^(%S+) (%S+)$")
    out[i] = { name = name, type = kind }
  end
  return out
end

local function endpoint(inputs, path, outputs)
  return { name = "F", method = "ANY", path = path or "/f", inputs = list(inputs), outputs = list(outputs or {}) }
end

-- A request. `body` is a text; `type` its type, JSON unless told.
local function source(r)
  return {
    method = r.method or (r.body and "POST" or "GET"),
    query = r.query,
    params = r.params,
    content_type = r.body and (r.type or JSON) or r.type,
    has_body = r.body ~= nil,
    body = function()
      return r.body
    end,
  }
end

local function read(inputs, request, options, path)
  return arguments.reader(endpoint(inputs, path), CLASSES, options)(source(request))
end

-- The values without their number, which must be that of the inputs.
local function reads(inputs, request, options, path)
  local values = read(inputs, request, options, path)
  assert.equal(#inputs, values.n)
  values.n = nil
  return values
end

local function refuses(inputs, request, message, options, path)
  assert.has_error(function()
    read(inputs, request, options, path)
  end, { status = 400, message = message })
end

local function never()
  error("the body was read")
end

describe("arguments", function()
  it("that nobody gives are the zeros of their types", function()
    assert.same({ "", 0, {}, {}, { name = "", tags = {} } },
      reads({ "s string", "i int", "l []int", "m map[string]int", "p Pet" }, {}))
    assert.same({ n = 3, 0 }, read({ "key Key", "p *Pet", "t time.Time" }, {}))
    assert.same({ n = 0 }, read({}, { query = "x=1", body = "{", method = "POST" }))
  end)

  it("come from the body, then the query, then the path; the later one wins", function()
    local inputs, path = { "a int", "b int", "c int", "d int" }, "/f/{c}"
    local request = { body = '{"a":1,"b":1,"c":1}', query = "b=2&c=2", params = { c = "3" } }
    assert.same({ 1, 2, 3, 0 }, reads(inputs, request, nil, path))
    request.type, request.body = FORM, "a=1&b=1&c=1"
    assert.same({ 1, 2, 3, 0 }, reads(inputs, request, nil, path))
  end)

  it("that are null in the body are not given", function()
    assert.same({ 0, "" }, reads({ "x int", "s string" }, { body = '{"x":null,"s":null}' }))
    assert.same({ 0 }, reads({ "x int" }, { body = "null" }))
  end)

  it("that are false or empty later still win", function()
    assert.same({ false, "" }, reads({ "x bool", "s string" }, { body = '{"x":true,"s":"a"}', query = "x=false&s=" }))
  end)

  it("have names in any case, the exact one first; unknown ones are ignored", function()
    assert.same({ 1, 2 }, reads({ "userId int", "b int" }, { body = '{"USERID":1,"B":5,"b":2,"z":[]}' }))
    assert.same({ 1, 2 }, reads({ "userId int", "b int" }, { query = "userid=1&b=2&B=5&z=1&=&&=x" }))
  end)

  it("of a wrong type are refused by name", function()
    refuses({ "x int" }, { body = '{"x":"1"}' }, "x: expected an integer, got a string")
    refuses({ "x int" }, { query = "x=1.5" }, "x: expected an integer, got a string")
    refuses({ "x int" }, { query = "x=9223372036854775808" }, "x: expected an integer, got a string")
    refuses({ "x int" }, { params = { x = "a" } }, "x: expected an integer, got a string", nil, "/f/{x}")
    refuses({ "p Pet" }, { body = '{"p":{"tags":["a",1]}}' }, "p.tags[2]: expected a string, got an integer")
    refuses({ "p Pet" }, { query = "p[age]=old" }, "p.age: expected an integer, got a string")
  end)
end)

describe("the body of a request", function()
  it("is not looked at when the method has none", function()
    for _, method in ipairs { "GET", "HEAD", "OPTIONS", "TRACE" } do
      local request = source { method = method, body = "{", query = "x=1" }
      request.body = never
      assert.same({ n = 1, 1 }, arguments.reader(endpoint { "x int" }, CLASSES)(request))
    end
    assert.same({ 1 }, reads({ "x int" }, { method = "DELETE", body = '{"x":1}' }))
  end)

  it("is not read when the path gives everything", function()
    local request = source { body = "{", params = { x = "1" } }
    request.body = never
    assert.same({ n = 1, 1 }, arguments.reader(endpoint({ "x int" }, "/f/{x}"), CLASSES)(request))
  end)

  it("may be empty", function()
    assert.same({ 0 }, reads({ "x int" }, { body = "" }))
  end)

  it("is JSON with any parameters, any suffix, and without a type", function()
    local kinds = { "application/json; charset=utf-8", "Application/JSON", "application/problem+json", "", "text/plain" }
    for _, kind in ipairs(kinds) do
      assert.same({ 1 }, reads({ "x int" }, { body = '{"x":1}', type = kind }))
    end
  end)

  it("is a form with any parameters, or JSON that is called one", function()
    assert.same({ 1, "a b" }, reads({ "x int", "s string" }, { body = "x=1&s=a+b", type = FORM .. "; charset=utf-8" }))
    assert.same({ 1 }, reads({ "x int" }, { body = ' {"x":1}', type = FORM }))
  end)

  it("of a form is at most 10 MB long", function()
    assert.has_error(function()
      read({ "x string" }, { body = "x=" .. ("a"):rep(10 * 1024 * 1024), type = FORM })
    end, { status = 413, message = "a form has at most 10 MB" })
  end)

  it("that is malformed is refused with the place", function()
    assert.error_matches(function()
      read({ "x int" }, { body = '{\n"x":1,}' })
    end, "^invalid JSON at line 2 column 7: ")
    refuses({ "x int" }, { body = "[1]" }, "the body must be a JSON object with the arguments by name")
    refuses({ "x int" }, { body = '"a"' }, "the body must be a JSON object with the arguments by name")
  end)

  it("that is malformed is Invalid JSON on the platform", function()
    for _, body in ipairs { "{", "[1]", '"a"' } do
      refuses({ "x int" }, { body = body }, "Invalid JSON", { platform = true })
      refuses({ "httpRequestBody *Pet" }, { body = body }, "Invalid JSON", { platform = true })
    end
    refuses({ "httpRequestBody *Pet" }, { body = '{"age":"old"}' }, "Invalid JSON", { platform = true })
    refuses({ "httpRequestBody *Pet" }, {}, "Invalid JSON", { platform = true })
    refuses({ "x int" }, { body = '{"x":"1"}' }, "x: expected an integer, got a string", { platform = true })
  end)
end)

describe("a query", function()
  it("is read by the types of the arguments", function()
    assert.same({ "null", 5, 1.5, true, 90 },
      reads({ "s string", "i int", "f float64", "b bool", "d time.Duration" }, { query = "s=null&i=5&f=1.5&b=t&d=1m30s" }))
    assert.same({ "a b/ä" }, reads({ "s string" }, { query = "s=a+b%2f%C3%A4" }))
    assert.same({ "100%" }, reads({ "s string" }, { query = "s=100%" }))
  end)

  it("has objects with brackets and points", function()
    local rex = { name = "Rex", age = 3, tags = {} }
    for _, query in ipairs { "p[name]=Rex&p[age]=3", "p.name=Rex&p.age=3", "P%5Bname%5D=Rex&P[AGE]=3&P[x]=1",
      "p=%7B%22name%22:%22Rex%22,%22age%22:3%7D" } do
      assert.same({ rex }, reads({ "p *Pet" }, { query = query }), query)
    end
    assert.same({ { a = { b = 1.0 }, c = { b = 2.0 } } },
      reads({ "m map[string]map[string]float64" }, { query = "m[a][b]=1&m.c.b=2" }))
    assert.same({ { { name = "a", tags = {} }, { name = "b", tags = {} } } },
      reads({ "l []Pet" }, { query = "l[0].name=a&l[1][name]=b" }))
  end)

  it("has lists as repeated names, with empty brackets, by index, or as JSON", function()
    for _, query in ipairs { "l=1&l=2&l=3", "l[]=1&l[]=2&l[]=3", "l[0]=1&l[2]=3&l[1]=2", "l[0]=1&l[5]=2&l[10]=3",
      "l=[1,2,3]", "l=1&l[]=2&l=3" } do
      assert.same({ { 1, 2, 3 } }, reads({ "l []int" }, { query = query }), query)
    end
    assert.same({ { 1 } }, reads({ "l []int" }, { query = "l=1" }))
    assert.same({ {} }, reads({ "l []int" }, { query = "l=" }))
    assert.same({ { name = "", tags = { "a", "b" } } }, reads({ "p Pet" }, { query = "p.tags=a&p.tags=b" }))
    assert.same({ { { 1 }, { 2 } } }, reads({ "l [][]int" }, { query = "l[][]=1&l[][]=2" }))
  end)

  it("has the last of several values where no list is wanted", function()
    assert.same({ 2, "b" }, reads({ "x int", "s string" }, { query = "x=1&s=a&x=2&s=b" }))
    assert.same({ { name = "b", tags = {} } }, reads({ "p Pet" }, { query = "p=1&p.name=a&p.name=b" }))
    assert.same({ 5 }, reads({ "x int" }, { query = "x[a]=1&x=5" }))
  end)

  it("says what it can of values that may be anything", function()
    local inputs = { "a any", "b any", "c any", "d any", "e any", "f any" }
    assert.same({ "", true, 5, "x", "5", { 1 } }, reads(inputs, { query = "a=&b=true&c=5&d=x&e=%225%22&f=[1]" }))
    assert.same({ { n = 1, l = { 2, "x" }, o = { y = false } } },
      reads({ "a any" }, { query = "a[n]=1&a[l][]=2&a[l][]=x&a.o.y=false" }))
  end)

  it("is bounded in values and in depth", function()
    refuses({ "x int" }, { query = ("y&"):rep(1001) }, "there are more than 1000 values")
    refuses({ "x any" }, { query = "x" .. ("[a]"):rep(32) .. "=1" }, "names such as a[b][c] go no deeper than 32 levels")
    assert.same({ 1 }, reads({ "x int" }, { query = ("y&"):rep(999) .. "x=1" }))
    assert.is_table(reads({ "x any" }, { query = "x" .. ("[a]"):rep(31) .. "=1" })[1])
  end)

  it("has names that are text", function()
    for _, query in ipairs { "%ff=1", "m[%ff]=1", "m.\xff=1" } do
      refuses({ "m map[string]any" }, { query = query }, "a name is no UTF-8 text")
    end
  end)

  it("has malformed names as names of nobody", function()
    assert.same({ 0 }, reads({ "x int" }, { query = "x[=1&x]=1&x[a=1&[x]=1&.x=1&x.=1&x..y=1&x[a]b=1" }))
  end)
end)

describe("a path", function()
  it("gives arguments by name", function()
    assert.same({ 7, "a/b" }, reads({ "id int", "rest string" }, { params = { id = "7", rest = "a/b" } }, nil, "/f/{id}/{rest+}"))
    assert.same({ "a", "b" },
      reads({ "path1 string", "path2 string" }, { params = { path1 = "a", path2 = "b" } }, nil, "/{}/{+}"))
  end)

  it("that says what its declaration says gives nothing", function()
    assert.same({ 5, "b" }, reads({ "id int", "rest string" },
      { params = { id = "{id}", rest = "{rest+}" }, query = "id=5", body = '{"rest":"b"}' }, nil, "/f/{id}/{rest+}"))
    assert.same({ 5 }, reads({ "path1 int" }, { params = { path1 = "{}" }, query = "path1=5" }, nil, "/f/{}"))
  end)
end)

describe("the argument httpRequestBody", function()
  local PET = { "httpRequestBody *Pet", "id int", "x string" }

  it("is the whole body, and the others come from query and path only", function()
    assert.same({ { name = "Rex", age = 3, tags = {} }, 7, "q" }, reads(PET,
      { body = '{"name":"Rex","AGE":3,"x":"b","id":1}', query = "x=q&httpRequestBody=1", params = { id = "7" } }, nil, "/f/{id}"))
    assert.same({ { 1, 2 } }, reads({ "httpRequestBody []Key" }, { body = "[1,2]" }))
    assert.same({ "a" }, reads({ "httpRequestBody string" }, { body = '"a"' }))
    assert.same({ "hi" }, reads({ "httpRequestBody []byte" }, { body = '"aGk="' }))
    assert.same({ { a = { 1 } } }, reads({ "httpRequestBody any" }, { body = '{"a":[1]}' }))
  end)

  it("is the text as it is when it is a text or bytes and no JSON", function()
    assert.same({ '{"a":1}' }, reads({ "httpRequestBody string" }, { body = '{"a":1}', type = "text/plain" }))
    assert.same({ "\xff\0" }, reads({ "httpRequestBody []byte" }, { body = "\xff\0", type = "application/octet-stream" }))
    assert.same({ "" }, reads({ "httpRequestBody string" }, { method = "POST" }))
    refuses({ "httpRequestBody string" }, { body = "\xff", type = "" }, "httpRequestBody: expected UTF-8 text, got other bytes")
  end)

  it("may be a form when it has fields", function()
    assert.same({ { name = "Rex", age = 3, tags = { "a", "b" } }, 0, "" },
      reads(PET, { body = "name=Rex&age=3&tags=a&tags=b", type = FORM }))
    assert.same({ { name = "Rex", tags = {} }, 0, "" }, reads(PET, { body = '{"name":"Rex"}', type = FORM }))
  end)

  it("has the zeros of its fields for null", function()
    assert.same({ { name = "", tags = {} }, 0, "" }, reads(PET, { body = "null" }))
    assert.same({ {} }, reads({ "httpRequestBody []int" }, { body = "null" }))
  end)

  it("must be there, unless it is optional", function()
    refuses(PET, { method = "POST" }, "the request needs a body")
    refuses(PET, { body = "" }, "the request needs a body")
    refuses(PET, { method = "GET", body = "{}" }, "the request needs a body")
    assert.same({ { name = "", tags = {} }, 0, "" }, reads(PET, { method = "POST" }, { optional_body = true }))
  end)

  it("that does not fit is refused with the place", function()
    refuses(PET, { body = '{"tags":["a",1]}' }, "httpRequestBody.tags[2]: expected a string, got an integer")
    refuses(PET, { body = "[]" }, "httpRequestBody: expected an object, got a list")
    assert.error_matches(function()
      read(PET, { body = "{" })
    end, "^invalid JSON at line 1 column 2: ")
  end)

  it("passes on what reading the body raises", function()
    for _, options in ipairs { {}, { platform = true } } do
      local request = source { body = "" }
      request.body = function()
        errors.raise(413, "too long")
      end
      assert.has_error(function()
        arguments.reader(endpoint(PET), CLASSES, options)(request)
      end, { status = 413, message = "too long" })
    end
  end)
end)

describe("an event's sink", function()
  it("needs no path and no method", function()
    local sink = { name = "OnX", event = "OnX", source = "a", inputs = list { "x int" }, outputs = {} }
    assert.same({ n = 1, 5 }, arguments.reader(sink, CLASSES)(source { body = '{"x":5}' }))
  end)
end)

describe("results", function()
  local function answers(outputs, ...)
    local status, value = arguments.results(endpoint({}, "/f", outputs), CLASSES)(...)
    return status, value ~= nil and json.encode(value) or nil
  end

  it("are an object by name", function()
    assert.same({ 200, '{"sum":3}' }, { answers({ "sum int" }, 3, "more") })
    local _, text = answers({ "a int", "l []int", "p *Pet" }, 1, {}, { name = "Rex", x = 1 })
    assert.same({ a = 1, l = {}, p = { name = "Rex", tags = {} } }, json.decode(text))
    assert.same({ 200, "{}" }, { answers({}, 1, 2) })
  end)

  it("that are missing are the zeros of their types, or null", function()
    assert.same({ 200, '{"sum":0}' }, { answers { "sum int" } })
    assert.same({ 200, '{"p":null}' }, { answers { "p *Pet" } })
  end)

  it("have the status that httpStatusCode gives", function()
    assert.same({ 201, '{"sum":3}' }, { answers({ "sum int", "httpStatusCode int" }, 3, 201) })
    assert.same({ 200, "{}" }, { answers({ "httpStatusCode int" }, nil) })
    for _, status in ipairs { 99, 600, 200.5, "200" } do
      assert.error_matches(function()
        answers({ "httpStatusCode int" }, status)
      end, "^httpStatusCode must be an integer from 200 to 599, not ")
    end
  end)

  it("are what httpResponseBody is", function()
    assert.same({ 200, "[1]" }, { answers({ "httpResponseBody []int" }, { 1 }) })
    assert.same({ 200, "[]" }, { answers({ "httpResponseBody []int" }, nil) })
    assert.same({ 404, '"no"' }, { answers({ "httpResponseBody string", "httpStatusCode int" }, "no", 404) })
    assert.same({ 200, "{}" }, { answers({ "httpResponseBody *Pet" }, nil) })
    assert.same({ 200, "false" }, { answers({ "httpResponseBody bool" }, false) })
  end)

  it("have no body where HTTP allows none", function()
    assert.same({ 204 }, { answers({ "httpStatusCode int" }, 204) })
    assert.same({ 304 }, { answers({ "httpResponseBody *Pet", "httpStatusCode int" }, {}, 304) })
  end)

  it("of another type are the service's fault", function()
    assert.has_error(function()
      answers({ "sum int" }, "3")
    end, "result sum: expected an integer, got a string")
    assert.has_error(function()
      answers({ "a int", "p Pet" }, 1, { tags = { 1 } })
    end, "result p.tags[1]: expected a string, got an integer")
  end)
end)

describe("arguments over the bus", function()
  local function adopts(inputs, ...)
    return table.pack(arguments.adopter(endpoint(inputs), CLASSES)(...))
  end

  it("are checked and completed, however many they are", function()
    assert.same({ n = 0 }, adopts({}, 1))
    assert.same({ n = 1, 1 }, adopts({ "a int" }, 1.0, 2))
    assert.same({ n = 2, 1, "" }, adopts({ "a int", "b string" }, 1))
    assert.same({ n = 3, 1, "b", false }, adopts({ "a int", "b string", "c bool" }, 1, "b", nil, 4))
    assert.same({ n = 5, 1, 0, { name = "Rex", tags = {} }, {}, 5 },
      adopts({ "a int", "b int", "c Pet", "d []int", "e int" }, 1, nil, { name = "Rex", x = 1 }, json.null, 5, 6))
    assert.same({ n = 4 }, adopts({ "a any", "b *int", "c *Pet", "d time.Time" }))
  end)

  it("of a wrong type are refused by name", function()
    assert.has_error(function()
      adopts({ "a int", "b []Pet" }, 1, { {}, { name = 5 } })
    end, { status = 400, message = "b[2].name: expected a string, got an integer" })
  end)
end)

describe("a form", function()
  it("is a tree of what its names say", function()
    assert.same({ a = "1", b = { "2", "3" } }, form.parse "a=1&b=2&b=3")
    assert.same({ pet = { name = "Rex", age = "3" }, ids = { "7", "8" } }, form.parse "pet[name]=Rex&pet.age=3&ids[]=7&ids[]=8")
    assert.same({ ids = { ["0"] = "7", ["1"] = "8" } }, form.parse "ids[0]=7&ids[1]=8")
    assert.is_true(json.is_list(form.parse("a=1&a=2").a))
    assert.same({ a = "", b = "x=y" }, form.parse "a&b=x=y&")
  end)

  it("has the later of names that do not go together", function()
    assert.same({ a = { b = "2" } }, form.parse "a=1&a[b]=2")
    assert.same({ a = "1" }, form.parse "a[b]=2&a=1")
    assert.same({ a = { c = "2" } }, form.parse "a[]=1&a[c]=2")
    assert.same({ a = { "2" } }, form.parse "a[c]=1&a[]=2")
  end)
end)

-- ---- garbage ----

local PIECES = {
  "a=", "a[%ff]=", "a[%C3%A4]=", "m.\xff=", "m[x]=", "p.tags=", "l[0].name=",
  "x", "l", "p", "s", "P", "name", "tags", "=", "=", "=", "&", "&", "[", "]", "[]", ".", "[0]", "[1]", "%", "%5B", "%ff",
  "+", "1", "1.5", "true", "null", '"', "{", "}", ":", ",", "\\", "\0", "\xff", "é", "-", "9223372036854775808", "1e999", " ",
}

local function garbage()
  local out = {}
  for i = 1, math.random(0, 24) do
    out[i] = PIECES[math.random(#PIECES)]
  end
  return table.concat(out)
end

describe("garbage", function()
  it("never gives anything but values, or a 400 that can be sent", function()
    math.randomseed(20240917)
    local inputs = { "x int", "l []Pet", "p Pet", "a any", "s string", "m map[string]any" }
    local readers = {
      arguments.reader(endpoint(inputs, "/f/{x}"), CLASSES),
      arguments.reader(endpoint({ "httpRequestBody Pet", "l []int" }, "/f"), CLASSES),
      arguments.reader(endpoint({ "httpRequestBody any", "s string" }, "/f"), CLASSES, { platform = true }),
    }
    local types = { JSON, FORM, "text/plain", "", "\xff;;=" }
    local passed = 0
    for i = 1, 20000 do
      local ok, e = pcall(readers[i % 3 + 1], source {
        query = garbage(), body = garbage(), type = types[math.random(#types)], params = { x = garbage() },
      })
      passed = passed + (ok and 1 or 0)
      assert.is_true(ok or errors.is(e) and e.status == 400, tostring(e))
      for n = 1, ok and e.n or 0 do
        assert.is_string(json.encode { e[n] })
      end
      assert.is_true(ok or json.encode(e.message) ~= nil)
    end
    assert.is_true(passed > 0)
  end)
end)
