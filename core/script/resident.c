/*
 * resident: builds a state from a generation and takes it out of service again. Called by
 * service.c, on the worker that will own the state; the control thread builds trials that never
 * serve. The service's file runs here with the load-time API only.
 */
#include "core/script/resident.h"

#include <stdatomic.h>
#include <stdio.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/script/asker.h"
#include "core/script/lib.h"
#include "core/script/pack.h"
#include "core/script/rebuild.h"
#include "core/script/service.h"
#include "core/script/vm.h"

#define RETIRE_POLL_MS 20
#define STOP_MS        4000 /* that on_stop may take, and on_unload */
#define ERRORS_MAX     100  /* files whose errors are told */
#define HANDED_MAX     (1u << 20)

static struct str read_file(void *arg, struct str path) {
    return generation_file(arg, path);
}

static struct str read_other(void *arg, struct str path) {
    return generation_import(arg, path);
}

static void list_files(void *arg, struct str prefix, struct buf *out) {
    generation_list(arg, prefix, out);
}

static int entry_ref(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    return ref_take(L);
}

/* LUA_REFNIL: there is nothing to do. */
static int hook_ref(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    return ref_take(L);
}

/* Of a trial, which is made once, on the control thread; the table of `entry` is on top. */
static void keep_warnings(lua_State *L, struct resident *r) {
    lua_getfield(L, -1, "warnings");
    lua_Integer n = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        buf_str(&r->warnings, lib_str(L, -1));
        buf_char(&r->warnings, '\n');
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Of the first state, which is a trial's: what the service listens to besides its host, a line
 * each; later ones say the same. */
static void keep_topics(lua_State *L, struct resident *r) {
    struct buf all;
    buf_init(&all);
    lua_getfield(L, -1, "topics");
    lua_Integer n = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        buf_str(&all, lib_str(L, -1));
        buf_char(&all, '\n');
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    struct str text = all.n && buf_ok(&all) ? arena_str(&r->gen->arena, buf_view(&all)) : STR_NONE;
    bool lost = (n > 0) != (text.p != NULL);
    buf_free(&all);
    if (lost) vm_throw_memory(L);
    r->gen->topics = text;
    lua_getfield(L, -1, "version");
    r->gen->version = lua_tointeger(L, -1);
    lua_pop(L, 1);
}

static void keep_rules(lua_State *L, struct resident *r) {
    lua_getfield(L, -1, "rules");
    if (!lua_isnil(L, -1)) {
        r->gen->rules = arena_str(&r->gen->arena, lib_str(L, -1));
        if (!r->gen->rules.p) vm_throw_memory(L);
    }
    lua_pop(L, 1);
}

/* Every Lua file of a generation, compiled and forgotten. */
struct compiling {
    struct resident *r;
    struct buf errors; /* a line each */
    int n;             /* of them */
};

static bool is_code(struct str path) {
    static const char *const others[] = {"spec/", "resources/", "data/"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (str_starts(path, str_of(others[i]))) return false;
    return str_ends(path, STR(".lua"));
}

/* What the binary brings of a platform service, the build has compiled: all but policies. */
static bool was_compiled(const struct generation *g, struct str path) {
    return g->embedded && !str_starts(path, STR("policies/"));
}

/* [protected] What is wrong with the files that nothing has required yet counts, too. */
static int compile(lua_State *L) {
    struct compiling *c = lua_touserdata(L, 1);
    const struct generation *g = c->r->gen;
    for (int i = 0; i < g->n_files; i++) {
        if (!is_code(g->files[i].path) || was_compiled(g, g->files[i].path)) continue;
        int rc = vm_load(L, c->r->vm, g->files[i].path, g->files[i].text);
        if (rc == LUA_ERRMEM) return lua_error(L);
        if (rc != LUA_OK && c->n++ < ERRORS_MAX) {
            buf_str(&c->errors, c->n > 1 ? STR("\n") : STR_NONE);
            buf_str(&c->errors, lib_str(L, -1));
        }
        lua_settop(L, 1);
    }
    return 0;
}

static int compile_all(struct resident *r, struct err *e) {
    struct compiling c = {.r = r};
    buf_init(&c.errors);
    int rc = vm_protect(r->vm, compile, &c, e);
    if (c.n > ERRORS_MAX) buf_printf(&c.errors, "\nand %d more files", c.n - ERRORS_MAX);
    if (rc == 0 && c.n > 0) rc = err_set(e, -EINVAL, "%.*s", STR_FMT(buf_view(&c.errors)));
    buf_free(&c.errors);
    return rc;
}

/* Raises, with file and line, unless what service.lua returned is its service. */
static void check_returned(lua_State *L, const struct resident *r, int svc, struct str source) {
    lua_getfield(L, svc - 1, "check_returned");
    lua_pushvalue(L, svc);
    lua_pushfstring(L, "services/%s/service.lua", r->vm->options.name);
    lua_pushlstring(L, source.p, source.n);
    lua_call(L, 3, 0);
}

/* Of a declaration with a mistake nothing is generated: then that is what is wrong. */
static int no_code(lua_State *L, const struct resident *r) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "service.declared");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "load");
    lua_pushlstring(L, r->gen->folder.p, r->gen->folder.n);
    lua_call(L, 1, 0);
    return luaL_error(L, "service.lua is missing: moonbus gen writes one");
}

