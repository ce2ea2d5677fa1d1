-- What policies add to a token: roles and claims. A policy is the operator's, so that it is trusted; its mistakes are kept away
-- from what the platform itself says in a token, and are told.

local json = require "json"
local log = require "log"
local policies = require "policies"
local shared = require "shared"

local M = {}

local ROLES, ROLE_BYTES = 64, 128
local CLAIMS, CLAIM_BYTES, CLAIMS_BYTES = 32, 64, 2048

local QUIET = 60 -- seconds between two lines about the same mistake

-- Claims that have a meaning already: RFC 7519 section 4.1, and all that begins with a digit.
local RESERVED = { exp = true, iat = true, nbf = true, jti = true, iss = true, sub = true, aud = true }

-- Says what was left out, and where the policy is; once a minute for each problem.
local function tell(policy, problem, name)
  if not shared.add(("extras:told:%s:%s"):format(policy, problem), "1", QUIET) then
    return
  end
  local file, line = policies.source(policy)
  log.warn("left out of tokens: what a policy answered", {
    policy = "user." .. policy, at = file and ("%s:%d"):format(file, line) or nil, problem = problem,
    name = name and tostring(name):sub(1, CLAIM_BYTES) or nil,
  })
end

-- ---- roles ----

local function problem_of_role(role)
  if type(role) ~= "string" or role == "" or #role > ROLE_BYTES or not utf8.len(role) or role:find("%c") then
    return ("a role is a text of 1 to %d bytes"):format(ROLE_BYTES)
  elseif role:find("^user%-svc:") then
    return "roles that begin with user-svc: are the platform's own; enrol the account instead"
  end
end

--- The roles that the policy `roles` adds to those that an account has.
---@param account TokenAccount
---@param app { id: string, host: string }
---@return string[]
function M.roles(account, app)
  local seen, added = {}, {}
  for _, role in ipairs(account.roles) do
    seen[role] = true
  end
  local answer = policies.ask("roles", account, app)
  for _, role in ipairs(type(answer) == "table" and answer or {}) do
    if not seen[role] then
      seen[role] = true
      local problem = problem_of_role(role) or #added == ROLES and ("a policy gives %d roles at most"):format(ROLES)
      if problem then
        tell("roles", problem, role)
      else
        table.insert(added, role)
      end
    end
  end
  return added
end

-- ---- claims ----

local function problem_of_claim(name)
  if type(name) ~= "string" or name == "" or #name > CLAIM_BYTES or not name:find("^[%w:/._-]+$") then
    return ("the name of a claim is 1 to %d letters, digits or : / . _ -"):format(CLAIM_BYTES)
  elseif RESERVED[name] or name:find("^%d") then
    return "claims that begin with a digit, and exp, iat, nbf, jti, iss, sub, aud are the platform's own"
  end
end

local function allowed_names(answer)
  local names = {}
  for name in pairs(answer) do
    local problem = problem_of_claim(name)
    if problem then
      tell("claims", problem, name)
    else
      table.insert(names, name)
    end
  end
  table.sort(names)
  return names
end

local function encoded(answer, names)
  local parts, bytes = {}, 0
  for i, name in ipairs(names) do
    local ok, value = pcall(json.encode, answer[name])
    if not ok then
      return nil, ("a claim is what JSON has: %s"):format(value), name
    end
    parts[i] = (",%s:%s"):format(json.encode(name), value)
    bytes = bytes + #parts[i]
    if i > CLAIMS or bytes > CLAIMS_BYTES then
      return nil, ("a policy gives %d claims and %d bytes at most"):format(CLAIMS, CLAIMS_BYTES)
    end
  end
  return table.concat(parts)
end

--- What the policy `claims` answers, as the end of a JSON object: `,"plan":"gold"`; "" for nothing.
---@param account TokenAccount
---@param app { id: string, host: string }
---@return string
function M.claims(account, app)
  local answer = policies.ask("claims", account, app)
  if type(answer) ~= "table" then
    return ""
  end
  local text, problem, name = encoded(answer, allowed_names(answer))
  if not text then
    tell("claims", problem, name)
  end
  return text or ""
end

--- Says that a token could not be made with what the policies added.
---@param problem string
function M.too_much(problem)
  tell("claims", ("with its roles and claims a token is no good: %s"):format(problem))
end

return M
