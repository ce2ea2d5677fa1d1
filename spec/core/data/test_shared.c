/* shared: one map for all threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/data/shared.h"

#define SHARDS 64
#define SECOND 1000000000u

static struct shared *m;
static uint64_t now_ms;

static uint64_t fake_now(void) {
    return now_ms;
}

static int open_map(void **state) {
    m = shared_new(1 << 20);
    now_ms = 1000;
    if (m) shared_clock(m, fake_now);
    return m ? 0 : -1;
}

static int close_map(void **state) {
    shared_free(m);
    return 0;
}

static void assert_holds(struct str key, const char *expected) {
    struct buf b;
    buf_init(&b);
    int rc = shared_get(m, key, &b);
    if (!expected) {
        assert_int_equal(rc, -ENOENT);
    } else {
        assert_int_equal(rc, 0);
        assert_true(str_eq(buf_view(&b), str_of(expected)));
    }
    buf_free(&b);
}

static size_t entries(void) {
    size_t bytes, n;
    shared_usage(m, &bytes, &n);
    return n;
}

static void what_is_set_is_got(void **state) {
    assert_holds(STR("k"), NULL);
    assert_int_equal(shared_set(m, STR("k"), STR("one"), 0), 0);
    assert_holds(STR("k"), "one");
    assert_int_equal(shared_set(m, STR("k"), STR("another, longer"), 0), 0);
    assert_holds(STR("k"), "another, longer");
    assert_int_equal(shared_set(m, STR("k"), STR_NONE, 0), 0);
    assert_holds(STR("k"), "");
    assert_int_equal(shared_set(m, STR_NONE, STR("empty key"), 0), 0);
    assert_holds(STR(""), "empty key");
    assert_holds(STR("K"), NULL);
    assert_int_equal(entries(), 2);
}

static void keys_and_values_may_hold_any_bytes(void **state) {
    struct str a = str_make("a\0b", 3), b = str_make("a\0c", 3);
    assert_int_equal(shared_set(m, a, str_make("\0\xff", 2), 0), 0);
    assert_int_equal(shared_set(m, b, STR("other"), 0), 0);
    struct buf out;
    buf_init(&out);
    assert_int_equal(shared_get(m, a, &out), 0);
    assert_true(str_eq(buf_view(&out), str_make("\0\xff", 2)));
    buf_free(&out);
    assert_holds(STR("a"), NULL);
}

static void add_only_adds(void **state) {
    assert_int_equal(shared_add(m, STR("k"), STR("1"), 50), 0);
    assert_int_equal(shared_add(m, STR("k"), STR("2"), 0), ERR_EXISTS);
    assert_holds(STR("k"), "1");
    now_ms += 50;
    assert_int_equal(shared_add(m, STR("k"), STR("2"), 0), 0);
    assert_holds(STR("k"), "2");
}

static void an_entry_expires_when_its_time_is_over(void **state) {
    assert_int_equal(shared_set(m, STR("k"), STR("v"), 100), 0);
    assert_int_equal(shared_ttl(m, STR("k")), 100);
    now_ms += 99;
    assert_int_equal(shared_ttl(m, STR("k")), 1);
    assert_holds(STR("k"), "v");
    now_ms += 1;
    assert_holds(STR("k"), NULL);
    assert_int_equal(shared_ttl(m, STR("k")), -ENOENT);
    assert_int_equal(entries(), 0);
    assert_false(shared_del(m, STR("k")));
    shared_set(m, STR("k"), STR("v"), 0);
    assert_int_equal(shared_ttl(m, STR("k")), 0);
    shared_set(m, STR("k"), STR("v"), UINT64_MAX);
    now_ms += UINT64_C(1) << 62;
    assert_holds(STR("k"), "v");
    assert_true(shared_ttl(m, STR("k")) > 0);
    shared_set(m, STR("k"), STR("v"), 10);
    shared_set(m, STR("k"), STR("w"), 0); /* setting anew sets the time anew */
    now_ms += 10;
    assert_holds(STR("k"), "w");
}

