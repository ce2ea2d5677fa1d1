/* worker: messages, turns, clock, slabs, start and end. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/base/mem.h"
#include "here.h"

/* ---- messages ---- */

#define SENDERS 4
#define EACH    100000

struct note {
    struct message msg;
    int sender, number;
};

static struct worker receiver;
static int next_of[SENDERS];
static int received;

static void note_arrived(struct message *m) {
    struct note *n = (struct note *)(void *)m;
    assert_ptr_equal(worker_self(), &receiver);
    assert_true(atomic_load(&receiver.turn_started) != 0);
    assert_int_equal(n->number, next_of[n->sender]);
    next_of[n->sender]++;
    if (++received == SENDERS * EACH) worker_stop(&receiver);
}

static void *post_all(void *arg) {
    struct note *notes = arg;
    for (int i = 0; i < EACH; i++)
        worker_post(&receiver, &notes[i].msg);
    return NULL;
}

static void a_worker_gets_every_message_in_order_per_sender(void **state) {
    (void)state;
    pthread_t threads[SENDERS];
    struct note *notes[SENDERS];
    received = 0;
    memset(next_of, 0, sizeof next_of);
    assert_int_equal(worker_init(&receiver, 0, NULL), 0);
    assert_int_equal(worker_start(&receiver, "receiver", NULL, NULL), 0);
    for (int s = 0; s < SENDERS; s++) {
        notes[s] = calloc(EACH, sizeof **notes);
        for (int i = 0; i < EACH; i++)
            notes[s][i] = (struct note){{NULL, note_arrived}, s, i};
        pthread_create(&threads[s], NULL, post_all, notes[s]);
    }
    for (int s = 0; s < SENDERS; s++)
        pthread_join(threads[s], NULL);
    worker_free(&receiver); /* joins: the thread ends once all have arrived */
    assert_int_equal(received, SENDERS * EACH);
    for (int s = 0; s < SENDERS; s++)
        free(notes[s]);
}

static int echoes;
static void echo(struct message *m) {
    echoes++;
    worker_post(here, m);
}
static bool rang;
static void ring(struct timer *t) {
    (void)t;
    rang = true;
}
static struct message echoing = {NULL, echo};
static void swallow(struct message *m) {
    (void)m;
}

static void a_message_that_posts_itself_does_not_starve_the_loop(void **state) {
    (void)state;
    struct timer t;
    timer_init(&t, ring);
    rang = false;
    timer_arm(here, &t, 3);
    worker_post(here, &echoing);
    here_until(&rang);
    assert_true(echoes > 0);
    echoing.deliver = swallow;
}

static int late;
static void count_late(struct message *m) {
    (void)m;
    assert_ptr_equal(worker_self(), &receiver);
    late++;
}

static void messages_that_are_left_are_delivered_when_the_worker_is_freed(void **state) {
    (void)state;
    struct message m[3];
    late = 0;
    assert_int_equal(worker_init(&receiver, 0, NULL), 0);
    for (int i = 0; i < 3; i++) {
        m[i].deliver = count_late;
        worker_post(&receiver, &m[i]);
    }
    worker_free(&receiver);
    assert_int_equal(late, 3);
    assert_ptr_equal(worker_self(), here);
}

/* ---- turns ---- */

struct work {
    struct worker_turn turn;
    int left; /* runs that still say "more" */
    int runs;
    struct work *other; /* added or removed inside */
    enum { NOTHING, REMOVE_SELF, REMOVE_OTHER, ADD_OTHER } act;
};

static bool work_run(struct worker_turn *t) {
    struct work *k = (struct work *)(void *)t;
    k->runs++;
    assert_true(atomic_load(&here->turn_started) != 0);
    if (k->act == REMOVE_SELF) worker_turn_remove(t);
    if (k->act == REMOVE_OTHER) worker_turn_remove(&k->other->turn);
    if (k->act == ADD_OTHER) worker_turn_add(here, &k->other->turn);
    k->act = NOTHING;
    return k->left > 0 && k->left-- > 0;
}

static struct work work(int left) {
    struct work k = {.left = left};
    k.turn.run = work_run;
    list_init(&k.turn.link);
    return k;
}

