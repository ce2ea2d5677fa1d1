---@meta seal
--
-- Generated from core/script/lib_seal.c by ./dev fmt; do not edit.

local seal = {}

--- A new unique id, "prefix-" and about ten characters, growing with time.
---@param prefix? string
---@return string
function seal.id(prefix) end

--- A random UUID (RFC 9562, version 4).
---@return string
function seal.uuid() end

--- n random bytes, 1 to 65536.
---@param n integer
---@return string
function seal.random(n) end

--- Random text for URLs, of 8 to 64 random bytes (16 unless told).
---@param bytes? integer
---@return string
function seal.token(bytes) end

--- SHA-256 as 64 hexadecimal digits.
---@param text string
---@return string
function seal.sha256(text) end

--- Compares in a time that does not tell where they differ.
---@param a string
---@param b string
---@return boolean
function seal.equal(a, b) end

--- Base64; url = the alphabet for URLs without padding (RFC 4648).
---@param text string
---@param url? boolean
---@return string
function seal.base64(text, url) end

--- Undoes base64; strict.
---@param text string
---@param url? boolean
---@return string?
---@return string?
---@return string?
function seal.unbase64(text, url) end

--- Seals a text with a key of 32 bytes (XChaCha20-Poly1305).
---@param plain string
---@param key string
---@return string?
---@return string?
---@return string?
function seal.close(plain, key) end

--- Opens what close sealed; fails when it was changed.
---@param sealed string
---@param key string
---@return string?
---@return string?
---@return string?
function seal.open(sealed, key) end

return seal
