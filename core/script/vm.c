/*
 * vm: makes and frees a state, counts its memory, and is the door for C code that runs outside a
 * task (vm_protect). Called by whoever owns a service's state and by the rest of this layer, always
 * on the state's worker. What scripts may see is sandbox.c's business, tasks are task.c's.
 *
 * Out of memory is an ordinary error in here: every call that may allocate runs under lua_pcall or
 * lua_resume. The few calls outside of both (starting and ending a coroutine) allocate nothing; the
 * short messages that Lua makes on those paths are kept alive from the start (see PINNED), so that
 * making them again finds them instead of allocating.
 */
#include "core/script/vm.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/embed.h"
#include "core/script/lib.h"
#include "core/script/require.h"
#include "core/script/sandbox.h"
#include "core/script/sched.h"

/* The state's bytes are told to the statistics in steps of this. */
#define REPORT_STEP ((ptrdiff_t)16 * 1024)

static const char *const PINNED[] = {
    "C stack overflow",
    "cannot resume dead coroutine",
    "cannot resume non-suspended coroutine",
    "error in error handling",
    WATCHDOG_MESSAGE,
};

/* ---- memory ---------------------------------------------------------------------------------- */

/* Lua calls finalizers with its collector stopped. Those of ours release what is outside the state,
 * and Lua gives up on one that fails: what little they need is never refused. */
static bool in_finalizer(const struct vm *vm) {
    return vm->L && lua_gc(vm->L, LUA_GCISRUNNING) == -1;
}

static bool refuse(struct vm *vm, size_t size, size_t growth) {
    if (size > VM_BIG) vm->big++;
    if (vm->starve > 0) {
        vm->starve--;
        return true;
    }
    size_t cap = vm->options.memory;
    if (cap && (growth > cap || vm->used > cap - growth) && !in_finalizer(vm)) {
        vm->out_of_memory++;
        stat_add(STAT_STATE_OUT_OF_MEMORY, 1);
        return true;
    }
    return mem_fail_now() && !in_finalizer(vm);
}

static void report(struct vm *vm, ptrdiff_t step) {
    ptrdiff_t change = (ptrdiff_t)(vm->used - vm->reported);
    if (change < step && change > -step) return;
    stat_add(STAT_STATE_BYTES, change);
    vm->reported = vm->used;
}

/* lua_Alloc. `old` is a type tag, not a size, when there is no block yet. Growth may be refused;
 * a block that shrinks or goes must not fail. */
static void *allocate(void *ud, void *block, size_t old, size_t size) {
    struct vm *vm = ud;
    if (!block) old = 0;
    if (size == 0) {
        free(block);
    } else {
        if (size > old && refuse(vm, size, size - old)) return NULL;
        void *moved = realloc(block, size);
        if (!moved && size > old) return NULL;
        if (moved) block = moved;
    }
    vm->used = vm->used - old + size;
    report(vm, REPORT_STEP);
    return size ? block : NULL;
}

bool vm_hold(struct vm *vm, size_t bytes) {
    size_t most = vm->options.memory;
    if (most > 0 && (bytes > most || vm->held > most - bytes)) return false;
    vm->held += bytes;
    return true;
}

void vm_release(struct vm *vm, size_t bytes) {
    assert(vm->held >= bytes);
    vm->held -= bytes;
}

