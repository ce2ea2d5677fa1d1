/* What policies can do to a request on its way, and what they cannot. An asker of the test's own
 * stands in for the script layer. */
#include "front.h"

#include "core/http/policy.h"

/* What the asker does when it is asked a question. */
static struct {
    enum plan_result answer[POLICY_ROWS];
    void (*tell)(struct exchange *x, enum policy_row row); /* before it answers */
    struct exchange *waiting;
    int asked[POLICY_ROWS], canceled, over;
} fake;

static enum plan_result fake_ask(struct exchange *x, enum policy_row row) {
    fake.asked[row]++;
    if (fake.answer[row] == PLAN_LATER)
        fake.waiting = x;
    else if (fake.tell)
        fake.tell(x, row);
    return fake.answer[row];
}

static void fake_cancel(struct exchange *x) {
    assert_ptr_equal(fake.waiting, x);
    fake.waiting = NULL;
    fake.canceled++;
}

static void fake_over(struct exchange *x) {
    (void)x;
    fake.over++;
}

static const struct policy_asker asker = {fake_ask, fake_cancel, fake_over};

/* The answer that was left for later. */
static void go_on(enum policy_row row) {
    struct exchange *x = fake.waiting;
    fake.waiting = NULL;
    policy_ready(x);
    if (fake.tell) fake.tell(x, row);
    policy_go_on(x);
}

/* The same, and it is no. */
static void deny(void) {
    struct exchange *x = fake.waiting;
    fake.waiting = NULL;
    policy_ready(x);
    policy_deny(x);
}

static int setup_policies(void **state) {
    memset(&fake, 0, sizeof fake);
    policy_set_asker(&asker);
    front_flags = ROUTE_LIMIT | ROUTE_REQUEST | ROUTE_CHOOSE | ROUTE_RESPONSE;
    return setup(state);
}

static int teardown_policies(void **state) {
    int rc = teardown(state);
    front_flags = 0;
    policy_set_asker(NULL);
    return rc;
}

static void done(enum policy_edit e) {
    assert_int_equal(e, POLICY_DONE);
}

/* ---- who is asked --------------------------------------------------------------------------- */

static void every_question_is_asked_once_and_in_order(void **state) {
    struct raw *c, *u;
    relay(GET, &c, &u);
    assert_int_equal(fake.asked[POLICY_LIMIT], 1);
    assert_int_equal(fake.asked[POLICY_REQUEST], 1);
    assert_int_equal(fake.asked[POLICY_CHOOSE], 1);
    assert_int_equal(fake.asked[POLICY_RESPONSE], 0);
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    assert_int_equal(fake.asked[POLICY_RESPONSE], 1);
    UNTIL(fake.over == 1);
}

static void a_route_without_flags_asks_nobody(void **state) {
    struct raw *c = client("GET /gone/x HTTP/1.1\r\nHost: me\r\n\r\n");
    raw_expect(c, "no instances found");
    for (int i = 0; i < POLICY_ROWS; i++)
        assert_int_equal(fake.asked[i], 0);
    assert_int_equal(fake.over, 0);
}

static void what_decides_denies_when_nobody_answers(void **state) {
    policy_set_asker(NULL);
    struct raw *c = client(GET);
    raw_expect(c, "HTTP/1.1 503 ");
    raw_expect(c, "Content-Type: text/plain; charset=utf-8\r\n");
    raw_expect(c, "a rule of this host could not be checked; try again later");
}

static void an_answer_may_come_later(void **state) {
    static const enum policy_row rows[] = {POLICY_LIMIT, POLICY_REQUEST, POLICY_CHOOSE};
    for (int i = 0; i < 3; i++)
        fake.answer[rows[i]] = PLAN_LATER;
    struct raw *c = client("POST /svc HTTP/1.1\r\nHost: me\r\nContent-Length: 5\r\n\r\nhello");
    for (int i = 0; i < 3; i++) {
        UNTIL(fake.waiting);
        assert_int_equal(fake.asked[rows[i]], 1);
        go_on(rows[i]);
    }
    raw_expect(asked(0), "\r\n\r\nhello");
    assert_int_equal(fake.canceled, 0);
    (void)c;
}

