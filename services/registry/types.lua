-- What crosses the wire. Optional fields are left out when they are empty.

---@class Empty

---@class RegisterInstanceRequest
---@field url? string where the instance listens: http://host:port[/path]
---@field id? string
---@field scheme? string
---@field host? string
---@field ip? string
---@field port? integer
---@field path? string
---@field deploymentId? string

---@class Instance
---@field id string
---@field url string
---@field deploymentId? string
---@field nodeUrl? string
---@field lastHeartbeat string RFC 3339; the zero time until it was reached once
---@field path? string
---@field scheme? string
---@field host? string
---@field ip? string
---@field status string "Unknown", "Healthy", "Degraded" or "Unreachable"
---@field slug? string the owner

---@class HealthCheck
---@field kind? "tcp"|"http" connect, or GET path
---@field path? string of the request; behind that of the URL
---@field interval? number seconds between probes, 0.05 to 3600
---@field timeout? number seconds that one has, 0.01 to 60
---@field healthy? integer good probes in a row that make it reachable, 1 to 10
---@field unhealthy? integer bad ones that make it unreachable, 1 to 10

---@class ListInstancesResponse
---@field instances? Instance[]

---@class ImageSpec
---@field name string
---@field internalPorts? integer[]

---@class RepositorySpec
---@field url string
---@field version? string
---@field buildContext? string
---@field containerFile? string
---@field internalPorts? integer[]

---@class EnvVar
---@field key string
---@field value string

---@class PortMapping
---@field internal integer
---@field host integer

---@class ApiSpec
---@field url? string
---@field version? string
---@field protocolType? string
---@field metadata? any

---@class ClientSpec
---@field language string
---@field url string

---@class Definition
---@field id string
---@field image? ImageSpec
---@field repository? RepositorySpec
---@field envars? EnvVar[]
---@field ports? PortMapping[]
---@field apiSpecs? ApiSpec[]
---@field clients? ClientSpec[]

---@class SaveDefinitionRequest
---@field definition? Definition

---@class ListDefinitionsResponse
---@field definitions? Definition[]

---@class Usage
---@field used integer
---@field total integer
---@field percent number

---@class ResourceUsage
---@field cpu Usage
---@field memory Usage
---@field disk Usage

---@class Node
---@field id string
---@field url string
---@field availabilityZone? string
---@field region? string
---@field lastHeartbeat string RFC 3339
---@field usage ResourceUsage

---@class SelfNodeResponse
---@field node Node

---@class ListNodesRequest
---@field ids? string[]

---@class ListNodesResponse
---@field nodes Node[]

return {}
