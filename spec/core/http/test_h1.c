/*
 * What must be true of h1: which bytes are a message, which are refused and with which status, and
 * that none of it depends on where the input was split. Every case below runs whole, byte by byte
 * and cut in two at every place.
 */
#include "core/http/h1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/mem.h"

static const struct h1_limits roomy = {.line = 16384, .header = 32768, .fields = 100};

/* ---- reading a message into a line of text -------------------------------------------------- */

/* Feeds the bytes of one message, `piece` at a time but for the first cut at `first`, as a
 * connection would: input that was not taken is shown again with what follows. */
struct reading {
    struct h1 h1;
    struct arena arena;
    struct buf text; /* what came, described */
    struct buf body;
    bool over;
};

static void describe_head(struct reading *r) {
    const struct head *h = &r->h1.head;
    if (h->status)
        buf_printf(&r->text, "%d [%.*s]", h->status, STR_FMT(h->reason));
    else
        buf_printf(&r->text, "%.*s %.*s path=%.*s host=%.*s", STR_FMT(h->method),
                   STR_FMT(h->target), STR_FMT(h->path), STR_FMT(h->host));
    if (h->query.p) buf_printf(&r->text, " query=%.*s", STR_FMT(h->query));
    buf_printf(&r->text, " 1.%d len=%lld%s%s%s%s%s%s", h->minor, (long long)h->length,
               h->chunked ? " chunked" : "", h->keep_alive ? " keep" : "",
               h->expect ? " expect" : "", h->expect_other ? " expect-other" : "",
               h->upgrade ? " upgrade" : "", h->is_head ? " head" : "");
    for (int i = 0; i < h->n_fields; i++)
        buf_printf(&r->text, " |%.*s=%.*s", STR_FMT(h->fields[i].name),
                   STR_FMT(h->fields[i].value));
    buf_str(&r->text, STR("\n"));
}

/* Shows the parser `in`; returns how much it took for good. */
static size_t show(struct reading *r, struct str in) {
    size_t taken = 0;
    while (!r->over) {
        struct h1_step s = h1_next(&r->h1, str_from(in, taken));
        assert_true(s.taken <= in.n - taken);
        taken += s.taken;
        switch (s.event) {
        case H1_MORE:
            assert_int_equal(taken, in.n);
            return taken;
        case H1_HEAD:
            describe_head(r);
            break;
        case H1_BODY:
            assert_true(s.body.n > 0);
            assert_true(s.body.p >= in.p && s.body.p + s.body.n <= in.p + in.n);
            buf_str(&r->body, s.body);
            break;
        case H1_END:
            buf_printf(&r->text, "body=%.*s end", STR_FMT(buf_view(&r->body)));
            r->over = true;
            break;
        case H1_BAD:
            assert_non_null(r->h1.error);
            buf_printf(&r->text, "bad %d", r->h1.status);
            r->over = true;
            break;
        }
    }
    return taken;
}

/* The description of what the bytes are; the caller frees it. Each piece is a heap block of its
 * own, so that reading outside of it is seen. */
static char *reading(enum h1_kind kind, const struct h1_limits *limits, bool to_head,
                     struct str bytes, size_t first, size_t piece) {
    struct reading r = {0};
    arena_init(&r.arena, 256);
    h1_init(&r.h1, kind, limits, &r.arena);
    if (to_head) h1_expect_no_body(&r.h1);
    size_t at = 0;
    while (at < bytes.n && !r.over) {
        size_t n = at == 0 && first ? first : piece;
        if (n > bytes.n - at) n = bytes.n - at;
        char *copy = malloc(n);
        memcpy(copy, bytes.p + at, n);
        at += show(&r, str_make(copy, n));
        free(copy);
    }
    if (!r.over) { /* the peer closes here */
        int rc = h1_eof(&r.h1);
        if (rc == 0) show(&r, STR_NONE);
        if (rc == 0 && !r.over) buf_str(&r.text, STR("nothing"));
        if (rc < 0)
            buf_printf(&r.text, "body=%.*s cut", STR_FMT(buf_view(&r.body)));
        else if (r.h1.head.length < 0 && !r.h1.head.chunked)
            buf_str(&r.text, STR(" (eof)"));
    }
    if (bytes.n > at) buf_printf(&r.text, " rest=%zu", bytes.n - at);
    buf_char(&r.text, 0);
    assert_true(buf_ok(&r.text));
    arena_free(&r.arena);
    buf_free(&r.body);
    return buf_take(&r.text, &(size_t){0});
}

static void must_read(enum h1_kind kind, const struct h1_limits *limits, bool to_head,
                      struct str bytes, const char *want) {
    for (size_t first = 0; first <= bytes.n; first++) {
        /* 0: byte by byte; bytes.n: whole */
        size_t piece = first == 0 ? 1 : bytes.n;
        char *got = reading(kind, limits, to_head, bytes, first, piece);
        if (strcmp(got, want) != 0)
            fail_msg("input <%.*s> cut at %zu\nread as <%s>\n  not as <%s>", STR_FMT(bytes), first,
                     got, want);
        mem_free(got);
    }
}

static void must_be_refused(enum h1_kind kind, struct str bytes, int status) {
    char want[16];
    snprintf(want, sizeof want, "bad %d", status);
    for (size_t first = 0; first <= bytes.n; first++) {
        char *got = reading(kind, &roomy, false, bytes, first, first == 0 ? 1 : bytes.n);
        const char *last = strrchr(got, '\n');
        if (strncmp(last ? last + 1 : got, want, strlen(want)) != 0)
            fail_msg("input <%.*s> cut at %zu\nread as <%s>\n  not as <%s>", STR_FMT(bytes), first,
                     got, want);
        mem_free(got);
    }
}

/* A string literal with everything in it, NUL included. */
#define B(lit) STR(lit)

struct refused {
    struct str bytes;
    int status;
};

#define REFUSED(kind, table) \
    for (size_t i_ = 0; i_ < sizeof(table) / sizeof *(table); i_++) \
    must_be_refused(kind, (table)[i_].bytes, (table)[i_].status)

#define G "GET / HTTP/1.1\r\n"
#define H "Host: h\r\n"
#define P "POST / HTTP/1.1\r\nHost: h\r\n"
#define C P "Transfer-Encoding: chunked\r\n\r\n"

