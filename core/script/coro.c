/*
 * coro: the library `coroutine` of our states. For a script it is Lua's own; but a script's
 * coroutine may wait for the host, like the task it runs in.
 *
 * A wait yields from the innermost coroutine. Each resume on the way out sees that the yield is the
 * host's (vm->host_yield) and yields too, after noting the coroutine in the task's `nest`, so that
 * the scheduler sees one plain wait. When it is over, the scheduler resumes the task's coroutine;
 * the continuations of these resumes take the notes back, outermost first, and go down again:
 *
 *     task --resume--> A --resume--> B: waits          nest = {B, A}
 *     task <--yield--- A <--yield--- B
 *
 * A script's own coroutine.yield never gets mixed up with that: it leaves host_yield alone, and is
 * refused in a task's outermost coroutine, which looks to scripts like the main one.
 *
 * Called by scripts, inside a task or vm_protect; coro_close_nest and coro_abandon by task.c.
 */
#include <assert.h>

#include "core/base/mem.h"
#include "core/script/sched.h"

/* Closing runs scripts on C stack that Lua does not count; one inside the other, this often. */
#define CLOSERS_MAX 8

static bool is(lua_State *co, uintptr_t mark) {
    return *coro_word(co) & mark;
}

static lua_State *check(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    if (!co) luaL_typeerror(L, 1, "coroutine");
    return co;
}

/* ---- closing --------------------------------------------------------------------------------- */

int coro_reset(lua_State *L, lua_State *co) {
    struct vm *vm = vm_of(L);
    if (vm->closers >= CLOSERS_MAX) luaL_error(L, "too many coroutines closed inside each other");
    vm->closers++;
    lua_State *before = watchdog_switch(vm->worker, co);
    int status = lua_resetthread(co);
    watchdog_switch(vm->worker, before);
    vm->closers--;
    return status;
}

/* Closes nest[0..n), the innermost coroutines, and forgets them. The result of the last one. */
static int close_inner(lua_State *L, struct task *t, int n) {
    int status = LUA_OK;
    for (int i = 0; i < n; i++) {
        *coro_word(t->nest[i]) &= ~(uintptr_t)CORO_WAITING;
        status = coro_reset(L, t->nest[i]);
    }
    t->n_nest -= n;
    for (int i = 0; i < t->n_nest; i++)
        t->nest[i] = t->nest[i + n];
    return status;
}

void coro_close_nest(lua_State *L, struct task *t) {
    close_inner(L, t, t->n_nest);
}

void coro_abandon(struct task *t) {
    for (int i = 0; i < t->n_nest; i++)
        *coro_word(t->nest[i]) = (*coro_word(t->nest[i]) & ~(uintptr_t)CORO_WAITING) | CORO_KILLED;
    t->n_nest = 0;
    t->killed = true;
}

/* A waiting coroutine of another task: what it waits for is cancelled, and its caller goes on as
 * soon as that task has its turn, with an error. */
static int close_waiting(lua_State *L, lua_State *co) {
    LIST_EACH(&vm_of(L)->tasks, it) {
        struct task *t = LIST_ENTRY(it, struct task, link);
        for (int i = 0; i < t->n_nest; i++) {
            if (t->nest[i] != co) continue;
            if (vm_of(L)->closers >= CLOSERS_MAX - 1)
                luaL_error(L, "too many coroutines closed inside each other");
            op_detach(t);
            task_ready(t);
            return close_inner(L, t, i + 1);
        }
    }
    assert(false); /* a waiting coroutine belongs to a task */
    return LUA_OK;
}

static int l_close(lua_State *L) {
    lua_State *co = check(L);
    lua_Debug at;
    if (is(co, CORO_KILLED)) {
        lua_pushboolean(L, false);
        lua_pushstring(L, WATCHDOG_MESSAGE);
        return 2;
    }
    bool active =
        co == L || is(co, CORO_TASK) || (lua_status(co) == LUA_OK && lua_getstack(co, 0, &at));
    if (active) return luaL_error(L, "cannot close a %s coroutine", co == L ? "running" : "normal");
    int status = is(co, CORO_WAITING) ? close_waiting(L, co) : coro_reset(L, co);
    lua_pushboolean(L, status == LUA_OK);
    if (status == LUA_OK) return 1;
    lua_xmove(co, L, 1);
    return 2;
}

/* ---- resuming -------------------------------------------------------------------------------- */

/* Makes sure that a wait can be noted: afterwards it would be too late to fail. */
static void reserve(lua_State *L, struct task *t, int depth) {
    if (depth <= t->nest_room) return;
    int room = t->nest_room ? 2 * t->nest_room : 4;
    lua_State **nest = mem_realloc(t->nest, (size_t)room * sizeof *nest);
    if (!nest) vm_throw_memory(L);
    t->nest = nest;
    t->nest_room = room;
}

/* Runs `co` until it ends, fails, or yields to its caller or the host. */
static int run(lua_State *L, lua_State *co, int nargs, int *nres) {
    struct vm *vm = vm_of(L);
    bool barrier = !lua_isyieldable(L);
    if (vm->running) reserve(L, vm->running, vm->depth + 1);
    vm->depth++;
    vm->barrier += barrier;
    lua_State *before = watchdog_switch(vm->worker, co);
    int status = lua_resume(co, L, nargs, nres);
    watchdog_switch(vm->worker, before);
    vm->barrier -= barrier;
    vm->depth--;
    if (status > LUA_YIELD && watchdog_of(vm->worker)->killing)
        *coro_word(co) |= CORO_KILLED;
    else if (status == LUA_ERRRUN && vm->running)
        fault_left(vm->running, co);
    return status;
}

