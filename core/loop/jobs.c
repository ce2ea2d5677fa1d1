/*
 * jobs: threads around one queue. Used for whatever may take longer than a turn of a loop.
 *
 * In the queue is the next job of each owner; the others of that owner hang behind it. What is
 * taken leaves its place to the one behind it, which goes to the end.
 *
 * One mutex guards the queue. `taken` tells without it that a job has left the queue for good, so
 * that a job can be cancelled between the end of its pool and the delivery of its result.
 */
#include "core/loop/jobs.h"

#include <assert.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/stat.h"

struct jobs {
    pthread_mutex_t lock;  /* guards everything below but the constants */
    pthread_cond_t work;   /* there is a job, or the pool ends */
    pthread_cond_t opened; /* another thread is ready, or failed to be */
    struct list waiting;   /* struct job.link: one of each owner */
    int n_waiting;         /* jobs, those behind them too */
    int ready, failed;     /* threads that are through with open() */
    bool stopping;         /* finish what waits, take nothing new */
    int queue;             /* constant: most jobs that may wait */
    void *(*open)(void *); /* constant */
    void (*close)(void *); /* constant */
    void *arg;             /* constant */
    int n_threads;         /* threads that were started; the starter's */
    pthread_t threads[];
};

static void deliver(struct message *m) {
    struct job *j = LIST_ENTRY(m, struct job, msg);
    if (!j->canceled)
        j->done(j);
    else if (j->drop)
        j->drop(j);
}

/* ---- the queue ------------------------------------------------------------------------------- */

/* The next job of that owner, NULL = none waits. There are as many to look at as there are owners
 * that wait. */
static struct job *first_of(struct jobs *pool, uint64_t owner) {
    LIST_EACH(&pool->waiting, it) {
        struct job *j = LIST_ENTRY(it, struct job, link);
        if (j->owner == owner) return j;
    }
    return NULL;
}

static bool put(struct jobs *pool, struct job *j) {
    struct job *first = first_of(pool, j->owner);
    int most = j->owner ? (pool->queue + 1) / 2 : pool->queue;
    if (pool->n_waiting >= pool->queue || (first && first->n_behind + 1 >= most)) return false;
    list_push(first ? &first->behind : &pool->waiting, &j->link);
    if (first) first->n_behind++;
    pool->n_waiting++;
    return true;
}

/* What hangs behind a job that leaves the queue goes to the end of it. */
static void leave_place(struct jobs *pool, struct job *j) {
    struct list *node = list_pop(&j->behind);
    if (!node) return;
    struct job *next = LIST_ENTRY(node, struct job, link);
    next->n_behind = j->n_behind - 1;
    if (!list_empty(&j->behind)) { /* its list has another head */
        list_push(&j->behind, &next->behind);
        list_unlink(&j->behind);
    }
    list_push(&pool->waiting, &next->link);
}

static void take_out(struct jobs *pool, struct job *j) {
    struct job *first = first_of(pool, j->owner);
    list_unlink(&j->link);
    if (first == j)
        leave_place(pool, j);
    else
        first->n_behind--;
    pool->n_waiting--;
    atomic_store(&j->taken, true);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Waits for a job; NULL when the pool ends and nothing is left. */
static struct job *take(struct jobs *pool) {
    struct job *j = NULL;
    pthread_mutex_lock(&pool->lock);
    while (pool->n_waiting == 0 && !pool->stopping)
        pthread_cond_wait(&pool->work, &pool->lock);
    if (pool->n_waiting > 0) {
        j = LIST_ENTRY(pool->waiting.next, struct job, link);
        take_out(pool, j);
    }
    pthread_mutex_unlock(&pool->lock);
    return j;
}

static bool open_context(struct jobs *pool, void **context) {
    *context = pool->open ? pool->open(pool->arg) : NULL;
    bool ok = !pool->open || *context;
    pthread_mutex_lock(&pool->lock);
    if (ok)
        pool->ready++;
    else
        pool->failed++;
    pthread_cond_signal(&pool->opened);
    pthread_mutex_unlock(&pool->lock);
    return ok;
}

static void *thread_main(void *arg) {
    struct jobs *pool = arg;
    void *context;
    if (!open_context(pool, &context)) return NULL;
    for (struct job *j; (j = take(pool));) {
        j->run(j, context);
        worker_post(j->home, &j->msg); /* j is not ours any more */
    }
    if (context && pool->close) pool->close(context);
    return NULL;
}

static int start_threads(struct jobs *pool, const char *name, int threads) {
    for (int i = 0; i < threads; i++) {
        char numbered[32];
        snprintf(numbered, sizeof numbered, threads > 1 ? "%.10s-%d" : "%.15s", name, i);
        int r = worker_thread(&pool->threads[i], numbered, thread_main, pool);
        if (r < 0) return r;
        pool->n_threads++;
    }
    pthread_mutex_lock(&pool->lock);
    while (pool->ready + pool->failed < threads)
        pthread_cond_wait(&pool->opened, &pool->lock);
    bool ok = pool->failed == 0;
    pthread_mutex_unlock(&pool->lock);
    return ok ? 0 : -ENOMEM;
}

struct jobs *jobs_start(const char *name, int threads, int queue, void *(*open)(void *arg),
                        void (*close)(void *context), void *arg, struct err *e) {
    assert(threads > 0 && queue > 0);
    struct jobs *pool = mem_zalloc(sizeof *pool + (size_t)threads * sizeof *pool->threads);
    if (!pool) {
        err_set(e, -ENOMEM, "out of memory for the threads of %s", name);
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->opened, NULL);
    list_init(&pool->waiting);
    pool->queue = queue;
    pool->open = open;
    pool->close = close;
    pool->arg = arg;
    int r = start_threads(pool, name, threads);
    if (r == 0) return pool;
    bool opening = pool->failed > 0;
    jobs_stop(pool);
    err_set(e, r,
            opening ? "a thread of %s could not be prepared" : "cannot start the threads of %s",
            name);
    return NULL;
}

void jobs_stop(struct jobs *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    assert(list_empty(&pool->waiting));
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->opened);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}

int jobs_submit(struct jobs *pool, struct job *j) {
    j->home = worker_self();
    assert(j->home && j->run && j->done);
    j->pool = pool;
    j->canceled = false;
    j->msg.deliver = deliver;
    list_init(&j->link);
    list_init(&j->behind);
    j->n_behind = 0;
    atomic_store(&j->taken, false);
    pthread_mutex_lock(&pool->lock);
    bool room = !pool->stopping && put(pool, j);
    if (room) pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    if (room) return 0;
    stat_add(STAT_JOBS_BUSY, 1);
    return ERR_BUSY;
}

void jobs_cancel(struct job *j) {
    assert(worker_self() == j->home);
    if (j->canceled) return;
    j->canceled = true;
    if (atomic_load(&j->taken)) return; /* running or done: its message will find the mark */
    pthread_mutex_lock(&j->pool->lock);
    bool waiting = !atomic_load(&j->taken);
    if (waiting) take_out(j->pool, j);
    pthread_mutex_unlock(&j->pool->lock);
    if (waiting) worker_post(j->home, &j->msg);
}
