-- Generated from service.yaml by `moonbus gen`; do not edit.

-- luacheck: no max line length

-- What the host knows of registry-svc, and what editors should know of its `svc`.

---@class services.registry.config

---@class services.registry.metrics

---@class services.registry: Service
---@field config services.registry.config
---@field metrics services.registry.metrics
---@field RegisterInstance fun(ctx: Context, httpRequestBody: RegisterInstanceRequest?): Empty?, integer
---@field ListInstances fun(ctx: Context, host: string, ip: string, deploymentId: string, path: string, slug: string, id: string, scheme: string): ListInstancesResponse?
---@field RemoveInstance fun(ctx: Context, id: string): integer
---@field SaveDefinition fun(ctx: Context, httpRequestBody: SaveDefinitionRequest?): Empty?, integer
---@field ListDefinitions fun(ctx: Context): ListDefinitionsResponse?
---@field DeleteDefinition fun(ctx: Context, id: string): integer
---@field SelfNode fun(ctx: Context): SelfNodeResponse?
---@field ListNodes fun(ctx: Context, httpRequestBody: ListNodesRequest?): ListNodesResponse?
---@field DeleteNode fun(ctx: Context, url: string): integer
---@field EchoGet fun(ctx: Context, req: Request, res: Response): ...
---@field EchoPost fun(ctx: Context, req: Request, res: Response): ...
---@field EchoPut fun(ctx: Context, req: Request, res: Response): ...
---@field Heartbeat fun(ctx: Context)

return {
  source = "52adb225250625af52fffa4da51a239e04f103cfb3e13fc38b6287d48d9ef57e",
  host = "registry-svc",
  description = "Instances, definitions and nodes, with their health.",
  openApi = true,
  kinds = {
    DeleteDefinition = "function",
    DeleteNode = "function",
    EchoGet = "web",
    EchoPost = "web",
    EchoPut = "web",
    Heartbeat = "ticker",
    ListDefinitions = "function",
    ListInstances = "function",
    ListNodes = "function",
    RegisterInstance = "function",
    RemoveInstance = "function",
    SaveDefinition = "function",
    SelfNode = "function",
  },
  configs = {},
  functions = {
    {
      name = "RegisterInstance",
      description = "RegisterInstance makes a URL the caller's instance, or updates it. The front door routes to it at once.",
      openApi = true,
      method = "PUT",
      port = 443,
      path = "/instance",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*RegisterInstanceRequest" } },
      outputs = { { name = "httpResponseBody", type = "*Empty" }, { name = "httpStatusCode", type = "int" } },
    },
    {
      name = "ListInstances",
      description = "ListInstances lists the caller's instances, or everybody's for admins. Every argument narrows the list.",
      openApi = true,
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
      description = "RemoveInstance takes an instance out of the registry.",
      openApi = true,
      method = "DELETE",
      port = 443,
      path = "/instance/{id}",
      queue = "default",
      inputs = { { name = "id", type = "string" } },
      outputs = { { name = "httpStatusCode", type = "int" } },
    },
    {
      name = "SaveDefinition",
      description = "SaveDefinition stores what a service is made of, by its id.",
      openApi = true,
      method = "PUT",
      port = 443,
      path = "/definition",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*SaveDefinitionRequest" } },
      outputs = { { name = "httpResponseBody", type = "*Empty" }, { name = "httpStatusCode", type = "int" } },
    },
    {
      name = "ListDefinitions",
      description = "ListDefinitions lists all definitions.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/definitions",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "*ListDefinitionsResponse" } },
    },
    {
      name = "DeleteDefinition",
      description = "DeleteDefinition removes a definition.",
      openApi = true,
      method = "DELETE",
      port = 443,
      path = "/definition/{id}",
      queue = "default",
      inputs = { { name = "id", type = "string" } },
      outputs = { { name = "httpStatusCode", type = "int" } },
    },
    {
      name = "SelfNode",
      description = "SelfNode describes the node that answers.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/node/self",
      queue = "default",
      inputs = {},
      outputs = { { name = "httpResponseBody", type = "*SelfNodeResponse" } },
    },
    {
      name = "ListNodes",
      description = "ListNodes lists all nodes, or those of the given ids.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/nodes",
      queue = "default",
      inputs = { { name = "httpRequestBody", type = "*ListNodesRequest" } },
      outputs = { { name = "httpResponseBody", type = "*ListNodesResponse" } },
    },
    {
      name = "DeleteNode",
      description = "DeleteNode removes the node of that URL.",
      openApi = true,
      method = "DELETE",
      port = 443,
      path = "/node/{url}",
      queue = "default",
      inputs = { { name = "url", type = "string" } },
      outputs = { { name = "httpStatusCode", type = "int" } },
    },
  },
  events = {},
  sinks = {},
  webs = {
    {
      name = "EchoGet",
      description = "EchoGet answers the query as an object.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/echo",
      queue = "default",
    },
    {
      name = "EchoPost",
      description = "EchoPost answers the JSON of the request.",
      openApi = true,
      method = "POST",
      port = 443,
      path = "/echo",
      queue = "default",
    },
    {
      name = "EchoPut",
      description = "EchoPut answers the JSON of the request.",
      openApi = true,
      method = "PUT",
      port = 443,
      path = "/echo",
      queue = "default",
    },
  },
  tickers = {
    {
      name = "Heartbeat",
      description = "Heartbeat says that this node is alive and how busy it is.",
      seconds = 15.0,
      scope = "all",
    },
  },
  metrics = {},
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
