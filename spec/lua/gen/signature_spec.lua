-- gen/signature.lua: the grammar of signatures. Tests are named by the row of the table they prove, or by their input.

local signature = require "gen.signature"

-- "a:int b:[]string" of a list of arguments.
local function text_of(list)
  local parts = {}
  for i, arg in ipairs(list) do
    parts[i] = arg.name .. ":" .. arg.type
  end
  return table.concat(parts, " ")
end

local function parse(text)
  local found, message = signature.parse(text)
  assert(found, message)
  return found
end

-- Rows: { id, signature, name, inputs, outputs }
local function accepts(rows)
  for _, row in ipairs(rows) do
    it(("%s: %s"):format(row[1], row[2]), function()
      local found = parse(row[2])
      assert.equal(row[3], found.name)
      assert.equal(row[4], text_of(found.inputs))
      assert.equal(row[5], text_of(found.outputs))
    end)
  end
end

-- Rows: { id, signature, message }
local function refuses(rows)
  for _, row in ipairs(rows) do
    it(("%s: %s"):format(row[1], row[2]), function()
      local found, message = signature.parse(row[2])
      assert.is_nil(found)
      assert.equal(row[3], message)
    end)
  end
end

describe("a signature", function()
  accepts {
    { "S1", "Hello(x int, y string) (ok bool)", "Hello", "x:int y:string", "ok:bool" },
    { "S2", "Hello(x int)", "Hello", "x:int", "" },
    { "S3", "Hello() (e string, ok bool)", "Hello", "", "e:string ok:bool" },
    { "S4", "Hello()", "Hello", "", "" },
    { "S5", "Hello", "Hello", "", "" },
    { "S11", "Hello(x int, y string) (httpResponseBody bool)", "Hello", "x:int y:string", "httpResponseBody:bool" },
    { "S12", "Hello(x int, y string) (httpResponseBody bool, httpStatusCode int)", "Hello", "x:int y:string",
      "httpResponseBody:bool httpStatusCode:int" },
    { "S27", "Func(i integer, b boolean, s string, f  float64)  (m map[string]string, a []int)", "Func",
      "i:int b:bool s:string f:float64", "m:map[string]string a:[]int" },
    { "S28", "Func(d Defined) (i Imported)", "Func", "d:Defined", "i:Imported" },
    { "D1", "F(x integer, y uint8, z float, w double, b Boolean, t time, d duration, by byte, a any)", "F",
      "x:int y:int z:float64 w:float64 b:bool t:time.Time d:time.Duration by:byte a:any", "" },
    { "D2", "F(x time.Time, d time.Duration, m map[string]map[string][]*Foo) (a []time)", "F",
      "x:time.Time d:time.Duration m:map[string]map[string][]*Foo", "a:[]time.Time" },
    { "D3", "F(x []*time.Time) (y *Duration)", "F", "x:[]*time.Time", "y:*time.Duration" },
    { "D4", "F(x []map[string]integer)", "F", "x:[]map[string]int", "" },
    { "D9", "F() int", "F", "", "" },
    { "D9", "F() (x int) extra", "F", "", "x:int" },
    { "D29", "FooBar(httpRequestBody Foo, x int) (httpResponseBody []Foo, httpStatusCode int)", "FooBar",
      "httpRequestBody:Foo x:int", "httpResponseBody:[]Foo httpStatusCode:int" },
    { "D30", "FooBar() (httpStatusCode int, x int)", "FooBar", "", "httpStatusCode:int x:int" },
    { "D30", "FooBar() (httpStatusCode int64)", "FooBar", "", "httpStatusCode:int" },
    { "D61", "F(a []string, b map[string]any, c []byte, d [][]*Foo) (e map[string][]Bar)", "F",
      "a:[]string b:map[string]any c:[]byte d:[][]*Foo", "e:map[string][]Bar" },
    { "D62", "F(x *[]int)", "F", "x:*[]int", "" },
    { "D62", "F(x URL)", "F", "x:URL", "" },
    { "colon", "F(x : int)", "F", "x:int", "" },
    { "blanks", "  F ( x   int ,y  bool )(  c any )", "F", "x:int y:bool", "c:any" },
    { "text between", "F(x int) -> (a int) and more", "F", "x:int", "a:int" },
    { "digits", "HTTPGet2(a1 int)", "HTTPGet2", "a1:int", "" },
  }

  refuses {
    { "S6", "MockMe", "handler 'MockMe' must not start with 'Mock' in 'MockMe'" },
    { "S7", "TestMe", "handler 'TestMe' must not start with 'Test' in 'TestMe'" },
    { "S8", "Hello(x int, httpResponseBody string) (ok bool)",
      "'httpResponseBody' in 'Hello(x int, httpResponseBody string) (ok bool)' can only be an output argument" },
    { "S9", "Hello(x int, httpStatusCode string) (ok bool)",
      "'httpStatusCode' in 'Hello(x int, httpStatusCode string) (ok bool)' can only be an output argument" },
    { "S10", "Hello(x int, y string) (httpRequestBody bool)",
      "'httpRequestBody' in 'Hello(x int, y string) (httpRequestBody bool)' can only be an input argument" },
    { "S13", "Hello() (httpResponseBody bool, httpStatusCode bool)",
      "'httpStatusCode' in 'Hello() (httpResponseBody bool, httpStatusCode bool)' must be of type int" },
    { "S14", "Hello() (httpResponseBody bool, z int, httpStatusCode int)", "cannot return other arguments along with "
      .. "'httpResponseBody' in 'Hello() (httpResponseBody bool, z int, httpStatusCode int)'" },
    { "S15", "OnFunc(ctx context.Context) (result int)",
      "context type not allowed in 'OnFunc(ctx context.Context) (result int)'" },
    { "S16", "OnFunc(x int) (result int, err error)",
      "error type not allowed in 'OnFunc(x int) (result int, err error)'" },
    { "S17", "onFunc(x int) (y int)", "handler 'onFunc' must start with uppercase in 'onFunc(x int) (y int)'" },
    { "S18", "OnFunc(X int) (y int)", "name 'X' must start with lowercase in 'OnFunc(X int) (y int)'" },
    { "S18", "OnFunc(x int) (Y int)", "name 'Y' must start with lowercase in 'OnFunc(x int) (Y int)'" },
    { "S19", "OnFunc(x os.File) (y int)", "dot notation not allowed in type 'os.File' in 'OnFunc(x os.File) (y int)'" },
    { "S20", "OnFunc(x Time) (x Duration)", "duplicate arg name 'x' in 'OnFunc(x Time) (x Duration)'" },
    { "S21", "OnFunc(b boolean, x uint64, x int) (y int)",
      "duplicate arg name 'x' in 'OnFunc(b boolean, x uint64, x int) (y int)'" },
    { "S22", "OnFunc(x map[string]string) (y int, b bool, y int)",
      "duplicate arg name 'y' in 'OnFunc(x map[string]string) (y int, b bool, y int)'" },
    { "S23", "OnFunc(m map[int]int)", "map keys must be strings in 'map[int]int' in 'OnFunc(m map[int]int)'" },
    { "S24", "OnFunc(m mutex)", "unknown primitive type 'mutex' in 'OnFunc(m mutex)'" },
    { "S25", "OnFunc(m int", "missing closing parenthesis" },
    { "S25", "OnFunc(m int) (x int", "missing closing parenthesis" },
    { "S26", "OnFunc(mint) (x int)", "invalid argument 'mint'" },
    { "S26", "OnFunc(m int) (xint)", "invalid argument 'xint'" },
    { "D5", "F(x error)", "error type not allowed in 'F(x error)'" },
    { "D5", "F(ctx int)", "context type not allowed in 'F(ctx int)'" },
    { "D5", "F(x int, err int)", "error type not allowed in 'F(x int, err int)'" },
    { "D5", "Foo(x int) (err error)", "error type not allowed in 'Foo(x int) (err error)'" },
    { "D6", "F(x_y int)", "name 'x_y' must start with lowercase in 'F(x_y int)'" },
    { "D7", "F(testingT int)", "name 'testingT' is reserved in 'F(testingT int)'" },
    { "D8", "F(x, y int)", "invalid argument 'x'" },
    { "D8", "F(x int,)", "invalid argument ''" },
    { "D10", "F_x()", "handler 'F_x' must start with uppercase in 'F_x()'" },
    { "D10", "Mock()", "handler 'Mock' must not start with 'Mock' in 'Mock()'" },
    { "D10", "Testing()", "handler 'Testing' must not start with 'Test' in 'Testing()'" },
    { "D47", "Bad(map[int]int)", "invalid argument 'map[int]int'" },
    { "empty", "", "handler '' must start with uppercase in ''" },
    { "no name", "(x int)", "handler '' must start with uppercase in '(x int)'" },
    { "colon at once", "F(x: int)", "name 'x:' must start with lowercase in 'F(x: int)'" },
    { "no type", "F(x )", "invalid argument 'x'" },
    { "a colon as type", "F(x :)", "unknown type '' in 'F(x :)'" },
    { "keys in a list", "F(m []map[bool]int)", "map keys must be strings in '[]map[bool]int' in 'F(m []map[bool]int)'" },
    { "name before arguments", "f(x, y)", "invalid argument 'x'" },
    { "percent", "F(%s int)", "name '%s' must start with lowercase in 'F(%s int)'" },
  }

  -- What nobody can mean, although the grammar lets it through.
  refuses {
    { "junk", "F(x foo_bar)", "unknown type 'foo_bar' in 'F(x foo_bar)'" },
    { "junk", "F(x Foo_bar)", "unknown type 'Foo_bar' in 'F(x Foo_bar)'" },
    { "junk", "F(x [5]int)", "unknown type '[5]int' in 'F(x [5]int)'" },
    { "junk", "F(x chan int)", "unknown type 'chan int' in 'F(x chan int)'" },
    { "junk", "F(x struct{})", "unknown type 'struct{}' in 'F(x struct{})'" },
    { "junk", "F(x interface{})", "unknown type 'interface{}' in 'F(x interface{})'" },
    { "junk", "F(x func(int) int)", "unknown type 'func(int' in 'F(x func(int) int)'" },
    { "junk", "F(x time.Month)", "unknown type 'time.Month' in 'F(x time.Month)'" },
    { "junk", "F(x time.int)", "unknown type 'time.int' in 'F(x time.int)'" },
    { "junk", "F(x time.month)", "unknown primitive type 'month' in 'F(x time.month)'" },
    { "junk", "F(x [])", "unknown type '[]' in 'F(x [])'" },
    { "junk", "F(x time.)", "unknown type 'time.' in 'F(x time.)'" },
  }
end)

