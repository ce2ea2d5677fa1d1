/*
 * The watchdog: whatever does not end is stopped, others on the same worker get their turns, and
 * what ends in time is left alone.
 *
 * Limits are small so that the tests are quick; nothing here depends on how long something takes,
 * only on that it ends.
 */
#include "spec/core/script/script.h"

#define SOFT   ((uint64_t)2000000)
#define HARD   ((uint64_t)30000000)
#define CPU    ((uint64_t)80000000)
#define PLENTY ((uint64_t)60000000000)

static int l_turn(lua_State *L) {
    return task_yield(L);
}

static int64_t beats; /* turns of the task beside */

static int l_beat(lua_State *L) {
    beats++;
    return task_yield(L);
}

static int add_functions(lua_State *L) {
    lua_register(L, "turn", l_turn);
    lua_register(L, "beat", l_beat);
    return 0;
}

static void open_with(struct script *s, uint64_t soft, uint64_t hard, uint64_t cpu) {
    struct err e = {0};
    conf.lua_turn_soft = soft;
    conf.lua_turn_hard = hard;
    conf.lua_cpu = cpu;
    script_open(s);
    beats = 0;
    assert_int_equal(vm_protect(s->vm, add_functions, NULL, NULL), 0);
    if (watchdog_start(&e) < 0) fail_msg("%s", e.text);
}

static void open_watched(struct script *s) {
    open_with(s, SOFT, HARD, CPU);
}

static void close_watched(struct script *s) {
    watchdog_stop();
    script_close(s);
}

/* ---- what never ends ------------------------------------------------------------------------- */

/* ThreadSanitizer delivers a signal at the next call of the C library, so under it loops have to
 * allocate. */
#if defined(__SANITIZE_THREAD__)
#define LATE_SIGNALS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LATE_SIGNALS 1
#endif
#endif
#ifdef LATE_SIGNALS
#define FOREVER "while true do local t = {} end "
#else
#define LATE_SIGNALS 0
#define FOREVER      "while true do end "
#endif

