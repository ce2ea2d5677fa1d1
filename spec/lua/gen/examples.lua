-- examples: declarations of services as people write them, by their hosts. What the model makes of them is in
-- examples_spec.lua; mutation_spec.lua breaks them.

local M = {}

M["helloworld.example"] = [[
---
general:
  host: helloworld.example
  description: Says hello to everybody.

webs:
  - signature: HelloWorld()
    description: Answers with a greeting.
    method: ANY
    path: :443/hello-world
]]

M["hello.example"] = [[
---
# General
general:
  host: hello.example
  description: |-
    One handler for each thing that a small service does.

configs:
  - signature: Greeting() (greeting string)
    description: What is said to whoever comes.
    default: Hello
  - signature: Repeat() (count int)
    description: How often it is said.
    default: 1
    validation: int [0,100]

functions:
  # - signature:

events:

sinks:

webs:
  - signature: Hello()
    description: Says hello, by name where there is one.
  - signature: Echo()
    description: Answers with the request as it came.
  - signature: Ping()
    description: Lists who is there.
  - signature: Calculator()
    description: |-
      A page with a form that adds and divides.
      Another service does the arithmetic.
  - signature: BusPNG()
    description: A picture from the resources.
    method: GET
    path: /bus.png
  - signature: Localization()
    description: Hello in the reader's language.
  - signature: Root()
    description: What stands at the root of the whole site.
    path: //root

tickers:
  - signature: TickTock()
    description: Ticks, and says so in the log.
    interval: 10s

metrics:
]]

M["calculator.example"] = [[
general:
  host: calculator.example
  description: Arithmetic for those who have no time.

functions:
  - signature: Arithmetic(x int, op string, y int) (xEcho int, opEcho string, yEcho int, result int)
    description: Two numbers and an operator.
    method: GET
  - signature: Square(x int) (xEcho int, result int)
    description: A number times itself.
    method: GET
  - signature: Distance(p1 Point, p2 Point) (d float64)
    description: |-
      How far two points are from each other.
      Points are a type of this service.

metrics:
  - signature: OpCount(num int, op string)
    description: Counts what was computed, by operator.
    kind: counter
]]

M["messaging.example"] = [[
general:
  host: messaging.example
  description: Ways to reach one replica, or all of them.

webs:
  - signature: Home()
    description: A page that tries all of the others.
  - signature: NoQueue()
    description: |-
      Every replica answers: there is no queue
      in front of them.
    queue: none
  - signature: DefaultQueue()
    description: One replica answers.
    queue: default
  - signature: CacheLoad()
    description: Looks into the cache.
  - signature: CacheStore()
    description: Puts something into the cache.
]]

M["eventsource.example"] = [[
general:
  host: eventsource.example
  description: Lets people register, and tells others about it.

functions:
  - signature: Register(email string) (allowed bool)
    description: Registers somebody, if nobody minds.

events:
  - signature: OnAllowRegister(email string) (allow bool)
    description: |-
      Asked before somebody is registered.
      One objection is enough.
  - signature: OnRegistered(email string)
    description: Told after somebody was registered.
]]

M["eventsink.example"] = [[
general:
  host: eventsink.example
  description: Listens to registrations.

functions:
  - signature: Registered() (emails []string)
    description: Who has registered so far.

sinks:
  - signature: OnAllowRegister(email string) (allow bool)
    description: Objects to some providers of mail.
    event: OnAllowRegister
    source: services/examples/eventsource
  - signature: OnRegistered(email string)
    description: Keeps who has registered.
    source: services/examples/eventsource
]]

M["directory.example"] = [[
general:
  host: directory.example
  description: People and where to find them.

configs:
  - signature: SQL() (dsn string)
    description: Where the database is.

functions:
  - signature: Create(httpRequestBody *Person) (key PersonKey)
    description: Adds a person.
    method: POST
    path: /persons
  - signature: Load(key PersonKey) (httpResponseBody *Person)
    description: Finds a person by key.
    method: GET
    path: /persons/key/{key}
  - signature: Delete(key PersonKey)
    description: Removes a person.
    method: DELETE
    path: /persons/key/{key}
  - signature: Update(key PersonKey, httpRequestBody *Person)
    description: Replaces a person.
    method: PUT
    path: /persons/key/{key}
  - signature: LoadByEmail(email string) (httpResponseBody *Person)
    description: Finds a person by address.
    method: GET
    path: /persons/email/{email}
  - signature: List() (httpResponseBody []PersonKey)
    description: All keys.
    method: GET
    path: /persons

webs:
  - signature: WebUI()
    description: A form for the other endpoints.
    method: ANY
    path: /web-ui
]]

