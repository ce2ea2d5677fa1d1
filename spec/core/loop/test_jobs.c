/* jobs: a bounded queue, threads, and the way home. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/loop/jobs.h"
#include "here.h"

/* A job that can be held on its thread until the test lets it go. */
struct task {
    struct job job;
    uv_sem_t *gate; /* waited for inside run; NULL = none */
    int number;
    _Atomic int ran;
    int done, dropped;
    void *context;
};

static int finished; /* done or dropped */
static int order[64];

static void task_run(struct job *j, void *context) {
    struct task *t = (struct task *)(void *)j;
    assert_null(worker_self());
    if (t->gate) uv_sem_wait(t->gate);
    t->context = context;
    atomic_fetch_add(&t->ran, 1);
}
static void task_done(struct job *j) {
    struct task *t = (struct task *)(void *)j;
    assert_ptr_equal(worker_self(), j->home);
    t->done++;
    if (finished < 64) order[finished] = t->number;
    finished++;
}
static void task_drop(struct job *j) {
    struct task *t = (struct task *)(void *)j;
    assert_ptr_equal(worker_self(), j->home);
    t->dropped++;
    finished++;
}

static struct task task(int number, uv_sem_t *gate) {
    struct task t = {.number = number, .gate = gate};
    t.job.run = task_run;
    t.job.done = task_done;
    t.job.drop = task_drop;
    return t;
}

static struct jobs *start(int threads, int queue) {
    struct err e = {0};
    finished = 0;
    struct jobs *pool = jobs_start("test", threads, queue, NULL, NULL, NULL, &e);
    assert_non_null(pool);
    return pool;
}

static void jobs_run_elsewhere_and_come_home_in_order_of_one_thread(void **state) {
    (void)state;
    struct task tasks[50];
    struct jobs *pool = start(1, 50);
    for (int i = 0; i < 50; i++) {
        tasks[i] = task(i, NULL);
        assert_int_equal(jobs_submit(pool, &tasks[i].job), 0);
    }
    here_until_n(&finished, 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(order[i], i);
        assert_int_equal(tasks[i].done, 1);
        assert_int_equal(tasks[i].dropped, 0);
        assert_int_equal(tasks[i].ran, 1);
    }
    jobs_stop(pool);
}

static void a_full_queue_says_busy_at_once(void **state) {
    (void)state;
    uv_sem_t gate;
    uv_sem_init(&gate, 0);
    struct jobs *pool = start(1, 3);
    struct task held = task(0, &gate), waiting[3], over = task(9, NULL);
    assert_int_equal(jobs_submit(pool, &held.job), 0);
    while (!atomic_load(&held.job.taken))
        sched_yield();
    for (int i = 0; i < 3; i++) {
        waiting[i] = task(i + 1, NULL);
        assert_int_equal(jobs_submit(pool, &waiting[i].job), 0);
    }
    int64_t busy = stat_get(STAT_JOBS_BUSY);
    assert_int_equal(jobs_submit(pool, &over.job), ERR_BUSY);
    assert_int_equal(stat_get(STAT_JOBS_BUSY) - busy, 1);
    uv_sem_post(&gate);
    here_until_n(&finished, 4);
    assert_int_equal(over.ran, 0);
    assert_int_equal(jobs_submit(pool, &over.job), 0);
    here_until_n(&finished, 5);
    jobs_stop(pool);
    uv_sem_destroy(&gate);
}

static struct task of(uint64_t owner, int number) {
    struct task t = task(number, NULL);
    t.job.owner = owner;
    return t;
}

static void owners_take_turns_and_none_has_more_than_half_of_the_queue(void **state) {
    (void)state;
    uv_sem_t gate;
    uv_sem_init(&gate, 0);
    struct jobs *pool = start(1, 8);
    struct task held = task(0, &gate), over = of(1, 99);
    struct task t[] = {of(1, 10), of(1, 11), of(1, 12), of(1, 13), of(2, 20), of(2, 21), of(0, 30)};
    static const int expected[] = {0, 10, 20, 30, 12, 21, 13};
    assert_int_equal(jobs_submit(pool, &held.job), 0);
    while (!atomic_load(&held.job.taken))
        sched_yield();
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        assert_int_equal(jobs_submit(pool, &t[i].job), 0);
        if (t[i].number == 13) assert_int_equal(jobs_submit(pool, &over.job), ERR_BUSY);
    }
    jobs_cancel(&t[1].job); /* from the middle */
    assert_int_equal(jobs_submit(pool, &over.job), 0);
    jobs_cancel(&over.job); /* from the end */
    here_until_n(&finished, 2);
    finished = 0;
    uv_sem_post(&gate);
    here_until_n(&finished, 7);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(order[i], expected[i]);
    jobs_stop(pool);
    uv_sem_destroy(&gate);
}

