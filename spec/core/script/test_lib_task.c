/* `require "task"`: children, groups, and the end of both. */
#include "spec/core/script/script.h"

static char notes[1024];

static int l_note(lua_State *L) {
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof notes - n, "%s ", luaL_checkstring(L, 1));
    return 0;
}

/* Globals for the scripts below: note, task, sleep (milliseconds), guard(name). */
static int prepare(lua_State *L) {
    lua_register(L, "note", l_note);
    if (luaL_dostring(L, "task = require 'task'\n"
                         "function sleep(ms) return task.sleep(ms / 1000) end\n"
                         "function guard(name) return setmetatable({}, {__close = function() "
                         "note(name) end}) end\n"))
        return lua_error(L);
    return 0;
}

static void open_prepared(struct script *s) {
    struct err e = {0};
    script_open(s);
    notes[0] = 0;
    if (vm_protect(s->vm, prepare, NULL, &e) < 0) fail_msg("%s", e.text);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void all_returns_the_results_in_order(void **state) {
    struct script s;
    open_prepared(&s);
    check(&s,
          "return task.all{function() sleep(3) return 'a', 'x' end, function() return 'b' end, "
          "function() sleep(1) end, function() sleep(0) return false end, function() return end}",
          "a|b|nil|false|nil");
    check(&s, "return task.all{}", "");
    check(&s, "return task.all{function() end, function() sleep(0) end}", "nil|nil");
    check(&s,
          "local fs = {} for i = 1, 500 do fs[i] = function() sleep(i % 3) return i end end "
          "local t = {task.all(fs)} for i = 1, 500 do assert(t[i] == i) end return #t",
          "500");
    check(
        &s,
        "return task.all{function() return task.all{function() sleep(1) return 1 end, function() "
        "return 2 end} end, function() return select('#', task.all{sleep and function() end}) end}",
        "1|1");
    check(&s,
          "local g = coroutine.wrap(function() coroutine.yield((task.all{function() sleep(1) "
          "return 'in generator' end})) end) return g()",
          "in generator");
    script_close(&s);
}

static void all_raises_the_first_error_when_the_others_have_ended(void **state) {
    struct script s;
    open_prepared(&s);
    check(&s,
          "local e = setmetatable({}, {__tostring = function() return 'mine' end})\n"
          "local ok, got = pcall(task.all, {\n"
          "  function() local g <close> = guard 'slow' sleep(60000) note 'never' end,\n"
          "  function() sleep(1) error(e) end,\n"
          "  function() local g <close> = guard 'second' sleep(60000) end})\n"
          "note 'after' return ok, got == e",
          "false|true");
    assert_string_equal(notes, "slow second after ");
    check_error(&s, "task.all{function() error 'at once' end, function() sleep(60000) end}",
                "at once");
    check_error(&s, "task.all{function() error 'first' end, function() error 'second' end}",
                "first");
    check_error(&s, "task.all{function() error({status = 404, message = 'gone'}) end}", "gone");
    script_close(&s);
}

static void all_wants_functions_and_a_task(void **state) {
    struct script s;
    open_prepared(&s);
    check_error(&s, "task.all()", "table expected");
    check_error(&s, "task.all{1}", "functions expected");
    check_error(&s, "task.all{print, nil, print, n = 3, 'x'}", "functions expected");
    check_error(&s, "table.sort({1, 2}, function() task.all{print} end)",
                "task.all cannot wait here");
    check_error(&s, "local t = {} for i = 1, 10001 do t[i] = print end task.all(t)",
                "too many functions");
    script_close(&s);
}

static void all_starts_nothing_when_it_cannot_start_everything(void **state) {
    struct script s;
    open_prepared(&s);
    s.vm->options.max_tasks = 3;
    check(&s,
          "return task.all{function() note 'ran' end, function() note 'ran' end, "
          "function() note 'ran' end}",
          "nil|spec has too many tasks|limit");
    assert_string_equal(notes, "");
    check(&s, "return task.all{function() return 1 end, function() return 2 end}", "1|2");
    script_close(&s);
}

/* ---- race and timeout ------------------------------------------------------------------------ */

static void race_is_decided_by_the_first(void **state) {
    struct script s;
    open_prepared(&s);
    check(&s,
          "local a, b = task.race{function() local g <close> = guard 'loser' sleep(60000) end, "
          "function() sleep(1) return 'fast', 2 end} note 'after' return a, b",
          "fast|2");
    assert_string_equal(notes, "loser after ");
    check_error(&s, "task.race{function() sleep(60000) end, function() sleep(1) error 'lost' end}",
                "lost");
    check(&s, "return task.race{function() return end, function() return 1 end}", "");
    check(&s, "return task.race{}", "");
    script_close(&s);
}

static void timeout_gives_results_or_says_so(void **state) {
    struct script s;
    open_prepared(&s);
    check(&s, "return task.timeout(60, function(a, b) sleep(1) return b, a end, 1, 2)", "2|1");
    check(&s, "return task.timeout(60, function(...) return select('#', ...) end, nil, nil)", "2");
    check(&s,
          "local r = table.pack(task.timeout(0.002, function() local g <close> = guard 'cut' "
          "sleep(60000) end)) note 'after' return r[1], r[2], r[3]",
          "nil|timed out|timeout");
    assert_string_equal(notes, "cut after ");
    check(&s, "return task.timeout(0.001, function() return task.timeout(60, sleep, 60000) end)",
          "nil|timed out|timeout");
    check_error(&s, "task.timeout(60, error, 'raised', 0)", "raised");
    check_error(&s, "task.timeout(-1, print)", "between 0 and a year");
    check_error(&s, "task.timeout(1, 5)", "function expected");
    script_close(&s);
}

static void a_child_without_memory_is_its_parents_lack_of_memory(void **state) {
    struct script s;
    open_prepared(&s);
    check_run(&s,
              "task.all{function() sleep(0) local t = {} while true do t[#t + 1] = ('x'):rep(1 << "
              "16) .. #t end end}",
              TASK_NO_MEMORY, "out of memory", __LINE__);
    check(&s,
          "return pcall(task.all, {function() local t = {} while true do t[#t + 1] = "
          "('x'):rep(1 << 16) .. #t end end})",
          "false|not enough memory");
    script_close(&s);
}

/* ---- spawn ----------------------------------------------------------------------------------- */

static void a_spawned_task_runs_beside_its_parent(void **state) {
    struct script s;
    open_prepared(&s);
    check(
        &s,
        "local h = task.spawn(function(a, b) note 'child' sleep(1) return a + b, nil, 'x' end, 1, "
        "2)\n"
        "note 'parent' local r = h:running() local a, b, c = h:join()\n"
        "return r, a, b, c, h:running(), h:join()",
        "true|3|nil|x|false|3|nil|x");
    assert_string_equal(notes, "parent child ");
    check(&s, "local h = task.spawn(function() return 'early' end) sleep(1) return h:join()",
          "early");
    check_error(&s, "task.spawn(function() sleep(1) error('in child', 0) end):join()", "in child");
    check(&s,
          "local h = task.spawn(error, 'kept', 0) sleep(1) local a, b = pcall(h.join, h) "
          "local c, d = pcall(h.join, h) return a, b, c, d",
          "false|kept|false|kept");
    check(&s,
          "local h = task.spawn(function() sleep(2) return 'shared' end)\n"
          "return task.all{function() return h:join() end, function() return h:join() end}",
          "shared|shared");
    check_error(&s, "task.spawn(5)", "function expected");
    check_error(&s, "task.detach({})", "host.task expected");
    script_close(&s);
}

static void a_spawned_task_ends_with_its_parent(void **state) {
    struct script s;
    open_prepared(&s);
    check(&s,
          "for i = 1, 3 do task.spawn(function() local g <close> = guard('child' .. i)\n"
          "  task.spawn(function() local g <close> = guard('grandchild' .. i) sleep(60000) end)\n"
          "  sleep(60000) end) end sleep(200) note 'end'",
          "");
    assert_string_equal(notes, "end grandchild1 child1 grandchild2 child2 grandchild3 child3 ");
    notes[0] = 0;
    check_error(&s,
                "task.spawn(function() local g <close> = guard 'child' sleep(60000) end)\n"
                "local g <close> = guard 'parent' sleep(1) error 'x'",
                "x");
    assert_string_equal(notes, "child parent ");
    script_close(&s);
}

static void a_deep_family_ends_without_deep_recursion(void **state) {
    struct script s;
    open_prepared(&s);
    check(&s,
          "local n = 0\n"
          "local function deeper() n = n + 1 if n < 990 then task.spawn(deeper) end sleep(60000) "
          "end\n"
          "task.spawn(deeper) while n < 990 do sleep(0) end return n",
          "990");
    script_close(&s);
}

static void a_detached_task_goes_on(void **state) {
    struct script s;
    struct run r = {0};
    open_prepared(&s);
    struct task *t = run_make(&s, &r,
                              "task.detach(task.spawn(function() sleep(3) note 'on' end))\n"
                              "local h = task.spawn(function() sleep(3) note 'on' end):detach()");
    t->request_id = arena_printf(&t->arena, "req-%d", 7);
    task_start(t);
    assert_true(r.over);
    assert_int_equal(s.vm->n_tasks, 2);
    struct task *left = LIST_ENTRY(s.vm->tasks.next, struct task, link);
    assert_null(left->parent);
    assert_true(str_eq(left->request_id, STR("req-7")));
    while (s.vm->n_tasks)
        uv_run(&s.w.loop, UV_RUN_NOWAIT);
    assert_string_equal(notes, "on on ");
    run_free(&r);
    script_close(&s);
}

static void the_family_of_a_detached_task_keeps_its_request_id(void **state) {
    struct script s;
    struct run r = {0};
    open_prepared(&s);
    struct task *t = run_make(&s, &r,
                              "task.spawn(function()\n"
                              "  task.spawn(function() task.spawn(sleep, 700) sleep(700) end)\n"
                              "  task.spawn(sleep, 700) sleep(700)\n"
                              "end):detach()\n"
                              "local h = task.spawn(sleep, 700) sleep(1)");
    t->request_id = arena_printf(&t->arena, "req-%d", 8);
    t->what = arena_dup(&t->arena, STR("GET /x"));
    t->context = &s;
    task_start(t);
    run_wait(&r);
    assert_int_equal(s.vm->n_tasks, 4);
    LIST_EACH(&s.vm->tasks, it) {
        struct task *left = LIST_ENTRY(it, struct task, link);
        assert_true(str_eq(left->request_id, STR("req-8")));
        assert_string_equal(left->what, "GET /x");
        assert_null(left->context);
    }
    task_cancel_all(s.vm, false);
    run_free(&r);
    script_close(&s);
}

static void a_spawned_task_can_be_cancelled(void **state) {
    struct script s;
    open_prepared(&s);
    check(&s,
          "local h = task.spawn(function() local g <close> = guard 'closed' sleep(60000) end)\n"
          "sleep(1) h:cancel() note 'after' local a, b, c = h:join() return a, b, c",
          "nil|the task was cancelled|canceled");
    assert_string_equal(notes, "after closed ");
    check(&s, "local h = task.spawn(sleep, 60000) h:cancel() return (select(3, h:join()))",
          "canceled");
    notes[0] = 0;
    check(&s,
          "do local h <close> = task.spawn(function() local g <close> = guard 'scope' sleep(60000) "
          "end) sleep(1) end sleep(1) return 'on'",
          "on");
    assert_string_equal(notes, "scope ");
    check_error(&s, "local h h = task.spawn(function() h:join() end) h:join()",
                "a task cannot join itself");
    check(&s,
          "local h h = task.spawn(function() h:cancel() sleep(1) note 'never' end) sleep(1) "
          "return h:running()",
          "false");
    script_close(&s);
}

static void a_child_can_cancel_its_parent(void **state) {
    struct script s;
    struct run r = {0};
    open_prepared(&s);
    run_start(&s, &r,
              "local h = task.spawn(function()\n"
              "  local g <close> = guard 'outer'\n"
              "  task.all{function() local g <close> = guard 'inner' sleep(1) outer:cancel() "
              "note 'on' sleep(1) note 'never' end, function() sleep(60000) end}\n"
              "  note 'never'\n"
              "end) outer = h return select(3, h:join())");
    run_wait(&r);
    assert_string_equal(r.text.p, "canceled");
    assert_string_equal(notes, "on inner outer ");
    run_free(&r);
    script_close(&s);
}

static void joins_end_with_their_tasks(void **state) {
    struct script s;
    struct run r = {0};
    open_prepared(&s);
    check(&s,
          "local h = task.spawn(sleep, 3)\n"
          "return task.timeout(0.001, function() return h:join() end), h:join()",
          "nil|true");
    run_start(&s, &r, "task.spawn(sleep, 60000):join()");
    task_cancel(r.task);
    assert_int_equal(r.end, TASK_CANCELED);
    run_free(&r);
    script_close(&s);
}

/* A ticker that beats every second would otherwise hold the results of all beats that the collector
 * has not come to. */
static void a_closed_handle_keeps_no_results(void **state) {
    struct script s;
    open_prepared(&s);
    lua_gc(s.vm->L, LUA_GCSTOP);
    check(&s,
          "for i = 1, 50 do local h <close> = task.spawn(function() return i, 'x' end) "
          "assert(h:join() == i) end\n"
          "for i = 1, 50 do local h <close> = task.spawn(function() return i end) sleep(0) end\n"
          "for i = 1, 50 do local h <close> = task.spawn(sleep, 60000) end sleep(0)",
          "");
    assert_int_equal(s.vm->n_refs, 0);
    check(
        &s,
        "local kept do local h <close> = task.spawn(function() return 1 end) sleep(1) kept = h end "
        "return kept:join()",
        "nil|the task was cancelled|canceled");
    script_close(&s);
}

static void a_failure_that_nobody_sees_is_logged(void **state) {
    struct script s;
    struct buf out;
    FILE *null = fopen("/dev/null", "w");
    assert_int_equal(log_start(LOG_INFO, LOG_JSON, fileno(null)), 0);
    uint64_t after = 0;
    buf_init(&out);
    after = log_recent(&out, 0);
    buf_clear(&out);
    open_prepared(&s);
    check(&s, "task.spawn(error, 'unseen') sleep(1)", "");
    check(&s, "local h = task.spawn(error, 'seen') pcall(h.join, h)", "");
    check(&s, "local h = task.spawn(sleep, 60000) sleep(1)", "");
    script_close(&s);
    log_stop();
    log_recent(&out, after);
    buf_char(&out, 0);
    assert_non_null(strstr(out.p, "a spawned task failed"));
    assert_non_null(strstr(out.p, "unseen"));
    assert_null(strstr(out.p, "\"seen"));
    assert_null(strstr(out.p, "canceled"));
    buf_free(&out);
    fclose(null);
}

static void only_a_running_task_has_children(void **state) {
    struct script s;
    open_prepared(&s);
    check(&s,
          "local ok, e do local g <close> = setmetatable({}, {__close = function() ok, e = "
          "pcall(task.spawn, print) end}) end return ok, type(e)",
          "true|userdata");
    script_close(&s);
}

static void cancelling_a_parent_in_any_state_ends_the_tree(void **state) {
    static const char *const codes[] = {
        "task.all{function() sleep(60000) end, function() task.race{function() sleep(60000) end} "
        "end}",
        "task.timeout(60, function() task.spawn(sleep, 60000) task.timeout(60, sleep, 60000) end)",
        "local h = task.spawn(function() task.all{function() sleep(60000) end} end) h:join()",
        "for i = 1, 20 do task.spawn(function() task.spawn(sleep, 60000) sleep(60000) end) end "
        "sleep(60000)",
        "coroutine.wrap(function() task.all{coroutine.wrap(function() sleep(60000) end)} end)()",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        for (int turns = 0; turns < 4; turns++) {
            struct script s;
            struct run r = {0};
            open_prepared(&s);
            run_start(&s, &r, codes[i]);
            for (int n = 0; n < turns; n++)
                script_turn(&s);
            assert_false(r.over);
            task_cancel(r.task);
            assert_true(r.over);
            assert_int_equal(s.vm->n_tasks, 0);
            run_free(&r);
            script_close(&s);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_returns_the_results_in_order),
        cmocka_unit_test(all_raises_the_first_error_when_the_others_have_ended),
        cmocka_unit_test(all_wants_functions_and_a_task),
        cmocka_unit_test(all_starts_nothing_when_it_cannot_start_everything),
        cmocka_unit_test(race_is_decided_by_the_first),
        cmocka_unit_test(timeout_gives_results_or_says_so),
        cmocka_unit_test(a_child_without_memory_is_its_parents_lack_of_memory),
        cmocka_unit_test(a_spawned_task_runs_beside_its_parent),
        cmocka_unit_test(a_spawned_task_ends_with_its_parent),
        cmocka_unit_test(a_deep_family_ends_without_deep_recursion),
        cmocka_unit_test(a_detached_task_goes_on),
        cmocka_unit_test(the_family_of_a_detached_task_keeps_its_request_id),
        cmocka_unit_test(a_spawned_task_can_be_cancelled),
        cmocka_unit_test(a_child_can_cancel_its_parent),
        cmocka_unit_test(joins_end_with_their_tasks),
        cmocka_unit_test(a_closed_handle_keeps_no_results),
        cmocka_unit_test(a_failure_that_nobody_sees_is_logged),
        cmocka_unit_test(only_a_running_task_has_children),
        cmocka_unit_test(cancelling_a_parent_in_any_state_ends_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
