/*
 * Tasks and ops: ways in, ways out, errors, limits, recycling, turns.
 */
#include "spec/core/script/held.h"

static void note_end(struct task *t, enum task_end end, int nresults) {
    strcat(notes, "ended ");
}

/* ---- running --------------------------------------------------------------------------------- */

static void a_task_runs_at_once_and_returns_its_results(void **state) {
    struct script s;
    struct run r = {0};
    int64_t before = stat_get(STAT_TASKS);
    open_held(&s);
    run_start(&s, &r, "return 1, nil, 'x', {1, 2}");
    check_over(&r, TASK_RETURNED, "1|nil|x|{1,2}");
    assert_int_equal(stat_get(STAT_TASKS), before + 1);
    check(&s, "return", "");
    check(&s, "local t = {} for i = 1, 200 do t[i] = i end return select('#', table.unpack(t))",
          "200");
    script_close(&s);
}

static void a_task_started_inside_another_waits_for_its_turn(void **state) {
    struct script s;
    struct run first = {0}, second = {0};
    open_held(&s);
    first.after = &second;
    second.code = "return 'second'";
    run_start(&s, &first, "return 'first'");
    assert_true(first.over);
    assert_false(second.over);
    assert_int_equal(second.task->state, TASK_READY);
    run_wait(&second);
    check_over(&first, TASK_RETURNED, "first");
    check_over(&second, TASK_RETURNED, "second");
    script_close(&s);
}

static void waiting_tasks_go_on_when_their_op_has_finished(void **state) {
    struct script s;
    struct run r[3] = {0};
    open_held(&s);
    run_start(&s, &r[0], "return hold('a')");
    run_start(&s, &r[1], "local x = hold('b') return x, hold('b2')");
    run_start(&s, &r[2], "return select(2, hold('c'))");
    assert_int_equal(s.vm->n_ops, 3);
    give("c", 3);
    give("a", 1);
    assert_false(r[2].over);
    script_turn(&s);
    check_over(&r[2], TASK_RETURNED, "3");
    check_over(&r[0], TASK_RETURNED, "a|1");
    give("b", 2);
    while (!waiting("b2"))
        script_turn(&s);
    assert_int_equal(r[1].task->state, TASK_WAITING);
    give("b2", 4);
    run_wait(&r[1]);
    check_over(&r[1], TASK_RETURNED, "b|b2|4");
    assert_int_equal(held.dropped, 4);
    script_close(&s);
}

static void an_op_that_has_finished_already_does_not_wait(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    held.at_once = true;
    run_start(&s, &r, "local a = hold('a', 7) local b, n = hold('b', 8) return a, b, n");
    check_over(&r, TASK_RETURNED, "a|b|8");
    assert_int_equal(held.dropped, 2);
    script_close(&s);
}

static void a_failed_start_returns_nil_message_code(void **state) {
    struct script s;
    open_held(&s);
    held.refuses = true;
    check(&s, "return hold('a')", "nil|nobody there|refused");
    assert_int_equal(held.dropped, 1);
    assert_int_equal(held.canceled, 0);
    script_close(&s);
}

static void an_error_in_done_reaches_the_script(void **state) {
    struct script s;
    struct run r[3] = {0};
    open_held(&s);
    run_start(&s, &r[0], "return hold('a')");
    run_start(&s, &r[1], "return pcall(hold, 'b')");
    run_start(&s, &r[2], "local ok, e = pcall(hold, 'c') return e, hold('d')");
    give("a", -1);
    give("b", -1);
    give("c", -1);
    while (!r[0].over || !r[1].over || !waiting("d"))
        script_turn(&s);
    check_over(&r[0], TASK_FAILED, "done failed");
    check_over(&r[1], TASK_RETURNED, "false|done failed");
    give("d", 1);
    run_wait(&r[2]);
    check_over(&r[2], TASK_RETURNED, "done failed|d|1");
    assert_int_equal(held.dropped, 4);
    held.at_once = true;
    check_error(&s, "hold('e', -1)", "done failed");
    check(&s, "pcall(hold, 'f', -1) return hold('g', 1)", "g|1");
    assert_int_equal(held.dropped, 7);
    script_close(&s);
}

