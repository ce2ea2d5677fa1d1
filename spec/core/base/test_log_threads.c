/*
 * What log.h promises when threads log at once, and readers are slow, gone or out of memory.
 */
#include "spec/core/base/caught.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "core/base/stat.h"

#define THREADS 4

static size_t count_lines(struct str text, const char *words) {
    size_t n = 0;
    while (text.n)
        n += str_find(next_line(&text), str_of(words)) >= 0;
    return n;
}

/* == Threads =================================================================================== */

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

int main(void) {
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