static void a_counter_counts(void **state) {
    int64_t v = 0;
    assert_int_equal(shared_incr(m, STR("n"), 1, 10, 0, &v), 0);
    assert_int_equal(v, 11);
    assert_int_equal(shared_incr(m, STR("n"), -20, 99, 0, &v), 0);
    assert_int_equal(v, -9);
    assert_holds(STR("n"), "-9");
    assert_int_equal(shared_incr(m, STR("n"), 9, 0, 0, &v), 0);
    assert_holds(STR("n"), "0");
    assert_int_equal(shared_incr(m, STR("low"), INT64_MIN, 0, 0, &v), 0);
    assert_holds(STR("low"), "-9223372036854775808");
    assert_int_equal(entries(), 2);
}

static void a_counter_starts_from_digits_and_from_nothing_else(void **state) {
    int64_t v = 77;
    static const char *bad[] = {"", "x", "1x", " 1", "1.0", "+1", "99999999999999999999", "-"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        shared_set(m, STR("n"), str_of(bad[i]), 0);
        assert_int_equal(shared_incr(m, STR("n"), 1, 0, 0, &v), -EINVAL);
        assert_holds(STR("n"), bad[i]);
    }
    assert_int_equal(v, 77);
    shared_set(m, STR("n"), STR("41"), 30);
    assert_int_equal(shared_incr(m, STR("n"), 1, 0, 0, &v), 0);
    assert_int_equal(v, 42);
    assert_int_equal(shared_ttl(m, STR("n")), 30); /* it keeps its time */
}

static void a_counter_does_not_overflow(void **state) {
    int64_t v = 0;
    assert_int_equal(shared_incr(m, STR("n"), INT64_MAX, 0, 0, &v), 0);
    assert_int_equal(shared_incr(m, STR("n"), 1, 0, 0, &v), -ERANGE);
    assert_int_equal(v, INT64_MAX);
    assert_holds(STR("n"), "9223372036854775807");
    assert_int_equal(shared_incr(m, STR("new"), 1, INT64_MAX, 0, &v), -ERANGE);
    assert_holds(STR("new"), NULL);
}

static void a_counters_time_is_set_when_it_is_made(void **state) {
    int64_t v;
    shared_incr(m, STR("n"), 1, 0, 100, &v);
    now_ms += 60;
    shared_incr(m, STR("n"), 1, 0, 100, &v);
    assert_int_equal(v, 2);
    assert_int_equal(shared_ttl(m, STR("n")), 40);
    now_ms += 40;
    shared_incr(m, STR("n"), 1, 0, 100, &v);
    assert_int_equal(v, 1);
}

static void cas_replaces_only_what_is_expected(void **state) {
    assert_int_equal(shared_cas(m, STR("k"), STR("a"), STR("b"), 0), -ENOENT);
    shared_set(m, STR("k"), STR("a"), 0);
    assert_int_equal(shared_cas(m, STR("k"), STR("x"), STR("b"), 0), ERR_CONFLICT);
    assert_holds(STR("k"), "a");
    assert_int_equal(shared_cas(m, STR("k"), STR("a"), STR("b"), 20), 0);
    assert_holds(STR("k"), "b");
    assert_int_equal(shared_ttl(m, STR("k")), 20);
    int64_t v;
    shared_incr(m, STR("n"), 5, 0, 0, &v);
    assert_int_equal(shared_cas(m, STR("n"), STR("5"), STR("six"), 0), ERR_CONFLICT);
    const struct shared_value five = {.kind = SHARED_REAL, .real = 5},
                              six = {.kind = SHARED_BYTES, .bytes = STR("six")},
                              half = {.kind = SHARED_REAL, .real = 0.5};
    assert_int_equal(shared_cas_value(m, STR("n"), &half, &six, 0), ERR_CONFLICT);
    assert_int_equal(shared_cas_value(m, STR("n"), &five, &six, 0), 0);
    assert_holds(STR("n"), "six");
}

static void numbers_come_back_as_numbers(void **state) {
    const struct shared_value values[] = {
        {.kind = SHARED_INTEGER, .integer = INT64_MIN},
        {.kind = SHARED_REAL, .real = 0.1},
        {.kind = SHARED_BYTES, .bytes = STR("7")},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct shared_value got;
        struct buf room;
        buf_init(&room);
        buf_str(&room, STR("before"));
        assert_int_equal(shared_set_value(m, STR("k"), &values[i], 0), 0);
        assert_int_equal(shared_get_value(m, STR("k"), &got, &room), 0);
        assert_int_equal(got.kind, values[i].kind);
        assert_int_equal(got.integer, values[i].integer);
        assert_true(got.real == values[i].real);
        assert_true(str_eq(got.bytes, values[i].bytes));
        buf_free(&room);
    }
    int64_t v;
    assert_int_equal(shared_set_value(m, STR("k"), &values[1], 0), 0);
    assert_int_equal(shared_incr(m, STR("k"), 1, 0, 0, &v), -EINVAL);
    assert_holds(STR("k"), "0.10000000000000001");
}

