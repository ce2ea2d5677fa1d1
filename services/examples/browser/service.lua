-- browser.example: /browser.example/browse?url=http://example.com
--
-- It fetches for whoever asks, from wherever the host can reach: not for the open internet.

local egress = require "egress"

---@type services.examples.browser
local svc = require "service" (...)

--- Browse shows an address bar, and what is behind the address.
---@param ctx Context
---@param req Request
---@param res Response
function svc.Browse(ctx, req, res)
  local url, source = req.query.url or "", nil
  if url ~= "" then
    if not url:find("://", 1, true) then
      url = "https://" .. url
    end
    local ok, answer = pcall(egress.get, ctx, url)
    source = ok and answer.body or tostring(answer) -- the error, as text
  end
  res:header("Content-Type", "text/html; charset=utf-8")
  return svc.resources:render("browser.html", { url = url, source = source })
end

return svc