static void a_binding_that_throws_after_op_new_leaks_nothing(void **state) {
    struct script s;
    open_held(&s);
    held.throws = true;
    check_error(&s, "hold('a')", "thrown after op_new");
    check_error(&s, "pcall(hold, 'a') pcall(hold, 'b') hold('c')", "thrown after op_new");
    check(&s, "pcall(hold, 'a') return 'went on'", "went on");
    assert_int_equal(held.dropped, 5);
    assert_int_equal(held.canceled, 5);
    script_close(&s);
}

static void a_turn_goes_to_others_and_comes_back(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_held(&s);
    run_start(&s, &r[0], "for i = 1, 3 do note('a' .. i) turn() end");
    run_start(&s, &r[1], "for i = 1, 3 do note('b' .. i) turn() end");
    run_wait(&r[0]);
    run_wait(&r[1]);
    assert_string_equal(notes, "a1 b1 a2 b2 a3 b3 ");
    check_over(&r[0], TASK_RETURNED, "");
    check_over(&r[1], TASK_RETURNED, "");
    check(&s, "table.sort({2, 1}, function(a, b) turn() return a < b end) return 'sorted'",
          "sorted");
    script_close(&s);
}

static void a_turn_resumes_a_bounded_number(void **state) {
    enum { MANY = 200 };
    struct script s;
    static struct run r[MANY];
    open_held(&s);
    memset(r, 0, sizeof r);
    for (int i = 0; i < MANY; i++)
        run_start(&s, &r[i], "for i = 1, 5 do turn() end return 'x'");
    int turns = 0, over = 0;
    while (over < MANY) {
        script_turn(&s);
        turns++;
        over = 0;
        for (int i = 0; i < MANY; i++)
            over += r[i].over;
    }
    assert_true(turns >= 5 * MANY / 64);
    for (int i = 0; i < MANY; i++)
        check_over(&r[i], TASK_RETURNED, "x");
    script_close(&s);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void an_error_has_its_text_status_and_traceback(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    run_start(&s, &r,
              "local function inner() error('deep') end\nlocal function outer() inner() "
              "return 1 end\nouter()");
    assert_true(r.over);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.text.p, "services/spec/test.lua:1: deep");
    assert_non_null(strstr(r.trace.p, "services/spec/test.lua:1: deep\nstack traceback:"));
    assert_non_null(strstr(r.trace.p, "in upvalue 'inner'"));
    assert_non_null(strstr(r.trace.p, "in local 'outer'"));
    check_over(&r, TASK_FAILED, "deep");
    script_close(&s);
}

#define ERROR_VALUE(fields) \
    "error(setmetatable({" fields \
    "}, {__tostring = function(e) return 'E:' .. tostring(e.status) " \
    "end}))"

static void an_error_value_chooses_status_and_message(void **state) {
    static const struct {
        const char *code, *text;
        int status;
        bool traced;
    } cases[] = {
        {ERROR_VALUE("status = 404, message = 'no such pet'"), "no such pet", 404, false},
        {ERROR_VALUE("status = 503, message = 'later'"), "later", 503, true},
        {ERROR_VALUE("status = 404"), "E:404", 404, false},
        {ERROR_VALUE("status = 99, message = 'odd'"), "odd", 0, true},
        {ERROR_VALUE("status = '404', message = 'odd'"), "odd", 0, true},
        {ERROR_VALUE("status = 1000, message = 'odd'"), "odd", 0, true},
        {"error({})", "table: 0x", 0, true},
        {"error(nil)", "nil", 0, true},
        {"error(true)", "true", 0, true},
        {"error(12)", "12", 0, true},
        {"error(print)", "function: 0x", 0, true},
        {"error(setmetatable({}, {__index = function() error 'no field' end}))", "table: 0x", 0,
         true},
        {"error(setmetatable({}, {__tostring = function() error 'no text' end}))", "no text", 0,
         true},
        {"error(setmetatable({}, {__tostring = function() return {} end}))", "must return a string",
         0, true},
        {"error(coroutine.create(print))", "thread: 0x", 0, true},
        {"local t = setmetatable({}, {__index = function() while true do end end}) error(t)", "", 0,
         true},
    };
    struct script s;
    open_held(&s);
    for (size_t i = 0; i + 1 < sizeof cases / sizeof *cases; i++) {
        struct run r = {0};
        run_start(&s, &r, cases[i].code);
        assert_true(r.over);
        assert_int_equal(r.status, cases[i].status);
        assert_int_equal(strstr(r.trace.p, "stack traceback") != NULL, cases[i].traced);
        check_over(&r, TASK_FAILED, cases[i].text);
    }
    script_close(&s);
}

