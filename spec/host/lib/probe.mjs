// probe: a Lua service with an endpoint for each thing that declarations can say, and two services that listen to it.

const yaml = `general:
  host: probe.example
  description: What the specs of behaviours look at.
functions:
  - signature: Sum(x int, y int) (sum int)
  - signature: Types(s string, i int, f float64, b bool, at time.Time, wait time.Duration, raw []byte, list []int, map map[string]int, pet Pet, other *Pet, free any) (sOut string, iOut int, fOut float64, bOut bool, atOut time.Time, waitOut time.Duration, rawOut []byte, listOut []int, mapOut map[string]int, petOut Pet, otherOut *Pet, freeOut any)
  - signature: Nothing() (list []string, map map[string]int, lists [][]int, pet Pet, other *Pet, raw []byte, text string, n int, free any)
  - signature: Silent()
  - signature: Units(at time.Time, wait time.Duration, raw []byte) (inLua string)
  - signature: Adopt(pet Pet, tags []string) (petOut Pet, tagsOut []string)
  - signature: Put(id string, note string, httpRequestBody Pet) (httpResponseBody Pet, httpStatusCode int)
    method: PUT
    path: /put/{id}
  - signature: Upload(httpRequestBody []byte) (httpResponseBody []byte)
    method: POST
  - signature: List() (httpResponseBody []Pet)
  - signature: Created(code int) (httpStatusCode int, note string)
  - signature: Load(key string) (found string)
    path: /load/{key}
  - signature: Unnamed(path1 string, path2 int, name string, path4 string) (got string)
    path: /un/{}/x/{}/{name}/{+}
  - signature: Tail(rest string) (got string)
    path: /tail/{rest+}
  - signature: Fixed() (hit string)
    path: /route/fixed
  - signature: Argument(id string) (hit string)
    path: /route/{id}
  - signature: Deep(id string) (hit string)
    path: /route/{id}/fixed
  - signature: Greedy(more string) (hit string)
    path: /route/{more+}
  - signature: VerbGet() (hit string)
    method: GET
    path: /verb
  - signature: VerbAny() (hit string)
    path: /verb
  - signature: VerbIdGet(id string) (hit string)
    method: GET
    path: /verb/{id}
  - signature: VerbIdAny(id string) (hit string)
    path: /verb/{id}
  - signature: PortNamed() (hit string)
    path: :1234/port
  - signature: PortAny() (hit string)
    path: :0/port
  - signature: Only() (hit string)
    method: POST
    path: /only
  - signature: OnlyId(id string) (hit string)
    method: PATCH
    path: /only/{id}
  - signature: Readable() (hit string)
    method: GET
    path: /readable
  - signature: Missing(x int) (y int)
  - signature: Refuse(status int, message string)
  - signature: Explode(secret string)
  - signature: Nap(seconds float64) (rested bool)
  - signature: Dive(n int) (bottom int)
  - signature: See() (slug string, roles []string, from string, languages []string, baggage map[string]string, shift int, trace string)
  - signature: Hush() (hit string)
    path: :444/hush
  - signature: Closed() (hit string)
    path: :888/closed
  - signature: Other() (hit string)
    path: //other.example/hello
  - signature: OtherId(id string) (hit string)
    path: //other.example:1234/hello/{id}
webs:
  - signature: Mirror()
    path: /mirror/{first}/{rest+}
  - signature: Page()
    method: GET
  - signature: Bytes()
  - signature: Teapot()
  - signature: Try()
  - signature: Cookies()
  - signature: Front()
    path: //root
  - signature: MissingPage()
events:
  - signature: OnAsked(name string, pet Pet) (verdict string)
  - signature: OnNothing(name string)
  - signature: OnElsewhere(id int) (twice int)
    method: PUT
    path: :1417/elsewhere/{id}
`;

const types = `---@class Pet
---@field name string
---@field age int
---@field tags []string
---@field owner? Owner

---@class Owner
---@field name string
---@field since? time.Time
`;

