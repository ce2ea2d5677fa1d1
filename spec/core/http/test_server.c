/*
 * What clients get from the server: answers, framing, order, refusals. What happens when somebody
 * leaves or is slow is in test_server_ends.c.
 */
#include "served.h"

static void a_request_is_answered_with_the_fields_that_are_the_servers(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/hello"));
    struct got *g = get(r);
    assert_int_equal(g->status, 200);
    assert_int_equal(strncmp(g->text, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: ", 49),
                     0);
    assert_non_null(strstr(g->text, " GMT\r\nContent-Length: 6\r\nX-Request-Id: "));
    assert_null(strstr(g->text, "Connection"));
    assert_memory_equal(g->body, "hello\n", 6);
    raw_send(r, GET("/hello"));
    expect_answer(r, 200, "hello\n");
    assert_int_equal(seen.freed, 2);
    assert_false(raw_over(r));
}

static void head_and_body_leave_in_one_piece(void **state) {
    struct raw *r = client();
    r->deaf = true;
    raw_send(r, GET("/hello"));
    UNTIL(seen.freed == 1);
    char buf[1000];
    ssize_t n = recv(r->fd, buf, sizeof buf, MSG_DONTWAIT);
    assert_true(n > 6 && memcmp(buf + n - 6, "hello\n", 6) == 0);
}

static void request_ids_are_taken_over_or_made(void **state) {
    struct raw *r = client();
    char first[64] = "";
    for (int i = 0; i < 2; i++) {
        raw_send(r, GET("/hello"));
        char *id = strstr(get(r)->text, "X-Request-Id: ");
        assert_non_null(id);
        id[14 + 16] = '\0';
        assert_int_equal(strspn(id + 14, "0123456789abcdef"), 16);
        assert_string_not_equal(id, first);
        strcpy(first, id);
    }
    raw_send(r, "GET /hello HTTP/1.1\r\nHost: h\r\nX-Request-Id: My_id.1-2\r\n\r\n");
    assert_non_null(strstr(get(r)->text, "X-Request-Id: My_id.1-2\r\n"));
    char long_one[66] = "";
    memset(long_one, 'a', 65);
    const char *bad[] = {"", "a b", "a\"b", long_one};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char request[256];
        snprintf(request, sizeof request,
                 "GET /hello HTTP/1.1\r\nHost: h\r\nX-Request-Id: %s\r\n\r\n", bad[i]);
        raw_send(r, request);
        char *id = strstr(get(r)->text, "X-Request-Id: ");
        assert_int_equal(strspn(id + 14, "0123456789abcdef"), 16);
    }
}

