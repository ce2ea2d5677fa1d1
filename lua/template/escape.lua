-- template.escape: texts made harmless for the places of a page that they go to.

local M = {}

local HTML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&#34;", ["'"] = "&#39;" }

--- For text and quoted attributes.
---@param text string
---@return string
function M.html(text)
  return (text:gsub("[&<>\"']", HTML))
end

--- For what is HTML already and goes into a quoted attribute: entities stay, the attribute cannot be left.
---@param text string
---@return string
function M.html_in_attribute(text)
  return (text:gsub("[<>\"']", HTML))
end

local JSON = {}
for char in ("<>&'`$"):gmatch(".") do
  JSON[char] = ("\\u%04x"):format(char:byte())
end
JSON["/"] = "\\/"

--- JSON text as a value in a script. All that could end the script, or a literal around it, only occurs inside the
--- texts of JSON, where an escape means the same; U+2028 and U+2029 end lines in older JavaScript.
---@param text string
---@return string
function M.script(text)
  text = text:gsub("[<>&'`$/]", JSON)
  return (text:gsub("\u{2028}", "\\u2028"):gsub("\u{2029}", "\\u2029"))
end

local function percent(char)
  return ("%%%02X"):format(char:byte())
end

-- RFC 3986 section 2: reserved and unreserved characters, and escapes that are there.
local function normal_url(text)
  return (text:gsub("[^%w%-._~:/?#%[%]@!$&'()*+,;=%%]", percent))
end

--- Part of the path of a URL whose beginning is known; for an attribute.
function M.url_path(text)
  return M.html(normal_url(text))
end

--- Part of the query or fragment of a URL; for an attribute.
function M.url_query(text)
  return (text:gsub("[^%w%-._~]", percent))
end

local SCHEMES = { http = true, https = true, mailto = true, tel = true }

--- What takes the place of a URL that may run code.
M.BLOCKED_URL = "#blocked"

--- A whole URL, or its beginning; for an attribute. Browsers ignore blanks and control characters in a scheme.
---@param text string
---@return string
function M.url(text)
  local scheme = text:gsub("[%c ]", ""):match("^([^:/?#]*):")
  if scheme and not SCHEMES[scheme:lower()] then
    return M.BLOCKED_URL
  end
  return M.url_path(text)
end

--- What takes the place of a CSS value that may be more than one.
M.BLOCKED_CSS = "unset"

--- One plain value of CSS: numbers, units, names, colours. Nothing in it can end the declaration or call anything.
---@param text string
---@return string
function M.css(text)
  local squeezed = text:lower():gsub("[^%w]", "")
  local odd = text:find("[^%w%s#.,%%+_\128-\255-]") or text:find("--", 1, true)
  if odd or squeezed:find("expression", 1, true) or squeezed:find("mozbinding", 1, true) then
    return M.BLOCKED_CSS
  end
  return text
end

--- Trusted CSS inside <style>: it cannot end the element.
function M.style(text)
  return (text:gsub("</", "<\\/"))
end

return M
