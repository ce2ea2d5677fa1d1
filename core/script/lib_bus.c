/*
 * lib_bus: calls between services on this host. The message is copied once into the callee's state
 * on the same worker; no socket, no JSON. The callee runs as a task of its own that ends before its
 * caller's time is up. Errors come back with their status and the way they went. What goes over it,
 * and what a call means, is lua/bus.lua's business; this is the transport.
 */
#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/script/lib.h"
#include "core/script/measure.h"
#include "core/script/pack.h"
#include "core/script/rebuild.h"
#include "core/script/routes.h"
#include "core/script/serve.h"
#include "core/script/service.h"

#define MAX_DEPTH 64    /* calls inside calls */
#define EVENTS    417   /* the port of events, as in lua/bus.lua */
#define HOP_MS    25    /* of a caller's time that its callee does not get: to answer in */
#define INTERNAL  -1    /* the callee failed without saying how: its text is not for strangers */
#define TRACE_MAX 16384 /* bytes of the way that an error went */
#define KEPT_MAX  4096  /* bytes of arguments whose room is kept for the results */

/* One call, seen from the caller. */
struct bus_call {
    struct op op;
    struct service *to; /* what was built of it may be gone before the caller looks at the answer */
    const char *from;   /* host name of the caller; alive as long as the caller's task */
    bool platform;      /* the caller is a platform service */
    bool known;         /* it calls for whom its own request came from */
    struct task *task;  /* the callee; NULL once it ended */
    struct buf message; /* packed arguments, then packed results */
    struct buf trace;   /* of an error */
    struct measure_label label; /* of the endpoint that answers; in the callee's arena */
    size_t held;                /* bytes of the results that the caller's vm counts */
    uint64_t began;             /* uv_hrtime() */
    int values;                 /* packed */
    int status;                 /* 0 = results, else an error with this HTTP status, or INTERNAL */
    int retry_after;            /* seconds that the error says, 0 = none */
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
    if (vm_hold(c->op.vm, c->message.n))
        c->held = c->message.n;
    else
        fail(c, 503, STR("the caller has too many bytes of answers under way"));
}

static void pack_error(struct bus_call *c, struct task *t) {
    struct buf message;
    buf_init(&message);
    int status = task_error(t, &c->trace, &message);
    if (status < 100 || status > 599) status = INTERNAL;
    fail(c, status, buf_view(&message));
    c->retry_after = t->retry_after;
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
        fail(c, t->timed_out ? 408 : 503,
             t->timed_out ? STR("timeout") : STR("the called service is going out of service"));
        break;
    }
    int status = c->status == INTERNAL ? 500 : c->status ? c->status : 200;
    measure_call(c->op.vm, c->to, &c->label, status, c->began, c->message.n);
    op_finish(&c->op);
}

static void push_buf(lua_State *L, const struct buf *b) {
    lua_pushlstring(L, b->p ? b->p : "", b->n < TRACE_MAX ? b->n : TRACE_MAX);
}

/* errors.remote(status, message, host, trace, retry_after): status nil = the callee's own fault. */
static int raise_remote(lua_State *L, struct bus_call *c) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "errors");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "remote");
    if (c->status == INTERNAL)
        lua_pushnil(L);
    else
        lua_pushinteger(L, c->status);
    push_buf(L, &c->message);
    struct str host = service_host(c->to);
    lua_pushlstring(L, host.p, host.n);
    push_buf(L, &c->trace);
    lua_pushinteger(L, c->retry_after);
    lua_call(L, 5, 1);
    return lua_error(L);
}

static int done(lua_State *L, struct op *op) {
    struct bus_call *c = (struct bus_call *)op;
    if (!buf_ok(&c->message)) vm_throw_memory(L);
    if (c->status) return raise_remote(L, c);
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
        t->context = NULL;
        task_cancel(t);
    }
    return true;
}

static void drop(struct op *op) {
    struct bus_call *c = (struct bus_call *)op;
    vm_release(op->vm, c->held);
    buf_free(&c->message);
    buf_free(&c->trace);
}