describe("a type", function()
  local TYPES = {
    int = { "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "integer" },
    float64 = { "float", "float32", "float64", "double" },
    bool = { "bool", "boolean", "Boolean" },
    ["time.Time"] = { "time.Time", "Time", "time", "time.time" },
    ["time.Duration"] = { "time.Duration", "Duration", "duration", "time.duration" },
    string = { "string" }, byte = { "byte" }, any = { "any" },
    Pet = { "Pet" }, URL = { "URL" }, A1 = { "A1" },
  }

  for stored, spellings in pairs(TYPES) do
    for _, spelling in ipairs(spellings) do
      it(("written %s is %s, behind any prefixes"):format(spelling, stored), function()
        for _, prefix in ipairs { "", "[]", "*", "map[string]", "[]*", "map[string][]", "[]map[string]", "*[][]" } do
          local arg = parse(("F(a %s%s)"):format(prefix, spelling)).inputs[1]
          assert.equal(prefix .. stored, arg.type)
          assert.equal(stored, arg.end_type)
          assert.equal(stored:match("^%u") ~= nil, arg.complex)
        end
      end)
    end
  end

  it("S28: can be named with its package, and without it again", function()
    for _, kind in ipairs { "Defined", "[]*Defined", "map[string]Defined" } do
      local full = signature.replace_end(kind, "myapi.Defined")
      assert.equal((kind:gsub("Defined", "myapi.Defined")), full)
      assert.equal(kind, signature.replace_end(full, "Defined"))
    end
  end)
end)

describe("the text of a signature", function()
  it("S27: is in stored types", function()
    local found = parse("Func(i integer, b boolean, s string, f  float64)  (m map[string]string, a []int)")
    assert.equal("i int, b bool, s string, f float64", signature.render_arguments(found.inputs))
    assert.equal("m map[string]string, a []int", signature.render_arguments(found.outputs))
    assert.equal("Func(i int, b bool, s string, f float64) (m map[string]string, a []int)", signature.render(found))
  end)

  it("reads back as the same", function()
    for _, text in ipairs {
      "F()", "F(x int)", "F() (y []*time.Time)", "F(a Foo, b map[string][]byte) (httpResponseBody any, httpStatusCode int)",
    } do
      assert.equal(text, signature.render(parse(text)))
    end
    assert.equal("F()", signature.render(parse("F")))
  end)
end)
