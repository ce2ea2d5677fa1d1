-- service: binds a service.lua to its declaration.
--
--     local svc = require "service" (...)
--     function svc.Add(ctx, x, y) return x + y end
--     return svc
--
-- Reads service.yaml from the service's own files, collects the handlers as they are assigned, and gives the host the
-- entry points that it calls: dispatch (an HTTP request), call (over the bus), start (on_start and tickers). Loading
-- declares and does nothing else.

local duration = require "gen.duration"
local errors = require "errors"
local files = require "files"
local gen_url = require "gen.url"
local json = require "json"
local log = require "log"
local model = require "gen.model"
local request = require "request"
local scalar = require "gen.scalar"
local task = require "task"
local time = require "time"
local url = require "url"
local wire = require "wire"

local M = {}

-- ---- the context of a call ----

---@class Context
---@field account { id: string, app: string, slug: string, device: string, roles: string[] }? the verified caller
---@field roles string[]? of the caller
---@field token string? the caller's bearer token
---@field request Request? when it came over HTTP
---@field id string? request id

local LAZY = {
  account = function()
    return (request.account())
  end,
  token = function()
    return (request.token())
  end,
  request = function()
    return (request.current())
  end,
  roles = function(ctx)
    return ctx.account and ctx.account.roles
  end,
  id = function(ctx)
    return ctx.request.id
  end,
}

local HttpContext = {}

function HttpContext.__index(ctx, key)
  local make = LAZY[key]
  if not make then
    return nil
  end
  local value = make(ctx)
  rawset(ctx, key, value)
  return value
end

-- ---- request to arguments ----

local function content_type(req)
  local value = req:header("content-type") or ""
  return value:match("^%s*([^;%s]*)"):lower()
end

local FIRST = { first = true } -- what follows the first JSON value is ignored

-- The body as a JSON value. `lenient`: nothing at all counts as {}.
local function json_body(req, lenient)
  local text = req:body()
  if text == "" and lenient then
    return {}
  end
  local value, message = json.decode(text, FIRST)
  if value == nil then
    return nil, message
  end
  if value == json.null then
    return {}
  end
  return value
end

local HAS_BODY = { POST = true, PUT = true, PATCH = true, DELETE = true }

-- Values by argument name, from the body of the request: JSON object, or form.
local function body_arguments(req)
  if req.length == 0 then
    return {}, false
  end
  if content_type(req) == "application/x-www-form-urlencoded" then
    local text = req:body()
    -- No form begins like that, but many a client calls its JSON a form: curl -d does.
    if not text:find("^%s*{") then
      return url.parse_query(text), true
    end
    local value = json.decode(text, FIRST)
    if type(value) ~= "table" then
      errors.raise(400, "Invalid JSON")
    end
    return value, false
  end
  local value = json_body(req, true)
  if type(value) ~= "table" or json.is_list(value) then
    errors.raise(400, "Invalid JSON")
  end
  return value, false
end

local function find_ignoring_case(values, name)
  local value = values[name]
  if value ~= nil then
    return value
  end
  local lower = name:lower()
  for k, v in pairs(values) do
    if type(k) == "string" and k:lower() == lower then
      return v
    end
  end
end

-- Body, then query, then path: the later one wins.
local function argument(arg, body, is_form, query, params, classes)
  local value = params and params[arg.name]
  if value ~= nil then
    return wire.from_text(arg.type, value, classes, arg.name)
  end
  value = query and find_ignoring_case(query, arg.name)
  if value ~= nil then
    return wire.from_text(arg.type, value, classes, arg.name)
  end
  value = body and find_ignoring_case(body, arg.name)
  if value == nil or value == json.null then
    return wire.zero(arg.type)
  elseif is_form then
    return wire.from_text(arg.type, value, classes, arg.name)
  end
  return wire.decode(arg.type, value, classes, arg.name)
end

local function whole_body(svc, arg, ep, req)
  local value = json_body(req, svc.optional_body[ep.name])
  if value == nil then
    errors.raise(400, "Invalid JSON")
  end
  local ok, result = pcall(wire.decode, arg.type, value, svc.classes, arg.name)
  if not ok then
    errors.raise(400, svc.platform and "Invalid JSON" or result.message or tostring(result))
  end
  return result
end

-- `method` is that of the request.
local function arguments(svc, ep, method, params)
  local query = request.query()
  local body, is_form, req
  if ep.magic_body or (ep.reads_body and request.has_body()) then
    req = request.current()
    if not ep.magic_body and HAS_BODY[method] then
      body, is_form = body_arguments(req)
    end
  end
  local values = {}
  for i, arg in ipairs(ep.inputs) do
    if arg.name == "httpRequestBody" then
      values[i] = whole_body(svc, arg, ep, req)
    else
      values[i] = argument(arg, body, is_form, query, params, svc.classes)
    end
  end
  return values