/* ---- token buckets ------------------------------------------------------------------------ */

/* What is left in a bucket after taking `cost`, at `s` seconds; negative: it was not taken. */
static double take(const struct shared_bucket *b, double cost, double s) {
    struct shared_left left;
    now_ms = (uint64_t)(s * 1000);
    int rc = shared_take(m, STR("bucket"), b, cost, (uint64_t)(s * SECOND), &left);
    assert_true(rc >= 0);
    return left.taken ? left.tokens : -1;
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state) {
    const struct shared_bucket b = {.rate = 3, .burst = 5};
    for (int left = 4; left >= 0; left--)
        assert_int_equal((int)(take(&b, 1, 10) + 0.001), left);
    assert_true(take(&b, 1, 10) < 0);
    assert_true(take(&b, 1, 10.3) < 0);
    assert_true(take(&b, 1, 10.34) >= 0);
    int taken = 0;
    for (int i = 1; i <= 1000; i++) /* ten seconds more, asked every 10 ms */
        taken += take(&b, 1, 10.34 + i * 0.01) >= 0;
    assert_in_range(taken, 29, 30);
    assert_true(take(&b, 1, 100) > 3.99); /* it holds no more than its burst */
}

static void a_bucket_tells_when_there_will_be_enough(void **state) {
    const struct shared_bucket b = {.rate = 2, .burst = 4};
    struct shared_left left;
    assert_int_equal(shared_take(m, STR("w"), &b, 3, SECOND, &left), 0);
    assert_true(left.taken);
    assert_int_equal(left.full_ns, 1500000000);
    assert_int_equal(left.enough_ns, 0);
    assert_int_equal(shared_take(m, STR("w"), &b, 2, SECOND, &left), 0);
    assert_false(left.taken);
    assert_int_equal((int)left.tokens, 1);
    assert_int_equal(left.full_ns, 1500000000);
    assert_int_equal(left.enough_ns, 500000000);
    assert_int_equal(shared_take(m, STR("w"), &b, 2, SECOND + left.enough_ns, &left), 0);
    assert_true(left.taken);
}

static void a_look_into_a_bucket_costs_nothing(void **state) {
    const struct shared_bucket b = {.rate = 1, .burst = 2};
    assert_true(take(&b, 0, 1) == 2);
    assert_int_equal(entries(), 0);
    assert_true(take(&b, 1.5, 1) == 0.5);
    assert_true(take(&b, 0, 1) == 0.5);
}

static void a_bucket_that_is_full_again_is_forgotten(void **state) {
    const struct shared_bucket b = {.rate = 10, .burst = 10};
    take(&b, 5, 1);
    assert_true(shared_ttl(m, STR("bucket")) >= 500);
    now_ms = 1501 + 1;
    assert_int_equal(shared_ttl(m, STR("bucket")), -ENOENT);
    assert_true(take(&b, 10, 1.502) >= 0);
}

static void a_bucket_may_become_another_one(void **state) {
    const struct shared_bucket large = {.rate = 1, .burst = 100}, small = {.rate = 1, .burst = 2};
    take(&large, 50, 1);
    assert_true(take(&small, 1, 2) < 0); /* what was taken stays taken */
    assert_true(take(&large, 50, 2) >= 0);
    assert_true(take(&small, 1, 200) >= 0);
}

static void numbers_that_make_no_bucket_are_refused(void **state) {
    const struct {
        double rate, burst, cost;
    } bad[] = {{0, 1, 1},         {-1, 1, 1},        {1, 0.5, 0.5},     {1, 1, 2},
               {1, 1, -1},        {2e6, 1, 1},       {1e-9, 1, 1},      {0.0 / 0.0, 1, 1},
               {1, 0.0 / 0.0, 1}, {1, 1, 0.0 / 0.0}, {1.0 / 0.0, 1, 1}, {1, 1.0 / 0.0, 1}};
    struct shared_left left;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct shared_bucket b = {bad[i].rate, bad[i].burst};
        assert_int_equal(shared_take(m, STR("b"), &b, bad[i].cost, SECOND, &left), -EINVAL);
    }
    const struct shared_bucket good = {.rate = 1, .burst = 1};
    shared_set(m, STR("b"), STR("text"), 0);
    assert_int_equal(shared_take(m, STR("b"), &good, 1, SECOND, &left), -EINVAL);
    const struct shared_bucket most = {.rate = SHARED_RATE_MAX, .burst = 1e12};
    assert_int_equal(shared_take(m, STR("most"), &most, 1e12, SECOND, &left), 0);
    const struct shared_bucket slow = {.rate = 1e-5, .burst = 10};
    assert_int_equal(shared_take(m, STR("slow"), &slow, 10, SECOND, &left), 0);
    assert_int_equal(shared_take(m, STR("slow"), &slow, 10, SECOND, &left), 0);
    assert_false(left.taken);
}

