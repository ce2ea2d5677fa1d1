/*
 * What happens to a request before its handler, other than tokens: what the front door refuses,
 * origins of pages, and how long the client waits.
 */
#include "served.h"

#include "core/http/door.h"

static void *text(const char *s) {
    return (void *)(uintptr_t)s; /* nobody writes to it */
}

static void open_door(const char *origins) {
    struct err e = {0};
    conf.blocked_ports = text("444");
    conf.blocked_paths = text("/hello/secret,*.bak");
    conf.allowed_origins = text(origins);
    if (door_open(&e) < 0) fail_msg("%s", e.text);
}

/* /mine says some CORS fields itself. */
static void own_fields(struct exchange *x) {
    arrived(x);
    const struct field fields[] = {
        {.name = STR("access-control-allow-origin"), .value = STR("https://mine.example")},
        {.name = STR("Access-Control-Expose-Headers"), .value = STR("X-Mine")},
    };
    exchange_answer_fields(x, 200, fields, 2, STR("mine"));
}

/* /rest says where the path leads. */
static void say_place(struct exchange *x) {
    char line[200];
    arrived(x);
    snprintf(line, sizeof line, "%.*s %d %.*s", STR_FMT(x->segment), x->port, STR_FMT(x->rest));
    exchange_answer(x, 200, STR_NONE, str_of(line));
}

static const struct handler own = {.name = "own", .request = own_fields};
static const struct handler place = {.name = "place", .request = say_place};

static int before_each(void **state) {
    if (serve(state) < 0) return -1;
    open_door("*");
    struct route_table *t = route_table_new();
    if (!t || route_table_add(t, STR("hello"), &handlers[0], NULL, 0) ||
        route_table_add(t, STR("place"), &place, NULL, 0) ||
        route_table_add(t, STR("root"), &place, NULL, 0) ||
        route_table_add(t, STR("pages"), &handlers[0], NULL, ROUTE_ORIGIN) ||
        route_table_add(t, STR("mine"), &own, NULL, ROUTE_ORIGIN) ||
        route_table_add(t, STR("wait"), &handlers[7], NULL, ROUTE_ORIGIN) ||
        route_table_add(t, STR("api"), &handlers[0], NULL, ROUTE_CORS))
        return -1;
    route_publish(t);
    raw_settle();
    return 0;
}

static int after_each(void **state) {
    mem_fail_at(0, false);
    door_close();
    return unserve(state);
}

static struct raw *ask(const char *method, const char *path, const char *fields) {
    char request[2000];
    struct raw *r = client();
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, path, fields);
    raw_send(r, request);
    return r;
}

static void expect_nowhere(const char *path) {
    struct got *g = get(ask("GET", path, ""));
    if (g->status != 404 || g->n != 18 || memcmp(g->body, "no instances found", 18) != 0)
        fail_msg("%s: %d <%.*s>", path, g->status, (int)g->n, g->body);
}

/* How often the head of an answer has this text. */
static int times(const struct got *g, const char *line) {
    int n = 0;
    for (const char *s = g->text; (s = strstr(s, line)); s++)
        n++;
    return n;
}

/* ---- places --------------------------------------------------------------------------------- */

static void handlers_learn_host_port_and_rest(void **state) {
    expect_answer(ask("GET", "/place", ""), 200, "place 0 ");
    expect_answer(ask("GET", "/PLACE/A?b", ""), 200, "place 0 /A");
    expect_answer(ask("GET", "/Place:1234/a%20b", ""), 200, "place 1234 /a%20b");
    expect_answer(ask("GET", "/place:443/", ""), 200, "place 443 /");
    expect_answer(ask("GET", "/", ""), 200, "root 0 ");
    expect_answer(ask("GET", "/?a=b", ""), 200, "root 0 ");
}

static void what_is_no_port_is_nowhere(void **state) {
    expect_nowhere("/place:/");
    expect_nowhere("/place:0/");
    expect_nowhere("/place:65536/");
    expect_nowhere("/place:http/");
}

static void blocked_ports_are_nowhere_before_any_handler(void **state) {
    expect_nowhere("/place:444/");
    expect_nowhere("/place:888");
    expect_nowhere("/PLACE:%38%38%38/a");
    expect_nowhere("/api:444/a");
    expect_nowhere("/nobody:444/");
    assert_int_equal(seen.requests, 0);
}

static void blocked_paths_are_nowhere_before_any_handler(void **state) {
    expect_nowhere("/hello/secret");
    expect_nowhere("/hello/secret?a=b");
    expect_nowhere("/hello/%73ecret");
    expect_nowhere("/place/a.bak");
    assert_int_equal(seen.requests, 0);
    expect_answer(ask("GET", "/hello/secrets", ""), 200, "hello\n");
}

