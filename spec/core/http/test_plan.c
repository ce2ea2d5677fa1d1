/*
 * Bearer tokens on their way to a handler: passed, refused, refreshed, remembered. The refresher is
 * a script of this file's.
 */
#include "served.h"

#include <time.h>

#include "core/secure/seal.h"
#include "core/secure/token.h"

/* ---- tokens --------------------------------------------------------------------------------- */

/* A token that expires `seconds` from now. Each has an id of its own. */
static const char *token(int seconds) {
    static int serial;
    static struct buf made[8];
    struct buf *t = &made[serial++ % 8];
    char claims[200];
    int n = snprintf(claims, sizeof claims, "{\"1ui\":\"usr-1\",\"exp\":%lld,\"jti\":\"%d\"}",
                     (long long)time(NULL) + seconds, serial);
    buf_clear(t);
    assert_int_equal(token_sign_now(str_make(claims, (size_t)n), t, NULL), 0);
    buf_char(t, '\0');
    return t->p;
}

static void ask(struct raw *r, const char *path, const char *authorization) {
    char request[4000];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n",
             path, authorization);
    raw_send(r, request);
}

static const char *bearer(const char *t) {
    static char text[3000];
    snprintf(text, sizeof text, "Bearer %s", t);
    return text;
}

/* Waits for the handler, checks what it was given, answers. */
static void expect_handled(struct raw *r, bool verified, const char *t, const char *auth_text) {
    UNTIL(seen.x || r->n > 0);
    if (!seen.x) fail_msg("not handled: %s", r->buf);
    assert_int_equal(seen.x->auth != NULL, verified);
    if (verified) assert_true(str_eq(seen.x->auth->user, STR("usr-1")));
    assert_true(str_eq(seen.x->token, str_of(t)));
    assert_true(str_eq(seen.x->auth_text, str_of(auth_text)));
    exchange_answer(seen.x, 200, STR_NONE, STR_NONE);
    seen.x = NULL;
    assert_int_equal(get(r)->status, 200);
}

