/* One request to a scripted upstream: what arrives, what goes back to the pool, what failures say.
 */
#include "raw.h"

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/client.h"

/* A caller that notes everything. */
struct probe {
    struct call call;
    struct arena arena;
    struct buf body;  /* all of it */
    int heads;        /* final ones */
    int interims;     /* 1xx */
    int status;       /* of the last head */
    int pieces;       /* calls of body() */
    int drained;      /* calls of it */
    int failures;     /* calls of failed() */
    struct err error; /* of the last one */
    int64_t whole;    /* as head() saw it */
    bool last;        /* body() said so */
    bool clean;       /* failed() said so */
    bool pause_head;  /* pause inside head() */
    bool pause_body;  /* pause inside body() */
    bool cancel_head; /* cancel inside head() */
    bool cancel_body; /* cancel inside body() */
    bool tunnel;      /* make a tunnel of a 101 */
    bool loud;        /* resume inside body() what was paused there */
};

/* The one of the current test. Static, so that a test that fails leaves nothing dangling. */
static struct probe one;
static int upstream; /* listening socket */
static int port;
static struct pool_addr where;

static void on_head(struct call *c, const struct head *h) {
    struct probe *p = c->data;
    p->status = h->status;
    if (h->status < 200)
        p->interims++;
    else
        p->heads++;
    p->whole = c->whole;
    if (h->status == 101 && p->tunnel) call_tunnel(c);
    if (p->pause_head) call_pause(c);
    if (p->cancel_head) call_cancel(c);
}

static void on_body(struct call *c, const char *bytes, size_t n, bool last) {
    struct probe *p = c->data;
    assert_false(p->last);
    assert_int_equal(p->failures, 0);
    p->pieces++;
    buf_add(&p->body, bytes, n);
    p->last = last;
    if (p->pause_body) call_pause(c);
    if (p->loud) call_resume(c);
    if (p->cancel_body) call_cancel(c);
}

static void on_bodyv(struct call *c, const struct str *parts, int n, bool last) {
    for (int i = 0; i < n; i++)
        buf_str(&((struct probe *)c->data)->body, parts[i]);
    on_body(c, NULL, 0, last);
}

static void on_drained(struct call *c) {
    ((struct probe *)c->data)->drained++;
}

static void on_failed(struct call *c, const struct err *e, bool clean) {
    struct probe *p = c->data;
    assert_false(p->last && !c->tunnel);
    p->failures++;
    p->error = *e;
    p->clean = clean;
}

static const struct call_ops ops = {on_head, on_body, NULL, on_drained, on_failed};
static const struct call_ops opsv = {on_head, NULL, on_bodyv, on_drained, on_failed};

static void probe_init(struct probe *p) {
    memset(p, 0, sizeof *p);
    arena_init(&p->arena, 1024);
    buf_init(&p->body);
    p->call = (struct call){.ops = &opsv, .data = p, .worker = &raw_worker, .arena = &p->arena};
}

/* Forgets the last answer; the call may be used again. */
static void probe_again(struct probe *p) {
    arena_reset(&p->arena);
    buf_clear(&p->body);
    p->heads = p->interims = p->status = p->pieces = p->drained = p->failures = 0;
    p->last = false;
}

static void probe_free(struct probe *p) {
    call_cancel(&p->call);
    call_free(&p->call);
    arena_free(&p->arena);
    buf_free(&p->body);
}

static void begin(struct probe *p, const char *head, int64_t length) {
    struct str part = str_of(head);
    call_start(&p->call, &where, &part, 1, length);
}

static void get(struct probe *p) {
    p->call.idempotent = true;
    begin(p, "GET / HTTP/1.1\r\nHost: u\r\n\r\n", 0);
}

static void post(struct probe *p, int64_t length) {
    char head[128];
    p->call.idempotent = false;
    if (length < 0)
        snprintf(head, sizeof head,
                 "POST / HTTP/1.1\r\nHost: u\r\nTransfer-Encoding: chunked\r\n\r\n");
    else
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: u\r\nContent-Length: %lld\r\n\r\n",
                 (long long)length);
    begin(p, head, length);
}

