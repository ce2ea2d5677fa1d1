-- url: URLs as declarations and client stubs use them. Parsing follows Go's net/url, because that decides which paths a
-- declaration may have; path arguments ({name}, {name+}, {}) are ours. Pure.

local names = require "gen.names"
local scalar = require "gen.scalar"
local url = require "url"

local M = {}

---@class ParsedUrl
---@field scheme string lower case; "" when there is none
---@field user string? what stands before the @
---@field hostname string as written; "" when there is none
---@field port string digits as written; "" when there is none
---@field path string decoded
---@field raw_path string as written
---@field query string? as written, without the ?
---@field fragment string? as written, without the #

-- ---- parsing ----

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return (c == '"' or c == "\\") and "\\" .. c or ("\\x%02x"):format(c:byte())
  end) .. '"'
end

local function decode(text)
  local decoded = url.decode(text)
  if decoded then
    return decoded
  end
  for at in text:gmatch("()%%") do
    local escape = text:sub(at, at + 2)
    if not escape:match("^%%%x%x$") then
      return nil, "invalid URL escape " .. quote(escape)
    end
  end
end

-- "https:rest" -> "https", "rest". No scheme is "".
local function split_scheme(text)
  if text:sub(1, 1) == ":" then
    return nil, "missing protocol scheme"
  end
  local scheme, rest = text:match("^([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$")
  return scheme and scheme:lower() or "", rest or text
end

-- The bytes that Go has in the host of a URL; names.hostname decides about it afterwards.
local HOST = "[^a-zA-Z0-9!$&'()*+,;=:%[%]<>\"%-_.~\x80-\xff]"

-- Sets user, hostname and port; or returns what is wrong.
local function read_authority(out, text)
  local user, host = text:match("^(.*)@([^@]*)$")
  host = host or text
  if host:sub(1, 1) == "[" and not host:find("]", 1, true) then
    return "missing ']' in host"
  end
  local name, port = host:match("^(%[.*%])(.*)$")
  if not name then
    name, port = host:match("^(.*)(:[^:]*)$")
  end
  if port and port ~= "" and not port:match("^:[0-9]*$") then
    return ("invalid port %s after host"):format(quote(port))
  end
  local bad = host:match(HOST)
  if bad == "%" then
    return "invalid URL escape " .. quote(host:match("%%.?.?"))
  elseif bad then
    return ("invalid character %s in host name"):format(quote(bad))
  end
  out.user, out.hostname, out.port = user, name or host, port and port:sub(2) or ""
end