static void deleting_tells_whether_something_was_there(void **state) {
    shared_set(m, STR("k"), STR("v"), 0);
    assert_true(shared_del(m, STR("k")));
    assert_false(shared_del(m, STR("k")));
    assert_int_equal(entries(), 0);
}

static void a_prefix_is_deleted_in_all_shards(void **state) {
    char key[20];
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "%s:%d", i % 2 ? "odd" : "even", i);
        shared_set(m, str_of(key), STR("v"), i == 1 ? 5 : 0);
    }
    now_ms += 5;
    assert_int_equal(shared_del_prefix(m, STR("odd:")), 249); /* one had expired */
    assert_int_equal(shared_del_prefix(m, STR("odd:")), 0);
    assert_int_equal(entries(), 250);
    assert_holds(STR("even:2"), "v");
    assert_int_equal(shared_del_prefix(m, STR_NONE), 250);
    size_t bytes, n;
    shared_usage(m, &bytes, &n);
    assert_int_equal(bytes, 0);
}

static void what_is_too_old_for_one_is_there_for_another(void **state) {
    struct buf b;
    buf_init(&b);
    shared_set(m, STR("k"), STR("v"), 100);
    now_ms += 50;
    assert_int_equal(shared_load(m, STR("k"), 50, true, &b), -ENOENT);
    assert_int_equal(shared_ttl(m, STR("k")), 50); /* not got, not renewed */
    assert_int_equal(shared_load(m, STR("k"), 51, false, &b), 0);
    assert_int_equal(shared_load(m, STR("k"), 0, false, &b), 0);
    assert_true(str_eq(buf_view(&b), STR("vv")));
    buf_free(&b);
}

static void what_is_renewed_has_its_whole_time_again(void **state) {
    struct buf b;
    buf_init(&b);
    shared_set(m, STR("k"), STR("v"), 100);
    for (int i = 0; i < 3; i++) {
        now_ms += 90;
        assert_int_equal(shared_load(m, STR("k"), 91, true, &b), 0);
        assert_int_equal(shared_ttl(m, STR("k")), 100);
    }
    shared_set(m, STR("for ever"), STR("v"), 0);
    shared_set(m, STR("nearly"), STR("v"), UINT64_MAX);
    assert_int_equal(shared_load(m, STR("for ever"), 0, true, &b), 0);
    assert_int_equal(shared_load(m, STR("nearly"), 0, true, &b), 0);
    now_ms += 100;
    assert_int_equal(shared_load(m, STR("k"), 0, true, &b), -ENOENT);
    assert_int_equal(shared_ttl(m, STR("for ever")), 0);
    assert_true(shared_ttl(m, STR("nearly")) > 0);
    buf_free(&b);
}

/* What count_and_drop was shown. */
struct seen {
    int n;        /* entries */
    size_t bytes; /* of their values */
};

static enum shared_verdict count_and_drop(void *arg, struct str key, struct str value) {
    struct seen *seen = arg;
    seen->n++;
    seen->bytes += value.n;
    return str_find(key, STR("9")) >= 0 ? SHARED_DROP : SHARED_KEEP;
}

static void a_visit_sees_the_live_entries_of_a_prefix_and_may_drop_them(void **state) {
    char key[20];
    struct seen seen = {0};
    int64_t v;
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "%s:%d", i < 100 ? "mine" : "other", i);
        shared_set(m, str_of(key), STR("four"), i == 1 ? 5 : 0);
    }
    shared_incr(m, STR("mine:count"), -12, 0, 0, &v);
    now_ms += 5;
    assert_int_equal(shared_each(m, STR("mine:"), count_and_drop, &seen), 19);
    assert_int_equal(seen.n, 100); /* one expired, one is a number */
    assert_int_equal(seen.bytes, 99 * 4 + 3);
    assert_int_equal(entries(), 181);
    assert_holds(STR("mine:9"), NULL);
    assert_holds(STR("mine:8"), "four");
    assert_holds(STR("other:199"), "four");
}