static bool stop_at_100(struct worker_turn *t) {
    struct work *k = (struct work *)(void *)t;
    if (++k->runs == 100) worker_stop(here);
    return true;
}

static void the_loop_does_not_block_while_a_turn_has_more_to_do(void **state) {
    (void)state;
    struct work k = {.turn.run = stop_at_100};
    worker_turn_add(here, &k.turn);
    worker_run(here); /* would block for ever: nothing else happens */
    assert_true(k.runs >= 100);
    worker_turn_remove(&k.turn);
}

static void a_turn_without_more_lets_the_loop_block(void **state) {
    (void)state;
    struct work k = work(3);
    struct timer t;
    timer_init(&t, ring);
    worker_turn_add(here, &k.turn);
    here_turns(6); /* through with the three */
    assert_false(uv_is_active((uv_handle_t *)&here->spin));
    int before = k.runs;
    rang = false;
    timer_arm(here, &t, 20);
    here_until(&rang);
    assert_true(k.runs - before < 20);
    worker_turn_remove(&k.turn);
}

static bool soon_once(struct worker_turn *t) {
    struct work *k = (struct work *)(void *)t;
    if (k->runs++ == 0) worker_turn_soon(here);
    return false;
}

static void soon_inside_a_turn_means_one_more_round_before_blocking(void **state) {
    (void)state;
    struct work k = {.turn.run = soon_once};
    worker_turn_add(here, &k.turn);
    uv_run(&here->loop, UV_RUN_ONCE); /* would block for ever after the first round */
    assert_true(k.runs >= 2);
    worker_turn_remove(&k.turn);
}

static struct work *from_timer;
static int runs_before;
static void call_soon(struct timer *t) {
    (void)t;
    runs_before = from_timer->runs;
    from_timer->left = 1; /* the next run says "more": without one the loop blocks for ever */
    worker_turn_soon(here);
}

static void soon_from_a_timer_runs_the_turns_before_the_loop_blocks(void **state) {
    (void)state;
    struct work k = work(0);
    struct timer t;
    from_timer = &k;
    timer_init(&t, call_soon);
    worker_turn_add(here, &k.turn);
    timer_arm(here, &t, 1);
    runs_before = 1000000;
    while (k.runs < runs_before + 2)
        uv_run(&here->loop, UV_RUN_ONCE);
    assert_int_equal(k.left, 0);
    worker_turn_remove(&k.turn);
}

static void a_turn_may_remove_itself_or_another_or_add_one(void **state) {
    (void)state;
    struct work a = work(0), b = work(0), c = work(0), d = work(0);
    a.act = REMOVE_SELF;
    b.act = REMOVE_OTHER;
    b.other = &c;
    d.act = ADD_OTHER;
    struct work e = work(0);
    d.other = &e;
    worker_turn_add(here, &a.turn);
    worker_turn_add(here, &b.turn);
    worker_turn_add(here, &c.turn);
    worker_turn_add(here, &d.turn);
    here_turns(3);
    assert_int_equal(a.runs, 1);
    assert_true(b.runs > 1);
    assert_int_equal(c.runs, 0);
    assert_true(e.runs >= 1);
    worker_turn_remove(&b.turn);
    worker_turn_remove(&d.turn);
    worker_turn_remove(&e.turn);
    assert_true(list_empty(&here->turns));
}

/* ---- the clock ---- */

