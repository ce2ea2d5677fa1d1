-- Talks to a host for the commands: which server, which credentials, requests with helpful errors.
--
-- Credentials are kept per server in credentials.json of the home folder, readable by their owner only. Those for the
-- host of the home folder itself (`home` is true) are good wherever it listens today: host.json tells.

local cli = require "cli"
local errors = require "errors"
local http = require "http"
local json = require "json"
local main = require "cli.main"
local url = require "url"

local M = {}

local DEFAULT = "http://127.0.0.1:58231"
local NO_FILE = 2 -- ENOENT

local home_flag -- what --home said

--- Takes another home folder than the settings say.
---@param folder string
function M.use_home(folder)
  local ok, why = cli.home(folder)
  if not ok then
    main.wrong_usage(why)
  end
  home_flag = folder
end

local function path_of(name)
  return cli.home() .. "/" .. name
end

-- ---- the files of the home folder ----

local REMEDY = {
  ["credentials.json"] = "repair it, or remove it and log in again",
  ["host.json"] = "start the host again",
}

local function damaged(name, why)
  errors.raise(500, ("%s is damaged: %s; %s"):format(path_of(name), why, REMEDY[name]))
end

-- The object in a file; nil when there is no such file.
local function read_json(name)
  local file, why, code = io.open(path_of(name))
  if not file and code == NO_FILE then
    return nil
  end
  local text
  if file then
    text, why = file:read("a")
    file:close()
  end
  if not text then
    errors.raise(500, ("cannot read %s: %s"):format(path_of(name), why))
  end
  local value
  value, why = json.decode(text)
  if type(value) ~= "table" or json.is_list(value) and #value > 0 then
    damaged(name, why or "it holds no object")
  end
  return value
end

local function is_text(value)
  return type(value) == "string" and value ~= "" and not value:find("[%c\128-\255 ]")
end

local function credentials()
  local name = "credentials.json"
  local all = read_json(name) or {}
  all.servers = all.servers or {}
  if type(all.servers) ~= "table" then
    damaged(name, "servers is no object")
  elseif all.current ~= nil and not is_text(all.current) then
    damaged(name, "current is no URL")
  end
  for server, entry in pairs(all.servers) do
    if not is_text(server) or type(entry) ~= "table" or not is_text(entry.token) then
      damaged(name, ("there is no token for %s"):format(server))
    end
  end
  return all
end

-- What the host of the home folder told about itself when it started; it may have ended without a word.
local function announced()
  local name = "host.json"
  local here = read_json(name)
  if not here then
    return nil
  end
  local fine = is_text(here.url) and is_text(here.admin) and is_text(here.secret) and math.type(here.pid) == "integer"
  return fine and here or damaged(name, "it does not say where a host is")
end

-- The same, while there is such a process.
local function running()
  local here = announced()
  return here and cli.alive(here.pid) and here or nil
end

local function strange(server, why)
  errors.raise(502, ("%s answered something unexpected (%s); is it a Moonbus host?"):format(server, why))
end

-- The entry for the host of the home folder, and the URL that it had then.
local function home_entry(all)
  for server, entry in pairs(all.servers) do
    if entry.home == true then
      return entry, server
    end
  end
  return nil
end

--- Keeps a token for a server and makes that server the one of the next commands.
---@param server string
---@param slug string
---@param token any as the server answered it
function M.remember(server, slug, token)
  if not is_text(token) then
    strange(server, "no token in it")
  end
  local all, here = credentials(), running()
  local _, before = home_entry(all)
  local home = here and here.url == server or nil
  if home and before then
    all.servers[before] = nil
  end
  all.current = server
  all.servers[server] = { slug = slug, token = token, home = home }
  local path = path_of("credentials.json")
  local ok, why = cli.write_private(path, json.encode(all, { indent = 2 }) .. "\n")
  if not ok then
    errors.raise(500, ("cannot write %s: %s"):format(path, why))
  end
end

--- The stored credentials of a server: { slug, token }, or nil.
---@param server string
function M.credentials(server)
  local all, here = credentials(), running()
  return all.servers[server] or (here and here.url == server and home_entry(all)) or nil
end

-- ---- which server ----

local function base_url(text, source)
  local full = text:find("://", 1, true) and text or "http://" .. text
  local parts, why = url.parse(full)
  if text == "" then
    why = "it is empty"
  elseif parts and parts.query then
    why = "it has a query"
  elseif parts then
    return (full:gsub("/+$", ""))
  end
  main.wrong_usage(("%s is no address of a host: %s; write one like %s"):format(source, why, DEFAULT))
end