static const struct {
    const char *name, *code;
    bool yields; /* forced yields are possible: others get turns meanwhile */
} endless[] = {
    {"a loop", FOREVER, true},
    {"a loop of calls", "local function f() end while true do f() end", true},
    {"tail calls", "local function f() return f() end f()", true},
    {"an allocating loop", "while true do local t = {} end", true},
    {"a string loop", "local s = '' while true do s = ('x'):rep(10) .. 'y' end", true},
    {"a numeric for", "for i = 1, math.maxinteger do end", true},
    {"a generic for", "for i in function() return 1 end do end", true},
    {"a goto", "::a:: goto a", true},
    {"a loop in pcall", "pcall(function() " FOREVER "end)", true},
    {"pcall in a loop", "while true do pcall(function() " FOREVER "end) end", true},
    {"pcall of errors in a loop", "while true do pcall(error) end", true},
    {"nested pcalls",
     "local function f(n) if n == 0 then " FOREVER
     "end while true do pcall(f, n - 1) end end f(50)",
     true},
    {"xpcall with a handler that loops",
     "while true do xpcall(function() " FOREVER "end, function() " FOREVER "end) end", true},
    {"xpcall with a handler that loops on errors",
     "while true do xpcall(error, function() " FOREVER "end) end", false},
    {"a coroutine", "coroutine.wrap(function() " FOREVER "end)()", true},
    {"a coroutine per pcall", "while true do pcall(coroutine.wrap(function() " FOREVER "end)) end",
     true},
    {"a coroutine per resume",
     "while true do coroutine.resume(coroutine.create(function() " FOREVER "end)) end", true},
    {"coroutines in coroutines",
     "local function f(n) if n == 0 then " FOREVER
     "end while true do coroutine.resume(coroutine.create(f), n - 1) end end f(20)",
     true},
    {"a generator that yields",
     "for v in coroutine.wrap(function() while true do "
     "coroutine.yield(1) end end) do end",
     true},
    {"a closer", "do local g <close> = setmetatable({}, {__close = function() " FOREVER "end}) end",
     true},
    {"a closer after an error",
     "local g <close> = setmetatable({}, {__close = function() " FOREVER "end}) error 'x'", false},
    {"closers, each after the other",
     "local function f(n) local g <close> = setmetatable({}, {__close = function() while true do "
     "pcall(function() " FOREVER "end) end end}) if n > 0 then f(n - 1) end error 'x' end f(5)",
     false},
    {"a closer of a coroutine that is closed",
     "local co = coroutine.create(function() local g <close> = setmetatable({}, {__close = "
     "function() " FOREVER "end}) coroutine.yield() end) coroutine.resume(co) coroutine.close(co)",
     false},
    {"a sort comparator", "table.sort({3, 2, 1}, function(a, b) " FOREVER "end)", false},
    {"a sort comparator that catches",
     "table.sort({3, 2, 1}, function(a, b) while true do pcall(function() " FOREVER "end) end end)",
     false},
    {"a sort of what claims to be long",
     "table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end}), rawequal)",
     false},
    {"a gsub callback", "('x'):gsub('x', function() " FOREVER "end)", false},
    {"a coroutine in a gsub callback",
     "('x'):gsub('x', function() coroutine.wrap(function() " FOREVER "end)() end)", false},
    {"a metamethod", "return setmetatable({}, {__index = function() " FOREVER "end}).x", true},
    {"a comparison", "return setmetatable({}, {__lt = function() " FOREVER "end}) < {}", true},
    {"a concatenation", "return setmetatable({}, {__concat = function() " FOREVER "end}) .. 'x'",
     true},
    {"tostring", "tostring(setmetatable({}, {__tostring = function() " FOREVER "end}))", false},
    {"a reader of load", "load(function() " FOREVER "end)", false},
    {"a module", "package_does_not_matter = load('" FOREVER "')()", true},
    {"table.concat of a proxy",
     "table.concat(setmetatable({}, {__index = function() return '' end, __len = function() return "
     "1000000 end}))",
     false},
    {"elements that are found slowly",
     "local t = {} for i = 1, 200000 do t[i] = i end for i = 1, 199999 do t[i] = nil end "
     "setmetatable(t, {__index = next}) while true do pcall(table.concat, t, '', 1, 199999) end",
     false},
    {"elements behind a chain of tables",
     "local t = setmetatable({}, {__index = rawlen}) "
     "for _ = 1, 1900 do t = setmetatable({}, {__index = t}) end "
     "while true do pcall(table.unpack, t, 1, 900000) end",
     false},
    {"moves from a chain of tables",
     "local t = setmetatable({}, {__index = rawlen}) "
     "for _ = 1, 1900 do t = setmetatable({}, {__index = t}) end "
     "while true do pcall(table.move, t, 1, 900000, 1, {}) end",
     false},
    {"insertions before a chain of tables",
     "local function long() return 900000 end "
     "local t = setmetatable({}, {__index = rawlen, __newindex = rawequal, __len = long}) "
     "for _ = 1, 1900 do t = setmetatable({}, {__index = t, __newindex = t, __len = long}) end "
     "while true do pcall(table.insert, t, 1, 1) pcall(table.remove, t, 1) end",
     false},
    {"C functions that call each other through metamethods",
     "local t = setmetatable({nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, "
     "nil, "
     "nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, 30}, "
     "{__index = pcall, __call = table.unpack, __len = rawlen}) table.unpack(t, 1, 30)",
     false},
    {"texts of a format that are made slowly",
     "local empty = {} for i = 1, 1000000 do empty[i] = '' end "
     "setmetatable(empty, {__tostring = table.concat}) local all = {} "
     "for i = 1, 4000 do all[i] = empty end "
     "while true do pcall(string.format, ('%s'):rep(4000), table.unpack(all)) end",
     false},
    {"a replacement of many captures that are empty",
     "while true do pcall(string.gsub, ('x'):rep(1000000), 'x(y*)', ('%1'):rep(100000)) end",
     false},
    {"turns given all the time", "while true do for i = 1, 100000 do end turn() end", true},
    {"a handler of what loops inside a C call",
     "xpcall(function() table.sort({3, 2, 1}, function() " FOREVER "end) end, function() " FOREVER
     "end)",
     false},
    {"handlers of handlers",
     "local function f() xpcall(function() ('x'):gsub('x', function() " FOREVER
     "end) end, function() f() end) end f()",
     false},
    {"a closer of what loops inside a C call",
     "local g <close> = setmetatable({}, {__close = function() " FOREVER
     "end}) table.sort({3, 2, 1}, function() " FOREVER "end)",
     false},
    {"a closer of a coroutine that loops inside a C call",
     "coroutine.wrap(function() local g <close> = setmetatable({}, {__close = function() " FOREVER
     "end}) table.sort({3, 2, 1}, function() " FOREVER "end) end)()",
     false},
    {"the same, closed by hand",
     "local co = coroutine.create(function() local g <close> = setmetatable({}, {__close = "
     "function() " FOREVER "end}) ('x'):gsub('x', function() " FOREVER
     "end) end) pcall(coroutine.resume, co) while true do coroutine.close(co) end",
     false},
    {"the same, inside a C call",
     "('y'):gsub('y', function() local co = coroutine.create(function() local g <close> = "
     "setmetatable({}, {__close = function() " FOREVER "end}) ('x'):gsub('x', function() " FOREVER
     "end) end) pcall(coroutine.resume, co) while true do pcall(coroutine.close, co) end end)",
     false},
    {"pcalls inside a C call",
     "table.sort({3, 2, 1}, function() local function f(n) while true do pcall(f, n + 1) end end "
     "f(0) end)",
     false},
    {"text of an argument",
     "string.format('%s', setmetatable({}, {__tostring = function() " FOREVER "end}))", false},
    {"__pairs", "for k in pairs(setmetatable({}, {__pairs = function() " FOREVER "end})) do end",
     true},
    {"__close of a generic for",
     "for i in next, {1}, nil, setmetatable({}, {__close = function() " FOREVER "end}) do end",
     true},
    {"memory at its end",
     "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(100000) .. #t end) end",
     true},
    {"a child", "require 'task'.all{function() " FOREVER "end}", true},
    {"a spawned child", "require 'task'.spawn(function() " FOREVER "end):join()", true},
    {"children of children",
     "local task = require 'task' local function f() while true do pcall(task.all, {f, f}) end end "
     "f()",
     true},
    {"pcall as the task's function", NULL, true},
};

