-- require "http": what it refuses. Answers of real servers are the business of the C specs and the host specs.

local http = require "http"
local time = require "time"

local function refused(options, code, pattern)
  local answer, message, got = http.request(options)
  assert.is_nil(answer)
  assert.equal(code, got)
  assert.matches(pattern, message)
end

describe("http.request", function()
  it("tells that nothing listens", function()
    local answer, message, code = http.request { url = "http://127.0.0.1:1/" }
    assert.is_nil(answer)
    assert.is_string(message)
    assert.equal("refused", code)
  end)

  it("has all of its time, however long the task worked before", function()
    local over = time.monotonic() + 1.2
    while time.monotonic() < over do
    end
    local _, _, code = http.request { url = "http://127.0.0.1:1/", timeout = 1 }
    assert.equal("refused", code)
  end)

  it("refuses URLs that it cannot use", function()
    refused({}, "invalid", "not a usable URL")
    refused({ url = "ftp://127.0.0.1/" }, "invalid", "not a usable URL")
    refused({ url = "http://127.0.0.1/a b" }, "invalid", "not a usable URL")
    refused({ url = "http://127.0.0.1/\u{e4}" }, "invalid", "percent%-encoded")
    refused({ url = "https://127.0.0.1/" }, "unsupported", "only http")
  end)

  it("refuses headers that would be two", function()
    for name, value in pairs { ["A b"] = "x", [""] = "x", A = "x\r\nB: y", B = "x\0" } do
      assert.error_matches(function()
        http.request { url = "http://127.0.0.1:1/", headers = { [name] = value } }
      end, "not a header")
    end
  end)

  it("says what is wrong with what it is given, where it is called", function()
    for wrong, options in pairs {
      ["there is no option timeoutt; there are: url method"] = { timeoutt = 1 },
      ["there is no option 1;"] = { "http://127.0.0.1:1/" },
      ["timeout: a number of seconds"] = { timeout = "soon" },
      ["limit: a whole number of bytes"] = { limit = 1.5 },
      ["method: a text, not a table"] = { method = {} },
      ["headers: a table of texts by name, not a string"] = { headers = "A: b" },
      ["header A: a text, not a table"] = { headers = { A = { "b" } } },
    } do
      options.url = "http://127.0.0.1:1/"
      for _, stream in ipairs { false, true } do
        options.stream = stream
        local e = assert.has_error(function()
          http.request(options)
        end)
        assert.contains(wrong, e)
        assert.contains("http_spec.lua:", e)
      end
    end
    assert.error_matches(function()
      http.request "http://127.0.0.1:1/"
    end, "a request is a table, not a string")
  end)

  it("refuses methods and times that are none", function()
    assert.error_matches(function()
      http.request { url = "http://127.0.0.1:1/", method = "GET /" }
    end, "not a method")
    for _, timeout in ipairs { 0, -1, 0 / 0, 4000 } do
      assert.error_matches(function()
        http.request { url = "http://127.0.0.1:1/", timeout = timeout }
      end, "timeout")
    end
    assert.has_error(function()
      http.request "http://127.0.0.1:1/"
    end)
  end)
end)