static void the_map_never_holds_more_than_it_may(void **state) {
    char key[20];
    int64_t before = stat_get(STAT_SHARED_EVICTED);
    int evicted = 0;
    for (int i = 0; i < 30000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        int rc = shared_set(m, str_of(key), STR("some value of forty bytes, more or less."), 0);
        assert_true(rc == 0 || rc == 1);
        evicted += rc;
        size_t bytes, n;
        if (i % 100) continue;
        shared_usage(m, &bytes, &n);
        assert_true(bytes <= 1 << 20);
    }
    assert_true(evicted > 0);
    assert_true(stat_get(STAT_SHARED_EVICTED) - before >= evicted);
    assert_true(entries() > 4000); /* and it uses most of its room */
    assert_holds(str_of(key), "some value of forty bytes, more or less.");
}

static void the_least_recently_used_entry_goes_first(void **state) {
    char key[20];
    shared_set(m, STR("asked for"), STR("v"), 0);
    shared_set(m, STR("forgotten"), STR("v"), 0);
    for (int i = 0; i < 30000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        shared_set(m, str_of(key), STR("value"), 0);
        assert_holds(STR("asked for"), "v");
    }
    assert_holds(STR("forgotten"), NULL);
}

/* Keys of an owner: its name, a byte below 32, and a number. */
static int put_of(const char *owner, int i, size_t n) {
    char key[64], value[4096];
    int len = snprintf(key, sizeof key, "%s%c%d", owner, 1, i);
    memset(value, 'v', sizeof value);
    return shared_set(m, str_make(key, (size_t)len), str_make(value, n), 0);
}

static int count_of(const char *owner) {
    char prefix[64];
    int n = snprintf(prefix, sizeof prefix, "%s%c", owner, 1), found = 0;
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < 100000; i++) {
        int len = n + snprintf(prefix + n, sizeof prefix - (size_t)n, "%d", i);
        buf_clear(&b);
        if (shared_get(m, str_make(prefix, (size_t)len), &b) == 0) found++;
        if (i == 4000 && found == 0) break;
    }
    buf_free(&b);
    return found;
}

