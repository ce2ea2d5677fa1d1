/*
 * How connections and exchanges end when it is not by a complete answer: clients that leave at any
 * stage, clients that are slow, answers that break off, limits, memory that runs out, and a host
 * that stops. Nothing may stay behind: the teardown looks.
 */
#include "served.h"

static const uint64_t ms = 1000000;

static bool nobody_left(void) {
    return server_connections(server) == 0;
}

/* ---- clients that leave --------------------------------------------------------------------- */

static void a_client_may_leave_at_every_byte_of_its_request(void **state) {
    static const char request[] = "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    for (size_t n = 0; n < sizeof request; n++)
        for (int way = 0; way < 2; way++) {
            struct raw *r = client();
            UNTIL(server_connections(server) == 1);
            int gone = seen.gone, requests = seen.requests;
            raw_send_n(r, request, n);
            UNTIL(n < sizeof request - 1 || seen.last);
            raw_settle();
            bool began = seen.requests > requests;
            if (way == 0)
                raw_close(r);
            else
                raw_reset(r);
            if (n == sizeof request - 1 && way == 0) { /* complete: it is answered, in vain */
                raw_settle();
                assert_int_equal(seen.gone, gone);
                exchange_answer(seen.x, 200, STR_NONE, STR("x"));
                began = false;
            }
            UNTIL(nobody_left());
            assert_int_equal(seen.gone - gone, began);
            if (began && way == 0) assert_int_equal(seen.code, ERR_CLOSED);
            seen.last = false;
        }
}

static void a_reset_while_the_handler_works_is_told_to_it(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    UNTIL(seen.x);
    raw_reset(r);
    UNTIL(seen.gone == 1);
    assert_true(seen.code < 0);
    UNTIL(nobody_left());
    assert_int_equal(seen.freed, 1);
}

static void a_reset_while_the_answer_is_written_is_told_too(void **state) {
    struct raw *r = client();
    r->deaf = true;
    raw_send(r, GET("/pour?100000000"));
    UNTIL(pouring_waits);
    raw_reset(r);
    UNTIL(seen.gone == 1);
    UNTIL(nobody_left());
}

static void a_write_that_fails_is_told_at_the_end_of_the_turn(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    UNTIL(seen.x);
    struct exchange *x = seen.x;
    exchange_begin(x, 200, NULL, 0, -1);
    conn_break(x->conn, -EPIPE);
    assert_true(exchange_write(x, "a", 1) < 0);
    assert_true(exchange_write(x, "b", 1) < 0);
    assert_int_equal(seen.gone, 0);
    UNTIL(seen.gone == 1);
    assert_int_equal(seen.code, -EPIPE);
    UNTIL(raw_over(r));
    UNTIL(nobody_left());
}

static void a_handler_that_ends_first_does_not_hear_of_the_break(void **state) {
    client();
    for (int way = 0; way < 2; way++) {
        struct raw *r = client();
        seen.x = NULL;
        raw_send(r, GET("/wait"));
        UNTIL(seen.x);
        conn_break(seen.x->conn, -EPIPE);
        if (way == 0)
            exchange_end(seen.x);
        else
            exchange_abort(seen.x);
        UNTIL(raw_over(r));
    }
    assert_int_equal(seen.gone, 0);
    assert_int_equal(seen.freed, 2);
}

static void a_half_closed_client_still_gets_its_answer(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    raw_end(r);
    UNTIL(seen.x && seen.x->conn->eof);
    exchange_answer(seen.x, 200, STR_NONE, STR("late"));
    struct got *g = get(r);
    assert_non_null(strstr(g->text, "Connection: close\r\n"));
    assert_memory_equal(g->body, "late", 4);
    expect_end(r);
    assert_false(r->broken);
    r = client(); /* several at once, one of them large */
    raw_send(r, GET("/hello") GET("/pour?300000") GET("/hello"));
    raw_end(r);
    expect_answer(r, 200, "hello\n");
    r->discard = true;
    UNTIL(r->eof);
    assert_true(r->total > 300000);
    assert_int_equal(seen.freed, 4);
    UNTIL(nobody_left());
}

