/*
 * Patterns in services: they mean what they mean in Lua, and none of them holds a worker up.
 *
 * Nothing here depends on how long something takes, only on that it ends.
 */
#include <lualib.h>

#include "core/script/strings.h"
#include "spec/core/script/script.h"

#define SOFT   ((uint64_t)2000000)
#define HARD   ((uint64_t)100000000)
#define CPU    ((uint64_t)400000000)
#define PLENTY ((uint64_t)600000000000)

/* ThreadSanitizer keeps something for every setjmp, and there is nothing for it to see in what one
 * thread compares: it gets a hundredth. */
#if defined(__SANITIZE_THREAD__)
#define ROUNDS 200
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ROUNDS 200
#endif
#endif
#ifndef ROUNDS
#define ROUNDS 20000
#endif

/* Code that is run one line at a time, so that one which fails says so by itself. */
struct example {
    const char *code, *results;
};

static void check_all(const struct example *examples, size_t n, bool stock) {
    struct script s;
    struct vm_options o = {.name = "spec", .memory = 64 << 20, .max_tasks = 10, .trusted = stock};
    script_open_with(&s, &o);
    for (size_t i = 0; i < n; i++)
        check_run(&s, examples[i].code, TASK_RETURNED, examples[i].results, (int)i);
    script_close(&s);
}

#define COUNT(examples)      (sizeof(examples) / sizeof *(examples))
#define CHECK_OURS(examples) check_all(examples, COUNT(examples), false)
/* In a state with the library of Lua as well, so that the examples themselves are right. */
#define CHECK_ALL(examples) \
    do { \
        check_all(examples, COUNT(examples), true); \
        CHECK_OURS(examples); \
    } while (0)

/* What `code` raises, without its position. */
#define RAISES(code) "return (select(2, pcall(function() " code " end)):gsub('^[^:]*:%d+: ', ''))"

/* ---- what patterns mean ---------------------------------------------------------------------- */

static void single_characters_and_classes_mean_what_the_manual_says(void **state) {
    static const struct example examples[] = {
        {"return ('hello'):find('l')", "3|3"},
        {"return ('hello'):find('xyz')", "nil"},
        {"return ('a.b'):find('.', 2)", "2|2"},
        {"return ('a.b'):find('%.')", "2|2"},
        {"return ('a+b'):match('%+'), ('a%b'):match('%%')", "+|%"},
        {"return ('THE (quick) fox'):find('%((%a+)%)')", "5|11|quick"},
        {"return ('ab12'):match('%d+'), ('ab12'):match('%D+')", "12|ab"},
        {"return ('x\\1y'):find('%c'), ('x\\1y'):find('%C')", "2|1|1"},
        {"return (' \\t\\n\\r\\f\\v'):match('^%s+$') ~= nil", "true"},
        {"return ('aB1_'):gsub('%l', 'l'), ('aB1_'):gsub('%u', 'u')", "lB1_|au1_|1"},
        {"return ('a,b;c'):gsub('%p', '-')", "a-b-c|2"},
        {"return ('xyzAF09g'):gsub('%x', '.')", "xyz....g|4"},
        {"return ('a b'):gsub('%g', '.'), ('a_b'):gsub('%w', '.')", ". .|._.|2"},
        {"return ('\\xe9a'):find('%a')", "2|2"},
        {"return ('\\xe9a'):find('%A')", "1|1"},
        {"return ('a\\0b'):find('%z'), ('a\\0b'):find('\\0b')", "2|2|3"},
        {"return #('a\\0b\\0c'):match('b.c'), ('a\\0b'):find('[\\0]')", "3|2|2"},
        {"return ('a\\0b'):find('b\\0'), ('a\\0b\\0c'):gsub('%z', '-')", "nil|a-b-c|2"},
    };
    CHECK_ALL(examples);
}

static void sets_mean_what_the_manual_says(void **state) {
    static const struct example examples[] = {
        {"return ('hello world'):match('[a-f]+'), ('hello'):match('[^a-h]+')", "e|llo"},
        {"return ('a]b'):match('[]]'), ('a]b'):match('[^]]+')", "]|a"},
        {"return ('a-b'):match('[a-]+'), ('-b'):match('[-a]')", "a-|-"},
        {"return ('a^b'):match('[b^]'), ('x]'):match('[%]]')", "^|]"},
        {"return ('f00-bar'):match('[%w-]+'), ('a_1 b'):match('[%w_]+')", "f00-bar|a_1"},
        {"return ('2+3'):match('[%+%-]'), ('a%b'):match('[%%]')", "+|%"},
        {"return ('abc'):match('[%W%a]+'), ('a-z'):match('[%a-z]+')", "abc|a-z"},
        {"return ('z'):find('[b-a]'), ('\\xff'):find('[\\xf0-\\xff]')", "nil|1|1"},
        {"return ('b'):match('[a-%z]'), ('%'):match('[%%-a]'), ('a.b'):match('[.]')", "nil|%|."},
        {"return ('$a'):find('[$]a'), ('(x)'):match('[(]x[)]')", "1|(x)"},
    };
    CHECK_ALL(examples);
}

