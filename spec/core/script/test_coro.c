/*
 * The coroutine library: for scripts it is Lua's own, and yet a script's coroutine may wait for the
 * host.
 */
#include "spec/core/script/script.h"

/* ---- an op that the test finishes: hold() ---------------------------------------------------- */

struct hold {
    struct op op;
    struct list link;
};

static struct {
    struct list waiting; /* struct hold.link */
    int canceled, dropped;
} held;

static int hold_done(lua_State *L, struct op *op) {
    lua_pushliteral(L, "held");
    return 1;
}

static bool hold_cancel(struct op *op) {
    held.canceled++;
    return true;
}

static void hold_drop(struct op *op) {
    held.dropped++;
    list_unlink(&((struct hold *)op)->link);
}

static const struct op_kind hold_kind = {
    "spec.hold", sizeof(struct hold), hold_done, hold_cancel, hold_drop, NULL,
};

static int l_hold(lua_State *L) {
    struct hold *h = op_new(L, &hold_kind);
    list_push(&held.waiting, &h->link);
    return op_await(L, &h->op);
}

static int l_turn(lua_State *L) {
    return task_yield(L);
}

static char notes[512];

static int l_note(lua_State *L) {
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof notes - n, "%s ", luaL_checkstring(L, 1));
    return 0;
}

static int add_functions(lua_State *L) {
    lua_register(L, "hold", l_hold);
    lua_register(L, "turn", l_turn);
    lua_register(L, "note", l_note);
    return 0;
}

static void open_held(struct script *s) {
    script_open(s);
    memset(&held, 0, sizeof held);
    list_init(&held.waiting);
    notes[0] = 0;
    assert_int_equal(vm_protect(s->vm, add_functions, NULL, NULL), 0);
}

/* Finishes whatever waits, again and again, until the run is over. */
static void give_all(struct run *r) {
    while (!r->over) {
        if (!list_empty(&held.waiting)) {
            struct hold *h = LIST_ENTRY(held.waiting.next, struct hold, link);
            if (!h->op.finished) op_finish(&h->op);
        }
        script_turn(r->s);
    }
}

static void check_held(struct script *s, const char *code, const char *results) {
    struct run r = {0};
    run_start(s, &r, code);
    give_all(&r);
    if (r.end != TASK_RETURNED || strcmp(r.text.p, results) != 0)
        fail_msg("%s: '%s', expected '%s'\n%s\n%s", end_name(r.end), r.text.p, results, code,
                 r.trace.p);
    run_free(&r);
}

/* ---- as in Lua ------------------------------------------------------------------------------- */

static void coroutines_are_those_of_lua(void **state) {
    struct script s;
    open_held(&s);
    check(&s,
          "local co = coroutine.create(function(a, b)\n"
          "  local c = coroutine.yield(a + b)\n"
          "  local d, e = coroutine.yield(c * 2)\n"
          "  return d + e, 'end'\n"
          "end)\n"
          "local t = {}\n"
          "for _, args in ipairs{{1, 2}, {10}, {3, 4}, {}} do\n"
          "  t[#t + 1] = coroutine.status(co)\n"
          "  for _, v in ipairs{coroutine.resume(co, table.unpack(args))} do t[#t + 1] = v end\n"
          "end return t",
          "{suspended,true,3,suspended,true,20,suspended,true,7,end,dead,false,cannot resume dead "
          "coroutine}");
    check(&s,
          "local f = coroutine.wrap(function(...) return select('#', ...), ... end) "
          "return f(nil, nil)",
          "2|nil|nil");
    check(&s,
          "local t = {} for v in coroutine.wrap(function() for i = 1, 4 do coroutine.yield(i) "
          "end end) do t[#t + 1] = v end return t",
          "{1,2,3,4}");
    check(&s,
          "local co co = coroutine.create(function() return coroutine.resume(co) end) "
          "return coroutine.resume(co)",
          "true|false|cannot resume non-suspended coroutine");
    check(&s,
          "local outer = coroutine.running() "
          "return coroutine.wrap(function() return coroutine.status(outer), "
          "coroutine.resume(outer), coroutine.running() == outer end)()",
          "normal|false|false");
    check(&s, "local f f = coroutine.wrap(function() return pcall(f) end) return f()",
          "false|cannot resume non-suspended coroutine");
    check_error(&s, "coroutine.resume(1)", "coroutine expected");
    check_error(&s, "coroutine.create(1)", "function expected");
    check_error(&s, "coroutine.wrap()", "function expected");
    check(&s,
          "return coroutine.resume(coroutine.create(function() return table.unpack({}, 1, 5e5) "
          "end)) ~= nil",
          "true");
    script_close(&s);
}

