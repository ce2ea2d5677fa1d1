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

---@class ListInstancesResponse
---@field instances? Instance[]

---@class SaveDefinitionRequest
---@field definition? any

---@class ListDefinitionsResponse
---@field definitions? any[]

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
