/*
 * Slow turns and profiles: what the watchdog's hook finds out about code that computes for long.
 * Limits are small so that the tests are quick; the code runs until what is waited for has come.
 */
#include "spec/core/script/script.h"

#include "core/script/profile.h"
#include "core/script/slow.h"

#define SOFT   ((uint64_t)2000000)
#define SLOW   ((uint64_t)6000000)
#define PLENTY ((uint64_t)60000000000)

static struct profile profile;
static int64_t slow_before;

/* Whether a slow turn was found since the test began. */
static int l_found(lua_State *L) {
    lua_pushboolean(L, stat_get(STAT_SLOW_TURNS) > slow_before);
    return 1;
}

/* Whether the profile has so many samples. */
static int l_sampled(lua_State *L) {
    lua_pushboolean(L, profile.taken >= (uint64_t)luaL_checkinteger(L, 1));
    return 1;
}

static int add_functions(lua_State *L) {
    lua_register(L, "found", l_found);
    lua_register(L, "sampled", l_sampled);
    return 0;
}

static void open_with(struct script *s, uint64_t soft, uint64_t slow) {
    conf.lua_turn_soft = soft;
    conf.lua_turn_hard = conf.lua_cpu = PLENTY;
    conf.slow_turn = slow;
    slow_forget();
    slow_before = stat_get(STAT_SLOW_TURNS);
    script_open(s);
    assert_int_equal(vm_protect(s->vm, add_functions, NULL, NULL), 0);
    assert_int_equal(watchdog_start(NULL), 0);
}

static void close_all(struct script *s) {
    watchdog_stop();
    script_close(s);
    conf.slow_turn = 0;
}

static void runs(struct script *s, const char *code) {
    struct run r = {0};
    run_start(s, &r, code);
    run_wait(&r);
    if (r.end != TASK_RETURNED) fail_msg("%.*s", STR_FMT(buf_view(&r.text)));
    run_free(&r);
}

/* ---- slow turns ------------------------------------------------------------------------------ */

static void a_task_that_gives_way_again_and_again_is_slow(void **state) {
    struct script s;
    open_with(&s, SOFT, SLOW);
    runs(&s, "while not found() do local t = {} end");
    close_all(&s);
}

static void one_that_cannot_give_way_is_slow(void **state) {
    struct script s;
    open_with(&s, SOFT, SLOW);
    runs(&s, "table.sort({2, 1}, function(a, b) while not found() do local t = {} end "
             "return a < b end)");
    close_all(&s);
}

static void a_limit_below_that_of_a_turn_counts(void **state) {
    struct script s;
    open_with(&s, PLENTY, SLOW);
    runs(&s, "while not found() do local t = {} end");
    close_all(&s);
}

static void it_is_counted_once_until_the_task_waits(void **state) {
    struct script s;
    open_with(&s, SOFT, SLOW);
    runs(&s, "while not found() do local t = {} end for i = 1, 1000000 do local t = {} end");
    assert_int_equal(stat_get(STAT_SLOW_TURNS) - slow_before, 1);
    close_all(&s);
}

static void short_turns_with_waits_between_are_not_slow(void **state) {
    struct script s;
    open_with(&s, SOFT, PLENTY / 2);
    runs(&s, "local time = require 'time' for i = 1, 20 do for j = 1, 10000 do local t = {} end "
             "time.sleep(0) end");
    assert_int_equal(stat_get(STAT_SLOW_TURNS), slow_before);
    close_all(&s);
}

static void nothing_is_told_when_it_is_off(void **state) {
    struct script s;
    open_with(&s, SOFT, 0);
    runs(&s, "for i = 1, 1000000 do local t = {} end");
    assert_int_equal(stat_get(STAT_SLOW_TURNS), slow_before);
    close_all(&s);
}

/* ---- profiles -------------------------------------------------------------------------------- */

/* Whether some stack of the profile has that text. */
static bool has(const char *text) {
    struct buf out;
    buf_init(&out);
    profile_print(&profile, &out);
    assert_true(buf_ok(&out));
    bool found = str_find(buf_view(&out), str_of(text)) >= 0;
    buf_free(&out);
    return found;
}

static void a_profile_has_the_function_that_computes(void **state) {
    struct script s;
    open_with(&s, SOFT, 0);
    assert_int_equal(profile_begin(&profile, &s.w, NULL), 0);
    runs(&s, "local function busy(n) while not sampled(n) do local t = {} end return true end\n"
             "local ok = busy(3)\n"
             "ok = coroutine.wrap(function() local ok = busy(6) return ok end)()");
    profile_end(&profile, &s.w);
    assert_true(has("spec;services/spec/test.lua:main:2;services/spec/test.lua:busy:1 "));
    assert_true(has(":main:3"));
    assert_true(has(";(coroutine);services/spec/test.lua:"));
    assert_true(atomic_load(&profile.ticks) >= profile.taken);
    profile_free(&profile);
    close_all(&s);
}

static void nothing_is_noted_outside_of_a_profile(void **state) {
    struct script s;
    open_with(&s, SOFT, 0);
    assert_int_equal(profile_begin(&profile, &s.w, NULL), 0);
    runs(&s, "while not sampled(1) do local t = {} end");
    profile_end(&profile, &s.w);
    uint64_t taken = profile.taken;
    runs(&s, "for i = 1, 1000000 do local t = {} end");
    assert_int_equal(profile.taken, taken);
    profile_free(&profile);
    close_all(&s);
}

static void profiles_of_several_workers_are_one(void **state) {
    struct script s;
    struct profile sum = {0};
    open_with(&s, SOFT, 0);
    map_init(&sum.stacks, 0);
    buf_init(&sum.line);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(profile_begin(&profile, &s.w, NULL), 0);
        runs(&s, "while not sampled(2) do local t = {} end");
        profile_end(&profile, &s.w);
        assert_int_equal(profile_merge(&sum, &profile), 0);
        profile_free(&profile);
    }
    assert_true(sum.taken >= 4);
    uint64_t total = sum.others;
    struct str stack;
    void *times;
    for (size_t it = 0; map_next(&sum.stacks, &it, &stack, &times);)
        total += (uintptr_t)times;
    assert_int_equal(total, sum.taken);
    profile_free(&sum);
    close_all(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_gives_way_again_and_again_is_slow),
        cmocka_unit_test(one_that_cannot_give_way_is_slow),
        cmocka_unit_test(a_limit_below_that_of_a_turn_counts),
        cmocka_unit_test(it_is_counted_once_until_the_task_waits),
        cmocka_unit_test(short_turns_with_waits_between_are_not_slow),
        cmocka_unit_test(nothing_is_told_when_it_is_off),
        cmocka_unit_test(a_profile_has_the_function_that_computes),
        cmocka_unit_test(nothing_is_noted_outside_of_a_profile),
        cmocka_unit_test(profiles_of_several_workers_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
