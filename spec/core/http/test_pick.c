/* Who gets the next request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/http/pick.h"

enum { MANY = PICK_FAILED + 8 };

static struct pick pick;
static struct upstream list[MANY];
static char names[MANY][16];
static struct upstreams ups;

static int setup(void **state) {
    memset(&pick, 0, sizeof pick);
    memset(list, 0, sizeof list);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "i%d", i);
        list[i].id = str_of(names[i]);
        list[i].healthy = true;
    }
    ups = (struct upstreams){list, 3};
    return 0;
}

static int next(uint64_t now) {
    return (int)(pick_next(&pick, &ups, now) - list);
}

static void healthy_instances_take_turns(void **state) {
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 3; i++)
            assert_int_equal(next(1), i);
    list[1].healthy = false;
    int seen[3] = {0};
    for (int i = 0; i < 100; i++)
        seen[next(1)]++;
    assert_int_equal(seen[0], 50);
    assert_int_equal(seen[1], 0);
    assert_int_equal(seen[2], 50);
}

static void all_take_turns_when_none_is_healthy(void **state) {
    int seen[3] = {0};
    for (int i = 0; i < 3; i++)
        list[i].healthy = false;
    for (int i = 0; i < 99; i++)
        seen[next(1)]++;
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen[i], 33);
}

static void services_take_turns_of_their_own(void **state) {
    struct upstreams other = {list + 3, 2};
    int seen[5] = {0};
    for (int i = 0; i < 100; i++) {
        seen[next(1)]++;
        seen[pick_next(&pick, &other, 1) - list]++;
    }
    assert_int_equal(seen[3], 50);
    assert_int_equal(seen[4], 50);
}

static void who_failed_lately_comes_last_for_a_while(void **state) {
    list[2].healthy = false;
    pick_failed(&pick, &list[0], 1000);
    for (int i = 0; i < 10; i++)
        assert_int_equal(next(1001), 1);
    pick_failed(&pick, &list[1], 1001);
    for (int i = 0; i < 10; i++)
        assert_int_equal(next(1002), 2); /* unhealthy, but did not fail */
    pick_failed(&pick, &list[2], 1002);
    assert_int_equal(next(1003), 0); /* all did: the oldest failure */
    pick_failed(&pick, &list[0], 1003);
    assert_int_equal(next(1003), 1);
    pick_failed(&pick, &list[1], 1003);
    assert_int_equal(next(1003), 2);
    pick_failed(&pick, &list[2], 1003);
    assert_int_equal(next(1003), 0);

    int seen[3] = {0};
    for (int i = 0; i < 100; i++) /* and then it is forgotten */
        seen[next(1003 + PICK_REST)]++;
    assert_int_equal(seen[0], 50);
    assert_int_equal(seen[1], 50);
}

static void a_failure_counts_for_a_new_list_too(void **state) {
    pick_failed(&pick, &list[0], 1000);
    struct upstream copy[2] = {list[0], list[1]};
    struct upstreams renewed = {copy, 2};
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(pick_next(&pick, &renewed, 1001), &copy[1]);
}

static void more_failures_than_are_kept_forget_the_oldest(void **state) {
    ups.n = MANY;
    for (int i = 0; i < MANY - 1; i++)
        pick_failed(&pick, &list[i], 1000 + (uint64_t)i);
    int seen[MANY] = {0};
    for (int i = 0; i < 1000; i++)
        seen[next(1100)]++;
    assert_true(seen[MANY - 1] > 0);
    for (int i = MANY - 1 - PICK_FAILED; i < MANY - 1; i++)
        assert_int_equal(seen[i], 0);
    assert_true(seen[0] > 0); /* forgotten, so it is tried like any other */
}

static void a_single_instance_is_always_it(void **state) {
    ups.n = 1;
    list[0].healthy = false;
    pick_failed(&pick, &list[0], 1000);
    assert_int_equal(next(1001), 0);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(healthy_instances_take_turns),        T(all_take_turns_when_none_is_healthy),
        T(services_take_turns_of_their_own),    T(who_failed_lately_comes_last_for_a_while),
        T(a_failure_counts_for_a_new_list_too), T(more_failures_than_are_kept_forget_the_oldest),
        T(a_single_instance_is_always_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