/* Does the script's part of a resume: moves values or the error to L. Their number; -1 = an error,
 * on top. */
static int outcome(lua_State *L, lua_State *co, int status, int nres) {
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, nres + 1)) {
        lua_pop(co, nres);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, nres);
    return nres;
}

static int refused(lua_State *L, const char *why) {
    lua_pushstring(L, why);
    return -1;
}

/* Notes that `co` waits; the caller yields next. */
static void note(struct vm *vm, lua_State *co) {
    struct task *t = vm->running;
    assert(t && t->n_nest < t->nest_room);
    t->nest[t->n_nest++] = co;
    *coro_word(co) |= CORO_WAITING;
}

/* Takes the note back. False: somebody closed the coroutine meanwhile. */
static bool unnote(struct vm *vm, lua_State *co) {
    struct task *t = vm->running;
    if (!is(co, CORO_WAITING)) return false;
    assert(t->n_nest > 0 && t->nest[t->n_nest - 1] == co);
    t->n_nest--;
    *coro_word(co) &= ~(uintptr_t)CORO_WAITING;
    return true;
}

/* The nargs values on top of L go into `co` and it runs. As outcome(); or it does not return when
 * the host waits: then `k` is called with `co` as its context when the wait is over. */
static int resume(lua_State *L, lua_State *co, int nargs, lua_KFunction k) {
    int nres = 0;
    if (is(co, CORO_TASK | CORO_WAITING))
        return refused(L, "cannot resume non-suspended coroutine");
    if (is(co, CORO_KILLED)) return refused(L, "cannot resume dead coroutine");
    if (!lua_checkstack(co, nargs)) return refused(L, "too many arguments to resume");
    lua_xmove(L, co, nargs);
    int status = run(L, co, nargs, &nres);
    if (status == LUA_YIELD && vm_of(L)->host_yield) {
        note(vm_of(L), co);
        lua_yieldk(L, 0, (lua_KContext)co, k);
    }
    return outcome(L, co, status, nres);
}

/* The wait is over. */
static int resume_on(lua_State *L, lua_State *co, lua_KFunction k) {
    int nres = 0;
    if (!unnote(vm_of(L), co)) return refused(L, "coroutine was closed while it waited");
    int status = run(L, co, 0, &nres);
    if (status == LUA_YIELD && vm_of(L)->host_yield) {
        note(vm_of(L), co);
        lua_yieldk(L, 0, (lua_KContext)co, k);
    }
    return outcome(L, co, status, nres);
}

static int resumed(lua_State *L, int n) {
    lua_pushboolean(L, n >= 0);
    lua_insert(L, n >= 0 ? -(n + 1) : -2);
    return n >= 0 ? n + 1 : 2;
}

static int resume_continued(lua_State *L, int status, lua_KContext context) {
    return resumed(L, resume_on(L, (lua_State *)context, resume_continued));
}

static int l_resume(lua_State *L) {
    lua_State *co = check(L);
    return resumed(L, resume(L, co, lua_gettop(L) - 1, resume_continued));
}

/* As Lua's auxwrap: an error closes the coroutine and goes on, with the caller's position. */
static int wrapped(lua_State *L, lua_State *co, int n) {
    if (n >= 0) return n;
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD &&
        !is(co, CORO_TASK | CORO_WAITING | CORO_KILLED)) {
        /* A copy of the error is still there: closers see it, and may replace it. */
        status = coro_reset(L, co);
        lua_xmove(co, L, 1);
        lua_replace(L, -2);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int wrap_continued(lua_State *L, int status, lua_KContext context) {
    lua_State *co = (lua_State *)context;
    return wrapped(L, co, resume_on(L, co, wrap_continued));
}

static int call_wrapped(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    return wrapped(L, co, resume(L, co, lua_gettop(L), wrap_continued));
}

/* ---- the rest -------------------------------------------------------------------------------- */

static int l_create(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

static int l_wrap(lua_State *L) {
    l_create(L);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

static int l_yield(lua_State *L) {
    if (is(L, CORO_TASK)) return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static const char *status_of(lua_State *L, lua_State *co) {
    lua_Debug at;
    if (co == L) return "running";
    if (is(co, CORO_TASK | CORO_WAITING)) return "normal";
    if (is(co, CORO_KILLED)) return "dead";
    switch (lua_status(co)) {
    case LUA_YIELD:
        return "suspended";
    case LUA_OK:
        if (lua_getstack(co, 0, &at)) return "normal";
        return lua_gettop(co) == 0 ? "dead" : "suspended";
    default:
        return "dead";
    }
}

static int l_status(lua_State *L) {
    lua_pushstring(L, status_of(L, check(L)));
    return 1;
}

/* A task's coroutine that a script has seen is not used for another task: it may be a key of some
 * table, and must be dead when the task is. */
static int l_running(lua_State *L) {
    bool main = lua_pushthread(L);
    if (is(L, CORO_TASK)) {
        task_running(L)->exposed = true;
        main = true;
    }
    lua_pushboolean(L, main);
    return 2;
}

static int l_isyieldable(lua_State *L) {
    lua_State *co = lua_isnone(L, 1) ? L : check(L);
    lua_pushboolean(L, !is(co, CORO_TASK) && lua_isyieldable(co));
    return 1;
}

int coro_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"close", l_close},   {"create", l_create},   {"isyieldable", l_isyieldable},
        {"resume", l_resume}, {"running", l_running}, {"status", l_status},
        {"wrap", l_wrap},     {"yield", l_yield},     {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}