static void a_late_answer_may_be_no(void **state) {
    fake.answer[POLICY_REQUEST] = PLAN_LATER;
    struct raw *c = client(GET);
    for (int i = 0; i < 2; i++) {
        UNTIL(fake.waiting);
        deny();
        raw_expect(c, "HTTP/1.1 503 ");
        raw_expect(c, "try again later");
        raw_forget(c);
        raw_send(c, GET);
    }
    UNTIL(fake.waiting);
    assert_int_equal(fake.canceled, 0);
    assert_int_equal(fake.over, 2);
}

static void a_client_that_leaves_is_asked_about_no_longer(void **state) {
    fake.answer[POLICY_REQUEST] = PLAN_LATER;
    struct raw *c = client(GET);
    UNTIL(fake.waiting);
    raw_reset(c);
    UNTIL(fake.canceled == 1);
    UNTIL(fake.over == 1);

    fake.answer[POLICY_REQUEST] = PLAN_NEXT;
    fake.answer[POLICY_RESPONSE] = PLAN_LATER;
    struct raw *u;
    relay(GET, &c, &u);
    raw_send(u, OK);
    UNTIL(fake.waiting);
    raw_reset(c);
    UNTIL(fake.canceled == 2);
    UNTIL(fake.over == 2);
}

/* ---- what it changes ------------------------------------------------------------------------ */

static void rewrite(struct exchange *x, enum policy_row row) {
    if (row != POLICY_REQUEST) return;
    done(policy_set_path(x, STR("/other/%C3%A4")));
    done(policy_set_query(x, STR("a=1&b")));
    done(policy_set(x, false, STR("X-Tenant"), STR("seven")));
    done(policy_set(x, false, STR("x-gone"), STR_NONE));
    done(policy_set(x, false, STR("X-TWICE"), STR("once")));
    done(policy_add(x, false, STR("Cookie"), STR("c=2")));
}

static void the_instance_gets_what_a_policy_made_of_it(void **state) {
    fake.tell = rewrite;
    struct raw *c = client("GET /svc/a?z HTTP/1.1\r\nHost: me\r\nX-Gone: 1\r\nX-Twice: 1\r\n"
                           "X-Twice: 2\r\nCookie: c=1\r\nX-Kept: 1\r\n\r\n");
    struct raw *u = asked(0);
    char expected[512];
    snprintf(expected, sizeof expected,
             "GET /other/%%C3%%A4?a=1&b HTTP/1.1\r\nHost: %s\r\nCookie: c=1\r\nX-Kept: 1\r\n"
             "X-Tenant: seven\r\nX-TWICE: once\r\nCookie: c=2\r\nX-Forwarded-For: 127.0.0.1\r\n",
             urls[0][1]);
    assert_memory_equal(u->buf, expected, strlen(expected));
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
}

static void no_client_takes_away_what_a_policy_sets(void **state) {
    fake.tell = rewrite;
    client("GET /svc HTTP/1.1\r\nHost: me\r\nConnection: X-Tenant, X-Mine\r\n"
           "X-Tenant: forged\r\nX-Mine: 1\r\n\r\n");
    struct raw *u = asked(0);
    assert_true(has(u, "\r\nX-Tenant: seven\r\n"));
    assert_false(has(u, "forged"));
    assert_false(has(u, "X-Mine"));
    assert_false(has(u, "Connection"));
}

static void drop_query(struct exchange *x, enum policy_row row) {
    if (row == POLICY_REQUEST) done(policy_set_query(x, STR_NONE));
}

