-- message: what is a request, and what is none.

local message = require "message"

local function lines(...)
  return table.concat({ ... }, "\r\n") .. "\r\n\r\n"
end

local function refused(pattern, text)
  local request, why = message.parse(text)
  assert.is_nil(request)
  assert.matches(pattern, why)
end

-- A POST with these header lines and that body.
local function post(fields, body)
  return ("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\n%s\r\n%s"):format(fields, body or "")
end

describe("a request", function()
  it("has a method, a URL, headers and a body", function()
    assert.same({
      method = "PUT",
      url = "http://a.example:8080/x?y=1",
      headers = { ["x-one"] = "1", accept = "text/plain" },
      body = "hello",
    }, message.parse(lines(
      "PUT http://a.example:8080/x?y=1 HTTP/1.1", "Host: a.example:8080", "X-One:1", "Accept: \t text/plain \t",
      "Content-Length: 5"
    ) .. "hello"))
  end)

  it("may name a path, and the host in a header", function()
    assert.equal("http://a.example:8080/x?y", message.parse(lines("GET /x?y HTTP/1.1", "Host: a.example:8080")).url)
    refused("header Host", lines "GET /x HTTP/1.1")
    refused("not a usable URL", lines("GET /x HTTP/1.1", "Host: a b"))
  end)

  it("goes where its first line says, whatever the header Host says", function()
    assert.equal("http://a.example/", message.parse(lines("GET http://a.example/ HTTP/1.1", "Host: b.example")).url)
  end)

  it("keeps headers of one name together", function()
    local request = message.parse(lines("GET http://a.example/ HTTP/1.1", "A: 1", "a: 2", "Cookie: x", "Cookie: y"))
    assert.same({ a = "1, 2", cookie = "x; y" }, request.headers)
  end)

  it("loses the headers that concern one connection", function()
    local headers = message.parse(lines(
      "GET http://a.example/ HTTP/1.1", "Connection: keep-alive, X-Hop", "Keep-Alive: 5", "X-Hop: 1", "X-Stay: 1",
      "TE: trailers", "Upgrade: websocket", "Proxy-Authorization: secret", "Expect: 100-continue"
    )).headers
    assert.same({ ["x-stay"] = "1" }, headers)
  end)

  it("may have any byte in its body", function()
    local body = "\0\r\n\r\n\255"
    assert.equal(body, message.parse(post("Content-Length: 6\r\n", body)).body)
  end)
end)

describe("the first line", function()
  it("is method, URL and version, with one blank between them", function()
    for _, line in ipairs {
      "", "GET", "GET http://a.example/", "GET  http://a.example/ HTTP/1.1", " GET http://a.example/ HTTP/1.1",
      "GET http://a.example/ HTTP/1.1 ", "GET http://a.example/ HTTP/1.0", "GET http://a.example/ HTTP/2",
      "GET http://a.example/a b HTTP/1.1", "GET\thttp://a.example/ HTTP/1.1",
    } do
      refused("METHOD URL HTTP/1.1", lines(line, "Host: a.example"))
    end
  end)

  it("has a method that may be one", function()
    refused("method", lines "GE(T http://a.example/ HTTP/1.1")
    refused("CONNECT", lines("CONNECT a.example:80 HTTP/1.1", "Host: a.example"))
  end)

  it("has a URL that can be used", function()
    for _, target in ipairs {
      "*", "a.example", "ftp://a.example/", "http://", "http://user@a.example/", "http://a.example/#x",
    } do
      refused("not a usable URL", lines("GET " .. target .. " HTTP/1.1", "Host: a.example"))
    end
  end)
end)