static int push_pcall(lua_State *co, void *arg) {
    lua_getglobal(co, "pcall");
    if (luaL_loadstring(co, "while true do pcall(function() " FOREVER "end) end")) lua_error(co);
    return 1;
}

static int push_endless(lua_State *co, void *arg) {
    struct run *r = arg;
    return r->code ? run_push(co, arg) : push_pcall(co, arg);
}

static struct task *make_endless(struct script *s, struct run *r, const char *code) {
    struct err e = {0};
    *r = (struct run){.s = s, .code = code};
    buf_init(&r->text);
    buf_init(&r->trace);
    r->task = task_new(s->vm, push_endless, r, &e);
    if (!r->task) fail_msg("%s", e.text);
    r->task->data = r;
    r->task->ended = run_ended;
    return r->task;
}

static void whatever_does_not_end_is_stopped(void **state) {
    struct script s;
    open_watched(&s);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        struct run r, beside = {0};
        if (LATE_SIGNALS && endless[i].code && !strstr(endless[i].code, FOREVER)) continue;
        int64_t stopped = stat_get(STAT_TASKS_OVERRUN);
        task_start(make_endless(&s, &r, endless[i].code));
        run_start(&s, &beside, "while true do beat() end");
        beats = 0;
        run_wait(&r);
        bool ok = r.end == TASK_OVERRUN || (!endless[i].yields && r.end == TASK_FAILED);
        if (!ok) fail_msg("%s: %s: %s", endless[i].name, end_name(r.end), r.trace.p);
        if (r.end == TASK_OVERRUN) {
            assert_true(stat_get(STAT_TASKS_OVERRUN) > stopped);
            assert_int_equal(r.status, 503);
            assert_string_equal(r.text.p, WATCHDOG_MESSAGE);
            assert_non_null(strstr(r.trace.p, "\nstack traceback:\n"));
        }
        if (endless[i].yields && beats == 0)
            fail_msg("%s: the task beside it had no turn", endless[i].name);
        task_cancel(beside.task);
        run_free(&beside);
        run_free(&r);
        check(&s, "local n = 0 for i = 1, 1000 do n = n + i end return n", "500500");
    }
    close_watched(&s);
}

