/*
 * served: a server with a handler for every occasion, on the worker of raw.h. The first path
 * segment chooses the handler. Included by the tests of the server.
 */
#ifndef SERVED_H
#define SERVED_H

#include "raw.h"

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/conn.h"

static struct server *server;

/* What handlers saw. */
static struct {
    struct exchange *x; /* the one that waits for the test: /later, /stream, /pour … */
    int requests;       /* handler->request calls */
    int gone, code;     /* handler->gone calls, the last code */
    int drained;
    int freed;      /* on_free calls */
    uint64_t bytes; /* of request bodies */
    bool last;      /* the end of one came */
    char body[70000];
} seen;

/* ---- handlers ------------------------------------------------------------------------------- */

static inline void freed(struct exchange *x) {
    seen.freed++;
}

static inline void arrived(struct exchange *x) {
    seen.requests++;
    seen.x = x;
    seen.bytes = 0;
    seen.last = false;
    x->on_free = freed;
}

static inline void on_gone(struct exchange *x, int code) {
    seen.gone++;
    seen.code = code;
    if (seen.x == x) seen.x = NULL;
}

static inline void on_body(struct exchange *x, const char *p, size_t n, bool last) {
    if (seen.bytes + n <= sizeof seen.body && n) memcpy(seen.body + seen.bytes, p, n);
    seen.bytes += n;
    seen.last = last;
}

/* /hello: a whole answer at once */
static inline void hello(struct exchange *x) {
    arrived(x);
    exchange_answer(x, 200, STR("text/plain"), STR("hello\n"));
}

/* /later: the test answers; /echo: the body comes back when it is complete */
static inline void read_on(struct exchange *x) {
    arrived(x);
    exchange_read(x);
}

static inline void echo_body(struct exchange *x, const char *p, size_t n, bool last) {
    on_body(x, p, n, last);
    if (last) exchange_answer(x, 200, STR("text/plain"), str_make(seen.body, seen.bytes));
}

/* /count: reads any amount and tells how much it was */
static inline void count_body(struct exchange *x, const char *p, size_t n, bool last) {
    on_body(x, p, n, last);
    char text[32];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)seen.bytes);
    if (last) exchange_answer(x, 200, STR("text/plain"), str_make(text, (size_t)len));
}

/* /early: an answer before the body */
static inline void early(struct exchange *x) {
    arrived(x);
    exchange_error(x, 413, "too large");
}

/* /pieces: an answer of unknown length in three writes */
static inline void pieces(struct exchange *x) {
    arrived(x);
    const struct str two[] = {STR("lo"), STR(" ")};
    exchange_begin(x, 200, NULL, 0, -1);
    exchange_write(x, "hel", 3);
    exchange_write2(x, two, 2);
    exchange_write(x, NULL, 0);
    exchange_write(x, "world", 5);
    exchange_end(x);
}

/* /pour?N: N bytes as fast as the client takes them */
static uint64_t to_pour;
static bool pouring_waits; /* it was told to stop and was not told to go on yet */

static inline void pour_on(struct exchange *x) {
    static char block[16384];
    seen.drained++;
    pouring_waits = false;
    memset(block, 'x', sizeof block);
    while (to_pour > 0) {
        size_t n = to_pour < sizeof block ? (size_t)to_pour : sizeof block;
        int rc = exchange_write(x, block, n);
        if (rc < 0) return;
        to_pour -= n;
        pouring_waits = rc == 1;
        if (rc == 1) return;
    }
    seen.x = NULL;
    exchange_end(x);
}

static inline void pour(struct exchange *x) {
    arrived(x);
    assert_int_equal(str_u64(x->h1.head.query, &to_pour), 0);
    exchange_begin(x, 200, NULL, 0, (int64_t)to_pour);
    pour_on(x);
}

/* /wait: nothing until the test does something */
static inline void wait_for_test(struct exchange *x) {
    arrived(x);
}

/* /switch: another protocol; what comes goes back */
static inline void switch_protocol(struct exchange *x) {
    arrived(x);
    const struct field up = {.name = STR("Upgrade"), .value = STR("echo")};
    exchange_begin(x, 101, &up, 1, 0);
    exchange_tunnel(x);
    exchange_read(x);
}

