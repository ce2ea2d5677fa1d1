/*
 * jobs: a bounded pool of threads for work that would stop a loop: password hashing, signing,
 * reading files.
 *
 * A job runs on a pool thread and comes back to the worker that submitted it. Full queue = ERR_BUSY
 * at once. A job that still waits can be cancelled; one that runs cannot, its done() is then
 * skipped and drop() called instead. Exactly one of done() and drop() is called for each job that
 * was accepted, never from inside jobs_submit or jobs_cancel.
 *
 * Jobs of one owner run in their order. Owners take turns, however many jobs each has waiting, and
 * none has more than half of the queue: so one that asks for much waits for itself.
 */
#ifndef JOBS_H
#define JOBS_H

#include <stdatomic.h>

#include "core/base/list.h"
#include "core/loop/worker.h"

struct jobs; /* a pool */

struct job {
    struct message msg;                        /* internal */
    struct list link;                          /* internal */
    struct list behind;                        /* internal: of its owner, when it is the next */
    int n_behind;                              /* internal */
    struct worker *home;                       /* internal */
    struct jobs *pool;                         /* internal */
    _Atomic bool taken;                        /* internal: it has left the queue */
    void (*run)(struct job *j, void *context); /* on a pool thread; `context` is that thread's */
    void (*done)(struct job *j);               /* on the home worker */
    void (*drop)(struct job *j); /* on the home worker, instead of done, after jobs_cancel */
    uint64_t owner;              /* whose it is; 0 = nobody's, which has no limit but the queue */
    bool canceled;               /* the home worker's */
};

/* `threads` threads, at most `queue` jobs waiting. `open` makes a thread's context on that thread
 * (open = NULL: none is needed; returning NULL is a failure to start), `close` ends it there. */
struct jobs *jobs_start(const char *name, int threads, int queue, void *(*open)(void *arg),
                        void (*close)(void *context), void *arg, struct err *e);
/* Finishes what is queued, joins, frees. The home workers must still be there to take the last
 * results; nobody may submit any more. */
void jobs_stop(struct jobs *pool);
/* From a worker's thread, with run, done and drop filled in. 0 or ERR_BUSY. */
int jobs_submit(struct jobs *pool, struct job *j);
/* Home worker only, after jobs_submit and before done. */
void jobs_cancel(struct job *j);

#endif