void vm_throw_memory(lua_State *L) {
    /* The first try, and the second one after Lua's emergency collection. */
    vm_of(L)->starve = 2;
    lua_newuserdatauv(L, 1, 0);
    abort();
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Nothing can be saved here: Lua aborts the process when this returns. */
static int panic(lua_State *L) {
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "no message";
    log_error("Lua error outside of protection", LOGZ("service", vm_of(L)->options.name),
              LOGZ("error", text));
    log_stop();
    return 0;
}

/* What Lua, or a script through `warn`, warns of. The pieces of one warning come one by one; "@on"
 * and the like are for the interpreter's own printing. */
static void warned(void *ud, const char *text, int more) {
    struct vm *vm = ud;
    if (!more && !vm->warning.n && *text == '@') return;
    buf_str(&vm->warning, str_of(text));
    if (more) return;
    buf_char(&vm->warning, 0);
    if (buf_ok(&vm->warning)) log_warn(vm->warning.p, LOGZ("service", vm->options.name));
    buf_clear(&vm->warning);
}

static int open_all(lua_State *L) {
    struct vm *vm = vm_of(L);
    lua_createtable(L, (int)(sizeof PINNED / sizeof *PINNED), 0);
    for (size_t i = 0; i < sizeof PINNED / sizeof *PINNED; i++) {
        lua_pushstring(L, PINNED[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, PINNED);
    lua_setwarnf(L, warned, vm);
    sandbox_open(L, vm);
    require_open(L);
    lua_gc(L, LUA_GCGEN, 0, 0);
    return 0;
}

/* What is there before the state is: NULL when there is no memory. */
static struct vm *make(struct worker *w, const struct vm_options *o) {
    struct vm *vm = mem_zalloc(sizeof *vm);
    char *name = mem_dup(str_of(o->name ? o->name : "?"));
    if (!vm || !name) {
        mem_free(vm);
        mem_free(name);
        return NULL;
    }
    vm->worker = w;
    vm->options = *o;
    vm->options.name = name;
    vm->loading = o->load_phase;
    list_init(&vm->tasks);
    list_init(&vm->ready);
    list_init(&vm->turn);
    list_init(&vm->idle);
    buf_init(&vm->warning);
    return vm;
}

static void unmake(struct vm *vm) {
    if (vm->L) lua_close(vm->L);
    assert(vm->used == 0);
    stat_add(STAT_REFS_OPEN, -vm->n_refs); /* what still held a value held it in this state */
    report(vm, 1);
    buf_free(&vm->warning);
    mem_free((char *)vm->options.name);
    mem_free(vm);
}

struct vm *vm_new(struct worker *w, const struct vm_options *o, struct err *e) {
    assert(sched_of(w));
    struct vm *vm = make(w, o);
    if (vm) vm->L = lua_newstate(allocate, vm);
    if (!vm || !vm->L) {
        if (vm) unmake(vm);
        err_set(e, -ENOMEM, "out of memory for a Lua state");
        return NULL;
    }
    assert(((uintptr_t)vm & (CORO_TASK | CORO_WAITING | CORO_KILLED)) == 0);
    *coro_word(vm->L) = (uintptr_t)vm;
    lua_atpanic(vm->L, panic);
    if (vm_protect(vm, open_all, NULL, e) < 0) {
        unmake(vm);
        return NULL;
    }
    stat_add(STAT_STATES_OPEN, 1);
    return vm;
}

void vm_free(struct vm *vm) {
    assert(vm->n_tasks == 0 && vm->n_ops == 0 && !vm->running);
    vm->closing = true;
    task_drop_idle(vm);
    list_unlink(&vm->turn);
    unmake(vm);
    stat_add(STAT_STATES_OPEN, -1);
}

void vm_live(lua_State *L, const char *what) {
    if (vm_of(L)->loading) lib_error(L, "%s: not while a service is loading", what);
}

void vm_freeze(lua_State *L) {
    vm_of(L)->loading = false;
    sandbox_freeze(L);
}

/* ---- running C code -------------------------------------------------------------------------- */

struct text_of {
    struct buf *out;
};

static int push_text(lua_State *L) {
    struct text_of *t = lua_touserdata(L, 2);
    vm_text(L, 1, t->out);
    return 0;
}

/* The error on top of the stack as *e. The text of an error that is no string is asked for under
 * protection of its own: __tostring may fail, too. */
static int explain(struct vm *vm, int status, struct err *e) {
    lua_State *L = vm->L;
    if (status == LUA_ERRMEM)
        return err_set(e, -ENOMEM, "the Lua state of %s is out of memory", vm->options.name);
    struct watchdog_mark *mark = watchdog_of(vm->worker);
    if (lua_type(L, -1) == LUA_TSTRING && mark->killing)
        return err_set(e, -EINVAL, "%s: %s", mark->where, lua_tostring(L, -1));
    if (lua_type(L, -1) == LUA_TSTRING) return err_set(e, -EINVAL, "%s", lua_tostring(L, -1));
    struct buf text;
    struct text_of arg = {&text};
    buf_init(&text);
    lua_pushcfunction(L, push_text);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, &arg);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK && buf_ok(&text))
        err_set(e, -EINVAL, "%.*s", STR_FMT(buf_view(&text)));
    else
        err_set(e, -EINVAL, "an error that has no text");
    buf_free(&text);
    return -EINVAL;
}

int vm_protect(struct vm *vm, lua_CFunction fn, void *arg, struct err *e) {
    lua_State *L = vm->L, *before = NULL;
    struct sched *s = sched_of(vm->worker);
    bool busy = s->busy, inside = watchdog_inside(vm->worker);
    int top = lua_gettop(L), code = 0;
    if (!lua_checkstack(L, LUA_MINSTACK))
        return err_set(e, -ENOMEM, "the Lua state of %s is out of memory", vm->options.name);
    s->busy = true;
    if (inside)
        before = watchdog_switch(vm->worker, L);
    else
        watchdog_enter(vm->worker, L);
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, arg);
    int status = lua_pcall(L, 1, 0, 0);
    if (status != LUA_OK) code = explain(vm, status, e);
    lua_settop(L, top);
    if (inside)
        watchdog_switch(vm->worker, before);
    else
        watchdog_leave(vm->worker, vm, NULL);
    s->busy = busy;
    return code;
}

