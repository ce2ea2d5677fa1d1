-- forward: performs a request for somebody else: refuses where it must not go, follows redirects, keeps to the time
-- there is, and says as a status what went wrong. What sends is given by the caller, so that specs need no network.

local address = require "address"
local errors = require "errors"
local gen_url = require "gen.url"
local message = require "message"
local url = require "url"

local M = {}

M.REDIRECTS = 10 -- at most

---@class ForwardOptions
---@field send fun(o: table): table?, string?, string? http.request
---@field left fun(): number seconds that there still are
---@field allow_link_local boolean

local STATUS = { invalid = 400, unsupported = 501, timeout = 504, busy = 503 }

-- Messages name the host only: what else is in a URL may be nobody's business.
local function fail(status, authority, why)
  errors.raise(status, ("%s: %s"):format(authority, why))
end

local function send(request, options)
  local parts = errors.check(url.parse(request.url))
  if not options.allow_link_local and address.is_link_local(parts.host) then
    fail(403, parts.authority, "requests to link-local addresses are not allowed")
  end
  local left = options.left()
  if left <= 0 then
    fail(504, parts.authority, "no time was left to ask")
  end
  local response, why, code = options.send {
    url = request.url, method = request.method, headers = request.headers, body = request.body, timeout = left,
  }
  if not response then
    fail(STATUS[code] or 502, parts.authority, why)
  elseif response.status < 200 or response.status > 599 then
    fail(502, parts.authority, ("%d is not the status of an answer"):format(response.status))
  end
  return response
end

-- ---- redirects ----

local FOLLOWED = { GET = true, HEAD = true }
local REDIRECT = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }
local KEEPS_BODY = { [307] = true, [308] = true }
local SECRETS = { authorization = true, cookie = true } -- meant for whom they were sent to

local function without_secrets(headers)
  local out = {}
  for name, value in pairs(headers) do
    out[name] = not SECRETS[name] and value or nil
  end
  return out
end

local function origin(parts)
  return ("%s://%s:%d"):format(parts.scheme, parts.host, parts.port):lower()
end

-- The request that a response sends to; nil when it is the answer.
local function redirected(request, response)
  local location = REDIRECT[response.status] and FOLLOWED[request.method] and response.headers.location
  local target = location and gen_url.resolve(request.url, location)
  target = target and target:gsub("#.*$", "")
  local to = target and url.parse(target)
  if not to then
    return nil
  end
  local same = origin(to) == origin(url.parse(request.url))
  return {
    method = request.method,
    url = target,
    headers = same and request.headers or without_secrets(request.headers),
    body = KEEPS_BODY[response.status] and request.body or "",
  }
end

-- ---- the whole ----

--- Sends a request and whatever it is redirected to, and gives the response without what concerns one connection only.
--- Raises 400 for a URL that is none, 403 where it must not go, 501 for what the client cannot do, 502 when there is no
--- answer, and 504 when there is none in time.
---@param request Message
---@param options ForwardOptions
---@return { status: integer, headers: table<string, string>, body: string }
function M.perform(request, options)
  for _ = 0, M.REDIRECTS do
    local response = send(request, options)
    local following = redirected(request, response)
    if not following then
      return { status = response.status, headers = message.end_to_end(response.headers), body = response.body }
    end
    request = following
  end
  return fail(502, url.parse(request.url).authority, ("more than %d redirects"):format(M.REDIRECTS))
end

return M