describe("headers", function()
  it("end with an empty line, and lines with CR LF", function()
    refused("empty line", "")
    refused("empty line", "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n")
    refused("empty line", "GET http://a.example/ HTTP/1.1\nHost: a.example\n\n")
    refused("METHOD URL", "GET http://a.example/ HTTP/1.1\nHost: a.example\r\n\r\n")
    refused("control characters", lines("GET http://a.example/ HTTP/1.1", "A: x\rB: y"))
    refused("control characters", lines("GET http://a.example/ HTTP/1.1", "A: x\nB: y"))
  end)

  it("have names and values that may be some", function()
    refused("colon", lines("GET http://a.example/ HTTP/1.1", "Host"))
    for _, field in ipairs { ": x", "A : x", "A B: x", "\u{e4}: x", "A\0: x" } do
      refused("name", lines("GET http://a.example/ HTTP/1.1", field))
    end
    refused("control characters", lines("GET http://a.example/ HTTP/1.1", "A: \0"))
    refused("control characters", lines("GET http://a.example/ HTTP/1.1", "A: \127"))
    refused("next line", lines("GET http://a.example/ HTTP/1.1", "A: x", " y"))
  end)

  it("say once what there is only one of", function()
    for _, name in ipairs { "Host", "Content-Length", "Transfer-Encoding" } do
      refused("two headers", post(("%s: 0\r\n%s: 0\r\n"):format(name, name)))
    end
  end)

  it("are not more, and not longer, than they may be", function()
    refused("more than 100", "GET http://a.example/ HTTP/1.1\r\n" .. ("A: x\r\n"):rep(101) .. "\r\n")
    refused("longer than", ("GET http://a.example/ HTTP/1.1\r\nA: %s\r\n\r\n"):format(("x"):rep(message.HEAD_MAX)))
    assert.is_table(message.parse("GET http://a.example/ HTTP/1.1\r\n" .. ("A: x\r\n"):rep(100) .. "\r\n"))
  end)
end)

describe("a body", function()
  it("is as long as Content-Length says", function()
    refused("3 bytes", post("Content-Length: 4\r\n", "abc"))
    refused("3 bytes", post("Content-Length: 2\r\n", "abc"))
    refused("needs Content%-Length", post("", "abc"))
    for _, length in ipairs { "", "-1", "+1", "1x", "0x1", "1 1", "9999999999999999" } do
      refused("must be a number", post(("Content-Length: %s\r\n"):format(length), "a"))
    end
  end)

  it("may come in chunks", function()
    local chunked = "Transfer-Encoding: Chunked\r\n"
    assert.equal("hello world", message.parse(post(chunked, "5\r\nhello\r\n006;a=b\r\n world\r\n0\r\n\r\n")).body)
    assert.equal("", message.parse(post(chunked, "0\r\n\r\n")).body)
    assert.equal("abcdefghijk", message.parse(post(chunked, "B\r\nabcdefghijk\r\n0\r\nX-Trailer: 1\r\n\r\n")).body)
  end)

  it("has chunks that are whole, and nothing behind them", function()
    for text, why in pairs {
      [""] = "size", ["1"] = "size", ["-1\r\n"] = "size", ["1\na\n0\n\n"] = "size", ["111111111\r\na"] = "size",
      ["x\r\na\r\n0\r\n\r\n"] = "size", [" 1\r\na\r\n0\r\n\r\n"] = "size", ["1x\r\na\r\n0\r\n\r\n"] = "size",
      ["1;\0\r\na\r\n0\r\n\r\n"] = "size",
      ["2\r\na\r\n0\r\n\r\n"] = "as long", ["1\r\nab\r\n0\r\n\r\n"] = "as long", ["ffffffff\r\na\r\n"] = "as long",
      ["1\r\na\r\n"] = "size", ["0\r\n"] = "no end", ["0\r\nA: x\r\n"] = "no end", ["0\r\nA\r\n\r\n"] = "colon",
      ["0\r\n\r\nx"] = "follows", ["0\r\n" .. ("A: x\r\n"):rep(101) .. "\r\n"] = "too many",
      ["1;" .. ("a"):rep(2000) .. "\r\na\r\n0\r\n\r\n"] = "size",
    } do
      refused(why, post("Transfer-Encoding: chunked\r\n", text))
    end
  end)

  it("is framed in one way", function()
    refused("both", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"))
    refused("chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"))
  end)
end)
