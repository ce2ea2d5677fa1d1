-- openapi: the document of a service.

local examples = require "gen.examples"
local json = require "json"
local model = require "gen.model"
local openapi = require "openapi"
local plumbing = require "gen.emit.plumbing"
local types = require "gen.types"

-- The plumbing of a service.yaml and a types.lua.
local function plumb(yaml, classes)
  local declaration, problems = model.parse(yaml, "services/shop/service.yaml")
  if not declaration then
    error(model.render(problems), 2)
  end
  return plumbing.of(declaration, (types.compile(declaration.types, classes or "", {})))
end

local GENERAL = "general:\n  host: shop.example\n  description: Sells things.\n"

local function document(sections, classes, options)
  return openapi.document(plumb(GENERAL .. sections, classes), options)
end

-- The document of one function, its only operation, and its components.
local function of_function(signature, more, classes)
  local doc = document(("functions:\n  - signature: %s\n%s"):format(signature, more or ""), classes)
  local _, item = next(doc.paths)
  local _, operation = next(item)
  return operation, doc.components.schemas, doc
end

local function keys(object)
  local list = {}
  for key in pairs(object) do
    table.insert(list, key)
  end
  table.sort(list)
  return table.concat(list, " ")
end

-- The schema of a type, as the only input of a function.
local function schema_of(kind, classes)
  local _, schemas = of_function(("F(x %s)"):format(kind), nil, classes)
  return schemas.F_IN.properties.x, schemas
end

local function failures()
  return {
    ["4XX"] = { description = "User error", content = { ["text/plain"] = {} } },
    ["5XX"] = { description = "Server error", content = { ["text/plain"] = {} } },
  }
end

local function answers(name)
  local responses = failures()
  local schema = { ["$ref"] = ("#/components/schemas/%s_OUT"):format(name) }
  responses["2XX"] = { description = "OK", content = { ["application/json"] = { schema = schema } } }
  return responses
end

local function object(properties, required)
  return { type = "object", properties = properties, additionalProperties = false, required = required }
end

local POINT = "---@class Point\n---@field x? number\n---@field y? number\n"
local INTEGER, NUMBER, STRING = { type = "integer" }, { type = "number" }, { type = "string" }

local CALCULATOR = {
  openapi = "3.1.0",
  info = { title = "calculator.example", description = "Arithmetic for those who have no time.", version = "243" },
  servers = { { url = "https://localhost/" } },
  paths = {
    ["/calculator.example:443/arithmetic"] = {
      get = {
        summary = "Arithmetic(x int, op string, y int) (xEcho int, opEcho string, yEcho int, result int)",
        description = "Two numbers and an operator.",
        parameters = {
          { name = "x", ["in"] = "query", schema = INTEGER },
          { name = "op", ["in"] = "query", schema = STRING },
          { name = "y", ["in"] = "query", schema = INTEGER },
        },
        responses = answers "Arithmetic",
      },
    },
    ["/calculator.example:443/square"] = {
      get = {
        summary = "Square(x int) (xEcho int, result int)",
        description = "A number times itself.",
        parameters = { { name = "x", ["in"] = "query", schema = INTEGER } },
        responses = answers "Square",
      },
    },
    ["/calculator.example:443/distance"] = {
      post = {
        summary = "Distance(p1 Point, p2 Point) (d float64)",
        description = "How far two points are from each other.\nPoints are a type of this service.",
        requestBody = {
          required = true,
          content = { ["application/json"] = { schema = { ["$ref"] = "#/components/schemas/Distance_IN" } } },
        },
        responses = answers "Distance",
      },
    },
  },
  components = {
    schemas = {
      Arithmetic_OUT = object(
        { xEcho = INTEGER, opEcho = STRING, yEcho = INTEGER, result = INTEGER },
        { "xEcho", "opEcho", "yEcho", "result" }
      ),
      Distance_IN = object({
        p1 = { ["$ref"] = "#/components/schemas/Distance_IN_Point" },
        p2 = { ["$ref"] = "#/components/schemas/Distance_IN_Point" },
      }, { "p1", "p2" }),
      Distance_IN_Point = object { x = NUMBER, y = NUMBER },
      Distance_OUT = object({ d = NUMBER }, { "d" }),
      Square_OUT = object({ xEcho = INTEGER, result = INTEGER }, { "xEcho", "result" }),
    },
  },
}

