-- service.resources: svc.resources, the files in the service's folder resources/: read, served to browsers, rendered as
-- templates, and as texts in the caller's language.
--
-- They are those of the service's generation: they change by a reload only. So what is made of a file is kept as long
-- as the state lives.

local errors = require "errors"
local files = require "files"
local lazy = require "lazy"
local seal = require "seal"

local media, strings, template = lazy "service.media", lazy "service.strings", lazy "template"

local M = {}

local FOLDER = "resources/"
local CACHE_CONTROL = "max-age=3600, private, stale-while-revalidate=3600"

---@class Resources: table<string, string?> the bytes by name; names of functions have to be read by `read`
local Resources = {}

-- What was made of the files: etags and templates by name, the bundle.
local MADE = {}
local SOURCE = {}

-- Whether it is the name of a file below resources/, and not a way out.
local function is_inside(name)
  if type(name) ~= "string" or name == "" or name:find("[\0\\]") then
    return false
  end
  for part in (name .. "/"):gmatch("([^/]*)/") do
    if part == "" or part == "." or part == ".." then
      return false
    end
  end
  return true
end

--- The bytes of a file; or nil, message and "not_found", or "invalid" when that is no name below resources/.
---@param name string "bus.png", "css/page.css"
---@return string?, string?, string?
function Resources:read(name)
  if not is_inside(name) then
    return nil, ("'%s' is no name of a file in %s"):format(tostring(name), FOLDER), "invalid"
  end
  local bytes = self[SOURCE].read(FOLDER .. name)
  if not bytes then
    return nil, ("there is no file '%s' in %s"):format(name, FOLDER), "not_found"
  end
  return bytes
end

--- The text of a file, without a byte order mark; nil, message, code also when it is not UTF-8.
---@param name string
---@return string?, string?, string?
function Resources:text(name)
  local bytes, message, code = self:read(name)
  if not bytes then
    return nil, message, code
  elseif not utf8.len(bytes) then
    return nil, ("the file '%s' in %s is not UTF-8"):format(name, FOLDER), "invalid"
  end
  return (bytes:gsub("^\u{FEFF}", ""))
end

