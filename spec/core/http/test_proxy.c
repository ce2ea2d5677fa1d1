/* The whole way: a scripted client, the front door, scripted instances. */
#include "raw.h"

#include <signal.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/client.h"
#include "core/http/pick.h"
#include "core/http/pool.h"
#include "core/http/proxy.h"
#include "core/http/server.h"

enum { INSTANCES = 3 };

static struct server *front;
static int door;                    /* its port */
static int inst[INSTANCES];         /* listening sockets */
static char urls[INSTANCES][2][64]; /* url, authority */
static struct upstream list[INSTANCES];
static struct upstreams ups;  /* of /svc */
static struct upstreams none; /* of /empty */

static int setup(void **state) {
    conf.max_request_line = 16384;
    conf.max_header = 32768;
    conf.max_headers = 100;
    conf.max_connections = 1000;
    conf.keepalive_requests = 1000;
    conf.write_high = 64 * 1024;
    conf.header_timeout = conf.body_timeout = conf.write_timeout = conf.idle_timeout =
        60000000000ull;
    conf.connect_timeout = 5000000000ull;
    conf.upstream_timeout = conf.upstream_idle_timeout = 9000000000ull;
    conf.upstream_idle = 16;
    conf.upstream_keepalive = 60000000000ull;
    assert_int_equal(worker_init(&raw_worker, -1, NULL), 0);
    assert_int_equal(dns_start(), 0);
    assert_int_equal(pool_open(&raw_worker), 0);
    for (int i = 0; i < INSTANCES; i++) {
        int port;
        inst[i] = raw_listen(&port);
        snprintf(urls[i][0], sizeof urls[i][0], "http://127.0.0.1:%d", port);
        snprintf(urls[i][1], sizeof urls[i][1], "127.0.0.1:%d", port);
        list[i] = (struct upstream){.id = str_of(urls[i][0]),
                                    .url = str_of(urls[i][0]),
                                    .host = STR("127.0.0.1"),
                                    .port = port,
                                    .authority = str_of(urls[i][1]),
                                    .healthy = true};
    }
    ups = (struct upstreams){list, 1};
    struct route_table *t = route_table_new();
    assert_non_null(t);
    assert_int_equal(route_table_add(t, STR("svc"), &proxy_handler, &ups, 0), 0);
    assert_int_equal(route_table_add(t, STR("empty"), &proxy_handler, &none, ROUTE_CORS), 0);
    assert_int_equal(route_table_add(t, STR("gone"), &nowhere_handler, NULL, ROUTE_CORS), 0);
    route_publish(t);
    struct err e;
    front = server_open(&raw_worker, "127.0.0.1:0", NULL, &e);
    if (!front) fail_msg("%s", e.text);
    door = server_port(front);
    return 0;
}

static void on_drained(struct server *s, void *arg) {
    *(bool *)arg = true;
}

static int teardown(void **state) {
    bool drained = false;
    mem_fail_at(0, false);
    server_drain(front, on_drained, &drained);
    server_abort(front);
    for (int i = 0; i < 5000 && !drained; i++)
        raw_turn();
    assert_true(drained);
    server_close(front);
    route_publish(NULL);
    proxy_close(&raw_worker);
    pool_close(&raw_worker);
    raw_close_all();
    for (int i = 0; i < INSTANCES; i++)
        if (inst[i] >= 0) close(inst[i]);
    for (int i = 0; i < 5000 && raw_worker.slot[WORKER_POOL]; i++)
        raw_turn();
    assert_null(raw_worker.slot[WORKER_POOL]);
    dns_stop();
    worker_free(&raw_worker);
    assert_int_equal(stat_get(STAT_UPSTREAM_OPEN), 0);
    assert_int_equal(stat_get(STAT_REQUESTS_OPEN), 0);
    return 0;
}

#define GET "GET /svc/a HTTP/1.1\r\nHost: me\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct raw *client(const char *request) {
    struct raw *r = raw_connect(door);
    raw_send(r, request);
    return r;
}

