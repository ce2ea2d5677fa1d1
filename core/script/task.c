/*
 * task: the scheduler of one worker. Called by whoever starts tasks (server, tickers, bus,
 * lib_task) and by op.c; runs at the end of loop turns.
 *
 * Everything that runs Lua or calls an `ended` does so with sched.busy set, and nothing is started
 * or ended while it is: it goes to the ready list instead. So neither Lua nor `ended` is ever
 * entered from inside itself, and the depth of the C stack does not depend on scripts.
 *
 * Outside of lua_resume and vm_protect nothing here calls what may throw.
 */
#include "core/script/task.h"

#include <assert.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/lib.h"
#include "core/script/sched.h"

/* One loop turn resumes so many tasks, or until so much time has passed. */
#define TURN_TASKS 64
#define TURN_NS    2000000
/* Recycled tasks that a state keeps. */
#define IDLE_MAX    256
#define ARENA_FIRST 512
#define SLOTS_FIRST 64
/* Inner coroutines for which a recycled task keeps room. */
#define NEST_KEPT 16

static void end(struct task *t, enum task_end how, int nresults);
static void deadline_passed(struct timer *timer);

/* ---- the worker's table ---------------------------------------------------------------------- */

static int grow_slots(struct sched *s) {
    uint32_t n = s->n_slots ? 2 * s->n_slots : SLOTS_FIRST;
    if (n <= s->n_slots || n == SCHED_NO_SLOT) return -ENOMEM;
    struct sched_slot *slots = mem_realloc(s->slots, n * sizeof *slots);
    if (!slots) return -ENOMEM;
    s->slots = slots;
    for (uint32_t i = n; i-- > s->n_slots;) {
        slots[i] = (struct sched_slot){.generation = 1, .next_free = s->free_slot};
        s->free_slot = i;
    }
    s->n_slots = n;
    return 0;
}

static int take_slot(struct sched *s, struct task *t) {
    if (s->free_slot == SCHED_NO_SLOT && grow_slots(s) < 0) return -ENOMEM;
    t->id.index = s->free_slot;
    struct sched_slot *slot = &s->slots[s->free_slot];
    s->free_slot = slot->next_free;
    slot->task = t;
    t->id.generation = slot->generation;
    s->n_tasks++;
    return 0;
}

/* Whoever knows the task by its id does not find it any more. */
static void next_generation(struct sched *s, struct task *t) {
    struct sched_slot *slot = &s->slots[t->id.index];
    if (++slot->generation == 0) slot->generation = 1;
    t->id.generation = slot->generation;
}

static void give_slot(struct sched *s, struct task *t) {
    struct sched_slot *slot = &s->slots[t->id.index];
    next_generation(s, t);
    slot->task = NULL;
    slot->next_free = s->free_slot;
    s->free_slot = t->id.index;
    s->n_tasks--;
}

struct task *task_find(struct worker *w, struct task_id id) {
    struct sched *s = sched_of(w);
    if (id.index >= s->n_slots) return NULL;
    struct sched_slot *slot = &s->slots[id.index];
    bool alive = slot->task && slot->generation == id.generation && slot->task->state != TASK_FREE;
    return alive ? slot->task : NULL;
}

/* ---- making and recycling -------------------------------------------------------------------- */