--- The names of all files, or of those that begin so, sorted.
---@param prefix string? "css/"
---@return string[]
function Resources:list(prefix)
  local names = {}
  for i, path in ipairs(self[SOURCE].list(FOLDER .. (prefix or ""))) do
    names[i] = path:sub(#FOLDER + 1)
  end
  table.sort(names)
  return names
end

-- ---- serving ----

-- The strong validator of a file (RFC 9110 section 8.8.3).
local function etag_of(self, name, bytes)
  local etags = self[MADE].etags
  etags[name] = etags[name] or ('"%s"'):format(seal.sha256(bytes))
  return etags[name]
end

-- Whether If-None-Match has the entity tag: weak comparison (RFC 9110 section 13.1.2).
local function has_tag(header, etag)
  if header:find("^%s*%*%s*$") then
    return true
  end
  for tag in header:gmatch('"[^"]*"') do
    if tag == etag then
      return true
    end
  end
  return false
end

local function is_unchanged(req, etag)
  local header = (req.method == "GET" or req.method == "HEAD") and req:header("if-none-match")
  return header and has_tag(header, etag)
end

-- The only range of bytes that a Range field asks for, as positions from 1 on; "all" when there is none that counts, "none"
-- when there are no such bytes (RFC 9110 section 14). Several ranges would be an answer of many parts: all of it is as good.
local function range_of(header, size)
  local first, last = header:match("^%s*[Bb][Yy][Tt][Ee][Ss]=%s*(%d*)%-(%d*)%s*$")
  if not first or first == "" and last == "" then
    return "all"
  end
  first, last = tonumber(first), tonumber(last)
  if not first then -- so many at the end
    first, last = math.max(0, size - last), last > 0 and size - 1 or -1
  elseif last and last < first then
    return "all"
  end
  if first >= size or last == -1 then
    return "none"
  end
  return "part", math.tointeger(first) + 1, math.tointeger(math.min(last or size - 1, size - 1)) + 1
end

-- What the client wants of the file: its field If-Range names the file that it has the other parts of.
local function wanted(req, etag, size)
  local header = req.method == "GET" and req:header("range")
  local same = req:header("if-range")
  if not header or same and same ~= etag then
    return "all"
  end
  return range_of(header, size)
end

local function send(req, res, etag, bytes)
  local what, first, last = wanted(req, etag, #bytes)
  if what == "part" then
    res:header("Content-Range", ("bytes %d-%d/%d"):format(first - 1, last - 1, #bytes))
    res:answer(206, bytes:sub(first, last))
  elseif what == "none" then
    res:header("Content-Range", ("bytes */%d"):format(#bytes))
    res:answer(416)
  else
    res:answer(nil, bytes)
  end
end

--- Answers with a file: its type, an Etag, 304 without a body when the client has it already, and with the part of it that
--- the client asks for. Headers that the handler set stay. Raises 404 when there is no such file.
---@param req Request
---@param res Response
---@param name string may come from the request
function Resources:serve(req, res, name)
  local bytes = self:read(name)
  if not bytes then -- whatever the reason: a name from outside learns nothing
    errors.raise(404, "there is no such file")
  end
  local etag = etag_of(self, name, bytes)
  res:header("Etag", etag)
  if not res:has("Cache-Control") then
    res:header("Cache-Control", CACHE_CONTROL)
  end
  if is_unchanged(req, etag) then
    res:answer(304)
    return
  end
  if not res:has("Content-Type") then
    res:header("Content-Type", media.content_type(name, bytes))
  end
  res:header("Accept-Ranges", "bytes")
  send(req, res, etag, bytes)
end

-- ---- templates ----

local function compile(self, name)
  local source, message = self:text(name)
  if not source then
    error(message, 0)
  end
  return template.compile(source, {
    name = name,
    html = name:find("%.html?$") ~= nil,
    partials = function(partial)
      return (self:text(partial))
    end,
  })
end

--- Renders the template of that name with data. In .html files values are escaped, others are plain text. Templates
--- that it includes are named from resources/ on.
---@param name string "page.html"
---@param data table?
---@return string
function Resources:render(name, data)
  local templates = self[MADE].templates
  templates[name] = templates[name] or compile(self, name)
  return templates[name]:render(data)
end

-- ---- texts ----

local function bundle_of(self)
  local made = self[MADE]
  if not made.bundle then
    local source = self:text(strings.FILE)
    if not source then
      error(("string bundle %s is not found in resource FS"):format(strings.FILE), 0)
    end
    made.bundle = strings.parse(source)
  end
  return made.bundle
end

--- The text of a key of strings.yaml, in the language that the caller wants most of those it has; else the default,
--- else English, else "". Raises when there is no such key.
---@param ctx Context
---@param key string upper and lower case are the same
---@return string
function Resources:string(ctx, key)
  if type(key) ~= "string" then
    error(("the key of a text is a string, not a %s"):format(type(key)), 2)
  end
  local text = bundle_of(self):find(ctx.languages, key)
  if not text then
    error(("no string matches the key '%s'"):format(key), 0)
  end
  return text
end

-- ---- binding ----

local META = { __name = "resources" }

function META.__index(self, name)
  return Resources[name] or (self:read(name))
end

function META.__newindex(_, name)
  error(("a service cannot write its resources: '%s'"):format(tostring(name)), 2)
end

local own

--- The resources of the running service.
---@return Resources
function M.own()
  own = own or M.bind()
  return own
end

--- The resources of the running service, or of a source of files.
---@param source { read: (fun(path: string): string?), list: (fun(prefix: string): string[]) }?
---@return Resources
function M.bind(source)
  return setmetatable({ [SOURCE] = source or files, [MADE] = { etags = {}, templates = {} } }, META)
end

return M