/* [protected] Runs service.lua and keeps what the host needs of it. */
static int load(lua_State *L) {
    struct resident *r = lua_touserdata(L, 1);
    struct str source = generation_file(r->gen, STR("service.lua"));
    if (!source.p) return no_code(L, r);

    lua_getglobal(L, "require");
    lua_pushliteral(L, "service");
    lua_call(L, 1, 1); /* the runtime */
    if (vm_load(L, r->vm, STR("service.lua"), source) != LUA_OK) return lua_error(L);
    lua_pushlstring(L, r->gen->folder.p, r->gen->folder.n);
    lua_call(L, 1, 1); /* svc */
    check_returned(L, r, lua_gettop(L), source);

    lua_getfield(L, -2, "entry");
    lua_insert(L, -2);
    lua_pushboolean(L, r->gen->platform);
    lua_call(L, 2, 1);
    r->dispatch = entry_ref(L, "dispatch");
    r->start = entry_ref(L, "start");
    r->check = hook_ref(L, "check");
    r->unload = hook_ref(L, "unload");
    r->stop = hook_ref(L, "stop");
    r->call = entry_ref(L, "call");
    lua_getfield(L, -1, "host");
    snprintf(r->host, sizeof r->host, "%s", luaL_checkstring(L, -1));
    lua_pop(L, 1);
    if (!r->gen->sealed) {
        keep_topics(L, r);
        keep_rules(L, r);
    }
    asker_load(L, r);
    if (r->worker->index < 0)
        keep_warnings(L, r);
    else
        lib_metric_publish(L);
    lua_getfield(L, -1, "api");
    r->api = lua_toboolean(L, -1);
    vm_freeze(L);
    return 0;
}

static void starved(struct vm *vm, bool lost) {
    if (lost)
        rebuild_lost(resident_of(vm));
    else
        rebuild_starved(resident_of(vm));
}

static _Atomic uint64_t serials;

struct resident *resident_new(struct generation *g, struct worker *w, struct err *e) {
    struct resident *r = mem_zalloc(sizeof *r);
    if (!r) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    list_init(&r->link);
    list_init(&r->streams);
    r->dispatch = r->start = r->check = r->unload = r->stop = r->call = LUA_NOREF;
    for (int i = 0; i < RESIDENT_POLICIES; i++)
        r->policies[i] = LUA_NOREF;
    r->serial = atomic_fetch_add(&serials, 1) + 1;
    buf_init(&r->warnings);
    r->gen = generation_take(g);
    r->worker = w;
    struct vm_options o = {
        .name = g->folder.p,
        .files = {read_file, read_other, list_files, g},
        .memory = conf.lua_memory,
        .max_tasks = (int)conf.lua_tasks,
        .platform = g->platform,
        .load_phase = true,
    };
    r->vm = vm_new(w, &o, e);
    if (!r->vm) {
        generation_give(r->gen);
        mem_free(r);
        return NULL;
    }
    r->vm->owner = r;
    r->vm->starved = starved;
    bool trial = w->index < 0;
    lua_gc(r->vm->L, LUA_GCSTOP, 0); /* what loading makes stays */
    int rc = trial ? compile_all(r, e) : 0;
    if (rc == 0) rc = vm_protect(r->vm, load, r, e);
    lua_gc(r->vm->L, LUA_GCRESTART, 0);
    if (rc < 0) {
        resident_free(r);
        return NULL;
    }
    return r;
}

struct task *resident_task(struct resident *r, int (*push)(lua_State *co, void *arg), void *arg,
                           struct err *e) {
    if (r->retiring) {
        err_set(e, ERR_CLOSED, "this generation is going out of service");
        return NULL;
    }
    return task_new(r->vm, push, arg, e);
}

