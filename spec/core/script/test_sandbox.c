/*
 * What is in the sandbox and what is not, and freezing.
 */
#include "spec/core/script/vm_files.h"

/* ---- the sandbox ----------------------------------------------------------------------------- */

static void what_reaches_the_machine_is_not_there(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "return io, package, dofile, loadfile, os.execute, os.getenv, os.exit, os.remove, "
          "os.tmpname, debug.sethook, debug.getinfo, debug.getregistry, string.dump, os.rename",
          "nil|nil|nil|nil|nil|nil|nil|nil|nil|nil|nil|nil|nil|nil");
    check(&s, "return type(os.time()), type(os.date()), type(os.clock()), os.difftime(3, 1)",
          "number|string|number|2.0");
    check(&s, "return type(debug.traceback()), collectgarbage('count') > 1", "string|true");
    check_error(&s, "collectgarbage()", "only \"count\" is available");
    check_error(&s, "collectgarbage('stop')", "only \"count\" is available");
    script_close(&s);
}

static void a_trusted_state_has_everything(void **state) {
    struct script s;
    struct vm_options o = options();
    o.trusted = true;
    script_open_with(&s, &o);
    check(&s,
          "return type(io.open), type(os.getenv), type(debug.getinfo), type(string.dump), "
          "type(dofile), collectgarbage() ",
          "function|function|function|function|function|0");
    check(&s, "string.mine = 1 return string.mine", "1");
    script_close(&s);
}

static void libraries_cannot_be_changed(void **state) {
    struct script s;
    script_open(&s);
    check_error(&s, "string.format = nil", "string is read-only (writing 'format')");
    check_error(&s, "rawset(string, 'format', 1)", "read-only");
    check_error(&s, "table.insert(table, 1)", "table is read-only");
    check_error(&s, "setmetatable(string, {})", "protected");
    check_error(&s, "setmetatable(_G.math, nil)", "protected");
    check_error(&s, "require('time').sleep = 1", "time is read-only");
    check(&s, "return getmetatable(''), getmetatable(string), rawget(math, 'pi') == math.pi",
          "false|false|true");
    check(&s,
          "local n = 0 for k, v in pairs(string) do n = n + 1 assert(string[k] == v) end "
          "return n > 10",
          "true");
    check(&s, "local f, t = pairs(string) t = f() return type(t), rawequal(f, next)",
          "string|false");
    check(&s, "return ('x'):rep(3), ('%d'):format(7)", "xxx|7");
    script_close(&s);
}

static void addresses_are_masked(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local t = {} local a, b = tostring(t), tostring({}) "
          "return a == tostring(t), a ~= b, a:match('^table: 0x%x+$') == a, "
          "string.format('%s', t) == a, tostring(print):match('^function: 0x') ~= nil",
          "true|true|true|true|true");
    check(&s, "return pcall(string.format, '%p', {})", "false|invalid conversion '%p' to 'format'");
    check(&s, "return pcall(string.format, '\\0%-5p', {})",
          "false|invalid conversion '%p' to 'format'");
    check(&s, "return string.format('%%p %5.1f|%-4s|%q|%d', 1.25, 'a', 'b', 3)",
          "%p   1.2|a   |\"b\"|3");
    check(&s,
          "return tostring(setmetatable({}, {__tostring = function() return 'mine' end})), "
          "tostring(setmetatable({}, {__name = 'Pet'})):match('^Pet: 0x') , tostring(nil), "
          "tostring(1), tostring(1.5), tostring(true)",
          "mine|Pet: 0x|nil|1|1.5|true");
    check_error(&s, "tostring(setmetatable({}, {__tostring = function() return {} end}))",
                "'__tostring' must return a string");
    check_error(&s, "tostring()", "bad argument #1");
    script_close(&s);
}

static void finalizers_are_refused(void **state) {
    struct script s;
    script_open(&s);
    check_error(&s, "setmetatable({}, {__gc = function() while true do end end})",
                "__gc is not available");
    check_error(&s, "setmetatable({}, {__gc = true})", "__gc is not available");
    check(&s,
          "local mt = {} local t = setmetatable({}, mt) mt.__gc = function() error 'ran' end "
          "return getmetatable(t) == mt",
          "true");
    check_error(&s, "local mt = {} mt.__gc = print setmetatable({}, mt)", "__gc is not available");
    check_error(&s, "setmetatable({}, 1)", "bad argument #2");
    script_close(&s);
}

