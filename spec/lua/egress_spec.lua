-- require "egress": requests as the text that travels.

local egress = require "egress"
local spec = require "spec"

local function refused(pattern, request)
  local ok, problem = pcall(egress.serialise, request)
  assert.is_false(ok)
  assert.equal(400, problem.status)
  assert.matches(pattern, problem.message)
end

describe("egress.serialise", function()
  it("writes a request line, headers in order and the body", function()
    assert.equal(table.concat({
      "PUT http://a.example:81/x?y=1 HTTP/1.1",
      "Host: a.example:81",
      "Accept: text/plain",
      "X-Many: 1",
      "X-Many: 2",
      "X-Number: 5",
      "Content-Length: 5",
      "",
      "he\0lo",
    }, "\r\n"), egress.serialise {
      method = "PUT", url = "http://a.example:81/x?y=1", body = "he\0lo",
      headers = { ["X-Number"] = 5, Accept = "text/plain", ["X-Many"] = { "1", "2" } },
    })
  end)

  it("is a GET without a body unless told", function()
    assert.equal("GET https://a.example HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
      egress.serialise { url = "https://a.example" })
  end)

  it("says itself where the message goes and how long it is", function()
    assert.equal("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n", egress.serialise {
      url = "http://a.example/",
      headers = { HOST = "b.example", ["content-length"] = "7", ["Transfer-Encoding"] = "chunked" },
    })
  end)

  it("refuses what would be another request", function()
    refused("not a usable URL", {})
    for _, url in ipairs {
      "", "a.example", "ftp://a.example/", "http://a.example/ HTTP/1.1\r\nX: y", "http://a.example/a b",
    } do
      refused("not a usable URL", { url = url })
    end
    refused("not a method", { url = "http://a.example/", method = "GET /" })
    refused("not a method", { url = "http://a.example/", method = "" })
    refused("not a header name", { url = "http://a.example/", headers = { ["A: b\r\nC"] = "x" } })
    refused("not a header name", { url = "http://a.example/", headers = { "x" } })
    for _, value in ipairs { "x\r\nB: y", "\0", true, { "x", "\n" }, { {} } } do
      refused("control characters", { url = "http://a.example/", headers = { A = value } })
    end
  end)
end)

describe("egress", function()
  local seen

  before_each(function()
    spec.mock("http.egress.core", {
      MakeRequest = function(_, req, res)
        seen = req:body()
        res:header("X-From", "far")
        return 203, "hello"
      end,
    })
  end)

  it("get gives what is at an address", function()
    local answer = egress.get({}, "http://far.example/x")
    assert.equal(203, answer.status)
    assert.equal("far", answer.headers["x-from"])
    assert.equal("hello", answer.body)
    assert.matches("^GET http://far.example/x HTTP/1.1\r\n", seen)
  end)

  it("post sends a body with its type", function()
    egress.post({}, "http://far.example/x", "text/plain", "body")
    assert.matches("^POST ", seen)
    assert.matches("\r\nContent%-Type: text/plain\r\n.*\r\n\r\nbody$", seen)
  end)

  it("request sends any method", function()
    egress.request({}, { method = "PATCH", url = "http://far.example/x", body = "part" })
    assert.matches("^PATCH .*part$", seen)
  end)
end)
