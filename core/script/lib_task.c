/*
 * lib_task: `require "task"`: several things at once, and an end to each. Called by scripts inside
 * tasks.
 *
 * A task that a script starts is a child: it ends when its parent does, unless it was detached. The
 * functions that wait for children (all, race, timeout) go on only when every child of theirs is
 * over, so nothing of them runs or closes later.
 */
#include <assert.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/script/lib.h"
#include "core/script/sched.h"
#include "core/script/task.h"
#include "core/script/tasks.h"
#include "core/script/watchdog.h"

#define HANDLE      "host.task"
#define GROUP_MAX   10000
#define TIMEOUT_MAX (366.0 * 86400)

/* ---- starting children ----------------------------------------------------------------------- */

/* The parent, when it may have children now. */
static struct task *parent_of(lua_State *L, const char *what) {
    struct task *t = task_running(L);
    vm_live(L, what);
    if (!t || t->state != TASK_RUNNING) luaL_error(L, "%s: only a task may start others", what);
    return t;
}

struct push_args {
    lua_State *from; /* the function and its arguments are on top */
    int n;           /* values */
};

/* What throws may only touch `co`: it alone is protected here. */
static int push_args(lua_State *co, void *arg) {
    struct push_args *a = arg;
    luaL_checkstack(co, a->n, "too many arguments");
    lua_xmove(a->from, co, a->n);
    return a->n - 1;
}

/* A child that runs the n values on top of L, which are taken off. Not started. */
static struct task *child_new(lua_State *L, struct task *parent, int n, struct err *e) {
    struct push_args args = {L, n};
    int left = lua_gettop(L) - n;
    struct task *t = task_child(parent, push_args, &args, e);
    lua_settop(L, left);
    return t;
}

static int refused(lua_State *L, const struct err *e) {
    if (e->code == -ENOMEM) vm_throw_memory(L);
    return op_fail(L, e->code, e->text);
}

/* ---- results --------------------------------------------------------------------------------- */

/* What a child left: kept in a table of the registry until somebody takes it. */
struct outcome {
    enum task_end end;
    int ref; /* RETURNED: table of the values; FAILED: the error, in a table; else LUA_NOREF */
    int n;   /* values */
};

struct keeping {
    struct outcome *o;
    lua_State *co;
    int n; /* values on top of co */
};

/* [protected] */
static int keep_values(lua_State *L) {
    struct keeping *k = lua_touserdata(L, 1);
    luaL_checkstack(L, k->n + 2, "too many results");
    lua_createtable(L, k->n, 0);
    lua_xmove(k->co, L, k->n);
    for (int i = k->n; i > 0; i--)
        lua_rawseti(L, 2, i);
    k->o->ref = ref_take(L);
    k->o->n = k->n;
    return 0;
}

/* From `ended`. Without memory for the results it is as if the child had had none. */
static void keep(struct outcome *o, struct task *t, enum task_end end, int nresults) {
    *o = (struct outcome){end, LUA_NOREF, 0};
    if (end != TASK_RETURNED && end != TASK_FAILED) return;
    struct keeping k = {o, t->co, end == TASK_FAILED ? 1 : nresults};
    if (vm_protect(t->vm, keep_values, &k, NULL) < 0) o->end = TASK_NO_MEMORY;
}

static void outcome_drop(struct vm *vm, struct outcome *o) {
    ref_drop(vm, o->ref);
    o->ref = LUA_NOREF;
}

/* Pushes the values, or raises what the child raised. */
static int outcome_take(lua_State *L, const struct outcome *o) {
    switch (o->end) {
    case TASK_RETURNED:
        luaL_checkstack(L, o->n + 1, "too many results");
        ref_push(L, vm_of(L), o->ref);
        for (int i = 1; i <= o->n; i++)
            lua_rawgeti(L, -i, i);
        return o->n;
    case TASK_FAILED:
        ref_push(L, vm_of(L), o->ref);
        lua_rawgeti(L, -1, 1);
        return lua_error(L);
    case TASK_CANCELED:
        return op_fail(L, ERR_CANCELED, "the task was cancelled");
    case TASK_OVERRUN:
        return luaL_error(L, "%s", WATCHDOG_MESSAGE);
    case TASK_NO_MEMORY:
        break;
    }
    vm_throw_memory(L);
}