static void a_query_can_be_taken_away_and_a_port_stays_out(void **state) {
    fake.tell = drop_query;
    client("GET /svc:443/a/b?secret=1 HTTP/1.1\r\nHost: me\r\n\r\n");
    assert_true(has(asked(0), "GET /svc/a/b HTTP/1.1\r\n"));
}

static void authorize(struct exchange *x, enum policy_row row) {
    if (row == POLICY_REQUEST) done(policy_set(x, false, STR("Authorization"), STR("Basic eA==")));
}

static void even_the_authorization_can_be_another_one(void **state) {
    fake.tell = authorize;
    client("GET /svc HTTP/1.1\r\nHost: me\r\nAuthorization: Bearer a\r\n\r\n");
    struct raw *u = asked(0);
    assert_true(has(u, "\r\nAuthorization: Basic eA==\r\n"));
    assert_false(has(u, "Bearer"));
}

static void overstep(struct exchange *x, enum policy_row row) {
    static const char *const owned[] = {"Host",
                                        "Connection",
                                        "transfer-encoding",
                                        "Content-Length",
                                        "Via",
                                        "Upgrade",
                                        "TE",
                                        "Trailer",
                                        "Keep-Alive",
                                        "X-Request-Id",
                                        "Expect",
                                        "Forwarded",
                                        "X-Real-IP",
                                        "x-forwarded-for",
                                        "X-Forwarded-Any",
                                        "Max-Forwards",
                                        "Proxy-Authorization",
                                        "Proxy-Connection"};
    static const struct str bad[] = {{"a\rb", 3}, {"a\nb", 3}, {"a\0b", 3}, {"\x7f", 1}};
    static const struct str paths[] = {{"", 0},     {"a", 1},         {"/a b", 4},
                                       {"/a?b", 4}, {"/a#b", 4},      {"/a\r\n", 4},
                                       {"/%zz", 4}, {"/\xc3\xa4", 3}, {"/a\0b", 4}};
    if (row != POLICY_REQUEST) return;
    char large[POLICY_TARGET + 2];
    memset(large, 'a', sizeof large);
    large[0] = '/';
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        assert_int_equal(policy_set(x, false, str_of(owned[i]), STR("1")), POLICY_OWNED);
        assert_int_equal(policy_set(x, false, str_of(owned[i]), STR_NONE), POLICY_OWNED);
        assert_int_equal(policy_add(x, false, str_of(owned[i]), STR("1")), POLICY_OWNED);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(policy_set(x, false, STR("A"), bad[i]), POLICY_INVALID);
        assert_int_equal(policy_set(x, false, bad[i], STR("a")), POLICY_INVALID);
        assert_int_equal(policy_set_query(x, bad[i]), POLICY_INVALID);
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(policy_set_path(x, paths[i]), POLICY_INVALID);
    assert_int_equal(policy_set(x, false, STR(""), STR("a")), POLICY_INVALID);
    struct str too_large = str_make(large, sizeof large);
    assert_int_equal(policy_set(x, false, STR("A"), too_large), POLICY_INVALID);
    assert_int_equal(policy_set_path(x, too_large), POLICY_INVALID);
    int n = 0;
    while (policy_add(x, false, STR("A"), STR("1")) == POLICY_DONE)
        n++;
    assert_int_equal(n, POLICY_FIELDS);
    assert_int_equal(policy_add(x, false, STR("A"), STR("1")), POLICY_MANY);
    done(policy_set(x, false, STR("A"), STR_NONE));
}

static void what_is_the_hosts_cannot_be_touched(void **state) {
    fake.tell = overstep;
    client("POST /svc/a HTTP/1.1\r\nHost: me\r\nContent-Length: 2\r\n\r\nok");
    struct raw *u = asked(0);
    raw_expect(u, "\r\nContent-Length: 2\r\n\r\nok");
    assert_memory_equal(u->buf, "POST /svc/a HTTP/1.1\r\n", 22);
    assert_true(has(u, "\r\nX-Forwarded-For: 127.0.0.1\r\n"));
    assert_false(has(u, "\r\nA: "));
}

