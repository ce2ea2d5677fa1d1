/* What mem.h promises. */
#include "spec.h"

#include <pthread.h>
#include <stdatomic.h>

static void nothing_fails_while_injection_is_off(void **state) {
    mem_fail_at(0, true);
    for (int i = 0; i < 100; i++) {
        void *p = mem_alloc(10);
        assert_non_null(p);
        mem_free(p);
    }
    assert_false(mem_fail_fired());
    assert_false(mem_fail_now());
}

static void only_the_nth_allocation_fails(void **state) {
    mem_fail_at(3, false);
    for (int i = 1; i <= 6; i++) {
        assert_int_equal(mem_fail_fired(), i > 3);
        void *p = mem_alloc(1);
        assert_int_equal(p == NULL, i == 3);
        mem_free(p);
    }
    mem_fail_at(0, false);
}

static void every_later_one_fails_too_when_it_is_sticky(void **state) {
    mem_fail_at(2, true);
    void *p = mem_alloc(1);
    assert_non_null(p);
    for (int i = 0; i < 5; i++)
        assert_null(mem_alloc(1));
    mem_fail_at(0, false);
    assert_false(mem_fail_fired());
    void *q = mem_alloc(1);
    assert_non_null(q);
    mem_free(p);
    mem_free(q);
}

static void every_kind_of_allocation_takes_part(void **state) {
    void *p = mem_alloc(8);
    mem_fail_at(1, true);
    assert_null(mem_alloc(1));
    assert_null(mem_zalloc(1));
    assert_null(mem_realloc(p, 100));
    assert_null(mem_dup(STR("x")));
    assert_true(mem_fail_now());
    mem_fail_at(0, false);
    mem_free(p);
}

static void a_failed_realloc_leaves_the_memory_alone(void **state) {
    char *p = mem_dup(STR("kept"));
    mem_fail_at(1, false);
    assert_null(mem_realloc(p, 1000));
    mem_fail_at(0, false);
    assert_string_equal(p, "kept");
    p = mem_realloc(p, 1000);
    assert_non_null(p);
    assert_string_equal(p, "kept");
    mem_free(p);
}

static void sizes_that_no_machine_has_are_refused(void **state) {
    char *p = mem_alloc(4);
    assert_null(mem_alloc(SIZE_MAX));
    assert_null(mem_zalloc((size_t)PTRDIFF_MAX + 1));
    assert_null(mem_realloc(p, SIZE_MAX - 8));
    assert_null(mem_dup(str_make("x", SIZE_MAX)));
    mem_free(p);
}

static void size_zero_is_memory_and_not_a_failure(void **state) {
    void *p = mem_alloc(0), *q = mem_zalloc(0);
    assert_non_null(p);
    assert_non_null(q);
    p = mem_realloc(p, 0);
    assert_non_null(p);
    mem_free(p);
    mem_free(q);
    mem_free(NULL);
}

static void zalloc_is_zero(void **state) {
    unsigned char *p = mem_zalloc(4096);
    assert_non_null(p);
    for (size_t i = 0; i < 4096; i++)
        assert_int_equal(p[i], 0);
    mem_free(p);
}

static void a_copy_ends_with_a_zero(void **state) {
    char *p = mem_dup(str_first(STR("abcdef"), 3)), *none = mem_dup(STR_NONE);
    assert_string_equal(p, "abc");
    assert_string_equal(none, "");
    mem_free(p);
    mem_free(none);
}

#define THREADS 4
#define ROUNDS  2000

static void *count_failures(void *arg) {
    atomic_int *failed = arg;
    for (int i = 0; i < ROUNDS; i++) {
        void *p = mem_alloc(16);
        if (!p) atomic_fetch_add(failed, 1);
        mem_free(p);
    }
    return NULL;
}

static void among_many_threads_exactly_one_allocation_fails(void **state) {
    atomic_int failed = 0;
    pthread_t threads[THREADS];
    mem_fail_at(THREADS * ROUNDS / 2, false);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_failures, &failed), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    mem_fail_at(0, false);
    assert_int_equal(failed, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_fails_while_injection_is_off),
        cmocka_unit_test(only_the_nth_allocation_fails),
        cmocka_unit_test(every_later_one_fails_too_when_it_is_sticky),
        cmocka_unit_test(every_kind_of_allocation_takes_part),
        cmocka_unit_test(a_failed_realloc_leaves_the_memory_alone),
        cmocka_unit_test(sizes_that_no_machine_has_are_refused),
        cmocka_unit_test(size_zero_is_memory_and_not_a_failure),
        cmocka_unit_test(zalloc_is_zero),
        cmocka_unit_test(a_copy_ends_with_a_zero),
        cmocka_unit_test(among_many_threads_exactly_one_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
