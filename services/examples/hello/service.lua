-- hello.example: edit this file while the host runs, and look at the next answer.

local bus = require "bus"
local calculator = require "services.examples.calculator.api"
local log = require "log"

---@type services.examples.hello
local svc = require "service" (...)

--- Hello greets whoever asks, by name where there is one.
---@param req Request
function svc.Hello(_, req)
  local name = req.query.name or ""
  if name == "" then
    name = "World"
  end
  return ("%s, %s!\n"):format(svc.config.Greeting, name):rep(svc.config.Repeat)
end

-- Names of headers are lower-case in Lua: accept-language, Accept-Language.
local function capitalized(name)
  return (name:gsub("%f[%w]%l", string.upper))
end

--- Echo answers with the request as it came.
---@param req Request
function svc.Echo(_, req)
  local lines = { ("%s %s HTTP/1.1"):format(req.method, req.target), "Host: " .. req.host }
  for name, value in pairs(req.headers) do
    if name ~= "host" then
      table.insert(lines, ("%s: %s"):format(capitalized(name), value))
    end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. req:body()
end

--- Ping lists every service that is there.
---@param ctx Context
function svc.Ping(ctx)
  local lines = {}
  -- Every service answers at /ping of port 888, and all of them have the host `all`.
  for answer in bus.each(bus.publish(ctx, { method = "GET", url = "https://all:888/ping" })) do
    table.insert(lines, ("%s.%s\r\n"):format(answer.id, answer.host))
  end
  return table.concat(lines)
end

local function compute(ctx, form)
  local x, y = math.tointeger(tonumber(form.x)), math.tointeger(tonumber(form.y))
  if not x or not y then
    return "x and y are integers"
  end
  -- Arithmetic returns what it was given in front of the result. A call that fails raises: then the error comes first.
  local ok, problem, _, _, result = pcall(calculator.Arithmetic, ctx, x, form.op or "", y)
  return ok and result or problem
end

--- Calculator is a page with a form. Another service does the arithmetic.
---@param ctx Context
---@param req Request
---@param res Response
function svc.Calculator(ctx, req, res)
  local form = req.method == "POST" and req:form() or req.query
  res:header("Content-Type", "text/html; charset=utf-8")
  return svc.resources:render("calculator.html", {
    x = form.x,
    y = form.y,
    op = form.op,
    operators = { "+", "-", "*", "/" },
    result = form.x and tostring(compute(ctx, form)),
  })
end

--- BusPNG is a picture from the resources.
---@param req Request
---@param res Response
function svc.BusPNG(_, req, res)
  svc.resources:serve(req, res, "bus.png")
end

--- Localization says hello in the reader's language.
---@param ctx Context
function svc.Localization(ctx)
  return svc.resources:string(ctx, "hello") -- of resources/strings.yaml
end

--- Root is what stands at the root of the whole site.
---@param res Response
function svc.Root(_, _, res)
  res:header("Content-Type", "text/html; charset=utf-8")
  return "<h1>Moonbus</h1>\n"
end

--- TickTock ticks, and says so in the log.
function svc.TickTock()
  log.info("Ticktock")
end

return svc
