/* timer: never early, in order, cheap to push back. Only loop time is compared, never the wall. */
#include <errno.h>

#include "core/base/mem.h"
#include "here.h"

struct probe {
    struct timer timer;
    uint64_t armed_at, ms; /* loop time of arming, what was asked for */
    uint64_t due;          /* the deadline it got */
    int fired;
    void (*also)(struct probe *p); /* what the test wants done inside */
};

static int fired_count;
static uint64_t last_due;

static void probe_fired(struct timer *t) {
    struct probe *p = (struct probe *)(void *)t;
    uint64_t now = uv_now(&here->loop);
    assert_false(timer_armed(t));
    assert_true(now > p->armed_at && now - p->armed_at > p->ms);
    assert_true(p->due >= last_due);
    last_due = p->due;
    p->fired++;
    fired_count++;
    if (p->also) p->also(p);
}

static void arm(struct probe *p, uint64_t ms) {
    p->armed_at = uv_now(&here->loop);
    p->ms = ms;
    assert_int_equal(timer_arm(here, &p->timer, ms), 0);
    p->due = p->timer.deadline;
}

static struct probe *probes(size_t n) {
    struct probe *p = calloc(n, sizeof *p);
    for (size_t i = 0; i < n; i++)
        timer_init(&p[i].timer, probe_fired);
    fired_count = 0;
    last_due = 0;
    return p;
}

static void check_heap(void) {
    const struct timers *ts = &here->timers;
    for (size_t i = 0; i < ts->n; i++) {
        assert_int_equal(ts->heap[i]->slot, i + 1);
        if (i > 0) assert_true(ts->heap[(i - 1) / 2]->queued <= ts->heap[i]->queued);
        if (ts->heap[i]->deadline) assert_true(ts->heap[i]->queued <= ts->heap[i]->deadline);
    }
}

static unsigned random_state = 12345;
static unsigned random_below(unsigned n) {
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 8) % n;
}