static void a_blocked_request_leaves_the_connection_in_order(void **state) {
    struct raw *r = ask("POST", "/place:444/", "Content-Length: 5\r\n");
    raw_send(r, "12345" GET("/hello"));
    assert_int_equal(get(r)->status, 404);
    expect_answer(r, 200, "hello\n");
}

/* ---- origins -------------------------------------------------------------------------------- */

static void any_origin_is_echoed_without_credentials(void **state) {
    struct got *g = get(ask("GET", "/pages", "Origin: https://a.example\r\n"));
    assert_int_equal(g->status, 200);
    assert_int_equal(times(g, "Access-Control-Allow-Origin: https://a.example\r\n"), 1);
    assert_int_equal(times(g, "Vary: Origin\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Allow-Methods: *\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Allow-Headers: *\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Expose-Headers: *\r\n"), 1);
    assert_int_equal(times(g, "Credentials"), 0);
}

static void a_listed_origin_may_use_credentials(void **state) {
    open_door("https://a.example,*");
    struct got *g = get(ask("GET", "/pages", "Origin: https://a.example\r\n"));
    assert_int_equal(times(g, "Access-Control-Allow-Credentials: true\r\n"), 1);
    g = get(ask("GET", "/pages", "Origin: https://b.example\r\n"));
    assert_int_equal(times(g, "Access-Control-Allow-Origin: https://b.example\r\n"), 1);
    assert_int_equal(times(g, "Credentials"), 0);
}

static void an_origin_that_is_not_listed_is_refused(void **state) {
    open_door("https://a.example");
    struct raw *r = ask("GET", "/pages", "Origin: https://b.example/\"\\\r\n");
    struct got *g = get(r);
    assert_int_equal(g->status, 403);
    g->body[g->n] = '\0';
    assert_string_equal(g->body, "{\"error\": \"disallowed origin 'https://b.example/\\\"\\\\'\"}");
    assert_int_equal(times(g, "Access-Control"), 0);
    assert_int_equal(times(g, "Vary: Origin\r\n"), 1);
    g = get(ask("OPTIONS", "/pages", "Origin: null\r\nAccess-Control-Request-Method: GET\r\n"));
    assert_int_equal(g->status, 403);
    assert_int_equal(seen.requests, 0);
}

static void a_refused_origin_is_told_in_200_bytes(void **state) {
    char field[600], body[400], long_one[301];
    memset(long_one, 'o', sizeof long_one - 1);
    long_one[300] = '\0';
    open_door("https://a.example");
    snprintf(field, sizeof field, "Origin: %s\r\n", long_one);
    snprintf(body, sizeof body, "{\"error\": \"disallowed origin '%.200s'\"}", long_one);
    expect_answer(ask("GET", "/pages", field), 403, body);
}

static void without_an_origin_nothing_is_said_but_that_it_matters(void **state) {
    open_door("https://a.example");
    static const char *const fields[] = {"", "Origin: \r\n"};
    for (int i = 0; i < 2; i++) {
        struct got *g = get(ask("GET", "/pages", fields[i]));
        assert_int_equal(g->status, 200);
        assert_int_equal(times(g, "Vary: Origin\r\n"), 1);
        assert_int_equal(times(g, "Access-Control"), 0);
    }
}

static void preflights_never_reach_the_handler(void **state) {
    struct got *g = get(ask("OPTIONS", "/pages/x",
                            "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n"
                            "Access-Control-Request-Headers: authorization, x-a\r\n"));
    assert_int_equal(g->status, 204);
    assert_int_equal(g->n, 0);
    assert_int_equal(times(g, "Access-Control-Allow-Origin: https://a.example\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Allow-Methods: *, PUT\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Allow-Headers: *, authorization, x-a\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Allow-"), 3);
    g = get(ask("OPTIONS", "/pages",
                "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n"));
    assert_int_equal(times(g, "Access-Control-Allow-Headers: *\r\n"), 1);
    assert_int_equal(seen.requests, 0);
}

static void other_options_are_the_handlers(void **state) {
    expect_answer(ask("OPTIONS", "/pages", "Origin: https://a.example\r\n"), 200, "hello\n");
    expect_answer(ask("OPTIONS", "/pages", "Access-Control-Request-Method: GET\r\n"), 200,
                  "hello\n");
    assert_int_equal(seen.requests, 2);
}