/* The instance's end of the request that `c` just made. */
static struct raw *asked(int i) {
    struct raw *r = raw_accept(inst[i]);
    raw_expect(r, "\r\n\r\n");
    return r;
}

/* Both ends of a request that is on its way. */
static void relay(const char *request, struct raw **c, struct raw **u) {
    *c = client(request);
    *u = asked(0);
}

static void gone(int i) {
    close(inst[i]);
    inst[i] = -1;
}

static bool has(const struct raw *r, const char *text) {
    return strstr(r->buf, text);
}

/* What the client must see when its answer broke off. */
static void expect_abort(struct raw *c) {
    UNTIL(raw_over(c));
    assert_true(c->broken);
}

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

static uint32_t segments(const struct raw *r, bool in) {
    struct {
        struct tcp_info info;
        uint64_t rates[2], bytes[2];
        uint32_t segments[2], waiting, rtt, data_in, data_out;
    } tcp;
    socklen_t n = sizeof tcp;
    assert_int_equal(getsockopt(r->fd, IPPROTO_TCP, TCP_INFO, &tcp, &n), 0);
    return in ? tcp.data_in : tcp.data_out;
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
        uint32_t to_instance = segments(u, true), to_client = segments(c, true);
        raw_send(c, cases[i].request);
        raw_expect(u, "\r\n\r\n");
        if (i == 1) raw_expect(u, "\r\n\r\nhello");
        raw_send(u, cases[i].answer);
        raw_expect(c, cases[i].end);
        raw_settle();
        assert_int_equal(segments(u, true) - to_instance, 1);
        assert_int_equal(segments(c, true) - to_client, 1);
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
    assert_false(has(c, "103"));
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

/* ---- things that break ----------------------------------------------------------------------- */

static void an_instance_that_dies_inside_its_answer_breaks_the_clients(void **state) {
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello",
    };
    for (int i = 0; i < 5; i++) {
        struct raw *c, *u;
        relay(GET, &c, &u);
        raw_send(u, answers[i % 3]);
        raw_expect(c, "hello");
        if (i < 2)
            raw_close(u);
        else
            raw_reset(u);
        expect_abort(c);
        assert_false(has(c, "\r\n0\r\n"));
        raw_close(c);
    }
}

