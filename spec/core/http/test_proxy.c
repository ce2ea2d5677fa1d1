/* The whole way of a request and its answer, of bodies, streams and tunnels. */
#include "front.h"

/* ---- the usual case -------------------------------------------------------------------------- */

static void a_request_reaches_the_instance_and_its_answer_the_client(void **state) {
    struct raw *c, *u;
    relay("GET /svc/%61?x=%2F&y HTTP/1.1\r\nHost: me:1\r\nX-A: 1\r\nX-A: 2\r\n\r\n", &c, &u);
    char expected[512];
    snprintf(expected, sizeof expected,
             "GET /svc/%%61?x=%%2F&y HTTP/1.1\r\nHost: %s\r\nX-A: 1\r\nX-A: 2\r\n"
             "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: me:1\r\n"
             "X-Forwarded-Port: %d\r\nVia: 1.1 %.*s\r\nX-Request-Id: ",
             urls[0][1], door, STR_FMT(proxy_via()));
    assert_memory_equal(u->buf, expected, strlen(expected));
    raw_send(u, "HTTP/1.1 201 Made\r\nContent-Length: 5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
                "X-Powered-By: u\r\n\r\nhello");
    raw_expect(c, "\r\n\r\nhello");
    snprintf(expected, sizeof expected,
             "HTTP/1.1 201 Created\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Powered-By: u\r\n"
             "Via: 1.1 %.*s\r\n",
             STR_FMT(proxy_via()));
    assert_memory_equal(c->buf, expected, strlen(expected));
    assert_true(has(c, "\r\nDate: "));
    assert_true(has(c, "\r\nContent-Length: 5\r\n"));

    raw_forget(c); /* both connections serve on */
    raw_forget(u);
    raw_send(c, GET);
    raw_expect(u, "GET /svc/a HTTP/1.1\r\n");
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    assert_int_equal(stat_get(STAT_UPSTREAM_OPEN), 1);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    char request[128];
    struct raw *c = raw_connect(door);
    for (int i = 0; i < 5; i++) {
        snprintf(request, sizeof request, "GET /svc/%d HTTP/1.1\r\nHost: me\r\n\r\n", i);
        raw_send(c, request);
    }
    struct raw *u = raw_accept(inst[0]);
    for (int i = 0; i < 5; i++) {
        char answer[128];
        snprintf(request, sizeof request, "GET /svc/%d HTTP/1.1\r\n", i);
        raw_expect(u, request);
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno %d", i);
        raw_send(u, answer);
        raw_expect(c, answer + strlen(answer) - 4);
    }
}

static void small_messages_leave_in_one_packet_each(void **state) {
    static const struct {
        const char *request, *answer, *end;
    } cases[] = {
        {GET, OK, "\r\n\r\nok"},
        {"POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 5\r\n\r\nhello", OK, "\r\n\r\nok"},
        {GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
         "Content-Length: 2\r\n"},
        {"GET /svc HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
         "Content-Length: 2\r\n"},
        {"HEAD /svc HTTP/1.1\r\nHost: me\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
         "Content-Length: 9\r\n"},
    };
    struct raw *c, *u;
    relay(GET, &c, &u);
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        raw_forget(c);
        raw_forget(u);
        uint32_t to_instance = raw_segments(u, true), to_client = raw_segments(c, true);
        raw_send(c, cases[i].request);
        raw_expect(u, "\r\n\r\n");
        if (i == 1) raw_expect(u, "\r\n\r\nhello");
        raw_send(u, cases[i].answer);
        raw_expect(c, cases[i].end);
        raw_settle();
        assert_int_equal(raw_segments(u, true) - to_instance, 1);
        assert_int_equal(raw_segments(c, true) - to_client, 1);
    }
}

static void a_request_between_warm_connections_allocates_nothing(void **state) {
    static const char *const requests[] = {
        GET, "POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 5\r\n\r\nhello"};
    struct raw *c, *u;
    relay(GET, &c, &u);
    for (int i = 0; i < 6; i++) {
        raw_send(u, OK);
        raw_expect(c, "\r\n\r\nok");
        raw_forget(c);
        raw_forget(u);
        if (i > 1) mem_fail_at(1, true);
        raw_send(c, requests[i % 2]);
        raw_expect(u, i % 2 ? "hello" : "\r\n\r\n");
    }
    assert_false(mem_fail_fired());
}