/* After /echo-like reading of the request's own body, too. */
static inline void tunnel_body(struct exchange *x, const char *p, size_t n, bool last) {
    if (!x->begun) {
        if (last) switch_protocol(x);
        return;
    }
    on_body(x, p, n, last);
    if (n) exchange_write(x, p, n);
    if (last) exchange_end(x);
}

/* /abort, /short, /long, /none: answers that go wrong */
static inline void abort_it(struct exchange *x) {
    arrived(x);
    exchange_begin(x, 200, NULL, 0, -1);
    exchange_write(x, "some", 4);
    exchange_abort(x);
}

static inline void too_short(struct exchange *x) {
    arrived(x);
    exchange_begin(x, 200, NULL, 0, 10);
    exchange_write(x, "some", 4);
    exchange_end(x);
}

static inline void too_long(struct exchange *x) {
    arrived(x);
    exchange_begin(x, 200, NULL, 0, 3);
    assert_true(exchange_write(x, "some", 4) < 0);
}

static inline void no_answer(struct exchange *x) {
    arrived(x);
    exchange_end(x);
}

/* /fields: fields of all kinds, good and bad */
static inline void with_fields(struct exchange *x) {
    arrived(x);
    const struct field fields[] = {
        {.name = STR("Content-Length"), .value = STR("99")},
        {.name = STR("transfer-encoding"), .value = STR("gzip")},
        {.name = STR("Connection"), .value = STR("close")},
        {.name = STR("X-Request-Id"), .value = STR("theirs")},
        {.name = STR("Date"), .value = STR("yesterday")},
        {.name = STR("A b"), .value = STR("bad name")},
        {.name = STR(""), .value = STR("no name")},
        {.name = STR("X-Split"), .value = STR("a\r\nInjected: yes")},
        {.name = STR("X-Nul"), .value = STR("a\0b")},
        {.name = STR("Set-Cookie"), .value = STR("a=1")},
        {.name = STR("Set-Cookie"), .value = STR("b=2")},
        {.name = STR("X-Tab"), .value = STR("a\tb, long enough to be looked at in eights")},
    };
    exchange_answer_fields(x, 200, fields, sizeof fields / sizeof *fields, STR("ok"));
}

/* /status/NNN */
static inline void with_status(struct exchange *x) {
    arrived(x);
    uint64_t status = 0;
    str_u64(str_from(x->h1.head.path, 8), &status);
    exchange_answer(x, (int)status, STR_NONE, STR("body"));
}

static const struct handler handlers[] = {
    {.name = "hello", .request = hello},
    {.name = "echo", .request = read_on, .body = echo_body, .gone = on_gone},
    {.name = "count", .request = read_on, .body = count_body, .gone = on_gone},
    {.name = "later", .request = read_on, .body = on_body, .gone = on_gone},
    {.name = "early", .request = early},
    {.name = "pieces", .request = pieces},
    {.name = "pour", .request = pour, .drained = pour_on, .gone = on_gone},
    {.name = "wait", .request = wait_for_test, .body = on_body, .gone = on_gone},
    {.name = "switch", .request = switch_protocol, .body = tunnel_body, .gone = on_gone},
    {.name = "read-and-switch", .request = read_on, .body = tunnel_body, .gone = on_gone},
    {.name = "abort", .request = abort_it, .gone = on_gone},
    {.name = "short", .request = too_short, .gone = on_gone},
    {.name = "long", .request = too_long, .gone = on_gone},
    {.name = "none", .request = no_answer, .gone = on_gone},
    {.name = "fields", .request = with_fields},
    {.name = "status", .request = with_status},
};

/* ---- before and after every test ------------------------------------------------------------ */

static inline void default_settings(void) {
    conf.max_connections = 1000;
    conf.max_request_line = 1000;
    conf.max_header = 4000;
    conf.max_headers = 30;
    conf.write_high = 65536;
    conf.header_timeout = conf.body_timeout = conf.write_timeout = conf.idle_timeout =
        conf.half_close_timeout = 60 * 1000000000ull;
    conf.keepalive_requests = 100000;
    conf.log_access = true;
    conf.token_auto_refresh_off = false;
}