local function read(text)
  if text:find("[%c\x7f]") then
    return nil, "net/url: invalid control character in URL"
  end
  local rest, fragment = text:match("^([^#]*)#?(.*)$")
  local scheme, why
  scheme, rest = split_scheme(rest)
  if not scheme then
    return nil, rest
  end
  local path, mark, query = rest:match("^([^?]*)(%??)(.*)$")
  local out = {
    scheme = scheme, hostname = "", port = "", raw_path = path,
    query = mark ~= "" and query or nil, fragment = fragment ~= "" and fragment or nil,
  }
  if path:sub(1, 2) == "//" and (scheme ~= "" or path:sub(1, 3) ~= "///") then
    local authority = path:match("^//([^/]*)")
    why = read_authority(out, authority)
    out.raw_path = path:sub(#authority + 3)
  elseif scheme == "" and path:match("^[^/]*:") then
    why = "first path segment in URL cannot contain colon"
  elseif scheme ~= "" and path:sub(1, 1) ~= "/" then -- mailto:x: neither host nor path
    out.raw_path = ""
  end
  if why then
    return nil, why
  end
  out.path, why = decode(out.raw_path)
  if not out.path then
    return nil, why
  end
  return out
end

--- The parts of a URL, absolute or not, in Go's reading. The message is Go's, too.
---@param text string
---@return ParsedUrl?
---@return string? message
function M.parse(text)
  local out, why = read(text)
  if not out then
    return nil, ("parse %s: %s"):format(quote(text:match("^[^#]*")), why)
  end
  return out
end

-- ---- escaping ----

local function escape(c)
  return ("%%%02X"):format(c:byte())
end

--- Text as one segment of a path: a slash in it is escaped.
---@param text string
---@return string
function M.escape_segment(text)
  return (text:gsub("[^a-zA-Z0-9%-_.~$&+=:@]", escape))
end

--- A path as it travels: what no URL may contain is escaped, what is escaped already stays, and so do path arguments.
---@param text string
---@return string
function M.escape_path(text)
  return (text:gsub("[^a-zA-Z0-9%-_.~$&+=:@/,;!'()*%%{}]", escape))
end

--- A path that is not escaped yet as it travels.
---@param path string decoded
---@return string
function M.encode_path(path)
  return M.escape_path((path:gsub("%%", "%%25")))
end

-- ---- canonical URLs ----

---@class Location
---@field scheme string https unless the URL says something else
---@field host string lower case
---@field port integer 443 unless the URL says something else, 80 for http
---@field path string decoded
---@field raw_path string escaped, as it travels
---@field query string? as written
---@field fragment string? as written

local PORT_DIGITS = 9 -- more is no port of anybody

--- Reads a URL that must have a host, and fills in scheme and port.
---@param text string
---@return Location?
---@return string? message
function M.locate(text)
  if text:find("`", 1, true) then
    return nil, ("backquote not allowed in '%s'"):format(text)
  end
  local parsed, why = M.parse(text)
  if not parsed then
    return nil, why
  end
  local written = (parsed.user and parsed.user .. "@" or "") .. parsed.hostname
  local host = names.hostname(written)
  if not host then
    return nil, ("invalid hostname '%s'"):format(written)
  elseif #parsed.port > PORT_DIGITS then
    return nil, ("invalid port '%s'"):format(parsed.port)
  end
  return {
    scheme = parsed.scheme ~= "" and parsed.scheme or "https",
    host = host,
    port = tonumber(parsed.port) or (parsed.scheme == "http" and 80 or 443),
    path = parsed.path,
    raw_path = M.escape_path(parsed.raw_path),
    query = parsed.query,
    fragment = parsed.fragment,
  }
end

local function render(scheme, authority, path, query, fragment)
  local text = (scheme ~= "" and scheme .. ":" or "") .. (authority ~= "" and "//" .. authority or "") .. path
  return text .. (query and "?" .. query or "") .. (fragment and "#" .. fragment or "")
end

--- The text of a location: https://host:443/path.
---@param at Location
---@return string
function M.render(at)
  return render(at.scheme, at.host .. ":" .. at.port, at.raw_path, at.query, at.fragment)
end

-- ---- relative references ----

-- Without "." and "..", as RFC 3986 section 5.2.4 has it.
local function without_dots(path)
  if path == "" then
    return path
  end
  local out, last = {}, nil
  for segment in (path:gsub("^/", "") .. "/"):gmatch("([^/]*)/") do
    last = segment
    if segment == ".." then
      table.remove(out)
    elseif segment ~= "." then
      table.insert(out, segment)
    end
  end
  if last == "." or last == ".." then
    table.insert(out, "")
  end
  return "/" .. table.concat(out, "/")
end

local function authority_of(parsed)
  return (parsed.user and parsed.user .. "@" or "") .. parsed.hostname .. (parsed.port ~= "" and ":" .. parsed.port or "")
end

-- The path of a reference, seen from that of the base.
local function merge(base, reference)
  if reference == "" then
    return base
  elseif reference:sub(1, 1) == "/" then
    return reference
  end
  return (base:match("^.*/") or "") .. reference
end

--- The URL that `reference` means where `base` is the current one (RFC 3986 section 5.2). Path arguments stay as they are.
---@param base string absolute
---@param reference string "", "?x=1", "c", "/c", "../c", "//host/c", "https://host/c"
---@return string?
---@return string? message
function M.resolve(base, reference)
  local from, why = M.parse(base)
  local to
  if from then
    to, why = M.parse(reference)
  end
  if not from or not to then
    return nil, why
  end
  local scheme = to.scheme ~= "" and to.scheme or from.scheme
  local authority = authority_of(to)
  if to.scheme ~= "" or authority ~= "" then
    return render(scheme, authority, without_dots(M.escape_path(to.raw_path)), to.query, to.fragment)
  end
  local same = to.raw_path == "" and not to.query
  local path = without_dots(M.escape_path(merge(from.raw_path, to.raw_path)))
  return render(scheme, authority_of(from), path, same and from.query or to.query,
    to.fragment or (same and from.fragment or nil))
end

-- ---- path arguments ----

--- The name of a path argument and whether it is greedy; nil for every other segment.
---@param segment string
---@param position integer how many path arguments there are up to here, with this one: names those without a name
---@return string? name
---@return boolean? greedy
function M.argument(segment, position)
  local name, plus = segment:match("^{(.-)(%+?)}$")
  if not name then
    return nil
  end
  return name ~= "" and name or "path" .. position, plus ~= ""
end

-- Replaces each path argument of a path by what `value` gives for its name.
local function replace_arguments(path, value)
  local position = 0
  return (path:gsub("[^/]+", function(segment)
    local name, greedy = M.argument(segment, position + 1)
    if name then
      position = position + 1
      return value(name, greedy)
    end
  end))
end

-- "https://host/path?query#fragment" -> "https://host/path", "query" or nil, "#fragment"
local function split_url(text)
  local path, query, fragment = text:match("^([^?#]*)(%??[^#]*)(.*)$")
  return path, query ~= "" and query:sub(2) or nil, fragment
end

--- Puts values in place of the path arguments of a URL or path; one that is missing leaves its segment empty.
---@param text string
---@param values table<string, string|number|boolean>
---@return string
function M.insert(text, values)
  local path, query, fragment = split_url(text)
  path = replace_arguments(path, function(name)
    return M.escape_segment(scalar.text(values[name]))
  end)
  return path .. (query and "?" .. query or "") .. fragment
end

local function decode_query(text)
  text = text:gsub("+", " ")
  return url.decode(text) or text
end

-- The values of a greedy argument keep their slashes.
local function escape_greedy(text)
  return (text:gsub("[^/]+", M.escape_segment))
end

--- Moves the values of path arguments from the query of a URL into its path; the rest of the query stays as it is.
---@param text string
---@return string
function M.fill(text)
  local path, query, fragment = split_url(text)
  local values, used, rest = {}, {}, {}
  for pair in (query or ""):gmatch("[^&]+") do
    local key, value = pair:match("^([^=]*)=?(.*)$")
    key = decode_query(key)
    values[key] = values[key] or decode_query(value)
  end
  path = replace_arguments(path, function(name, greedy)
    used[name] = true
    return (greedy and escape_greedy or M.escape_segment)(values[name] or "")
  end)
  if not next(used) then
    return text
  end
  for pair in (query or ""):gmatch("[^&]+") do
    if not used[decode_query(pair:match("^[^=]*"))] then
      table.insert(rest, pair)
    end
  end
  return path .. (#rest > 0 and "?" .. table.concat(rest, "&") or "") .. fragment
end

--- The values that a path has in the places of the path arguments of `spec`. Where the path says what the spec says, or
--- has ended, there is none. Nothing is decoded, and the rest of the path need not be that of the spec.
---@param spec string
---@param path string
---@return table<string, string>
function M.extract(spec, path)
  local values, position, at = {}, 0, 1
  for segment in (spec .. "/"):gmatch("([^/]*)/") do
    if at > #path + 1 then
      break
    end
    local found = path:match("^[^/]*", at)
    local name, greedy = M.argument(segment, position + 1)
    if name then
      position = position + 1
      if found ~= segment then
        values[name] = greedy and path:sub(at) or found
      end
    end
    at = at + #found + 1
  end
  return values
end

return M