static void repetitions_take_as_much_or_as_little_as_they_should(void **state) {
    static const struct example examples[] = {
        {"return ('aaa'):match('a*'), ('aaa'):match('a-'), ('aaa'):match('a+')", "aaa||aaa"},
        {"return ('aaab'):match('a-b'), ('b'):match('a-b'), ('b'):match('a+b')", "aaab|b|nil"},
        {"return ('<a><b>'):match('<.->'), ('<a><b>'):match('<.*>')", "<a>|<a><b>"},
        {"return ('color colour'):gsub('colou?r', 'x')", "x x|2"},
        {"return ('aXb'):match('a?X?b?'), ('ab'):match('^a?b?c?$'), ('aa'):match('^a?a$')",
         "aXb|ab|aa"},
        {"return ('a*b'):match('a%*b'), ('**'):match('**'), ('a-'):match('a%-')", "a*b|**|a-"},
        {"return ('(a)*'):match('(%(a%))*'), ('aa*'):match('(a)*')", "(a)|a"},
        {"return ('  trim me  '):match('^%s*(.-)%s*$')", "trim me"},
        {"return ('a.b.c'):match('^(.*)%.(.*)$')", "a.b|c"},
        {"return ('aaaab'):match('(a*)(a)(b)')", "aaa|a|b"},
        {"return ('xaaay'):match('x(a-)(a*)y')", "|aaa"},
    };
    CHECK_ALL(examples);
}

static void anchors_hold_and_elsewhere_are_characters(void **state) {
    static const struct example examples[] = {
        {"return ('abc'):find('^b'), ('abc'):find('^b', 2), ('abc'):find('c$')", "nil|2|3|3"},
        {"return ('a^b'):find('a^b'), ('a$b'):find('a$b'), ('^'):find('^^')", "1|1|1|1"},
        {"return ('a$'):match('%$$'), (''):find('^$'), ('x'):find('^$')", "$|1|nil"},
        {"return ('aaa'):gsub('^a', 'b'), ('aaa'):gsub('a$', 'b')", "baa|aab|1"},
        {"return ('abc'):gsub('^', '>'), ('abc'):gsub('$', '<')", ">abc|abc<|1"},
        {"local t = {} for w in ('^a^a'):gmatch('^a') do t[#t + 1] = w end return t", "{^a,^a}"},
    };
    CHECK_ALL(examples);
}