static void expect_refused(struct raw *r, const char *body) {
    struct got *g = get(r);
    assert_int_equal(g->status, 401);
    g->body[g->n] = '\0';
    if (strncmp(g->body, body, strlen(body)) != 0) fail_msg("refused with %s", g->body);
    assert_non_null(strstr(g->text, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(g->text, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"));
    assert_null(seen.x);
}

#define BROKE "{\"error\": \"Unauthorized: token refresh failed: 500 Internal Server Error\"}"

/* ---- the refresher -------------------------------------------------------------------------- */

static struct {
    int started, canceled;
    struct exchange *x; /* the last one it was asked for */
    void **state;
    const char *at_once; /* answer inside start */
    bool refuse_at_once;
} script;

static void start(struct exchange *x, void **state) {
    script.started++;
    script.x = x;
    *state = &script;
    if (script.at_once) plan_refreshed(x, str_of(script.at_once), NULL);
    if (script.refuse_at_once) plan_refreshed(x, STR_NONE, "no such token");
}

static void canceled(void *state) {
    assert_ptr_equal(state, &script);
    script.canceled++;
}

static const struct plan_refresher refresher = {start, canceled};

static int before_each(void **state) {
    memset(&script, 0, sizeof script);
    plan_set_refresher(&refresher);
    return serve(state);
}

static int after_each(void **state) {
    plan_set_refresher(NULL);
    raw_close_all();
    if (server) stop_serving();
    token_worker_close(&raw_worker);
    return unserve(state);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void what_is_no_bearer_token_passes_unverified(void **state) {
    struct raw *r = client();
    raw_send(r, GET("/secret"));
    expect_handled(r, false, "", "");
    ask(r, "/secret", "");
    expect_handled(r, false, "", "");
    ask(r, "/secret", "Bearer");
    expect_handled(r, false, "", "");
    ask(r, "/secret", "bearer  ");
    expect_handled(r, false, "", "");
    ask(r, "/secret", "a.raw.token");
    expect_handled(r, false, "a.raw.token", "");
    ask(r, "/secret", "Bearertoken");
    expect_handled(r, false, "Bearertoken", "");
}

static void a_good_token_brings_its_claims(void **state) {
    struct raw *r = client();
    const char *t = token(100);
    ask(r, "/secret", bearer(t));
    expect_handled(r, true, t, "");
    char odd[3000];
    snprintf(odd, sizeof odd, "bEARER   %s", t);
    ask(r, "/secret", odd);
    expect_handled(r, true, t, "");
    assert_int_equal(script.started, 0);
}

static void a_bad_token_is_refused_in_known_words(void **state) {
    struct raw *r = client();
    ask(r, "/secret", "Bearer x");
    expect_refused(r,
                   "{\"error\": \"Unauthorized: failed to parse JWT: failed to parse JWT: token is "
                   "malformed: ");
    char *forged = strdup(token(100));
    char *byte = forged + strlen(forged) - 20;
    *byte = *byte == 'A' ? 'B' : 'A'; /* still base64url, of another signature */
    ask(r, "/secret", bearer(forged));
    expect_refused(r, "{\"error\": \"Unauthorized: failed to parse JWT: failed to parse JWT: token "
                      "signature is invalid: ");
    free(forged);
}

static void two_authorizations_are_one_too_many(void **state) {
    struct raw *r = client();
    ask(r, "/secret", "Bearer a\r\nAuthorization: Bearer a");
    expect_answer(r, 400, "{\"error\": \"more than one Authorization\"}");
}

static void routes_without_the_step_do_not_look(void **state) {
    struct raw *r = client();
    ask(r, "/hello", "Bearer x");
    expect_answer(r, 200, "hello\n");
}

static void paths_that_give_tokens_take_any(void **state) {
    stop_serving();
    struct route_table *t = route_table_new();
    struct err e = {0};
    route_table_add(t, STR("user-svc"), &handlers[3], NULL, ROUTE_TOKEN);
    route_publish(t);
    server = server_open(&raw_worker, "127.0.0.1:0", NULL, &e);
    struct raw *r = client();
    const char *old = token(-10);
    static const char *const paths[] = {"/user-svc/refresh-token", "/user-svc/public-key?x",
                                        "/user-svc/login"};
    for (int i = 0; i < 3; i++) {
        ask(r, paths[i], i ? "Bearer x" : bearer(old));
        expect_handled(r, false, i ? "x" : old, "");
    }
    ask(r, "/user-svc/login/", "Bearer x");
    expect_refused(r, "{\"error\": \"Unauthorized: ");
}

static void an_expired_token_is_replaced_on_the_way(void **state) {
    struct raw *r = client();
    const char *old = token(-10), *fresh = token(100);
    ask(r, "/secret", bearer(old));
    UNTIL(script.started == 1);
    assert_true(str_eq(script.x->token, str_of(old)));
    raw_settle();
    assert_null(seen.x);
    char copy[3000];
    snprintf(copy, sizeof copy, "%s", fresh);
    plan_refreshed(script.x, str_of(copy), NULL);
    memset(copy, 'x', sizeof copy);
    expect_handled(r, true, fresh, bearer(fresh));
    ask(r, "/secret", bearer(old)); /* remembered */
    expect_handled(r, true, fresh, bearer(fresh));
    assert_int_equal(script.started, 1);
}

static void a_replacement_is_used_while_it_has_life_left(void **state) {
    struct raw *r = client();
    const char *old = token(-10);
    script.at_once = token(4); /* good, but not for long */
    for (int i = 1; i <= 2; i++) {
        ask(r, "/secret", bearer(old));
        expect_handled(r, true, script.at_once, bearer(script.at_once));
        assert_int_equal(script.started, i);
    }
}

static void a_refresh_may_be_answered_at_once(void **state) {
    struct raw *r = client();
    script.at_once = token(100);
    ask(r, "/secret", bearer(token(-10)));
    expect_handled(r, true, script.at_once, bearer(script.at_once));
    script.at_once = NULL;
    script.refuse_at_once = true;
    ask(r, "/secret", bearer(token(-10)));
    expect_refused(r, "{\"error\": \"Unauthorized: no such token\"}");
    ask(r, "/secret", "");
    expect_handled(r, false, "", "");
}

static void a_refusal_is_passed_on(void **state) {
    struct raw *r = client();
    ask(r, "/secret", bearer(token(-10)));
    UNTIL(script.started == 1);
    plan_refreshed(script.x, STR_NONE, "token refresh failed: 500 Internal Server Error");
    expect_refused(r, BROKE);
    script.at_once = "nonsense"; /* a refresher that gives what is no good token */
    ask(r, "/secret", bearer(token(-10)));
    expect_refused(r, BROKE);
    script.at_once = token(-5);
    ask(r, "/secret", bearer(token(-10)));
    expect_refused(r, BROKE);
    plan_set_refresher(NULL);
    ask(r, "/secret", bearer(token(-10)));
    expect_refused(r, BROKE);
}

static void without_refreshing_an_expired_token_passes_unverified(void **state) {
    conf.token_auto_refresh_off = true;
    struct raw *r = client();
    const char *old = token(-10);
    ask(r, "/secret", bearer(old));
    expect_handled(r, false, old, "");
    assert_int_equal(script.started, 0);
}

static void requests_with_the_same_token_share_a_refresh(void **state) {
    struct raw *r[4] = {client(), client(), client(), client()};
    const char *old = token(-10), *other = token(-20), *fresh = token(100);
    for (int i = 0; i < 3; i++)
        ask(r[i], "/hello-is-not-it", "");
    for (int i = 0; i < 3; i++)
        assert_int_equal(get(r[i])->status, 404);
    for (int i = 0; i < 3; i++)
        ask(r[i], "/secret", bearer(old));
    ask(r[3], "/secret", bearer(other));
    UNTIL(script.started == 2);
    raw_settle();
    assert_int_equal(script.started, 2);
    int before = seen.requests;
    /* the other one was asked last */
    plan_refreshed(script.x, STR_NONE, "no");
    expect_refused(r[3], "{\"error\": \"Unauthorized: no\"}");
    assert_int_equal(seen.requests, before);
    struct http *h = raw_worker.slot[WORKER_HTTP];
    struct exchange *first = NULL;
    LIST_EACH(&h->open, it) {
        first = LIST_ENTRY(it, struct exchange, link);
        break;
    }
    script.x = first;
    plan_refreshed(first, str_of(fresh), NULL);
    UNTIL(seen.requests == before + 3);
    int waiting = 0;
    LIST_EACH_SAFE(&h->open, it, next) {
        struct exchange *x = LIST_ENTRY(it, struct exchange, link);
        assert_non_null(x->auth);
        exchange_answer(x, 200, STR_NONE, STR_NONE);
        waiting++;
    }
    assert_int_equal(waiting, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(get(r[i])->status, 200);
    seen.x = NULL;
}

static void a_client_that_leaves_ends_its_refresh(void **state) {
    struct raw *r = client();
    ask(r, "/secret", bearer(token(-10)));
    UNTIL(script.started == 1);
    raw_reset(r);
    UNTIL(script.canceled == 1);
    assert_int_equal(seen.gone, 0);
    UNTIL(server_connections(server) == 0);
}

static void a_shared_refresh_outlives_whoever_asked(void **state) {
    struct raw *a = client(), *b = client(), *c = client();
    const char *old = token(-10), *fresh = token(100);
    ask(a, "/secret", bearer(old));
    UNTIL(script.started == 1);
    struct exchange *first = script.x;
    ask(b, "/secret", bearer(old));
    ask(c, "/secret", bearer(old));
    raw_settle();
    raw_reset(b); /* one that only waits */
    UNTIL(server_connections(server) == 2);
    assert_int_equal(script.canceled, 0);
    raw_reset(a);
    UNTIL(script.canceled == 1);
    assert_int_equal(script.started, 2); /* asked again for the one that is left */
    assert_ptr_not_equal(script.x, first);
    plan_refreshed(script.x, str_of(fresh), NULL);
    expect_handled(c, true, fresh, bearer(fresh));
    a = client(); /* and once more, with an answer inside start */
    ask(a, "/secret", bearer(old = token(-10)));
    UNTIL(script.started == 3);
    ask(c, "/secret", bearer(old));
    raw_settle();
    script.at_once = fresh;
    raw_reset(a);
    expect_handled(c, true, fresh, bearer(fresh));
    assert_int_equal(script.started, 4);
}

static void the_memory_of_replacements_is_bounded(void **state) {
    struct raw *r = client();
    script.at_once = token(1000);
    char fresh[3000];
    snprintf(fresh, sizeof fresh, "%s", script.at_once);
    script.at_once = fresh;
    char *first = strdup(token(-10));
    ask(r, "/secret", bearer(first));
    expect_handled(r, true, fresh, bearer(fresh));
    for (int i = 0; i < 1100; i++) {
        if (i % 500 == 0) { /* used now and then, so it stays */
            ask(r, "/secret", bearer(first));
            expect_handled(r, true, fresh, bearer(fresh));
        }
        ask(r, "/secret", bearer(token(-10)));
        expect_handled(r, true, fresh, bearer(fresh));
    }
    int started = script.started;
    assert_int_equal(started, 1101);
    ask(r, "/secret", bearer(first));
    expect_handled(r, true, fresh, bearer(fresh));
    assert_int_equal(script.started, started);
    free(first);
}

static void running_out_of_memory_is_answered(void **state) {
    struct raw *r = NULL;
    const char *old = token(-10);
    script.at_once = token(100);
    struct http *h = raw_worker.slot[WORKER_HTTP];
    bool fired = true;
    for (long n = 1; fired; n++) {
        plan_memory_free(h->plan);
        h->plan = NULL;
        if (!r || raw_over(r)) r = client();
        UNTIL(server_connections(server) >= 1);
        mem_fail_at(n, false);
        ask(r, "/secret", bearer(old));
        UNTIL(seen.x || r->n > 0 || raw_over(r));
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (seen.x)
            expect_handled(r, true, script.at_once, bearer(script.at_once));
        else if (!raw_over(r))
            assert_true(get(r)->status >= 400);
        assert_true(n < 100);
        if (!fired) assert_int_equal(seen.requests > 0, 1);
    }
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
    struct err e = {0};
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    if (seal_start(&e) < 0 || token_use(token_test_key(), &e) < 0) return 1;
    const struct CMUnitTest tests[] = {
        T(what_is_no_bearer_token_passes_unverified),
        T(a_good_token_brings_its_claims),
        T(a_bad_token_is_refused_in_known_words),
        T(two_authorizations_are_one_too_many),
        T(routes_without_the_step_do_not_look),
        T(paths_that_give_tokens_take_any),
        T(an_expired_token_is_replaced_on_the_way),
        T(a_replacement_is_used_while_it_has_life_left),
        T(a_refresh_may_be_answered_at_once),
        T(a_refusal_is_passed_on),
        T(without_refreshing_an_expired_token_passes_unverified),
        T(requests_with_the_same_token_share_a_refresh),
        T(a_client_that_leaves_ends_its_refresh),
        T(a_shared_refresh_outlives_whoever_asked),
        T(the_memory_of_replacements_is_bounded),
        T(running_out_of_memory_is_answered),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    token_stop();
    log_stop();
    return failed;
}