static void a_task_looks_like_the_main_coroutine(void **state) {
    struct script s;
    open_held(&s);
    check(&s, "local co, main = coroutine.running() return type(co), main, coroutine.isyieldable()",
          "thread|true|false");
    check(&s,
          "return coroutine.wrap(function() local co, main = coroutine.running() "
          "return type(co), main, coroutine.isyieldable(), coroutine.isyieldable(co) end)()",
          "thread|false|true|true");
    check_error(&s, "coroutine.yield(1)", "attempt to yield from outside a coroutine");
    check(&s, "return pcall(coroutine.yield, 1)",
          "false|attempt to yield from outside a coroutine");
    check(&s, "local co = coroutine.running() return pcall(coroutine.close, co)",
          "false|cannot close a running coroutine");
    check(&s,
          "local co = coroutine.running() return coroutine.wrap(function() "
          "return pcall(coroutine.close, co) end)()",
          "false|cannot close a normal coroutine");
    script_close(&s);
}

static void errors_in_wrap_carry_their_place_and_close(void **state) {
    struct script s;
    open_held(&s);
    check_error(&s, "local f = coroutine.wrap(function() error 'inner' end)\nf()",
                "services/spec/test.lua:2: services/spec/test.lua:1: inner");
    check(&s,
          "local t = {}\n"
          "local f = coroutine.wrap(function()\n"
          "  local g <close> = setmetatable({}, {__close = function(_, e) t[1] = e end})\n"
          "  error({'value'})\n"
          "end)\n"
          "local ok, e = pcall(f)\n"
          "return ok, e, t[1] == e, select(2, pcall(f)):match('dead')",
          "false|{value}|true|dead");
    check(
        &s,
        "local f = coroutine.wrap(function()\n"
        "  local g <close> = setmetatable({}, {__close = function(_, e) error('closer', 0) end})\n"
        "  error({'value'})\n"
        "end)\n"
        "return select(2, pcall(f)):match('closer')",
        "closer");
    script_close(&s);
}