static void a_closer_sees_the_error_and_may_replace_it(void **state) {
    struct script s;
    open_held(&s);
    check_error(&s, GUARD "error('first', 0)", "first");
    assert_string_equal(notes, "closed:first ");
    check_error(
        &s,
        "local g <close> = setmetatable({}, {__close = function() error('second', 0) end})\n"
        "error('first', 0)",
        "second");
    check(&s, "return 1", "1");
    script_close(&s);
}

static void running_out_of_memory_ends_one_task_only(void **state) {
    struct script s;
    struct run waits = {0};
    open_held(&s);
    run_start(&s, &waits, "local x = hold('a') return x .. '!'");
    int64_t failed = stat_get(STAT_TASKS_FAILED);
    for (int i = 0; i < 3; i++) {
        struct run r = {0};
        run_start(&s, &r, "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 16) .. #t end");
        assert_true(r.over);
        assert_int_equal(r.status, 503);
        check_over(&r, TASK_NO_MEMORY, "out of memory");
    }
    assert_int_equal(stat_get(STAT_TASKS_FAILED), failed + 3);
    check(&s, "local ok, e = pcall(string.rep, 'x', 1 << 24, 'y') return ok, e ",
          "false|not enough "
          "memory");
    give("a", 1);
    run_wait(&waits);
    check_over(&waits, TASK_RETURNED, "a!");
    script_close(&s);
}

static void the_stack_and_the_c_stack_have_ends(void **state) {
    struct script s;
    open_held(&s);
    s.vm->options.memory = 128 << 20;
    check_error(&s, "local function f() return 1 + f() end f()", "stack overflow");
    check_error(&s, "local function f(x) return pcall(f, x) end error(select(2, f()))", "");
    check_error(&s, "local function f() return coroutine.wrap(f)() end f()", "C stack overflow");
    check_error(&s,
                "local function f() local ok, e = coroutine.resume(coroutine.create(f)) "
                "if not ok then error(e, 0) end end f()",
                "C stack overflow");
    check(&s,
          "local co = coroutine.create(hold)\n"
          "for i = 1, 10000 do\n"
          "  local inner = co\n"
          "  co = coroutine.create(function()\n"
          "    local g <close> = setmetatable({}, {__close = function() "
          "assert(coroutine.close(inner)) "
          "end})\n"
          "    coroutine.yield()\n"
          "  end)\n"
          "  coroutine.resume(co)\n"
          "end\n"
          "local ok, e = coroutine.close(co) return ok, e:match('closed inside each other')",
          "false|closed inside each other");
    check(&s, "return xpcall(error, function() error 'again' end)",
          "false|error in error handling");
    script_close(&s);
}

/* ---- who may wait, and where ----------------------------------------------------------------- */

static int call_hold(lua_State *L) {
    lua_getglobal(L, "hold");
    lua_pushliteral(L, "x");
    lua_call(L, 1, 0);
    return 0;
}

static void only_a_task_may_wait(void **state) {
    struct script s;
    struct err e = {0};
    open_held(&s);
    assert_int_equal(vm_protect(s.vm, call_hold, NULL, &e), -EINVAL);
    assert_string_equal(e.text, "spec.hold waits, and only a task may wait");
    script_close(&s);
}

