/* What the host measures of every service: requests, calls of both sides, callbacks. */
#include "spec/core/script/lua_host.h"

#include "core/base/metric.h"

static const char SHOP[] = "functions:\n"
                           "  - signature: Price(id string) (price int)\n"
                           "    path: /price/{id}\n"
                           "webs:\n"
                           "  - signature: Page()\n"
                           "  - signature: Slow()\n"
                           "tickers:\n"
                           "  - signature: Count()\n"
                           "    interval: 2ms\n";
static const char SHOP_LUA[] = "local errors = require 'errors'\n"
                               "local request = require 'request'\n"
                               "local shared = require 'shared'\n"
                               "local time = require 'time'\n"
                               "local svc = require 'service' (...)\n"
                               "function svc.Price(_, id)\n"
                               "  if id == '' then errors.raise(404, 'no such thing') end\n"
                               "  return #id\n"
                               "end\n"
                               "function svc.Page(_, req)\n"
                               "  for i = 1, 3 do request.handling('odd' .. i, 1, 'ODD') end\n"
                               "  return 'page'\n"
                               "end\n"
                               "function svc.Slow() shared.incr 'slow' time.sleep(3600) end\n"
                               "function svc.Count()\n"
                               "  if shared.incr 'ticks' == 2 then error 'no' end\n"
                               "end\n"
                               "return svc\n";

static const char BUYER[] = "webs:\n"
                            "  - signature: Buy()\n"
                            "  - signature: Ask()\n"
                            "  - signature: Miss()\n";
static const char BUYER_LUA[] =
    "local bus = require 'bus'\n"
    "local svc = require 'service' (...)\n"
    "function svc.Buy(ctx, req)\n"
    "  local ok, e = pcall(bus.call, ctx, 'shop.example', 'Price', req.query.id or '')\n"
    "  return ok and tostring(e) or e.message\n"
    "end\n"
    "function svc.Ask(ctx, req)\n"
    "  local url = 'https://shop.example/page'\n"
    "  return bus.request(ctx, { method = req.query.method, url = url }).body\n"
    "end\n"
    "function svc.Miss(ctx)\n"
    "  local _, e = pcall(bus.call, ctx, 'nobody.example', 'Price')\n"
    "  return e.message\n"
    "end\n"
    "return svc\n";

static int with_shop(void **state) {
    lua_host_prepare();
    write_service("shop", SHOP, SHOP_LUA);
    write_service("buyer", BUYER, BUYER_LUA);
    lua_host_serve();
    return 0;
}

/* The value of the first line that begins so; -1 = there is none. Of histograms, that of _count. */
static double value(const char *service, const char *series) {
    struct buf b;
    double v = -1;
    buf_init(&b);
    metric_render(&b, str_of(service));
    buf_char(&b, 0);
    const char *line = strstr(b.p, series);
    const char *end = line ? strstr(line, "} ") : NULL;
    if (end) v = strtod(end + 2, NULL);
    buf_free(&b);
    return v;
}

/* An answer is measured when the client has it all, a little after that has seen it. */
static void becomes(const char *service, const char *series, double expected) {
    while (value(service, series) < expected)
        usleep(1000);
    if (value(service, series) != expected)
        fail_msg("%s is %f, not %f", series, value(service, series), expected);
}

#define ANSWERS "microbus_response_duration_seconds_count"
#define BYTES   "microbus_response_size_bytes_sum"
#define ASKED   "microbus_request_count_total"
#define RAN     "microbus_callback_duration_seconds_count"
#define PAGE    "handler=\"shop.example:443/page\""
#define PRICE   "handler=\"shop.example:443/price/{id}\""

static void requests_are_measured_by_what_was_declared(void **state) {
    GIVES("/shop.example/page", 200, "page");
    becomes("shop.example", ANSWERS "{code=\"200\",error=\"OK\"," PAGE, WORKERS);
    becomes("shop.example", BYTES "{code=\"200\",error=\"OK\"," PAGE, 4 * WORKERS);
    IS(post_json(0, "/shop.example/price/abc", "{}"), 200, "{\"price\":3}");
    becomes("shop.example", ANSWERS "{code=\"200\",error=\"OK\"," PRICE, 1);
}

static void what_nobody_declared_has_no_name(void **state) {
    assert_int_equal(get(0, "/shop.example/a-b-c")->status, 404);
    assert_int_equal(get(0, "/shop.example/d-e-f")->status, 404);
    becomes("shop.example", ANSWERS "{code=\"404\",error=\"ERROR\",handler=\"\"", 2);
    assert_true(value("shop.example", "a-b-c") < 0);
}

