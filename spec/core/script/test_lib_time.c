/* `require "time"` and `require "log"`. */
#include "spec/core/script/script.h"

#include <fcntl.h>
#include <unistd.h>

static void clocks_agree_with_the_systems(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local time = require 'time'\n"
          "local a, b = time.now(), time.now_ns()\n"
          "return math.type(a), math.type(b), math.abs(a - os.time()) < 5, "
          "math.abs(b // 1000000000 - os.time()) < 5, time.monotonic() <= time.monotonic()",
          "float|integer|true|true|true");
    script_close(&s);
}

static void sleep_waits_at_least_that_long(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local time = require 'time' local t = time.monotonic()\n"
          "return time.sleep(0.003), time.monotonic() - t >= 0.003",
          "true|true");
    check(&s, "return require 'time'.sleep(0), require 'task'.sleep(0.0001)", "true|true");
    check_error(&s, "require 'time'.sleep(-1)", "between 0 and a year");
    check_error(&s, "require 'time'.sleep(0/0)", "between 0 and a year");
    check_error(&s, "require 'time'.sleep(1/0)", "between 0 and a year");
    check_error(&s, "require 'time'.sleep('x')", "number expected");
    check_error(&s, "require 'time'.sleep()", "number expected");
    script_close(&s);
}

static void a_sleeping_task_can_be_cancelled(void **state) {
    struct script s;
    struct run r = {0};
    script_open(&s);
    run_start(&s, &r, "require 'time'.sleep(3600)");
    assert_int_equal(s.w.timers.n, 1);
    task_cancel(r.task);
    assert_int_equal(r.end, TASK_CANCELED);
    assert_int_equal(s.w.timers.n, 0);
    run_free(&r);
    script_close(&s);
}

static void times_are_written_as_rfc_3339(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local f = require 'time'.rfc3339\n"
          "return f(0), f(1.5), f(951782400), f(951868799), f(951868800), f(-1), f(-0.25), "
          "f(253402300799), f(-62167219200), f(1795289677.3), f(1e9 + 0.000001)",
          "1970-01-01T00:00:00Z|1970-01-01T00:00:01.5Z|2000-02-29T00:00:00Z|2000-02-29T23:59:59Z|"
          "2000-03-01T00:00:00Z|1969-12-31T23:59:59Z|1969-12-31T23:59:59.75Z|"
          "9999-12-31T23:59:59Z|0000-01-01T00:00:00Z|2026-11-21T19:34:37.3Z|"
          "2001-09-09T01:46:40.000001Z");
    check(&s,
          "local f = require 'time'.rfc3339\n"
          "return f(1.5, 0), f(1.5, 3), f(1.999, 1), f(0, 9), f(1795289677, 6)",
          "1970-01-01T00:00:01Z|1970-01-01T00:00:01.500Z|1970-01-01T00:00:01.9Z|"
          "1970-01-01T00:00:00.000000000Z|2026-11-21T19:34:37.000000Z");
    check(&s,
          "local f = require 'time'.rfc3339_ns\n"
          "return f(1795289677323349567), f(0), f(-1), f(10), f(1500000000, 2), "
          "f(math.mininteger), f(math.maxinteger)",
          "2026-11-21T19:34:37.323349567Z|1970-01-01T00:00:00Z|1969-12-31T23:59:59.999999999Z|"
          "1970-01-01T00:00:00.00000001Z|1970-01-01T00:00:01.50Z|"
          "1677-09-21T00:12:43.145224192Z|2262-04-11T23:47:16.854775807Z");
    check(&s,
          "local time = require 'time'\n"
          "return time.now_rfc3339():match('^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*Z$') ~= nil, "
          "math.abs(time.parse(time.rfc3339()) - time.now()) < 5, "
          "#time.rfc3339(nil, 3) == #'2026-11-21T19:34:37.323Z'",
          "true|true|true");
    check_error(&s, "require 'time'.rfc3339(253402300800)", "out of range");
    check_error(&s, "require 'time'.rfc3339(-62167219201)", "out of range");
    check_error(&s, "require 'time'.rfc3339(0/0)", "out of range");
    check_error(&s, "require 'time'.rfc3339(math.maxinteger)", "out of range");
    check_error(&s, "require 'time'.rfc3339(0, 10)", "0 to 9 digits");
    script_close(&s);
}