/* ---- all, race, timeout, bounded
 * ---------------------------------------------------------------------- */

enum group_mode { GROUP_ALL, GROUP_RACE, GROUP_TIMEOUT, GROUP_BOUNDED };

struct member {
    struct group *group;
    struct task *task; /* NULL when it is over */
};

struct group {
    struct op op;
    enum group_mode mode;
    int n, live;            /* children, and how many are not over */
    bool decided;           /* the outcome is known: it only waits for the others to end */
    bool timed_out;         /* GROUP_TIMEOUT, GROUP_BOUNDED */
    struct timer timer;     /* of these two */
    struct buf why, trace;  /* GROUP_BOUNDED: of a failure, its text alone and with traceback */
    struct outcome outcome; /* of the child that decided; ALL: of all, in order */
    struct member *members;
};

static void cancel_members(struct group *g) {
    for (int i = 0; i < g->n; i++)
        if (g->members[i].task) task_cancel(g->members[i].task);
}

static void decide(struct group *g) {
    g->decided = true;
    cancel_members(g);
}

struct storing {
    struct group *group;
    lua_State *co;
    int index, nresults;
};

/* [protected] The first value of one child into the table of all. */
static int store_first(lua_State *L) {
    struct storing *s = lua_touserdata(L, 1);
    struct outcome *o = &s->group->outcome;
    if (o->ref == LUA_NOREF) {
        lua_createtable(L, s->group->n, 0);
        o->ref = ref_take(L);
    }
    ref_push(L, vm_of(L), o->ref);
    lua_settop(s->co, lua_gettop(s->co) - s->nresults + 1);
    lua_xmove(s->co, L, 1);
    lua_rawseti(L, -2, s->index + 1);
    return 0;
}

static void all_returned(struct group *g, struct task *t, int index, int nresults) {
    struct storing s = {g, t->co, index, nresults};
    g->outcome.n = g->n;
    if (nresults == 0 || vm_protect(t->vm, store_first, &s, NULL) == 0) return;
    outcome_drop(t->vm, &g->outcome);
    g->outcome.end = TASK_NO_MEMORY;
    decide(g);
}

static void member_ended(struct task *t, enum task_end end, int nresults) {
    struct member *m = t->data;
    if (!m) return; /* nobody waits any more */
    struct group *g = m->group;
    m->task = NULL;
    g->live--;
    if (end == TASK_FAILED && !g->decided) fault_passed(g->op.task, t);
    if (!g->decided && g->mode == GROUP_ALL && end == TASK_RETURNED) {
        all_returned(g, t, (int)(m - g->members), nresults);
    } else if (!g->decided) {
        outcome_drop(t->vm, &g->outcome);
        if (g->mode == GROUP_BOUNDED) task_error(t, &g->trace, &g->why); /* before it is taken */
        keep(&g->outcome, t, end, nresults);
        decide(g);
    }
    if (g->live == 0) op_finish(&g->op);
}

#define TOO_LONG "it took too long"

static void time_is_up(struct timer *timer) {
    struct group *g = LIST_ENTRY(timer, struct group, timer);
    if (g->decided) return;
    g->timed_out = true;
    if (g->mode == GROUP_BOUNDED && g->members[0].task) {
        buf_str(&g->trace, STR(TOO_LONG "\n"));
        task_trace(g->members[0].task, &g->trace);
    }
    decide(g);
}

