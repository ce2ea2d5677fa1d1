// attacks: what a hostile or broken service may try, what stops it, and what its caller sees.
//
// One list: attacks.spec.mjs runs all of it, and `node spec/host/lib/attacks.mjs` prints it as the
// table of lua/README.md, which ./dev compares.
import { fileURLToPath } from "node:url";

// ---- how an attack ends -----------------------------------------------------------------------

/** It was stopped: 503, and the log says that it ran too long. */
const STOPPED = { status: 503, text: /ran too long/, sees: "503, the handler ran too long" };
/** It met the memory cap. */
const MEMORY = { status: 503, text: /out of memory/, sees: "503, the service is out of memory" };
/** Its time was up. */
const LATE = { status: 504, sees: "504", timeout: 0.3 };
/** The stream that it sent breaks off. */
const CUT = { status: 200, cut: true, sees: "an answer that breaks off" };

/** Nothing inside could stop it: the process was ended and started again. */
const BROKEN = { broken: true, sees: "the end of the connection; the host starts again" };

/** It raised that, which nobody caught: 500, and the log says what. */
const raises = (message) => ({ status: 500, logged: message, sees: `500; \`${message}\`` });
/** An error with a status. */
const refuses = (status, message) => ({ status, text: message, sees: `${status}, ${message}` });
/** It returned that, and nothing had happened. */
const harmless = (answer) => ({ status: 200, answer, sees: `\`${answer}\`` });
/** What it calls returned nil, a message and this. */
const told = (code) => ({ status: 200, answer: code, sees: `nil, a message, \`${code}\`` });

// ---- what stops it ----------------------------------------------------------------------------

const TIME = "processor time of a request";
const LATE_TIME = "processor time of a service after its tasks have ended";
const CAP = "memory cap";
const NOT_THERE = "not there";
const BOUND = "a bound of the function";
const STEPS = "steps of the matcher";
const LUA = "a limit of Lua";
const OUTSIDE =
  "nothing inside: the worker does not turn for `stuck_after`, and that is seen from outside";
const LOOKS = "looks at the limits at each element";

const loop = "while true do end";
const chain = (first) => `local t = setmetatable({}, ${first})
  for _ = 1, 1900 do t = setmetatable({}, { __index = t, __newindex = t, __len = t.__len }) end`;

// ---- the list ---------------------------------------------------------------------------------