static void a_client_that_ended_its_side_and_gets_nothing_counts_as_gone(void **state) {
    conf.half_close_timeout = 50 * ms;
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    raw_end(r);
    UNTIL(seen.gone == 1);
    assert_int_equal(seen.code, ERR_CLOSED);
    UNTIL(raw_over(r));
    assert_int_equal(r->total, 0);
    UNTIL(nobody_left());
}

/* Reading is paused while a request waits behind another: nobody tells that the client has gone. */
static void a_client_that_goes_with_requests_ahead_is_noticed(void **state) {
    conf.half_close_timeout = 1500 * ms;
    for (int reset = 0; reset < 2; reset++) {
        int before = seen.gone;
        struct raw *r = client();
        raw_send(r, GET("/wait") GET("/hello"));
        UNTIL(seen.x && seen.x->conn->held);
        if (reset)
            raw_reset(r);
        else
            raw_end(r);
        UNTIL(seen.gone == before + 1);
        assert_int_equal(seen.code, ERR_CLOSED);
        UNTIL(nobody_left());
    }
}

static void a_client_with_requests_ahead_that_stays_is_served(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/wait") GET("/hello"));
    UNTIL(seen.x && seen.x->conn->held);
    uint64_t began = raw_worker.now_ms;
    UNTIL(raw_worker.now_ms - began > 2500); /* it was looked for meanwhile */
    assert_int_equal(seen.gone, 0);
    exchange_answer(seen.x, 200, STR_NONE, STR("late"));
    assert_memory_equal(get(r)->body, "late", 4);
    expect_answer(r, 200, "hello\n");
}

static void a_half_closed_client_is_served_while_bytes_come(void **state) {
    conf.half_close_timeout = 300 * ms;
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    raw_end(r);
    UNTIL(seen.x && seen.x->conn->eof);
    exchange_begin(seen.x, 200, NULL, 0, -1);
    uint64_t began = raw_worker.now_ms;
    while (raw_worker.now_ms - began < 900) {
        uint64_t sent = raw_worker.now_ms;
        exchange_write(seen.x, "tick\n", 5);
        UNTIL(raw_worker.now_ms - sent >= 20);
    }
    assert_int_equal(seen.gone, 0);
    exchange_end(seen.x);
    UNTIL(r->eof);
    assert_false(r->broken);
    assert_int_equal(seen.gone, 0);
}

/* ---- slow clients --------------------------------------------------------------------------- */

static void a_slow_client_slows_its_producer_down(void **state) {
    enum { N = 20 * 1024 * 1024 };
    struct raw *r = client();
    r->deaf = true;
    raw_send(r, GET("/pour?20971520"));
    UNTIL(pouring_waits);
    raw_settle();
    struct conn *c = seen.x->conn;
    assert_true(c->stream.pending > conf.write_high);
    assert_true(c->stream.pending <= conf.write_high + 16384 + 1000);
    assert_true(to_pour > 0);
    int drained = seen.drained;
    r->deaf = false;
    r->discard = true;
    UNTIL(r->total > N);
    raw_settle();
    assert_true(seen.drained > drained + 2);
    assert_int_equal(seen.freed, 1);
    assert_int_equal(seen.gone, 0);
    r->discard = false;
    raw_send(r, GET("/hello"));
    expect_answer(r, 200, "hello\n");
}