/* true and the results, or false, message, traceback, code. */
static int bounded_done(lua_State *L, struct group *g) {
    static const char *const codes[] = {
        [TASK_FAILED] = "error",
        [TASK_CANCELED] = "canceled",
        [TASK_NO_MEMORY] = "memory",
        [TASK_OVERRUN] = "overrun",
    };
    enum task_end end = g->timed_out ? TASK_CANCELED : g->outcome.end;
    if (end == TASK_RETURNED) {
        int n = outcome_take(L, &g->outcome);
        lua_pushboolean(L, 1);
        lua_insert(L, -n - 1);
        return n + 1;
    }
    struct str why = g->timed_out ? STR(TOO_LONG) : buf_view(&g->why);
    struct str trace = g->trace.n ? buf_view(&g->trace) : why;
    lua_pushboolean(L, 0);
    lua_pushlstring(L, why.n ? why.p : "", why.n);
    lua_pushlstring(L, trace.n ? trace.p : "", trace.n);
    lua_pushstring(L, g->timed_out ? "timeout" : codes[end]);
    return 4;
}

static int group_done(lua_State *L, struct op *op) {
    struct group *g = (struct group *)op;
    if (g->mode == GROUP_BOUNDED) return bounded_done(L, g);
    if (g->timed_out) return op_fail(L, ERR_TIMEOUT, "timed out");
    if (g->mode == GROUP_ALL && g->outcome.end == TASK_CANCELED)
        return luaL_error(L, "a task that was waited for was cancelled");
    if (g->mode == GROUP_ALL && g->outcome.end == TASK_RETURNED && g->outcome.ref == LUA_NOREF) {
        lua_settop(L, 0);
        luaL_checkstack(L, g->n, "too many results");
        lua_settop(L, g->n);
        return g->n;
    }
    return outcome_take(L, &g->outcome);
}

/* The one who waited is gone: the children go too, and tell nobody. */
static bool group_cancel(struct op *op) {
    struct group *g = (struct group *)op;
    for (int i = 0; i < g->n; i++)
        if (g->members[i].task) g->members[i].task->data = NULL;
    cancel_members(g);
    return true;
}

static void group_drop(struct op *op) {
    struct group *g = (struct group *)op;
    timer_remove(op->vm->worker, &g->timer);
    outcome_drop(op->vm, &g->outcome);
    buf_free(&g->why);
    buf_free(&g->trace);
    mem_free(g->members);
}

static void group_tell(const struct op *op, struct buf *out) {
    const struct group *g = (const struct group *)op;
    buf_printf(out, "%s: %d of %d not over", op->kind->name, g->live, g->n);
}

#define GROUP_KIND(mode, text) \
    [mode] = {text, sizeof(struct group), group_done, group_cancel, group_drop, group_tell}
static const struct op_kind group_kinds[] = {
    GROUP_KIND(GROUP_ALL, "task.all"),
    GROUP_KIND(GROUP_RACE, "task.race"),
    GROUP_KIND(GROUP_TIMEOUT, "task.timeout"),
    GROUP_KIND(GROUP_BOUNDED, "task.bounded"),
};

/* Room for n children. The caller may not throw from here on. */
static struct group *group_new(lua_State *L, enum group_mode mode, int n) {
    struct group *g = op_new(L, &group_kinds[mode]);
    g->mode = mode;
    g->n = n;
    g->outcome.ref = LUA_NOREF;
    timer_init(&g->timer, time_is_up);
    buf_init(&g->why);
    buf_init(&g->trace);
    g->members = mem_zalloc((size_t)n * sizeof *g->members);
    return g;
}

/* Adds the child that runs the `values` values on top of L. */
static int group_add(lua_State *L, struct group *g, int index, int values, struct err *e) {
    if (!g->members) return err_set(e, -ENOMEM, "out of memory for tasks");
    struct member *m = &g->members[index];
    m->group = g;
    m->task = child_new(L, g->op.task, values, e);
    if (!m->task) return e->code;
    m->task->data = m;
    m->task->ended = member_ended;
    g->live++;
    return 0;
}

