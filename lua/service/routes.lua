-- routes: which endpoint of a service a request is for, by host, port, method and path. The most specific one counts: segment
-- by segment a literal goes before an argument and that before the rest of a path; then the method before any method; then the
-- port before any port.

local gen_url = require "gen.url"
local url = require "url"

local M = {}

---@class Route
---@field run fun(exchange: any, params: table<string, string>?, ...): any
---@field method string upper case, or ANY
---@field host string
---@field port integer 0 = any
---@field path string as it travels, with {arguments}
---@field segments table[]
---@field order integer
---@field label string what it is called in metrics

-- "/a/{x}/{rest+}" -> its segments, and whether there are arguments among them
local function compile(path)
  local segments, count = {}, 0
  for segment in (path:sub(2) .. "/"):gmatch("([^/]*)/") do
    local name, greedy = gen_url.argument(segment, count + 1)
    if name then
      count = count + 1
      table.insert(segments, { name = name, greedy = greedy, spec = segment })
    else
      table.insert(segments, { literal = segment })
    end
  end
  return segments, count > 0
end

local function rank(segment)
  return segment.literal and 0 or segment.greedy and 2 or 1
end

local function goes_before(a, b)
  for i = 1, math.max(#a.segments, #b.segments) do
    local x, y = a.segments[i], b.segments[i]
    if not x or not y then
      return y == nil
    elseif rank(x) ~= rank(y) then
      return rank(x) < rank(y)
    end
  end
  if (a.method == "ANY") ~= (b.method == "ANY") then
    return b.method == "ANY"
  elseif (a.port == 0) ~= (b.port == 0) then
    return b.port == 0
  end
  return a.order < b.order
end

-- The path arguments when a request path fits; nil when it does not. A segment that is its own spec gives nothing.
local function fit(route, parts, path)
  local params = {}
  for i, segment in ipairs(route.segments) do
    local part = parts[i]
    if not part then
      return nil
    elseif segment.literal then
      if segment.literal ~= part.text then
        return nil
      end
    elseif segment.greedy then
      local rest = path:sub(part.at)
      params[segment.name] = rest ~= segment.spec and url.decode(rest) or nil
      return params
    elseif part.text == "" then
      return nil
    elseif part.text ~= segment.spec then
      params[segment.name] = url.decode(part.text)
      if not params[segment.name] then
        return nil
      end
    end
  end
  return #parts == #route.segments and params or nil
end

-- "/a/b" -> its segments and where each begins; behind a last slash there is an empty one
local function split(path)
  local parts = {}
  for at, text in (path:sub(2) .. "/"):gmatch("()([^/]*)/") do
    table.insert(parts, { at = at + 1, text = text })
  end
  return parts
end

---@class Routes
---@field usual table<string, table<string, Route>> by path with the service's host in front, and method: most requests
---@field private places table<string, table<integer, table>> by host and port
local Routes = {}
Routes.__index = Routes

-- The routes of one host and port.
local function place_of(routes, host, port)
  local ports = routes.places[host] or {}
  routes.places[host] = ports
  ports[port] = ports[port] or { exact = {}, patterns = {} }
  return ports[port]
end

local function add_exact(exact, path, route)
  exact[path] = exact[path] or {}
  local there = exact[path][route.method]
  if not there or (there.port == 0 and route.port ~= 0) then
    exact[path][route.method] = route
  end
end

local function add_to(place, route)
  if route.patterned then
    table.insert(place.patterns, route)
  else
    add_exact(place.exact, route.path, route)
  end
end

-- A host alone and its "/" are the same, unless both are declared.
local function level(exact)
  exact[""] = exact[""] or exact["/"]
  exact["/"] = exact["/"] or exact[""]
end

-- Every port that is named, and 0 for all others; what has any port is in each of them.
local function fill(routes, list)
  local ports = {}
  for _, route in ipairs(list) do
    ports[route.host] = ports[route.host] or { [0] = true, [443] = true }
    ports[route.host][route.port] = true
  end
  for host, set in pairs(ports) do
    for port in pairs(set) do
      local place = place_of(routes, host, port)
      for _, route in ipairs(list) do
        if route.host == host and (route.port == port or route.port == 0) then
          add_to(place, route)
        end
      end
      level(place.exact)
      table.sort(place.patterns, goes_before)
    end
  end
end

--- The routes of a service.
---@param host string its own
---@param endpoints { host: string?, port: integer, path: string, method: string, run: function }[]
---@return Routes
function M.new(host, endpoints)
  local routes, list = setmetatable({ usual = {}, places = {}, host = host }, Routes), {}
  for i, item in ipairs(endpoints) do
    local path = gen_url.encode_path(item.path) -- requests come with theirs escaped
    local segments, patterned = compile(path)
    list[i] = {
      run = item.run, method = item.method, host = item.host or host, port = item.port, path = path, segments = segments,
      patterned = patterned, order = i, label = ("%s:%d%s"):format(item.host or host, item.port, item.path),
    }
  end
  fill(routes, list)
  for path, methods in pairs(place_of(routes, host, 443).exact) do
    routes.usual["/" .. host .. path] = methods
  end
  return routes
end

-- The route with path arguments that fits; those of other methods go into `allowed`.
local function by_pattern(patterns, method, path, allowed)
  local parts = split(path)
  for _, candidate in ipairs(patterns) do
    local params = fit(candidate, parts, path)
    if params and (candidate.method == method or candidate.method == "ANY") then
      return candidate, params
    elseif params then
      allowed[candidate.method] = allowed[candidate.method] or { candidate, params }
    end
  end
end

--- The route of a request, and the values in its path if it has any. Without one: nil and what other methods there are, by
--- name.
---@param method string
---@param host string
---@param port integer
---@param path string as it travelled; "" or beginning with "/"
---@return Route?
---@return table? params_or_allowed
function Routes:find(method, host, port, path)
  local ports = self.places[host]
  local place = ports and (ports[port] or ports[0])
  if not place then
    return nil, {}
  end
  local methods = place.exact[path]
  local route = methods and (methods[method] or methods.ANY)
  if route then
    return route, nil
  end
  local allowed, params = {}, nil
  for name, other in pairs(methods or allowed) do
    allowed[name] = { other }
  end
  if #place.patterns > 0 then
    route, params = by_pattern(place.patterns, method, path, allowed)
  end
  if not route and method == "HEAD" and allowed.GET then
    return allowed.GET[1], allowed.GET[2]
  end
  return route, route and params or allowed
end

--- The further hosts that a service answers for, sorted.
---@return string[]
function Routes:hosts()
  local hosts = {}
  for host in pairs(self.places) do
    if host ~= self.host then
      table.insert(hosts, host)
    end
  end
  table.sort(hosts)
  return hosts
end

return M