static void captures_are_texts_and_positions(void **state) {
    static const struct example examples[] = {
        {"return ('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "key|value"},
        {"return ('flaaap'):match('()aa()')", "3|5"},
        {"return ('hello'):find('(h)(.)()')", "1|2|h|e|3"},
        {"return ('abcd'):match('((a)(b(c)))')", "abc|a|bc|c"},
        {"return ('abc'):match('()'), ('abc'):find('()', 4)", "1|4|3|4"},
        {"return ('\"it\\'s\"'):match([[(['\"])(.-)%1]])", "\"|it's"},
        {"return ('abab'):match('^(ab)%1$'), ('abac'):match('^(ab)%1$')", "ab|nil"},
        {"return ('aXbbXb'):match('(a-)X%1b'), ('aa'):match('()%1')", "|nil"},
        {"return ('abcab'):match('(a)(b).%1%2')", "a|b"},
        {"return select('#', ('x'):rep(32):match(('(x)'):rep(32)))", "32"},
        {"return ('2024-03-05'):match('(%d+)-(%d+)-(%d+)')", "2024|03|05"},
    };
    CHECK_ALL(examples);
}

static void balances_and_frontiers_are_found(void **state) {
    static const struct example examples[] = {
        {"return ('f(a(b)c)d'):match('%b()'), ('((a)'):match('%b()')", "(a(b)c)|(a)"},
        {"return ('(a'):match('%b()'), ('xaax'):match('%bxx'), (''):match('%b()')", "nil|xaax|nil"},
        {"return ('THE (quick) fox'):gsub('%b()', '')", "THE  fox|1"},
        {"return ('a\\0b\\1c'):find('%b\\0\\1')", "2|4"},
        {"return ('THE (quick) fox'):find('%f[%a]%a+%f[%A]')", "1|3"},
        {"return ('hello'):gsub('%f[%w]%w+', '<%0>'), ('a b'):gsub('%f[%w]', '.')",
         "<hello>|.a .b|2"},
        {"return ('foo.bar'):find('%f[%z]'), ('foo'):find('%f[^%z]'), ('foo'):find('%f[\\0]')",
         "8|1|4|3"},
        {"return ('abc'):find('%f[b]', 2), ('bbc'):find('%f[b]', 2)", "2|nil"},
    };
    CHECK_ALL(examples);
}

static void searches_begin_where_they_are_told_to(void **state) {
    static const struct example examples[] = {
        {"return ('abcabc'):find('b', 3), ('abcabc'):find('b', -2), ('abc'):find('a', -100)",
         "5|5|1|1"},
        {"return ('abc'):find('', 4), ('abc'):find('', 5), ('abc'):match('()', 10)", "4|nil|nil"},
        {"return ('abc'):find('b', 0), ('abc'):find('c', math.mininteger)", "2|3|3"},
        {"return ('abc'):find('a', math.maxinteger), ('abc'):find('', math.maxinteger)", "nil|nil"},
        {"return (''):find(''), (''):find('', 2), (''):match('.*')", "1|nil|"},
        {"return ('a.b.c'):find('.', 3, true), ('a[b'):find('[', 1, true)", "4|2|2"},
        {"return ('aXbX'):find('X', 3, true), ('abc'):find('', 3, true), ('x'):find('%', 1, true)",
         "4|3|nil"},
        {"return ('aab' .. ('a'):rep(20) .. 'c'):find('aaac', 1, true)", "21|24"},
        {"local t = {} for w in ('a b c'):gmatch('%a', 2) do t[#t + 1] = w end return t", "{b,c}"},
        {"local t = {} for w in ('a b c'):gmatch('%a', -1) do t[#t + 1] = w end return t", "{c}"},
        {"for w in ('a b c'):gmatch('', 7) do return w end return 'none'", "none"},
        {"return string.match(12345, 3), string.find(12345, 34)", "3|3|4"},
    };
    CHECK_ALL(examples);
}

static void gmatch_gives_every_match_once(void **state) {
    static const struct example examples[] = {
        {"local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = k .. v end "
         "return t",
         "{a1,b2}"},
        {"local t = {} for p in ('abc'):gmatch('()') do t[#t + 1] = p end return t", "{1,2,3,4}"},
        {"local t = {} for w in ('aXbb'):gmatch('%l*') do t[#t + 1] = '<' .. w .. '>' end return t",
         "{<a>,<bb>}"},
        {"local t = {} for w in ('one two'):gmatch('%a+') do t[#t + 1] = w end return t",
         "{one,two}"},
        {"local f = ('ab'):gmatch('.') return f(), f(), f(), f()", "a|b|nil"},
        {"local f = ('ab'):gmatch('.') return coroutine.wrap(f)(), f()", "a|b"},
        {"local f = ('ab'):gmatch('(.') return (select(2, coroutine.wrap(pcall)(f)))",
         "unfinished capture"},
        {"local n = 0 for _ in ('ab'):rep(1000):gmatch('a(b' .. ('x?'):rep(100) .. ')') do n = n + "
         "1 end return n",
         "1000"},
    };
    CHECK_ALL(examples);
}

static void gsub_replaces_by_text_table_and_function(void **state) {
    static const struct example examples[] = {
        {"return ('hello world'):gsub('o', '0')", "hell0 w0rld|2"},
        {"return ('hello world'):gsub('(%w+)', '%1 %1')", "hello hello world world|2"},
        {"return ('hello world'):gsub('%w+', '%0 %0', 1)", "hello hello world|1"},
        {"return ('a b'):gsub('(%w) (%w)', '%2 %1')", "b a|1"},
        {"return ('abc'):gsub('%w', '%%%0'), ('abc'):gsub('b', '%1')", "%a%b%c|abc|1"},
        {"return ('abc'):gsub('()b', '%1'), ('abc'):gsub('b', 7)", "a2c|a7c|1"},
        {"return ('$name-$x'):gsub('%$(%w+)', {name = 'lua'})", "lua-$x|2"},
        {"return ('abc'):gsub('%w', {a = 1, b = false, c = 2.5})", "1b2.5|3"},
        {"return ('abc'):gsub('(b)()', {b = 'x'}), ('abc'):gsub('()b', {[2] = 'y'})", "axc|ayc|1"},
        {"return ('4+5'):gsub('%d', function(d) return d + 1 end)", "5+6|2"},
        {"return ('abc'):gsub('(a)(b)', function(a, b) return b .. a end)", "bac|1"},
        {"return ('abc'):gsub('%w', function() end)", "abc|3"},
        {"return ('abc'):gsub('b', setmetatable({}, {__index = function(_, k) return k:upper() "
         "end}))",
         "aBc|1"},
        {"return ('abc'):gsub('', '-'), (''):gsub('', '-'), ('abc'):gsub('b*', '-')",
         "-a-b-c-|-|-a-c-|3"},
        {"return ('abc'):gsub('b', 'x', 0), ('abc'):gsub('b', 'x', -1)", "abc|abc|0"},
        {"return ('aaa'):gsub('a', 'b', 2), ('aaa'):gsub('a', 'b', math.maxinteger)", "bba|bbb|3"},
        {"return #('x'):rep(10000):gsub('x', ('y'):rep(100))", "1000000"},
        {"return #('x'):rep(1000):gsub('x', function() return ('y'):rep(1000) end)", "1000000"},
        {"return #('abx'):rep(1000):gsub('ab' .. ('c?'):rep(50), function(s) local t = {} for i = "
         "1, 50 do t[i] = s .. i end return '' end)",
         "1000"},
        {"return ('abc'):gsub('%w', function(c) return (c:gsub('b', function() return ('x "
         "y'):match "
         "'%w$' end)) end)",
         "ayc|3"},
    };
    CHECK_ALL(examples);
}

/* ---- what is wrong with them ----------------------------------------------------------------- */

static void mistakes_raise_what_they_raise_in_lua(void **state) {
    static const struct example examples[] = {
        {RAISES("('a'):find('%')"), "malformed pattern (ends with '%')"},
        {RAISES("('a'):find('[a')"), "malformed pattern (missing ']')"},
        {RAISES("('a'):find('[]')"), "malformed pattern (missing ']')"},
        {RAISES("('a'):find('[^]')"), "malformed pattern (missing ']')"},
        {RAISES("('a'):find('[a%]')"), "malformed pattern (missing ']')"},
        {RAISES("('a'):find('[a%')"), "malformed pattern (missing ']')"},
        {RAISES("('a'):find('%b')"), "malformed pattern (missing arguments to '%b')"},
        {RAISES("('a'):find('%bx')"), "malformed pattern (missing arguments to '%b')"},
        {RAISES("('a'):find('%f')"), "missing '[' after '%f' in pattern"},
        {RAISES("('a'):find('%fa')"), "missing '[' after '%f' in pattern"},
        {RAISES("('a'):find('(a')"), "unfinished capture"},
        {RAISES("('a'):find('(()a')"), "unfinished capture"},
        {RAISES("('a'):match('a)')"), "invalid pattern capture"},
        {RAISES("('a'):find('())')"), "invalid pattern capture"},
        {RAISES("('a'):find('%1')"), "invalid capture index %1"},
        {RAISES("('a'):find('%0')"), "invalid capture index %0"},
        {RAISES("('a'):find('(a%1)')"), "invalid capture index %1"},
        {RAISES("('a'):find(('()'):rep(33))"), "too many captures"},
        {RAISES("('abc'):gsub('(b)', '%2')"), "invalid capture index %2"},
        {RAISES("('abc'):gsub('b', '%x')"), "invalid use of '%' in replacement string"},
        {RAISES("('abc'):gsub('b', '%')"), "invalid use of '%' in replacement string"},
        {RAISES("('abc'):gsub('b', {b = {}})"), "invalid replacement value (a table)"},
        {RAISES("('abc'):gsub('b', function() return true end)"),
         "invalid replacement value (a boolean)"},
        {RAISES("('abc'):gsub('b')"),
         "bad argument #2 to 'gsub' (string/function/table expected, got no value)"},
        {RAISES("local gsub = string.gsub gsub('abc', 'b', true)"),
         "bad argument #3 to 'gsub' (string/function/table expected, got boolean)"},
        {RAISES("('abc'):gsub('b', 'x', 'y')"),
         "bad argument #3 to 'gsub' (number expected, got string)"},
        {RAISES("local find = string.find find()"),
         "bad argument #1 to 'find' (string expected, got no value)"},
        {RAISES("local find = string.find find('x', {})"),
         "bad argument #2 to 'find' (string expected, got table)"},
        {RAISES("('x'):match('x', 1.5)"),
         "bad argument #2 to 'match' (number has no integer representation)"},
        {RAISES("('x'):gmatch()"), "bad argument #1 to 'gmatch' (string expected, got no value)"},
    };
    CHECK_ALL(examples);
}

static void mistakes_that_are_not_reached_do_not_matter(void **state) {
    static const struct example examples[] = {
        {"return ('a'):find('b['), ('a'):find('b%'), ('a'):find('b)'), ('a'):find('b%1')",
         "nil|nil|nil|nil"},
        {"return ('abc'):gsub('x', '%'), ('abc'):gsub('(a', 'x'), ('a)'):find(')')", "abc|xbc|2|2"},
        {"return type((''):gmatch('(')), (''):find('x(')", "function|nil"},
    };
    CHECK_ALL(examples);
}

static void a_pattern_may_have_any_number_of_repetitions(void **state) {
    static const struct example examples[] = {
        {"return ('a'):rep(300):match(('a?'):rep(300)) == ('a'):rep(300)", "true"},
        {"return ('b'):match(('a*'):rep(10000) .. '(.)')", "b"},
    };
    CHECK_OURS(examples);
}

static void functions_of_a_replacement_cannot_wait(void **state) {
    struct script s;
    script_open(&s);
    check_error(&s, "('x'):gsub('x', function() require 'time'.sleep(0) end)", "wait");
    script_close(&s);
}

/* ---- the same as stock Lua ------------------------------------------------------------------- */

static int add_ours(lua_State *L) {
    lua_newtable(L);
    strings_open(L);
    lua_setglobal(L, "ours");
    return 0;
}

/* Pieces of patterns and of subjects, put together at random: most patterns are odd, many wrong.
 * What the two sides return or raise must be the same. */
static const char SAME[] =
    "local random = math.random\n"
    "local parts = { 'a', 'b', '(', ')', '%', '[', ']', '^', '$', '-', '*', '+', '?', '.', '%a',\n"
    "  '%d', '%b', '%f', '%1', '%2', '()', '[^', '[a-b]', '%w*', 'a-', '\\0', '%z', '%%', '.-',\n"
    "  '%bab', '%f[a]', 'a*', '(a*)', '1', '%W', '[%a', '[]', '%A', '%f[^a]', '[%d-a]', '-]',\n"
    "  'b?', '%baa', '%0', '%u', '%P', '[^%s]', '.*', '.+', '[b-]' }\n"
    "local texts = { 'a', 'b', 'a', 'b', '1', ' ', '%', '-', ']', '\\0', '(', 'A', 'aab', '\\xe9' "
    "}\n"
    "local replacements = { 'x', '%1', '%0%0', '%2', '%', '%%', '<%1>', '', 12,\n"
    "  { a = 'X', b = false, [1] = 'p' }, { aa = 1.5, a = {} },\n"
    "  function(...) return table.concat({ ... }, ',') end,\n"
    "  function(a) if a ~= 'a' then return a end end, function() return true end }\n"
    "local function make(pieces, most)\n"
    "  local made = {}\n"
    "  for i = 1, random(0, most) do made[i] = pieces[random(#pieces)] end\n"
    "  return table.concat(made)\n"
    "end\n"
    "local function show(...)\n"
    "  local t = table.pack(...)\n"
    "  for i = 1, t.n do t[i] = math.type(t[i]) or type(t[i]) t[i] = t[i] .. ':' .. "
    "tostring((select(i, ...))) end\n"
    "  return table.concat(t, ' ')\n"
    "end\n"
    "local function all(lib, s, pattern, init)\n"
    "  local t = {}\n"
    "  for a, b, c in lib.gmatch(s, pattern, init) do t[#t + 1] = show(a, b, c) end\n"
    "  return table.concat(t, ';')\n"
    "end\n"
    "local ways = {\n"
    "  function(lib, s, p, init) return lib.find(s, p, init) end,\n"
    "  function(lib, s, p, init) return lib.match(s, p, init) end,\n"
    "  all,\n"
    "  function(lib, s, p, _, by, most) return lib.gsub(s, p, by, most) end,\n"
    "}\n"
    "return function(seed, rounds)\n"
    "  math.randomseed(seed)\n"
    "  for _ = 1, rounds do\n"
    "    local p, s = make(parts, random(6)), make(texts, random(12))\n"
    "    if random(3) == 1 then p = '^' .. p end\n"
    "    local init = random(4) == 1 and random(-5, 8) or nil\n"
    "    local by, most = replacements[random(#replacements)], random(5) == 1 and random(0, 3) or "
    "nil\n"
    "    local way = random(#ways)\n"
    "    local stock = show(pcall(ways[way], string, s, p, init, by, most))\n"
    "    local own = show(pcall(ways[way], ours, s, p, init, by, most))\n"
    "    if own ~= stock then\n"
    "      error(('way %d, %q, %q, init %s, by %s, most %s:\\n%s\\n%s'):format(way, s, p,\n"
    "        tostring(init), tostring(by), tostring(most), stock, own))\n"
    "    end\n"
    "  end\n"
    "end\n";

static int run_same(lua_State *L) {
    if (luaL_dostring(L, SAME) != LUA_OK) return lua_error(L);
    lua_pushinteger(L, *(int *)lua_touserdata(L, 1));
    lua_pushinteger(L, ROUNDS);
    lua_call(L, 2, 0);
    return 0;
}

static void two_hundred_thousand_random_cases_give_what_stock_lua_gives(void **state) {
    struct script s;
    struct err e = {0};
    struct vm_options o = {.name = "spec", .trusted = true};
    script_open_with(&s, &o);
    assert_int_equal(vm_protect(s.vm, add_ours, NULL, NULL), 0);
    for (int seed = 1; seed <= 10; seed++)
        if (vm_protect(s.vm, run_same, &seed, &e) < 0) fail_msg("seed %d: %s", seed, e.text);
    script_close(&s);
}

/* ---- attacks --------------------------------------------------------------------------------- */

static int64_t beats; /* turns of the task beside */

static int l_beat(lua_State *L) {
    beats++;
    return task_yield(L);
}

static int add_beat(lua_State *L) {
    lua_register(L, "beat", l_beat);
    return 0;
}

static void open_watched(struct script *s, uint64_t hard, uint64_t cpu) {
    struct err e = {0};
    struct vm_options o = {.name = "spec", .memory = 64 << 20, .max_tasks = 1000};
    conf.lua_turn_soft = SOFT;
    conf.lua_turn_hard = hard;
    conf.lua_cpu = cpu;
    script_open_with(s, &o);
    assert_int_equal(vm_protect(s->vm, add_beat, NULL, NULL), 0);
    if (watchdog_start(&e) < 0) fail_msg("%s", e.text);
}

static void close_watched(struct script *s) {
    watchdog_stop();
    script_close(s);
}

/* How the code ends, with a task beside it that must get its turns. */
static enum task_end attack(struct script *s, const char *code, struct buf *text) {
    struct run r = {0}, beside = {0};
    run_start(s, &beside, "while true do beat() end");
    run_start(s, &r, code);
    run_wait(&r);
    beats = 0;
    for (int i = 0; i < 1000 && beats == 0; i++)
        script_turn(s);
    assert_true(beats > 0);
    task_cancel(beside.task);
    buf_clear(text);
    buf_str(text, str_of(r.text.p));
    buf_char(text, 0);
    run_free(&beside);
    run_free(&r);
    return r.end;
}

/* Exponential, or of a high power, in what is short; or quadratic in what is long. */
static const char *const endless[] = {
    "return (('a'):rep(30) .. 'c'):find(('a*'):rep(30) .. 'b')",
    "return ('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30))",
    "return ('a'):rep(5000):match(('.-'):rep(4) .. 'b')",
    "return ('a'):rep(1000):match(('[%w_]+'):rep(20) .. '!')",
    "return ('a'):rep(1000):match(('(a*)'):rep(32) .. 'b')",
    "return ('a'):rep(1000000):gsub('a*b', '')",
    "return ('('):rep(1000000):find('%b()')",
    "return ('('):rep(1000000):gsub('%b()', '')",
    "return ('ab'):rep(1000000):find('(.*)%1c')",
    "return ((' '):rep(100000) .. 'x'):match('^(.-)%s*,')",
    "return ('x'):rep(1000000):gsub('x(y*)', ('%1'):rep(1000))",
    "return ('a'):rep(100000):match(('a-'):rep(10000) .. 'b')",
    "for _ in ('a'):rep(1000000):gmatch('a-b') do end",
    "return ('a'):rep(100):gsub('.-.-.-.-.-b', function() end)",
};

static void patterns_that_backtrack_forever_fail_and_are_shown(void **state) {
    struct script s;
    struct buf text;
    buf_init(&text);
    open_watched(&s, PLENTY, PLENTY);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        enum task_end end = attack(&s, endless[i], &text);
        if (end != TASK_FAILED || !strstr(text.p, ": pattern matching took too many steps: "))
            fail_msg("%s: %s: %s", endless[i], end_name(end), text.p);
    }
    check(&s, "return select(2, pcall(string.find, ('a'):rep(5000), '^.-.-.-b'))",
          "pattern matching took too many steps: ^.-.-.-b");
    check(&s,
          "return select(2, pcall(string.find, ('a'):rep(30), ('a?'):rep(30) .. ('a'):rep(30)))",
          "pattern matching took too many steps: "
          "a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?...");
    close_watched(&s);
    buf_free(&text);
}