describe("a document", function()
  it("says all that there is to say about the calculator", function()
    local calculator = plumb(examples["calculator.example"], POINT)
    assert.same(CALCULATOR, openapi.document(calculator, { port = 443, version = 243 }))
  end)

  it("has the base and the version that it is given", function()
    local doc = document("webs:\n  - signature: Home()\n", "", { base = "https://x.org/api/", version = 7 })
    assert.same({ { url = "https://x.org/api/" } }, doc.servers)
    assert.equal("7", doc.info.version)
  end)

  it("does not exist where the service wants none", function()
    assert.is_nil(openapi.document(plumb(examples["browser.example"])))
    assert.is_nil(openapi.text(plumb(examples["browser.example"])))
  end)

  it("does not exist where nothing can be asked", function()
    assert.is_nil(document "")
    assert.is_nil(document "functions:\n  - signature: F()\n    openApi: false\n")
    assert.is_nil(document("functions:\n  - signature: F()\n", "", { port = 888 }))
  end)

  it("has neither events nor sinks nor tickers", function()
    assert.is_nil(document([[
events:
  - signature: OnSold(n int)
sinks:
  - signature: OnPaid(n int)
    source: services/bank
tickers:
  - signature: Tick()
    interval: 1m
]], "", { port = 417 }))
  end)

  it("has no components where there are only pages", function()
    assert.is_nil(document("webs:\n  - signature: Home()\n").components)
  end)
end)

describe("the endpoints of a document", function()
  local SECTIONS = [[
functions:
  - signature: Plain()
  - signature: Inner()
    path: :444/...
  - signature: Everywhere()
    path: :0/...
  - signature: Hidden()
    openApi: false
webs:
  - signature: Elsewhere()
    path: //root
  - signature: Page()
    path: //pages:0/a b
]]

  it("are those of its port, and those of all ports", function()
    assert.equal("/pages:443/a%20b /root:443 /shop.example:443/everywhere /shop.example:443/plain",
      keys(document(SECTIONS).paths))
    assert.equal("/pages:444/a%20b /shop.example:444/everywhere /shop.example:444/inner",
      keys(document(SECTIONS, "", { port = 444 }).paths))
  end)

  it("that take any method are a post of a function and a get of a page", function()
    local paths = document(SECTIONS).paths
    assert.equal("post", keys(paths["/shop.example:443/plain"]))
    assert.equal("get", keys(paths["/root:443"]))
  end)

  it("with methods that no document knows are left out", function()
    assert.is_nil(document "webs:\n  - signature: Purge()\n    method: PURGE\n")
  end)

  it("share a path when their methods differ", function()
    local directory = plumb(examples["directory.example"], "---@class Person\n---@alias PersonKey integer\n")
    local paths = openapi.document(directory).paths
    assert.equal("get post", keys(paths["/directory.example:443/persons"]))
    assert.equal("delete get put", keys(paths["/directory.example:443/persons/key/{key}"]))
  end)

  it("give way to one that names the same method", function()
    local doc = document [[
functions:
  - signature: A()
    path: /x
  - signature: B()
    path: /x
    method: POST
]]
    assert.equal("B()", doc.paths["/shop.example:443/x"].post.summary)
  end)

  it("whose paths differ only in names are one path", function()
    local paths = document([[
functions:
  - signature: Load(id int) (name string)
    method: GET
    path: /things/{id}
  - signature: Remove(key int)
    method: DELETE
    path: /things/{key}
  - signature: Rest(tail string)
    method: GET
    path: /things/{tail+}
]]).paths
    assert.equal("/shop.example:443/things/{id}", keys(paths))
    local item = paths["/shop.example:443/things/{id}"]
    assert.equal("delete get", keys(item))
    assert.equal("Load(id int) (name string)", item.get.summary)
    assert.same({ { name = "id", ["in"] = "path", required = true, schema = INTEGER } }, item.delete.parameters)
  end)
end)

