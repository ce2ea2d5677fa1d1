/* A generation in a state: building it, running out of memory, going out of service. */
#include "spec/core/script/folder.h"
#include "spec/core/script/heartbeat.h"

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/host.h"
#include "core/script/resident.h"
#include "core/script/watchdog.h"
#include "core/secure/seal.h"

static struct worker w;

static const char YAML[] = "general:\n  host: lab.example\n"
                           "configs:\n  - signature: Limit() (n int)\n    default: 5\n"
                           "functions:\n"
                           "  - signature: Add(x int, y int) (sum int)\n"
                           "  - signature: Item(id string) (httpResponseBody any)\n"
                           "    path: /item/{id}\n"
                           "webs:\n  - signature: Page()\n"
                           "tickers:\n  - signature: Tick()\n    interval: 1h\n";
static const char LUA[] = "local helper = require 'gen.helper'\n"
                          "local json = require 'json'\n"
                          "local store = require 'store'\n"
                          "local svc = require 'service' (...)\n"
                          "local pets = store.collection('pets', { indexes = { 'name' } })\n"
                          "function svc.Add(_, x, y) return x + y end\n"
                          "function svc.Item(_, id) return json.encode { id, helper.word } end\n"
                          "function svc.Page() return pets:count() end\n"
                          "function svc.Tick() end\n"
                          "return svc\n";

static int prepare(void **state) {
    struct err e = {0};
    int n = 0;
    alarm(120); /* a test that hangs says so */
    folder_open();
    folder_write("lab/service.yaml", YAML);
    folder_write("lab/service.lua", LUA);
    folder_write("lab/gen/helper.lua", "return { word = 'help' }\n");
    folder_write("lab/types.lua", "---@class Pet\n---@field name string\n");
    if (conf_load(0, NULL, NULL, &n, &e) < 0 || seal_start(&e) < 0) fail_msg("%s", e.text);
    if (worker_init(&w, -1, &e) < 0 || task_open(&w) < 0) fail_msg("%s", e.text);
    heartbeat_start(&w.loop);
    return 0;
}

static int finish(void **state) {
    heartbeat_stop();
    task_close(&w);
    worker_free(&w);
    conf_free();
    folder_close();
    assert_int_equal(stat_get(STAT_STATES_OPEN), 0);
    assert_int_equal(stat_get(STAT_STATE_BYTES), 0);
    assert_int_equal(stat_get(STAT_REFS_OPEN), 0);
    assert_int_equal(stat_get(STAT_TASKS_OPEN), 0);
    return 0;
}

static struct generation *snapshot(void) {
    struct err e = {0};
    struct generation *g = generation_read(folder_root, NULL, STR("lab"), &e);
    if (!g) fail_msg("%s", e.text);
    return g;
}

static struct resident *build(void) {
    struct err e = {0};
    struct generation *g = snapshot();
    struct resident *r = resident_new(g, &w, &e);
    if (!r) fail_msg("%s", e.text);
    generation_give(g);
    return r;
}

/* ---- building ------------------------------------------------------------------------------- */

static void it_knows_its_host_name_and_keeps_its_generation_alive(void **state) {
    struct resident *r = build();
    assert_string_equal(r->host, "lab.example");
    assert_false(r->api);
    assert_false(r->started);
    assert_int_equal(r->vm->n_refs, 3);
    assert_non_null(generation_file(r->gen, STR("gen/helper.lua")).p);
    resident_free(r);
}

/* The next allocation to fail: every one of the first hundreds, then fewer and fewer, because
 * compiling the runtime makes thousands of the same kind. */
static long after(long n) {
    return n + 1 + n / 100;
}

/* Our allocations and Lua's fail from the n-th on: an error each time, and nothing is left. */
static void whichever_allocation_fails_nothing_is_left_behind(void **state) {
    struct generation *g = snapshot();
    int failures = 0;
    for (long n = 1;; n = after(n)) {
        struct err e = {0};
        mem_fail_at(n, true);
        struct resident *r = resident_new(g, &w, &e);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (r) {
            resident_free(r);
            if (!fired) break;
            continue;
        }
        assert_true(fired);
        assert_int_equal(e.code, -ENOMEM);
        assert_true(e.text[0]);
        assert_int_equal(stat_get(STAT_STATES_OPEN), 0);
        failures++;
    }
    assert_true(failures > 300);
    generation_give(g);
}

