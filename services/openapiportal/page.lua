-- page: the list of documents as HTML. It needs nothing but itself: no script, font or picture, and a style sheet that
-- the policy names by its hash. Pure.

local gen_url = require "gen.url"
local seal = require "seal"

local M = {}

local STYLE = [[
:root { color-scheme: light dark; --ink: #1c2733; --soft: #52606d; --line: #d5dce4; --card: #fff; --page: #f4f6f9;
  --link: #0b57a4; --warn: #9a3412; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf1; --soft: #a7b3c0; --line: #36424f; --card: #1d2630;
  --page: #12181f; --link: #84bdf5; --warn: #fdba74; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
header, main { max-width: 50rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
header p { margin: .25rem 0 1.5rem; color: var(--soft); }
ul { margin: 0 0 3rem; padding: 0; list-style: none; display: grid; gap: .75rem; }
li { padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
h2 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
h2 small { margin-left: .5rem; color: var(--soft); font-size: .8rem; font-weight: normal; }
li p { margin: .25rem 0 .5rem; white-space: pre-line; overflow-wrap: anywhere; }
li p.problem { color: var(--warn); }
a { color: var(--link); overflow-wrap: anywhere; }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; border-radius: 2px; }
]]

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- Text as it stands in HTML, in attributes too.
---@param text string
---@return string
function M.escape(text)
  return (text:gsub("[&<>\"']", ENTITIES))
end

local function bytes(digits)
  return (digits:gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

--- The Content-Security-Policy of the page: nothing may be loaded or run, and no other style counts.
---@return string
function M.policy()
  return ("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    :format(seal.base64(bytes(seal.sha256(STYLE))))
end

local function document_link(host)
  local path = ("/%s/openapi.json"):format(gen_url.escape_segment(host))
  return ('<a href="%s" type="application/json">%s</a>'):format(M.escape(path), M.escape(path))
end

local function item(entry)
  local version = entry.version ~= "" and (" <small>version %s</small>"):format(M.escape(entry.version)) or ""
  local lines = { "<li>", ("<h2>%s%s</h2>"):format(M.escape(entry.title), version) }
  if entry.description ~= "" then
    table.insert(lines, ("<p>%s</p>"):format(M.escape(entry.description)))
  end
  if entry.problem then
    table.insert(lines, ('<p class="problem">%s</p>'):format(M.escape(entry.problem)))
  else
    table.insert(lines, document_link(entry.host))
  end
  table.insert(lines, "</li>")
  return table.concat(lines, "\n")
end

local function list(entries)
  local items = {}
  for i, entry in ipairs(entries) do
    items[i] = item(entry)
  end
  return ('<ul role="list">\n%s\n</ul>'):format(table.concat(items, "\n"))
end

local function summary(entries)
  if #entries == 0 then
    return "No service has an OpenAPI document."
  end
  return ("The OpenAPI documents of %d %s."):format(#entries, #entries == 1 and "service" or "services")
end

--- The page.
---@param entries CatalogEntry[] in the order in which they are shown
---@return string
function M.render(entries)
  return table.concat({
    "<!DOCTYPE html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    "<title>Services</title>",
    "<style>" .. STYLE .. "</style>",
    "</head>",
    "<body>",
    ("<header>\n<h1>Services</h1>\n<p>%s</p>\n</header>"):format(summary(entries)),
    ("<main>\n%s\n</main>"):format(#entries > 0 and list(entries) or ""),
    "</body>",
    "</html>",
    "",
  }, "\n")
end

return M
