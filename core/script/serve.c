/*
 * serve: the handler behind every route to a Lua service. It makes a task of the exchange and sees
 * to it that the exchange gets an answer however the task ends. Called by the server on the
 * connection's worker. Must never touch the task's values outside vm_protect.
 */
#include "core/script/serve.h"

#include <math.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/ws.h"
#include "core/script/measure.h"
#include "core/script/outbox.h"
#include "core/script/rebuild.h"
#include "core/script/service.h"

/* What a box in Lua holds: the task, not a pointer, so that a kept request object is refused
 * instead of dangling. */
struct box {
    struct task_id id;
};

void serve_push(lua_State *L, struct serving *s, const char *name) {
    struct box *b = lua_newuserdatauv(L, sizeof *b, 1);
    b->id = s->task->id;
    luaL_setmetatable(L, name);
}

struct task_id serve_box(lua_State *L, const char *name) {
    return ((struct box *)luaL_checkudata(L, 1, name))->id;
}

struct serving *serve_find(lua_State *L, const char *name) {
    struct task *t = task_find(vm_of(L)->worker, serve_box(L, name));
    struct serving *s = t ? t->data : NULL;
    return s && s->x ? s : NULL;
}

struct serving *serve_check(lua_State *L, const char *name) {
    struct serving *s = serve_find(L, name);
    if (!s) luaL_error(L, "this request is over");
    return s;
}

int serve_raise(lua_State *L, int status, struct str text) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "errors");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "new");
    lua_pushinteger(L, status);
    lua_pushlstring(L, text.p ? text.p : "", text.n);
    lua_call(L, 2, 1);
    return lua_error(L);
}

/* ---- streams --------------------------------------------------------------------------------- */

void serve_stream(struct serving *s, uint64_t ms, void (*beat)(struct timer *t)) {
    s->x->streaming = true;
    task_deadline(s->task, 0);
    list_push(&s->resident->streams, &s->link);
    timer_init(&s->beat, beat);
    s->beat_ms = ms;
    s->said = s->resident->worker->now_ms;
    if (ms && timer_arm(s->resident->worker, &s->beat, ms) < 0) log_error("out of memory");
}

/* The handler has as long to end as a request has for all. */
static void stream_over(struct serving *s) {
    const struct task *t = s->task;
    list_unlink(&s->link);
    timer_remove(s->resident->worker, &s->beat);
    if (t->state == TASK_DONE || t->canceled) return;
    if (task_deadline(s->task, conf.lua_deadline / 1000000) < 0) log_error("out of memory");
}

static void wake_drains(struct serving *s, bool gone) {
    for (struct list *it; (it = list_pop(&s->drains));) {
        struct drain *d = LIST_ENTRY(it, struct drain, link);
        d->gone = gone;
        op_finish(&d->op);
    }
}

/* In order: the client sees that there is no more, and of a WebSocket why. */
static void end_stream(struct serving *s, int why) {
    if (s->socket)
        socket_close(s, why, STR(""));
    else
        exchange_end(serve_part(s));
}

void serve_hang_up(struct resident *r) {
    r->leaving = true;
    while (!list_empty(&r->streams))
        end_stream(LIST_ENTRY(r->streams.next, struct serving, link), WS_GOING_AWAY);
}

void serve_check_leaving(lua_State *L, const struct serving *s) {
    if (s->resident->leaving) serve_raise(L, 503, STR("the service is going out of service"));
}

uint64_t serve_option_ms(lua_State *L, int index, const char *name, double def) {
    if (lua_isnoneornil(L, index)) return (uint64_t)(def * 1000);
    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, name);
    int is_number;
    lua_Number seconds = lua_isnil(L, -1) ? def : lua_tonumberx(L, -1, &is_number);
    if (!lua_isnil(L, -1) && !is_number) seconds = -1;
    if (!(seconds >= 0 && seconds <= 3600))
        luaL_error(L, "%s is a number of seconds from 0 to 3600", name);
    lua_pop(L, 1);
    return (uint64_t)ceil(seconds * 1000);
}

/* ---- the exchange of a task ------------------------------------------------------------------ */

struct exchange *serve_part(struct serving *s) {
    struct exchange *x = s->x;
    s->x = NULL;
    s->task->exchange = NULL;
    if (!list_empty(&s->link)) stream_over(s);
    wake_drains(s, true);
    if (s->socket) socket_wake(s);
    return x;
}

void serve_fail(struct serving *s, int status, const char *text) {
    if (s->socket) {
        end_stream(s, WS_FAILED);
        return;
    }
    struct exchange *x = serve_part(s);
    if (x->begun) {
        exchange_abort(x);
        return;
    }
    struct buf body;
    buf_init(&body);
    buf_str(&body, STR("{\"error\": "));
    buf_json(&body, str_of(text));
    if (status >= 500 && !service_is_platform(s->resident->service)) {
        buf_str(&body, STR(", \"requestId\": "));
        buf_json(&body, x->id);
    }
    buf_char(&body, '}');
    if (buf_ok(&body))
        exchange_error_body(x, status, buf_view(&body), s->task->retry_after);
    else
        exchange_error(x, status, text);
    buf_free(&body);
}

