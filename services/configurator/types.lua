-- What the lists of configs are made of.

---@class ConfigValue
---@field host string the service, or the section that it is set in
---@field name string
---@field value string a secret as asterisks
---@field source string where the value comes from: default, file, set (at run time) or peer (another host's)
---@field section? string in which section it is set: all, example.com, www.example.com
---@field secret bool whether the value is masked
---@field type? string of the config, where a service declares it
---@field validation? string the rule that values must obey
---@field description? string

return {}