static void the_next_request_waits_until_the_answer_before_is_taken(void **state) {
    struct raw *r = client();
    r->deaf = true;
    raw_send(r, GET("/pour?9000000") GET("/hello"));
    UNTIL(pouring_waits);
    to_pour = 0; /* end it early: what is there still waits in the stream */
    exchange_abort(seen.x);
    UNTIL(nobody_left());
    assert_int_equal(seen.requests, 1);
    r = client();
    r->deaf = true;
    int requests = seen.requests;
    conf.write_high = 100000000; /* never told to stop: all of it waits */
    raw_send(r, GET("/pour?9000000") GET("/hello"));
    UNTIL(seen.requests > requests);
    raw_settle();
    assert_int_equal(seen.requests, requests + 1);
    assert_int_equal(seen.freed, 2);
    r->deaf = false;
    r->discard = true;
    UNTIL(seen.requests == requests + 2);
}

static void a_head_that_takes_too_long_is_refused(void **state) {
    conf.header_timeout = 50 * ms;
    struct raw *r = client();
    raw_send(r, "GET /hello HT");
    expect_answer(r, 408, "{\"error\": \"the request head did not arrive in time\"}");
    expect_end(r);
    assert_int_equal(seen.requests, 0);
}

static void the_time_for_a_head_runs_from_its_first_byte(void **state) {
    conf.header_timeout = 300 * ms;
    struct raw *r = client();
    raw_send(r, "GET /hello HTTP/1.1\r\nX: ");
    uint64_t sent = 0;
    while (r->n == 0 && sent < 3000) { /* never silent, never complete */
        raw_send(r, "a");
        sent++;
        poll(NULL, 0, 2);
        raw_turn();
    }
    expect_answer(r, 408, "{\"error\": \"the request head did not arrive in time\"}");
}

