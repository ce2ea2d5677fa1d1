-- service.media: which type a file has, by its name, or else by how it begins.

local M = {}

local UNKNOWN = "application/octet-stream"

local TYPES = {
  avif = "image/avif", bmp = "image/bmp", css = "text/css", csv = "text/csv", gif = "image/gif",
  gz = "application/gzip", htm = "text/html", html = "text/html", ico = "image/x-icon", jpeg = "image/jpeg",
  jpg = "image/jpeg", js = "text/javascript", json = "application/json", map = "application/json", md = "text/markdown",
  mjs = "text/javascript", mp3 = "audio/mpeg", mp4 = "video/mp4", ogg = "audio/ogg", otf = "font/otf",
  pdf = "application/pdf", png = "image/png", svg = "image/svg+xml", tar = "application/x-tar", ttf = "font/ttf",
  txt = "text/plain", wasm = "application/wasm", wav = "audio/wav", webm = "video/webm", webp = "image/webp",
  webmanifest = "application/manifest+json", woff = "font/woff", woff2 = "font/woff2", xml = "text/xml",
  yaml = "application/yaml", yml = "application/yaml", zip = "application/zip",
}

-- How files begin: the bytes at an offset, and the type.
local SIGNATURES = {
  { 0, "\x89PNG\r\n\x1a\n", "image/png" },
  { 0, "\xff\xd8\xff", "image/jpeg" },
  { 0, "GIF87a", "image/gif" },
  { 0, "GIF89a", "image/gif" },
  { 8, "WEBP", "image/webp" },
  { 8, "WAVE", "audio/wav" },
  { 0, "BM", "image/bmp" },
  { 0, "\0\0\1\0", "image/x-icon" },
  { 4, "ftypavif", "image/avif" },
  { 4, "ftyp", "video/mp4" },
  { 0, "\x1aE\xdf\xa3", "video/webm" },
  { 0, "OggS", "audio/ogg" },
  { 0, "ID3", "audio/mpeg" },
  { 0, "%PDF-", "application/pdf" },
  { 0, "\0asm", "application/wasm" },
  { 0, "wOF2", "font/woff2" },
  { 0, "wOFF", "font/woff" },
  { 0, "OTTO", "font/otf" },
  { 0, "\0\1\0\0", "font/ttf" },
  { 0, "PK\3\4", "application/zip" },
  { 0, "\x1f\x8b", "application/gzip" },
}

local MARKUP = {
  { "<!doctype html", "text/html" },
  { "<html", "text/html" },
  { "<head", "text/html" },
  { "<body", "text/html" },
  { "<svg", "image/svg+xml" },
  { "<?xml", "text/xml" },
}

local HEAD = 512 -- bytes that are looked at

local function is_text(head)
  return not head:find("[\0-\8\11\14-\26\28-\31]")
end

--- The type of bytes, as they begin.
---@param bytes string
---@return string
function M.sniff(bytes)
  local head = bytes:sub(1, HEAD)
  for _, row in ipairs(SIGNATURES) do
    local offset, mark, kind = table.unpack(row)
    if head:sub(offset + 1, offset + #mark) == mark then
      return kind
    end
  end
  if not is_text(head) then
    return UNKNOWN
  end
  local start = head:gsub("^\u{FEFF}", ""):match("^%s*(.*)"):lower()
  for _, row in ipairs(MARKUP) do
    if start:sub(1, #row[1]) == row[1] then
      return row[2]
    end
  end
  return "text/plain"
end

--- The Content-Type of a file. Text is UTF-8.
---@param name string
---@param bytes string
---@return string
function M.content_type(name, bytes)
  local extension = name:match("%.(%w+)$")
  local kind = extension and TYPES[extension:lower()] or M.sniff(bytes)
  if kind:find("^text/") then
    return kind .. "; charset=utf-8"
  end
  return kind
end

return M