local function named(flags)
  if flags.server then
    return base_url(flags.server, "--server")
  end
  for _, name in ipairs { "MOONBUS_SERVER", "OB_SERVER_URL" } do
    local text = os.getenv(name)
    if text and text ~= "" then
      return base_url(text, name)
    end
  end
  return nil
end

-- Without a word about it: the server of the last login, or the host here. The host here may have moved since.
local function usual()
  local all, here = credentials(), running()
  local current = all.current
  local entry = current and all.servers[current]
  if here and (not current or (entry and entry.home == true)) then
    return here.url
  end
  return current or (cli.self_url() ~= "" and cli.self_url()) or DEFAULT
end

--- The base URL of the server to talk to, without a trailing slash.
---@param flags table
function M.server(flags)
  return named(flags) or usual()
end

--- The same for logging in: a host that runs here goes before the server of the last login.
---@param flags table
function M.login_server(flags)
  local name = named(flags)
  local here = not name and running()
  return name or (here and here.url) or usual()
end

-- ---- requests ----

-- A word as a shell takes it.
local function quoted(word)
  return word:find("[^%w@%%+=:,./_~-]") and "'" .. word:gsub("'", "'\\''") .. "'" or word
end

local function login_command(server)
  return "moonbus login" .. (home_flag and " --home " .. quoted(home_flag) or "")
    .. (M.login_server {} ~= server and " --server " .. quoted(server) or "")
end

local function explain(server, why, code)
  if code == "refused" then
    local here = running()
    local elsewhere = here and here.url ~= server and here.admin ~= server
    return ("nothing listens on %s; %s"):format(server, elsewhere
      and ("the host of %s listens on %s"):format(cli.home(), here.url) or "start a host with: moonbus run")
  elseif code == "not_found" then
    return ("cannot reach %s: unknown host %s"):format(server, url.parse(server).host)
  end
  return ("cannot reach %s: %s"):format(server, why)
end

local function message_of(answer)
  local value = json.decode(answer.body)
  local text = type(value) == "table" and type(value.error) == "string" and value.error
    or answer.body:match("^[^\r\n]*")
  text = text:gsub("^" .. answer.status .. " ", "") -- a page that begins with the status
  return text ~= "" and text or "no explanation"
end

--- One request; raises when the server cannot be reached. Returns { status, headers, body }.
---@param server string
---@param method string
---@param path string
---@param body string?
---@param headers table<string, string>?
---@param timeout number? seconds for all of it (60)
function M.request(server, method, path, body, headers, timeout)
  local answer, why, code = http.request {
    url = server .. path,
    method = method,
    body = body,
    headers = headers or {},
    timeout = timeout or 60,
  }
  if not answer then
    errors.raise(503, explain(server, why, code))
  end
  return answer
end

--- The object in an answer; raises for a status of 400 and more, and when there is none.
---@param server string
---@param answer table
function M.object(server, answer)
  local status = answer.status
  if status >= 400 then
    local advice = ""
    if status == 401 or status == 422 then
      advice = (M.credentials(server) and "; your account may not do that, or log in again: " or "; log in first: ")
        .. login_command(server)
    end
    errors.raise(status, ("%s answered %d: %s%s"):format(server, status, message_of(answer), advice))
  elseif answer.body == "" then
    return {}
  end
  local value, why = json.decode(answer.body)
  if type(value) ~= "table" then
    strange(server, why or "no object")
  end
  return value
end

--- A JSON request with the stored token. Returns the object that was answered; raises for a status of 400 and more.
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
  return M.object(server, M.request(server, method, path, value and json.encode(value), headers))
end

--- A field of an answer, which must be an object.
---@param server string
---@param answer table
---@param name string
function M.field(server, answer, name)
  local value = answer[name]
  if type(value) ~= "table" then
    strange(server, ("no %s in it"):format(name))
  end
  return value
end

--- A field of an answer, which must be a list of objects; one that is missing is empty.
---@param server string
---@param answer table
---@param name string
function M.list(server, answer, name)
  local list = answer[name] == nil and {} or M.field(server, answer, name)
  for i in ipairs(list) do
    M.field(server, list, i)
  end
  return json.list(list)
end

--- What tells the host on this machine from the one before and after it; nil when it has not said that it runs.
---@return string?
function M.host_key()
  local ok, here = pcall(announced)
  return ok and here and here.pid .. " " .. here.secret or nil
end

--- A request to the admin address of the host on this machine.
---@param method string
---@param path string
---@param timeout number? seconds for all of it (60)
---@param body string?
function M.admin(method, path, timeout, body)
  local here = announced()
  if not here then
    errors.raise(503, ("no host runs with the home folder %s; start one with: moonbus run"):format(cli.home()))
  end
  return M.request(here.admin, method, path, body, { authorization = "Bearer " .. here.secret }, timeout)
end

return M