/* ---- requests that are good ----------------------------------------------------------------- */

static void a_plain_request_is_read(void **state) {
    must_read(H1_REQUEST, &roomy, false,
              B("GET /a/b?c=d HTTP/1.1\r\nHost: x:80\r\nA:  b c\t\r\n\r\n"),
              "GET /a/b?c=d path=/a/b host=x:80 query=c=d 1.1 len=0 keep |Host=x:80 |A=b c\n"
              "body= end");
    must_read(H1_REQUEST, &roomy, false, B("HEAD / HTTP/1.0\r\n\r\n"),
              "HEAD / path=/ host= 1.0 len=0 head\nbody= end");
    must_read(H1_REQUEST, &roomy, false, B("M-X / HTTP/1.1\r\nHost:\r\nE:\r\n\r\n"),
              "M-X / path=/ host= 1.1 len=0 keep |Host= |E=\nbody= end");
    must_read(H1_REQUEST, &roomy, false, B(G H "\r\n"),
              "GET / path=/ host=h 1.1 len=0 keep |Host=h\nbody= end");
}

static void an_empty_query_is_not_a_missing_one(void **state) {
    must_read(H1_REQUEST, &roomy, false, B("GET /? HTTP/1.1\r\n" H "\r\n"),
              "GET /? path=/ host=h query= 1.1 len=0 keep |Host=h\nbody= end");
}

static void empty_lines_before_a_request_are_skipped(void **state) {
    must_read(H1_REQUEST, &roomy, false, B("\r\n" G H "\r\n"),
              "GET / path=/ host=h 1.1 len=0 keep |Host=h\nbody= end");
    must_read(H1_REQUEST, &roomy, false, B("\r\n\r\n"), "nothing");
    must_be_refused(H1_REQUEST, B("\r\n\r\n\r\n\r\n\r\n\r\n\r\n" G H "\r\n"), 400);
    must_be_refused(H1_REQUEST, B("\n" G H "\r\n"), 400);
    must_be_refused(H1_REQUEST, B("\r" G H "\r\n"), 400);
    must_be_refused(H1_RESPONSE, B("\r\nHTTP/1.1 200 OK\r\n\r\n"), 502);
}

static void bodies_are_cut_where_their_length_says(void **state) {
    must_read(H1_REQUEST, &roomy, false, B(P "Content-Length: 5\r\n\r\nhello"),
              "POST / path=/ host=h 1.1 len=5 keep |Host=h |Content-Length=5\nbody=hello end");
    must_read(H1_REQUEST, &roomy, false, B(P "Content-Length: 0005\r\n\r\nhello"),
              "POST / path=/ host=h 1.1 len=5 keep |Host=h |Content-Length=0005\nbody=hello end");
    must_read(H1_REQUEST, &roomy, false, B(P "Content-Length: 0\r\n\r\n"),
              "POST / path=/ host=h 1.1 len=0 keep |Host=h |Content-Length=0\nbody= end");
    must_read(H1_REQUEST, &roomy, false, B(P "Content-Length: 5\r\n\r\nhel"),
              "POST / path=/ host=h 1.1 len=5 keep |Host=h |Content-Length=5\nbody=hel cut");
    must_read(H1_REQUEST, &roomy, false, B(P "Content-Length: 9223372036854775807\r\n\r\n"),
              "POST / path=/ host=h 1.1 len=9223372036854775807 keep |Host=h "
              "|Content-Length=9223372036854775807\nbody= cut");
}

static void an_identical_second_length_is_dropped(void **state) {
    must_read(H1_REQUEST, &roomy, false,
              B(P "Content-Length: 5\r\nA: b\r\nContent-length:5 \r\nContent-Length: 5\r\nC: "
                  "d\r\n\r\nhello"),
              "POST / path=/ host=h 1.1 len=5 keep |Host=h |Content-Length=5 |A=b |C=d\n"
              "body=hello end");
}

#define CHUNKED_HEAD \
    "POST / path=/ host=h 1.1 len=-1 chunked keep |Host=h |Transfer-Encoding=chunked\n"

