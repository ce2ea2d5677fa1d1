-- spec.pages: a web handler that was called by a spec, and what is asserted about its answer:
--
--     service.test.Hello.get(ctx, "?name=Maria"):status_ok():body_contains("Maria"):tag_equal("h1", "Hello")
--
-- The handler runs directly, on a request in memory; its URL is taken relative to where it is declared.

local assertions = require "assertions"
local cases = require "spec.cases"
local gen_url = require "gen.url"
local html = require "spec.html"
local json = require "json"
local message = require "service.message"
local station = require "spec.station"
local url = require "url"

local M = {}

---@class PageCase: Case
---@field page HtmlNode? its body, once a selector was asked for
local PageCase = setmetatable({ __name = "case" }, { __index = cases.Case })
PageCase.__index = PageCase

-- ---- assertions ----

local EXCERPT = 200 -- bytes of a body in a failure

-- The answer; fails when there is none. `expected` says what was asked for.
local function answer_of(case, expected)
  case:no_error(expected)
  return case.results[1]
end

local function excerpt(text)
  return assertions.show(#text > EXCERPT and text:sub(1, EXCERPT) .. " …" or text)
end

local function fail(case, text, expected, got)
  assertions.fail { text = ("%s: %s"):format(case.name, text), expected = expected, got = got }
end

function PageCase:shown()
  local answer = self.results[1]
  return ("status %d with body %s"):format(answer.status, excerpt(answer.body))
end

--- The status of the answer.
---@param status integer
---@return self
function PageCase:status_code(status)
  local answer = answer_of(self, ("status %s"):format(status))
  if answer.status ~= status then
    fail(self, "the status is another one", ("status %s"):format(status), self:shown())
  end
  return self
end

--- The status is 200.
---@return self
function PageCase:status_ok()
  return self:status_code(200)
end

local function contains(case, text, wanted)
  text = tostring(text)
  local expected = ("a body %s %s"):format(wanted and "with" or "without", assertions.show(text))
  local body = answer_of(case, expected).body
  if (body:find(text, 1, true) ~= nil) ~= wanted then
    fail(case, wanted and "the body does not contain it" or "the body contains it", expected, excerpt(body))
  end
  return case
end

--- The body has a text in it.
---@param text any
---@return self
function PageCase:body_contains(text)
  return contains(self, text, true)
end

--- The body has a text not in it.
---@param text any
---@return self
function PageCase:body_not_contains(text)
  return contains(self, text, false)
end

-- ---- headers ----

local function values_of(answer, name)
  local value = answer.headers[name:lower()]
  return type(value) == "table" and value or { value }
end

-- Fails unless `wanted` says whether something holds for one of the header's values.
local function check_header(case, name, wanted, expected, holds)
  local values = values_of(answer_of(case, expected), name)
  local found = false
  for _, value in ipairs(values) do
    found = found or holds(value)
  end
  if found ~= wanted then
    local got = #values > 0 and assertions.show(table.concat(values, "\n")) or "no such header"
    fail(case, ("the header %s is another one"):format(name), expected, got)
  end
  return case
end

local function any()
  return true
end

local function same_as(text)
  return function(value)
    return value == tostring(text)
  end
end

local function with(text)
  return function(value)
    return value:find(tostring(text), 1, true) ~= nil
  end
end

--- There is a header of that name.
---@param name string
---@return self
function PageCase:header_exists(name)
  return check_header(self, name, true, "a header " .. name, any)
end

--- There is no header of that name.
---@param name string
---@return self
function PageCase:header_not_exists(name)
  return check_header(self, name, false, "no header " .. name, any)
end

--- A header has this value; of several cookies, one.
---@param name string
---@param value any
---@return self
function PageCase:header_equal(name, value)
  return check_header(self, name, true, assertions.show(tostring(value)), same_as(value))
end

--- A header has not this value.
---@param name string
---@param value any
---@return self
function PageCase:header_not_equal(name, value)
  return check_header(self, name, false, "anything but " .. assertions.show(tostring(value)), same_as(value))
end

--- A header has a text in its value.
---@param name string
---@param text any
---@return self
function PageCase:header_contains(name, text)
  return check_header(self, name, true, "a value with " .. assertions.show(tostring(text)), with(text))
end

--- A header has a text not in its value.
---@param name string
---@param text any
---@return self
function PageCase:header_not_contains(name, text)
  return check_header(self, name, false, "a value without " .. assertions.show(tostring(text)), with(text))
end

--- The media type of the body; parameters count when `value` has some.
---@param value string
---@return self
function PageCase:content_type(value)
  return check_header(self, "Content-Type", true, assertions.show(value), function(got)
    return got == value or (not value:find(";", 1, true) and got:match("^[^;]*") == value)
  end)
end

-- ---- elements ----

-- Fails unless `wanted` says whether something holds for the text of one of the elements.
local function check_tag(case, selector, wanted, expected, holds)
  local answer = answer_of(case, ("%s %s"):format(selector, expected))
  case.page = case.page or html.parse(answer.body)
  local texts, found = {}, false
  for i, node in ipairs(html.find(case.page, selector)) do
    texts[i] = html.text(node)
    found = found or holds(texts[i])
  end
  if found ~= wanted then
    local got = #texts > 0 and "elements with the texts " .. assertions.show(texts)
      or "no such element in " .. excerpt(answer.body)
    fail(case, ("the page is another one at %q"):format(selector), expected, got)
  end
  return case
end

--- The page has an element.
---@param selector string see spec.html
---@return self
function PageCase:tag_exists(selector)
  return check_tag(self, selector, true, "an element", any)
end

--- The page has no such element.
---@param selector string
---@return self
function PageCase:tag_not_exists(selector)
  return check_tag(self, selector, false, "no element", any)
end

--- One of the elements has this text; runs of blanks are one.
---@param selector string
---@param text any
---@return self
function PageCase:tag_equal(selector, text)
  return check_tag(self, selector, true, "the text " .. assertions.show(tostring(text)), same_as(text))
end

--- None of the elements has this text.
---@param selector string
---@param text any
---@return self
function PageCase:tag_not_equal(selector, text)
  return check_tag(self, selector, false, "not the text " .. assertions.show(tostring(text)), same_as(text))
end

--- One of the elements has a text in it.
---@param selector string
---@param text any
---@return self
function PageCase:tag_contains(selector, text)
  return check_tag(self, selector, true, "a text with " .. assertions.show(tostring(text)), with(text))
end

--- None of the elements has a text in it.
---@param selector string
---@param text any
---@return self
function PageCase:tag_not_contains(selector, text)
  return check_tag(self, selector, false, "no text with " .. assertions.show(tostring(text)), with(text))
end

-- ---- requests ----

local FORM = "application/x-www-form-urlencoded"

-- The body as text, and its media type.
local function encode(body, kind)
  if type(body) == "table" then
    if kind and kind:find(FORM, 1, true) then
      return message.query(body), kind
    end
    return json.encode(body), kind or "application/json"
  elseif body ~= nil and not kind then
    local text = tostring(body)
    return text, text:find("^%s*[{[]") and json.decode(text) ~= nil and "application/json" or "text/plain; charset=utf-8"
  end
  return body, kind
end

-- Where a URL leads, seen from that of the handler: host, path, query, and the path arguments in it.
local function locate(item, host, given)
  local base = ("https://%s:%d%s"):format(item.host or host, item.port == 0 and 443 or item.port, item.path)
  local resolved, why = gen_url.resolve(base, given or "")
  local at
  if resolved then
    at, why = gen_url.locate(gen_url.fill(resolved))
  end
  if not at then
    error(("the URL %q leads nowhere: %s"):format(tostring(given), why), 0)
  end
  local args
  for name, value in pairs(gen_url.extract(gen_url.encode_path(item.path), at.raw_path)) do
    args = args or {}
    args[name] = url.decode(value) or value
  end
  return at, args
end

local function request_of(item, host, sent, ctx)
  local at, args = locate(item, host, sent.url)
  local query = type(sent.query) == "table" and message.query(sent.query) or sent.query
  local headers = {}
  for name, value in pairs(sent.headers or {}) do
    headers[name:lower()] = value
  end
  local body
  body, headers["content-type"] = encode(sent.body, headers["content-type"])
  return message.request {
    method = sent.method,
    path = at.raw_path ~= "" and at.raw_path or "/",
    query = query and at.query and at.query .. "&" .. query or query or at.query,
    headers = headers,
    body = body,
    args = args,
    host = at.host,
    id = ctx.id,
    account = ctx.account,
    token = ctx.token,
  }
end

local SENT = { method = true, url = true, query = true, headers = true, body = true }

local function check_sent(item, sent)
  if type(sent) ~= "table" then
    error(("a request is a table of method, url, query, headers and body, not a %s"):format(type(sent)), 3)
  end
  for name in pairs(sent) do
    if not SENT[name] then
      error(("a request has no %q: it has method, url, query, headers and body"):format(tostring(name)), 3)
    end
  end
  local method = (sent.method or item.method):upper()
  local head = method == "HEAD" and item.method == "GET"
  if item.method ~= "ANY" and method ~= item.method and not head then
    error(("%s is declared for %s, not for %s"):format(item.name, item.method, method), 3)
  end
end

-- page.get(ctx, url): without a self, because that is how it reads.
local function without_body(method, request)
  return function(ctx, where)
    return request(ctx, { method = method, url = where })
  end
end

local function with_body(method, request)
  return function(ctx, where, kind, body)
    return request(ctx, { method = method, url = where, headers = { ["Content-Type"] = kind }, body = body })
  end
end

--- What calls a web handler and gives a case: get, head, delete (ctx, url); post, put, patch (ctx, url, content_type, body);
--- request (ctx, { method, url, query, headers, body }), which a call of the web itself is, too.
---@param item PlumbedEndpoint
---@param host string of the service
---@param handler fun(): function
---@return table
function M.caller(item, host, handler)
  local function request(ctx, sent)
    sent = sent or {}
    check_sent(item, sent)
    local method = sent.method or (item.method ~= "ANY" and item.method) or (sent.body and "POST") or "GET"
    local fn = handler()
    return cases.run(PageCase, item.name, function(own)
      local all = { method = method }
      for name, value in pairs(sent) do
        all[name] = value
      end
      return station.run_web(fn, own, request_of(item, host, all, own))
    end, ctx)
  end
  local page = { request = request }
  for _, method in ipairs { "GET", "HEAD", "DELETE" } do
    page[method:lower()] = without_body(method, request)
  end
  for _, method in ipairs { "POST", "PUT", "PATCH" } do
    page[method:lower()] = with_body(method, request)
  end
  return setmetatable(page, {
    __index = function(_, name)
      error(("%s is a web handler: it has no %q, but get, head, delete, post, put, patch and request")
        :format(item.name, tostring(name)), 2)
    end,
    __call = function(_, ctx, sent)
      return request(ctx, sent)
    end,
  })
end

return M
