/*
 * Surveys: the workers are asked what lives on them, from another thread, while they serve.
 */
#include "spec/core/script/lua_host.h"

#include "core/script/figures.h"
#include "core/script/service_list.h"
#include "core/script/survey.h"
#include "core/script/tasks.h"

static const char LAB[] = "webs:\n"
                          "  - signature: Slow()\n"
                          "  - signature: Quick()\n";
static const char LAB_LUA[] = "local shared = require 'shared'\n"
                              "local time = require 'time'\n"
                              "local svc = require 'service' (...)\n"
                              "function svc.Slow() shared.incr 'slow' time.sleep(3600) end\n"
                              "function svc.Quick() return 'q' end\n"
                              "return svc\n";

static int with_lab(void **state) {
    lua_host_prepare();
    write_service("lab", LAB, LAB_LUA);
    lua_host_serve();
    return 0;
}

/* What a survey brought. */
static struct {
    struct tasks_list list; /* first: the argument of tasks_look */
    struct buf text;
    uint64_t total;
    int answered;
    bool done, dropped;
} seen;

static void keep(struct survey *s) {
    for (int i = 0; i < s->n; i++) {
        if (!s->parts[i].answered) continue;
        seen.answered++;
        seen.total += s->parts[i].total;
        buf_str(&seen.text, buf_view(&s->parts[i].out));
    }
    buf_char(&seen.text, 0);
    seen.done = true;
}

static void dropped(void *arg) {
    assert_ptr_equal(arg, &seen);
    seen.dropped = true;
}

static const struct survey_question tasks_question = {tasks_look, keep, dropped};

static struct survey *begin_survey(const struct survey_question *q, size_t limit) {
    memset(&seen, 0, sizeof seen);
    buf_init(&seen.text);
    seen.list.limit = limit;
    struct survey *s = survey_begin(q, -1, service_named(STR("lab")), &seen);
    assert_non_null(s);
    return s;
}

static void look(const struct survey_question *q, size_t limit) {
    begin_survey(q, limit);
    control_until(&seen.dropped);
    assert_true(seen.done);
}

/* Requests that wait, on both workers. */
static void hold(int fds[], int n) {
    struct buf b;
    buf_init(&b);
    uint64_t there = 0;
    for (int i = 0; i < n; i++)
        fds[i] = begin(i % WORKERS, "GET", "/lab.example/slow", "", NULL);
    while (there < (uint64_t)n) {
        look(&tasks_question, 1);
        there = seen.total;
        buf_free(&seen.text);
    }
}

static void give_up(const int fds[], int n) {
    for (int i = 0; i < n; i++)
        leave(fds[i]);
    while (stat_get(STAT_TASKS_OPEN) > 0)
        usleep(1000);
}

static void the_oldest_tasks_of_all_workers_are_listed(void **state) {
    int fds[6];
    hold(fds, 6);
    look(&tasks_question, 100);
    assert_int_equal(seen.answered, WORKERS);
    assert_int_equal(seen.total, 6);
    int n = 0;
    for (const char *p = seen.text.p; (p = strstr(p, "\"wait\":\"sleep 3600 s\"")); p++)
        n++;
    assert_int_equal(n, 6);
    assert_non_null(strstr(seen.text.p, "\"what\":\"GET /lab.example/slow\""));
    buf_free(&seen.text);
    look(&tasks_question, 2);
    assert_int_equal(seen.total, 6);
    n = 0;
    for (const char *p = seen.text.p; (p = strstr(p, "\"kind\":")); p++)
        n++;
    assert_int_equal(n, 2 * WORKERS);
    buf_free(&seen.text);
    give_up(fds, 6);
}

static void take(struct survey *s) {
    figures_take(s);
    keep(s);
}