static void tell(const struct op *op, struct buf *out) {
    const struct bus_call *c = (const struct bus_call *)op;
    struct str host = service_host(c->to);
    buf_printf(out, "bus call to %.*s", STR_FMT(host));
    if (c->task && c->label.handler) buf_printf(out, ", %s", c->label.handler);
}

static const struct op_kind call_kind = {
    .name = "bus.call",
    .size = sizeof(struct bus_call),
    .done = done,
    .cancel = cancel,
    .drop = drop,
    .tell = tell,
};

struct task *bus_callee(const struct op *op) {
    return op->kind == &call_kind ? ((const struct bus_call *)op)->task : NULL;
}

/* [callee's state] call(host, platform, known, frame, name, ...): who calls is the host's word, not
 * the caller's. */
static int push_call(lua_State *co, void *arg) {
    struct bus_call *c = arg;
    struct resident *r = resident_of(vm_of(co));
    struct str in = buf_view(&c->message);
    luaL_checkstack(co, c->values + 8, "arguments");
    ref_push(co, r->vm, r->call);
    lua_pushstring(co, c->from);
    lua_pushboolean(co, c->platform);
    lua_pushboolean(co, c->known);
    for (int i = 0; i < c->values; i++)
        pack_push(co, &in);
    return c->values + 3;
}

static int start_failed(lua_State *L, struct bus_call *c, int status, const char *text) {
    char copy[300];
    snprintf(copy, sizeof copy, "%s", text);
    op_discard(&c->op);
    return serve_raise(L, status, str_of(copy));
}

/* Nobody was asked. */
static int refused(lua_State *L, struct bus_call *c, struct str host, int status,
                   const char *text) {
    measure_refused(c->op.vm, host, status);
    return start_failed(L, c, status, text);
}

/* The call that a task, or whoever it belongs to, answers. */
static struct bus_call *call_of(const struct task *t) {
    while (t->parent)
        t = t->parent;
    return t->context;
}

static int call_depth(const struct task *t) {
    int depth = 0;
    for (; t && call_of(t); depth++)
        t = call_of(t)->op.task;
    return depth;
}

struct task *bus_caller(const struct task *t) {
    const struct bus_call *c = t->parent ? NULL : t->context;
    return c ? c->op.task : NULL;
}

const struct exchange *serve_origin(const struct task *t) {
    while (t) {
        for (const struct task *p = t; p; p = p->parent)
            if (p->exchange) return p->exchange;
        const struct bus_call *c = call_of(t);
        t = c && c->known ? c->op.task : NULL;
    }
    return NULL;
}

/* The time that a callee gets, in ms; 0 = there is not enough left. `seconds` is what the caller
 * wants at most; 0 = no matter. */
static uint64_t budget(const struct task *caller, lua_Number seconds) {
    uint64_t ms = conf.lua_deadline / 1000000;
    if (seconds > 0 && seconds * 1000 < (lua_Number)ms) ms = (uint64_t)(seconds * 1000);
    uint64_t own = task_left(caller);
    if (own != UINT64_MAX) {
        if (own <= HOP_MS) return 0;
        if (own - HOP_MS < ms) ms = own - HOP_MS;
    }
    return ms;
}