static void times_are_read_as_rfc_3339(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local p = require 'time'.parse\n"
          "return p '1970-01-01T00:00:00Z', p '2026-11-21T19:34:37.5Z', "
          "p '2026-11-21T21:34:37.5+02:00', p '2026-11-21t14:04:37.5-05:30', "
          "p '1985-04-12 23:20:50.52z', p '1990-12-31T23:59:60Z' == p '1991-01-01T00:00:00Z', "
          "p '0000-01-01T00:00:00Z', p '1969-12-31T23:59:59.25Z'",
          "0.0|1795289677.5|1795289677.5|1795289677.5|482196050.52|true|-62167219200.0|-0.75");
    check(&s,
          "local p = require 'time'.parse_ns\n"
          "return p '2026-11-21T19:34:37.323349567Z', p '1970-01-01T00:00:00.0000000019Z', "
          "p '1969-12-31T23:59:59.999999999Z', p '9999-01-01T00:00:00Z'",
          "1795289677323349567|1|-1|nil|nanoseconds reach from the year 1677 to 2262|range");
    check(&s,
          "local p, bad = require 'time'.parse, {}\n"
          "for _, text in ipairs{'', 'now', '1970-01-01', '1970-01-01T00:00:00', "
          "'1970-13-01T00:00:00Z', '1970-00-01T00:00:00Z', '1970-01-32T00:00:00Z', "
          "'1970-01-00T00:00:00Z', '2001-02-29T00:00:00Z', '1900-02-29T00:00:00Z', "
          "'1970-01-01T24:00:00Z', '1970-01-01T00:60:00Z', '1970-01-01T00:00:61Z', "
          "'1970-01-01T00:00:00.Z', '1970-01-01T00:00:00+24:00', '1970-01-01T00:00:00+00:60', "
          "'1970-01-01T00:00:00+0000', '1970-01-01T00:00:00Z ', ' 1970-01-01T00:00:00Z', "
          "'+970-01-01T00:00:00Z', '1970-1-01T00:00:00Z', '1970-01-01T00:00:00,5Z', "
          "'1970-01-01T00:00:00Z\\0', '197\\0-01-01T00:00:00Z', '10000-01-01T00:00:00Z'} do\n"
          "  local t, _, code = p(text)\n"
          "  if t or code ~= 'invalid' then bad[#bad + 1] = text end\n"
          "end return bad",
          "{}");
    check(&s,
          "local time, bad = require 'time', {}\n"
          "for i = 1, 3000 do\n"
          "  local ns = math.random(-9e18 // 1 | 0, 9e18 // 1 | 0)\n"
          "  if time.parse_ns(time.rfc3339_ns(ns)) ~= ns then bad[#bad + 1] = ns end\n"
          "  local s = math.random(-62167219200, 253402300799) + math.random()\n"
          "  local text = time.rfc3339(s)\n"
          "  if math.abs(time.parse(text) - s) > 4e-5 then bad[#bad + 1] = text end\n"
          "end return bad",
          "{}");
    script_close(&s);
}

static void durations_are_seconds(void **state) {
    struct script s;
    script_open(&s);
    check(&s, "local d = require 'time'.duration return d '1h30m', d '250ms', d '1.5s', d '0'",
          "5400.0|0.25|1.5|0.0");
    check(&s, "return require 'time'.duration 'soon'",
          "nil|not a duration (1h30m, 250ms, 1.5s)|invalid");
    check(&s, "return select(3, require 'time'.duration '-1s')", "range");
    script_close(&s);
}

/* ---- log ------------------------------------------------------------------------------------- */

/* What lines the host has logged since the last call. */
static const char *logged(void) {
    static char text[65536];
    static uint64_t after;
    struct buf out;
    buf_init(&out);
    after = log_recent(&out, after);
    snprintf(text, sizeof text, "%.*s", STR_FMT(buf_view(&out)));
    buf_free(&out);
    return text;
}

static void run_logged(struct script *s, const char *code) {
    struct run r = {0};
    struct task *t = run_make(s, &r, code);
    t->request_id = STR("req-7");
    task_start(t);
    assert_true(r.over);
    if (r.end != TASK_RETURNED) fail_msg("%s", r.text.p);
    run_free(&r);
}

static void lines_name_the_service_and_the_request(void **state) {
    struct script s;
    int null = open("/dev/null", O_WRONLY);
    assert_int_equal(log_start(LOG_DEBUG, LOG_JSON, null), 0);
    script_open(&s);
    run_logged(&s, "require 'log'.info('hello', {b = 2, a = 'x', c = true, d = 0.5})");
    run_logged(&s, "local log = require 'log' log.debug 'one' log.warn 'two' log.error 'three'");
    run_logged(&s, "print('a', 1, nil, {} ~= nil)");
    run_logged(&s, "require 'log'.info(('m'):rep(20000), {long = ('v'):rep(20000)})");
    log_stop();
    const char *text = logged();
    assert_non_null(strstr(text,
                           "\"level\":\"info\",\"msg\":\"hello\",\"a\":\"x\",\"b\":2,\"c\":true,"
                           "\"d\":0.5,\"service\":\"spec\",\"request_id\":\"req-7\"}"));
    assert_non_null(strstr(text, "\"level\":\"debug\",\"msg\":\"one\""));
    assert_non_null(strstr(text, "\"level\":\"warn\",\"msg\":\"two\""));
    assert_non_null(strstr(text, "\"level\":\"error\",\"msg\":\"three\""));
    assert_non_null(strstr(text, "\"msg\":\"a\\t1\\tnil\\ttrue\""));
    assert_non_null(strstr(text, "mmmm"));
    assert_null(strstr(text, "mmmmm\"extra"));
    check_error(&s, "require 'log'.info()", "string expected");
    check_error(&s, "require 'log'.info('x', 5)", "table expected");
    check_error(&s, "require 'log'.info('x', {a = {}})", "field 'a' must be a string, a number");
    check_error(&s, "require 'log'.info('x', {1})", "names must be strings");
    check_error(&s, "local t = {} for i = 1, 25 do t['k' .. i] = i end require 'log'.info('x', t)",
                "too many fields");
    script_close(&s);
    close(null);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_agree_with_the_systems),
        cmocka_unit_test(sleep_waits_at_least_that_long),
        cmocka_unit_test(a_sleeping_task_can_be_cancelled),
        cmocka_unit_test(times_are_written_as_rfc_3339),
        cmocka_unit_test(times_are_read_as_rfc_3339),
        cmocka_unit_test(durations_are_seconds),
        cmocka_unit_test(lines_name_the_service_and_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