static void chunks_are_joined_and_their_frames_dropped(void **state) {
    static const struct {
        struct str bytes;
        const char *want;
    } cases[] = {
        {B(C "5\r\nhello\r\n0\r\n\r\n"), CHUNKED_HEAD "body=hello end"},
        {B(C "0\r\n\r\n"), CHUNKED_HEAD "body= end"},
        {B(C "00000000000000000000005\r\nhello\r\n000\r\n\r\n"), CHUNKED_HEAD "body=hello end"},
        {B(C "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"), CHUNKED_HEAD "body=hello end"},
        {B(C "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
         CHUNKED_HEAD "body=01234567890123456789 end"},
        {B(C "5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n"), CHUNKED_HEAD "body=hello end"},
        {B(C "5; a = b \r\nhello\r\n0\r\n\r\n"), CHUNKED_HEAD "body=hello end"},
        {B(C "5;a=\"b\\\"c;\"\r\nhello\r\n0\r\n\r\n"), CHUNKED_HEAD "body=hello end"},
        {B(C "2\r\n\r\n\r\n0\r\n\r\n"), CHUNKED_HEAD "body=\r\n end"},
        {B(C "5\r\nhello\r\n0\r\nAuthorization: Bearer x\r\nContent-Length: 3\r\nT:\r\n\r\n"),
         CHUNKED_HEAD "body=hello end"},
        {B(C "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
         CHUNKED_HEAD "body=hello end"},
        {B(C "5\r\nhello\r\n0\r\n"), CHUNKED_HEAD "body=hello cut"},
        {B(C "5\r\nhel"), CHUNKED_HEAD "body=hel cut"},
        {B(C "5\r\nhello\r\n"), CHUNKED_HEAD "body=hello cut"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        must_read(H1_REQUEST, &roomy, false, cases[i].bytes, cases[i].want);
}

static void an_absolute_target_brings_the_host_and_is_cut_down(void **state) {
    must_read(H1_REQUEST, &roomy, false, B("GET http://x/svc/a?b HTTP/1.1\r\nHost: y\r\n\r\n"),
              "GET /svc/a?b path=/svc/a host=x query=b 1.1 len=0 keep |Host=y\nbody= end");
    must_read(H1_REQUEST, &roomy, false, B("GET HTTPS://x:8 HTTP/1.1\r\nHost: y\r\n\r\n"),
              "GET / path=/ host=x:8 1.1 len=0 keep |Host=y\nbody= end");
    must_read(H1_REQUEST, &roomy, false, B("GET http://x?b=/c HTTP/1.1\r\nHost: y\r\n\r\n"),
              "GET /?b=/c path=/ host=x query=b=/c 1.1 len=0 keep |Host=y\nbody= end");
    must_read(H1_REQUEST, &roomy, false, B("OPTIONS http://x HTTP/1.1\r\nHost: y\r\n\r\n"),
              "OPTIONS * path=* host=x 1.1 len=0 keep |Host=y\nbody= end");
    must_read(H1_REQUEST, &roomy, false, B("OPTIONS * HTTP/1.1\r\nHost: y\r\n\r\n"),
              "OPTIONS * path=* host=y 1.1 len=0 keep |Host=y\nbody= end");
}

static void odd_but_harmless_targets_pass_byte_for_byte(void **state) {
    static const char *const targets[] = {
        "/",        "//svc/a",    "/a%2Fb",   "/a%5cb",      "/a;b=c",         "/%25%32%65",
        "/a/...",   "/a/.b",      "/a/b.",    "/a/..b/%2ex", "/?../x",         "/a?b=../../c",
        "/a%20b",   "/{a}|\"<>^", "/a/..;/b", "/%2e%2e%2fa", "/%c0%ae",        "/a:b@c,d",
        "/%73vc/a", "/a/..%2fb",  "/*",       "/a?b?c",      "/~a!$&'()*+,;=",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char bytes[128];
        int n = snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[i]);
        char *got = reading(H1_REQUEST, &roomy, false, str_make(bytes, (size_t)n), 0, 7);
        char want[64];
        int w = snprintf(want, sizeof want, "GET %s path=", targets[i]);
        if (strncmp(got, want, (size_t)w) != 0) fail_msg("<%s> read as <%s>", targets[i], got);
        mem_free(got);
    }
}

static void every_valid_host_is_taken(void **state) {
    static const char *const hosts[] = {"",    "a",         "a.b-c_d",        "a:80",
                                        "a:",  "127.0.0.1", "[::1]",          "[::1]:8",
                                        "a~b", "%41",       "[1:2::3.4.5.6]:"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char bytes[128];
        int n = snprintf(bytes, sizeof bytes, G "Host: %s\r\n\r\n", hosts[i]);
        char *got = reading(H1_REQUEST, &roomy, false, str_make(bytes, (size_t)n), 0, 200);
        if (!strstr(got, "body= end")) fail_msg("<%s> read as <%s>", hosts[i], got);
        mem_free(got);
    }
}

static void connection_options_are_understood(void **state) {
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "1.1 len=0 |"},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: ,,Close,x\r\n\r\n", "1.1 len=0 |"},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n", "1.1 len=0 |"},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", "1.1 len=0 keep |"},
        {"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", "1.0 len=0 keep |"},
        {"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n", "1.0 len=0 |"},
        {"GET / HTTP/1.0\r\nHost: h\r\nProxy-Connection: keep-alive\r\n\r\n", "1.0 len=0 |"},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
         "1.1 len=0 keep upgrade |"},
        {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "1.1 len=0 keep |"},
        {"GET / HTTP/1.0\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
         "1.0 len=0 |"},
        {"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n", "1.1 len=0 keep expect |"},
        {"GET / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", "1.0 len=0 |"},
        {"GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", "1.1 len=0 keep expect-other |"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *got = reading(H1_REQUEST, &roomy, false, str_of(cases[i].line), 0, 1000);
        if (!strstr(got, cases[i].want)) fail_msg("<%s> read as <%s>", cases[i].line, got);
        mem_free(got);
    }
}

