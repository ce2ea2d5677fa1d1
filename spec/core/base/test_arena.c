/* What arena.h promises. */
#include "spec.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/arena.h"

/* The order in which destructors ran, as text. */
static char ran[16];
static size_t n_ran;

static void note(void *arg) {
    if (n_ran < sizeof ran - 1) ran[n_ran++] = *(const char *)arg;
    ran[n_ran] = 0;
}

static int forget(void **state) {
    n_ran = 0;
    ran[0] = 0;
    return 0;
}

static void memory_is_aligned_and_separate(void **state) {
    struct arena a;
    unsigned char *parts[200];
    arena_init(&a, 512);
    for (size_t i = 0; i < 200; i++) {
        parts[i] = arena_alloc(&a, i);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        memset(parts[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; k < i; k++)
            assert_int_equal(parts[i][k], i);
    }
    arena_free(&a);
}

static void a_large_request_does_not_waste_the_current_block(void **state) {
    struct arena a;
    arena_init(&a, 1024);
    char *before = arena_alloc(&a, 16);
    char *large = arena_alloc(&a, 1024 * 1024);
    assert_non_null(large);
    memset(large, 1, 1024 * 1024);
    char *after = arena_alloc(&a, 16);
    assert_ptr_equal(after, before + 16);
    arena_free(&a);
    assert_int_equal(a.total, 0);
}

static void impossible_sizes_are_refused(void **state) {
    struct arena a;
    arena_init(&a, 0);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, PTRDIFF_MAX));
    assert_null(arena_dup(&a, str_make("x", SIZE_MAX)));
    assert_int_equal(a.total, 0);
    assert_non_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void copies_are_copies(void **state) {
    struct arena a;
    char text[] = "some text";
    arena_init(&a, 256);
    char *z = arena_dup(&a, str_of(text));
    struct str s = arena_str(&a, str_of(text));
    text[0] = 'X';
    assert_string_equal(z, "some text");
    assert_str_is(s, "some text");
    assert_string_equal(arena_dup(&a, STR_NONE), "");
    assert_non_null(arena_str(&a, STR_NONE).p);
    unsigned char *zero = arena_zalloc(&a, 300);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(zero[i], 0);
    arena_free(&a);
}

static void printf_writes_texts_of_any_length(void **state) {
    struct arena a;
    arena_init(&a, 256);
    assert_str_is(arena_printf(&a, "%s-%d", "a", 7), "a-7");
    assert_str_is(arena_printf(&a, "%s", ""), "");
    for (int n = 250; n < 262; n++) {
        struct str s = arena_printf(&a, "%0*d", n, 5);
        assert_int_equal(s.n, n);
        assert_int_equal(s.p[n - 1], '5');
    }
    assert_int_equal(arena_printf(&a, "%0100000d", 1).n, 100000);
    arena_free(&a);
}

static void destructors_run_last_in_first_out_at_reset(void **state) {
    struct arena a;
    arena_init(&a, 256);
    assert_int_equal(arena_defer(&a, note, "a"), 0);
    assert_int_equal(arena_defer(&a, note, "b"), 0);
    assert_int_equal(arena_defer(&a, note, "c"), 0);
    arena_reset(&a);
    assert_string_equal(ran, "cba");
    arena_reset(&a);
    assert_string_equal(ran, "cba");
    assert_int_equal(arena_defer(&a, note, "d"), 0);
    arena_free(&a);
    assert_string_equal(ran, "cbad");
}

static struct arena *nested;

static void defer_again(void *arg) {
    note(arg);
    assert_non_null(arena_alloc(nested, 5000));
    assert_int_equal(arena_defer(nested, note, "n"), 0);
}

static void a_destructor_may_allocate_and_defer(void **state) {
    struct arena a;
    nested = &a;
    arena_init(&a, 256);
    assert_int_equal(arena_defer(&a, note, "o"), 0);
    assert_int_equal(arena_defer(&a, defer_again, "d"), 0);
    arena_reset(&a);
    assert_string_equal(ran, "dno");
    arena_free(&a);
}

static void reset_keeps_the_first_block_and_nothing_else(void **state) {
    struct arena a;
    arena_init(&a, 1024);
    char *first = arena_alloc(&a, 8);
    size_t small = a.total;
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 4000));
    assert_non_null(arena_alloc(&a, 500000));
    assert_true(a.total > 900000);
    arena_reset(&a);
    assert_int_equal(a.total, small);
    assert_ptr_equal(arena_alloc(&a, 8), first);
    assert_int_equal(a.total, small);
    arena_free(&a);
}

static void reset_keeps_no_giant(void **state) {
    struct arena a;
    arena_init(&a, 1024);
    assert_non_null(arena_alloc(&a, 10 * 1024 * 1024));
    arena_reset(&a);
    assert_int_equal(a.total, 0);
    assert_non_null(arena_alloc(&a, 10));
    arena_free(&a);
}

static void an_unused_arena_holds_nothing(void **state) {
    struct arena a;
    arena_init(&a, 4096);
    assert_int_equal(a.total, 0);
    arena_reset(&a);
    arena_free(&a);
    assert_int_equal(a.total, 0);
}

/* Builds something like a request's memory; every step may fail. */
static bool build(struct arena *a, size_t *deferred) {
    char number[32];
    for (int i = 0; i < 40; i++) {
        snprintf(number, sizeof number, "%d", i);
        if (!arena_dup(a, str_of(number)) || !arena_zalloc(a, 700)) return false;
        if (!arena_str(a, str_of(number)).n || !arena_printf(a, "%0300d", i).n) return false;
        int rc = arena_defer(a, note, "x");
        if (rc) {
            assert_int_equal(rc, -ENOMEM);
            return false;
        }
        ++*deferred;
    }
    return arena_alloc(a, 300000) != NULL;
}

static void running_out_of_memory_loses_and_leaks_nothing(void **state) {
    SPEC_EACH_FAILURE(n, {
        struct arena a;
        size_t deferred = 0;
        forget(NULL);
        arena_init(&a, 256);
        bool done = build(&a, &deferred);
        assert_int_equal(done, !mem_fail_fired());
        arena_free(&a);
        assert_int_equal(n_ran, deferred < sizeof ran - 1 ? deferred : sizeof ran - 1);
        assert_int_equal(a.total, 0);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_separate),
        cmocka_unit_test(a_large_request_does_not_waste_the_current_block),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(copies_are_copies),
        cmocka_unit_test(printf_writes_texts_of_any_length),
        cmocka_unit_test_setup(destructors_run_last_in_first_out_at_reset, forget),
        cmocka_unit_test_setup(a_destructor_may_allocate_and_defer, forget),
        cmocka_unit_test(reset_keeps_the_first_block_and_nothing_else),
        cmocka_unit_test(reset_keeps_no_giant),
        cmocka_unit_test(an_unused_arena_holds_nothing),
        cmocka_unit_test_setup(running_out_of_memory_loses_and_leaks_nothing, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
