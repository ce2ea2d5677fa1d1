-- emit/service: service.lua and whatever files its handlers were moved to. Adds handlers that are declared and not there,
-- brings the annotations and parameters of the others up to date, and leaves every other byte alone. Pure.

local code = require "gen.code"
local handler = require "gen.emit.handler"

local M = {}

local NO_CODE = { gen = true, spec = true, resources = true, data = true, testdata = true } -- folders
local QUIET = "-- luacheck: no unused args"

local HEAD = [[
-- %s: its handlers.
--
-- Yours. The generator adds handlers that are declared and missing, before the `return`, and keeps the annotations and
-- parameters of the others as they are declared.

%s

---@type %s
local svc = require "service" (...)
]]

--- The name of the LuaCATS class of a service.
---@param folder string
---@return string
function M.class(folder)
  return "services." .. folder:gsub("/", ".")
end

--- Whether a file of a service may hold handlers.
---@param path string
function M.is_code(path)
  return path:find("%.lua$") ~= nil and not NO_CODE[path:match("^([^/]+)/")]
end

local function column_of(source, at)
  return at - code.line_start(source.text, at) + 1
end

-- ---- what is there ----

-- All files with code, read; nil when one does not compile.
local function read_all(run)
  local sources, objects = {}, { svc = true }
  for _, path in ipairs(run.paths) do
    if M.is_code(path) then
      local source, why, line = code.read(run.files[path])
      if source then
        sources[path] = source
        for _, name in ipairs(source.services) do
          objects[name] = true
        end
      else
        run:fail(path, line, 1, why)
      end
    end
  end
  return sources, objects
end

local function warn_of(run, path, source, definition, text)
  run:warn(path, definition.line, column_of(source, definition.from), text:format(definition.name))
end

-- Where something else is, for who looks at a line of `path`.
local function place_of(other, path)
  local line = ("line %d"):format(other.definition.line)
  return (other.path == path and line or line .. " of " .. other.path) .. " has it"
end

-- Where each handler is defined: path and definition, by name.
local function find_handlers(run, sources, objects, declared)
  local found = {}
  for _, path in ipairs(run.paths) do
    local source = sources[path]
    for _, definition in ipairs(source and code.definitions(source, objects) or {}) do
      local name, is_code = definition.name, definition.form ~= "other"
      if definition.form == "method" then
        warn_of(run, path, source, definition, "write svc.%s with a point: with a colon it gets ctx as self")
      end
      if is_code and not declared[name] then
        warn_of(run, path, source, definition, "%s is not declared in service.yaml")
      elseif is_code and found[name] and found[name].is_code then
        warn_of(run, path, source, definition, "%s is defined twice: " .. place_of(found[name].places[1], path))
      end
      found[name] = found[name] or { is_code = false, places = {} }
      found[name].is_code = found[name].is_code or is_code
      table.insert(found[name].places, { path = path, definition = definition })
    end
  end
  return found
end

-- ---- bringing up to date ----

-- The comments right above a definition that have two dashes or more, the topmost first.
local function comments_above(source, definition)
  local list, line = {}, definition.line - 1
  while source.comment_at[line] do
    table.insert(list, 1, source.comment_at[line])
    line = line - 1
  end
  return list
end

local function is_annotation(comment)
  return comment.text:find("^%-%-%-[^-]") ~= nil or comment.text == "---"
end

local function same_list(a, b)
  return table.concat(a, "\n") == table.concat(b, "\n")
end

-- A line as a whole, with its end.
local function whole_line(text, comment)
  return code.line_start(text, comment.from), text:find("\n", comment.to, true) or #text
end

local function refresh_annotations(source, definition, declared, parameters, edits)
  local text, start = source.text, code.line_start(source.text, definition.from)
  local indent, eol = text:sub(start, definition.from - 1), code.line_end(text)
  if indent:find("%S") then
    return
  end
  local old, comments = {}, {}
  for _, comment in ipairs(comments_above(source, definition)) do
    if is_annotation(comment) then
      table.insert(comments, comment)
      table.insert(old, (comment.text:gsub("%s+$", "")))
    end
  end
  local new = handler.annotations(declared, parameters, old)
  if same_list(old, new) then
    return
  end
  local block = indent .. table.concat(new, eol .. indent) .. eol
  if #comments == 0 then
    table.insert(edits, { from = start, to = start - 1, text = block })
  end
  for i, comment in ipairs(comments) do
    local from, to = whole_line(text, comment)
    table.insert(edits, { from = from, to = to, text = i == 1 and block or "" })
  end
