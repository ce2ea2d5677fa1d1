/* One request to a scripted upstream: what arrives, and what goes back to the pool. */
#include "probe.h"

/* ---- responses ------------------------------------------------------------------------------- */

static void a_response_arrives_and_its_connection_serves_the_next_request(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    UNTIL(one.last);
    assert_int_equal(one.status, 200);
    assert_int_equal(one.whole, 5);
    BODY_IS(&one, "hello");
    assert_false(one.call.reused);

    raw_forget(r);
    probe_again(&one);
    get(&one);
    raw_expect(r, "GET / HTTP/1.1\r\nHost: u\r\n\r\n");
    assert_true(one.call.reused);
    raw_send(r, "HTTP/1.1 204 No Content\r\n\r\n");
    UNTIL(one.last);
    assert_int_equal(one.status, 204);
    assert_null(raw_try_accept(upstream));
    probe_free(&one);
}

static void a_response_is_understood_wherever_it_is_cut(void **state) {
    static const char answer[] = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nDropped: yes\r\n\r\n";
    for (int vector = 0; vector < 2; vector++) {
        probe_init(&one);
        if (!vector) one.call.ops = &ops;
        struct raw *r = get_accepted(&one);
        for (size_t i = 0; i < sizeof answer - 1; i++) {
            raw_send_n(r, answer + i, 1);
            raw_turn();
        }
        UNTIL(one.last);
        assert_int_equal(one.interims, 1);
        assert_int_equal(one.heads, 1);
        BODY_IS(&one, "abc0123456789");
        assert_int_equal(one.whole, -1);
        get(&one); /* and the connection is fit for more */
        assert_true(one.call.reused);
        probe_free(&one);
        raw_settle();
        raw_close_all();
    }
}

static void a_small_chunked_response_is_known_whole(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    UNTIL(one.last);
    assert_int_equal(one.whole, 5);
    assert_int_equal(one.pieces, 1);
    BODY_IS(&one, "abcde");
    probe_free(&one);
}

static void more_chunks_than_fit_into_one_delivery_arrive_in_order(void **state) {
    char answer[4096], *at = answer;
    probe_init(&one);
    at += sprintf(at, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3 * CALL_PARTS; i++)
        at += sprintf(at, "1\r\n%c\r\n", 'a' + i % 26);
    sprintf(at, "0\r\n\r\n");
    struct raw *r = get_accepted(&one);
    raw_send(r, answer);
    UNTIL(one.last);
    assert_int_equal(one.body.n, 3 * CALL_PARTS);
    for (size_t i = 0; i < one.body.n; i++)
        assert_int_equal(one.body.p[i], 'a' + (int)(i % 26));
    probe_free(&one);
}