static void a_client_that_left_without_an_answer_is_not_counted(void **state) {
    struct buf b;
    buf_init(&b);
    int fd = begin(0, "GET", "/shop.example/slow", "", NULL);
    while (shared_get(host.shared, STR("shop.example\0slow"), &b) < 0)
        usleep(1000);
    buf_free(&b);
    leave(fd);
    while (stat_get(STAT_TASKS_OPEN) > 0)
        usleep(1000);
    assert_true(value("shop.example", "/slow") < 0);
}

static void a_call_is_measured_on_both_sides(void **state) {
    IS(get(0, "/buyer.example/buy?id=abc"), 200, "3");
    becomes("shop.example", ANSWERS "{code=\"200\",error=\"OK\"," PRICE, 1);
    becomes("buyer.example", ASKED "{code=\"200\",error=\"OK\",host=\"shop.example\"", 1);
    IS(get(0, "/buyer.example/buy"), 200, "no such thing");
    becomes("shop.example", ANSWERS "{code=\"404\",error=\"ERROR\"," PRICE, 1);
    becomes("buyer.example", ASKED "{code=\"404\",error=\"OK\",host=\"shop.example\"", 1);
}

static void a_call_that_nobody_answers_is_counted(void **state) {
    IS(get(0, "/buyer.example/miss"), 200, "there is no service nobody.example");
    becomes("buyer.example", ASKED "{code=\"404\",error=\"OK\",host=\"nobody.example\"", 1);
}

/* The method belongs to the message, which is gone when the answer is measured. */
static void a_message_is_measured_by_its_method(void **state) {
    for (int i = 0; i < 20; i++)
        IS(get(0, "/buyer.example/ask?method=brew"), 200, "page");
    becomes("shop.example", ANSWERS "{code=\"200\",error=\"OK\"," PAGE, 20);
    struct buf b;
    buf_init(&b);
    metric_render(&b, STR("shop.example"));
    assert_true(str_find(buf_view(&b), STR("method=\"BREW\"")) >= 0);
    buf_free(&b);
}

static void a_script_cannot_call_itself_something_else(void **state) {
    GIVES("/shop.example/page", 200, "page");
    becomes("shop.example", ANSWERS "{code=\"200\",error=\"OK\"," PAGE, WORKERS);
    assert_true(value("shop.example", "odd") < 0);
}

static void callbacks_are_measured_with_their_failures(void **state) {
    start_services();
    becomes("shop.example", RAN "{error=\"OK\",handler=\"startup\"", 1);
    while (value("shop.example", RAN "{error=\"OK\",handler=\"count\"") < 3)
        usleep(1000);
    assert_true(value("shop.example", RAN "{error=\"ERROR\",handler=\"count\"") == 1);
}

static void what_was_measured_goes_on_over_a_reload_and_ends_with_the_service(void **state) {
    GIVES("/shop.example/page", 200, "page");
    becomes("shop.example", ANSWERS "{code=\"200\",error=\"OK\"," PAGE, WORKERS);
    folder_write("shop/more.lua", "");
    assert_int_equal(reload("shop"), 0);
    GIVES("/shop.example/page", 200, "page");
    becomes("shop.example", ANSWERS "{code=\"200\",error=\"OK\"," PAGE, 2 * WORKERS);
    folder_remove("shop");
    assert_int_equal(reload("shop"), 0);
    assert_true(value("shop.example", PAGE) < 0);
}

/* Owners and their series live as long as the process. */
static int finish_shop(void **state) {
    finish(state);
    metric_forget(metric_peek(STR("shop.example")));
    metric_forget(metric_peek(STR("buyer.example")));
    return 0;
}

#define S(f) cmocka_unit_test_setup_teardown(f, with_shop, finish_shop)

int main(void) {
    const struct CMUnitTest tests[] = {
        S(requests_are_measured_by_what_was_declared),
        S(what_nobody_declared_has_no_name),
        S(a_client_that_left_without_an_answer_is_not_counted),
        S(a_call_is_measured_on_both_sides),
        S(a_call_that_nobody_answers_is_counted),
        S(a_message_is_measured_by_its_method),
        S(a_script_cannot_call_itself_something_else),
        S(callbacks_are_measured_with_their_failures),
        S(what_was_measured_goes_on_over_a_reload_and_ends_with_the_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