/* Starting failed half-way: those that are there end without having run. */
static int group_fail(lua_State *L, struct group *g, const struct err *e) {
    for (int i = 0; g->members && i < g->n; i++) {
        struct task *t = g->members[i].task;
        if (!t) continue;
        t->data = NULL;
        task_cancel(t);
    }
    op_discard(&g->op);
    return refused(L, e);
}

static int group_wait(lua_State *L, struct group *g) {
    for (int i = 0; i < g->n; i++)
        task_start(g->members[i].task);
    return op_await(L, &g->op);
}

/* The functions of the table at 1 as children. */
static int group_of_table(lua_State *L, enum group_mode mode) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    struct err e = {0};
    luaL_argcheck(L, n <= GROUP_MAX, 1, "too many functions");
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, 1, i) != LUA_TFUNCTION) luaL_argerror(L, 1, "functions expected");
        lua_pop(L, 1);
    }
    parent_of(L, group_kinds[mode].name);
    if (n == 0) return 0;
    struct group *g = group_new(L, mode, (int)n);
    for (int i = 0; i < g->n; i++) {
        lua_rawgeti(L, 1, i + 1);
        if (group_add(L, g, i, 1, &e) < 0) return group_fail(L, g, &e);
    }
    return group_wait(L, g);
}

static int l_all(lua_State *L) {
    return group_of_table(L, GROUP_ALL);
}

static int l_race(lua_State *L) {
    return group_of_table(L, GROUP_RACE);
}

static int l_timeout(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= TIMEOUT_MAX, 1, "must be between 0 and a year");
    luaL_checktype(L, 2, LUA_TFUNCTION);
    parent_of(L, "task.timeout");
    struct err e = {0};
    struct group *g = group_new(L, GROUP_TIMEOUT, 1);
    if (group_add(L, g, 0, lua_gettop(L) - 1, &e) < 0) return group_fail(L, g, &e);
    if (op_timer(&g->op, &g->timer, seconds) < 0) {
        err_set(&e, -ENOMEM, "out of memory for a timer");
        return group_fail(L, g, &e);
    }
    return group_wait(L, g);
}

static lua_Number check_seconds(lua_State *L, int index, lua_Number least) {
    lua_Number seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds >= least && seconds <= TIMEOUT_MAX, index,
                  "must be seconds, up to a year");
    return seconds;
}

/* task.bounded(cpu, seconds, f, ...): pcall in a task with limits of its own. */
static int l_bounded(lua_State *L) {
    uint64_t cpu = (uint64_t)(check_seconds(L, 1, 1e-3) * 1e9);
    lua_Number seconds = check_seconds(L, 2, 1e-3);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    parent_of(L, "task.bounded");
    struct err e = {0};
    struct group *g = group_new(L, GROUP_BOUNDED, 1);
    if (group_add(L, g, 0, lua_gettop(L) - 2, &e) < 0) return group_fail(L, g, &e);
    g->members[0].task->cpu_most = cpu;
    if (op_timer(&g->op, &g->timer, seconds) < 0) {
        err_set(&e, -ENOMEM, "out of memory for a timer");
        return group_fail(L, g, &e);
    }
    return group_wait(L, g);
}

/* ---- spawn ----------------------------------------------------------------------------------- */

/* What a spawned task and its handle share. */
struct child {
    struct vm *vm;
    struct task *task; /* NULL when it is over */
    bool handle;       /* a script can still ask for the outcome */
    bool closed;       /* the handle's scope was left: nobody asks any more */
    bool taken;        /* somebody has seen the outcome */
    struct outcome outcome;
    struct list joins; /* struct join.link: who waits */
    struct buf error;  /* text and traceback of a failure, for the log if nobody asks */
};

struct join {
    struct op op;
    struct list link;
    struct child *child;
};

