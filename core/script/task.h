/*
 * task: a coroutine that serves one request, tick or event; op: the one thing it waits for.
 *
 *   FREE -> READY -> RUNNING -> WAITING -> READY … -> DONE -> FREE
 *
 * Loop callbacks never touch Lua: they put their result into the op and call op_finish, which marks
 * the task ready. The ready tasks are resumed in one place, at the end of the loop turn, a bounded
 * number per turn. The continuation (the op's `done`) then makes Lua values of the result, inside
 * lua_resume's protection. A late completion can never wake the wrong task: a task is referred to
 * by {index, generation}.
 *
 * An awaiting binding is three small functions:
 *
 *     static int l_sleep(lua_State *L) {
 *         lua_Number s = luaL_checknumber(L, 1);      all arguments first: this may throw
 *         struct sleep *o = op_new(L, &sleep_kind);   throws "cannot wait here"
 *         op_timer(&o->op, &o->timer, s);             nothing may throw below
 *         return op_await(L, &o->op);
 *     }
 *     cancel: disarm, return true (nothing will come any more)
 *     done:   push results, return their number
 *
 * How a task ends, always in this order: its op is cancelled, its children end, its coroutine is
 * closed (<close> variables run, inner coroutines first), `ended` is called, the arena's
 * destructors run, the coroutine goes back to the pool. Tasks are ended by the scheduler only,
 * never from inside Lua: whoever cancels one from there (or from an `ended`) has the op cancelled
 * at once and the rest done before the loop turns again.
 */
#ifndef TASK_H
#define TASK_H

#include "core/base/arena.h"
#include "core/script/vm.h"

struct op;

struct op_kind {
    const char *name; /* "time.sleep": for traces and errors */
    size_t size;      /* of the structure that begins with struct op */
    /* Pushes the results and returns their number. May throw: then the script sees the error. */
    int (*done)(lua_State *L, struct op *op);
    /* Stops it. true = nothing will come, the op is dropped now; false = op_finish will still be
     * called, the op is dropped then. Also called when the binding threw after op_new. */
    bool (*cancel)(struct op *op);
    /* Releases what it holds, not the op itself. Always called once; may be NULL. */
    void (*drop)(struct op *op);
    /* Appends what it waits for, in words for people: "sleep 10 s". Never what a script calls
     * secret: names and numbers only. May be NULL: then it is `name`. */
    void (*tell)(const struct op *op, struct buf *out);
};

struct op {
    const struct op_kind *kind; /* what op_new got */
    struct vm *vm;              /* whose task it belongs, or belonged, to */
    struct task *task;          /* NULL once detached by a cancel */
    uint64_t since;             /* loop ms when it began */
    bool finished;              /* op_finish was called */
    bool awaited;               /* the task has yielded on it */
    bool consumed;              /* done was called: it only waits to be released */
    bool canceling;             /* inside kind->cancel */
};

/* Zeroed memory of kind->size. Throws when the caller may not wait (outside a task, inside a sort
 * comparator, a gsub callback or another C call, while loading, or when memory is out). */
void *op_new(lua_State *L, const struct op_kind *kind);
/* Arms a timer of an op, counted from this moment and not from the turn's start. 0 or -ENOMEM. */
int op_timer(struct op *op, struct timer *t, double seconds);
/* Waits; returns done()'s results, at once when the op has finished already. Use as `return
 * op_await(L, op)`. */
int op_await(lua_State *L, struct op *op);
/* Starting failed after op_new: drops the op; then push nil, message, code. */
void op_discard(struct op *op);
/* The result is in. The vm's worker, any callback. */
void op_finish(struct op *op);
/* nil, message, code: the way a failed operation looks in Lua. Returns 3. */
int op_fail(lua_State *L, int code, const char *text);

enum task_end { TASK_RETURNED, TASK_FAILED, TASK_CANCELED, TASK_NO_MEMORY, TASK_OVERRUN };

struct task_id {
    uint32_t index, generation; /* generation is never 0: {0, 0} is nobody's */
};

enum task_state {
    TASK_FREE,    /* recycled */
    TASK_NEW,     /* made, not started */
    TASK_READY,   /* in the worker's ready list */
    TASK_RUNNING, /* inside lua_resume */
    TASK_WAITING, /* on its op */
    TASK_DONE     /* being closed, then inside `ended` */
};