describe("the summary of an operation", function()
  it("is the signature without pointers and packages", function()
    local operation = of_function("F(p *Pet, at time.Time, pets []*Pet) (d time.Duration, httpStatusCode int)",
      "    description: F does it.\n", "---@class Pet\n")
    assert.equal("F(p Pet, at Time, pets []Pet) (d Duration, httpStatusCode int)", operation.summary)
    assert.equal("F does it.", operation.description)
  end)

  it("of a page has no arguments", function()
    local doc = document "webs:\n  - signature: Home()\n    description: Home is the page.\n"
    local page = doc.paths["/shop.example:443/home"].get
    assert.equal("Home()", page.summary)
    assert.equal("Home is the page.", page.description)
  end)
end)

describe("path arguments", function()
  it("are parameters of the types that the signature gives them", function()
    local operation = of_function("F(key int, q bool)", "    method: GET\n    path: /a/{key}\n")
    assert.same({
      { name = "key", ["in"] = "path", required = true, schema = INTEGER },
      { name = "q", ["in"] = "query", schema = { type = "boolean" } },
    }, operation.parameters)
  end)

  it("come behind the inputs, as text, when the signature does not have them", function()
    local operation = of_function("F(q int)", "    method: GET\n    path: /a/{key}\n")
    assert.same({
      { name = "q", ["in"] = "query", schema = INTEGER },
      { name = "key", ["in"] = "path", required = true, schema = STRING },
    }, operation.parameters)
  end)

  it("without a name have one by their position, and greedy ones keep the plus", function()
    local operation, _, doc = of_function("F(path1 int)", "    method: GET\n    path: /a/{}/x/{foo}/{+}\n")
    assert.equal("/shop.example:443/a/{path1}/x/{foo}/{path3+}", keys(doc.paths))
    local names = {}
    for i, parameter in ipairs(operation.parameters) do
      names[i] = parameter.name
    end
    assert.equal("path1 foo path3+", table.concat(names, " "))
    assert.same({
      name = "path3+", ["in"] = "path", required = true, schema = STRING,
      description = "The rest of the path, with its slashes.",
    }, operation.parameters[3])
  end)

  it("of the same name are told apart", function()
    local doc = document "webs:\n  - signature: F()\n    path: /{a}/{a}\n"
    assert.equal("/shop.example:443/{a}/{a_2}", keys(doc.paths))
  end)

  it("are not in the body, too", function()
    local operation, schemas = of_function("F(id int, text string)", "    path: /a/{id}\n")
    assert.same({ { name = "id", ["in"] = "path", required = true, schema = INTEGER } }, operation.parameters)
    assert.same(object({ text = STRING }, { "text" }), schemas.F_IN)
  end)

  it("that are lists or objects are JSON text", function()
    local operation = of_function("F(ids []int)", "    path: /a/{ids}\n")
    assert.same({ {
      name = "ids", ["in"] = "path", required = true,
      content = { ["application/json"] = { schema = { type = "array", items = INTEGER } } },
    } }, operation.parameters)
  end)
end)