static void responses_without_a_body_need_none(void **state) {
    static const struct {
        bool to_head;
        const char *answer;
    } cases[] = {
        {true, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"},
        {true, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {false, "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"},
        {false, "HTTP/1.1 204 No Content\r\n\r\n"},
    };
    probe_init(&one);
    struct raw *r = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        probe_again(&one);
        one.call.to_head = cases[i].to_head;
        if (!r) {
            r = get_accepted(&one);
        } else {
            get(&one);
            raw_expect(r, "\r\n\r\n");
        }
        raw_forget(r);
        raw_send(r, cases[i].answer);
        UNTIL(one.last);
        assert_int_equal(one.failures, 0);
        assert_int_equal(one.body.n, 0);
        assert_int_equal(one.call.reused, i > 0);
    }
    probe_free(&one);
}

static void a_bodiless_response_with_a_body_never_shifts_the_next_one(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello");
    UNTIL(one.last || one.failures);
    probe_again(&one);
    get(&one);
    struct raw *r2 = raw_accept(upstream);
    assert_false(one.call.reused);
    UNTIL(raw_over(r));
    raw_send(r2, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    UNTIL(one.last);
    BODY_IS(&one, "ok");
    probe_free(&one);
}

static void bytes_behind_a_response_are_never_another_response(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    UNTIL(one.last);
    BODY_IS(&one, "ok");
    probe_again(&one);
    get(&one);
    struct raw *r2 = raw_accept(upstream);
    raw_send(r2, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    UNTIL(one.last);
    BODY_IS(&one, "good");
    UNTIL(raw_over(r));
    probe_free(&one);
}

static void bytes_on_a_resting_connection_close_it(void **state) {
    probe_init(&one);
    struct raw *r = warm(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    UNTIL(raw_over(r));
    get(&one);
    assert_false(one.call.reused);
    raw_accept(upstream);
    probe_free(&one);
}

static void a_response_that_says_close_is_the_last_one(void **state) {
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        probe_init(&one);
        struct raw *r = get_accepted(&one);
        raw_send(r, answers[i]);
        UNTIL(one.last);
        BODY_IS(&one, "ok");
        UNTIL(raw_over(r));
        get(&one);
        assert_false(one.call.reused);
        raw_accept(upstream);
        probe_free(&one);
    }
}

static void a_body_without_a_length_ends_with_the_connection(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\n\r\nso ");
    UNTIL(one.body.n == 3);
    raw_send(r, "long");
    raw_end(r);
    UNTIL(one.last);
    BODY_IS(&one, "so long");
    UNTIL(raw_over(r));
    probe_free(&one);
}

static void a_body_without_a_length_does_not_end_with_a_reset(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\n\r\nso ");
    UNTIL(one.body.n == 3);
    raw_reset(r);
    UNTIL(one.failures);
    assert_false(one.last);
    assert_false(one.clean);
    probe_free(&one);
}

static void a_response_that_is_cut_short_fails(void **state) {
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        probe_init(&one);
        struct raw *r = get_accepted(&one);
        raw_send(r, answers[i]);
        raw_settle();
        raw_end(r);
        UNTIL(one.failures || one.last);
        assert_int_equal(one.failures, 1);
        assert_int_equal(one.error.code, ERR_CLOSED);
        assert_int_equal(one.clean, !*answers[i]); /* a GET: without a byte it may be repeated */
        UNTIL(raw_over(r));
        probe_free(&one);
        raw_close_all();
    }
}

static void a_malformed_response_fails(void **state) {
    static const char *const answers[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        "HTTP/1.1 99 OK\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        probe_init(&one);
        struct raw *r = get_accepted(&one);
        raw_send(r, answers[i]);
        UNTIL(one.failures || one.last);
        assert_int_equal(one.failures, 1);
        assert_int_equal(one.error.code, ERR_PROTOCOL);
        assert_int_equal(one.heads, 0); /* even when the fault is in the body that came with it */
        assert_false(one.clean);
        UNTIL(raw_over(r));
        probe_free(&one);
        raw_close_all();
    }
}

static void interim_responses_have_an_end(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    for (int i = 0; i < CALL_INTERIM + 1 && !one.failures; i++)
        raw_send(r, "HTTP/1.1 102 Processing\r\n\r\n");
    UNTIL(one.failures);
    assert_int_equal(one.error.code, ERR_PROTOCOL);
    probe_free(&one);
}

/* ---- pausing --------------------------------------------------------------------------------- */

static void a_paused_call_gets_nothing_and_its_upstream_feels_it(void **state) {
    static char block[64 * 1024];
    probe_init(&one);
    one.pause_body = true;
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
    size_t sent = 0;
    ssize_t n;
    int quiet = 0;
    while (sent < 64u << 20 && quiet < 200) {
        n = send(r->fd, block, sizeof block, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) sent += (size_t)n;
        quiet = n > 0 ? 0 : quiet + 1;
        raw_turn();
    }
    assert_true(sent < 64u << 20);
    assert_int_equal(one.pieces, 1);
    one.pause_body = false;
    one.body.n = 0;
    call_resume(&one.call);
    while (sent < 64u << 20) {
        n = send(r->fd, block, sent + sizeof block > 64u << 20 ? (64u << 20) - sent : sizeof block,
                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) sent += (size_t)n;
        raw_turn();
        one.body.n = 0;
    }
    UNTIL(one.last);
    assert_int_equal(one.call.received, 64 << 20);
    probe_free(&one);
}

static void what_came_during_a_pause_is_delivered_in_order(void **state) {
    for (int kind = 0; kind < 8; kind++) {
        probe_init(&one);
        if (kind & 1) one.call.ops = &ops;
        one.pause_head = kind & 2;
        one.pause_body = true;
        one.loud = kind & 4;
        struct raw *r = get_accepted(&one);
        char answer[8192], expected[8192], *at = answer, *want = expected;
        at += sprintf(at, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 200; i++) {
            at += sprintf(at, "4\r\n%04d\r\n", i);
            want += sprintf(want, "%04d", i);
        }
        sprintf(at, "0\r\n\r\n");
        raw_send(r, answer);
        for (int turns = 0; turns < 5000 && !one.last; turns++) {
            raw_turn();
            if (one.heads) call_resume(&one.call);
        }
        assert_true(one.last);
        assert_string_equal((buf_char(&one.body, '\0'), one.body.p), expected);
        probe_free(&one);
        pool_drop_peer(&raw_worker, &where);
        raw_close_all();
    }
}

static void a_pause_before_the_answer_keeps_the_answer_back(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    call_pause(&one.call);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    UNTIL(one.heads);
    raw_settle();
    assert_int_equal(one.pieces, 0);
    call_resume(&one.call);
    assert_true(one.last);
    BODY_IS(&one, "ok");
    probe_free(&one);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void an_upstream_that_says_nothing_is_given_up(void **state) {
    probe_init(&one);
    conf.upstream_timeout = 30000000;
    struct raw *r = get_accepted(&one);
    UNTIL(one.failures);
    assert_int_equal(one.error.code, ERR_TIMEOUT);
    assert_false(one.clean);
    UNTIL(raw_over(r));
    probe_free(&one);
}

static void silence_inside_a_body_is_given_up_unless_it_is_a_stream(void **state) {
    probe_init(&one);
    conf.upstream_idle_timeout = 30000000;
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    UNTIL(one.failures);
    assert_int_equal(one.error.code, ERR_TIMEOUT);

    probe_again(&one);
    one.call.streaming = true;
    r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    UNTIL(one.body.n == 5);
    uint64_t end = raw_clock() + 100;
    UNTIL(raw_clock() > end);
    assert_int_equal(one.failures, 0);
    raw_send(r, "world");
    UNTIL(one.last);

    probe_again(&one); /* nor does it count who made the silence himself */
    one.call.streaming = false;
    one.pause_body = true;
    get(&one);
    raw_forget(r);
    raw_expect(r, "\r\n\r\n");
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    UNTIL(one.body.n == 5);
    end = raw_clock() + 100;
    UNTIL(raw_clock() > end);
    assert_int_equal(one.failures, 0);
    call_resume(&one.call);
    UNTIL(one.failures);
    probe_free(&one);
}

static void an_upload_that_moves_is_not_given_up(void **state) {
    probe_init(&one);
    conf.upstream_timeout = 300000000;
    post(&one, -1);
    struct raw *r = raw_accept(upstream);
    uint64_t end = raw_clock() + 700;
    while (raw_clock() < end) {
        call_write(&one.call, "x", 1);
        raw_turn();
        poll(NULL, 0, 20);
    }
    assert_int_equal(one.failures, 0);
    call_end(&one.call);
    UNTIL(one.failures);
    assert_int_equal(one.error.code, ERR_TIMEOUT);
    (void)r;
    probe_free(&one);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static void a_cancelled_call_resets_its_connection(void **state) {
    probe_init(&one);
    post(&one, 10);
    struct raw *r = raw_accept(upstream);
    call_write(&one.call, "hello", 5);
    raw_expect(r, "hello");
    call_cancel(&one.call);
    UNTIL(r->broken);
    assert_int_equal(one.failures, 0);
    assert_false(one.last);
    probe_free(&one);
}

static void a_cancelled_call_lets_go_of_the_connection_it_waits_for(void **state) {
    probe_init(&one);
    get(&one);
    call_cancel(&one.call);
    raw_settle();
    assert_int_equal(one.failures, 0);
    struct raw *r = raw_try_accept(upstream);
    if (r) {
        UNTIL(raw_over(r));
        assert_int_equal(r->total, 0);
    }
    probe_free(&one);
}

static void a_call_may_be_cancelled_inside_its_callbacks(void **state) {
    for (int kind = 0; kind < 4; kind++) {
        probe_init(&one);
        if (kind & 1) one.call.ops = &ops;
        one.cancel_head = kind & 2;
        one.cancel_body = !one.cancel_head;
        struct raw *r = get_accepted(&one);
        raw_send(r,
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n");
        UNTIL(one.heads == 1 && raw_over(r));
        assert_int_equal(one.pieces, one.cancel_body);
        assert_false(one.last);
        assert_int_equal(one.failures, 0);
        probe_free(&one);
        raw_close_all();
    }
}

/* ---- tunnels --------------------------------------------------------------------------------- */

static struct raw *tunnel(struct probe *p, const char *behind) {
    probe_init(p);
    p->tunnel = true;
    begin(p, "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 0);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n");
    raw_forget(r);
    char answer[256];
    snprintf(
        answer, sizeof answer,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n%s",
        behind);
    raw_send(r, answer);
    UNTIL(p->interims == 1);
    return r;
}

static void a_tunnel_carries_bytes_both_ways(void **state) {
    struct raw *r = tunnel(&one, "at once");
    UNTIL(one.body.n == 7);
    BODY_IS(&one, "at once");
    call_write(&one.call, "\0\r\n", 3);
    UNTIL(r->n == 3 && memcmp(r->buf, "\0\r\n", 3) == 0);
    raw_send(r, "HTTP/1.1 200 OK\r\n\r\n");
    UNTIL(one.body.n == 26);
    assert_int_equal(one.heads, 0);
    call_cancel(&one.call);
    UNTIL(r->broken);
    probe_free(&one);
}

static void a_tunnel_carries_the_end_of_either_side(void **state) {
    struct raw *r = tunnel(&one, "");
    call_write(&one.call, "bye", 3);
    call_end(&one.call); /* ours first */
    UNTIL(r->eof);
    assert_string_equal(r->buf, "bye");
    raw_send(r, "still here");
    UNTIL(one.body.n == 10);
    raw_end(r);
    UNTIL(one.last);
    assert_int_equal(one.failures, 0);
    assert_true(one.call.over);
    probe_free(&one);

    r = tunnel(&one, "");
    raw_send(r, "bye");
    raw_end(r); /* theirs first */
    UNTIL(one.last);
    BODY_IS(&one, "bye");
    assert_int_equal(call_write(&one.call, "still here", 10), 0);
    call_end(&one.call);
    UNTIL(r->eof);
    assert_string_equal(r->buf, "still here");
    assert_true(one.call.over);
    assert_int_equal(one.failures, 0);
    probe_free(&one);
}

static void a_tunnel_that_breaks_fails(void **state) {
    struct raw *r = tunnel(&one, "");
    raw_reset(r);
    UNTIL(one.failures);
    assert_false(one.clean);
    probe_free(&one);
}

static void a_paused_tunnel_keeps_its_bytes(void **state) {
    struct raw *r = tunnel(&one, "");
    one.pause_body = true;
    raw_send(r, "one");
    UNTIL(one.body.n == 3);
    raw_send(r, "two");
    raw_settle();
    BODY_IS(&one, "one");
    call_resume(&one.call);
    UNTIL(one.body.n == 6);
    BODY_IS(&one, "onetwo");
    probe_free(&one);
}

static void a_switch_of_protocols_that_nobody_takes_up_fails(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    raw_send(r, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    UNTIL(one.failures);
    assert_int_equal(one.error.code, ERR_PROTOCOL);
    UNTIL(raw_over(r));
    probe_free(&one);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A whole life with every allocation failing once: it ends in an answer or a failure, and nothing
 * leaks (the sanitizer looks). */
static void every_allocation_may_fail(void **state) {
    bool fired = true;
    for (long n = 1; fired; n++) {
        probe_init(&one);
        one.pause_body = true;
        mem_fail_at(n, false);
        post(&one, -1);
        if (!one.failures) call_write(&one.call, "hello", 5);
        if (!one.failures) call_end(&one.call);
        struct raw *r = NULL;
        for (int i = 0; i < 3000 && !one.last && !one.failures; i++) {
            if (!r && (r = raw_try_accept(upstream)))
                raw_send(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
            raw_turn();
            call_resume(&one.call);
            if (r && r->total) raw_forget(r);
        }
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_true(one.last || one.failures);
        if (!fired) assert_true(one.last);
        probe_free(&one);
        pool_drop_peer(&raw_worker, &where);
        raw_settle();
        while (raw_try_accept(upstream)) { /* one that was given up before it was accepted */
        }
        raw_close_all();
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    const struct CMUnitTest tests[] = {
        T(a_response_arrives_and_its_connection_serves_the_next_request),
        T(a_response_is_understood_wherever_it_is_cut),
        T(a_small_chunked_response_is_known_whole),
        T(more_chunks_than_fit_into_one_delivery_arrive_in_order),
        T(responses_without_a_body_need_none),
        T(a_bodiless_response_with_a_body_never_shifts_the_next_one),
        T(bytes_behind_a_response_are_never_another_response),
        T(bytes_on_a_resting_connection_close_it),
        T(a_response_that_says_close_is_the_last_one),
        T(a_body_without_a_length_ends_with_the_connection),
        T(a_body_without_a_length_does_not_end_with_a_reset),
        T(a_response_that_is_cut_short_fails),
        T(a_malformed_response_fails),
        T(interim_responses_have_an_end),
        T(a_paused_call_gets_nothing_and_its_upstream_feels_it),
        T(what_came_during_a_pause_is_delivered_in_order),
        T(a_pause_before_the_answer_keeps_the_answer_back),
        T(an_upstream_that_says_nothing_is_given_up),
        T(silence_inside_a_body_is_given_up_unless_it_is_a_stream),
        T(an_upload_that_moves_is_not_given_up),
        T(a_cancelled_call_resets_its_connection),
        T(a_cancelled_call_lets_go_of_the_connection_it_waits_for),
        T(a_call_may_be_cancelled_inside_its_callbacks),
        T(a_tunnel_carries_bytes_both_ways),
        T(a_tunnel_carries_the_end_of_either_side),
        T(a_tunnel_that_breaks_fails),
        T(a_paused_tunnel_keeps_its_bytes),
        T(a_switch_of_protocols_that_nobody_takes_up_fails),
        T(every_allocation_may_fail),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