end

-- ---- results to response ----

local function send_results(svc, ep, results)
  local status, body, plain = 200, nil, nil
  for i, out in ipairs(ep.outputs) do
    local value = results[i]
    if out.name == "httpStatusCode" then
      status = value or 200
    elseif out.name == "httpResponseBody" then
      plain = true
      body = wire.encode(out.type, value, svc.classes)
    else
      body = body or {}
      body[out.name] = wire.encode(out.type, value, svc.classes)
    end
  end
  if body == nil and (status == 204 or status == 304) then
    request.answer(status)
  elseif body == nil or (plain and body == json.null) then
    request.json({}, status)
  else
    request.json(body, status)
  end
end

-- ---- endpoints ----

-- No fault that needs a traceback: the log has told at load.
local function no_code(ep)
  local _, res = request.current()
  res:json({ error = ("%s is declared but has no code"):format(ep.name) }, 501)
end

local function run_function(svc, ep, method, params)
  local handler = svc.handlers[ep.name]
  if not handler then
    return no_code(ep)
  end
  local ctx = setmetatable({}, HttpContext)
  local n = #ep.inputs
  if ep.single then -- one plain result: the common case
    local value
    if n == 0 then
      value = handler(ctx)
    else
      value = handler(ctx, table.unpack(arguments(svc, ep, method, params), 1, n))
    end
    if value == nil then
      value = json.null
    end
    request.json { [ep.single] = value }
    return
  end
  local results
  if n == 0 then
    results = table.pack(handler(ctx))
  else
    results = table.pack(handler(ctx, table.unpack(arguments(svc, ep, method, params), 1, n)))
  end
  send_results(svc, ep, results)
end

-- What a web handler returned, when it did not answer by itself: a table as JSON, (status, body), or a string.
local function answer_web(res, first, second)
  if res:begun() then
    return
  end
  local status, body = nil, first
  if type(first) == "number" then
    status, body = first, second
    if math.type(status) ~= "integer" or status < 200 or status > 599 then
      error(("a handler answers with a status from 200 to 599, not %s"):format(status), 0)
    end
  end
  if type(body) == "table" then
    res:json(body, status)
  elseif body ~= nil then
    res:answer(status, tostring(body))
  elseif status then
    res:answer(status)
  else
    res:answer()
  end
end

local Request = {} -- what lua/service adds to the host's request object

--- Decodes the whole body as JSON; raises 400 when it is none.
function Request.json(req)
  local value = json_body(req, false)
  if value == nil then
    errors.raise(400, "Invalid JSON")
  end
  return value
end

--- The fields of a form body.
function Request.form(req)
  return url.parse_query(req:body())
end

local function run_web(svc, ep, _, params)
  local handler = svc.handlers[ep.name]
  if not handler then
    return no_code(ep)
  end
  local req, res = request.current()
  if params then
    request.set_args(req, params)
  end
  answer_web(res, handler(setmetatable({}, HttpContext), req, res))
end

-- ---- routes ----

-- "/a/{x}/{rest+}" -> its segments, and whether there are arguments among them
local function compile_path(path)
  local segments, count = {}, 0
  for segment in (path:sub(2) .. "/"):gmatch("([^/]*)/") do
    local name, greedy = gen_url.argument(segment, count + 1)
    if name then
      count = count + 1
      table.insert(segments, { name = name, greedy = greedy })
    else
      table.insert(segments, { literal = segment })
    end
  end
  return segments, count > 0
end