static void twenty_pipelined_requests_are_answered_in_order(void **state) {
    struct raw *r = client();
    struct buf all = {0};
    for (int i = 0; i < 20; i++) {
        if (i % 3 == 0)
            buf_str(&all, STR(GET("/wait")));
        else if (i % 3 == 1)
            buf_printf(&all, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n%02d", i);
        else
            buf_printf(&all,
                       "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "1\r\n%d\r\n1\r\n%d\r\n0\r\n\r\n",
                       i / 10, i % 10);
    }
    raw_send_n(r, all.p, all.n);
    for (int i = 0; i < 20; i++) {
        char want[8];
        snprintf(want, sizeof want, "%02d", i);
        if (i % 3 == 0) { /* the test answers this one itself, after a while */
            UNTIL(seen.requests == i + 1);
            raw_turn();
            assert_int_equal(seen.requests, i + 1);
            exchange_answer(seen.x, 200, STR_NONE, str_of(want));
        }
        expect_answer(r, 200, want);
    }
    assert_int_equal(seen.freed, 20);
    buf_free(&all);
}

static void more_pipelined_requests_than_a_slab_holds_are_answered(void **state) {
    struct raw *r = client();
    struct buf all = {0};
    enum { N = 3000 };
    for (int i = 0; i < N; i++)
        buf_str(&all, i % 50 ? STR(GET("/hello")) : STR(GET("/wait")));
    assert_true(all.n > 2 * WORKER_SLAB / 2);
    r->discard = true;
    size_t sent = 0;
    while (seen.freed < N) {
        ssize_t n = send(r->fd, all.p + sent, all.n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) sent += (size_t)n;
        raw_turn();
        if (seen.x && seen.freed % 50 == 0 && seen.requests == seen.freed + 1)
            exchange_answer(seen.x, 204, STR_NONE, STR_NONE);
    }
    assert_int_equal(seen.requests, N);
    buf_free(&all);
}

static void a_request_may_be_cut_anywhere(void **state) {
    static const char request[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nT: x\r\n\r\n";
    struct raw *r = client();
    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        raw_send_n(r, request, cut);
        raw_turn();
        raw_turn();
        raw_send(r, request + cut);
        expect_answer(r, 200, "hello world");
    }
    for (size_t i = 0; i < sizeof request - 1; i++) {
        raw_send_n(r, request + i, 1);
        raw_turn();
    }
    expect_answer(r, 200, "hello world");
}

static void head_gets_the_same_fields_without_a_body(void **state) {
    struct raw *r = client();
    static struct got g;
    raw_send(r, "HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n" GET("/hello"));
    UNTIL(got_one(r, true, &g));
    assert_int_equal(g.status, 200);
    assert_non_null(strstr(g.text, "Content-Length: 6\r\n"));
    expect_answer(r, 200, "hello\n");
    raw_send(r, "HEAD /pieces HTTP/1.1\r\nHost: h\r\n\r\n" GET("/hello"));
    UNTIL(got_one(r, true, &g));
    assert_non_null(strstr(g.text, "Transfer-Encoding: chunked\r\n"));
    expect_answer(r, 200, "hello\n");
}

static void unknown_lengths_are_framed_in_chunks(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/pieces"));
    raw_expect(r, "\r\n\r\n3\r\nhel\r\n3\r\nlo \r\n5\r\nworld\r\n0\r\n\r\n");
    expect_answer(r, 200, "hello world");
    assert_false(raw_over(r));
}

static void statuses_without_a_body_get_none(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/status/204"));
    assert_null(strstr(get(r)->text, "Content-Length"));
    raw_send(r, GET("/status/304"));
    assert_non_null(strstr(get(r)->text, "Content-Length: 4\r\n"));
    raw_send(r, GET("/status/205"));
    assert_non_null(strstr(get(r)->text, "Content-Length: 0\r\n"));
    raw_send(r, GET("/status/299")); /* the blank behind the status stays */
    assert_non_null(strstr(get(r)->text, "HTTP/1.1 299 \r\n"));
    raw_send(r, GET("/status/99"));
    expect_answer(r, 500, "body");
    raw_send(r, GET("/status/426"));
    assert_non_null(strstr(get(r)->text, "Connection: Upgrade\r\n"));
    raw_send(r, GET("/hello"));
    expect_answer(r, 200, "hello\n");
}

static void invalid_fields_of_handlers_are_left_out(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/fields"));
    struct got *g = get(r);
    const char *absent[] = {"Content-Length: 99", "gzip",  "theirs", "A b", "no name", "X-Split",
                            "Injected",           "X-Nul", "close",  "GMT"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (strstr(g->text, absent[i])) fail_msg("%s in <%s>", absent[i], g->text);
    assert_non_null(strstr(g->text, "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Tab: a\tb, "));
    assert_non_null(strstr(g->text, "Date: yesterday\r\n"));
    assert_non_null(strstr(g->text, "Content-Length: 2\r\n"));
}

static void http_1_0_is_answered_in_its_own_terms(void **state) {
    struct raw *r = client();
    raw_send(r, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_non_null(strstr(get(r)->text, "Connection: keep-alive\r\n"));
    raw_send(r, "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct got *g = get(r);
    assert_memory_equal(g->body, "hello world", 11);
    assert_non_null(strstr(g->text, "Connection: close\r\n"));
    assert_null(strstr(g->text, "chunked"));
    expect_end(r);
    r = client();
    raw_send(r, "GET /hello HTTP/1.0\r\n\r\n");
    expect_answer(r, 200, "hello\n");
    expect_end(r);
}

static void after_connection_close_nothing_more_is_processed(void **state) {
    struct raw *r = client();
    raw_send(r, "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/hello"));
    assert_non_null(strstr(get(r)->text, "Connection: close\r\n"));
    expect_end(r);
    assert_false(r->broken);
    assert_int_equal(seen.requests, 1);
}

static void a_connection_serves_so_many_requests_and_no_more(void **state) {
    conf.keepalive_requests = 3;
    struct raw *r = client();
    raw_send(r, GET("/hello") GET("/hello") GET("/hello") GET("/hello"));
    assert_null(strstr(get(r)->text, "Connection: close"));
    expect_answer(r, 200, "hello\n");
    assert_non_null(strstr(get(r)->text, "Connection: close\r\n"));
    expect_end(r);
    assert_int_equal(seen.requests, 3);
}

/* ---- Expect --------------------------------------------------------------------------------- */

#define EXPECT(path, version, what) \
    "POST " path " HTTP/1." version "\r\nHost: h\r\nContent-Length: 5\r\nExpect: " what "\r\n\r\n"

static void a_client_that_waits_for_100_gets_it_when_its_body_is_wanted(void **state) {
    struct raw *r = client();
    raw_send(r, EXPECT("/wait", "1", "100-continue"));
    UNTIL(seen.x);
    raw_settle();
    assert_int_equal(r->n, 0);
    exchange_read(seen.x);
    raw_expect(r, "HTTP/1.1 100 Continue\r\n\r\n");
    raw_forget(r);
    exchange_pause(seen.x);
    exchange_read(seen.x);
    raw_send(r, "hello");
    UNTIL(seen.last);
    assert_int_equal(seen.bytes, 5);
    assert_int_equal(r->n, 0);
    exchange_answer(seen.x, 200, STR_NONE, STR("done"));
    expect_answer(r, 200, "done");
    raw_send(r, GET("/hello"));
    expect_answer(r, 200, "hello\n");
}

static void no_100_is_sent_when_it_makes_no_sense(void **state) {
    struct raw *r = client();
    raw_send(r, EXPECT("/echo", "1", "100-continue") "hello"); /* it did not wait */
    struct got *g = get(r);
    assert_int_equal(g->status, 200);
    assert_null(strstr(g->text, "100 Continue"));
    raw_send(r, EXPECT("/echo", "0", "100-continue")); /* nobody told HTTP/1.0 about it */
    raw_settle();
    assert_int_equal(r->n, 0);
    raw_send(r, "hello");
    expect_answer(r, 200, "hello");
    r = client();
    raw_send(r, EXPECT("/early", "1", "100-continue"));
    g = get(r);
    assert_int_equal(g->status, 413);
    assert_non_null(strstr(g->text, "Connection: close\r\n"));
    expect_end(r);
}

static void an_unknown_expectation_is_refused(void **state) {
    struct raw *r = client();
    raw_send(r, "GET /hello HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n");
    expect_answer(r, 417, "{\"error\": \"this Expect cannot be met\"}");
    raw_send(r, "GET /hello HTTP/1.0\r\nExpect: tea\r\n\r\n");
    expect_answer(r, 200, "hello\n");
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void malformed_requests_are_refused_and_the_connection_ends(void **state) {
    static const struct {
        const char *bytes, *status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET / HTTP/1.1\nHost: h\n\n", "HTTP/1.1 400 "},
        {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "HTTP/1.1 505 "},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: tea\r\n\r\n", "HTTP/1.1 501 "},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 400 "},
        {"GET /../x HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 "},
        {"\x16\x03\x01", "HTTP/1.1 400 "},
    };
    int64_t before = stat_get(STAT_REQUESTS_BAD);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raw *r = client();
        raw_send(r, cases[i].bytes);
        raw_send(r, GET("/hello"));
        raw_expect(r, cases[i].status);
        struct got *g = get(r);
        assert_non_null(strstr(g->text, "Content-Type: application/json\r\n"));
        assert_non_null(strstr(g->text, "Connection: close\r\n"));
        assert_memory_equal(g->body, "{\"error\": \"", 11);
        assert_memory_equal(g->body + g->n - 2, "\"}", 2);
        expect_end(r);
        assert_false(r->broken);
        raw_close(r);
    }
    assert_int_equal(seen.requests, 0);
    assert_int_equal(stat_get(STAT_REQUESTS_BAD) - before, sizeof cases / sizeof *cases);
}

static void limits_have_their_own_answers(void **state) {
    char run[6000];
    memset(run, 'a', sizeof run - 1);
    run[sizeof run - 1] = '\0';
    struct raw *r = client();
    raw_send(r, "GET /");
    raw_send(r, run);
    expect_answer(r, 414, "{\"error\": \"the first line is too long\"}");
    expect_end(r);
    r = client();
    raw_send(r, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
    raw_send(r, run);
    expect_answer(r, 431, "{\"error\": \"the header is too large\"}");
    expect_end(r);
    r = client();
    raw_send(r, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 31; i++)
        raw_send(r, "A: b\r\n");
    expect_answer(r, 431, "{\"error\": \"there are too many header fields\"}");
    expect_end(r);
}

static void a_bad_pipelined_request_is_refused_in_its_turn(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/wait") "GET / HTTP/9.9\r\n\r\n" GET("/hello"));
    UNTIL(seen.x);
    raw_settle();
    assert_int_equal(r->n, 0);
    exchange_answer(seen.x, 200, STR_NONE, STR("first"));
    expect_answer(r, 200, "first");
    assert_int_equal(get(r)->status, 505);
    expect_end(r);
    assert_int_equal(seen.requests, 1);
}

static void trace_and_connect_are_not_offered(void **state) {
    struct raw *r = client();
    raw_send(r, "TRACE /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    struct got *g = get(r);
    assert_int_equal(g->status, 405);
    assert_non_null(strstr(g->text, "Allow: GET, HEAD, "));
    raw_send(r, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    assert_int_equal(get(r)->status, 405);
    raw_send(r, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    g = get(r);
    assert_int_equal(g->status, 200);
    assert_non_null(strstr(g->text, "Allow: "));
    assert_int_equal(seen.requests, 0);
}

static void unknown_paths_and_missing_routes_have_answers(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/nobody/home"));
    struct got *g = get(r);
    assert_int_equal(g->status, 404);
    assert_non_null(strstr(g->text, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_memory_equal(g->body, "no instances found", 18);
    raw_send(r, GET("/%68ello?x"));
    expect_answer(r, 200, "hello\n");
    stop_serving();
    route_publish(NULL);
    struct err e = {0};
    server = server_open(&raw_worker, "127.0.0.1:0", NULL, &e);
    r = client();
    raw_send(r, GET("/hello"));
    assert_int_equal(get(r)->status, 503);
}

static void a_fixed_handler_answers_every_path(void **state) {
    stop_serving();
    struct err e = {0};
    server = server_open(&raw_worker, "127.0.0.1:0", &handlers[0], &e);
    struct raw *r = client();
    raw_send(r, GET("/what/ever"));
    expect_answer(r, 200, "hello\n");
}

static void cors_is_answered_for_api_routes(void **state) {
    struct raw *r = client();
    raw_send(r, "OPTIONS /api/x HTTP/1.1\r\nHost: h\r\nOrigin: http://o.example\r\n\r\n");
    struct got *g = get(r);
    assert_int_equal(g->status, 200);
    assert_int_equal(g->n, 0);
    const char *all[] = {
        "Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n",
        ("Access-Control-Allow-Headers: Accept, Content-Type, Content-Length, Accept-Encoding, "
         "X-CSRF-Token, Authorization, X-Content-Encrypted\r\n"),
        "Access-Control-Allow-Credentials: false\r\n",
        "Vary: Origin\r\n",
        "Content-Type: application/json\r\n",
        "Access-Control-Allow-Origin: http://o.example\r\n",
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strstr(g->text, all[i])) fail_msg("%s is not in <%s>", all[i], g->text);
    raw_send(r, GET("/api/x"));
    g = get(r);
    assert_memory_equal(g->body, "hello\n", 6);
    assert_non_null(strstr(g->text, "Access-Control-Allow-Origin: *\r\n"));
    raw_send(r, "OPTIONS /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    g = get(r);
    assert_null(strstr(g->text, "Access-Control"));
    assert_memory_equal(g->body, "hello\n", 6);
}

static void error_texts_are_valid_json(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    UNTIL(seen.x);
    exchange_error(seen.x, 401, "a \"b\"\\\n\x01");
    struct got *g = get(r);
    assert_non_null(strstr(g->text, "WWW-Authenticate: Bearer\r\n"));
    g->body[g->n] = '\0';
    assert_string_equal(g->body, "{\"error\": \"a \\\"b\\\"\\\\\\n\\u0001\"}");
}

/* ---- in pieces ------------------------------------------------------------------------------ */

static void a_head_without_a_body_leaves_at_the_end_of_the_turn(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    UNTIL(seen.x);
    assert_int_equal(exchange_begin(seen.x, 200, NULL, 0, -1), 0);
    raw_expect(r, "\r\n\r\n");
    assert_non_null(strstr(r->buf, "Transfer-Encoding: chunked"));
    exchange_write(seen.x, "x", 1);
    exchange_end(seen.x);
    expect_answer(r, 200, "x");
}

static void interim_responses_pass_before_the_final_one(void **state) {
    const struct field link = {.name = STR("Link"), .value = STR("</a>")};
    for (int minor = 0; minor < 2; minor++) {
        struct raw *r = client();
        seen.x = NULL;
        raw_send(r, minor ? GET("/wait") : "GET /wait HTTP/1.0\r\n\r\n");
        UNTIL(seen.x);
        assert_int_equal(exchange_interim(seen.x, 103, &link, 1), 0);
        exchange_answer(seen.x, 200, STR_NONE, STR("x"));
        raw_expect(r, "\r\n\r\nx");
        bool first =
            strncmp(r->buf, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 ", 52) == 0;
        assert_int_equal(first, minor == 1);
    }
}

static void a_paused_body_waits_for_its_reader(void **state) {
    struct raw *r = client();
    raw_send(r, "POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nhel");
    UNTIL(seen.x);
    raw_send(r, "lo wo" GET("/hello"));
    raw_settle();
    assert_int_equal(seen.bytes, 0);
    exchange_read(seen.x); /* delivers before it returns */
    assert_true(seen.bytes >= 3);
    UNTIL(seen.last);
    assert_memory_equal(seen.body, "hello wo", 8);
    assert_int_equal(seen.requests, 1);
    exchange_answer(seen.x, 200, STR_NONE, STR("a"));
    expect_answer(r, 200, "a");
    expect_answer(r, 200, "hello\n");
}

static void a_large_body_passes_without_being_kept(void **state) {
    enum { N = 8 * 1024 * 1024 };
    struct raw *r = client();
    char head[100], *block = calloc(1, N / 8);
    snprintf(head, sizeof head, "POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", N);
    raw_send(r, head);
    for (int i = 0; i < 8; i++)
        raw_send_n(r, block, N / 8);
    expect_answer(r, 200, "8388608");
    free(block);
}

static void a_paused_upload_holds_one_slab_at_most(void **state) {
    struct raw *r = client();
    static char block[1 << 20];
    raw_send(r, "POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n");
    UNTIL(seen.x);
    int64_t before = stat_get(STAT_BYTES_IN);
    for (int i = 0; i < 100; i++) {
        ssize_t n = send(r->fd, block, sizeof block, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)n; /* as much as fits */
        raw_turn();
    }
    assert_true(stat_get(STAT_BYTES_IN) - before <= WORKER_SLAB);
    assert_true(seen.x->conn->held_end <= WORKER_SLAB);
}

static void both_sides_become_raw_bytes_in_a_tunnel(void **state) {
    struct raw *r = client();
    raw_send(
        r, "GET /switch HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly");
    raw_expect(r, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n");
    raw_expect(r, "Connection: Upgrade\r\n");
    raw_expect(r, "\r\n\r\nearly");
    assert_null(strstr(r->buf, "Content-Length"));
    assert_null(strstr(r->buf, "chunked"));
    raw_send(r, "\x01\xff\r\nGET / HTTP/1.1\r\n\r\n");
    raw_expect(r, "\x01\xff\r\nGET / HTTP/1.1\r\n\r\n");
    raw_end(r);
    UNTIL(r->eof);
    assert_true(seen.last);
    assert_int_equal(seen.gone, 0);
}

static void a_tunnel_may_begin_behind_a_body(void **state) {
    struct raw *r = client();
    raw_send(r, "POST /read-and-switch HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n"
                "Upgrade: echo\r\nContent-Length: 4\r\n\r\nbodyraw");
    raw_expect(r, "\r\n\r\nraw");
    raw_end(r);
    UNTIL(r->eof);
    assert_true(seen.last);
}

static void the_peer_and_the_port_are_known(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    UNTIL(seen.x);
    assert_true(str_eq(exchange_peer(seen.x), STR("127.0.0.1")));
    assert_int_equal(exchange_port(seen.x), server_port(server));
    exchange_answer(seen.x, 200, STR_NONE, STR_NONE);
}

static void an_idle_connection_holds_nothing_but_itself(void **state) {
    struct http *h = raw_worker.slot[WORKER_HTTP];
    struct raw *r[50];
    for (int i = 0; i < 50; i++) {
        r[i] = client();
        raw_send(r[i], GET("/hello"));
        expect_answer(r[i], 200, "hello\n");
    }
    assert_true(sizeof(struct conn) <= 600);
    assert_true(list_empty(&h->open));
    assert_int_equal(h->n_spare, 1);
    LIST_EACH(&server->conns, it)
    assert_null(LIST_ENTRY(it, struct conn, link)->held);
}

static void the_access_log_says_what_happened_and_keeps_secrets(void **state) {
    int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct buf lines = {0};
    log_stop();
    log_start(LOG_INFO, LOG_JSON, sink);
    uint64_t before = log_recent(&lines, 0);
    buf_free(&lines);
    struct raw *r = client();
    raw_send(r, "GET /hello/there?password=hunter2 HTTP/1.1\r\nHost: h\r\nX-Request-Id: my-id\r\n"
                "Authorization: Bearer topsecret\r\n\r\n");
    expect_answer(r, 200, "hello\n");
    raw_send(r, "GET /?password=hunter2 HTTP/7.0\r\nAuthorization: Bearer topsecret\r\n\r\n");
    assert_int_equal(get(r)->status, 505);
    conf.log_access = false;
    r = client();
    raw_send(r, GET("/hello/silently"));
    expect_answer(r, 200, "hello\n");
    log_stop(); /* all lines are written */
    buf_clear(&lines);
    log_recent(&lines, before);
    buf_char(&lines, '\0');
    const char *there[] = {
        "\"request_id\":\"my-id\"", "\"method\":\"GET\"",    "\"path\":\"/hello/there\"",
        "\"status\":200",           "\"bytes\":6",           "\"ms\":",
        "\"peer\":\"127.0.0.1\"",   "\"service\":\"hello\"", "\"status\":505"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        if (!strstr(lines.p, there[i])) fail_msg("%s is not in <%s>", there[i], lines.p);
    const char *absent[] = {"hunter2", "password", "topsecret", "silently"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (strstr(lines.p, absent[i])) fail_msg("%s is in <%s>", absent[i], lines.p);
    buf_free(&lines);
    close(sink);
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
}

int main(void) {
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    const struct CMUnitTest tests[] = {
        T(malformed_requests_are_refused_and_the_connection_ends),
        T(a_request_is_answered_with_the_fields_that_are_the_servers),
        T(head_and_body_leave_in_one_piece),
        T(request_ids_are_taken_over_or_made),
        T(twenty_pipelined_requests_are_answered_in_order),
        T(more_pipelined_requests_than_a_slab_holds_are_answered),
        T(a_request_may_be_cut_anywhere),
        T(head_gets_the_same_fields_without_a_body),
        T(unknown_lengths_are_framed_in_chunks),
        T(statuses_without_a_body_get_none),
        T(invalid_fields_of_handlers_are_left_out),
        T(http_1_0_is_answered_in_its_own_terms),
        T(after_connection_close_nothing_more_is_processed),
        T(a_connection_serves_so_many_requests_and_no_more),
        T(a_client_that_waits_for_100_gets_it_when_its_body_is_wanted),
        T(no_100_is_sent_when_it_makes_no_sense),
        T(an_unknown_expectation_is_refused),
        T(limits_have_their_own_answers),
        T(a_bad_pipelined_request_is_refused_in_its_turn),
        T(trace_and_connect_are_not_offered),
        T(unknown_paths_and_missing_routes_have_answers),
        T(a_fixed_handler_answers_every_path),
        T(cors_is_answered_for_api_routes),
        T(error_texts_are_valid_json),
        T(a_head_without_a_body_leaves_at_the_end_of_the_turn),
        T(interim_responses_pass_before_the_final_one),
        T(a_paused_body_waits_for_its_reader),
        T(a_large_body_passes_without_being_kept),
        T(a_paused_upload_holds_one_slab_at_most),
        T(both_sides_become_raw_bytes_in_a_tunnel),
        T(a_tunnel_may_begin_behind_a_body),
        T(the_peer_and_the_port_are_known),
        T(an_idle_connection_holds_nothing_but_itself),
        T(the_access_log_says_what_happened_and_keeps_secrets),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