static void what_a_handler_says_is_not_said_again(void **state) {
    open_door("https://a.example");
    struct got *g = get(ask("GET", "/mine", "Origin: https://a.example\r\n"));
    assert_int_equal(times(g, "access-control-allow-origin: https://mine.example\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Allow-Origin"), 0);
    assert_int_equal(times(g, "Access-Control-Expose-Headers: X-Mine\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Expose-Headers"), 1);
    assert_int_equal(times(g, "Credentials"), 0);
    assert_int_equal(times(g, "Access-Control-Allow-Methods: *\r\n"), 1);
}

static void api_routes_keep_their_own_rules(void **state) {
    open_door("https://a.example");
    struct got *g = get(ask("GET", "/api", "Origin: https://b.example\r\n"));
    assert_int_equal(g->status, 200);
    assert_int_equal(times(g, "Access-Control-Allow-Origin: https://b.example\r\n"), 1);
    assert_int_equal(times(g, "Access-Control-Allow-Credentials: false\r\n"), 1);
    g = get(ask("OPTIONS", "/api",
                "Origin: https://b.example\r\nAccess-Control-Request-Method: GET\r\n"));
    assert_int_equal(g->status, 200);
}

/* ---- time budget ---------------------------------------------------------------------------- */

static void expect_budget(const char *value, uint64_t milliseconds) {
    char field[200];
    snprintf(field, sizeof field, "Request-Timeout: %s\r\n", value);
    struct raw *r = ask("GET", "/wait", field);
    UNTIL(seen.x || r->n > 0);
    if (!seen.x) fail_msg("%s: not handled", value);
    if (seen.x->budget_ms != milliseconds)
        fail_msg("%s: %llu", value, (unsigned long long)seen.x->budget_ms);
    exchange_answer(seen.x, 200, STR_NONE, STR_NONE);
    seen.x = NULL;
    get(r);
}

static void a_budget_is_told_in_seconds(void **state) {
    expect_budget("5", 5000);
    expect_budget("0.25", 250);
    expect_budget("1.5000", 1500);
    expect_budget("0.0001", 1);
    expect_budget("2.0010001", 2002);
    expect_budget("00.1", 100);
    expect_budget("99999999999999999999999", 1000000000000);
    struct raw *r = ask("GET", "/wait", "");
    UNTIL(seen.x);
    assert_int_equal(seen.x->budget_ms, 0);
    exchange_answer(seen.x, 200, STR_NONE, STR_NONE);
    seen.x = NULL;
    get(r);
}

static void what_is_no_budget_is_refused(void **state) {
    static const char *const values[] = {"",   "0",   "0.0", "-1",  "+1",  "1.",  ".5",
                                         "1s", "1,5", "1e3", "inf", "nan", "0x1", "1 2"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char field[200];
        snprintf(field, sizeof field, "Request-Timeout: %s\r\n", values[i]);
        expect_answer(ask("GET", "/wait", field), 400,
                      "{\"error\": \"Request-Timeout must be a number of seconds above 0, like 5 "
                      "or 0.25\"}");
    }
    assert_int_equal(seen.requests, 0);
}

static void running_out_of_memory_is_answered(void **state) {
    bool fired = true;
    for (long n = 1; fired; n++) {
        struct raw *r = client();
        UNTIL(server_connections(server) >= 1);
        mem_fail_at(n, false);
        raw_send(r, "OPTIONS /%70ages HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n"
                    "Access-Control-Request-Method: GET\r\n\r\n");
        UNTIL(r->n > 0 || raw_over(r));
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (!raw_over(r) || r->n > 0) {
            int status = get(r)->status;
            assert_true(fired ? status == 204 || status >= 400 : status == 204);
        }
        assert_true(n < 100);
    }
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    const struct CMUnitTest tests[] = {
        T(handlers_learn_host_port_and_rest),
        T(what_is_no_port_is_nowhere),
        T(blocked_ports_are_nowhere_before_any_handler),
        T(blocked_paths_are_nowhere_before_any_handler),
        T(a_blocked_request_leaves_the_connection_in_order),
        T(any_origin_is_echoed_without_credentials),
        T(a_listed_origin_may_use_credentials),
        T(an_origin_that_is_not_listed_is_refused),
        T(a_refused_origin_is_told_in_200_bytes),
        T(without_an_origin_nothing_is_said_but_that_it_matters),
        T(preflights_never_reach_the_handler),
        T(other_options_are_the_handlers),
        T(what_a_handler_says_is_not_said_again),
        T(api_routes_keep_their_own_rules),
        T(a_budget_is_told_in_seconds),
        T(what_is_no_budget_is_refused),
        T(running_out_of_memory_is_answered),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
