/* values and `require "config.core"`: what the configs of a service are set to, for all states. */
#include "spec/core/script/script.h"

#include <pthread.h>

#include "core/script/resident.h"
#include "core/script/values.h"

static int forget(void **state) {
    values_forget_all();
    return 0;
}

static void assert_holds(const char *host, const char *expected) {
    struct buf got;
    uint64_t version;
    buf_init(&got);
    int rc = values_get(str_of(host), &got, &version);
    assert_int_equal(rc, expected ? 0 : -ENOENT);
    assert_int_equal(version, values_version());
    if (expected) assert_true(str_eq(buf_view(&got), str_of(expected)));
    buf_free(&got);
}

static void what_was_put_last_counts(void **state) {
    assert_holds("a.example", NULL);
    uint64_t before = values_version();
    assert_int_equal(values_put(STR("a.example"), STR("one"), VALUES_ANY), 0);
    assert_int_equal(values_put(STR("b.example"), STR(""), VALUES_ANY), 0);
    assert_true(values_version() == before + 2);
    assert_holds("a.example", "one");
    assert_holds("b.example", "");
    assert_int_equal(values_put(STR("a.example"), STR("two"), VALUES_ANY), 0);
    assert_holds("a.example", "two");
}

static void who_saw_an_older_version_changes_nothing(void **state) {
    values_put(STR("a.example"), STR("one"), VALUES_ANY);
    uint64_t seen = values_version();
    values_put(STR("b.example"), STR("other"), VALUES_ANY);
    assert_int_equal(values_put(STR("a.example"), STR("two"), seen), 0);
    assert_int_equal(values_put(STR("a.example"), STR("three"), seen), ERR_CONFLICT);
    assert_holds("a.example", "two");
}

static void a_service_that_went_is_forgotten(void **state) {
    values_put(STR("a.example"), STR("one"), VALUES_ANY);
    uint64_t before = values_version();
    values_forget(STR("a.example"));
    assert_true(values_version() > before);
    assert_holds("a.example", NULL);
    before = values_version();
    values_forget(STR("a.example"));
    assert_int_equal(values_version(), before);
    assert_int_equal(values_put(STR("a.example"), STR("two"), 0), 0);
}

static void too_much_is_refused(void **state) {
    char *large = mem_zalloc(VALUES_SIZE + 1);
    assert_int_equal(values_put(STR("a"), str_make(large, VALUES_SIZE), VALUES_ANY), 0);
    assert_int_equal(values_put(STR("b"), str_make(large, VALUES_SIZE + 1), VALUES_ANY), ERR_LIMIT);
    mem_free(large);
    assert_holds("b", NULL);
    for (int i = 1; i < VALUES_HOSTS; i++) {
        char host[20];
        snprintf(host, sizeof host, "h%d", i);
        assert_int_equal(values_put(str_of(host), STR("x"), VALUES_ANY), 0);
    }
    uint64_t before = values_version();
    assert_int_equal(values_put(STR("one more"), STR("x"), VALUES_ANY), ERR_LIMIT);
    assert_int_equal(values_put(STR("h7"), STR("y"), VALUES_ANY), 0);
    assert_int_equal(values_version(), before + 1);
}

static void without_memory_nothing_changes(void **state) {
    struct buf got;
    uint64_t version;
    values_put(STR("a.example"), STR("one"), VALUES_ANY);
    for (long n = 1;; n++) {
        mem_fail_at(n, true);
        int rc = values_put(STR("b.example"), STR("two"), VALUES_ANY);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (!fired) break;
        assert_int_equal(rc, -ENOMEM);
        assert_holds("b.example", NULL);
    }
    assert_holds("a.example", "one");
    assert_holds("b.example", "two");
    buf_init(&got);
    mem_fail_at(1, true);
    assert_int_equal(values_get(STR("a.example"), &got, &version), -ENOMEM);
    mem_fail_at(0, false);
    buf_free(&got);
}

