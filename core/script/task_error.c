/*
 * task_error: what is said of a task that failed: whether its error is an answer, which text,
 * status and pause it asks for, and the stacks that led there. Called by task.c while a task ends,
 * and by whoever reports it.
 *
 * Fields of errors are read raw, and what may run a script's code goes through task_run_late.
 */
#include "core/script/task.h"

#include <assert.h>

#include "core/base/conf.h"
#include "core/script/lib.h"
#include "core/script/quote.h"
#include "core/script/sched.h"

/* Seconds after which an error may say to try again. */
#define RETRY_AFTER_MAX 86400
/* Parents whose traceback follows a child's. */
#define TRACE_PARENTS 4

struct verdict {
    struct task *task;
    bool answer;         /* the error is an answer rather than a fault */
    struct buf *message; /* text of the error */
    bool mute;           /* what has no text must not be asked for one */
    int status;          /* HTTP status of the error */
};

/* Moves a copy of the task's error to L. */
static void push_error(lua_State *L, struct task *t) {
    if (!lua_checkstack(t->co, 1)) vm_throw_memory(L);
    lua_pushvalue(t->co, -1);
    lua_xmove(t->co, L, 1);
}

/* A field of the error on top. Its metatable may be a script's, which would run while nobody else
 * can. */
static void error_field(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, -2);
}

/* [protected] The HTTP status that the error on top asks for, or 0. */
static int asked_status(lua_State *L) {
    if (!lua_istable(L, -1)) return 0;
    error_field(L, "status");
    lua_Integer status = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    lua_pop(L, 1);
    error_field(L, "internal"); /* the fault of a called service: not for strangers */
    if (lua_toboolean(L, -1)) status = 0;
    lua_pop(L, 1);
    return status >= 300 && status <= 599 ? (int)status : 0;
}

/* [protected] The seconds after which the error on top says to try again, or 0. */
static int asked_pause(lua_State *L) {
    error_field(L, "retry_after");
    lua_Integer seconds = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    lua_pop(L, 1);
    return seconds > 0 && seconds <= RETRY_AFTER_MAX ? (int)seconds : 0;
}

static int examine(lua_State *L) {
    struct verdict *v = lua_touserdata(L, 1);
    push_error(L, v->task);
    int status = asked_status(L);
    v->answer = status > 0 && status < 500;
    return 0;
}

/* ---- stacks -------------------------------------------------------------------------------- */

static void trace_one(struct task *t, struct buf *out) {
    for (int i = 0; i < t->n_nest; i++) {
        vm_traceback(t->nest[i], i ? 0 : t->gave_way, out);
        buf_str(out, STR("\nresumed from:\n"));
    }
    vm_traceback(t->co, t->n_nest ? 0 : t->gave_way, out);
}

void task_trace(struct task *t, struct buf *out) {
    if (t->op && t->op->awaited) buf_printf(out, "waiting for %s\n", t->op->kind->name);
    trace_one(t, out);
}

/* Where a task failed, or where it waited too long. Not for errors that are answers: they are
 * raised on purpose, and often. */
void task_keep_trace(struct task *t) {
    if (t->end == TASK_RETURNED || (t->end == TASK_CANCELED && !t->timed_out)) return;
    if (t->end == TASK_FAILED && lua_istable(t->co, -1)) {
        struct verdict v = {.task = t};
        vm_protect(t->vm, examine, &v, NULL);
        if (v.answer && !t->context) return; /* over the bus it has a way to tell */
    }
    if (t->end == TASK_OVERRUN) {
        const struct watchdog_mark *mark = watchdog_of(t->vm->worker);
        if (mark->killing) buf_printf(&t->trace, "over the limit at %s\n", mark->where);
    }
    if (t->end == TASK_FAILED) buf_str(&t->trace, fault_trace(t));
    task_trace(t, &t->trace);
    struct task *p = t->parent;
    for (int i = 0; p && i < TRACE_PARENTS; i++, p = p->parent) {
        buf_str(&t->trace, STR("\nstarted by a task:\n"));
        trace_one(p, &t->trace);
    }
}

/* ---- text and status ------------------------------------------------------------------------- */

/* errors.remote: how it went in the called service. */
static void keep_remote(lua_State *L, struct task *t) {
    size_t n = 0;
    error_field(L, "service");
    const char *host = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "a called service";
    lua_insert(L, -2);
    error_field(L, "trace");
    const char *trace = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
    buf_clear(&t->remote);
    if (trace) buf_printf(&t->remote, "because of %s:\n", host);
    if (trace) buf_add(&t->remote, trace, n);
    lua_pop(L, 1);
    lua_remove(L, -2);
}

static int explain(lua_State *L) {
    struct verdict *v = lua_touserdata(L, 1);
    push_error(L, v->task);
    v->status = asked_status(L);
    if (lua_istable(L, -1)) {
        keep_remote(L, v->task);
        v->task->retry_after = asked_pause(L);
        error_field(L, "message");
        if (lua_type(L, -1) != LUA_TSTRING) lua_pop(L, 1);
    }
    if (v->mute && luaL_getmetafield(L, -1, "__tostring") != LUA_TNIL)
        buf_str(v->message, STR("an error without a text: earlier ones ran too long"));
    else
        vm_text(L, -1, v->message);
    return 0;
}

static int failure(struct task *t, struct buf *message) {
    struct verdict v = {.task = t, .message = message, .mute = !task_has_time(t->vm)};
    struct err e = {0};
    if (task_run_late(t->vm, explain, &v, &e) < 0) {
        buf_clear(message);
        buf_str(message, str_of(e.text));
    }
    return v.status;
}

/* The source that the error happened in: where its text says, else where the service was. What a
 * called service passed on has its own quotation with it. */
static void put_trace(struct task *t, struct str text, struct buf *out) {
    const struct vm_options *o = &t->vm->options;
    struct quote_source from = {str_of(o->name), o->files.read, o->files.arg};
    struct str trace = buf_view(&t->trace);
    if (conf.dev) {
        quote_trace(out, text, trace, &from);
        return;
    }
    if (trace.n) buf_char(out, '\n');
    buf_str(out, trace);
}

int task_error(struct task *t, struct buf *traceback, struct buf *message) {
    int status = 0;
    struct buf text;
    buf_init(&text);
    assert(t->state == TASK_DONE);
    switch (t->end) {
    case TASK_RETURNED:
        break;
    case TASK_FAILED:
        status = failure(t, &text);
        break;
    case TASK_CANCELED:
        status = t->timed_out ? 504 : 0;
        buf_str(&text, t->timed_out ? STR("deadline exceeded") : STR("canceled"));
        break;
    case TASK_NO_MEMORY:
        status = 503;
        buf_str(&text, STR("out of memory"));
        break;
    case TASK_OVERRUN:
        status = 503;
        buf_str(&text, str_of(WATCHDOG_MESSAGE));
        break;
    }
    if (message) buf_str(message, buf_view(&text));
    if (traceback) {
        buf_str(traceback, buf_view(&text));
        put_trace(t, buf_view(&text), traceback);
        if (t->remote.n) buf_char(traceback, '\n');
        buf_str(traceback, buf_view(&t->remote));
    }
    buf_free(&text);
    return status;
}
