/* What a gateway changes in a head, and that it changes nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/http/forward.h"
#include "core/http/trust.h"

static struct arena arena;
static struct h1 h1;
static struct buf out;
static struct forward_from from;
static struct upstream to;
static const struct h1_limits limits = {16384, 32768, 100};

static int setup(void **state) {
    arena_init(&arena, 1024);
    buf_init(&out);
    from = (struct forward_from){.peer = STR("192.0.2.7"),
                                 .scheme = STR("http"),
                                 .port = 58231,
                                 .id = STR("rid"),
                                 .max_forwards = -1};
    to = (struct upstream){.authority = STR("10.1.1.1:9000")};
    return 0;
}

static int teardown(void **state) {
    mem_fail_at(0, false);
    arena_free(&arena);
    buf_free(&out);
    return 0;
}

static const struct head *parse(enum h1_kind kind, const char *text) {
    h1_init(&h1, kind, &limits, &arena);
    struct h1_step step = h1_next(&h1, str_of(text));
    if (step.event != H1_HEAD) fail_msg("not a head: %s (%s)", text, h1.error);
    return &h1.head;
}

static const char *forward(const char *request) {
    assert_int_equal(forward_request(&out, parse(H1_REQUEST, request), &to, &from), 0);
    buf_char(&out, '\0');
    return out.p;
}

/* The request as it is forwarded, behind the line and the fields that open every one of them. */
#define FORWARDED(request, expected) \
    do { \
        char want_[4096]; \
        snprintf(want_, sizeof want_, expected, STR_FMT(proxy_via())); \
        assert_string_equal(forward(request), want_); \
    } while (0)

#define OURS \
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: me\r\n" \
    "X-Forwarded-Port: 58231\r\nVia: 1.1 %.*s\r\nX-Request-Id: rid\r\n"

static void a_request_goes_on_in_order_with_our_fields_behind(void **state) {
    FORWARDED("GET /svc/a?b=c HTTP/1.1\r\nHost: me\r\nAccept: x\r\nX-Same: 1\r\nCookie: y\r\n"
              "X-Same: 2\r\nx-empty:\r\n\r\n",
              "GET /svc/a?b=c HTTP/1.1\r\nHost: 10.1.1.1:9000\r\nAccept: x\r\nX-Same: 1\r\n"
              "Cookie: y\r\nX-Same: 2\r\nx-empty: \r\n" OURS "\r\n");
}

static void targets_go_on_byte_for_byte_behind_the_prefix(void **state) {
    static const char *const targets[] = {
        "/svc",
        "/svc/",
        "/svc?",
        "/svc??",
        "/svc/%41%2F%2e%20",
        "/svc/a?b=%26&c=+&d=a;b",
        "/svc/a:b@c!$&'()*+,;=-._~",
        "/svc//a///b",
        "/svc/%E2%82%AC",
        "/svc?a=/../b",
    };
    to.prefix = STR("/base");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char request[256], line[256];
        snprintf(request, sizeof request, "PURGE %s HTTP/1.1\r\nHost: me\r\n\r\n", targets[i]);
        snprintf(line, sizeof line, "PURGE /base%s HTTP/1.1\r\n", targets[i]);
        assert_memory_equal(forward(request), line, strlen(line));
    }
}

static void fields_of_one_hop_stay_behind(void **state) {
    FORWARDED("GET / HTTP/1.1\r\nHost: me\r\nConnection: close, X-Drop\r\nX-Drop: 1\r\n"
              "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n"
              "Trailer: x\r\nUpgrade: h2c\r\nX-Keep: 1\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\nX-Keep: 1\r\n" OURS "\r\n");
}

static void connection_cannot_remove_what_the_upstream_relies_on(void **state) {
    FORWARDED("GET / HTTP/1.1\r\nHost: me\r\nAuthorization: Bearer t\r\n"
              "Connection: Host, Authorization, X-Forwarded-For, Via, X-Request-Id\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\nAuthorization: Bearer t\r\n" OURS "\r\n");
}

