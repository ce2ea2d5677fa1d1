/*
 * lib_http: the HTTP client for scripts and the CLI, for lua/http.lua: here one call that gives the
 * whole answer; in pieces, see http_stream.c. Over the worker's pool, so connections are kept
 * alive. Bodies are bounded; the response is built as Lua values only when the task goes on.
 */
#include <stdio.h>

#include "core/base/mem.h"
#include "core/http/client.h"
#include "core/script/fields.h"
#include "core/script/http_plan.h"
#include "core/script/http_stream.h"
#include "core/script/lib.h"
#include "core/script/task.h"

#define NO_ROOM "the service has too many bytes of requests and answers under way"

/* A request and what came back. */
struct http_op {
    struct op op;
    struct call call;
    struct arena arena; /* host and request head, response head */
    struct pool_addr to;
    struct str request; /* its head, which begins with the method */
    struct timer timer; /* for all of it */
    struct buf body;
    size_t held; /* bytes counted by vm_hold: the request's body and what came of the answer's */
    const struct head *head;
    int status;
    size_t limit;
    bool starting; /* inside start(): a failure is dealt with there */
    bool stale;    /* a kept connection was dead, and the request goes out again */
    bool again;    /* that happened once already */
    int code;      /* 0 or why it failed */
    char text[256];
};

static void finish(struct http_op *o, int code, const char *text) {
    o->code = code;
    snprintf(o->text, sizeof o->text, "%s", text);
    timer_disarm(o->call.worker, &o->timer);
    op_finish(&o->op);
}

static bool hold(struct http_op *o, size_t n) {
    if (!vm_hold(o->op.vm, n)) return false;
    o->held += n;
    return true;
}

static void on_head(struct call *c, const struct head *h) {
    struct http_op *o = c->data;
    if (h->status < 200) return;
    o->head = h;
    o->status = h->status;
}

static void on_body(struct call *c, const char *p, size_t n, bool last) {
    struct http_op *o = c->data;
    bool large = o->body.n + n > o->limit;
    if (large || !hold(o, n)) {
        call_cancel(c);
        finish(o, ERR_LIMIT, large ? "the answer is larger than the limit" : NO_ROOM);
        return;
    }
    buf_add(&o->body, p, n);
    if (last) finish(o, buf_ok(&o->body) ? 0 : -ENOMEM, "out of memory");
}

static void on_drained(struct call *c) {
    (void)c; /* the body was handed over in one piece */
}

static void send_again(struct http_op *o) {
    o->stale = false;
    o->call.fresh = true;
    call_again(&o->call, &o->to, &o->request, 1);
}

/* A connection from the pool may have been closed by the other side meanwhile: that is nobody's
 * failure. */
static void on_failed(struct call *c, const struct err *e, bool clean) {
    struct http_op *o = c->data;
    if (!clean || !c->reused || o->again || !call_held(c)) {
        finish(o, e->code, e->text);
        return;
    }
    o->again = o->stale = true;
    if (!o->starting) send_again(o);
}

static const struct call_ops ops = {
    .head = on_head, .body = on_body, .drained = on_drained, .failed = on_failed};

static void too_late(struct timer *t) {
    struct http_op *o = LIST_ENTRY(t, struct http_op, timer);
    call_cancel(&o->call);
    finish(o, ERR_TIMEOUT, "no answer in time");
}

static bool cancel(struct op *op) {
    call_cancel(&((struct http_op *)op)->call);
    return true;
}

static void drop(struct op *op) {
    struct http_op *o = (struct http_op *)op;
    vm_release(op->vm, o->held);
    timer_remove(o->call.worker, &o->timer);
    call_free(&o->call);
    buf_free(&o->body);
    arena_free(&o->arena);
}

static int done(lua_State *L, struct op *op) {
    struct http_op *o = (struct http_op *)op;
    if (o->code < 0) return op_fail(L, o->code, o->text);
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, o->status);
    lua_setfield(L, -2, "status");
    fields_push(L, o->head);
    lua_setfield(L, -2, "headers");
    lua_pushlstring(L, o->body.p ? o->body.p : "", o->body.n);
    lua_setfield(L, -2, "body");
    return 1;
}

