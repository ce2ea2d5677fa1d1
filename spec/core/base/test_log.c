/*
 * What log.h promises about lines: their forms, what is cut, levels, and what is remembered of
 * them.
 */
#include "spec/core/base/caught.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>

/* == Lines ===================================================================================== */

static void json_has_every_kind_of_field(void **state) {
    struct str text = LOG_AND_CATCH(
        LOG_JSON, log_info("all kinds", LOGS("s", STR("a\"b")), LOGZ("z", "text"), LOGI("i", -7),
                           LOGF("f", 0.1), LOGF("g", 1e300), LOGB("b", true), LOGB("c", 0)));
    assert_str_is(
        untimed(next_line(&text)),
        "\"level\":\"info\",\"msg\":\"all kinds\",\"s\":\"a\\\"b\",\"z\":\"text\",\"i\":-7,"
        "\"f\":0.1,\"g\":1e+300,\"b\":true,\"c\":false}");
    assert_int_equal(text.n, 0);
}

static void text_has_every_kind_of_field(void **state) {
    struct str text =
        LOG_AND_CATCH(LOG_TEXT, log_info("listening", LOGZ("addr", "127.0.0.1:58231"),
                                         LOGI("workers", 2), LOGF("f", 0.5), LOGB("b", true)));
    assert_str_is(untimed(next_line(&text)),
                  "INFO  listening  addr=127.0.0.1:58231 workers=2 f=0.5 b=true");
    assert_int_equal(text.n, 0);
}

static void a_line_may_have_no_fields(void **state) {
    struct str text = LOG_AND_CATCH(LOG_TEXT, log_debug("a"); log_warn("b"); log_error("c"));
    assert_str_is(untimed(next_line(&text)), "DEBUG a");
    assert_str_is(untimed(next_line(&text)), "WARN  b");
    assert_str_is(untimed(next_line(&text)), "ERROR c");
    text = LOG_AND_CATCH(LOG_JSON, log_debug("a"); log_warn("b"); log_error("c"));
    assert_str_is(untimed(next_line(&text)), "\"level\":\"debug\",\"msg\":\"a\"}");
    assert_str_is(untimed(next_line(&text)), "\"level\":\"warn\",\"msg\":\"b\"}");
    assert_str_is(untimed(next_line(&text)), "\"level\":\"error\",\"msg\":\"c\"}");
}

static void empty_texts_are_left_out(void **state) {
    struct str text = LOG_AND_CATCH(
        LOG_TEXT, log_info("m", LOGS("a", STR_NONE), LOGZ("b", NULL), LOGZ("c", ""), LOGI("d", 0)));
    assert_str_is(untimed(next_line(&text)), "INFO  m  d=0");
    text = LOG_AND_CATCH(LOG_JSON, log_info("m", LOGZ("b", NULL), LOGI("d", 0)));
    assert_str_is(untimed(next_line(&text)), "\"level\":\"info\",\"msg\":\"m\",\"d\":0}");
}

static void text_values_are_quoted_when_they_must(void **state) {
    struct str text =
        LOG_AND_CATCH(LOG_TEXT, log_info("say \"hi\"", LOGZ("blank", "a b"), LOGZ("quote", "a\"b"),
                                         LOGZ("back", "a\\b"), LOGZ("equal", "a=b"),
                                         LOGZ("plain", "/a?b&c;\xC3\xA4")));
    assert_str_is(untimed(next_line(&text)),
                  "INFO  say \"hi\"  blank=\"a b\" quote=\"a\\\"b\" back=\"a\\\\b\" equal=\"a=b\" "
                  "plain=/a?b&c;\xC3\xA4");
}

