/*
 * jobs: a queue with a bound, some threads that empty it, and the way back to the worker that
 * asked. Called by pass, token, dns and the store. A job is never run twice, and exactly one of
 * done() and drop() is called for it, always on its home worker and never from inside jobs_submit
 * or jobs_cancel.
 */
#include "core/loop/jobs.h"

#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/stat.h"

struct jobs {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* something is queued, or stop */
    struct list queue;    /* struct job.link */
    int queued, bound;
    bool stop;
    int threads; /* started */
    pthread_t *thread;
    void *(*open)(void *arg);
    void (*close)(void *context);
    void *arg;
};

/* Home worker: the job is over. What was cancelled meanwhile is dropped. */
static void deliver(struct message *m) {
    struct job *j = LIST_ENTRY(m, struct job, msg);
    if (j->canceled)
        j->drop(j);
    else
        j->done(j);
}

static void send_home(struct job *j) {
    j->msg.deliver = deliver;
    worker_post(j->home, &j->msg);
}

/* The next job, or NULL when the pool stops and nothing is left. */
static struct job *next(struct jobs *p) {
    pthread_mutex_lock(&p->lock);
    while (list_empty(&p->queue) && !p->stop)
        pthread_cond_wait(&p->work, &p->lock);
    struct list *link = list_pop(&p->queue);
    if (link) p->queued--;
    pthread_mutex_unlock(&p->lock);
    return link ? LIST_ENTRY(link, struct job, link) : NULL;
}

static void *thread_main(void *arg) {
    struct jobs *p = arg;
    void *context = p->open ? p->open(p->arg) : NULL;
    for (struct job *j; (j = next(p));) {
        j->run(j, context);
        send_home(j);
    }
    if (p->close) p->close(context);
    return NULL;
}

static void stop_threads(struct jobs *p) {
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
}

static void release(struct jobs *p) {
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->thread);
    mem_free(p);
}

struct jobs *jobs_start(const char *name, int threads, int queue, void *(*open)(void *arg),
                        void (*close)(void *context), void *arg, struct err *e) {
    struct jobs *p = mem_zalloc(sizeof *p);
    if (p) p->thread = mem_zalloc((size_t)threads * sizeof *p->thread);
    if (!p || !p->thread) {
        mem_free(p);
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    list_init(&p->queue);
    p->bound = queue;
    p->open = open;
    p->close = close;
    p->arg = arg;
    for (; p->threads < threads; p->threads++) {
        char label[16];
        snprintf(label, sizeof label, "%s-%d", name, p->threads);
        int rc = worker_thread(&p->thread[p->threads], label, thread_main, p);
        if (rc < 0) {
            err_set(e, rc, "cannot start thread %s: %s", label, strerror(-rc));
            jobs_stop(p);
            return NULL;
        }
    }
    return p;
}

void jobs_stop(struct jobs *pool) {
    if (!pool) return;
    stop_threads(pool);
    release(pool);
}

int jobs_submit(struct jobs *pool, struct job *j) {
    j->home = worker_self();
    j->pool = pool;
    j->canceled = false;
    list_init(&j->link);
    pthread_mutex_lock(&pool->lock);
    bool full = pool->queued >= pool->bound || pool->stop;
    if (!full) {
        list_push(&pool->queue, &j->link);
        pool->queued++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    if (full) stat_add(STAT_JOBS_BUSY, 1);
    return full ? ERR_BUSY : 0;
}

/* One that waits leaves the queue and goes home at once; one that runs goes home when it is
 * through. */
void jobs_cancel(struct job *j) {
    struct jobs *p = j->pool;
    j->canceled = true;
    pthread_mutex_lock(&p->lock);
    bool waits = !list_empty(&j->link);
    if (waits) {
        list_unlink(&j->link);
        p->queued--;
    }
    pthread_mutex_unlock(&p->lock);
    if (waits) send_home(j);
}