static void the_number_of_steps_is_the_same_each_time(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local function works(n) return (pcall(string.find, ('a'):rep(n), '^a-a-a-b')) end\n"
          "local low, high = 1, 2000\n"
          "while high - low > 1 do\n"
          "  local middle = (low + high) // 2\n"
          "  if works(middle) then low = middle else high = middle end\n"
          "end\n"
          "local same = works(low) and not works(high)\n"
          "for i = 1, 3 do same = same and works(low) and not works(high) end\n"
          "return same",
          "true");
    script_close(&s);
}

static void long_texts_are_matched_to_their_end(void **state) {
    struct script s;
    struct buf text;
    buf_init(&text);
    open_watched(&s, PLENTY, PLENTY);
    check(&s, "local s = ('word '):rep(1000000) return select(2, s:gsub('%a+', '%0'))", "1000000");
    check(&s,
          "local s, n = ('k=v,'):rep(1000000), 0 for k in s:gmatch('(%w)=(%w)') do n = n + 1 "
          "end return n",
          "1000000");
    check(&s, "return #(('x'):rep(8000000) .. '!'):match('^(x*)!$')", "8000000");
    check(&s, "return (('x'):rep(8000000) .. '!'):find('.-!$')", "1|8000001");
    close_watched(&s);
    buf_free(&text);
}

