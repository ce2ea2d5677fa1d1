/*
 * worker: a thread with its own uv_loop. Everything that serves a request lives on one worker.
 *
 * Threads meet only by message: worker_post() hands a message to another worker, whose loop calls
 * its deliver(). The control thread (main) is a worker too, without a front door. Nothing here
 * knows HTTP or Lua; upper layers hang their per-worker state into `slot`.
 */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "core/base/err.h"
#include "core/base/list.h"
#include "core/loop/mailbox.h"
#include "core/loop/timer.h"

enum worker_slot {
    WORKER_HTTP,
    WORKER_POOL,
    WORKER_SCRIPT,
    WORKER_ADMIN,
    WORKER_ROUTE,
    WORKER_TOKEN,
    WORKER_SLOTS
};

#define WORKER_SLAB   (64 * 1024) /* bytes of one read buffer */
#define WORKER_SPARES 16          /* slabs kept for the next one who takes one */

/* Work to do at the end of the current loop turn, before the loop blocks again (ready Lua tasks,
 * deferred closes). */
struct worker_turn {
    struct list link;                   /* the worker's */
    bool (*run)(struct worker_turn *t); /* true = more to do: the loop must not block */
};

struct worker {
    uv_loop_t loop;
    uv_async_t wake;      /* rings when the mailbox gets its first message */
    uv_prepare_t prepare; /* runs `turns` before the loop blocks */
    uv_check_t check;     /* runs `turns` after I/O */
    uv_idle_t spin;       /* active while some turn has more to do */
    struct mailbox mailbox;
    struct timers timers;
    struct list turns; /* struct worker_turn.link */
    bool more;         /* some turn said so, or worker_turn_soon was called meanwhile */
    bool soon;         /* worker_turn_soon was called since `turns` were run */
    pthread_t thread;
    int index;                     /* 0..n-1; -1 = the control thread */
    bool running;                  /* it has a thread that was not joined yet */
    _Atomic bool stopping;         /* worker_stop was called */
    _Atomic uint64_t turn_started; /* uv_hrtime() when the current turn began, 0 while blocked in
                                      poll; for watchdogs */
    uint64_t now_ms;               /* monotonic, refreshed once per turn */
    char date[32];       /* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), refreshed each
                            second */
    int64_t date_second; /* wall-clock second that `date` shows */
    uint64_t date_due;   /* now_ms at which `date` is out of date */
    char *slab;          /* the read buffer lent to streams, WORKER_SLAB bytes */
    char *lent;          /* the slab that an on_data is looking at right now, or NULL */
    bool lent_back; /* `lent` was taken and given back meanwhile: keep it until on_data is over */
    struct list slabs;        /* spare slabs; the node lies in the slab itself */
    int spare_slabs;          /* at most WORKER_SPARES */
    void *slot[WORKER_SLOTS]; /* per-worker state of upper layers */
};

/* Prepares loop, mailbox and timers; does not start a thread. A worker with index -1 belongs to the
 * calling thread from here on. Ignores SIGPIPE for the whole process: a socket tells by EPIPE. */
int worker_init(struct worker *w, int index, struct err *e);
/* Starts the thread: runs on_start(w) there (may be NULL), then the loop until worker_stop. Returns
 * after on_start did; its result. When that is negative the thread has ended and been joined; what
 * on_start opened it must have closed again. All signals are blocked on the thread but those for
 * its own faults and SIGUSR2. */
int worker_start(struct worker *w, const char *name,
                 int (*on_start)(struct worker *w, struct err *e), struct err *e);
/* Runs the loop on the calling thread (control thread, CLI) until worker_stop. */
void worker_run(struct worker *w);
/* Asks the loop to end after its current turn. From any thread. */
void worker_stop(struct worker *w);
/* Joins the thread (if any), delivers what is still in the mailbox (on the calling thread, as the
 * worker) and frees what worker_init made. All handles of upper layers must be closed by then
 * (their closing may be under way); asserts that none is left. Whoever posts to the worker must
 * have stopped. */
void worker_free(struct worker *w);

/* The calling thread is this worker's from now on, although its loop does not run yet: for the
 * control thread while it starts things. */
void worker_adopt(struct worker *w);

/* The worker of the calling thread, or NULL on a thread that is none. */
struct worker *worker_self(void);

/* The serving workers, set once at start, in index order. */
extern struct worker **workers;
extern int worker_count;

/* Any thread. The message belongs to the receiver from here on; deliver() runs on `to`, in order
 * per sender. */
void worker_post(struct worker *to, struct message *m);

/* A turn may add and remove turns, itself too. */
void worker_turn_add(struct worker *w, struct worker_turn *t);
void worker_turn_remove(struct worker_turn *t);
/* Says that `turns` have work, so that the loop does not block. Own thread only. */
void worker_turn_soon(struct worker *w);

/* A turn begins with the first callback after the loop came back from poll, and lasts until the
 * loop is about to block again. Every callback of this layer calls worker_enter first; upper layers
 * do so in callbacks of handles of their own (signals, child processes). */
void worker_turn_begin(struct worker *w);
static inline void worker_enter(struct worker *w) {
    if (atomic_load_explicit(&w->turn_started, memory_order_relaxed) == 0) worker_turn_begin(w);
}

/* Refreshes now_ms and date. The loop does so once per turn; callers that burned long time may call
 * it too. */
void worker_clock(struct worker *w);

/* Slabs for reading: streams read into w->slab; whoever wants to keep the bytes takes the slab (the
 * worker gets a fresh one) and gives it back with worker_slab_give, on the same worker. Ask
 * worker_slab_holds first: a stream_write in the same callback may have taken it already.
 * worker_slab_take may return NULL: then copy. */
static inline bool worker_slab_holds(const struct worker *w, const char *p) {
    return (uintptr_t)p >= (uintptr_t)w->slab && (uintptr_t)p - (uintptr_t)w->slab < WORKER_SLAB;
}
char *worker_slab_take(struct worker *w);
void worker_slab_give(struct worker *w, char *slab);
/* Around a callback that looks at `slab` (io.c): keeps it alive even if somebody takes it and gives
 * it back meanwhile. */
void worker_slab_lend(struct worker *w, char *slab);
void worker_slab_lent(struct worker *w);

/* Starts a thread of any kind with a name (cut to 15 bytes) and with all signals blocked but those
 * for its own faults. 0 or negative errno. */
int worker_thread(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg);

#endif
