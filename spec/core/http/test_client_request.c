/* What leaves for the upstream, what becomes of it when that fails, and what may be repeated. */
#include "probe.h"

/* ---- request bodies -------------------------------------------------------------------------- */

static void a_corked_head_leaves_together_with_the_body(void **state) {
    probe_init(&one);
    struct raw *r = warm(&one);
    uint32_t before = raw_segments(r, true);
    one.call.cork = true;
    post(&one, 5);
    call_write_last(&one.call, "hello", 5);
    raw_expect(r, "\r\n\r\nhello");
    assert_int_equal(raw_segments(r, true) - before, 1);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    UNTIL(one.last);

    probe_again(&one);
    raw_forget(r);
    before = raw_segments(r, true);
    one.call.cork = true;
    post(&one, -1);
    call_write_last(&one.call, "hello", 5);
    raw_expect(r, "\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_int_equal(raw_segments(r, true) - before, 1);
    probe_free(&one);
}

static void a_corked_head_leaves_alone_when_told_to(void **state) {
    probe_init(&one);
    struct raw *r = warm(&one);
    one.call.cork = true;
    post(&one, 5);
    raw_settle();
    assert_int_equal(r->n, 0);
    call_flush(&one.call);
    raw_expect(r, "Content-Length: 5\r\n\r\n");
    call_write(&one.call, "hel", 3);
    call_write_last(&one.call, "lo", 2);
    raw_expect(r, "\r\n\r\nhello");
    probe_free(&one);
}

static void a_body_is_framed_in_chunks_when_its_length_is_unknown(void **state) {
    probe_init(&one);
    post(&one, -1); /* the connection is not there yet: all of this waits */
    assert_int_equal(call_write(&one.call, "hello", 5), 0);
    assert_int_equal(call_write(&one.call, "", 0), 0);
    assert_int_equal(call_write(&one.call, "0123456789abcdef!", 17), 0);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n5\r\nhello\r\n11\r\n0123456789abcdef!\r\n");
    call_write(&one.call, "x", 1);
    call_end(&one.call);
    raw_expect(r, "f!\r\n1\r\nx\r\n0\r\n\r\n");
    probe_free(&one);
}

static void a_body_that_is_not_as_long_as_declared_fails(void **state) {
    for (int longer = 0; longer < 2; longer++) {
        probe_init(&one);
        post(&one, 5);
        struct raw *r = raw_accept(upstream);
        call_write(&one.call, "abc", 3);
        raw_expect(r, "\r\n\r\nabc");
        if (longer)
            assert_true(call_write(&one.call, "def", 3) < 0);
        else
            call_end(&one.call);
        assert_int_equal(one.failures, 1);
        UNTIL(r->broken); /* the upstream must not take it for complete, nor wait for the rest */
        assert_string_equal(strstr(r->buf, "\r\n\r\n"), "\r\n\r\nabc");
        probe_free(&one);
        raw_close_all();
    }
}

static void a_deaf_upstream_stops_the_producer_until_it_listens_again(void **state) {
    static char block[64 * 1024];
    probe_init(&one);
    post(&one, -1);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n");
    r->deaf = true;
    size_t written = 0;
    while (call_write(&one.call, block, sizeof block) == 0) {
        written += sizeof block;
        assert_true(written < 64u << 20);
    }
    raw_settle();
    assert_int_equal(one.drained, 0);
    assert_true(stream_pending(&one.call.conn->stream) <= conf.write_high + sizeof block + 16);
    r->deaf = false;
    r->discard = true;
    UNTIL(one.drained == 1);
    assert_int_equal(call_write_last(&one.call, "x", 1), 0);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    UNTIL(one.last);
    assert_int_equal(one.failures, 0);
    probe_free(&one);
}

static void a_producer_that_is_too_early_is_stopped_until_there_is_a_connection(void **state) {
    static char block[32 * 1024];
    probe_init(&one);
    post(&one, 3 * (int64_t)sizeof block + 1);
    assert_int_equal(call_write(&one.call, block, sizeof block), 0);
    assert_int_equal(call_write(&one.call, block, sizeof block), 0);
    assert_int_equal(call_write(&one.call, block, sizeof block), 1);
    struct raw *r = raw_accept(upstream);
    UNTIL(one.drained);
    call_write_last(&one.call, "!", 1);
    UNTIL(r->n > 3 * sizeof block && r->buf[r->n - 1] == '!');
    probe_free(&one);
}

static void an_answer_before_the_end_of_the_request_is_delivered(void **state) {
    probe_init(&one);
    post(&one, 100);
    struct raw *r = raw_accept(upstream);
    call_write(&one.call, "abc", 3);
    raw_expect(r, "abc");
    raw_send(r, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    UNTIL(one.last);
    assert_int_equal(one.status, 413);
    BODY_IS(&one, "no");
    UNTIL(raw_over(r)); /* half a request was sent on it */
    assert_true(call_write(&one.call, "def", 3) < 0);
    assert_int_equal(one.failures, 0);
    get(&one);
    assert_false(one.call.reused);
    probe_free(&one);
}

static void an_answer_is_delivered_though_its_upstream_hung_up_on_the_request(void **state) {
    static char block[64 * 1024];
    probe_init(&one);
    post(&one, -1);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n");
    r->deaf = true;
    while (call_write(&one.call, block, sizeof block) == 0) {
    }
    /* Closing with unread bytes resets the connection behind the answer. */
    send(r->fd, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", 40, MSG_NOSIGNAL);
    raw_close(r);
    call_write(&one.call, block, sizeof block);
    UNTIL(one.last || one.failures);
    assert_int_equal(one.failures, 0);
    assert_int_equal(one.status, 413);
    BODY_IS(&one, "no");
    probe_free(&one);
}

/* Answers and hangs up on a request that it never read: the answer is followed by a reset. */
static void answer_and_hang_up(struct raw *r, const char *answer) {
    r->deaf = true;
    assert_int_equal(send(r->fd, answer, strlen(answer), MSG_NOSIGNAL), (int)strlen(answer));
    raw_close(r);
    poll(NULL, 0, 5); /* the reset arrives, and the loop has not turned since */
}

static void a_write_that_fails_does_not_hide_the_answer(void **state) {
    probe_init(&one);
    post(&one, -1);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n");
    r->deaf = true;
    call_write(&one.call, "unread", 6);
    poll(NULL, 0, 5);
    answer_and_hang_up(r, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
    assert_int_equal(call_write(&one.call, "more", 4), 1); /* fails, and is not to be repeated */
    assert_int_equal(one.failures, 0);
    UNTIL(one.last || one.failures);
    assert_int_equal(one.failures, 0);
    BODY_IS(&one, "no");
}

static void a_write_that_fails_later_does_not_hide_the_answer_either(void **state) {
    static char block[64 * 1024];
    probe_init(&one);
    one.pause_body = true;
    post(&one, -1);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n");
    r->deaf = true;
    while (call_write(&one.call, block, sizeof block) == 0) {
    }
    raw_send(r, "HTTP/1.1 413 No\r\nContent-Length: 4\r\n\r\nso");
    UNTIL(one.body.n == 2); /* paused from here on: nobody reads */
    answer_and_hang_up(r, "no");
    raw_settle();
    assert_int_equal(one.failures, 0);
    one.pause_body = false;
    call_resume(&one.call);
    UNTIL(one.last || one.failures);
    BODY_IS(&one, "sono");
}

static void a_connection_that_was_closed_before_use_is_a_clean_failure(void **state) {
    probe_init(&one);
    struct raw *r = warm(&one);
    raw_reset(r);
    poll(NULL, 0, 5); /* the loop has not heard of it */
    post(&one, 0);
    assert_int_equal(one.failures, 1);
    assert_true(one.clean); /* though it is a POST: nothing of it left */
    assert_true(one.call.reused);
}

static void both_bodies_flow_at_once(void **state) {
    probe_init(&one);
    post(&one, -1);
    struct raw *r = raw_accept(upstream);
    raw_send(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    UNTIL(one.heads);
    for (char c = 'a'; c < 'e'; c++) {
        char chunk[16];
        call_write(&one.call, &c, 1);
        snprintf(chunk, sizeof chunk, "1\r\n%c\r\n", c);
        raw_expect(r, chunk);
        raw_send(r, chunk);
        UNTIL(one.body.n == (size_t)(c - 'a' + 1));
    }
    call_end(&one.call);
    raw_expect(r, "d\r\n0\r\n\r\n");
    raw_send(r, "0\r\n\r\n");
    UNTIL(one.last);
    BODY_IS(&one, "abcd");
    get(&one);
    assert_true(one.call.reused);
    probe_free(&one);
}

/* ---- failures that may be repeated ----------------------------------------------------------- */

static void a_refused_connection_is_a_clean_failure(void **state) {
    probe_init(&one);
    where.port = raw_dead_port();
    post(&one, 5);
    call_write_last(&one.call, "hello", 5);
    UNTIL(one.failures);
    assert_true(one.clean);
    assert_false(one.call.connected);
    assert_int_equal(one.error.code, -ECONNREFUSED);

    /* and the whole request can be sent elsewhere */
    assert_true(call_held(&one.call));
    where.port = port;
    struct str head = STR("POST /again HTTP/1.1\r\nHost: v\r\nContent-Length: 5\r\n\r\n");
    one.failures = 0;
    call_again(&one.call, &where, &head, 1);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "POST /again HTTP/1.1\r\nHost: v\r\nContent-Length: 5\r\n\r\nhello");
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    UNTIL(one.last);
    probe_free(&one);
}

static void a_body_goes_on_where_it_was_after_a_refused_connection(void **state) {
    probe_init(&one);
    where.port = raw_dead_port();
    post(&one, -1);
    call_write(&one.call, "hel", 3);
    UNTIL(one.failures);
    where.port = port;
    struct str head = STR("POST /again HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    one.failures = 0;
    call_again(&one.call, &where, &head, 1);
    call_write(&one.call, "lo", 2);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n");
    call_end(&one.call);
    raw_expect(r, "lo\r\n0\r\n\r\n");
    probe_free(&one);
}

/* The upstream ends a reused connection, with the request on its way: is that a clean failure? */
static void reused_and_gone(bool idempotent, bool reset, bool clean) {
    probe_init(&one);
    struct raw *r = warm(&one);
    if (idempotent)
        get(&one);
    else
        post(&one, 0);
    assert_true(one.call.reused);
    raw_expect(r, "\r\n\r\n");
    if (reset)
        raw_reset(r);
    else
        raw_close(r);
    UNTIL(one.failures);
    assert_int_equal(one.clean, clean);
    assert_true(one.call.connected);
    probe_free(&one);
}

static void a_reused_connection_that_dies_may_be_repeated_if_the_method_allows(void **state) {
    reused_and_gone(true, false, true);
    reused_and_gone(true, true, true);
    reused_and_gone(false, false, false);
    reused_and_gone(false, true, false);
}

static void a_small_body_is_held_for_a_repeat_on_a_reused_connection(void **state) {
    probe_init(&one);
    for (int large = 0; large < 2; large++) {
        struct raw *r = warm(&one);
        char body[CALL_HELD + 1];
        size_t n = large ? sizeof body : 5;
        memset(body, 'x', sizeof body);
        char head[128];
        snprintf(head, sizeof head, "PUT / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", n);
        one.call.idempotent = true;
        one.call.cork = true;
        begin(&one, head, (int64_t)n);
        assert_true(one.call.reused);
        call_write_last(&one.call, body, n);
        raw_expect(r, "xxxxx");
        raw_reset(r);
        UNTIL(one.failures);
        assert_true(one.clean);
        assert_int_equal(call_held(&one.call), !large);
        if (!large) {
            struct str again = STR("PUT /2 HTTP/1.1\r\nContent-Length: 5\r\n\r\n");
            one.call.fresh = true;
            one.failures = 0;
            call_again(&one.call, &where, &again, 1);
            r = raw_accept(upstream);
            raw_expect(r, "PUT /2 HTTP/1.1\r\nContent-Length: 5\r\n\r\nxxxxx");
            raw_send(r, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            UNTIL(one.last);
            one.call.fresh = false;
        }
        probe_again(&one);
    }
    probe_free(&one);
}

static void on_a_fresh_connection_that_dies_only_what_is_harmless_may_be_repeated(void **state) {
    for (int harmless = 0; harmless < 2; harmless++) {
        probe_init(&one);
        struct raw *r = get_accepted(&one);
        one.call.idempotent = harmless;
        raw_close(r);
        UNTIL(one.failures);
        assert_int_equal(one.clean, harmless);
        probe_free(&one);
    }
}

static void a_first_byte_ends_all_repeating(void **state) {
    probe_init(&one);
    struct raw *r = warm(&one);
    get(&one);
    raw_expect(r, "\r\n\r\n");
    raw_send(r, "H");
    UNTIL(one.call.got_bytes);
    raw_close(r);
    UNTIL(one.failures);
    assert_false(one.clean);
    probe_free(&one);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    const struct CMUnitTest tests[] = {
        T(a_corked_head_leaves_together_with_the_body),
        T(a_corked_head_leaves_alone_when_told_to),
        T(a_body_is_framed_in_chunks_when_its_length_is_unknown),
        T(a_body_that_is_not_as_long_as_declared_fails),
        T(a_deaf_upstream_stops_the_producer_until_it_listens_again),
        T(a_producer_that_is_too_early_is_stopped_until_there_is_a_connection),
        T(an_answer_before_the_end_of_the_request_is_delivered),
        T(an_answer_is_delivered_though_its_upstream_hung_up_on_the_request),
        T(a_write_that_fails_does_not_hide_the_answer),
        T(a_write_that_fails_later_does_not_hide_the_answer_either),
        T(a_connection_that_was_closed_before_use_is_a_clean_failure),
        T(both_bodies_flow_at_once),
        T(a_refused_connection_is_a_clean_failure),
        T(a_body_goes_on_where_it_was_after_a_refused_connection),
        T(a_reused_connection_that_dies_may_be_repeated_if_the_method_allows),
        T(a_small_body_is_held_for_a_repeat_on_a_reused_connection),
        T(on_a_fresh_connection_that_dies_only_what_is_harmless_may_be_repeated),
        T(a_first_byte_ends_all_repeating),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