static void an_upgrade_request_may_have_a_body(void **state) {
    must_read(H1_REQUEST, &roomy, false,
              B(P "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi"),
              "POST / path=/ host=h 1.1 len=2 keep upgrade |Host=h |Connection=upgrade "
              "|Upgrade=h2c |Content-Length=2\nbody=hi end");
    must_read(H1_REQUEST, &roomy, false,
              B(P "Connection: close, upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
              "POST / path=/ host=h 1.1 len=-1 chunked upgrade |Host=h |Connection=close, upgrade "
              "|Upgrade=h2c |Transfer-Encoding=chunked\nbody=hi end");
}

/* ---- requests that are not ------------------------------------------------------------------ */

static void malformed_request_lines_are_refused(void **state) {
    static const struct refused cases[] = {
        {B("GET /\r\n\r\n"), 400},
        {B("GET  / HTTP/1.1\r\n" H "\r\n"), 400},
        {B("GET /  HTTP/1.1\r\n" H "\r\n"), 400},
        {B("GET / HTTP/1.1 \r\n" H "\r\n"), 400},
        {B("GET\t/ HTTP/1.1\r\n" H "\r\n"), 400},
        {B(" GET / HTTP/1.1\r\n" H "\r\n"), 400},
        {B("G(T / HTTP/1.1\r\n" H "\r\n"), 400},
        {B("GET / http/1.1\r\n" H "\r\n"), 400},
        {B("GET / HTTP/1\r\n" H "\r\n"), 400},
        {B("GET / HTTP/11\r\n" H "\r\n"), 400},
        {B("GET / HTTP/1.1x\r\n" H "\r\n"), 400},
        {B("GET / HTTP/1.10\r\n" H "\r\n"), 400},
        {B("GET / HTTP/ 1.1\r\n" H "\r\n"), 400},
        {B("GET / XHTTP/1.1\r\n" H "\r\n"), 400},
        {B("GET / HTTP/1.2\r\n" H "\r\n"), 505},
        {B("GET / HTTP/2.0\r\n" H "\r\n"), 505},
        {B("GET / HTTP/0.9\r\n" H "\r\n"), 505},
        {B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400},
        {B("GET / HTTP/1.1\n" H "\r\n"), 400},
        {B("GET / HTTP/1.1\r" H "\r\n"), 400},
        {B("GET / HTTP/1.1\rX" H "\r\n"), 400},
        {B("GET / HTTP/1.1\r\r" H "\r\n"), 400},
        {B("GET / HTTP/1.1\r\r\n" H "\r\n"), 400},
        {B("GET /\rx HTTP/1.1\r\n" H "\r\n"), 400},
        {B("GET /\0x HTTP/1.1\r\n" H "\r\n"), 400},
        {B("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400},
        {B("{}"), 400},
        {B("\0"), 400},
    };
    REFUSED(H1_REQUEST, cases);
}

static void bad_targets_are_refused(void **state) {
    static const char *const targets[] = {
        "a",
        "svc:80",
        "?x",
        "*",
        "*a",
        "/#f",
        "/a#",
        "/a\\b",
        "/%00",
        "/%",
        "/%1",
        "/%zz",
        "/%u002e",
        "/a?%",
        "/a?b=%g",
        "/a?\\",
        "/\x7f",
        "/\x01",
        "/\x80",
        "/\xc3\xa9",
        "/a?\xff",
        "/.",
        "/..",
        "/./a",
        "/../a",
        "/a/..",
        "/a/.",
        "/a/../b",
        "/a/./b",
        "/%2e",
        "/%2E%2e/a",
        "/a/.%2e/b",
        "/a/%2e./b",
        "/a/%2e",
        "/.?a",
        "http://",
        "http:///x",
        "http://?x",
        "http://u@h/",
        "http://u:p@h/",
        "http://a b/",
        "http://a,b/",
        "http://a:99999/",
        "ftp://h/",
        "http:/h/",
        "http:h",
        "://h/",
        "http://[::g]/",
        "http://h/../x",
        "http://:80/",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char bytes[128];
        int n = snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[i]);
        must_be_refused(H1_REQUEST, str_make(bytes, (size_t)n), 400);
    }
}

static void connect_needs_a_host_and_a_port(void **state) {
    static const char *const bad[] = {"a", "a:", "a:0", "/", "a:99999", ":80", "*", "http://a:80/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char bytes[128];
        int n = snprintf(bytes, sizeof bytes, "CONNECT %s HTTP/1.1\r\nHost: h\r\n\r\n", bad[i]);
        must_be_refused(H1_REQUEST, str_make(bytes, (size_t)n), 400);
    }
    must_read(H1_REQUEST, &roomy, false, B("CONNECT a:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
              "CONNECT a:443 path=a:443 host=a:443 1.1 len=0 keep |Host=h\nbody= end");
}

static void malformed_field_lines_are_refused(void **state) {
    static const struct refused cases[] = {
        {B(G H "A : b\r\n\r\n"), 400},
        {B(G H "A\t: b\r\n\r\n"), 400},
        {B(G H ": b\r\n\r\n"), 400},
        {B(G H "A\r\n\r\n"), 400},
        {B(G H "A b: c\r\n\r\n"), 400},
        {B(G H "A(: c\r\n\r\n"), 400},
        {B(G H "A\x80: c\r\n\r\n"), 400},
        {B(G H "A\0: c\r\n\r\n"), 400},
        {B(G H "A: b\r\n c\r\n\r\n"), 400},
        {B(G H "A: b\r\n\tc\r\n\r\n"), 400},
        {B(G H "A:\r\n b\r\n\r\n"), 400},
        {B(G " " H "\r\n"), 400},
        {B(G "\t" H "\r\n"), 400},
        {B(G "\r\n Content-Length: 5\r\n\r\n"), 400},
        {B(G H "A: b\0c\r\n\r\n"), 400},
        {B(G H "A: b\rc\r\n\r\n"), 400},
        {B(G H "A: b\nc: d\r\n\r\n"), 400},
        {B(G H "A: b\n\r\n"), 400},
        {B(G H "A: b\x01\r\n\r\n"), 400},
        {B(G H "A: b\x7f\r\n\r\n"), 400},
        {B(G H "A: b\x0b\r\n\r\n"), 400},
        {B(G H "A: b\r\r\n\r\n"), 400},
        {B(G H "\rA: b\r\n\r\n"), 400},
        {B(G H "x:\rTransfer-Encoding: chunked\r\n\r\n"), 400},
        {B(G H "A: b\r\n\n"), 400},
        {B(G H "A: b\n\n"), 400},
        {B(G H "A: b\r\n\rX\r\n\r\n"), 400},
        {B(G H "X_Forwarded_For: 1\r\n\r\n"), 400},
        {B(G H "x-forwarded_for: 1\r\n\r\n"), 400},
        {B(G H "X_FORWARDED_USER: 1\r\n\r\n"), 400},
        {B(G H "Content_Length: 1\r\n\r\n"), 400},
        {B(G H "transfer_encoding: chunked\r\n\r\n"), 400},
        {B(G H "X_Request-Id: 1\r\n\r\n"), 400},
    };
    REFUSED(H1_REQUEST, cases);
}

static void unknown_fields_pass_even_with_an_underscore(void **state) {
    must_read(H1_REQUEST, &roomy, false, B(G H "my_field: \x80\xff\t~\r\nmy_field: 2\r\n\r\n"),
              "GET / path=/ host=h 1.1 len=0 keep |Host=h |my_field=\x80\xff\t~ |my_field=2\n"
              "body= end");
}

static void a_host_must_be_there_once_and_be_valid(void **state) {
    static const struct refused cases[] = {
        {B(G "\r\n"), 400},
        {B(G "Host: a\r\nHost: a\r\n\r\n"), 400},
        {B(G "Host: a\r\nHost: b\r\n\r\n"), 400},
        {B("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), 400},
        {B("GET http://x/ HTTP/1.1\r\n\r\n"), 400},
        {B("GET http://x/ HTTP/1.1\r\nHost: a b\r\n\r\n"), 400},
        {B(G "Host: a b\r\n\r\n"), 400},
        {B(G "Host: a,b\r\n\r\n"), 400},
        {B(G "Host: a:99999\r\n\r\n"), 400},
        {B(G "Host: a:+80\r\n\r\n"), 400},
        {B(G "Host: a:80a\r\n\r\n"), 400},
        {B(G "Host: a:80:80\r\n\r\n"), 400},
        {B(G "Host: :80\r\n\r\n"), 400},
        {B(G "Host: u@h\r\n\r\n"), 400},
        {B(G "Host: http://h\r\n\r\n"), 400},
        {B(G "Host: h/\r\n\r\n"), 400},
        {B(G "Host: h?\r\n\r\n"), 400},
        {B(G "Host: h#\r\n\r\n"), 400},
        {B(G "Host: h\\\r\n\r\n"), 400},
        {B(G "Host: [::1\r\n\r\n"), 400},
        {B(G "Host: [::1]x\r\n\r\n"), 400},
        {B(G "Host: []\r\n\r\n"), 400},
        {B(G "Host: [1.2.3.4]\r\n\r\n"), 400},
        {B(G "Host: [fe80::1%25eth0]\r\n\r\n"), 400},
        {B(G "Host: ::1\r\n\r\n"), 400},
        {B(G "Host: %\r\n\r\n"), 400},
        {B(G "Host: h\xc3\xa9\r\n\r\n"), 400},
        {B(G "Host: \"h\"\r\n\r\n"), 400},
    };
    REFUSED(H1_REQUEST, cases);
}

static void unclear_lengths_are_refused(void **state) {
    static const char *const values[] = {
        "",
        "+5",
        "-5",
        "0x5",
        "5,5",
        "5,6",
        "5, 5",
        "5;5",
        "1e1",
        "5 5",
        "5.0",
        "_5",
        "5_0",
        "\"5\"",
        "18446744073709551616",
        "18446744073709551615",
        "9223372036854775808",
        "five",
        "0x0",
        "\x0b"
        "5",
        "\xa0"
        "5",
        "5\x85",
        "99999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char bytes[128];
        int n = snprintf(bytes, sizeof bytes, P "Content-Length: %s\r\n\r\nhello", values[i]);
        must_be_refused(H1_REQUEST, str_make(bytes, (size_t)n), 400);
    }
    static const struct refused cases[] = {
        {B(P "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), 400},
        {B(P "Content-Length: 5\r\nContent-Length: 05\r\n\r\nhello"), 400},
        {B(P "Content-Length: 5\r\nContent-Length:\r\n\r\nhello"), 400},
        {B(P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
        {B(P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), 400},
        {B(P "tRANSFER-eNCODING: CHUNKED\r\ncONTENT-lENGTH: 0\r\n\r\n0\r\n\r\n"), 400},
        {B(P "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello"), 400},
        {B("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
        {B("POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\n\r\n"), 400},
    };
    REFUSED(H1_REQUEST, cases);
}

static void codings_other_than_chunked_alone_are_refused(void **state) {
    static const struct {
        const char *value;
        int status;
    } cases[] = {
        {"", 400},
        {"identity", 400},
        {"gzip", 400},
        {"gzip, chunked", 400},
        {"chunked, gzip", 400},
        {"chunked, chunked", 400},
        {"chunked, identity", 400},
        {",chunked", 400},
        {"chunked,", 400},
        {"chunked;q=1", 400},
        {"\"chunked\"", 400},
        {"chunked chunked", 400},
        {"\xa0"
         "chunked",
         400},
        {"chunked\x0b", 400},
        {"\x0c"
         "chunked",
         400},
        {"foo", 501},
        {"foo, chunked", 501},
        {"xchunked", 501},
        {"chunkedx", 501},
        {"chunked, foo", 501},
        {"chunke", 501},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[128];
        int n = snprintf(bytes, sizeof bytes, P "Transfer-Encoding: %s\r\n\r\n0\r\n\r\n",
                         cases[i].value);
        must_be_refused(H1_REQUEST, str_make(bytes, (size_t)n), cases[i].status);
    }
    must_be_refused(
        H1_REQUEST,
        B(P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
    must_be_refused(H1_REQUEST,
                    B(P "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                    400);
}

static void malformed_chunks_are_refused(void **state) {
    static const struct refused cases[] = {
        {B(C "\r\n"), 400},
        {B(C "0x5\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "+5\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "-5\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "-1\r\n"), 400},
        {B(C "5_\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "0_5\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C " 5\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "\t5\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5 \r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5\t\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5 ;a\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C ";a\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "g\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5g\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5\rhello\r\n0\r\n\r\n"), 400},
        {B(C "5\r\rhello\r\n0\r\n\r\n"), 400},
        {B(C "5\r\nhello\n0\r\n\r\n"), 400},
        {B(C "5\r\nhello\r0\r\n\r\n"), 400},
        {B(C "5\r\nhelloXX0\r\n\r\n"), 400},
        {B(C "5\r\nhello0\r\n\r\n"), 400},
        {B(C "5\r\nhelloworld\r\n0\r\n\r\n"), 400},
        {B(C "5\r\nhello\r\n\r\n"), 400},
        {B(C "5\r\nhello\r\n0\n\r\n"), 400},
        {B(C "5\r\nhello\r\n0\r\n\n"), 400},
        {B(C "5\r\nhello\r\n0\r\n\rX"), 400},
        {B(C "5;a\nb\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5;a\rb\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "5;\0\r\nhello\r\n0\r\n\r\n"), 400},
        {B(C "10000000000000005\r\nhello"), 400},
        {B(C "ffffffffffffffff\r\nhello"), 400},
        {B(C "8000000000000000\r\nhello"), 400},
        {B(C "FFFFFFFFFFFFFFFFFFFFFFFF5\r\nhello"), 400},
        {B(C "0\r\n: y\r\n\r\n"), 400},
        {B(C "0\r\nX : y\r\n\r\n"), 400},
        {B(C "0\r\n X: y\r\n\r\n"), 400},
        {B(C "0\r\nX: y\r\n z\r\n\r\n"), 400},
        {B(C "0\r\nX\r\n\r\n"), 400},
        {B(C "0\r\nX: y\n\r\n"), 400},
        {B(C "0\r\nX: \0\r\n\r\n"), 400},
        {B(C "0\r\nGET / HTTP/1.1\r\n\r\n"), 400},
    };
    REFUSED(H1_REQUEST, cases);
}

/* ---- limits --------------------------------------------------------------------------------- */

/* head + n times `c` + tail */
static void with_run(enum h1_kind kind, const struct h1_limits *limits, const char *head, char c,
                     size_t n, const char *tail, const char *want) {
    struct buf b = {0};
    buf_str(&b, str_of(head));
    for (size_t i = 0; i < n; i++)
        buf_char(&b, c);
    buf_str(&b, str_of(tail));
    for (size_t piece = 1; piece <= b.n; piece = piece * 3 + 1) {
        char *got = reading(kind, limits, false, buf_view(&b), 0, piece);
        if (!strstr(got, want))
            fail_msg("%s…%s in pieces of %zu read as <%s>", head, tail, piece, got);
        mem_free(got);
    }
    char *got = reading(kind, limits, false, buf_view(&b), 0, b.n);
    if (!strstr(got, want)) fail_msg("%s…%s read as <%s>", head, tail, got);
    mem_free(got);
    buf_free(&b);
}

static void limits_are_exact_and_have_their_own_status(void **state) {
    const struct h1_limits l = {.line = 100, .header = 300, .fields = 8};
    const char *end = " HTTP/1.1\r\nHost: h\r\n\r\n";
    with_run(H1_REQUEST, &l, "GET /", 'a', 100 - 14, end, "body= end");
    with_run(H1_REQUEST, &l, "GET /", 'a', 100 - 13, end, "bad 414");
    with_run(H1_REQUEST, &l, "GET /", 'a', 1000, "", "bad 414");
    with_run(H1_REQUEST, &l, G H "A: ", 'a', 300 - 16 - 9 - 3 - 4, "\r\n\r\n", "body= end");
    with_run(H1_REQUEST, &l, G H "A: ", 'a', 300 - 16 - 9 - 3 - 3, "\r\n\r\n", "bad 431");
    with_run(H1_REQUEST, &l, G H "A: ", 'a', 1000, "", "bad 431");
    with_run(H1_RESPONSE, &l, "HTTP/1.1 200 ", 'a', 1000, "", "bad 502");
    with_run(H1_RESPONSE, &l, "HTTP/1.1 200 OK\r\nA: ", 'a', 1000, "", "bad 502");

    for (int n = 7; n <= 8; n++) {
        struct buf b = {0};
        buf_str(&b, STR(G H));
        for (int i = 0; i < n; i++)
            buf_str(&b, STR("A: b\r\n"));
        buf_str(&b, STR("\r\n"));
        char *got = reading(H1_REQUEST, &l, false, buf_view(&b), 0, 5);
        assert_non_null(strstr(got, n == 7 ? "body= end" : "bad 431"));
        mem_free(got);
        buf_free(&b);
    }
}

static void chunk_extensions_and_trailers_are_bounded(void **state) {
    with_run(H1_REQUEST, &roomy, C "5;", 'a', 900, "\r\nhello\r\n0\r\n\r\n", "body=hello end");
    with_run(H1_REQUEST, &roomy, C "5;", 'a', 1100, "\r\nhello\r\n0\r\n\r\n", "bad 400");
    with_run(H1_REQUEST, &roomy, C, '0', 1100, "5\r\nhello\r\n0\r\n\r\n", "bad 400");
    with_run(H1_REQUEST, &roomy, C "0\r\nT: ", 'a', 30000, "\r\n\r\n", "body= end");
    with_run(H1_REQUEST, &roomy, C "0\r\nT: ", 'a', 33000, "\r\n\r\n", "bad 431");

    struct buf b = {0}; /* many extensions, hardly a body */
    buf_str(&b, STR(C));
    for (int i = 0; i < 100; i++)
        buf_printf(&b, "1;%0500d\r\nx\r\n", i);
    char *got = reading(H1_REQUEST, &roomy, false, buf_view(&b), 0, 777);
    assert_non_null(strstr(got, "bad 400"));
    mem_free(got);
    buf_clear(&b); /* a signature per chunk is fine when there is a body to go with it */
    buf_str(&b, STR(C));
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "200;%080d\r\n%0512d\r\n", i, i);
    buf_str(&b, STR("0\r\n\r\n"));
    got = reading(H1_REQUEST, &roomy, false, buf_view(&b), 0, 777);
    assert_null(strstr(got, "bad"));
    mem_free(got);
    buf_clear(&b); /* more trailer fields than header fields are allowed */
    buf_str(&b, STR(C "0\r\n"));
    for (int i = 0; i < 101; i++)
        buf_str(&b, STR("T:\r\n"));
    buf_str(&b, STR("\r\n"));
    got = reading(H1_REQUEST, &roomy, false, buf_view(&b), 0, 777);
    assert_non_null(strstr(got, "bad 431"));
    mem_free(got);
    buf_free(&b);
}

/* ---- responses ------------------------------------------------------------------------------ */

static void responses_are_read(void **state) {
    static const struct {
        struct str bytes;
        const char *want;
    } cases[] = {
        {B("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
         "200 [OK] 1.1 len=2 keep |Content-Length=2\nbody=hi end"},
        {B("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi"),
         "200 [] 1.1 len=2 keep |Content-Length=2\nbody=hi end"},
        {B("HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nhi"),
         "404 [] 1.1 len=2 keep |Content-Length=2\nbody=hi end"},
        {B("HTTP/1.1 200 Fine, \xc3\xa9 then\r\nTransfer-Encoding: "
           "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
         "200 [Fine, \xc3\xa9 then] 1.1 len=-1 chunked keep |Transfer-Encoding=chunked\nbody=hi "
         "end"},
        {B("HTTP/1.1 200 OK\r\n\r\nto the end"), "200 [OK] 1.1 len=-1\nbody=to the end end (eof)"},
        {B("HTTP/1.0 200 OK\r\n\r\n"), "200 [OK] 1.0 len=-1\nbody= end (eof)"},
        {B("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"),
         "200 [OK] 1.0 len=1 keep |Connection=keep-alive |Content-Length=1\nbody=x end"},
        {B("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
         "204 [No Content] 1.1 len=0 keep |Content-Length=5\nbody= end"},
        {B("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
         "304 [Not Modified] 1.1 len=5 keep |Content-Length=5\nbody= end"},
        {B("HTTP/1.1 304 Not Modified\r\n\r\n"), "304 [Not Modified] 1.1 len=-1 keep\nbody= end"},
        {B("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
         "100 [Continue] 1.1 len=0 keep\n103 [Early Hints] 1.1 len=0 keep |Link=a\n"
         "200 [OK] 1.1 len=0 keep |Content-Length=0\nbody= end"},
        {B("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
         "101 [Switching] 1.1 len=0 keep upgrade |Connection=Upgrade |Upgrade=websocket\nbody= "
         "end"},
        {B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
         "200 [OK] 1.1 len=5 keep |Content-Length=5\nbody=hel cut"},
        {B("HTTP/1.1 100 Continue\r\n\r\n"), "100 [Continue] 1.1 len=0 keep\nbody= cut"},
        {B("HTTP/1.1 200 OK\r\nA: b"), "body= cut"},
        {B("HTTP/1.1 200 OK\r\nHost: a b\r\nX_Request_Id: 1\r\nContent-Length: 0\r\n\r\n"),
         "200 [OK] 1.1 len=0 keep |Host=a b |X_Request_Id=1 |Content-Length=0\nbody= end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        must_read(H1_RESPONSE, &roomy, false, cases[i].bytes, cases[i].want);
}

static void a_response_to_head_has_no_body(void **state) {
    must_read(H1_RESPONSE, &roomy, true, B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
              "200 [OK] 1.1 len=5 keep |Content-Length=5\nbody= end");
    must_read(H1_RESPONSE, &roomy, true, B("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
              "200 [OK] 1.1 len=-1 chunked keep |Transfer-Encoding=chunked\nbody= end");
    must_read(H1_RESPONSE, &roomy, true, B("HTTP/1.1 200 OK\r\n\r\n"),
              "200 [OK] 1.1 len=-1 keep\nbody= end");
}

static void malformed_responses_are_refused(void **state) {
    static const struct refused cases[] = {
        {B("HTTP/1.1  200 OK\r\n\r\n"), 502},
        {B("HTTP/1.1 2 OK\r\n\r\n"), 502},
        {B("HTTP/1.1 20 OK\r\n\r\n"), 502},
        {B("HTTP/1.1 2000 OK\r\n\r\n"), 502},
        {B("HTTP/1.1 099 OK\r\n\r\n"), 502},
        {B("HTTP/1.1 600 OK\r\n\r\n"), 502},
        {B("HTTP/1.1 2x0 OK\r\n\r\n"), 502},
        {B("HTTP/1.1 +20 OK\r\n\r\n"), 502},
        {B("HTTP/1.1\t200 OK\r\n\r\n"), 502},
        {B("HTTP/1.1 200OK\r\n\r\n"), 502},
        {B("HTTP/1.1 200\tOK\r\n\r\n"), 502},
        {B("HTTP/1.1 200 O\rK\r\n\r\n"), 502},
        {B("HTTP/1.1 200 O\0K\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\rXA: b\r\n\r\n"), 502},
        {B("HTTP/1.1 200\rXA: b\r\n\r\n"), 502},
        {B("HTTP/2.0 200 OK\r\n\r\n"), 502},
        {B("HTTP/1.1\r\n\r\n"), 502},
        {B("ICY 200 OK\r\n\r\n"), 502},
        {B("garbage"), 502},
        {B("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\n: b\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\n"), 502},
        {B("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), 502},
        {B("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"), 502},
    };
    REFUSED(H1_RESPONSE, cases);
}

/* ---- around the message --------------------------------------------------------------------- */

static void what_follows_a_message_is_left_alone(void **state) {
    const struct str bytes =
        STR(C "2\r\nhi\r\n0\r\n\r\n" P "Content-Length: 1\r\n\r\nx" G H "\r\n");
    struct str rest = bytes;
    for (int i = 0; i < 3; i++) {
        struct reading r = {0};
        arena_init(&r.arena, 256);
        h1_init(&r.h1, H1_REQUEST, &roomy, &r.arena);
        rest = str_from(rest, show(&r, rest));
        assert_true(r.over);
        struct h1_step again = h1_next(&r.h1, rest);
        assert_int_equal(again.event, H1_END);
        assert_int_equal(again.taken, 0);
        arena_free(&r.arena);
        buf_free(&r.text);
        buf_free(&r.body);
    }
    assert_int_equal(rest.n, 0);
}

static void a_refused_message_stays_refused(void **state) {
    struct arena a;
    struct h1 p;
    arena_init(&a, 256);
    h1_init(&p, H1_REQUEST, &roomy, &a);
    assert_int_equal(h1_next(&p, STR("GET\n")).event, H1_BAD);
    assert_int_equal(h1_next(&p, STR(G H "\r\n")).event, H1_BAD);
    assert_int_equal(p.status, 400);
    assert_int_equal(h1_eof(&p), ERR_PROTOCOL);
    arena_free(&a);
}

static void begun_tells_silence_from_half_a_request(void **state) {
    struct arena a;
    struct h1 p;
    arena_init(&a, 256);
    h1_init(&p, H1_REQUEST, &roomy, &a);
    assert_false(h1_begun(&p));
    h1_next(&p, STR("G"));
    assert_true(h1_begun(&p));
    assert_int_equal(h1_eof(&p), ERR_CLOSED);
    arena_free(&a);
}

/* ---- names ---------------------------------------------------------------------------------- */

static void every_field_of_the_table_is_found_in_any_case(void **state) {
    for (uint8_t id = 1; id < H1_FIELD_COUNT; id++) {
        struct str name = h1_field_name(id);
        char upper[32], lower[32];
        assert_true(name.n > 0 && name.n < sizeof upper);
        for (size_t i = 0; i < name.n; i++) {
            char c = name.p[i];
            upper[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
            lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        assert_int_equal(h1_field_id(name), id);
        assert_int_equal(h1_field_id(str_make(upper, name.n)), id);
        assert_int_equal(h1_field_id(str_make(lower, name.n)), id);
        upper[0] ^= 0x40;
        assert_int_equal(h1_field_id(str_make(upper, name.n)), H1_OTHER);
    }
    assert_int_equal(h1_field_id(STR("")), H1_OTHER);
    assert_int_equal(h1_field_id(STR("a-name-longer-than-all-of-them")), H1_OTHER);
    /* '-' and 0x0d, '@' and '`' differ in the same bit as letters of two cases do */
    assert_int_equal(h1_field_id(STR("keep\ralive")), H1_OTHER);
}

static void names_and_values_are_checked(void **state) {
    assert_true(h1_valid_name(STR("X-a!#$%&'*+.^_`|~9")));
    const char *bad[] = {"",    "a b", "a:",  "a\x80", "a\n",  "\"a\"",
                         "(a)", "a,b", "{a}", "a/b",   "a\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(h1_valid_name(str_of(bad[i])));
    assert_true(h1_valid_value(STR("")));
    assert_true(h1_valid_value(STR("a b\t\"\x80\xff")));
    assert_false(h1_valid_value(STR("a\rb")));
    assert_false(h1_valid_value(STR("a\nb")));
    assert_false(h1_valid_value(STR("a\0b")));
    assert_false(h1_valid_value(STR("a\x7f")));
    assert_false(h1_valid_value(STR("\x1b")));
}

static void hop_by_hop_fields_are_told_from_the_others(void **state) {
    const struct str bytes =
        STR(G "Host: h\r\nConnection: X-Foo, ,Authorization,Host\r\nConnection: X-Forwarded-User, "
              "x-real-ip, keep-alive\r\nX-Foo: 1\r\nAuthorization: a\r\nX-Forwarded-For: "
              "1\r\nX-Forwarded-User: u\r\nX-Real-IP: 1\r\nKeep-Alive: 5\r\nProxy-Connection: "
              "a\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\nX-Bar: 2\r\nCookie: c\r\n\r\n");
    struct arena a;
    struct h1 p;
    arena_init(&a, 256);
    h1_init(&p, H1_REQUEST, &roomy, &a);
    assert_int_equal(h1_next(&p, bytes).event, H1_HEAD);
    struct buf kept = {0};
    for (int i = 0; i < p.head.n_fields; i++) {
        if (h1_hop_by_hop(&p.head, &p.head.fields[i])) continue;
        buf_str(&kept, p.head.fields[i].name);
        buf_char(&kept, ' ');
    }
    buf_char(&kept, 0);
    assert_string_equal(
        kept.p, "Host Authorization X-Forwarded-For X-Forwarded-User X-Real-IP X-Bar Cookie ");
    assert_true(str_eq(head_find(&p.head, STR("x-BAR")), STR("2")));
    assert_true(str_eq(head_find(&p.head, STR("COOKIE")), STR("c")));
    assert_null(head_find(&p.head, STR("x-none")).p);
    assert_null(head_get(&p.head, H1_DATE).p);
    buf_free(&kept);
    arena_free(&a);
}

static void reasons_are_known(void **state) {
    assert_string_equal(h1_reason(404), "Not Found");
    assert_string_equal(h1_reason(200), "OK");
    assert_string_equal(h1_reason(299), "");
}

/* ---- no memory ------------------------------------------------------------------------------ */

/* Fails every single allocation in turn: an error each time, nothing lost, nothing half done. */
static void running_out_of_memory_is_an_error_like_any_other(void **state) {
    const struct str cases[] = {
        STR(G H "A: b\r\n\r\n"),
        STR("GET http://x?y HTTP/1.1\r\n" H "\r\n"),
        STR(C "5\r\nhello\r\n0\r\nT: x\r\n\r\n"),
        STR(P "Content-Length: 5\r\n\r\nhello"),
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t piece = 1; piece <= cases[c].n; piece += cases[c].n - 1)
            for (long n = 1;; n++) {
                struct arena a;
                struct h1 p;
                arena_init(&a, 256);
                h1_init(&p, H1_REQUEST, &roomy, &a);
                size_t at = 0;
                enum h1_event last = H1_MORE;
                mem_fail_at(n, false);
                while (last != H1_BAD && last != H1_END) {
                    struct str in = str_first(str_from(cases[c], at), piece);
                    struct h1_step s = h1_next(&p, in);
                    at += s.taken;
                    last = s.event;
                }
                bool fired = mem_fail_fired();
                mem_fail_at(0, false);
                assert_int_equal(last, fired ? H1_BAD : H1_END);
                if (fired) assert_int_equal(p.status, 503);
                arena_free(&a);
                if (!fired) break;
                assert_true(n < 100);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_is_read),
        cmocka_unit_test(an_empty_query_is_not_a_missing_one),
        cmocka_unit_test(empty_lines_before_a_request_are_skipped),
        cmocka_unit_test(bodies_are_cut_where_their_length_says),
        cmocka_unit_test(an_identical_second_length_is_dropped),
        cmocka_unit_test(chunks_are_joined_and_their_frames_dropped),
        cmocka_unit_test(an_absolute_target_brings_the_host_and_is_cut_down),
        cmocka_unit_test(odd_but_harmless_targets_pass_byte_for_byte),
        cmocka_unit_test(every_valid_host_is_taken),
        cmocka_unit_test(connection_options_are_understood),
        cmocka_unit_test(an_upgrade_request_may_have_a_body),
        cmocka_unit_test(malformed_request_lines_are_refused),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(connect_needs_a_host_and_a_port),
        cmocka_unit_test(malformed_field_lines_are_refused),
        cmocka_unit_test(unknown_fields_pass_even_with_an_underscore),
        cmocka_unit_test(a_host_must_be_there_once_and_be_valid),
        cmocka_unit_test(unclear_lengths_are_refused),
        cmocka_unit_test(codings_other_than_chunked_alone_are_refused),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(limits_are_exact_and_have_their_own_status),
        cmocka_unit_test(chunk_extensions_and_trailers_are_bounded),
        cmocka_unit_test(responses_are_read),
        cmocka_unit_test(a_response_to_head_has_no_body),
        cmocka_unit_test(malformed_responses_are_refused),
        cmocka_unit_test(what_follows_a_message_is_left_alone),
        cmocka_unit_test(a_refused_message_stays_refused),
        cmocka_unit_test(begun_tells_silence_from_half_a_request),
        cmocka_unit_test(every_field_of_the_table_is_found_in_any_case),
        cmocka_unit_test(names_and_values_are_checked),
        cmocka_unit_test(hop_by_hop_fields_are_told_from_the_others),
        cmocka_unit_test(reasons_are_known),
        cmocka_unit_test(running_out_of_memory_is_an_error_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