end

local function refresh(source, definition, declared, edits)
  local params = definition.params
  if not params then
    return
  end
  local names = handler.refreshed(declared, params.names, definition.object)
  if not same_list(names, params.names) then
    local text = source.text
    local start = code.line_start(text, params.from)
    local indent = text:match("^[ \t]*()", start) - start
    local list = handler.parameter_list(text:sub(start + indent, params.from), names, indent)
    table.insert(edits, { from = params.from, to = params.to, text = (list:gsub("\n", code.line_end(text))) })
  end
  refresh_annotations(source, definition, declared, names, edits)
end

-- ---- adding ----

-- Before the `return` at the end, and before the comments that belong to it.
local function place_for_more(source)
  local final, text = source.final, source.text
  if not final then
    return #text + 1
  end
  local at, line = code.line_start(text, final.from), final.line
  if text:sub(at, final.from - 1):find("%S") then
    return final.from
  end
  while source.comment_at[line - 1] do
    line = line - 1
    at = code.line_start(text, source.comment_at[line].from)
  end
  return at
end

local function is_quiet(source, at)
  for _, comment in ipairs(source.comments) do
    local text = comment.text:match("luacheck:(.*)$") or ""
    if comment.from < at and comment.alone and (text:find("no unused") or text:find("ignore.*212")) then
      return true
    end
  end
  return false
end

local function skeletons(missing, object)
  local parts = {}
  for _, declared in ipairs(missing) do
    table.insert(parts, handler.skeleton(declared, object))
  end
  return table.concat(parts, "\n")
end

local function fresh_file(run, missing)
  local head = HEAD:format(run.declaration.host, QUIET, M.class(run.folder))
  return head .. (#missing > 0 and "\n" .. skeletons(missing, "svc") or "") .. "\nreturn svc\n"
end

local function append(run, text, missing)
  local source = code.read(text)
  local eol = code.line_end(text)
  if #source.tokens == 1 then -- nothing but comments: what somebody wants above the code
    return text .. code.gap(text, eol) .. fresh_file(run, missing):gsub("\n", eol)
  end
  local object = source.services[1]
  if not object then
    run:fail("service.lua", 1, 1, 'there is no `local svc = require "service" (...)`, so that handlers cannot be added')
    return text
  end
  local at = place_for_more(source)
  local before, after = text:sub(1, at - 1), text:sub(at)
  local chunk = (is_quiet(source, at) and "" or QUIET .. "\n\n") .. skeletons(missing, object)
  return before .. code.gap(before, eol) .. chunk:gsub("\n", eol) .. (after ~= "" and eol or "") .. after
end

--- Brings the code of a service up to date: changes run.files.
---@param run Generation
---@return Handler[] added handlers that got a skeleton
function M.update(run)
  local handlers, declared = handler.list(run.declaration), {}
  for _, item in ipairs(handlers) do
    declared[item.name] = item
  end
  local sources, objects = read_all(run)
  if #run.errors > 0 then
    return {}
  end
  local found, missing, edits = find_handlers(run, sources, objects, declared), {}, {}
  for _, item in ipairs(handlers) do
    if not found[item.name] then
      table.insert(missing, item)
    end
    for _, place in ipairs(found[item.name] and found[item.name].places or {}) do
      edits[place.path] = edits[place.path] or {}
      refresh(sources[place.path], place.definition, item, edits[place.path])
    end
  end
  for path, list in pairs(edits) do
    run.files[path] = code.apply(run.files[path], list)
  end
  local text = run.files["service.lua"]
  if not text then
    run.files["service.lua"] = fresh_file(run, missing)
  elseif #missing > 0 or not text:find("%S") then
    run.files["service.lua"] = append(run, text, missing)
  end
  return missing
end

return M
