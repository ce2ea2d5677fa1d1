/*
 * probe: one call and whoever makes it, noting everything that it is told. One upstream listens;
 * the test plays it. Included by the tests of the client.
 */
#ifndef PROBE_H
#define PROBE_H

#include "raw.h"

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/client.h"

/* A caller that notes everything. */
struct probe {
    struct call call;
    struct arena arena;
    struct buf body;  /* all of it */
    int heads;        /* final ones */
    int interims;     /* 1xx */
    int status;       /* of the last head */
    int pieces;       /* calls of body() */
    int drained;      /* calls of it */
    int failures;     /* calls of failed() */
    struct err error; /* of the last one */
    int64_t whole;    /* as head() saw it */
    bool last;        /* body() said so */
    bool clean;       /* failed() said so */
    bool pause_head;  /* pause inside head() */
    bool pause_body;  /* pause inside body() */
    bool cancel_head; /* cancel inside head() */
    bool cancel_body; /* cancel inside body() */
    bool tunnel;      /* make a tunnel of a 101 */
    bool loud;        /* resume inside body() what was paused there */
};

/* The one of the current test. Static, so that a test that fails leaves nothing dangling. */
static struct probe one;
static int upstream; /* listening socket */
static int port;
static struct pool_addr where;

static inline void on_head(struct call *c, const struct head *h) {
    struct probe *p = c->data;
    p->status = h->status;
    if (h->status < 200)
        p->interims++;
    else
        p->heads++;
    p->whole = c->whole;
    if (h->status == 101 && p->tunnel) call_tunnel(c);
    if (p->pause_head) call_pause(c);
    if (p->cancel_head) call_cancel(c);
}

static inline void on_body(struct call *c, const char *bytes, size_t n, bool last) {
    struct probe *p = c->data;
    assert_false(p->last);
    assert_int_equal(p->failures, 0);
    p->pieces++;
    buf_add(&p->body, bytes, n);
    p->last = last;
    if (p->pause_body) call_pause(c);
    if (p->loud) call_resume(c);
    if (p->cancel_body) call_cancel(c);
}

static inline void on_bodyv(struct call *c, const struct str *parts, int n, bool last) {
    for (int i = 0; i < n; i++)
        buf_str(&((struct probe *)c->data)->body, parts[i]);
    on_body(c, NULL, 0, last);
}

static inline void on_drained(struct call *c) {
    ((struct probe *)c->data)->drained++;
}

static inline void on_failed(struct call *c, const struct err *e, bool clean) {
    struct probe *p = c->data;
    assert_false(p->last && !c->tunnel);
    p->failures++;
    p->error = *e;
    p->clean = clean;
}

static const struct call_ops ops = {on_head, on_body, NULL, on_drained, on_failed};
static const struct call_ops opsv = {on_head, NULL, on_bodyv, on_drained, on_failed};

static inline void probe_init(struct probe *p) {
    memset(p, 0, sizeof *p);
    arena_init(&p->arena, 1024);
    buf_init(&p->body);
    p->call = (struct call){.ops = &opsv, .data = p, .worker = &raw_worker, .arena = &p->arena};
}

/* Forgets the last answer; the call may be used again. */
static inline void probe_again(struct probe *p) {
    arena_reset(&p->arena);
    buf_clear(&p->body);
    p->heads = p->interims = p->status = p->pieces = p->drained = p->failures = 0;
    p->last = false;
}

static inline void probe_free(struct probe *p) {
    call_cancel(&p->call);
    call_free(&p->call);
    arena_free(&p->arena);
    buf_free(&p->body);
}

static inline void begin(struct probe *p, const char *head, int64_t length) {
    struct str part = str_of(head);
    call_start(&p->call, &where, &part, 1, length);
}

static inline void get(struct probe *p) {
    p->call.idempotent = true;
    begin(p, "GET / HTTP/1.1\r\nHost: u\r\n\r\n", 0);
}

static inline void post(struct probe *p, int64_t length) {
    char head[128];
    p->call.idempotent = false;
    if (length < 0)
        snprintf(head, sizeof head,
                 "POST / HTTP/1.1\r\nHost: u\r\nTransfer-Encoding: chunked\r\n\r\n");
    else
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: u\r\nContent-Length: %lld\r\n\r\n",
                 (long long)length);
    begin(p, head, length);
}

#define BODY_IS(p, text) assert_true(str_eq(buf_view(&(p)->body), STR(text)))

/* Starts a GET on a new connection and returns the upstream's end of it. */
static inline struct raw *get_accepted(struct probe *p) {
    get(p);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n");
    return r;
}

/* Brings a connection into the pool: one exchange of a request and an empty answer. */
static inline struct raw *warm(struct probe *p) {
    struct raw *r = get_accepted(p);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    UNTIL(p->last);
    raw_forget(r);
    probe_again(p);
    return r;
}

static inline int setup(void **state) {
    conf.connect_timeout = 2000000000ull;
    conf.upstream_timeout = 8000000000ull;
    conf.upstream_idle_timeout = 8000000000ull;
    conf.upstream_idle = 8;
    conf.upstream_keepalive = 60000000000ull;
    conf.write_high = 64 * 1024;
    upstream = raw_listen(&port);
    where = (struct pool_addr){STR("127.0.0.1"), port};
    assert_int_equal(worker_init(&raw_worker, -1, NULL), 0);
    assert_int_equal(pool_open(&raw_worker), 0);
    return 0;
}

static inline int teardown(void **state) {
    mem_fail_at(0, false);
    probe_free(&one);
    pool_close(&raw_worker);
    raw_close_all();
    close(upstream);
    for (int i = 0; i < 1000 && raw_worker.slot[WORKER_POOL]; i++)
        raw_turn();
    assert_null(raw_worker.slot[WORKER_POOL]);
    worker_free(&raw_worker);
    return 0;
}

#endif
