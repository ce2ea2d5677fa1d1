/* What stat.h promises. */
#include "spec.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "core/base/stat.h"

#define THREADS 4
#define ROUNDS  5000

static void a_counter_is_the_sum_of_what_was_added(void **state) {
    int64_t before = stat_get(STAT_REQUESTS);
    stat_add(STAT_REQUESTS, 1);
    stat_add(STAT_REQUESTS, 41);
    assert_int_equal(stat_get(STAT_REQUESTS), before + 42);
    assert_ptr_equal(stat_thread(), stat_mine);
}

static void *count(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        stat_add(STAT_MESSAGES, 1);
        stat_add(STAT_TASKS_OPEN, i % 2 ? -1 : 1);
    }
    return NULL;
}

static void threads_lose_no_count_alive_or_dead(void **state) {
    pthread_t threads[THREADS];
    int64_t before = stat_get(STAT_MESSAGES), open = stat_get(STAT_TASKS_OPEN), last = before;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < 200; i++) {
        int64_t now = stat_get(STAT_MESSAGES);
        assert_true(now >= last);
        last = now;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(stat_get(STAT_MESSAGES), before + THREADS * ROUNDS);
    assert_int_equal(stat_get(STAT_TASKS_OPEN), open);
}

static void *one_less(void *arg) {
    stat_add(STAT_CONNECTIONS_OPEN, -3);
    return NULL;
}

static void a_gauge_goes_down_on_another_thread_than_it_went_up(void **state) {
    pthread_t thread;
    int64_t before = stat_get(STAT_CONNECTIONS_OPEN);
    stat_add(STAT_CONNECTIONS_OPEN, 3);
    assert_int_equal(pthread_create(&thread, NULL, one_less, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(stat_get(STAT_CONNECTIONS_OPEN), before);
}

static pthread_key_t late_key;

static void count_late(void *arg) {
    stat_add(STAT_RELOADS, 1);
}

static void *end_late(void *arg) {
    stat_add(STAT_RELOADS, 1);
    pthread_setspecific(late_key, arg);
    return NULL;
}

static void what_other_destructors_count_is_kept(void **state) {
    pthread_t thread;
    int64_t before = stat_get(STAT_RELOADS);
    assert_int_equal(pthread_key_create(&late_key, count_late), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pthread_create(&thread, NULL, end_late, &late_key), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(stat_get(STAT_RELOADS), before + 20);
    pthread_key_delete(late_key);
}

/* The value of a metric in the rendered text. */
static double value(struct str text, const char *name) {
    struct str line;
    size_t n = strlen(name);
    while (text.n) {
        str_cut(text, '\n', &line, &text);
        if (!str_starts(line, str_of(name)) || line.n <= n || line.p[n] != ' ') continue;
        char number[64];
        struct str s = str_from(line, n + 1);
        assert_true(s.n < sizeof number);
        memcpy(number, s.p, s.n);
        number[s.n] = 0;
        char *end;
        double v = strtod(number, &end);
        assert_int_equal(*end, 0);
        return v;
    }
    fail_msg("no %s", name);
    return 0;
}

static double rendered(const char *name) {
    struct buf b;
    buf_init(&b);
    stat_render(&b);
    assert_true(buf_ok(&b));
    double v = value(buf_view(&b), name);
    buf_free(&b);
    return v;
}

static void every_metric_has_help_type_and_one_sample(void **state) {
    struct buf b;
    size_t metrics = 0;
    buf_init(&b);
    stat_render(&b);
    struct str text = buf_view(&b), line, name, kind;
    assert_true(str_ends(text, STR("\n")));
    while (text.n) {
        str_cut(text, '\n', &line, &text);
        assert_true(str_starts(line, STR("# HELP ")));
        assert_true(str_cut(str_from(line, 7), ' ', &name, &kind));
        assert_true(kind.n > 0);
        assert_true(str_starts(name, STR("moonbus_")) || str_starts(name, STR("process_")));
        str_cut(text, '\n', &line, &text);
        assert_true(str_starts(line, STR("# TYPE ")));
        assert_true(str_starts(str_from(line, 7), name));
        kind = str_from(line, 8 + name.n);
        assert_true(str_eq(kind, STR("counter")) || str_eq(kind, STR("gauge")));
        assert_int_equal(str_eq(kind, STR("counter")), str_ends(name, STR("_total")));
        str_cut(text, '\n', &line, &text);
        assert_true(str_starts(line, name) && line.p[name.n] == ' ');
        struct str again = text;
        while (again.n) {
            str_cut(again, '\n', &line, &again);
            assert_false(str_starts(line, name) && line.p[name.n] == ' ');
        }
        metrics++;
    }
    assert_int_equal(metrics, STAT_COUNT + 5);
    buf_free(&b);
}

static void rendered_counters_are_the_counters(void **state) {
    stat_add(STAT_BYTES_OUT, 5000000000);
    assert_true(rendered("moonbus_bytes_sent_total") == (double)stat_get(STAT_BYTES_OUT));
    stat_add(STAT_OPS_OPEN, -2);
    assert_true(rendered("moonbus_ops_open") == (double)stat_get(STAT_OPS_OPEN));
    stat_add(STAT_OPS_OPEN, 2);
}

static pthread_barrier_t park;

static void *wait_there(void *arg) {
    pthread_barrier_wait(&park);
    pthread_barrier_wait(&park);
    return NULL;
}

static void process_figures_follow_the_process(void **state) {
    pthread_t thread;
    double threads = rendered("process_threads"), fds = rendered("process_open_fds");
    pthread_barrier_init(&park, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, wait_there, NULL), 0);
    pthread_barrier_wait(&park);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(rendered("process_threads") == threads + 1);
    assert_true(rendered("process_open_fds") == fds + 1);
    close(fd);
    pthread_barrier_wait(&park);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&park);
    assert_true(rendered("process_resident_memory_bytes") >= 65536);
    assert_true(rendered("process_cpu_seconds_total") > 0);
    double started = rendered("process_start_time_seconds");
    assert_true(started > 1e9 && started <= (double)time(NULL) + 2);
}

static void a_strange_program_name_confuses_nothing(void **state) {
    char name[16];
    double started = rendered("process_start_time_seconds");
    assert_int_equal(prctl(PR_GET_NAME, name), 0);
    assert_int_equal(prctl(PR_SET_NAME, "a) b 9 ("), 0);
    assert_true(rendered("process_start_time_seconds") == started);
    assert_int_equal(prctl(PR_SET_NAME, name), 0);
}

static void rendering_without_memory_is_noticed(void **state) {
    SPEC_EACH_FAILURE(n, {
        struct buf b;
        buf_init(&b);
        stat_render(&b);
        assert_int_equal(buf_ok(&b), !mem_fail_fired());
        buf_free(&b);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_is_the_sum_of_what_was_added),
        cmocka_unit_test(threads_lose_no_count_alive_or_dead),
        cmocka_unit_test(a_gauge_goes_down_on_another_thread_than_it_went_up),
        cmocka_unit_test(what_other_destructors_count_is_kept),
        cmocka_unit_test(every_metric_has_help_type_and_one_sample),
        cmocka_unit_test(rendered_counters_are_the_counters),
        cmocka_unit_test(process_figures_follow_the_process),
        cmocka_unit_test(a_strange_program_name_confuses_nothing),
        cmocka_unit_test(rendering_without_memory_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
