/* topics: messages between threads, while subscriptions come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "core/base/err.h"
#include "core/loop/worker.h"
#include "core/script/topics.h"

#define TOPIC STR("news")

static struct worker receiver;

static void count(void *arg) {
    (*(int *)arg)++;
}

/* Delivers what was posted. */
static void turn(void) {
    uv_run(&receiver.loop, UV_RUN_NOWAIT);
}

static int prepare(void **state) {
    struct err e = {0};
    alarm(60);
    return worker_init(&receiver, 0, &e);
}

static int finish(void **state) {
    worker_free(&receiver);
    return 0;
}

static void a_message_says_what_and_from_whom(void **state) {
    struct topic_sub *sub;
    int woken = 0;
    assert_int_equal(topic_subscribe(&receiver, TOPIC, 2, count, &woken, &sub), 0);
    assert_int_equal(topic_publish(TOPIC, STR("me"), STR("hello")), 1);
    assert_int_equal(topic_publish(STR("new"), STR("me"), STR("hello")), 0);
    assert_true(topic_waits(sub));
    turn();
    assert_int_equal(woken, 1);
    struct topic_message *m = topic_take(sub);
    assert_true(str_eq(topic_from(m), STR("me")) && str_eq(topic_bytes(m), STR("hello")));
    topic_drop(m);
    assert_null(topic_take(sub));
    topic_leave(sub);
}

static void a_full_queue_loses_its_oldest(void **state) {
    struct topic_sub *sub;
    int woken = 0;
    assert_int_equal(topic_subscribe(&receiver, TOPIC, 2, count, &woken, &sub), 0);
    for (char c = 'a'; c <= 'e'; c++)
        assert_int_equal(topic_publish(TOPIC, STR(""), str_make(&c, 1)), 1);
    assert_int_equal(topic_lost(sub), 3);
    struct topic_message *m = topic_take(sub);
    assert_true(str_eq(topic_bytes(m), STR("d")));
    topic_drop(m);
    topic_leave(sub); /* with a message in it, and its mail under way */
    turn();
    assert_int_equal(woken, 0);
}

static void what_is_too_large_is_refused(void **state) {
    static char large[TOPIC_MESSAGE_MAX + 1];
    struct str text = str_make(large, sizeof large);
    assert_int_equal(topic_publish(TOPIC, STR(""), text), ERR_LIMIT);
}

/* How many messages like this one wait before there are too many bytes. */
static int fill(struct str from, struct str text) {
    static int woken;
    struct topic_sub *sub;
    int rc, n = 0;
    assert_int_equal(topic_subscribe(&receiver, TOPIC, 1000, count, &woken, &sub), 0);
    while ((rc = topic_publish(TOPIC, from, text)) == 1 && n < 1000)
        n++;
    assert_int_equal(rc, ERR_BUSY);
    topic_leave(sub);
    turn();
    assert_int_equal(topic_publish(TOPIC, STR(""), STR("x")), 0);
    return n;
}

static void bytes_that_wait_have_a_limit(void **state) {
    static char large[TOPIC_MESSAGE_MAX];
    struct str text = str_make(large, sizeof large);
    int most = TOPIC_BYTES_MAX / TOPIC_MESSAGE_MAX - 1; /* each takes some more to keep */
    assert_int_equal(fill(STR(""), text), most);
    assert_int_equal(fill(text, STR("x")), most);
}

static void subscriptions_have_a_limit(void **state) {
    static struct topic_sub *subs[TOPICS_MAX];
    struct topic_sub *more;
    for (int i = 0; i < TOPICS_MAX; i++)
        assert_int_equal(topic_subscribe(&receiver, TOPIC, 1, count, NULL, &subs[i]), 0);
    assert_int_equal(topic_subscribe(&receiver, TOPIC, 1, count, NULL, &more), ERR_LIMIT);
    for (int i = 0; i < TOPICS_MAX; i++)
        topic_leave(subs[i]);
}

enum { MESSAGES = 2000 };

static void *publish(void *arg) {
    for (int i = 0; i < MESSAGES; i++)
        if (topic_publish(TOPIC, STR("thread"), STR("x")) < 0) return arg;
    return NULL;
}

/* Two threads publish; one subscription stays, others come and go with mail under way. */
static void threads_publish_while_subscriptions_come_and_go(void **state) {
    struct topic_sub *stays, *goes;
    struct topic_message *m;
    pthread_t threads[2];
    int woken = 0, ignored = 0, got = 0;
    assert_int_equal(topic_subscribe(&receiver, TOPIC, TOPIC_QUEUE_MAX, count, &woken, &stays), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, publish, NULL), 0);
    while (got < 2 * MESSAGES) {
        assert_int_equal(topic_subscribe(&receiver, TOPIC, 3, count, &ignored, &goes), 0);
        turn();
        while ((m = topic_take(stays))) {
            topic_drop(m);
            got++;
        }
        topic_leave(goes);
    }
    for (int i = 0; i < 2; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(topic_lost(stays), 0);
    topic_leave(stays);
    turn();
}

#define T(f) cmocka_unit_test_setup_teardown(f, prepare, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_message_says_what_and_from_whom), T(a_full_queue_loses_its_oldest),
        T(what_is_too_large_is_refused),      T(bytes_that_wait_have_a_limit),
        T(subscriptions_have_a_limit),        T(threads_publish_while_subscriptions_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