static void a_body_that_falls_silent_is_refused(void **state) {
    conf.body_timeout = 50 * ms;
    int64_t before = stat_get(STAT_CLIENT_TIMEOUTS);
    struct raw *r = client();
    raw_send(r, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    UNTIL(seen.gone == 1);
    assert_int_equal(seen.code, ERR_TIMEOUT);
    expect_answer(r, 408, "{\"error\": \"the request body did not arrive in time\"}");
    expect_end(r);
    assert_int_equal(stat_get(STAT_CLIENT_TIMEOUTS) - before, 1);
}

static void a_body_may_take_its_time_while_it_moves(void **state) {
    conf.body_timeout = 1000 * ms;
    struct raw *r = client();
    raw_send(r, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n");
    uint64_t end = raw_clock();
    for (int i = 0; i < 30; i++) { /* twice as long in all as silence is suffered */
        raw_send(r, "x");
        end += 70;
        UNTIL(raw_clock() >= end);
    }
    expect_answer(r, 200, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    assert_int_equal(seen.gone, 0);
}

static void a_body_that_nobody_reads_may_be_silent(void **state) {
    conf.body_timeout = 20 * ms;
    struct raw *r = client();
    raw_send(r, "POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    UNTIL(seen.x);
    uint64_t end = raw_clock() + 100;
    UNTIL(raw_clock() > end);
    assert_int_equal(seen.gone, 0);
    exchange_answer(seen.x, 200, STR_NONE, STR("x"));
    expect_answer(r, 200, "x");
    expect_end(r); /* its rest did not come either */
}

static void a_body_that_breaks_the_protocol_is_refused(void **state) {
    struct raw *r = client();
    raw_send(r, "POST /later HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                "1\r\nx\r\nnonsense\r\n");
    UNTIL(seen.gone == 1);
    assert_int_equal(seen.code, ERR_PROTOCOL);
    assert_int_equal(get(r)->status, 400);
    expect_end(r);
    r = client(); /* after the answer began there is nothing left to say */
    raw_send(r, "POST /later HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    UNTIL(seen.bytes == 1);
    exchange_begin(seen.x, 200, NULL, 0, -1);
    exchange_write(seen.x, "y", 1);
    raw_send(r, "nonsense");
    UNTIL(r->broken);
    assert_int_equal(seen.gone, 2);
}

static void a_client_that_takes_nothing_is_cut_off(void **state) {
    conf.write_timeout = 100 * ms;
    struct raw *r = client();
    r->deaf = true;
    raw_send(r, GET("/pour?100000000"));
    UNTIL(seen.gone == 1);
    assert_int_equal(seen.code, ERR_TIMEOUT);
    UNTIL(nobody_left());
    seen.gone = 0; /* the same when the handler is through */
    conf.write_high = 100000000;
    r = client();
    r->deaf = true;
    raw_send(r, GET("/pour?20000000"));
    UNTIL(seen.freed == 2);
    UNTIL(nobody_left());
    assert_int_equal(seen.gone, 0);
}

/* A small socket buffer makes back-pressure show early. */
static void narrow(int fd) {
    int bytes = 16 * 1024;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static void a_client_that_takes_a_little_now_and_then_is_served(void **state) {
    conf.write_timeout = 300 * ms;
    struct raw *r = client();
    r->deaf = true;
    narrow(r->fd);
    raw_send(r, GET("/pour?6000000"));
    UNTIL(pouring_waits);
    uint64_t end = raw_clock() + 1000; /* three times as long as silence is suffered */
    char some[65536];
    while (raw_clock() < end) {
        recv(r->fd, some, sizeof some, MSG_DONTWAIT);
        raw_turn();
        poll(NULL, 0, 10);
    }
    assert_int_equal(seen.gone, 0);
    UNTIL(seen.gone == 1); /* now it takes nothing */
    assert_int_equal(seen.code, ERR_TIMEOUT);
}

static void an_idle_connection_is_closed_after_its_time(void **state) {
    conf.idle_timeout = 50 * ms;
    struct raw *r = client();
    raw_send(r, GET("/hello"));
    expect_answer(r, 200, "hello\n");
    expect_end(r);
    assert_false(r->broken);
    r = client(); /* one that never said anything */
    expect_end(r);
}

static void requests_keep_a_connection_alive(void **state) {
    conf.idle_timeout = 1000 * ms;
    struct raw *r = client();
    uint64_t end = raw_clock();
    for (int i = 0; i < 20; i++) { /* twice as long in all as idleness is suffered */
        raw_send(r, GET("/hello"));
        expect_answer(r, 200, "hello\n");
        end += 100;
        UNTIL(raw_clock() >= end);
    }
    assert_false(raw_over(r));
}

static void work_is_not_idleness(void **state) {
    conf.idle_timeout = conf.header_timeout = 30 * ms;
    struct raw *r = client();
    raw_send(r, GET("/wait"));
    UNTIL(seen.x);
    uint64_t end = raw_clock() + 120;
    UNTIL(raw_clock() > end);
    exchange_answer(seen.x, 200, STR_NONE, STR("x"));
    expect_answer(r, 200, "x");
    conf.idle_timeout = 60000 * ms;
}

/* ---- answers before their requests ---------------------------------------------------------- */

static void an_early_answer_does_not_end_a_connection_with_little_left(void **state) {
    struct raw *r = client();
    char *block = calloc(1, 200000);
    raw_send(r, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n");
    struct got *g = get(r);
    assert_int_equal(g->status, 413);
    assert_null(strstr(g->text, "Connection"));
    raw_send_n(r, block, 200000);
    raw_send(r, GET("/hello"));
    expect_answer(r, 200, "hello\n");
    raw_send(r, "POST /early HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5\r\nhello\r\n0\r\n\r\n" GET("/hello"));
    assert_int_equal(get(r)->status, 413);
    expect_answer(r, 200, "hello\n");
    free(block);
}

static void an_early_answer_reaches_a_client_that_goes_on_sending(void **state) {
    enum { N = 4 * 1024 * 1024 };
    static const char *const heads[] = {
        "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n",
        "POST /early HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5f5e100\r\n",
    };
    char *block = calloc(1, N);
    for (int i = 0; i < 2; i++) {
        struct raw *r = client();
        r->deaf = true; /* it looks for an answer only after all that */
        raw_send(r, heads[i]);
        assert_true(raw_send_n(r, block, N));
        r->deaf = false;
        struct got *g = get(r);
        assert_int_equal(g->status, 413);
        if (i == 0) assert_non_null(strstr(g->text, "Connection: close\r\n"));
        expect_end(r);
        assert_false(r->broken);
    }
    free(block);
    assert_int_equal(seen.requests, 2);
}

/* ---- answers that break off ----------------------------------------------------------------- */

static void a_broken_answer_never_looks_complete(void **state) {
    static const char *const requests[] = {GET("/abort"), GET("/short"), GET("/long")};
    for (int i = 0; i < 3; i++) {
        static struct got g;
        struct raw *r = client();
        raw_send(r, requests[i]);
        UNTIL(raw_over(r));
        assert_false(r->n > 0 && got_one(r, false, &g));
        raw_close(r);
    }
    UNTIL(nobody_left());
    assert_int_equal(seen.freed, 3);
    assert_int_equal(seen.gone, 1); /* only the one that did not end by itself */
}

static void no_answer_becomes_a_500(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/none") GET("/hello"));
    expect_answer(r, 500, "{\"error\": \"Internal Server Error\"}");
    expect_answer(r, 200, "hello\n");
}

/* ---- limits --------------------------------------------------------------------------------- */

static void connections_over_the_limit_are_closed_at_once(void **state) {
    conf.max_connections = 2;
    int64_t before = stat_get(STAT_CONNECTIONS_REFUSED);
    struct raw *a = client(), *b = client();
    UNTIL(server_connections(server) == 2);
    struct raw *c = client();
    UNTIL(raw_over(c));
    assert_int_equal(stat_get(STAT_CONNECTIONS_REFUSED) - before, 1);
    raw_send(b, GET("/hello"));
    expect_answer(b, 200, "hello\n");
    raw_close(a);
    UNTIL(server_connections(server) == 1);
    a = client();
    raw_send(a, GET("/hello"));
    expect_answer(a, 200, "hello\n");
}

static void the_hosts_own_pages_are_reachable_when_the_door_is_full(void **state) {
    struct err e = {0};
    struct server *own = server_open(&raw_worker, "127.0.0.1:0", &handlers[0], &e);
    conf.max_connections = 1;
    client();
    UNTIL(server_connections(server) == 1);
    struct raw *r = raw_connect(server_port(own));
    raw_send(r, GET("/any"));
    expect_answer(r, 200, "hello\n");
    bool drained = false;
    server_drain(own, set_flag, &drained);
    UNTIL(drained);
    server_close(own);
}

/* ---- the host stops ------------------------------------------------------------------------- */

static void draining_lets_work_finish_and_ends_the_rest(void **state) {
    bool drained = false;
    struct raw *idle = client(), *busy = client(), *begun = client(), *half = client();
    raw_send(idle, GET("/hello"));
    expect_answer(idle, 200, "hello\n");
    raw_send(begun, GET("/wait"));
    UNTIL(seen.requests == 2);
    struct exchange *x = seen.x;
    exchange_begin(x, 200, NULL, 0, -1);
    exchange_write(x, "a", 1);
    raw_send(busy, GET("/wait") GET("/hello"));
    UNTIL(seen.requests == 3);
    struct exchange *y = seen.x;
    raw_send(half, "GET /hel");
    raw_settle();
    server_drain(server, set_flag, &drained);
    expect_end(idle);
    assert_false(drained);
    raw_send(half, "lo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(get(half)->text, "Connection: close\r\n"));
    exchange_answer(y, 200, STR_NONE, STR("last"));
    struct got *g = get(busy);
    assert_non_null(strstr(g->text, "Connection: close\r\n"));
    exchange_end(x);
    expect_answer(begun, 200, "a"); /* it was not told to close, but is closed */
    UNTIL(raw_over(begun) && raw_over(busy) && raw_over(half));
    raw_close_all();
    UNTIL(drained);
    assert_int_equal(seen.gone, 0);
    assert_int_equal(seen.requests, 4);
    server_close(server);
    server = NULL;
}

static void aborting_cuts_whatever_is_open(void **state) {
    bool drained = false;
    struct raw *r[3] = {client(), client(), client()};
    raw_send(r[0], GET("/wait"));
    raw_send(r[1], "GET /hel");
    UNTIL(seen.x && server_connections(server) == 3);
    raw_settle();
    server_drain(server, set_flag, &drained);
    server_abort(server);
    assert_int_equal(seen.gone, 1);
    assert_int_equal(seen.code, ERR_CANCELED);
    UNTIL(drained);
    for (int i = 0; i < 3; i++)
        UNTIL(raw_over(r[i]));
    server_close(server);
    server = NULL;
}

/* ---- no memory ------------------------------------------------------------------------------ */

/* Whichever allocation of a request's life fails, the client gets an answer or an end, and the
 * server goes on. */
static void running_out_of_memory_ends_one_connection_at_most(void **state) {
    static const char *const requests[] = {
        GET("/hello"),
        GET("/pieces"),
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        GET("/wait") GET("/hello"),
        GET("/%68ello"),
        GET("/api/x"),
        "nonsense\n",
    };
    struct http *h = raw_worker.slot[WORKER_HTTP];
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        bool fired = true;
        for (long n = 1; fired; n++) {
            exchange_free_spare(h); /* begin with nothing */
            struct raw *r = client();
            mem_fail_at(n, false);
            seen.x = NULL;
            raw_send(r, requests[i]);
            UNTIL(r->n > 0 || raw_over(r) || seen.x);
            raw_settle();
            if (i == 3 && seen.x) exchange_answer(seen.x, 200, STR_NONE, STR("x"));
            UNTIL(r->n > 0 || raw_over(r));
            fired = mem_fail_fired();
            mem_fail_at(0, false);
            if (!fired) assert_true(r->n > 0);
            raw_close(r);
            UNTIL(nobody_left());
            assert_true(n < 200);
        }
    }
}

int main(void) {
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    const struct CMUnitTest tests[] = {
        T(a_client_may_leave_at_every_byte_of_its_request),
        T(a_reset_while_the_handler_works_is_told_to_it),
        T(a_reset_while_the_answer_is_written_is_told_too),
        T(a_write_that_fails_is_told_at_the_end_of_the_turn),
        T(a_handler_that_ends_first_does_not_hear_of_the_break),
        T(a_half_closed_client_still_gets_its_answer),
        T(a_client_that_ended_its_side_and_gets_nothing_counts_as_gone),
        T(a_half_closed_client_is_served_while_bytes_come),
        T(a_client_that_goes_with_requests_ahead_is_noticed),
        T(a_client_with_requests_ahead_that_stays_is_served),
        T(a_slow_client_slows_its_producer_down),
        T(the_next_request_waits_until_the_answer_before_is_taken),
        T(a_head_that_takes_too_long_is_refused),
        T(the_time_for_a_head_runs_from_its_first_byte),
        T(a_body_that_falls_silent_is_refused),
        T(a_body_may_take_its_time_while_it_moves),
        T(a_body_that_nobody_reads_may_be_silent),
        T(a_body_that_breaks_the_protocol_is_refused),
        T(a_client_that_takes_nothing_is_cut_off),
        T(a_client_that_takes_a_little_now_and_then_is_served),
        T(an_idle_connection_is_closed_after_its_time),
        T(requests_keep_a_connection_alive),
        T(work_is_not_idleness),
        T(an_early_answer_does_not_end_a_connection_with_little_left),
        T(an_early_answer_reaches_a_client_that_goes_on_sending),
        T(a_broken_answer_never_looks_complete),
        T(no_answer_becomes_a_500),
        T(connections_over_the_limit_are_closed_at_once),
        T(the_hosts_own_pages_are_reachable_when_the_door_is_full),
        T(draining_lets_work_finish_and_ends_the_rest),
        T(aborting_cuts_whatever_is_open),
        T(running_out_of_memory_ends_one_connection_at_most),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