/* Without path and query: they may hold keys. */
static void tell(const struct op *op, struct buf *out) {
    const struct http_op *o = (const struct http_op *)op;
    struct str method, rest;
    str_cut(o->request, ' ', &method, &rest);
    bool v6 = str_index(o->to.host, ':') >= 0;
    buf_printf(out, "http %.*s http://%s%.*s%s:%d", STR_FMT(method), v6 ? "[" : "",
               STR_FMT(o->to.host), v6 ? "]" : "", (int)o->to.port);
}

static const struct op_kind request_kind = {
    "http.request", sizeof(struct http_op), done, cancel, drop, tell};

static struct http_op *new_op(lua_State *L, const struct http_plan *p) {
    struct http_op *o = op_new(L, &request_kind);
    arena_init(&o->arena, 2048);
    buf_init(&o->body);
    timer_init(&o->timer, too_late);
    o->limit = p->limit;
    o->to = (struct pool_addr){arena_str(&o->arena, p->url.host), p->url.port};
    o->request = arena_str(&o->arena, buf_view(p->head));
    o->call.worker = vm_of(L)->worker;
    o->call.ops = &ops;
    o->call.data = o;
    o->call.arena = &o->arena;
    o->call.idempotent = p->idempotent;
    o->call.to_head = p->to_head;
    return o;
}

static int start(lua_State *L, const struct http_plan *p) {
    struct http_op *o = new_op(L, p);
    if (!o->to.host.p || !o->request.p || op_timer(&o->op, &o->timer, p->timeout) < 0) {
        op_discard(&o->op);
        return op_fail(L, -ENOMEM, "out of memory");
    }
    if (!hold(o, p->text.n)) {
        op_discard(&o->op);
        return op_fail(L, ERR_LIMIT, NO_ROOM);
    }
    o->starting = true;
    call_start(&o->call, &o->to, &o->request, 1, (int64_t)p->text.n);
    if (o->stale) send_again(o);
    if (!o->op.finished && p->text.n)
        call_write_last(&o->call, p->text.p, p->text.n);
    else if (!o->op.finished)
        call_end(&o->call);
    if (o->stale) send_again(o);
    o->starting = false;
    return op_await(L, &o->op);
}

/* http.request{ url =, method =, headers =, body =, timeout =, limit = } */
static int l_request(lua_State *L) {
    struct http_plan p;
    int failed = http_plan_read(L, &p);
    if (failed) return failed;
    if (p.chunked) return luaL_error(L, "a body that comes in pieces needs open");
    return start(L, &p);
}

const struct lib_doc lib_http_docs[] = {
    {"request", l_request, "fun(o: HttpRequest): HttpAnswer?, string?, string?",
     "One HTTP/1.1 request and its whole answer; its body is a string. See http.request."},
    {"open", http_stream_open, "fun(o: HttpRequest): HttpExchange?, string?, string?",
     "Begins a request whose answer is read in pieces, and whose body may be written so."},
    {"HttpExchange", NULL, "class", "A request and its answer under way: what open gives."},
    {"HttpExchange:write", http_stream_write,
     "fun(self: HttpExchange, piece: string): boolean?, string?, string?",
     "Sends a piece of the body; returns when there is room. false: the answer is complete "
     "already."},
    {"HttpExchange:finish", http_stream_finish, "fun(self: HttpExchange)",
     "The request's body is complete."},
    {"HttpExchange:head", http_stream_head,
     "fun(self: HttpExchange): integer?, table<string, string>|string?, string?",
     "Waits for the head of the answer: its status and headers."},
    {"HttpExchange:read", http_stream_read, "fun(self: HttpExchange): string?, string?, string?",
     "The next piece of the answer's body; nil alone at its end."},
    {"HttpExchange:close", http_stream_close, "fun(self: HttpExchange)",
     "Hangs up, unless the answer is complete; leaving its block does so, too."},
    {NULL, NULL, NULL, NULL},
};

int lib_http(lua_State *L) {
    static const luaL_Reg meta[] = {
        {"__gc", http_stream_close}, {"__close", http_stream_close}, {NULL, NULL}};
    lib_class(L, HTTP_STREAM, lib_http_docs, meta);
    lib_functions(L, lib_http_docs);
    return 1;
}