static int new_coroutine(lua_State *L) {
    struct task *t = lua_touserdata(L, 1);
    t->co = lua_newthread(L);
    t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* A task that was never used, with a coroutine of its own. */
static struct task *make(struct vm *vm, struct err *e) {
    struct sched *s = sched_of(vm->worker);
    struct task *t = mem_zalloc(sizeof *t);
    if (!t || take_slot(s, t) < 0) {
        mem_free(t);
        err_set(e, -ENOMEM, "out of memory for a task");
        return NULL;
    }
    t->vm = vm;
    t->ref = LUA_NOREF;
    list_init(&t->link);
    list_init(&t->ready);
    list_init(&t->children);
    list_init(&t->sibling);
    arena_init(&t->arena, ARENA_FIRST);
    timer_init(&t->timer, deadline_passed);
    buf_init(&t->trace);
    buf_init(&t->remote);
    if (vm_protect(vm, new_coroutine, t, e) < 0) {
        give_slot(s, t);
        mem_free(t);
        return NULL;
    }
    return t;
}

static void destroy(struct task *t) {
    struct vm *vm = t->vm;
    timer_remove(vm->worker, &t->timer);
    if (t->ref != LUA_NOREF && lua_checkstack(vm->L, 2))
        luaL_unref(vm->L, LUA_REGISTRYINDEX, t->ref);
    arena_free(&t->arena);
    buf_free(&t->trace);
    buf_free(&t->remote);
    fault_free(t);
    mem_free(t->nest);
    give_slot(sched_of(vm->worker), t);
    mem_free(t);
}

/* Back to the pool, or away with it when its coroutine is no good any more. */
static void recycle(struct task *t, bool usable) {
    struct vm *vm = t->vm;
    lua_State *co = t->co;
    timer_disarm(vm->worker, &t->timer);
    /* Something big was allocated meanwhile: maybe its stack, with as many call records. */
    bool grown = t->big != vm->big;
    if (!usable || grown || t->exposed || vm->closing || vm->n_idle >= IDLE_MAX) {
        *coro_word(co) &= ~(uintptr_t)CORO_TASK;
        if (t->killed) *coro_word(co) |= CORO_KILLED;
        destroy(t);
        return;
    }
    if (lua_gethookmask(co)) lua_sethook(co, NULL, 0, 0);
    if (t->nest_room > NEST_KEPT) {
        mem_free(t->nest);
        t->nest = NULL;
        t->nest_room = 0;
    }
    arena_reset(&t->arena);
    buf_free(&t->trace);
    buf_free(&t->remote);
    t->retry_after = 0;
    fault_free(t);
    next_generation(sched_of(vm->worker), t);
    t->state = TASK_FREE;
    list_push_front(&vm->idle, &t->link);
    vm->n_idle++;
}

void task_drop_idle(struct vm *vm) {
    for (struct list *node; (node = list_pop(&vm->idle));) {
        vm->n_idle--;
        destroy(LIST_ENTRY(node, struct task, link));
    }
}

/* Everything that a life leaves behind. */
static void reset(struct task *t) {
    t->canceled = t->overrun = t->killed = t->timed_out = t->exposed = t->detached = t->background =
        t->own = false;
    t->nargs = t->n_nest = t->gave_way = 0;
    t->stretch = 0;
    t->slow = false;
    t->op = NULL;
    t->parent = NULL;
    t->big = t->vm->big;
    t->started = t->vm->worker->now_ms;
    t->deadline = t->cpu = t->cpu_rested = t->cpu_most = 0;
    t->request_id = STR_NONE;
    t->what = NULL;
    t->kind = "task";
    t->ended = NULL;
    t->data = t->context = NULL;
    t->exchange = NULL;
    t->end = TASK_RETURNED;
}

struct pushing {
    int (*push)(lua_State *co, void *arg);
    void *arg;
    int nargs;
};

static int call_push(lua_State *co) {
    struct pushing *p = lua_touserdata(co, 1);
    lua_settop(co, 0);
    p->nargs = p->push(co, p->arg);
    assert(lua_gettop(co) > p->nargs && p->nargs >= 0);
    return p->nargs + 1;
}

/* Runs push in the coroutine. Its values stay there. */
static int push_values(struct task *t, struct pushing *p, struct err *e) {
    lua_State *co = t->co;
    lua_pushcfunction(co, call_push);
    lua_pushlightuserdata(co, p);
    int status = lua_pcall(co, 1, LUA_MULTRET, 0);
    if (status == LUA_OK) return 0;
    int code = status == LUA_ERRMEM ? -ENOMEM : -EINVAL;
    const char *text = lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1) : "no message";
    err_set(e, code, "%s", text);
    lua_settop(co, 0);
    return code;
}

static struct task *refuse(const struct vm *vm, const char *why, struct err *e) {
    stat_add(STAT_TASKS_REFUSED, 1);
    err_set(e, ERR_LIMIT, "%s %s", vm->options.name, why);
    return NULL;
}

