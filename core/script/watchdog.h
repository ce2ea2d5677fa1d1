/*
 * watchdog: stops Lua code that runs too long, at no cost while nothing does.
 *
 * A thread looks at every worker twice per soft limit. It reads the processor clock of a worker
 * that is inside Lua, so the workers read no clock: entering and leaving are a few plain stores. A
 * turn that overran gets a signal (SIGUSR2) on its worker's thread; the handler arms a count hook,
 * nothing else. The hook yields (soft limit) when the coroutine may yield, and raises when the hard
 * limit or the task's processor budget is spent; that error is raised again at every further
 * instruction, so pcall cannot swallow it.
 *
 * All limits are processor time of the worker's thread: a busy machine stops nobody. While no
 * worker runs Lua the thread sleeps, but for a look each second at whether all loops turn
 * (stuck.h).
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <lua.h>
#include <stdatomic.h>
#include <time.h>

#include "core/base/err.h"
#include "core/base/list.h"
#include "core/loop/worker.h"
#include "core/script/stuck.h"

struct profile;
struct task;
struct vm;

#define WATCHDOG_SIGNAL SIGUSR2 /* include <signal.h> */

/* What is raised in a script that is over its limit. Short: Lua keeps one copy of it. */
#define WATCHDOG_MESSAGE "stopped: it ran too long"

/* What a worker and the watchdog tell each other; the first member of the worker's scheduler. */
struct watchdog_mark {
    struct worker *worker;     /* whose it is */
    struct list link;          /* among the watched; under the watchdog's lock */
    _Atomic uint64_t turn;     /* odd while the worker is inside Lua; written by the worker */
    lua_State *_Atomic active; /* the coroutine that runs; written by the worker, read by its own
                                  signal handler */
    _Atomic uint64_t seen;     /* the last turn that the watchdog met */
    _Atomic uint64_t spent;    /* ns of processor time that it saw that turn use */
    _Atomic uint64_t sampled;  /* ns to charge for that turn: `spent` and the look that began it */
    uint64_t base;             /* thread clock when it met that turn; the watchdog's */
    uint64_t last;             /* `turn` at its last look; the watchdog's */
    struct stuck stuck;        /* whether its loop turns; the watchdog's */
    pthread_t thread;          /* who enters, once `known`; under the watchdog's lock */
    clockid_t clock;           /* processor clock of `thread`; under the watchdog's lock */
    pid_t tid;                 /* the same, as the kernel calls it */
    bool known;                /* under the watchdog's lock */
    bool killing;              /* the turn is over its limit: every instruction raises; worker's */
    struct profile *_Atomic profile; /* that is being taken of the worker, or NULL; worker's */
    _Atomic uint64_t sample; /* the turn of which its signal asks a sample, else 0; worker's */
    char where[128];         /* "file:line" where it was found over the limit; worker's */
};

/* Reads the limits from conf. Negative + *e when there is no memory or thread for it. */
int watchdog_start(struct err *e);
/* No worker may be inside Lua. */
void watchdog_stop(void);

/* A worker begins and ends to be watched (task_open, task_close). */
void watchdog_open(struct watchdog_mark *m, struct worker *w);
void watchdog_close(struct watchdog_mark *m);

/* Before watchdog_start: loops that do not turn are watched for, too, see stuck.h. */
void watchdog_on_stuck(void (*leave)(const char *why));
/* The loops that do not turn now, as members of a JSON list; their number. Any thread. */
int watchdog_stuck(struct buf *out);
/* For stuck.c, under the watchdog's lock: SIGUSR2 to the thread. */
void watchdog_signal(const struct watchdog_mark *m);

extern _Thread_local struct watchdog_mark *watchdog_mine; /* whom this thread's signals concern */
extern _Atomic bool watchdog_asleep;                      /* the thread waits to be woken */
void watchdog_adopt(struct watchdog_mark *m); /* this thread is the one that enters now */
void watchdog_wake(void);
/* The watchdog has met this turn: adds to the processor time of the task, its ancestors and vm. */
void watchdog_charge(struct watchdog_mark *m, struct vm *vm, struct task *t);
/* Has the task used up its processor time, or an ancestor its own and its family's, with `more` ns
 * that are not charged yet? Marks all who have as overrun, and the task in either case. */
bool watchdog_spent(struct task *t, uint64_t more);
void watchdog_arm(lua_State *L); /* the hook, now */
/* For C functions of scripts that take long, or that C functions call in loops, where no hook
 * fires: raises what the hook would raise, when the turn is over its hard limit or the task's
 * budget. A few loads otherwise. */
void watchdog_check(lua_State *L);

static inline struct watchdog_mark *watchdog_of(const struct worker *w) {
    return w->slot[WORKER_SCRIPT];
}

static inline bool watchdog_inside(const struct worker *w) {
    return atomic_load_explicit(&watchdog_of(w)->turn, memory_order_relaxed) & 1;
}

/* Around every lua_resume and lua_pcall from C, one at a time. `L` is the coroutine that will run.
 */
static inline void watchdog_enter(struct worker *w, lua_State *L) {
    struct watchdog_mark *m = watchdog_of(w);
    if (__builtin_expect(watchdog_mine != m, 0)) watchdog_adopt(m);
    m->killing = false;
    atomic_store_explicit(&m->active, L, memory_order_relaxed);
    uint64_t turn = atomic_load_explicit(&m->turn, memory_order_relaxed) + 1;
    atomic_store_explicit(&m->turn, turn, memory_order_release);
    if (__builtin_expect(atomic_load_explicit(&watchdog_asleep, memory_order_relaxed), 0))
        watchdog_wake();
}

/* `t` may be NULL: then only the vm is charged. True = something was charged: look at
 * watchdog_spent. */
static inline bool watchdog_leave(struct worker *w, struct vm *vm, struct task *t) {
    struct watchdog_mark *m = watchdog_of(w);
    uint64_t turn = atomic_load_explicit(&m->turn, memory_order_relaxed);
    bool charged = atomic_load_explicit(&m->seen, memory_order_relaxed) == turn;
    if (__builtin_expect(charged, 0)) watchdog_charge(m, vm, t);
    atomic_store_explicit(&m->turn, turn + 1, memory_order_release);
    atomic_store_explicit(&m->active, NULL, memory_order_relaxed);
    return charged;
}

/* Inner coroutines: the one that really runs now. Returns the one that ran before. */
static inline lua_State *watchdog_switch(struct worker *w, lua_State *L) {
    struct watchdog_mark *m = watchdog_of(w);
    lua_State *before = atomic_load_explicit(&m->active, memory_order_relaxed);
    atomic_store_explicit(&m->active, L, memory_order_relaxed);
    if (__builtin_expect(m->killing, 0)) watchdog_arm(L);
    return before;
}

#endif