static void responses_without_a_body_keep_both_sides_in_step(void **state) {
    static const struct {
        const char *request, *answer, *expected, *forbidden;
    } cases[] = {
        {"HEAD /svc HTTP/1.1\r\nHost: me\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "\r\nContent-Length: 1000\r\n",
         "Transfer-Encoding"},
        {"HEAD /svc HTTP/1.1\r\nHost: me\r\n\r\n",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n",
         "Content-Length"},
        {GET, "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", "\r\nETag: x\r\n", "Content-Length"},
        {GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: x\r\n\r\n",
         "\r\nETag: x\r\n", "Transfer-Encoding"},
        {GET, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n", "Content-Length"},
    };
    struct raw *c = raw_connect(door), *u = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        raw_forget(c);
        raw_send(c, cases[i].request);
        if (!u) u = raw_accept(inst[0]);
        raw_expect(u, "\r\n\r\n");
        raw_forget(u);
        raw_send(u, cases[i].answer);
        raw_expect(c, "\r\n\r\n");
        assert_true(has(c, cases[i].expected));
        assert_false(has(c, cases[i].forbidden));
    }
    raw_forget(c);
    raw_send(c, GET);
    raw_expect(u, "GET /svc/a");
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
}

static void a_204_with_a_body_never_shifts_the_next_answer(void **state) {
    struct raw *c, *u;
    relay(GET, &c, &u);
    raw_send(u, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello");
    raw_expect(c, "\r\n\r\n");
    raw_forget(c);
    raw_send(c, GET);
    struct raw *u2 = asked(0);
    raw_send(u2, OK);
    raw_expect(c, "HTTP/1.1 200 OK\r\n");
    assert_false(has(c, "hello"));
}

static void trailers_and_chunk_extensions_stay_behind(void **state) {
    struct raw *c, *u;
    relay("POST /svc HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
          "5;ext=1\r\nhello\r\n0\r\nX-T: 1\r\nAuthorization: x\r\n\r\n",
          &c, &u);
    raw_expect(u, "\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_false(has(u, "X-T") || has(u, "Authorization"));
    raw_send(u, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n");
    raw_expect(c, "\r\n\r\n2\r\nok\r\n");
    raw_send(u, "0\r\nX-T: 1\r\n\r\n");
    raw_expect(c, "2\r\nok\r\n0\r\n\r\n");
    assert_false(has(c, "X-T"));
}

static void interim_responses_pass_but_100(void **state) {
    struct raw *c, *u;
    relay(GET, &c, &u);
    raw_send(u, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    raw_expect(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n");
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    assert_false(has(c, "100 Continue"));

    raw_forget(u);
    c = client("GET /svc HTTP/1.0\r\n\r\n");
    raw_expect(u, "GET /svc HTTP/1.1\r\n");
    raw_send(u, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK);
    raw_expect(c, "\r\n\r\nok");
    assert_false(has(c, "103 Early"));
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void a_head_does_not_wait_for_its_body(void **state) {
    struct raw *c, *u;
    relay(GET, &c, &u);
    for (int i = 0; i < 2; i++) { /* over connections that are there already */
        raw_send(u, OK);
        raw_expect(c, "\r\n\r\nok");
        raw_forget(c);
        raw_forget(u);
        raw_send(c, "POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 10\r\n\r\n");
        raw_expect(u, "Content-Length: 10\r\n\r\n");
        raw_send(c, "01234");
        raw_expect(u, "\r\n\r\n01234");
        raw_send(c, "56789");
        raw_expect(u, "\r\n\r\n0123456789");
    }
}

static void expectations_are_met_by_the_front_door(void **state) {
    struct raw *c, *u;
    relay("PUT /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", &c,
          &u);
    raw_expect(c, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_false(has(u, "Expect"));
    raw_send(c, "hello");
    raw_expect(u, "\r\n\r\nhello");
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
}

static void a_chunked_body_stays_chunked_and_flows_both_ways_at_once(void **state) {
    struct raw *c, *u;
    relay("POST /svc HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n", &c, &u);
    raw_send(u, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    raw_expect(c, "Transfer-Encoding: chunked\r\n");
    for (int i = 0; i < 5; i++) {
        char chunk[32];
        snprintf(chunk, sizeof chunk, "3\r\n>%02d\r\n", i);
        raw_send(c, chunk);
        raw_expect(u, chunk);
        raw_send(u, chunk);
        raw_expect(c, chunk);
    }
    raw_send(c, "0\r\n\r\n");
    raw_expect(u, "\r\n0\r\n\r\n");
    raw_send(u, "0\r\n\r\n");
    raw_expect(c, "\r\n0\r\n\r\n");
}

/* Sends until the other side stops it; returns the bytes that were taken. */
static size_t pour(struct raw *r, size_t most) {
    static char block[64 * 1024];
    size_t sent = 0;
    for (int quiet = 0; sent < most && quiet < 100; quiet++) {
        size_t want = most - sent < sizeof block ? most - sent : sizeof block;
        ssize_t n = send(r->fd, block, want, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) sent += (size_t)n;
        if (n > 0) quiet = 0;
        raw_turn();
    }
    return sent;
}

enum { HUGE_BODY = 64 << 20 };

static void a_slow_instance_slows_the_client_down(void **state) {
    struct raw *c, *u;
    relay("POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 67108864\r\n\r\n", &c, &u);
    size_t before = u->total;
    u->deaf = u->discard = true;
    size_t sent = pour(c, HUGE_BODY);
    assert_true(sent < HUGE_BODY / 2); /* socket buffers, and what write_high allows */
    u->deaf = false;
    while (sent < HUGE_BODY)
        sent += pour(c, HUGE_BODY - sent);
    UNTIL(u->total - before == HUGE_BODY);
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
}

static void a_slow_client_slows_the_instance_down(void **state) {
    for (int chunked = 0; chunked < 2; chunked++) {
        struct raw *c, *u;
        relay(GET, &c, &u);
        raw_send(u, chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000000\r\n"
                            : "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
        raw_expect(c, "\r\n\r\n");
        size_t before = c->total;
        c->deaf = c->discard = true;
        size_t sent = pour(u, HUGE_BODY);
        assert_true(sent < HUGE_BODY / 2);
        c->deaf = false;
        while (sent < HUGE_BODY)
            sent += pour(u, HUGE_BODY - sent);
        if (chunked) raw_send(u, "\r\n0\r\n\r\n");
        UNTIL(c->total - before >= HUGE_BODY);
        if (chunked) {
            c->discard = false;
            raw_send(c, GET); /* the end of the last body comes before this answer */
            raw_expect(u, "GET");
            raw_send(u, OK);
            raw_expect(c, "\r\n\r\nok");
        }
        raw_close(c);
        raw_settle();
        raw_close(u);
        raw_settle();
    }
}

static void events_arrive_at_once_and_may_be_rare(void **state) {
    conf.upstream_idle_timeout = 30000000;
    struct raw *c, *u;
    relay(GET, &c, &u);
    raw_send(u, "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n");
    raw_expect(c, "Transfer-Encoding: chunked\r\n"); /* the head does not wait for an event */
    uint64_t end = raw_clock() + 100;
    UNTIL(raw_clock() > end);
    raw_send(u, "data: 1\n\n");
    raw_expect(c, "data: 1\n\n");
    UNTIL(raw_clock() > end + 100);
    raw_send(u, "data: 2\n\n");
    raw_expect(c, "data: 2\n\n");
    raw_end(u); /* without a length its end is the stream's */
    raw_expect(c, "\r\n0\r\n\r\n");
}

static void an_early_answer_is_passed_on_and_the_rest_of_the_request_is_not(void **state) {
    struct raw *c, *u;
    relay("POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 1000\r\n\r\n01234", &c, &u);
    raw_expect(u, "01234");
    raw_send(u, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    raw_expect(c, "\r\n\r\nno");
    UNTIL(raw_over(u)); /* it must not take the part for the whole */
    assert_int_equal(strlen(strstr(u->buf, "\r\n\r\n")), 9);
    raw_forget(c);
    for (int i = 0; i < 995; i++)
        raw_send(c, "x");
    raw_send(c, GET); /* the front door skips the rest */
    struct raw *u2 = asked(0);
    assert_memory_equal(u2->buf, "GET /svc/a", 10);
    raw_send(u2, OK);
    raw_expect(c, "\r\n\r\nok");
}

/* ---- tunnels --------------------------------------------------------------------------------- */

#define WS \
    "GET /svc/ws HTTP/1.1\r\nHost: me\r\nConnection: keep-alive, Upgrade\r\nUpgrade: " \
    "websocket\r\n" \
    "Sec-WebSocket-Key: x\r\n\r\n"
#define SWITCH \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
    "Sec-WebSocket-Accept: y\r\n\r\n"

static void tunnel(struct raw **c, struct raw **u) {
    relay(WS, c, u);
    assert_true(has(*u, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
    assert_true(has(*u, "\r\nSec-WebSocket-Key: x\r\n"));
    raw_send(*u, SWITCH "first");
    raw_expect(*c, "\r\n\r\nfirst");
    assert_memory_equal((*c)->buf, "HTTP/1.1 101 Switching Protocols\r\n", 34);
    assert_true(has(*c, "\r\nConnection: Upgrade\r\n"));
    assert_true(has(*c, "\r\nUpgrade: websocket\r\n"));
    assert_true(has(*c, "\r\nSec-WebSocket-Accept: y\r\n"));
    raw_forget(*c);
    raw_forget(*u);
}

static void a_websocket_becomes_a_tunnel(void **state) {
    conf.upstream_idle_timeout = conf.upstream_timeout = 40000000;
    struct raw *c, *u;
    tunnel(&c, &u);
    raw_send_n(c, "\x81\x00\r\n", 4);
    UNTIL(u->n == 4 && memcmp(u->buf, "\x81\x00\r\n", 4) == 0);
    uint64_t end = raw_clock() + 120;
    UNTIL(raw_clock() > end); /* silence is its right */
    raw_send(u, "HTTP/1.1 500 Not A Response\r\n\r\n");
    raw_expect(c, "HTTP/1.1 500 Not A Response\r\n\r\n");
    raw_reset(u);
    expect_abort(c);
}

static void bytes_behind_the_handshake_are_the_tunnels(void **state) {
    struct raw *c, *u;
    relay(WS "early", &c, &u);
    raw_settle();
    assert_false(has(u, "early"));
    raw_send(u, SWITCH);
    raw_expect(u, "early");
}

static void a_tunnel_carries_the_end_of_either_side(void **state) {
    struct raw *c, *u;
    tunnel(&c, &u);
    raw_send(c, "bye");
    raw_end(c);
    UNTIL(u->eof);
    assert_string_equal(u->buf, "bye");
    raw_send(u, "still here");
    raw_expect(c, "still here");
    raw_end(u);
    UNTIL(raw_over(c));
    assert_true(c->eof);

    tunnel(&c, &u);
    raw_send(u, "bye");
    raw_end(u);
    UNTIL(c->eof);
    assert_string_equal(c->buf, "bye");
    raw_send(c, "still here");
    UNTIL(has(u, "still here"));
    raw_end(c);
    UNTIL(raw_over(u));
    assert_true(u->eof);
}

static void a_client_that_leaves_its_tunnel_resets_it(void **state) {
    struct raw *c, *u;
    tunnel(&c, &u);
    raw_reset(c);
    UNTIL(u->broken);
}

static void a_tunnel_has_back_pressure_both_ways(void **state) {
    struct raw *c, *u;
    tunnel(&c, &u);
    for (int way = 0; way < 2; way++) {
        struct raw *from = way ? c : u, *to = way ? u : c;
        size_t before = to->total;
        to->deaf = to->discard = true;
        size_t sent = pour(from, HUGE_BODY);
        assert_true(sent < HUGE_BODY / 2);
        to->deaf = false;
        while (sent < HUGE_BODY)
            sent += pour(from, HUGE_BODY - sent);
        UNTIL(to->total - before == HUGE_BODY);
        to->discard = false;
    }
}

static void a_refused_upgrade_is_an_answer_like_any_other(void **state) {
    struct raw *c, *u;
    relay(WS, &c, &u);
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    raw_forget(u);
    raw_send(c, GET);
    raw_expect(u, "GET /svc/a");
}

static void other_upgrades_go_on_as_plain_requests(void **state) {
    struct raw *c, *u;
    relay("GET /svc HTTP/1.1\r\nHost: me\r\nConnection: Upgrade, HTTP2-Settings\r\n"
          "Upgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
          &c, &u);
    assert_false(has(u, "pgrade") || has(u, "HTTP2"));
    raw_send(u, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    expect_error(c, "HTTP/1.1 502 ", "svc sent a malformed response");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void a_port_is_ours_to_read(void **state) {
    static const struct {
        const char *path, *sent;
    } cases[] = {
        {"/svc:443/a%20b?c=%2F", "GET /svc/a%20b?c=%2F HTTP/1.1\r\n"},
        {"/SVC:443", "GET /svc HTTP/1.1\r\n"},
        {"/svc:443?", "GET /svc? HTTP/1.1\r\n"},
        {"/SVC/A", "GET /SVC/A HTTP/1.1\r\n"},
    };
    char request[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raw *c, *u;
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: me\r\n\r\n", cases[i].path);
        relay(request, &c, &u);
        if (!has(u, cases[i].sent)) fail_msg("%s: <%s>", cases[i].path, u->buf);
        raw_send(u, OK);
        raw_expect(c, "ok");
        raw_close(c);
        raw_close(u);
    }
}

static void instances_have_one_port(void **state) {
    static const char *const paths[] = {"/svc:80/a", "/svc:1234", "/svc:888/"};
    char request[200];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: me\r\n\r\n", paths[i]);
        struct raw *c = client(request);
        raw_expect(c, "HTTP/1.1 404 ");
        raw_expect(c, "no instances found");
        raw_close(c);
    }
}

static void no_account_gets_the_root_path(void **state) {
    struct route_table *t = route_table_new();
    assert_int_equal(route_table_add(t, STR("root"), &proxy_handler, &ups, 0), 0);
    route_publish(t);
    raw_settle();
    struct raw *c = client("GET / HTTP/1.1\r\nHost: me\r\n\r\n");
    raw_expect(c, "HTTP/1.1 404 ");
    raw_close(c);
    c = client("GET /root/ HTTP/1.1\r\nHost: me\r\n\r\n");
    struct raw *u = asked(0);
    raw_send(u, OK);
    raw_expect(c, "ok");
}

int main(void) {
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    const struct CMUnitTest tests[] = {
        T(a_request_reaches_the_instance_and_its_answer_the_client),
        T(pipelined_requests_are_answered_in_order),
        T(small_messages_leave_in_one_packet_each),
        T(a_request_between_warm_connections_allocates_nothing),
        T(responses_without_a_body_keep_both_sides_in_step),
        T(a_204_with_a_body_never_shifts_the_next_answer),
        T(trailers_and_chunk_extensions_stay_behind),
        T(interim_responses_pass_but_100),
        T(a_head_does_not_wait_for_its_body),
        T(expectations_are_met_by_the_front_door),
        T(a_chunked_body_stays_chunked_and_flows_both_ways_at_once),
        T(a_slow_instance_slows_the_client_down),
        T(a_slow_client_slows_the_instance_down),
        T(events_arrive_at_once_and_may_be_rare),
        T(an_early_answer_is_passed_on_and_the_rest_of_the_request_is_not),
        T(a_websocket_becomes_a_tunnel),
        T(bytes_behind_the_handshake_are_the_tunnels),
        T(a_tunnel_carries_the_end_of_either_side),
        T(a_client_that_leaves_its_tunnel_resets_it),
        T(a_tunnel_has_back_pressure_both_ways),
        T(a_refused_upgrade_is_an_answer_like_any_other),
        T(other_upgrades_go_on_as_plain_requests),
        T(a_port_is_ours_to_read),
        T(instances_have_one_port),
        T(no_account_gets_the_root_path),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