static struct task *new_task(struct vm *vm, int (*push)(lua_State *co, void *arg), void *arg,
                             struct err *e) {
    int most = vm->options.max_tasks;
    if (most > 0 && vm->n_tasks >= most) return refuse(vm, "has too many tasks", e);
    struct list *node = list_pop(&vm->idle);
    struct task *t = node ? LIST_ENTRY(node, struct task, link) : make(vm, e);
    if (!t) return NULL;
    if (node) vm->n_idle--;
    reset(t);
    struct pushing p = {push, arg, 0};
    if (push_values(t, &p, e) < 0) {
        recycle(t, true);
        return NULL;
    }
    t->nargs = p.nargs;
    t->state = TASK_NEW;
    *coro_word(t->co) |= CORO_TASK;
    list_push(&vm->tasks, &t->link);
    vm->n_tasks++;
    stat_add(STAT_TASKS_OPEN, 1);
    return t;
}

struct task *task_new(struct vm *vm, int (*push)(lua_State *co, void *arg), void *arg,
                      struct err *e) {
    return vm->closing ? refuse(vm, "is going out of service", e) : new_task(vm, push, arg, e);
}

struct task *task_late(struct vm *vm, int (*push)(lua_State *co, void *arg), void *arg,
                       struct err *e) {
    return new_task(vm, push, arg, e);
}

/* ---- family ---------------------------------------------------------------------------------- */

struct task *task_child(struct task *parent, int (*push)(lua_State *co, void *arg), void *arg,
                        struct err *e) {
    struct task *child = new_task(parent->vm, push, arg, e);
    if (!child) return NULL;
    child->parent = parent;
    list_push(&parent->children, &child->sibling);
    child->request_id = parent->request_id;
    child->what = parent->what;
    child->kind = "child";
    child->context = parent->context;
    child->own = parent->own || parent->background;
    return child;
}

static void leave_parent(struct task *t) {
    list_unlink(&t->sibling);
    t->parent = NULL;
}

/* The next descendant of `root` after t, parents first; NULL after the last one. */
static struct task *next_descendant(const struct task *root, struct task *t) {
    if (!list_empty(&t->children)) return LIST_ENTRY(t->children.next, struct task, sibling);
    for (; t != root; t = t->parent)
        if (t->sibling.next != &t->parent->children)
            return LIST_ENTRY(t->sibling.next, struct task, sibling);
    return NULL;
}

/* What a task and its descendants show of an old parent's goes when that ends. */
static void show(struct task *root, struct str request_id, const char *what, void *context) {
    for (struct task *t = root; t; t = next_descendant(root, t)) {
        t->request_id = request_id;
        t->what = what;
        t->context = context;
    }
}

void task_pass_on(struct task *t) {
    struct task *to = t->parent;
    for (struct list *node; (node = list_pop(&t->children));) {
        struct task *child = LIST_ENTRY(node, struct task, sibling);
        show(child, to->request_id, to->what, to->context);
        child->parent = to;
        list_push(&to->children, node);
    }
}

int task_detach(struct task *child) {
    if (!child->parent) return 0;
    struct str id = arena_str(&child->arena, child->request_id);
    char *what = child->what ? arena_dup(&child->arena, str_of(child->what)) : NULL;
    if ((child->request_id.n && !id.p) || (child->what && !what)) return -ENOMEM;
    show(child, id, what, NULL);
    child->detached = true;
    child->background = child->background || child->own;
    leave_parent(child);
    return 0;
}

/* ---- running --------------------------------------------------------------------------------- */

struct task *task_running(lua_State *L) {
    return vm_of(L)->running;
}

void task_ready(struct task *t) {
    struct sched *s = sched_of(t->vm->worker);
    assert(t->state != TASK_FREE && t->state != TASK_DONE && t->state != TASK_RUNNING);
    t->state = TASK_READY;
    if (!list_empty(&t->ready)) return;
    list_push(&t->vm->ready, &t->ready);
    if (list_empty(&t->vm->turn)) list_push(&s->ready, &t->vm->turn);
    worker_turn_soon(s->worker);
}

void task_stop(lua_State *L, struct task *t) {
    struct vm *vm = t->vm;
    if (!t->overrun && lua_isyieldable(L) && vm->barrier == 0) {
        vm->host_yield = true;
        lua_yield(L, 0);
    }
    lua_pushstring(L, t->overrun ? WATCHDOG_MESSAGE : "this task was cancelled");
    lua_error(L);
    __builtin_unreachable();
}

static int yielded(lua_State *L, int status, lua_KContext context) {
    return 0;
}