static void no_control_character_reaches_a_terminal(void **state) {
    static const char nasty[] = "a\n21:00:00.000 INFO  forged\r\t\x1b[31m\x7f\xC2\x9B"
                                "1m\xFF";
    struct str text = LOG_AND_CATCH(LOG_TEXT, log_info(nasty, LOGZ("v", nasty), LOGZ(nasty, "v")));
    struct str line = next_line(&text);
    assert_int_equal(text.n, 0);
    for (size_t i = 0; i < line.n; i++)
        assert_true((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7F);
    assert_has(line,
               "v=\"a\\n21:00:00.000 INFO  forged\\r\\t\\u001b[31m\\u007f\\u009b1m\xEF\xBF\xBD\"");
    assert_has_no(line, "\xC2\x9B");
    assert_has_no(line, "\xFF");
}

static void json_stays_one_object_per_line(void **state) {
    static const char nasty[] = "a\n{\"level\":\"forged\"}\x01\xFF";
    struct str text = LOG_AND_CATCH(LOG_JSON, log_info(nasty, LOGZ(nasty, nasty)));
    struct str line = next_line(&text);
    assert_int_equal(text.n, 0);
    assert_has(line, "\"msg\":\"a\\n{\\\"level\\\":\\\"forged\\\"}\\u0001\xEF\xBF\xBD\"");
}

static void numbers_that_json_lacks_are_null(void **state) {
    struct str text = LOG_AND_CATCH(
        LOG_JSON, log_info("m", LOGF("a", NAN), LOGF("b", INFINITY), LOGF("c", -0.5)));
    assert_str_is(untimed(next_line(&text)),
                  "\"level\":\"info\",\"msg\":\"m\",\"a\":null,\"b\":null,\"c\":-0.5}");
}

static void numbers_read_back_as_they_were(void **state) {
    static const double numbers[] = {0,
                                     -0.0,
                                     1,
                                     -1,
                                     0.1,
                                     -0.000001,
                                     1.25,
                                     123.456,
                                     1e-7,
                                     1.0 / 3,
                                     1e15,
                                     9007199254.740991,
                                     9007199255,
                                     1e22,
                                     1e300,
                                     5e-324,
                                     -1e-300,
                                     0.1 + 0.2,
                                     999999.999999,
                                     4503599627370.5,
                                     100};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct str text = LOG_AND_CATCH(LOG_TEXT, log_info("m", LOGF("f", numbers[i])));
        char word[64];
        struct str value = str_from(untimed(next_line(&text)), strlen("INFO  m  f="));
        assert_true(value.n > 0 && value.n < 26);
        memcpy(word, value.p, value.n);
        word[value.n] = 0;
        double back = strtod(word, NULL);
        assert_memory_equal(&back, &numbers[i], sizeof back);
    }
    struct str text =
        LOG_AND_CATCH(LOG_JSON, log_info("m", LOGI("a", INT64_MIN), LOGI("b", INT64_MAX),
                                         LOGF("c", -12.5), LOGF("d", 0.000001)));
    assert_str_is(untimed(next_line(&text)),
                  "\"level\":\"info\",\"msg\":\"m\",\"a\":-9223372036854775808,"
                  "\"b\":9223372036854775807,\"c\":-12.5,\"d\":0.000001}");
}

static void a_field_cannot_pass_for_the_time_level_or_message(void **state) {
    struct str text = LOG_AND_CATCH(
        LOG_JSON, log_info("m", LOGZ("time", "t"), LOGI("level", 1), LOGZ("msg", "x")));
    assert_str_is(untimed(next_line(&text)),
                  "\"level\":\"info\",\"msg\":\"m\",\"time_\":\"t\",\"level_\":1,\"msg_\":\"x\"}");
}

static void a_traceback_is_readable_on_a_terminal_only(void **state) {
    struct str text = LOG_AND_CATCH(
        LOG_TEXT, log_error("failed", LOGZ("traceback", "one\n  two\x1b\n"), LOGI("n", 1)));
    assert_str_is(untimed(next_line(&text)), "ERROR failed  n=1");
    assert_str_is(next_line(&text), "    one");
    assert_str_is(next_line(&text), "      two\\u001b");
    assert_int_equal(text.n, 0);
    text = LOG_AND_CATCH(LOG_JSON, log_error("failed", LOGZ("traceback", "one\n  two")));
    assert_str_is(untimed(next_line(&text)),
                  "\"level\":\"error\",\"msg\":\"failed\",\"traceback\":\"one\\n  two\"}");
}