/* ---- responses ------------------------------------------------------------------------------ */

static void retouch(struct exchange *x, enum policy_row row) {
    if (row != POLICY_RESPONSE) return;
    done(policy_set(x, true, STR("server"), STR_NONE));
    done(policy_set(x, true, STR("Cache-Control"), STR("no-store")));
    done(policy_add(x, true, STR("Set-Cookie"), STR("b=2")));
    assert_int_equal(policy_set(x, true, STR("Content-Length"), STR("1")), POLICY_OWNED);
    assert_int_equal(policy_set(x, true, STR("Transfer-Encoding"), STR("x")), POLICY_OWNED);
    assert_int_equal(policy_set(x, true, STR("Connection"), STR("close")), POLICY_OWNED);
    assert_int_equal(policy_set(x, true, STR("X"), STR("a\nb")), POLICY_INVALID);
}

#define LONG \
    "HTTP/1.1 200 OK\r\nServer: s\r\nSet-Cookie: a=1\r\nCache-Control: x\r\n" \
    "Content-Length: 10\r\n\r\nfirst"

static void a_response_says_what_a_policy_wants(void **state) {
    static const enum plan_result answers[] = {PLAN_NEXT, PLAN_LATER};
    struct raw *c, *u;
    fake.tell = retouch;
    relay(GET, &c, &u);
    for (int i = 0; i < 4; i++) {
        fake.answer[POLICY_RESPONSE] = answers[i % 2];
        raw_send(u, i < 2 ? LONG
                          : "HTTP/1.1 200 OK\r\nServer: s\r\nTransfer-Encoding: chunked\r\n"
                            "\r\n5\r\nfirst\r\n");
        if (i % 2) {
            UNTIL(fake.waiting);
            raw_settle();
            assert_int_equal(c->n, 0);
        }
        raw_send(u, i < 2 ? "other" : "5\r\nother\r\n0\r\n\r\n");
        if (i % 2) go_on(POLICY_RESPONSE);
        raw_expect(c, "other");
        assert_true(has(c, "\r\nCache-Control: no-store\r\n"));
        assert_true(has(c, "\r\nSet-Cookie: b=2\r\n"));
        assert_false(has(c, "Cache-Control: x"));
        assert_false(has(c, "Server: "));
        if (i < 2) assert_true(has(c, "\r\nSet-Cookie: a=1\r\n"));
        if (i < 2) assert_true(has(c, "\r\nContent-Length: 10\r\n"));
        raw_settle();
        raw_forget(c);
        raw_forget(u);
        raw_send(c, GET);
        raw_expect(u, "\r\n\r\n");
    }
}

static void write_in_a_loop(struct exchange *x, enum policy_row row) {
    char value[POLICY_VALUE];
    bool response = row == POLICY_RESPONSE;
    int n = 0;
    if (row != POLICY_REQUEST && !response) return;
    memset(value, 'a', sizeof value);
    while (policy_set(x, response, STR("A"), str_make(value, response ? 1 : sizeof value)) ==
           POLICY_DONE)
        n++;
    assert_int_equal(n, response ? POLICY_TEXTS : POLICY_BYTES / (1 + (int)sizeof value));
    assert_int_equal(policy_add(x, response, STR("A"), str_make(value, sizeof value)), POLICY_MUCH);
    if (!response)
        assert_int_equal(policy_set_path(x, str_make(value, sizeof value)), POLICY_INVALID);
    if (!response)
        assert_int_equal(policy_set_query(x, str_make(value, sizeof value)), POLICY_MUCH);
    done(policy_set(x, response, STR("A"), STR_NONE));
}

