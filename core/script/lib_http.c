/*
 * lib_http: the HTTP client for scripts and the CLI: one call, the whole answer. Over the worker's
 * pool, so connections are kept alive. Bodies are bounded; the response is built as Lua values only
 * when the task goes on.
 */
#include <stdio.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/http/client.h"
#include "core/http/url.h"
#include "core/script/fields.h"
#include "core/script/lib.h"
#include "core/script/task.h"

#define MAX_RESPONSE    (16u << 20)
#define DEFAULT_TIMEOUT 30.0
#define NO_ROOM         "the service has too many bytes of requests and answers under way"

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

/* ---- the request, read from a table before anything is started ---- */

struct plan {
    struct url url;
    struct str method, text;
    struct buf *head;
    lua_Number timeout;
    size_t limit;
};

/* Stays on the stack, which keeps the text. */
static struct str option(lua_State *L, const char *name, struct str def) {
    return lua_getfield(L, 1, name) == LUA_TNIL ? def : lib_str(L, -1);
}

static bool framing(struct str name) {
    uint8_t id = h1_field_id(name);
    return id == H1_HOST || id == H1_CONTENT_LENGTH || id == H1_TRANSFER_ENCODING ||
           id == H1_CONNECTION;
}

static void add_headers(lua_State *L, struct buf *head) {
    if (lua_getfield(L, 1, "headers") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "header names are strings");
            struct str name = lib_str(L, -2), value = lib_str(L, -1);
            if (!h1_valid_name(name) || !h1_valid_value(value))
                luaL_error(L, "not a header: %s", name.p);
            if (!framing(name)) {
                buf_str(head, name);
                buf_str(head, STR(": "));
                buf_str(head, value);
                buf_str(head, STR("\r\n"));
            }
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static bool plain(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f) return false;
    return true;
}

static void build_head(lua_State *L, struct plan *p) {
    buf_str(p->head, p->method);
    buf_char(p->head, ' ');
    buf_str(p->head, p->url.path.n ? p->url.path : STR("/"));
    if (p->url.query.p) {
        buf_char(p->head, '?');
        buf_str(p->head, p->url.query);
    }
    buf_str(p->head, STR(" HTTP/1.1\r\nHost: "));
    buf_str(p->head, p->url.authority);
    buf_str(p->head, STR("\r\n"));
    add_headers(L, p->head);
    bool bodyless = str_eq(p->method, STR("GET")) || str_eq(p->method, STR("HEAD"));
    if (p->text.n || !bodyless) buf_printf(p->head, "Content-Length: %zu\r\n", p->text.n);
    buf_str(p->head, STR("\r\n"));
}

static bool idempotent(struct str method) {
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")) ||
           str_eq(method, STR("PUT")) || str_eq(method, STR("DELETE")) ||
           str_eq(method, STR("OPTIONS"));
}

static struct http_op *new_op(lua_State *L, const struct plan *p) {
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
    o->call.idempotent = idempotent(p->method);
    o->call.to_head = str_eq(p->method, STR("HEAD"));
    return o;
}

static int start(lua_State *L, const struct plan *p) {
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
    static _Thread_local struct buf head;
    struct err e = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct plan p = {.method = option(L, "method", STR("GET")), .text = option(L, "body", STR(""))};
    struct str url = option(L, "url", STR(""));
    if (url_parse(url, &p.url, &e) < 0) return op_fail(L, e.code, e.text);
    if (!str_ieq(p.url.scheme, STR("http"))) return op_fail(L, -ENOTSUP, "only http is supported");
    if (!h1_valid_name(p.method)) return luaL_error(L, "not a method");
    if (!plain(p.url.path) || !plain(p.url.query))
        return op_fail(L, -EINVAL, "the URL has characters that must be percent-encoded");
    lua_getfield(L, 1, "timeout");
    p.timeout = luaL_optnumber(L, -1, DEFAULT_TIMEOUT);
    if (!(p.timeout > 0 && p.timeout <= 3600)) return luaL_error(L, "timeout: 0 to 3600 seconds");
    lua_getfield(L, 1, "limit");
    lua_Integer limit = luaL_optinteger(L, -1, MAX_RESPONSE);
    if (limit < 0) return luaL_error(L, "limit: 0 or more bytes");
    p.limit = (size_t)limit;
    p.head = lib_buf(&head);
    build_head(L, &p);
    if (!buf_ok(p.head)) return op_fail(L, -ENOMEM, "out of memory");
    return start(L, &p);
}

const struct lib_doc lib_http_docs[] = {
    {"request", l_request,
     "fun(o: { url: string, method: string?, headers: table<string, string>?, body: string?, "
     "timeout: number?, limit: integer? }): { status: integer, headers: table<string, string>, "
     "body: string }?, string?, string?",
     "One HTTP/1.1 request and its whole answer. Header names of the answer are in lower case; "
     "several of one name are joined with \", \", Set-Cookie with a line break. "
     "timeout in seconds for all of it (30), limit in bytes of the answer (16 MB)."},
    {NULL, NULL, NULL, NULL},
};

int lib_http(lua_State *L) {
    lib_functions(L, lib_http_docs);
    return 1;
}
