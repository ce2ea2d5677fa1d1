-- require "service.resources": the files of a service, here those in spec/lua/resources.

local errors = require "errors"
local files = require "files"
local resources = require "service.resources"
local seal = require "seal"

local PNG = files.read "resources/bus.png"

-- Files that are only here, and how often each was read.
local function in_memory(texts)
  local reads = {}
  return resources.bind {
    read = function(path)
      reads[path] = (reads[path] or 0) + 1
      return texts[path:match("^resources/(.*)")]
    end,
    list = function()
      return {}
    end,
  }, reads
end

local function request(method, fields)
  return {
    method = method,
    header = function(_, name)
      return (fields or {})[name]
    end,
  }
end

-- A response that remembers what it is told.
local function response(headers)
  local res = { headers = headers or {} }
  function res:header(name, value)
    self.headers[name:lower()] = value
    return self
  end
  function res:has(name)
    return self.headers[name:lower()] ~= nil
  end
  function res:answer(status, body)
    self.status, self.body = status or 200, body
  end
  return res
end

local function served(svc, name, req, res)
  res = res or response()
  svc:serve(req or request("GET"), res, name)
  return res
end

local function tag(bytes)
  return ('"%s"'):format(seal.sha256(bytes))
end

describe("reading", function()
  local svc = resources.bind()

  it("gives bytes, or nil", function()
    assert.equal(PNG, svc["bus.png"])
    assert.equal("b { color: red }\n", svc["css/page.css"])
    assert.is_nil(svc["no.png"])
    assert.equal(PNG, (svc:read "bus.png"))
  end)

  it("says why there is nothing", function()
    local bytes, message, code = svc:read "no.png"
    assert.is_nil(bytes)
    assert.equal("there is no file 'no.png' in resources/", message)
    assert.equal("not_found", code)
  end)

  it("stays inside the folder", function()
    for _, name in ipairs {
      "../shared_spec.lua", "css/../../scratch.lua", "/etc/passwd", "", ".", "css//page.css", "css/", "a\\b", "a\0b", "./bus.png",
    } do
      local bytes, message, code = svc:read(name)
      assert.is_nil(bytes, name)
      assert.contains("is no name of a file in resources/", message)
      assert.equal("invalid", code)
      assert.is_nil(svc[name])
    end
  end)

  it("gives text without a byte order mark, if it is text", function()
    local memory = in_memory { ["a.txt"] = "\u{FEFF}ä", ["b.txt"] = "\xff" }
    assert.equal("ä", (memory:text "a.txt"))
    assert.equal("\u{FEFF}ä", memory["a.txt"])
    local text, message, code = memory:text "b.txt"
    assert.is_nil(text)
    assert.equal("the file 'b.txt' in resources/ is not UTF-8", message)
    assert.equal("invalid", code)
    text, message, code = memory:text "c.txt"
    assert.is_nil(text)
    assert.equal("there is no file 'c.txt' in resources/", message)
    assert.equal("not_found", code)
  end)

  it("lists the names", function()
    assert.same({ "bus.png", "css/page.css", "mail.txt", "page.html", "row.html", "strings.yaml" }, svc:list())
    assert.same({ "css/page.css" }, svc:list "css/")
    assert.same({ "page.html" }, svc:list "pa")
    assert.same({}, svc:list "../")
    assert.same({}, svc:list "no/")
  end)

  it("is all that can be done", function()
    assert.error_matches(function()
      svc["bus.png"] = "x"
    end, "cannot write its resources: 'bus.png'")
  end)
end)

