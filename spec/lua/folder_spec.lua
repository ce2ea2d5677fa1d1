-- folder: the file system as the generator sees it.

local folder = require "folder"

local scratch = require "scratch"

local listing, output, read, shell, write = scratch.listing, scratch.output, scratch.read, scratch.shell, scratch.write

local function replace(files)
  local list = {}
  for path, text in pairs(files) do
    table.insert(list, { path = scratch.path(path), text = text })
  end
  table.sort(list, function(a, b)
    return a.path < b.path
  end)
  return folder.replace(list)
end

before_each(scratch.make)
after_each(scratch.remove)

describe("services", function()
  it("are the folders that hold a service.yaml, at any depth", function()
    write("a/service.yaml", "")
    write("b/service.lua", "")
    write("team/c/service.yaml", "")
    local found = assert(folder.services(scratch.root))
    table.sort(found)
    assert.same({ "a", "team/c" }, found)
  end)

  it("cannot be found where there is no folder", function()
    local found, _, code = folder.services(scratch.path "nowhere")
    assert.is_nil(found)
    assert.equal("not_found", code)
  end)

  it("of the platform are known by name", function()
    assert.is_true(folder.platform "user")
    assert.is_false(folder.platform "user/more")
    assert.is_false(folder.platform "hello")
  end)

  it("of the platform are there with their declarations", function()
    assert.contains("host: user-svc", folder.platforms().user)
    assert.is_nil(folder.platforms().hello)
  end)
end)

describe("a path", function()
  it("is known from the root on, without dots", function()
    write("a/service.yaml", "x: 1\n")
    assert.equal(folder.absolute(scratch.path "a"), folder.absolute(scratch.path "a/../a/."))
    assert.equal("/", folder.absolute "/.")
    assert.is_nil(folder.absolute(scratch.path "nowhere"))
  end)
end)

describe("reading", function()
  it("gives the files of a service and no others", function()
    write("a/service.yaml", "x: 1\n")
    write("a/gen/api.lua", "return {}\0\n")
    write("a/.hidden", "no")
    write("a/inner/service.yaml", "another")
    assert.same({ ["service.yaml"] = "x: 1\n", ["gen/api.lua"] = "return {}\0\n" }, folder.read(scratch.root, "a"))
  end)

  it("says which folder is not there", function()
    local files, why = folder.read(scratch.root, "gone")
    assert.is_nil(files)
    assert.contains("gone", why)
  end)
end)

describe("what is at a path", function()
  it("is a file, a folder, something else, or nothing", function()
    write("file", "")
    shell("mkfifo '%s/pipe'", scratch.root)
    assert.equal("file", folder.kind(scratch.path "file"))
    assert.equal("folder", folder.kind(scratch.root))
    assert.equal("other", folder.kind(scratch.path "pipe"))
    assert.is_nil(folder.kind(scratch.path "nothing"))
  end)
end)

describe("replacing", function()
  it("writes files and makes the folders that they need", function()
    write("a/old", "old")
    assert.is_true(replace { ["a/old"] = "new", ["a/b/c/d"] = "deep\0", ["e"] = "" })
    assert.equal("new", read "a/old")
    assert.equal("deep\0", read "a/b/c/d")
    assert.equal("", read "e")
    assert.equal("./a ./a/b ./a/b/c ./a/b/c/d ./a/old ./e ", listing())
  end)

  it("keeps the mode of a file", function()
    write("script", "old")
    shell("chmod 754 '%s/script'", scratch.root)
    assert.is_true(replace { script = "new" })
    assert.equal("754\n", output("stat -c %%a '%s/script'", scratch.root))
  end)

  it("follows links and leaves them where they are", function()
    write("real/file", "old")
    shell("ln -s real/file '%s/link'", scratch.root)
    assert.is_true(replace { link = "new" })
    assert.equal("new", read "real/file")
    assert.equal("real/file\n", output("readlink '%s/link'", scratch.root))
  end)

  it("puts another file in the place of the old one, whole", function()
    write("file", "old")
    local before = io.open(scratch.path "file", "rb")
    assert.is_true(replace { file = "new" })
    assert.equal("old", before:read("a"))
    before:close()
  end)

  it("changes nothing when one of the files cannot be written", function()
    write("a", "old")
    shell("mkdir '%s/z'", scratch.root)
    local done, why = replace { a = "new", ["new/folder/b"] = "b", z = "a folder" }
    assert.is_nil(done)
    assert.contains("/z is no file", why)
    assert.equal("old", read "a")
    assert.equal("./a ./z ", listing())
  end)

  it("takes back what it began when it cannot go on", function()
    write("a", "old")
    write("m", "a file")
    local done, why = replace { a = "new", ["b/c"] = "b", ["m/n"] = "below a file" }
    assert.is_nil(done)
    assert.contains("/m", why)
    assert.equal("old", read "a")
    assert.equal("./a ./m ", listing())
  end)

  it("checks its arguments before it does anything", function()
    for _, bad in ipairs { { { path = scratch.path "x" } }, { { text = "x" } }, { "x" }, { { path = "", text = "" } } } do
      assert.has_error(function()
        folder.replace(table.move(bad, 1, 1, 2, { { path = scratch.path "first", text = "first" } }))
      end)
      assert.equal("", listing())
    end
    assert.is_true(folder.replace {})
  end)
end)
