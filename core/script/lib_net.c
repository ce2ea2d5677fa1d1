/*
 * lib_net: names and addresses, for the registry: what a name resolves to; and for health probes
 * connect, close, tell how long it took.
 */
#include <arpa/inet.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/loop/dns.h"
#include "core/loop/io.h"
#include "core/script/lib.h"
#include "core/script/task.h"

/* One try to connect to one address after the other. Lives until its stream is closed, longer than
 * its op. */
struct dial {
    struct stream stream;
    struct stream_connect connect;
    struct timer timer;
    struct worker *worker;
    struct dns_query *query; /* while it is asked, and for its answers */
    struct dial_op *op;      /* NULL once the op is finished or cancelled */
    int next;                /* address to try */
    bool asking, open, ending;
};

struct dial_op {
    struct op op;
    struct dial *dial; /* NULL once it ended */
    uint64_t began;    /* uv_hrtime() */
    double seconds;
    int status;
};

static void dial_free(struct dial *d) {
    timer_remove(d->worker, &d->timer);
    mem_free(d->query);
    mem_free(d);
}

static void closed(struct stream *s) {
    struct dial *d = LIST_ENTRY(s, struct dial, stream);
    d->open = false;
    if (d->ending) dial_free(d);
}

static void no_data(struct stream *s, char *p, size_t n) {
    (void)s, (void)p, (void)n;
}
static void no_event(struct stream *s) {
    (void)s;
}
static void no_error(struct stream *s, int code) {
    (void)s, (void)code;
}
static const struct stream_ops quiet = {no_data, no_event, no_error, no_event, closed};

/* Tells the op, if there still is one, and takes everything down. */
static void over(struct dial *d, int status) {
    struct dial_op *o = d->op;
    d->op = NULL;
    d->ending = true;
    timer_disarm(d->worker, &d->timer);
    if (d->asking) {
        dns_cancel(d->query);
        d->query = NULL;
        d->asking = false;
    }
    if (d->open)
        stream_close(&d->stream);
    else
        dial_free(d);
    if (!o) return;
    o->dial = NULL;
    o->status = status;
    o->seconds = (double)(uv_hrtime() - o->began) / 1e9;
    op_finish(&o->op);
}

static void try_next(struct dial *d);

static void reopened(struct stream *s) {
    struct dial *d = LIST_ENTRY(s, struct dial, stream);
    d->open = false;
    if (d->ending)
        dial_free(d);
    else
        try_next(d);
}
static const struct stream_ops reopening = {no_data, no_event, no_error, no_event, reopened};

static void connected(struct stream_connect *c, int status) {
    struct dial *d = LIST_ENTRY(c, struct dial, connect);
    if (d->ending) return;
    if (status < 0 && d->next < d->query->n) {
        d->stream.ops = &reopening; /* the next address needs a fresh socket */
        stream_close(&d->stream);
    } else {
        over(d, status);
    }
}

static void try_next(struct dial *d) {
    int rc = stream_init(&d->stream, &quiet);
    if (rc == 0) {
        d->open = true;
        rc = stream_connect(&d->connect, &d->stream,
                            (const struct sockaddr *)&d->query->addr[d->next++].sa, connected);
    }
    if (rc < 0) over(d, rc);
}

static void resolved(struct dns_query *q) {
    /* The query is the last member that points back: it was made for exactly one dial. */
    struct dial *d = *(struct dial **)(q + 1);
    d->asking = false;
    if (q->status < 0)
        over(d, q->status);
    else
        try_next(d);
}

static void too_late(struct timer *t) {
    over(LIST_ENTRY(t, struct dial, timer), ERR_TIMEOUT);
}

static int dial_done(lua_State *L, struct op *op) {
    struct dial_op *o = (struct dial_op *)op;
    if (o->status < 0) return op_fail(L, o->status, err_name(o->status));
    lua_pushnumber(L, o->seconds);
    return 1;
}

static bool dial_cancel(struct op *op) {
    struct dial_op *o = (struct dial_op *)op;
    if (o->dial) {
        o->dial->op = NULL;
        over(o->dial, ERR_CANCELED);
    }
    return true;
}

static const struct op_kind dial_kind = {
    "net.dial", sizeof(struct dial_op), dial_done, dial_cancel, NULL, NULL};

static int begin(struct dial *d, struct str host, int port, double seconds) {
    d->query = mem_zalloc(sizeof *d->query + sizeof(struct dial *));
    if (!d->query) return -ENOMEM;
    *(struct dial **)(d->query + 1) = d;
    int rc = op_timer(&d->op->op, &d->timer, seconds);
    if (rc < 0) return rc;
    rc = dns_resolve(d->query, host, port, resolved);
    if (rc < 0) return rc;
    if (rc == 0) {
        d->asking = true;
        return 0;
    }
    if (d->query->status < 0) return d->query->status;
    try_next(d);
    return 0;
}