static void many_endless_tasks_are_all_stopped(void **state) {
    enum { MANY = 12 };
    struct script s;
    struct run r[MANY];
    open_watched(&s);
    for (int i = 0; i < MANY; i++)
        task_start(make_endless(&s, &r[i], LATE_SIGNALS ? FOREVER : endless[i].code));
    for (int i = 0; i < MANY; i++) {
        run_wait(&r[i]);
        assert_int_equal(r[i].end, TASK_OVERRUN);
        run_free(&r[i]);
    }
    close_watched(&s);
}

static void children_spend_their_parents_time(void **state) {
    struct script s;
    struct run r = {0};
    open_watched(&s);
    run_start(
        &s, &r,
        "local task = require 'task'\n"
        "while true do pcall(task.all, {function() for i = 1, 2e5 do local t = {} end end}) end");
    run_wait(&r);
    assert_int_equal(r.end, TASK_OVERRUN);
    run_free(&r);
    close_watched(&s);
}

/* ---- what is not a task ---------------------------------------------------------------------- */

static int run_forever(lua_State *L) {
    if (luaL_dostring(L, "while true do pcall(function() " FOREVER "end) end")) return lua_error(L);
    return 0;
}

static void a_deadline_ends_what_gives_way(void **state) {
    struct script s;
    struct run r = {0};
    open_with(&s, SOFT, HARD, PLENTY);
    check(&s, "return require 'task'.timeout(0.005, function() " FOREVER "end)",
          "nil|timed out|timeout");
    struct task *t = run_make(&s, &r, "while true do pcall(function() " FOREVER "end) end");
    task_deadline(t, 5);
    task_start(t);
    run_wait(&r);
    assert_int_equal(r.end, TASK_CANCELED);
    assert_string_equal(r.text.p, "deadline exceeded");
    run_free(&r);
    close_watched(&s);
}

/* Lua steps one instruction back when it yields in a hook. */
static void what_gave_way_is_on_the_line_where_it_goes_on(void **state) {
    struct script s;
    struct run r = {0};
    open_with(&s, SOFT, PLENTY, PLENTY);
    struct task *t = run_make(&s, &r, "local n = 1\n\n" FOREVER);
    task_deadline(t, 5);
    task_start(t);
    run_wait(&r);
    assert_int_equal(r.end, TASK_CANCELED);
    if (!strstr(r.trace.p, ":3: in main chunk")) fail_msg("%s", r.trace.p);
    run_free(&r);
    close_watched(&s);
}

static void code_that_runs_protected_is_stopped_too(void **state) {
    struct script s;
    struct err e = {0};
    open_watched(&s);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vm_protect(s.vm, run_forever, NULL, &e), -EINVAL);
        assert_true(str_ends(str_of(e.text), STR(": " WATCHDOG_MESSAGE)));
    }
    check(&s, "return 1", "1");
    close_watched(&s);
}

static void closers_of_a_cancelled_task_are_stopped(void **state) {
    struct script s;
    struct run r = {0};
    open_watched(&s);
    run_start(&s, &r,
              "local a <close> = setmetatable({}, {__close = function() second = true end})\n"
              "local b <close> = setmetatable({}, {__close = function() while true do "
              "pcall(function() " FOREVER "end) end end})\n"
              "require 'time'.sleep(60000)");
    task_cancel(r.task);
    assert_int_equal(r.end, TASK_CANCELED);
    run_free(&r);
    check(&s, "return 1", "1");
    close_watched(&s);
}

