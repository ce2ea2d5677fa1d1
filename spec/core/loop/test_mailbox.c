/* mailbox: order, and the promise to say when the receiver must be woken. */
#include <pthread.h>
#include <sched.h>

#include "core/loop/mailbox.h"
#include "here.h"

#define SENDERS 4
#define EACH    100000

struct note {
    struct message msg;
    int sender, number;
};

static void messages_come_out_in_the_order_they_went_in(void **state) {
    (void)state;
    struct mailbox box;
    struct note notes[5] = {0};
    mailbox_init(&box);
    for (int i = 0; i < 3; i++)
        mailbox_push(&box, &notes[i].msg);
    assert_ptr_equal(mailbox_pop(&box), &notes[0].msg);
    mailbox_push(&box, &notes[3].msg);
    mailbox_push(&box, &notes[4].msg);
    for (int i = 1; i < 5; i++)
        assert_ptr_equal(mailbox_pop(&box), &notes[i].msg);
    assert_null(mailbox_pop(&box));
}

static void only_the_first_message_asks_to_wake_the_receiver(void **state) {
    (void)state;
    struct mailbox box;
    struct note notes[4] = {0};
    mailbox_init(&box);
    assert_true(mailbox_push(&box, &notes[0].msg));
    assert_false(mailbox_push(&box, &notes[1].msg));
    while (mailbox_pop(&box)) {
    }
    assert_true(mailbox_push(&box, &notes[2].msg));
    assert_false(mailbox_push(&box, &notes[3].msg));
}

/* A receiver sleeps when pop said NULL. From then on the next push must ask for a wake. */
static void a_push_after_the_receiver_saw_nothing_asks_for_a_wake(void **state) {
    (void)state;
    struct mailbox box;
    struct note a = {0}, b = {0};
    mailbox_init(&box);
    assert_null(mailbox_pop(&box));
    assert_true(mailbox_push(&box, &a.msg));
    assert_non_null(mailbox_pop(&box));
    assert_null(mailbox_pop(&box));
    assert_true(mailbox_push(&box, &b.msg));
}

struct sender {
    pthread_t thread;
    struct mailbox *box;
    struct note *notes;
};

static void *send_all(void *arg) {
    struct sender *s = arg;
    for (int i = 0; i < EACH; i++)
        mailbox_push(s->box, &s->notes[i].msg);
    return NULL;
}

static void every_message_of_four_threads_arrives_once_and_in_order_per_sender(void **state) {
    (void)state;
    struct mailbox box;
    struct sender senders[SENDERS];
    int next[SENDERS] = {0};
    mailbox_init(&box);
    for (int s = 0; s < SENDERS; s++) {
        senders[s].box = &box;
        senders[s].notes = calloc(EACH, sizeof(struct note));
        for (int i = 0; i < EACH; i++)
            senders[s].notes[i] = (struct note){.sender = s, .number = i};
        assert_int_equal(pthread_create(&senders[s].thread, NULL, send_all, &senders[s]), 0);
    }
    for (int got = 0; got < SENDERS * EACH;) {
        struct note *n = (struct note *)(void *)mailbox_pop(&box);
        if (!n) {
            sched_yield();
            continue;
        }
        assert_int_equal(n->number, next[n->sender]);
        next[n->sender]++;
        got++;
    }
    assert_null(mailbox_pop(&box));
    for (int s = 0; s < SENDERS; s++) {
        pthread_join(senders[s].thread, NULL);
        free(senders[s].notes);
    }
}

int main(void) {
    alarm(PATIENCE_S);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_the_order_they_went_in),
        cmocka_unit_test(only_the_first_message_asks_to_wake_the_receiver),
        cmocka_unit_test(a_push_after_the_receiver_saw_nothing_asks_for_a_wake),
        cmocka_unit_test(every_message_of_four_threads_arrives_once_and_in_order_per_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