int task_yield(lua_State *L) {
    struct vm *vm = vm_of(L);
    struct task *t = vm->running;
    if (!t || t->state != TASK_RUNNING) return 0;
    if (t->canceled || t->overrun) task_stop(L, t);
    if (!lua_isyieldable(L) || vm->barrier > 0) return 0;
    vm->host_yield = true;
    return lua_yieldk(L, 0, 0, yielded);
}

/* The task, or the ancestor whose time it has spent. */
static struct task *oldest_overrun(struct task *t) {
    struct task *oldest = t;
    for (; t; t = t->parent)
        if (t->overrun) oldest = t;
    return oldest;
}

/* The task has stopped running: where does it go? */
static void settle(struct task *t, int status, int nresults) {
    struct vm *vm = t->vm;
    bool host_yield = vm->host_yield;
    vm->host_yield = false;
    if (t->op && t->op->consumed) {
        struct op *op = t->op;
        t->op = NULL;
        op_release(op);
    }
    if (t->overrun) {
        end(oldest_overrun(t), TASK_OVERRUN, 0);
    } else if (t->canceled) {
        end(t, TASK_CANCELED, 0);
    } else if (status == LUA_OK) {
        end(t, TASK_RETURNED, nresults);
    } else if (status == LUA_ERRMEM) {
        end(t, TASK_NO_MEMORY, 0);
    } else if (status != LUA_YIELD) {
        end(t, TASK_FAILED, 1);
    } else {
        assert(host_yield);
        (void)host_yield;
        if (t->op && t->op->awaited)
            t->state = TASK_WAITING;
        else
            task_ready(t);
    }
}

/* One turn. The caller has set busy. */
static void run(struct task *t) {
    struct vm *vm = t->vm;
    int nargs = t->nargs, nresults = 0;
    t->nargs = 0;
    t->state = TASK_RUNNING;
    t->gave_way = 0;
    vm->running = t;
    vm->depth = vm->barrier = vm->closers = 0;
    watchdog_enter(vm->worker, t->co);
    int status = lua_resume(t->co, NULL, nargs, &nresults);
    bool charged = watchdog_leave(vm->worker, vm, t);
    vm->running = NULL;
    t->state = TASK_READY;
    t->killed = status > LUA_YIELD && watchdog_of(vm->worker)->killing;
    /* Who waits or gives way often is never met over the limit of a turn, but spends time, too. */
    if (charged && status == LUA_YIELD) watchdog_spent(t, 0);
    settle(t, status, nresults);
}

void task_start(struct task *t) {
    struct sched *s = sched_of(t->vm->worker);
    assert(t->state == TASK_NEW);
    stat_add(STAT_TASKS, 1);
    if (s->busy) {
        task_ready(t);
        return;
    }
    s->busy = true;
    run(t);
    s->busy = false;
}

/* States take turns, one task each, so that a service with thousands of busy tasks holds up its own
 * only. NULL: a state whose ready tasks have ended meanwhile. */
static struct task *next_ready(struct sched *s) {
    struct vm *vm = LIST_ENTRY(list_pop(&s->ready), struct vm, turn);
    struct list *node = list_pop(&vm->ready);
    if (!list_empty(&vm->ready)) list_push(&s->ready, &vm->turn);
    return node ? LIST_ENTRY(node, struct task, ready) : NULL;
}

static bool turn(struct worker_turn *turn) {
    struct sched *s = LIST_ENTRY(turn, struct sched, turn);
    if (s->busy || list_empty(&s->ready)) return false;
    uint64_t began = uv_hrtime();
    s->busy = true;
    for (int i = 0; i < TURN_TASKS && !list_empty(&s->ready); i++) {
        struct task *t = next_ready(s);
        if (!t) continue;
        if (t->canceled)
            end(t, TASK_CANCELED, 0);
        else
            run(t);
        if (uv_hrtime() - began > TURN_NS) break;
    }
    s->busy = false;
    return !list_empty(&s->ready);
}

/* ---- ending ---------------------------------------------------------------------------------- */

/* What scripts run when their tasks have ended, <close> variables and texts of errors, is part of
 * no turn: everybody on the worker waits for all of it, and thousands of tasks may end at once. So
 * a state has lua_turn_hard of that time, and gets a tenth of what passes back. One that used it up
 * goes without for a while. */
#define LATE_SHARE 10

