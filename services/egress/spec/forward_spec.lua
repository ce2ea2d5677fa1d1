-- forward: where requests go, and what comes back.

local forward = require "forward"

-- A world outside: answers by URL. `seen` has what was asked.
local function world(answers)
  local seen = {}
  return function(options)
    table.insert(seen, options)
    local answer = answers[options.url]
    if not answer then
      return nil, "nobody listens there", "refused"
    elseif answer.code then
      return nil, answer.why, answer.code
    end
    return { status = answer.status or 200, headers = answer.headers or {}, body = answer.body or "" }
  end, seen
end

local function perform(request, send, options)
  options = options or {}
  return forward.perform({
    method = request.method or "GET", url = request.url, headers = request.headers or {}, body = request.body or "",
  }, {
    send = send,
    allow_link_local = options.allow_link_local or false,
    left = options.left or function()
      return 5
    end,
  })
end

local function fails(status, pattern, request, send, options)
  local ok, problem = pcall(perform, request, send, options)
  assert.is_false(ok)
  assert.equal(status, problem.status)
  assert.matches(pattern, problem.message)
end

local function to(location, status)
  return { status = status or 302, headers = { location = location } }
end

describe("a request", function()
  it("is sent as it is, with the time that is left", function()
    local send, seen = world { ["http://a.example/x"] = { body = "yes" } }
    perform({ method = "POST", url = "http://a.example/x", headers = { a = "1" }, body = "b" }, send)
    assert.same({ {
      method = "POST", url = "http://a.example/x", headers = { a = "1" }, body = "b", timeout = 5,
    } }, seen)
  end)

  it("is answered with the response, without what concerns one connection", function()
    local send = world { ["http://a.example/"] = {
      status = 418, body = "tea", headers = {
        ["content-type"] = "text/tea", connection = "x-hop", ["x-hop"] = "1", ["transfer-encoding"] = "chunked",
        ["keep-alive"] = "5", ["content-length"] = "3", ["set-cookie"] = "a=1\nb=2",
      },
    } }
    assert.same({
      status = 418, body = "tea", headers = { ["content-type"] = "text/tea", ["set-cookie"] = "a=1\nb=2" },
    }, perform({ url = "http://a.example/" }, send))
  end)
end)

describe("what goes wrong", function()
  it("has a status that says what it was", function()
    for code, status in pairs {
      refused = 502, not_found = 502, closed = 502, protocol = 502, limit = 502, error = 502,
      timeout = 504, unsupported = 501, invalid = 400, busy = 503,
    } do
      local send = world { ["http://a.example/"] = { code = code, why = "so it is" } }
      fails(status, "^a.example: so it is$", { url = "http://a.example/" }, send)
    end
  end)

  it("is told without the rest of the URL", function()
    local send = world {}
    local ok, problem = pcall(perform, { url = "http://a.example/x?secret=1" }, send)
    assert.is_false(ok)
    assert.no.contains("secret", problem.message)
  end)

  it("is not even tried when no time is left", function()
    local send, seen = world { ["http://a.example/"] = {} }
    fails(504, "no time", { url = "http://a.example/" }, send, {
      left = function()
        return 0
      end,
    })
    assert.same({}, seen)
  end)

  it("may be a status that nobody can pass on", function()
    fails(502, "999", { url = "http://a.example/" }, world { ["http://a.example/"] = { status = 999 } })
  end)
end)

describe("link-local addresses", function()
  it("are refused, and nothing is sent", function()
    local send, seen = world { ["http://169.254.169.254/latest"] = {}, ["http://[fe80::1]:80/"] = {} }
    fails(403, "link%-local", { url = "http://169.254.169.254/latest" }, send)
    fails(403, "link%-local", { url = "http://[fe80::1]:80/" }, send)
    assert.same({}, seen)
  end)

  it("are refused as the target of a redirect", function()
    local send, seen = world {
      ["http://a.example/"] = to "http://2852039166/latest", ["http://2852039166/latest"] = {},
    }
    fails(403, "^2852039166: .*link%-local", { url = "http://a.example/" }, send)
    assert.equal(1, #seen)
  end)

  it("are allowed when the config says so", function()
    local send = world { ["http://169.254.169.254/"] = { body = "keys" } }
    assert.equal("keys", perform({ url = "http://169.254.169.254/" }, send, { allow_link_local = true }).body)
  end)
end)

describe("redirects", function()
  it("are followed, absolute and relative ones", function()
    local send, seen = world {
      ["http://a.example/1/x"] = to "../2?y=1",
      ["http://a.example/2?y=1"] = to("http://b.example:81/3#part", 308),
      ["http://b.example:81/3"] = to("//c.example", 303),
      ["http://c.example"] = { body = "here" },
    }
    assert.equal("here", perform({ url = "http://a.example/1/x" }, send).body)
    assert.equal(4, #seen)
  end)

  it("are followed for GET and HEAD only", function()
    local send = world { ["http://a.example/"] = to "/x", ["http://a.example/x"] = {} }
    assert.equal(200, perform({ method = "HEAD", url = "http://a.example/" }, send).status)
    for _, method in ipairs { "POST", "PUT", "DELETE", "OPTIONS" } do
      local answer = perform({ method = method, url = "http://a.example/" }, send)
      assert.same({ 302, "/x" }, { answer.status, answer.headers.location })
    end
  end)

  it("end somewhere", function()
    local send, seen = world { ["http://a.example/"] = to "/" }
    fails(502, "more than 10 redirects", { url = "http://a.example/" }, send)
    assert.equal(11, #seen)
  end)

  it("use up the time of the request", function()
    local left = 2
    local send = world { ["http://a.example/"] = to "/" }
    fails(504, "no time", { url = "http://a.example/" }, send, {
      left = function()
        left = left - 1
        return left
      end,
    })
  end)

  it("take secrets to nobody else", function()
    local send, seen = world {
      ["http://a.example/"] = to "http://A.example:80/x",
      ["http://A.example:80/x"] = to "http://a.example:81/",
      ["http://a.example:81/"] = {},
    }
    perform({ url = "http://a.example/", headers = { authorization = "s", cookie = "s", accept = "*/*" } }, send)
    assert.same({ authorization = "s", cookie = "s", accept = "*/*" }, seen[2].headers)
    assert.same({ accept = "*/*" }, seen[3].headers)
  end)

  it("without a place to go are the answer", function()
    local function status_of(answer)
      return perform({ url = "http://a.example/" }, world { ["http://a.example/"] = answer }).status
    end
    for _, location in ipairs { "mailto:x@a.example", "http://user@b.example/", "http://[", "http://b.example:x/" } do
      assert.equal(301, status_of(to(location, 301)))
    end
    assert.equal(302, status_of { status = 302 })
    assert.equal(304, status_of(to("/x", 304)))
  end)

  it("keep the body only where the status says so", function()
    local send, seen = world {
      ["http://a.example/"] = to("/x", 307), ["http://a.example/x"] = to("/y", 302), ["http://a.example/y"] = {},
    }
    perform({ url = "http://a.example/", body = "q" }, send)
    assert.same({ "q", "q", "" }, { seen[1].body, seen[2].body, seen[3].body })
  end)
end)
