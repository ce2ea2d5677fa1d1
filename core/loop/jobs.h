/*
 * jobs: a bounded pool of threads for work that would stop a loop: password hashing, signing,
 * reading files.
 *
 * A job runs on a pool thread and comes back to the worker that submitted it. Full queue = ERR_BUSY
 * at once. A job that still waits can be cancelled; one that runs cannot, its done() is then
 * skipped and drop() called instead.
 */
#ifndef JOBS_H
#define JOBS_H

#include "core/loop/worker.h"

struct jobs; /* a pool */

struct job {
    struct message msg;                        /* internal */
    struct list link;                          /* internal */
    struct worker *home;                       /* internal */
    struct jobs *pool;                         /* internal */
    void (*run)(struct job *j, void *context); /* on a pool thread; `context` is that thread's */
    void (*done)(struct job *j);               /* on the home worker */
    void (*drop)(struct job *j); /* on the home worker, instead of done, after jobs_cancel */
    bool canceled;
};

/* `open` makes a thread's context (may be NULL), `close` ends it. */
struct jobs *jobs_start(const char *name, int threads, int queue, void *(*open)(void *arg),
                        void (*close)(void *context), void *arg, struct err *e);
void jobs_stop(struct jobs *pool);                 /* finishes what is queued, joins, frees */
int jobs_submit(struct jobs *pool, struct job *j); /* 0 or ERR_BUSY */
void jobs_cancel(struct job *j);                   /* home worker only */

#endif