static void a_flood_evicts_entries_of_its_owner_only(void **state) {
    const struct shared_bucket bucket = {.rate = 1, .burst = 10};
    struct shared_left left;
    for (int i = 0; i < 500; i++)
        assert_int_equal(put_of("quiet.example", i, 100), 0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(put_of("calm.example", i, 100), 0);
    assert_int_equal(shared_take(m, STR("proxy.example\3key"), &bucket, 7, SECOND, &left), 0);
    for (int i = 0; i < 50000; i++)
        assert_true(put_of("loud.example", i, (size_t)i % 900) >= 0);
    assert_int_equal(count_of("quiet.example"), 500);
    assert_int_equal(count_of("calm.example"), 300);
    shared_take(m, STR("proxy.example\3key"), &bucket, 0, SECOND, &left);
    assert_int_equal((int)left.tokens, 3);
    /* Who comes later takes the room of who has most. */
    for (int i = 0; i < 500; i++)
        assert_true(put_of("late.example", i, 100) >= 0);
    assert_int_equal(count_of("late.example"), 500);
    assert_int_equal(count_of("quiet.example"), 500);
    assert_int_equal(count_of("calm.example"), 300);
}

static void buckets_take_half_of_the_room_at_most(void **state) {
    const struct shared_bucket bucket = {.rate = 1, .burst = 10};
    struct shared_left left;
    size_t bytes, n;
    char key[64];
    for (int i = 0; i < 300; i++)
        assert_int_equal(put_of("quiet.example", i, 100), 0);
    for (int i = 0; i < 50000; i++) {
        snprintf(key, sizeof key, "proxy.example\3%d", i);
        assert_true(shared_take(m, str_of(key), &bucket, 1, SECOND, &left) >= 0);
        assert_true(left.taken);
    }
    assert_int_equal(count_of("quiet.example"), 300);
    shared_usage(m, &bytes, &n);
    assert_in_range(bytes, 1 << 18, (1 << 19) + 300 * 300);
    for (int i = 0; i < 5000; i++)
        assert_true(put_of("loud.example", i, 1000) >= 0);
    shared_take(m, str_of(key), &bucket, 0, SECOND, &left);
    assert_int_equal((int)left.tokens, 9);
}

static void expired_entries_go_before_live_ones(void **state) {
    char key[20];
    for (int i = 0; i < 4000; i++) {
        snprintf(key, sizeof key, "old-%d", i);
        shared_set(m, str_of(key), STR("value"), 10);
    }
    now_ms += 10;
    int64_t before = stat_get(STAT_SHARED_EVICTED);
    for (int i = 0; i < 4000; i++) {
        snprintf(key, sizeof key, "new-%d", i);
        assert_int_equal(shared_set(m, str_of(key), STR("value"), 0), 0);
    }
    assert_int_equal(stat_get(STAT_SHARED_EVICTED), before);
    assert_true(entries() < 6000); /* writes swept most of the old ones away */
}

static void what_is_larger_than_a_shard_is_refused(void **state) {
    static char big[(1 << 20) / SHARDS];
    shared_set(m, STR("k"), STR("small"), 0);
    assert_int_equal(shared_set(m, STR("k"), str_make(big, sizeof big), 0), ERR_LIMIT);
    assert_int_equal(shared_cas(m, STR("k"), STR("small"), str_make(big, sizeof big), 0),
                     ERR_LIMIT);
    assert_holds(STR("k"), "small");
    assert_true(shared_set(m, STR("k"), str_make(big, sizeof big - 200), 0) >= 0);
}

static void running_out_of_memory_changes_nothing(void **state) {
    shared_set(m, STR("k"), STR("v"), 0);
    int64_t v = 3;
    mem_fail_at(1, true);
    assert_int_equal(shared_set(m, STR("k"), STR("w"), 0), -ENOMEM);
    assert_int_equal(shared_add(m, STR("new"), STR("w"), 0), -ENOMEM);
    assert_int_equal(shared_cas(m, STR("k"), STR("v"), STR("w"), 0), -ENOMEM);
    assert_int_equal(shared_incr(m, STR("n"), 1, 0, 0, &v), -ENOMEM);
    const struct shared_bucket bucket = {.rate = 1, .burst = 1};
    struct shared_left left;
    assert_int_equal(shared_take(m, STR("bucket"), &bucket, 1, SECOND, &left), -ENOMEM);
    struct buf b;
    buf_init(&b);
    assert_int_equal(shared_get(m, STR("k"), &b), -ENOMEM);
    assert_null(shared_new(1 << 20));
    mem_fail_at(0, false);
    buf_free(&b);
    assert_int_equal(v, 3);
    assert_holds(STR("k"), "v");
    assert_int_equal(entries(), 1);
    for (int n = 1;; n++) { /* a new map, at every point of its making */
        mem_fail_at(n, false);
        struct shared *other = shared_new(1 << 20);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_int_equal(other == NULL, fired);
        shared_free(other);
        if (!fired) break;
    }
    /* Growing the chains is not needed to store, where its owner has something already. */
    char key[20];
    for (int i = 0; i < 1500; i++) {
        snprintf(key, sizeof key, "first-%d", i);
        assert_int_equal(shared_set(m, str_of(key), STR("v"), 0), 0);
    }
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        mem_fail_at(2, false);
        assert_int_equal(shared_set(m, str_of(key), STR("v"), 0), 0);
        mem_fail_at(0, false);
    }
    assert_int_equal(entries(), 4501);
    assert_holds(STR("key-7"), "v");
}

/* ---- threads ------------------------------------------------------------------------------ */

#define THREADS 6
#define ROUNDS  3000