static void plain_searches_take_linear_time(void **state) {
    static const struct example examples[] = {
        {"return ('a'):rep(2000000):find(('a'):rep(1000000) .. 'b', 1, true)", "nil"},
        {"return ('a'):rep(2000000):find('b' .. ('a'):rep(1000000), 1, true)", "nil"},
        {"return ('a'):rep(2000000):find(('a'):rep(500000) .. 'b' .. ('a'):rep(500000))", "nil"},
        {"return ('ab'):rep(1000000):find(('ab'):rep(500000) .. 'b')", "nil"},
        {"return ('ab'):rep(1000000):find(('ba'):rep(500000), 1, true)", "2|1000001"},
    };
    CHECK_OURS(examples);
}

/* However many blanks there are, and wherever. */
static void trimming_takes_linear_time(void **state) {
    static const struct example examples[] = {
        {"return #('a' .. (' '):rep(1000000) .. 'b'):match('^%s*(.-)%s*$')", "1000002"},
        {"return #(' a' .. (' '):rep(1000000) .. 'b '):match('^%s*(.-)%s+$')", "1000002"},
        {"return #('a b '):rep(300000):match('^(.-)()%s*$')", "1199999"},
        {"return #('a' .. (' '):rep(1000000) .. 'b  '):gsub('%s+$', '')", "1000002"},
        {"return #('a' .. (' '):rep(1000000) .. 'b  '):gsub('%s*$', '')", "1000002"},
        {"return (' '):rep(1000000):match('^%s*(.-)%s*$')", ""},
        {"return ('a' .. (' '):rep(1000000) .. 'b'):match('^[^b]-%s+$')", "nil"},
    };
    CHECK_OURS(examples);
}

