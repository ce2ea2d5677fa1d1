/* Instances that die, hang, lie or are not there, and clients that leave. */
#include "front.h"

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

static void an_instance_that_never_answers_is_a_504(void **state) {
    conf.upstream_timeout = 30000000;
    struct raw *c, *u;
    relay(GET, &c, &u);
    expect_error(c, "HTTP/1.1 504 ", "{\"error\": \"svc did not answer in time\"}");
    UNTIL(raw_over(u));
}

#define ASK(fields) "GET /svc/a HTTP/1.1\r\nHost: me\r\n" fields "\r\n"

static void a_client_that_waits_no_longer_gets_a_504(void **state) {
    struct raw *c, *u;
    relay(ASK("Request-Timeout: 0.03\r\n"), &c, &u);
    assert_true(has(u, "\r\nRequest-Timeout: 0.03\r\n"));
    expect_error(c, "HTTP/1.1 504 ", "{\"error\": \"svc did not answer in time\"}");
    UNTIL(raw_over(u));
    raw_forget(c);
    raw_send(c, GET); /* it may go on, with all the time there is */
    u = asked(0);
    raw_send(u, OK);
    raw_expect(c, "ok");
}

/* The head may come too late on a busy machine: then once more, with more time. */
static void a_budget_is_for_the_head_of_the_answer(void **state) {
    for (unsigned ms = 40;; ms *= 2) {
        char request[100];
        struct raw *c, *u;
        snprintf(request, sizeof request,
                 "GET /svc/a HTTP/1.1\r\nHost: me\r\nRequest-Timeout: %u.%03u\r\n\r\n", ms / 1000,
                 ms % 1000);
        relay(request, &c, &u);
        raw_send(u, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        raw_expect(c, "HTTP/1.1 ");
        if (has(c, "HTTP/1.1 504 ")) continue;
        for (uint64_t end = uv_hrtime() + 2000000ull * ms; uv_hrtime() < end;)
            raw_turn();
        raw_send(u, "ok");
        raw_expect(c, "\r\n\r\nok");
        return;
    }
}

static void a_body_on_its_way_does_not_outlast_the_budget(void **state) {
    struct raw *c, *u;
    relay("POST /svc/a HTTP/1.1\r\nHost: me\r\nContent-Length: 10\r\nRequest-Timeout: 0.03\r\n\r\n"
          "abc",
          &c, &u);
    expect_error(c, "HTTP/1.1 504 ", "{\"error\": \"svc did not answer in time\"}");
    UNTIL(raw_over(u));
}

static void a_budget_needs_memory(void **state) {
    bool fired = true;
    for (long n = 1; fired; n++) {
        struct raw *c = raw_connect(door);
        UNTIL(server_connections(front) == 1);
        mem_fail_at(n, false);
        raw_send(c, "GET /svc:443/a HTTP/1.1\r\nHost: me\r\nRequest-Timeout: 0.05\r\n\r\n");
        UNTIL(c->n > 0 || raw_over(c));
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_true(raw_over(c) || has(c, "HTTP/1.1 50"));
        raw_close(c);
        UNTIL(server_connections(front) == 0);
        assert_true(n < 200);
    }
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

/* The instance that gets the next request, which stays unanswered. */
static struct raw *asked_anybody(struct raw *c, const char *request, int *who) {
    struct raw *u = NULL;
    raw_send(c, request);
    for (*who = 0; !(u = raw_try_accept(inst[*who])); *who = (*who + 1) % INSTANCES) {
    }
    raw_expect(u, "\r\n\r\n");
    return u;
}

static void the_idle_instance_gets_the_next_request(void **state) {
    static struct load loads[INSTANCES]; /* also when the requests end */
    struct raw *u[INSTANCES], *c[INSTANCES];
    int who, seen = 0;
    ups.n = 3;
    ups.chooser.how = CHOOSE_LEAST;
    for (int i = 0; i < INSTANCES; i++)
        list[i].load = &loads[i];
    for (int i = 0; i < INSTANCES; i++) { /* each gets one, whose turn it may be */
        c[i] = raw_connect(door);
        u[i] = asked_anybody(c[i], GET, &who);
        assert_int_equal(loads[who].open, 1);
        seen |= 1 << who;
    }
    assert_int_equal(seen, 7);
    raw_send(u[1], "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    raw_expect(c[1], "\r\n\r\nok");
    int idle = loads[0].open == 0 ? 0 : loads[1].open == 0 ? 1 : 2;
    assert_int_equal(loads[idle].open, 0);
    raw_forget(c[1]);
    asked_anybody(c[1], GET, &who);
    assert_int_equal(who, idle);
    raw_reset(c[0]); /* who leaves is not counted any more */
    raw_reset(c[2]);
    UNTIL(loads[0].open + loads[1].open + loads[2].open == 1);
}

static void a_hash_keeps_a_client_with_its_instance(void **state) {
    int first, who, moved = 0;
    ups.n = 3;
    ups.chooser = (struct chooser){CHOOSE_HASH, CHOOSE_COOKIE, STR("sid")};
    static const char *const names[INSTANCES] = {"a", "b", "c"}; /* ports differ from run to run */
    for (int i = 0; i < INSTANCES; i++)
        list[i].hash = choose_hash(str_of(names[i]));
    for (int client = 0; client < 6; client++) {
        char request[128];
        snprintf(request, sizeof request,
                 "GET /svc HTTP/1.1\r\nHost: me\r\nCookie: a=b; sid=%d; c=sid\r\n\r\n", client);
        for (int i = 0; i < 3; i++) {
            struct raw *c = raw_connect(door);
            struct raw *u = asked_anybody(c, request, &who);
            raw_send(u, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
            raw_expect(c, "\r\n\r\nok");
            if (i == 0) first = who;
            assert_int_equal(who, first);
        }
        moved |= 1 << who;
    }
    assert_true(moved & (moved - 1)); /* not all of them have the same */
    int seen = 0;
    for (int i = 0; i < 3; i++) { /* who has no key goes in turn */
        struct raw *c = raw_connect(door);
        asked_anybody(c, GET, &who);
        seen |= 1 << who;
    }
    assert_int_equal(seen, 7);
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
        T(an_instance_that_dies_inside_its_answer_breaks_the_clients),
        T(silence_inside_an_answer_breaks_it),
        T(an_instance_that_never_answers_is_a_504),
        T(a_client_that_waits_no_longer_gets_a_504),
        T(a_budget_is_for_the_head_of_the_answer),
        T(a_body_on_its_way_does_not_outlast_the_budget),
        T(a_budget_needs_memory),
        T(a_malformed_answer_is_a_502),
        T(an_instance_that_hangs_up_without_an_answer_is_a_502),
        T(a_client_that_leaves_takes_its_request_along),
        T(a_malformed_body_never_looks_complete),
        T(requests_take_turns_among_healthy_instances),
        T(the_idle_instance_gets_the_next_request),
        T(a_hash_keeps_a_client_with_its_instance),
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
        T(every_allocation_may_fail),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
