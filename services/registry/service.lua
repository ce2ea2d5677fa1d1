-- registry-svc: instances and who owns them, definitions, nodes.

local auth = require "auth"
local db = require "db"
local errors = require "errors"
local health = require "health"
local json = require "json"
local log = require "log"
local nodes = require "nodes"
local policies = require "policies"
local task = require "task"
local urls = require "url"

local svc = require "service" (...)

svc.optional_body = { ListNodes = true }

local MOST = 1000 -- instances of one owner

-- Slugs of platform services that may look at and change what is not theirs.
local SEES_ALL = { ["deploy-svc"] = true, ["proxy-svc"] = true }
local CHANGES_ALL = { ["deploy-svc"] = true }

local PERMITS = {
  ["registry-svc:instance:view"] = { who = "ua", slugs = { "deploy-svc", "proxy-svc" } },
  ["registry-svc:instance:edit"] = { who = "u", slugs = { "deploy-svc" } },
  ["registry-svc:instance:create"] = "a",
  ["registry-svc:instance:delete"] = { who = "a", slugs = { "deploy-svc" } },
  ["registry-svc:definition:view"] = { who = "ua", slugs = { "deploy-svc" } },
  ["registry-svc:definition:create"] = "a",
  ["registry-svc:definition:edit"] = "a",
  ["registry-svc:definition:delete"] = { who = "a", slugs = { "deploy-svc" } },
  ["registry-svc:node:view"] = { who = "a", slugs = { "deploy-svc", "file-svc", "model-svc" } },
  ["registry-svc:node:create"] = "a",
  ["registry-svc:node:edit"] = "a",
  ["registry-svc:node:stream"] = "a",
  ["registry-svc:node:delete"] = { who = "a", slugs = { "deploy-svc" } },
}

-- ---- instances ----

local function check_url(text)
  if not text or text == "" then
    errors.raise(400, "url is missing")
  end
  local parts, why = urls.parse(text)
  if not parts then
    errors.raise(400, why)
  elseif parts.scheme:lower() ~= "http" then
    errors.raise(400, "only http instances are supported")
  elseif parts.query then
    errors.raise(400, "the URL of an instance has no query")
  elseif #text > 2000 then
    errors.raise(400, "the URL is too long")
  end
end

local FIELDS = { "id", "scheme", "host", "ip", "path", "deploymentId" }

local function owned_by(instance, account)
  return instance.slug == account.slug or CHANGES_ALL[account.slug]
end

local function update(instance, account, req)
  if not owned_by(instance, account) then
    errors.raise(401, "this URL belongs to another account")
  end
  return errors.check(db.instances:update(instance.id, function(row)
    for _, name in ipairs(FIELDS) do
      if name ~= "id" and (req[name] or "") ~= "" then
        row[name] = req[name]
      end
    end
  end))
end

local function create(account, req)
  local mine = errors.check(db.instances:count { filters = { db.is("slug", account.slug) } })
  if mine >= MOST then
    errors.raise(429, ("%s has %d instances already; remove some first"):format(account.slug, MOST))
  end
  local row = { url = req.url, slug = account.slug, status = "Unknown", lastHeartbeat = db.ZERO_TIME }
  for _, name in ipairs(FIELDS) do
    row[name] = (req[name] or "") ~= "" and req[name] or nil
  end
  return db.instances:create(row)
end

local function by_url(text)
  return errors.check(db.instances:one { filters = { db.is("url", text) } })
end

--- RegisterInstance makes a URL the caller's instance, or updates it. The front door routes to it at once.
---@param ctx Context
---@param httpRequestBody RegisterInstanceRequest?
---@return Empty? httpResponseBody
---@return integer httpStatusCode
function svc.RegisterInstance(ctx, httpRequestBody)
  local account = auth.need(ctx, "registry-svc:instance:edit")
  check_url(httpRequestBody.url)
  local allowed, why = policies.ask("register", account, httpRequestBody)
  if not allowed then
    errors.raise(403, why)
  end
  local known = by_url(httpRequestBody.url)
  local row, message, code
  if known then
    row = update(known, account, httpRequestBody)
  else
    row, message, code = create(account, httpRequestBody)
    if not row and code == "exists" then
      known = by_url(httpRequestBody.url)
      row = known and update(known, account, httpRequestBody) or errors.raise(409, "this id is taken")
    end
    errors.check(row, message, code)
  end
  health.publish()
  task.detach(errors.check(task.spawn(health.follow, row)))
  return {}, 201
end

local function view(row)
  return {
    id = row.id,
    url = row.url,
    deploymentId = row.deploymentId,
    nodeUrl = row.nodeUrl,
    lastHeartbeat = row.lastHeartbeat,
    path = row.path,
    scheme = row.scheme,
    host = row.host,
    ip = row.ip,
    status = row.status,
    slug = row.slug,
  }
