-- Talks to a host for the commands: which server, which credentials, requests with helpful errors.
--
-- Credentials are kept per server in <home>/credentials.json, readable by their owner only.

local cli = require "cli"
local errors = require "errors"
local http = require "http"
local json = require "json"

local M = {}

local DEFAULT = "http://127.0.0.1:58231"

local function home()
  local folder = os.getenv("MOONBUS_HOME") or ""
  if folder == "" then
    folder = os.getenv("OB_FOLDER") or ""
  end
  return folder ~= "" and folder or (os.getenv("HOME") or ".") .. "/.moonbus"
end

local function read_json(name)
  local file = io.open(home() .. "/" .. name)
  if not file then
    return nil
  end
  local text = file:read("a")
  file:close()
  local value = json.decode(text)
  return type(value) == "table" and value or nil
end

local function credentials()
  local all = read_json("credentials.json") or {}
  all.servers = all.servers or {}
  return all
end

local function env(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

--- What a running host on this machine told about itself: { url, admin, secret, pid }, or nil.
function M.local_host()
  return read_json("host.json")
end

--- The base URL of the server to talk to, without a trailing slash.
---@param flags table
function M.server(flags)
  local here = M.local_host()
  local url = flags.server or env("MOONBUS_SERVER") or env("OB_SERVER_URL") or credentials().current
    or (here and here.url) or DEFAULT
  if not url:find("://", 1, true) then
    url = "http://" .. url
  end
  return (url:gsub("/+$", ""))
end

--- Keeps a token for a server and makes that server the one of the next commands.
function M.remember(server, slug, token)
  local all = credentials()
  all.current = server
  all.servers[server] = { slug = slug, token = token }
  local path = home() .. "/credentials.json"
  local ok, why = cli.write_private(path, json.encode(all, { indent = 2 }) .. "\n")
  if not ok then
    errors.raise(500, ("cannot write %s: %s"):format(path, why))
  end
end

--- The stored credentials of a server: { slug, token }, or nil.
function M.credentials(server)
  return credentials().servers[server]
end

local function explain(server, why, code)
  if code == "refused" then
    return ("nothing listens on %s; start a host with: moonbus run"):format(server)
  end
  return ("cannot reach %s: %s"):format(server, why)
end

local function message_of(answer)
  local value = json.decode(answer.body)
  if type(value) == "table" and type(value.error) == "string" then
    return value.error
  end
  local text = answer.body:match("^[^\r\n]*")
  return text ~= "" and text or "no explanation"
end

--- One request; raises when the server cannot be reached. Returns { status, headers, body }.
---@param server string
---@param method string
---@param path string
---@param body string?
---@param headers table<string, string>?
function M.request(server, method, path, body, headers)
  local answer, why, code = http.request {
    url = server .. path,
    method = method,
    body = body,
    headers = headers or {},
    timeout = 60,
  }
  if not answer then
    errors.raise(503, explain(server, why, code))
  end
  return answer
end

local function hint(status, server)
  if status == 401 or status == 422 then
    return M.credentials(server) and "; your account may not do that, or log in again: moonbus login"
      or "; log in first: moonbus login"
  end
  return ""
end

--- A JSON request with the stored token. Returns the decoded answer; raises for a status of 400 and more.
---@param server string
---@param method string
---@param path string
---@param value table?
function M.call(server, method, path, value)
  local headers = { ["content-type"] = "application/json" }
  local known = M.credentials(server)
  if known then
    headers.authorization = "Bearer " .. known.token
  end
  local answer = M.request(server, method, path, value and json.encode(value), headers)
  if answer.status >= 400 then
    errors.raise(answer.status, ("%s answered %d: %s%s"):format(server, answer.status, message_of(answer),
      hint(answer.status, server)))
  end
  if answer.body == "" then
    return {}
  end
  local decoded, why = json.decode(answer.body)
  if decoded == nil then
    errors.raise(502, ("%s answered something that is no JSON: %s"):format(server, why))
  end
  return decoded
end

--- A request to the admin address of the host on this machine.
---@param method string
---@param path string
function M.admin(method, path)
  local here = M.local_host()
  if not here then
    errors.raise(503, "no host runs on this machine with this home folder; start one with: moonbus run")
  end
  return M.request(here.admin, method, path, nil, { authorization = "Bearer " .. here.secret }), here
end

return M
