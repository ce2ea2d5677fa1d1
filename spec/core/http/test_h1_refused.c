/*
 * What h1 refuses, and with which status: every form that another program might read in another
 * way, and whatever is over a limit.
 */
#include "h1_reading.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(malformed_responses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