end

--- ListInstances lists the caller's instances, or everybody's for admins. Every argument narrows the list.
---@param ctx Context
---@param host string
---@param ip string
---@param deploymentId string
---@param path string
---@param slug string
---@param id string
---@param scheme string
---@return ListInstancesResponse? httpResponseBody
function svc.ListInstances(ctx, host, ip, deploymentId, path, slug, id, scheme)
  local account = auth.need(ctx, "registry-svc:instance:view")
  local wanted = {
    host = host, ip = ip, deploymentId = deploymentId, path = path, slug = slug, id = id, scheme = scheme,
  }
  local filters = {}
  for field, value in pairs(wanted) do
    if value ~= "" then
      table.insert(filters, db.is(field, value))
    end
  end
  if not auth.is_admin(account) and not SEES_ALL[account.slug] then
    table.insert(filters, db.is("slug", account.slug))
  end
  local views = {}
  for i, row in ipairs(errors.check(db.instances:find { filters = filters })) do
    views[i] = view(row)
  end
  return { instances = #views > 0 and views or nil }
end

--- RemoveInstance takes an instance out of the registry.
---@param ctx Context
---@param id string
---@return integer httpStatusCode
function svc.RemoveInstance(ctx, id)
  local account = auth.caller(ctx)
  local row = errors.check(db.instances:get(id))
  if not (row and row.slug == account.slug) then
    auth.need(ctx, "registry-svc:instance:delete")
  end
  if row then
    errors.check(db.instances:delete(id))
    health.publish()
  end
  return 204
end

-- ---- definitions ----

--- SaveDefinition stores what a service is made of, by its id.
---@param ctx Context
---@param httpRequestBody SaveDefinitionRequest?
---@return Empty? httpResponseBody
---@return integer httpStatusCode
function svc.SaveDefinition(ctx, httpRequestBody)
  auth.need(ctx, "registry-svc:node:view")
  local definition = httpRequestBody.definition or {}
  errors.check(db.definitions:put { id = "def:" .. (definition.id or ""), definition = definition })
  return {}, 201
end

--- ListDefinitions lists all definitions.
---@param ctx Context
---@return ListDefinitionsResponse? httpResponseBody
function svc.ListDefinitions(ctx)
  auth.need(ctx, "registry-svc:definition:view")
  local list = {}
  for i, row in ipairs(errors.check(db.definitions:find())) do
    list[i] = row.definition
  end
  return { definitions = #list > 0 and list or nil }
end

--- DeleteDefinition removes a definition.
---@param ctx Context
---@param id string
---@return integer httpStatusCode
function svc.DeleteDefinition(ctx, id)
  auth.need(ctx, "registry-svc:definition:delete")
  errors.check(db.definitions:delete("def:" .. id))
  return 204
end

-- ---- nodes ----

--- SelfNode describes the node that answers.
---@param ctx Context
---@return SelfNodeResponse? httpResponseBody
function svc.SelfNode(ctx)
  auth.need(ctx, "registry-svc:node:view")
  return { node = nodes.own() }
end

--- ListNodes lists all nodes, or those of the given ids.
---@param ctx Context
---@param httpRequestBody ListNodesRequest?
---@return ListNodesResponse? httpResponseBody
function svc.ListNodes(ctx, httpRequestBody)
  auth.need(ctx, "registry-svc:node:view")
  return { nodes = nodes.list(httpRequestBody.ids) }
end

--- DeleteNode removes the node of that URL.
---@param ctx Context
---@param url string
---@return integer httpStatusCode
function svc.DeleteNode(ctx, url)
  auth.need(ctx, "registry-svc:node:delete")
  nodes.delete(url)
  return 204
end

--- Heartbeat says that this node is alive and how busy it is.
function svc.Heartbeat()
  nodes.beat()
end

-- ---- echo ----

local function say(res, value)
  res:answer(200, json.encode(value) .. "\n", "application/json")
end

--- EchoGet answers the query as an object.
---@param req Request
---@param res Response
function svc.EchoGet(_, req, res)
  local out = {}
  for name, values in pairs(urls.parse_query_all(req.query_string or "")) do
    out[name] = #values == 1 and values[1] or json.list(values)
  end
  say(res, out)
end

local function echo(_, req, res)
  say(res, req:json())
end

svc.EchoPost = echo
svc.EchoPut = echo

function svc.on_start()
  auth.introduce("Registry Svc", PERMITS)
  nodes.beat()
  health.publish()
  task.background(health.run)
  log.debug("registry ready")
end

return svc