static void the_date_has_the_form_of_rfc_9110(void **state) {
    (void)state;
    worker_clock(here);
    assert_int_equal(strlen(here->date), 29);
    struct tm tm = {0};
    const char *end = strptime(here->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    assert_non_null(end);
    assert_int_equal(*end, 0);
    assert_int_equal(timegm(&tm), here->date_second);
}

static void the_date_is_rebuilt_only_when_its_second_is_over(void **state) {
    (void)state;
    worker_clock(here);
    uint64_t due = here->date_due;
    strcpy(here->date, "untouched");
    here->date_due = here->now_ms + 1000000;
    worker_clock(here);
    assert_string_equal(here->date, "untouched");
    here->date_second = 784111777;
    here->date_due = due;
    here->date_due = 0;
    worker_clock(here);
    assert_int_equal(strlen(here->date), 29);
    assert_true(here->date_due > here->now_ms);
    assert_true(here->date_due <= here->now_ms + 1000);
}

static void a_blocked_worker_says_that_no_turn_is_on(void **state) {
    (void)state;
    assert_int_equal(worker_init(&receiver, 0, NULL), 0);
    assert_int_equal(worker_start(&receiver, "idle", NULL, NULL), 0);
    while (atomic_load(&receiver.turn_started) != 0)
        sched_yield();
    worker_stop(&receiver);
    worker_free(&receiver);
}

/* ---- slabs ---- */

static void a_taken_slab_is_replaced_and_comes_back_as_a_spare(void **state) {
    (void)state;
    char *first = here->slab;
    assert_true(worker_slab_holds(here, first + WORKER_SLAB - 1));
    assert_false(worker_slab_holds(here, first + WORKER_SLAB));
    assert_ptr_equal(worker_slab_take(here), first);
    assert_ptr_not_equal(here->slab, first);
    assert_false(worker_slab_holds(here, first));
    worker_slab_give(here, first);
    assert_int_equal(here->spare_slabs, 1);
    char *second = worker_slab_take(here);
    assert_ptr_equal(here->slab, first);
    worker_slab_give(here, second);
    worker_slab_give(here, NULL);
}

static void only_so_many_spare_slabs_are_kept(void **state) {
    (void)state;
    char *taken[WORKER_SPARES * 2];
    for (int i = 0; i < WORKER_SPARES * 2; i++)
        assert_non_null(taken[i] = worker_slab_take(here));
    for (int i = 0; i < WORKER_SPARES * 2; i++)
        worker_slab_give(here, taken[i]);
    assert_int_equal(here->spare_slabs, WORKER_SPARES);
}

static void without_memory_no_slab_can_be_taken_and_the_worker_keeps_its_own(void **state) {
    (void)state;
    char *slab = here->slab;
    mem_fail_at(1, false);
    assert_null(worker_slab_take(here));
    mem_fail_at(0, false);
    assert_ptr_equal(here->slab, slab);
}

static void a_lent_slab_that_is_taken_and_given_back_stays_untouched_until_the_reader_is_through(
    void **state) {
    (void)state;
    char *slab = here->slab;
    memset(slab, 'x', WORKER_SLAB);
    worker_slab_lend(here, slab);
    assert_ptr_equal(worker_slab_take(here), slab);
    worker_slab_give(here, slab);
    assert_int_equal(here->spare_slabs, 0);
    for (int i = 0; i < WORKER_SLAB; i++)
        assert_int_equal(slab[i], 'x');
    worker_slab_lent(here);
    assert_int_equal(here->spare_slabs, 1);
}

/* ---- start and end ---- */

static char name_seen[32];
static sigset_t mask_seen;

static int look_around(struct worker *w, struct err *e) {
    (void)e;
    assert_ptr_equal(worker_self(), w);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_seen);
    return 0;
}

static void read_name(struct message *m) {
    (void)m;
    pthread_getname_np(pthread_self(), name_seen, sizeof name_seen);
    worker_stop(worker_self());
}