static void load_takes_text_only(void **state) {
    struct script s;
    script_open(&s);
    check(&s, "return load('return 1 + 1')()", "2");
    check(&s, "return load('return x', 'name', 'b', {x = 5})()", "5");
    check(&s, "return load('\\27Lua')", "nil|attempt to load a binary chunk (mode is 't')");
    check(&s,
          "local parts, i = {'return ', '4', '2'}, 0 "
          "return load(function() i = i + 1 return parts[i] end)()",
          "42");
    script_close(&s);
}

static void what_load_cannot_compile_is_told(void **state) {
    struct script s;
    script_open(&s);
    check(&s, "return load('x =', '=chunk')", "nil|chunk:1: unexpected symbol near <eof>");
    check(&s, "return pcall(load, function() return 5 end)",
          "false|reader function must return a string");
    check(&s, "return pcall(load, function() return ('x'):rep(100000) end)",
          "false|chunk is too long");
    check(&s, "return pcall(load, ('x'):rep(2000000))", "false|chunk is too long");
    check(&s, "return pcall(load, 5)",
          "false|bad argument #1 to 'load' (function expected, got "
          "number)");
    check(&s,
          "return load('return a', '=n', 't', nil) ~= nil, "
          "pcall(load('return a', '=n', 't', nil))",
          "true|false|n:1: attempt to index a nil value (upvalue '_ENV')");
    script_close(&s);
}

/* Everything here would keep a worker busy for hours inside one C call. */
static void no_library_function_loops_for_a_number(void **state) {
    struct script s;
    script_open(&s);
    check(&s, "return (''):rep(1 << 62), ('x'):rep(-1), ('ab'):rep(2, '-'), (''):rep(3, ',')",
          "||ab-ab|,,");
    check_error(&s, "return ('x'):rep(1 << 62)", "too large");
    check_error(&s, "return (''):rep(1 << 62, 'x')", "too large");
    check_error(&s, "table.move({}, 1, 1 << 60, 2)", "too many elements");
    check_error(&s,
                "table.remove(setmetatable({}, {__len = function() return math.mininteger end}), "
                "1) error('done')",
                "done");
    check_error(&s, "table.move({}, math.mininteger, math.maxinteger, 2)", "too many elements");
    check(&s, "return table.move({1, 2, 3}, 2, 3, 1), table.move({1}, 1, 0, 5)", "{2,3,3}|{1}");
    check_error(&s, "table.insert(setmetatable({}, {__len = function() return 1 << 40 end}), 1, 1)",
                "too many elements");
    check_error(&s, "table.remove(setmetatable({}, {__len = function() return 1 << 40 end}), 1)",
                "too many elements");
    /* A table of 65 elements whose length, says Lua, is beyond any memory. */
    check_error(&s,
                "local code = {'return {1, 2, 3, 4, [5] = 1'} "
                "for i = 1, 60 do code[#code + 1] = ', [4 << ' .. i .. '] = 1' end "
                "local t = load(table.concat(code) .. '}')() "
                "assert(#t > 1 << 50) table.insert(t, 1, 1)",
                "too many elements");
    check_error(&s,
                "table.concat(setmetatable({}, {__index = table.concat, __len = rawlen}), '', 1, "
                "1 << 40)",
                "too many elements");
    check_error(&s, "return table.unpack({}, 1, 1 << 40)", "too many results");
    script_close(&s);
}

