-- What the model makes of declarations of whole services.

local examples = require "examples"
local model = require "gen.model"

local SECTIONS = { "configs", "functions", "events", "sinks", "webs", "tickers", "metrics" }

-- A handler in one line: its signature and what else was said.
local function line_of(h)
  local parts = { h.signature }
  for _, field in ipairs { "method", "path", "queue", "default", "validation", "event", "source", "metric", "alias" } do
    table.insert(parts, h[field])
  end
  if h.interval then
    table.insert(parts, ("%gs"):format(h.seconds))
  end
  for _, field in ipairs { "callback", "secret" } do
    table.insert(parts, h[field] and field or nil)
  end
  return table.concat(parts, " ")
end

local EXPECTED = {
  ["helloworld.example"] = { webs = { "HelloWorld() ANY :443/hello-world default" } },
  ["hello.example"] = {
    configs = { "Greeting() (greeting string) Hello ", "Repeat() (count int) 1 int [0,100]" },
    webs = {
      "Hello() ANY :443/hello default", "Echo() ANY :443/echo default", "Ping() ANY :443/ping default",
      "Calculator() ANY :443/calculator default", "BusPNG() GET :443/bus.png default",
      "Localization() ANY :443/localization default", "Root() ANY //root default",
    },
    tickers = { "TickTock() 10s" },
  },
  ["calculator.example"] = {
    functions = {
      "Arithmetic(x int, op string, y int) (xEcho int, opEcho string, yEcho int, result int) GET :443/arithmetic default",
      "Square(x int) (xEcho int, result int) GET :443/square default",
      "Distance(p1 Point, p2 Point) (d float64) ANY :443/distance default",
    },
    metrics = { "OpCount(num int, op string) counter calculator_op_count" },
    types = { "Point" },
  },
  ["messaging.example"] = { webs = {
    "Home() ANY :443/home default", "NoQueue() ANY :443/no-queue none", "DefaultQueue() ANY :443/default-queue default",
    "CacheLoad() ANY :443/cache-load default", "CacheStore() ANY :443/cache-store default",
  } },
  ["eventsource.example"] = {
    functions = { "Register(email string) (allowed bool) ANY :443/register default" },
    events = {
      "OnAllowRegister(email string) (allow bool) POST :417/on-allow-register",
      "OnRegistered(email string) POST :417/on-registered",
    },
  },
  ["eventsink.example"] = {
    functions = { "Registered() (emails []string) ANY :443/registered default" },
    sinks = {
      "OnAllowRegister(email string) (allow bool) ANY default OnAllowRegister services/examples/eventsource",
      "OnRegistered(email string) ANY default OnRegistered services/examples/eventsource",
    },
  },
  ["directory.example"] = {
    configs = { "SQL() (dsn string)  " },
    functions = {
      "Create(httpRequestBody *Person) (key PersonKey) POST :443/persons default",
      "Load(key PersonKey) (httpResponseBody *Person) GET :443/persons/key/{key} default",
      "Delete(key PersonKey) DELETE :443/persons/key/{key} default",
      "Update(key PersonKey, httpRequestBody *Person) PUT :443/persons/key/{key} default",
      "LoadByEmail(email string) (httpResponseBody *Person) GET :443/persons/email/{email} default",
      "List() (httpResponseBody []PersonKey) GET :443/persons default",
    },
    webs = { "WebUI() ANY :443/web-ui default" },
    types = { "Person", "PersonKey" },
  },
  ["browser.example"] = { webs = { "Browse() ANY :443/browse default" }, openApi = false },
  ["configurator.core"] = {
    functions = {
      "Values(names []string) (values map[string]string) ANY :443/values default", "Refresh() ANY :443/refresh default",
      "Sync(timestamp time.Time, values map[string]map[string]string) ANY :443/sync none",
    },
    tickers = { "PeriodicRefresh() 1200s" },
  },
  ["control.core"] = {
    functions = {
      "Ping() (pong int) ANY :888/ping none", "ConfigRefresh() ANY :888/config-refresh none",
      "Trace(id string) ANY :888/trace none",
    },
    openApi = false, integrationTests = false,
  },
  ["http.egress.core"] = { webs = { "MakeRequest() POST :444/make-request default" } },
  ["http.ingress.core"] = { configs = {
    "TimeBudget() (budget time.Duration) 20s dur [0s,]", "Ports() (port string) 8080  callback",
    "RequestMemoryLimit() (mb int) 4096 int [1,]", "AllowedOrigins() (origins string) *  callback",
    "PortMappings() (mappings string) 8080:*->*, 443:*->443, 80:*->443  callback",
    "ReadTimeout() (timeout time.Duration) 5m dur [1s,] callback",
    "WriteTimeout() (timeout time.Duration) 5m dur [1s,] callback",
    "ReadHeaderTimeout() (timeout time.Duration) 20s dur [1s,] callback",
    "BlockedPaths() (blockedPaths string) /geoserver\n/console/\n/.env\n*.php\n*.asp  callback",
  } },
  ["metrics.core"] = {
    configs = { "SecretKey() (secretKey string)   secret" }, webs = { "Collect() ANY :443/collect default" }, openApi = false,
  },
  ["openapiportal.core"] = { webs = { "List() ANY //openapi:0 default" } },
  ["smtp.ingress.core"] = {
    configs = {
      "Port() (port int) 25 int [1,65535] callback", "Enabled() (enabled bool) true  callback",
      "MaxSize() (mb int) 10 int [0,1024] callback", "MaxClients() (clients int) 128 int [1,1024] callback",
      "Workers() (clients int) 8 int [1,1024] callback",
    },
    events = { "OnIncomingEmail(mailMessage *Email) POST :417/on-incoming-email" },
    types = { "Email" },
  },
}

describe("the declaration of", function()
  for host, text in pairs(examples) do
    it(host .. " is read without an error or a warning, and means what it says", function()
      local expected = assert(EXPECTED[host])
      local declaration, problems = model.parse(text, "services/" .. host:match("^[^.]+") .. "/service.yaml")
      assert.equal("", model.render(problems))
      assert.equal(host, declaration.host)
      assert.equal(expected.openApi ~= false, declaration.openApi)
      assert.equal(expected.integrationTests ~= false, declaration.integrationTests)
      assert.same(expected.types or {}, declaration.types)
      for _, section in ipairs(SECTIONS) do
        local lines = {}
        for i, h in ipairs(declaration[section]) do
          lines[i] = line_of(h)
        end
        assert.same(expected[section] or {}, lines, section)
      end
    end)
  end

  it("nobody is forgotten", function()
    for host in pairs(EXPECTED) do
      assert.is_string(examples[host], host)
    end
  end)
end)

describe("a sink", function()
  it("may name a source by the path of a module elsewhere", function()
    local text = examples["eventsink.example"]:gsub("services/examples", "github.com/some-people/fabric/examples")
    local declaration = assert(model.parse(text, "f.yaml"))
    assert.equal("github.com/some-people/fabric/examples/eventsource", declaration.sinks[1].source)
  end)
end)
