/* What log.h promises. */
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/stat.h"

/* == Catching what is written ================================================================== */

static struct buf caught; /* what catch_end() found */

static int catch_begin(void) {
    int fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) == 0);
    return fd;
}

/* Everything that was written to the file; closes it. */
static struct str catch_end(int fd) {
    buf_clear(&caught);
    for (off_t at = 0;;) {
        char *room = buf_room(&caught, 65536);
        assert_non_null(room);
        ssize_t n = pread(fd, room, 65536, at);
        assert_true(n >= 0);
        if (!n) break;
        at += n;
        caught.n += (size_t)n;
    }
    close(fd);
    return buf_view(&caught);
}

/* The line behind its time: times are never asserted. */
static struct str untimed(struct str line) {
    if (str_starts(line, STR("{\"time\":\""))) {
        assert_true(line.n > 34);
        assert_int_equal(line.p[19], 'T');
        assert_int_equal(line.p[32], 'Z');
        return str_from(line, 35);
    }
    assert_true(line.n > 13);
    assert_int_equal(line.p[2], ':');
    assert_int_equal(line.p[8], '.');
    return str_from(line, 13);
}

static struct str next_line(struct str *text) {
    struct str line;
    assert_true(str_cut(*text, '\n', &line, text));
    return line;
}

#define LOG_AND_CATCH(format, ...) \
    ({ \
        int catch_fd = catch_begin(); \
        assert_int_equal(log_start(LOG_DEBUG, (format), catch_fd), 0); \
        __VA_ARGS__; \
        log_stop(); \
        catch_end(catch_fd); \
    })

static int stop(void **state) {
    log_stop();
    buf_free(&caught);
    return 0;
}

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

/* == Threads =================================================================================== */

#define THREADS 4
#define ROUNDS  500

static void *log_rounds(void *arg) {
    for (int i = 0; i < ROUNDS; i++)
        log_info("round", LOGI("thread", (intptr_t)arg), LOGI("i", i));
    return NULL;
}

/* The number behind `key=` in a text line. */
static uint64_t number(struct str line, const char *key) {
    uint64_t v;
    ptrdiff_t at = str_find(line, str_of(key));
    assert_true(at >= 0);
    struct str rest = str_from(line, (size_t)at + strlen(key)), digits;
    str_cut(rest, ' ', &digits, &rest);
    assert_int_equal(str_u64(digits, &v), 0);
    return v;
}

static void each_thread_finds_its_lines_complete_and_in_order(void **state) {
    pthread_t threads[THREADS];
    uint64_t next[THREADS] = {0};
    int64_t dropped = stat_get(STAT_LOG_DROPPED);
    struct str text = LOG_AND_CATCH(LOG_TEXT, {
        for (intptr_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, log_rounds, (void *)i), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    });
    while (text.n) {
        struct str line = next_line(&text);
        uint64_t thread = number(line, "thread=");
        assert_true(thread < THREADS);
        assert_int_equal(number(line, " i="), next[thread]);
        next[thread]++;
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], ROUNDS);
    assert_int_equal(stat_get(STAT_LOG_DROPPED), dropped);
}

static atomic_int turn;

static void *log_in_turn(void *arg) {
    int me = (int)(intptr_t)arg;
    for (int i = me; i < ROUNDS; i += 2) {
        while (atomic_load(&turn) != i)
            sched_yield();
        log_info("turn", LOGI("i", i));
        atomic_store(&turn, i + 1);
    }
    return NULL;
}

static void a_line_never_comes_before_one_that_happened_earlier(void **state) {
    pthread_t threads[2];
    atomic_store(&turn, 0);
    struct str text = LOG_AND_CATCH(LOG_TEXT, {
        for (intptr_t i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, log_in_turn, (void *)i), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
    });
    for (uint64_t i = 0; i < ROUNDS; i++)
        assert_int_equal(number(next_line(&text), " i="), i);
    assert_int_equal(text.n, 0);
}

static void rings_of_ended_threads_are_given_back(void **state) {
    pthread_t thread;
    int fd = catch_begin();
    log_stop();
    size_t before = log_rings();
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pthread_create(&thread, NULL, log_rounds, NULL), 0);
        pthread_join(thread, NULL);
    }
    log_stop();
    assert_int_equal(log_rings(), before);
    struct str text = catch_end(fd);
    for (int i = 0; i < 20 * ROUNDS; i++)
        next_line(&text);
    assert_int_equal(text.n, 0);
}

static pthread_barrier_t meet;

static void *log_and_linger(void *arg) {
    log_info("one");
    pthread_barrier_wait(&meet);
    pthread_barrier_wait(&meet);
    return NULL;
}