M["browser.example"] = [[
general:
  host: browser.example
  description: Shows what is behind a URL.
  openApi: false

webs:
  - signature: Browse()
    description: A bar for an address, and the source below it.
]]

M["configurator.core"] = [[
general:
  host: configurator.core
  description: Keeps the configs of all services.

functions:
  - signature: Values(names []string) (values map[string]string)
    description: The values of some configs of whoever asks.
    path: :443/values
  - signature: Refresh()
    description: Makes all services ask again.
    path: :443/refresh
  - signature: Sync(timestamp time.Time, values map[string]map[string]string)
    description: Brings replicas to the same values.
    path: :443/sync
    queue: none

tickers:
  - signature: PeriodicRefresh()
    description: Makes all services ask again, now and then.
    interval: 20m
]]

M["control.core"] = [[
general:
  host: control.core
  description: The endpoints that every service has on its control port.
  integrationTests: false
  openApi: false

functions:
  - signature: Ping() (pong int)
    description: Says that it is there.
    path: :888/ping
    queue: none
  - signature: ConfigRefresh()
    description: Asks for the values of its configs again.
    path: :888/config-refresh
    queue: none
  - signature: Trace(id string)
    description: Sends the spans of one trace.
    path: :888/trace
    queue: none
]]

M["http.egress.core"] = [[
general:
  host: http.egress.core
  description: Sends requests to the world outside.

webs:
  - signature: MakeRequest()
    description: Sends one request and gives its response.
    method: POST
    path: :444/make-request
]]

M["http.ingress.core"] = [[
general:
  host: http.ingress.core
  description: Lets requests in from the world outside.

configs:
  - signature: TimeBudget() (budget time.Duration)
    description: How long a request may take.
    default: 20s
    validation: dur [0s,]
  - signature: Ports() (port string)
    description: Where to listen, separated by commas.
    default: 8080
    callback: true
  - signature: RequestMemoryLimit() (mb int)
    description: Memory for requests, in megabytes.
    default: 4096
    validation: int [1,]
  - signature: AllowedOrigins() (origins string)
    description: Who may call from a browser.
    default: "*"
    callback: true
  - signature: PortMappings() (mappings string)
    description: Which ports outside are which ports inside.
    default: "8080:*->*, 443:*->443, 80:*->443"
    callback: true
  - signature: ReadTimeout() (timeout time.Duration)
    description: How long reading a request may take.
    default: 5m
    validation: dur [1s,]
    callback: true
  - signature: WriteTimeout() (timeout time.Duration)
    description: How long writing a response may take.
    default: 5m
    validation: dur [1s,]
    callback: true
  - signature: ReadHeaderTimeout() (timeout time.Duration)
    description: How long reading the head of a request may take.
    default: 20s
    validation: dur [1s,]
    callback: true
  - signature: BlockedPaths() (blockedPaths string)
    description: What is never looked for, a line each.
    default: |-
      /geoserver
      /console/
      /.env
      *.php
      *.asp
    callback: true
]]

M["metrics.core"] = [[
general:
  host: metrics.core
  description: Collects the metrics of all services.
  openApi: false

configs:
  - signature: SecretKey() (secretKey string)
    description: Who knows it may collect.
    secret: true

webs:
  - signature: Collect()
    description: All metrics as text.
]]

M["openapiportal.core"] = [[
general:
  host: openapiportal.core
  description: Where the documents of all services are.

webs:
  - signature: List()
    description: Links to the documents.
    path: //openapi:0
]]

M["smtp.ingress.core"] = [[
general:
  host: smtp.ingress.core
  description: Takes mail and tells others about it.

configs:
  - signature: Port() (port int)
    description: Where to listen.
    default: 25
    validation: int [1,65535]
    callback: true
  - signature: Enabled() (enabled bool)
    description: Whether to listen at all.
    default: true
    callback: true
  - signature: MaxSize() (mb int)
    description: The largest mail, in megabytes.
    default: 10
    validation: int [0,1024]
    callback: true
  - signature: MaxClients() (clients int)
    description: How many may talk at once.
    default: 128
    validation: int [1,1024]
    callback: true
  - signature: Workers() (clients int)
    description: How many mails are read at once.
    default: 8
    validation: int [1,1024]
    callback: true

events:
  - signature: OnIncomingEmail(mailMessage *Email)
    description: Told for each mail.
]]

return M
