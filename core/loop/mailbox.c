/*
 * mailbox: a stack that senders push onto and the receiver takes as a whole.
 *
 * The receiver exchanges the whole stack for an empty one and turns it round, which restores the
 * order of pushing. Because nobody ever pops a single node from the shared side there is no ABA
 * problem, and because a node becomes visible by one compare-and-swap there is no moment at which
 * the receiver sees a half-linked queue. Whoever pushes onto the empty stack wakes the receiver.
 */
#include "core/loop/mailbox.h"

#include <stddef.h>

void mailbox_init(struct mailbox *m) {
    atomic_init(&m->head, NULL);
    m->ready = NULL;
}

bool mailbox_push(struct mailbox *m, struct message *msg) {
    struct message *head = atomic_load_explicit(&m->head, memory_order_relaxed);
    do
        msg->next = head;
    while (!atomic_compare_exchange_weak_explicit(&m->head, &head, msg, memory_order_release,
                                                  memory_order_relaxed));
    return head == NULL;
}

/* Everything that was pushed so far, oldest first. */
static struct message *take_all(struct mailbox *m) {
    struct message *newest = atomic_exchange_explicit(&m->head, NULL, memory_order_acquire);
    struct message *oldest = NULL;
    while (newest) {
        struct message *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

struct message *mailbox_pop(struct mailbox *m) {
    if (!m->ready) m->ready = take_all(m);
    struct message *msg = m->ready;
    if (msg) m->ready = msg->next;
    return msg;
}