/* Forgotten by both: a failure that nobody has seen is told to the log. */
static void child_release(struct child *c) {
    if (c->task || c->handle) return;
    if (!c->taken && c->error.n)
        log_error("a spawned task failed", LOGZ("service", c->vm->options.name),
                  LOGS("traceback", buf_view(&c->error)));
    outcome_drop(c->vm, &c->outcome);
    buf_free(&c->error);
    mem_free(c);
}

static void child_ended(struct task *t, enum task_end end, int nresults) {
    struct child *c = t->data;
    if (end != TASK_RETURNED && end != TASK_CANCELED) task_error(t, &c->error, NULL);
    if (c->closed && list_empty(&c->joins))
        c->outcome.end = TASK_CANCELED;
    else
        keep(&c->outcome, t, end, nresults);
    c->task = NULL;
    for (struct list *node; (node = list_pop(&c->joins));) {
        struct op *op = &LIST_ENTRY(node, struct join, link)->op;
        if (end == TASK_FAILED && op->task) fault_passed(op->task, t);
        op_finish(op);
    }
    child_release(c);
}

static int join_done(lua_State *L, struct op *op) {
    struct child *c = ((struct join *)op)->child;
    c->taken = true;
    return outcome_take(L, &c->outcome);
}

static bool join_cancel(struct op *op) {
    return true;
}

static void join_drop(struct op *op) {
    list_unlink(&((struct join *)op)->link);
}

static void join_tell(const struct op *op, struct buf *out) {
    const struct task *t = ((const struct join *)op)->child->task;
    buf_str(out, STR("join"));
    if (t) tasks_id(t, out, " ");
}

static const struct op_kind join_kind = {
    .name = "task.join",
    .size = sizeof(struct join),
    .done = join_done,
    .cancel = join_cancel,
    .drop = join_drop,
    .tell = join_tell,
};

static struct child *check_child(lua_State *L) {
    return *(struct child **)luaL_checkudata(L, 1, HANDLE);
}

static int l_spawn(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    struct task *parent = parent_of(L, "task.spawn");
    struct err e = {0};
    struct child **handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = NULL;
    luaL_setmetatable(L, HANDLE);
    lua_insert(L, 1);
    struct child *c = mem_zalloc(sizeof *c);
    if (!c) vm_throw_memory(L);
    c->task = child_new(L, parent, lua_gettop(L) - 1, &e);
    if (!c->task) {
        mem_free(c);
        return refused(L, &e);
    }
    c->vm = parent->vm;
    c->handle = true;
    c->outcome.ref = LUA_NOREF;
    list_init(&c->joins);
    buf_init(&c->error);
    c->task->data = c;
    c->task->ended = child_ended;
    *handle = c;
    task_start(c->task);
    return 1;
}

static int handle_join(lua_State *L) {
    struct child *c = check_child(L);
    for (struct task *t = task_running(L); t; t = t->parent)
        if (t == c->task) return luaL_error(L, "a task cannot join itself or what it runs in");
    if (!c->task) {
        c->taken = true;
        return outcome_take(L, &c->outcome);
    }
    /* The handle stays on this stack: it outlives the wait. */
    lua_settop(L, 1);
    struct join *j = op_new(L, &join_kind);
    j->child = c;
    list_push(&c->joins, &j->link);
    return op_await(L, &j->op);
}

static int handle_cancel(lua_State *L) {
    struct child *c = check_child(L);
    c->taken = true;
    if (c->task) task_cancel(c->task);
    return 0;
}

/* At the end of its scope nobody is interested in the outcome any more: it must not wait for the
 * collector to find the handle. */
static int handle_close(lua_State *L) {
    struct child *c = check_child(L);
    handle_cancel(L);
    c->closed = true;
    if (c->task) return 0;
    outcome_drop(c->vm, &c->outcome);
    c->outcome.end = TASK_CANCELED;
    return 0;
}

static int handle_detach(lua_State *L) {
    struct child *c = check_child(L);
    if (c->task && task_detach(c->task) < 0) vm_throw_memory(L);
    lua_settop(L, 1);
    return 1;
}