bool task_has_time(struct vm *vm) {
    if (vm->late == 0) return true;
    uint64_t now = uv_hrtime(), back = (now - vm->late_at) / LATE_SHARE;
    vm->late = vm->late > back ? vm->late - back : 0;
    vm->late_at = now;
    return vm->late < conf.lua_turn_hard;
}

int task_run_late(struct vm *vm, lua_CFunction fn, void *arg, struct err *e) {
    uint64_t before = vm->cpu;
    int rc = vm_protect(vm, fn, arg, e);
    uint64_t spent = vm->cpu - before;
    if (spent == 0) return rc;
    bool had = task_has_time(vm);
    if (vm->late == 0) vm->late_at = uv_hrtime();
    vm->late += spent;
    if (had && vm->late >= conf.lua_turn_hard)
        log_warn("tasks compute for too long when they have ended; for some seconds <close> "
                 "variables of such tasks do not run",
                 LOGZ("service", vm->options.name));
    return rc;
}

static int collect(lua_State *L) {
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

struct closing {
    struct task *task;
    int status; /* of closing the coroutine */
};

static int close_coroutine(lua_State *L) {
    struct closing *c = lua_touserdata(L, 1);
    coro_close_nest(L, c->task);
    c->status = coro_reset(L, c->task->co);
    return 0;
}

static void report_closers(struct task *t, const char *text) {
    log_warn("error in a <close> variable of a task that ended",
             LOGZ("service", t->vm->options.name), LOGS("request_id", t->request_id),
             LOGZ("error", text));
}

/* Runs the <close> variables. False when the coroutine is not to be used again. The error of a
 * failed task stays on top, possibly replaced by the last one that a closer raised. */
static bool close_task(struct task *t) {
    struct closing c = {.task = t};
    struct err e = {0};
    lua_State *co = t->co;
    bool yielded = lua_status(co) == LUA_YIELD;
    int expected = yielded ? LUA_OK : lua_status(co);
    t->vm->running = t;
    int rc = task_run_late(t->vm, close_coroutine, &c, &e);
    t->vm->running = NULL;
    if (rc < 0) {
        report_closers(t, e.text);
    } else if (c.status != expected && t->end != TASK_FAILED && !t->overrun) {
        report_closers(t, lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1) : "no message");
    }
    if (t->end != TASK_FAILED)
        lua_settop(co, 0);
    else if (lua_gettop(co) == 0 && lua_checkstack(co, 1))
        lua_pushnil(co);
    /* One that waited may have been inside xpcall, and lua_resetthread of Lua 5.4.4 leaves the
     * message handler's place behind: the next life's errors would run whatever lies there then. */
    return rc == 0 && !yielded;
}

static void count_end(enum task_end how) {
    static const enum stat_id counters[] = {
        [TASK_RETURNED] = STAT_COUNT,          [TASK_FAILED] = STAT_TASKS_FAILED,
        [TASK_CANCELED] = STAT_TASKS_CANCELED, [TASK_NO_MEMORY] = STAT_TASKS_FAILED,
        [TASK_OVERRUN] = STAT_TASKS_OVERRUN,
    };
    if (counters[how] != STAT_COUNT) stat_add(counters[how], 1);
    stat_add(STAT_TASKS_OPEN, -1);
}

/* Before its children end. */
static void begin_end(struct task *t, enum task_end how) {
    t->end = how;
    list_unlink(&t->ready);
    task_keep_trace(t);
    t->state = TASK_DONE;
    op_detach(t);
}

static void mark_starved(struct task *t) {
    for (; t && !t->starved; t = t->parent)
        t->starved = true;
}

/* What is asked of a service at once is one task with those that belong to it. Of those that run
 * all the time it is each task that they begin: a beat of a ticker. */
static void tell_starved(const struct task *t) {
    bool whole = !t->parent || (t->parent->background && !t->parent->parent);
    if (!t->starved || !whole || !t->vm->starved) return;
    bool lost = t->background && !t->parent && t->end == TASK_NO_MEMORY;
    if (lost || !t->background) t->vm->starved(t->vm, lost);
}