static void waiting_where_one_cannot_says_so_before_anything_starts(void **state) {
    static const char *const islands[] = {
        "table.sort({2, 1}, function(a, b) hold('x') return a < b end)",
        "string.gsub('x', 'x', function() hold('x') end)",
        "tostring(setmetatable({}, {__tostring = function() hold('x') end}))",
        "table.concat(setmetatable({}, {__index = function() hold('x') end, __len = function() "
        "return 1 end}))",
        "load(function() hold('x') end)",
        "table.sort({2, 1}, function(a, b) coroutine.wrap(function() hold('x') end)() end)",
        "table.sort({2, 1}, function(a, b) local f = coroutine.wrap(function() "
        "coroutine.wrap(hold)('x') end) f() end)",
        "local co = coroutine.create(function() local g <close> = setmetatable({}, {__close = "
        "function() hold('x') end}) coroutine.yield() end) coroutine.resume(co) "
        "local ok, e = coroutine.close(co) error(e)",
    };
    struct script s;
    open_held(&s);
    for (size_t i = 0; i < sizeof islands / sizeof *islands; i++)
        check_error(&s, islands[i], "spec.hold cannot wait here");
    assert_true(list_empty(&held.waiting));
    script_close(&s);
}

static void waiting_works_wherever_lua_calls_lua(void **state) {
    static const char *const places[] = {
        "return pcall(hold, 'x')",
        "return select(2, pcall(pcall, pcall, hold, 'x'))",
        "return xpcall(hold, print, 'x')",
        "return true, setmetatable({}, {__index = function() return (hold('x')) end}).y",
        "return true, setmetatable({}, {__add = function() return (hold('x')) end}) + 1",
        "return true, setmetatable({}, {__call = function() return (hold('x')) end})()",
        "return true, setmetatable({}, {__concat = function() return (hold('x')) end}) .. ''",
        "return true, (setmetatable({}, {__eq = function() return hold('x') end}) == "
        "setmetatable({}, {})) and 'x'",
        "for v in function(_, c) if not c then return (hold('x')) end end do return true, v end",
        "for v in pairs(setmetatable({}, {__pairs = function() local v = hold('x') return "
        "function(_, k) if not k then return v end end end})) do return true, v end",
        "local r do local g <close> = setmetatable({}, {__close = function() r = hold('x') end}) "
        "end return true, r",
        "return true, load('return hold(...)')('x')",
        "local ok, e = pcall(function() local g <close> = setmetatable({}, {__close = function() "
        "e2 = hold('x') end}) error 'y' end) return true, e2",
        "return coroutine.resume(coroutine.create(hold), 'x')",
        "return true, (coroutine.wrap(hold)('x'))",
    };
    struct script s;
    open_held(&s);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct run r = {0};
        run_start(&s, &r, places[i]);
        if (r.over) fail_msg("%s: %s", places[i], r.text.p);
        give("x", 1);
        run_wait(&r);
        if (r.end != TASK_RETURNED || strncmp(r.text.p, "true|", 5) != 0 || !strchr(r.text.p, 'x'))
            fail_msg("%s: %s", places[i], r.text.p);
        run_free(&r);
    }
    script_close(&s);
}

/* ---- limits and recycling -------------------------------------------------------------------- */

static int push_error_text(lua_State *co, void *arg) {
    return luaL_error(co, "cannot push %d", 5);
}

static int push_too_much(lua_State *co, void *arg) {
    for (int i = 0; i < 100000; i++) {
        luaL_checkstack(co, 2, NULL);
        lua_newuserdatauv(co, 1 << 20, 0);
    }
    return 1;
}

static int push_nothing(lua_State *co, void *arg) {
    lua_pushcfunction(co, l_yield);
    return 0;
}