static void an_owner_whose_next_job_is_cancelled_keeps_the_others(void **state) {
    (void)state;
    uv_sem_t gate;
    uv_sem_init(&gate, 0);
    struct jobs *pool = start(1, 20);
    struct task held = task(0, &gate), t[5];
    assert_int_equal(jobs_submit(pool, &held.job), 0);
    while (!atomic_load(&held.job.taken))
        sched_yield();
    for (int i = 0; i < 5; i++) {
        t[i] = of(1, i + 1);
        assert_int_equal(jobs_submit(pool, &t[i].job), 0);
    }
    jobs_cancel(&t[0].job);
    jobs_cancel(&t[1].job);
    jobs_cancel(&t[4].job);
    here_until_n(&finished, 3);
    finished = 0;
    uv_sem_post(&gate);
    here_until_n(&finished, 3);
    assert_int_equal(order[1], 3);
    assert_int_equal(order[2], 4);
    jobs_stop(pool);
    uv_sem_destroy(&gate);
}

static void a_waiting_job_that_is_cancelled_never_runs_and_makes_room(void **state) {
    (void)state;
    uv_sem_t gate;
    uv_sem_init(&gate, 0);
    struct jobs *pool = start(1, 1);
    struct task held = task(0, &gate), waiting = task(1, NULL), next = task(2, NULL);
    jobs_submit(pool, &held.job);
    while (!atomic_load(&held.job.taken))
        sched_yield();
    assert_int_equal(jobs_submit(pool, &waiting.job), 0);
    jobs_cancel(&waiting.job);
    jobs_cancel(&waiting.job);
    assert_int_equal(waiting.dropped, 0); /* never from inside */
    assert_int_equal(jobs_submit(pool, &next.job), 0);
    here_until_n(&finished, 1);
    assert_int_equal(waiting.dropped, 1);
    uv_sem_post(&gate);
    here_until_n(&finished, 3);
    jobs_stop(pool);
    assert_int_equal(waiting.ran, 0);
    assert_int_equal(waiting.done, 0);
    assert_int_equal(waiting.dropped, 1);
    uv_sem_destroy(&gate);
}

static void a_running_job_that_is_cancelled_is_dropped_when_it_is_through(void **state) {
    (void)state;
    uv_sem_t gate;
    uv_sem_init(&gate, 0);
    struct jobs *pool = start(1, 1);
    struct task held = task(0, &gate);
    jobs_submit(pool, &held.job);
    while (!atomic_load(&held.job.taken))
        sched_yield();
    jobs_cancel(&held.job);
    here_turns(3);
    assert_int_equal(held.dropped, 0);
    uv_sem_post(&gate);
    here_until_n(&finished, 1);
    assert_int_equal(held.ran, 1);
    assert_int_equal(held.done, 0);
    assert_int_equal(held.dropped, 1);
    jobs_stop(pool);
    uv_sem_destroy(&gate);
}

static void a_result_that_is_on_its_way_can_be_cancelled_although_the_pool_is_gone(void **state) {
    (void)state;
    struct jobs *pool = start(2, 4);
    struct task t = task(0, NULL);
    jobs_submit(pool, &t.job);
    jobs_stop(pool);
    jobs_cancel(&t.job);
    here_until_n(&finished, 1);
    assert_int_equal(t.done, 0);
    assert_int_equal(t.dropped, 1);
}

static void stopping_finishes_what_is_queued(void **state) {
    (void)state;
    struct task tasks[40];
    struct jobs *pool = start(2, 40);
    for (int i = 0; i < 40; i++) {
        tasks[i] = task(i, NULL);
        assert_int_equal(jobs_submit(pool, &tasks[i].job), 0);
    }
    jobs_stop(pool);
    for (int i = 0; i < 40; i++)
        assert_int_equal(tasks[i].ran, 1);
    here_until_n(&finished, 40);
    jobs_stop(NULL);
}

/* ---- contexts ---- */

static _Atomic int opened, closed_;
static _Atomic int fail_from;

static void *open_one(void *arg) {
    int n = atomic_fetch_add(&opened, 1) + 1;
    if (n >= atomic_load(&fail_from)) return NULL;
    return (char *)arg + n;
}
static void close_one(void *context) {
    assert_non_null(context);
    atomic_fetch_add(&closed_, 1);
}