static void requests_and_reloads_are_columns_for_who_develops(void **state) {
    struct str text = LOG_AND_CATCH(
        LOG_DEV, log_info("request", LOGZ("request_id", "abc"), LOGZ("method", "GET"),
                          LOGZ("path", "/shop.example/h\xc3\xa9"), LOGI("status", 200),
                          LOGI("bytes", 5), LOGF("ms", 1.25), LOGZ("peer", "127.0.0.1"),
                          LOGZ("service", "shop.example"), LOGZ("upstream", ""));
        log_info("request", LOGZ("method", "DELETE"), LOGZ("path", "/x\x1b/\1"),
                 LOGI("status", 404), LOGF("ms", 12345.0));
        log_info("reloaded", LOGZ("service", "shop.example"), LOGI("generation", 4),
                 LOGZ("hash", "ab"), LOGF("ms", 12.4), LOGZ("mended", NULL));
        log_info("reloaded", LOGZ("service", "shop.example"), LOGI("generation", 5),
                 LOGF("ms", 3.0), LOGZ("mended", "true"));
        log_warn("odd", LOGZ("a", "b c"), LOGI("n", 1)));
    assert_str_is(untimed(next_line(&text)),
                  "GET        /shop.example/h\xc3\xa9                         200     1.2 ms  "
                  "shop.example");
    assert_str_is(untimed(next_line(&text)),
                  "DELETE     /x\\u001b/\\u0001                          404    12.3 s ");
    assert_str_is(untimed(next_line(&text)), "reloaded   shop.example  generation 4  12 ms");
    assert_str_is(untimed(next_line(&text)),
                  "reloaded   shop.example  generation 5  3 ms  fine again");
    assert_str_is(untimed(next_line(&text)), "WARN       odd  a=\"b c\" n=1");
    assert_int_equal(text.n, 0);
}

static void errors_have_their_text_below_for_who_develops(void **state) {
    struct str text = LOG_AND_CATCH(LOG_DEV, log_error("failed", LOGZ("request_id", "abc"),
                                                       LOGZ("service", "s"), LOGZ("error", "one"),
                                                       LOGZ("traceback", "one\n  two\x1b\2\n")));
    assert_str_is(untimed(next_line(&text)), "ERROR      failed  service=s");
    assert_str_is(next_line(&text), "    one");
    assert_str_is(next_line(&text), "      two\\u001b\\u0002");
    assert_int_equal(text.n, 0);
}

static void huge_values_are_cut_and_huge_lines_say_so(void **state) {
    size_t n = 1024 * 1024;
    char *huge = mem_alloc(n + 1);
    assert_non_null(huge);
    memset(huge, 1, n);
    huge[n] = 0;
    for (enum log_format format = LOG_TEXT; format <= LOG_DEV; format++) {
        struct str text = LOG_AND_CATCH(
            format, log_info("m", LOGZ("a", huge), LOGZ("b", huge), LOGI("c", 1), LOGI("d", 2)));
        struct str line = next_line(&text);
        assert_int_equal(text.n, 0);
        assert_in_range(line.n, 32 * 1024, 120 * 1024);
        assert_has(line, "truncated");
        assert_true(str_ends(line, format == LOG_JSON ? STR("\"truncated\":true}")
                                                      : STR(" truncated=true")));
    }
    mem_free(huge);
}

/* == Levels and places ========================================================================= */

static int evaluated(void) {
    static int n;
    return ++n;
}

static void lines_below_the_level_cost_nothing(void **state) {
    int fd = catch_begin();
    assert_int_equal(log_start(LOG_WARN, LOG_TEXT, fd), 0);
    assert_false(log_enabled(LOG_DEBUG) || log_enabled(LOG_INFO));
    assert_true(log_enabled(LOG_WARN) && log_enabled(LOG_ERROR));
    log_info("not seen", LOGI("n", evaluated()));
    log_warn("seen", LOGI("n", evaluated()));
    log_stop();
    struct str text = catch_end(fd);
    assert_str_is(untimed(next_line(&text)), "WARN  seen  n=1");
    assert_int_equal(text.n, 0);
}

static void lines_go_straight_to_the_descriptor_without_a_writer(void **state) {
    int fd = catch_begin();
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), 0);
    log_stop();
    log_info("after");
    struct str text = catch_end(dup(fd));
    assert_str_is(untimed(next_line(&text)), "INFO  after");
    close(fd);
}

