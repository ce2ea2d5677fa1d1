/*
 * sched: what the files of the task scheduler share with each other and with nobody else: the
 * record that every worker hangs into its WORKER_SCRIPT slot, and the inner doors between vm.c,
 * task.c, task_error.c, op.c, coro.c and watchdog.c.
 */
#ifndef SCHED_H
#define SCHED_H

#include "core/script/task.h"
#include "core/script/vm.h"
#include "core/script/watchdog.h"

/* One place in the worker's table of tasks; task_id.index points at it. */
struct sched_slot {
    struct task *task;   /* NULL while the place is free */
    uint32_t generation; /* of the next task that lives here */
    uint32_t next_free;  /* the next free place, or SCHED_NO_SLOT */
};

#define SCHED_NO_SLOT UINT32_MAX

struct sched {
    struct watchdog_mark mark; /* first: watchdog.h finds it through the slot */
    struct worker *worker;
    struct worker_turn turn;  /* drains `ready` */
    struct list ready;        /* struct vm.turn: states with tasks to be resumed or ended */
    struct sched_slot *slots; /* every task of the worker, also the recycled ones */
    uint32_t n_slots;         /* room in `slots` */
    uint32_t free_slot;       /* first free place */
    int n_tasks;              /* places taken */
    bool busy;                /* Lua or an `ended` is on the C stack: nothing is started or ended */
};

static inline struct sched *sched_of(const struct worker *w) {
    return w->slot[WORKER_SCRIPT];
}

/* task.c */
void task_ready(struct task *t);    /* to the end of the ready list, if it is in none */
void task_drop_idle(struct vm *vm); /* frees the recycled tasks */
_Noreturn void task_stop(lua_State *L, struct task *t); /* ends a cancelled or overrun task here */

/* Whether the state has time left for what scripts run when their tasks have ended. */
bool task_has_time(struct vm *vm);
/* vm_protect for what runs scripts' code when a task has ended; takes from that time. Reads no
 * clock unless it took long enough to be met by the watchdog. */
int task_run_late(struct vm *vm, lua_CFunction fn, void *arg, struct err *e);

/* task_error.c */
void task_keep_trace(struct task *t); /* of one that ends: where it failed, or waited too long */

/* op.c */
void op_release(struct op *op); /* drop() and free */
void op_detach(struct task *t); /* cancels or drops what the task waits for */

/* fault.c */
void fault_left(struct task *t, lua_State *co); /* `co` died of the error on top of it */
/* The error of `child`, which failed, becomes one of `to`, which waited for it. */
void fault_passed(struct task *to, const struct task *child);
/* Of the error on top of a failed task: where it came from before, each part with a line that leads
 * on to the next; empty when it began there. */
struct str fault_trace(const struct task *t);
void fault_free(struct task *t);

/* coro.c: marks in the low bits of a thread's extra space, see vm_of. */
#define CORO_TASK    1 /* a task's own coroutine, no script's */
#define CORO_WAITING 2 /* a script's coroutine that waits: only its task may resume it */
#define CORO_KILLED \
    4 /* dead without having been closed: the watchdog raised in it and nothing \
         caught that, see watchdog.c; or it was abandoned */

static inline uintptr_t *coro_word(lua_State *co) {
    return lua_getextraspace(co);
}
int coro_open(lua_State *L); /* pushes the coroutine library */
/* Closes the inner coroutines that a waiting task has, innermost first. Protected context. */
void coro_close_nest(lua_State *L, struct task *t);
/* Instead: none of the task's coroutines is closed, or ever runs again. What their <close>
 * variables would have released, the collector releases. */
void coro_abandon(struct task *t);
/* lua_resetthread with the watchdog looking at `co`; its result. */
int coro_reset(lua_State *L, lua_State *co);

#endif