static void each_thread_has_a_context_of_its_own(void **state) {
    (void)state;
    char base[8];
    struct err e = {0};
    atomic_store(&opened, 0);
    atomic_store(&closed_, 0);
    atomic_store(&fail_from, 1000);
    finished = 0;
    struct jobs *pool = jobs_start("test", 3, 10, open_one, close_one, base, &e);
    assert_non_null(pool);
    assert_int_equal(opened, 3);
    struct task t = task(0, NULL);
    jobs_submit(pool, &t.job);
    here_until_n(&finished, 1);
    assert_true((char *)t.context > base && (char *)t.context <= base + 3);
    jobs_stop(pool);
    assert_int_equal(closed_, 3);
}

static void a_context_that_cannot_be_opened_fails_the_start(void **state) {
    (void)state;
    char base[8];
    struct err e = {0};
    atomic_store(&opened, 0);
    atomic_store(&closed_, 0);
    atomic_store(&fail_from, 3);
    assert_null(jobs_start("test", 3, 10, open_one, close_one, base, &e));
    assert_true(e.code < 0 && strlen(e.text) > 0);
    assert_int_equal(opened, 3);
    assert_int_equal(closed_, 2);
}

static void no_memory_fails_the_start(void **state) {
    (void)state;
    struct err e = {0};
    mem_fail_at(1, false);
    struct jobs *pool = jobs_start("test", 1, 1, NULL, NULL, NULL, &e);
    mem_fail_at(0, false);
    assert_null(pool);
    assert_int_equal(e.code, -ENOMEM);
}

/* ---- several homes ---- */

#define HOMES 3
#define EACH  2000

struct home {
    struct worker w;
    struct message begin;
    struct jobs *pool;
    struct task *tasks;
    int next, over, busy;
};

static void home_submit(struct home *h);

static void home_over(struct job *j) {
    struct home *h = (struct home *)(void *)j->home;
    h->over++;
    if (h->over == EACH)
        worker_stop(&h->w);
    else
        home_submit(h);
}

static void home_submit(struct home *h) {
    while (h->next < EACH) {
        struct task *t = &h->tasks[h->next];
        *t = task(h->next, NULL);
        t->job.done = home_over;
        t->job.drop = home_over;
        if (jobs_submit(h->pool, &t->job) < 0) {
            h->busy++;
            if (h->next == h->over) { /* nothing of ours is queued: nobody would wake us */
                worker_post(&h->w, &h->begin);
                sched_yield();
            }
            return;
        }
        if (h->next % 3 == 0) jobs_cancel(&t->job);
        h->next++;
    }
}

static void home_begin(struct message *m) {
    home_submit(LIST_ENTRY(m, struct home, begin));
}

static void every_job_of_every_worker_comes_home_exactly_once(void **state) {
    (void)state;
    struct err e = {0};
    struct jobs *pool = jobs_start("test", 3, 64, NULL, NULL, NULL, &e);
    struct home *homes = calloc(HOMES, sizeof *homes);
    for (int i = 0; i < HOMES; i++) {
        homes[i].pool = pool;
        homes[i].tasks = calloc(EACH, sizeof(struct task));
        homes[i].begin.deliver = home_begin;
        assert_int_equal(worker_init(&homes[i].w, i, &e), 0);
        assert_int_equal(worker_start(&homes[i].w, "home", NULL, &e), 0);
        worker_post(&homes[i].w, &homes[i].begin);
    }
    for (int i = 0; i < HOMES; i++)
        pthread_join(homes[i].w.thread, NULL);
    jobs_stop(pool);
    for (int i = 0; i < HOMES; i++) {
        homes[i].w.running = false; /* joined above */
        worker_free(&homes[i].w);
        assert_int_equal(homes[i].over, EACH);
        for (int n = 0; n < EACH; n++)
            assert_true(homes[i].tasks[n].ran == 1 || n % 3 == 0);
        free(homes[i].tasks);
    }
    free(homes);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, here_open, here_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(jobs_run_elsewhere_and_come_home_in_order_of_one_thread),
        HERE(a_full_queue_says_busy_at_once),
        HERE(owners_take_turns_and_none_has_more_than_half_of_the_queue),
        HERE(an_owner_whose_next_job_is_cancelled_keeps_the_others),
        HERE(a_waiting_job_that_is_cancelled_never_runs_and_makes_room),
        HERE(a_running_job_that_is_cancelled_is_dropped_when_it_is_through),
        HERE(a_result_that_is_on_its_way_can_be_cancelled_although_the_pool_is_gone),
        HERE(stopping_finishes_what_is_queued),
        HERE(each_thread_has_a_context_of_its_own),
        HERE(a_context_that_cannot_be_opened_fails_the_start),
        HERE(no_memory_fails_the_start),
        HERE(every_job_of_every_worker_comes_home_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