const code = `local bus = require "bus"
local errors = require "errors"
local time = require "time"

local svc = require "service" (...)

function svc.Sum(_, x, y) return x + y end
function svc.Types(_, ...) return ... end
function svc.Nothing() end
function svc.Silent() end

function svc.Units(_, at, wait, raw)
  return ("%.3f %.3f %s"):format(at or -1, wait, raw)
end

function svc.Adopt(_, pet, tags) return pet, tags end

function svc.Put(_, id, note, pet)
  return { name = pet.name, age = pet.age, tags = { id, note } }, 201
end

function svc.Upload(_, bytes) return bytes:reverse() end
function svc.List() return {} end
function svc.Created(_, status) return status, "noted" end
function svc.Load(_, key) return key end
function svc.Unnamed(_, ...) return table.concat({ ... }, "|") end
function svc.Tail(_, rest) return rest end

function svc.Fixed() return "fixed" end
function svc.Argument(_, id) return "argument " .. id end
function svc.Deep(_, id) return "deep " .. id end
function svc.Greedy(_, more) return "greedy " .. more end
function svc.VerbGet() return "get" end
function svc.VerbAny() return "any" end
function svc.VerbIdGet(_, id) return "get " .. id end
function svc.VerbIdAny(_, id) return "any " .. id end
function svc.PortNamed() return "named" end
function svc.PortAny() return "any" end
function svc.Only() return "only" end
function svc.OnlyId(_, id) return "only " .. id end
function svc.Readable() return "readable" end

function svc.Refuse(_, status, message) errors.raise(status, message) end
function svc.Explode(_, secret) error("it broke: " .. secret) end

function svc.Nap(_, seconds)
  time.sleep(seconds)
  return true
end

function svc.Dive(ctx, n)
  return n <= 1 and 1 or 1 + bus.call(ctx, "probe.example", "Dive", n - 1)
end

function svc.See(ctx)
  local account = ctx.account
  return account and account.slug or "", ctx.roles or {}, ctx.from and ctx.from.host or "", ctx.languages, ctx.baggage,
    math.floor(ctx:now() - time.now() + 0.5), ctx.trace
end

function svc.Hush() return "hush" end
function svc.Closed() return "closed" end
function svc.Other() return "other" end
function svc.OtherId(_, id) return "other " .. id end

function svc.Mirror(_, req)
  return {
    method = req.method, args = req.args, query = req.query, body = req:body(), length = req.length,
    mine = req:header("X-Mine"), type = req.headers["content-type"],
  }
end

function svc.Page(_, _, res)
  res:status(203)
  res:header("X-Page", "one")
  res:header("Content-Type", "text/html; charset=utf-8")
  res:write("<p>one")
  res:write(", two</p>")
end

function svc.Bytes(_, _, res)
  res:answer(200, "\\0\\1\\xff\\n", "application/octet-stream")
end

-- What handlers do well and badly, by name; what they return, or are told, is the answer.
local TRIES = {
  json = function(req) return req:json().a end,
  form = function(req) return req:form().a end,
  text = function(req) return req:body() end,
  twice = function(req) return req:body(), req:body() end,
  chunks = function(req)
    local parts = {}
    for chunk in req:chunks() do table.insert(parts, chunk) end
    return table.concat(parts)
  end,
  names = function(req) return tostring(req), req.query_string, req.length end,
  no_method = function(req) return req.header("x-mine") end,
  nameless = function(req) return req.nothing end,
  field = function(req) return req:header("X-MINE"), req.headers["x-mine"] end,
  no_field = function(req) return req:header("x-other") end,
  field_of_table = function(req) return req:header({}) end,
  set_request = function(req) req.method = "PUT" end,
  set_response = function(_, res) res.other = 1 end,
  name_of_response = function(_, res) return tostring(res), res:begun() end,
  bad_name = function(_, res) res:header("a b", "c") end,
  bad_value = function(_, res) res:header("a", "b\\nc") end,
  table_value = function(_, res) res:header("a", {}) end,
  number_value = function(_, res)
    res:header("A", 5)
    return res:has("a")
  end,
  taken_away = function(_, res)
    res:header("a", "b"):header("A", nil)
    return res:has("a")
  end,
  too_many = function(_, res)
    local count = 0
    while pcall(res.header, res, "x-" .. count, "y") do count = count + 1 end
    for i = 0, count do res:header("x-" .. i, nil) end
    return count
  end,
  bad_status = function(_, res) res:status(99) end,
  text_status = function(_, res) res:status("200") end,
  fraction_status = function(_, res) res:status(200.5) end,
  bad_answer_status = function(_, res) res:answer(700, "x") end,
  table_answer = function(_, res) res:answer(200, {}) end,
  function_json = function(_, res) res:json({ f = print }) end,
  bad_json_status = function(_, res) res:json({}, 1) end,
  table_write = function(_, res) res:write({}) end,
}

function svc.Try(_, req, res)
  local results = table.pack(pcall(TRIES[req.query.what], req, res))
  for i = 1, results.n do results[i] = tostring(results[i]) end
  res:header("X-Result", (table.concat(results, " | ", 1, results.n):gsub("%c", " ")))
end

function svc.Cookies(_, _, res)
  res:header("Set-Cookie", "a=1"):header("Set-Cookie", "b=2"):header("X-One", "1"):header("x-one", "2")
end

function svc.Teapot() return 418, { error = "short and stout" } end
function svc.Front() return "the front page" end

return svc
`;

/** Files of the probe's folder. */
export const probe = { "service.yaml": yaml, "types.lua": types, "service.lua": code };

function sink(host, handlers) {
  return {
    "service.yaml": `general:
  host: ${host}
sinks:
  - signature: OnAsked(name string, pet Pet) (verdict string)
    source: specs/probe
  - signature: OnTwice(id int) (twice int)
    event: OnElsewhere
    source: probe
`,
    "types.lua": types,
    "service.lua": `local errors = require "errors"
local svc = require "service" (...)
${handlers}
return svc
`,
  };
}

/** Two services that listen to the probe's events. One of them fails where the name is "bad". */
export const sinks = {
  kind: sink(
    "kind.example",
    `function svc.OnAsked(_, name, pet) return "kind to " .. name .. ", aged " .. pet.age end
function svc.OnTwice(_, id) return id * 2 end`,
  ),
  strict: sink(
    "strict.example",
    `function svc.OnAsked(_, name)
  if name == "bad" then errors.raise(409, "strict with bad") end
  if name == "worse" then error("strict broke") end
  return "strict with " .. name
end
function svc.OnTwice(_, id) return id * 20 end`,
  ),
};