static void where_a_request_came_from_is_not_for_the_client_to_say(void **state) {
    FORWARDED(
        "GET / HTTP/1.1\r\nHost: me\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: gopher\r\n"
        "X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nForwarded: for=1.1.1.1\r\n"
        "X-Real-IP: 1.1.1.1\r\nX-Request-Id: evil\r\nX-Forwarded-For: 2.2.2.2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\n" OURS "\r\n");
}

static void via_grows_and_tells_the_version_received(void **state) {
    FORWARDED("GET / HTTP/1.1\r\nHost: me\r\nVia: 1.1 front\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\nVia: 1.1 front\r\n" OURS "\r\n");
    assert_non_null(strstr(forward("GET / HTTP/1.0\r\nHost: me\r\n\r\n"), "\r\nVia: 1.0 moonbus-"));
}

static void bodies_are_framed_anew(void **state) {
    FORWARDED("POST / HTTP/1.1\r\nHost: me\r\nContent-Length: 007\r\nExpect: 100-continue\r\n\r\n",
              "POST / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\n" OURS "Content-Length: 7\r\n\r\n");
    FORWARDED("POST / HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: chunked\r\n\r\n",
              "POST / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\n" OURS
              "Transfer-Encoding: chunked\r\n\r\n");
    FORWARDED("POST / HTTP/1.1\r\nHost: me\r\nContent-Length: 0\r\n\r\n",
              "POST / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\n" OURS "Content-Length: 0\r\n\r\n");
    FORWARDED("POST / HTTP/1.1\r\nHost: me\r\n\r\n",
              "POST / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\n" OURS "\r\n");
}

static void a_fresher_authorization_takes_the_place_of_the_received_one(void **state) {
    from.auth = STR("Bearer new");
    FORWARDED("GET / HTTP/1.1\r\nHost: me\r\nAuthorization: Bearer old\r\nA: b\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\nA: b\r\nAuthorization: Bearer new\r\n" OURS
              "\r\n");
}