static void closing_runs_closers_and_returns_their_errors(void **state) {
    struct script s;
    open_held(&s);
    check(&s,
          "local function make(e)\n"
          "  local co = coroutine.create(function()\n"
          "    local g <close> = setmetatable({}, {__close = function() note('closed') if e then "
          "error(e, 0) end end})\n"
          "    coroutine.yield()\n"
          "  end)\n"
          "  coroutine.resume(co)\n"
          "  return co\n"
          "end\n"
          "local a, b, c = make(), make 'oh', coroutine.create(function() error 'x' end)\n"
          "coroutine.resume(c)\n"
          "return coroutine.close(a), coroutine.status(a), "
          "select('#', coroutine.close(coroutine.create(print)))",
          "true|dead|1");
    assert_string_equal(notes, "closed ");
    check(&s,
          "local co = coroutine.create(function()\n"
          "  local g <close> = setmetatable({}, {__close = function() error('oh', 0) end})\n"
          "  coroutine.yield()\n"
          "end)\n"
          "coroutine.resume(co) return coroutine.close(co)",
          "false|oh");
    check(&s,
          "local co = coroutine.create(function() error('x', 0) end) coroutine.resume(co)\n"
          "local ok, e = coroutine.close(co) return ok, e, coroutine.close(co)",
          "false|x|true");
    script_close(&s);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void a_generator_may_wait(void **state) {
    struct script s;
    open_held(&s);
    check_held(&s,
               "local g = coroutine.wrap(function() for i = 1, 3 do hold() coroutine.yield(i) end "
               "return 'end' end) return g(), g(), g(), g()",
               "1|2|3|end");
    check_held(
        &s,
        "local co = coroutine.create(function(a) local b = hold() local c = "
        "coroutine.yield(a, b) return c, hold() end)\n"
        "local t = {coroutine.resume(co, 'a')} for _, v in ipairs{coroutine.resume(co, 'c')} "
        "do t[#t + 1] = v end return t, coroutine.status(co)",
        "{true,a,held,true,c,held}|dead");
    script_close(&s);
}

static void waits_pass_through_any_number_of_coroutines(void **state) {
    struct script s;
    open_held(&s);
    check_held(&s,
               "local function nest(n)\n"
               "  if n == 0 then return hold(), hold() end\n"
               "  local co = coroutine.create(nest)\n"
               "  local t = table.pack(coroutine.resume(co, n - 1))\n"
               "  hold()\n"
               "  return n, table.unpack(t, 1, t.n)\n"
               "end\n"
               "return nest(5)",
               "5|true|4|true|3|true|2|true|1|true|held|held");
    check_held(
        &s,
        "local function walk(n) if n > 0 then walk(n - 1) hold() coroutine.yield(n) walk(n - "
        "1) end end\n"
        "local inner = coroutine.wrap(function() walk(3) end)\n"
        "local outer = coroutine.wrap(function() for v in inner do hold() "
        "coroutine.yield(v * 10) end end)\n"
        "local t = {} for v in outer do t[#t + 1] = v hold() end return t",
        "{10,20,10,30,10,20,10}");
    check_held(&s,
               "local function nest(n) if n == 0 then return hold() end "
               "return coroutine.wrap(nest)(n - 1) end return nest(40)",
               "held");
    script_close(&s);
}

static void an_error_after_a_wait_reaches_the_resumer(void **state) {
    struct script s;
    open_held(&s);
    check_held(&s,
               "local co = coroutine.create(function() hold() error('after', 0) end) "
               "return coroutine.resume(co)",
               "false|after");
    check_held(&s,
               "local f = coroutine.wrap(function() coroutine.wrap(function() hold() "
               "error({'v'}) end)() end) return pcall(f)",
               "false|{v}");
    check_held(&s,
               "local f = coroutine.wrap(function() local ok, e = pcall(function() hold() "
               "error('in', 0) end) hold() coroutine.yield(e) return 'out' end) return f(), f()",
               "in|out");
    script_close(&s);
}

static void a_turn_given_inside_a_generator_comes_back_there(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_held(&s);
    for (int i = 0; i < 2; i++)
        run_start(&s, &r[i],
                  "local g = coroutine.wrap(function() for i = 1, 3 do note(tostring(i)) turn() "
                  "coroutine.yield(i) end end) return g(), g(), g()");
    give_all(&r[0]);
    give_all(&r[1]);
    assert_string_equal(notes, "1 1 2 2 3 3 ");
    assert_string_equal(r[0].text.p, "1|2|3");
    assert_string_equal(r[1].text.p, "1|2|3");
    run_free(&r[0]);
    run_free(&r[1]);
    script_close(&s);
}

#define GUARD(name) \
    "local g <close> = setmetatable({}, {__close = function() note('" name "') end})\n"

static void cancelling_a_task_closes_its_coroutines_from_the_inside(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    run_start(&s, &r,
              GUARD("task") "coroutine.wrap(function()\n" GUARD("outer") //
              "pcall(coroutine.wrap(function()\n" GUARD("inner") "hold() end)) end)()");
    assert_int_equal(r.task->n_nest, 2);
    task_cancel(r.task);
    assert_true(r.over);
    assert_int_equal(r.end, TASK_CANCELED);
    assert_string_equal(notes, "inner outer task ");
    assert_int_equal(held.canceled, 1);
    assert_int_equal(held.dropped, 1);
    run_free(&r);
    script_close(&s);
}

/* ---- a coroutine that several tasks know ----------------------------------------------------- */

static void a_coroutine_that_waits_is_its_tasks_alone(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_held(&s);
    run_start(&s, &r[0],
              "co = coroutine.create(function() return hold() end) "
              "return coroutine.resume(co)");
    run_start(&s, &r[1],
              "local ok, e = coroutine.resume(co) "
              "local f = coroutine.wrap(function() return coroutine.status(co) end) "
              "return ok, e, coroutine.status(co), f()");
    assert_true(r[1].over);
    assert_string_equal(r[1].text.p, "false|cannot resume non-suspended coroutine|normal|normal");
    give_all(&r[0]);
    assert_string_equal(r[0].text.p, "true|held");
    run_free(&r[0]);
    run_free(&r[1]);
    script_close(&s);
}

static void closing_a_coroutine_that_waits_cancels_what_it_waits_for(void **state) {
    static const struct {
        const char *waits, *closes, *result, *notes;
    } cases[] = {
        {"co = coroutine.create(function() " GUARD("inner") "return hold() end)\n"
                                                            "return coroutine.resume(co)",
         "return coroutine.close(co), coroutine.status(co)",
         "false|coroutine was closed while it waited", "inner "},
        {"co = coroutine.create(function() " GUARD(
             "outer") "return coroutine.wrap(function() " GUARD("inner") "return hold() end)() "
                                                                         "end)\nreturn "
                                                                         "coroutine.resume(co)",
         "return coroutine.close(co), coroutine.status(co)",
         "false|coroutine was closed while it waited", "inner outer "},
        {"local f = coroutine.wrap(function() " GUARD(
             "outer") "co = coroutine.create(function() " GUARD("inner") "return hold() end)\n"
                                                                         "local ok, e = "
                                                                         "coroutine.resume(co) "
                                                                         "return ok, e, hold() "
                                                                         "end)\nreturn f()",
         "return coroutine.close(co), coroutine.status(co)",
         "false|coroutine was closed while it waited|held", "inner outer "},
        {"local f = coroutine.wrap(function() co = coroutine.running() hold() end)\n"
         "return pcall(f)",
         "return coroutine.close(co), coroutine.status(co)",
         "false|coroutine was closed while it waited", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script s;
        struct run r[2] = {0};
        open_held(&s);
        run_start(&s, &r[0], cases[i].waits);
        run_start(&s, &r[1], cases[i].closes);
        assert_true(r[1].over);
        assert_string_equal(r[1].text.p, "true|dead");
        assert_int_equal(held.canceled, 1);
        assert_int_equal(held.dropped, 1);
        assert_false(r[0].over);
        give_all(&r[0]);
        if (strncmp(r[0].text.p, cases[i].result, strlen(cases[i].result)) != 0 ||
            strcmp(notes, cases[i].notes) != 0)
            fail_msg("case %zu: '%s', notes '%s'", i, r[0].text.p, notes);
        run_free(&r[0]);
        run_free(&r[1]);
        script_close(&s);
    }
}

static void a_coroutine_moves_from_task_to_task_between_its_yields(void **state) {
    struct script s;
    open_held(&s);
    check_held(
        &s, "f = coroutine.wrap(function() for i = 1, 9 do hold() coroutine.yield(i) end end)", "");
    check_held(&s, "return f()", "1");
    check_held(&s, "return f(), f()", "2|3");
    script_close(&s);
}

static void a_forgotten_coroutine_is_collected(void **state) {
    struct script s;
    open_held(&s);
    vm_protect(s.vm, script_collect, NULL, NULL);
    check_held(
        &s,
        "for i = 1, 100 do local f = coroutine.wrap(function() local t = {} for j = 1, 100 do "
        "t[j] = j end coroutine.yield() end) f() end",
        "");
    vm_protect(s.vm, script_collect, NULL, NULL);
    size_t after = s.vm->used;
    for (int i = 0; i < 10; i++)
        check_held(&s,
                   "for i = 1, 100 do local f = coroutine.wrap(function() coroutine.yield() "
                   "end) f() end",
                   "");
    vm_protect(s.vm, script_collect, NULL, NULL);
    assert_true(s.vm->used < after + 4096);
    script_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coroutines_are_those_of_lua),
        cmocka_unit_test(a_task_looks_like_the_main_coroutine),
        cmocka_unit_test(errors_in_wrap_carry_their_place_and_close),
        cmocka_unit_test(closing_runs_closers_and_returns_their_errors),
        cmocka_unit_test(a_generator_may_wait),
        cmocka_unit_test(waits_pass_through_any_number_of_coroutines),
        cmocka_unit_test(an_error_after_a_wait_reaches_the_resumer),
        cmocka_unit_test(a_turn_given_inside_a_generator_comes_back_there),
        cmocka_unit_test(cancelling_a_task_closes_its_coroutines_from_the_inside),
        cmocka_unit_test(a_coroutine_that_waits_is_its_tasks_alone),
        cmocka_unit_test(closing_a_coroutine_that_waits_cancels_what_it_waits_for),
        cmocka_unit_test(a_coroutine_moves_from_task_to_task_between_its_yields),
        cmocka_unit_test(a_forgotten_coroutine_is_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