static void what_a_loop_writes_has_an_end(void **state) {
    struct raw *c, *u;
    fake.tell = write_in_a_loop;
    relay(GET, &c, &u);
    raw_send(u, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    raw_expect(c, "\r\n\r\nok");
    assert_false(has(u, "\r\nA: "));
    assert_false(has(c, "\r\nA: "));
}

static void an_instance_that_dies_meanwhile_breaks_the_answer(void **state) {
    struct raw *c, *u;
    fake.answer[POLICY_RESPONSE] = PLAN_LATER;
    relay(GET, &c, &u);
    raw_send(u, LONG);
    UNTIL(fake.waiting);
    raw_reset(u);
    raw_settle();
    if (fake.waiting) go_on(POLICY_RESPONSE); /* it is not read from while it is paused */
    UNTIL(raw_over(c));
    assert_false(has(c, "other"));
}

static void a_tunnel_opens_without_asking_about_its_head(void **state) {
    struct raw *c, *u;
    fake.tell = rewrite;
    relay("GET /svc HTTP/1.1\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", &c,
          &u);
    assert_true(has(u, "\r\nX-Tenant: seven\r\n"));
    assert_true(has(u, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
    raw_send(u, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                "Upgrade: websocket\r\n\r\nhello");
    raw_expect(c, "\r\n\r\nhello");
    raw_send(c, "back");
    raw_expect(u, "back");
    assert_int_equal(fake.asked[POLICY_RESPONSE], 0);
}

/* ---- limits --------------------------------------------------------------------------------- */

static struct policy_limit limit;

static void set_limit(struct exchange *x, enum policy_row row) {
    if (row == POLICY_LIMIT) fake.answer[row] = policy_limited(x, &limit);
}

static void answers_say_what_is_left_of_a_limit(void **state) {
    struct raw *c, *u;
    limit = (struct policy_limit){.limit = 20, .remaining = 7, .reset = 3};
    fake.tell = set_limit;
    relay(GET, &c, &u);
    raw_send(u, "HTTP/1.1 200 OK\r\nRateLimit-Limit: 99\r\nratelimit-policy: x\r\n"
                "Content-Length: 2\r\n\r\nok");
    raw_expect(c, "\r\n\r\nok");
    assert_true(has(c, "\r\nRateLimit-Limit: 20\r\nRateLimit-Remaining: 7\r\n"
                       "RateLimit-Reset: 3\r\n"));
    assert_false(has(c, "Limit: 99"));
    assert_false(has(c, "ratelimit-policy"));
}

static void too_many_are_told_when_to_come_again(void **state) {
    limit = (struct policy_limit){.limit = 20, .reset = 10, .retry = 2};
    fake.tell = set_limit;
    struct raw *c = client(GET);
    raw_expect(c, "{\"error\": \"too many requests; try again in 2 s\"}");
    assert_memory_equal(c->buf, "HTTP/1.1 429 Too Many Requests\r\n", 32);
    assert_true(has(c, "\r\nRetry-After: 2\r\n"));
    assert_true(has(c, "\r\nRateLimit-Remaining: 0\r\n"));
    raw_settle();
    assert_null(raw_try_accept(inst[0]));
    raw_forget(c); /* the connection goes on */
    raw_send(c, GET);
    raw_expect(c, "HTTP/1.1 429 ");
}

/* ---- instances ------------------------------------------------------------------------------ */

static void take_the_last(struct exchange *x, enum policy_row row) {
    if (row == POLICY_CHOOSE) x->policy->to = &list[2];
}

static void a_policy_chooses_the_instance(void **state) {
    ups.n = 3;
    fake.tell = take_the_last;
    for (int i = 0; i < 3; i++) {
        client(GET);
        asked(2);
    }
}

static void another_is_tried_when_the_chosen_one_refuses(void **state) {
    ups.n = 3;
    fake.tell = take_the_last;
    gone(2);
    struct raw *c = client(GET), *u = NULL;
    UNTIL((u = raw_try_accept(inst[0])) || (u = raw_try_accept(inst[1])));
    raw_expect(u, "\r\n\r\n");
    raw_send(u, OK);
    raw_expect(c, "\r\n\r\nok");
    assert_int_equal(fake.asked[POLICY_CHOOSE], 1);
}

static void take_a_chooser(struct exchange *x, enum policy_row row) {
    if (row != POLICY_CHOOSE) return;
    x->policy->chosen = x->policy->keyed = true;
    x->policy->how = CHOOSE_HASH;
    x->policy->key = choose_hash(x->h1.head.path);
}

static void a_policy_may_leave_it_to_a_chooser(void **state) {
    int first = -1, who;
    ups.n = 3;
    fake.tell = take_a_chooser;
    for (int i = 0; i < INSTANCES; i++)
        list[i].hash = choose_hash(list[i].url);
    for (int i = 0; i < 4; i++) {
        struct raw *c = client(GET), *u = NULL;
        for (who = 0; !(u = raw_try_accept(inst[who])); who = (who + 1) % INSTANCES)
            raw_turn();
        raw_expect(u, "\r\n\r\n");
        raw_send(u, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        raw_expect(c, "\r\n\r\nok");
        if (first < 0) first = who;
        assert_int_equal(who, first);
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

static void rewrite_as_memory_allows(struct exchange *x, enum policy_row row) {
    bool response = row == POLICY_RESPONSE;
    if (row == POLICY_CHOOSE || row == POLICY_LIMIT) return;
    char value[POLICY_VALUE];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < 4; i++) /* more than one block of the arena */
        (void)policy_add(x, response, STR("A"), str_make(value, sizeof value));
    if (!response) (void)policy_set_path(x, STR("/b"));
}

static void every_allocation_may_fail(void **state) {
    fake.tell = rewrite_as_memory_allows;
    for (int n = 1, fired = 1; fired; n++) {
        struct raw *c = raw_connect(door), *u = NULL;
        raw_settle();
        mem_fail_at(n, false);
        raw_send(c, GET);
        UNTIL(raw_over(c) || has(c, "HTTP/1.1 ") || (u = raw_try_accept(inst[0])));
        if (u) {
            UNTIL(raw_over(u) || has(u, "\r\n\r\n"));
            if (!raw_over(u)) raw_send(u, OK);
            UNTIL(raw_over(c) || has(c, "HTTP/1.1 "));
        }
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        raw_settle();
        if (!fired) assert_true(has(c, "\r\n\r\nok"));
        raw_close_all();
        raw_settle();
        while (raw_try_accept(inst[0])) {
        }
        raw_close_all();
        proxy_close(&raw_worker);
        struct pool_addr where = {list[0].host, list[0].port};
        pool_drop_peer(&raw_worker, &where);
        raw_settle();
        assert_int_equal(stat_get(STAT_REQUESTS_OPEN), 0);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_policies, teardown_policies)

int main(void) {
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    const struct CMUnitTest tests[] = {
        T(every_question_is_asked_once_and_in_order),
        T(a_route_without_flags_asks_nobody),
        T(what_decides_denies_when_nobody_answers),
        T(an_answer_may_come_later),
        T(a_late_answer_may_be_no),
        T(a_client_that_leaves_is_asked_about_no_longer),
        T(the_instance_gets_what_a_policy_made_of_it),
        T(no_client_takes_away_what_a_policy_sets),
        T(a_query_can_be_taken_away_and_a_port_stays_out),
        T(even_the_authorization_can_be_another_one),
        T(what_is_the_hosts_cannot_be_touched),
        T(what_a_loop_writes_has_an_end),
        T(a_response_says_what_a_policy_wants),
        T(an_instance_that_dies_meanwhile_breaks_the_answer),
        T(a_tunnel_opens_without_asking_about_its_head),
        T(answers_say_what_is_left_of_a_limit),
        T(too_many_are_told_when_to_come_again),
        T(a_policy_chooses_the_instance),
        T(another_is_tried_when_the_chosen_one_refuses),
        T(a_policy_may_leave_it_to_a_chooser),
        T(every_allocation_may_fail),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
