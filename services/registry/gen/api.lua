-- Generated from service.yaml by `moonbus gen`; do not edit.

-- luacheck: no max line length

-- registry-svc for those who call it:
--
--     local registry = require "services.registry.api"

local client = require "client"

---@class services.registry.api.all
---@field RegisterInstance fun(ctx: Context, httpRequestBody: RegisterInstanceRequest?): fun(): Answer?
---@field ListInstances fun(ctx: Context, host: string, ip: string, deploymentId: string, path: string, slug: string, id: string, scheme: string): fun(): Answer?
---@field RemoveInstance fun(ctx: Context, id: string): fun(): Answer?
---@field SaveDefinition fun(ctx: Context, httpRequestBody: SaveDefinitionRequest?): fun(): Answer?
---@field ListDefinitions fun(ctx: Context): fun(): Answer?
---@field DeleteDefinition fun(ctx: Context, id: string): fun(): Answer?
---@field SelfNode fun(ctx: Context): fun(): Answer?
---@field ListNodes fun(ctx: Context, httpRequestBody: ListNodesRequest?): fun(): Answer?
---@field DeleteNode fun(ctx: Context, url: string): fun(): Answer?
---@field EchoGet fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field EchoPost fun(ctx: Context, request?: WebRequest): fun(): Answer?
---@field EchoPut fun(ctx: Context, request?: WebRequest): fun(): Answer?

---@class services.registry.api
---@field call fun(name: string, ctx: Context, ...): ...
---@field for_host fun(host: string): services.registry.api
---@field mock fun(handlers: table<string, function>)
---@field all services.registry.api.all
local api = client.bind {
  host = "registry-svc",
  functions = {
    { name = "RegisterInstance", method = "PUT", port = 443, path = "/instance" },
    { name = "ListInstances", method = "GET", port = 443, path = "/instances" },
    { name = "RemoveInstance", method = "DELETE", port = 443, path = "/instance/{id}" },
    { name = "SaveDefinition", method = "PUT", port = 443, path = "/definition" },
    { name = "ListDefinitions", method = "GET", port = 443, path = "/definitions" },
    { name = "DeleteDefinition", method = "DELETE", port = 443, path = "/definition/{id}" },
    { name = "SelfNode", method = "GET", port = 443, path = "/node/self" },
    { name = "ListNodes", method = "POST", port = 443, path = "/nodes" },
    { name = "DeleteNode", method = "DELETE", port = 443, path = "/node/{url}" },
  },
  events = {},
  webs = {
    { name = "EchoGet", method = "GET", port = 443, path = "/echo" },
    { name = "EchoPost", method = "POST", port = 443, path = "/echo" },
    { name = "EchoPut", method = "PUT", port = 443, path = "/echo" },
  },
}

--- RegisterInstance makes a URL the caller's instance, or updates it. The front door routes to it at once.
---@param ctx Context
---@param httpRequestBody RegisterInstanceRequest?
---@return Empty? httpResponseBody
---@return integer httpStatusCode
function api.RegisterInstance(ctx, httpRequestBody)
  return api.call("RegisterInstance", ctx, httpRequestBody)
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
function api.ListInstances(ctx, host, ip, deploymentId, path, slug, id, scheme)
  return api.call("ListInstances", ctx, host, ip, deploymentId, path, slug, id, scheme)
end

--- RemoveInstance takes an instance out of the registry.
---@param ctx Context
---@param id string
---@return integer httpStatusCode
function api.RemoveInstance(ctx, id)
  return api.call("RemoveInstance", ctx, id)
end

--- SaveDefinition stores what a service is made of, by its id.
---@param ctx Context
---@param httpRequestBody SaveDefinitionRequest?
---@return Empty? httpResponseBody
---@return integer httpStatusCode
function api.SaveDefinition(ctx, httpRequestBody)
  return api.call("SaveDefinition", ctx, httpRequestBody)
end

--- ListDefinitions lists all definitions.
---@param ctx Context
---@return ListDefinitionsResponse? httpResponseBody
function api.ListDefinitions(ctx)
  return api.call("ListDefinitions", ctx)
end

--- DeleteDefinition removes a definition.
---@param ctx Context
---@param id string
---@return integer httpStatusCode
function api.DeleteDefinition(ctx, id)
  return api.call("DeleteDefinition", ctx, id)
end

--- SelfNode describes the node that answers.
---@param ctx Context
---@return SelfNodeResponse? httpResponseBody
function api.SelfNode(ctx)
  return api.call("SelfNode", ctx)
end

--- ListNodes lists all nodes, or those of the given ids.
---@param ctx Context
---@param httpRequestBody ListNodesRequest?
---@return ListNodesResponse? httpResponseBody
function api.ListNodes(ctx, httpRequestBody)
  return api.call("ListNodes", ctx, httpRequestBody)
end

--- DeleteNode removes the node of that URL.
---@param ctx Context
---@param url string
---@return integer httpStatusCode
function api.DeleteNode(ctx, url)
  return api.call("DeleteNode", ctx, url)
end

--- EchoGet answers the query as an object.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.EchoGet(ctx, request)
  return api.call("EchoGet", ctx, request)
end

--- EchoPost answers the JSON of the request.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.EchoPost(ctx, request)
  return api.call("EchoPost", ctx, request)
end

--- EchoPut answers the JSON of the request.
---@param ctx Context
---@param request? WebRequest
---@return WebResponse
function api.EchoPut(ctx, request)
  return api.call("EchoPut", ctx, request)
end

return api