static void a_task_that_cannot_be_made_leaves_nothing(void **state) {
    struct script s;
    struct err e = {0};
    open_held(&s);
    assert_null(task_new(s.vm, push_error_text, NULL, &e));
    assert_int_equal(e.code, -EINVAL);
    assert_string_equal(e.text, "cannot push 5");
    assert_null(task_new(s.vm, push_too_much, NULL, &e));
    assert_int_equal(e.code, -ENOMEM);
    s.vm->options.max_tasks = 1;
    struct task *t = task_new(s.vm, push_nothing, NULL, &e);
    int64_t refused = stat_get(STAT_TASKS_REFUSED);
    assert_null(task_new(s.vm, push_nothing, NULL, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.text, "too many tasks"));
    assert_int_equal(stat_get(STAT_TASKS_REFUSED), refused + 1);
    task_start(t);
    script_turn(&s);
    assert_int_equal(s.vm->n_tasks, 0);
    s.vm->closing = true;
    assert_null(task_new(s.vm, push_nothing, NULL, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    script_close(&s);
}

static void coroutines_are_recycled_with_a_new_generation(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_held(&s);
    check(&s, "return 1", "1");
    assert_int_equal(s.vm->n_idle, 1);
    struct task *t = run_make(&s, &r[0], "return 2");
    assert_int_equal(s.vm->n_idle, 0);
    struct task_id id = t->id;
    lua_State *co = t->co;
    task_start(t);
    check_over(&r[0], TASK_RETURNED, "2");
    assert_ptr_equal(run_make(&s, &r[1], "return ...")->co, co);
    assert_ptr_equal(r[1].task, t);
    assert_int_equal(t->id.index, id.index);
    assert_int_not_equal(t->id.generation, id.generation);
    assert_null(task_find(&s.w, id));
    task_start(t);
    check_over(&r[1], TASK_RETURNED, "");
    check_error(&s, "error 'x'", "x");
    check_error(&s, "error({})", "table");
    assert_int_equal(s.vm->n_idle, 1);
    check(&s, "return select('#', ...), coroutine.isyieldable()", "0|false");
    script_close(&s);
}

static void a_big_stack_is_given_back(void **state) {
    struct script s;
    open_held(&s);
    check(&s, "return 1", "1");
    vm_protect(s.vm, script_collect, NULL, NULL);
    size_t before = s.vm->used;
    check(&s,
          "local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end "
          "return f(5000)",
          "5000");
    assert_int_equal(s.vm->n_idle, 0);
    vm_protect(s.vm, script_collect, NULL, NULL);
    assert_true(s.vm->used < before + 4096);
    script_close(&s);
}

static void a_coroutine_that_a_script_has_seen_is_not_used_again(void **state) {
    struct script s;
    open_held(&s);
    check(&s, "seen = coroutine.running() return coroutine.status(seen)", "running");
    assert_int_equal(s.vm->n_idle, 0);
    check(&s, "return coroutine.status(seen), coroutine.running() == seen, coroutine.resume(seen)",
          "dead|false|false|cannot resume dead coroutine");
    script_close(&s);
}

/* ---- arenas, order --------------------------------------------------------------------------- */

static void note_arena(void *arg) {
    strcat(notes, "arena ");
}

static void the_arena_ends_last_whatever_the_way_out(void **state) {
    static const char *const codes[] = {"return hold('a')", "hold('a') error 'x'", "hold('b')"};
    for (int i = 0; i < 3; i++) {
        struct script s;
        struct run r = {0};
        char code[300];
        open_held(&s);
        snprintf(code, sizeof code, "%s%s", GUARD, codes[i]);
        struct task *t = run_make(&s, &r, code);
        assert_int_equal(arena_defer(&t->arena, note_arena, NULL), 0);
        t->ended = note_end;
        task_start(t);
        if (i < 2) give("a", 1);
        if (i < 2)
            while (s.vm->n_tasks)
                uv_run(&s.w.loop, UV_RUN_NOWAIT);
        else
            task_cancel(t);
        assert_string_equal(notes, i == 1 ? "closed:services/spec/test.lua:2: x ended arena "
                                          : "closed ended arena ");
        script_close(&s);
    }
}

static void a_task_without_ended_just_ends(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    for (int i = 0; i < 3; i++) {
        static const char *const codes[] = {"return 1", "error 'x'", "hold('a')"};
        struct task *t = run_make(&s, &r, codes[i]);
        t->ended = NULL;
        task_start(t);
        if (i == 2) task_cancel(t);
        assert_int_equal(s.vm->n_tasks, 0);
    }
    script_close(&s);
}

static void processor_time_is_earned_back_by_waiting(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    run_start(&s, &r, "hold('a') hold('b')");
    r.task->cpu = 3000000;
    waiting("a")->op.since -= 20; /* as if it had waited that many milliseconds */
    give("a", 1);
    assert_in_range(r.task->cpu_rested, 2000000, 2900000);
    script_turn(&s);
    waiting("b")->op.since -= 1000;
    give("b", 1);
    assert_int_equal(r.task->cpu_rested, 3000000);
    run_wait(&r);
    check_over(&r, TASK_RETURNED, "");
    script_close(&s);
}

/* One task per state and turn: who is alone does not wait for all fifty of another state. */
static void states_take_turns_however_many_tasks_they_have(void **state) {
    static const char code[] = "for _ = 1, 100 do require 'task'.yield() end";
    static struct run busy[50];
    struct script s, other = {0};
    struct vm_options o = {.name = "other", .max_tasks = 1000};
    struct run alone = {0};
    script_open(&s);
    other.vm = vm_new(&s.w, &o, NULL);
    assert_non_null(other.vm);
    for (int i = 0; i < 50; i++) {
        busy[i] = (struct run){0};
        run_start(&s, &busy[i], code);
    }
    run_start(&other, &alone, code);
    while (!alone.over)
        script_turn(&s);
    for (int i = 0; i < 50; i++)
        assert_false(busy[i].over);
    for (int i = 0; i < 50; i++) {
        run_wait(&busy[i]);
        run_free(&busy[i]);
    }
    run_free(&alone);
    vm_free(other.vm);
    script_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_runs_at_once_and_returns_its_results),
        cmocka_unit_test(a_task_started_inside_another_waits_for_its_turn),
        cmocka_unit_test(waiting_tasks_go_on_when_their_op_has_finished),
        cmocka_unit_test(an_op_that_has_finished_already_does_not_wait),
        cmocka_unit_test(a_failed_start_returns_nil_message_code),
        cmocka_unit_test(an_error_in_done_reaches_the_script),
        cmocka_unit_test(a_binding_that_throws_after_op_new_leaks_nothing),
        cmocka_unit_test(a_turn_goes_to_others_and_comes_back),
        cmocka_unit_test(a_turn_resumes_a_bounded_number),
        cmocka_unit_test(an_error_has_its_text_status_and_traceback),
        cmocka_unit_test(an_error_value_chooses_status_and_message),
        cmocka_unit_test(a_closer_sees_the_error_and_may_replace_it),
        cmocka_unit_test(running_out_of_memory_ends_one_task_only),
        cmocka_unit_test(the_stack_and_the_c_stack_have_ends),
        cmocka_unit_test(only_a_task_may_wait),
        cmocka_unit_test(waiting_where_one_cannot_says_so_before_anything_starts),
        cmocka_unit_test(waiting_works_wherever_lua_calls_lua),
        cmocka_unit_test(a_task_that_cannot_be_made_leaves_nothing),
        cmocka_unit_test(coroutines_are_recycled_with_a_new_generation),
        cmocka_unit_test(a_big_stack_is_given_back),
        cmocka_unit_test(a_coroutine_that_a_script_has_seen_is_not_used_again),
        cmocka_unit_test(the_arena_ends_last_whatever_the_way_out),
        cmocka_unit_test(a_task_without_ended_just_ends),
        cmocka_unit_test(states_take_turns_however_many_tasks_they_have),
        cmocka_unit_test(processor_time_is_earned_back_by_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