/* ---- source text ----------------------------------------------------------------------------- */

/* Without a byte order mark and the text of a first line that begins with '#'; the line itself
 * stays, so that numbers are right. */
static struct str trim_source(struct str source) {
    if (str_starts(source, STR("\xEF\xBB\xBF"))) source = str_from(source, 3);
    if (source.n == 0 || source.p[0] != '#') return source;
    ptrdiff_t end = str_index(source, '\n');
    return end < 0 ? STR_NONE : str_from(source, (size_t)end);
}

/* This is the only place where compiled code is loaded. The build made it of this very text;
 * nothing that a script or a file says gets here. */
int vm_load_named(lua_State *L, struct str name, struct str source) {
    struct str code = embed_code(name, source);
    if (code.p) return luaL_loadbufferx(L, code.p, code.n, "=precompiled", "b");
    source = trim_source(source);
    lua_pushfstring(L, "@%s", lua_pushlstring(L, name.p, name.n));
    int r = luaL_loadbufferx(L, source.p ? source.p : "", source.n, lua_tostring(L, -1), "t");
    if (str_starts(source, STR(LUA_SIGNATURE))) { /* whose error does not tell where */
        lua_pop(L, 1);
        lua_pushfstring(L, "%s: attempt to load a binary chunk; Lua comes as text",
                        lua_tostring(L, -1) + 1);
    } else if (r == LUA_ERRRUN) { /* no more does the one that its reader runs out of stack with */
        lua_pushfstring(L, "%s: nested too deeply: %s", lua_tostring(L, -2) + 1,
                        lua_tostring(L, -1));
        lua_remove(L, -2);
    }
    if (r == LUA_OK && !vm_of(L)->options.trusted) r = sandbox_check(L, name);
    lua_replace(L, -3);
    lua_pop(L, 1);
    return r;
}

/* "policies/<service>.lua": a file of the snapshot that lies in the user's folder of policies. */
static bool is_policy(const struct vm *vm, struct str path) {
    char name[300];
    if (!vm->options.platform) return false;
    int n = snprintf(name, sizeof name, "policies/%s.lua", vm->options.name);
    return n > 0 && (size_t)n < sizeof name && str_eq(path, str_make(name, (size_t)n));
}

int vm_load(lua_State *L, struct vm *vm, struct str path, struct str source) {
    const char *text = lua_pushlstring(L, path.p, path.n);
    if (is_policy(vm, path))
        lua_pushstring(L, text);
    else
        lua_pushfstring(L, "services/%s/%s", vm->options.name, text);
    size_t n;
    const char *name = lua_tolstring(L, -1, &n);
    int r = vm_load_named(L, str_make(name, n), source);
    lua_replace(L, -3);
    lua_pop(L, 1);
    return r;
}

/* ---- text for people ------------------------------------------------------------------------- */

void vm_text(lua_State *L, int index, struct buf *out) {
    size_t n;
    const char *text = sandbox_tostring(L, index, &n);
    buf_add(out, text, n);
    lua_pop(L, 1);
}