/* They are no turn: nobody else runs between them. */
static void closers_of_many_tasks_share_one_limit(void **state) {
    enum { MANY = 60 };
    static struct run r[MANY];
    struct script s;
    memset(r, 0, sizeof r);
    open_watched(&s);
    check(&s, "ran, inner = 0, {} return 1", "1");
    for (int i = 0; i < MANY; i++)
        run_start(&s, &r[i],
                  "local function wait() require 'time'.sleep(60000) end\n"
                  "local x <close> = setmetatable({}, {__close = function() ran = ran + 1 " FOREVER
                  "end})\n"
                  "inner[#inner + 1] = coroutine.create(wait) coroutine.resume(inner[#inner])");
    for (int i = 0; i < MANY; i++)
        task_cancel(r[i].task);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(r[i].end, TASK_CANCELED);
        run_free(&r[i]);
    }
    check(&s, "return ran > 0 and ran < 30", "true");
    check(&s, "local co = inner[#inner] return coroutine.status(co), coroutine.resume(co)",
          "dead|false|cannot resume dead coroutine");
    check(&s, "return (coroutine.close(inner[#inner]))", "false");
    close_watched(&s);
}

static void the_error_of_a_failed_task_cannot_loop_either(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_watched(&s);
    run_start(&s, &r[0], "error(setmetatable({}, {__index = function() asked = true end}))");
    run_wait(&r[0]);
    run_start(&s, &r[1], "error(setmetatable({}, {__tostring = function() " FOREVER "end}))");
    run_wait(&r[1]);
    for (int i = 0; i < 2; i++)
        assert_int_equal(r[i].end, TASK_FAILED);
    assert_non_null(strstr(r[1].text.p, WATCHDOG_MESSAGE));
    for (int i = 0; i < 2; i++)
        run_free(&r[i]);
    check(&s, "return rawget(_G, 'asked')", "nil");
    close_watched(&s);
}

static void errors_without_a_text_are_asked_for_one_within_a_limit(void **state) {
    enum { MANY = 60 };
    static struct run r[MANY];
    struct script s;
    memset(r, 0, sizeof r);
    open_watched(&s);
    check(&s, "ran = 0 return 1", "1");
    for (int i = 0; i < MANY; i++) {
        run_start(&s, &r[i],
                  "error(setmetatable({}, {__tostring = function() ran = ran + 1 " FOREVER
                  "end}))");
        run_wait(&r[i]);
        assert_non_null(strstr(r[i].text.p, "ran too long"));
        run_free(&r[i]);
    }
    check(&s, "return ran > 0 and ran < 30", "true");
    close_watched(&s);
}

/* ---- what ends in time ----------------------------------------------------------------------- */

/* A program whose result depends on every instruction being run once. */
static const char WORK[] =
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "local t, h = {}, 0\n"
    "for i = 1, 3000 do t[i] = (i * 7919) % 3001 end\n"
    "table.sort(t, function(a, b) return a < b end)\n"
    "for i, v in ipairs(t) do h = (h * 31 + v) & 0xffffffff end\n"
    "for w in ('the quick brown fox'):gmatch('%a+') do h = h ~ #w end\n"
    "local gen = coroutine.wrap(function() for i = 1, 500 do coroutine.yield(i) end end)\n"
    "for i = 1, 500 do h = (h * 17 + gen()) & 0xffffffff end\n"
    "local mt = {__index = function(_, k) return k * 2 end, __add = function(a, b) return 5 end,\n"
    "  __call = function(self, x) return x + 1 end, __lt = function() return true end,\n"
    "  __concat = function(a, b) return 'c' end, __len = function() return 9 end,\n"
    "  __eq = function() return true end, __unm = function() return 3 end}\n"
    "local o = setmetatable({}, mt)\n"
    "for i = 1, 300 do\n"
    "  h = h + o[i] + (o + 1) + o(i) + #o + -o + #(o .. 'x') + (o < o and 1 or 0)\n"
    "  h = h + select('#', table.unpack({1, 2, 3}, 1, i % 4))\n"
    "  local ok, e = pcall(error, i) h = h + e\n"
    "  do local c <close> = setmetatable({}, {__close = function() h = h + 1 end}) end\n"
    "  local s = string.format('%d:%s', i, i % 2 == 0) h = h + #s\n"
    "  for k, v in pairs({a = 1, b = 2, i}) do h = h + v end\n"
    "  h = h + (function(...) local a, b = ... return a + b + select('#', ...) end)(i, 2, nil)\n"
    "end\n"
    "return h, fib(20)";