/* What ends at the end or nowhere is not looked at everywhere. */
static void what_only_the_end_follows_means_the_same(void **state) {
    static const struct example examples[] = {
        {"return ('  a  b  '):match('^%s*(.-)%s*$')", "a  b"},
        {"return (' a '):match('^(.-)%s*$'), ('a'):match('^(.-)%s*$'), (''):match('^(.-)%s*$')",
         " a|a|"},
        {"return ('a  b'):match('^(%w-)%s*$'), ('a  '):match('^(%w-)%s*$')", "nil|a"},
        {"return ('ax  xx a'):match('a?x?[^a]-%s+$'), ('a  xa  '):match('a?x-%s+$')", "nil|a  "},
        {"return ('aab  ab '):match('a*b?[^b]-%s+$')", "ab "},
        {"return ('a  b  '):find('()%s*()$')", "5|6|5|7"},
        {"return ('a  b  '):gsub('%s*$', '<%0>'), ('a b'):gsub('%s*$', '!')", "a  b<  >|a b!|1"},
        {"return ('aa ba'):gsub('a+$', '-'), ('aa'):gsub('a-a*$', '-')", "aa b-|-|1"},
        {"return ('a.a'):match('(a*(.*))$'), ('ab'):match('.-(b*)$')", "a.a|b"},
        {"return ('xaXa'):match('(%u-)(%w*)$'), ('a b'):match('.-%s+$')", "|nil"},
    };
    CHECK_ALL(examples);
}