static inline int serve(void **state) {
    struct err e = {0};
    memset(&seen, 0, sizeof seen);
    default_settings();
    if (worker_init(&raw_worker, -1, &e) < 0) return -1;
    struct route_table *t = route_table_new();
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (route_table_add(t, str_of(handlers[i].name), &handlers[i], NULL, 0)) return -1;
    if (route_table_add(t, STR("api"), &handlers[0], NULL, ROUTE_CORS)) return -1;
    if (route_table_add(t, STR("secret"), &handlers[3], NULL, ROUTE_TOKEN)) return -1;
    route_publish(t);
    server = server_open(&raw_worker, "127.0.0.1:0", NULL, &e);
    return server ? 0 : -1;
}

static inline void set_flag(struct server *s, void *flag) {
    *(bool *)flag = true;
}

static inline void stop_serving(void) {
    bool drained = false;
    server_abort(server);
    server_drain(server, set_flag, &drained);
    UNTIL(drained);
    server_close(server);
    server = NULL;
}

static inline int unserve(void **state) {
    raw_close_all();
    if (server) stop_serving();
    route_publish(NULL);
    worker_free(&raw_worker);
    assert_int_equal(stat_get(STAT_CONNECTIONS_OPEN), 0);
    assert_int_equal(stat_get(STAT_REQUESTS_OPEN), 0);
    assert_null(raw_worker.slot[WORKER_HTTP]);
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, serve, unserve)

/* ---- the client's side ---------------------------------------------------------------------- */

static inline struct raw *client(void) {
    return raw_connect(server_port(server));
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* One response. */
struct got {
    int status;
    char text[4096]; /* the head as it came */
    char body[70000];
    size_t n;
};

/* Reads the response at the start of what was received; false when it is not complete yet. */
static inline bool got_one(struct raw *r, bool to_head, struct got *g) {
    static const struct h1_limits limits = {.line = 1000, .header = 4000, .fields = 50};
    struct arena arena;
    struct h1 p;
    size_t at = 0;
    bool end = false;
    arena_init(&arena, 1000);
    h1_init(&p, H1_RESPONSE, &limits, &arena);
    if (to_head) h1_expect_no_body(&p);
    g->n = 0;
    for (;;) {
        struct h1_step s = h1_next(&p, str_make(r->buf + at, r->n - at));
        if (s.event == H1_BAD) fail_msg("%s: <%s>", p.error, r->buf);
        if (s.event == H1_HEAD) {
            g->status = p.head.status;
            snprintf(g->text, sizeof g->text, "%.*s", (int)(at + s.taken), r->buf);
        }
        if (s.event == H1_BODY && g->n + s.body.n <= sizeof g->body) {
            memcpy(g->body + g->n, s.body.p, s.body.n);
            g->n += s.body.n;
        }
        at += s.taken;
        end = s.event == H1_END;
        if (s.event == H1_MORE && r->eof && g->status && h1_eof(&p) == 0) end = true;
        if (end || s.event == H1_MORE) break;
    }
    arena_free(&arena);
    if (end) {
        memmove(r->buf, r->buf + at, r->n - at + 1);
        r->n -= at;
    }
    return end;
}

static inline struct got *get(struct raw *r) {
    static struct got g;
    g.status = 0;
    UNTIL(got_one(r, false, &g) || r->broken);
    assert_false(r->broken);
    return &g;
}

static inline void expect_answer(struct raw *r, int status, const char *body) {
    struct got *g = get(r);
    if (g->status != status || g->n != strlen(body) || memcmp(g->body, body, g->n) != 0)
        fail_msg("expected %d <%s>, got %d <%.*s>", status, body, g->status, (int)g->n, g->body);
}

static inline void expect_end(struct raw *r) {
    UNTIL(raw_over(r));
    assert_int_equal(r->n, 0);
}

#endif
