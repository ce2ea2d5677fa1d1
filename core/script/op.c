/*
 * op: the one thing a task waits for, from op_new to its release. Called by awaiting bindings
 * (op_new, op_await, op_discard, op_fail: inside the task), by loop callbacks (op_finish) and by
 * the scheduler. An op is released exactly once, in whatever order its completion, its task's end
 * and an error come:
 *
 *     finished, then taken by the task      done() runs, released at the task's next stop
 *     task ends while it waits              cancel(); true: released; false: op_finish releases
 *     task ends, result not taken yet       released, done() never runs
 *     the binding throws after op_new       as if the task had ended, at its next op or stop
 *
 * Waiting earns processor time back, a tenth of its length: what lives long and works little (event
 * streams, WebSockets) is never stopped for the sum of it.
 */
#include <assert.h>
#include <math.h>

#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/lib.h"
#include "core/script/sched.h"

#define NS_RESTED_PER_MS 100000

static _Noreturn void refuse(lua_State *L, const struct op_kind *kind, struct task *t) {
    if (vm_of(L)->loading)
        lib_error(L, "%s: not while a service is loading", kind->name);
    else if (!t)
        lib_error(L, "%s waits, and only a task may wait", kind->name);
    else
        lib_error(L,
                  "%s cannot wait here: a module's top level, a sort comparator, a gsub callback, "
                  "a __tostring or a __close of a cancelled task is called from C",
                  kind->name);
    __builtin_unreachable();
}

void *op_new(lua_State *L, const struct op_kind *kind) {
    struct vm *vm = vm_of(L);
    struct task *t = vm->running;
    if (vm->loading || !t) refuse(L, kind, t);
    if (t->state == TASK_RUNNING && (t->canceled || t->overrun)) task_stop(L, t);
    if (!lua_isyieldable(L) || vm->barrier > 0) refuse(L, kind, t);
    op_detach(t);
    struct op *op = mem_zalloc(kind->size);
    if (!op) vm_throw_memory(L);
    op->kind = kind;
    op->vm = vm;
    op->task = t;
    op->since = vm->worker->now_ms;
    t->op = op;
    vm->n_ops++;
    stat_add(STAT_OPS_OPEN, 1);
    return op;
}

/* The task is in front of the result. The op stays until the next stop, because done may throw. */
static int consume(lua_State *L, struct op *op) {
    op->consumed = true;
    return op->kind->done(L, op);
}

static int continued(lua_State *L, int status, lua_KContext context) {
    struct op *op = (struct op *)context;
    assert(op->finished && vm_of(L)->running->op == op);
    return consume(L, op);
}

int op_await(lua_State *L, struct op *op) {
    assert(op->task && op->task == vm_of(L)->running && op->task->op == op && !op->awaited);
    if (op->finished) return consume(L, op);
    op->awaited = true;
    op->vm->host_yield = true;
    return lua_yieldk(L, 0, (lua_KContext)op, continued);
}

void op_release(struct op *op) {
    if (op->kind->drop) op->kind->drop(op);
    op->vm->n_ops--;
    stat_add(STAT_OPS_OPEN, -1);
    mem_free(op);
}

void op_discard(struct op *op) {
    assert(op->task && op->task->op == op && !op->awaited && !op->consumed);
    op->task->op = NULL;
    op_release(op);
}

void op_detach(struct task *t) {
    struct op *op = t->op;
    if (!op) return;
    t->op = NULL;
    op->task = NULL;
    bool over = op->finished;
    if (!over) {
        op->canceling = true;
        over = op->kind->cancel(op);
        op->canceling = false;
    }
    if (over || op->finished) op_release(op);
}

void op_finish(struct op *op) {
    struct task *t = op->task;
    assert(!op->finished);
    op->finished = true;
    if (op->canceling) return;
    if (!t) {
        op_release(op);
        return;
    }
    if (!op->awaited) return;
    uint64_t rested = t->cpu_rested + (op->vm->worker->now_ms - op->since) * NS_RESTED_PER_MS;
    t->cpu_rested = rested < t->cpu ? rested : t->cpu;
    t->stretch = 0;
    t->slow = false;
    task_ready(t);
}

int op_timer(struct op *op, struct timer *t, double seconds) {
    struct worker *w = op->vm->worker;
    worker_clock(w); /* loop time is as old as the turn, and the script may have worked for long */
    return timer_arm(w, t, (uint64_t)ceil(seconds * 1000));
}

int op_fail(lua_State *L, int code, const char *text) {
    luaL_pushfail(L);
    lua_pushstring(L, text ? text : err_name(code));
    lua_pushstring(L, err_name(code));
    return 3;
}
