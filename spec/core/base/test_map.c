/* What map.h promises. */
#include "spec.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "core/base/map.h"

#define MANY 5000

/* Key number i, in one of a few shared buffers. */
static struct str key(size_t i) {
    static char texts[4][32];
    char *text = texts[i % 4];
    return str_make(text, (size_t)snprintf(text, sizeof texts[0], "key-%zu", i));
}

static int values[MANY];

static void what_was_put_is_found(void **state) {
    struct map m;
    map_init(&m, 0);
    assert_null(map_get(&m, STR("a")));
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(map_put(&m, key(i), &values[i]), 0);
    assert_int_equal(m.n, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(&m, key(i)), &values[i]);
    assert_null(map_get(&m, STR("key-")));
    assert_null(map_get(&m, STR("")));
    map_free(&m);
    assert_int_equal(m.n + m.cap, 0);
    assert_null(map_get(&m, key(1)));
}

static void keys_are_bytes_of_any_kind(void **state) {
    struct map m;
    map_init(&m, 0);
    assert_int_equal(map_put(&m, STR_NONE, &values[0]), 0);
    assert_int_equal(map_put(&m, STR("\0"), &values[1]), 0);
    assert_int_equal(map_put(&m, STR("\0\0"), &values[2]), 0);
    assert_int_equal(map_put(&m, STR("a\0b"), &values[3]), 0);
    assert_int_equal(map_put(&m, STR("a\0c"), &values[4]), 0);
    assert_ptr_equal(map_get(&m, STR("")), &values[0]);
    assert_ptr_equal(map_get(&m, STR("\0")), &values[1]);
    assert_ptr_equal(map_get(&m, STR("\0\0")), &values[2]);
    assert_ptr_equal(map_get(&m, STR("a\0b")), &values[3]);
    assert_ptr_equal(map_get(&m, STR("a\0c")), &values[4]);
    map_free(&m);
}

static void keys_are_copied(void **state) {
    struct map m;
    char text[] = "name";
    map_init(&m, 0);
    assert_int_equal(map_put(&m, str_of(text), &values[0]), 0);
    text[0] = 'X';
    assert_ptr_equal(map_get(&m, STR("name")), &values[0]);
    assert_null(map_get(&m, str_of(text)));
    map_free(&m);
}

static void put_replaces_even_when_the_map_is_full(void **state) {
    struct map m;
    map_init(&m, 2);
    assert_int_equal(map_put(&m, STR("a"), &values[0]), 0);
    assert_int_equal(map_put(&m, STR("b"), &values[1]), 0);
    assert_int_equal(map_put(&m, STR("c"), &values[2]), -ENOSPC);
    assert_null(map_get(&m, STR("c")));
    assert_int_equal(map_put(&m, STR("b"), &values[3]), 0);
    assert_ptr_equal(map_get(&m, STR("b")), &values[3]);
    assert_int_equal(m.n, 2);
    assert_ptr_equal(map_del(&m, STR("a")), &values[0]);
    assert_int_equal(map_put(&m, STR("c"), &values[2]), 0);
    map_free(&m);
}

/* A plain model of what the map should hold, after many random changes. */
static void random_changes_agree_with_a_model(void **state) {
    enum { KEYS = 300 };
    void *model[KEYS] = {0};
    uint32_t seed = 12345;
    struct map m;
    map_init(&m, 0);
    for (int step = 0; step < 60000; step++) {
        seed = seed * 1664525u + 1013904223u;
        size_t i = (seed >> 8) % KEYS;
        if (seed >> 31) {
            assert_ptr_equal(map_del(&m, key(i)), model[i]);
            model[i] = NULL;
        } else {
            model[i] = &values[(seed >> 4) % MANY];
            assert_int_equal(map_put(&m, key(i), model[i]), 0);
        }
        if (step % 1000) continue;
        size_t n = 0;
        for (i = 0; i < KEYS; i++) {
            assert_ptr_equal(map_get(&m, key(i)), model[i]);
            n += model[i] != NULL;
        }
        assert_int_equal(m.n, n);
    }
    map_free(&m);
}

static void removing_all_empties_the_table(void **state) {
    struct map m;
    map_init(&m, 0);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(map_put(&m, key(i), &values[i]), 0);
    for (size_t i = MANY; i-- > 0;)
        assert_ptr_equal(map_del(&m, key(i)), &values[i]);
    assert_null(map_del(&m, key(0)));
    assert_int_equal(m.n, 0);
    size_t it = 0;
    struct str k;
    void *v;
    assert_false(map_next(&m, &it, &k, &v));
    map_free(&m);
}

static void iteration_meets_every_entry_once(void **state) {
    static bool met[MANY];
    struct map m;
    struct str k;
    void *v;
    size_t it = 0, n = 0;
    map_init(&m, 0);
    assert_false(map_next(&m, &it, &k, &v));
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(map_put(&m, key(i), &values[i]), 0);
    for (it = 0; map_next(&m, &it, &k, &v); n++) {
        size_t i = (size_t)((int *)v - values);
        assert_true(str_eq(k, key(i)));
        assert_false(met[i]);
        met[i] = true;
    }
    assert_int_equal(n, MANY);
    map_free(&m);
}

static void the_hash_depends_on_every_byte_and_on_the_length(void **state) {
    char text[40] = {0};
    for (size_t n = 0; n < sizeof text; n++) {
        uint64_t plain = map_hash(str_make(text, n));
        assert_int_equal(plain, map_hash(str_make(text, n)));
        if (n) assert_int_not_equal(plain, map_hash(str_make(text, n - 1)));
        for (size_t i = 0; i < n; i++) {
            text[i] = 1;
            assert_int_not_equal(plain, map_hash(str_make(text, n)));
            text[i] = 0;
        }
    }
}

static void the_hash_spreads_similar_keys(void **state) {
    size_t buckets[64] = {0};
    for (size_t i = 0; i < 6400; i++)
        buckets[map_hash(key(i)) % 64]++;
    for (size_t i = 0; i < 64; i++)
        assert_in_range(buckets[i], 40, 180);
}

static void *hash_of_x(void *arg) {
    *(uint64_t *)arg = map_hash(STR("x"));
    return NULL;
}

static void all_threads_use_one_seed(void **state) {
    uint64_t hashes[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_of_x, &hashes[i]), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(hashes[i], map_hash(STR("x")));
}

static void a_put_without_memory_changes_nothing(void **state) {
    SPEC_EACH_FAILURE(n, {
        struct map m;
        size_t done = 0;
        map_init(&m, 0);
        for (size_t i = 0; i < 100; i++) {
            int rc = map_put(&m, key(i), &values[i]);
            if (rc) {
                assert_int_equal(rc, -ENOMEM);
                assert_null(map_get(&m, key(i)));
            } else {
                done++;
            }
        }
        assert_int_equal(done, mem_fail_fired() ? 99 : 100);
        assert_int_equal(m.n, done);
        for (size_t i = 0; i < 100; i++)
            done -= map_get(&m, key(i)) == &values[i];
        assert_int_equal(done, 0);
        map_free(&m);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),
        cmocka_unit_test(keys_are_bytes_of_any_kind),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(put_replaces_even_when_the_map_is_full),
        cmocka_unit_test(random_changes_agree_with_a_model),
        cmocka_unit_test(removing_all_empties_the_table),
        cmocka_unit_test(iteration_meets_every_entry_once),
        cmocka_unit_test(the_hash_depends_on_every_byte_and_on_the_length),
        cmocka_unit_test(the_hash_spreads_similar_keys),
        cmocka_unit_test(all_threads_use_one_seed),
        cmocka_unit_test(a_put_without_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