static void silence_inside_an_answer_breaks_it(void **state) {
    conf.upstream_idle_timeout = 30000000;
    struct raw *c, *u;
    relay(GET, &c, &u);
    raw_send(u, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    expect_abort(c);
    UNTIL(raw_over(u));
}

/* The answer names the service and nothing else. */
static void expect_error(struct raw *c, const char *status, const char *error) {
    raw_expect(c, status);
    raw_expect(c, error);
    assert_true(has(c, "Content-Type: application/json\r\n"));
    assert_false(has(c, "127.0.0.1"));
    char port[16];
    snprintf(port, sizeof port, "%d", list[0].port);
    assert_false(has(c, port));
}

static void an_instance_that_never_answers_is_a_504(void **state) {
    conf.upstream_timeout = 30000000;
    struct raw *c, *u;
    relay(GET, &c, &u);
    expect_error(c, "HTTP/1.1 504 ", "{\"error\": \"svc did not answer in time\"}");
    UNTIL(raw_over(u));
}

static void a_malformed_answer_is_a_502(void **state) {
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "hello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct raw *c, *u;
        relay(GET, &c, &u);
        raw_send(u, answers[i]);
        expect_error(c, "HTTP/1.1 502 ", "{\"error\": \"svc sent a malformed response\"}");
        UNTIL(raw_over(u));
        raw_forget(c);
        raw_send(c, GET); /* the client may go on */
        u = asked(0);
        raw_send(u, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        raw_expect(c, "\r\n\r\nok");
    }
}

static void an_instance_that_hangs_up_without_an_answer_is_a_502(void **state) {
    for (int i = 0; i < 2; i++) {
        struct raw *c, *u;
        relay(GET, &c, &u);
        if (i)
            raw_reset(u);
        else
            raw_close(u);
        expect_error(c, "HTTP/1.1 502 ",
                     "{\"error\": \"svc closed the connection before it answered\"}");
    }
}

static void a_client_that_leaves_takes_its_request_along(void **state) {
    struct raw *c, *u;
    relay(GET, &c, &u); /* while waiting for the answer */
    raw_reset(c);
    UNTIL(u->broken);

    relay("POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 10\r\n\r\n01234", &c, &u);
    raw_expect(u, "01234"); /* inside its body */
    raw_close(c);
    UNTIL(raw_over(u));
    assert_true(u->broken);

    relay("POST /svc HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", &c,
          &u);
    raw_expect(u, "hello");
    raw_close(c);
    UNTIL(raw_over(u));
    assert_true(u->broken);
    assert_false(has(u, "\r\n0\r\n"));

    relay(GET, &c, &u); /* inside the answer */
    raw_send(u, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    raw_expect(c, "hello");
    raw_reset(c);
    UNTIL(u->broken);
}

static void a_malformed_body_never_looks_complete(void **state) {
    struct raw *c, *u;
    relay("POST /svc HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", &c,
          &u);
    raw_expect(u, "hello");
    raw_send(c, "zz\r\n");
    raw_expect(c, "HTTP/1.1 400 ");
    UNTIL(raw_over(u));
    assert_true(u->broken);
    assert_false(has(u, "\r\n0\r\n"));
}

/* ---- picking and trying again ---------------------------------------------------------------- */

static void requests_take_turns_among_healthy_instances(void **state) {
    ups.n = 3;
    list[1].healthy = false;
    struct raw *c = raw_connect(door);
    int seen[INSTANCES] = {0};
    for (int i = 0; i < 6; i++) {
        raw_forget(c);
        raw_send(c, GET);
        struct raw *u = NULL;
        for (int k = 0; !u; k = (k + 1) % INSTANCES)
            if ((u = raw_try_accept(inst[k]))) seen[k]++;
        raw_expect(u, "\r\n\r\n");
        raw_send(u, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        raw_expect(c, "\r\n\r\nok");
    }
    assert_int_equal(seen[0], 3);
    assert_int_equal(seen[1], 0);
    assert_int_equal(seen[2], 3);
}

static void a_refused_connection_sends_the_request_elsewhere(void **state) {
    static const struct {
        const char *id; /* another one each time: a failure is remembered by it */
        const char *request, *expected;
    } cases[] = {
        {"x", GET, "\r\n\r\n"},
        {"y", "POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 5\r\n\r\nhello", "\r\n\r\nhello"},
        {"z",
         "POST /svc HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\n0\r\n\r\n",
         "\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
    };
    ups.n = 2;
    gone(0);
    for (int i = 0; i < 3; i++) {
        list[0].id = str_of(cases[i].id);
        for (int k = 0; k < 2; k++) { /* each one is first once */
            struct raw *c = client(cases[i].request);
            struct raw *u = raw_accept(inst[1]);
            raw_expect(u, cases[i].expected);
            char host[128];
            snprintf(host, sizeof host, "\r\nHost: %s\r\n", urls[1][1]);
            assert_true(has(u, host));
            raw_send(u, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
            raw_expect(c, "\r\n\r\nok");
        }
    }
    assert_true(stat_get(STAT_UPSTREAM_RETRIES) >= 3);
}

static void an_instance_that_refused_is_left_alone_for_a_while(void **state) {
    ups.n = 2;
    gone(0);
    int64_t errors = 0;
    for (int i = 0; i < 8; i++) {
        struct raw *c = client(GET);
        struct raw *u = asked(1);
        raw_send(u, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        raw_expect(c, "\r\n\r\nok");
        if (i == 1) errors = stat_get(STAT_UPSTREAM_ERRORS); /* it was its turn by now */
    }
    assert_int_equal(stat_get(STAT_UPSTREAM_ERRORS), errors);
}

static void all_instances_are_tried_before_the_client_is_told(void **state) {
    ups.n = 3;
    list[1].healthy = false;
    gone(0);
    gone(2);
    struct raw *c = client(GET);
    struct raw *u = asked(1); /* unhealthy, but the only one that listens */
    raw_send(u, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    raw_expect(c, "\r\n\r\nok");

    gone(1);
    int64_t before = stat_get(STAT_UPSTREAM_REQUESTS);
    c = client(GET);
    expect_error(c, "HTTP/1.1 502 ", "{\"error\": \"no instance of svc could be reached\"}");
    assert_true(has(c, "\r\nRetry-After: "));
    assert_int_equal(stat_get(STAT_UPSTREAM_REQUESTS) - before, 3); /* each of them once */
}

static void a_connection_that_died_while_it_rested_is_replaced_unseen(void **state) {
    struct raw *c, *u;
    relay(GET, &c, &u);
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    raw_forget(c);
    raw_forget(u);
    raw_send(c, GET);
    raw_expect(u, "GET"); /* it went out on the old connection */
    raw_close(u);
    u = asked(0);
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");

    raw_forget(c); /* what is not idempotent may have been acted upon */
    raw_forget(u);
    raw_send(c, "POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 2\r\n\r\nhi");
    raw_expect(u, "\r\n\r\nhi");
    raw_close(u);
    expect_error(c, "HTTP/1.1 502 ", "svc closed the connection");
    assert_null(raw_try_accept(inst[0]));
}

static void a_second_try_never_takes_another_old_connection(void **state) {
    struct raw *c, *u, *c2, *u2;
    relay(GET, &c, &u);
    relay(GET, &c2, &u2);
    raw_send(u2, OK);
    raw_expect(c2, "\r\n\r\nok");
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    raw_forget(c);
    raw_forget(u);
    raw_send(c, GET);
    raw_expect(u, "GET");
    raw_close(u); /* the whole instance restarts; the loop hears of this one first */
    raw_close(u2);
    u = asked(0);
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
}

static void a_first_byte_ends_all_trying(void **state) {
    struct raw *c, *u;
    relay(GET, &c, &u);
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    raw_forget(c);
    raw_forget(u);
    raw_send(c, GET);
    raw_expect(u, "GET");
    raw_send(u, "HTTP/1.1 2");
    raw_settle();
    raw_close(u);
    expect_error(c, "HTTP/1.1 502 ", "svc closed the connection");
    assert_null(raw_try_accept(inst[0]));
}

static void a_service_without_instances_is_a_404(void **state) {
    static const char *const requests[] = {"GET /empty/x HTTP/1.1\r\nHost: me\r\n\r\n",
                                           "GET /gone/x HTTP/1.1\r\nHost: me\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        struct raw *c = client(requests[i]);
        raw_expect(c, "\r\n\r\nno instances found");
        assert_memory_equal(c->buf, "HTTP/1.1 404 ", 13);
        assert_true(has(c, "Content-Type: text/plain"));
        assert_false(has(c, "Access-Control"));
    }
}

/* Takers of connections that fill the pool's line. */
static struct pool_wait crowd[POOL_OPEN + POOL_QUEUE];
static struct pool_conn *taken[POOL_OPEN];
static int n_taken;

static void on_taken(struct pool_wait *w, struct pool_conn *conn, const struct err *e) {
    assert_non_null(conn);
    taken[n_taken++] = conn;
}

static void more_requests_than_can_wait_are_a_503(void **state) {
    struct pool_addr where = {list[0].host, list[0].port};
    n_taken = 0;
    for (int i = 0; i < POOL_OPEN + POOL_QUEUE; i++) {
        crowd[i].ready = on_taken;
        pool_take(&raw_worker, &where, false, &crowd[i]);
        if (i < POOL_OPEN) UNTIL(n_taken == i + 1);
        struct raw *u = raw_try_accept(inst[0]);
        if (u) u->deaf = true;
    }
    struct raw *c = client(GET);
    expect_error(c, "HTTP/1.1 503 ", "{\"error\": \"too many requests wait for svc\"}");
    assert_true(has(c, "\r\nRetry-After: "));
    for (int i = POOL_OPEN; i < POOL_OPEN + POOL_QUEUE; i++)
        pool_take_cancel(&crowd[i]);
    while (n_taken)
        pool_drop(taken[--n_taken]);
}

static void a_loop_ends_here(void **state) {
    char request[256];
    snprintf(request, sizeof request, "GET /svc HTTP/1.1\r\nHost: me\r\nVia: 1.1 %.*s\r\n\r\n",
             STR_FMT(proxy_via()));
    raw_expect(client(request), "HTTP/1.1 508 Loop Detected\r\n");

    list[0].port = door; /* an instance that is the host itself */
    struct raw *c = client(GET);
    raw_expect(c, "HTTP/1.1 508 Loop Detected\r\n");
}

static void max_forwards_may_end_here(void **state) {
    struct raw *c = client("OPTIONS /svc HTTP/1.1\r\nHost: me\r\nMax-Forwards: 0\r\n\r\n");
    raw_expect(c, "\r\nAllow: ");
    raw_send(c, "OPTIONS /svc HTTP/1.1\r\nHost: me\r\nMax-Forwards: 3\r\n\r\n");
    struct raw *u = asked(0);
    assert_true(has(u, "\r\nMax-Forwards: 2\r\n"));
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

/* ---- memory ---------------------------------------------------------------------------------- */

/* One allocation fails on the way; the client gets its answer, an error or a closed connection, and
 * the next client is served. */
static void every_allocation_may_fail(void **state) {
    bool fired = true;
    for (long n = 1; fired; n++) {
        struct raw *u = NULL;
        mem_fail_at(n, false);
        struct raw *c = client("POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 5\r\n\r\nhello");
        for (int i = 0; i < 5000 && !raw_over(c) && !has(c, "\r\n\r\n"); i++) {
            if (!u && (u = raw_try_accept(inst[0])))
                raw_send(u, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
                            "0\r\n\r\n");
            raw_turn();
        }
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_true(raw_over(c) || has(c, "HTTP/1.1 "));
        if (!fired) assert_true(has(c, "\r\n\r\nok"));
        raw_close_all();
        raw_settle();
        while (raw_try_accept(inst[0])) { /* one that was given up before it was accepted */
        }
        raw_close_all();
        proxy_close(&raw_worker); /* the next round starts from nothing */
        struct pool_addr where = {list[0].host, list[0].port};
        pool_drop_peer(&raw_worker, &where);
        raw_settle();
        assert_int_equal(stat_get(STAT_REQUESTS_OPEN), 0);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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
        T(an_instance_that_dies_inside_its_answer_breaks_the_clients),
        T(silence_inside_an_answer_breaks_it),
        T(an_instance_that_never_answers_is_a_504),
        T(a_malformed_answer_is_a_502),
        T(an_instance_that_hangs_up_without_an_answer_is_a_502),
        T(a_client_that_leaves_takes_its_request_along),
        T(a_malformed_body_never_looks_complete),
        T(requests_take_turns_among_healthy_instances),
        T(a_refused_connection_sends_the_request_elsewhere),
        T(an_instance_that_refused_is_left_alone_for_a_while),
        T(all_instances_are_tried_before_the_client_is_told),
        T(a_connection_that_died_while_it_rested_is_replaced_unseen),
        T(a_second_try_never_takes_another_old_connection),
        T(a_first_byte_ends_all_trying),
        T(a_service_without_instances_is_a_404),
        T(more_requests_than_can_wait_are_a_503),
        T(a_loop_ends_here),
        T(max_forwards_may_end_here),
        T(a_websocket_becomes_a_tunnel),
        T(bytes_behind_the_handshake_are_the_tunnels),
        T(a_tunnel_carries_the_end_of_either_side),
        T(a_client_that_leaves_its_tunnel_resets_it),
        T(a_tunnel_has_back_pressure_both_ways),
        T(a_refused_upgrade_is_an_answer_like_any_other),
        T(other_upgrades_go_on_as_plain_requests),
        T(every_allocation_may_fail),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
