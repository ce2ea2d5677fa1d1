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
---@field all services.registry.api.all
local api = client.bind {
  host = "registry-svc",
  functions = {
    {
      name = "RegisterInstance",
      method = "PUT",
      port = 443,
      path = "/instance",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*RegisterInstanceRequest" } },
      outputs = { { name = "httpResponseBody", type = "*Empty" }, { name = "httpStatusCode", type = "int" } },
    },
    {
      name = "ListInstances",
      method = "GET",
      port = 443,
      path = "/instances",
      queue = "default",
      inputs = {
        { name = "host", type = "string" },
        { name = "ip", type = "string" },
        { name = "deploymentId", type = "string" },
        { name = "path", type = "string" },
        { name = "slug", type = "string" },
        { name = "id", type = "string" },
        { name = "scheme", type = "string" },
      },
      outputs = { { name = "httpResponseBody", type = "*ListInstancesResponse" } },
    },
    {
      name = "RemoveInstance",
      method = "DELETE",
      port = 443,
      path = "/instance/{id}",
      queue = "default",
      inputs = { { name = "id", type = "string" } },
      outputs = { { name = "httpStatusCode", type = "int" } },
    },
    {
      name = "SaveDefinition",
      method = "PUT",
      port = 443,
      path = "/definition",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*SaveDefinitionRequest" } },
      outputs = { { name = "httpResponseBody", type = "*Empty" }, { name = "httpStatusCode", type = "int" } },
    },
    {
      name = "ListDefinitions",
      method = "GET",
      port = 443,
      path = "/definitions",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "*ListDefinitionsResponse" } },
    },
    {
      name = "DeleteDefinition",
      method = "DELETE",
      port = 443,
      path = "/definition/{id}",
      queue = "default",
      inputs = { { name = "id", type = "string" } },
      outputs = { { name = "httpStatusCode", type = "int" } },
    },
    {
      name = "SelfNode",
      method = "GET",
      port = 443,
      path = "/node/self",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "*SelfNodeResponse" } },
    },
    {
      name = "ListNodes",
      method = "POST",
      port = 443,
      path = "/nodes",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ListNodesRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ListNodesResponse" } },
    },
    {
      name = "DeleteNode",
      method = "DELETE",
      port = 443,
      path = "/node/{url}",
      queue = "default",
      inputs = { { name = "url", type = "string" } },
      outputs = { { name = "httpStatusCode", type = "int" } },
    },
  },
  events = {},
  webs = {
    { name = "EchoGet", method = "GET", port = 443, path = "/echo", queue = "default" },
    { name = "EchoPost", method = "POST", port = 443, path = "/echo", queue = "default" },
    { name = "EchoPut", method = "PUT", port = 443, path = "/echo", queue = "default" },
  },
  classes = {
    ApiSpec = {
      fields = {
        { name = "url", type = "string", optional = true },
        { name = "version", type = "string", optional = true },
        { name = "protocolType", type = "string", optional = true },
        { name = "metadata", type = "any", optional = true },
      },
    },
    ClientSpec = {
      fields = {
        { name = "language", type = "string", optional = false },
        { name = "url", type = "string", optional = false },
      },
    },
    Definition = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "image", type = "ImageSpec", optional = true },
        { name = "repository", type = "RepositorySpec", optional = true },
        { name = "envars", type = "[]EnvVar", optional = true },
        { name = "ports", type = "[]PortMapping", optional = true },
        { name = "apiSpecs", type = "[]ApiSpec", optional = true },
        { name = "clients", type = "[]ClientSpec", optional = true },
      },
    },
    Empty = { fields = {} },
    EnvVar = {
      fields = {
        { name = "key", type = "string", optional = false },
        { name = "value", type = "string", optional = false },
      },
    },
    ImageSpec = {
      fields = {
        { name = "name", type = "string", optional = false },
        { name = "internalPorts", type = "[]int", optional = true },
      },
    },
    Instance = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "url", type = "string", optional = false },
        { name = "deploymentId", type = "string", optional = true },
        { name = "nodeUrl", type = "string", optional = true },
        { name = "lastHeartbeat", type = "string", optional = false },
        { name = "path", type = "string", optional = true },
        { name = "scheme", type = "string", optional = true },
        { name = "host", type = "string", optional = true },
        { name = "ip", type = "string", optional = true },
        { name = "status", type = "string", optional = false },
        { name = "slug", type = "string", optional = true },
      },
    },
    ListDefinitionsResponse = { fields = { { name = "definitions", type = "[]Definition", optional = true } } },
    ListInstancesResponse = { fields = { { name = "instances", type = "[]Instance", optional = true } } },
    ListNodesRequest = { fields = { { name = "ids", type = "[]string", optional = true } } },
    ListNodesResponse = { fields = { { name = "nodes", type = "[]Node", optional = false } } },
    Node = {
      fields = {
        { name = "id", type = "string", optional = false },
        { name = "url", type = "string", optional = false },
        { name = "availabilityZone", type = "string", optional = true },
        { name = "region", type = "string", optional = true },
        { name = "lastHeartbeat", type = "string", optional = false },
        { name = "usage", type = "ResourceUsage", optional = false },
      },
    },
    PortMapping = {
      fields = {
        { name = "internal", type = "int", optional = false },
        { name = "host", type = "int", optional = false },
      },
    },
    RegisterInstanceRequest = {
      fields = {
        { name = "url", type = "string", optional = true },
        { name = "id", type = "string", optional = true },
        { name = "scheme", type = "string", optional = true },
        { name = "host", type = "string", optional = true },
        { name = "ip", type = "string", optional = true },
        { name = "port", type = "int", optional = true },
        { name = "path", type = "string", optional = true },
        { name = "deploymentId", type = "string", optional = true },
      },
    },
    RepositorySpec = {
      fields = {
        { name = "url", type = "string", optional = false },
        { name = "version", type = "string", optional = true },
        { name = "buildContext", type = "string", optional = true },
        { name = "containerFile", type = "string", optional = true },
        { name = "internalPorts", type = "[]int", optional = true },
      },
    },
    ResourceUsage = {
      fields = {
        { name = "cpu", type = "Usage", optional = false },
        { name = "memory", type = "Usage", optional = false },
        { name = "disk", type = "Usage", optional = false },
      },
    },
    SaveDefinitionRequest = { fields = { { name = "definition", type = "Definition", optional = true } } },
    SelfNodeResponse = { fields = { { name = "node", type = "Node", optional = false } } },
    Usage = {
      fields = {
        { name = "used", type = "int", optional = false },
        { name = "total", type = "int", optional = false },
        { name = "percent", type = "float64", optional = false },
      },
    },
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