/* Forces a yield at every instruction that can be interrupted. */
static void yield_everywhere(lua_State *L, lua_Debug *at) {
    struct vm *vm = vm_of(L);
    if (!vm->running || vm->barrier > 0 || !lua_isyieldable(L)) return;
    vm->host_yield = true;
    lua_yield(L, 0);
}

static void a_forced_yield_changes_no_result(void **state) {
    struct script s;
    struct run plain = {0}, forced = {0};
    open_watched(&s);
    watchdog_stop();
    run_start(&s, &plain, WORK);
    run_wait(&plain);
    assert_int_equal(plain.end, TASK_RETURNED);
    struct task *t = run_make(&s, &forced, WORK);
    lua_sethook(t->co, yield_everywhere, LUA_MASKCOUNT, 1);
    task_start(t);
    assert_false(forced.over);
    run_wait(&forced);
    assert_int_equal(forced.end, TASK_RETURNED);
    assert_string_equal(forced.text.p, plain.text.p);
    run_free(&plain);
    run_free(&forced);
    script_close(&s);
}

static void long_work_gives_way_and_is_right(void **state) {
    enum { MANY = 4 };
    struct script s;
    struct run plain = {0}, r[MANY] = {0};
    open_watched(&s);
    watchdog_stop();
    run_start(&s, &plain, WORK);
    run_wait(&plain);
    conf.lua_turn_soft = SOFT / 4;
    conf.lua_turn_hard = PLENTY;
    conf.lua_cpu = PLENTY;
    assert_int_equal(watchdog_start(NULL), 0);
    int64_t yields = stat_get(STAT_TASK_YIELDS);
    for (int i = 0; i < MANY; i++)
        run_start(&s, &r[i], WORK);
    for (int i = 0; i < MANY; i++) {
        run_wait(&r[i]);
        assert_int_equal(r[i].end, TASK_RETURNED);
        assert_string_equal(r[i].text.p, plain.text.p);
        run_free(&r[i]);
    }
    while (stat_get(STAT_TASK_YIELDS) == yields) { /* a fast machine: longer work */
        struct run more = {0};
        run_start(&s, &more, WORK);
        run_wait(&more);
        run_free(&more);
    }
    run_free(&plain);
    close_watched(&s);
}

static void many_short_turns_are_not_one_long_one(void **state) {
    struct script s;
    struct run r = {0};
    open_with(&s, SOFT, HARD, PLENTY);
    run_start(&s, &r, "for i = 1, 20000 do turn() end return 'done'");
    run_wait(&r);
    assert_int_equal(r.end, TASK_RETURNED);
    run_free(&r);
    close_watched(&s);
}