/* One failure alone: Lua collects garbage and tries again, so most of them are survived. */
static void a_single_failure_is_survived_or_told(void **state) {
    struct generation *g = snapshot();
    for (long n = 1;; n = after(n)) {
        struct err e = {0};
        mem_fail_at(n, false);
        struct resident *r = resident_new(g, &w, &e);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (r)
            resident_free(r);
        else
            assert_int_equal(e.code, -ENOMEM);
        if (!fired) break;
    }
    generation_give(g);
}

/* ---- going out of service ------------------------------------------------------------------- */

static bool gone;

static void note_gone(struct resident *r) {
    gone = true;
}

/* [protected] time.sleep, for so many seconds */
static int push_sleep(lua_State *co, void *seconds) {
    lua_getglobal(co, "require");
    lua_pushliteral(co, "time");
    lua_call(co, 1, 1);
    lua_getfield(co, -1, "sleep");
    lua_remove(co, -2);
    lua_pushnumber(co, *(double *)seconds);
    return 1;
}

static enum task_end last_end;
static int ends;

static void note_end(struct task *t, enum task_end end, int nresults) {
    last_end = end;
    ends++;
}

static struct task *sleeper(struct resident *r, double seconds) {
    struct err e = {0};
    struct task *t = resident_task(r, push_sleep, &seconds, &e);
    if (!t) fail_msg("%s", e.text);
    t->ended = note_end;
    task_start(t);
    return t;
}

static void until_gone(void) {
    while (!gone)
        uv_run(&w.loop, UV_RUN_ONCE);
}

static struct resident *fresh(void) {
    struct resident *r = build();
    r->gone = note_gone;
    gone = false;
    ends = 0;
    return r;
}

static void without_tasks_it_goes_at_once_but_never_below_its_caller(void **state) {
    struct resident *r = fresh();
    resident_retire(r, 60000);
    assert_false(gone);
    until_gone();
}

static void its_tasks_may_finish_first(void **state) {
    struct resident *r = fresh();
    sleeper(r, 0.03);
    resident_retire(r, 60000);
    until_gone();
    assert_int_equal(ends, 1);
    assert_int_equal(last_end, TASK_RETURNED);
}

static void what_takes_longer_than_its_grace_is_cancelled(void **state) {
    struct resident *r = fresh();
    sleeper(r, 3600);
    resident_retire(r, 10);
    until_gone();
    assert_int_equal(ends, 1);
    assert_int_equal(last_end, TASK_CANCELED);
}

static void background_tasks_end_at_once(void **state) {
    struct resident *r = fresh();
    sleeper(r, 3600)->background = true;
    resident_retire(r, 60000);
    assert_int_equal(ends, 1);
    assert_int_equal(last_end, TASK_CANCELED);
    until_gone();
}

static void nothing_new_begins_in_it(void **state) {
    struct resident *r = fresh();
    struct err e = {0};
    double seconds = 0;
    sleeper(r, 0.01);
    resident_retire(r, 60000);
    assert_null(resident_task(r, push_sleep, &seconds, &e));
    assert_int_equal(e.code, ERR_CLOSED);
    until_gone();
}

#define T(f) cmocka_unit_test_setup_teardown(f, prepare, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(it_knows_its_host_name_and_keeps_its_generation_alive),
        T(whichever_allocation_fails_nothing_is_left_behind),
        T(a_single_failure_is_survived_or_told),
        T(without_tasks_it_goes_at_once_but_never_below_its_caller),
        T(its_tasks_may_finish_first),
        T(what_takes_longer_than_its_grace_is_cancelled),
        T(background_tasks_end_at_once),
        T(nothing_new_begins_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