/* ---- threads --------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  500

/* Adds one to a counter that only stays right when nobody's change is lost, and reads meanwhile. */
static void *count(void *arg) {
    struct buf got;
    buf_init(&got);
    for (int done = 0; done < ROUNDS;) {
        char text[20];
        uint64_t seen, n = 0;
        buf_clear(&got);
        if (values_get(STR("counter"), &got, &seen) == 0)
            assert_int_equal(str_u64(buf_view(&got), &n), 0);
        snprintf(text, sizeof text, "%llu", (unsigned long long)n + 1);
        if (values_put(STR("counter"), str_of(text), seen) == 0) done++;
        assert_true(values_version() >= seen);
        if (done % 50 == 0) values_forget(STR("other"));
        if (done % 50 == 1) values_put(STR("other"), str_of(text), VALUES_ANY);
    }
    buf_free(&got);
    return NULL;
}

static void threads_lose_no_change(void **state) {
    pthread_t threads[THREADS];
    char expected[20];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    snprintf(expected, sizeof expected, "%d", THREADS * ROUNDS);
    assert_holds("counter", expected);
}

/* ---- from Lua -------------------------------------------------------------------------------- */

static void scripts_publish_and_read(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local c = require 'config.core'\n"
          "local v = c.version()\n"
          "local none, at = c.values()\n"
          "local ok = c.publish { Greeting = 'Hi', ['b\\0'] = '\\0' }\n"
          "local t, now = c.values()\n"
          "return none, at == v, ok, t.Greeting, t['b\\0'] == '\\0', now == v + 1, c.version() == "
          "now",
          "nil|true|true|Hi|true|true|true");
    check(&s,
          "local c = require 'config.core' local _, seen = c.values()\n"
          "local ok, why, code = c.publish({ a = '1' }, seen - 1)\n"
          "return c.publish({ a = '2' }, seen), c.values().a, ok, why, code",
          "true|2|nil|the values were changed by others|conflict");
    check(&s,
          "local ok, why, code = require 'config.core'.publish { a = ('x'):rep(1 << 20) }\n"
          "return ok, code, require 'config.core'.values().a",
          "nil|limit|2");
    script_close(&s);
}

static void only_texts_by_name_are_values(void **state) {
    struct script s;
    script_open(&s);
    check_error(&s, "require 'config.core'.publish()", "table expected");
    check_error(&s, "require 'config.core'.publish { a = 1 }", "texts by name are expected");
    check_error(&s, "require 'config.core'.publish { 'a' }", "texts by name are expected");
    check_error(&s,
                "local t = {} for i = 1, 1001 do t['n' .. i] = '' end\n"
                "require 'config.core'.publish(t)",
                "more than 1000 values");
    script_close(&s);
}

static void a_service_has_only_its_own(void **state) {
    struct script s;
    struct resident r = {.host = "a.example"};
    script_open(&s);
    check(&s,
          "local c = require 'config.core'\n"
          "c.publish({ x = '1' }, nil, 'b.example') return c.values(), c.values('b.example').x",
          "nil|1");
    s.vm->owner = &r;
    check(&s,
          "local c = require 'config.core'\n"
          "c.publish({ x = '2' }, nil, 'b.example') return c.values('b.example').x",
          "2");
    s.vm->owner = NULL;
    check(&s,
          "local c = require 'config.core' return c.values('a.example').x, "
          "c.values('b.example').x",
          "2|1");
    script_close(&s);
}

static void a_service_that_loads_has_none_yet(void **state) {
    struct script s;
    script_open(&s);
    check(&s, "return require 'config.core'.publish { x = '1' }", "true");
    s.vm->loading = true;
    check(&s, "return require 'config.core'.values()", "nil|-1");
    check_error(&s, "require 'config.core'.publish { x = '2' }", "not while a service is loading");
    s.vm->loading = false;
    check(&s, "return require 'config.core'.values().x", "1");
    script_close(&s);
}

#define TEST(name) cmocka_unit_test_setup(name, forget)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_last_counts),         TEST(who_saw_an_older_version_changes_nothing),
        TEST(a_service_that_went_is_forgotten), TEST(too_much_is_refused),
        TEST(without_memory_nothing_changes),   TEST(threads_lose_no_change),
        TEST(scripts_publish_and_read),         TEST(only_texts_by_name_are_values),
        TEST(a_service_has_only_its_own),       TEST(a_service_that_loads_has_none_yet),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    values_forget_all();
    return failed;
}