static void the_thread_has_a_name_and_only_the_signals_it_needs(void **state) {
    (void)state;
    struct message m = {NULL, read_name};
    assert_int_equal(worker_init(&receiver, 0, NULL), 0);
    assert_int_equal(worker_start(&receiver, "a-name-that-is-too-long", look_around, NULL), 0);
    worker_post(&receiver, &m);
    worker_free(&receiver);
    assert_string_equal(name_seen, "a-name-that-is-");
    assert_true(sigismember(&mask_seen, SIGTERM));
    assert_true(sigismember(&mask_seen, SIGINT));
    assert_true(sigismember(&mask_seen, SIGCHLD));
    assert_false(sigismember(&mask_seen, SIGUSR2));
    assert_false(sigismember(&mask_seen, SIGSEGV));
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

static uv_timer_t half_open;

static int fail_half_way(struct worker *w, struct err *e) {
    uv_timer_init(&w->loop, &half_open);
    uv_close((uv_handle_t *)&half_open, NULL);
    return err_set(e, -EACCES, "no way");
}

static void a_failing_start_is_returned_and_leaves_no_thread(void **state) {
    (void)state;
    struct err e = {0};
    assert_int_equal(worker_init(&receiver, 0, NULL), 0);
    assert_int_equal(worker_start(&receiver, "w0", fail_half_way, &e), -EACCES);
    assert_string_equal(e.text, "no way");
    assert_false(receiver.running);
    worker_free(&receiver);
}

static void a_stop_that_comes_before_the_loop_runs_is_not_lost(void **state) {
    (void)state;
    worker_stop(here);
    worker_run(here);
}

static uv_timer_t cascade[3];
static int cascaded;
static void close_next(uv_handle_t *h) {
    (void)h;
    if (++cascaded < 3) uv_close((uv_handle_t *)&cascade[cascaded], close_next);
}

static void freeing_waits_for_closes_that_lead_to_closes(void **state) {
    (void)state;
    assert_int_equal(worker_init(&receiver, 0, NULL), 0);
    for (int i = 0; i < 3; i++)
        uv_timer_init(&receiver.loop, &cascade[i]);
    uv_close((uv_handle_t *)&cascade[0], close_next);
    worker_free(&receiver);
    assert_int_equal(cascaded, 3);
}

static void no_memory_for_a_worker_is_an_error_with_a_sentence(void **state) {
    (void)state;
    struct err e = {0};
    mem_fail_at(1, false);
    assert_int_equal(worker_init(&receiver, 0, &e), -ENOMEM);
    mem_fail_at(0, false);
    assert_true(strlen(e.text) > 0);
}

static void no_descriptor_for_a_worker_is_an_error_with_a_sentence(void **state) {
    (void)state;
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    /* More descriptors each time, until there are enough: every failure must be a clean one. More
     * than one, because libuv forgets to close its epoll descriptor when it fails half-way. */
    int failures = 0, r;
    for (rlim_t n = 3;; n += 3) {
        struct err e = {0};
        struct rlimit few = {n, before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &few);
        r = worker_init(&receiver, 0, &e);
        setrlimit(RLIMIT_NOFILE, &before);
        if (r == 0) break;
        assert_int_equal(r, -EMFILE);
        assert_true(strlen(e.text) > 0);
        failures++;
    }
    assert_true(failures > 0);
    worker_free(&receiver);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, here_open, here_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(a_worker_gets_every_message_in_order_per_sender),
        HERE(a_message_that_posts_itself_does_not_starve_the_loop),
        HERE(messages_that_are_left_are_delivered_when_the_worker_is_freed),
        HERE(the_loop_does_not_block_while_a_turn_has_more_to_do),
        HERE(a_turn_without_more_lets_the_loop_block),
        HERE(soon_inside_a_turn_means_one_more_round_before_blocking),
        HERE(soon_from_a_timer_runs_the_turns_before_the_loop_blocks),
        HERE(a_turn_may_remove_itself_or_another_or_add_one),
        HERE(the_date_has_the_form_of_rfc_9110),
        HERE(the_date_is_rebuilt_only_when_its_second_is_over),
        HERE(a_blocked_worker_says_that_no_turn_is_on),
        HERE(a_taken_slab_is_replaced_and_comes_back_as_a_spare),
        HERE(only_so_many_spare_slabs_are_kept),
        HERE(without_memory_no_slab_can_be_taken_and_the_worker_keeps_its_own),
        HERE(a_lent_slab_that_is_taken_and_given_back_stays_untouched_until_the_reader_is_through),
        HERE(the_thread_has_a_name_and_only_the_signals_it_needs),
        HERE(a_failing_start_is_returned_and_leaves_no_thread),
        HERE(a_stop_that_comes_before_the_loop_runs_is_not_lost),
        HERE(freeing_waits_for_closes_that_lead_to_closes),
        HERE(no_memory_for_a_worker_is_an_error_with_a_sentence),
        HERE(no_descriptor_for_a_worker_is_an_error_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
