-- arguments: what a call gives to a function, and what comes back.
local errors = require "errors"
local json = require "json"
local url = require "url"
local wire = require "wire"
local M = {}
function M.reader(item, classes, options)
  return function(source)
    local q = source.query and url.parse_query(source.query) or {}
    local body = {}
    local magic
    for _, a in ipairs(item.inputs) do magic = magic or a.name == "httpRequestBody" end
    if source.has_body and source.method ~= "GET" then
      local t = source.body()
      if (source.content_type or ""):find("urlencoded") and not t:find("^%s*{") then
        for k, v in pairs(url.parse_query(t)) do q[k] = q[k] or v end
      elseif t ~= "" then
        body = json.decode(t) or errors.raise(400, "Invalid JSON")
      end
    end
    local out = {}
    for i, a in ipairs(item.inputs) do
      local p = source.params and source.params[a.name]
      if a.name == "httpRequestBody" then out[i] = body
      elseif p then out[i] = wire.from_text(a.type, p, {}, a.name)
      elseif q[a.name] then out[i] = wire.from_text(a.type, q[a.name], {}, a.name)
      elseif body[a.name] ~= nil then out[i] = wire.decode(a.type, body[a.name], {}, a.name)
      else out[i] = wire.zero(a.type) end
    end
    return out
  end
end
function M.results(item, classes)
  return function(...)
    local r, status, body = { ... }, 200, nil
    for i, o in ipairs(item.outputs) do
      if o.name == "httpStatusCode" then status = r[i] or 200
      elseif o.name == "httpResponseBody" then body = wire.encode(o.type, r[i], {})
      else body = body or {} body[o.name] = wire.encode(o.type, r[i], {}) end
    end
    return status, body == nil and status ~= 204 and {} or body
  end
end
function M.adopter() return function(...) return ... end end
return M