/* bus.call(host, known, seconds, frame, name, ...) */
static int l_call(lua_State *L) {
    struct str host = lib_str(L, 1);
    bool known = lua_toboolean(L, 2);
    lua_Number seconds = luaL_optnumber(L, 3, 0);
    luaL_checkstring(L, 5);
    int values = lua_gettop(L) - 3;
    struct vm *vm = vm_of(L);
    struct worker *w = vm->worker;
    struct task *caller = task_running(L);
    struct service *to = service_find(w, host);
    struct bus_call *c = op_new(L, &call_kind);
    struct err e = {0};
    const char *why = NULL;

    struct resident *from = vm->owner;
    buf_init(&c->message);
    buf_init(&c->trace);
    c->from = from && from->host[0] ? from->host : vm->options.name;
    c->platform = vm->options.platform;
    c->known = known;
    c->values = values;
    for (int i = 4; i <= values + 3; i++)
        if (pack_value(L, i, &c->message, &why) < 0) return start_failed(L, c, 500, why);
    uint64_t ms = budget(caller, seconds);
    if (ms == 0) return refused(L, c, host, 408, "timeout");
    if (call_depth(caller) >= MAX_DEPTH) return refused(L, c, host, 508, "call depth overflow");
    if (!to) {
        char text[300];
        snprintf(text, sizeof text, "there is no service %.*s", (int)(host.n < 250 ? host.n : 250),
                 host.p);
        return refused(L, c, host, 404, text);
    }
    struct resident *r = service_here(to, w, &e);
    struct task *t = r ? resident_task(r, push_call, c, &e) : NULL;
    if (!t) {
        if (r && e.code == -ENOMEM) rebuild_starved(r);
        return refused(L, c, host, 503, e.text);
    }
    if (c->message.cap > KEPT_MAX) buf_free(&c->message); /* the callee has them, and counts them */
    c->to = to;
    c->task = t;
    c->began = uv_hrtime();
    t->data = c;
    t->context = c;
    t->kind = "call";
    t->ended = ended;
    t->request_id = arena_str(&t->arena, caller->request_id);
    task_deadline(t, ms);
    task_start(t);
    return op_await(L, &c->op);
}

/* request.handling(handler, port, method): what the endpoint that the running task has come to is
 * called in metrics and logs. The first word counts; it is copied, because the texts are the
 * script's and the answer is measured when that has ended. */
int bus_handling(lua_State *L) {
    struct str handler = lib_str(L, 1);
    struct task *t = task_running(L);
    if (!t || t->what) return 0;
    t->what = arena_dup(&t->arena, handler);
    struct bus_call *c = t->parent ? NULL : t->context;
    if (t->exchange) {
        measure_handler(t->exchange, handler);
    } else if (c && t->what) {
        c->label.handler = t->what;
        c->label.port = (uint32_t)luaL_checkinteger(L, 2);
        if (c->label.port == EVENTS) t->kind = "event";
        c->label.method = arena_dup(&t->arena, lib_str(L, 3));
    }
    return 0;
}

/* bus.listeners([topic]) -> host names, sorted */
static int l_listeners(lua_State *L) {
    static _Thread_local struct buf names;
    struct buf *out = lib_buf(&names);
    routes_listeners(vm_of(L)->worker, lib_opt_str(L, 1, STR("")), out);
    if (!buf_ok(out)) vm_throw_memory(L);
    struct str rest = buf_view(out), name;
    lua_newtable(L);
    for (lua_Integer i = 1; rest.n; i++) {
        str_cut(rest, '\n', &name, &rest);
        lua_pushlstring(L, name.p, name.n);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* bus.self() -> host, id */
static int l_self(lua_State *L) {
    struct vm *vm = vm_of(L);
    struct resident *r = vm->owner;
    lua_pushstring(L, r && r->host[0] ? r->host : vm->options.name);
    lua_pushstring(L, r && r->service ? service_id(r->service) : "0000000000");
    return 2;
}

const struct lib_doc lib_bus_docs[] = {
    {"call", l_call,
     "fun(host: string, known: boolean, seconds: number?, frame: table?, name: string, ...: any): "
     "any",
     "Calls a service on this host by its host name or <id>.<host>. Frame, arguments and results "
     "are "
     "copied. `known`: for whom the caller's own request came from. Raises what it raised, with "
     "its "
     "status; 404 when there is no such service, 408 when the time is up, 508 above 64 calls "
     "inside "
     "each other."},
    {"listeners", l_listeners, "fun(topic?: string): string[]",
     "The hosts of the services that listen to a topic, sorted; of all services without one."},
    {"self", l_self, "fun(): string, string",
     "The host name of this service, and the id of this replica."},
    {NULL, NULL, NULL, NULL},
};

int lib_bus(lua_State *L) {
    lib_functions(L, lib_bus_docs);
    return 1;
}