static void table_functions_do_what_lua_does(void **state) {
    struct script s;
    script_open(&s);
    check(&s, "local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) return t", "{0,1,2,3}");
    check(&s, "local t = {1, 2, 3} return table.remove(t), table.remove(t, 1), t", "3|1|{2}");
    check(&s, "return table.remove({}), table.remove({}, 0), table.remove({n = 1}, 0)",
          "nil|nil|nil");
    check_error(&s, "table.insert({1, 2}, 5, 1)", "position out of bounds");
    check_error(&s, "table.insert({1, 2}, 0, 1)", "position out of bounds");
    check_error(&s, "table.insert({1, 2})", "wrong number of arguments to 'insert'");
    check_error(&s, "table.insert({}, 1, 2, 3)", "wrong number of arguments to 'insert'");
    check_error(&s, "table.remove({1, 2}, 5)", "position out of bounds");
    check_error(&s, "table.insert(5, 1)", "table expected, got number");
    check(&s,
          "return table.concat({1, 2, 'x'}, ','), table.concat({}), table.concat({1, 2}, '', 2)",
          "1,2,x||2");
    check_error(&s, "table.concat({1, {}})", "at index 2 in table for 'concat'");
    check(&s,
          "local log = {} "
          "local p = setmetatable({}, {__len = function() return 2 end, "
          "__index = function(_, i) return 'v' .. i end, "
          "__newindex = function(_, i, v) log[#log + 1] = i .. '=' .. tostring(v) end}) "
          "table.insert(p, 1, 'new') local r = table.remove(p, 1) "
          "return log, r, table.concat(p, ' ')",
          "{3=v2,2=v1,1=new,1=v2,2=nil}|v1|v1 v2");
    check(&s,
          "local t = {} for i = 1, 30000 do t[i] = (i * 7919) % 30011 end table.sort(t) "
          "for i = 2, #t do assert(t[i - 1] <= t[i]) end "
          "table.sort(t, function(a, b) return a > b end) "
          "for i = 2, #t do assert(t[i - 1] >= t[i]) end return 'sorted'",
          "sorted");
    check(&s,
          "local t = {3, 1, 2} table.sort(t) return t, "
          "select(2, pcall(table.sort, {1, 'x'})):match('attempt to compare') ~= nil",
          "{1,2,3}|true");
    check_error(&s, "table.sort({1, 2}, 5)", "function expected");
    script_close(&s);
}

/* The same, when metamethods stand for the elements. */
static void table_functions_use_metamethods(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local log = {} "
          "local function proxy(t) return setmetatable({}, {__len = function() return #t end, "
          "__index = function(_, k) return t[k] end, "
          "__newindex = function(_, k, v) log[#log + 1] = k t[k] = v end}) end "
          "local t = {'a', 'b', 'c'} local p = proxy(t) "
          "assert(table.concat(p, '-') == 'a-b-c' and table.concat(p, ',', 2) == 'b,c') "
          "assert(table.concat(p, '', 2, 1) == '' and table.concat(p, '', 3, 3) == 'c') "
          "assert(select('#', table.unpack(p)) == 3 and select(2, table.unpack(p)) == 'b') "
          "assert(select('#', table.unpack(p, 2, 5)) == 4 and select('#', table.unpack(p, 2, 1)) "
          "== 0) "
          "table.insert(p, 'd') table.insert(p, 1, 'z') assert(table.remove(p) == 'd') "
          "assert(table.remove(p, 1) == 'z') "
          "table.move(p, 1, 3, 2) table.move(p, 2, 4, 1) local to = table.move(p, 1, 2, 1, {}) "
          "return table.concat(t), table.concat(to), table.concat(log, ' '), "
          "#table.move({1}, 1, 1, 3, proxy({}))",
          "abcc|ab|4 5 4 3 2 1 5 1 2 3 4 4 3 2 1 2 3|0");
    check_error(&s,
                "return table.concat(setmetatable({}, {__index = function(_, i) return i < 3 and 1 "
                "end}), '', 1, 5)",
                "invalid value (boolean) at index 3 in table for 'concat'");
    check_error(&s, "table.move(setmetatable({}, {}), 1, 2, math.maxinteger)", "wrap around");
    check_error(&s, "table.move(1, 1, 2, 3)", "table expected, got number");
    script_close(&s);
}

static void random_numbers_differ_between_states(void **state) {
    struct script s;
    char first[32];
    for (int i = 0; i < 2; i++) {
        struct run r = {0};
        script_open(&s);
        run_start(&s, &r, "return math.random(0)");
        assert_true(r.over);
        if (i == 0)
            snprintf(first, sizeof first, "%s", r.text.p);
        else
            assert_string_not_equal(first, r.text.p);
        run_free(&r);
        script_close(&s);
    }
}

/* ---- freezing -------------------------------------------------------------------------------- */

