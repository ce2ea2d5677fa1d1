-- lua/service/message.lua: requests and responses in memory behave as those over HTTP. lua/service/answer.lua: what a handler
-- returned.

local answer = require "service.answer"
local json = require "json"
local message = require "service.message"

-- What a response came to after `fill`.
local function filled(fill, method)
  local res = message.response(message.request { method = method })
  fill(res)
  return res:result()
end

local function refuses(text, fn)
  local err = assert.has_error(fn)
  assert.contains(text, tostring(err))
end

describe("message.request", function()
  it("has the fields of a request over HTTP", function()
    local req = message.request {
      method = "post", path = "/a%20b", query = { x = "1 2", b = true, a = { 1, 2 } }, headers = { ["X-One"] = "1" },
      body = "hello", args = { name = "n" }, id = "r1", host = "pets.example", peer = "10.0.0.1",
      account = { id = "usr-1" }, token = "t",
    }
    assert.equal("POST", req.method)
    assert.equal("/a%20b", req.path)
    assert.equal("a=1&a=2&b=true&x=1%202", req.query_string)
    assert.equal("7=x&a=1", message.query { a = 1, [7] = "x" })
    assert.equal("/a%20b?a=1&a=2&b=true&x=1%202", req.target)
    assert.same({ a = "2", b = "true", x = "1 2" }, req.query)
    assert.same({ ["x-one"] = "1" }, req.headers)
    assert.equal(5, req.length)
    assert.same({ name = "n" }, req.args)
    assert.same({ "r1", "pets.example", "10.0.0.1", "t" }, { req.id, req.host, req.peer, req.token })
    assert.equal("usr-1", req.account.id)
  end)

  it("is a GET of / when nothing is given", function()
    local req = message.request {}
    assert.same({ "GET", "/", "/" }, { req.method, req.path, req.target })
    assert.is_nil(req.query_string)
    assert.is_nil(req.account)
    assert.same({}, req.query)
    assert.equal(0, req.length)
    assert.equal("", req:body())
  end)

  it("finds headers in any case, and the first of several", function()
    local req = message.request { headers = { ACCEPT = { "text/html", "*/*" } } }
    assert.equal("text/html", req:header("Accept"))
    assert.equal("text/html, */*", req.headers.accept)
    assert.is_nil(req:header("x"))
  end)

  it("gives its body once", function()
    local req = message.request { body = "x" }
    assert.equal("x", req:body())
    refuses("the request body was read already", function()
      req:body()
    end)
    refuses("the request body was read already", function()
      req:chunks()
    end)
  end)

  it("gives its body in pieces", function()
    local text = ("x"):rep(200000)
    local pieces = {}
    for piece in message.request({ body = text }):chunks() do
      table.insert(pieces, piece)
    end
    assert.is_true(#pieces > 1)
    assert.equal(text, table.concat(pieces))
  end)

  it("decodes JSON, and refuses what is none with 400", function()
    assert.same({ a = 1 }, message.request({ body = '{"a":1}' }):json())
    assert.has_error(function()
      message.request({ body = "{" }):json()
    end, { status = 400, message = "Invalid JSON" })
  end)

  it("decodes forms", function()
    assert.same({ a = "1", b = "x y" }, message.request({ body = "a=1&b=x+y" }):form())
  end)

  it("knows no coding of bodies", function()
    assert.has_error(function()
      message.request({ body = "x", headers = { ["content-encoding"] = "gzip" } }):body()
    end, { status = 415 })
    assert.equal("x", message.request({ body = "x", headers = { ["content-encoding"] = "identity" } }):body())
  end)

  it("can not be changed by a handler", function()
    refuses('a request has no field "user"', function()
      message.request({}).user = 1
    end)
  end)

  it("refuses what could not travel", function()
    refuses("not a header name", function()
      message.request { headers = { ["a b"] = "1" } }
    end)
    refuses("control characters", function()
      message.request { headers = { a = "1\r\nb: 2" } }
    end)
    refuses("not the path of a request", function()
      message.request { path = "/a?b=1" }
    end)
    refuses("not the path of a request", function()
      message.request { path = "a" }
    end)
    refuses("not a method", function()
      message.request { method = "GET /" }
    end)
    refuses("is a text, not a table", function()
      message.request { body = {} }
    end)
    refuses('has no "url"', function()
      message.request { url = "x" }
    end)
  end)

  it("refuses a body of more than 16 MB with 413", function()
    assert.has_error(function()
      message.request { body = ("x"):rep((16 << 20) + 1) }
    end, { status = 413 })
  end)
end)

describe("message.response", function()
  it("is an empty 200 when nothing is done to it", function()
    assert.same({ status = 200, headers = {}, body = "" }, filled(function() end))
  end)

  it("answers in one piece, as text unless something else is said", function()
    assert.same({ status = 201, headers = { ["content-type"] = "text/plain; charset=utf-8" }, body = "made" },
      filled(function(res)
        res:answer(201, "made")
      end))
    assert.same({ status = 200, headers = { ["content-type"] = "text/html" }, body = "<p>" }, filled(function(res)
      res:answer(nil, "<p>", "text/html")
    end))
    assert.same({ status = 202, headers = {}, body = "" }, filled(function(res)
      res:status(202):answer()
    end))
  end)

  it("answers JSON", function()
    assert.same({ status = 200, headers = { ["content-type"] = "application/json" }, body = '{"a":[1]}' }, filled(function(res)
      res:json { a = { 1 } }
    end))
    assert.equal(404, filled(function(res)
      res:json(json.list {}, 404)
    end).status)
  end)

  it("answers in pieces", function()
    assert.same({ status = 200, headers = { ["x-a"] = "1" }, body = "ab1" }, filled(function(res)
      res:header("X-A", "1")
      assert.is_true(res:write("a", "b"))
      res:write(1)
      res:finish()
    end))
  end)

  it("answers like a path that nothing has", function()
    local result = filled(function(res)
      res:header("x", "1"):nowhere()
    end)
    assert.equal(404, result.status)
    assert.is_nil(result.headers.x)
  end)

  it("replaces headers, adds cookies, and takes headers away", function()
    assert.same({ ["x-a"] = "2", ["set-cookie"] = { "a=1", "b=2" } }, filled(function(res)
      res:header("X-A", "1"):header("x-a", 2):header("x-b", "1"):header("X-B")
      res:header("Set-Cookie", "a=1"):header("set-cookie", "b=2")
    end).headers)
  end)

  it("keeps a Content-Type that was set", function()
    assert.equal("text/css", filled(function(res)
      res:header("Content-Type", "text/css"):answer(200, "p{}")
    end).headers["content-type"])
  end)

  it("has no body where HTTP has none", function()
    assert.equal("", filled(function(res)
      res:answer(200, "x")
    end, "HEAD").body)
    assert.equal("", filled(function(res)
      res:answer(204, "x")
    end).body)
  end)

  it("knows whether it has begun", function()
    local res = message.response()
    assert.is_false(res:begun())
    res:write("x")
    assert.is_true(res:begun())
  end)

  it("refuses status and headers once it has begun", function()
    local res = message.response()
    res:write("x")
    for text, fn in pairs {
      ["the response has begun: its status is sent"] = function() res:status(200) end,
      ["the response has begun: its headers are sent"] = function() res:header("a", "b") end,
      ["the response has begun"] = function() res:answer() end,
    } do
      refuses(text, fn)
    end
  end)

  it("is over after the whole answer", function()
    local res = message.response()
    res:answer()
    assert.is_true(res:begun())
    refuses("this request is over", function()
      res:write("x")
    end)
  end)

  it("refuses what could split a response", function()
    local res = message.response()
    refuses("not a header name", function()
      res:header("a b", "c")
    end)
    refuses("a header value has no control characters", function()
      res:header("a", "b\r\nc: d")
    end)
    refuses("a status is 200 to 599", function()
      res:status(100)
    end)
    refuses("a status is 200 to 599", function()
      res:answer(700)
    end)
    refuses("more than 64 headers", function()
      for i = 1, 65 do
        res:header("x-" .. i, "1")
      end
    end)
  end)

  it("says which part of a value has no JSON form", function()
    refuses("the answer cannot be JSON: ", function()
      message.response():json { a = print }
    end)
  end)

  it("bounds what is written", function()
    local res = message.response()
    local piece = ("x"):rep(8 << 20)
    res:write(piece, piece)
    refuses("the body of an answer is at most", function()
      res:write("x")
    end)
  end)
end)

describe("what needs a client that stays", function()
  it("is refused with 400 and the reason", function()
    local req = message.request {}
    for _, fn in ipairs { function() req:upgrade() end, function() message.response(req):events() end } do
      local ok, problem = pcall(fn)
      assert.is_false(ok)
      assert.equal(400, problem.status)
      assert.contains("needs an HTTP connection", problem.message)
    end
  end)
end)

describe("answer.web", function()
  local function answered(...)
    local res = message.response()
    answer.web(res, ...)
    return res:result()
  end

  it("takes a text, a table, and a status with either", function()
    assert.same({ status = 200, headers = { ["content-type"] = "text/plain; charset=utf-8" }, body = "hi" }, answered("hi"))
    assert.same({ status = 200, headers = { ["content-type"] = "application/json" }, body = '{"a":1}' }, answered { a = 1 })
    assert.same({ status = 404, headers = { ["content-type"] = "application/json" }, body = "{}" }, answered(404, {}))
    assert.equal("gone", answered(410, "gone").body)
    assert.equal("true", answered(200, true).body)
  end)

  it("takes nothing as an empty answer", function()
    assert.same({ status = 200, headers = {}, body = "" }, answered())
    assert.same({ status = 204, headers = {}, body = "" }, answered(204))
  end)

  it("leaves alone what the handler answered by itself", function()
    local res = message.response()
    res:answer(201, "mine")
    answer.web(res, 500, "other")
    assert.equal(201, res:result().status)
  end)

  it("refuses what is neither a text nor a value", function()
    for _, body in ipairs { print, coroutine.create(print) } do
      refuses("a handler answers with a text or a table, not a " .. type(body), function()
        answered(body)
      end)
      refuses("not a " .. type(body), function()
        answered(200, body)
      end)
    end
  end)

  it("refuses what is no status", function()
    refuses("a status from 200 to 599, not 42", function()
      answered(42, "x")
    end)
    refuses("not 200.5", function()
      answered(200.5)
    end)
  end)
end)
