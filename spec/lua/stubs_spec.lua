-- The stubs of lua/types: that they are those of this tree, that everything a script can call says what it is, and that a spec
-- speaks of it. Works on the tree: it runs from its root.

local annotation = require "gen.annotation"
local editor = require "cli.editor"
local exports = require "gen.exports"
local modules = require "modules"
local stubs = require "gen.stubs"

local made = editor.stubs()

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function all(find)
  local list <close> = assert(io.popen("find " .. find))
  local parts = {}
  for path in list:lines() do
    if not path:find "stubs_spec" then
      table.insert(parts, read(path))
    end
  end
  return table.concat(parts, "\n")
end

-- What specs say, and what the host's own Lua says.
local SPECS = all("spec services/*/spec -name node_modules -prune -o -name corpus -prune -o -type f "
  .. "\\( -name '*.lua' -o -name '*.c' -o -name '*.h' -o -name '*.mjs' \\) -print")
local HOST = all "lua services -path lua/types -prune -o -name '*.lua' -print"

-- Modules that are parts of the host, not for services: that the host uses what they have is enough, it is specified itself.
local INNER = {}
for name in ([[
  assertions bus.core cache.core client config.core files http.core lazy openapi request service store.core topics wire
]]):gmatch "%S+" do
  INNER[name] = true
end
for _, library in ipairs(modules.libraries()) do
  INNER[library.name] = INNER[library.name] or library.trust ~= "all"
end

local function inner(export)
  return INNER[export.module] or export.text:find "[Ff]or the run" or export.text:find "platform services"
end

-- A spec mentions a function as `module.name`, or as `("module").name`; a method as `:name(`, `.name {`.
local function mentioned(export)
  if not export.module then
    return SPECS:find(("[:.]%s *[({\"]"):format(export.name)) ~= nil
  end
  local name = export.module:gsub("%.", "%%.")
  local written = ("%%f[%%w_]%s[\"']?%%)?%%.%s%%f[^%%w_]"):format(name, export.name)
  return SPECS:find(written) ~= nil
    or inner(export) and HOST:find(("[%%w_]%%.%s%%f[^%%w_]"):format(export.name)) ~= nil
end

local function texts_of(problems)
  local list = {}
  for i, problem in ipairs(problems) do
    list[i] = ("%s:%d: %s"):format(problem.file, problem.line, problem.text)
  end
  return table.concat(list, "\n")
end

describe("the modules of the host", function()
  it("are documented, with a type for each parameter and a class for each type", function()
    assert.equal("", texts_of(made.problems))
  end)

  it("have stubs in lua/types that ./dev fmt would write just so", function()
    assert.equal("", table.concat(editor.stale("lua/types", made), "\n"))
  end)

  it("have no stubs of modules that are gone", function()
    local list <close> = assert(io.popen "ls lua/types")
    local gone = {}
    for name in list:lines() do
      if name ~= "README.md" and not made.files[name] then
        table.insert(gone, name)
      end
    end
    assert.same({}, gone)
  end)

  it("are mentioned in a spec, each function of them", function()
    local missing = {}
    for _, export in ipairs(made.exports) do
      if not mentioned(export) then
        table.insert(missing, ("%s: %s"):format(export.file, (export.module or export.class) .. "." .. export.name))
      end
    end
    print(table.concat(missing, "\n")) assert.equal("", table.concat(missing, " "))
  end)
end)

describe("a stub", function()
  it("is Lua", function()
    for path, text in pairs(made.files) do
      assert.is_truthy(load(text, "@" .. path, "t"), path)
    end
  end)
end)

-- The problems of one library and one Lua file.
local function problems(docs, source)
  local library = { name = "x", file = "x.c", trust = "all", module = true, docs = docs }
  return texts_of(stubs.make({ library }, { ["lua/y.lua"] = source or "" }).problems)
end

describe("what is not documented", function()
  it("is told: a binding about which nothing is said", function()
    assert.matches("x.c:1: f: nothing is said about it", problems { { name = "f", signature = "fun()", text = "" } })
  end)

  it("is told: a type that cannot be read", function()
    assert.matches("x.c:1: f: a parameter is missing", problems { { name = "f", signature = "fun(", text = "Does it." } })
  end)

  it("is told: a class that nobody declares", function()
    assert.matches("nobody declares the class Pet",
      problems { { name = "f", signature = "fun(): Pet[]", text = "Gives them." } })
  end)

  it("is told: a parameter of a Lua function, with its line", function()
    assert.matches("lua/y.lua:4: y.f: parameter b has no annotation",
      problems({}, "local M = {}\n--- Does it.\n---@param a string\nfunction M.f(a, b)\nend\n"))
    assert.matches("lua/y.lua:2: y.f: nothing is said about it", problems({}, "local M = {}\nfunction M.f()\nend\n"))
  end)
end)

describe("an annotation", function()
  -- The text of the type that another text begins with, and the rest.
  local function parse(text)
    local kind, rest = annotation.read(text)
    return kind and kind.text, rest
  end

  it("ends where its type does", function()
    for kind, rest in pairs {
      ["string"] = " the name", ["string?"] = "", ["table<string, Pet[]>"] = " by name", ["{ a: integer, b?: string }?"] = " x",
      ["fun(x: integer, ...: any): string?, string"] = " f", ["(fun(): any)[]"] = "", ["\"a\"|\"b\"|nil"] = "",
    } do
      assert.same({ kind, rest }, { parse(kind .. rest) })
    end
  end)

  it("says what a function takes and gives", function()
    local fun = annotation.read("fun(self: Task, n?: integer, ...: any): true?, any ...").fun
    assert.same({ "true?", "any ..." }, fun.returns)
    assert.same({ name = "n", type = "integer", optional = true }, fun.params[2])
    assert.equal("...", fun.params[3].name)
  end)

  it("that makes no sense is told", function()
    for _, text in ipairs { "", "fun(", "{ a }", "table<string", "(string" } do
      assert.is_nil((annotation.read(text)))
    end
  end)
end)

describe("the exports of a Lua file", function()
  it("are its functions, and the classes with their methods", function()
    local found = exports.read(table.concat({
      "--- About the module.", "local M = {}", "---@class Pet", "---@field name string", "local Pet = {}",
      "--- Says it.", "---@param what string", "function Pet:say(what)", "end", "local function inner()", "end",
      "--- Makes one.", "function M.new(a, ...)", "end", "function Pet.__index()", "end",
    }, "\n"))
    assert.same({ "--- About the module." }, found.intro)
    assert.equal("Pet", found.classes[1].name)
    assert.equal("say", found.methods[1].name)
    assert.same({ "a", "..." }, found.functions[1].params)
    assert.equal(1, #found.functions)
    assert.equal(1, #found.methods)
  end)

  it("are those of a class where the file makes its table elsewhere, and reading tells no more", function()
    local text = "---@class Pet\n\nlocal binding = require \"x\"\n\n---@type Pet\nreturn binding.bind(1)\n"
    local found = stubs.make({}, { ["lua/y.lua"] = text })
    assert.equal("", texts_of(found.problems))
    assert.contains("---@type Pet\nlocal y\n\nreturn y\n", found.files["y.lua"])
    assert.is_nil(found.modules.y.fields)
    assert.matches("lua/y.lua:1: y: a ---@type above its return says what it gives", problems({}, "return setmetatable({}, {})"))
  end)
end)