/** [title, [name, code, what stops it, how it ends]…]; the code is the body of f(ctx, req, res). */
export const groups = [
  [
    "Loops",
    ["an endless loop", loop, TIME, STOPPED],
    ["one in a coroutine", `coroutine.wrap(function() ${loop} end)()`, TIME, STOPPED],
    [
      "one in a `__close`",
      `local x <close> = setmetatable({}, { __close = function() ${loop} end })`,
      TIME,
      STOPPED,
    ],
    ["one in `pcall`, for ever", `while true do pcall(function() ${loop} end) end`, TIME, STOPPED],
    [
      "one in `xpcall`, for ever, with a handler that loops",
      `while true do xpcall(function() ${loop} end, function() ${loop} end) end`,
      TIME,
      STOPPED,
    ],
    [
      "a new coroutine for each `pcall`",
      `while true do pcall(coroutine.wrap(function() ${loop} end)) end`,
      TIME,
      STOPPED,
    ],
    [
      "closers that loop one after the other",
      `local function f(n)
        local x <close> = setmetatable({}, { __close = function() while true do pcall(function() ${loop} end) end end })
        if n > 0 then f(n - 1) end
        error "x"
      end
      f(5)`,
      TIME,
      raises("ran too long"),
    ],
    [
      "a coroutine as message handler of what is being stopped",
      `xpcall(function() table.sort({ 3, 2, 1 }, function() ${loop} end) end,
        coroutine.wrap(function() while true do pcall(function() ${loop} end) end end))`,
      TIME,
      STOPPED,
    ],
    [
      "a text of an error that loops",
      `error(setmetatable({}, { __tostring = function() ${loop} end }))`,
      TIME,
      raises("ran too long"),
    ],
    [
      "a comparator of `table.sort` that loops",
      `table.sort({ 3, 2, 1 }, function() ${loop} end)`,
      TIME,
      STOPPED,
    ],
    ["a callback of `gsub` that loops", `("x"):gsub("x", function() ${loop} end)`, TIME, STOPPED],
    ["a reader of `load` that loops", `load(function() ${loop} end)`, TIME, STOPPED],
    [
      "`debug.traceback` of a deep stack, in a loop",
      `local function f(n)
        if n == 0 then while true do debug.traceback("x", 100000) end end
        return 1 + f(n - 1)
      end
      return f(100000)`,
      TIME,
      STOPPED,
    ],
    [
      "100 tasks that end at once, each with a closer that loops",
      `for _ = 1, 100 do task.spawn(function()
        local x <close> = setmetatable({}, { __close = function() ${loop} end })
        task.sleep(100)
      end) end
      task.sleep(0.01)
      return "ended"`,
      LATE_TIME,
      harmless("ended"),
    ],
    [
      "100 tasks that fail with an error whose fields loop",
      `for _ = 1, 100 do task.background(function()
        error(setmetatable({}, { __index = function() ${loop} end }))
      end) end
      task.sleep(0.01)
      return "failed"`,
      "fields of an error are read without metatables",
      harmless("failed"),
    ],
  ],
  [
    "Finalizers",
    [
      "a `__gc` that loops",
      `setmetatable({}, { __gc = function() ${loop} end })
      local t = {} for i = 1, 1e5 do t[i] = {} end`,
      "`setmetatable` refuses `__gc`",
      raises("__gc is not available"),
    ],
    [
      "a `__gc` that is set behind `setmetatable`",
      `local m = {}
      local t = setmetatable({}, m)
      m.__gc = function() ${loop} end
      t = nil
      for i = 1, 1e5 do local _ = { i } end
      return "it never runs"`,
      "Lua looks for it in `setmetatable` only",
      harmless("it never runs"),
    ],
  ],
  [
    "Work inside one C function",
    [`\`(""):rep(1 << 62)\``, `return "[" .. (""):rep(1 << 62) .. "]"`, BOUND, harmless("[]")],
    [
      "`a?` thirty times, then `a` thirty times",
      `("a"):rep(30):find(("a?"):rep(30) .. ("a"):rep(30))`,
      STEPS,
      raises("took too many steps"),
    ],
    ["`.-` four times", `("a"):rep(5000):match(".-.-.-.-b")`, STEPS, raises("took too many steps")],
    [
      "`gsub` of `a*b` in a million `a`",
      `("a"):rep(1000000):gsub("a*b", "")`,
      STEPS,
      raises("took too many steps"),
    ],
    [
      "a plain `find` of 1 MB in 2 MB",
      `return tostring(("a"):rep(2000000):find(("a"):rep(1000000) .. "b", 1, true))`,
      "linear time",
      harmless("nil"),
    ],
    [
      "such patterns in `pcall`, for ever",
      `while true do pcall(string.find, ("a"):rep(5000), ".-.-.-.-b") end`,
      TIME,
      STOPPED,
    ],
    [
      "C functions one after the other",
      `local s = (("a"):rep(300) .. ":a-a-b;"):rep(10000)
      while true do pcall(string.gsub, s, "(a+):([^;]+);", string.find) end`,
      "each looks at the limits",
      STOPPED,
    ],
    [
      "a replacement of 100,000 captures that are empty",
      `while true do pcall(string.gsub, ("x"):rep(100000), "x(y*)", ("%1"):rep(100000)) end`,
      STEPS,
      STOPPED,
    ],
    [
      "the trim idiom on a million blanks",
      `return tostring(#("a" .. (" "):rep(1000000) .. "b"):match("^%s*(.-)%s*$"))`,
      "linear time",
      harmless("1000002"),
    ],
    [
      "`table.move` of a proxy, 1e12 elements",
      `table.move(setmetatable({}, { __index = function() return 1 end }), 1, 1000000000000, 1, {})`,
      BOUND,
      raises("too many elements to move"),
    ],
    [
      "`table.concat` of a proxy, 1e12 elements",
      `table.concat(setmetatable({}, { __index = function() return "" end, __len = function() return 1000000000000 end }))`,
      BOUND,
      raises("too many elements"),
    ],
    [
      "`table.concat` of elements that `next` looks for",
      `local t = {}
      for i = 1, 200000 do t[i] = i end
      for i = 1, 199999 do t[i] = nil end
      setmetatable(t, { __index = next })
      while true do pcall(table.concat, t, "", 1, 199999) end`,
      LOOKS,
      STOPPED,
    ],
    [
      "`table.unpack` behind a chain of 1,900 tables",
      `${chain("{ __index = rawlen }")}
      while true do pcall(table.unpack, t, 1, 900000) end`,
      LOOKS,
      STOPPED,
    ],
    [
      "`table.insert` before such a chain",
      `local function long() return 900000 end
      ${chain("{ __index = rawlen, __newindex = rawequal }")}
      t = setmetatable({}, { __index = t, __newindex = t, __len = long })
      while true do pcall(table.insert, t, 1, 1) pcall(table.remove, t, 1) end`,
      LOOKS,
      STOPPED,
    ],
    [
      "`pcall` and `table.unpack` as each other's metamethods",
      `local t = load("return {" .. ("nil,"):rep(29) .. "30}")()
      setmetatable(t, { __index = pcall, __call = table.unpack })
      table.unpack(t, 1, 30)`,
      LOOKS,
      STOPPED,
    ],
    [
      "`table.concat` as `__tostring` of all values of a `format`",
      `local t = setmetatable({}, { __tostring = table.concat })
      for i = 1, 300000 do t[i] = "" end
      local all = {}
      for i = 1, 4000 do all[i] = t end
      while true do pcall(string.format, ("%s"):rep(4000), table.unpack(all)) end`,
      LOOKS,
      STOPPED,
    ],
    [
      "a sort of what claims to be long",
      `table.sort(setmetatable({}, { __len = function() return (1 << 31) - 2 end }), rawequal)`,
      "compared in Lua, where a hook can stop it",
      STOPPED,
    ],
    [
      "`utf8.len` of a long text, for ever",
      `local s = ("ä"):rep(1000000) while true do utf8.len(s) end`,
      TIME,
      STOPPED,
    ],
  ],
  [
    "Memory",
    [
      `\`("x"):rep(1e9)\``,
      `return #("x"):rep(1000000000)`,
      BOUND,
      raises("resulting string too large"),
    ],
    [
      `\`("x"):rep(1 << 40)\``,
      `return #("x"):rep(1 << 40)`,
      BOUND,
      raises("resulting string too large"),
    ],
    ["a text that doubles", `local s = "x" while true do s = s .. s end`, CAP, MEMORY],
    ["a table that grows", `local t = {} while true do t[#t + 1] = {} end`, CAP, MEMORY],
    [
      "`table.concat` of large texts",
      `local s, t = ("x"):rep(1000000), {}
      for i = 1, 100 do t[i] = s end
      return #table.concat(t)`,
      CAP,
      MEMORY,
    ],
    [
      "`string.format` of 200 large texts",
      `local s, t = ("x"):rep(1000000), {}
      for i = 1, 200 do t[i] = s end
      return #string.format(("%s"):rep(200), table.unpack(t))`,
      CAP,
      MEMORY,
    ],
    ["dates, for ever", `while true do os.date("%c") end`, TIME, STOPPED],
    ["`string.pack` of a gigabyte", `return #string.pack("c1000000000", "x")`, CAP, MEMORY],
    [
      "keys of a megabyte, for ever",
      `while true do local t = {} t[("k"):rep(1000000)] = 1 end`,
      TIME,
      STOPPED,
    ],
    [
      "memory at its end, in `pcall`, for ever",
      `local t = {} while true do pcall(function() t[#t + 1] = ("x"):rep(100000) .. #t end) end`,
      TIME,
      STOPPED,
    ],
  ],
  [
    "Stacks and sizes",
    [
      "`table.unpack` of 1e8",
      `return select("#", table.unpack({}, 1, 100000000))`,
      LUA,
      raises("too many results to unpack"),
    ],
    [
      "a width of 1,000 in `string.format`",
      `return string.format("%1000d", 1)`,
      LUA,
      raises("invalid conversion"),
    ],
    [
      "10,000 values of a `format`",
      `return string.format(("%d"):rep(10000), table.unpack({}, 1, 10000))`,
      BOUND,
      raises("too many values to 'format'"),
    ],
    [
      "a comparator that contradicts itself",
      `local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() return true end)`,
      LUA,
      raises("invalid order function"),
    ],
    ["endless recursion", `local function f() return 1 + f() end return f()`, CAP, MEMORY],
    [
      "recursion through `gsub`",
      `local function f() return (("x"):gsub("x", f)) end return f()`,
      LUA,
      raises("C stack overflow"),
    ],
    [
      "coroutines in coroutines",
      `local function f() return coroutine.wrap(f)() end return f()`,
      LUA,
      raises("C stack overflow"),
    ],
    [
      "coroutines that close each other",
      `local function f()
        local co = coroutine.create(function()
          local x <close> = setmetatable({}, { __close = f })
          coroutine.yield()
        end)
        coroutine.resume(co)
        assert(coroutine.close(co))
      end
      f()`,
      BOUND,
      raises("too many coroutines closed inside each other"),
    ],
    [
      "200,000 parentheses for the parser",
      `assert(load(("("):rep(200000)))`,
      BOUND,
      raises("chunk is too long"),
    ],
    [
      "50,000 of them",
      `assert(load("return " .. ("("):rep(50000)))`,
      LUA,
      raises("C stack overflow"),
    ],
    [
      "`load` of a reader without an end",
      `assert(load(function() return "x = 1 " end))`,
      BOUND,
      raises("chunk is too long"),
    ],
    [
      "a format of `os.date` of 100 KB",
      `return os.date(("%c"):rep(50000))`,
      BOUND,
      raises("the format is too long"),
    ],
    [
      "`tostring` of what contains itself",
      `local t t = setmetatable({}, { __tostring = function() return "x" .. tostring(t) end }) return tostring(t)`,
      LUA,
      raises("C stack overflow"),
    ],
  ],
  [
    "Ways out",
    [
      "bytecode of `string.dump`",
      `return load(string.dump(function() end))`,
      NOT_THERE,
      raises("attempt to call a nil value (field 'dump')"),
    ],
    [
      "bytecode from a reader",
      `local first = true
      return select(2, load(function() if first then first = false return "\\27Lua" end end, "x", "b"))`,
      "`load` takes text only",
      {
        status: 200,
        answer: "attempt to load a binary chunk (mode is 't')",
        sees: "an error of `load`",
      },
    ],
    [
      "`debug.sethook`",
      `debug.sethook()`,
      NOT_THERE,
      raises("attempt to call a nil value (field 'sethook')"),
    ],
    [
      "`debug.setupvalue`",
      `debug.setupvalue(print, 1, 1)`,
      NOT_THERE,
      raises("attempt to call a nil value (field 'setupvalue')"),
    ],
    [
      "`debug.getregistry`",
      `debug.getregistry()`,
      NOT_THERE,
      raises("attempt to call a nil value (field 'getregistry')"),
    ],
    [
      "another `__index` for all texts",
      `getmetatable("").__index = {}`,
      "`false` is all there is",
      raises("attempt to index a boolean value"),
    ],
    [
      "`os.execute`",
      `os.execute("id")`,
      NOT_THERE,
      raises("attempt to call a nil value (field 'execute')"),
    ],
    ["`io.open`", `io.open("/etc/passwd")`, NOT_THERE, raises("undefined global 'io'")],
    [
      "`require` of a path",
      `require "../../etc/passwd"`,
      "names of modules",
      raises("bad module name"),
    ],
    [
      "`package.loadlib`",
      `package.loadlib("libc.so", "system")`,
      NOT_THERE,
      raises("undefined global 'package'"),
    ],
    ["`os.exit`", `os.exit(1)`, NOT_THERE, raises("attempt to call a nil value (field 'exit')")],
    [
      `\`collectgarbage "stop"\``,
      `collectgarbage "stop"`,
      `"count" only`,
      raises(`only "count" is available`),
    ],
    [
      "addresses from `tostring`",
      `local t = {} return tostring(t) == tostring(t) and #tostring(t) .. " masked"`,
      "they are masked",
      harmless("25 masked"),
    ],
    [
      "addresses from `%p`",
      `return string.format("%p", {})`,
      "refused",
      raises("invalid conversion '%p'"),
    ],
    [
      "random numbers that another service can foretell",
      `math.randomseed(1) local a = math.random(1 << 40) math.randomseed(1) return a == math.random(1 << 40) and "its own only"`,
      "a generator for each state, seeded by the system; secrets come from `seal`",
      harmless("its own only"),
    ],
    [
      "other functions for everybody",
      `string.format = print`,
      "views",
      raises("string is read-only"),
    ],
    [
      "another `print`",
      `assert(load "print = nil")`,
      "looked for in compiled code",
      raises("the global 'print' is the host's"),
    ],
    [
      "a module in place of one of the host's",
      `rawset(require "errors", "raise", nil) return tostring(require "service") ~= nil and "its own state only"`,
      "states are apart",
      harmless("its own state only"),
    ],
    [
      "modules of the platform",
      `require "host"`,
      "who requires it",
      raises("module 'host' is not for this service"),
    ],
    [
      "files beside its own",
      `return tostring(svc.resources["../service.lua"])`,
      "names are relative",
      harmless("nil"),
    ],
    [
      "another service's keys",
      `shared.set("x", "mine") return tostring((shared.get "calm.example\\0x"))`,
      "keys begin with the service",
      harmless("nil"),
    ],
    [
      "a header in a header",
      `res:header("X-A", "b\\r\\nSet-Cookie: c=d")`,
      "checked",
      raises("header"),
    ],
  ],
  [
    "What the host gives",
    [
      "data that contains itself, as JSON",
      `local t = {} t[1] = t return (select(3, json.encode(t)))`,
      BOUND,
      told("limit"),
    ],
    [
      "2^60 references, as JSON",
      `local t = { ("x"):rep(100000) } for _ = 1, 60 do t = { t, t } end return (select(3, json.encode(t)))`,
      BOUND,
      told("limit"),
    ],
    [
      "100,000 brackets of JSON",
      `return (select(3, json.decode(("["):rep(100000))))`,
      BOUND,
      told("limit"),
    ],
    [
      "2^60 references over the bus",
      `local t = { ("x"):rep(100000) } for _ = 1, 60 do t = { t, t } end bus.call({}, svc.host, "x", t)`,
      BOUND,
      raises("the message is larger than 16 MB"),
    ],
    [
      "anchors and aliases of YAML",
      `return (select(2, yaml.parse("a: &a [x, x]\\nb: &b [*a, *a]\\nc: [*b, *b]")))`,
      "not supported",
      { status: 200, text: /anchors are not supported/, sees: "nil, a message" },
    ],
    [
      "brackets of YAML",
      `return (select(3, yaml.parse(("["):rep(10000))))`,
      BOUND,
      told("invalid"),
    ],
    [
      "a nested repetition as `regex`",
      `return tostring(regex.compile("(a*)*b"):matches(("a"):rep(100000)))`,
      "no backtracking",
      harmless("false"),
    ],
    [
      "a `regex` of a million states",
      `return (select(3, regex.compile("((a{1000}){1000}){1000}")))`,
      BOUND,
      told("invalid"),
    ],
    [
      "a template that includes itself",
      `template.compile("{% include 'x' %}", { partials = function() return "{% include 'x' %}" end }):render {}`,
      BOUND,
      raises("include"),
    ],
    [
      "loops in loops of a template",
      `local list = {} for i = 1, 1000 do list[i] = i end
      template.compile("{% for a in l %}{% for b in l %}{% for c in l %}{% end %}{% end %}{% end %}"):render { l = list }`,
      TIME,
      STOPPED,
    ],
    [
      "a gigabyte of random bytes",
      `seal.random(1000000000)`,
      BOUND,
      raises("bad argument #1 to 'random'"),
    ],
    [
      "lines of the log, for ever",
      `while true do log.info(("x"):rep(8000)) end`,
      `${TIME}; 4 MB in a second are written`,
      STOPPED,
    ],
    [
      "entries of `shared`, for ever",
      `local n = 0 while true do n = n + 1 shared.set("k" .. n, ("v"):rep(1000)) end`,
      `${TIME}; the map has a size`,
      STOPPED,
    ],
    [
      "entries of the cache, for ever",
      `local n = 0 while true do n = n + 1 svc.cache:store("k" .. n, ("v"):rep(1000)) end`,
      `${TIME}; the map has a size`,
      STOPPED,
    ],
    [
      "names of metrics, for ever",
      `for i = 1, 10000 do metric.define { name = "m" .. i, kind = "counter", help = "h" } end`,
      "only while loading",
      raises("metric"),
    ],
    [
      "documents, for ever",
      `while true do things:create { v = ("v"):rep(1000) } end`,
      "time of the request",
      LATE,
    ],
    ["`sleep(0)`, for ever", `while true do task.sleep(0) end`, "time of the request", LATE],
    [
      "tasks, for ever",
      `local t, why, code repeat t, why, code = task.spawn(task.sleep, 1000) until not t return code`,
      "tasks of a service",
      told("limit"),
    ],
    [
      "tasks that spin",
      `for _ = 1, 200 do task.spawn(function() ${loop} end) end task.sleep(1000)`,
      "children spend their parent's time",
      STOPPED,
    ],
    [
      "detached tasks that spin",
      `for _ = 1, 20 do task.spawn(function() ${loop} end):detach() end return "started"`,
      "processor time of each; services take turns",
      harmless("started"),
    ],
    [
      "a call of itself",
      `return svc.Again(ctx)`,
      "64 calls deep",
      refuses(508, "call depth overflow"),
    ],
    ["calls of itself, each in a loop", `return svc.Loop(ctx)`, "time of the request", LATE],
    [
      "requests to itself",
      `local self = req.query.base .. "/" .. svc.host .. "/attack/" .. req.args.number
      return tostring((http.request { url = self .. "?base=" .. req.query.base }))`,
      "time of the request, and with it those inside",
      LATE,
    ],
    [
      "2,000 requests at once",
      `local all = {} for i = 1, 2000 do all[i] = function() return http.request { url = req.query.slow } end end
      task.all(all)`,
      "time of the request",
      LATE,
    ],
    [
      "a header in a request",
      `http.request { url = req.query.slow, headers = { ["X-A"] = "b\\r\\nHost: c" } }`,
      "checked",
      raises("header"),
    ],
    ["an answer without an end", `while true do res:write(("x"):rep(100)) end`, TIME, CUT],
    [
      "server-sent events without an end",
      `local events <close> = res:events() while true do events:send("x", ("y"):rep(100)) end`,
      TIME,
      { status: 200, sees: "a stream that ends" },
    ],
  ],
  [
    "Work inside Lua itself",
    [
      "a table of 260,000 integers that collide",
      `local t, m = {}, (1 << 19) - 1 for i = 1, (1 << 18) + 1 do t[i * m] = true end`,
      OUTSIDE,
      BROKEN,
    ],
    [
      "a weak-keyed table whose values lead to its keys, in a bad order",
      `local n, all = 100000, {}
      for i = 1, n do all[i] = {} end
      for i = n, 2, -1 do local j = math.random(i) all[i], all[j] = all[j], all[i] end
      local weak, first = setmetatable({}, { __mode = "k" }), all[1]
      for i = 1, n - 1 do weak[all[i]] = all[i + 1] end
      all = nil
      for i = 1, 1000 do local _ = ("x"):rep(100000) .. i end
      return tostring(first)`,
      OUTSIDE,
      BROKEN,
    ],
  ],
];

export const attacks = groups.flatMap(([, ...list]) =>
  list.map(([name, code, by, ends]) => ({ name, code, by, ends })),
);

/** Whether it is the memory cap that ends it. */
export const isGreedy = (attack) => attack.ends === MEMORY;

// ---- the table --------------------------------------------------------------------------------

/** As it stands in lua/README.md. */
export function table() {
  const cell = (text) => text.replaceAll("|", "\\|");
  const lines = ["| attack | what stops it | what the caller sees |", "|---|---|---|"];
  for (const [title, ...list] of groups) {
    lines.push(`| **${title}** | | |`);
    for (const [name, , by, ends] of list)
      lines.push(`| ${cell(name)} | ${cell(by)} | ${cell(ends.sees)} |`);
  }
  return lines.join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table());