static void frozen_globals_can_be_read_and_not_made(void **state) {
    struct script s;
    script_open(&s);
    check(&s, "early = 5 return undefined_one", "nil");
    assert_int_equal(vm_protect(s.vm, freeze, NULL, NULL), 0);
    check(&s, "return early, type(print), type(string.format)", "5|function|function");
    check_error(&s, "early = 6", "globals are read-only (writing 'early')");
    check_error(&s, "_G.early = 6", "read-only");
    check_error(&s, "rawset(_G, 'early', 6)", "read-only");
    check_error(&s, "late = 1", "globals are read-only (writing 'late')");
    check_error(&s, "return undefined_one", "test.lua:1: undefined global 'undefined_one'");
    check_error(&s, "return json.null",
                "undefined global 'json': it is a module, local json = require \"json\"");
    check_error(&s, "return bus.call",
                "undefined global 'bus': it is a module, local bus = require \"bus\"");
    check_error(&s, "_G.late = 1", "_G is read-only");
    check_error(&s, "_G.print = 1", "_G is read-only (writing 'print')");
    check_error(&s, "return _G[{}]", "undefined global 'table: 0x");
    check_error(&s, "rawset(_G, 'late', 1)", "read-only");
    check_error(&s, "rawset(_ENV, 'late', 1)", "read-only");
    check_error(&s, "setmetatable(_ENV, nil)", "protected");
    check(&s, "return rawget(_G, 'undefined_one'), rawget(_G, 'early'), _G.early", "nil|5|5");
    check(&s, "local n = 0 for k in pairs(_G) do n = n + 1 end return n > 20", "true");
    check_error(&s, "load('x = 1')()", "read-only");
    check(&s, "local env = {} load('x = 1', 'n', 't', env)() return env.x", "1");
    script_close(&s);
}

static int all_globals_known(lua_State *L) {
    static const char code[] =
        "local bad = {} for k in pairs(_G) do "
        "if load(k .. ' = 1') then bad[#bad + 1] = k end end return table.concat(bad, ' ')";
    if (luaL_dostring(L, code)) return lua_error(L);
    if (*lua_tostring(L, -1)) return luaL_error(L, "not protected: %s", lua_tostring(L, -1));
    return 0;
}

static void globals_of_the_host_cannot_be_assigned(void **state) {
    static const struct {
        const char *code;
        int line;
        const char *name;
    } cases[] = {
        {"print = nil", 1, "print"},
        {"\n\nfunction pairs() end", 3, "pairs"},
        {"local x\nlocal function f()\n\nlocal function g() string = x end\nend", 4, "string"},
        {"local t = {}\nt.print, table = 1, 2", 2, "table"},
        {"_ENV.math = nil", 1, "math"},
        {"for i = 1, 300 do\nend\n_G = {}", 3, "_G"},
    };
    static const char *const fine[] = {
        "local print = 1 print = 2 return print == 2",
        "local t = {} t.print = 1 function t.pairs() end return true",
        "local function f(print) print = 5 return print end return f(1) == 5",
        "local _ENV = {} print = 1 return print == 1",
        "local f = load('print = 1 return print', '=c', 't', {}) return f() == 1",
    };
    struct script s;
    struct err e = {0};
    script_open(&s);
    if (vm_protect(s.vm, all_globals_known, NULL, &e) < 0) fail_msg("%s", e.text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char code[400], text[200];
        struct run r = {.s = &s, .code = cases[i].code};
        assert_null(task_new(s.vm, run_push, &r, &e));
        snprintf(text, sizeof text,
                 "services/spec/test.lua:%d: the global '%s' is the host's: make yours local",
                 cases[i].line, cases[i].name);
        assert_string_equal(e.text, text);
        snprintf(code, sizeof code, "return select(2, load([[\n%s]]))", cases[i].code);
        snprintf(text, sizeof text, "chunk:%d: the global '%s' is the host's: make yours local",
                 cases[i].line, cases[i].name);
        check(&s, code, text);
    }
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        check(&s, fine[i], "true");
    script_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_reaches_the_machine_is_not_there),
        cmocka_unit_test(a_trusted_state_has_everything),
        cmocka_unit_test(libraries_cannot_be_changed),
        cmocka_unit_test(addresses_are_masked),
        cmocka_unit_test(finalizers_are_refused),
        cmocka_unit_test(load_takes_text_only),
        cmocka_unit_test(what_load_cannot_compile_is_told),
        cmocka_unit_test(no_library_function_loops_for_a_number),
        cmocka_unit_test(table_functions_do_what_lua_does),
        cmocka_unit_test(table_functions_use_metamethods),
        cmocka_unit_test(random_numbers_differ_between_states),
        cmocka_unit_test(frozen_globals_can_be_read_and_not_made),
        cmocka_unit_test(globals_of_the_host_cannot_be_assigned),
    };
    conf.lua_turn_soft = 10000000;
    conf.lua_turn_hard = 500000000;
    conf.lua_cpu = 2000000000;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