static void timers_fire_in_order_and_never_early(void **state) {
    (void)state;
    enum { N = 2000 };
    struct probe *p = probes(N);
    for (int i = 0; i < N; i++)
        arm(&p[i], random_below(60));
    check_heap();
    here_until_n(&fired_count, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(p[i].fired, 1);
    assert_int_equal(here->timers.n, 0);
    free(p);
}

static void a_timer_that_is_pushed_back_stays_where_the_heap_has_it(void **state) {
    (void)state;
    struct probe *p = probes(1);
    arm(p, 2);
    uint64_t place = p->timer.queued;
    for (int i = 0; i < 1000; i++)
        arm(p, 20 + (uint64_t)i / 50);
    assert_int_equal(p->timer.queued, place);
    assert_int_equal(here->timers.n, 1);
    here_until_n(&fired_count, 1);
    assert_int_equal(p->fired, 1);
    free(p);
}

/* All three are due by the time the loop looks; the pushed-back one must still come last. */
static void a_pushed_back_timer_keeps_its_place_in_the_order(void **state) {
    (void)state;
    struct probe *p = probes(3);
    arm(&p[0], 1);
    arm(&p[1], 3);
    arm(&p[2], 5);
    arm(&p[0], 7);
    while (uv_now(&here->loop) < p[0].due)
        uv_update_time(&here->loop);
    here_until_n(&fired_count, 3); /* probe_fired checks the order */
    free(p);
}

static void a_timer_can_be_brought_forward(void **state) {
    (void)state;
    struct probe *p = probes(2);
    arm(&p[0], 1000000);
    arm(&p[1], 5);
    arm(&p[0], 1);
    check_heap();
    here_until_n(&fired_count, 2);
    assert_int_equal(p[0].fired, 1);
    free(p);
}

static void a_disarmed_timer_does_not_fire_and_leaves_when_it_would_have(void **state) {
    (void)state;
    struct probe *p = probes(2);
    arm(&p[0], 1);
    arm(&p[1], 4);
    timer_disarm(here, &p[0].timer);
    assert_false(timer_armed(&p[0].timer));
    assert_true(p[0].timer.slot != 0);
    here_until_n(&fired_count, 1);
    assert_int_equal(p[0].fired, 0);
    assert_int_equal(p[0].timer.slot, 0);
    assert_int_equal(p[1].fired, 1);
    free(p);
}

static void a_disarmed_timer_can_be_armed_again_while_the_heap_still_has_it(void **state) {
    (void)state;
    struct probe *p = probes(1);
    arm(p, 3);
    timer_disarm(here, &p->timer);
    arm(p, 9);
    assert_int_equal(here->timers.n, 1);
    here_until_n(&fired_count, 1);
    assert_int_equal(p->fired, 1);
    free(p);
}

static void removing_takes_a_timer_out_of_the_middle(void **state) {
    (void)state;
    enum { N = 500 };
    struct probe *p = probes(N);
    for (int i = 0; i < N; i++)
        arm(&p[i], 1 + random_below(30));
    for (int i = 0; i < N; i += 2) {
        timer_remove(here, &p[i].timer);
        assert_int_equal(p[i].timer.slot, 0);
        check_heap();
    }
    timer_remove(here, &p[0].timer); /* once more does no harm */
    here_until_n(&fired_count, N / 2);
    for (int i = 0; i < N; i++)
        assert_int_equal(p[i].fired, i % 2);
    free(p);
}

static void random_operations_keep_the_heap_in_shape(void **state) {
    (void)state;
    enum { N = 200 };
    struct probe *p = probes(N);
    for (int i = 0; i < 20000; i++) {
        struct probe *one = &p[random_below(N)];
        switch (random_below(5)) {
        case 0:
            timer_disarm(here, &one->timer);
            break;
        case 1:
            timer_remove(here, &one->timer);
            break;
        default:
            arm(one, 1000000 + random_below(1000));
            break;
        }
        if (i % 100 == 0) check_heap();
    }
    check_heap();
    for (int i = 0; i < N; i++)
        timer_remove(here, &p[i].timer);
    assert_int_equal(here->timers.n, 0);
    free(p);
}

static void arm_again(struct probe *p) {
    if (p->fired < 5) arm(p, 0);
}

static void a_timer_may_arm_itself_inside_and_each_time_is_a_later_turn(void **state) {
    (void)state;
    struct probe *p = probes(1);
    p->also = arm_again;
    arm(p, 0);
    here_until_n(&fired_count, 5);
    here_turns(3);
    assert_int_equal(p->fired, 5);
    free(p);
}

static struct probe *victims;

static void remove_the_others(struct probe *p) {
    for (int i = 0; i < 10; i++)
        if (&victims[i] != p) timer_remove(here, &victims[i].timer);
}

static void a_timer_may_remove_others_that_are_due_in_the_same_turn(void **state) {
    (void)state;
    struct probe *p = victims = probes(11);
    for (int i = 0; i < 10; i++) {
        p[i].also = remove_the_others;
        arm(&p[i], 2);
    }
    arm(&p[10], 6);
    here_until_n(&p[10].fired, 1);
    assert_int_equal(fired_count, 2);
    free(p);
}

static void no_memory_leaves_the_timer_unarmed(void **state) {
    (void)state;
    struct probe *p = probes(1);
    mem_fail_at(1, false);
    int r = timer_arm(here, &p->timer, 1);
    mem_fail_at(0, false);
    assert_int_equal(r, -ENOMEM);
    assert_false(timer_armed(&p->timer));
    assert_int_equal(p->timer.slot, 0);
    arm(p, 1);
    here_until_n(&fired_count, 1);
    free(p);
}

static void a_delay_beyond_all_time_does_not_wrap_around(void **state) {
    (void)state;
    struct probe *p = probes(2);
    assert_int_equal(timer_arm(here, &p[0].timer, UINT64_MAX), 0);
    arm(&p[1], 3);
    here_until_n(&fired_count, 1);
    assert_int_equal(p[1].fired, 1);
    assert_true(timer_armed(&p[0].timer));
    timer_remove(here, &p[0].timer);
    free(p);
}

static void timers_left_in_the_heap_are_taken_out_when_the_worker_ends(void **state) {
    (void)state;
    struct probe *p = probes(1);
    struct worker w;
    assert_int_equal(worker_init(&w, 0, NULL), 0);
    assert_int_equal(timer_arm(&w, &p->timer, 1000), 0);
    worker_free(&w);
    assert_int_equal(p->timer.slot, 0);
    assert_false(timer_armed(&p->timer));
    free(p);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, here_open, here_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(timers_fire_in_order_and_never_early),
        HERE(a_timer_that_is_pushed_back_stays_where_the_heap_has_it),
        HERE(a_pushed_back_timer_keeps_its_place_in_the_order),
        HERE(a_timer_can_be_brought_forward),
        HERE(a_disarmed_timer_does_not_fire_and_leaves_when_it_would_have),
        HERE(a_disarmed_timer_can_be_armed_again_while_the_heap_still_has_it),
        HERE(removing_takes_a_timer_out_of_the_middle),
        HERE(random_operations_keep_the_heap_in_shape),
        HERE(a_timer_may_arm_itself_inside_and_each_time_is_a_later_turn),
        HERE(a_timer_may_remove_others_that_are_due_in_the_same_turn),
        HERE(no_memory_leaves_the_timer_unarmed),
        HERE(a_delay_beyond_all_time_does_not_wrap_around),
        HERE(timers_left_in_the_heap_are_taken_out_when_the_worker_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
