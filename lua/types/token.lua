---@meta token
--
-- Generated from core/script/lib_token.c by ./dev fmt; do not edit.

local token = {}

--- Signs claims (JSON text) with the host's key; platform services only.
---@param claims string
---@return string?
---@return string?
---@return string?
function token.sign(claims) end

--- A new private RSA key as PEM; platform services only.
---@return string?
---@return string?
---@return string?
function token.make_key() end

--- Makes it the key of all tokens; the public key as PEM; platform services only.
---@param pem string
---@return string?
---@return string?
---@return string?
function token.use_key(pem) end

--- The claims (id, app, slug, device, organization, roles, expires, issued, token) and "ok" or "expired"; nil and
--- why when the signature or the form is bad.
---@param token string
---@return table?
---@return string?
---@return string?
function token.verify(token) end

return token
