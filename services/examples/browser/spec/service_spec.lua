-- Specs of browser.example: moonbus test examples/browser
--
-- Yours. The generator adds a test for each handler that no spec speaks of.

-- luacheck: std +busted

local errors = require "errors"
local spec = require "spec"

local test = spec.service().test

-- Plays the door to the world outside. Requests reach it as text: GET https://… HTTP/1.1 and headers.
local function world(pages)
  spec.mock("http.egress.core", {
    MakeRequest = function(_, req, res)
      local url = req:body():match("^GET (%S+) HTTP/1.1\r\n")
      res:answer(200, pages[url] or errors.raise(502, "cannot reach " .. url), "text/html")
    end,
  })
end

describe("Browse", function()
  it("is an address bar", function()
    test.Browse.get({}):status_ok():content_type("text/html")
      :tag_exists("input[name=url][type=text]")
      :tag_not_exists("pre")
  end)

  it("shows the source of a page", function()
    world { ["https://mocked.example.com/"] = "<html><body>Lorem Ipsum</body></html>" }
    test.Browse.get({}, "?url=https://mocked.example.com/"):status_ok()
      :tag_exists("input[name=url][value='https://mocked.example.com/']")
      :tag_equal("pre", "<html><body>Lorem Ipsum</body></html>")
  end)

  it("takes an address without a scheme", function()
    world { ["https://mocked.example.com"] = "Lorem Ipsum" }
    test.Browse.get({}, "?url=mocked.example.com"):tag_equal("pre", "Lorem Ipsum")
  end)

  it("shows why there is nothing to see", function()
    world {}
    test.Browse.get({}, "?url=https://nowhere.example"):status_ok()
      :tag_equal("pre", "cannot reach https://nowhere.example")
  end)
end)