static void only_websockets_are_asked_for(void **state) {
    static const struct {
        const char *request;
        bool yes;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: me\r\nConnection: x, upgrade\r\nUpgrade: h2c, WebSocket\r\n\r\n",
         true},
        {"GET / HTTP/1.1\r\nHost: me\r\nUpgrade: websocket\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
        {"POST / HTTP/1.1\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Content-Length: 5\r\n\r\n",
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(forward_websocket(parse(H1_REQUEST, cases[i].request)), cases[i].yes);
    from.websocket = true;
    FORWARDED(cases[1].request, "GET / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\n" OURS
                                "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void our_own_pseudonym_in_via_is_a_loop(void **state) {
    struct str via = proxy_via();
    char request[512];
    static const char *const loops[] = {"Via: 1.1 %.*s\r\n", "Via: 1.0 a, 1.1 %.*s (x), 1.1 b\r\n",
                                        "Via: 1.1 a\r\nVia: HTTP/1.1  %.*s\r\n",
                                        "via:1.1 %.*s\r\n"};
    static const char *const others[] = {"Via: 1.1 x%.*s\r\n", "Via: 1.1 moonbus, %.*s x\r\n",
                                         "X-Via: 1.1 %.*s\r\n"};
    for (size_t i = 0; i < 7; i++) {
        int at = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: me\r\n");
        char *end = request + at;
        const char *format = i < 4 ? loops[i] : others[i - 4];
        /* The formats are the literals above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(end, sizeof request - (size_t)at, format, STR_FMT(via));
#pragma GCC diagnostic pop
        strcat(request, "\r\n");
        assert_int_equal(forward_loops(parse(H1_REQUEST, request)), i < 4);
    }
}

static void max_forwards_counts_for_options_and_trace_only(void **state) {
    static const struct {
        const char *method, *value;
        int64_t expected;
    } cases[] = {
        {"OPTIONS", "0", 0},
        {"OPTIONS", "5", 5},
        {"TRACE", "1", 1},
        {"GET", "0", -1},
        {"OPTIONS", "", -1},
        {"OPTIONS", "x", -1},
        {"OPTIONS", "1, 2", -1},
        {"options", "0", -1},
        {"OPTIONS", "18446744073709551615", INT64_MAX},
    };
    char request[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: me\r\nMax-Forwards: %s\r\n\r\n",
                 cases[i].method, cases[i].value);
        assert_int_equal(forward_max(parse(H1_REQUEST, request)), cases[i].expected);
    }
    from.max_forwards = 4;
    FORWARDED("OPTIONS / HTTP/1.1\r\nHost: me\r\nMax-Forwards: 5\r\n\r\n",
              "OPTIONS / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\n" OURS "Max-Forwards: 4\r\n\r\n");
    from.max_forwards = -1;
    FORWARDED("GET / HTTP/1.1\r\nHost: me\r\nMax-Forwards: 5\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: 10.1.1.1:9000\r\nMax-Forwards: 5\r\n" OURS "\r\n");
}

static void a_large_head_fits(void **state) {
    char request[16384];
    int n = snprintf(request, sizeof request, "GET /%0*d HTTP/1.1\r\nHost: me\r\n", 2000, 0);
    for (int i = 0; i < 80; i++)
        n += snprintf(request + n, sizeof request - (size_t)n, "X-%d: %0*d\r\n", i, 100, i);
    snprintf(request + n, sizeof request - (size_t)n, "\r\n");
    size_t length = strlen(forward(request));
    assert_true(length > strlen(request));
}

static void a_response_loses_only_what_is_ours_to_say(void **state) {
    const struct head *h =
        parse(H1_RESPONSE,
              "HTTP/1.1 200 OK\r\nServer: s\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
              "Connection: X-Drop\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nContent-Length: 5\r\n"
              "X-Request-Id: theirs\r\nVia: 1.1 inner\r\nContent-Type: t\r\nSet-Cookie: c\r\n"
              "\r\n");
    static const char *const names[] = {"Server", "Set-Cookie",   "Set-Cookie",
                                        "Via",    "Content-Type", "Set-Cookie"};
    int n;
    struct field *fields = forward_response(&arena, h, &n);
    assert_int_equal(n, 7);
    for (int i = 0; i < 6; i++)
        assert_true(str_eq(fields[i].name, str_of(names[i])));
    assert_true(str_eq(fields[6].name, STR("Via")));
    assert_true(str_starts(fields[6].value, STR("1.1 moonbus-")));
}

static void what_a_426_asks_for_goes_on(void **state) {
    static const struct {
        const char *text;
        int n;
    } cases[] = {{"426 Upgrade Required", 2}, {"200 OK", 1}};
    for (int i = 0; i < 2; i++) {
        char text[200];
        int n;
        snprintf(text, sizeof text,
                 "HTTP/1.1 %s\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                 "Content-Length: 0\r\n\r\n",
                 cases[i].text);
        struct field *fields = forward_response(&arena, parse(H1_RESPONSE, text), &n);
        assert_int_equal(n, cases[i].n);
        if (n == 2) assert_true(str_eq(fields[0].value, STR("websocket")));
    }
}

/* Peers are told apart by address and network, whatever family they came through. */
static void trusted_proxies_are_known_by_their_networks(void **state) {
    static const char *const trusted[] = {"10.1.2.3", "::ffff:10.255.0.1", "192.0.2.7",
                                          "2001:db8::1", "::1"};
    static const char *const others[] = {"11.1.2.3", "192.0.2.8", "2001:db9::1", "::2",
                                         "",         "x",         "10.1.2.3.4"};
    static const char *const wrong[] = {"10.0.0.0/33", "10.0.0/8",  "::/129",
                                        "host",        "1.2.3.4/x", "/8"};
    struct err e = {0};
    assert_int_equal(trust_set("10.0.0.0/8, 192.0.2.7,2001:db8::/32 , ::1", &e), 0);
    for (size_t i = 0; i < sizeof trusted / sizeof *trusted; i++)
        if (!trust_peer(str_of(trusted[i]))) fail_msg("%s", trusted[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (trust_peer(str_of(others[i]))) fail_msg("%s", others[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (trust_set(wrong[i], &e) != -EINVAL) fail_msg("%s", wrong[i]);
    assert_int_equal(trust_set("0.0.0.0/0", &e), 0);
    assert_true(trust_peer(STR("203.0.113.9")));
    assert_false(trust_peer(STR("2001:db8::1")));
    assert_int_equal(trust_set("", &e), 0);
    assert_false(trust_peer(STR("203.0.113.9")));
}

static void a_client_is_who_the_nearest_stranger_is(void **state) {
    static const struct {
        const char *peer, *fields, *client;
    } cases[] = {
        {"203.0.113.9", "X-Forwarded-For: 1.1.1.1\r\n", "203.0.113.9"},
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.1.1.1\r\n", "1.1.1.1"},
        {"10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.1.1.1 ,10.0.0.9\r\n", "1.1.1.1"},
        {"10.0.0.1", "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 10.0.0.3\r\n", "1.1.1.1"},
        {"10.0.0.1", "X-Forwarded-For: 10.0.0.4, 10.0.0.3\r\n", "10.0.0.4"},
        {"10.0.0.1", "X-Forwarded-For: 1.1.1.1, unknown, 10.0.0.3\r\n", "10.0.0.3"},
        {"10.0.0.1", "X-Forwarded-For: ,\r\n", "10.0.0.1"},
        {"10.0.0.1", "X-Forwarded-For: 2001:db8::7\r\n", "2001:db8::7"},
    };
    struct err e = {0};
    char text[200];
    assert_int_equal(trust_set("10.0.0.0/8", &e), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: me\r\n%s\r\n", cases[i].fields);
        struct str client = trust_client(str_of(cases[i].peer), parse(H1_REQUEST, text));
        if (!str_eq(client, str_of(cases[i].client))) fail_msg("%zu: %.*s", i, STR_FMT(client));
    }
    assert_int_equal(trust_set("", &e), 0);
}

static void methods_that_may_be_repeated_are_known(void **state) {
    assert_true(forward_idempotent(STR("GET")));
    assert_true(forward_idempotent(STR("DELETE")));
    assert_false(forward_idempotent(STR("POST")));
    assert_false(forward_idempotent(STR("PATCH")));
    assert_false(forward_idempotent(STR("get")));
}

static void without_memory_there_is_no_head(void **state) {
    const struct head *h = parse(H1_REQUEST, "GET / HTTP/1.1\r\nHost: me\r\n\r\n");
    mem_fail_at(1, false);
    assert_int_equal(forward_request(&out, h, &to, &from), -ENOMEM);
    mem_fail_at(0, false);
    out.failed = false;
    arena_free(&arena);
    h = parse(H1_RESPONSE, "HTTP/1.1 200 OK\r\n\r\n");
    struct arena empty;
    int n;
    arena_init(&empty, 256);
    for (int i = 1; i < 2; i++) {
        mem_fail_at(i, true);
        assert_null(forward_response(&empty, h, &n));
    }
    mem_fail_at(0, false);
    arena_free(&empty);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_request_goes_on_in_order_with_our_fields_behind),
        T(targets_go_on_byte_for_byte_behind_the_prefix),
        T(fields_of_one_hop_stay_behind),
        T(what_a_426_asks_for_goes_on),
        T(trusted_proxies_are_known_by_their_networks),
        T(connection_cannot_remove_what_the_upstream_relies_on),
        T(where_a_request_came_from_is_not_for_the_client_to_say),
        T(via_grows_and_tells_the_version_received),
        T(bodies_are_framed_anew),
        T(a_fresher_authorization_takes_the_place_of_the_received_one),
        T(only_websockets_are_asked_for),
        T(our_own_pseudonym_in_via_is_a_loop),
        T(max_forwards_counts_for_options_and_trace_only),
        T(a_large_head_fits),
        T(a_response_loses_only_what_is_ours_to_say),
        T(a_client_is_who_the_nearest_stranger_is),
        T(methods_that_may_be_repeated_are_known),
        T(without_memory_there_is_no_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