static void the_first_lines_of_a_process_go_to_standard_error(void **state) {
    int saved = dup(STDERR_FILENO), fd = catch_begin();
    assert_true(saved >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    log_info("early", LOGI("n", 1));
    log_debug("not even now");
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    struct str text = catch_end(fd);
    assert_str_is(untimed(next_line(&text)), "\"level\":\"info\",\"msg\":\"early\",\"n\":1}");
    assert_int_equal(text.n, 0);
}

static void starting_twice_or_nowhere_is_refused(void **state) {
    int fd = catch_begin();
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, -1), -EBADF);
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), 0);
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), -EALREADY);
    log_stop();
    log_stop();
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), 0);
    log_info("again");
    log_stop();
    struct str text = catch_end(fd);
    assert_str_is(untimed(next_line(&text)), "INFO  again");
}

/* A terminal of our own; *slave is the side that the log writes to. */
static int terminal(int *slave) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios raw;
    assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*slave >= 0 && !tcgetattr(*slave, &raw));
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(*slave, TCSANOW, &raw), 0);
    return master;
}

/* What a line looks like on a terminal. */
static struct str on_terminal(void) {
    static char text[256];
    int slave, master = terminal(&slave);
    assert_int_equal(log_start(LOG_INFO, LOG_AUTO, slave), 0);
    log_warn("painted");
    log_stop();
    ssize_t n = read(master, text, sizeof text);
    assert_true(n > 0);
    log_error("straight");
    ssize_t more = read(master, text + n, sizeof text - (size_t)n);
    assert_true(more > 0);
    close(slave);
    close(master);
    return str_make(text, (size_t)(n + more));
}

static void levels_are_coloured_on_terminals_that_want_it(void **state) {
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    assert_has(on_terminal(), " \033[33mWARN \033[0m painted\n");
    assert_has(on_terminal(), " \033[31mERROR\033[0m straight\n");
    setenv("NO_COLOR", "1", 1);
    assert_has(on_terminal(), " WARN  painted\n");
    assert_has(on_terminal(), " ERROR straight\n");
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    assert_has(on_terminal(), " WARN  painted\n");
}

/* == The memory of the last lines ============================================================== */

static void recent_lines_are_numbered(void **state) {
    struct buf b;
    buf_init(&b);
    uint64_t start = log_recent(&b, UINT64_MAX);
    LOG_AND_CATCH(LOG_TEXT, log_info("first"); log_info("second"));
    log_info("third, without a writer");
    buf_clear(&b);
    assert_int_equal(log_recent(&b, start), start + 3);
    struct str text = buf_view(&b);
    assert_str_is(untimed(next_line(&text)), "INFO  first");
    assert_str_is(untimed(next_line(&text)), "INFO  second");
    assert_str_is(untimed(next_line(&text)), "INFO  third, without a writer");
    assert_int_equal(text.n, 0);
    buf_clear(&b);
    assert_int_equal(log_recent(&b, start + 2), start + 3);
    text = buf_view(&b);
    assert_str_is(untimed(next_line(&text)), "INFO  third, without a writer");
    assert_int_equal(text.n, 0);
    buf_clear(&b);
    assert_int_equal(log_recent(&b, start + 3), start + 3);
    assert_int_equal(b.n, 0);
    assert_int_equal(log_recent(&b, start + 4), start + 3); /* from an earlier life of the host */
    assert_has(buf_view(&b), "INFO  first\n");
    buf_free(&b);
}

static void recent_lines_are_picked_by_level_and_time(void **state) {
    struct buf b;
    struct timespec now;
    buf_init(&b);
    struct log_wanted wanted = {.after = log_newest(), .level = LOG_WARN};
    LOG_AND_CATCH(LOG_TEXT, log_info("quiet"); log_warn("warned"); log_error("failed"));
    assert_int_equal(log_select(&b, &wanted), wanted.after + 3);
    struct str text = buf_view(&b);
    assert_str_is(untimed(next_line(&text)), "WARN  warned");
    assert_str_is(untimed(next_line(&text)), "ERROR failed");
    assert_int_equal(text.n, 0);
    buf_clear(&b);
    clock_gettime(CLOCK_REALTIME, &now);
    wanted.since = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    assert_int_equal(log_select(&b, &wanted), log_newest());
    assert_int_equal(b.n, 0);
    LOG_AND_CATCH(LOG_TEXT, log_warn("later"));
    log_select(&b, &wanted);
    text = buf_view(&b);
    assert_str_is(untimed(next_line(&text)), "WARN  later");
    assert_int_equal(text.n, 0);
    buf_free(&b);
}