static void processor_time_is_charged_to_task_and_state(void **state) {
    struct script s;
    struct run r = {0};
    open_with(&s, SOFT, PLENTY, PLENTY);
    run_start(&s, &r, "while true do local t = {} end");
    assert_false(r.over); /* it gave way, so it was seen */
    assert_true(r.task->cpu >= SOFT);
    assert_true(s.vm->cpu >= r.task->cpu);
    task_cancel(r.task);
    run_free(&r);
    close_watched(&s);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void it_sleeps_and_is_woken(void **state) {
    struct script s;
    struct run r = {0};
    open_watched(&s);
    while (!atomic_load(&watchdog_asleep))
        sched_yield();
    run_start(&s, &r, FOREVER);
    run_wait(&r);
    assert_int_equal(r.end, TASK_OVERRUN);
    run_free(&r);
    close_watched(&s);
}

static void it_can_be_started_again(void **state) {
    struct script s;
    open_watched(&s);
    for (int i = 0; i < 5; i++) {
        struct run r = {0};
        watchdog_stop();
        watchdog_stop();
        assert_int_equal(watchdog_start(NULL), 0);
        run_start(&s, &r, FOREVER);
        run_wait(&r);
        assert_int_equal(r.end, TASK_OVERRUN);
        run_free(&r);
    }
    close_watched(&s);
}

/* Several workers, each with an endless task and a good one, under one watchdog. */
struct crew {
    struct worker w;
    struct vm *vm;
    struct run bad, good;
    struct worker *boss;
    struct message msg;
    int *left;
};

static void crew_ended(struct task *t, enum task_end end, int nresults) {
    struct run *r = t->data;
    struct crew *c = (struct crew *)r->s;
    r->over = true;
    r->end = end;
    if (!c->bad.over || !c->good.over) return;
    worker_post(c->boss, &c->msg);
}

static void crew_done(struct message *m) {
    struct crew *c = LIST_ENTRY(m, struct crew, msg);
    if (--*c->left == 0) worker_stop(c->boss);
}

static int push_code(lua_State *co, void *arg) {
    if (luaL_loadstring(co, arg)) lua_error(co);
    return 0;
}

static void crew_task(struct crew *c, struct run *r, const char *code) {
    struct task *t = task_new(c->vm, push_code, (void *)code, NULL);
    r->s = (struct script *)(void *)c;
    t->data = r;
    t->ended = crew_ended;
    task_start(t);
}

static int crew_start(struct worker *w, struct err *e) {
    struct crew *c = LIST_ENTRY(w, struct crew, w);
    struct vm_options o = {.name = "crew", .memory = 16 << 20};
    assert_int_equal(task_open(w), 0);
    c->vm = vm_new(w, &o, e);
    if (!c->vm) return e->code;
    crew_task(c, &c->bad, "while true do pcall(function() " FOREVER "end) end");
    crew_task(c, &c->good, "local time = require 'time' for i = 1, 20 do time.sleep(0.001) end");
    return 0;
}

static void every_worker_is_watched(void **state) {
    enum { CREW = 3 };
    static struct crew crew[CREW];
    struct worker boss;
    struct err e = {0};
    int left = CREW;
    conf.lua_turn_soft = SOFT;
    conf.lua_turn_hard = HARD;
    conf.lua_cpu = CPU;
    assert_int_equal(worker_init(&boss, -1, &e), 0);
    assert_int_equal(watchdog_start(&e), 0);
    for (int i = 0; i < CREW; i++) {
        memset(&crew[i], 0, sizeof crew[i]);
        crew[i].boss = &boss;
        crew[i].left = &left;
        crew[i].msg.deliver = crew_done;
        assert_int_equal(worker_init(&crew[i].w, i, &e), 0);
        assert_int_equal(worker_start(&crew[i].w, "crew", crew_start, &e), 0);
    }
    worker_run(&boss);
    for (int i = 0; i < CREW; i++) {
        worker_stop(&crew[i].w);
        pthread_join(crew[i].w.thread, NULL);
        crew[i].w.running = false;
        assert_int_equal(crew[i].bad.end, TASK_OVERRUN);
        assert_int_equal(crew[i].good.end, TASK_RETURNED);
        vm_free(crew[i].vm);
        task_close(&crew[i].w);
        worker_free(&crew[i].w);
    }
    watchdog_stop();
    worker_free(&boss);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_does_not_end_is_stopped),
        cmocka_unit_test(many_endless_tasks_are_all_stopped),
        cmocka_unit_test(children_spend_their_parents_time),
        cmocka_unit_test(a_deadline_ends_what_gives_way),
        cmocka_unit_test(what_gave_way_is_on_the_line_where_it_goes_on),
        cmocka_unit_test(code_that_runs_protected_is_stopped_too),
        cmocka_unit_test(closers_of_a_cancelled_task_are_stopped),
        cmocka_unit_test(closers_of_many_tasks_share_one_limit),
        cmocka_unit_test(the_error_of_a_failed_task_cannot_loop_either),
        cmocka_unit_test(errors_without_a_text_are_asked_for_one_within_a_limit),
        cmocka_unit_test(a_forced_yield_changes_no_result),
        cmocka_unit_test(long_work_gives_way_and_is_right),
        cmocka_unit_test(many_short_turns_are_not_one_long_one),
        cmocka_unit_test(processor_time_is_charged_to_task_and_state),
        cmocka_unit_test(it_sleeps_and_is_woken),
        cmocka_unit_test(it_can_be_started_again),
        cmocka_unit_test(every_worker_is_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