-- Literal before argument before greedy, segment by segment.
local function more_specific(a, b)
  for i = 1, math.max(#a.segments, #b.segments) do
    local x, y = a.segments[i], b.segments[i]
    if not x or not y then
      return y == nil
    end
    local rank_x = x.literal and 0 or x.greedy and 2 or 1
    local rank_y = y.literal and 0 or y.greedy and 2 or 1
    if rank_x ~= rank_y then
      return rank_x < rank_y
    end
  end
  return a.order < b.order
end

local function match_segments(route, parts, path)
  local params = {}
  for i, segment in ipairs(route.segments) do
    local part = parts[i]
    if not part then
      return nil
    end
    if segment.literal then
      if segment.literal ~= part.text then
        return nil
      end
    elseif segment.greedy then
      params[segment.name] = url.decode(path:sub(part.at))
      return params
    elseif part.text == "" then
      return nil
    else
      params[segment.name] = url.decode(part.text)
      if not params[segment.name] then
        return nil
      end
    end
  end
  return #parts == #route.segments and params or nil
end

local function split(path)
  local parts = {}
  for at, text in path:gmatch("()([^/]*)/?") do
    if at <= #path or path:sub(-1) == "/" then
      table.insert(parts, { at = at, text = text })
    end
  end
  return parts
end

local function build_routes(svc)
  local exact, patterns = {}, {}
  local base = "/" .. svc.host
  local function add(ep, run)
    local path = gen_url.encode_path(ep.url.path) -- requests come with theirs escaped
    local segments, has_arguments = compile_path(path)
    local route = { ep = ep, run = run, method = ep.method, segments = segments, order = #patterns }
    if has_arguments then
      table.insert(patterns, route)
    else
      local full = base .. path
      exact[full] = exact[full] or {}
      exact[full][ep.method] = route
      if path == "/" then
        exact[base] = exact[base] or exact[full]
      end
    end
  end
  for _, ep in ipairs(svc.declaration.functions) do
    add(ep, run_function)
  end
  for _, ep in ipairs(svc.declaration.webs) do
    add(ep, run_web)
  end
  table.sort(patterns, more_specific)
  return exact, patterns, #base + 2
end

-- Nothing answers here, or not with this method: then `allowed` has those that would.
local function no_route(method, path, allowed, svc)
  local _, res = request.current()
  if svc.platform then
    res:nowhere()
    return
  elseif next(allowed) == nil then
    res:json({ error = ("%s has nothing at %s"):format(svc.host, path) }, 404)
    return
  end
  local names = {}
  for name in pairs(allowed) do
    table.insert(names, name)
  end
  if allowed.GET and not allowed.HEAD then
    table.insert(names, "HEAD")
  end
  table.sort(names)
  res:header("Allow", table.concat(names, ", "))
  res:json({ error = ("%s is not allowed for %s"):format(method, path) }, 405)
end

-- The route with path arguments that fits; those of other methods go into `allowed`.
local function by_pattern(patterns, method, rest, allowed)
  local parts = split(rest)
  for _, candidate in ipairs(patterns) do
    local params = match_segments(candidate, parts, rest)
    if params and (candidate.method == method or candidate.method == "ANY") then
      return candidate, params
    elseif params then
      allowed[candidate.method] = allowed[candidate.method] or { candidate, params }
    end
  end
end

local function make_dispatch(svc)
  local exact, patterns, below = build_routes(svc)
  return function(method, path)
    local methods = exact[path]
    local route, params = methods and (methods[method] or methods.ANY), nil
    if route then
      return route.run(svc, route.ep, method)
    end
    local allowed = {}
    for name, other in pairs(methods or allowed) do
      allowed[name] = { other }
    end
    if #patterns > 0 then
      route, params = by_pattern(patterns, method, path:sub(below), allowed)
    end
    if not route and method == "HEAD" and allowed.GET and not svc.platform then
      route, params = table.unpack(allowed.GET)
    end
    if route then
      return route.run(svc, route.ep, method, params)
    end
    return no_route(method, path, allowed, svc)
  end
end

-- ---- bus and life ----

-- `from` = { host, platform }: who calls, vouched for by the host.
local function make_call(svc)
  return function(from, name, ...)
    local exported = svc.exported[name]
    if exported then
      return exported(from, ...)
    end
    local handler = svc.handlers[name]
    if not handler then
      errors.raise(404, ("%s has no function %s"):format(svc.host, tostring(name)))
    end
    return handler({ from = from }, ...)
  end
end

local function run_ticker(svc, ticker)
  local handler = svc.handlers[ticker.name]
  local due = time.monotonic() + ticker.seconds
  while true do
    local now = time.monotonic()
    if now < due then
      time.sleep(due - now)
    end
    -- Each beat is a task of its own, with its own budget; it ends when the ticker is cancelled.
    local beat <close> = errors.check(task.spawn(handler, {}))
    local ok, message = pcall(beat.join, beat)
    if not ok then
      log.error("ticker failed", { ticker = ticker.name, error = tostring(message) })
    end
    now = time.monotonic()
    while due <= now do -- missed beats are skipped
      due = due + ticker.seconds
    end
  end
end

local function make_start(svc)
  return function()
    if svc.hooks.on_start then
      svc.hooks.on_start({})
    end
    for _, ticker in ipairs(svc.declaration.tickers) do
      if svc.handlers[ticker.name] then
        task.background(run_ticker, svc, ticker)
      end
    end
  end
end

local HOOKS = { on_start = true }
local KNOBS = { optional_body = true, exported = true }

local PLAIN = { string = true, int = true, float64 = true, bool = true } -- on the wire as they are

local function declared_names(decl)
  local names = {}
  for _, section in ipairs { "functions", "webs", "tickers" } do
    for _, h in ipairs(decl[section]) do
      names[h.name] = true
    end
  end
  for _, ep in ipairs(decl.functions) do
    for _, arg in ipairs(ep.inputs) do
      ep.magic_body = ep.magic_body or arg.name == "httpRequestBody"
      -- What the path gives is not looked for in a body.
      ep.reads_body = ep.reads_body or not ep.path:find("{" .. arg.name .. "%+?}")
    end
    local out = #ep.outputs == 1 and ep.outputs[1]
    if out and PLAIN[out.type] and not out.name:find("^http") then
      ep.single = out.name
    end
  end
  return names
end

local CONVERT = {
  string = function(text)
    return text
  end,
  int = function(text)
    return scalar.int(text) or 0
  end,
  float64 = function(text)
    return scalar.float(text) or 0.0
  end,
  bool = function(text)
    return scalar.bool(text) or false
  end,
  ["time.Duration"] = function(text)
    return duration.seconds(duration.parse(text) or 0)
  end,
}

local function config_values(decl)
  local values = {}
  for _, config in ipairs(decl.configs) do
    values[config.name] = CONVERT[config.outputs[1].type](config.default)
  end
  return values
end

-- ---- loading ----

-- What the declaration may say and the host cannot do yet.
local function unserved(decl, file)
  local problems = {}
  for _, section in ipairs { "functions", "webs" } do
    for _, ep in ipairs(decl[section]) do
      local why
      if ep.url.host then
        why = ("another host in path '%s' is not served yet: use a path below this service"):format(ep.path)
      elseif ep.url.port ~= 443 and ep.url.port ~= 0 then
        why = ("port %d in path '%s' is not served yet: use the default port"):format(ep.url.port, ep.path)
      end
      if why then
        table.insert(problems, { file = file, line = ep.line, column = ep.column, text = why })
      end
    end
  end
  return problems
end

-- The declaration and its warnings, a line each; or an error with all that is wrong.
local function load_declaration(folder)
  local file = "services/" .. folder .. "/service.yaml"
  local source = files.read("service.yaml") or error(file .. " is missing", 0)
  local decl, problems = model.parse(source, file, { folder = folder })
  local missing = decl and unserved(decl, file) or problems
  if #missing > 0 then
    error(model.render(missing), 0)
  end
  for _, section in ipairs { "events", "sinks", "metrics" } do
    if #decl[section] > 0 then
      local first = decl[section][1]
      table.insert(problems, {
        file = file, line = first.line, column = first.column, text = ("section '%s' does nothing yet"):format(section),
      })
    end
  end
  local warnings = {}
  for i, problem in ipairs(problems) do
    warnings[i] = model.render { problem }
  end
  return decl, warnings
end

local INNER = {} -- key of what the runtime keeps of a service

local function bind(folder)
  local decl, warnings = load_declaration(folder)
  local inner = {
    warnings = warnings,
    folder = folder,
    host = decl.host,
    declaration = decl,
    names = declared_names(decl),
    handlers = {},
    hooks = {},
    exported = {},
    optional_body = {},
    classes = wire.classes(files.read("types.lua") or ""),
    undeclared = {},
  }
  local svc = {
    [INNER] = inner,
    host = decl.host,
    config = config_values(decl),
    resources = setmetatable({}, {
      __index = function(_, name)
        return files.read("resources/" .. tostring(name))
      end,
    }),
  }
  return setmetatable(svc, {
    __newindex = function(_, name, value)
      if KNOBS[name] then
        inner[name] = value
      elseif HOOKS[name] then
        inner.hooks[name] = value
      elseif inner.names[name] then
        inner.handlers[name] = value
      else
        table.insert(inner.undeclared, tostring(name))
      end
    end,
    __index = function(_, name)
      return inner.handlers[name] or inner.hooks[name]
    end,
  })
end

-- What is odd about a service and does not stop it, a sentence each.
local function oddities(inner)
  local list = table.move(inner.warnings, 1, #inner.warnings, 1, {})
  local missing = {}
  for name in pairs(inner.names) do
    if not inner.handlers[name] then
      table.insert(missing, name)
    end
  end
  table.sort(missing)
  for _, name in ipairs(missing) do
    table.insert(list, ("services/%s: %s is declared but has no code"):format(inner.folder, name))
  end
  for _, name in ipairs(inner.undeclared) do
    table.insert(list, ("services/%s: svc.%s is not declared in service.yaml"):format(inner.folder, name))
  end
  return list
end

--- What the host calls after the service's file ran.
---@param svc table what require "service" (...) returned
---@param platform boolean
function M.entry(svc, platform)
  local inner = type(svc) == "table" and rawget(svc, INNER)
  if not inner then
    error("service.lua must end with `return svc`, what require \"service\" (...) gave it", 0)
  end
  inner.platform = platform
  return {
    warnings = oddities(inner),
    host = inner.host,
    api = platform,
    dispatch = make_dispatch(inner),
    call = make_call(inner),
    start = make_start(inner),
  }
end

request.extend(Request)

return setmetatable(M, {
  __call = function(_, folder)
    return bind(folder)
  end,
})