static void failed(struct serving *s, struct task *t) {
    struct buf trace, message;
    buf_init(&trace);
    buf_init(&message);
    int status = task_error(t, &trace, &message);
    bool asked = status >= 100 && status < 600;
    if (!asked) status = 500;
    buf_char(&message, 0);
    const char *text = buf_ok(&message) ? message.p : "";
    if (status >= 500)
        log_error("handler failed", LOGS("request_id", t->request_id),
                  LOGZ("service", s->resident->host), LOGZ("what", t->what), LOGI("status", status),
                  LOGZ("error", text), LOGS("traceback", buf_view(&trace)));
    if (s->x) serve_fail(s, status, asked || conf.dev ? text : "Internal Server Error");
    buf_free(&trace);
    buf_free(&message);
}

static void over(struct serving *s, struct task *t, const char *why, int status, const char *text) {
    log_error(why, LOGS("request_id", t->request_id), LOGZ("service", s->resident->host),
              LOGZ("what", t->what));
    if (s->x) serve_fail(s, status, text);
}

static void ended(struct task *t, enum task_end end, int nresults) {
    struct serving *s = t->data;
    switch (end) {
    case TASK_RETURNED:
        if (s->x && s->x->begun)
            end_stream(s, WS_NORMAL);
        else if (s->x)
            over(s, t, "handler did not answer", 500, "Internal Server Error");
        break;
    case TASK_FAILED:
        failed(s, t);
        break;
    case TASK_NO_MEMORY:
        over(s, t, "handler ran out of memory", 503,
             "the service is out of memory; try again later");
        break;
    case TASK_OVERRUN:
        over(s, t, "handler ran too long", 503, "the handler ran too long");
        break;
    case TASK_CANCELED:
        if (!list_empty(&s->link))
            end_stream(s, WS_GOING_AWAY);
        else if (s->x)
            over(s, t, "handler was cancelled", 504, "the service took too long");
        break;
    }
    t->data = NULL;
    request_wake(s);
    if (s->socket) socket_wake(s);
    if (s->socket) socket_free(s);
    request_free(s);
    mem_free(s);
}

/* Whether the path begins with the host itself, as it is declared, and nothing but a path behind
 * it. */
static bool is_plain(const struct exchange *x, const struct resident *r) {
    struct str path = x->h1.head.path, host = str_of(r->host);
    return x->port == 0 && path.n > host.n && str_eq(x->segment, host) &&
           path.n == 1 + host.n + x->rest.n && memcmp(path.p + 1, host.p, host.n) == 0;
}

/* dispatch(method, path), or dispatch(method, rest of the path, host, port) */
static int push(lua_State *co, void *arg) {
    struct serving *s = arg;
    const struct exchange *x = s->x;
    const struct head *h = &x->h1.head;
    ref_push(co, s->resident->vm, s->resident->dispatch);
    lua_pushlstring(co, h->method.p, h->method.n);
    if (is_plain(x, s->resident)) {
        lua_pushlstring(co, h->path.p, h->path.n);
        return 2;
    }
    lua_pushlstring(co, x->rest.n ? x->rest.p : "", x->rest.n);
    lua_pushlstring(co, x->segment.p, x->segment.n);
    lua_pushinteger(co, x->port ? x->port : 443);
    return 4;
}

static void refuse(struct exchange *x, const struct err *e) {
    stat_add(STAT_TASKS_REFUSED, 1);
    log_warn("request not started", LOGS("request_id", x->id), LOGS("service", x->segment),
             LOGZ("error", e->text));
    exchange_error(x, 503,
                   e->code == ERR_CLOSED
                       ? "the service is not in service now; try again later"
                       : "the service cannot take another request now; try again later");
}

static void on_request(struct exchange *x) {
    struct err e = {0};
    struct resident *r = service_here(x->route->data, x->worker, &e);
    struct serving *s = r ? mem_zalloc(sizeof *s) : NULL;
    if (!s) {
        refuse(x, &e);
        return;
    }
    s->x = x;
    s->resident = r;
    buf_init(&s->body);
    list_init(&s->drains);
    list_init(&s->link);
    struct task *t = resident_task(r, push, s, &e);
    if (!t) {
        if (e.code == -ENOMEM) rebuild_starved(r);
        mem_free(s);
        refuse(x, &e);
        return;
    }
    s->task = t;
    t->data = s;
    t->exchange = x;
    t->kind = "request";
    t->ended = ended;
    size_t n = x->id.n < sizeof s->id ? x->id.n : sizeof s->id;
    memcpy(s->id, x->id.p, n);
    t->request_id = str_make(s->id, n);
    x->data = s;
    outbox_charge(service_outbox(r->service, r->worker), x);
    measure_exchange(x, r);
    uint64_t ms = conf.lua_deadline / 1000000;
    task_deadline(t, x->budget_ms && x->budget_ms < ms ? x->budget_ms : ms);
    task_start(t);
}

static void on_body(struct exchange *x, const char *p, size_t n, bool last) {
    struct serving *s = x->data;
    if (s->socket)
        socket_bytes(s, p, n, last);
    else
        request_bytes(s, p, n, last);
}

static void on_drained(struct exchange *x) {
    struct serving *s = x->data;
    wake_drains(s, false);
    if (s->socket) socket_drained(s);
}

static void on_gone(struct exchange *x, int code) {
    struct serving *s = x->data;
    serve_part(s);
    task_cancel(s->task);
}

const struct handler service_handler = {
    .name = "service",
    .request = on_request,
    .body = on_body,
    .drained = on_drained,
    .gone = on_gone,
};