/* net.dial(host, port, timeout) -> seconds that connecting took; or nil, message, code */
static int l_dial(lua_State *L) {
    struct str host = lib_str(L, 1);
    lua_Integer port = luaL_checkinteger(L, 2);
    lua_Number seconds = luaL_optnumber(L, 3, (lua_Number)conf.connect_timeout / 1e9);
    luaL_argcheck(L, host.n > 0 && host.n < 254, 1, "not a host");
    luaL_argcheck(L, port > 0 && port < 65536, 2, "not a port");
    luaL_argcheck(L, seconds > 0 && seconds < 3600, 3, "not a timeout");
    struct dial_op *o = op_new(L, &dial_kind);
    struct dial *d = mem_zalloc(sizeof *d);
    if (!d) {
        op_discard(&o->op);
        return op_fail(L, -ENOMEM, "out of memory");
    }
    d->worker = vm_of(L)->worker;
    d->op = o;
    timer_init(&d->timer, too_late);
    o->dial = d;
    o->began = uv_hrtime();
    int rc = begin(d, host, (int)port, seconds);
    if (rc < 0 && o->dial) over(d, rc);
    return op_await(L, &o->op);
}

/* ---- what a name resolves to ------------------------------------------------------------------
 */

struct resolve_op {
    struct op op;
    struct timer timer;
    struct dns_query *query; /* NULL once it is cancelled */
    bool asking, late;
};

static void stop_asking(struct resolve_op *o) {
    if (!o->asking) return;
    dns_cancel(o->query); /* it frees itself */
    o->query = NULL;
    o->asking = false;
}

static void answered(struct dns_query *q) {
    struct resolve_op *o = *(struct resolve_op **)(q + 1);
    o->asking = false;
    timer_disarm(o->op.vm->worker, &o->timer);
    op_finish(&o->op);
}

static void no_answer(struct timer *t) {
    struct resolve_op *o = LIST_ENTRY(t, struct resolve_op, timer);
    o->late = true;
    stop_asking(o);
    op_finish(&o->op);
}

static void push_address(lua_State *L, const struct dns_addr *a) {
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr *sa = (const struct sockaddr *)&a->sa;
    const void *bytes = sa->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)sa)->sin_addr;
    inet_ntop(sa->sa_family, bytes, text, sizeof text);
    lua_pushstring(L, text);
}

static int resolve_done(lua_State *L, struct op *op) {
    struct resolve_op *o = (struct resolve_op *)op;
    int status = o->late ? ERR_TIMEOUT : o->query->status;
    if (status < 0) return op_fail(L, status, err_name(status));
    lua_createtable(L, o->query->n, 0);
    for (int i = 0; i < o->query->n; i++) {
        push_address(L, &o->query->addr[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static bool resolve_cancel(struct op *op) {
    stop_asking((struct resolve_op *)op);
    return true;
}

static void resolve_drop(struct op *op) {
    struct resolve_op *o = (struct resolve_op *)op;
    timer_remove(op->vm->worker, &o->timer);
    mem_free(o->query);
}

static const struct op_kind resolve_kind = {
    "net.resolve", sizeof(struct resolve_op), resolve_done, resolve_cancel, resolve_drop, NULL};

/* 0 = the answer will come, 1 = it is there; or negative. */
static int ask(struct resolve_op *o, struct str host, double seconds) {
    o->query = mem_zalloc(sizeof *o->query + sizeof(struct resolve_op *));
    if (!o->query) return -ENOMEM;
    *(struct resolve_op **)(o->query + 1) = o;
    int rc = op_timer(&o->op, &o->timer, seconds);
    if (rc < 0) return rc;
    rc = dns_resolve(o->query, host, 1, answered);
    o->asking = rc == 0;
    return rc;
}

/* net.resolve(host, timeout) -> addresses; or nil, message, code */
static int l_resolve(lua_State *L) {
    struct str host = lib_str(L, 1);
    lua_Number seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, host.n > 0 && host.n < 254, 1, "not a host");
    luaL_argcheck(L, seconds > 0 && seconds < 3600, 2, "not a timeout");
    struct resolve_op *o = op_new(L, &resolve_kind);
    timer_init(&o->timer, no_answer);
    int rc = ask(o, host, seconds);
    if (rc < 0) {
        op_discard(&o->op);
        return op_fail(L, rc, err_name(rc));
    }
    if (rc == 1) op_finish(&o->op);
    return op_await(L, &o->op);
}

const struct lib_doc lib_net_docs[] = {
    {"resolve", l_resolve, "fun(host: string, timeout: number): string[]?, string?, string?",
     "The addresses of a name, at most eight; \"not_found\" when there is no such name."},
    {"dial", l_dial,
     "fun(host: string, port: integer, timeout?: number): number?, string?, string?",
     "Connects by TCP and hangs up; how many seconds connecting took."},
    {NULL, NULL, NULL, NULL},
};

int lib_net(lua_State *L) {
    lib_functions(L, lib_net_docs);
    return 1;
}
