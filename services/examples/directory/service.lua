-- directory.example: /directory.example/web-ui, or with curl:
--
--     curl -d '{"firstName":"Ada","lastName":"Lovelace","email":"ada@example.com"}' …/directory.example/persons
--     curl …/directory.example/persons/key/1

local bus = require "bus"
local errors = require "errors"
local log = require "log"
local persons = require "persons" -- persons.lua, beside this file

---@type services.examples.directory
local svc = require "service" (...)

local LONGEST = 254 -- bytes of an e-mail address (RFC 5321 section 4.5.3.1.3); enough for names, too

local function trim(text)
  text = (text or ""):match("^%s*(.-)%s*$")
  return #text <= LONGEST and text or errors.raise(400, ("no more than %d bytes, please"):format(LONGEST))
end

-- What may be stored of what somebody sent.
local function valid(ctx, person)
  local clean = {
    firstName = trim(person.firstName),
    lastName = trim(person.lastName),
    email = trim(person.email),
    birthday = person.birthday,
  }
  if clean.firstName == "" or clean.lastName == "" then
    errors.raise(400, "names cannot be empty")
  elseif clean.email == "" then
    errors.raise(400, "email cannot be empty")
  elseif clean.birthday and clean.birthday > ctx:now() then -- the caller's clock, which tests may shift
    errors.raise(400, "birthday must be a past date")
  end
  return clean
end

local function found(person)
  return person or errors.raise(404, "no such person")
end

--- Create adds a person and gives it a key.
---@param ctx Context
---@param httpRequestBody Person?
---@return PersonKey key
function svc.Create(ctx, httpRequestBody)
  return persons.add(valid(ctx, httpRequestBody))
end

--- Load finds a person by key.
---@param key PersonKey
---@return Person? httpResponseBody
function svc.Load(_, key)
  return found(persons.by_key(key))
end

--- Delete removes a person.
---@param key PersonKey
function svc.Delete(_, key)
  if not persons.remove(key) then
    found(nil)
  end
end

--- Update replaces what is known of a person.
---@param ctx Context
---@param key PersonKey
---@param httpRequestBody Person?
function svc.Update(ctx, key, httpRequestBody)
  local person = valid(ctx, httpRequestBody)
  person.key = key -- that of the path, whatever the body says
  found(persons.replace(person))
end

--- LoadByEmail finds a person by e-mail address.
---@param email string
---@return Person? httpResponseBody
function svc.LoadByEmail(_, email)
  return found(persons.by_email(email))
end

--- List gives the keys of all persons.
---@return PersonKey[] httpResponseBody
function svc.List(_)
  return persons.keys()
end

-- ---- the page ----

-- Sends what the form says to one of the functions above, as anybody else would.
local function send(ctx, form)
  local path = form.path or ""
  if not path:find("^/persons") then
    return 400, "paths begin with /persons"
  end
  local ok, answer = pcall(bus.request, ctx, {
    method = form.method,
    url = "https://directory.example" .. path,
    headers = { ["Content-Type"] = "application/json" },
    body = form.body,
  })
  if not ok then -- an error value; `internal` are those whose text is not meant for strangers
    return answer.status, answer.internal and "Internal Server Error" or answer.message
  end
  return answer.status, answer.body
end

--- WebUI is a form that sends requests to the functions above.
---@param ctx Context
---@param req Request
---@param res Response
function svc.WebUI(ctx, req, res)
  local page = { method = "GET", path = "/persons", methods = { "GET", "POST", "PUT", "DELETE" } }
  if req.method == "POST" then
    local form = req:form()
    page.method, page.path, page.sent = form.method, form.path, form.body
    page.status, page.body = send(ctx, form)
  end
  res:header("Content-Type", "text/html; charset=utf-8")
  return svc.resources:render("web-ui.html", page)
end

function svc.on_start()
  if svc.config.SQL ~= "" then
    log.warn("the config SQL is not used: persons are kept in the store of the host")
  end
end

return svc