static void a_thread_that_outlives_the_writer_takes_its_ring_along(void **state) {
    pthread_t thread;
    size_t before = log_rings();
    pthread_barrier_init(&meet, NULL, 2);
    struct str text = LOG_AND_CATCH(LOG_TEXT, {
        assert_int_equal(pthread_create(&thread, NULL, log_and_linger, NULL), 0);
        pthread_barrier_wait(&meet);
    });
    assert_str_is(untimed(next_line(&text)), "INFO  one");
    assert_int_equal(log_rings(), before + 1);
    pthread_barrier_wait(&meet);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&meet);
    assert_int_equal(log_rings(), before);
}

static pthread_key_t late_key;

static void log_late(void *arg) {
    log_info("late");
}

static void *end_late(void *arg) {
    pthread_setspecific(late_key, arg);
    log_info("early");
    return NULL;
}

static void a_thread_may_log_while_it_ends(void **state) {
    pthread_t thread;
    assert_int_equal(pthread_key_create(&late_key, log_late), 0);
    size_t before = log_rings();
    struct str text = LOG_AND_CATCH(LOG_TEXT, {
        for (int i = 0; i < 10; i++) {
            assert_int_equal(pthread_create(&thread, NULL, end_late, &late_key), 0);
            pthread_join(thread, NULL);
        }
    });
    for (int i = 0; i < 10; i++) {
        assert_str_is(untimed(next_line(&text)), "INFO  early");
        assert_str_is(untimed(next_line(&text)), "INFO  late");
    }
    assert_int_equal(log_rings(), before);
    pthread_key_delete(late_key);
}

static atomic_bool go_on;
static atomic_uint_fast64_t emitted;

static void *log_until_told(void *arg) {
    while (atomic_load(&go_on)) {
        log_info("line");
        atomic_fetch_add(&emitted, 1);
        sched_yield();
    }
    return NULL;
}

static size_t count_lines(struct str text, const char *words) {
    size_t n = 0;
    while (text.n)
        n += str_find(next_line(&text), str_of(words)) >= 0;
    return n;
}

static void stopping_and_starting_under_load_loses_no_line_silently(void **state) {
    pthread_t threads[2];
    int fd = catch_begin();
    int64_t dropped = stat_get(STAT_LOG_DROPPED);
    atomic_store(&go_on, true);
    atomic_store(&emitted, 0);
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_until_told, NULL), 0);
    for (uint64_t round = 1; round <= 20; round++) {
        while (atomic_load(&emitted) < round * 50)
            sched_yield();
        log_stop();
        assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), 0);
    }
    atomic_store(&go_on, false);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    log_stop();
    dropped = stat_get(STAT_LOG_DROPPED) - dropped;
    assert_int_equal(count_lines(catch_end(fd), "INFO  line") + (size_t)dropped,
                     atomic_load(&emitted));
}

/* == Trouble =================================================================================== */

static void *read_all(void *arg) {
    int fd = *(int *)arg;
    buf_clear(&caught);
    for (;;) {
        char *room = buf_room(&caught, 65536);
        ssize_t n = room ? read(fd, room, 65536) : 0;
        if (n <= 0) return NULL;
        caught.n += (size_t)n;
    }
}

static void a_full_ring_drops_lines_and_says_how_many(void **state) {
    enum { LINES = 12000 };
    char filler[200];
    int pipe_fds[2];
    pthread_t reader;
    int64_t before = stat_get(STAT_LOG_DROPPED);
    memset(filler, 'x', sizeof filler);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, pipe_fds[1]), 0);
    for (int i = 0; i < LINES; i++) /* far more than the pipe, a batch and a ring hold */
        log_info("filler", LOGS("v", str_make(filler, sizeof filler)));
    int64_t dropped = stat_get(STAT_LOG_DROPPED) - before;
    assert_true(dropped > 0 && dropped < LINES);
    assert_int_equal(pthread_create(&reader, NULL, read_all, &pipe_fds[0]), 0);
    log_stop();
    close(pipe_fds[1]);
    pthread_join(reader, NULL);
    close(pipe_fds[0]);
    assert_int_equal(count_lines(buf_view(&caught), "filler"), LINES - dropped);
    struct str text = buf_view(&caught);
    uint64_t said = 0;
    while (text.n) {
        struct str line = next_line(&text);
        if (str_find(line, STR("WARN  log lines dropped")) >= 0) said += number(line, "count=");
    }
    assert_int_equal(said, dropped);
}

static void a_reader_that_stopped_reading_does_not_stop_the_end(void **state) {
    enum { LINES = 3000 };
    char filler[200];
    int pipe_fds[2];
    int64_t before = stat_get(STAT_LOG_DROPPED);
    memset(filler, 'x', sizeof filler);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, pipe_fds[1]), 0);
    for (int i = 0; i < LINES; i++)
        log_info("filler", LOGS("v", str_make(filler, sizeof filler)));
    log_stop();
    assert_true(stat_get(STAT_LOG_DROPPED) > before);
    assert_true(stat_get(STAT_LOG_DROPPED) <= before + LINES);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    struct str text = LOG_AND_CATCH(LOG_TEXT, log_info("usable again"));
    assert_str_is(untimed(next_line(&text)), "INFO  usable again");
    assert_int_equal(text.n, 0);
}

