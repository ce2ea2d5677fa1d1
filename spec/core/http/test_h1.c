/*
 * What h1 makes of good messages: requests, responses, their bodies, what follows them, and the
 * names in them. What it refuses is in test_h1_refused.c.
 */
#include "h1_reading.h"

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
        cmocka_unit_test(responses_are_read),
        cmocka_unit_test(a_response_to_head_has_no_body),
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