#define MANY_CALLS \
    "local s = (('a'):rep(300) .. ':a-a-b;'):rep(10000)\n" \
    "local function f() return s:gsub('(a+):([^;]+);', string.find) end\n"

static void calls_that_follow_each_other_in_c_are_stopped_at_the_hard_limit(void **state) {
    struct script s;
    struct buf text;
    buf_init(&text);
    open_watched(&s, HARD, PLENTY);
    assert_int_equal(attack(&s, MANY_CALLS "f()", &text), TASK_OVERRUN);
    assert_string_equal(text.p, WATCHDOG_MESSAGE);
    close_watched(&s);
    buf_free(&text);
}

static void nobody_can_swallow_being_stopped(void **state) {
    static const char *const codes[] = {
        MANY_CALLS "while true do pcall(f) end",
        MANY_CALLS "while true do xpcall(f, function() while true do end end) end",
        MANY_CALLS "while true do pcall(coroutine.wrap(f)) end",
        "while true do pcall(string.find, ('a'):rep(5000), '.-.-.-b') end",
        "local f = ('a'):rep(5000):gmatch('.-.-.-b') while true do pcall(f) end",
    };
    struct script s;
    struct buf text;
    buf_init(&text);
    open_watched(&s, HARD, CPU);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        int64_t stopped = stat_get(STAT_TASKS_OVERRUN);
        enum task_end end = attack(&s, codes[i], &text);
        if (end != TASK_OVERRUN) fail_msg("%s: %s: %s", codes[i], end_name(end), text.p);
        assert_string_equal(text.p, WATCHDOG_MESSAGE);
        assert_int_equal(stat_get(STAT_TASKS_OVERRUN), stopped + 1);
        check(&s, "return ('still here'):match '%a+$'", "here");
    }
    close_watched(&s);
    buf_free(&text);
}

static void results_that_grow_meet_the_memory_cap(void **state) {
    struct script s;
    struct buf text;
    buf_init(&text);
    open_watched(&s, PLENTY, PLENTY);
    assert_int_equal(attack(&s, "return ('a'):rep(1000000):gsub('a', ('b'):rep(1000000))", &text),
                     TASK_NO_MEMORY);
    assert_int_equal(attack(&s, "local s = 'x' while true do s = s:gsub('x', 'xx') end", &text),
                     TASK_NO_MEMORY);
    assert_int_equal(attack(&s, "return ('x'):find(('[a]'):rep(1000000))", &text), TASK_NO_MEMORY);
    close_watched(&s);
    buf_free(&text);
}

/* ---- other functions of texts ---------------------------------------------------------------- */

static void what_only_a_number_claims_costs_nothing(void **state) {
    static const struct example examples[] = {
        {"return (''):rep(1000000000), (''):rep(math.maxinteger), (''):rep(1e9, '')", "||"},
        {RAISES("(''):rep(math.maxinteger, ',')"), "resulting string too large"},
        {RAISES("('x'):rep(1 << 40)"), "resulting string too large"},
        {"return #('%99d'):format(1), #('%.99f'):format(1)", "99|101"},
        {"return (pcall(string.format, '%100d', 1)), (pcall(string.format, '%.100f', 1))",
         "false|false"},
        {RAISES("table.concat(setmetatable({}, {__len = function() return 1 << 60 end}))"),
         "bad argument #1 to 'concat' (too many elements)"},
        {"return utf8.offset('abc', math.maxinteger), utf8.offset('abc', math.mininteger)",
         "nil|nil"},
        {"return (pcall(utf8.codepoint, ('a'):rep(2000000), 1, -1))", "false"},
        {"return utf8.len(('\\u{e9}'):rep(1000000)), (pcall(string.byte, ('a'):rep(2000000), 1, "
         "-1))",
         "1000000|false"},
        {"return (pcall(string.pack, 'c' .. (1 << 40), 'x'))", "false"},
    };
    CHECK_OURS(examples);
}