describe("query arguments", function()
  it("that are objects are deep", function()
    local operation, schemas = of_function("F(p *Point, m map[string]int)", "    method: GET\n", POINT)
    assert.same({
      {
        name = "p", ["in"] = "query", style = "deepObject", explode = true,
        schema = { ["$ref"] = "#/components/schemas/F_IN_Point" },
      },
      {
        name = "m", ["in"] = "query", style = "deepObject", explode = true,
        schema = { type = "object", additionalProperties = INTEGER },
      },
    }, operation.parameters)
    assert.same(object { x = NUMBER, y = NUMBER }, schemas.F_IN_Point)
    assert.is_nil(schemas.F_IN)
  end)

  it("that are lists are JSON text", function()
    local operation = of_function("F(ids []int)", "    method: GET\n")
    assert.same({ {
      name = "ids", ["in"] = "query",
      content = { ["application/json"] = { schema = { type = "array", items = INTEGER } } },
    } }, operation.parameters)
  end)

  it("are all inputs but the body, where one of them is the whole body", function()
    local operation, schemas = of_function("F(n int, httpRequestBody *Point)", "    method: PUT\n", POINT)
    assert.same({ { name = "n", ["in"] = "query", schema = INTEGER } }, operation.parameters)
    assert.same({ ["$ref"] = "#/components/schemas/F_IN_Point" }, schemas.F_IN)
    assert.is_true(operation.requestBody.required)
  end)
end)

describe("the body of a request", function()
  it("is an object of all inputs", function()
    local operation, schemas = of_function("F(n int, text string)")
    assert.is_nil(operation.parameters)
    assert.same(object({ n = INTEGER, text = STRING }, { "n", "text" }), schemas.F_IN)
  end)

  it("is left out where there are no inputs, or the method has none", function()
    for _, more in ipairs { "", "    method: DELETE\n" } do
      local operation, schemas = of_function("F()", more)
      assert.is_nil(operation.requestBody)
      assert.is_nil(schemas.F_IN)
    end
  end)
end)

describe("the body of a response", function()
  it("is an object of all outputs but the status", function()
    local _, schemas = of_function "F() (n int, httpStatusCode int)"
    assert.same(object({ n = INTEGER }, { "n" }), schemas.F_OUT)
  end)

  it("is an empty object where there are no outputs", function()
    local operation, schemas = of_function "F()"
    assert.same(object {}, schemas.F_OUT)
    assert.same(answers "F", operation.responses)
  end)

  it("is what httpResponseBody is", function()
    local _, schemas = of_function("F() (httpResponseBody []Key, httpStatusCode int)", nil, "---@alias Key integer\n")
    assert.same({ type = "array", items = INTEGER }, schemas.F_OUT)
  end)

  it("of a page is of the type of its extension", function()
    local doc = document "webs:\n  - signature: Bus()\n    path: /bus.PNG\n  - signature: Home()\n"
    assert.same({ ["200"] = { description = "OK", content = { ["image/png"] = {} } } },
      doc.paths["/shop.example:443/bus.PNG"].get.responses)
    assert.same({ ["200"] = { description = "OK" } }, doc.paths["/shop.example:443/home"].get.responses)
  end)
end)