#define BODY_IS(p, text) assert_true(str_eq(buf_view(&(p)->body), STR(text)))

/* Starts a GET on a new connection and returns the upstream's end of it. */
static struct raw *get_accepted(struct probe *p) {
    get(p);
    struct raw *r = raw_accept(upstream);
    raw_expect(r, "\r\n\r\n");
    return r;
}

/* Brings a connection into the pool: one exchange of a request and an empty answer. */
static struct raw *warm(struct probe *p) {
    struct raw *r = get_accepted(p);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    UNTIL(p->last);
    raw_forget(r);
    probe_again(p);
    return r;
}

static int setup(void **state) {
    conf.connect_timeout = 2000000000ull;
    conf.upstream_timeout = 8000000000ull;
    conf.upstream_idle_timeout = 8000000000ull;
    conf.upstream_idle = 8;
    conf.upstream_keepalive = 60000000000ull;
    conf.write_high = 64 * 1024;
    upstream = raw_listen(&port);
    where = (struct pool_addr){STR("127.0.0.1"), port};
    assert_int_equal(worker_init(&raw_worker, -1, NULL), 0);
    assert_int_equal(pool_open(&raw_worker), 0);
    return 0;
}

static int teardown(void **state) {
    mem_fail_at(0, false);
    probe_free(&one);
    pool_close(&raw_worker);
    raw_close_all();
    close(upstream);
    for (int i = 0; i < 1000 && raw_worker.slot[WORKER_POOL]; i++)
        raw_turn();
    assert_null(raw_worker.slot[WORKER_POOL]);
    worker_free(&raw_worker);
    return 0;
}

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
        assert_false(one.clean);
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

/* ---- request bodies -------------------------------------------------------------------------- */

/* Segments with data that the peer received: the kernel's tcp_info goes on behind libc's. */
static uint32_t segments(struct raw *r) {
    struct {
        struct tcp_info info;
        uint64_t rates[2], bytes[2];
        uint32_t segments[2], waiting, rtt, data_in;
    } tcp;
    socklen_t n = sizeof tcp;
    assert_int_equal(getsockopt(r->fd, IPPROTO_TCP, TCP_INFO, &tcp, &n), 0);
    return tcp.data_in;
}

static void a_corked_head_leaves_together_with_the_body(void **state) {
    probe_init(&one);
    struct raw *r = warm(&one);
    uint32_t before = segments(r);
    one.call.cork = true;
    post(&one, 5);
    call_write_last(&one.call, "hello", 5);
    raw_expect(r, "\r\n\r\nhello");
    assert_int_equal(segments(r) - before, 1);
    raw_send(r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    UNTIL(one.last);

    probe_again(&one);
    raw_forget(r);
    before = segments(r);
    one.call.cork = true;
    post(&one, -1);
    call_write_last(&one.call, "hello", 5);
    raw_expect(r, "\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_int_equal(segments(r) - before, 1);
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

static void a_fresh_connection_that_dies_is_not_repeated(void **state) {
    probe_init(&one);
    struct raw *r = get_accepted(&one);
    raw_close(r);
    UNTIL(one.failures);
    assert_false(one.clean);
    probe_free(&one);
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
        T(a_paused_call_gets_nothing_and_its_upstream_feels_it),
        T(what_came_during_a_pause_is_delivered_in_order),
        T(a_pause_before_the_answer_keeps_the_answer_back),
        T(an_upstream_that_says_nothing_is_given_up),
        T(silence_inside_a_body_is_given_up_unless_it_is_a_stream),
        T(an_upload_that_moves_is_not_given_up),
        T(a_refused_connection_is_a_clean_failure),
        T(a_body_goes_on_where_it_was_after_a_refused_connection),
        T(a_reused_connection_that_dies_may_be_repeated_if_the_method_allows),
        T(a_small_body_is_held_for_a_repeat_on_a_reused_connection),
        T(a_fresh_connection_that_dies_is_not_repeated),
        T(a_first_byte_ends_all_repeating),
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