static void *hammer(void *arg) {
    int who = (int)(intptr_t)arg;
    char key[20];
    int64_t v;
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < ROUNDS; i++) {
        shared_incr(m, STR("counter"), 1, 0, 0, &v);
        snprintf(key, sizeof key, "key-%d", (i * 7 + who) % 900);
        buf_clear(&b);
        switch (i % 6) {
        case 0:
            shared_set(m, str_of(key), STR("a longer value to evict others"), 0);
            break;
        case 1:
            shared_load(m, str_of(key), i % 3 ? 0 : 1, i % 2 == 0, &b);
            break;
        case 2:
            shared_del(m, str_of(key));
            break;
        case 3:
            shared_add(m, str_of(key), STR("v"), 1);
            break;
        case 4:
            if (i % 300 == 4) shared_del_prefix(m, STR("key-1"));
            if (i % 300 == 64) shared_each(m, STR("key-"), count_and_drop, &(struct seen){0});
            shared_ttl(m, str_of(key));
            break;
        default:
            while (true) { /* a counter made of cas */
                buf_clear(&b);
                if (shared_get(m, STR("cas"), &b) != 0) continue;
                uint64_t n = 0;
                char next[24];
                if (str_u64(buf_view(&b), &n) < 0) return NULL;
                snprintf(next, sizeof next, "%llu", (unsigned long long)n + 1);
                if (shared_cas(m, STR("cas"), buf_view(&b), str_of(next), 0) >= 0) break;
            }
        }
    }
    buf_free(&b);
    return NULL;
}

static void threads_never_lose_a_count(void **state) {
    pthread_t threads[THREADS];
    shared_clock(m, shared_now);
    shared_set(m, STR("cas"), STR("0"), 0);
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int64_t v;
    assert_true(shared_incr(m, STR("counter"), 0, 0, 0, &v) >= 0);
    assert_int_equal(v, THREADS * ROUNDS);
    char expected[20];
    snprintf(expected, sizeof expected, "%d", THREADS * ROUNDS / 6);
    assert_holds(STR("cas"), expected);
}

#define BURST 500

static _Atomic int taken;

static void *drink(void *arg) {
    const struct shared_bucket b = {.rate = 0.001, .burst = BURST};
    struct shared_left left;
    for (int i = 0; i < BURST; i++)
        if (shared_take(m, STR("bucket"), &b, 1, SECOND, &left) == 0 && left.taken) taken++;
    return arg;
}

static void threads_never_take_more_than_there_is(void **state) {
    pthread_t threads[THREADS];
    taken = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, drink, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(taken, BURST);
}

static void the_clock_is_monotonic(void **state) {
    uint64_t a = shared_now(), b = shared_now();
    assert_true(a > 0 && b >= a);
}

int main(void) {
#define WITH_MAP(test) cmocka_unit_test_setup_teardown(test, open_map, close_map)
    const struct CMUnitTest tests[] = {
        WITH_MAP(what_is_set_is_got),
        WITH_MAP(keys_and_values_may_hold_any_bytes),
        WITH_MAP(add_only_adds),
        WITH_MAP(an_entry_expires_when_its_time_is_over),
        WITH_MAP(a_counter_counts),
        WITH_MAP(a_counter_starts_from_digits_and_from_nothing_else),
        WITH_MAP(a_counter_does_not_overflow),
        WITH_MAP(a_counters_time_is_set_when_it_is_made),
        WITH_MAP(cas_replaces_only_what_is_expected),
        WITH_MAP(numbers_come_back_as_numbers),
        WITH_MAP(deleting_tells_whether_something_was_there),
        WITH_MAP(a_prefix_is_deleted_in_all_shards),
        WITH_MAP(what_is_too_old_for_one_is_there_for_another),
        WITH_MAP(what_is_renewed_has_its_whole_time_again),
        WITH_MAP(a_visit_sees_the_live_entries_of_a_prefix_and_may_drop_them),
        WITH_MAP(the_map_never_holds_more_than_it_may),
        WITH_MAP(the_least_recently_used_entry_goes_first),
        WITH_MAP(a_flood_evicts_entries_of_its_owner_only),
        WITH_MAP(buckets_take_half_of_the_room_at_most),
        WITH_MAP(expired_entries_go_before_live_ones),
        WITH_MAP(what_is_larger_than_a_shard_is_refused),
        WITH_MAP(running_out_of_memory_changes_nothing),
        WITH_MAP(a_bucket_gives_its_burst_and_then_its_rate),
        WITH_MAP(a_bucket_tells_when_there_will_be_enough),
        WITH_MAP(a_look_into_a_bucket_costs_nothing),
        WITH_MAP(a_bucket_that_is_full_again_is_forgotten),
        WITH_MAP(a_bucket_may_become_another_one),
        WITH_MAP(numbers_that_make_no_bucket_are_refused),
        WITH_MAP(threads_never_lose_a_count),
        WITH_MAP(threads_never_take_more_than_there_is),
        cmocka_unit_test(the_clock_is_monotonic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