struct task *resident_task_late(struct resident *r, int (*push)(lua_State *co, void *arg),
                                void *arg, struct err *e) {
    return task_late(r->vm, push, arg, e);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

/* What on_unload returned, as bytes. */
static void take_state(lua_State *co, struct buf *state, struct buf *why) {
    const char *problem = NULL;
    if (lua_isnil(co, -1)) return;
    if (pack_value(co, -1, state, &problem) == 0 && state->n > HANDED_MAX)
        problem = "the table is larger than 1 MB";
    if (problem) buf_str(why, str_of(problem));
}

static void tell_why(struct task *t, struct buf *why) {
    if (t->end == TASK_FAILED)
        task_error(t, NULL, why); /* where it failed is in the message: lua/service.lua */
    else
        task_error(t, why, NULL);
}

static void hook_over(struct task *t, enum task_end end, int nresults) {
    struct resident *r = resident_of(t->vm);
    struct buf state, why;
    buf_init(&state);
    buf_init(&why);
    if (end != TASK_RETURNED)
        tell_why(t, &why);
    else if (nresults == 1)
        take_state(t->co, &state, &why);
    if (!buf_ok(&state)) buf_str(&why, STR("out of memory"));
    if (why.n || !buf_ok(&why)) buf_clear(&state);
    struct hook_end over = {end, t->timed_out, buf_view(&why), buf_view(&state)};
    if (!buf_ok(&why)) over.why = STR("out of memory");
    r->hooked(t->data, &over);
    buf_free(&state);
    buf_free(&why);
}

static bool run_hook(struct resident *r, const char *name, int (*push)(lua_State *co, void *arg),
                     uint64_t ms, void *arg) {
    struct err e = {0};
    struct task *t = resident_task(r, push, r, &e);
    if (t) {
        t->data = arg;
        t->kind = name;
        t->ended = hook_over;
        task_deadline(t, ms);
        task_start(t);
    } else {
        r->hooked(arg, &(struct hook_end){.end = TASK_FAILED, .why = str_of(e.text)});
    }
    return true;
}

static int push_check(lua_State *co, void *arg) {
    struct resident *r = arg;
    ref_push(co, r->vm, r->check);
    lua_pushboolean(co, r->first);
    return 1;
}

bool resident_check(struct resident *r, bool first,
                    void (*ended)(void *arg, const struct hook_end *end), void *arg) {
    if (r->check == LUA_REFNIL) return false;
    r->first = first;
    r->hooked = ended;
    return run_hook(r, "on_check", push_check, conf.reload_check / 1000000, arg);
}

static int push_unload(lua_State *co, void *arg) {
    struct resident *r = arg;
    ref_push(co, r->vm, r->unload);
    return 0;
}

bool resident_unload(struct resident *r, void (*ended)(void *arg, const struct hook_end *end),
                     void *arg) {
    if (!r->started || r->unload == LUA_REFNIL) return false;
    r->hooked = ended;
    return run_hook(r, "on_unload", push_unload, STOP_MS, arg);
}

static int push_stop(lua_State *co, void *arg) {
    struct resident *r = arg;
    ref_push(co, r->vm, r->stop);
    return 0;
}

static void stopped(struct task *t, enum task_end end, int nresults) {
    struct resident *r = resident_of(t->vm);
    struct buf trace;
    (void)nresults;
    buf_init(&trace);
    if (end != TASK_RETURNED) {
        task_error(t, &trace, NULL);
        log_error("on_stop failed", LOGZ("service", r->host), LOGS("error", buf_view(&trace)));
    }
    buf_free(&trace);
    r->stopped(t->data);
}

bool resident_stop(struct resident *r, void (*ended)(void *arg), void *arg) {
    struct err e = {0};
    if (!r->started || r->stop == LUA_REFNIL) return false;
    r->started = false;
    struct task *t = resident_task(r, push_stop, r, &e);
    if (!t) {
        log_error("on_stop not called", LOGZ("service", r->host), LOGZ("error", e.text));
        return false;
    }
    r->stopped = ended;
    t->data = arg;
    t->kind = "on_stop";
    t->ended = stopped;
    task_deadline(t, STOP_MS);
    task_start(t);
    return true;
}

void resident_free(struct resident *r) {
    if (r->gone) r->gone(r);
    if (r->service) service_spent(r->service, r->worker, r->vm->cpu);
    timer_remove(r->worker, &r->timer);
    ref_drop(r->vm, r->dispatch);
    ref_drop(r->vm, r->start);
    ref_drop(r->vm, r->check);
    ref_drop(r->vm, r->unload);
    ref_drop(r->vm, r->stop);
    ref_drop(r->vm, r->call);
    asker_unload(r);
    vm_free(r->vm);
    buf_free(&r->warnings);
    generation_give(r->gen);
    list_unlink(&r->link);
    mem_free(r);
}

/* Looks again until nothing of it is alive: its tasks end in many ways, and none of them may free
 * the state under itself. */
static void look(struct timer *t) {
    struct resident *r = LIST_ENTRY(t, struct resident, timer);
    bool late = r->worker->now_ms >= r->give_up;
    if (r->vm->n_tasks > 0 && late) task_cancel_all(r->vm, false);
    if (r->vm->n_tasks == 0 && r->vm->n_ops == 0 && (r->pins == 0 || late)) {
        resident_free(r);
        return;
    }
    if (timer_arm(r->worker, t, RETIRE_POLL_MS) < 0) log_error("no memory to retire a generation");
}

void resident_discard(struct resident *r, struct list *retiring) {
    if (r->vm->n_tasks == 0 && r->vm->n_ops == 0) {
        resident_free(r);
        return;
    }
    list_push(retiring, &r->link);
    resident_retire(r, 0);
}

void resident_retire(struct resident *r, uint64_t grace_ms) {
    if (r->retiring) return;
    r->retiring = true;
    r->vm->closing = true;
    r->give_up = r->worker->now_ms + grace_ms;
    task_cancel_all(r->vm, true);
    timer_init(&r->timer, look);
    if (timer_arm(r->worker, &r->timer, 1) < 0) log_error("no memory to retire a generation");
}