struct task {
    struct list link;    /* vm->tasks or vm->idle */
    struct list ready;   /* among those of its vm that can go on */
    struct vm *vm;       /* whose it is */
    lua_State *co;       /* its coroutine */
    int ref;             /* keeps co alive */
    struct task_id id;   /* how others remember it */
    uint8_t state;       /* enum task_state */
    bool canceled;       /* it ends as soon as it can */
    bool overrun;        /* over a limit: the watchdog stops it */
    bool killed;         /* its coroutine died of the watchdog, or was abandoned: CORO_KILLED */
    bool timed_out;      /* cancelled by its deadline */
    bool exposed;        /* a script holds its coroutine: it is not recycled */
    bool detached;       /* not cancelled with its parent */
    bool starved;        /* it, or a task that belongs to it, ended for want of memory */
    bool background;     /* tickers: cancelled at once when the vm retires */
    bool own;            /* begun by on_start or a ticker, for nobody: background once detached */
    int nargs;           /* values on co's stack for the first resume */
    struct op *op;       /* what it waits for */
    struct task *parent; /* ends it when it ends itself, or NULL */
    struct list children, sibling; /* struct task.sibling; among the parent's children */
    lua_State **nest;      /* inner coroutines to resume when the wait is over, innermost first */
    int n_nest, nest_room; /* entries, room for entries */
    int gave_way;          /* line where its innermost coroutine did, 0 = it did not; see trace.h */
    uint32_t big;          /* vm->big when it began */
    struct arena arena;    /* ends with the task; destructors run on every way out */
    uint64_t started;      /* loop ms */
    uint64_t deadline;     /* loop ms, 0 = none: then it is cancelled with "deadline exceeded" */
    struct timer timer;    /* for the deadline */
    uint64_t cpu;          /* ns so far, its ended children's too; sampled by the watchdog */
    uint64_t stretch;      /* ns in the turns since it waited, the one that runs not counted */
    bool slow;             /* that was told to the log */
    uint64_t cpu_rested;   /* ns of them that waiting has earned back: see op.c */
    uint64_t cpu_most;     /* ns that it may use; 0 = what every task may */
    struct str request_id; /* for logs, in the arena; may be empty */
    const char *what;      /* the endpoint or ticker that it runs: in the arena */
    const char *kind;      /* "request", "call" … for people: static text */
    /* Called once, when it is over: the coroutine is closed by then. co's stack holds the results
     * (RETURNED: nresults on top) or the error value (FAILED, on top). Runs outside lua_resume: use
     * vm_protect to touch values that may allocate. May be NULL. */
    void (*ended)(struct task *t, enum task_end end, int nresults);
    void *data;                /* the starter's */
    struct exchange *exchange; /* the request it serves, or NULL; nulled when that is gone */
    void *context;             /* verified caller, trace ...: owned by the starter */
    enum task_end end;         /* how it ended; from TASK_DONE on */
    struct buf trace;          /* where it failed, taken before the coroutine was closed */
    struct fault *fault;       /* where an error that it met came from, or NULL: see fault.c */
    struct buf remote;         /* that of the service whose failure it passed on */
    int retry_after; /* seconds after which its error says to try again; 0 = it does not */
};

/* Makes a task. `push` runs protected with the coroutine's stack: it pushes the function and its
 * arguments and returns the number of arguments. NULL + *e: ERR_LIMIT (too many tasks, vm closing),
 * -ENOMEM, or the error push raised. The task does not run before task_start. */
struct task *task_new(struct vm *vm, int (*push)(lua_State *co, void *arg), void *arg,
                      struct err *e);
/* The same, also while the vm is closing: for what began before. */
struct task *task_late(struct vm *vm, int (*push)(lua_State *co, void *arg), void *arg,
                       struct err *e);
/* The same for a child, which is cancelled when its parent ends; its processor time is the parent's
 * too. It shows the parent's request id and context. Also while the vm is closing: who may finish
 * may do so in several tasks. */
struct task *task_child(struct task *parent, int (*push)(lua_State *co, void *arg), void *arg,
                        struct err *e);
/* A detached child lives on by itself: it has no context any more and a copy of the id. */
int task_detach(struct task *child); /* 0 or -ENOMEM */
/* The children of a task that has a parent are that one's from here on: they outlive the task. */
void task_pass_on(struct task *t);
/* Runs it now when nothing is running on this worker, else makes it ready. It may be over when this
 * returns. */
void task_start(struct task *t);
/* Ends it: cancels its op, closes the coroutine (<close> variables run), its children too. A
 * running task ends at its next wait. `ended` is called with TASK_CANCELED: before this returns
 * when called from a loop callback, else before the loop turns again. */
void task_cancel(struct task *t);
/* From now; 0 = none. 0 or -ENOMEM (then there is none). */
int task_deadline(struct task *t, uint64_t ms);
/* Milliseconds until its deadline, or that of the task it belongs to; UINT64_MAX = there is none.
 */
uint64_t task_left(const struct task *t);
struct task *task_find(struct worker *w, struct task_id id); /* NULL when it is over */
struct task *task_running(lua_State *L);                     /* NULL outside a task */
/* Gives the turn to others (also what a forced yield does); nothing where one may not wait. Use as
 * `return task_yield(L)`. */
int task_yield(lua_State *L);
/* Ends the subscriptions of the state, too. */
void task_cancel_all(struct vm *vm, bool background_only);
/* Per-worker scheduler. Open before the first vm_new, on any thread; close after the last vm_free.
 */
int task_open(struct worker *w);
void task_close(struct worker *w);
/* Why a task did not return: the error's text with traceback, for the log; the error's text alone;
 * and the HTTP status: what the error value asked for (errors.new gives it `status` and `message`),
 * 503 out of memory, 504 deadline exceeded, 0 = none. Only inside `ended`. */
int task_error(struct task *t, struct buf *traceback, struct buf *message);

/* Where a task is: what it waits for, and its stack. Not for one that runs. */
void task_trace(struct task *t, struct buf *out);

/* Counted references into a state. */
int ref_take(lua_State *L); /* pops the top value; may throw out-of-memory. nil gives LUA_REFNIL */
void ref_push(lua_State *L, struct vm *vm, int ref);
void ref_drop(struct vm *vm, int ref); /* any context; LUA_NOREF and LUA_REFNIL are fine */

#endif