static void a_closed_pipe_costs_lines_and_not_the_process(void **state) {
    int pipe_fds[2];
    int64_t before = stat_get(STAT_LOG_DROPPED);
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    close(pipe_fds[0]);
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, pipe_fds[1]), 0);
    for (int i = 0; i < 10; i++)
        log_info("lost");
    log_stop();
    close(pipe_fds[1]);
    assert_int_equal(stat_get(STAT_LOG_DROPPED), before + 10);
}

static void a_non_blocking_descriptor_is_waited_for(void **state) {
    enum { LINES = 2000 };
    int pipe_fds[2];
    pthread_t reader;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, pipe_fds[1]), 0);
    for (int i = 0; i < LINES; i++)
        log_info("a line of some length, so that the pipe is too small for all of them");
    assert_int_equal(pthread_create(&reader, NULL, read_all, &pipe_fds[0]), 0);
    log_stop();
    close(pipe_fds[1]);
    pthread_join(reader, NULL);
    close(pipe_fds[0]);
    assert_int_equal(count_lines(buf_view(&caught), "a line of some length"), LINES);
}

static void starting_without_memory_leaves_the_straight_way(void **state) {
    int fd = catch_begin();
    int rc = -ENOMEM;
    for (long n = 1; rc; n++) {
        mem_fail_at(n, true);
        rc = log_start(LOG_INFO, LOG_TEXT, fd);
        mem_fail_at(0, false);
        assert_true(rc == 0 || rc == -ENOMEM);
        log_info("still here", LOGI("n", n));
        log_stop();
    }
    struct str text = catch_end(fd);
    uint64_t n = 0;
    while (text.n)
        assert_int_equal(number(next_line(&text), "n="), ++n);
    assert_true(n >= 2);
}

static void *log_one(void *arg) {
    log_info("one", LOGZ("v", "some text that does not fit into the very first room of a buffer"));
    return NULL;
}

static void a_line_without_memory_is_dropped_and_counted(void **state) {
    int fd = catch_begin();
    int64_t before = stat_get(STAT_LOG_DROPPED);
    size_t lines = 0, lost = 0;
    pthread_t thread;
    assert_int_equal(log_start(LOG_INFO, LOG_TEXT, fd), 0);
    SPEC_EACH_FAILURE(n, {
        assert_int_equal(pthread_create(&thread, NULL, log_one, NULL), 0);
        pthread_join(thread, NULL);
        lines++;
    });
    log_stop();
    lost = (size_t)(stat_get(STAT_LOG_DROPPED) - before);
    assert_true(lost >= 1 && lost < lines);
    SPEC_EACH_FAILURE(n, {
        log_one(NULL);
        lines++;
    });
    lost = (size_t)(stat_get(STAT_LOG_DROPPED) - before);
    assert_int_equal(count_lines(catch_end(fd), "INFO  one") + lost, lines);
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
        cmocka_unit_test_teardown(each_thread_finds_its_lines_complete_and_in_order, stop),
        cmocka_unit_test_teardown(a_line_never_comes_before_one_that_happened_earlier, stop),
        cmocka_unit_test_teardown(rings_of_ended_threads_are_given_back, stop),
        cmocka_unit_test_teardown(a_thread_that_outlives_the_writer_takes_its_ring_along, stop),
        cmocka_unit_test_teardown(a_thread_may_log_while_it_ends, stop),
        cmocka_unit_test_teardown(stopping_and_starting_under_load_loses_no_line_silently, stop),
        cmocka_unit_test_teardown(a_full_ring_drops_lines_and_says_how_many, stop),
        cmocka_unit_test_teardown(a_reader_that_stopped_reading_does_not_stop_the_end, stop),
        cmocka_unit_test_teardown(a_closed_pipe_costs_lines_and_not_the_process, stop),
        cmocka_unit_test_teardown(a_non_blocking_descriptor_is_waited_for, stop),
        cmocka_unit_test_teardown(starting_without_memory_leaves_the_straight_way, stop),
        cmocka_unit_test_teardown(a_line_without_memory_is_dropped_and_counted, stop),
        cmocka_unit_test_teardown(recent_lines_are_numbered, stop),
        cmocka_unit_test_teardown(recent_lines_are_picked_by_level_and_time, stop),
        cmocka_unit_test_teardown(old_lines_are_forgotten_and_memory_stays_bounded, stop),
        cmocka_unit_test_teardown(the_memory_has_no_colours, stop),
        cmocka_unit_test_teardown(recent_lines_can_be_read_while_others_are_written, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
