/*
 * script: what the tests of core/script share: a worker on the calling thread with one state, and a
 * way to run a piece of Lua as a task and look at how it ended.
 *
 * Every test ends with script_close, which checks that nothing is left behind.
 */
#ifndef SPEC_SCRIPT_H
#define SPEC_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/lib.h"
#include "core/script/task.h"
#include "core/script/vm.h"
#include "core/script/watchdog.h"

struct script {
    struct worker w;
    struct vm *vm;
};

/* A piece of Lua that runs, or has run, as a task. */
struct run {
    struct script *s;
    const char *code;
    struct task *task; /* NULL when it is over */
    bool over;
    enum task_end end;
    int n;             /* results */
    int status;        /* task_error's */
    struct buf text;   /* the results as text, separated by '|'; else the error's message */
    struct buf trace;  /* the error's traceback */
    int ended;         /* calls of `ended` */
    struct run *after; /* started from `ended` of this one, or NULL */
};

static inline void script_open_with(struct script *s, const struct vm_options *o) {
    struct err e = {0};
    memset(s, 0, sizeof *s);
    assert_int_equal(worker_init(&s->w, -1, &e), 0);
    assert_int_equal(task_open(&s->w), 0);
    s->vm = vm_new(&s->w, o, &e);
    if (!s->vm) fail_msg("%s", e.text);
}

static inline void script_open(struct script *s) {
    struct vm_options o = {.name = "spec", .memory = 32 << 20, .max_tasks = 1000};
    script_open_with(s, &o);
}

static inline int script_collect(lua_State *L) {
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

static inline void script_close(struct script *s) {
    assert_int_equal(s->vm->n_tasks, 0);
    assert_int_equal(s->vm->n_ops, 0);
    assert_int_equal(vm_protect(s->vm, script_collect, NULL, NULL), 0);
    assert_int_equal(s->vm->n_refs, 0);
    vm_free(s->vm);
    task_close(&s->w);
    worker_free(&s->w);
    assert_int_equal(stat_get(STAT_TASKS_OPEN), 0);
    assert_int_equal(stat_get(STAT_OPS_OPEN), 0);
    assert_int_equal(stat_get(STAT_REFS_OPEN), 0);
    assert_int_equal(stat_get(STAT_STATES_OPEN), 0);
    assert_int_equal(stat_get(STAT_STATE_BYTES), 0);
}

/* One turn of the loop, without waiting for anything. */
static inline void script_turn(struct script *s) {
    uv_run(&s->w.loop, UV_RUN_NOWAIT);
}

static inline void run_free(struct run *r) {
    buf_free(&r->text);
    buf_free(&r->trace);
}

struct run_text {
    struct run *r;
    lua_State *co;
};

/* The value on top. Lists are shown as {a,b}. */
static inline void run_value(lua_State *L, struct buf *out) {
    bool plain = lua_istable(L, -1) && luaL_getmetafield(L, -1, "__tostring") == LUA_TNIL;
    if (!plain) {
        vm_text(L, lua_istable(L, -2) ? -2 : -1, out);
        return;
    }
    int n = (int)lua_rawlen(L, -1);
    buf_char(out, '{');
    for (int i = 1; i <= n; i++) {
        if (i > 1) buf_char(out, ',');
        lua_rawgeti(L, -1, i);
        vm_text(L, -1, out);
        lua_pop(L, 1);
    }
    buf_char(out, '}');
}

static inline int run_results(lua_State *L) {
    struct run_text *t = lua_touserdata(L, 1);
    struct run *r = t->r;
    luaL_checkstack(L, r->n + 8, NULL);
    lua_xmove(t->co, L, r->n);
    for (int i = 0; i < r->n; i++) {
        if (i) buf_char(&r->text, '|');
        lua_pushnil(L);
        lua_pushvalue(L, 2 + i);
        run_value(L, &r->text);
        lua_settop(L, 1 + r->n);
    }
    return 0;
}

static inline void run_start(struct script *s, struct run *r, const char *code);

static inline void run_ended(struct task *t, enum task_end end, int nresults) {
    struct run *r = t->data;
    r->over = true;
    r->ended++;
    r->end = end;
    r->task = NULL;
    r->n = nresults;
    if (end == TASK_RETURNED) {
        struct run_text text = {r, t->co};
        struct err e = {0};
        if (vm_protect(t->vm, run_results, &text, &e) < 0) buf_printf(&r->text, "!%s", e.text);
    } else {
        r->status = task_error(t, &r->trace, &r->text);
    }
    buf_char(&r->text, 0);
    buf_char(&r->trace, 0);
    uv_stop(&r->s->w.loop); /* so that run_wait does not block with nothing left to wait for */
    if (r->after) run_start(r->s, r->after, r->after->code);
}

static inline int run_push(lua_State *co, void *arg) {
    struct run *r = arg;
    if (vm_load(co, r->s->vm, STR("test.lua"), str_of(r->code)) != LUA_OK) lua_error(co);
    return 0;
}

static inline struct task *run_make(struct script *s, struct run *r, const char *code) {
    struct err e = {0};
    r->s = s;
    r->code = code;
    buf_init(&r->text);
    buf_init(&r->trace);
    r->task = task_new(s->vm, run_push, r, &e);
    if (!r->task) fail_msg("%s", e.text);
    r->task->data = r;
    r->task->ended = run_ended;
    return r->task;
}

static inline void run_start(struct script *s, struct run *r, const char *code) {
    task_start(run_make(s, r, code));
}

static inline void run_wait(struct run *r) {
    while (!r->over)
        uv_run(&r->s->w.loop, UV_RUN_ONCE);
}

static inline const char *end_name(enum task_end end) {
    static const char *const names[] = {"returned", "failed", "canceled", "no memory", "overrun"};
    return names[end];
}

/* Runs the code as a task and checks how it ends: with these results, or with this part of a
 * message. */
static inline void check_run(struct script *s, const char *code, enum task_end end,
                             const char *text, int line) {
    struct run r = {0};
    run_start(s, &r, code);
    run_wait(&r);
    bool same = end == TASK_RETURNED ? strcmp(r.text.p, text) == 0 : strstr(r.text.p, text) != NULL;
    if (r.end != end || !same || r.ended != 1)
        fail_msg("line %d: %s: '%s', expected %s: '%s'\n%s\n%s", line, end_name(r.end), r.text.p,
                 end_name(end), text, code, r.trace.p);
    run_free(&r);
}

#define check(s, code, results)       check_run(s, code, TASK_RETURNED, results, __LINE__)
#define check_error(s, code, message) check_run(s, code, TASK_FAILED, message, __LINE__)

#endif