describe("serving", function()
  it("answers with the file, its type and its tag", function()
    local res = served(resources.bind(), "bus.png")
    assert.equal(200, res.status)
    assert.equal(PNG, res.body)
    assert.same({
      etag = tag(PNG),
      ["cache-control"] = "max-age=3600, private, stale-while-revalidate=3600",
      ["content-type"] = "image/png",
      ["accept-ranges"] = "bytes",
    }, res.headers)
  end)

  it("answers with the part that is asked for", function()
    local svc = in_memory { ["a.txt"] = "abcdef" }
    for header, expected in pairs {
      ["bytes=0-1"] = { 206, "ab", "bytes 0-1/6" },
      ["Bytes=4-"] = { 206, "ef", "bytes 4-5/6" },
      ["bytes=-2"] = { 206, "ef", "bytes 4-5/6" },
      ["bytes=6-"] = { 416, nil, "bytes */6" },
      ["bytes=-0"] = { 416, nil, "bytes */6" },
      ["bytes=0-1,3-4"] = { 200, "abcdef" },
      ["bytes=3-1"] = { 200, "abcdef" },
    } do
      local res = served(svc, "a.txt", request("GET", { range = header }))
      assert.same(expected, { res.status, res.body, res.headers["content-range"] }, header)
    end
  end)

  it("answers with all of it when the client has parts of another one, and to HEAD", function()
    local svc = in_memory { ["a.txt"] = "abcdef" }
    local fields = { range = "bytes=0-1", ["if-range"] = '"x"' }
    assert.equal(200, served(svc, "a.txt", request("GET", fields)).status)
    fields["if-range"] = tag "abcdef"
    assert.equal(206, served(svc, "a.txt", request("GET", fields)).status)
    assert.equal(200, served(svc, "a.txt", request("HEAD", fields)).status)
  end)

  it("leaves what the handler set", function()
    local res = response { ["cache-control"] = "no-store", ["content-type"] = "x/y" }
    served(resources.bind(), "bus.png", nil, res)
    assert.equal("no-store", res.headers["cache-control"])
    assert.equal("x/y", res.headers["content-type"])
  end)

  it("raises 404 for what is not there, and for ways out", function()
    for _, name in ipairs { "no.png", "../resources_spec.lua", "" } do
      local ok, problem = pcall(served, resources.bind(), name)
      assert.is_false(ok)
      assert.is_true(errors.is(problem))
      assert.equal(404, problem.status)
    end
  end)

  it("answers 304 without a body when the client has it", function()
    for _, header in ipairs { tag(PNG), '"x", W/' .. tag(PNG), "*", " * ", '"a,b",' .. tag(PNG) } do
      for _, method in ipairs { "GET", "HEAD" } do
        local res = served(resources.bind(), "bus.png", request(method, { ["if-none-match"] = header }))
        assert.equal(304, res.status, header)
        assert.is_nil(res.body)
        assert.same({ etag = tag(PNG), ["cache-control"] = res.headers["cache-control"] }, res.headers)
      end
    end
  end)

  it("answers in full when the client has another, or asks by another method", function()
    for _, header in ipairs { '"x"', "", tag(PNG):sub(2, -2), "x*" } do
      assert.equal(200, served(resources.bind(), "bus.png", request("GET", { ["if-none-match"] = header })).status)
    end
    assert.equal(200, served(resources.bind(), "bus.png", request("POST", { ["if-none-match"] = "*" })).status)
  end)

  it("tells the type by the name, or else by the bytes", function()
    local cases = {
      ["a.css"] = { "", "text/css; charset=utf-8" },
      ["a.JS"] = { "", "text/javascript; charset=utf-8" },
      ["a.b.html"] = { "", "text/html; charset=utf-8" },
      ["a.json"] = { "", "application/json" },
      ["a.svg"] = { "", "image/svg+xml" },
      ["a.woff2"] = { "", "font/woff2" },
      ["a.wasm"] = { "", "application/wasm" },
      ["a.mp4"] = { "", "video/mp4" },
      ["png"] = { "\x89PNG\r\n\x1a\n", "image/png" },
      ["jpeg"] = { "\xff\xd8\xff\xe0", "image/jpeg" },
      ["gif.unknown"] = { "GIF89a", "image/gif" },
      ["webp"] = { "RIFF\1\2\3\4WEBP", "image/webp" },
      ["pdf"] = { "%PDF-1.7", "application/pdf" },
      ["wasm"] = { "\0asm\1\0\0\0", "application/wasm" },
      ["mp4"] = { "\0\0\0\32ftypisom", "video/mp4" },
      ["zip"] = { "PK\3\4", "application/zip" },
      ["html"] = { "\n <!DOCTYPE html><p>", "text/html; charset=utf-8" },
      ["svg"] = { "<svg>", "image/svg+xml" },
      ["xml"] = { "<?xml version='1.0'?>", "text/xml; charset=utf-8" },
      ["text"] = { "hello", "text/plain; charset=utf-8" },
      ["empty"] = { "", "text/plain; charset=utf-8" },
      ["bytes"] = { "\1\2\3", "application/octet-stream" },
      ["name.d/file"] = { "hello", "text/plain; charset=utf-8" },
    }
    for name, case in pairs(cases) do
      local svc = in_memory { [name] = case[1] }
      assert.equal(case[2], served(svc, name).headers["content-type"], name)
    end
  end)
end)

describe("rendering", function()
  it("escapes in .html, with what it includes", function()
    assert.equal("<h1>A &amp; B</h1>\n<p>&lt;1&gt;</p>\n<p>2</p>\n",
      resources.bind():render("page.html", { title = "A & B", rows = { "<1>", 2 } }))
  end)

  it("writes others as they are", function()
    assert.equal("Dear A & B\n", resources.bind():render("mail.txt", { name = "A & B" }))
  end)

  it("compiles a template once", function()
    local svc, reads = in_memory { ["a.txt"] = "{{ a }}" }
    assert.equal("1", svc:render("a.txt", { a = 1 }))
    assert.equal("2", svc:render("a.txt", { a = 2 }))
    assert.equal(1, reads["resources/a.txt"])
  end)

  it("needs the template", function()
    assert.has_error(function()
      resources.bind():render "no.html"
    end, "there is no file 'no.html' in resources/")
  end)
end)