static void figures_are_those_of_all_workers(void **state) {
    static const struct survey_question question = {figures_look, take, dropped};
    int fds[4];
    struct buf b;
    hold(fds, 4);
    look(&question, 0);
    buf_free(&seen.text);
    buf_init(&b);
    figures_metrics(&b);
    buf_char(&b, 0);
#define LINE(name, value) "moonbus_service_" name "{service=\"lab.example\"} " value "\n"
    assert_non_null(strstr(b.p, LINE("tasks", "4")));
    assert_non_null(strstr(b.p, LINE("ops", "4")));
    assert_non_null(strstr(b.p, LINE("states", "2")));
    assert_non_null(strstr(b.p, LINE("generations", "1")));
    assert_null(strstr(b.p, LINE("memory_bytes", "0")));
    buf_free(&b);
    give_up(fds, 4);
}

static void block(struct worker *w, void *arg) {
    (void)w;
    while (sem_wait(arg) < 0)
        assert_int_equal(errno, EINTR);
}

struct blocker {
    struct message msg;
    sem_t *until;
};

static void deliver_block(struct message *m) {
    block(NULL, LIST_ENTRY(m, struct blocker, msg)->until);
}

/* The others' answers come all the same; those of the stuck one are awaited before it is over. */
static void a_stuck_worker_holds_nobody_up(void **state) {
    static sem_t until; /* these two are the worker's, too */
    static struct blocker b = {.msg.deliver = deliver_block, .until = &until};
    sem_init(&until, 0, 0);
    worker_post(workers[1], &b.msg);
    begin_survey(&tasks_question, 10);
    control_until(&seen.done);
    assert_int_equal(seen.answered, 1);
    assert_false(seen.dropped);
    buf_free(&seen.text);
    sem_post(&until);
    control_until(&seen.dropped);
    sem_destroy(&until);
}

static void one_that_nobody_waits_for_is_dropped(void **state) {
    struct survey *s = begin_survey(&tasks_question, 10);
    survey_drop(s);
    control_until(&seen.dropped);
    assert_false(seen.done);
}

static int n_ignored;

static void ignored(void *arg) {
    (void)arg;
    n_ignored++;
}

/* More questions than a stuck worker may owe answers to: it is left out, and nothing piles up. */
static void questions_to_a_stuck_worker_are_bounded(void **state) {
    static sem_t until; /* these two are the worker's, too */
    static struct blocker b = {.msg.deliver = deliver_block, .until = &until};
    static const struct survey_question question = {tasks_look, keep, ignored};
    static struct tasks_list few = {10};
    n_ignored = 0;
    sem_init(&until, 0, 0);
    worker_post(workers[1], &b.msg);
    for (int i = 0; i < 40; i++)
        survey_drop(survey_begin(&question, 1, NULL, &few));
    assert_int_equal(n_ignored, 40 - 16);
    look(&tasks_question, 10); /* it does not wait for the stuck one: that was not asked */
    assert_int_equal(seen.answered, 1);
    buf_free(&seen.text);
    sem_post(&until);
    look(&tasks_question, 10);
    while (seen.answered < WORKERS) {
        buf_free(&seen.text);
        look(&tasks_question, 10);
    }
    buf_free(&seen.text);
    assert_int_equal(n_ignored, 40);
    sem_destroy(&until);
}

static void ids_of_tasks_are_read_back(void **state) {
    struct task_id id;
    int worker;
    assert_true(tasks_parse(STR("1-42-7"), &worker, &id));
    assert_int_equal(worker, 1);
    assert_int_equal(id.index, 42);
    assert_int_equal(id.generation, 7);
    static const char *const bad[] = {"",      "1",      "1-2",   "1-2-3-4",        "x-2-3",
                                      "1--2",  "-1-2-3", "9-1-1", "1-4294967296-1", "1-2-3 ",
                                      "1 -2-3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (tasks_parse(str_of(bad[i]), &worker, &id)) fail_msg("%s is no id", bad[i]);
}

#define L(name) cmocka_unit_test_setup_teardown(name, with_lab, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        L(the_oldest_tasks_of_all_workers_are_listed),
        L(figures_are_those_of_all_workers),
        L(a_stuck_worker_holds_nobody_up),
        L(one_that_nobody_waits_for_is_dropped),
        L(questions_to_a_stuck_worker_are_bounded),
        L(ids_of_tasks_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