static void what_is_slow_to_write_may_not_be_much(void **state) {
    static const struct example examples[] = {
        {RAISES("local t = {} for i = 1, 5000 do t[i] = 1e308 end "
                "('%99.99f'):rep(5000):format(table.unpack(t))"),
         "too many values to 'format'"},
        {"local t = {} for i = 1, 4000 do t[i] = i end return #('%d'):rep(4000):format("
         "table.unpack(t))",
         "14893"},
        {RAISES("('%q'):format(('\\0'):rep(2000000))"), "values are too long for '%q'"},
        {RAISES("('%s%q'):format(('\\0'):rep(600000), ('\\0'):rep(600000))"),
         "values are too long for '%q'"},
        {"return #('%q'):format(('x'):rep(1000000)), #('%s'):format(('x'):rep(2000000))",
         "1000002|2000000"},
        {RAISES("os.date(('%c'):rep(100000))"), "bad argument #1 to 'date' (the format is too "
                                                "long)"},
        {"return os.date('!%Y-%m-%d', 0), os.date('!*t', 0).year, #os.date() > 0",
         "1970-01-01|1970|true"},
    };
    CHECK_OURS(examples);
}

/* ---- no memory ------------------------------------------------------------------------------- */

struct starved {
    long n; /* the allocation that fails, and all behind it */
    bool fired, right;
    bool out; /* of memory: its status, or its message when a buffer could not grow */
};

static int run_starved(lua_State *L) {
    static const char code[] =
        "local long = ('%a?'):rep(30) .. '(%d*)'\n"
        "local t = { ('abc12'):match(long) }\n"
        "for w in ('a b c'):gmatch('%a') do t[#t + 1] = w end\n"
        "for w in ('a b c'):gmatch(long) do t[#t + 1] = w end\n"
        "t[#t + 1] = ('abc'):rep(500):gsub('b', '<%0>'):gsub('%l', { a = ('x'):rep(99) }):len()\n"
        "t[#t + 1] = ('abc'):gsub(long, function(d) return ('y'):rep(3000) .. d end):len()\n"
        "return #t\n";
    struct starved *s = lua_touserdata(L, 1);
    if (luaL_loadstring(L, code) != LUA_OK) return lua_error(L);
    mem_fail_at(s->n, true);
    int status = lua_pcall(L, 0, 1, 0);
    s->fired = mem_fail_fired();
    mem_fail_at(0, false);
    s->out = status == LUA_ERRMEM ||
             (status != LUA_OK && strstr(lua_tostring(L, -1), "not enough memory"));
    s->right = lua_tointeger(L, -1) == 9;
    return 0;
}

static void no_failed_allocation_leaks_or_crashes(void **state) {
    struct script s;
    struct starved starved = {.fired = true};
    script_open(&s);
    while (starved.fired) {
        starved = (struct starved){.n = starved.n + 1};
        assert_int_equal(vm_protect(s.vm, run_starved, &starved, NULL), 0);
        assert_true(starved.out || starved.right);
        assert_true(starved.n < 10000);
        check(&s, "return ('x1'):match '%d'", "1");
    }
    assert_true(starved.right);
    assert_true(starved.n > 10);
    script_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_characters_and_classes_mean_what_the_manual_says),
        cmocka_unit_test(sets_mean_what_the_manual_says),
        cmocka_unit_test(repetitions_take_as_much_or_as_little_as_they_should),
        cmocka_unit_test(anchors_hold_and_elsewhere_are_characters),
        cmocka_unit_test(captures_are_texts_and_positions),
        cmocka_unit_test(balances_and_frontiers_are_found),
        cmocka_unit_test(searches_begin_where_they_are_told_to),
        cmocka_unit_test(gmatch_gives_every_match_once),
        cmocka_unit_test(gsub_replaces_by_text_table_and_function),
        cmocka_unit_test(mistakes_raise_what_they_raise_in_lua),
        cmocka_unit_test(mistakes_that_are_not_reached_do_not_matter),
        cmocka_unit_test(a_pattern_may_have_any_number_of_repetitions),
        cmocka_unit_test(functions_of_a_replacement_cannot_wait),
        cmocka_unit_test(two_hundred_thousand_random_cases_give_what_stock_lua_gives),
        cmocka_unit_test(patterns_that_backtrack_forever_fail_and_are_shown),
        cmocka_unit_test(the_number_of_steps_is_the_same_each_time),
        cmocka_unit_test(long_texts_are_matched_to_their_end),
        cmocka_unit_test(plain_searches_take_linear_time),
        cmocka_unit_test(trimming_takes_linear_time),
        cmocka_unit_test(what_only_the_end_follows_means_the_same),
        cmocka_unit_test(calls_that_follow_each_other_in_c_are_stopped_at_the_hard_limit),
        cmocka_unit_test(nobody_can_swallow_being_stopped),
        cmocka_unit_test(results_that_grow_meet_the_memory_cap),
        cmocka_unit_test(what_only_a_number_claims_costs_nothing),
        cmocka_unit_test(what_is_slow_to_write_may_not_be_much),
        cmocka_unit_test(no_failed_allocation_leaks_or_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
