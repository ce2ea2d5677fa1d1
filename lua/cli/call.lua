-- moonbus call PATH [name=value ...]: calls a service through the host.
--
-- Most values are numbers and words, which should need no quotes but the shell's: what is JSON is taken for JSON, whatever
-- else for a text. Who must be sure writes the text as JSON, `"5"`, or says that it is to be JSON, `name:=[1,2]`.

local client = require "cli.client"
local errors = require "errors"
local json = require "json"
local main = require "cli.main"
local output = require "cli.output"
local url = require "url"

local IN_QUERY = { GET = true, DELETE = true, HEAD = true } -- methods that put arguments there

-- 1, true, "a", [1,2] are JSON; anything else is a text, unless it has to be JSON.
local function value_of(name, sign, text)
  local value, why = json.decode(text)
  if value ~= nil then
    return value
  elseif sign == ":=" then
    main.wrong_usage(("the value of %s is no JSON: %s"):format(name, why))
  end
  return text
end

local function arguments_of(words)
  local values, n = {}, 0
  for i = 2, #words do
    local name, sign, text = words[i]:match("^([%w_.-]+)(:?=)(.*)$")
    if not name then
      main.wrong_usage(("%q is no argument: write name=value, or name:=JSON"):format(words[i]))
    elseif values[name] ~= nil then
      main.wrong_usage(("%s is given twice"):format(name))
    elseif not utf8.len(text) then
      main.wrong_usage(("the value of %s is no UTF-8 text"):format(name))
    end
    values[name] = value_of(name, sign, text)
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

-- What a URL cannot hold is escaped; the rest is as it was typed.
local function path_of(word)
  if word:find("^%a+://") then
    main.wrong_usage(("%q is no path: name the host with --server"):format(word))
  end
  local path = word:gsub("[^\x21-\x7e]", url.encode)
  return path:sub(1, 1) == "/" and path or "/" .. path
end

local function method_of(flags, default)
  local method = (flags.method or default):upper()
  if not method:find("^[A-Z]+$") then
    main.wrong_usage(("%q is no HTTP method"):format(flags.method))
  end
  return method
end

local function show_json(value, body)
  if value == nil and not utf8.len(body) then
    errors.raise(502, "the answer is no text; without --json it is printed as it is")
  elseif value == nil then
    value = body ~= "" and body or json.null
  end
  output.json(value)
end

local function show(answer, as_json)
  local is_json = (answer.headers["content-type"] or ""):find("json", 1, true)
  local body, value = answer.body, nil
  if is_json then
    value = json.decode(body)
  end
  if as_json or type(value) == "table" then
    show_json(value, body)
  elseif body ~= "" then
    output.text(body .. (body:sub(-1) == "\n" and "" or "\n"))
  end
end

return {
  usage = "call PATH [NAME=VALUE ...]",
  summary = "call a service through the host",
  text = "Calls /PATH with your token: moonbus call calculator.example/square x=5. With arguments or a body the method is\n"
    .. "POST and they are JSON; without it is GET. GET, HEAD and DELETE put arguments into the query. The exit code is 1 when\n"
    .. "the answer has a status of 400 or more. Values, with the quotes that a shell wants:\n\n"
    .. "  n=5 on=true list=[1,2]   what is JSON is sent as such: a number, a boolean, a list\n"
    .. "  name=Ada id=007          everything else is a text\n"
    .. "  zip='\"5000\"'             a text that looks like JSON is written as JSON; these quotes are not part of it\n"
    .. "  q='\"\\\"a\\\"\"'              a text with quotes around it\n"
    .. "  pet:='{\"legs\":4}'        has to be JSON: a slip is told, not sent as a text",
  talks = "server",
  words = math.huge,
  flags = {
    { name = "method", short = "X", value = "METHOD", text = "another method than POST or GET" },
    { name = "data", short = "d", value = "BODY", text = "the JSON body, instead of arguments" },
  },
  run = function(words, flags)
    if not words[1] then
      main.wrong_usage("call what? moonbus call PATH [NAME=VALUE ...]")
    end
    local path = path_of(words[1])
    local values, n = arguments_of(words)
    local method = method_of(flags, (n > 0 or flags.data) and "POST" or "GET")
    local headers, body = {}, flags.data
    if n > 0 and IN_QUERY[method] then
      path = path .. (path:find("?", 1, true) and "&" or "?") .. query_of(values)
    elseif n > 0 and body then
      main.wrong_usage("either arguments or --data: both are the body")
    elseif n > 0 then
      body = json.encode(values)
    end
    if body then
      headers["content-type"] = "application/json"
    end
    local server = client.server(flags)
    local known = client.credentials(server)
    if known then
      headers.authorization = "Bearer " .. known.token
    end
    local answer = client.request(server, method, path, body, headers)
    if answer.status >= 400 then
      main.complain(("%s answered %d"):format(path, answer.status))
    end
    show(answer, flags.json)
    return answer.status >= 400 and 1 or 0
  end,
}
