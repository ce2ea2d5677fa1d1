/*
 * lib_bus: calls between services on this host. The message is copied once into the callee's state
 * on the same worker; no socket, no JSON. The callee runs as a task of its own with a deadline not
 * later than the caller's. Errors come back with their status. Used by lua/auth.lua and client
 * stubs.
 */
#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/script/lib.h"
#include "core/script/pack.h"
#include "core/script/serve.h"
#include "core/script/service.h"

#define MAX_DEPTH 32 /* calls inside calls */
#define INTERNAL \
    -1 /* the callee failed without saying how: the text is for the log and the code \
        */

/* One call, seen from the caller. */
struct bus_call {
    struct op op;
    struct resident *to;
    const char *from;   /* host name of the caller; alive as long as the caller's task */
    bool platform;      /* the caller is a platform service */
    struct task *task;  /* the callee; NULL once it ended */
    struct buf message; /* packed arguments, then packed results */
    int values;         /* packed */
    int status;         /* 0 = results, else an error with this HTTP status, or INTERNAL */
};

static void fail(struct bus_call *c, int status, struct str text) {
    c->status = status;
    buf_clear(&c->message);
    buf_str(&c->message, text);
}

static void pack_results(struct bus_call *c, lua_State *co, int n) {
    const char *why = NULL;
    int top = lua_gettop(co);
    buf_clear(&c->message);
    c->values = n;
    for (int i = top - n + 1; i <= top; i++) {
        if (pack_value(co, i, &c->message, &why) < 0) {
            fail(c, 500, str_of(why));
            return;
        }
    }
}

static void pack_error(struct bus_call *c, struct task *t) {
    struct buf trace, message;
    buf_init(&trace);
    buf_init(&message);
    int status = task_error(t, &trace, &message);
    if (status < 100 || status > 599) status = INTERNAL;
    if (status >= 500 || status == INTERNAL)
        log_error("call failed", LOGS("request_id", t->request_id), LOGZ("service", c->to->host),
                  LOGZ("what", t->what), LOGS("error", buf_view(&message)),
                  LOGS("traceback", buf_view(&trace)));
    fail(c, status, buf_view(&message));
    buf_free(&trace);
    buf_free(&message);
}

static void ended(struct task *t, enum task_end end, int nresults) {
    struct bus_call *c = t->data;
    if (!c) return; /* the caller went away */
    c->task = NULL;
    switch (end) {
    case TASK_RETURNED:
        pack_results(c, t->co, nresults);
        break;
    case TASK_FAILED:
        pack_error(c, t);
        break;
    case TASK_NO_MEMORY:
        fail(c, 503, STR("the called service is out of memory"));
        break;
    case TASK_OVERRUN:
        fail(c, 503, STR("the called service ran too long"));
        break;
    case TASK_CANCELED:
        fail(c, 504, STR("the called service took too long"));
        break;
    }
    op_finish(&c->op);
}

static int done(lua_State *L, struct op *op) {
    struct bus_call *c = (struct bus_call *)op;
    if (c->status == INTERNAL) {
        lua_pushlstring(L, c->message.p ? c->message.p : "", c->message.n);
        return lua_error(L);
    }
    if (c->status) return serve_raise(L, c->status, buf_view(&c->message));
    struct str in = buf_view(&c->message);
    luaL_checkstack(L, c->values + 4, "results");
    for (int i = 0; i < c->values; i++)
        pack_push(L, &in);
    return c->values;
}

static bool cancel(struct op *op) {
    struct bus_call *c = (struct bus_call *)op;
    struct task *t = c->task;
    if (t) {
        t->data = NULL;
        task_cancel(t);
    }
    return true;
}

static void drop(struct op *op) {
    buf_free(&((struct bus_call *)op)->message);
}

static const struct op_kind call_kind = {
    .name = "bus.call",
    .size = sizeof(struct bus_call),
    .done = done,
    .cancel = cancel,
    .drop = drop,
};

/* [callee's state] call({host, platform}, name, ...): who calls is the host's word, not the
 * caller's. */
static int push_call(lua_State *co, void *arg) {
    struct bus_call *c = arg;
    struct str in = buf_view(&c->message);
    luaL_checkstack(co, c->values + 4, "arguments");
    ref_push(co, c->to->vm, c->to->call);
    lua_createtable(co, 0, 2);
    lua_pushstring(co, c->from);
    lua_setfield(co, -2, "host");
    lua_pushboolean(co, c->platform);
    lua_setfield(co, -2, "platform");
    for (int i = 0; i < c->values; i++)
        pack_push(co, &in);
    return c->values + 1;
}

static int start_failed(lua_State *L, struct bus_call *c, int status, const char *text) {
    char copy[300];
    snprintf(copy, sizeof copy, "%s", text);
    op_discard(&c->op);
    return serve_raise(L, status, str_of(copy));
}

static int call_depth(const struct task *t) {
    int depth = 0;
    for (; t && t->context; depth++)
        t = ((struct bus_call *)t->context)->op.task;
    return depth;
}

/* bus.call(host, name, ...): calls a function of another service by its declared name. */
static int l_call(lua_State *L) {
    struct str host = lib_str(L, 1);
    luaL_checkstring(L, 2);
    int values = lua_gettop(L) - 1;
    struct worker *w = vm_of(L)->worker;
    struct task *caller = task_running(L);
    struct service *s = service_find(w, host);
    struct bus_call *c = op_new(L, &call_kind);
    struct err e = {0};
    const char *why = NULL;

    struct vm *vm = vm_of(L);
    struct resident *from = vm->owner;
    buf_init(&c->message);
    c->from = from && from->host[0] ? from->host : vm->options.name;
    c->platform = vm->options.platform;
    c->values = values;
    for (int i = 2; i <= values + 1; i++)
        if (pack_value(L, i, &c->message, &why) < 0) return start_failed(L, c, 500, why);
    if (!s) return start_failed(L, c, 404, "no such service");
    if (call_depth(caller) >= MAX_DEPTH) return start_failed(L, c, 508, "calls nested too deeply");
    c->to = service_here(s, w, &e);
    struct task *t = c->to ? resident_task(c->to, push_call, c, &e) : NULL;
    if (!t) return start_failed(L, c, 503, e.text);
    c->task = t;
    t->data = c;
    t->context = c;
    t->ended = ended;
    t->request_id = arena_str(&t->arena, caller->request_id);
    uint64_t left = conf.lua_deadline / 1000000;
    if (caller->deadline) {
        uint64_t now = w->now_ms;
        uint64_t own = caller->deadline > now ? caller->deadline - now : 1;
        if (own < left) left = own;
    }
    task_deadline(t, left);
    task_start(t);
    return op_await(L, &c->op);
}

const struct lib_doc lib_bus_docs[] = {
    {"call", "fun(host: string, name: string, ...: any): any",
     "Calls a declared function of another service on this host. Arguments and results are copied. "
     "Raises what it raised, with its status."},
    {NULL, NULL, NULL},
};

int lib_bus(lua_State *L) {
    static const luaL_Reg functions[] = {{"call", l_call}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
