-- moonbus call PATH [name=value ...]: calls a service through the host.

local client = require "cli.client"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local url = require "url"

-- 1, true, [1,2] are JSON; anything else is a text.
local function value_of(text)
  local value = json.decode(text)
  if value == nil then
    return text
  end
  return value
end

local function arguments_of(words)
  local values, n = {}, 0
  for i = 2, #words do
    local name, text = words[i]:match("^([%w_.-]+)=(.*)$")
    if not name then
      main.wrong_usage(("%q is no argument: write name=value"):format(words[i]))
    end
    values[name] = value_of(text)
    n = n + 1
  end
  return values, n
end

local function query_of(values)
  local parts = {}
  for name, value in pairs(values) do
    local text = type(value) == "string" and value or json.encode(value)
    table.insert(parts, url.encode(name) .. "=" .. url.encode(text))
  end
  table.sort(parts)
  return table.concat(parts, "&")
end

local function show(answer)
  local value = (answer.headers["content-type"] or ""):find("json", 1, true) and json.decode(answer.body)
  if type(value) == "table" then
    output.json(value)
  elseif answer.body ~= "" then
    output.text(answer.body .. (answer.body:sub(-1) == "\n" and "" or "\n"))
  end
end

return {
  usage = "call PATH [NAME=VALUE ...]",
  summary = "call a service through the host",
  text = "Calls /PATH with your token: moonbus call hello.example/add x=1 y=2. Values that are JSON are sent as such,\n"
    .. "others as texts. With arguments the method is POST and they are the JSON body; without it is GET.",
  short = { X = "method", d = "data" },
  flags = {
    method = { value = "METHOD", text = "another method (-X); GET and DELETE put the arguments into the query" },
    data = { value = "BODY", text = "a request body (-d) instead of arguments" },
  },
  run = function(words, flags)
    local path = words[1]
    if not path then
      main.wrong_usage("call what? moonbus call PATH [NAME=VALUE ...]")
    end
    local values, n = arguments_of(words)
    local method = (flags.method or ((n > 0 or flags.data) and "POST") or "GET"):upper()
    local server = client.server(flags)
    local headers, body = {}, flags.data
    path = path:sub(1, 1) == "/" and path or "/" .. path
    if n > 0 and (method == "GET" or method == "DELETE") then
      path = path .. (path:find("?", 1, true) and "&" or "?") .. query_of(values)
    elseif n > 0 then
      body = json.encode(values)
    end
    if body then
      headers["content-type"] = "application/json"
    end
    local known = client.credentials(server)
    if known then
      headers.authorization = "Bearer " .. known.token
    end
    local answer = client.request(server, method, path, body, headers)
    if answer.status >= 400 then
      io.stderr:write(("moonbus: %s answered %d\n"):format(path, answer.status))
      show(answer)
      return 1
    end
    show(answer)
  end,
}