describe("types", function()
  it("are those of JSON Schema", function()
    local expected = {
      string = STRING,
      int = INTEGER,
      byte = INTEGER,
      float64 = NUMBER,
      bool = { type = "boolean" },
      any = {},
      ["time.Time"] = { type = "string", format = "date-time" },
      ["time.Duration"] = { type = "integer", description = "nanoseconds" },
      ["[]byte"] = { type = "string", contentEncoding = "base64" },
      ["[][]byte"] = { type = "array", items = { type = "string", contentEncoding = "base64" } },
      ["*int"] = INTEGER,
      ["[]*string"] = { type = "array", items = STRING },
      ["map[string][]int"] = { type = "object", additionalProperties = { type = "array", items = INTEGER } },
      ["map[string]any"] = { type = "object", additionalProperties = {} },
    }
    for kind, schema in pairs(expected) do
      assert.same(schema, schema_of(kind))
    end
  end)

  it("that are another name of a type are that type", function()
    assert.same(INTEGER, schema_of("Key", "---@alias Key integer\n"))
    local names = "---@alias Names Name[]\n---@alias Name string\n"
    assert.same({ type = "array", items = STRING }, schema_of("Names", names))
  end)

  it("that nobody defines can be anything", function()
    assert.same({}, schema_of "Mystery")
  end)

  it("with optional fields require the others", function()
    local schema, schemas = schema_of("Pet", [[
---@class Pet
---@field name string
---@field age? integer
---@field owner? Owner
---@class Owner
---@field name string
]])
    local owner = { ["$ref"] = "#/components/schemas/F_IN_Owner" }
    assert.same({ ["$ref"] = "#/components/schemas/F_IN_Pet" }, schema)
    assert.same(object({ name = STRING, age = INTEGER, owner = owner }, { "name" }), schemas.F_IN_Pet)
    assert.same(object({ name = STRING }, { "name" }), schemas.F_IN_Owner)
  end)

  it("are apart on both sides of a function", function()
    local _, schemas = of_function("F(a Point) (b Point)", nil, POINT)
    assert.equal("F_IN F_IN_Point F_OUT F_OUT_Point", keys(schemas))
  end)

  it("that contain themselves end", function()
    local _, schemas = schema_of("Node", [[
---@class Node
---@field next? Node
---@field all Node[]
---@field by Map
---@alias Map table<string, Node>
]])
    local node = { ["$ref"] = "#/components/schemas/F_IN_Node" }
    assert.same(object({
      next = node,
      all = { type = "array", items = node },
      by = { type = "object", additionalProperties = node },
    }, { "all", "by" }), schemas.F_IN_Node)
  end)

  it("that reach themselves through a class are still told", function()
    local schema, schemas = schema_of("Tree", "---@alias Tree Node[]\n---@class Node\n---@field children Tree\n")
    local nodes = { type = "array", items = { ["$ref"] = "#/components/schemas/F_IN_Node" } }
    assert.same(nodes, schema)
    assert.same(nodes, schemas.F_IN_Node.properties.children)
  end)

  it("that are names of nothing but themselves can be anything", function()
    assert.same({}, schema_of("A", "---@alias A B\n---@alias B A\n"))
    assert.same({ type = "array", items = {} }, schema_of("L", "---@alias L L[]\n"))
  end)
end)

describe("the text of a document", function()
  local text = openapi.text(plumb(examples["calculator.example"], POINT), { port = 443, version = 243 })

  it("is indented JSON with names in order, and ends with a line", function()
    assert.contains('{\n  "components": {\n    "schemas": {\n      "Arithmetic_OUT": {\n', text)
    assert.matches("}\n$", text)
    assert.no.matches("\n\n$", text)
    assert.same(CALCULATOR, json.decode(text))
  end)

  it("is the same whenever it is made", function()
    assert.equal(text, openapi.text(plumb(examples["calculator.example"], POINT), { port = 443, version = 243 }))
  end)

  it("tells empty objects from empty lists", function()
    local function text_of(sections)
      return openapi.text(plumb(GENERAL .. sections))
    end
    assert.contains('"text/plain": {}', text)
    assert.contains('"x": {}', text_of "functions:\n  - signature: F(x any)\n")
    assert.contains('"properties": {}', text_of "functions:\n  - signature: F()\n")
    assert.no.contains("[]", text_of "functions:\n  - signature: F()\n")
  end)
end)

describe("the base of a document", function()
  it("is what stands before the service in a URL", function()
    for url, base in pairs {
      ["https://x.org/shop.example/openapi.json"] = "https://x.org/",
      ["https://x.org/api/v1/shop.example:443/openapi.json?x=1"] = "https://x.org/api/v1/",
      ["http://localhost:8080/Shop.Example/a/shop.example/b"] = "http://localhost:8080/",
    } do
      assert.equal(base, openapi.base(url, "shop.example"))
    end
  end)

  it("is that of this computer when the service is not in there", function()
    for _, url in ipairs {
      "https://x.org/other.example/openapi.json", "https://shop.example/openapi.json",
      "https://x.org?/shop.example/", "", "/shop.example/",
    } do
      assert.equal("https://localhost/", openapi.base(url, "shop.example"))
    end
  end)
end)