/* After its children have ended. */
static void finish_end(struct task *t, int nresults) {
    struct vm *vm = t->vm;
    bool usable = t->end == TASK_RETURNED, killed = t->killed;
    assert(list_empty(&t->children));
    if (t->end == TASK_NO_MEMORY) mark_starved(t);
    tell_starved(t);
    if (!usable && !killed) {
        if (task_has_time(vm))
            usable = close_task(t);
        else
            coro_abandon(t);
    }
    assert(t->n_nest == 0 || !usable);
    if (t->ended) t->ended(t, t->end, nresults);
    leave_parent(t);
    list_unlink(&t->link);
    vm->n_tasks--;
    count_end(t->end);
    if (usable) lua_settop(t->co, 0);
    recycle(t, usable);
    /* What its <close> variables would have released, its finalizers release, and now. */
    if (killed) vm_protect(vm, collect, NULL, NULL);
}

/* What it left is likely to be much, and what is old waits long for its turn: the collector looks
 * for it when the memory has doubled. */
static void clear_up(struct vm *vm, enum task_end how) {
    bool excess = how == TASK_OVERRUN || how == TASK_NO_MEMORY;
    if (excess && vm->used > vm->options.memory / 8) vm_protect(vm, collect, NULL, NULL);
}

/* Ends a task and its descendants, the youngest first, without recursion. The caller has set busy.
 */
static void end(struct task *root, enum task_end how, int nresults) {
    struct vm *vm = root->vm;
    begin_end(root, how);
    for (struct task *t = root, *parent;; t = parent) {
        while (!list_empty(&t->children)) {
            t = LIST_ENTRY(t->children.next, struct task, sibling);
            begin_end(t, t->overrun ? TASK_OVERRUN : TASK_CANCELED);
        }
        parent = t->parent;
        bool last = t == root;
        finish_end(t, last ? nresults : 0);
        if (last) break;
    }
    clear_up(vm, how);
}

void task_cancel(struct task *t) {
    struct sched *s = sched_of(t->vm->worker);
    if (t->canceled || t->state == TASK_FREE || t->state == TASK_DONE) return;
    t->canceled = true;
    if (t->state == TASK_RUNNING) return;
    if (s->busy) {
        op_detach(t);
        task_ready(t);
        return;
    }
    s->busy = true;
    end(t, TASK_CANCELED, 0);
    s->busy = false;
}

/* The list is walked by moving it over: cancelling one task may end any other of them. */
void task_cancel_all(struct vm *vm, bool background_only) {
    topics_end(vm);
    struct list todo;
    list_init(&todo);
    for (struct list *node; (node = list_pop(&vm->tasks));)
        list_push(&todo, node);
    for (struct list *node; (node = list_pop(&todo));) {
        struct task *t = LIST_ENTRY(node, struct task, link);
        list_push(&vm->tasks, node);
        if (t->background || !background_only) task_cancel(t);
    }
}

static void deadline_passed(struct timer *timer) {
    struct task *t = LIST_ENTRY(timer, struct task, timer);
    if (t->canceled) return;
    t->timed_out = true;
    task_cancel(t);
}

int task_deadline(struct task *t, uint64_t ms) {
    struct worker *w = t->vm->worker;
    t->deadline = 0;
    timer_disarm(w, &t->timer);
    if (ms == 0) return 0;
    if (timer_arm(w, &t->timer, ms) < 0) return -ENOMEM;
    t->deadline = w->now_ms + ms;
    return 0;
}

uint64_t task_left(const struct task *t) {
    uint64_t left = UINT64_MAX;
    for (; t; t = t->parent) {
        uint64_t now = t->vm->worker->now_ms;
        uint64_t own = t->deadline > now ? t->deadline - now : 0;
        if (t->deadline && own < left) left = own;
    }
    return left;
}

/* ---- the worker ------------------------------------------------------------------------------ */

int task_open(struct worker *w) {
    struct sched *s = mem_zalloc(sizeof *s);
    if (!s) return -ENOMEM;
    s->worker = w;
    s->turn.run = turn;
    s->free_slot = SCHED_NO_SLOT;
    list_init(&s->ready);
    w->slot[WORKER_SCRIPT] = s;
    watchdog_open(&s->mark, w);
    worker_turn_add(w, &s->turn);
    return 0;
}

void task_close(struct worker *w) {
    struct sched *s = sched_of(w);
    if (!s) return;
    assert(s->n_tasks == 0 && list_empty(&s->ready) && !s->busy);
    worker_turn_remove(&s->turn);
    watchdog_close(&s->mark);
    mem_free(s->slots);
    mem_free(s);
    w->slot[WORKER_SCRIPT] = NULL;
}