static int handle_running(lua_State *L) {
    lua_pushboolean(L, check_child(L)->task != NULL);
    return 1;
}

static int handle_gc(lua_State *L) {
    struct child **handle = luaL_checkudata(L, 1, HANDLE);
    struct child *c = *handle;
    if (!c) return 0;
    *handle = NULL;
    c->handle = false;
    child_release(c);
    return 0;
}

static int l_yield(lua_State *L) {
    return task_yield(L);
}

/* task.background(f, ...): [platform runtime] a detached task that ends at once when its generation
 * goes out of service, as tickers do. */
static int l_background(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    struct err e = {0};
    struct task *parent = parent_of(L, "task.background");
    if (parent->vm->closing) return op_fail(L, ERR_LIMIT, "the service is going out of service");
    struct task *t = child_new(L, parent, lua_gettop(L), &e);
    if (!t) return refused(L, &e);
    t->background = true;
    t->kind = "background";
    if (task_detach(t) < 0) {
        task_cancel(t);
        vm_throw_memory(L);
    }
    task_start(t);
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- the module ------------------------------------------------------------------------------ */

const struct lib_doc lib_task_docs[] = {
    {"spawn", l_spawn, "fun(f: (fun(...: any): any), ...: any): Task?, string?, string?",
     "Runs f(...) beside the caller, as a child that ends with it. nil, message, \"limit\" when "
     "the service has too many tasks."},
    {"detach", handle_detach, "fun(task: Task): Task",
     "Lets a spawned task go on when its parent ends."},
    {"all", l_all, "fun(functions: (fun(): any)[]): any ...",
     "Runs all functions side by side and returns the first result of each, in order. When one "
     "raises, the others are cancelled and the error is raised again once they have ended."},
    {"race", l_race, "fun(functions: (fun(): any)[]): any ...",
     "Runs all functions side by side. The first that ends decides: its results are returned or "
     "its error is raised, once the others, cancelled, have ended."},
    {"timeout", l_timeout, "fun(seconds: number, f: (fun(...: any): any), ...: any): any ...",
     "The results of f(...), or nil, \"timed out\", \"timeout\" when it took longer and was "
     "cancelled. What f raises is raised again."},
    {"bounded", l_bounded,
     "fun(cpu: number, seconds: number, f: (fun(...: any): any), ...: any): boolean, any ...",
     "pcall with limits: true and the results of f(...), which may use `cpu` seconds of processor "
     "time and take `seconds`; or false, message, traceback and \"error\", \"overrun\", "
     "\"timeout\", \"memory\" or \"canceled\". nil, message, \"limit\" when the service has too "
     "many tasks."},
    {"background", l_background, "fun(f: fun(...: any), ...: any): true",
     "Runs f(...) by itself until this generation of the service goes out of service; then it is "
     "cancelled at once. Tickers run like that."},
    {"sleep", lib_sleep, "fun(seconds: number): true", "time.sleep."},
    {"yield", l_yield, "fun()", "Lets other tasks of the worker run."},
    {"Task", NULL, "class", "What task.spawn gives: a task that runs beside the caller."},
    {"Task:join", handle_join, "fun(self: Task): any ...",
     "Waits for the task's end: its results, or its error raised again; nil, message, "
     "\"canceled\" when it was cancelled."},
    {"Task:cancel", handle_cancel, "fun(self: Task)",
     "Ends the task; its <close> variables run. A task in a <close> variable ends with its scope, "
     "and what it returned is gone with it."},
    {"Task:detach", handle_detach, "fun(self: Task): Task", "task.detach."},
    {"Task:running", handle_running, "fun(self: Task): boolean", "Whether it is not over yet."},
    {NULL, NULL, NULL, NULL},
};

int lib_task(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", handle_gc}, {"__close", handle_close}, {NULL, NULL}};
    lib_class(L, HANDLE, lib_task_docs, meta);
    lib_functions(L, lib_task_docs);
    return 1;
}
