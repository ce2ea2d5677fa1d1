/* Who gets the next request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/conf.h"
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
        list[i].hash = choose_hash(list[i].id);
    }
    ups = (struct upstreams){.list = list, .n = 3};
    return 0;
}

static int next(uint64_t now) {
    return (int)(pick_next(&pick, &ups, CHOOSE_ROUND_ROBIN, 0, now) - list);
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
    struct upstreams other = {.list = list + 3, .n = 2};
    int seen[5] = {0};
    for (int i = 0; i < 100; i++) {
        seen[next(1)]++;
        seen[pick_next(&pick, &other, CHOOSE_ROUND_ROBIN, 0, 1) - list]++;
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
    struct upstreams renewed = {.list = copy, .n = 2};
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(pick_next(&pick, &renewed, CHOOSE_ROUND_ROBIN, 0, 1001), &copy[1]);
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

/* ---- least outstanding ---------------------------------------------------------------------- */

static int idlest(uint64_t now) {
    return (int)(pick_next(&pick, &ups, CHOOSE_LEAST, 0, now) - list);
}

static void whoever_has_least_to_do_is_next(void **state) {
    struct load loads[3] = {{.open = 2}, {.open = 1}, {.open = 3}};
    for (int i = 0; i < 3; i++)
        list[i].load = &loads[i];
    for (int i = 0; i < 10; i++)
        assert_int_equal(idlest(1), 1);
    loads[1].open = 9;
    assert_int_equal(idlest(1), 0);
    list[0].healthy = false; /* idle because it is ill */
    loads[0].open = 0;
    assert_int_equal(idlest(1), 2);
    pick_failed(&pick, &list[2], 1);
    assert_int_equal(idlest(2), 1);
}

static void the_equally_busy_take_turns(void **state) {
    struct load loads[3] = {{.open = 1}, {.open = 1}, {.open = 1}};
    int seen[3] = {0};
    for (int i = 0; i < 3; i++)
        list[i].load = &loads[i];
    for (int i = 0; i < 99; i++)
        seen[idlest(1)]++;
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen[i], 33);
}

static void who_asks_for_the_same_instance_shares_its_count(void **state) {
    struct load *a = load_take(STR("i1")), *b = load_take(STR("i1")), *c = load_take(STR("i2"));
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    a->open++;
    load_give(a);
    assert_int_equal(b->open, 1);
    load_give(b);
    load_give(c);
    b = load_take(STR("i1"));
    assert_int_equal(b->open, 0); /* nobody knew of it any more */
    load_give(b);
    load_give(NULL);
}

/* ---- hash ----------------------------------------------------------------------------------- */

#define KEYS 6000

static int of_key(int i, uint64_t now) {
    char key[20];
    snprintf(key, sizeof key, "client-%d", i);
    return (int)(pick_next(&pick, &ups, CHOOSE_HASH, choose_hash(str_of(key)), now) - list);
}

static void a_key_stays_where_it_is_and_keys_spread_evenly(void **state) {
    int seen[6] = {0};
    ups.n = 6;
    for (int i = 0; i < KEYS; i++) {
        int at = of_key(i, 1);
        seen[at]++;
        assert_int_equal(of_key(i, 2), at);
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i], KEYS / 6 * 8 / 10, KEYS / 6 * 12 / 10);
}

static void only_the_keys_of_who_goes_move(void **state) {
    static int before[KEYS];
    int moved[6] = {0};
    ups.n = 6;
    for (int i = 0; i < KEYS; i++)
        before[i] = of_key(i, 1);
    list[2].healthy = false;
    for (int i = 0; i < KEYS; i++) {
        int at = of_key(i, 1);
        if (before[i] != 2) assert_int_equal(at, before[i]);
        if (before[i] == 2) moved[at]++;
    }
    assert_int_equal(moved[2], 0);
    for (int i = 0; i < 6; i++) /* and they move to everybody */
        if (i != 2) assert_true(moved[i] > KEYS / 6 / 10);
    list[2].healthy = true;
    pick_failed(&pick, &list[3], 1000);
    for (int i = 0; i < KEYS; i++) {
        int at = of_key(i, 1001);
        assert_int_not_equal(at, 3);
        if (before[i] != 3) assert_int_equal(at, before[i]);
    }
    for (int i = 0; i < KEYS; i++) /* who comes back gets its own again */
        assert_int_equal(of_key(i, 1000 + PICK_REST), before[i]);
}

static void a_hash_is_the_same_in_every_process(void **state) {
    assert_true(choose_hash(STR("")) == 0xefd01f60ba992926u);
    assert_true(choose_hash(STR("a")) == 0x82a2a958a9bece5bu);
    assert_true(choose_hash(STR("http://127.0.0.1:8080")) !=
                choose_hash(STR("http://127.0.0.1:8081")));
}

/* ---- settings ------------------------------------------------------------------------------- */

static void settings_say_how_a_service_is_spread(void **state) {
    char choose[] = "least_outstanding, chat-svc=hash,  x=round_robin";
    char hash[] = "cookie:sid,x=path,chat-svc = header:X-Room,y=address";
    conf.proxy_choose = choose;
    conf.proxy_hash = hash;
    struct chooser c = choose_of(STR("other"));
    assert_int_equal(c.how, CHOOSE_LEAST);
    assert_int_equal(c.by, CHOOSE_COOKIE);
    assert_true(str_eq(c.name, STR("sid")));
    c = choose_of(STR("chat-svc"));
    assert_int_equal(c.how, CHOOSE_HASH);
    assert_int_equal(c.by, CHOOSE_HEADER);
    assert_true(str_eq(c.name, STR("X-Room")));
    c = choose_of(STR("x"));
    assert_int_equal(c.how, CHOOSE_ROUND_ROBIN);
    assert_int_equal(c.by, CHOOSE_PATH);
    assert_int_equal(choose_of(STR("y")).by, CHOOSE_ADDRESS);
    conf.proxy_choose = conf.proxy_hash = NULL;
    c = choose_of(STR("x"));
    assert_int_equal(c.how, CHOOSE_ROUND_ROBIN);
    assert_int_equal(c.by, CHOOSE_ADDRESS);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(healthy_instances_take_turns),
        T(all_take_turns_when_none_is_healthy),
        T(services_take_turns_of_their_own),
        T(who_failed_lately_comes_last_for_a_while),
        T(a_failure_counts_for_a_new_list_too),
        T(more_failures_than_are_kept_forget_the_oldest),
        T(a_single_instance_is_always_it),
        T(whoever_has_least_to_do_is_next),
        T(the_equally_busy_take_turns),
        T(who_asks_for_the_same_instance_shares_its_count),
        T(a_key_stays_where_it_is_and_keys_spread_evenly),
        T(only_the_keys_of_who_goes_move),
        T(a_hash_is_the_same_in_every_process),
        T(settings_say_how_a_service_is_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