static void old_lines_are_forgotten_and_memory_stays_bounded(void **state) {
    enum { LINES = 20000 };
    struct buf b;
    char filler[100];
    int fd = catch_begin();
    buf_init(&b);
    uint64_t start = log_recent(&b, UINT64_MAX), i = 0;
    memset(filler, 'x', sizeof filler);
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), 0);
    log_stop();
    for (i = 0; i < LINES; i++)
        log_info("m", LOGI("i", i), LOGS("v", str_make(filler, sizeof filler)));
    catch_end(fd);
    buf_clear(&b);
    assert_int_equal(log_recent(&b, 0), start + LINES);
    assert_in_range(b.n, 900 * 1024, 1024 * 1024);
    struct str text = buf_view(&b);
    i = number(text, " i=");
    assert_true(i > 0);
    for (; text.n; i++)
        assert_int_equal(number(next_line(&text), " i="), i);
    assert_int_equal(i, LINES);
    buf_free(&b);
}

static void the_memory_has_no_colours(void **state) {
    struct buf b;
    buf_init(&b);
    uint64_t start = log_recent(&b, UINT64_MAX);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    assert_has(on_terminal(), "\033[");
    buf_clear(&b);
    log_recent(&b, start);
    assert_has(buf_view(&b), " WARN  painted\n");
    assert_has(buf_view(&b), " ERROR straight\n");
    assert_has_no(buf_view(&b), "\033");
    buf_free(&b);
}

static void recent_lines_can_be_read_while_others_are_written(void **state) {
    pthread_t thread;
    struct buf b;
    buf_init(&b);
    LOG_AND_CATCH(LOG_TEXT, {
        assert_int_equal(pthread_create(&thread, NULL, log_rounds, NULL), 0);
        uint64_t last = 0;
        for (int i = 0; i < 50; i++) {
            buf_clear(&b);
            uint64_t now = log_recent(&b, last);
            assert_true(now >= last);
            last = now;
            if (b.n) assert_int_equal(b.p[b.n - 1], '\n');
        }
        pthread_join(thread, NULL);
    });
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_first_lines_of_a_process_go_to_standard_error, stop),
        cmocka_unit_test_teardown(json_has_every_kind_of_field, stop),
        cmocka_unit_test_teardown(text_has_every_kind_of_field, stop),
        cmocka_unit_test_teardown(a_line_may_have_no_fields, stop),
        cmocka_unit_test_teardown(empty_texts_are_left_out, stop),
        cmocka_unit_test_teardown(text_values_are_quoted_when_they_must, stop),
        cmocka_unit_test_teardown(no_control_character_reaches_a_terminal, stop),
        cmocka_unit_test_teardown(json_stays_one_object_per_line, stop),
        cmocka_unit_test_teardown(numbers_that_json_lacks_are_null, stop),
        cmocka_unit_test_teardown(numbers_read_back_as_they_were, stop),
        cmocka_unit_test_teardown(a_field_cannot_pass_for_the_time_level_or_message, stop),
        cmocka_unit_test_teardown(a_traceback_is_readable_on_a_terminal_only, stop),
        cmocka_unit_test_teardown(requests_and_reloads_are_columns_for_who_develops, stop),
        cmocka_unit_test_teardown(errors_have_their_text_below_for_who_develops, stop),
        cmocka_unit_test_teardown(huge_values_are_cut_and_huge_lines_say_so, stop),
        cmocka_unit_test_teardown(lines_below_the_level_cost_nothing, stop),
        cmocka_unit_test_teardown(lines_go_straight_to_the_descriptor_without_a_writer, stop),
        cmocka_unit_test_teardown(starting_twice_or_nowhere_is_refused, stop),
        cmocka_unit_test_teardown(levels_are_coloured_on_terminals_that_want_it, stop),
        cmocka_unit_test_teardown(recent_lines_are_numbered, stop),
        cmocka_unit_test_teardown(recent_lines_are_picked_by_level_and_time, stop),
        cmocka_unit_test_teardown(old_lines_are_forgotten_and_memory_stays_bounded, stop),
        cmocka_unit_test_teardown(the_memory_has_no_colours, stop),
        cmocka_unit_test_teardown(recent_lines_can_be_read_while_others_are_written, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
